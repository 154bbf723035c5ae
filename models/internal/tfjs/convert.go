package tfjs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"jiexun/models/internal/lower"
)

// Convert turns a graph model into an ONNX file with a free batch. Input and
// output names are those of the graph without ":0".
func Convert(name string, graph, weights []byte) ([]byte, error) {
	f, err := parse(graph)
	if err != nil {
		return nil, err
	}
	consts, err := f.constants(weights)
	if err != nil {
		return nil, err
	}
	nodes, err := order(f.ModelTopology.Node)
	if err != nil {
		return nil, err
	}
	c := &converter{b: lower.New(name, true), consts: consts, values: map[string]lower.Value{}}
	for _, n := range nodes {
		if err := c.node(n); err != nil {
			return nil, fmt.Errorf("tfjs: node %s (%s): %w", n.Name, n.Op, err)
		}
	}
	outputs := slices.Sorted(maps.Keys(f.Signature.Outputs))
	if len(outputs) == 0 {
		return nil, fmt.Errorf("tfjs: the graph declares no outputs")
	}
	for _, o := range outputs {
		v, ok := c.values[source(o)]
		if !ok {
			return nil, fmt.Errorf("tfjs: output %s is never computed", o)
		}
		if err := c.b.Output(source(o), v); err != nil {
			return nil, fmt.Errorf("tfjs: output %s: %w", o, err)
		}
	}
	return c.b.Marshal(), nil
}

type converter struct {
	b      *lower.Builder
	consts map[string]constant
	// values holds what was computed, by reference: "name" for the first
	// output of a node, "name:1" for the second.
	values map[string]lower.Value
}

func (c *converter) value(n *node, i int) (lower.Value, error) {
	if i < len(n.Input) {
		if v, ok := c.values[strings.TrimSuffix(n.Input[i], ":0")]; ok {
			return v, nil
		}
	}
	return lower.Value{}, fmt.Errorf("input %d is not computed before", i)
}

func (c *converter) constant(n *node, i int) (constant, bool) {
	if i < 0 || i >= len(n.Input) {
		return constant{}, false
	}
	k, ok := c.consts[strings.TrimSuffix(n.Input[i], ":0")]
	return k, ok
}

// ints gives input i as a list of integers that is known beforehand.
func (c *converter) ints(n *node, i int) ([]int, error) {
	k, ok := c.constant(n, i)
	if !ok || k.floats != nil {
		return nil, fmt.Errorf("input %d is not a constant list of integers", i)
	}
	return k.ints, nil
}

func (c *converter) integer(n *node, i int) (int, error) {
	v, err := c.ints(n, i)
	if err == nil && len(v) != 1 {
		err = fmt.Errorf("input %d is not one integer", i)
	}
	if err != nil {
		return 0, err
	}
	return v[0], nil
}

func (c *converter) node(n *node) error {
	switch n.Op {
	case "Const":
		if _, ok := c.consts[n.Name]; !ok {
			return fmt.Errorf("its weight is not in the list")
		}
		return nil
	case "Placeholder":
		var shape []int
		for _, d := range n.Attr["shape"].Shape.Dim {
			shape = append(shape, int(d.Size))
		}
		if len(shape) > 0 && shape[0] == -1 {
			shape[0] = 1
		}
		return c.keep(n)(c.b.Input(n.Name, shape))
	case "SparseToDense":
		return c.dense(n)
	case "Split", "SplitV":
		return c.split(n)
	case "ConcatV2":
		return c.concat(n)
	case "Add", "AddV2", "BiasAdd":
		return c.add(n)
	}
	x, err := c.value(n, 0)
	if err != nil {
		return err
	}
	return c.keep(n)(c.unary(n, x))
}

// keep stores the first output of a node.
func (c *converter) keep(n *node) func(lower.Value, error) error {
	return func(v lower.Value, err error) error {
		if err == nil {
			c.values[n.Name] = v
		}
		return err
	}
}

// unary computes the operations with one computed input.
func (c *converter) unary(n *node, x lower.Value) (lower.Value, error) {
	switch n.Op {
	case "Identity":
		return x, nil
	case "Sigmoid":
		return c.b.Sigmoid(x), nil
	case "Relu":
		return c.b.Activate(x, lower.Relu)
	case "Relu6":
		return c.b.Activate(x, lower.Relu6)
	case "LeakyRelu":
		alpha := float32(0.2)
		if a, ok := n.Attr["alpha"]; ok {
			alpha = a.F
		}
		return c.b.LeakyRelu(x, alpha), nil
	case "Transpose":
		perm, err := c.ints(n, 1)
		if err != nil {
			return x, err
		}
		return c.b.Transpose(x, perm)
	case "Reshape":
		shape, err := c.ints(n, 1)
		if err != nil {
			return x, err
		}
		return c.b.Reshape(x, shape)
	case "Pad", "PadV2":
		return c.pad(n, x)
	case "Conv2D", "DepthwiseConv2dNative":
		return c.conv(n, x)
	case "MaxPool":
		w, err := window(n, n.Attr["ksize"].ints())
		if err != nil {
			return x, err
		}
		return c.b.MaxPool(x, w)
	case "ResizeBilinear":
		size, err := c.ints(n, 1)
		if err != nil {
			return x, err
		}
		if len(size) != 2 || !n.Attr["half_pixel_centers"].B || n.Attr["align_corners"].B {
			return x, fmt.Errorf("only two sizes with half-pixel centres are supported")
		}
		return c.b.Resize(x, size[0], size[1])
	}
	return x, fmt.Errorf("the operation is not supported by this converter")
}

func window(n *node, kernel []int) (lower.Window, error) {
	strides, dil := n.Attr["strides"].ints(), n.Attr["dilations"].ints()
	if len(dil) == 0 {
		dil = []int{1, 1, 1, 1}
	}
	pad := n.Attr["padding"].text()
	format := n.Attr["data_format"].text()
	if len(kernel) != 4 || len(strides) != 4 || len(dil) != 4 || pad != "VALID" && pad != "SAME" || format != "NHWC" && format != "" {
		return lower.Window{}, fmt.Errorf("kernel %v, strides %v, padding %q, format %q is not supported", kernel, strides, pad, format)
	}
	return lower.Window{
		Kernel: [2]int{kernel[1], kernel[2]}, Stride: [2]int{strides[1], strides[2]},
		Dilation: [2]int{dil[1], dil[2]}, Same: pad == "SAME",
	}, nil
}

// conv reads filters of [row][column][in][out], or [row][column][channel]
// [multiplier] for the depthwise kind.
func (c *converter) conv(n *node, x lower.Value) (lower.Value, error) {
	k, ok := c.constant(n, 1)
	if !ok || k.floats == nil || len(k.shape) != 4 || len(x.Shape) != 4 {
		return x, fmt.Errorf("filters %v for %v are not constant and of four dimensions", k.shape, x.Shape)
	}
	s := k.shape
	w, err := window(n, []int{1, s[0], s[1], 1})
	if err != nil {
		return x, err
	}
	out, groups, in := s[3], 1, s[2]
	if n.Op != "Conv2D" {
		out, groups, in = s[2]*s[3], s[2], 1
	}
	weights := make([]float32, 0, len(k.floats))
	for o := range out {
		for i := range in {
			for p := range s[0] * s[1] {
				at := (p*s[2]+i)*s[3] + o
				if n.Op != "Conv2D" {
					at = p*out + o
				}
				weights = append(weights, k.floats[at])
			}
		}
	}
	return c.b.Conv(x, out, groups, weights, nil, w, lower.NoActivation)
}

func (c *converter) pad(n *node, x lower.Value) (lower.Value, error) {
	flat, err := c.ints(n, 1)
	if err != nil {
		return x, err
	}
	if len(flat) != 2*len(x.Shape) {
		return x, fmt.Errorf("%d paddings for shape %v", len(flat), x.Shape)
	}
	pads := make([][2]int, len(x.Shape))
	for i := range pads {
		pads[i] = [2]int{flat[2*i], flat[2*i+1]}
	}
	fill := float32(0)
	if n.Op == "PadV2" {
		k, ok := c.constant(n, 2)
		if !ok || len(k.floats) != 1 {
			return x, fmt.Errorf("the padding value is not one constant")
		}
		fill = k.floats[0]
	}
	return c.b.Pad(x, pads, fill)
}

// dense computes an empty sparse tensor: the default value in the given
// shape. Exported shape arithmetic is full of them.
func (c *converter) dense(n *node) error {
	at, err := c.ints(n, 0)
	if err != nil {
		return err
	}
	shape, err := c.ints(n, 1)
	if err != nil {
		return err
	}
	fill, err := c.integer(n, 3)
	if err != nil {
		return err
	}
	size, err := lower.Elements(shape)
	if err != nil || len(at) != 0 || size > 16 {
		return fmt.Errorf("only an empty list in a short shape is supported, not %v in %v", at, shape)
	}
	c.consts[n.Name] = constant{shape: shape, ints: slices.Repeat([]int{fill}, size)}
	return nil
}

func (c *converter) split(n *node) error {
	val, dim := 0, 2
	if n.Op == "Split" {
		val, dim = 1, 0
	}
	x, err := c.value(n, val)
	if err != nil {
		return err
	}
	axis, err := c.integer(n, dim)
	if err != nil {
		return err
	}
	var sizes []int
	if n.Op == "SplitV" {
		if sizes, err = c.ints(n, 1); err != nil {
			return err
		}
	} else {
		num, at := int(n.Attr["num_split"].I), axis
		if at < 0 {
			at += len(x.Shape)
		}
		if num < 1 || num > 64 || at < 0 || at >= len(x.Shape) || x.Shape[at]%num != 0 {
			return fmt.Errorf("cannot cut %v into %d parts", x.Shape, num)
		}
		sizes = slices.Repeat([]int{x.Shape[at] / num}, num)
	}
	parts, err := c.b.Split(x, axis, sizes)
	if err != nil {
		return err
	}
	for i, p := range parts {
		ref := n.Name
		if i > 0 {
			ref = fmt.Sprintf("%s:%d", n.Name, i)
		}
		c.values[ref] = p
	}
	return nil
}

func (c *converter) concat(n *node) error {
	if len(n.Input) < 2 {
		return fmt.Errorf("nothing to join")
	}
	axis, err := c.integer(n, len(n.Input)-1)
	if err != nil {
		return err
	}
	xs := make([]lower.Value, len(n.Input)-1)
	for i := range xs {
		if xs[i], err = c.value(n, i); err != nil {
			return err
		}
	}
	return c.keep(n)(c.b.Concat(xs, axis))
}

func (c *converter) add(n *node) error {
	x, xErr := c.value(n, 0)
	k, isConst := c.constant(n, 1)
	if xErr == nil && isConst {
		return c.keep(n)(c.b.AddVector(x, k.floats, lower.NoActivation))
	}
	if k0, ok := c.constant(n, 0); ok && isConst {
		if k0.floats != nil || k.floats != nil || len(k0.ints) != len(k.ints) {
			return fmt.Errorf("only lists of integers of one length are added beforehand")
		}
		sum := slices.Clone(k0.ints)
		for i := range sum {
			sum[i] += k.ints[i]
		}
		c.consts[n.Name] = constant{shape: k0.shape, ints: sum}
		return nil
	}
	y, err := c.value(n, 1)
	if err != nil || xErr != nil {
		return fmt.Errorf("its inputs are not computed before")
	}
	return c.keep(n)(c.b.Add(x, y, lower.NoActivation))
}
