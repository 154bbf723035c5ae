// Package lower turns operations on pictures with the channels last, as the
// TensorFlow family has them, into ONNX operations, which want the channels
// first. It keeps for each value in which order its dimensions lie in memory,
// so that a transposition costs nothing until an operation really needs
// another order, and zero padding is given to the convolution that follows.
//
// The first dimension is the batch; it stays free in the written network when
// the builder was made with a free batch.
package lower

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"jiexun/models/internal/onnxpb"
)

// maxElements bounds a tensor, so that a damaged file cannot ask for all memory.
const maxElements = 1 << 27

// Value is a tensor in the network that is being built.
type Value struct {
	// Shape is the logical shape, in the source's order of dimensions.
	Shape []int
	name  string
	// order says how the tensor lies in memory: its dimension i is the
	// logical dimension order[i].
	order []int
	// pads are zeros that still have to be put around the logical
	// dimensions; nil when there are none. Shape already counts them.
	pads [][2]int
}

// Builder collects the nodes of one network.
type Builder struct {
	model     onnxpb.Model
	freeBatch bool
	next      int
}

// New starts a network. With freeBatch the first dimension of inputs and
// outputs may have any length at run time.
func New(name string, freeBatch bool) *Builder {
	b := &Builder{freeBatch: freeBatch}
	b.model.Producer = "jiexun"
	b.model.Name = name
	return b
}

// Marshal gives the bytes of the ONNX file.
func (b *Builder) Marshal() []byte { return b.model.Marshal() }

// Elements counts the elements of a shape and refuses impossible ones.
func Elements(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 || d > maxElements || d > 0 && n > maxElements/d {
			return 0, fmt.Errorf("shape %v is negative or larger than %d elements", shape, maxElements)
		}
		n *= d
	}
	return n, nil
}

func (b *Builder) fresh() string {
	b.next++
	return "v" + strconv.Itoa(b.next)
}

func (b *Builder) dims(shape []int) []onnxpb.Dim {
	d := make([]onnxpb.Dim, len(shape))
	for i, v := range shape {
		d[i].Value = int64(v)
	}
	if b.freeBatch && len(d) > 0 {
		d[0] = onnxpb.Dim{Param: "batch"}
	}
	return d
}

// Input declares the network's input.
func (b *Builder) Input(name string, shape []int) (Value, error) {
	if _, err := Elements(shape); err != nil {
		return Value{}, fmt.Errorf("input %s: %w", name, err)
	}
	if len(shape) == 0 || shape[0] != 1 {
		return Value{}, fmt.Errorf("input %s: shape %v does not start with a batch of 1", name, shape)
	}
	b.model.Inputs = append(b.model.Inputs, onnxpb.ValueInfo{Name: name, Elem: onnxpb.Float, Dims: b.dims(shape)})
	return Value{Shape: slices.Clone(shape), name: name, order: identity(len(shape))}, nil
}

// Output declares x as an output of the network.
func (b *Builder) Output(name string, x Value) error {
	x = b.inOrder(x, identity(len(x.Shape)))
	b.model.Nodes = append(b.model.Nodes, onnxpb.Node{Op: "Identity", Inputs: []string{x.name}, Outputs: []string{name}})
	b.model.Outputs = append(b.model.Outputs, onnxpb.ValueInfo{Name: name, Elem: onnxpb.Float, Dims: b.dims(x.Shape)})
	return nil
}

func (b *Builder) node(op string, inputs []string, attrs ...onnxpb.Attr) string {
	out := b.fresh()
	b.model.Nodes = append(b.model.Nodes, onnxpb.Node{Op: op, Inputs: inputs, Outputs: []string{out}, Attrs: attrs})
	return out
}

func (b *Builder) floats(dims []int, v []float32) string {
	t := onnxpb.Tensor{Name: b.fresh(), Floats: v}
	for _, d := range dims {
		t.Dims = append(t.Dims, int64(d))
	}
	b.model.Constants = append(b.model.Constants, t)
	return t.Name
}

func (b *Builder) ints(v ...int) string {
	t := onnxpb.Tensor{Name: b.fresh(), Dims: []int64{int64(len(v))}, Ints: make([]int64, 0, len(v))}
	for _, x := range v {
		t.Ints = append(t.Ints, int64(x))
	}
	b.model.Constants = append(b.model.Constants, t)
	return t.Name
}

func identity(n int) []int {
	o := make([]int, n)
	for i := range o {
		o[i] = i
	}
	return o
}

// channelsFirst is the order in memory that ONNX wants for a picture whose
// logical order is batch, row, column, channel.
func channelsFirst() []int { return []int{0, 3, 1, 2} }

// settle puts pending zeros around the value.
func (b *Builder) settle(x Value, fill float32) Value {
	if x.pads == nil {
		return x
	}
	n := len(x.order)
	p := make([]int, 2*n)
	for i, l := range x.order {
		p[i], p[n+i] = x.pads[l][0], x.pads[l][1]
	}
	x.name = b.node("Pad", []string{x.name, b.ints(p...), b.floats(nil, []float32{fill})})
	x.pads = nil
	return x
}

// inOrder makes the value lie in memory in the given order.
func (b *Builder) inOrder(x Value, order []int) Value {
	x = b.settle(x, 0)
	return b.reorder(x, order)
}

func (b *Builder) reorder(x Value, order []int) Value {
	if slices.Equal(x.order, order) {
		return x
	}
	perm := make([]int, len(order))
	for i, l := range order {
		perm[i] = slices.Index(x.order, l)
	}
	x.name = b.node("Transpose", []string{x.name}, onnxpb.IntsAttr("perm", perm...))
	x.order = order
	return x
}

// Transpose changes the logical order: dimension i of the result is dimension
// perm[i] of x. Nothing is moved in memory.
func (b *Builder) Transpose(x Value, perm []int) (Value, error) {
	if len(perm) != len(x.Shape) || !slices.Equal(slices.Sorted(slices.Values(perm)), identity(len(perm))) {
		return Value{}, fmt.Errorf("transpose %v by %v: not a permutation of its dimensions", x.Shape, perm)
	}
	y := Value{name: x.name, Shape: make([]int, len(perm)), order: make([]int, len(perm))}
	for i, p := range perm {
		y.Shape[i] = x.Shape[p]
	}
	for i, l := range x.order {
		y.order[i] = slices.Index(perm, l)
	}
	if x.pads != nil {
		y.pads = make([][2]int, len(perm))
		for i, p := range perm {
			y.pads[i] = x.pads[p]
		}
	}
	return y, nil
}

// Pad puts zeros, or fill, before and after each logical dimension. Zeros are
// put off until an operation needs them; a convolution takes them over.
func (b *Builder) Pad(x Value, pads [][2]int, fill float32) (Value, error) {
	if len(pads) != len(x.Shape) {
		return Value{}, fmt.Errorf("pad %v by %v: lengths differ", x.Shape, pads)
	}
	x = b.settle(x, 0)
	x.Shape = slices.Clone(x.Shape)
	for i, p := range pads {
		if p[0] < 0 || p[1] < 0 || p[0] > math.MaxInt16 || p[1] > math.MaxInt16 {
			return Value{}, fmt.Errorf("pad %v by %v: out of range", x.Shape, pads)
		}
		x.Shape[i] += p[0] + p[1]
	}
	if _, err := Elements(x.Shape); err != nil {
		return Value{}, fmt.Errorf("pad: %w", err)
	}
	x.pads = pads
	if fill != 0 {
		x = b.settle(x, fill)
	}
	return x, nil
}
