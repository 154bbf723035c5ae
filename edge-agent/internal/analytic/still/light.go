package still

import (
	"slices"
	"time"

	"jiexun/edge-agent/internal/pixel"
)

// block is the side of the squares over which brightness is compared.
const block = 16

// light is how the current picture's exposure differs from the reference's:
// a plane of factors that bring the current luma to the reference, in 4096ths
// (a at the upper left, bx and by per 256 pixels), and chroma offsets.
type light struct {
	a, bx, by  int32
	offU, offV int32
	gain       float64 // current over reference, in the middle
}

// inv is the factor at a pixel, in 4096ths.
func (l *light) inv(x, y int) int32 {
	return min(max(l.a+(l.bx*int32(x)+l.by*int32(y))>>8, 400), 40960)
}

// at is the opposite of inv: reference to current.
func (l *light) at(x, y int) int32 { return (4096 * 4096) / l.inv(x, y) }

type sample struct{ x, y, r, wt float64 }

// fitLight compares blocks of the picture with the reference and fits a plane
// of factors that outliers (things, people, shadows) do not bend.
func (e *Engine) fitLight() light {
	s := e.work.samples[:0]
	sums := e.work.blocks
	pixel.Blocks(sums, e.cur.y, e.ref.y8, e.acc, e.w, e.h, block)
	for i := range len(sums) / 3 {
		c, r, n := sums[3*i], sums[3*i+1], sums[3*i+2]
		if n >= block*block/6 {
			s = append(s, sample{
				x: float64(i%(e.w/block)*block) + block/2, y: float64(i/(e.w/block)*block) + block/2,
				r: float64(r+3*n) / float64(c+3*n), wt: 1,
			})
		}
	}
	e.work.samples = s
	if len(s) < 8 {
		return light{a: 4096, gain: 1}
	}
	return e.fitChroma(fitPlane(s, e.w, e.h, e.work.ratios[:0]))
}

// fitPlane is a least-squares plane with weights that fall with the residual,
// started at the median. Its slope is bounded, because a strong slope is a
// shadow and not an exposure.
func fitPlane(s []sample, w, h int, buf []float64) light {
	for _, v := range s {
		buf = append(buf, v.r)
	}
	slices.Sort(buf)
	med := buf[len(buf)/2]
	cx, cy := float64(w)/2, float64(h)/2
	a, b, c := med, 0.0, 0.0
	for range 4 {
		var sw, sx, sy, sr, sxx, syy, sxy, sxr, syr float64
		for _, v := range s {
			x, y := (v.x-cx)/cx, (v.y-cy)/cy
			d := (v.r - a - b*x - c*y) / (0.06 * med)
			k := 1 / (1 + d*d*d*d)
			sw, sx, sy, sr = sw+k, sx+k*x, sy+k*y, sr+k*v.r
			sxx, syy, sxy = sxx+k*x*x, syy+k*y*y, sxy+k*x*y
			sxr, syr = sxr+k*x*v.r, syr+k*y*v.r
		}
		if sw < 4 {
			break
		}
		// Ridge on the slopes keeps the fit calm where few blocks count.
		sxx, syy = sxx+0.05*sw, syy+0.05*sw
		det := sw*(sxx*syy-sxy*sxy) - sx*(sx*syy-sxy*sy) + sy*(sx*sxy-sxx*sy)
		if det < 1e-6 {
			break
		}
		a = (sr*(sxx*syy-sxy*sxy) - sx*(sxr*syy-sxy*syr) + sy*(sxr*sxy-sxx*syr)) / det
		b = (sw*(sxr*syy-sxy*syr) - sr*(sx*syy-sxy*sy) + sy*(sx*syr-sxr*sy)) / det
		c = (sw*(sxx*syr-sxr*sxy) - sx*(sx*syr-sxr*sy) + sr*(sx*sxy-sxx*sy)) / det
		lim := 0.3 * med
		b, c = min(max(b, -lim), lim), min(max(c, -lim), lim)
	}
	if a < 0.05 || a > 20 {
		a, b, c = med, 0, 0
	}
	return light{
		a: int32((a - b - c) * 4096), bx: int32(b / cx * 4096 * 256), by: int32(c / cy * 4096 * 256),
		gain: 1 / max(a, 0.05),
	}
}

// fitChroma adds the white balance: the median difference of each channel.
func (e *Engine) fitChroma(l light) light {
	var hu, hv [512]int32
	n := int32(0)
	g := l.inv(e.w/2, e.h/2)
	for y := 0; y < e.ch; y += 2 {
		for x := 0; x < e.cw; x += 2 {
			c := y*e.cw + x
			if e.acc[min(2*y, e.h-1)*e.w+min(2*x, e.w-1)] != 0 {
				continue
			}
			hu[256+min(max((int32(e.cur.u[c])-128)*g>>12+128-int32(e.ref.u[c]>>8), -255), 255)]++
			hv[256+min(max((int32(e.cur.v[c])-128)*g>>12+128-int32(e.ref.v[c]>>8), -255), 255)]++
			n++
		}
	}
	mid := func(h *[512]int32) int32 {
		var s int32
		for i, k := range h {
			if s += k; s*2 >= n {
				return min(max(int32(i)-256, -20), 20)
			}
		}
		return 0
	}
	if n > 0 {
		l.offU, l.offV = mid(&hu), mid(&hv)
	}
	return l
}

// normalise brings the current picture into the reference's light.
func (e *Engine) normalise() {
	l := &e.light
	pixel.Gain(e.norm.y, e.cur.y, e.w, e.h, l.a, l.bx, l.by)
	g := l.inv(e.w/2, e.h/2)
	pixel.GainHue(e.norm.u, e.cur.u, g, l.offU)
	pixel.GainHue(e.norm.v, e.cur.v, g, l.offV)
}

// frozenState remembers the last picture that differed.
type frozenState struct {
	prev  []byte
	since time.Time
}

// gate refuses pictures that cannot be judged at all.
func (e *Engine) gate(at time.Time) string {
	f := &e.frozen
	fresh := len(f.prev) != len(e.cur.y)
	if fresh {
		f.prev = make([]byte, len(e.cur.y))
	}
	bright, black, differ := pixel.Gate(e.cur.y, f.prev)
	n := len(e.cur.y)
	if fresh || differ*5000 >= n {
		f.since = at
	}
	switch {
	case bright*100 > 35*n:
		return ReasonSaturated
	case black*100 > 80*n:
		return ReasonDark
	case at.Sub(f.since) >= 2*time.Second:
		return ReasonFrozen
	}
	return ""
}
