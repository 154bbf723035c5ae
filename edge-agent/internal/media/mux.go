package media

/*
#include "avformat.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"slices"
	"time"
	"unsafe"

	"jiexun/edge-agent/internal/source"
)

// ErrEmptyClip tells that there is nothing to write.
var ErrEmptyClip = errors.New("the clip holds no picture that starts a stream")

// MP4 writes units as an MP4 file without coding them anew. Units before the
// first key unit and of later sessions are left out.
func MP4(units []*source.AccessUnit) ([]byte, error) {
	units = oneSession(units)
	if len(units) == 0 {
		return nil, ErrEmptyClip
	}
	m, err := openMuxer(units[0], false)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if err := m.write(units); err != nil {
		return nil, err
	}
	var out *C.uint8_t
	n := C.jx_mux_finish(m.m, &out)
	if n < 0 {
		return nil, fmt.Errorf("finish clip: libav code %d", int(n))
	}
	defer C.av_free(unsafe.Pointer(out))
	return C.GoBytes(unsafe.Pointer(out), n), nil
}

// Muxer writes a long MP4 file group by group: what was given out so far is
// always a file that plays. It belongs to one goroutine; Close frees it.
type Muxer struct {
	m     *C.jx_muxer
	first *source.AccessUnit
	last  int64 // decoding time of the last picture, in ticks
	begun bool
	buf   []byte
}

// NewMuxer begins a file of the session and coding of a key unit.
func NewMuxer(key *source.AccessUnit) (*Muxer, error) { return openMuxer(key, true) }

func openMuxer(key *source.AccessUnit, fragments bool) (*Muxer, error) {
	if !key.Key || !key.Params.Complete() {
		return nil, ErrEmptyClip
	}
	p := key.Params
	var extra []byte
	for _, s := range p.Sets() {
		extra = append(append(extra, 0, 0, 0, 1), s...)
	}
	var code C.int
	m := C.jx_mux_open(codecID(p.Codec), C.int(p.Width), C.int(p.Height), flag(fragments), (*C.uint8_t)(&extra[0]), C.int(len(extra)), &code)
	if m == nil {
		return nil, fmt.Errorf("begin clip: libav code %d", int(code))
	}
	return &Muxer{m: m, first: key}, nil
}

// Fits tells whether a unit can go on in this file.
func (m *Muxer) Fits(u *source.AccessUnit) bool {
	return u.Session == m.first.Session && u.Codec == m.first.Codec && u.Params.Width == m.first.Params.Width && u.Params.Height == m.first.Params.Height
}

// Group adds one group of pictures and gives the bytes that go to the end of
// the file.
func (m *Muxer) Group(units []*source.AccessUnit) ([]byte, error) {
	if err := m.write(units); err != nil {
		return nil, err
	}
	var out *C.uint8_t
	n := C.jx_mux_take(m.m, &out)
	if out != nil {
		defer C.av_free(unsafe.Pointer(out))
	}
	if n < 0 {
		return nil, fmt.Errorf("write group of the recording: libav code %d", int(n))
	}
	return C.GoBytes(unsafe.Pointer(out), n), nil
}

func (m *Muxer) write(units []*source.AccessUnit) error {
	base := m.first.PTS
	dts := decodeTimes(units, base)
	for i, u := range units {
		if m.begun && dts[i] <= m.last {
			dts[i] = m.last + 1
		}
		m.begun, m.last = true, dts[i]
		step := int64(90000 / 25)
		if i+1 < len(dts) {
			step = max(1, dts[i+1]-dts[i])
		} else if i > 0 {
			step = max(1, dts[i]-dts[i-1])
		}
		m.buf = u.AppendAnnexB(m.buf[:0])
		pts := max(ticks(u.PTS-base), dts[i])
		if r := C.jx_mux_write(m.m, (*C.uint8_t)(&m.buf[0]), C.int(len(m.buf)), C.int64_t(pts), C.int64_t(dts[i]), C.int64_t(step), flag(u.Key)); r < 0 {
			return fmt.Errorf("write picture %d of the clip: libav code %d", i, int(r))
		}
	}
	return nil
}

// Close frees the muxer; the file needs no end.
func (m *Muxer) Close() {
	C.jx_mux_close(m.m)
	m.m = nil
}

// oneSession cuts units to one decodable run.
func oneSession(units []*source.AccessUnit) []*source.AccessUnit {
	for len(units) > 0 && (!units[0].Key || !units[0].Params.Complete()) {
		units = units[1:]
	}
	for i, u := range units {
		if u.Session != units[0].Session || u.Codec != units[0].Codec || u.Key && u.Params.Complete() && (u.Params.Width != units[0].Params.Width || u.Params.Height != units[0].Params.Height) {
			return units[:i]
		}
	}
	return units
}

// decodeTimes makes rising decoding times that are never after the output
// time: the sorted output times, moved ahead by the deepest reordering. Times
// count from base.
func decodeTimes(units []*source.AccessUnit, base time.Duration) []int64 {
	pts := make([]int64, len(units))
	for i, u := range units {
		pts[i] = ticks(u.PTS - base)
	}
	dts := slices.Clone(pts)
	slices.Sort(dts)
	late := int64(0)
	for i := range dts {
		late = max(late, dts[i]-pts[i])
	}
	for i := range dts {
		dts[i] -= late
		if i > 0 && dts[i] <= dts[i-1] {
			dts[i] = dts[i-1] + 1
		}
	}
	return dts
}

func ticks(d time.Duration) int64 {
	return int64(d/time.Second)*90000 + int64(d%time.Second)*90000/int64(time.Second)
}
