package infer

import (
	"context"
	"fmt"
	"math"
	"slices"

	"jiexun/api/edgev1"
	"jiexun/api/modelv1"
	"jiexun/edge-agent/internal/analytic"
)

// Verifier judges what a change is. It satisfies analytic.Verifier.
type Verifier struct {
	net *network
	// at maps the planes refR … mask to channels of the input.
	at [7]int
	// order maps the judgements thing … nothing to outputs.
	order   [6]int
	softmax bool
}

var _ analytic.Verifier = (*Verifier)(nil)

// Verifier gives the installed verifier of that name.
func (r *Runtime) Verifier(name string) (*Verifier, error) {
	n, err := r.loadHead(name, modelv1.HeadVerifier)
	if err != nil {
		return nil, err
	}
	v := &Verifier{net: n, softmax: n.m.Outputs[holding(&n.m, "judgement")].Activation == "softmax"}
	for i, p := range modelv1.VerifierPlanes() {
		v.at[i] = slices.Index(n.m.Input.Planes, p)
	}
	for i, l := range modelv1.Judgements() {
		v.order[i] = slices.Index(n.m.Labels, l)
	}
	return v, nil
}

// Ref names the network in observations and evidence.
func (v *Verifier) Ref() edgev1.ModelRef { return v.net.ref }

// Judge gives the probabilities for one pair of crops. The three pictures of
// the look must have the network's size.
func (v *Verifier) Judge(ctx context.Context, l analytic.Look) (analytic.Judgement, error) {
	in := &v.net.m.Input
	w, h := in.Width, in.Height
	if l.Reference == nil || l.Current == nil || l.Mask == nil ||
		l.Reference.W != w || l.Reference.H != h || l.Current.W != w || l.Current.H != h || l.Mask.W != w || l.Mask.H != h ||
		len(l.Reference.Pix) != w*h*3 || len(l.Current.Pix) != w*h*3 || len(l.Mask.Pix) != w*h {
		return analytic.Judgement{}, fmt.Errorf("judge a change: reference, current and mask must be %dx%d", w, h)
	}
	buf := v.net.buffer(w * h * 7)
	for k, c := range v.at {
		v.plane(*buf, k, c, l)
	}
	shape := []int{7, h, w}
	if in.Layout == "NHWC" {
		shape = []int{h, w, 7}
	}
	out, err := v.net.run(ctx, buf, shape...)
	if err != nil {
		return analytic.Judgement{}, err
	}
	p := out[holding(&v.net.m, "judgement")].data
	if len(p) != len(v.order) {
		return analytic.Judgement{}, fmt.Errorf("judge a change: the network answered with %d numbers", len(p))
	}
	q := v.probabilities(p)
	return analytic.Judgement{Thing: q[0], Removed: q[1], Person: q[2], Vehicle: q[3], Light: q[4], Nothing: q[5]}, nil
}

// plane writes plane k of the look into channel c of the input.
func (v *Verifier) plane(dst []float32, k, c int, l analytic.Look) {
	in := &v.net.m.Input
	mul, add := float32(in.Scale/in.Std[c]), float32(-in.Mean[c]/in.Std[c])
	src, step, from := l.Mask.Pix, 1, 0
	switch {
	case k < 3:
		src, step, from = l.Reference.Pix, 3, k
	case k < 6:
		src, step, from = l.Current.Pix, 3, k-3
	}
	at, pixel := c*in.Width*in.Height, 1
	if in.Layout == "NHWC" {
		at, pixel = c, 7
	}
	for i := from; i < len(src); i += step {
		dst[at] = float32(src[i])*mul + add
		at += pixel
	}
}

func (v *Verifier) probabilities(p []float32) [6]float64 {
	var q [6]float64
	for i, o := range v.order {
		q[i] = float64(p[o])
	}
	if !v.softmax {
		return q
	}
	top := slices.Max(q[:])
	sum := 0.0
	for i := range q {
		q[i] = math.Exp(q[i] - top)
		sum += q[i]
	}
	for i := range q {
		q[i] /= sum
	}
	return q
}
