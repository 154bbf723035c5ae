package pixel

import "math"

// The twins: the same arithmetic in plain Go, written for reading.

func goShrink(dw, dh int, src []byte, sw, sh, stride int, table *[256]byte) []byte {
	cols, rows := spans(dw, sw), spans(dh, sh)
	out := make([]byte, dw*dh)
	for y := range dh {
		for x := range dw {
			sum, n := 0, 0
			for yy := rows[2*y]; yy < rows[2*y+1]; yy++ {
				for xx := cols[2*x]; xx < cols[2*x+1]; xx++ {
					sum += int(src[int(yy)*stride+int(xx)])
					n++
				}
			}
			out[y*dw+x] = table[(sum+n/2)/n]
		}
	}
	return out
}

func goGain(in []byte, w, h int, a, bx, by int32) []byte {
	out := make([]byte, w*h)
	for y := range h {
		for x := range w {
			f := min(max((a<<8+by*int32(y)+bx*int32(x))>>8, 400), 40960)
			out[y*w+x] = byte(min((int32(in[y*w+x])*f+2048)>>12, 255))
		}
	}
	return out
}

func goBlocks(y, ry []byte, acc []uint16, w, h, side int) []int32 {
	var out []int32
	for by := 0; by+side <= h; by += side {
		for bx := 0; bx+side <= w; bx += side {
			var c, r, n int32
			for i := by; i < by+side; i += 2 {
				for x := bx; x < bx+side; x++ {
					o := i*w + x
					if acc[o] == 0 && y[o] < 250 && ry[o] < 250 {
						c, r, n = c+int32(y[o]), r+int32(ry[o]), n+1
					}
				}
			}
			out = append(out, c, r, n)
		}
	}
	return out
}

func goEdges(p []byte, w, h int) (across, down []uint32) {
	across, down = make([]uint32, w), make([]uint32, h)
	for y := 1; y < h-1; y += 2 {
		for x := 1; x < w-1; x++ {
			across[x] += uint32(abs(int(p[y*w+x+1]) - int(p[y*w+x-1])))
		}
		for x := 0; x < w; x += 2 {
			down[y] += uint32(abs(int(p[(y-1)*w+x]) - int(p[(y+1)*w+x])))
		}
		if y+1 < h-1 {
			down[y+1] = down[y]
		}
	}
	return across, down
}

func goHue(p Picture, r Reference, least int) []byte {
	cw, ch := (p.W+1)/2, (p.H+1)/2
	out := make([]byte, cw*ch)
	for y := range ch {
		for x := range cw {
			i, l := y*cw+x, min(2*y, p.H-1)*p.W+min(2*x, p.W-1)
			u, v := int(p.U[i])-128, int(p.V[i])-128
			ru, rv := int(r.U[i]>>8)-128, int(r.V[i]>>8)-128
			c := abs(u-ru) + abs(v-rv)
			if a, b := int(p.Y[l]), max(int(r.Y[l]), 8); c > least && a < b {
				a = max(a, b/4)
				c = min(c, abs(u-ru*a/b)+abs(v-rv*a/b))
			}
			out[i] = byte(min(c, 255))
		}
	}
	return out
}

func goSuspect(p Picture, r Reference, hue []byte, l Limits) []byte {
	out := make([]byte, p.W*p.H)
	for i := range out {
		a := abs(int(p.Y[i]) - int(r.Y[i]))
		t := min(max(l.Least, 3*int(r.Dev[i]>>8)), l.Most)
		if a*5 > t*3 || int(hue[(i/p.W/2)*((p.W+1)/2)+i%p.W/2]) > l.Hue {
			out[i] = 255
		}
	}
	return out
}

func goCorrelate(p Picture, r Reference, x, y int, least float32) float32 {
	x0, x1 := max(x-3, 0), min(x+4, p.W)
	y0, y1 := max(y-3, 0), min(y+4, p.H)
	var sa, sb, saa, sbb, sab int32
	for yy := y0; yy < y1; yy++ {
		for xx := x0; xx < x1; xx++ {
			a, b := int32(p.Y[yy*p.W+xx]), int32(r.Y[yy*p.W+xx])
			sa, sb, saa, sbb, sab = sa+a, sb+b, saa+a*a, sbb+b*b, sab+a*b
		}
	}
	// float32() keeps products from being fused into the sums.
	n := float32((x1 - x0) * (y1 - y0))
	fa, fb := float32(sa)/n, float32(sb)/n
	va, vb := float32(saa)/n-float32(fa*fa), float32(sbb)/n-float32(fb*fb)
	noise := float32(r.Dev[y*p.W+x]) / 256
	noise *= 1.6 * noise
	scale := max(fb, 16) / max(fa, 16)
	va = max(va-noise, 0)
	if max(va*scale*scale, vb) < least+noise {
		return NoTexture
	}
	va, vb = va+4, vb+4
	return (float32(sab)/n - float32(fa*fb)) / float32(math.Sqrt(float64(va*vb)))
}

func goLearn(ref []uint16, ref8 []byte, dev []uint16, cur, norm []byte, acc []uint16, hold []byte, a, slow int32) {
	for i := range ref {
		r := int32(ref[i])
		if hold[i] == 0 {
			r += (int32(cur[i])<<8 - r) * a >> 16
		}
		ref[i], ref8[i] = uint16(r), byte(r>>8)
		if acc[i] == 0 {
			d, v := int32(abs(int(norm[i])-int(r>>8))), int32(dev[i])
			dev[i] = uint16(v + (min(d, 60)<<8-v)*slow>>12)
		}
	}
}

func abs(v int) int { return max(v, -v) }
