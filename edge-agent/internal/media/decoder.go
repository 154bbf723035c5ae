// Package media turns encoded pictures into pixels: a key-picture decoder on
// libavcodec that serves all cameras, scaling, the worker pool with its
// admission, the latest picture of each camera and the ring of the last
// seconds. Only this package knows libav.
package media

/*
#cgo pkg-config: libavcodec libavutil libswscale libavformat
#include "avcodec.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"slices"

	"jiexun/edge-agent/internal/picture"
	"jiexun/edge-agent/internal/source"
)

// Errors that tell why a picture was not decoded. ErrDamaged is the fault of
// the data, the rest of the stream or of the box.
var (
	ErrDamaged  = errors.New("picture data is damaged")
	ErrNotKey   = errors.New("not a key picture")
	ErrSize     = errors.New("picture size outside 16x16 to 8192x8192")
	ErrClosed   = errors.New("decoder is closed")
	ErrNoMemory = errors.New("no memory for the decoder")
)

// maxContexts is how many libav contexts a decoder keeps: one for each pair
// of coding and size that it met last, because a context that changes its
// size allocates anew.
const maxContexts = 4

// Decoder decodes key pictures of any number of cameras. It belongs to one
// goroutine; give each worker its own.
type Decoder struct {
	pool   *FramePool
	slots  []slot // most recently used last
	buf    []byte
	closed bool
}

type slot struct {
	codec source.Codec
	w, h  int
	d     *C.jx_decoder
}

// NewDecoder makes a decoder that takes its frames from pool.
func NewDecoder(pool *FramePool) *Decoder {
	C.jx_quiet()
	return &Decoder{pool: pool}
}

// Key decodes one key picture. The frame is the caller's until it calls
// Release.
func (d *Decoder) Key(u *source.AccessUnit) (*Frame, error) {
	if d.closed {
		return nil, ErrClosed
	}
	if !u.Key || !u.Params.Complete() {
		return nil, ErrNotKey
	}
	if u.Params.CheckSize() != nil {
		return nil, fmt.Errorf("%w: %dx%d", ErrSize, u.Params.Width, u.Params.Height)
	}
	dec, err := d.context(u)
	if err != nil {
		return nil, err
	}
	d.buf = u.AppendAnnexB(d.buf[:0])
	var code C.int64_t
	r := C.jx_key(dec, (*C.uint8_t)(&d.buf[0]), C.int(len(d.buf)), &code)
	if r != C.JX_OK {
		return nil, result(r, code)
	}
	return take(dec, d.pool)
}

// context finds or opens the libav context for a unit.
func (d *Decoder) context(u *source.AccessUnit) (*C.jx_decoder, error) {
	for i, s := range d.slots {
		if s.codec == u.Codec && s.w == u.Params.Width && s.h == u.Params.Height {
			d.slots = append(slices.Delete(d.slots, i, i+1), s)
			return s.d, nil
		}
	}
	if len(d.slots) == maxContexts {
		C.jx_close(d.slots[0].d)
		d.slots = slices.Delete(d.slots, 0, 1)
	}
	dec := C.jx_open(codecID(u.Codec), 0, source.MaxSide)
	if dec == nil {
		return nil, ErrNoMemory
	}
	d.slots = append(d.slots, slot{u.Codec, u.Params.Width, u.Params.Height, dec})
	return dec, nil
}

// Close frees the decoder.
func (d *Decoder) Close() {
	for _, s := range d.slots {
		C.jx_close(s.d)
	}
	d.slots, d.closed = nil, true
}

func codecID(c source.Codec) C.int {
	if c == source.H265 {
		return C.JX_H265
	}
	return C.JX_H264
}

func result(r C.int, code C.int64_t) error {
	switch r {
	case C.JX_TOO_LARGE:
		return ErrSize
	case C.JX_NOTHING:
		return fmt.Errorf("%w: no picture came out", ErrDamaged)
	}
	return fmt.Errorf("%w: libav code %d", ErrDamaged, int64(code))
}

// take copies the decoded picture into a pooled frame.
func take(d *C.jx_decoder, pool *FramePool) (*Frame, error) {
	w, h := int(d.frame.width), int(d.frame.height)
	if w < source.MinSide || h < source.MinSide || w > source.MaxSide || h > source.MaxSide {
		C.av_frame_unref(d.frame)
		return nil, fmt.Errorf("%w: %dx%d", ErrSize, w, h)
	}
	f := pool.Get(w, h)
	f.FullRange = C.jx_full_range(d) != 0
	r := C.jx_copy(d, ptr(f.Y), ptr(f.U), ptr(f.V), C.int(f.YStride), C.int(f.CStride))
	if r != C.JX_OK {
		f.Release()
		return nil, fmt.Errorf("%w: cannot convert the layout", ErrDamaged)
	}
	return f, nil
}

func ptr(b []byte) *C.uint8_t { return (*C.uint8_t)(&b[0]) }

// StreamDecoder decodes every picture of one stream. The box itself never
// does that; it is the measure of the usual way in the bench.
type StreamDecoder struct {
	d    *C.jx_decoder
	pool *FramePool
	buf  []byte
}

// NewStreamDecoder opens a decoder for one stream.
func NewStreamDecoder(codec source.Codec, pool *FramePool) (*StreamDecoder, error) {
	C.jx_quiet()
	d := C.jx_open(codecID(codec), 1, source.MaxSide)
	if d == nil {
		return nil, ErrNoMemory
	}
	return &StreamDecoder{d: d, pool: pool}, nil
}

// Decode feeds one unit and calls do for each picture that comes out; want
// says whether the n-th picture is needed as pixels, others are decoded and
// dropped. do owns the frame only during the call.
func (s *StreamDecoder) Decode(u *source.AccessUnit, want func() bool, do func(*picture.YUV)) error {
	s.buf = u.AppendAnnexB(s.buf[:0])
	var code C.int64_t
	if r := C.jx_send(s.d, (*C.uint8_t)(&s.buf[0]), C.int(len(s.buf)), &code); r != C.JX_OK {
		return result(r, code)
	}
	for {
		r := C.jx_receive(s.d, &code)
		switch r {
		case C.JX_NOTHING:
			return nil
		case C.JX_OK:
		default:
			return result(r, code)
		}
		if !want() {
			C.av_frame_unref(s.d.frame)
			continue
		}
		f, err := take(s.d, s.pool)
		if err != nil {
			return err
		}
		do(&f.YUV)
		f.Release()
	}
}

// Close frees the decoder.
func (s *StreamDecoder) Close() {
	C.jx_close(s.d)
	s.d = nil
}

// BareKeys decodes key pictures with nothing around libavcodec, for the
// bench: no copy of the pixels, no choice of contexts. It returns how many
// pictures came out.
func BareKeys(codec source.Codec, packets [][]byte) (int, error) {
	C.jx_quiet()
	d := C.jx_open(codecID(codec), 1, source.MaxSide)
	if d == nil {
		return 0, ErrNoMemory
	}
	defer C.jx_close(d)
	n := 0
	for _, p := range packets {
		if len(p) == 0 {
			continue
		}
		var code C.int64_t
		if r := C.jx_key(d, (*C.uint8_t)(&p[0]), C.int(len(p)), &code); r != C.JX_OK {
			return n, result(r, code)
		}
		n++
	}
	return n, nil
}
