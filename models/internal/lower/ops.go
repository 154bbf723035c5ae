package lower

import (
	"fmt"
	"math"
	"slices"

	"jiexun/models/internal/onnxpb"
)

// Window describes how a convolution or a pooling slides: kernel size, step
// and spread in rows and columns. Same pads so that the result has
// ceil(size/step) rows and columns, the odd row or column at the end.
type Window struct {
	Kernel, Stride, Dilation [2]int
	Same                     bool
}

// Activation bends the result of an operation.
type Activation int

// The activations that are used.
const (
	NoActivation Activation = iota
	Relu
	Relu6
)

// slide computes rows and columns of the result, and the zeros that Same adds.
func (w Window) slide(rows, cols int) (out [2]int, pads [2][2]int, err error) {
	for i, size := range [2]int{rows, cols} {
		if w.Kernel[i] < 1 || w.Stride[i] < 1 || w.Dilation[i] < 1 || w.Kernel[i] > 255 || w.Dilation[i] > 255 {
			return out, pads, fmt.Errorf("window %+v: sizes must be 1..255", w)
		}
		reach := w.Dilation[i]*(w.Kernel[i]-1) + 1
		if w.Same {
			n := (size + w.Stride[i] - 1) / w.Stride[i]
			all := max(0, (n-1)*w.Stride[i]+reach-size)
			pads[i] = [2]int{all / 2, all - all/2}
			size += all
		}
		if size < reach {
			return out, pads, fmt.Errorf("window %+v does not fit into %d", w, size)
		}
		out[i] = (size-reach)/w.Stride[i] + 1
	}
	return out, pads, nil
}

func picture(op string, x Value) error {
	if len(x.Shape) != 4 {
		return fmt.Errorf("%s: shape %v is not batch, rows, columns, channels", op, x.Shape)
	}
	return nil
}

// Conv slides filters over the picture. weights lie as [out][in/groups][row]
// [column]; bias may be nil.
func (b *Builder) Conv(x Value, out, groups int, weights, bias []float32, w Window, act Activation) (Value, error) {
	if err := picture("convolution", x); err != nil {
		return Value{}, err
	}
	in := x.Shape[3]
	if groups < 1 || out < 1 || in%groups != 0 || out%groups != 0 {
		return Value{}, fmt.Errorf("convolution: %d groups do not divide %d and %d channels", groups, in, out)
	}
	dims := []int{out, in / groups, w.Kernel[0], w.Kernel[1]}
	if n, err := Elements(dims); err != nil || n != len(weights) {
		return Value{}, fmt.Errorf("convolution: %d weights for filters %v", len(weights), dims)
	}
	if bias != nil && len(bias) != out {
		return Value{}, fmt.Errorf("convolution: %d biases for %d filters", len(bias), out)
	}
	size, pads, err := w.slide(x.Shape[1], x.Shape[2])
	if err != nil {
		return Value{}, fmt.Errorf("convolution: %w", err)
	}
	if x.pads != nil && x.pads[0] == [2]int{} && x.pads[3] == [2]int{} {
		for i := range pads {
			pads[i][0] += x.pads[i+1][0]
			pads[i][1] += x.pads[i+1][1]
		}
		x.pads = nil
	}
	x = b.inOrder(x, channelsFirst())
	inputs := []string{x.name, b.floats(dims, weights)}
	if bias != nil {
		inputs = append(inputs, b.floats([]int{out}, bias))
	}
	y := Value{Shape: []int{x.Shape[0], size[0], size[1], out}, order: channelsFirst()}
	y.name = b.node("Conv", inputs,
		onnxpb.IntsAttr("kernel_shape", w.Kernel[0], w.Kernel[1]),
		onnxpb.IntsAttr("strides", w.Stride[0], w.Stride[1]),
		onnxpb.IntsAttr("dilations", w.Dilation[0], w.Dilation[1]),
		onnxpb.IntsAttr("pads", pads[0][0], pads[1][0], pads[0][1], pads[1][1]),
		onnxpb.IntAttr("group", groups))
	return b.Activate(y, act)
}

// MaxPool takes the greatest value of each window.
func (b *Builder) MaxPool(x Value, w Window) (Value, error) {
	if err := picture("max pooling", x); err != nil {
		return Value{}, err
	}
	size, pads, err := w.slide(x.Shape[1], x.Shape[2])
	if err != nil {
		return Value{}, fmt.Errorf("max pooling: %w", err)
	}
	x = b.inOrder(x, channelsFirst())
	y := Value{Shape: []int{x.Shape[0], size[0], size[1], x.Shape[3]}, order: channelsFirst()}
	y.name = b.node("MaxPool", []string{x.name},
		onnxpb.IntsAttr("kernel_shape", w.Kernel[0], w.Kernel[1]),
		onnxpb.IntsAttr("strides", w.Stride[0], w.Stride[1]),
		onnxpb.IntsAttr("pads", pads[0][0], pads[1][0], pads[0][1], pads[1][1]))
	return y, nil
}

// Activate bends x.
func (b *Builder) Activate(x Value, act Activation) (Value, error) {
	x = b.settle(x, 0)
	switch act {
	case NoActivation:
	case Relu:
		x.name = b.node("Relu", []string{x.name})
	case Relu6:
		x.name = b.node("Clip", []string{x.name, b.floats(nil, []float32{0}), b.floats(nil, []float32{6})})
	default:
		return Value{}, fmt.Errorf("activation %d is unknown", act)
	}
	return x, nil
}

// LeakyRelu multiplies negative values by alpha.
func (b *Builder) LeakyRelu(x Value, alpha float32) Value {
	x = b.settle(x, 0)
	x.name = b.node("LeakyRelu", []string{x.name}, onnxpb.FloatAttr("alpha", alpha))
	return x
}

// Sigmoid squeezes x into 0..1.
func (b *Builder) Sigmoid(x Value) Value {
	x = b.settle(x, 0)
	x.name = b.node("Sigmoid", []string{x.name})
	return x
}

// Add adds two tensors of the same shape.
func (b *Builder) Add(x, y Value, act Activation) (Value, error) {
	if !slices.Equal(x.Shape, y.Shape) {
		return Value{}, fmt.Errorf("add: shapes %v and %v differ", x.Shape, y.Shape)
	}
	x = b.settle(x, 0)
	y = b.inOrder(y, x.order)
	x.name = b.node("Add", []string{x.name, y.name})
	return b.Activate(x, act)
}

// AddVector adds one number to each plane of the last logical dimension.
func (b *Builder) AddVector(x Value, v []float32, act Activation) (Value, error) {
	n := len(x.Shape)
	if n == 0 || len(v) != x.Shape[n-1] {
		return Value{}, fmt.Errorf("add: %d numbers to shape %v", len(v), x.Shape)
	}
	x = b.settle(x, 0)
	dims := make([]int, n)
	for i, l := range x.order {
		dims[i] = 1
		if l == n-1 {
			dims[i] = len(v)
		}
	}
	x.name = b.node("Add", []string{x.name, b.floats(dims, v)})
	return b.Activate(x, act)
}

// axis maps a logical axis, which may count from the end, to memory.
func (x Value) axis(a int) (logical, memory int, err error) {
	if a < 0 {
		a += len(x.Shape)
	}
	if a < 0 || a >= len(x.Shape) {
		return 0, 0, fmt.Errorf("axis %d is outside shape %v", a, x.Shape)
	}
	return a, slices.Index(x.order, a), nil
}

// Concat joins tensors along a logical axis.
func (b *Builder) Concat(xs []Value, axis int) (Value, error) {
	if len(xs) == 0 {
		return Value{}, fmt.Errorf("concat: nothing to join")
	}
	y := b.settle(xs[0], 0)
	a, mem, err := y.axis(axis)
	if err != nil {
		return Value{}, fmt.Errorf("concat: %w", err)
	}
	y.Shape = slices.Clone(y.Shape)
	names := []string{y.name}
	for _, x := range xs[1:] {
		if len(x.Shape) != len(y.Shape) {
			return Value{}, fmt.Errorf("concat: shapes %v and %v differ", y.Shape, x.Shape)
		}
		for i := range x.Shape {
			if i != a && x.Shape[i] != y.Shape[i] {
				return Value{}, fmt.Errorf("concat: shapes %v and %v differ", y.Shape, x.Shape)
			}
		}
		x = b.inOrder(x, y.order)
		names = append(names, x.name)
		y.Shape[a] += x.Shape[a]
	}
	if _, err := Elements(y.Shape); err != nil {
		return Value{}, fmt.Errorf("concat: %w", err)
	}
	y.name = b.node("Concat", names, onnxpb.IntAttr("axis", mem))
	return y, nil
}

// Split cuts x along a logical axis into parts of the given lengths.
func (b *Builder) Split(x Value, axis int, sizes []int) ([]Value, error) {
	x = b.settle(x, 0)
	a, mem, err := x.axis(axis)
	if err != nil {
		return nil, fmt.Errorf("split: %w", err)
	}
	left := x.Shape[a]
	var names []string
	out := make([]Value, len(sizes))
	for i, s := range sizes {
		if s < 1 || s > left {
			return nil, fmt.Errorf("split: sizes %v do not fit shape %v", sizes, x.Shape)
		}
		left -= s
		shape := slices.Clone(x.Shape)
		shape[a] = s
		out[i] = Value{Shape: shape, name: b.fresh(), order: x.order}
		names = append(names, out[i].name)
	}
	if left != 0 || len(sizes) == 0 {
		return nil, fmt.Errorf("split: sizes %v do not fit shape %v", sizes, x.Shape)
	}
	b.model.Nodes = append(b.model.Nodes, onnxpb.Node{
		Op: "Split", Inputs: []string{x.name, b.ints(sizes...)}, Outputs: names,
		Attrs: []onnxpb.Attr{onnxpb.IntAttr("axis", mem)},
	})
	return out, nil
}

// Resize scales a picture linearly to rows x cols, pixel centres at one half.
func (b *Builder) Resize(x Value, rows, cols int) (Value, error) {
	if err := picture("resize", x); err != nil {
		return Value{}, err
	}
	if rows < 1 || cols < 1 || rows > math.MaxInt16 || cols > math.MaxInt16 || x.Shape[1] == 0 || x.Shape[2] == 0 {
		return Value{}, fmt.Errorf("resize %v to %dx%d: out of range", x.Shape, rows, cols)
	}
	x = b.inOrder(x, channelsFirst())
	y := Value{Shape: []int{x.Shape[0], rows, cols, x.Shape[3]}, order: channelsFirst()}
	scale := []float32{1, 1, float32(rows) / float32(x.Shape[1]), float32(cols) / float32(x.Shape[2])}
	y.name = b.node("Resize", []string{x.name, "", b.floats([]int{4}, scale)},
		onnxpb.StrAttr("mode", "linear"), onnxpb.StrAttr("coordinate_transformation_mode", "half_pixel"))
	return y, nil
}

// Reshape gives x another shape; one length may be -1. A leading 1 keeps
// meaning the batch.
func (b *Builder) Reshape(x Value, shape []int) (Value, error) {
	x = b.inOrder(x, identity(len(x.Shape)))
	total, err := Elements(x.Shape)
	if err != nil {
		return Value{}, fmt.Errorf("reshape: %w", err)
	}
	shape = slices.Clone(shape)
	if i := slices.Index(shape, -1); i >= 0 {
		shape[i] = 1
		n, err := Elements(shape)
		if err != nil || n == 0 || total%n != 0 {
			return Value{}, fmt.Errorf("reshape %v to %v: does not divide", x.Shape, shape)
		}
		shape[i] = total / n
	}
	if n, err := Elements(shape); err != nil || n != total {
		return Value{}, fmt.Errorf("reshape %v to %v: lengths differ", x.Shape, shape)
	}
	target := slices.Clone(shape)
	if b.freeBatch && len(target) > 0 && target[0] == 1 && x.Shape[0] == 1 {
		target[0] = 0 // 0 keeps the length of the batch
	}
	return Value{Shape: shape, name: b.node("Reshape", []string{x.name, b.ints(target...)}), order: identity(len(shape))}, nil
}
