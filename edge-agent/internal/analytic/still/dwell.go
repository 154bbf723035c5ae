package still

import (
	"encoding/binary"
	"time"
)

const (
	stillAge   = 1500 * time.Millisecond // still means: as it was this long ago
	stillLeast = 1100 * time.Millisecond
	stillLuma  = 14
	sameLuma   = 26              // a pixel that differs less shows the same thing
	accMost    = 6000            // 60 s
	flicker    = 300             // 3 s, what is left of it when the reference shows again
	bornAfter  = 2 * time.Second // stillness from which pixels form a candidate
	histGap    = 180 * time.Millisecond
	histKeep   = 4 * time.Second
)

// past is an earlier picture in the reference's light, with what had changed.
type past struct {
	at     time.Time
	y      []byte
	change []byte
}

// earlier picks the picture that is closest to stillAge old.
func (e *Engine) earlier(at time.Time) *past {
	var best *past
	for i := range e.hist {
		p := &e.hist[i]
		if at.Sub(p.at) < stillLeast {
			continue
		}
		if best == nil || distance(at.Sub(p.at), stillAge) < distance(at.Sub(best.at), stillAge) {
			best = p
		}
	}
	return best
}

func distance(a, b time.Duration) time.Duration { return max(a-b, b-a) }

// remember keeps the picture for later comparison and recycles old planes.
func (e *Engine) remember(at time.Time) {
	if n := len(e.hist); n > 0 && at.Sub(e.hist[n-1].at) < histGap {
		return
	}
	var buf past
	drop := 0
	for drop < len(e.hist) && at.Sub(e.hist[drop].at) > histKeep {
		buf = e.hist[drop]
		drop++
	}
	e.hist = append(e.hist[:0], e.hist[drop:]...)
	if buf.y == nil {
		buf.y, buf.change = make([]byte, len(e.norm.y)), make([]byte, len(e.norm.y))
	}
	copy(buf.y, e.norm.y)
	copy(buf.change, e.work.change)
	buf.at = at
	e.hist = append(e.hist, buf)
}

// countStill lets the stillness of changed pixels grow while they keep their
// look, holds it while something passes before them, and lets it fall where
// the reference shows again or another thing took the place.
func (e *Engine) countStill(at time.Time, dt time.Duration) {
	old := e.earlier(at)
	step := uint16(dt / (10 * time.Millisecond))
	change := e.work.change
	for i := 0; i < len(change); i++ {
		// Nothing changed and nothing counted is the rule: eight at a time.
		for i+8 <= len(change) && binary.LittleEndian.Uint64(change[i:]) == 0 && idle(e.acc[i:i+8:i+8]) {
			i += 8
		}
		if i == len(change) {
			break
		}
		c, a := change[i], e.acc[i]
		if c == 0 {
			if a > 0 {
				a = min(a, flicker)
				e.acc[i] = a - min(a, 2*step)
			}
			continue
		}
		v := e.norm.y[i]
		if old == nil || step == 0 || old.change[i] == 0 || gap(v, old.y[i]) > stillLuma {
			continue
		}
		switch {
		case a == 0:
			e.cand[i] = v
			e.acc[i] = step
		case gap(v, e.cand[i]) <= sameLuma:
			e.acc[i] = min(a+step, accMost)
		default:
			if a = a - min(a, step); a == 0 {
				e.cand[i] = v
			}
			e.acc[i] = a
		}
	}
	e.remember(at)
}

// idle tells whether none of eight pixels counts stillness.
func idle(a []uint16) bool {
	return a[0]|a[1]|a[2]|a[3]|a[4]|a[5]|a[6]|a[7] == 0
}

func gap(a, b byte) byte {
	if a > b {
		return a - b
	}
	return b - a
}
