package scene

import (
	"math"
	"sort"
)

// model is a thing made of flat faces, in metres around its own place on the
// ground: x along the wall, y up, z away from the wall.
type model struct {
	faces []face
	label string
	// reach is half the width and depth on the ground, for the shadow.
	rx, rz float64
}

// face is a quadrilateral with a texture; corners run (0,0),(1,0),(1,1),(0,1)
// as seen from outside, starting at the upper left.
type face struct {
	q     [4]vec3
	s     shader
	light float32
	round bool // a disc facing the camera: q[0] is the middle, q[1].x the radius across, q[1].y up
}

// The light of an overcast sky by the direction a face looks in.
const (
	lightTop   = 1.06
	lightFront = 0.80
	lightSide  = 0.62
)

func (m *model) quad(q [4]vec3, s shader, light float32) {
	m.faces = append(m.faces, face{q: q, s: s, light: light})
}

// box adds a cuboid whose foot's middle is at (x, y, z), turned by yaw.
func (m *model) box(x, y, z, w, h, d, yaw float64, side, top shader) {
	sn, cs := math.Sincos(yaw)
	at := func(dx, dy, dz float64) vec3 {
		return vec3{x + dx*cs - dz*sn, y + dy, z + dx*sn + dz*cs}
	}
	w, d = w/2, d/2
	// z grows towards the road, which is towards the camera.
	m.quad([4]vec3{at(-w, h, d), at(w, h, d), at(w, 0, d), at(-w, 0, d)}, side, lightFront)
	m.quad([4]vec3{at(w, h, -d), at(-w, h, -d), at(-w, 0, -d), at(w, 0, -d)}, side, lightSide)
	m.quad([4]vec3{at(w, h, d), at(w, h, -d), at(w, 0, -d), at(w, 0, d)}, side, lightSide)
	m.quad([4]vec3{at(-w, h, -d), at(-w, h, d), at(-w, 0, d), at(-w, 0, -d)}, side, lightSide+.06)
	m.quad([4]vec3{at(-w, h, -d), at(w, h, -d), at(w, h, d), at(-w, h, d)}, top, lightTop)
	m.rx, m.rz = math.Max(m.rx, math.Abs(x)+w), math.Max(m.rz, math.Abs(z)+d)
}

// drum adds an upright cylinder.
func (m *model) drum(x, y, z, r0, r1, h float64, side, top shader) {
	const n = 12
	ring := func(i int, r, yy float64) vec3 {
		sn, cs := math.Sincos(2 * math.Pi * float64(i) / n)
		return vec3{x + r*cs, y + yy, z + r*sn}
	}
	for i := range n {
		a := 2 * math.Pi * (float64(i) + .5) / n
		u0 := float64(i) / n
		part := func(u, v float64) (colour, float32) { return side(math.Mod((u0+u/n)*2, 1), v) }
		m.quad([4]vec3{ring(i+1, r1, h), ring(i, r1, h), ring(i, r0, 0), ring(i+1, r0, 0)}, part,
			float32(.68+.16*math.Sin(a)+.06*math.Cos(a)))
	}
	for i := 0; i < n; i += 2 {
		m.quad([4]vec3{{x, y + h, z}, ring(i, r1, h), ring(i+1, r1, h), ring(i+2, r1, h)}, top, lightTop)
	}
	m.rx, m.rz = math.Max(m.rx, math.Abs(x)+r0), math.Max(m.rz, math.Abs(z)+r0)
}

// ball adds a rounded lump, shaded like a sack or a bush.
func (m *model) ball(x, y, z, rx, ry float64, s shader) {
	m.faces = append(m.faces, face{q: [4]vec3{{x, y, z}, {rx, ry, 0}}, s: s, light: 1, round: true})
	m.rx, m.rz = math.Max(m.rx, math.Abs(x)+rx), math.Max(m.rz, math.Abs(z)+rx*.7)
}

// placed is a model rendered for one place in one view.
type placed struct {
	body, shadow *sprite
	// dx, dy lead from the foot's pixel to the body's corner; sx, sy to
	// the shadow's.
	dx, dy, sx, sy int
	// box of the visible body around the foot's pixel.
	box rect
}

// render draws the model standing at the place (along, away) of the street,
// scaled by size.
func (s *street) render(m *model, along, away, size float64) placed {
	v := s.v
	foot := v.project(s.at(along, away, 0))
	flip := 1.0
	if v.mirror {
		flip = -1 // words and handles stay as they were drawn
	}
	at := func(p vec3) vec3 { return s.at(along+p.x*size*flip, away+p.z*size, p.y*size) }
	px := func(p vec3) vec2 { return v.project(at(p)) }
	lo, hi := foot, foot
	grow := func(p vec2) {
		lo = vec2{math.Min(lo.x, p.x), math.Min(lo.y, p.y)}
		hi = vec2{math.Max(hi.x, p.x), math.Max(hi.y, p.y)}
	}
	for _, f := range m.faces {
		if f.round {
			k := v.metre(at(f.q[0])) * size
			c := px(f.q[0])
			grow(vec2{c.x - f.q[1].x*k*1.1, c.y - f.q[1].y*k})
			grow(vec2{c.x + f.q[1].x*k*1.1, c.y + f.q[1].y*k})
			continue
		}
		for _, c := range f.q {
			grow(px(c))
		}
	}
	const pad = 6
	x0, y0 := int(lo.x)-pad, int(lo.y)-pad
	r := newRaster((int(hi.x)+pad-x0)*superSample, (int(hi.y)+pad-y0)*superSample)
	s.drawFaces(r, m, at, vec2{float64(x0), float64(y0)}, size)
	out := placed{body: s.finish(r), dx: x0 - int(foot.x), dy: y0 - int(foot.y),
		box: rect{lo.x - foot.x, lo.y - foot.y, hi.x - lo.x, hi.y - lo.y}}
	s.castShadow(&out, m, along, away, size, foot)
	return out
}

func (s *street) drawFaces(r *raster, m *model, at func(vec3) vec3, origin vec2, size float64) {
	eye := vec3{0, camHeight, 0}
	dist := func(p vec3) float64 {
		return (p.x-eye.x)*(p.x-eye.x) + (p.y-eye.y)*(p.y-eye.y) + (p.z-eye.z)*(p.z-eye.z)
	}
	order := make([]int, 0, len(m.faces))
	far := make([]float64, len(m.faces))
	for i, f := range m.faces {
		if f.round {
			far[i] = dist(at(f.q[0]))
		} else {
			a, c := at(f.q[0]), at(f.q[2])
			far[i] = dist(vec3{(a.x + c.x) / 2, (a.y + c.y) / 2, (a.z + c.z) / 2})
		}
		order = append(order, i)
	}
	sort.SliceStable(order, func(i, j int) bool { return far[order[i]] > far[order[j]] })
	px := func(p vec3) vec2 { return s.v.project(at(p)).sub(origin).mul(superSample) }
	for _, i := range order {
		f := m.faces[i]
		lit := func(u, v float64) (colour, float32) {
			c, a := f.s(u, v)
			return c.mul(f.light), a
		}
		if f.round {
			k := s.v.metre(at(f.q[0])) * size * superSample
			r.fillEllipse(px(f.q[0]), f.q[1].x*k*1.08, f.q[1].y*k, lit)
			continue
		}
		r.fillQuad([4]vec2{px(f.q[0]), px(f.q[1]), px(f.q[2]), px(f.q[3])}, lit)
	}
}

// castShadow makes the soft contact shadow of an overcast day.
func (s *street) castShadow(out *placed, m *model, along, away, size float64, foot vec2) {
	rx, rz := m.rx*size*.94+.06, m.rz*size*.94+.08
	l, b := s.v.project(s.at(along-rx, away, 0)), s.v.project(s.at(along, away+rz, 0))
	w, h := math.Abs(foot.x-l.x), math.Abs(foot.y-b.y)
	sigma := math.Max(1, h*.24)
	pw, ph := int(w+3*sigma)+2, int(h+3*sigma)+2
	r := newRaster(2*pw, 2*ph)
	r.fillEllipse(vec2{float64(pw), float64(ph)}, w, h, func(_, _ float64) (colour, float32) { return rgb(0x14130F), .5 })
	r.blur(sigma)
	out.shadow = newSprite(r)
	out.sx, out.sy = -pw, -ph
}

// put draws shadow and body with the foot at a pixel.
func (p *placed) put(f *frame, m *matter, foot vec2, opacity float64) {
	x, y := int(math.Round(foot.x)), int(math.Round(foot.y))
	row := y
	p.shadow.put(f, m, x+p.sx, y+p.sy, opacity, row-4)
	p.body.put(f, m, x+p.dx, y+p.dy, opacity, row)
}
