// Package onnxpb writes networks in the ONNX file format. It knows the few
// protobuf messages and fields that the converters need, and writes them in a
// fixed order, so that the same network always gives the same bytes and a
// manifest can hold the digest of a converted file.
package onnxpb

import (
	"encoding/binary"
	"math"
)

// Element types of tensors, as ONNX numbers them.
const (
	Float = 1
	Int64 = 7
)

const (
	irVersion    = 8
	opsetVersion = 13

	attrFloat  = 1
	attrInt    = 2
	attrString = 3
	attrInts   = 7
)

// Dim is one dimension: a length, or a name where it is free.
type Dim struct {
	Value int64
	Param string
}

// ValueInfo declares an input or an output of the graph.
type ValueInfo struct {
	Name string
	Elem int
	Dims []Dim
}

// Tensor is a constant. Exactly one of Floats and Ints is used.
type Tensor struct {
	Name   string
	Dims   []int64
	Floats []float32
	Ints   []int64
}

// Attr is an attribute of a node. Exactly one of the values is used: Float,
// Int, Str or Ints.
type Attr struct {
	Name  string
	Float *float32
	Int   *int64
	Str   string
	Ints  []int64
}

// FloatAttr makes an attribute that holds one number.
func FloatAttr(name string, v float32) Attr { return Attr{Name: name, Float: &v} }

// IntAttr makes an attribute that holds one integer.
func IntAttr(name string, v int) Attr {
	i := int64(v)
	return Attr{Name: name, Int: &i}
}

// StrAttr makes an attribute that holds a word.
func StrAttr(name, v string) Attr { return Attr{Name: name, Str: v} }

// IntsAttr makes an attribute that holds a list of integers.
func IntsAttr(name string, v ...int) Attr {
	l := make([]int64, len(v))
	for i, x := range v {
		l[i] = int64(x)
	}
	return Attr{Name: name, Ints: l}
}

// Node is one operation.
type Node struct {
	Op              string
	Inputs, Outputs []string
	Attrs           []Attr
}

// Model is a whole network.
type Model struct {
	Producer, Name  string
	Inputs, Outputs []ValueInfo
	Constants       []Tensor
	Nodes           []Node
}

// Marshal gives the bytes of the ONNX file.
func (m *Model) Marshal() []byte {
	var g buf
	for i := range m.Nodes {
		g.message(1, m.Nodes[i].marshal())
	}
	g.str(2, m.Name)
	for i := range m.Constants {
		g.message(5, m.Constants[i].marshal())
	}
	for i := range m.Inputs {
		g.message(11, m.Inputs[i].marshal())
	}
	for i := range m.Outputs {
		g.message(12, m.Outputs[i].marshal())
	}
	var opset, out buf
	opset.str(1, "")
	opset.int(2, opsetVersion)
	out.int(1, irVersion)
	out.str(2, m.Producer)
	out.message(7, g)
	out.message(8, opset)
	return out
}

func (n *Node) marshal() buf {
	var b buf
	for _, s := range n.Inputs {
		b.str(1, s)
	}
	for _, s := range n.Outputs {
		b.str(2, s)
	}
	b.str(4, n.Op)
	for i := range n.Attrs {
		b.message(5, n.Attrs[i].marshal())
	}
	return b
}

func (a *Attr) marshal() buf {
	var b buf
	b.str(1, a.Name)
	kind := int64(attrInts)
	switch {
	case a.Float != nil:
		kind = attrFloat
		b.fixed32(2, *a.Float)
	case a.Int != nil:
		kind = attrInt
		b.int(3, *a.Int)
	case a.Str != "":
		kind = attrString
		b.str(4, a.Str)
	default:
		for _, v := range a.Ints {
			b.int(8, v)
		}
	}
	b.int(20, kind)
	return b
}

func (t *Tensor) marshal() buf {
	var b buf
	for _, d := range t.Dims {
		b.int(1, d)
	}
	var raw []byte
	if t.Ints != nil {
		b.int(2, Int64)
		raw = make([]byte, 0, 8*len(t.Ints))
		for _, v := range t.Ints {
			raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
		}
	} else {
		b.int(2, Float)
		raw = make([]byte, 0, 4*len(t.Floats))
		for _, v := range t.Floats {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
		}
	}
	b.str(8, t.Name)
	b.message(9, raw)
	return b
}

func (v *ValueInfo) marshal() buf {
	var shape, tensor, typ, b buf
	for _, d := range v.Dims {
		var dim buf
		if d.Param != "" {
			dim.str(2, d.Param)
		} else {
			dim.int(1, d.Value)
		}
		shape.message(1, dim)
	}
	tensor.int(1, int64(v.Elem))
	tensor.message(2, shape)
	typ.message(1, tensor)
	b.str(1, v.Name)
	b.message(2, typ)
	return b
}

// buf is a protobuf message in the making. Every field is written even when
// it holds the default value, which protobuf allows.
type buf []byte

const (
	wireVarint = 0
	wireBytes  = 2
	wireFixed4 = 5
)

func (b *buf) tag(field, wire int) { b.varint(uint64(field)<<3 | uint64(wire)) }

func (b *buf) varint(v uint64) { *b = binary.AppendUvarint(*b, v) }

func (b *buf) int(field int, v int64) {
	b.tag(field, wireVarint)
	b.varint(uint64(v))
}

func (b *buf) fixed32(field int, v float32) {
	b.tag(field, wireFixed4)
	*b = binary.LittleEndian.AppendUint32(*b, math.Float32bits(v))
}

func (b *buf) str(field int, s string) {
	b.tag(field, wireBytes)
	b.varint(uint64(len(s)))
	*b = append(*b, s...)
}

func (b *buf) message(field int, m []byte) {
	b.tag(field, wireBytes)
	b.varint(uint64(len(m)))
	*b = append(*b, m...)
}
