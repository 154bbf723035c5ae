package scene

import (
	"math"
	"math/rand/v2"
)

// street is the drawn part of the background: a row of shops along the upper
// edge with the pavement before it, standing in the clip's own ground plane.
type street struct {
	v        *view
	a, b     vec3 // the foot of the wall, left to right in the clip
	dir      vec3 // unit, along the wall
	out      vec3 // unit, from the wall towards the road
	length   float64
	shops    []shop
	texture  *raster
	base     *sprite // everything drawn that never changes
	baseFoot int
	board    *sprite
	boardX   int
	boardY   int
	seed     uint32
}

// Places in the clip, in its pixels.
func wallFoot() (vec2, vec2) { return vec2{-60, 156}, vec2{472, 176} }

// kerbLine is the real edge between the parking bays and the road.
func kerbLine() []vec2 {
	return []vec2{{-60, 183}, {0, 190}, {60, 196}, {120, 203}, {180, 209}, {250, 213}, {310, 214}, {370, 212},
		{420, 207}, {455, 202}, {485, 195}, {520, 183}, {560, 167}, {600, 149}, {640, 130}, {668, 119}}
}

// sideFoot is the far end of the corner building's side wall.
func sideFoot() vec2 { return vec2{640, 113} }

// lampPost outlines the one thing of the clip that stands before the shops.
func lampPost() [][]vec2 {
	return [][]vec2{
		{{422.5, 97}, {429.5, 97}, {431, 202}, {437, 300}, {439, 392}, {428, 392}, {428, 300}, {425, 202}},
		{{413, 202}, {446, 202}, {446, 244}, {413, 244}},
	}
}

const lampFoot = 392

func makeStreet(f *Fonts, v *view, rng *rand.Rand, names [][2]string) (*street, error) {
	p, q := wallFoot()
	s := &street{v: v, a: groundAt(p), b: groundAt(q), seed: rng.Uint32()}
	d := vec3{s.b.x - s.a.x, 0, s.b.z - s.a.z}
	s.length = math.Hypot(d.x, d.z)
	s.dir = vec3{d.x / s.length, 0, d.z / s.length}
	s.out = vec3{s.dir.z, 0, -s.dir.x}
	if s.out.z > 0 {
		s.out = vec3{-s.out.x, 0, -s.out.z}
	}
	s.shops = makeShops(rng, s.length, names)
	var err error
	if s.texture, err = wallTexture(f, s.shops, s.length, rng); err != nil {
		return nil, err
	}
	s.draw()
	return s, s.drawBoard(f)
}

// at is a place: along metres from the left end of the wall, away metres
// before it, high metres above the ground.
func (s *street) at(along, away, high float64) vec3 {
	return vec3{s.a.x + s.dir.x*along + s.out.x*away, high, s.a.z + s.dir.z*along + s.out.z*away}
}

// locate is the inverse of at for a place on the ground.
func (s *street) locate(p vec3) (along, away float64) {
	dx, dz := p.x-s.a.x, p.z-s.a.z
	return dx*s.dir.x + dz*s.dir.z, dx*s.out.x + dz*s.out.z
}

// kerbAway answers how deep the pavement is at a place along the wall.
func (s *street) kerbAway(along float64) float64 {
	k := kerbLine()
	best := 2.0
	for i := 1; i < len(k); i++ {
		a0, w0 := s.locate(groundAt(k[i-1]))
		a1, w1 := s.locate(groundAt(k[i]))
		if along >= a0 && along <= a1 && a1 > a0 {
			best = w0 + (w1-w0)*(along-a0)/(a1-a0)
		}
	}
	return best
}

// superSample is how much larger drawn things are before they are averaged.
const superSample = 2

// draw renders wall, side wall, pavement and kerb into the base sprite.
func (s *street) draw() {
	v := s.v
	big := &view{crop: v.crop, w: v.w * superSample, h: v.h * superSample, mirror: v.mirror}
	low := 0.0
	for _, k := range kerbLine() {
		low = math.Max(low, big.fromClip(k).y)
	}
	r := newRaster(big.w, min(big.h, int(low)+8*superSample))
	s.drawGround(r, big)
	s.drawSide(r, big)
	q := [4]vec2{big.project(s.at(0, 0, facadeHigh)), big.project(s.at(s.length, 0, facadeHigh)),
		big.project(s.at(s.length, 0, 0)), big.project(s.at(0, 0, 0))}
	tex := s.texture.shader(0.97)
	if v.mirror {
		tex = s.unmirrored(tex)
	}
	r.fillQuad(q, tex)
	for _, part := range lampPost() {
		pts := make([]vec2, len(part))
		for i, p := range part {
			pts[i] = big.fromClip(p)
		}
		r.erase(pts)
	}
	s.base = s.finish(r)
	_, foot := wallFoot()
	s.baseFoot = int(v.fromClip(foot).y)
}

// finish gives a drawn layer the softness of the clip's own picture.
func (s *street) finish(r *raster) *sprite {
	small := r.shrink(superSample)
	small.blur(0.42 * s.v.scale())
	return newSprite(small)
}

// drawBoard makes the notice on the lamp post, in place of the clip's own
// one, which would be read backwards in a mirrored view.
func (s *street) drawBoard(f *Fonts) error {
	k := s.v.scale() * superSample
	p, q := s.v.fromClip(vec2{411, 200}), s.v.fromClip(vec2{448, 246})
	s.boardX, s.boardY = int(math.Min(p.x, q.x))&^1, int(p.y)&^1
	r := newRaster(int(37*k)+2*superSample, int(46*k)+2*superSample)
	w, h := float64(r.w), float64(r.h)
	r.fillRect(0, 0, w, h, flat(rgb(0x1F2A44)))
	r.fillRect(k, k, w-2*k, h-2*k, shade(rgb(0x2C5AA0), .1, s.seed))
	for i, line := range []string{"共建", "街区"} {
		y := h * (.1 + .42*float64(i))
		err := f.text(line, false, .1, w*.9, h*.36, func(px, py int, a float32) {
			r.over(px+int(w*.05), py+int(y), rgb(0xF4F4F0), a)
		})
		if err != nil {
			return err
		}
	}
	s.board = s.finish(r)
	return nil
}

// unmirrored keeps words readable in a mirrored view: every shop's picture is
// turned round in its own place.
func (s *street) unmirrored(tex shader) shader {
	return func(u, v float64) (colour, float32) {
		x := u * s.length
		for _, k := range s.shops {
			if x >= k.x && x < k.x+k.w {
				return tex((2*k.x+k.w-x)/s.length, v)
			}
		}
		return tex(u, v)
	}
}

// erase makes a polygon transparent.
func (r *raster) erase(pts []vec2) {
	m := newRaster(r.w, r.h)
	m.fillPoly(pts, flat(colour{}))
	for i := 0; i < len(r.p); i += 4 {
		if a := m.p[i+3]; a > 0 {
			for c := range 4 {
				r.p[i+c] *= 1 - a
			}
		}
	}
}

func (s *street) drawSide(r *raster, big *view) {
	far := groundAt(sideFoot())
	top := func(p vec3) vec3 { return vec3{p.x, facadeHigh, p.z} }
	corner := s.at(s.length, 0, 0)
	length := math.Hypot(far.x-corner.x, far.z-corner.z)
	q := [4]vec2{big.project(top(corner)), big.project(top(far)), big.project(far), big.project(corner)}
	r.fillQuad(q, func(u, v float64) (colour, float32) {
		x, y := u*length, (1-v)*facadeHigh
		mx, my := x/.24, y/.08
		row := math.Floor(my)
		mx += math.Mod(row, 2) / 2
		k := .62 + .12*hash2(int(mx), int(row), s.seed) - .22*math.Exp(-y/.3)
		if mx-math.Floor(mx) < .06 || my-row < .14 {
			k *= .84
		}
		c := rgb(0xA48A78)
		wx := math.Mod(x, 2.6)
		if wx > .8 && wx < 1.9 && y > 1.2 && y < 2.5 {
			c, k = rgb(0x343C42).mix(rgb(0x8C9AA2), float32(clamp(y-1.3, 0, 1)*.5)), .9
			if wx < .88 || wx > 1.82 || y < 1.28 || y > 2.42 || math.Abs(wx-1.35) < .03 {
				c = rgb(0xC4C2BC)
			}
		}
		return c.mul(float32(k)), 1
	})
}

// drawGround lays the pavement: slabs, a tactile strip, the kerb stones.
func (s *street) drawGround(r *raster, big *view) {
	poly := []vec2{big.project(s.at(0, 0, 0)), big.project(s.at(s.length, 0, 0)), big.fromClip(sideFoot())}
	kerb := kerbLine()
	for i := len(kerb) - 1; i >= 0; i-- {
		poly = append(poly, big.fromClip(kerb[i]))
	}
	r.fillPoly(poly, func(x, y float64) (colour, float32) {
		along, away := s.locate(groundAt(big.toClip(vec2{x, y})))
		return s.slab(along, away), 1
	})
	pts := make([]vec2, len(kerb))
	for i, k := range kerb {
		pts[i] = big.fromClip(k)
	}
	t := big.scale()
	for i := 1; i < len(pts); i++ {
		up := vec2{0, 2.2 * t}
		r.line(pts[i-1].add(up), pts[i].add(up), 2.6*t, func(_, _ float64) (colour, float32) { return rgb(0x45443F), .55 })
		r.line(pts[i-1], pts[i], 4.2*t, func(x, y float64) (colour, float32) {
			return rgb(0xA8A59C).mul(float32(.92 + .2*(noise2(x/4, y/4, s.seed)-.5))), 1
		})
	}
}

func (s *street) slab(along, away float64) colour {
	const size = .4
	ix, iy := int(math.Floor(along/size)), int(math.Floor(away/size))
	fx, fy := along/size-float64(ix), away/size-float64(iy)
	base := rgb(0x8F8D89)
	if away > 1.15 && away < 1.5 {
		base = rgb(0x9C8A4E)
		fx, fy = math.Mod(along/.3+100, 1), .5
		if ridge := math.Mod(away/.075, 1); ridge < .35 {
			base = base.mul(.88)
		}
	} else if (ix+iy)%2 == 0 {
		base = rgb(0x98938C)
	}
	k := .93 + .12*hash2(ix, iy, s.seed) + .22*(fractal(along*.9, away*1.4, 4, s.seed+5)-.5)
	if fx < .035 || fy < .05 {
		k *= .82
	}
	k *= 1 - .38*math.Exp(-math.Max(away, math.Max(0, along-s.length-.1))/.22)
	return base.mul(float32(k))
}

// lamp marks the lamp post in the matte, so that it stays in front.
func (s *street) lamp(m *matter) {
	r := newRaster(m.w, m.h)
	half := &view{crop: s.v.crop, w: m.w, h: m.h, mirror: s.v.mirror}
	for _, part := range lampPost() {
		pts := make([]vec2, len(part))
		for i, p := range part {
			pts[i] = half.fromClip(p)
		}
		r.fillPoly(pts, flat(colour{}))
	}
	foot := int16(s.v.fromClip(vec2{0, lampFoot}).y)
	for i := range m.static.alpha {
		if a := r.p[i*4+3]; a > 0 {
			m.static.alpha[i], m.static.depth[i] = byteOf(a*255), foot
		}
	}
}
