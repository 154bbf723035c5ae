package still

import (
	"math"
	"time"

	"jiexun/edge-agent/internal/pixel"
)

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

// bestShift finds the shift of profile b against a, and the correlation there
// and at no shift. A profile is the strength of edges along columns or rows; a
// shift of the scene shows in it as a shift.
func bestShift(a, b []uint32) (shift int, best, zero float32) {
	m := min(shiftMax, len(a)/4)
	n := len(a) - 2*m
	var room [2*shiftMax + 1]int64
	dots := room[:2*m+1]
	pixel.Correlations(dots, a, b, m)
	// The sums of b's window follow from the window before.
	var sa, saa, sb, sbb float64
	for i, v := range a[m : m+n] {
		p, q := float64(v), float64(b[i])
		sa, saa, sb, sbb = sa+p, saa+p*p, sb+q, sbb+q*q
	}
	va := saa - sa*sa/float64(n)
	best = -2
	for s := -m; s <= m; s++ {
		vb := sbb - sb*sb/float64(n)
		if va <= 0 || vb <= 0 {
			return 0, 0, 0
		}
		c := float32((float64(dots[s+m]) - sa*sb/float64(n)) / math.Sqrt(va*vb))
		if s == 0 {
			zero = c
		}
		if c > best {
			best, shift = c, s
		}
		if s < m {
			out, in := float64(b[m+s]), float64(b[m+s+n])
			sb, sbb = sb+in-out, sbb+in*in-out*out
		}
	}
	return shift, best, zero
}

// checkShift reports whether the view is off. A view that stays off by the
// same small step is followed: reference and things move along and the scene
// is learned anew around them.
func (e *Engine) checkShift(at time.Time) bool {
	k := &e.work
	ref, now := k.profA, k.profB
	pixel.EdgesAcross(ref, e.ref.y8, e.w, e.h)
	pixel.EdgesAcross(now, e.norm.y, e.w, e.h)
	dx, bx, zx := bestShift(ref[:e.w], now[:e.w])
	pixel.EdgesDown(ref, e.ref.y8, e.w, e.h)
	pixel.EdgesDown(now, e.norm.y, e.w, e.h)
	dy, by, zy := bestShift(ref[:e.h], now[:e.h])
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
