package tfjs_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jiexun/models"
	"jiexun/models/internal/ortrun"
	"jiexun/models/internal/tfjs"
)

// small is a graph with the operations of the detector, its nodes out of
// order: channels-first input, padding, a convolution that takes the upper
// left neighbour of channel 0 and, doubled, channel 1 in place, a bias, a
// leaky unit, a join with itself, a split, a reshape whose target is computed
// from constants.
const small = `{
 "format": "graph-model",
 "signature": {"outputs": {"out:0": {}, "rest:0": {}}},
 "modelTopology": {"node": [
  {"op": "Identity", "name": "out", "input": ["shaped"]},
  {"op": "Reshape", "name": "shaped", "input": ["cut", "target"]},
  {"op": "AddV2", "name": "target", "input": ["base", "zeros"]},
  {"op": "SparseToDense", "name": "zeros", "input": ["none", "three", "none1", "zero"]},
  {"op": "Placeholder", "name": "in", "attr": {"shape": {"shape": {"dim": [{"size": "1"}, {"size": "2"}, {"size": "2"}, {"size": "2"}]}}}},
  {"op": "Pad", "name": "padded", "input": ["in", "pads"]},
  {"op": "Transpose", "name": "last", "input": ["padded", "toLast"]},
  {"op": "Conv2D", "name": "conv", "input": ["last", "filter"], "attr": {
    "strides": {"list": {"i": ["1", "1", "1", "1"]}}, "dilations": {"list": {"i": ["1", "1", "1", "1"]}},
    "padding": {"s": "VkFMSUQ="}, "data_format": {"s": "TkhXQw=="}}},
  {"op": "Add", "name": "biased", "input": ["conv", "bias"]},
  {"op": "Transpose", "name": "first", "input": ["biased", "toFirst"]},
  {"op": "LeakyRelu", "name": "leaky", "input": ["first"], "attr": {"alpha": {"f": 0.5}}},
  {"op": "ConcatV2", "name": "both", "input": ["leaky", "leaky", "one"]},
  {"op": "SplitV", "name": "cut", "input": ["both", "sizes", "one"], "attr": {"num_split": {"i": "2"}}},
  {"op": "Sigmoid", "name": "rest", "input": ["cut:1"]},
  {"op": "Const", "name": "pads"}, {"op": "Const", "name": "toLast"}, {"op": "Const", "name": "toFirst"},
  {"op": "Const", "name": "filter"}, {"op": "Const", "name": "bias"}, {"op": "Const", "name": "one"},
  {"op": "Const", "name": "sizes"}, {"op": "Const", "name": "base"}, {"op": "Const", "name": "three"},
  {"op": "Const", "name": "none"}, {"op": "Const", "name": "none1"}, {"op": "Const", "name": "zero"}
 ]},
 "weightsManifest": [{"weights": [
  {"name": "pads", "shape": [4, 2], "dtype": "int32"},
  {"name": "toLast", "shape": [4], "dtype": "int32"},
  {"name": "toFirst", "shape": [4], "dtype": "int32"},
  {"name": "filter", "shape": [2, 2, 2, 2], "dtype": "float32", "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1}},
  {"name": "bias", "shape": [2], "dtype": "float32", "quantization": {"dtype": "float16"}},
  {"name": "one", "shape": [], "dtype": "int32"},
  {"name": "sizes", "shape": [2], "dtype": "int32"},
  {"name": "base", "shape": [3], "dtype": "int32"},
  {"name": "three", "shape": [1], "dtype": "int32"},
  {"name": "none", "shape": [0, 1], "dtype": "int32"},
  {"name": "none1", "shape": [0], "dtype": "int32"},
  {"name": "zero", "shape": [], "dtype": "int32"}
 ]}]
}`

func smallWeights() []byte {
	var b []byte
	ints := func(v ...int32) {
		for _, x := range v {
			b = binary.LittleEndian.AppendUint32(b, uint32(x))
		}
	}
	ints(0, 0, 0, 0, 1, 0, 1, 0)
	ints(0, 2, 3, 1)
	ints(0, 3, 1, 2)
	// Filters [row][column][in][out], stored as 2*(value+1).
	filter := make([]byte, 16)
	for i := range filter {
		filter[i] = 2
	}
	filter[(0*2+0)*4+0*2+0] = 4 // upper left, channel 0 to 0: 1
	filter[(1*2+1)*4+1*2+1] = 6 // in place, channel 1 to 1: 2
	b = append(b, filter...)
	b = append(b, 0x00, 0x38, 0x00, 0xc4) // 0.5, -4
	ints(1, 3, 1, 1, -1, 2, 3, 0)
	return b
}

func TestSmallGraphComputesTheSame(t *testing.T) {
	_, lib, err := ortrun.Local("../../..")
	if err != nil {
		t.Fatal(err)
	}
	onnx, err := tfjs.Convert("small", []byte(small), smallWeights())
	if err != nil {
		t.Fatal(err)
	}
	out, err := ortrun.Run(lib, onnx, []int64{1, 2, 2, 2}, []float32{1, 2, 3, 4, 10, -20, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	// Channel 0: the upper left neighbour + 0.5; channel 1: doubled - 4,
	// negative values halved. Both twice; cut into 3 planes and 1.
	want := []float32{0.5, 0.5, 0.5, 1.5, 16, -22, -1, 0, 0.5, 0.5, 0.5, 1.5}
	got := out["out"]
	if len(got) != len(want) || len(out["rest"]) != 4 {
		t.Fatalf("got %v", out)
	}
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > 1e-5 {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	for i, v := range want[4:8] {
		if s := 1 / (1 + math.Exp(-float64(v))); math.Abs(s-float64(out["rest"][i])) > 1e-5 {
			t.Fatalf("rest %v for %v", out["rest"], want[4:8])
		}
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	w := smallWeights()
	for _, c := range []struct {
		graph   string
		weights []byte
		says    string
	}{
		{"{", w, "read the graph"},
		{strings.Replace(small, "graph-model", "layers-model", 1), w, "layers-model"},
		{small, w[:len(w)-1], "the file has only"},
		{small, append(w[:len(w):len(w)], 0), "follow the last weight"},
		{strings.Replace(small, `"op": "Sigmoid"`, `"op": "Softplus"`, 1), w, "Softplus"},
		{strings.Replace(small, `"input": ["in", "pads"]`, `"input": ["out", "pads"]`, 1), w, "cycle"},
		{strings.Replace(small, `"input": ["cut:1"]`, `"input": ["gone"]`, 1), w, "gone"},
		{strings.Replace(small, `"rest:0"`, `"lost:0"`, 1), w, "lost"},
		{strings.Replace(small, `"shape": [2, 2, 2, 2]`, `"shape": [2, 2, 2, -2]`, 1), w, "negative"},
	} {
		if _, err := tfjs.Convert("bad", []byte(c.graph), c.weights); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.says, err)
		}
	}
}

// TestOptionalDetectorIsConvertedAsPublished looks at the optional network
// where it was fetched; where it was not, the catalogue must say that it is
// optional.
func TestOptionalDetectorIsConvertedAsPublished(t *testing.T) {
	c, err := models.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range c.Models {
		if m.Name != "nanodet-g" {
			continue
		}
		if !m.Optional || m.Source.Convert != "tfjs" {
			t.Error("nanodet-g is not optional, or not converted")
		}
		dir := filepath.Join("../../../.local/cache/source", m.Name)
		if l := os.Getenv("JIEXUN_LOCAL"); l != "" {
			dir = filepath.Join(l, "cache/source", m.Name)
		}
		graph, err := os.ReadFile(filepath.Join(dir, "nanodet.json"))
		if errors.Is(err, os.ErrNotExist) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		weights, err := os.ReadFile(filepath.Join(dir, "nanodet.bin"))
		if err != nil {
			t.Fatal(err)
		}
		onnx, err := tfjs.Convert(m.Name, graph, weights)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(onnx); hex.EncodeToString(sum[:]) != m.Files[0].SHA256 {
			t.Error("the converted file differs from the manifest's digest")
		}
	}
}

func FuzzConvert(f *testing.F) {
	f.Add([]byte(small), smallWeights())
	f.Add([]byte(strings.ReplaceAll(small, "Pad", "PadV2")), smallWeights())
	f.Add([]byte(strings.ReplaceAll(small, "SplitV", "Split")), smallWeights())
	f.Fuzz(func(_ *testing.T, graph, weights []byte) {
		// Any answer is fine; it must come, and soon.
		_, _ = tfjs.Convert("fuzz", graph, weights)
	})
}
