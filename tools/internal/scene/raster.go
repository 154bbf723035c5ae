package scene

import (
	"image"
	"math"

	"golang.org/x/image/vector"
)

// colour is straight RGB, 0..1.
type colour struct{ r, g, b float32 }

func (c colour) mul(k float32) colour { return colour{c.r * k, c.g * k, c.b * k} }

func (c colour) mix(d colour, t float32) colour {
	return colour{c.r + (d.r-c.r)*t, c.g + (d.g-c.g)*t, c.b + (d.b-c.b)*t}
}

func rgb(v uint32) colour {
	return colour{float32(v>>16&255) / 255, float32(v>>8&255) / 255, float32(v&255) / 255}
}

// raster is a picture with premultiplied alpha in floating point. It is where
// things are drawn before they become sprites.
type raster struct {
	w, h int
	p    []float32 // r, g, b, a
}

func newRaster(w, h int) *raster {
	w, h = max(w, 1), max(h, 1)
	return &raster{w: w, h: h, p: make([]float32, w*h*4)}
}

// over puts a colour with coverage a over pixel (x, y).
func (r *raster) over(x, y int, c colour, a float32) {
	if x < 0 || y < 0 || x >= r.w || y >= r.h || a <= 0 {
		return
	}
	q := r.p[(y*r.w+x)*4:][:4]
	k := 1 - a
	q[0], q[1], q[2], q[3] = q[0]*k+c.r*a, q[1]*k+c.g*a, q[2]*k+c.b*a, q[3]*k+a
}

// shader gives colour and coverage at texture place (u, v).
type shader func(u, v float64) (colour, float32)

func flat(c colour) shader { return func(_, _ float64) (colour, float32) { return c, 1 } }

// fillRect paints the pixels of a rectangle; u and v run 0..1 over it.
func (r *raster) fillRect(x, y, w, h float64, s shader) {
	x0, y0 := int(math.Floor(x)), int(math.Floor(y))
	x1, y1 := int(math.Ceil(x+w)), int(math.Ceil(y+h))
	for py := max(0, y0); py < min(r.h, y1); py++ {
		cy := math.Min(float64(py+1), y+h) - math.Max(float64(py), y)
		for px := max(0, x0); px < min(r.w, x1); px++ {
			cx := math.Min(float64(px+1), x+w) - math.Max(float64(px), x)
			c, a := s((float64(px)+.5-x)/w, (float64(py)+.5-y)/h)
			r.over(px, py, c, a*float32(clamp(cx*cy, 0, 1)))
		}
	}
}

// fillPoly paints a polygon with anti-aliased edges; the shader gets pixels.
func (r *raster) fillPoly(pts []vec2, s shader) {
	if len(pts) < 3 {
		return
	}
	lo, hi := pts[0], pts[0]
	for _, p := range pts {
		lo = vec2{math.Min(lo.x, p.x), math.Min(lo.y, p.y)}
		hi = vec2{math.Max(hi.x, p.x), math.Max(hi.y, p.y)}
	}
	x0, y0 := max(0, int(lo.x)-1), max(0, int(lo.y)-1)
	x1, y1 := min(r.w, int(hi.x)+2), min(r.h, int(hi.y)+2)
	if x1 <= x0 || y1 <= y0 {
		return
	}
	z := vector.NewRasterizer(x1-x0, y1-y0)
	for i, p := range pts {
		fx, fy := float32(p.x-float64(x0)), float32(p.y-float64(y0))
		if i == 0 {
			z.MoveTo(fx, fy)
		} else {
			z.LineTo(fx, fy)
		}
	}
	z.ClosePath()
	mask := image.NewAlpha(image.Rect(0, 0, x1-x0, y1-y0))
	z.Draw(mask, mask.Bounds(), image.Opaque, image.Point{})
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			if m := mask.Pix[(y-y0)*mask.Stride+x-x0]; m > 0 {
				c, a := s(float64(x)+.5, float64(y)+.5)
				r.over(x, y, c, a*float32(m)/255)
			}
		}
	}
}

// fillQuad paints a quadrilateral whose corners are (0,0),(1,0),(1,1),(0,1)
// of the shader's square, with perspective.
func (r *raster) fillQuad(q [4]vec2, s shader) {
	h := squareTo(q)
	inv := h.inverse()
	r.fillPoly(q[:], func(x, y float64) (colour, float32) {
		t := inv.apply(vec2{x, y})
		return s(clamp(t.x, 0, 1), clamp(t.y, 0, 1))
	})
}

// fillEllipse paints an ellipse; u and v run -1..1 over it.
func (r *raster) fillEllipse(c vec2, rx, ry float64, s shader) {
	const n = 40
	pts := make([]vec2, n)
	for i := range pts {
		sn, cs := math.Sincos(2 * math.Pi * float64(i) / n)
		pts[i] = vec2{c.x + rx*cs, c.y + ry*sn}
	}
	r.fillPoly(pts, func(x, y float64) (colour, float32) { return s((x-c.x)/rx, (y-c.y)/ry) })
}

// line paints a stroke of the given width.
func (r *raster) line(a, b vec2, width float64, s shader) {
	d := b.sub(a)
	l := d.len()
	if l == 0 {
		return
	}
	n := vec2{-d.y, d.x}.mul(width / 2 / l)
	r.fillPoly([]vec2{a.add(n), b.add(n), b.sub(n), a.sub(n)}, s)
}

// sample reads the raster bilinearly at pixel place (x, y), premultiplied.
func (r *raster) sample(x, y float64) (colour, float32) {
	x, y = clamp(x-.5, 0, float64(r.w-1)), clamp(y-.5, 0, float64(r.h-1))
	ix, iy := int(x), int(y)
	fx, fy := float32(x-float64(ix)), float32(y-float64(iy))
	ix1, iy1 := min(ix+1, r.w-1), min(iy+1, r.h-1)
	a, b := r.p[(iy*r.w+ix)*4:][:4], r.p[(iy*r.w+ix1)*4:][:4]
	c, d := r.p[(iy1*r.w+ix)*4:][:4], r.p[(iy1*r.w+ix1)*4:][:4]
	var o [4]float32
	for i := range o {
		top := a[i] + (b[i]-a[i])*fx
		o[i] = top + (c[i]+(d[i]-c[i])*fx-top)*fy
	}
	return colour{o[0], o[1], o[2]}, o[3]
}

// shader answers the raster as a texture of the unit square.
func (r *raster) shader(light float32) shader {
	return func(u, v float64) (colour, float32) {
		c, a := r.sample(u*float64(r.w), v*float64(r.h))
		if a > 0 {
			c = c.mul(light / a)
		}
		return c, a
	}
}

// shrink averages k x k pixels into one.
func (r *raster) shrink(k int) *raster {
	if k == 1 {
		return r
	}
	o := newRaster(r.w/k, r.h/k)
	n := 1 / float32(k*k)
	for y := range o.h {
		for x := range o.w {
			var s [4]float32
			for j := range k {
				row := r.p[((y*k+j)*r.w+x*k)*4:]
				for i := range k {
					for c := range 4 {
						s[c] += row[i*4+c]
					}
				}
			}
			for c := range 4 {
				o.p[(y*o.w+x)*4+c] = s[c] * n
			}
		}
	}
	return o
}

// blur is a Gaussian of the given sigma in pixels, in place.
func (r *raster) blur(sigma float64) {
	if sigma < 0.2 {
		return
	}
	rad := int(math.Ceil(sigma * 2.5))
	k := make([]float32, 2*rad+1)
	var sum float32
	for i := range k {
		d := float64(i - rad)
		k[i] = float32(math.Exp(-d * d / (2 * sigma * sigma)))
		sum += k[i]
	}
	for i := range k {
		k[i] /= sum
	}
	tmp := make([]float32, len(r.p))
	pass := func(dst, src []float32, n, m, stepN, stepM int) {
		for j := range m {
			for i := range n {
				var s [4]float32
				for t, w := range k {
					q := src[j*stepM+min(max(i+t-rad, 0), n-1)*stepN:][:4]
					for c := range 4 {
						s[c] += q[c] * w
					}
				}
				copy(dst[j*stepM+i*stepN:][:4], s[:])
			}
		}
	}
	pass(tmp, r.p, r.w, r.h, 4, r.w*4)
	pass(r.p, tmp, r.h, r.w, r.w*4, 4)
}
