// Package tflite reads networks in the TensorFlow Lite format and converts
// them to ONNX. It knows the operations of single-shot detectors with float
// or half-float weights; anything else is refused by name.
package tflite

import (
	"encoding/binary"
	"fmt"
	"math"

	"jiexun/models/internal/half"
	"jiexun/models/internal/lower"
)

// Element types of tensors that are understood.
const (
	typeFloat32 = 0
	typeFloat16 = 1
	typeInt32   = 2
)

// tensor is a tensor of the graph; data is nil unless it is a constant.
type tensor struct {
	name  string
	shape []int
	kind  int
	data  []byte
}

// operator is one operation with the tensors it reads and writes.
type operator struct {
	code            int
	inputs, outputs []int
	options         table
}

type graph struct {
	tensors         []tensor
	operators       []operator
	inputs, outputs []int
}

// parse reads the file's first and only subgraph.
func parse(data []byte) (*graph, error) {
	root, err := open(data)
	if err != nil {
		return nil, err
	}
	subs := root.tables(2)
	if root.r.err != nil {
		return nil, root.r.err
	}
	if len(subs) != 1 {
		return nil, fmt.Errorf("tflite: the file has %d subgraphs, 1 is supported", len(subs))
	}
	var codes []int
	for _, c := range root.tables(1) {
		codes = append(codes, max(c.byte(0), c.int(3, 0)))
	}
	g := &graph{inputs: subs[0].ints(1), outputs: subs[0].ints(2)}
	buffers := root.tables(4)
	for _, t := range subs[0].tables(0) {
		x := tensor{name: t.string(3), shape: t.ints(0), kind: t.byte(1)}
		if i := t.int(2, 0); i > 0 && i < len(buffers) {
			x.data = buffers[i].raw(0)
		}
		g.tensors = append(g.tensors, x)
	}
	for _, o := range subs[0].tables(3) {
		i := o.int(0, 0)
		if i < 0 || i >= len(codes) {
			return nil, errShort
		}
		g.operators = append(g.operators, operator{codes[i], o.ints(1), o.ints(2), o.table(4)})
	}
	if root.r.err != nil {
		return nil, root.r.err
	}
	return g, g.check()
}

// check makes sure that every tensor index is one, so that the converter may
// follow them.
func (g *graph) check() error {
	ok := func(list []int, optional bool) bool {
		for _, i := range list {
			if i >= len(g.tensors) || i < 0 && (!optional || i != -1) {
				return false
			}
		}
		return true
	}
	good := ok(g.inputs, false) && ok(g.outputs, false)
	for _, o := range g.operators {
		good = good && ok(o.inputs, true) && ok(o.outputs, false)
	}
	if !good {
		return fmt.Errorf("tflite: an operation names a tensor that is not there")
	}
	return nil
}

// floats reads a constant of float or half-float numbers.
func (t *tensor) floats() ([]float32, error) {
	n, err := lower.Elements(t.shape)
	if err != nil {
		return nil, fmt.Errorf("tflite: tensor %s: %w", t.name, err)
	}
	switch {
	case t.kind == typeFloat32 && len(t.data) == 4*n:
		v := make([]float32, n)
		for i := range v {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.data[4*i:]))
		}
		return v, nil
	case t.kind == typeFloat16 && len(t.data) == 2*n:
		return half.Floats(t.data), nil
	}
	return nil, fmt.Errorf("tflite: tensor %s has %d bytes of type %d for shape %v", t.name, len(t.data), t.kind, t.shape)
}

// ints reads a constant list of integers.
func (t *tensor) ints() ([]int, error) {
	if t.kind != typeInt32 || len(t.data)%4 != 0 || len(t.data) > 64 {
		return nil, fmt.Errorf("tflite: tensor %s is not a short list of integers", t.name)
	}
	v := make([]int, len(t.data)/4)
	for i := range v {
		v[i] = int(int32(binary.LittleEndian.Uint32(t.data[4*i:])))
	}
	return v, nil
}
