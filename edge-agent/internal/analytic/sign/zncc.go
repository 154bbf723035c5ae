package sign

import (
	"cmp"
	"math"
	"slices"

	"jiexun/edge-agent/internal/picture"
)

// similarity is the best zero-mean normalised correlation of the reference's
// inside with the current crop over all shifts up to the margin. Both crops
// carry that margin on each side and have one size, otherwise the answer is
// 0. Gain and offset of the light fall out. It searches at half size first
// and refines the best three places.
func similarity(ref, cur *picture.Gray, margin int) float64 {
	if ref == nil || cur == nil || ref.W != cur.W || ref.H != cur.H || ref.W <= 2*margin || ref.H <= 2*margin {
		return 0
	}
	full := newMatcher(ref, cur, margin)
	if margin < 4 {
		return full.scan(0, 0, margin)
	}
	half := newMatcher(halved(ref), halved(cur), margin/2)
	best := math.Inf(-1)
	for _, f := range half.places() {
		best = max(best, full.scan(f.dx*2, f.dy*2, 1))
	}
	return best
}

// fit is the correlation at one shift.
type fit struct {
	dx, dy int
	v      float64
}

// matcher compares one reference with one crop at any shift.
type matcher struct {
	t      template
	s      sums
	cur    *picture.Gray
	margin int
}

func newMatcher(ref, cur *picture.Gray, margin int) matcher {
	return matcher{newTemplate(ref, margin), newSums(cur), cur, margin}
}

// places gives the three best shifts, best first, without neighbours of
// better ones.
func (m matcher) places() []fit {
	var all []fit
	for dy := -m.margin; dy <= m.margin; dy++ {
		for dx := -m.margin; dx <= m.margin; dx++ {
			all = append(all, fit{dx, dy, m.t.at(m.cur, m.s, m.margin+dx, m.margin+dy)})
		}
	}
	slices.SortFunc(all, func(a, b fit) int { return cmp.Compare(b.v, a.v) })
	var out []fit
	for _, f := range all {
		near := slices.ContainsFunc(out, func(o fit) bool { return abs(o.dx-f.dx) <= 1 && abs(o.dy-f.dy) <= 1 })
		if !near {
			out = append(out, f)
		}
		if len(out) == 3 {
			break
		}
	}
	return out
}

// scan is the best correlation at the shifts within r of (cx, cy).
func (m matcher) scan(cx, cy, r int) float64 {
	best := math.Inf(-1)
	for dy := max(cy-r, -m.margin); dy <= min(cy+r, m.margin); dy++ {
		for dx := max(cx-r, -m.margin); dx <= min(cx+r, m.margin); dx++ {
			best = max(best, m.t.at(m.cur, m.s, m.margin+dx, m.margin+dy))
		}
	}
	return best
}

func abs(v int) int {
	if v < 0 {
		return -v
	}
	return v
}

// template is the inside of the reference with its sums.
type template struct {
	w, h     int
	pix      []byte
	sum, dev float64 // dev is n·Σt² − (Σt)²
}

func newTemplate(g *picture.Gray, margin int) template {
	t := template{w: g.W - 2*margin, h: g.H - 2*margin}
	t.pix = make([]byte, 0, t.w*t.h)
	sq := 0.0
	for y := range t.h {
		row := g.Pix[(y+margin)*g.W+margin:][:t.w]
		t.pix = append(t.pix, row...)
		for _, v := range row {
			t.sum += float64(v)
			sq += float64(v) * float64(v)
		}
	}
	t.dev = float64(t.w*t.h)*sq - t.sum*t.sum
	return t
}

// sums are integral images of a crop and of its squares.
type sums struct {
	w    int
	s, q []int64
}

func newSums(g *picture.Gray) sums {
	w := g.W + 1
	out := sums{w: w, s: make([]int64, w*(g.H+1)), q: make([]int64, w*(g.H+1))}
	for y := range g.H {
		var rs, rq int64
		for x := range g.W {
			v := int64(g.Pix[y*g.W+x])
			rs += v
			rq += v * v
			i := (y+1)*w + x + 1
			out.s[i], out.q[i] = out.s[i-w]+rs, out.q[i-w]+rq
		}
	}
	return out
}

func (s sums) window(x, y, w, h int) (sum, sq float64) {
	a, b, c, d := y*s.w+x, y*s.w+x+w, (y+h)*s.w+x, (y+h)*s.w+x+w
	return float64(s.s[d] - s.s[b] - s.s[c] + s.s[a]), float64(s.q[d] - s.q[b] - s.q[c] + s.q[a])
}

// at is the correlation with the window whose corner is (x, y). A flat side
// has none.
func (t template) at(cur *picture.Gray, s sums, x, y int) float64 {
	n := float64(t.w * t.h)
	sum, sq := s.window(x, y, t.w, t.h)
	dev := n*sq - sum*sum
	const flat = 2.0 // grey levels of deviation under which nothing is seen
	if least := n * n * flat * flat; t.dev < least || dev < least {
		return 0
	}
	var dot int64
	for j := range t.h {
		a := t.pix[j*t.w:][:t.w]
		b := cur.Pix[(y+j)*cur.W+x:][:t.w]
		var row int32
		for i, v := range a {
			row += int32(v) * int32(b[i])
		}
		dot += int64(row)
	}
	return (n*float64(dot) - t.sum*sum) / math.Sqrt(t.dev*dev)
}

func halved(g *picture.Gray) *picture.Gray {
	o := picture.NewGray(g.W/2, g.H/2)
	for y := range o.H {
		for x := range o.W {
			i := 2*y*g.W + 2*x
			o.Pix[y*o.W+x] = byte((int(g.Pix[i]) + int(g.Pix[i+1]) + int(g.Pix[i+g.W]) + int(g.Pix[i+g.W+1]) + 2) / 4)
		}
	}
	return o
}

// bothFlat tells that two crops show plain surfaces of about the same
// brightness, for which there is no correlation.
func bothFlat(a, b *picture.Gray, margin int) bool {
	if a == nil || b == nil || a.W <= 2*margin || b.W <= 2*margin {
		return false
	}
	ma, da := spread(a, margin)
	mb, db := spread(b, margin)
	const texture, step = 8, 12 // grey levels
	return da < texture && db < texture && math.Abs(ma-mb) < step
}

func spread(g *picture.Gray, margin int) (mean, dev float64) {
	s, q, n := 0.0, 0.0, 1e-9
	for y := margin; y < g.H-margin; y++ {
		for _, v := range g.Pix[y*g.W+margin : (y+1)*g.W-margin] {
			s += float64(v)
			q += float64(v) * float64(v)
			n++
		}
	}
	mean = s / n
	return mean, math.Sqrt(max(q/n-mean*mean, 0))
}

// resampled brings a crop to another size: a reference may come from a
// picture of another resolution, whose rounding differs by a pixel.
func resampled(g *picture.Gray, w, h int) *picture.Gray {
	if g.W == w && g.H == h || g.W < 1 || g.H < 1 {
		return g
	}
	o := picture.NewGray(w, h)
	for y := range h {
		sy := min(max((float64(y)+0.5)*float64(g.H)/float64(h)-0.5, 0), float64(g.H-1))
		y0 := int(sy)
		y1, fy := min(y0+1, g.H-1), sy-float64(y0)
		for x := range w {
			sx := min(max((float64(x)+0.5)*float64(g.W)/float64(w)-0.5, 0), float64(g.W-1))
			x0 := int(sx)
			x1, fx := min(x0+1, g.W-1), sx-float64(x0)
			a := float64(g.Pix[y0*g.W+x0])*(1-fx) + float64(g.Pix[y0*g.W+x1])*fx
			b := float64(g.Pix[y1*g.W+x0])*(1-fx) + float64(g.Pix[y1*g.W+x1])*fx
			o.Pix[y*w+x] = byte(a*(1-fy) + b*fy + 0.5)
		}
	}
	return o
}
