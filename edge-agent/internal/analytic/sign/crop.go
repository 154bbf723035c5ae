package sign

import (
	"math"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/picture"
)

// plate is where a sign lies in a picture: the four corners of its zone when
// the zone is a convex quadrilateral, else the zone's bounding rectangle.
type plate struct {
	q    quad
	poly []pt // the zone itself, in pixels
	w, h int  // size of the compared crop without its search margin
}

// plateOf scales the zone to a picture of w x h pixels.
func plateOf(zone []edgev1.Point, w, h int, c PictureConfig) plate {
	p := plate{poly: make([]pt, len(zone))}
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for i, z := range zone {
		q := pt{z.X * float64(w), z.Y * float64(h)}
		p.poly[i] = q
		x0, x1 = min(x0, q.x), max(x1, q.x)
		y0, y1 = min(y0, q.y), max(y1, q.y)
	}
	p.q = quad{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}}
	if len(zone) == 4 {
		if q := ordered([4]pt(p.poly)); q.convex() {
			p.q = q
		}
	}
	side, pw, ph := float64(c.Side), max(p.q.width(), 1), max(p.q.height(), 1)
	p.w, p.h = int(side), int(math.Round(side*ph/pw))
	if ph > pw {
		p.w, p.h = int(math.Round(side*pw/ph)), int(side)
	}
	p.w, p.h = max(p.w, 24), max(p.h, 24)
	return p
}

// gray cuts the plate and its search margin out of a picture as luma
// stretched to 0..255, upright and at the compared size.
func (p plate) gray(src *picture.YUV, margin int) *picture.Gray {
	w, h := p.w+2*margin, p.h+2*margin
	out := picture.NewGray(w, h)
	pr := project(p.q)
	// Average over as many source pixels as one crop pixel covers.
	n := min(max(int(math.Round(max(p.q.width()/float64(p.w), p.q.height()/float64(p.h)))), 1), 6)
	lut := lumaTable(src.FullRange)
	for y := range h {
		for x := range w {
			s := 0
			for sy := range n {
				for sx := range n {
					u := (float64(x-margin) + (float64(sx)+0.5)/float64(n)) / float64(p.w)
					v := (float64(y-margin) + (float64(sy)+0.5)/float64(n)) / float64(p.h)
					at := pr.at(u, v)
					if n > 1 {
						px, py := min(max(int(at.x), 0), src.W-1), min(max(int(at.y), 0), src.H-1)
						s += int(src.Y[py*src.YStride+px]) << 8
						continue
					}
					s += lumaAt(src, at.x-0.5, at.y-0.5)
				}
			}
			out.Pix[y*w+x] = lut[min(max((s/(n*n)+128)>>8, 0), 255)]
		}
	}
	return out
}

// lumaAt is the bilinear luma times 256.
func lumaAt(src *picture.YUV, x, y float64) int {
	x, y = min(max(x, 0), float64(src.W-1)), min(max(y, 0), float64(src.H-1))
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, src.W-1), min(y0+1, src.H-1)
	fx, fy := int((x-float64(x0))*256), int((y-float64(y0))*256)
	r0, r1 := src.Y[y0*src.YStride:], src.Y[y1*src.YStride:]
	a := int(r0[x0])*(256-fx) + int(r0[x1])*fx
	b := int(r1[x0])*(256-fx) + int(r1[x1])*fx
	return (a*(256-fy) + b*fy) >> 8
}

func lumaTable(full bool) (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if !full {
			t[i] = byte(min(max((i-16)*255/219, 0), 255))
		}
	}
	return t
}

// light is how a crop is lit.
type light string

const (
	lit     light = "lit"
	dark    light = "dark"
	glaring light = "glare"
)

func lightOf(g *picture.Gray, margin int, c PictureConfig) light {
	var hist [256]int
	n, sum := 0, 0
	for y := margin; y < g.H-margin; y++ {
		for x := margin; x < g.W-margin; x++ {
			v := g.Pix[y*g.W+x]
			hist[v]++
			sum += int(v)
			n++
		}
	}
	if n == 0 {
		return dark
	}
	burnt := hist[252] + hist[253] + hist[254] + hist[255]
	mean, p95, below := float64(sum)/float64(n), 0, 0
	for p95 < 255 && float64(below+hist[p95]) < 0.95*float64(n) {
		below += hist[p95]
		p95++
	}
	switch {
	case mean < c.DarkMean && float64(p95) < c.DarkP95:
		return dark
	case float64(burnt)/float64(n) > c.GlareShare:
		return glaring
	}
	return lit
}

// blends tells whether the plate looks like the wall around it: then a sign
// that cannot be found was taken away; otherwise something lies over it.
func (p plate) blends(src *picture.YUV, c PictureConfig) bool {
	pr := project(p.q)
	const nx, ny = 96, 48 // dense, so that bricks and slats average out
	var in, out look
	lut := lumaTable(src.FullRange)
	for j := -ny / 3; j < ny+ny/3; j++ {
		for i := -nx / 8; i < nx+nx/8; i++ {
			at := pr.at((float64(i)+0.5)/nx, (float64(j)+0.5)/ny)
			x, y := int(at.x), int(at.y)
			if x < 0 || y < 0 || x >= src.W || y >= src.H {
				continue
			}
			l := &in
			if i < 0 || j < 0 || i >= nx || j >= ny {
				l = &out
			}
			l.add(lut[src.Y[y*src.YStride+x]], src.U[y/2*src.CStride+x/2], src.V[y/2*src.CStride+x/2])
		}
	}
	if in.n == 0 || out.n < 20 {
		return false
	}
	dy, du, dv := math.Abs(in.y()-out.y()), math.Abs(in.u()-out.u()), math.Abs(in.v()-out.v())
	return dy <= c.BlendLuma && du <= c.BlendChroma && dv <= c.BlendChroma && in.dev() <= 1.5*out.dev()+8
}

// look is the mean colour of some samples.
type look struct{ n, sy, syy, su, sv float64 }

func (l *look) add(y, u, v byte) {
	l.n++
	l.sy += float64(y)
	l.syy += float64(y) * float64(y)
	l.su += float64(u)
	l.sv += float64(v)
}
func (l *look) y() float64   { return l.sy / l.n }
func (l *look) u() float64   { return l.su / l.n }
func (l *look) v() float64   { return l.sv / l.n }
func (l *look) dev() float64 { return math.Sqrt(max(l.syy/l.n-l.y()*l.y(), 0)) }
