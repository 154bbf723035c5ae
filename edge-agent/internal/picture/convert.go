package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
)

// clamp8 narrows an intermediate colour value to a byte.
func clamp8(v int32) byte {
	if v < 0 {
		return 0
	}
	if v > 255 {
		return 255
	}
	return byte(v)
}

// ToRGB converts the part r of the picture by BT.601 (what SD and most
// surveillance cameras signal), nearest chroma. An empty rectangle gives an
// empty picture.
func (p *YUV) ToRGB(r Rect) *RGB {
	r = r.Clip(p.W, p.H)
	out := NewRGB(r.W(), r.H())
	yOff, yMul, rv, gu, gv, bu := int32(16), int32(298), int32(409), int32(100), int32(208), int32(516)
	if p.FullRange {
		yOff, yMul, rv, gu, gv, bu = 0, 256, 359, 88, 183, 454
	}
	i := 0
	for y := r.Y0; y < r.Y1; y++ {
		row, c := p.Y[y*p.YStride:], (y/2)*p.CStride
		for x := r.X0; x < r.X1; x++ {
			l := (int32(row[x]) - yOff) * yMul
			u, v := int32(p.U[c+x/2])-128, int32(p.V[c+x/2])-128
			out.Pix[i] = clamp8((l + rv*v + 128) >> 8)
			out.Pix[i+1] = clamp8((l - gu*u - gv*v + 128) >> 8)
			out.Pix[i+2] = clamp8((l + bu*u + 128) >> 8)
			i += 3
		}
	}
	return out
}

// Full is the rectangle of the whole picture.
func (p *YUV) Full() Rect { return Rect{0, 0, p.W, p.H} }

// JPEG encodes the picture with the standard library; quality is 1..100.
// Limited-range luma is stretched because JPEG is always full range.
func (p *YUV) JPEG(quality int) ([]byte, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	src := p
	if !p.FullRange {
		src = p.stretched()
	}
	img := &image.YCbCr{
		Y: src.Y, Cb: src.U, Cr: src.V, YStride: src.YStride, CStride: src.CStride,
		SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rect(0, 0, src.W, src.H),
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("encode jpeg: %w", err)
	}
	return b.Bytes(), nil
}

func (p *YUV) stretched() *YUV {
	var luma, chroma [256]byte
	for i := range luma {
		luma[i] = clamp8(((int32(i)-16)*255 + 109) / 219)
		chroma[i] = clamp8(128 + ((int32(i)-128)*255)/224)
	}
	q := p.Clone()
	q.FullRange = true
	for i, v := range q.Y {
		q.Y[i] = luma[v]
	}
	for i := range q.U {
		q.U[i], q.V[i] = chroma[q.U[i]], chroma[q.V[i]]
	}
	return q
}

// FromImage converts any decoded picture, for references that arrive as
// JPEG or PNG files.
func FromImage(m image.Image) *YUV {
	b := m.Bounds()
	w, h := b.Dx(), b.Dy()
	q := NewYUV(w, h)
	q.FullRange = true
	su, sv, n := make([]int32, len(q.U)), make([]int32, len(q.U)), make([]int32, len(q.U))
	for y := 0; y < h; y++ {
		for x := 0; x < w; x++ {
			r, g, bl, _ := m.At(b.Min.X+x, b.Min.Y+y).RGBA()
			r8, g8, b8 := int32(r>>8), int32(g>>8), int32(bl>>8)
			q.Y[y*q.YStride+x] = clamp8((77*r8 + 150*g8 + 29*b8 + 128) >> 8)
			c := (y/2)*q.CStride + x/2
			su[c] += (-43*r8 - 85*g8 + 128*b8) >> 8
			sv[c] += (128*r8 - 107*g8 - 21*b8) >> 8
			n[c]++
		}
	}
	for i := range n {
		if n[i] > 0 {
			q.U[i], q.V[i] = clamp8(128+su[i]/n[i]), clamp8(128+sv[i]/n[i])
		}
	}
	return q
}

// Crop copies a part of a packed picture.
func (p *RGB) Crop(r Rect) *RGB {
	r = r.Clip(p.W, p.H)
	out := NewRGB(r.W(), r.H())
	for y := r.Y0; y < r.Y1; y++ {
		copy(out.Pix[(y-r.Y0)*out.W*3:(y-r.Y0+1)*out.W*3], p.Pix[(y*p.W+r.X0)*3:])
	}
	return out
}
