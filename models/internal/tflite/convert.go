package tflite

import (
	"fmt"

	"jiexun/models/internal/lower"
)

// Operation numbers of the format.
const (
	opAdd         = 0
	opConcat      = 2
	opConv        = 3
	opDepthwise   = 4
	opDequantize  = 6
	opLogistic    = 14
	opMaxPool     = 17
	opRelu        = 19
	opRelu6       = 21
	opReshape     = 22
	actRelu       = 1
	actRelu6      = 3
	paddingSame   = 0
	maxOperations = 1 << 16
)

// Convert turns a TensorFlow Lite file into an ONNX file with the same input
// and output names and a free batch.
func Convert(name string, data []byte) ([]byte, error) {
	g, err := parse(data)
	if err != nil {
		return nil, err
	}
	if len(g.operators) > maxOperations {
		return nil, fmt.Errorf("tflite: %d operations, at most %d are supported", len(g.operators), maxOperations)
	}
	c := &converter{g: g, b: lower.New(name, true), values: map[int]lower.Value{}, consts: map[int][]float32{}}
	for _, i := range g.inputs {
		if g.tensors[i].kind != typeFloat32 {
			return nil, fmt.Errorf("tflite: input %s is not of float numbers", g.tensors[i].name)
		}
		if c.values[i], err = c.b.Input(g.tensors[i].name, g.tensors[i].shape); err != nil {
			return nil, fmt.Errorf("tflite: %w", err)
		}
	}
	for i := range g.operators {
		if err := c.operator(&g.operators[i]); err != nil {
			return nil, fmt.Errorf("tflite: operation %d: %w", i, err)
		}
	}
	for _, i := range g.outputs {
		v, ok := c.values[i]
		if !ok {
			return nil, fmt.Errorf("tflite: output %s is never computed", g.tensors[i].name)
		}
		if err := c.b.Output(g.tensors[i].name, v); err != nil {
			return nil, fmt.Errorf("tflite: %w", err)
		}
	}
	return c.b.Marshal(), nil
}

type converter struct {
	g      *graph
	b      *lower.Builder
	values map[int]lower.Value
	// consts are weights that an operation made out of other weights.
	consts map[int][]float32
}

func (c *converter) value(o *operator, i int) (lower.Value, error) {
	if i < len(o.inputs) {
		if v, ok := c.values[o.inputs[i]]; ok {
			return v, nil
		}
	}
	return lower.Value{}, fmt.Errorf("input %d is not computed before", i)
}

// constant gives input i as weights; ok is false when it is none.
func (c *converter) constant(o *operator, i int) (v []float32, shape []int, err error) {
	if i >= len(o.inputs) || o.inputs[i] < 0 {
		return nil, nil, nil
	}
	t := &c.g.tensors[o.inputs[i]]
	if v, ok := c.consts[o.inputs[i]]; ok {
		return v, t.shape, nil
	}
	v, err = t.floats()
	return v, t.shape, err
}

func (c *converter) operator(o *operator) error {
	if len(o.outputs) != 1 {
		return fmt.Errorf("code %d has %d outputs, 1 is supported", o.code, len(o.outputs))
	}
	if o.code == opDequantize {
		v, _, err := c.constant(o, 0)
		if err == nil && v == nil {
			err = fmt.Errorf("dequantize without input")
		}
		c.consts[o.outputs[0]] = v
		return err
	}
	v, err := c.compute(o)
	if err == nil {
		err = o.options.errOrNil()
	}
	c.values[o.outputs[0]] = v
	return err
}

func (t table) errOrNil() error {
	if t.r == nil {
		return nil
	}
	return t.r.err
}

func (c *converter) compute(o *operator) (lower.Value, error) {
	switch o.code {
	case opConv, opDepthwise:
		return c.conv(o)
	case opAdd:
		return c.add(o)
	case opConcat:
		return c.concat(o)
	case opReshape:
		return c.reshape(o)
	}
	x, err := c.value(o, 0)
	if err != nil {
		return x, err
	}
	switch o.code {
	case opLogistic:
		return c.b.Sigmoid(x), nil
	case opRelu:
		return c.b.Activate(x, lower.Relu)
	case opRelu6:
		return c.b.Activate(x, lower.Relu6)
	case opMaxPool:
		p := o.options
		y, err := c.b.MaxPool(x, lower.Window{
			Kernel: [2]int{p.int(4, 0), p.int(3, 0)}, Stride: [2]int{p.int(2, 0), p.int(1, 0)},
			Dilation: [2]int{1, 1}, Same: p.byte(0) == paddingSame,
		})
		if err != nil {
			return y, err
		}
		return c.activate(y, p.byte(5))
	}
	return x, fmt.Errorf("code %d is not supported by this converter", o.code)
}

func activation(code int) (lower.Activation, error) {
	switch code {
	case 0:
		return lower.NoActivation, nil
	case actRelu:
		return lower.Relu, nil
	case actRelu6:
		return lower.Relu6, nil
	}
	return 0, fmt.Errorf("activation %d is not supported by this converter", code)
}

func (c *converter) activate(x lower.Value, code int) (lower.Value, error) {
	act, err := activation(code)
	if err != nil {
		return x, err
	}
	return c.b.Activate(x, act)
}

func (c *converter) conv(o *operator) (lower.Value, error) {
	x, err := c.value(o, 0)
	if err != nil {
		return x, err
	}
	w, ws, err := c.constant(o, 1)
	if err != nil {
		return x, err
	}
	bias, _, err := c.constant(o, 2)
	if err != nil {
		return x, err
	}
	if len(ws) != 4 || len(x.Shape) != 4 {
		return x, fmt.Errorf("convolution of %v with filters %v", x.Shape, ws)
	}
	p := o.options
	win := lower.Window{
		Kernel: [2]int{ws[1], ws[2]}, Stride: [2]int{p.int(2, 0), p.int(1, 0)},
		Dilation: [2]int{1, 1}, Same: p.byte(0) == paddingSame,
	}
	actField, out, groups := 3, ws[0], 1
	if o.code == opDepthwise {
		actField, out, groups = 4, ws[3], x.Shape[3]
		win.Dilation = [2]int{p.int(6, 1), p.int(5, 1)}
		w = transpose(w, [4]int{1, ws[1], ws[2], ws[3]}, [4]int{3, 0, 1, 2})
		if ws[0] != 1 {
			return x, fmt.Errorf("depthwise convolution with filters %v", ws)
		}
	} else {
		win.Dilation = [2]int{p.int(5, 1), p.int(4, 1)}
		w = transpose(w, [4]int(ws), [4]int{0, 3, 1, 2})
	}
	act, err := activation(p.byte(actField))
	if err != nil {
		return x, err
	}
	return c.b.Conv(x, out, groups, w, bias, win, act)
}

// transpose copies weights into another order of dimensions: dimension i of
// the result is dimension perm[i] of v.
func transpose(v []float32, shape, perm [4]int) []float32 {
	if len(v) != shape[0]*shape[1]*shape[2]*shape[3] {
		return nil
	}
	var step [4]int
	s := 1
	for i := 3; i >= 0; i-- {
		step[i] = s
		s *= shape[i]
	}
	out := make([]float32, 0, len(v))
	for a := range shape[perm[0]] {
		for b := range shape[perm[1]] {
			for c := range shape[perm[2]] {
				for d := range shape[perm[3]] {
					out = append(out, v[a*step[perm[0]]+b*step[perm[1]]+c*step[perm[2]]+d*step[perm[3]]])
				}
			}
		}
	}
	return out
}

func (c *converter) add(o *operator) (lower.Value, error) {
	x, err := c.value(o, 0)
	if err != nil {
		return x, err
	}
	y, err := c.value(o, 1)
	if err != nil {
		return x, err
	}
	act, err := activation(o.options.byte(0))
	if err != nil {
		return x, err
	}
	return c.b.Add(x, y, act)
}

func (c *converter) concat(o *operator) (lower.Value, error) {
	xs := make([]lower.Value, len(o.inputs))
	for i := range xs {
		var err error
		if xs[i], err = c.value(o, i); err != nil {
			return xs[i], err
		}
	}
	y, err := c.b.Concat(xs, o.options.int(0, 0))
	if err != nil {
		return y, err
	}
	return c.activate(y, o.options.byte(1))
}

func (c *converter) reshape(o *operator) (lower.Value, error) {
	x, err := c.value(o, 0)
	if err != nil {
		return x, err
	}
	shape := o.options.ints(0)
	if len(shape) == 0 && len(o.inputs) > 1 && o.inputs[1] >= 0 {
		if shape, err = c.g.tensors[o.inputs[1]].ints(); err != nil {
			return x, err
		}
	}
	return c.b.Reshape(x, shape)
}
