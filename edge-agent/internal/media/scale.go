package media

/*
#include "avcodec.h"
*/
import "C"

import (
	"fmt"
	"slices"

	"jiexun/edge-agent/internal/picture"
)

// Scaler changes the size of pictures by area averaging. It keeps its tables
// for the sizes that it met last. It belongs to one goroutine.
type Scaler struct {
	pool  *FramePool
	slots []scaleSlot // most recently used last
}

type scaleKey struct {
	sw, sh, dw, dh int
	rgb, full      bool
}

type scaleSlot struct {
	key scaleKey
	c   *C.struct_SwsContext
}

// maxScalers is how many size pairs a Scaler keeps ready.
const maxScalers = 8

// NewScaler makes a scaler that takes its frames from pool.
func NewScaler(pool *FramePool) *Scaler { return &Scaler{pool: pool} }

// Scale gives src in w x h pixels; the caller releases the frame.
func (s *Scaler) Scale(src *picture.YUV, w, h int) (*Frame, error) {
	c, err := s.context(src, w, h, false)
	if err != nil {
		return nil, err
	}
	if !roomy(src) {
		own := s.pool.Copy(src)
		defer own.Release()
		src = &own.YUV
	}
	f := s.pool.Get(w, h)
	f.FullRange = src.FullRange
	if C.jx_scale(c, ptr(src.Y), ptr(src.U), ptr(src.V), C.int(src.YStride), C.int(src.CStride), C.int(src.H),
		ptr(f.Y), ptr(f.U), ptr(f.V), C.int(f.YStride), C.int(f.CStride)) != C.int(h) {
		f.Release()
		return nil, fmt.Errorf("scale %dx%d to %dx%d: libswscale failed", src.W, src.H, w, h)
	}
	return f, nil
}

// RGB gives src as packed RGB in w x h pixels (BT.601).
func (s *Scaler) RGB(src *picture.YUV, w, h int) (*picture.RGB, error) {
	c, err := s.context(src, w, h, true)
	if err != nil {
		return nil, err
	}
	if !roomy(src) {
		own := s.pool.Copy(src)
		defer own.Release()
		src = &own.YUV
	}
	out := &picture.RGB{W: w, H: h, Pix: make([]byte, 3*w*h+slack)[:3*w*h]}
	if C.jx_scale(c, ptr(src.Y), ptr(src.U), ptr(src.V), C.int(src.YStride), C.int(src.CStride), C.int(src.H),
		ptr(out.Pix), nil, nil, C.int(3*w), 0) != C.int(h) {
		return nil, fmt.Errorf("convert %dx%d to RGB %dx%d: libswscale failed", src.W, src.H, w, h)
	}
	return out, nil
}

func (s *Scaler) context(src *picture.YUV, w, h int, rgb bool) (*C.struct_SwsContext, error) {
	if err := src.Check(); err != nil {
		return nil, fmt.Errorf("scale: %w", err)
	}
	if w < 1 || h < 1 || w > 8192 || h > 8192 || src.W > 8192 || src.H > 8192 {
		return nil, fmt.Errorf("scale %dx%d to %dx%d: sizes must be 1 to 8192", src.W, src.H, w, h)
	}
	key := scaleKey{src.W, src.H, w, h, rgb, src.FullRange}
	for i, e := range s.slots {
		if e.key == key {
			s.slots = append(slices.Delete(s.slots, i, i+1), e)
			return e.c, nil
		}
	}
	c := C.jx_scaler(C.int(src.W), C.int(src.H), C.int(w), C.int(h), flag(rgb), flag(src.FullRange))
	if c == nil {
		return nil, fmt.Errorf("scale %dx%d to %dx%d: libswscale refused the sizes", src.W, src.H, w, h)
	}
	if len(s.slots) == maxScalers {
		C.sws_freeContext(s.slots[0].c)
		s.slots = slices.Delete(s.slots, 0, 1)
	}
	s.slots = append(s.slots, scaleSlot{key, c})
	return c, nil
}

// Close frees the tables.
func (s *Scaler) Close() {
	for _, e := range s.slots {
		C.sws_freeContext(e.c)
	}
	s.slots = nil
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
