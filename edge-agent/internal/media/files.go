package media

/*
#include <stdlib.h>
#include "avformat.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
	"time"
	"unsafe"

	"jiexun/edge-agent/internal/source"
)

// Demuxer reads the pictures of an H.264 or H.265 file: a byte stream or any
// container that libavformat knows.
type Demuxer struct {
	d     *C.jx_demuxer
	codec source.Codec
	fps   float64
	asm   *source.Assembler
	n     int
}

// OpenFile opens a video file.
func OpenFile(path string) (*Demuxer, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	C.av_log_set_level(C.AV_LOG_QUIET)
	var code C.int
	var why *C.char
	d := C.jx_demux_open(name, &code, &why)
	if d == nil {
		return nil, fmt.Errorf("video file %s: %s: libav code %d", path, C.GoString(why), int(code))
	}
	m := &Demuxer{d: d, codec: source.H264, fps: float64(d.fps)}
	if d.h265 != 0 {
		m.codec = source.H265
	}
	if m.fps <= 0 || m.fps > 240 {
		m.fps = 25
	}
	m.asm = source.NewAssembler(m.codec, nil, nil, nil)
	return m, nil
}

// Codec tells the coding, FPS the declared rate of pictures.
func (m *Demuxer) Codec() source.Codec { return m.codec }

// FPS is the declared rate, 25 when the file declares none.
func (m *Demuxer) FPS() float64 { return m.fps }

// Next gives the next picture in decoding order, io.EOF after the last.
func (m *Demuxer) Next() (*source.AccessUnit, error) {
	for {
		var pts C.int64_t
		switch r := C.jx_demux_next(m.d, &pts); {
		case r == 1:
			return nil, io.EOF
		case r < 0:
			return nil, fmt.Errorf("read video file: libav code %d", int(r))
		}
		raw := C.GoBytes(unsafe.Pointer(m.d.packet.data), m.d.packet.size)
		u := m.asm.Unit(source.SplitAnnexB(raw))
		if u == nil {
			continue
		}
		u.PTS = time.Duration(pts)
		if int64(pts) == math.MinInt64 {
			u.PTS = time.Duration(float64(m.n) * float64(time.Second) / m.fps)
		}
		m.n++
		return u, nil
	}
}

// Close closes the file.
func (m *Demuxer) Close() {
	C.jx_demux_close(m.d)
	m.d = nil
}

// ErrEmptyClip tells that there is nothing to write.
var ErrEmptyClip = errors.New("the clip holds no picture that starts a stream")

// MP4 writes units as a fragmented MP4 file without coding them anew. Units
// before the first key unit and of later sessions are left out.
func MP4(units []*source.AccessUnit) ([]byte, error) {
	units = oneSession(units)
	if len(units) == 0 {
		return nil, ErrEmptyClip
	}
	p := units[0].Params
	var extra []byte
	for _, s := range p.Sets() {
		extra = append(append(extra, 0, 0, 0, 1), s...)
	}
	var code C.int
	m := C.jx_mux_open(codecID(p.Codec), C.int(p.Width), C.int(p.Height), (*C.uint8_t)(&extra[0]), C.int(len(extra)), &code)
	if m == nil {
		return nil, fmt.Errorf("begin clip: libav code %d", int(code))
	}
	defer C.jx_mux_close(m)
	var buf []byte
	dts := decodeTimes(units)
	for i, u := range units {
		buf = u.AppendAnnexB(buf[:0])
		pts := ticks(u.PTS - units[0].PTS)
		if r := C.jx_mux_write(m, (*C.uint8_t)(&buf[0]), C.int(len(buf)), C.int64_t(pts), C.int64_t(dts[i]), flag(u.Key)); r < 0 {
			return nil, fmt.Errorf("write picture %d of the clip: libav code %d", i, int(r))
		}
	}
	var out *C.uint8_t
	n := C.jx_mux_finish(m, &out)
	if n < 0 {
		return nil, fmt.Errorf("finish clip: libav code %d", int(n))
	}
	defer C.av_free(unsafe.Pointer(out))
	return C.GoBytes(unsafe.Pointer(out), n), nil
}

// oneSession cuts units to one decodable run.
func oneSession(units []*source.AccessUnit) []*source.AccessUnit {
	for len(units) > 0 && (!units[0].Key || !units[0].Params.Complete()) {
		units = units[1:]
	}
	for i, u := range units {
		if u.Session != units[0].Session || u.Codec != units[0].Codec {
			return units[:i]
		}
	}
	return units
}

// decodeTimes makes rising decoding times that are never after the output
// time: the sorted output times, moved ahead by the deepest reordering.
func decodeTimes(units []*source.AccessUnit) []int64 {
	pts := make([]int64, len(units))
	for i, u := range units {
		pts[i] = ticks(u.PTS - units[0].PTS)
	}
	dts := append([]int64(nil), pts...)
	sort.Slice(dts, func(i, j int) bool { return dts[i] < dts[j] })
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
