package sign

import (
	"cmp"
	"math"
	"slices"

	"jiexun/edge-agent/internal/picture"
)

// pt is a place in pixels.
type pt struct{ x, y float64 }

func (p pt) sub(q pt) pt        { return pt{p.x - q.x, p.y - q.y} }
func (p pt) dist(q pt) float64  { return math.Hypot(p.x-q.x, p.y-q.y) }
func (p pt) cross(q pt) float64 { return p.x*q.y - p.y*q.x }
func mid(p, q pt) pt            { return pt{(p.x + q.x) / 2, (p.y + q.y) / 2} }

// quad is four corners: top left, top right, bottom right, bottom left as
// seen by a reader of the text.
type quad [4]pt

func (q quad) width() float64  { return (q[0].dist(q[1]) + q[3].dist(q[2])) / 2 }
func (q quad) height() float64 { return (q[0].dist(q[3]) + q[1].dist(q[2])) / 2 }
func (q quad) center() pt      { return mid(mid(q[0], q[2]), mid(q[1], q[3])) }

// ordered puts four corners of any convex order into reading order.
func ordered(c [4]pt) quad {
	m := mid(mid(c[0], c[2]), mid(c[1], c[3]))
	s := c[:]
	slices.SortFunc(s, func(a, b pt) int {
		return cmp.Compare(math.Atan2(a.y-m.y, a.x-m.x), math.Atan2(b.y-m.y, b.x-m.x))
	})
	first, best := 0, math.Inf(1)
	for i, p := range s {
		if v := p.x + p.y; v < best {
			first, best = i, v
		}
	}
	return quad{s[first], s[(first+1)%4], s[(first+2)%4], s[(first+3)%4]}
}

// convex tells whether the four corners go round in one direction and hold
// some area.
func (q quad) convex() bool {
	for i := range 4 {
		if q[(i+1)%4].sub(q[i]).cross(q[(i+2)%4].sub(q[(i+1)%4])) <= 1e-6 {
			return false
		}
	}
	return true
}

// projection maps the unit square onto a quad, keeping straight lines
// straight: (0,0) goes to the first corner, (1,0) to the second.
type projection struct{ a, b, c, d, e, f, g, h float64 }

func project(q quad) projection {
	sx := q[0].x - q[1].x + q[2].x - q[3].x
	sy := q[0].y - q[1].y + q[2].y - q[3].y
	d1, d2 := q[1].sub(q[2]), q[3].sub(q[2])
	var g, h float64
	if den := d1.cross(d2); math.Abs(den) > 1e-9 {
		g = (sx*d2.y - d2.x*sy) / den
		h = (d1.x*sy - sx*d1.y) / den
	}
	return projection{
		a: q[1].x - q[0].x + g*q[1].x, b: q[3].x - q[0].x + h*q[3].x, c: q[0].x,
		d: q[1].y - q[0].y + g*q[1].y, e: q[3].y - q[0].y + h*q[3].y, f: q[0].y,
		g: g, h: h,
	}
}

func (p projection) at(u, v float64) pt {
	w := p.g*u + p.h*v + 1
	if math.Abs(w) < 1e-6 {
		w = 1e-6
	}
	return pt{(p.a*u + p.b*v + p.c) / w, (p.d*u + p.e*v + p.f) / w}
}

// lift copies the quad out of a picture, upright, bilinear.
func lift(src *picture.RGB, q quad, w, h int) *picture.RGB {
	out := picture.NewRGB(w, h)
	if src.W == 0 || src.H == 0 {
		return out
	}
	p := project(q)
	i := 0
	for y := range h {
		for x := range w {
			s := p.at((float64(x)+0.5)/float64(w), (float64(y)+0.5)/float64(h))
			bilinear(src, s.x-0.5, s.y-0.5, out.Pix[i:i+3])
			i += 3
		}
	}
	return out
}

func bilinear(src *picture.RGB, x, y float64, out []byte) {
	x, y = min(max(x, 0), float64(src.W-1)), min(max(y, 0), float64(src.H-1))
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, src.W-1), min(y0+1, src.H-1)
	fx, fy := x-float64(x0), y-float64(y0)
	for c := range 3 {
		a := float64(src.Pix[(y0*src.W+x0)*3+c])
		b := float64(src.Pix[(y0*src.W+x1)*3+c])
		d := float64(src.Pix[(y1*src.W+x0)*3+c])
		e := float64(src.Pix[(y1*src.W+x1)*3+c])
		out[c] = byte((a*(1-fx)+b*fx)*(1-fy) + (d*(1-fx)+e*fx)*fy + 0.5)
	}
}

// scaled resizes a picture; it averages when it shrinks.
func scaled(src *picture.RGB, w, h int) *picture.RGB {
	if w == src.W && h == src.H {
		return src
	}
	fw, fh := float64(src.W), float64(src.H)
	if w*2 <= src.W || h*2 <= src.H {
		return shrunk(src, w, h)
	}
	return lift(src, quad{{0, 0}, {fw, 0}, {fw, fh}, {0, fh}}, w, h)
}

func shrunk(src *picture.RGB, w, h int) *picture.RGB {
	out := picture.NewRGB(w, h)
	for y := range h {
		y0, y1 := y*src.H/h, max((y+1)*src.H/h, y*src.H/h+1)
		for x := range w {
			x0, x1 := x*src.W/w, max((x+1)*src.W/w, x*src.W/w+1)
			var s [3]int
			for yy := y0; yy < y1; yy++ {
				for i := (yy*src.W + x0) * 3; i < (yy*src.W+x1)*3; i += 3 {
					s[0] += int(src.Pix[i])
					s[1] += int(src.Pix[i+1])
					s[2] += int(src.Pix[i+2])
				}
			}
			n := (y1 - y0) * (x1 - x0)
			for c := range 3 {
				out.Pix[(y*w+x)*3+c] = byte((s[c] + n/2) / n)
			}
		}
	}
	return out
}

// minRect is the rectangle of least area around the points, corners in
// order around it; ok is false for fewer than three points off one line.
func minRect(points []pt) (r [4]pt, ok bool) {
	hull := convexHull(points)
	if len(hull) < 3 {
		return r, false
	}
	best := math.Inf(1)
	for i, a := range hull {
		b := hull[(i+1)%len(hull)]
		l := a.dist(b)
		if l < 1e-9 {
			continue
		}
		ux, uy := (b.x-a.x)/l, (b.y-a.y)/l
		minU, maxU, minV, maxV := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
		for _, p := range hull {
			u, v := p.x*ux+p.y*uy, -p.x*uy+p.y*ux
			minU, maxU = min(minU, u), max(maxU, u)
			minV, maxV = min(minV, v), max(maxV, v)
		}
		if area := (maxU - minU) * (maxV - minV); area < best {
			best = area
			at := func(u, v float64) pt { return pt{u*ux - v*uy, u*uy + v*ux} }
			r = [4]pt{at(minU, minV), at(maxU, minV), at(maxU, maxV), at(minU, maxV)}
		}
	}
	return r, !math.IsInf(best, 1)
}

func convexHull(ps []pt) []pt {
	ps = slices.Clone(ps)
	slices.SortFunc(ps, func(a, b pt) int {
		if c := cmp.Compare(a.x, b.x); c != 0 {
			return c
		}
		return cmp.Compare(a.y, b.y)
	})
	ps = slices.Compact(ps)
	if len(ps) < 3 {
		return ps
	}
	half := func(seq []pt) []pt {
		var h []pt
		for _, p := range seq {
			for len(h) >= 2 && h[len(h)-1].sub(h[len(h)-2]).cross(p.sub(h[len(h)-2])) <= 0 {
				h = h[:len(h)-1]
			}
			h = append(h, p)
		}
		return h[:len(h)-1]
	}
	lower := half(ps)
	slices.Reverse(ps)
	return append(lower, half(ps)...)
}
