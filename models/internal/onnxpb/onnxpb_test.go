package onnxpb_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"jiexun/models/internal/onnxpb"
)

// planeMeans is a network that takes pictures of seven planes and gives the
// mean of the first six: small enough to be understood, and what the edge
// agent's tests use to see which plane lands where.
func planeMeans() *onnxpb.Model {
	weights := make([]float32, 7*6)
	for i := range 6 {
		weights[i*6+i] = 1
	}
	return &onnxpb.Model{
		Producer: "jiexun", Name: "plane-means",
		Inputs: []onnxpb.ValueInfo{{Name: "planes", Elem: onnxpb.Float, Dims: []onnxpb.Dim{
			{Param: "batch"}, {Value: 7}, {Value: 64}, {Value: 64},
		}}},
		Outputs:   []onnxpb.ValueInfo{{Name: "means", Elem: onnxpb.Float, Dims: []onnxpb.Dim{{Param: "batch"}, {Value: 6}}}},
		Constants: []onnxpb.Tensor{{Name: "pick", Dims: []int64{7, 6}, Floats: weights}},
		Nodes: []onnxpb.Node{
			{Op: "ReduceMean", Inputs: []string{"planes"}, Outputs: []string{"all"}, Attrs: []onnxpb.Attr{
				onnxpb.IntsAttr("axes", 2, 3), onnxpb.IntAttr("keepdims", 0),
			}},
			{Op: "MatMul", Inputs: []string{"all", "pick"}, Outputs: []string{"means"}},
		},
	}
}

var update = flag.Bool("update", false, "write the golden files anew")

func TestMarshalIsStable(t *testing.T) {
	path := filepath.Join("testdata", "plane-means.onnx")
	got := planeMeans().Marshal()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("the bytes changed: %d instead of %d; every digest in the manifests would have to change", len(got), len(want))
	}
}
