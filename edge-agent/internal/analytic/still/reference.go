package still

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"jiexun/edge-agent/internal/picture"
	"jiexun/edge-agent/internal/pixel"
)

// learnTau is the time constant with which the reference follows the scene
// where nothing is pending; bigEvery is how often the large reference does.
const (
	learnTau = 20 * time.Second
	bigEvery = 4 * time.Second
	quietPx  = 5 // no learning within this many pixels of something pending
)

// reference is the empty scene at working size, in 8.8 fixed point, with the
// usual deviation of each pixel.
type reference struct {
	y, u, v []uint16
	dev     []uint16
	y8      []byte // y without its fraction, for the hot loops
}

func newReference(w, h int) reference {
	c := ((w + 1) / 2) * ((h + 1) / 2)
	return reference{
		y: make([]uint16, w*h), u: make([]uint16, c), v: make([]uint16, c),
		dev: make([]uint16, w*h), y8: make([]byte, w*h),
	}
}

// bigReference is the same scene in more detail, for the verifier's crops.
type bigReference struct {
	view
	ok bool
}

// bootstrap collects pictures from which the first reference is the median,
// so that people who walk through do not become part of it.
type bootstrap struct {
	since time.Time
	at    time.Time
	y     [][]byte
	u, v  [][]byte
	by    [][]byte
	bu    [][]byte
	bv    [][]byte
	keep  bool // tracks survive: their pixels keep the old reference
}

const (
	bootLeast = 5
	bootMost  = 15
	bootGap   = 350 * time.Millisecond
)

// learnScene adds a picture and reports whether the reference is there.
func (e *Engine) learnScene(at time.Time, frame *picture.YUV) bool {
	b := &e.boot
	if b.since.IsZero() || at.Sub(b.at) > time.Minute {
		*b = bootstrap{since: at, keep: b.keep}
	}
	if len(b.y) == 0 || at.Sub(b.at) >= bootGap && len(b.y) < bootMost {
		b.at = at
		b.y = append(b.y, slices.Clone(e.cur.y))
		b.u = append(b.u, slices.Clone(e.cur.u))
		b.v = append(b.v, slices.Clone(e.cur.v))
		big := e.scaled(at, frame)
		b.by = append(b.by, slices.Clone(big.y))
		b.bu = append(b.bu, slices.Clone(big.u))
		b.bv = append(b.bv, slices.Clone(big.v))
	}
	if at.Sub(b.since) < e.o.LearnFor || len(b.y) < bootLeast {
		return false
	}
	scene := newView(e.w, e.h)
	median(scene.y, b.y)
	restless := spreadOf(b.y)
	median(scene.u, b.u)
	median(scene.v, b.v)
	big := newView(e.bw, e.bh)
	median(big.y, b.by)
	median(big.u, b.bu)
	median(big.v, b.bv)
	keep := b.keep
	e.boot = bootstrap{}
	e.adopt(scene, big, keep)
	copy(e.ref.dev, restless)
	return true
}

// adopt takes a scene as the reference. With keep, things whose look is
// still found in their place keep the old reference under them.
func (e *Engine) adopt(scene, big view, keep bool) {
	hold := e.work.hold
	clear(hold)
	if keep {
		e.keepTracks(scene, hold)
	} else {
		e.tracks = nil
	}
	for i, s := range scene.y {
		if hold[i] == 0 {
			e.ref.y[i], e.ref.y8[i] = uint16(s)<<8, s
			e.ref.dev[i] = 3 << 8
		}
	}
	for y := range e.ch {
		for x := range e.cw {
			if c := y*e.cw + x; hold[min(2*y, e.h-1)*e.w+min(2*x, e.w-1)] == 0 {
				e.ref.u[c], e.ref.v[c] = uint16(scene.u[c])<<8, uint16(scene.v[c])<<8
			}
		}
	}
	e.copyBig(big, hold)
	e.big.ok = true
	clear(e.acc)
	e.hist = e.hist[:0]
	e.moved, e.fullAt = shiftState{}, time.Time{}
	e.ready = true
}

// copyBig writes the large picture into the large reference where hold (at
// working size) is zero.
func (e *Engine) copyBig(big view, hold []byte) {
	room := e.bigRoom
	pixel.CopyWhere(e.big.y, big.y, e.bw, e.bh, hold, e.w, e.h, room)
	pixel.CopyWhere(e.big.u, big.u, e.big.cw, e.big.ch, hold, e.w, e.h, room)
	pixel.CopyWhere(e.big.v, big.v, e.big.cw, e.big.ch, hold, e.w, e.h, room)
}

// SetReference loads a picture of the empty scene that an operator confirmed.
// What stands there now is then found although it was there from the start.
func (e *Engine) SetReference(p *picture.YUV) error {
	if err := p.Check(); err != nil {
		return fmt.Errorf("still: reference: %w", err)
	}
	if p.W < 32 || p.H < 32 {
		return fmt.Errorf("still: reference of %dx%d is too small", p.W, p.H)
	}
	e.fit(p)
	scene, big := newView(e.w, e.h), newView(e.bw, e.bh)
	scene.take(p)
	big.take(p)
	e.adopt(scene, big, false)
	e.boot = bootstrap{}
	e.snap = nil
	return nil
}

// median writes the per-pixel median of the pictures.
func median(dst []byte, from [][]byte) {
	n := len(from)
	var s [bootMost]byte
	for i := range dst {
		for k := range n {
			v := from[k][i]
			j := k
			for j > 0 && s[j-1] > v {
				s[j] = s[j-1]
				j--
			}
			s[j] = v
		}
		dst[i] = s[n/2]
	}
}

// spreadOf is each pixel's usual distance from its middle value, in 8.8 fixed
// point, from the quartiles so that walkers do not count.
func spreadOf(from [][]byte) []uint16 {
	n := len(from)
	out := make([]uint16, len(from[0]))
	var s [bootMost]byte
	for i := range out {
		for k := range n {
			s[k] = from[k][i]
		}
		slices.Sort(s[:n])
		iqr := int(s[n*3/4]) - int(s[n/4])
		out[i] = uint16(min(max(iqr*151, 256), 8<<8)) // 0.59 of the range between the quartiles
	}
	return out
}

// scaled gives the current picture at the size of the large reference; it is
// made at most once for each look.
func (e *Engine) scaled(at time.Time, frame *picture.YUV) view {
	if !e.bigFor.Equal(at) || e.bigFor.IsZero() {
		e.bigCur.take(frame)
		e.bigFor = at
	}
	return e.bigCur
}

// learn lets the reference follow the scene where nothing is pending, and
// follow only the light where something is.
func (e *Engine) learn(at time.Time, dt time.Duration, frame *picture.YUV) {
	hold, change := e.work.hold, e.work.change
	clear(hold)
	for i := 0; i < len(change); i++ {
		for i+8 <= len(change) && binary.LittleEndian.Uint64(change[i:]) == 0 && idle(e.acc[i:i+8:i+8]) {
			i += 8
		}
		if i < len(change) && (change[i] != 0 || e.acc[i] > 0) {
			hold[i] = 1
		}
	}
	for _, t := range e.tracks {
		if !t.absorb {
			t.shape.paint(hold, e.w, e.h, 0)
		}
	}
	spread(hold, e.work.spread, e.w, e.h, quietPx)
	a := int32(65536 * min(dt, learnTau/4) / learnTau)
	e.followLight(hold, a)
	pixel.Learn(e.ref.y, e.ref.y8, e.ref.dev, e.cur.y, e.norm.y, e.acc, hold, a, a/4>>4)
	pixel.LearnHue(e.ref.u, e.cur.u, hold, e.w, e.h, e.work.wide, a)
	pixel.LearnHue(e.ref.v, e.cur.v, hold, e.w, e.h, e.work.wide, a)
	if at.Sub(e.bigAt) >= bigEvery {
		e.bigAt = at
		e.copyBig(e.scaled(at, frame), hold)
	}
	e.absorbTracks(at, frame)
}

// followLight lets what is held follow the light alone. a is the share of the
// way to go, in 65536ths.
func (e *Engine) followLight(hold []byte, a int32) {
	for i := 0; i < len(hold); i++ {
		for i+8 <= len(hold) && binary.LittleEndian.Uint64(hold[i:]) == 0 {
			i += 8
		}
		if i == len(hold) || hold[i] == 0 {
			continue
		}
		r := int64(e.ref.y[i])
		want := r * int64(e.light.at(i%e.w, i/e.w)) >> 12
		e.ref.y[i] = uint16(min(max(r+(want-r)*int64(a)>>16, 0), 255<<8))
	}
}

// absorbTracks writes what stands at refused or removed places into the
// reference at once and drops those tracks.
func (e *Engine) absorbTracks(at time.Time, frame *picture.YUV) {
	keep := e.tracks[:0]
	for _, t := range e.tracks {
		if !t.absorb {
			keep = append(keep, t)
			continue
		}
		e.absorbShape(t.shape, at, frame)
	}
	clear(e.tracks[len(keep):])
	e.tracks = keep
}

// absorbShape learns the still pixels of a shape; who walks through it at
// that moment is not learned.
func (e *Engine) absorbShape(s shape, at time.Time, frame *picture.YUV) {
	take, old := e.work.hold, e.earlier(at)
	clear(take)
	s.paint(take, e.w, e.h, 4)
	for i, t := range take {
		if t != 0 && old != nil && gap(e.norm.y[i], old.y[i]) > stillLuma {
			take[i] = 0
		}
		if take[i] != 0 {
			e.ref.y[i], e.ref.y8[i] = uint16(e.cur.y[i])<<8, e.cur.y[i]
			c := (i/e.w/2)*e.cw + i%e.w/2
			e.ref.u[c], e.ref.v[c] = uint16(e.cur.u[c])<<8, uint16(e.cur.v[c])<<8
			e.acc[i] = 0
		}
		take[i] = 1 - take[i]
	}
	e.copyBig(e.scaled(at, frame), take)
}
