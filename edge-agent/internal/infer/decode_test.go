package infer

import (
	"math"
	"testing"

	"jiexun/api/edgev1"
	"jiexun/api/modelv1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/picture"
)

func pictureInput(layout, fit string, planes ...string) *modelv1.Input {
	return &modelv1.Input{
		Layout: layout, Planes: planes, Scale: 1, Fit: fit, Pad: 114,
		Mean: []float64{0, 0, 0}, Std: []float64{1, 1, 1},
	}
}

func TestSamplerPlacesColours(t *testing.T) {
	p := picture.NewRGB(8, 4)
	for i := range 32 {
		copy(p.Pix[i*3:], []byte{10, 20, 30})
	}
	in := pictureInput("NCHW", "letterbox", "B", "G", "R")
	in.Mean, in.Std = []float64{30, 20, 0}, []float64{1, 2, 5}
	s := newSampler(in, 4, 4)
	dst := make([]float32, s.size())
	f, err := s.rgb(dst, p)
	if err != nil || f.stretchX != 1 || f.stretchY != 2 {
		t.Fatalf("fit %+v, %v", f, err)
	}
	// The upper half is the picture, the lower half grey 114.
	for plane, want := range [3][2]float32{{0, 84}, {0, 47}, {2, 22.8}} {
		for i := range 16 {
			if got := dst[plane*16+i]; math.Abs(float64(got-want[i/8])) > 1e-4 {
				t.Fatalf("plane %d pixel %d is %g, not %g", plane, i, got, want[i/8])
			}
		}
	}
}

func TestSamplerScalesLinearly(t *testing.T) {
	p := picture.NewRGB(2, 1)
	p.Pix[3] = 200
	s := newSampler(pictureInput("NHWC", "stretch", "R", "G", "B"), 4, 1)
	dst := make([]float32, s.size())
	if _, err := s.rgb(dst, p); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float32{0, 50, 150, 200} {
		if math.Abs(float64(dst[i*3]-want)) > 1 {
			t.Errorf("column %d is %g, not %g", i, dst[i*3], want)
		}
	}
}

func TestShrinkingKeepsThinLines(t *testing.T) {
	// One bright column of 1 in 8; scaled to an eighth, its light must remain.
	p := picture.NewRGB(64, 64)
	for i := range 64 * 64 {
		if i%8 == 3 {
			p.Pix[i*3] = 240
		}
	}
	s := newSampler(pictureInput("NHWC", "stretch", "R", "G", "B"), 8, 8)
	dst := make([]float32, s.size())
	if _, err := s.rgb(dst, p); err != nil {
		t.Fatal(err)
	}
	for i := range 64 {
		if v := dst[i*3]; math.Abs(float64(v-30)) > 3 {
			t.Fatalf("pixel %d is %g, not near 30", i, v)
		}
	}
}

func TestPlanarAndPackedPicturesGiveTheSameInput(t *testing.T) {
	for _, full := range []bool{false, true} {
		yuv := picture.NewYUV(65, 47)
		yuv.FullRange = full
		for i := range yuv.Y {
			yuv.Y[i] = byte(60 + 40*(math.Sin(float64(i%65)/9)+math.Cos(float64(i/65)/7)+1.2))
		}
		for i := range yuv.U {
			yuv.U[i], yuv.V[i] = 110, 150
		}
		s := newSampler(pictureInput("NCHW", "letterbox", "R", "G", "B"), 48, 48)
		a, b := make([]float32, s.size()), make([]float32, s.size())
		fa, err := s.yuv(a, yuv)
		if err != nil {
			t.Fatal(err)
		}
		fb, err := s.rgb(b, yuv.ToRGB(yuv.Full()))
		if err != nil || fa != fb {
			t.Fatalf("%+v, %+v, %v", fa, fb, err)
		}
		for i := range a {
			if math.Abs(float64(a[i]-b[i])) > 3 {
				t.Fatalf("full range %v: value %d is %g from planes, %g from packed", full, i, a[i], b[i])
			}
		}
	}
	bad := picture.NewYUV(16, 16)
	bad.U = bad.U[:3]
	s := newSampler(pictureInput("NCHW", "stretch", "R", "G", "B"), 8, 8)
	if _, err := s.yuv(make([]float32, s.size()), bad); err == nil {
		t.Error("a picture with short planes was taken")
	}
}

func TestSSDAnchorsAndCoding(t *testing.T) {
	a := ssdAnchors()
	if len(a) != 1917 {
		t.Fatalf("%d anchors", len(a))
	}
	last := a[1916]
	if last.cx != 0.5 || last.cy != 0.5 || math.Abs(float64(last.w)-math.Sqrt(0.95)) > 1e-5 {
		t.Errorf("last anchor %+v", last)
	}
	s := &ssd{boxes: 0, scores: 1, classes: 2, scorer: scorer{sigmoid: true}, anchors: a}
	boxes := tensor{[]int64{1917, 4}, make([]float32, 1917*4)}
	scores := tensor{[]int64{1917, 3}, make([]float32, 1917*3)}
	for i := range scores.data {
		scores.data[i] = -10
	}
	scores.data[1916*3] = 9 // background never counts
	scores.data[1916*3+2] = 2
	boxes.data[1916*4] = 1                            // a tenth of the height down
	boxes.data[1916*4+2] = float32(5 * math.Log(0.5)) // half as high
	got, err := s.decode([]tensor{boxes, scores}, 0.3)
	if err != nil || len(got) != 1 || got[0].class != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	h := float64(last.h)
	for what, d := range map[string]float64{
		"score": float64(got[0].score) - 0.880797, "height": float64(got[0].y1-got[0].y0) - h/2,
		"centre": float64(got[0].y1+got[0].y0)/2 - (0.5 + h/10), "width": float64(got[0].x1-got[0].x0) - float64(last.w),
	} {
		if math.Abs(d) > 1e-4 {
			t.Errorf("%s is off by %g: %+v", what, d, got[0])
		}
	}
	if _, err := s.decode([]tensor{boxes, {shape: []int64{3}}}, 0.3); err == nil {
		t.Error("outputs of another shape were taken")
	}
}

func TestNanoDetDistances(t *testing.T) {
	m := &modelv1.Manifest{Labels: []string{"a", "b", "c"}, Input: modelv1.Input{Width: 64, Height: 32}, Outputs: []modelv1.Output{
		{Holds: "scores", Activation: "none", Stride: 16}, {Holds: "boxes", Stride: 16},
	}}
	n, err := newNanoDet(m)
	if err != nil {
		t.Fatal(err)
	}
	scores := tensor{[]int64{8, 3}, make([]float32, 24)}
	boxes := tensor{[]int64{8, 32}, make([]float32, 256)}
	scores.data[6*3+1] = 0.8 // cell 6: column 2, row 1, centre (40, 24)
	for side, bin := range []int{1, 0, 2, 1} {
		boxes.data[6*32+side*8+bin] = 50 // certain
	}
	got, err := n.decode([]tensor{scores, boxes}, 0.5)
	want := rawBox{1, 0.8, 24.0 / 64, 24.0 / 32, 72.0 / 64, 40.0 / 32}
	if err != nil || len(got) != 1 || got[0] != want {
		t.Fatalf("%+v instead of %+v, %v", got, want, err)
	}
	if mean([]float32{0, 0, 0, 0, 0}) != 2 {
		t.Error("an even distribution has not the middle as its mean")
	}
	if _, err := n.decode([]tensor{scores, {shape: []int64{8, 3}, data: make([]float32, 24)}}, 0.5); err == nil {
		t.Error("outputs of another shape were taken")
	}
	m.Outputs[1].Stride = 8
	if _, err := newNanoDet(m); err == nil {
		t.Error("a level without boxes was taken")
	}
}

func TestYOLOXCells(t *testing.T) {
	y := newYOLOX(&modelv1.Manifest{Labels: []string{"a", "b"}, Input: modelv1.Input{Width: 64, Height: 64}})
	rows := 64 + 16 + 4
	o := tensor{[]int64{int64(rows), 7}, make([]float32, rows*7)}
	// Second grid (stride 16), cell 5: column 1, row 1.
	copy(o.data[(64+5)*7:], []float32{0.5, 0.25, float32(math.Log(2)), 0, 0.9, 0.1, 0.8})
	got, err := y.decode([]tensor{o}, 0.5)
	if err != nil || len(got) != 1 || got[0].class != 1 || math.Abs(float64(got[0].score)-0.72) > 1e-5 {
		t.Fatalf("%+v, %v", got, err)
	}
	b := got[0]
	for i, d := range []float32{b.x0*64 - 8, b.x1*64 - 40, b.y0*64 - 12, b.y1*64 - 28} {
		if math.Abs(float64(d)) > 1e-3 {
			t.Errorf("side %d is off by %g: %+v", i, d, b)
		}
	}
	if _, err := y.decode([]tensor{{shape: []int64{5, 7}}}, 0.5); err == nil {
		t.Error("predictions of another shape were taken")
	}
}

func TestOverlapsLabelsAndEdges(t *testing.T) {
	d := &Detector{classes: []analytic.Class{analytic.Vehicle, analytic.Vehicle, analytic.Person, ""}, overlap: 0.5}
	nan := float32(math.NaN())
	got := d.objects([]rawBox{
		{0, 0.6, 0.10, 0.10, 0.50, 0.25},
		{1, 0.9, 0.11, 0.10, 0.51, 0.25}, // the same thing under another label
		{2, 0.5, 0.10, 0.10, 0.50, 0.25}, // another class at the same place
		{3, 0.9, 0.60, 0.10, 0.70, 0.20}, // a dropped label
		{0, 0.7, 0.80, 0.20, 1.40, 0.90}, // beyond the edge and in the padding
		{0, 0.7, nan, 0.1, 0.2, 0.2},
		{0, 0.7, 1.2, 0.1, 1.4, 0.2},
		{7, 0.7, 0.1, 0.1, 0.2, 0.2},
	}, fit{1, 2})
	want := []analytic.Object{
		{Class: analytic.Vehicle, Score: 0.9, Box: edgev1.Box{X: 0.11, Y: 0.2, W: 0.4, H: 0.3}},
		{Class: analytic.Vehicle, Score: 0.7, Box: edgev1.Box{X: 0.8, Y: 0.4, W: 0.2, H: 0.6}},
		{Class: analytic.Person, Score: 0.5, Box: edgev1.Box{X: 0.1, Y: 0.2, W: 0.4, H: 0.3}},
	}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i].Class != want[i].Class || math.Abs(got[i].Score-want[i].Score) > 1e-6 || iou(got[i].Box, want[i].Box) < 0.999 {
			t.Errorf("object %d is %+v, not %+v", i, got[i], want[i])
		}
	}
}

func TestSoftmaxFollowsTheOrderOfTheLabels(t *testing.T) {
	v := &Verifier{order: [6]int{1, 0, 2, 3, 4, 5}, softmax: true}
	q := v.probabilities([]float32{0, 1000, 0, 0, 0, 0})
	if q[0] != 1 || q[1] != 0 {
		t.Errorf("probabilities %v", q)
	}
	sum := 0.0
	for _, p := range v.probabilities([]float32{1, 2, 3, 4, 5, 6}) {
		sum += p
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Errorf("they add up to %g", sum)
	}
}

func TestAlphabetPutsBlankAndSpace(t *testing.T) {
	a := alphabet([]byte("一\r\n二\n"))
	if len(a) != 4 || a[0] != "" || a[1] != "一" || a[2] != "二" || a[3] != " " {
		t.Errorf("%q", a)
	}
}
