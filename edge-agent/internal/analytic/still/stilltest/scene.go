// Package stilltest draws simple street scenes for tests: a textured ground,
// things that are put down and taken away, walkers, light, noise and faults.
// The same scene and second always give the same picture.
package stilltest

import (
	"math"

	"jiexun/edge-agent/internal/picture"
)

// Item is a patterned box that stands from From to To (seconds).
type Item struct {
	X, Y, W, H int // pixels
	From, To   float64
	Luma, U, V byte
	Seed       uint32
}

// Walker crosses from X at From with Speed pixels a second and is Tall high.
type Walker struct {
	X, Y     float64
	From, To float64
	Speed    float64
	Tall     int
	Luma     byte
	// Sway moves it to and fro by so many pixels instead of walking on.
	Sway float64
}

// Shadow darkens an ellipse from From to To.
type Shadow struct {
	X, Y, RX, RY float64
	From, To     float64
	Factor       float64
}

// Scene is one camera's view.
type Scene struct {
	W, H    int
	Seed    uint32
	Noise   float64 // standard deviation of luma
	Items   []Item
	Walkers []Walker
	Shadows []Shadow
	// Gain is the exposure at a second, nil for 1; Shift moves the view.
	Gain  func(sec float64) float64
	Shift func(sec float64) (dx, dy int)
	// Frozen repeats the picture of that second from it on, when above 0.
	Frozen float64

	ground []float64 // the empty scene with a margin, drawn once
}

const margin = 24 // pixels that the view may move

// empty gives the ground's luma at a point of the world.
func (s *Scene) empty(x, y int) float64 {
	w := s.W + 2*margin
	if s.ground == nil {
		s.ground = make([]float64, w*(s.H+2*margin))
		for i := range s.ground {
			s.ground[i] = ground(s.Seed, i%w-margin, i/w-margin)
		}
	}
	if x < -margin || y < -margin || x >= s.W+margin || y >= s.H+margin {
		return ground(s.Seed, x, y)
	}
	return s.ground[(y+margin)*w+x+margin]
}

// hash is a small integer mixer; it makes texture and noise repeatable.
func hash(a, b, c uint32) uint32 {
	h := a*0x9E3779B1 ^ b*0x85EBCA77 ^ c*0xC2B2AE3D
	h ^= h >> 15
	h *= 0x2C1B3C6D
	h ^= h >> 12
	h *= 0x297A2D39
	return h ^ h>>15
}

// ground is the empty scene's luma: slabs of different tone with joints.
func ground(seed uint32, x, y int) float64 {
	const slab = 22
	sx, sy := floor(x, slab), floor(y, slab)
	v := 95 + float64(hash(seed, uint32(sx), uint32(sy))%40)
	v += float64(hash(seed+1, uint32(floor(x, 3)), uint32(floor(y, 3)))%16) - 8
	if x-sx*slab < 2 || y-sy*slab < 2 {
		v -= 30
	}
	return v
}

func floor(a, b int) int { return int(math.Floor(float64(a) / float64(b))) }

// At draws the picture of a second.
func (s *Scene) At(sec float64) *picture.YUV {
	if s.Frozen > 0 && sec > s.Frozen {
		sec = s.Frozen
	}
	p := picture.NewYUV(s.W, s.H)
	p.FullRange = true
	g, dx, dy := 1.0, 0, 0
	if s.Gain != nil {
		g = s.Gain(sec)
	}
	if s.Shift != nil {
		dx, dy = s.Shift(sec)
	}
	tick := uint32(sec * 1000)
	for y := range s.H {
		for x := range s.W {
			wx, wy := x-dx, y-dy
			l, u, v := s.surface(sec, wx, wy)
			for i := range s.Shadows {
				l *= s.Shadows[i].at(sec, wx, wy)
			}
			bits := hash(tick, uint32(x), uint32(y))
			n := float64(bits&1023+bits>>10&1023+bits>>20&1023)/1535 - 1
			p.Y[y*p.YStride+x] = byte(min(max(l*g+n*3*s.Noise, 0), 255))
			if x%2 == 0 && y%2 == 0 {
				c := y/2*p.CStride + x/2
				p.U[c], p.V[c] = byte(min(max(128+(u-128)*g, 0), 255)), byte(min(max(128+(v-128)*g, 0), 255))
			}
		}
	}
	return p
}

// surface is what is seen at a point of the world: the nearest thing there.
func (s *Scene) surface(sec float64, x, y int) (l, u, v float64) {
	l, u, v = s.empty(x, y), 126, 130
	for i := range s.Items {
		it := &s.Items[i]
		if sec >= it.From && sec < it.To && x >= it.X && x < it.X+it.W && y >= it.Y && y < it.Y+it.H {
			l = float64(it.Luma) + float64(hash(it.Seed, uint32((x-it.X)/4), uint32((y-it.Y)/5))%50) - 25
			u, v = float64(it.U), float64(it.V)
		}
	}
	for i := range s.Walkers {
		if w := &s.Walkers[i]; w.covers(sec, x, y) {
			l = float64(w.Luma) + float64(hash(uint32(i), uint32(floor(y, 6)), uint32(sec*4))%24)
			u, v = 130, 126
		}
	}
	return l, u, v
}

func (w *Walker) covers(sec float64, x, y int) bool {
	if sec < w.From || sec >= w.To {
		return false
	}
	cx := w.X + w.Speed*(sec-w.From)
	if w.Sway > 0 {
		cx = w.X + w.Sway*math.Sin(sec*1.7)
	}
	half := float64(w.Tall) / 6
	dy := (float64(y) - w.Y) / float64(w.Tall)
	if dy < -1 || dy > 0 {
		return false
	}
	if dy > -0.45 { // legs
		half *= 0.55 + 0.35*math.Abs(math.Sin(sec*5))
	} else if dy < -0.85 {
		half *= 0.5
	}
	return math.Abs(float64(x)-cx) <= half
}

func (h *Shadow) at(sec float64, x, y int) float64 {
	if sec < h.From || sec >= h.To {
		return 1
	}
	dx, dy := (float64(x)-h.X)/h.RX, (float64(y)-h.Y)/h.RY
	d := dx*dx + dy*dy
	if d >= 1 {
		return 1
	}
	// Soft over the outer half, as shadows of roofs and clouds are.
	return h.Factor + (1-h.Factor)*max(0, 2*d-1)
}
