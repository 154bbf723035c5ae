package still

import "time"

const (
	shiftMax    = 24              // pixels at working size that a shift is searched over
	shiftSettle = 4 * time.Second // a new view must stay for this long
	fullAfter   = 15 * time.Second
)

// shiftState follows a suspected move of the camera.
type shiftState struct {
	since  time.Time
	dx, dy int
}

// profile sums the strength of edges along lines; dir 0 gives one value per
// column, dir 1 one per row. The local mean is taken off.
func profile(out []float32, p []byte, w, h, dir int) []float32 {
	n := w
	if dir == 1 {
		n = h
	}
	raw := out[:n]
	clear(raw)
	for y := 1; y < h-1; y += 2 {
		if dir == 0 {
			row := p[y*w : (y+1)*w]
			sum, left, right := raw[1:w-1], row[:w-2], row[2:]
			for x := range sum {
				d := int32(right[x]) - int32(left[x])
				sum[x] += float32(max(d, -d))
			}
			continue
		}
		up, down := p[(y-1)*w:y*w], p[(y+1)*w:(y+2)*w]
		var s int32
		for x := 0; x < w; x += 2 {
			d := int32(up[x]) - int32(down[x])
			s += max(d, -d)
		}
		raw[y] = float32(s)
		if y+1 < h-1 {
			raw[y+1] = float32(s)
		}
	}
	return raw
}

// bestShift finds the shift of b against a, and the correlation there and at
// no shift.
func bestShift(a, b []float32) (shift int, best, zero float32) {
	m := min(shiftMax, len(a)/4)
	best = -2
	for s := -m; s <= m; s++ {
		var sa, sb, saa, sbb, sab, n float32
		for i := m; i < len(a)-m; i++ {
			p, q := a[i], b[i+s]
			sa, sb, saa, sbb, sab, n = sa+p, sb+q, saa+p*p, sbb+q*q, sab+p*q, n+1
		}
		va, vb := saa-sa*sa/n, sbb-sb*sb/n
		if va <= 0 || vb <= 0 {
			return 0, 0, 0
		}
		c := (sab - sa*sb/n) / sqrt32(va*vb)
		if s == 0 {
			zero = c
		}
		if c > best {
			best, shift = c, s
		}
	}
	return shift, best, zero
}

// checkShift reports whether the view is off. A view that stays off by the
// same small step is followed: reference and things move along and the scene
// is learned anew around them.
func (e *Engine) checkShift(at time.Time) bool {
	k := &e.work
	dx, bx, zx := bestShift(profile(k.profA, e.ref.y8, e.w, e.h, 0), profile(k.profB, e.norm.y, e.w, e.h, 0))
	dy, by, zy := bestShift(profile(k.profA, e.ref.y8, e.w, e.h, 1), profile(k.profB, e.norm.y, e.w, e.h, 1))
	off := func(d int, best, zero float32) bool {
		return (d > 1 || d < -1) && best > 0.6 && best > zero+0.12
	}
	offX, offY := off(dx, bx, zx), off(dy, by, zy)
	if !offX {
		dx = 0
	}
	if !offY {
		dy = 0
	}
	s := &e.moved
	if !offX && !offY {
		*s = shiftState{}
		return false
	}
	if s.since.IsZero() || abs(s.dx-dx) > 1 || abs(s.dy-dy) > 1 {
		*s = shiftState{since: at, dx: dx, dy: dy}
		return true
	}
	if at.Sub(s.since) >= shiftSettle {
		e.translate(dx, dy)
		e.relearn(true)
	}
	return true
}

// checkFull refuses pictures in which too much differs from the reference and
// learns the scene anew when that lasts.
func (e *Engine) checkFull(at time.Time, fg float64) bool {
	if fg <= 0.35 {
		e.fullAt = time.Time{}
		return false
	}
	if e.fullAt.IsZero() {
		e.fullAt = at
	}
	if at.Sub(e.fullAt) >= fullAfter {
		e.relearn(true)
	}
	return true
}

// relearn goes back to collecting the empty scene.
func (e *Engine) relearn(keep bool) {
	e.ready = false
	e.boot = bootstrap{keep: keep}
}

// translate moves the reference and the things with the view.
func (e *Engine) translate(dx, dy int) {
	move(e.ref.y, e.w, e.h, dx, dy)
	move(e.ref.dev, e.w, e.h, dx, dy)
	move(e.ref.u, e.cw, e.ch, dx/2, dy/2)
	move(e.ref.v, e.cw, e.ch, dx/2, dy/2)
	for i, v := range e.ref.y {
		e.ref.y8[i] = byte(v >> 8)
	}
	bx, by := dx*e.bw/e.w, dy*e.bh/e.h
	move(e.big.y, e.bw, e.bh, bx, by)
	move(e.big.u, e.big.cw, e.big.ch, bx/2, by/2)
	move(e.big.v, e.big.cw, e.big.ch, bx/2, by/2)
	for _, t := range e.tracks {
		t.shape.x += dx
		t.shape.y += dy
	}
}

// move shifts a plane; what comes in at the border repeats the border.
func move[T any](p []T, w, h, dx, dy int) {
	q := make([]T, len(p))
	for y := range h {
		sy := min(max(y-dy, 0), h-1)
		for x := range w {
			q[y*w+x] = p[sy*w+min(max(x-dx, 0), w-1)]
		}
	}
	copy(p, q)
}

func abs(a int) int {
	if a < 0 {
		return -a
	}
	return a
}
