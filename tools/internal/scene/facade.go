package scene

import (
	"math"
	"math/rand/v2"
)

// Shop is one shop front of the street.
type shop struct {
	name, line string  // large words and the small line below
	x, w       float64 // along the wall, metres
	doorX      float64 // middle of the door
	plate, ink colour
	frame      colour
	serif      bool
	awning     colour
	hasAwning  bool
	seed       uint32
}

// The sign plate's place above the ground and inside the shop's width.
const (
	plateLow, plateHigh = 2.72, 3.52
	plateInset          = 0.16
	openingHigh         = 2.45
	facadeHigh          = 6.2
	facadePx            = 110 // texture pixels per metre
)

// Names are common words of small shops, not those of real ones.
func shopWords() [][2]string {
	return [][2]string{
		{"老城面馆", "面食小炒 盖浇饭"}, {"佳佳水果", "新鲜水果 当日配送"}, {"兴旺五金", "五金电料 水暖管件"},
		{"永盛烟酒", "名烟名酒 茶叶"}, {"小月服饰", "女装 童装"}, {"顺达电器", "家电维修 配件"},
		{"康民药房", "医保定点"}, {"鲜花物语", "鲜花 绿植"}, {"好邻居超市", "日用百货"},
		{"光明文具", "文具 打印 复印"}, {"阿宝烘焙", "蛋糕 面包"}, {"金剪刀理发", "剪烫染"},
		{"福满粮油", "米面粮油"}, {"宏远建材", "涂料 瓷砖"}, {"晨光早餐", "豆浆 油条 包子"},
		{"美家窗帘", "布艺 定制"},
	}
}

func plateColours() [][2]colour {
	return [][2]colour{
		{rgb(0xA81E22), rgb(0xF7E08A)}, {rgb(0x1D4F91), rgb(0xF4F6F8)}, {rgb(0x1E6B43), rgb(0xFFFFFF)},
		{rgb(0xE9E4D8), rgb(0xA02020)}, {rgb(0x2B2B2E), rgb(0xE8C46A)}, {rgb(0xD9701E), rgb(0xFFF8E8)},
		{rgb(0x6B2C6E), rgb(0xFAF0FA)}, {rgb(0xF3D34A), rgb(0xB01A1A)},
	}
}

// makeShops divides a wall of the given length. With names given it has as
// many shops, in their order; else as many as fit, with common names.
func makeShops(rng *rand.Rand, length float64, names [][2]string) []shop {
	n := max(1, int(length/4.0))
	words, colours := rng.Perm(len(shopWords())), rng.Perm(len(plateColours()))
	if len(names) > 0 {
		n = len(names)
	}
	frames := []colour{rgb(0xB9BDC1), rgb(0x5A4636), rgb(0x3E4A46), rgb(0xD8D8D4)}
	awnings := []colour{rgb(0xB23A32), rgb(0x2F6E57), rgb(0x36609A), rgb(0xC08A2E)}
	var out []shop
	w := length / float64(n)
	for i := range n {
		t, c := shopWords()[words[i%len(words)]], plateColours()[colours[i%len(colours)]]
		if len(names) > 0 {
			t = names[i]
		}
		s := shop{name: t[0], line: t[1], x: float64(i) * w, w: w, plate: c[0], ink: c[1],
			frame: frames[rng.IntN(len(frames))], serif: rng.IntN(4) == 0,
			hasAwning: rng.IntN(3) == 0, awning: awnings[rng.IntN(len(awnings))], seed: rng.Uint32()}
		s.doorX = s.x + w*(0.3+0.4*rng.Float64())
		out = append(out, s)
	}
	return out
}

// wallTexture draws the whole facade; x runs along the wall, y = 0 is the
// ground at the bottom of the picture.
func wallTexture(f *Fonts, shops []shop, length float64, rng *rand.Rand) (*raster, error) {
	r := newRaster(int(length*facadePx), int(facadeHigh*facadePx))
	p := painter{r: r, seed: rng.Uint32()}
	tiles := []colour{rgb(0xCDBFA8), rgb(0xC6C0B6), rgb(0xC8A68C), rgb(0xD6CBB4)}[rng.IntN(4)]
	p.tiles(0, 0, length, facadeHigh, tiles)
	for _, s := range shops {
		p.upperFloor(s, rng)
		p.opening(s, rng)
		plate, err := signTexture(f, s, s.name, s.line, s.plate, s.ink)
		if err != nil {
			return nil, err
		}
		p.rect(s.x+plateInset-.05, plateLow-.05, s.w-2*plateInset+.1, plateHigh-plateLow+.1, flat(s.frame.mul(.55)))
		p.rect(s.x+plateInset, plateLow, s.w-2*plateInset, plateHigh-plateLow, plate.shader(0.92))
		if s.hasAwning {
			p.awning(s)
		}
	}
	for _, s := range shops[1:] {
		p.rect(s.x-.05, 0, .1, facadeHigh, shade(rgb(0x8E8A84), .25, p.seed))
	}
	// Rain dirt from the bottom up and light falling off under the eaves.
	p.rect(0, 0, length, facadeHigh, func(u, v float64) (colour, float32) {
		h := (1 - v) * facadeHigh
		a := 0.30*math.Exp(-h/.25) + .10*fractal(u*length*1.3, v*2, 4, p.seed+9)
		return rgb(0x26221C), float32(a)
	})
	return r, nil
}

// painter draws in metres on a wall texture.
type painter struct {
	r    *raster
	seed uint32
}

func (p *painter) rect(x, y, w, h float64, s shader) {
	p.r.fillRect(x*facadePx, float64(p.r.h)-(y+h)*facadePx, w*facadePx, h*facadePx, s)
}

// shade is a colour with blotches of the given strength.
func shade(c colour, strength float64, seed uint32) shader {
	return func(u, v float64) (colour, float32) {
		n := fractal(u*9, v*9, 4, seed) - .5
		return c.mul(float32(1 + n*strength)), 1
	}
}

func (p *painter) tiles(x, y, w, h float64, c colour) {
	p.rect(x, y, w, h, func(u, v float64) (colour, float32) {
		mx, my := u*w/.15, v*h/.075
		row := math.Floor(my)
		mx += math.Mod(row, 2) / 2
		col := math.Floor(mx)
		fx, fy := mx-col, my-row
		k := 0.9 + .16*hash2(int(col), int(row), p.seed) + .12*(fractal(u*w/2, v*h/2, 3, p.seed+1)-.5)
		if fx < .06 || fy < .1 {
			k *= .78
		}
		return c.mul(float32(k)), 1
	})
}

// upperFloor draws windows, an air conditioner and a pipe above the sign.
func (p *painter) upperFloor(s shop, rng *rand.Rand) {
	p.rect(s.x, 3.72, s.w, .12, shade(rgb(0x9A958C), .2, s.seed))
	n := 2
	for i := range n {
		wx := s.x + s.w*(float64(i)+.5)/float64(n) - .62
		p.rect(wx-.06, 4.25-.06, 1.36, 1.46, flat(rgb(0xD5D6D4)))
		p.rect(wx, 4.25, 1.24, 1.34, func(u, v float64) (colour, float32) {
			c := rgb(0x39434A).mix(rgb(0x8FA0AC), float32(smooth(1.3-v-u*.3)*.55))
			if fractal(u*4, v*1.5, 2, s.seed+uint32(i)) > .56 {
				c = c.mix(rgb(0xB8B2A4), .5)
			}
			return c, 1
		})
		p.rect(wx+.6, 4.25, .05, 1.34, flat(rgb(0xD5D6D4)))
		p.rect(wx-.1, 4.16, 1.44, .06, flat(rgb(0xB9B4AA)))
	}
	if rng.IntN(4) > 0 {
		ax := s.x + s.w*.5 - .4
		p.rect(ax, 3.86, .8, .56, flat(rgb(0xC9CBC8)))
		p.rect(ax+.06, 3.9, .48, .48, func(u, v float64) (colour, float32) {
			d := math.Hypot(u-.5, v-.5)
			k := .55 + .25*math.Abs(math.Sin(d*60))
			if d > .5 {
				k = .95
			}
			return rgb(0xB4B6B4).mul(float32(k)), 1
		})
		p.rect(ax, 3.84, .84, .03, flat(rgb(0x55524C)))
	}
}

// opening draws the glass front: window with goods, door, shutter box.
func (p *painter) opening(s shop, rng *rand.Rand) {
	x, w := s.x+.2, s.w-.4
	p.rect(x-.08, 0, w+.16, openingHigh+.08, flat(s.frame))
	p.rect(x, 0, w, openingHigh, func(_, v float64) (colour, float32) {
		return rgb(0x1E1C1A).mix(rgb(0x4A4640), float32(v*.7)), 1
	})
	// Shelves behind the glass.
	for shelf := .45; shelf < 2.1; shelf += .42 {
		for gx := x + .05; gx < x+w-.15; {
			gw := .07 + rng.Float64()*.16
			gh := .12 + rng.Float64()*.2
			grey := float32(.2 + .6*rng.Float64())
			c := colour{float32(.25 + .6*rng.Float64()), float32(.25 + .5*rng.Float64()), float32(.2 + .4*rng.Float64())}
			c = c.mix(colour{grey, grey * .97, grey * .92}, .55).mul(float32(.28 + .3*rng.Float64()))
			p.rect(gx, shelf, math.Min(gw, x+w-gx), gh, shade(c, .9, s.seed+uint32(gx*100)))
			gx += gw + rng.Float64()*.03
		}
		p.rect(x, shelf-.04, w, .035, flat(rgb(0x6B655C).mul(.8)))
	}
	for lx := x + .4; lx < x+w; lx += .9 { // lamps inside
		p.rect(lx-.35, 1.75, .7, .45, func(u, v float64) (colour, float32) {
			d := math.Hypot((u-.5)*2, v*1.1)
			return rgb(0xFFF3D8), float32(.55 * math.Exp(-d*d*5))
		})
	}
	p.rect(x, 2.2, w, .25, shade(rgb(0xA3A5A4), .15, s.seed)) // shutter box
	for k := range 5 {
		p.rect(x, 2.22+float64(k)*.045, w, .008, flat(rgb(0x6F7172)))
	}
	p.rect(x, 0, w, .32, shade(rgb(0x84807A), .3, s.seed+3)) // plinth
	for gx := x; gx < x+w+.01; gx += w / math.Max(2, math.Round(w/1.1)) {
		p.rect(gx-.025, 0, .05, 2.2, flat(s.frame))
	}
	p.door(s)
	// One reflection of the sky runs over the whole front.
	p.rect(x, .32, w, 1.88, func(u, v float64) (colour, float32) {
		d := math.Mod(u*w*.8+v*.9+hash2(1, 2, s.seed), 1.7)
		return rgb(0xBCC8D0), float32(.10 + .16*smooth(1-math.Abs(d-.5)*3))
	})
}

func (p *painter) door(s shop) {
	dx := s.doorX - .6
	p.rect(dx-.06, 0, 1.32, 2.2, flat(s.frame.mul(.9)))
	p.rect(dx, .03, 1.2, 2.1, func(_, v float64) (colour, float32) {
		return rgb(0x14120F).mix(rgb(0x57504A), float32(v*v*.8)), 1
	})
	// One wing stands open, the other is glass.
	p.rect(dx, .03, .58, 2.1, func(u, v float64) (colour, float32) {
		return rgb(0x5C6A70).mix(rgb(0xA9B6BC), float32(smooth(1.1-v-u*.4)*.6)), .75
	})
	p.rect(dx+.5, .95, .03, .35, flat(rgb(0xD9D9D6)))
	p.rect(dx-.2, 0, 1.6, .06, flat(rgb(0xA9A49A)))
}

func (p *painter) awning(s shop) {
	p.rect(s.x+.1, openingHigh-.08, s.w-.2, .36, func(u, v float64) (colour, float32) {
		n := u * (s.w - .2) / .3
		c := s.awning
		if int(n)%2 == 1 {
			c = rgb(0xE6E1D6)
		}
		edge := .82 + .12*math.Abs(math.Sin(n*math.Pi))
		if v > edge {
			return c, 0
		}
		return c.mul(float32(1.02 - .35*v)), 1
	})
}

// signTexture draws a sign plate with its words.
func signTexture(f *Fonts, s shop, name, line string, plate, ink colour) (*raster, error) {
	w, h := (s.w-2*plateInset)*facadePx, (plateHigh-plateLow)*facadePx
	r := newRaster(int(w), int(h))
	r.fillRect(0, 0, w, h, func(u, v float64) (colour, float32) {
		k := 1.04 - .16*v + .06*(fractal(u*8, v*2, 3, s.seed+7)-.5)
		return plate.mul(float32(k)), 1
	})
	edge := ink.mix(plate, .35)
	for _, q := range [][4]float64{{0, 0, w, 3}, {0, h - 3, w, 3}, {0, 0, 3, h}, {w - 3, 0, 3, h}} {
		r.fillRect(q[0], q[1], q[2], q[3], flat(edge))
	}
	big, small := h*.66, h*.17
	put := func(dx, dy float64, c colour, k float32) func(int, int, float32) {
		return func(x, y int, a float32) { r.over(x+int(dx), y+int(dy), c, a*k) }
	}
	if err := f.text(name, s.serif, .1, w*.94, big, put(w*.03+2, h*.06+3, plate.mul(.45), .8)); err != nil {
		return nil, err
	}
	if err := f.text(name, s.serif, .1, w*.94, big, put(w*.03, h*.06, ink, 1)); err != nil {
		return nil, err
	}
	if line == "" {
		return r, nil
	}
	return r, f.text(line, false, .05, w*.8, small, put(w*.1, h*.77, ink.mix(plate, .15), 1))
}
