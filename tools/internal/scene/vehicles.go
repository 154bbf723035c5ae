package scene

import (
	"math"
	"math/rand/v2"
)

// vehicleKinds holds the photographed van more than once: it is what a
// detector of vehicles should know best.
func vehicleKinds() []string {
	return []string{"photovan", "ebike", "photovan", "bicycle", "van", "tricycle", "ebike"}
}

// vanOutline is the white van that is parked in the clip, in its pixels.
func vanOutline() []vec2 {
	return []vec2{{655.5, 53}, {660, 47.5}, {668, 45.5}, {690, 44.5}, {705, 45}, {711, 48}, {716, 60}, {721, 70}, {722.5, 80}, {722, 88},
		{718, 91}, {713, 90}, {709, 95}, {703, 99}, {697, 98.5}, {694, 95}, {690, 94.5}, {680, 94}, {664, 92}, {655, 90.5}, {653, 84}, {654, 66}}
}

const vanFoot = 96

// photoVan cuts the parked van out of the empty street and scales it for a
// place, facing the way it drives.
func (s *street) photoVan(c *Cast, along, away float64, flip bool) placed {
	plate := newFrame(clipW, clipH)
	copy(plate.buf, c.Plate)
	const x0, y0, w, h = 646, 38, 84, 68
	mask := newRaster(w, h)
	pts := vanOutline()
	for i := range pts {
		pts[i] = pts[i].sub(vec2{x0, y0})
	}
	mask.fillPoly(pts, flat(colour{}))
	cut := Cut{W: w, H: h, Y: make([]byte, w*h), U: make([]byte, w*h), V: make([]byte, w*h), A: make([]byte, w*h)}
	for y := range h {
		for x := range w {
			i, q := y*w+x, (y0+y)/2*(clipW/2)+(x0+x)/2
			cut.Y[i], cut.U[i], cut.V[i] = plate.y[(y0+y)*clipW+x0+x], plate.u[q], plate.v[q]
			cut.A[i] = byteOf(mask.p[i*4+3] * 255)
		}
	}
	clip := &view{crop: rect{0, 0, clipW, clipH}, w: clipW, h: clipH}
	k := s.v.metre(s.at(along, away, 0)) / clip.metre(groundAt(vec2{688, vanFoot}))
	r := newRaster(int(w*k), int(h*k))
	for y := range r.h {
		for x := range r.w {
			sx := (float64(x) + .5) / float64(r.w)
			if flip {
				sx = 1 - sx
			}
			cut.over(r, x, y, sx*w-.5, (float64(y)+.5)/float64(r.h)*h-.5)
		}
	}
	r.blur(.5)
	foot := s.v.project(s.at(along, away, 0))
	dy := int((vanFoot - y0) * k)
	out := placed{body: newSprite(r), dx: -r.w / 2, dy: -dy,
		box: rect{-float64(r.w) / 2 * .86, float64(-dy) + 6*k, float64(r.w) * .86, 56 * k}}
	s.castShadow(&out, &model{rx: 1.15, rz: .55}, along, away, 1, foot)
	return out
}

func makeVehicle(kind string, rng *rand.Rand) *model {
	m := &model{label: kind}
	colours := []colour{rgb(0xB8322E), rgb(0x2E4E86), rgb(0x2B2B2E), rgb(0xE4E4E0), rgb(0x2F7A5C)}
	c := colours[rng.IntN(len(colours))]
	switch kind {
	case "van":
		van(m, c, rng.Uint32())
	case "tricycle":
		tricycle(m, c, rng.Uint32())
	case "bicycle":
		cycle(m, c, false)
	default:
		cycle(m, c, true)
	}
	return m
}

// wheel is a disc that stands along the wall.
func wheel(m *model, x, r, z float64, thick bool) {
	s := func(u, v float64) (colour, float32) {
		d := math.Hypot(u-.5, v-.5) * 2
		tyre := .80
		if thick {
			tyre = .62
		}
		switch {
		case d > 1:
			return colour{}, 0
		case d > tyre:
			return rgb(0x1C1C1E), 1
		case thick:
			return rgb(0x7C7E82).mul(float32(.6 + .4*math.Abs(math.Sin(math.Atan2(v-.5, u-.5)*2.5)))), 1
		case math.Abs(math.Sin(math.Atan2(v-.5, u-.5)*8)) < .22 || d < .15:
			return rgb(0x9A9C9E), .7
		}
		return colour{}, 0
	}
	m.quad([4]vec3{{x - r, 2 * r, z}, {x + r, 2 * r, z}, {x + r, 0, z}, {x - r, 0, z}}, s, .9)
}

// bar is a tube seen from the side.
func bar(m *model, x0, y0, x1, y1, z, t float64, c colour) {
	l := math.Hypot(x1-x0, y1-y0)
	nx, ny := -(y1-y0)/l*t/2, (x1-x0)/l*t/2
	m.quad([4]vec3{{x0 + nx, y0 + ny, z}, {x1 + nx, y1 + ny, z}, {x1 - nx, y1 - ny, z}, {x0 - nx, y0 - ny, z}}, flat(c), .85)
}

func cycle(m *model, c colour, electric bool) {
	r := .33
	if electric {
		r = .23
	}
	wheel(m, -.52, r, 0, electric)
	wheel(m, .52, r, 0, electric)
	if electric {
		m.box(-.3, .3, 0, .62, .3, .22, 0, shade(c, .2, 3), flat(c.mul(.9)))
		m.box(.05, .24, 0, .5, .1, .24, 0, flat(rgb(0x2A2A2C)), flat(rgb(0x3A3A3C)))
		m.box(-.28, .6, 0, .56, .12, .24, 0, flat(rgb(0x1E1E20)), flat(rgb(0x2A2A2C)))
		m.box(.44, .32, 0, .12, .62, .26, 0, shade(c, .2, 5), flat(c))
		m.box(-.62, .66, 0, .3, .28, .3, 0, flat(rgb(0x3C3E42)), flat(rgb(0x4A4C50)))
	} else {
		bar(m, -.52, r, -.15, .78, .02, .035, c)
		bar(m, -.52, r, -.02, .33, .02, .03, c)
		bar(m, -.15, .72, .42, .74, .02, .035, c)
		bar(m, -.02, .33, .42, .74, .02, .035, c)
		bar(m, -.02, .33, -.17, .82, .02, .035, c)
		bar(m, .52, r, .40, .9, .02, .035, rgb(0x8A8C8E))
		m.box(-.17, .82, 0, .26, .06, .14, 0, flat(rgb(0x1E1E20)), flat(rgb(0x2A2A2C)))
		m.box(.62, .6, 0, .28, .22, .26, 0, lattice(rgb(0x6A6C6E), 4), flat(rgb(0x333333)))
	}
	bar(m, .46, .9, .38, 1.02, .04, .05, rgb(0x2A2A2C))
	m.box(.36, .98, 0, .05, .04, .56, 0, flat(rgb(0x2A2A2C)), flat(rgb(0x3A3A3C)))
	m.rx, m.rz = .75, .2
}

func tricycle(m *model, c colour, seed uint32) {
	m.box(-.4, .42, 0, 1.3, .34, .9, 0, shade(c, .25, seed), flat(c.mul(.35)))
	wheel(m, -.5, .27, .46, false)
	wheel(m, .85, .27, 0, false)
	bar(m, .25, .5, .85, .3, 0, .05, c)
	bar(m, .85, .3, .72, 1.0, 0, .05, rgb(0x55575A))
	m.box(.3, .8, 0, .28, .08, .22, 0, flat(rgb(0x1E1E20)), flat(rgb(0x2A2A2C)))
	m.box(.7, 1.0, 0, .05, .04, .6, 0, flat(rgb(0x2A2A2C)), flat(rgb(0x3A3A3C)))
	m.rx, m.rz = 1.05, .48
}

func van(m *model, c colour, seed uint32) {
	if c.r+c.g+c.b < .6 {
		c = rgb(0xC9CCD0)
	}
	glass := func(u, v float64) colour {
		return rgb(0x20262B).mix(rgb(0x93A2AC), float32(smooth(1.2-v*2.2-u*.2)*.5))
	}
	side := func(u, v float64) (colour, float32) {
		l := 1.03 - .22*v + .05*(fractal(u*6, v*3, 3, seed)-.5)
		switch {
		case v > .12 && v < .44 && (u > .05 && u < .33 || u > .37 && u < .64 || u > .68 && u < .93):
			return glass(u, v), 1
		case math.Abs(u-.355) < .004 || math.Abs(u-.66) < .004:
			l *= .6
		case v > .9:
			return rgb(0x2A2B2C), 1
		case v > .58 && v < .62:
			l *= .88
		}
		return c.mul(float32(l)), 1
	}
	top := func(u, v float64) (colour, float32) {
		return c.mul(float32(1 + .04*math.Sin(u*40))), 1
	}
	m.box(0, .28, 0, 3.7, 1.45, 1.55, 0, side, top)
	for _, x := range []float64{-1.15, 1.15} {
		wheel(m, x, .31, .80, true)
	}
	m.quad([4]vec3{{1.855, .9, .7}, {1.855, .9, -.7}, {1.855, .5, -.7}, {1.855, .5, .7}}, flat(rgb(0x3A3C3E)), .8)
	m.rx, m.rz = 1.9, .85
}

// ladder leans at the wall while a sign is changed.
func ladder(m *model) {
	c := rgb(0xB9BCC0)
	for _, x := range []float64{-.2, .2} {
		m.quad([4]vec3{{x - .03, 3.1, -.45}, {x + .03, 3.1, -.45}, {x + .03, 0, .1}, {x - .03, 0, .1}}, flat(c), .9)
	}
	for y := .25; y < 3.1; y += .3 {
		z := .1 - .55*y/3.1
		m.quad([4]vec3{{-.2, y + .03, z}, {.2, y + .03, z}, {.2, y - .02, z}, {-.2, y - .02, z}}, flat(c), .75)
	}
	m.rx, m.rz, m.label = .25, .15, "ladder"
}
