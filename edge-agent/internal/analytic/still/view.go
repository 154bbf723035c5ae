package still

import (
	"jiexun/edge-agent/internal/picture"
	"jiexun/edge-agent/internal/pixel"
)

// view is a tight 4:2:0 picture with full-range luma.
type view struct {
	w, h, cw, ch int
	y, u, v      []byte
	luma, chroma *pixel.Shrinker
}

func newView(w, h int) view {
	cw, ch := (w+1)/2, (h+1)/2
	return view{
		w: w, h: h, cw: cw, ch: ch, y: make([]byte, w*h), u: make([]byte, cw*ch), v: make([]byte, cw*ch),
		luma: new(pixel.Shrinker), chroma: new(pixel.Shrinker),
	}
}

// take fills the view from a picture of any size by averaging areas.
func (v view) take(p *picture.YUV) {
	if p.W == v.w && p.H == v.h && !p.FullRange {
		pixel.StretchLuma(v.y, p.Y, v.w, v.h, p.YStride)
		pixel.StretchHue(v.u, p.U, v.cw, v.ch, p.CStride)
		pixel.StretchHue(v.v, p.V, v.cw, v.ch, p.CStride)
		return
	}
	luma, chroma := &straight, &straight
	if !p.FullRange {
		luma, chroma = &stretchLuma, &stretchChroma
	}
	v.luma.Plane(v.y, v.w, v.h, p.Y, p.W, p.H, p.YStride, luma)
	pcw, pch := (p.W+1)/2, (p.H+1)/2
	v.chroma.Plane(v.u, v.cw, v.ch, p.U, pcw, pch, p.CStride, chroma)
	v.chroma.Plane(v.v, v.cw, v.ch, p.V, pcw, pch, p.CStride, chroma)
}

// Tables from a picture's values to full range.
var (
	straight      = table(func(i int32) int32 { return i })
	stretchLuma   = table(func(i int32) int32 { return ((i-16)*255 + 109) / 219 })
	stretchChroma = table(func(i int32) int32 { return 128 + (i-128)*255/224 })
)

func table(f func(int32) int32) (t [256]byte) {
	for i := range t {
		t[i] = clamp(f(int32(i)))
	}
	return t
}

func clamp(v int32) byte {
	if v < 0 {
		return 0
	}
	if v > 255 {
		return 255
	}
	return byte(v)
}

// square is a part of the picture in normalised units of its own width and
// height; it may reach over the border, where the border's pixels repeat.
type square struct{ x0, y0, x1, y1 float64 }

// crop samples the square to side x side packed pixels.
func (v view) crop(s square, side int) *picture.RGB {
	out := picture.NewRGB(side, side)
	for j := range side {
		ya, yb := band(s.y0, s.y1, j, side, v.h)
		for i := range side {
			xa, xb := band(s.x0, s.x1, i, side, v.w)
			var sy, su, sv, n int32
			for y := ya; y < yb; y++ {
				for x := xa; x < xb; x++ {
					sy += int32(v.y[y*v.w+x])
					c := (y/2)*v.cw + x/2
					su += int32(v.u[c])
					sv += int32(v.v[c])
					n++
				}
			}
			l, u, w := (sy*256)/n, su*256/n-128*256, sv*256/n-128*256
			o := (j*side + i) * 3
			out.Pix[o] = clamp((l + (u*0+w*359)/256 + 128) >> 8)
			out.Pix[o+1] = clamp((l - (u*88+w*183)/256 + 128) >> 8)
			out.Pix[o+2] = clamp((l + (u*454+w*0)/256 + 128) >> 8)
		}
	}
	return out
}

// part gives the part of the view that the rectangle is in the frame.
func (v view) part(r picture.Rect, frame *picture.YUV) *picture.RGB {
	p := picture.YUV{W: v.w, H: v.h, Y: v.y, U: v.u, V: v.v, YStride: v.w, CStride: v.cw, FullRange: true}
	return p.ToRGB(picture.Rect{
		X0: r.X0 * v.w / frame.W, Y0: r.Y0 * v.h / frame.H, X1: r.X1 * v.w / frame.W, Y1: r.Y1 * v.h / frame.H,
	})
}

// band is the range of source pixels under target i of side.
func band(a, b float64, i, side, n int) (int, int) {
	w := (b - a) / float64(side) * float64(n)
	lo := int(a*float64(n) + float64(i)*w + 0.5)
	hi := int(a*float64(n) + float64(i+1)*w + 0.5)
	lo = min(max(lo, 0), n-1)
	return lo, min(max(hi, lo+1), n)
}
