package event

import (
	"math"

	"jiexun/api/edgev1"
)

// inside tells whether p lies in the polygon (even-odd rule); fewer than
// three corners hold nothing.
func inside(poly []edgev1.Point, p edgev1.Point) bool {
	in := false
	for i, j := 0, len(poly)-1; i < len(poly) && len(poly) > 2; j, i = i, i+1 {
		a, b := poly[i], poly[j]
		if (a.Y > p.Y) != (b.Y > p.Y) && p.X < (b.X-a.X)*(p.Y-a.Y)/(b.Y-a.Y)+a.X {
			in = !in
		}
	}
	return in
}

// foot is where a thing stands: the middle of its lower edge.
func foot(b edgev1.Box) edgev1.Point { return edgev1.Point{X: b.X + b.W/2, Y: b.Y + b.H*0.98} }

func iou(a, b edgev1.Box) float64 {
	w := math.Min(a.X+a.W, b.X+b.W) - math.Max(a.X, b.X)
	h := math.Min(a.Y+a.H, b.Y+b.H) - math.Max(a.Y, b.Y)
	if w <= 0 || h <= 0 {
		return 0
	}
	u := a.W*a.H + b.W*b.H - w*h
	if u <= 0 {
		return 0
	}
	return w * h / u
}

// unit forces an outside number into 0..1; what is not a number becomes 0.
func unit(v float64) float64 {
	if !(v > 0) {
		return 0
	}
	return math.Min(v, 1)
}

// clean forces a box into the frame.
func clean(b edgev1.Box) edgev1.Box {
	b.X, b.Y = unit(b.X), unit(b.Y)
	b.W, b.H = math.Min(unit(b.W), 1-b.X), math.Min(unit(b.H), 1-b.Y)
	return b
}
