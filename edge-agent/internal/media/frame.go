package media

import (
	"sync"
	"sync/atomic"

	"jiexun/edge-agent/internal/picture"
)

// Frame is a picture in pooled memory. Whoever holds it calls Release once;
// after that the pixels belong to another picture. Clone what must stay.
type Frame struct {
	picture.YUV
	pool *FramePool
	mem  []byte
	out  atomic.Bool
}

// Release gives the memory back; a second call does nothing.
func (f *Frame) Release() {
	if f.out.CompareAndSwap(true, false) {
		f.pool.put(f)
	}
}

// slack is the room after each plane that wide instructions of libswscale
// may touch.
const slack = 64

// roomy says whether all planes have that room.
func roomy(p *picture.YUV) bool {
	return cap(p.Y)-len(p.Y) >= slack && cap(p.U)-len(p.U) >= slack && cap(p.V)-len(p.V) >= slack
}

// maxIdle is how many frames of one size wait for their next use.
const maxIdle = 8

// FramePool keeps the memory of frames by size. It is safe for concurrent
// use.
type FramePool struct {
	mu   sync.Mutex
	idle map[int][]*Frame
	out  int
}

// NewFramePool makes an empty pool.
func NewFramePool() *FramePool { return &FramePool{idle: make(map[int][]*Frame)} }

// Get gives a frame of w x h pixels with undefined content.
func (p *FramePool) Get(w, h int) *Frame {
	// Rows are padded to 32 bytes, which lets copies and scaling use wide
	// instructions.
	ys, cs := (w+31)&^31, ((w+1)/2+31)&^31
	ch := (h + 1) / 2
	need := ys*h + 2*cs*ch
	p.mu.Lock()
	var f *Frame
	if l := p.idle[need]; len(l) > 0 {
		f = l[len(l)-1]
		p.idle[need] = l[:len(l)-1]
	}
	p.out++
	p.mu.Unlock()
	if f == nil {
		f = &Frame{pool: p, mem: make([]byte, need+slack)}
	}
	f.YUV = picture.YUV{
		W: w, H: h, YStride: ys, CStride: cs,
		Y: f.mem[:ys*h], U: f.mem[ys*h : ys*h+cs*ch], V: f.mem[ys*h+cs*ch : need],
	}
	f.out.Store(true)
	return f
}

func (p *FramePool) put(f *Frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out--
	size := len(f.mem) - slack
	if l := p.idle[size]; len(l) < maxIdle {
		p.idle[size] = append(l, f)
	}
	if len(p.idle) > 16 { // cameras changed their sizes: start anew
		p.idle = map[int][]*Frame{size: {f}}
	}
}

// Out is how many frames are held now; it is zero when nothing leaks.
func (p *FramePool) Out() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out
}

// Copy gives a pooled copy of a picture that lies elsewhere.
func (p *FramePool) Copy(src *picture.YUV) *Frame {
	f := p.Get(src.W, src.H)
	f.FullRange = src.FullRange
	cw, ch := (src.W+1)/2, (src.H+1)/2
	for y := range src.H {
		copy(f.Y[y*f.YStride:y*f.YStride+src.W], src.Y[y*src.YStride:])
	}
	for y := range ch {
		copy(f.U[y*f.CStride:y*f.CStride+cw], src.U[y*src.CStride:])
		copy(f.V[y*f.CStride:y*f.CStride+cw], src.V[y*src.CStride:])
	}
	return f
}
