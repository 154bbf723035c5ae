package media

/*
#include <stdlib.h>
#include "avformat.h"
*/
import "C"

import (
	"fmt"
	"io"
	"math"
	"runtime"
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

// BareReceive reads an RTSP stream over TCP with libavformat alone for some
// time and gives the CPU time that took and the pictures that came. It keeps
// its thread busy or waiting all that time.
func BareReceive(url string, d time.Duration) (cpu time.Duration, pictures int64, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	u := C.CString(url)
	defer C.free(unsafe.Pointer(u))
	C.av_log_set_level(C.AV_LOG_QUIET)
	var out C.jx_received
	C.jx_bare_receive(u, C.double(d.Seconds()), &out)
	if out.averror < 0 {
		return 0, 0, fmt.Errorf("receive %s: libav code %d", url, int(out.averror))
	}
	return time.Duration(out.cpu_ns), int64(out.packets), nil
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
