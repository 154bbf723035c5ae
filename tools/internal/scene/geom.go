package scene

import "math"

// vec2 is a place in a picture (pixels) or on a flat texture.
type vec2 struct{ x, y float64 }

func (a vec2) add(b vec2) vec2             { return vec2{a.x + b.x, a.y + b.y} }
func (a vec2) sub(b vec2) vec2             { return vec2{a.x - b.x, a.y - b.y} }
func (a vec2) mul(k float64) vec2          { return vec2{a.x * k, a.y * k} }
func (a vec2) len() float64                { return math.Hypot(a.x, a.y) }
func (a vec2) lerp(b vec2, t float64) vec2 { return vec2{a.x + (b.x-a.x)*t, a.y + (b.y-a.y)*t} }

// vec3 is a place in the street in metres: x to the right, y up from the
// ground, z away from the camera.
type vec3 struct{ x, y, z float64 }

// The background clip's camera, measured from the size of people at known
// rows: a pinhole 8 m above the ground, looking down by 29 degrees.
const (
	clipW, clipH = 768, 576
	camHeight    = 8.0
	camFocal     = 900.0
)

var camTilt = math.Atan(0.5544)

// projectClip answers where a place in the street is in the clip's picture.
func projectClip(p vec3) vec2 {
	s, c := math.Sincos(camTilt)
	dy := camHeight - p.y
	zc := p.z*c + dy*s
	yc := dy*c - p.z*s
	return vec2{clipW/2 + camFocal*p.x/zc, clipH/2 + camFocal*yc/zc}
}

// groundAt answers the place on the ground that is seen at a pixel of the
// clip's picture, which must be below the horizon.
func groundAt(q vec2) vec3 {
	s, c := math.Sincos(camTilt)
	u, v := (q.x-clipW/2)/camFocal, (q.y-clipH/2)/camFocal
	// The ray is (u, -(v*c+s), c-v*s) in street axes.
	down := v*c + s
	t := camHeight / down
	return vec3{u * t, 0, (c - v*s) * t}
}

// view is the window of the clip that a camera shows, and its output size.
type view struct {
	crop   rect // in pixels of the clip
	w, h   int  // output size
	mirror bool
}

type rect struct{ x, y, w, h float64 }

func (v *view) scale() float64 { return float64(v.w) / v.crop.w }

// fromClip maps a pixel of the clip to the output.
func (v *view) fromClip(q vec2) vec2 {
	x := (q.x - v.crop.x) * float64(v.w) / v.crop.w
	if v.mirror {
		x = float64(v.w) - x
	}
	return vec2{x, (q.y - v.crop.y) * float64(v.h) / v.crop.h}
}

// toClip is the inverse of fromClip.
func (v *view) toClip(q vec2) vec2 {
	x := q.x
	if v.mirror {
		x = float64(v.w) - x
	}
	return vec2{x*v.crop.w/float64(v.w) + v.crop.x, q.y*v.crop.h/float64(v.h) + v.crop.y}
}

func (v *view) project(p vec3) vec2 { return v.fromClip(projectClip(p)) }

// metre is the height in output pixels of something one metre high that
// stands at p.
func (v *view) metre(p vec3) float64 {
	return v.project(p).sub(v.project(vec3{p.x, p.y + 1, p.z})).len()
}

// homography maps the unit square to a quadrilateral or back.
type homography [9]float64

func (h *homography) apply(p vec2) vec2 {
	w := h[6]*p.x + h[7]*p.y + h[8]
	return vec2{(h[0]*p.x + h[1]*p.y + h[2]) / w, (h[3]*p.x + h[4]*p.y + h[5]) / w}
}

// squareTo maps (0,0),(1,0),(1,1),(0,1) to the four corners in order.
func squareTo(q [4]vec2) homography {
	d1, d2 := q[1].sub(q[2]), q[3].sub(q[2])
	s := q[0].sub(q[1]).add(q[2]).sub(q[3])
	den := d1.x*d2.y - d2.x*d1.y
	if math.Abs(den) < 1e-12 {
		den = 1e-12
	}
	g := (s.x*d2.y - d2.x*s.y) / den
	h := (d1.x*s.y - s.x*d1.y) / den
	return homography{
		q[1].x - q[0].x + g*q[1].x, q[3].x - q[0].x + h*q[3].x, q[0].x,
		q[1].y - q[0].y + g*q[1].y, q[3].y - q[0].y + h*q[3].y, q[0].y,
		g, h, 1,
	}
}

// inverse uses the adjugate; a homography's scale does not matter.
func (h *homography) inverse() homography {
	return homography{
		h[4]*h[8] - h[5]*h[7], h[2]*h[7] - h[1]*h[8], h[1]*h[5] - h[2]*h[4],
		h[5]*h[6] - h[3]*h[8], h[0]*h[8] - h[2]*h[6], h[2]*h[3] - h[0]*h[5],
		h[3]*h[7] - h[4]*h[6], h[1]*h[6] - h[0]*h[7], h[0]*h[4] - h[1]*h[3],
	}
}

func clamp(v, lo, hi float64) float64 { return math.Max(lo, math.Min(hi, v)) }

func smooth(v float64) float64 {
	v = clamp(v, 0, 1)
	return v * v * (3 - 2*v)
}
