package scene

import (
	"fmt"
	"math"

	"jiexun/api/edgev1"
)

// plateQuad is a sign plate's corners in the picture, upper left first as it
// is read.
func (s *street) plateQuad(k shop, v *view) [4]vec2 {
	l, r := k.x+plateInset, k.x+k.w-plateInset
	if v.mirror {
		l, r = r, l
	}
	return [4]vec2{v.project(s.at(l, 0, plateHigh)), v.project(s.at(r, 0, plateHigh)),
		v.project(s.at(r, 0, plateLow)), v.project(s.at(l, 0, plateLow))}
}

// whole tells whether the plate is inside the picture with a margin.
func (s *street) whole(k shop) bool {
	for _, p := range s.plateQuad(k, s.v) {
		if p.x < 4 || p.y < 4 || p.x > float64(s.v.w)-4 || p.y > float64(s.v.h)-4 {
			return false
		}
	}
	return true
}

// overlay renders a picture in place of a sign plate.
func (s *street) overlay(k shop, pic *raster) (*sprite, int, int) {
	big := &view{crop: s.v.crop, w: s.v.w * superSample, h: s.v.h * superSample, mirror: s.v.mirror}
	q := s.plateQuad(k, big)
	x0, y0, x1, y1 := q[0].x, q[0].y, q[0].x, q[0].y
	for _, p := range q {
		x0, y0, x1, y1 = math.Min(x0, p.x), math.Min(y0, p.y), math.Max(x1, p.x), math.Max(y1, p.y)
	}
	const pad = 8
	ox, oy := (int(x0)-pad)&^3, (int(y0)-pad)&^3
	r := newRaster((int(x1)+pad-ox+3)&^3, (int(y1)+pad-oy+3)&^3)
	for i := range q {
		q[i] = q[i].sub(vec2{float64(ox), float64(oy)})
	}
	r.fillQuad(q, pic.shader(0.93))
	return s.finish(r), ox / superSample, oy / superSample
}

// signPicture draws what hangs there instead: another shop's plate, a cloth
// or banner over it, or the bare wall with marks of the old plate.
func (s *script) signPicture(k shop, v edgev1.SignVerdict) (*raster, string, error) {
	switch v {
	case edgev1.SignChanged:
		words := shopWords()
		t := words[s.rng.IntN(len(words))]
		for t[0] == k.name {
			t = words[s.rng.IntN(len(words))]
		}
		c := plateColours()[s.rng.IntN(len(plateColours()))]
		pic, err := signTexture(s.fonts, k, t[0], t[1], c[0], c[1])
		return pic, t[0], err
	case edgev1.SignCovered:
		pic, err := signTexture(s.fonts, k, k.name, k.line, k.plate, k.ink)
		if err != nil {
			return nil, "", err
		}
		cloth := []colour{rgb(0x3E5E86), rgb(0x8A8C88), rgb(0x5A6A50)}[s.rng.IntN(3)]
		w, h := float64(pic.w), float64(pic.h)
		pic.fillRect(w*.03, 0, w*.94, h, func(u, v float64) (colour, float32) {
			l := .8 + .25*fractal(u*12, v*2, 3, k.seed) - .12*v + .07*math.Sin(u*50+v*3)
			return cloth.mul(float32(l)), 1
		})
		return pic, "", nil
	}
	w, h := int((k.w-2*plateInset)*facadePx), int((plateHigh-plateLow)*facadePx)
	pic := newRaster(w, h)
	pic.fillRect(0, 0, float64(w), float64(h), func(u, v float64) (colour, float32) {
		l := .78 + .3*(fractal(u*14, v*5, 4, k.seed+40)-.5)
		if hash2(int(u*26), int(v*5), k.seed) > .97 {
			l *= .55
		}
		return rgb(0xA9A095).mul(float32(l)), 1
	})
	for _, x := range []float64{.05, .35, .65, .95} {
		for _, y := range []float64{.2, .8} {
			pic.fillEllipse(vec2{x * float64(w), y * float64(h)}, 5, 5, flat(rgb(0x3A342C)))
		}
	}
	return pic, "", nil
}

// signs changes, covers or removes signs that are wholly visible.
func (s *script) signs(wins [][2]float64) error {
	var shops []int
	for i, k := range s.st.shops {
		if s.st.whole(k) {
			shops = append(shops, i)
		}
	}
	if len(shops) == 0 {
		return fmt.Errorf("no sign is wholly inside the picture")
	}
	verdicts := []edgev1.SignVerdict{edgev1.SignChanged, edgev1.SignCovered, edgev1.SignGone}
	for i, w := range wins {
		if i >= len(shops) {
			break
		}
		n := shops[(i+s.rng.IntN(len(shops)))%len(shops)]
		shops = removeInt(shops, n)
		v := edgev1.SignChanged
		if i > 0 || s.rng.IntN(3) == 0 {
			v = verdicts[s.rng.IntN(3)]
		}
		if err := s.sign(n, v, w); err != nil {
			return err
		}
	}
	return nil
}

func removeInt(a []int, v int) []int {
	out := a[:0:0]
	for _, k := range a {
		if k != v {
			out = append(out, k)
		}
	}
	return out
}

// sign plays one change: a ladder is brought, the plate changes, the ladder
// is taken away; the same once more to put things right.
func (s *script) sign(n int, v edgev1.SignVerdict, w [2]float64) error {
	k := s.st.shops[n]
	pic, text, err := s.signPicture(k, v)
	if err != nil {
		return err
	}
	sp, x, y := s.st.overlay(k, pic)
	s.acts = append(s.acts, &coverAct{pic: sp, x: x, y: y, foot: s.st.baseFoot, from: w[0], to: w[1]})
	at := k.x + k.w/2
	for _, t := range []float64{w[0], w[1] - coverFade} {
		m := &model{}
		ladder(m)
		a := &thingAct{s: s.st, at: at, away: .62, p: s.st.render(m, at, .62, 1)}
		a.in = s.bring(at, .62, m.rx, math.Max(t-2.2, 4), false)
		a.out = s.bring(at, .62, m.rx, t+coverFade+1.4, true)
		s.acts = append(s.acts, a)
		s.distract("ladder", t-2.2, t+coverFade+1.4, s.box(at, .62, a.p.box))
	}
	s.truth.Events = append(s.truth.Events, Event{Kind: edgev1.Sign, Verdict: v, From: r2(w[0] + coverFade), To: r2(w[1] - coverFade),
		Box: s.plateBox(k), Label: string(v), Zone: signZone(n), Text: text})
	return nil
}

func signZone(n int) string { return fmt.Sprintf("sign-%d", n+1) }

func (s *script) plateBox(k shop) edgev1.Box {
	q := s.st.plateQuad(k, s.st.v)
	x0, y0 := math.Min(q[0].x, q[3].x), math.Min(q[0].y, q[1].y)
	x1, y1 := math.Max(q[1].x, q[2].x), math.Max(q[2].y, q[3].y)
	return s.clip(rect{x0, y0, x1 - x0, y1 - y0})
}

// zones are what an official would draw for this view.
func (s *script) zones() []edgev1.Zone {
	st := s.st
	depth := s.kerbDepth()
	const door = 1.42 // the strip outside the door line, metres
	out := []edgev1.Zone{
		{ID: "pavement", Name: "人行道", Kind: edgev1.ZonePavement, Polygon: s.strip(door, depth+2.2)},
		{ID: "frontage", Name: "门前", Kind: edgev1.ZoneFrontage, Polygon: s.strip(.04, door)},
	}
	for i, k := range st.shops {
		if !st.whole(k) {
			continue
		}
		q := st.plateQuad(k, st.v)
		out = append(out, edgev1.Zone{ID: signZone(i), Name: k.name, Kind: edgev1.ZoneSign,
			Polygon: s.polygon(q[:]), Shop: k.name, SignName: k.name})
	}
	return out
}

func (s *script) strip(near, far float64) []edgev1.Point {
	var pts []vec2
	const n = 6
	for i := range n + 1 {
		pts = append(pts, s.st.v.project(s.st.at(s.st.length*float64(i)/n, near, 0)))
	}
	for i := n; i >= 0; i-- {
		pts = append(pts, s.st.v.project(s.st.at(s.st.length*float64(i)/n, far, 0)))
	}
	return s.polygon(pts)
}

// polygon cuts at the picture's edges and makes shares of it.
func (s *script) polygon(pts []vec2) []edgev1.Point {
	w, h := float64(s.st.v.w), float64(s.st.v.h)
	inside := []func(vec2) float64{
		func(p vec2) float64 { return p.x }, func(p vec2) float64 { return w - p.x },
		func(p vec2) float64 { return p.y }, func(p vec2) float64 { return h - p.y },
	}
	for _, d := range inside {
		var next []vec2
		for i, p := range pts {
			q := pts[(i+1)%len(pts)]
			dp, dq := d(p), d(q)
			if dp >= 0 {
				next = append(next, p)
			}
			if (dp >= 0) != (dq >= 0) {
				next = append(next, p.lerp(q, dp/(dp-dq)))
			}
		}
		pts = next
	}
	out := make([]edgev1.Point, 0, len(pts))
	for _, p := range pts {
		out = append(out, edgev1.Point{X: math.Round(clamp(p.x/w, 0, 1)*1e5) / 1e5, Y: math.Round(clamp(p.y/h, 0, 1)*1e5) / 1e5})
	}
	return out
}
