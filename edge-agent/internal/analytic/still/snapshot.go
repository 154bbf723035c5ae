package still

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"jiexun/edge-agent/internal/analytic"
)

// The snapshot is the magic, a version and a deflated body of little-endian
// fields. Version 1 is the first.
const (
	snapMagic   = "JXSTILL"
	snapVersion = 1
	snapLimit   = 32 << 20 // bytes of the inflated body
)

var errSnapshot = errors.New("still: snapshot is damaged")

// Snapshot returns the learned scene and the things that stand in it. An
// engine that has not learned yet returns nothing.
func (e *Engine) Snapshot() ([]byte, error) {
	if !e.ready {
		return nil, nil
	}
	if e.snap != nil {
		return e.snap, nil
	}
	var body writer
	body.u16(uint16(e.w), uint16(e.h), uint16(e.bw), uint16(e.bh))
	body.f64(e.aspect)
	body.u64(e.seq)
	for _, p := range [][]uint16{e.ref.y, e.ref.u, e.ref.v, e.ref.dev} {
		body.u16(p...)
	}
	for _, p := range [][]byte{e.big.y, e.big.u, e.big.v} {
		body.b = append(body.b, p...)
	}
	body.u16(uint16(len(e.tracks)))
	for _, t := range e.tracks {
		t.write(&body)
	}
	var out bytes.Buffer
	out.WriteString(snapMagic)
	out.WriteByte(snapVersion)
	z, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("still: deflate the snapshot: %w", err)
	}
	if _, err := z.Write(body.b); err != nil {
		return nil, fmt.Errorf("still: deflate the snapshot: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("still: deflate the snapshot: %w", err)
	}
	e.snap = out.Bytes()
	return e.snap, nil
}

func (t *track) write(b *writer) {
	b.text(t.key)
	b.text(string(t.state))
	flags := byte(0)
	if t.orphan {
		flags = 1
	}
	b.b = append(b.b, byte(t.verdict), flags)
	s := &t.shape
	b.u16(uint16(int16(s.x)), uint16(int16(s.y)), uint16(s.w), uint16(s.h))
	b.b = append(b.b, s.m...)
	b.b = append(b.b, t.tmpl...)
	for _, at := range []time.Time{t.since, t.coveredAt, t.goneAt, t.seenAt, t.ruled} {
		b.time(at)
	}
	b.u64(uint64(t.seen), uint64(t.covered), uint64(t.looks), uint64(t.asks))
	b.f64(t.visible)
	b.u16(uint16(len(t.asked)))
	for _, j := range t.asked {
		for _, v := range []float64{j.Thing, j.Removed, j.Person, j.Vehicle, j.Light, j.Nothing} {
			b.f64(v)
		}
	}
}

// Restore takes a snapshot back. Empty bytes mean that there is none. The
// engine is unchanged when the bytes are refused.
func (e *Engine) Restore(state []byte) error {
	if len(state) == 0 {
		return nil
	}
	if e.snap != nil && bytes.Equal(e.snap, state) {
		return nil // another rule has restored the shared engine already
	}
	n := len(snapMagic)
	if len(state) < n+1 || string(state[:n]) != snapMagic {
		return fmt.Errorf("still: snapshot does not begin with %s", snapMagic)
	}
	if state[n] != snapVersion {
		return fmt.Errorf("still: snapshot version %d is not %d", state[n], snapVersion)
	}
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(state[n+1:])), snapLimit+1))
	if err != nil {
		return fmt.Errorf("%w: %w", errSnapshot, err)
	}
	if len(raw) > snapLimit {
		return fmt.Errorf("%w: larger than %d bytes", errSnapshot, snapLimit)
	}
	fresh := &Engine{o: e.o}
	if err := fresh.read(&reader{b: raw}); err != nil {
		return err
	}
	*e = *fresh
	e.snap = bytes.Clone(state)
	return nil
}

func (e *Engine) read(r *reader) error {
	w, h, bw, bh := int(r.u16()), int(r.u16()), int(r.u16()), int(r.u16())
	aspect := r.f64()
	if r.bad || w != e.o.Width || h < 32 || h > 4*w || bw < 32 || bw > 2*w || bh < 32 || bh > 8*w || !(aspect > 0.1 && aspect < 40) {
		return fmt.Errorf("%w: size %dx%d, %dx%d", errSnapshot, w, h, bw, bh)
	}
	c, bc := ((w+1)/2)*((h+1)/2), ((bw+1)/2)*((bh+1)/2)
	if left := len(r.b); left < 2*(2*w*h+2*c)+bw*bh+2*bc {
		return fmt.Errorf("%w: planes are cut off", errSnapshot)
	}
	e.resize(w, h, bw, bh)
	e.aspect, e.seq = aspect, r.u64()
	for _, p := range [][]uint16{e.ref.y, e.ref.u, e.ref.v, e.ref.dev} {
		for i := range p {
			p[i] = min(r.u16(), 255<<8)
		}
	}
	for i, v := range e.ref.y {
		e.ref.y8[i] = byte(v >> 8)
	}
	for _, p := range [][]byte{e.big.y, e.big.u, e.big.v} {
		copy(p, r.take(len(p)))
	}
	n := int(r.u16())
	if r.bad || n > trackMost {
		return fmt.Errorf("%w: %d things", errSnapshot, n)
	}
	keys := make(map[string]bool, n)
	for range n {
		t, err := e.readTrack(r)
		if err != nil {
			return err
		}
		if keys[t.key] {
			return fmt.Errorf("%w: key %q twice", errSnapshot, t.key)
		}
		keys[t.key] = true
		e.tracks = append(e.tracks, t)
	}
	if len(r.b) != 0 {
		return fmt.Errorf("%w: %d bytes too many", errSnapshot, len(r.b))
	}
	e.ready, e.big.ok = true, true
	return nil
}

func (e *Engine) readTrack(r *reader) (*track, error) {
	t := &track{key: r.text(64), state: analytic.State(r.text(16))}
	f := r.take(2)
	x, y := int(int16(r.u16())), int(int16(r.u16()))
	w, h := int(r.u16()), int(r.u16())
	if r.bad || t.key == "" || f[0] > byte(refused) || w < 1 || h < 1 || w > e.w || h > e.h || abs(x) > 2*e.w || abs(y) > 2*e.h {
		return nil, fmt.Errorf("%w: thing", errSnapshot)
	}
	switch t.state {
	case analytic.Candidate, analytic.Present, analytic.Occluded, analytic.Gone:
	default:
		return nil, fmt.Errorf("%w: state %q", errSnapshot, t.state)
	}
	t.verdict, t.orphan = verdict(f[0]), f[1]&1 != 0
	t.shape = shape{x: x, y: y, w: w, h: h, m: bytes.Clone(r.take(w * h))}
	t.tmpl = bytes.Clone(r.take(w * h))
	if r.bad {
		return nil, fmt.Errorf("%w: thing is cut off", errSnapshot)
	}
	for i, v := range t.shape.m {
		t.shape.m[i] = v & 1
	}
	t.shape.count()
	if t.shape.area == 0 {
		return nil, fmt.Errorf("%w: thing without pixels", errSnapshot)
	}
	for _, at := range []*time.Time{&t.since, &t.coveredAt, &t.goneAt, &t.seenAt, &t.ruled} {
		*at = r.time()
	}
	const year = 365 * 24 * time.Hour
	t.seen, t.covered = time.Duration(r.u64()), time.Duration(r.u64())
	t.looks, t.asks = int(min(r.u64(), math.MaxInt32)), int(min(r.u64(), math.MaxInt32))
	t.visible = r.f64()
	n := int(r.u16())
	if r.bad || n > looksAsked || t.seen < 0 || t.covered < 0 || t.seen > 100*year || t.covered > 100*year || !unit(t.visible) {
		return nil, fmt.Errorf("%w: thing's times", errSnapshot)
	}
	for range n {
		var v [6]float64
		for i := range v {
			if v[i] = r.f64(); !unit(v[i]) {
				return nil, fmt.Errorf("%w: judgement outside 0..1", errSnapshot)
			}
		}
		t.asked = append(t.asked, analytic.Judgement{Thing: v[0], Removed: v[1], Person: v[2], Vehicle: v[3], Light: v[4], Nothing: v[5]})
	}
	if r.bad {
		return nil, fmt.Errorf("%w: thing is cut off", errSnapshot)
	}
	for i, j := range t.asked {
		if i == 0 || j.Thing < t.trend { // the running mean is not kept: the worst is assumed
			t.trend = j.Thing
		}
	}
	t.zones = e.zonesOf(&t.shape)
	// Its pixels count as still, so that the picture's change finds its owner.
	t.shape.each(e.w, e.h, func(i, k int) {
		e.acc[i] = uint16(bornAfter / (10 * time.Millisecond))
		e.cand[i] = t.tmpl[k]
	})
	return t, nil
}

func unit(v float64) bool { return v >= 0 && v <= 1 }

// writer appends little-endian fields.
type writer struct{ b []byte }

func (w *writer) u16(v ...uint16) {
	for _, x := range v {
		w.b = binary.LittleEndian.AppendUint16(w.b, x)
	}
}

func (w *writer) u64(v ...uint64) {
	for _, x := range v {
		w.b = binary.LittleEndian.AppendUint64(w.b, x)
	}
}

func (w *writer) f64(v float64) { w.u64(math.Float64bits(v)) }

func (w *writer) text(s string) {
	w.u16(uint16(len(s)))
	w.b = append(w.b, s...)
}

func (w *writer) time(t time.Time) {
	if t.IsZero() {
		w.u64(0)
		return
	}
	w.u64(uint64(t.UnixMilli()))
}

// reader takes little-endian fields; bad is set when bytes run out.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return make([]byte, 8) // enough for every fixed field

	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) u16() uint16 { return binary.LittleEndian.Uint16(r.take(2)) }

func (r *reader) u64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

func (r *reader) f64() float64 { return math.Float64frombits(r.u64()) }

func (r *reader) text(limit int) string {
	n := int(r.u16())
	if n > limit {
		r.bad, r.b = true, nil
		return ""
	}
	p := r.take(n)
	if r.bad {
		return ""
	}
	return string(p)
}

func (r *reader) time() time.Time {
	v := int64(r.u64())
	if v <= 0 || v > 1<<43 {
		return time.Time{}
	}
	return time.UnixMilli(v).UTC()
}
