package still

import (
	"encoding/binary"
	"math"
	"time"

	"jiexun/edge-agent/internal/analytic"
)

// blobs groups the pixels that have been still for long enough and belong to
// no confirmed thing; fragments that lie close together form one.
func (e *Engine) blobs() []shape {
	k, w, h := &e.work, e.w, e.h
	grown := k.raw // its content is used up by now
	any := false
	clear(k.label)
	for _, t := range e.tracks {
		if t.verdict == accepted && !t.orphan && t.state != analytic.Gone {
			t.shape.each(w, h, func(i, _ int) { k.label[i] = 1 })
		}
	}
	const born = uint16(bornAfter / (10 * time.Millisecond))
	clear(grown)
	for i := 0; i < len(grown); i++ {
		for i+8 <= len(grown) && binary.LittleEndian.Uint64(k.change[i:]) == 0 {
			i += 8
		}
		if i < len(grown) && k.change[i] != 0 && k.label[i] == 0 && e.acc[i] >= born {
			grown[i], any = 1, true
		}
	}
	if !any {
		return nil
	}
	core := k.hold
	copy(core, grown)
	spread(grown, k.spread, w, h, joinPx)
	clear(k.label)
	var out []shape
	next := int32(0)
	for i, g := range grown {
		if g == 0 || k.label[i] != 0 {
			continue
		}
		next++
		if s, ok := e.flood(i, next, core, grown); ok {
			out = append(out, s)
		}
	}
	return out
}

// flood labels one connected group and returns its own pixels as a shape.
func (e *Engine) flood(seed int, mark int32, core, grown []byte) (shape, bool) {
	k, w, h := &e.work, e.w, e.h
	q := append(k.queue[:0], int32(seed))
	k.label[seed] = mark
	x0, y0, x1, y1, n := w, h, 0, 0, 0
	for head := 0; head < len(q); head++ {
		i := int(q[head])
		x, y := i%w, i/w
		if core[i] != 0 {
			x0, y0, x1, y1, n = min(x0, x), min(y0, y), max(x1, x+1), max(y1, y+1), n+1
		}
		for _, d := range [4][2]int{{-1, 0}, {1, 0}, {0, -1}, {0, 1}} {
			xx, yy := x+d[0], y+d[1]
			if xx < 0 || yy < 0 || xx >= w || yy >= h {
				continue
			}
			if j := yy*w + xx; grown[j] != 0 && k.label[j] == 0 {
				k.label[j] = mark
				q = append(q, int32(j))
			}
		}
	}
	k.queue = q[:0]
	if n < leastPixels || x1-x0 < 3 || y1-y0 < 3 {
		return shape{}, false
	}
	s := shape{x: x0, y: y0, w: x1 - x0, h: y1 - y0, area: n, m: make([]byte, (x1-x0)*(y1-y0))}
	for _, p := range q[:len(q):len(q)] {
		if i := int(p); core[i] != 0 {
			s.m[(i/w-y0)*s.w+i%w-x0] = 1
		}
	}
	return s, true
}

func sqrt64(v float64) float64 { return math.Sqrt(v) }
