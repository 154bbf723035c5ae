package lower_test

import (
	"math"
	"testing"

	"jiexun/models/internal/lower"
	"jiexun/models/internal/ortrun"
)

// compute builds a network with one input and the output "y", runs it and
// gives the output.
func compute(t *testing.T, shape []int, input []float32, build func(*lower.Builder, lower.Value) (lower.Value, error)) []float32 {
	t.Helper()
	_, lib, err := ortrun.Local("../../..")
	if err != nil {
		t.Fatal(err)
	}
	b := lower.New("test", true)
	x, err := b.Input("x", shape)
	if err != nil {
		t.Fatal(err)
	}
	y, err := build(b, x)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Output("y", y); err != nil {
		t.Fatal(err)
	}
	dims := make([]int64, len(shape))
	for i, d := range shape {
		dims[i] = int64(d)
	}
	out, err := ortrun.Run(lib, b.Marshal(), dims, input)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := lower.Elements(y.Shape); err != nil || n != len(out["y"]) {
		t.Errorf("shape %v promised, %d numbers came", y.Shape, len(out["y"]))
	}
	return out["y"]
}

func near(t *testing.T, got []float32, want ...float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d numbers %v, expected %v", len(got), got, want)
	}
	for i := range got {
		if math.Abs(float64(got[i]-want[i])) > 1e-5 {
			t.Fatalf("got %v, expected %v", got, want)
		}
	}
}

func window(k, stride int, same bool) lower.Window {
	return lower.Window{Kernel: [2]int{k, k}, Stride: [2]int{stride, stride}, Dilation: [2]int{1, 1}, Same: same}
}

func TestConvolutionPutsOddPaddingAtTheEnd(t *testing.T) {
	// A 4x4 picture summed by 3x3 in steps of 2: padding of one at the end.
	in := make([]float32, 16)
	for i := range in {
		in[i] = float32(i)
	}
	ones := []float32{1, 1, 1, 1, 1, 1, 1, 1, 1}
	got := compute(t, []int{1, 4, 4, 1}, in, func(b *lower.Builder, x lower.Value) (lower.Value, error) {
		return b.Conv(x, 1, 1, ones, []float32{100}, window(3, 2, true), lower.NoActivation)
	})
	near(t, got, 145, 139, 166, 150)
}

func TestPaddingJoinsTheConvolutionAndOrderIsKept(t *testing.T) {
	// Two channels, the second ten times the first; a depthwise filter that
	// takes the left neighbour, after padding by one at the left only.
	in := []float32{1, 10, 2, 20, 3, 30, 4, 40}
	got := compute(t, []int{1, 2, 2, 2}, in, func(b *lower.Builder, x lower.Value) (lower.Value, error) {
		x, err := b.Pad(x, [][2]int{{0, 0}, {0, 0}, {1, 0}, {0, 0}}, 0)
		if err != nil {
			return x, err
		}
		w := lower.Window{Kernel: [2]int{1, 2}, Stride: [2]int{1, 1}, Dilation: [2]int{1, 1}}
		if x, err = b.Conv(x, 2, 2, []float32{1, 0, 1, 0}, nil, w, lower.NoActivation); err != nil {
			return x, err
		}
		// Channels first and back: the numbers must not move.
		if x, err = b.Transpose(x, []int{0, 3, 1, 2}); err != nil {
			return x, err
		}
		return b.Transpose(x, []int{0, 2, 3, 1})
	})
	near(t, got, 0, 0, 1, 10, 0, 0, 3, 30)
}

func TestOperationsOnReorderedValues(t *testing.T) {
	in := []float32{1, 2, 3, 4, 5, 6, -7, 8}
	got := compute(t, []int{1, 2, 2, 2}, in, func(b *lower.Builder, x lower.Value) (lower.Value, error) {
		first, err := b.Transpose(x, []int{0, 3, 1, 2})
		if err != nil {
			return x, err
		}
		parts, err := b.Split(first, 1, []int{1, 1})
		if err != nil {
			return x, err
		}
		swapped, err := b.Concat([]lower.Value{parts[1], parts[0]}, 1)
		if err != nil {
			return x, err
		}
		if swapped, err = b.Transpose(swapped, []int{0, 2, 3, 1}); err != nil {
			return x, err
		}
		sum, err := b.Add(x, swapped, lower.Relu6)
		if err != nil {
			return x, err
		}
		return b.AddVector(sum, []float32{0, 0.5}, lower.NoActivation)
	})
	near(t, got, 3, 3.5, 6, 6.5, 6, 6.5, 1, 1.5)
}

func TestPoolingResizeAndActivations(t *testing.T) {
	in := []float32{-5, -1, -2, -8}
	pool := compute(t, []int{1, 2, 2, 1}, in, func(b *lower.Builder, x lower.Value) (lower.Value, error) {
		x, err := b.Pad(x, [][2]int{{0, 0}, {1, 0}, {1, 0}, {0, 0}}, -100)
		if err != nil {
			return x, err
		}
		return b.MaxPool(x, window(2, 1, false))
	})
	near(t, pool, -5, -1, -2, -1)
	big := compute(t, []int{1, 1, 2, 1}, []float32{0, 4}, func(b *lower.Builder, x lower.Value) (lower.Value, error) {
		return b.Resize(x, 1, 4)
	})
	near(t, big, 0, 1, 3, 4)
	leaky := compute(t, []int{1, 4}, in, func(b *lower.Builder, x lower.Value) (lower.Value, error) {
		return b.Sigmoid(b.LeakyRelu(x, 0.1)), nil
	})
	near(t, leaky, 0.37754067, 0.47502081, 0.450166, 0.31002552)
}

func TestReshapeReadsChannelsLast(t *testing.T) {
	in := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	got := compute(t, []int{1, 2, 2, 2}, in, func(b *lower.Builder, x lower.Value) (lower.Value, error) {
		x, err := b.Conv(x, 2, 1, []float32{1, 0, 0, 1}, nil, window(1, 1, false), lower.NoActivation)
		if err != nil {
			return x, err
		}
		return b.Reshape(x, []int{1, -1, 4})
	})
	near(t, got, in...)
}

func TestImpossibleShapesAreRefused(t *testing.T) {
	b := lower.New("test", false)
	x, err := b.Input("x", []int{1, 4, 4, 2})
	if err != nil {
		t.Fatal(err)
	}
	_, errs := b.Input("y", []int{1, 1 << 20, 1 << 20})
	check := []error{errs}
	add := func(_ lower.Value, err error) { check = append(check, err) }
	add(b.Conv(x, 1, 1, []float32{1}, nil, window(3, 1, false), 0))
	add(b.Conv(x, 1, 3, make([]float32, 9), nil, window(3, 1, false), 0))
	add(b.Conv(x, 1, 1, make([]float32, 18), []float32{1, 2}, window(3, 1, false), 0))
	add(b.Conv(x, 1, 1, make([]float32, 50), nil, window(5, 1, false), 0))
	add(b.MaxPool(x, window(0, 1, false)))
	add(b.Transpose(x, []int{0, 1, 1, 2}))
	add(b.Reshape(x, []int{1, 3, -1}))
	add(b.Reshape(x, []int{1, 31}))
	add(b.Concat([]lower.Value{x, {Shape: []int{1, 2}}}, 1))
	add(b.Add(x, lower.Value{Shape: []int{1, 4, 4, 3}}, 0))
	add(b.AddVector(x, []float32{1}, 0))
	add(b.Resize(x, 0, 4))
	add(b.Pad(x, [][2]int{{0, -1}, {0, 0}, {0, 0}, {0, 0}}, 0))
	if _, err := b.Split(x, 3, []int{1, 2}); err == nil {
		t.Error("a split that does not add up was taken")
	}
	for i, err := range check {
		if err == nil {
			t.Errorf("case %d was taken", i)
		}
	}
}
