package scene

import (
	"math"
	"math/rand/v2"
)

// The kinds of things that are put out, by where they are usually seen.
func pavementThings() []string {
	return []string{"cartons", "crates", "sacks", "foam", "boards", "sofa", "drums"}
}

func frontageThings() []string {
	return []string{"rack", "table", "stand", "pots", "lightbox"}
}

// makeThing builds one thing; every call with the same numbers gives the same.
func makeThing(kind string, rng *rand.Rand) *model {
	m := &model{label: kind}
	k := thingMaker{m, rng, rng.Uint32()}
	switch kind {
	case "cartons":
		k.cartons()
	case "crates":
		k.crates()
	case "sacks":
		k.sacks()
	case "foam":
		k.foam()
	case "boards":
		k.boards()
	case "sofa":
		k.sofa()
	case "drums":
		k.drums()
	case "rack":
		k.rack()
	case "table":
		k.table()
	case "stand":
		k.stand()
	case "pots":
		k.pots()
	default:
		k.lightbox()
	}
	return m
}

type thingMaker struct {
	m    *model
	rng  *rand.Rand
	seed uint32
}

func (k thingMaker) between(a, b float64) float64 { return a + (b-a)*k.rng.Float64() }

// carton is corrugated board with tape, a printed mark and worn edges.
func carton(c colour, seed uint32) (side, top shader) {
	side = func(u, v float64) (colour, float32) {
		l := .94 + .14*(fractal(u*5, v*5, 3, seed)-.5) + .05*math.Sin(v*90)
		d := c
		if u > .12 && u < .42 && v > .3 && v < .62 && hash2(int(u*14), int(v*10), seed) > .35 {
			d = c.mul(.62)
		}
		if u > .60 && u < .9 && v > .68 && v < .78 {
			d = rgb(0x8E2F26).mix(c, .35)
		}
		if u < .015 || u > .985 || v > .98 {
			l *= .8
		}
		return d.mul(float32(l)), 1
	}
	top = func(u, v float64) (colour, float32) {
		l := .97 + .1*(fractal(u*4, v*4, 3, seed+1)-.5)
		d := c
		if math.Abs(v-.5) < .09 {
			d = c.mix(rgb(0xD8C79C), .55)
		}
		if math.Abs(v-.5) < .008 {
			l *= .7
		}
		return d.mul(float32(l)), 1
	}
	return side, top
}

func (k thingMaker) cartons() {
	colours := []colour{rgb(0xA9825A), rgb(0xB8946A), rgb(0x9A7550), rgb(0xC4B8A2)}
	for col := range 2 + k.rng.IntN(2) {
		x, y := float64(col)*.56-.5, 0.0
		for range 1 + k.rng.IntN(3) {
			w, h, d := k.between(.42, .56), k.between(.3, .42), k.between(.36, .48)
			s, t := carton(colours[k.rng.IntN(len(colours))], k.rng.Uint32())
			k.m.box(x+k.between(-.03, .03), y, k.between(-.04, .04), w, h, d, k.between(-.15, .15), s, t)
			y += h
		}
	}
}

// lattice is the pierced wall of a plastic crate.
func lattice(c colour, seed uint32) shader {
	return func(u, v float64) (colour, float32) {
		fu, fv := math.Mod(u*9, 1), math.Mod(v*4, 1)
		l := .95 + .1*(noise2(u*8, v*8, seed)-.5)
		if v > .16 && v < .86 && fu > .25 && fv > .25 {
			return c.mul(.22), 1
		}
		if v < .08 {
			l *= 1.15
		}
		return c.mul(float32(l)), 1
	}
}

// heap looks like round goods seen from above.
func heap(c colour, seed uint32) shader {
	return func(u, v float64) (colour, float32) {
		x, y := u*8, v*6
		best, id := 9.0, 0.0
		for j := -1; j <= 1; j++ {
			for i := -1; i <= 1; i++ {
				cx, cy := int(math.Floor(x))+i, int(math.Floor(y))+j
				d := math.Hypot(float64(cx)+hash2(cx, cy, seed)-x, float64(cy)+hash2(cx, cy, seed+1)-y)
				if d < best {
					best, id = d, hash2(cx, cy, seed+2)
				}
			}
		}
		l := (1.15 - best*.75) * (.8 + .4*id)
		return c.mix(rgb(0x6E8A32), float32(id*.25)).mul(float32(l)), 1
	}
}

func goodsColour(rng *rand.Rand) colour {
	c := []colour{rgb(0xD8782A), rgb(0xB7302C), rgb(0x7FA03C), rgb(0xD8B13C), rgb(0x8C4A6A), rgb(0xC9A36A)}
	return c[rng.IntN(len(c))]
}

func (k thingMaker) crates() {
	colours := []colour{rgb(0x2A5CA8), rgb(0xB8302A), rgb(0x2F7A4C), rgb(0xD0A12E), rgb(0x5C5E62)}
	for col := range 2 + k.rng.IntN(2) {
		x, y := float64(col)*.58-.55, 0.0
		c := colours[k.rng.IntN(len(colours))]
		n := 1 + k.rng.IntN(4)
		for i := range n {
			top := flat(c.mul(.35))
			if i == n-1 && k.rng.IntN(3) > 0 {
				top = heap(goodsColour(k.rng), k.rng.Uint32())
			}
			k.m.box(x+k.between(-.02, .02), y, k.between(-.03, .03), .52, .27, .38, k.between(-.06, .06), lattice(c, k.rng.Uint32()), top)
			y += .27
		}
	}
}

func (k thingMaker) sacks() {
	base := []colour{rgb(0xC9C2B0), rgb(0xD9DAD6), rgb(0xA3885E), rgb(0x9FB0A0)}[k.rng.IntN(4)]
	spots := [][3]float64{{-.42, .17, 0}, {.14, .17, .04}, {.62, .17, -.02}, {-.14, .45, 0}, {.36, .45, .02}}
	for i, p := range spots[:3+k.rng.IntN(3)] {
		seed := k.rng.Uint32()
		stripe := i%2 == 0
		k.m.ball(p[0]+k.between(-.04, .04), p[1], p[2], k.between(.29, .35), k.between(.17, .21), func(u, v float64) (colour, float32) {
			l := .62 - .38*v + .16*(1-u*u) + .3*(fractal(u*3+5, v*3+5, 3, seed)-.5) + .04*math.Sin(u*70)*math.Sin(v*45)
			c := base
			if stripe && math.Abs(u) < .38 && math.Abs(v) < .4 && hash2(int(u*12+20), int(v*9+20), seed) > .45 {
				c = base.mix(rgb(0x9A2C28), .55)
			}
			return c.mul(float32(clamp(l, .15, 1.1))), 1
		})
	}
}

func (k thingMaker) foam() {
	for col := range 2 + k.rng.IntN(2) {
		x, y := float64(col)*.62-.5, 0.0
		for range 1 + k.rng.IntN(3) {
			s := k.rng.Uint32()
			side := func(u, v float64) (colour, float32) {
				l := .98 + .08*(fractal(u*6, v*6, 3, s)-.5)
				if math.Abs(v-.22) < .02 {
					l = .72
				}
				c := rgb(0xE6E8E8)
				if math.Abs(u-.5) < .05 {
					c = rgb(0xC9A96A)
				}
				return c.mul(float32(l)), 1
			}
			k.m.box(x, y, k.between(-.03, .03), .57, .33, .4, k.between(-.08, .08), side, shade(rgb(0xECEEEE), .12, s))
			y += .33
		}
	}
}

func (k thingMaker) boards() {
	wood := func(c colour, seed uint32) shader {
		return func(u, v float64) (colour, float32) {
			return c.mul(float32(.9 + .25*(fractal(u*2, v*24, 3, seed)-.5))), 1
		}
	}
	y := 0.0
	for range 5 + k.rng.IntN(5) {
		c := []colour{rgb(0xB08C5C), rgb(0x9C8668), rgb(0xC2A878)}[k.rng.IntN(3)]
		s := wood(c, k.rng.Uint32())
		k.m.box(k.between(-.06, .06), y, k.between(-.05, .05), 1.7, .07, k.between(.45, .6), k.between(-.05, .05), s, s)
		y += .075
	}
	s, t := carton(rgb(0xA9825A), k.seed)
	k.m.box(-.3, y, 0, .5, .34, .4, .2, s, t)
}

func (k thingMaker) sofa() {
	c := []colour{rgb(0x6E3A34), rgb(0x4A5468), rgb(0x7C6A4C)}[k.rng.IntN(3)]
	s := shade(c, .5, k.seed)
	k.m.box(0, .08, .05, 1.5, .34, .7, 0, s, s)
	k.m.box(0, .42, -.28, 1.5, .46, .2, 0, s, s)
	k.m.box(-.72, .08, .05, .2, .56, .74, 0, s, s)
	k.m.box(.72, .08, .05, .2, .56, .74, 0, s, s)
}

func (k thingMaker) drums() {
	colours := []colour{rgb(0x2D6AA8), rgb(0xD8DAD4), rgb(0xB8432E), rgb(0x3C7A54)}
	for i := range 3 + k.rng.IntN(3) {
		c := colours[k.rng.IntN(len(colours))]
		seed := k.rng.Uint32()
		side := func(u, v float64) (colour, float32) {
			l := .95 + .15*(fractal(u*4, v*4, 3, seed)-.5)
			d := c
			if v > .3 && v < .7 && u > .3 && u < .8 {
				d = c.mix(rgb(0xF0EDE2), .7)
			}
			return d.mul(float32(l)), 1
		}
		k.m.drum(float64(i%3)*.42-.42, float64(i/3)*.44, k.between(-.05, .05), .17, .18, .42, side, flat(c.mul(.9)))
	}
}

func (k thingMaker) rack() {
	steel := flat(rgb(0x9A9EA2))
	const w, h = 1.5, 1.45
	for _, x := range []float64{-w / 2, w / 2} {
		k.m.box(x, 0, 0, .04, h, .04, 0, steel, steel)
		k.m.box(x, 0, 0, .05, .05, .55, 0, steel, steel)
	}
	k.m.box(0, h, 0, w+.06, .035, .035, 0, steel, steel)
	for x := -w/2 + .1; x < w/2-.05; x += k.between(.09, .14) {
		c := colour{float32(k.between(.15, .85)), float32(k.between(.12, .75)), float32(k.between(.15, .8))}
		seed, l, bw := k.rng.Uint32(), k.between(.7, 1.05), k.between(.34, .44)
		yaw := k.between(.25, .9)
		dx, dz := bw/2*math.Cos(yaw), bw/2*math.Sin(yaw)
		cloth := func(u, v float64) (colour, float32) {
			// Shoulders slope, the rest hangs in folds.
			if v < .16*math.Abs(u-.5)*2 || (v > .35 && math.Abs(u-.5) > .38) {
				return c, 0
			}
			f := .85 + .25*math.Sin(u*14+noise2(u*3, v*2, seed)*4) + .15*(fractal(u*4, v*4, 3, seed)-.5)
			return c.mul(float32(f)), 1
		}
		k.m.quad([4]vec3{{x - dx, h - .03, -dz}, {x + dx, h - .03, dz}, {x + dx, h - l, dz}, {x - dx, h - l, -dz}}, cloth, .82)
	}
	k.m.rx, k.m.rz = w/2, .3
}

func (k thingMaker) table() {
	wood := shade([]colour{rgb(0x8A6B48), rgb(0xC8C6BE), rgb(0x6C7A86)}[k.rng.IntN(3)], .3, k.seed)
	for _, x := range []float64{-.62, .62} {
		for _, z := range []float64{-.28, .28} {
			k.m.box(x, 0, z, .05, .68, .05, 0, wood, wood)
		}
	}
	k.m.box(0, .68, 0, 1.4, .05, .7, 0, wood, wood)
	for x := -.55; x < .6; x += .29 {
		for _, z := range []float64{-.17, .17} {
			s := k.rng.Uint32()
			c := goodsColour(k.rng)
			switch k.rng.IntN(3) {
			case 0:
				k.m.box(x, .73, z, .24, k.between(.06, .12), .26, 0, flat(c.mul(.7)), heap(c, s))
			case 1:
				a, b := carton(c.mix(rgb(0xD0C8B8), .5), s)
				k.m.box(x, .73, z, .22, k.between(.12, .3), .2, k.between(-.2, .2), a, b)
			default:
				k.m.drum(x, .73, z, .07, .07, k.between(.14, .26), shade(c, .4, s), flat(c))
			}
		}
	}
}

func (k thingMaker) stand() {
	for row, y := range []float64{.25, .45, .65} {
		z := .45 - float64(row)*.4
		k.m.box(0, 0, z, 1.6, y, .4, 0, shade(rgb(0x5E5A50), .3, k.seed), flat(rgb(0x4A4640)))
		for x := -.6; x < .7; x += .4 {
			c := goodsColour(k.rng)
			k.m.box(x, y, z, .38, .12, .38, 0, lattice(rgb(0x9C7A48), k.seed+1), heap(c, k.rng.Uint32()))
		}
	}
}

func (k thingMaker) pots() {
	for i := range 4 + k.rng.IntN(3) {
		x, z := float64(i%3)*.5-.5, float64(i/3)*.45-.2
		c := []colour{rgb(0x8A4A34), rgb(0xD4D2CA), rgb(0x4C5A6A)}[k.rng.IntN(3)]
		r := k.between(.13, .19)
		k.m.drum(x, 0, z, r*.75, r, .28, shade(c, .3, k.rng.Uint32()), flat(rgb(0x2E241C)))
		leaf := []colour{rgb(0x3F6B2E), rgb(0x557A36), rgb(0x2F5A38)}[k.rng.IntN(3)]
		bloom := []colour{rgb(0xC8405A), rgb(0xE0B84A), rgb(0xE8E4E0), leaf}[k.rng.IntN(4)]
		seed, hgt := k.rng.Uint32(), k.between(.2, .4)
		k.m.ball(x, .3+hgt, z, k.between(.2, .28), hgt, func(u, v float64) (colour, float32) {
			n := fractal(u*5+9, v*6+9, 3, seed)
			edge := u*u + v*v + (n-.5)*1.3
			if edge > .8 {
				return leaf, 0
			}
			d := leaf
			if noise2(u*9+3, v*9+3, seed+4) > .74 {
				d = bloom
			}
			return d.mul(float32(.5 + n*.8 - v*.25)), 1
		})
	}
}

func (k thingMaker) lightbox() {
	c := []colour{rgb(0xC8322C), rgb(0x2C62A8), rgb(0xE0A42C)}[k.rng.IntN(3)]
	front := func(u, v float64) (colour, float32) {
		if u < .05 || u > .95 || v < .03 || v > .97 {
			return rgb(0xA8AAA8), 1
		}
		if v < .45 && hash2(int(u*7), int(v*12), k.seed) > .5 && u > .15 && u < .85 {
			return rgb(0xF6F2E6), 1
		}
		if v > .5 && v < .9 && int(v*22)%2 == 0 && u > .15 && u < .85-.3*hash2(0, int(v*22), k.seed) {
			return rgb(0xF2E6C0), 1
		}
		return c, 1
	}
	k.m.box(0, .08, 0, .6, 1.25, .16, .12, front, flat(rgb(0x9A9C9A)))
	k.m.box(0, 0, 0, .62, .08, .34, .12, flat(rgb(0x55585A)), flat(rgb(0x606366)))
	s, t := carton(rgb(0xB8946A), k.seed)
	k.m.box(.75, 0, .05, .5, .38, .42, -.1, s, t)
}
