package scene

import (
	"fmt"
	"math"
	"math/rand/v2"

	"jiexun/api/edgev1"
)

// Kind is what a scene is about.
type Kind string

// The kinds of scenes.
const (
	KindStacking    Kind = "stacking"
	KindFrontage    Kind = "frontage"
	KindSign        Kind = "sign"
	KindMixed       Kind = "mixed"
	KindDistractors Kind = "distractors"
)

// Kinds lists the kinds of scenes.
func Kinds() []Kind {
	return []Kind{KindStacking, KindFrontage, KindSign, KindMixed, KindDistractors}
}

func (k Kind) known() bool {
	for _, o := range Kinds() {
		if o == k {
			return true
		}
	}
	return false
}

// How people move, in metres and seconds.
const (
	walkSpeed = 1.15
	offStage  = 1.2 // beyond the picture's edge
)

// script builds the acts of a scene and what is true about them.
type script struct {
	st    *street
	cast  *Cast
	fonts *Fonts
	rng   *rand.Rand
	total float64
	once  bool
	acts  []act
	light light
	truth *Truth
	taken []span1 // along the wall, where things already stand
}

type span1 struct{ lo, hi, away, t0, t1 float64 }

func (s *script) between(a, b float64) float64 { return a + (b-a)*s.rng.Float64() }

// edges answers where, at this distance from the wall, the picture begins
// and ends, a little beyond its sides.
func (s *script) edges(away float64) (lo, hi float64) {
	v := s.st.v
	side := func(x float64) float64 {
		// Walk along the line until its pixel is at x.
		a, b := -40.0, 60.0
		for range 50 {
			m := (a + b) / 2
			px := v.project(s.st.at(m, away, 0)).x
			if (px < x) != v.mirror {
				a = m
			} else {
				b = m
			}
		}
		return a
	}
	l, r := side(0), side(float64(v.w))
	return math.Min(l, r) - offStage, math.Max(l, r) + offStage
}

// visible answers the stretch of the wall that is in the picture with room
// for a thing of this half width.
func (s *script) visible(away, half float64) (lo, hi float64) {
	lo, hi = s.edges(away)
	lo, hi = math.Max(lo+offStage, 0)+half+.4, math.Min(hi-offStage, s.st.length)-half-.1
	return lo, hi
}

// place finds a spot for a thing, apart from those that stand at that time.
func (s *script) place(away, half, t0, t1 float64) float64 {
	lo, hi := s.visible(away, half)
	best, bestGap := (lo+hi)/2, math.Inf(-1)
	for range 24 {
		x := s.between(lo, math.Max(lo, hi))
		gap := 3.0
		for _, k := range s.taken {
			if t1 > k.t0 && t0 < k.t1 && math.Abs(k.away-away) < 1.2 {
				gap = math.Min(gap, math.Max(k.lo-x, x-k.hi)-half)
			}
		}
		// Keep clear of the lamp post, which would hide the thing.
		lamp := s.st.v.fromClip(vec2{430, 0}).x
		if d := math.Abs(s.st.v.project(s.st.at(x, away, 0)).x-lamp) / s.st.v.metre(s.st.at(x, away, 0)); d < half+.3 {
			gap -= 3
		}
		if gap > bestGap {
			best, bestGap = x, gap
		}
	}
	s.taken = append(s.taken, span1{best - half, best + half, away, t0, t1})
	return best
}

// walker makes somebody who walks along the leg.
func (s *script) walker(l leg, away float64) *walkAct {
	a := &s.cast.Walkers[s.rng.IntN(len(s.cast.Walkers))]
	p0, p1 := s.st.at(l.from, away, 0), s.st.at(l.to, away, 0)
	right := s.st.v.project(p1).x > s.st.v.project(p0).x
	metre := s.st.v.metre(s.st.at((l.from+l.to)/2, away, 0))
	speed := math.Abs(l.to-l.from) / (l.t1 - l.t0)
	return &walkAct{s: s.st, fig: s.st.pose(a, metre, right != (a.Speed > 0)), leg: l, away: away,
		rate: 10 * clamp(speed/math.Abs(a.Speed), .6, 1.6)}
}

// bring has somebody move a thing from beyond the nearer edge to its spot at
// time t and walk on; the answer is the thing's leg. With away set it is
// taken away instead, from its spot at time t.
func (s *script) bring(at, away, half, t float64, take bool) leg {
	lo, hi := s.edges(away)
	edge, dir := lo-half, 1.0
	if hi-at < at-lo {
		edge, dir = hi+half, -1
	}
	d := math.Abs(at-edge) / walkSpeed
	hand := half + .3
	pAway := away + .12
	if take {
		thing := leg{at, edge, t, t + d}
		// They come from where they will go, so they pass the thing first.
		come := leg{edge - dir*hand, at - dir*hand, t - d - .8, t - .8}
		s.acts = append(s.acts, s.walker(come, pAway), s.walker(leg{at - dir*hand, edge - dir*hand, t - .8, t + d}, pAway))
		return thing
	}
	thing := leg{edge, at, t - d, t}
	s.acts = append(s.acts, s.walker(leg{edge - dir*hand, at - dir*hand, t - d, t}, pAway),
		s.walker(leg{at - dir*hand, edge - dir*hand, t, t + d + .8}, pAway))
	return thing
}

// thing brings a thing at time "from" and has it taken at "to".
func (s *script) thing(m *model, away, from, to float64) (*thingAct, edgev1.Box) {
	size := s.between(.95, 1.2)
	half := m.rx * size
	at := s.place(away, half, from-15, to+15)
	a := &thingAct{s: s.st, at: at, away: away, from: from, to: to, p: s.st.render(m, at, away, size)}
	a.in = s.bring(at, away, half, from, false)
	a.out = s.bring(at, away, half, to, true)
	s.acts = append(s.acts, a)
	return a, s.box(at, away, a.p.box)
}

func (s *script) box(at, away float64, b rect) edgev1.Box {
	foot := s.st.v.project(s.st.at(at, away, 0))
	return s.clip(rect{foot.x + b.x, foot.y + b.y, b.w, b.h})
}

// clip makes shares of the picture, cut at its edges.
func (s *script) clip(r rect) edgev1.Box {
	w, h := float64(s.st.v.w), float64(s.st.v.h)
	x0, y0 := clamp(r.x/w, 0, .999), clamp(r.y/h, 0, .999)
	x1, y1 := clamp((r.x+r.w)/w, x0+.0005, 1), clamp((r.y+r.h)/h, y0+.0005, 1)
	round := func(v float64) float64 { return math.Round(v*1e5) / 1e5 }
	return edgev1.Box{X: round(x0), Y: round(y0), W: math.Max(round(x1-x0), 1e-5), H: math.Max(round(y1-y0), 1e-5)}
}

// windows spreads n stays over the scene, so that the last person has left
// before the loop ends.
func (s *script) windows(n int) [][2]float64 {
	var out [][2]float64
	t := s.total
	for i := range n {
		from := math.Max(t*.13, 10) + float64(i)*t*.11 + s.between(0, t*.03)
		to := t*(.70+.07*float64(i)) + s.between(0, t*.03)
		out = append(out, [2]float64{from, math.Min(to, t-math.Max(12, t*.08))})
	}
	return out
}

func (s *script) stacking(win [2]float64) {
	kinds := pavementThings()
	away := s.kerbDepth() + s.between(-.25, 1.3)
	m := makeThing(kinds[s.rng.IntN(len(kinds))], s.rng)
	a, b := s.thing(m, math.Max(away, 1.9), win[0], win[1])
	s.truth.Events = append(s.truth.Events, Event{Kind: edgev1.Stacking, From: r2(a.from), To: r2(a.to), Box: b, Label: m.label, Zone: "pavement"})
}

func (s *script) kerbDepth() float64 { return s.st.kerbAway(s.st.length / 2) }

func (s *script) frontage(win [2]float64) {
	kinds := frontageThings()
	m := makeThing(kinds[s.rng.IntN(len(kinds))], s.rng)
	a, b := s.thing(m, s.between(.62, .8), win[0], win[1])
	zone := "frontage"
	s.truth.Events = append(s.truth.Events, Event{Kind: edgev1.Frontage, From: r2(a.from), To: r2(a.to), Box: b, Label: m.label, Zone: zone})
}

func r2(v float64) float64 { return math.Round(v*100) / 100 }

// extras are people of our own besides those of the clip, and a lively sky.
func (s *script) extras(n int) {
	s.light = light{swing: s.between(.01, .035), period: s.between(25, 60)}
	for range n {
		away := s.between(1.3, 4.2)
		lo, hi := s.edges(away)
		if s.rng.IntN(2) == 0 {
			lo, hi = hi, lo
		}
		d := math.Abs(hi-lo) / s.between(.95, 1.35)
		if d > s.total-1 {
			continue
		}
		t0 := s.between(.5, s.total-d-.5)
		s.acts = append(s.acts, s.walker(leg{lo, hi, t0, t0 + d}, away))
	}
}

func (s *script) distract(kind string, from, to float64, box edgev1.Box) {
	s.truth.Distractors = append(s.truth.Distractors, Distractor{Kind: kind, From: r2(math.Max(0, from)), To: r2(math.Min(to, s.total)), Box: box})
}

// vehicle comes, stands and leaves.
func (s *script) vehicle(kind string, from, to float64) {
	photo := kind == "photovan"
	if photo {
		kind = "van"
	}
	m := makeVehicle(kind, s.rng)
	away := s.kerbDepth() + .9 + s.between(.2, 1.4)
	if kind == "ebike" || kind == "bicycle" {
		away = s.kerbDepth() - s.between(.3, .7)
	}
	at := s.place(away, m.rx, from-8, to+8)
	lo, hi := s.edges(away)
	lo, hi = lo-m.rx, hi+m.rx
	start, end := lo, hi
	// The models look towards growing "along" unless the view is mirrored.
	if s.st.v.mirror {
		start, end = hi, lo
	}
	p := placed{}
	if photo {
		// The van in the clip looks to the right.
		p = s.st.photoVan(s.cast, at, away, s.st.v.mirror != (end < start))
	} else {
		p = s.st.render(m, at, away, 1)
	}
	r := &rideAct{s: s.st, p: p, at: at, away: away, start: start, end: end,
		t0: from - 2*math.Abs(at-start)/4.5, t1: from, t2: to, t3: to + 2*math.Abs(end-at)/4.5}
	s.acts = append(s.acts, r)
	s.distract(kind, from, to, s.box(at, away, p.box))
}

// bystander walks in, stands and walks on.
func (s *script) bystander(from, to float64) {
	away := s.between(1.6, 3.8)
	at := s.place(away, .4, from, to)
	lo, hi := s.edges(away)
	in := s.walker(leg{lo, at, from - math.Abs(at-lo)/walkSpeed, from}, away)
	out := s.walker(leg{at, hi, to, to + math.Abs(hi-at)/walkSpeed}, away)
	a := &s.cast.Standers[s.rng.IntN(len(s.cast.Standers))]
	fig := s.st.pose(a, s.st.v.metre(s.st.at(at, away, 0)), s.rng.IntN(2) == 0)
	s.acts = append(s.acts, &standAct{in: in, out: out, fig: fig, at: at})
	m := s.st.v.metre(s.st.at(at, away, 0))
	s.distract("person", from, to, s.box(at, away, rect{-.3 * m, -1.75 * m, .6 * m, 1.8 * m}))
}

// leaver is a thing that is there when the scene begins and is taken away. It
// does not come back, so it belongs into scenes that are played once.
func (s *script) leaver(from float64) {
	kinds := pavementThings()
	m := makeThing(kinds[s.rng.IntN(len(kinds))], s.rng)
	away := s.kerbDepth() + s.between(.2, 1.2)
	at := s.place(away, m.rx, 0, from+15)
	a := &thingAct{s: s.st, at: at, away: away, p: s.st.render(m, at, away, 1), in: leg{at, at, -2, -1}}
	a.out = s.bring(at, away, m.rx, from, true)
	s.acts = append(s.acts, a)
	s.distract("initial_leaves", 0, from, s.box(at, away, a.p.box))
}

func (s *script) sky() {
	whole := edgev1.Box{W: 1, H: 1}
	c := lightCloud{t0: s.total * s.between(.12, .2), depth: s.between(.22, .36)}
	c.t1 = c.t0 + s.between(9, 16)
	s.light.clouds = append(s.light.clouds, c)
	s.distract("cloud", c.t0, c.t1, whole)
	j := lightJump{t0: s.total * s.between(.45, .55), gain: []float64{.74, .82, 1.22}[s.rng.IntN(3)]}
	j.t1 = j.t0 + 14
	s.light.jumps = append(s.light.jumps, j)
	s.distract("exposure", j.t0, math.Min(j.t1, s.total), whole)
}

// build writes the script of one kind of scene.
func (s *script) build(kind Kind) error {
	t := s.total
	switch kind {
	case KindStacking:
		for _, w := range s.windows(1 + s.rng.IntN(2) + btoi(t >= 90)) {
			s.stacking(w)
		}
		s.extras(2)
	case KindFrontage:
		for _, w := range s.windows(1 + btoi(t >= 60)) {
			s.frontage(w)
		}
		s.extras(2)
	case KindSign:
		s.extras(2)
		return s.signs(s.windows(1 + btoi(t >= 60 && s.rng.IntN(2) == 0)))
	case KindMixed:
		w := s.windows(2)
		s.stacking(w[0])
		s.frontage(w[1])
		s.extras(2)
		s.bystander(t*.35, t*.35+math.Min(20, t*.2))
		s.vehicle(s.anyVehicle(), t*.3, t*.3+math.Min(30, t*.3))
		return s.signs([][2]float64{{t * .45, t*.45 + math.Max(t*.3, 10)}})
	case KindDistractors:
		s.extras(3)
		s.sky()
		s.bystander(t*.14, t*.14+math.Min(20, t*.25))
		s.bystander(t*.6, t*.6+math.Min(22, t*.2))
		s.vehicle(s.anyVehicle(), t*.2, t*.2+math.Min(28, t*.3))
		s.vehicle(s.anyVehicle(), t*.55, t*.55+math.Min(30, t*.25))
		if s.once {
			s.leaver(t * .3)
		}
	default:
		return fmt.Errorf("scene kind %q is unknown", kind)
	}
	return nil
}

func (s *script) anyVehicle() string {
	k := vehicleKinds()
	return k[s.rng.IntN(len(k))]
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
