// Package ortrun runs a network once with ONNX Runtime. The converter's tests
// use it to look at what a converted network computes; the edge agent has its
// own, shared sessions.
package ortrun

import (
	"fmt"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// lock guards the start of the runtime, which the library keeps per process.
var lock sync.Mutex

// Run loads the network in onnx with the runtime library at lib, gives it one
// input and returns each output's values in the order of the network's
// outputs.
func Run(lib string, onnx []byte, shape []int64, input []float32) (map[string][]float32, error) {
	lock.Lock()
	defer lock.Unlock()
	if !ort.IsInitialized() {
		ort.SetSharedLibraryPath(lib)
		if err := ort.InitializeEnvironment(); err != nil {
			return nil, fmt.Errorf("start the runtime %s (run make setup): %w", lib, err)
		}
	}
	ins, outs, err := ort.GetInputOutputInfoWithONNXData(onnx)
	if err != nil {
		return nil, fmt.Errorf("read the network: %w", err)
	}
	if len(ins) != 1 {
		return nil, fmt.Errorf("the network has %d inputs, 1 is supported", len(ins))
	}
	names := make([]string, len(outs))
	for i, o := range outs {
		names[i] = o.Name
	}
	s, err := ort.NewDynamicAdvancedSessionWithONNXData(onnx, []string{ins[0].Name}, names, nil)
	if err != nil {
		return nil, fmt.Errorf("load the network: %w", err)
	}
	defer s.Destroy()
	x, err := ort.NewTensor(ort.NewShape(shape...), input)
	if err != nil {
		return nil, fmt.Errorf("make the input: %w", err)
	}
	defer x.Destroy()
	ys := make([]ort.Value, len(names))
	if err := s.Run([]ort.Value{x}, ys); err != nil {
		return nil, fmt.Errorf("run the network: %w", err)
	}
	result := make(map[string][]float32, len(ys))
	for i, y := range ys {
		t, ok := y.(*ort.Tensor[float32])
		if !ok {
			return nil, fmt.Errorf("output %s does not hold float numbers", names[i])
		}
		result[names[i]] = append([]float32(nil), t.GetData()...)
		if err := t.Destroy(); err != nil {
			return nil, fmt.Errorf("free output %s: %w", names[i], err)
		}
	}
	return result, nil
}
