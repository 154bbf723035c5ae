package infer

import (
	"fmt"
	"math"

	"jiexun/api/modelv1"
	"jiexun/edge-agent/internal/picture"
)

// fit says how a picture was laid into the network's input, so that boxes can
// be taken back: picture share = (input pixel / input size) * stretch.
type fit struct{ stretchX, stretchY float64 }

// sampler writes pictures into a network's input.
type sampler struct {
	w, h      int
	planar    bool
	letterbox bool
	pad       float32
	// at is the channel in the input of red, green and blue; the value
	// written is pixel*mul + add.
	at       [3]int
	mul, add [3]float32
}

func newSampler(in *modelv1.Input, w, h int) sampler {
	s := sampler{w: w, h: h, planar: in.Layout == "NCHW", letterbox: in.Fit == "letterbox", pad: float32(in.Pad)}
	for c, plane := range in.Planes {
		for k, want := range [3]string{"R", "G", "B"} {
			if plane == want {
				s.at[k] = c
				s.mul[k] = float32(in.Scale / in.Std[c])
				s.add[k] = float32(-in.Mean[c] / in.Std[c])
			}
		}
	}
	return s
}

func (s *sampler) size() int { return s.w * s.h * 3 }

// shape is the input's shape without the batch.
func (s *sampler) shape() []int {
	if s.planar {
		return []int{3, s.h, s.w}
	}
	return []int{s.h, s.w, 3}
}

// place finds the part of the input that the picture fills.
func (s *sampler) place(pw, ph int) (w, h int, f fit) {
	if !s.letterbox {
		return s.w, s.h, fit{1, 1}
	}
	k := min(float64(s.w)/float64(pw), float64(s.h)/float64(ph))
	w = min(s.w, max(1, int(math.Round(float64(pw)*k))))
	h = min(s.h, max(1, int(math.Round(float64(ph)*k))))
	return w, h, fit{float64(s.w) / float64(w), float64(s.h) / float64(h)}
}

// steps gives the plane offset of each colour, the distance between pixels
// and between rows in dst.
func (s *sampler) steps() (plane [3]int, pixel, row int) {
	if s.planar {
		for k := range plane {
			plane[k] = s.at[k] * s.w * s.h
		}
		return plane, 1, s.w
	}
	return s.at, 3, s.w * 3
}

// fillPad writes the padding right of and below the picture.
func (s *sampler) fillPad(dst []float32, w, h int) {
	plane, pixel, row := s.steps()
	for k := range plane {
		v := s.pad*s.mul[k] + s.add[k]
		for y := range s.h {
			x := 0
			if y < h {
				x = w
			}
			for at := plane[k] + y*row + x*pixel; x < s.w; x++ {
				dst[at] = v
				at += pixel
			}
		}
	}
}

// tap is where an output column or row reads: two neighbours and the weight
// of the second, in 1/256.
type tap struct{ a, b, w int32 }

func taps(from, to int) []tap {
	t := make([]tap, to)
	k := float64(from) / float64(to)
	for i := range t {
		p := max(0, (float64(i)+0.5)*k-0.5)
		a := min(int(p), from-1)
		t[i] = tap{int32(a), int32(min(a+1, from-1)), int32((p - float64(a)) * 256)}
	}
	return t
}

// rgb writes a packed picture into dst, scaled linearly.
func (s *sampler) rgb(dst []float32, p *picture.RGB) (fit, error) {
	if err := checkRGB(p); err != nil {
		return fit{}, err
	}
	w, h, f := s.place(p.W, p.H)
	if w < s.w || h < s.h {
		s.fillPad(dst, w, h)
	}
	s.stretch(dst, p, w, h)
	return f, nil
}

func checkRGB(p *picture.RGB) error {
	if p == nil || p.W <= 0 || p.H <= 0 || len(p.Pix) < p.W*p.H*3 {
		return fmt.Errorf("the picture is empty or shorter than its size says")
	}
	return nil
}

// stretch scales the picture over the first w columns and h rows of dst.
func (s *sampler) stretch(dst []float32, p *picture.RGB, w, h int) {
	p = halved(p, w, h)
	xs, ys := taps(p.W, w), taps(p.H, h)
	plane, pixel, row := s.steps()
	for y, ty := range ys {
		r0, r1 := p.Pix[int(ty.a)*p.W*3:], p.Pix[int(ty.b)*p.W*3:]
		at := y * row
		for _, tx := range xs {
			a, b := int(tx.a)*3, int(tx.b)*3
			for k := range 3 {
				top := int32(r0[a+k])<<8 + (int32(r0[b+k])-int32(r0[a+k]))*tx.w
				low := int32(r1[a+k])<<8 + (int32(r1[b+k])-int32(r1[a+k]))*tx.w
				v := float32(top<<8+(low-top)*ty.w) * (1.0 / 65536)
				dst[plane[k]+at] = v*s.mul[k] + s.add[k]
			}
			at += pixel
		}
	}
}

// halved averages 2x2 pixels while the picture is at least twice as large as
// needed in both directions, so that thin strokes do not fall between the
// pixels that linear scaling reads.
func halved(p *picture.RGB, w, h int) *picture.RGB {
	for p.W >= 2*w && p.H >= 2*h {
		q := picture.NewRGB(p.W/2, p.H/2)
		i := 0
		for y := range q.H {
			r0 := p.Pix[2*y*p.W*3:]
			r1 := p.Pix[(2*y+1)*p.W*3:]
			for x := 0; x < q.W*6; x += 6 {
				for k := x; k < x+3; k++ {
					q.Pix[i] = byte((int(r0[k]) + int(r0[k+3]) + int(r1[k]) + int(r1[k+3]) + 2) >> 2)
					i++
				}
			}
		}
		p = q
	}
	return p
}

// yuv writes a decoder's picture into dst without making a packed one first:
// luma is scaled linearly, chroma taken from the nearest sample, colours by
// BT.601 as everywhere in the agent.
func (s *sampler) yuv(dst []float32, p *picture.YUV) (fit, error) {
	if err := p.Check(); err != nil {
		return fit{}, err
	}
	w, h, f := s.place(p.W, p.H)
	if w < s.w || h < s.h {
		s.fillPad(dst, w, h)
	}
	xs, ys := taps(p.W, w), taps(p.H, h)
	plane, pixel, row := s.steps()
	off, gain := float32(16), float32(255.0/219)
	rv, gu, gv, bu := float32(1.596), float32(0.391), float32(0.813), float32(2.018)
	if p.FullRange {
		off, gain, rv, gu, gv, bu = 0, 1, 1.402, 0.344, 0.714, 1.772
	}
	for y, ty := range ys {
		r0, r1 := p.Y[int(ty.a)*p.YStride:], p.Y[int(ty.b)*p.YStride:]
		near := ty.a
		if ty.w >= 128 {
			near = ty.b
		}
		us, vs := p.U[int(near/2)*p.CStride:], p.V[int(near/2)*p.CStride:]
		at := y * row
		for _, tx := range xs {
			top := int32(r0[tx.a])<<8 + (int32(r0[tx.b])-int32(r0[tx.a]))*tx.w
			low := int32(r1[tx.a])<<8 + (int32(r1[tx.b])-int32(r1[tx.a]))*tx.w
			l := (float32(top<<8+(low-top)*ty.w)*(1.0/65536) - off) * gain
			c := tx.a
			if tx.w >= 128 {
				c = tx.b
			}
			u, v := float32(us[c/2])-128, float32(vs[c/2])-128
			dst[plane[0]+at] = clamp255(l+rv*v)*s.mul[0] + s.add[0]
			dst[plane[1]+at] = clamp255(l-gu*u-gv*v)*s.mul[1] + s.add[1]
			dst[plane[2]+at] = clamp255(l+bu*u)*s.mul[2] + s.add[2]
			at += pixel
		}
	}
	return f, nil
}

func clamp255(v float32) float32 { return min(max(v, 0), 255) }
