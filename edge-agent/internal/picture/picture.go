// Package picture holds the pixel types that the edge agent's parts share.
// It is pure Go and knows nothing of decoders or networks, so that analytics
// can be tested on pictures made by hand.
package picture

import "fmt"

// YUV is a planar 4:2:0 picture with 8 bits a sample, as a video decoder
// gives it. Chroma planes have half the width and half the height, rounded
// up. Strides are in bytes and may exceed the width.
type YUV struct {
	W, H             int
	Y, U, V          []byte
	YStride, CStride int
	// FullRange tells that luma spans 0..255 (JPEG) instead of 16..235.
	FullRange bool
}

// NewYUV makes a black picture of w x h pixels with tight strides.
func NewYUV(w, h int) *YUV {
	cw, ch := (w+1)/2, (h+1)/2
	p := &YUV{W: w, H: h, YStride: w, CStride: cw}
	p.Y = make([]byte, w*h)
	p.U = make([]byte, cw*ch)
	p.V = make([]byte, cw*ch)
	for i := range p.Y {
		p.Y[i] = 16
	}
	for i := range p.U {
		p.U[i], p.V[i] = 128, 128
	}
	return p
}

// Check says whether the planes are long enough for the size and strides;
// code that takes pictures from outside calls it before touching pixels.
func (p *YUV) Check() error {
	if p == nil || p.W <= 0 || p.H <= 0 {
		return fmt.Errorf("picture: size must be positive")
	}
	cw, ch := (p.W+1)/2, (p.H+1)/2
	if p.YStride < p.W || p.CStride < cw {
		return fmt.Errorf("picture: stride %d/%d too small for width %d", p.YStride, p.CStride, p.W)
	}
	if len(p.Y) < p.YStride*(p.H-1)+p.W || len(p.U) < p.CStride*(ch-1)+cw || len(p.V) < p.CStride*(ch-1)+cw {
		return fmt.Errorf("picture: planes too short for %dx%d", p.W, p.H)
	}
	return nil
}

// Clone copies the picture with tight strides; use it to keep a frame beyond
// the call that lent it.
func (p *YUV) Clone() *YUV {
	q := NewYUV(p.W, p.H)
	q.FullRange = p.FullRange
	cw, ch := (p.W+1)/2, (p.H+1)/2
	for y := 0; y < p.H; y++ {
		copy(q.Y[y*q.YStride:y*q.YStride+p.W], p.Y[y*p.YStride:])
	}
	for y := 0; y < ch; y++ {
		copy(q.U[y*q.CStride:y*q.CStride+cw], p.U[y*p.CStride:])
		copy(q.V[y*q.CStride:y*q.CStride+cw], p.V[y*p.CStride:])
	}
	return q
}

// RGB is a packed picture, 3 bytes a pixel in the order red, green, blue,
// without padding: pixel (x, y) starts at Pix[(y*W+x)*3].
type RGB struct {
	W, H int
	Pix  []byte
}

// NewRGB makes a black picture of w x h pixels.
func NewRGB(w, h int) *RGB { return &RGB{W: w, H: h, Pix: make([]byte, w*h*3)} }

// Gray is one plane without padding: pixel (x, y) is Pix[y*W+x].
type Gray struct {
	W, H int
	Pix  []byte
}

// NewGray makes a black plane of w x h pixels.
func NewGray(w, h int) *Gray { return &Gray{W: w, H: h, Pix: make([]byte, w*h)} }

// Rect is a rectangle of whole pixels; X1 and Y1 are exclusive.
type Rect struct{ X0, Y0, X1, Y1 int }

// W is the width in pixels, H the height.
func (r Rect) W() int { return r.X1 - r.X0 }

// H is the height in pixels.
func (r Rect) H() int { return r.Y1 - r.Y0 }

// Clip cuts the rectangle to a picture of w x h pixels; the result may be
// empty (W or H zero) but never negative.
func (r Rect) Clip(w, h int) Rect {
	r.X0, r.X1 = min(max(r.X0, 0), w), min(max(r.X1, 0), w)
	r.Y0, r.Y1 = min(max(r.Y0, 0), h), min(max(r.Y1, 0), h)
	r.X1, r.Y1 = max(r.X1, r.X0), max(r.Y1, r.Y0)
	return r
}
