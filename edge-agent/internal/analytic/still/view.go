package still

import "jiexun/edge-agent/internal/picture"

// view is a tight 4:2:0 picture with full-range luma.
type view struct {
	w, h, cw, ch int
	y, u, v      []byte
}

func newView(w, h int) view {
	cw, ch := (w+1)/2, (h+1)/2
	return view{w: w, h: h, cw: cw, ch: ch, y: make([]byte, w*h), u: make([]byte, cw*ch), v: make([]byte, cw*ch)}
}

// take fills the view from a picture of any size by averaging areas.
func (v view) take(p *picture.YUV) {
	shrink(v.y, v.w, v.h, p.Y, p.W, p.H, p.YStride)
	pcw, pch := (p.W+1)/2, (p.H+1)/2
	shrink(v.u, v.cw, v.ch, p.U, pcw, pch, p.CStride)
	shrink(v.v, v.cw, v.ch, p.V, pcw, pch, p.CStride)
	if p.FullRange {
		return
	}
	var luma, chroma [256]byte
	for i := range luma {
		luma[i] = clamp(((int32(i)-16)*255 + 109) / 219)
		chroma[i] = clamp(128 + (int32(i)-128)*255/224)
	}
	for i, s := range v.y {
		v.y[i] = luma[s]
	}
	for i := range v.u {
		v.u[i], v.v[i] = chroma[v.u[i]], chroma[v.v[i]]
	}
}

// shrink resamples one plane. Each target pixel is the mean of the source
// pixels that it covers (at least one).
func shrink(dst []byte, dw, dh int, src []byte, sw, sh, stride int) {
	if dw == sw && dh == sh {
		for y := range dh {
			copy(dst[y*dw:(y+1)*dw], src[y*stride:])
		}
		return
	}
	lo, hi := spans(dw, sw), spans(dh, sh)
	sum := make([]uint32, sw)
	// Dividing by a handful of areas is multiplying by their inverses; exact,
	// since sums stay far below 2^32 divided by the area.
	var inv [64]uint64
	for m := 1; m < len(inv); m++ {
		inv[m] = (1<<32 + uint64(m) - 1) / uint64(m)
	}
	for y := range dh {
		y0, y1 := hi[y][0], hi[y][1]
		row := src[y0*stride : y0*stride+sw]
		for x, s := range row {
			sum[x] = uint32(s)
		}
		for yy := y0 + 1; yy < y1; yy++ {
			row = src[yy*stride : yy*stride+sw]
			for x, s := range row {
				sum[x] += uint32(s)
			}
		}
		n := uint32(y1 - y0)
		out := dst[y*dw : (y+1)*dw]
		for x := range out {
			x0, x1 := lo[x][0], lo[x][1]
			s := sum[x0]
			for xx := x0 + 1; xx < x1; xx++ {
				s += sum[xx]
			}
			m := n * uint32(x1-x0)
			if m < uint32(len(inv)) {
				out[x] = byte(uint64(s+m/2) * inv[m] >> 32)
			} else {
				out[x] = byte((s + m/2) / m)
			}
		}
	}
}

// spans lists for each of n targets the half-open range of m sources.
func spans(n, m int) [][2]int {
	out := make([][2]int, n)
	for i := range out {
		a := i * m / n
		b := (i+1)*m/n + min(1, (i+1)*m%n)
		if m > n {
			b = (i + 1) * m / n
		}
		out[i] = [2]int{a, min(m, max(b, a+1))}
	}
	return out
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
