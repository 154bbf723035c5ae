package still

import (
	"jiexun/api/edgev1"
)

// shape is a set of pixels at working size within a box. The box may reach
// over the picture's border after the view was moved.
type shape struct {
	x, y, w, h int
	area       int
	m          []byte // w*h, 0 or 1
}

// has tells whether the picture's pixel belongs to the shape.
func (s *shape) has(x, y int) bool {
	x, y = x-s.x, y-s.y
	return x >= 0 && y >= 0 && x < s.w && y < s.h && s.m[y*s.w+x] != 0
}

// each calls f for the shape's pixels inside a w x h picture with the index
// in the picture and in the shape.
func (s *shape) each(w, h int, f func(i, k int)) {
	for y := max(0, -s.y); y < s.h && s.y+y < h; y++ {
		for x := max(0, -s.x); x < s.w && s.x+x < w; x++ {
			if k := y*s.w + x; s.m[k] != 0 {
				f((s.y+y)*w+s.x+x, k)
			}
		}
	}
}

// paint sets the shape's pixels, grown by r in both directions.
func (s *shape) paint(p []byte, w, h, r int) {
	s.each(w, h, func(i, _ int) {
		x, y := i%w, i/w
		for yy := max(y-r, 0); yy <= min(y+r, h-1); yy++ {
			for xx := max(x-r, 0); xx <= min(x+r, w-1); xx++ {
				p[yy*w+xx] = 1
			}
		}
	})
}

// join is the union of two shapes.
func (s *shape) join(o *shape) shape {
	x0, y0 := min(s.x, o.x), min(s.y, o.y)
	x1, y1 := max(s.x+s.w, o.x+o.w), max(s.y+s.h, o.y+o.h)
	u := shape{x: x0, y: y0, w: x1 - x0, h: y1 - y0}
	u.m = make([]byte, u.w*u.h)
	for _, p := range []*shape{s, o} {
		for y := range p.h {
			for x := range p.w {
				if p.m[y*p.w+x] != 0 {
					u.m[(p.y+y-y0)*u.w+p.x+x-x0] = 1
				}
			}
		}
	}
	u.count()
	return u
}

func (s *shape) count() {
	s.area = 0
	for _, v := range s.m {
		s.area += int(v)
	}
}

// overlap counts the pixels that both have.
func (s *shape) overlap(o *shape) int {
	n := 0
	for y := max(s.y, o.y); y < min(s.y+s.h, o.y+o.h); y++ {
		for x := max(s.x, o.x); x < min(s.x+s.w, o.x+o.w); x++ {
			n += int(s.m[(y-s.y)*s.w+x-s.x] & o.m[(y-o.y)*o.w+x-o.x])
		}
	}
	return n
}

// near tells whether the boxes touch when grown by r.
func (s *shape) near(o *shape, r int) bool {
	return s.x-r < o.x+o.w && o.x-r < s.x+s.w && s.y-r < o.y+o.h && o.y-r < s.y+s.h
}

// touches tells whether pixels of both lie within r of each other.
func (s *shape) touches(o *shape, r int) bool {
	for y := range o.h {
		for x := range o.w {
			if o.m[y*o.w+x] == 0 {
				continue
			}
			px, py := o.x+x, o.y+y
			for d := 1; d <= r; d++ {
				if s.has(px-d, py) || s.has(px+d, py) || s.has(px, py-d) || s.has(px, py+d) {
					return true
				}
			}
		}
	}
	return false
}

// tight is the same pixels in the least box.
func (s *shape) tight() shape {
	x0, y0, x1, y1 := s.w, s.h, 0, 0
	for y := range s.h {
		for x := range s.w {
			if s.m[y*s.w+x] != 0 {
				x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x+1), max(y1, y+1)
			}
		}
	}
	if x1 <= x0 {
		return *s
	}
	t := shape{x: s.x + x0, y: s.y + y0, w: x1 - x0, h: y1 - y0, area: s.area}
	t.m = make([]byte, 0, t.w*t.h)
	for y := y0; y < y1; y++ {
		t.m = append(t.m, s.m[y*s.w+x0:y*s.w+x1]...)
	}
	return t
}

// box is the normalised rectangle around the shape.
func (s *shape) box(w, h int) edgev1.Box {
	x0, y0 := max(s.x, 0), max(s.y, 0)
	x1, y1 := min(s.x+s.w, w), min(s.y+s.h, h)
	if x1 <= x0 || y1 <= y0 {
		return edgev1.Box{}
	}
	fw, fh := float64(w), float64(h)
	return edgev1.Box{X: float64(x0) / fw, Y: float64(y0) / fh, W: float64(x1-x0) / fw, H: float64(y1-y0) / fh}
}

// footRows is how many of the lowest rows are the foot.
func (s *shape) footRows() int { return max(2, s.h/6) }

// foot is the middle of the lowest part.
func (s *shape) foot(w, h int) edgev1.Point {
	sx, n := 0, 0
	for y := max(0, s.h-s.footRows()); y < s.h; y++ {
		for x := range s.w {
			if s.m[y*s.w+x] != 0 {
				sx += s.x + x
				n++
			}
		}
	}
	if n == 0 {
		return edgev1.Point{}
	}
	return edgev1.Point{X: (float64(sx)/float64(n) + 0.5) / float64(w), Y: min(1, float64(s.y+s.h)/float64(h))}
}

// regionMap is a region drawn at working size.
type regionMap struct {
	r  Region
	in []byte
}

// rasterise draws the polygon with the even-odd rule at pixel centres.
func rasterise(r Region, w, h int) regionMap {
	m := regionMap{r: r, in: make([]byte, w*h)}
	for y := range h {
		py := (float64(y) + 0.5) / float64(h)
		for x := range w {
			if inside(r.Polygon, (float64(x)+0.5)/float64(w), py) {
				m.in[y*w+x] = 1
			}
		}
	}
	return m
}

func inside(p []edgev1.Point, x, y float64) bool {
	in := false
	for i, j := 0, len(p)-1; i < len(p); j, i = i, i+1 {
		a, b := p[i], p[j]
		if (a.Y > y) != (b.Y > y) && x < (b.X-a.X)*(y-a.Y)/(b.Y-a.Y)+a.X {
			in = !in
		}
	}
	return in
}

// takes tells whether the shape counts in the region: most of its foot stands
// there, or with Share, some of its foot and that share of its box.
func (m *regionMap) takes(s *shape, w, h int) bool {
	if float64(s.area) < m.r.MinArea*float64(w*h) {
		return false
	}
	top := s.h - s.footRows()
	in, n := 0, 0
	s.each(w, h, func(i, k int) {
		if k/s.w >= top {
			in += int(m.in[i])
			n++
		}
	})
	if m.r.Share <= 0 {
		return n > 0 && 2*in >= n
	}
	if n == 0 || 4*in < n {
		return false
	}
	in, n = 0, 0
	for y := max(s.y, 0); y < min(s.y+s.h, h); y++ {
		for x := max(s.x, 0); x < min(s.x+s.w, w); x++ {
			in += int(m.in[y*w+x])
			n++
		}
	}
	return float64(in) >= m.r.Share*float64(n)
}

// Inside tells whether a point lies in a polygon, by the even-odd rule.
func Inside(p []edgev1.Point, at edgev1.Point) bool { return inside(p, at.X, at.Y) }
