package still_test

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/analytic/still"
	"jiexun/edge-agent/internal/analytic/still/stilltest"
	"jiexun/edge-agent/internal/picture"
)

var start = time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)

func frame(x0, y0, x1, y1 float64) []edgev1.Point {
	return []edgev1.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}}
}

func options() still.Options {
	return still.Options{Regions: []still.Region{{ID: "z", Polygon: frame(0, 0, 1, 1), Dwell: 8 * time.Second, EndDelay: 4 * time.Second, MinArea: 0.0005}}}
}

func engine(t testing.TB, o still.Options) *still.Engine {
	t.Helper()
	e, err := still.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// scene is a small view with sensor noise.
func scene() stilltest.Scene { return stilltest.Scene{W: 384, H: 216, Seed: 5, Noise: 2} }

func box(from, to float64) stilltest.Item {
	return stilltest.Item{X: 180, Y: 110, W: 36, H: 30, From: from, To: to, Luma: 60, U: 110, V: 150, Seed: 9}
}

// story collects what a run reported.
type story struct {
	accepted map[string]float64 // key to the second of its acceptance
	states   map[string][]analytic.State
	ended    map[string]float64 // second of the last row that was not gone
	boxes    map[string]edgev1.Box
	reasons  map[string]int
	last     still.Look
}

// run shows the scene to the engine from one second to another.
func run(t testing.TB, e *still.Engine, s *stilltest.Scene, from, to, step float64) story {
	t.Helper()
	st := story{map[string]float64{}, map[string][]analytic.State{}, map[string]float64{}, map[string]edgev1.Box{}, map[string]int{}, still.Look{}}
	for sec := from; sec < to; sec += step {
		p := s.At(sec)
		l, err := e.Observe(context.Background(), &analytic.Input{Camera: "c", Frame: p, Small: p, At: at(sec)})
		if err != nil {
			t.Fatal(err)
		}
		st.reasons[l.NoVerdict]++
		st.last = l
		for _, th := range l.Things {
			if _, ok := st.accepted[th.Key]; !ok && th.Accepted {
				st.accepted[th.Key] = sec
			}
			st.states[th.Key] = append(st.states[th.Key], th.State)
			st.boxes[th.Key] = th.Box
			if th.State != analytic.Gone {
				st.ended[th.Key] = sec
			}
		}
	}
	return st
}

func at(sec float64) time.Time { return start.Add(time.Duration(sec * float64(time.Second))) }

func one(t *testing.T, m map[string]float64) (string, float64) {
	t.Helper()
	if len(m) != 1 {
		t.Fatalf("accepted %v, want exactly one thing", m)
	}
	for k, v := range m {
		return k, v
	}
	return "", 0
}

func TestThingIsFoundOnceAtEveryRate(t *testing.T) {
	for _, step := range []float64{0.2, 0.5, 1, 2} {
		s := scene()
		s.Items = []stilltest.Item{box(16, 1e9)}
		got := run(t, engine(t, options()), &s, 0, 45, step)
		key, when := one(t, got.accepted)
		if when < 23.5 || when > 30 {
			t.Errorf("step %v: accepted at %v s, want about 8 s after 16", step, when)
		}
		b := got.boxes[key]
		if math.Abs(b.X-180./384) > 0.02 || math.Abs(b.W-36./384) > 0.03 || math.Abs(b.Y+b.H-140./216) > 0.03 {
			t.Errorf("step %v: box %+v does not match the thing", step, b)
		}
		if st := got.states[key]; st[len(st)-1] != analytic.Present {
			t.Errorf("step %v: last state %s", step, st[len(st)-1])
		}
	}
}

func TestNothingHappensWithWalkersNoiseAndLight(t *testing.T) {
	s := scene()
	s.Noise = 4
	for i := range 9 {
		s.Walkers = append(s.Walkers, stilltest.Walker{X: -20, Y: float64(80 + 14*i), From: float64(3 * i), To: 1e9, Speed: 28, Tall: 52, Luma: byte(30 + 15*i)})
	}
	s.Gain = func(sec float64) float64 { return 1 + 0.2*math.Sin(sec/4) }
	s.Shadows = []stilltest.Shadow{{X: 120, Y: 100, RX: 150, RY: 90, From: 20, To: 34, Factor: 0.62}}
	got := run(t, engine(t, options()), &s, 0, 60, 0.5)
	if len(got.accepted) != 0 {
		t.Errorf("accepted %v", got.accepted)
	}
	if n := got.reasons[""]; n < 90 {
		t.Errorf("only %d looks with a verdict: %v", n, got.reasons)
	}
}

func TestExposureJumpKeepsTheThing(t *testing.T) {
	s := scene()
	s.Items = []stilltest.Item{box(10, 1e9)}
	s.Gain = func(sec float64) float64 {
		if sec > 30 {
			return 0.55
		}
		return 1
	}
	got := run(t, engine(t, options()), &s, 0, 60, 0.5)
	key, _ := one(t, got.accepted)
	if slices.Contains(got.states[key], analytic.Gone) || got.ended[key] < 59 {
		t.Errorf("the thing was lost: %v", got.states[key])
	}
}

func TestDwellIsHeldWhilePeopleCoverTheThing(t *testing.T) {
	s := scene()
	s.Items = []stilltest.Item{box(12, 1e9)}
	for i := range 5 {
		s.Walkers = append(s.Walkers, stilltest.Walker{X: 120, Y: 150, From: 14 + 2.5*float64(i), To: 22 + 2.5*float64(i), Speed: 40, Tall: 60, Luma: 40})
	}
	got := run(t, engine(t, options()), &s, 0, 45, 0.5)
	key, when := one(t, got.accepted)
	if when > 28 {
		t.Errorf("accepted only at %v s", when)
	}
	if slices.Contains(got.states[key], analytic.Gone) {
		t.Errorf("reported gone while covered: %v", got.states[key])
	}
}

func TestThingThatLeavesEndsAndReturnsNew(t *testing.T) {
	s := scene()
	again := box(70, 1e9)
	s.Items = []stilltest.Item{box(10, 40), again}
	got := run(t, engine(t, options()), &s, 0, 95, 0.5)
	if len(got.accepted) != 2 {
		t.Fatalf("accepted %v, want the thing and its return", got.accepted)
	}
	for k, when := range got.accepted {
		if when > 60 {
			continue
		}
		if got.ended[k] < 39 || got.ended[k] > 42 {
			t.Errorf("ended at %v s, want 40", got.ended[k])
		}
		if st := got.states[k]; st[len(st)-1] != analytic.Gone {
			t.Errorf("last state %s", st[len(st)-1])
		}
	}
}

func TestThingFromTheStartThatLeavesIsNoEvent(t *testing.T) {
	s := scene()
	s.Items = []stilltest.Item{box(0, 20), {X: 60, Y: 150, W: 30, H: 26, From: 45, To: 1e9, Luma: 190, U: 120, V: 140, Seed: 3}}
	got := run(t, engine(t, options()), &s, 0, 70, 0.5)
	key, _ := one(t, got.accepted)
	if b := got.boxes[key]; b.X > 0.3 {
		t.Errorf("the removed thing was taken for one that came: %+v", b)
	}
}

func TestConfirmedReferenceShowsWhatWasThereFromTheStart(t *testing.T) {
	s := scene()
	e := engine(t, options())
	if err := e.SetReference(s.At(0)); err != nil {
		t.Fatal(err)
	}
	s.Items = []stilltest.Item{box(0, 1e9)}
	got := run(t, e, &s, 1, 20, 0.5)
	if _, when := one(t, got.accepted); when > 12 {
		t.Errorf("accepted at %v s", when)
	}
}

func TestPeopleAtTheStartAreNotLearned(t *testing.T) {
	s := scene()
	for i := range 4 {
		s.Walkers = append(s.Walkers, stilltest.Walker{X: float64(40 + 60*i), Y: 150, From: 0, To: 20, Speed: 26, Tall: 60, Luma: 35})
	}
	got := run(t, engine(t, options()), &s, 0, 40, 0.5)
	if len(got.accepted) != 0 {
		t.Errorf("accepted %v", got.accepted)
	}
	if got.last.Foreground > 0.01 {
		t.Errorf("%.3f of the empty scene still counts as changed", got.last.Foreground)
	}
}

func TestFaultsGiveNoVerdict(t *testing.T) {
	for _, tc := range []struct {
		name, reason string
		change       func(s *stilltest.Scene)
	}{
		{"frozen", still.ReasonFrozen, func(s *stilltest.Scene) { s.Frozen = 15 }},
		{"over-exposed", still.ReasonSaturated, func(s *stilltest.Scene) { s.Gain = after(15, 4) }},
		{"black", still.ReasonDark, func(s *stilltest.Scene) { s.Gain = after(15, 0) }},
		{"moved", still.ReasonMoved, func(s *stilltest.Scene) {
			s.Shift = func(sec float64) (int, int) {
				if sec > 15 {
					return 7, -5
				}
				return 0, 0
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := scene()
			tc.change(&s)
			got := run(t, engine(t, options()), &s, 0, 22, 0.5)
			if got.reasons[tc.reason] == 0 {
				t.Errorf("reasons %v, want some %q", got.reasons, tc.reason)
			}
			if len(got.accepted) != 0 {
				t.Errorf("accepted %v", got.accepted)
			}
		})
	}
}

func after(sec, gain float64) func(float64) float64 {
	return func(now float64) float64 {
		if now > sec {
			return gain
		}
		return 1
	}
}

func TestMovedViewKeepsTheThing(t *testing.T) {
	s := scene()
	s.Items = []stilltest.Item{box(10, 1e9)}
	s.Shift = func(sec float64) (int, int) {
		if sec > 30 {
			return 8, 4
		}
		return 0, 0
	}
	got := run(t, engine(t, options()), &s, 0, 70, 0.5)
	key, _ := one(t, got.accepted)
	if got.ended[key] < 69 || slices.Contains(got.states[key], analytic.Gone) {
		t.Errorf("lost after the view moved: ended %v, %v", got.ended[key], got.reasons)
	}
	if x := got.boxes[key].X; math.Abs(x-188./384) > 0.02 {
		t.Errorf("box did not move with the view: x %.3f", x)
	}
}

func TestRestartContinuesWithTheSameThing(t *testing.T) {
	s := scene()
	s.Items = []stilltest.Item{box(10, 60)}
	first := engine(t, options())
	before := run(t, first, &s, 0, 30, 0.5)
	key, _ := one(t, before.accepted)
	state, err := first.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	second := engine(t, options())
	if err := second.Restore(state); err != nil {
		t.Fatal(err)
	}
	got := run(t, second, &s, 45, 75, 0.5)
	if len(got.states) != 1 || len(got.states[key]) == 0 {
		t.Fatalf("after the restart: %v, want only %s", got.states, key)
	}
	if got.reasons[still.ReasonLearning] != 0 {
		t.Errorf("learned again: %v", got.reasons)
	}
	if e := got.ended[key]; e < 59 || e > 62 {
		t.Errorf("ended at %v s, want 60", e)
	}
}

func TestRestartWhileDwelling(t *testing.T) {
	s := scene()
	s.Items = []stilltest.Item{box(12, 1e9)}
	first := engine(t, options())
	before := run(t, first, &s, 0, 17, 0.5)
	if len(before.states) != 1 {
		t.Fatalf("candidates %v", before.states)
	}
	state, err := first.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	second := engine(t, options())
	if err := second.Restore(state); err != nil {
		t.Fatal(err)
	}
	got := run(t, second, &s, 18, 30, 0.5)
	key, when := one(t, got.accepted)
	if _, same := before.states[key]; !same || when > 24 {
		t.Errorf("key %s at %v s, candidates before %v", key, when, before.states)
	}
}

func TestZoneIsJudgedByTheFoot(t *testing.T) {
	s := scene()
	s.Items = []stilltest.Item{box(10, 1e9)} // y 110..140 of 216
	o := options()
	o.Regions[0].Polygon = frame(0, 0, 1, 120./216) // only its upper third
	if got := run(t, engine(t, o), &s, 0, 30, 0.5); len(got.accepted) != 0 {
		t.Errorf("accepted although its foot is outside: %v", got.accepted)
	}
	o.Regions[0].Polygon = frame(0, 130./216, 1, 1) // only its foot
	if got := run(t, engine(t, o), &s, 0, 30, 0.5); len(got.accepted) != 1 {
		t.Errorf("not accepted although its foot is inside: %v", got.accepted)
	}
}

// fixed answers every look the same way and counts.
type fixed struct {
	j     analytic.Judgement
	asked int
}

func (f *fixed) Judge(_ context.Context, l analytic.Look) (analytic.Judgement, error) {
	f.asked++
	if l.Reference.W != 64 || l.Current.H != 64 || len(l.Mask.Pix) != 64*64 {
		panic("crop has the wrong size")
	}
	return f.j, nil
}

// finder reports one object in the middle of what it is shown when that is
// dark, or with always, whatever is there.
type finder struct {
	class  analytic.Class
	always bool
	asked  int
}

func (f *finder) Detect(_ context.Context, p *picture.RGB) ([]analytic.Object, error) {
	f.asked++
	if p.W < 16 || p.H < 16 {
		panic("crop is too small")
	}
	sum := 0
	for i := range 16 * 16 {
		sum += int(p.Pix[((p.H/2-8+i/16)*p.W+p.W/2-8+i%16)*3+1])
	}
	if !f.always && sum > 80*256 {
		return nil, nil
	}
	return []analytic.Object{{Class: f.class, Score: 0.8, Box: edgev1.Box{X: 0.2, Y: 0.2, W: 0.6, H: 0.6}}}, nil
}

func TestNetworksDecideAndAreAskedLazily(t *testing.T) {
	for _, tc := range []struct {
		name   string
		judge  analytic.Judgement
		class  analytic.Class
		always bool
		want   int
	}{
		{"thing", analytic.Judgement{Thing: 0.9, Person: 0.1}, analytic.Other, false, 1},
		{"person by the verifier", analytic.Judgement{Person: 0.9, Thing: 0.1}, analytic.Other, false, 0},
		{"vehicle by the detector", analytic.Judgement{Thing: 0.9, Vehicle: 0.1}, analytic.Vehicle, false, 0},
		{"vehicle that the empty scene shows too", analytic.Judgement{Thing: 0.9, Vehicle: 0.1}, analytic.Vehicle, true, 1},
		{"removed", analytic.Judgement{Removed: 0.8, Thing: 0.2}, analytic.Other, false, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, d := &fixed{j: tc.judge}, &finder{class: tc.class, always: tc.always}
			o := options()
			o.Verifier, o.Detector = v, d
			s := scene()
			s.Items = []stilltest.Item{box(10, 1e9)}
			s.Walkers = []stilltest.Walker{{X: -20, Y: 100, From: 2, To: 20, Speed: 30, Tall: 50, Luma: 30}}
			got := run(t, engine(t, o), &s, 0, 30, 0.5)
			if len(got.accepted) != tc.want {
				t.Errorf("accepted %v", got.accepted)
			}
			if v.asked < 3 || v.asked > 20 || d.asked > 2*20 {
				t.Errorf("asked verifier %d, detector %d times", v.asked, d.asked)
			}
		})
	}
}

// TestGainAloneNeverMakesAThing draws random exposure curves.
func TestGainAloneNeverMakesAThing(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		a := rapid.Float64Range(0.45, 1.5).Draw(r, "first")
		b := rapid.Float64Range(0.45, 1.5).Draw(r, "second")
		jump := rapid.Float64Range(8, 16).Draw(r, "at")
		s := stilltest.Scene{W: 192, H: 108, Seed: uint32(rapid.IntRange(1, 50).Draw(r, "seed")), Noise: 2}
		s.Gain = func(sec float64) float64 {
			if sec > jump {
				return b
			}
			return a
		}
		o := options()
		o.Width = 192
		e, err := still.New(o)
		if err != nil {
			r.Fatal(err)
		}
		for sec := 0.0; sec < 32; sec++ {
			p := s.At(sec)
			l, err := e.Observe(context.Background(), &analytic.Input{Camera: "c", Frame: p, Small: p, At: at(sec)})
			if err != nil {
				r.Fatal(err)
			}
			for _, th := range l.Things {
				if th.Accepted {
					r.Fatalf("accepted %+v at %v s", th, sec)
				}
			}
		}
	})
}

// TestIdentityIsStable puts things at random places among walkers: each is
// found once and keeps its key.
func TestIdentityIsStable(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		x, y := rapid.IntRange(20, 140).Draw(r, "x"), rapid.IntRange(30, 70).Draw(r, "y")
		step := rapid.SampledFrom([]float64{0.5, 0.7, 1, 1.3}).Draw(r, "step")
		s := stilltest.Scene{W: 192, H: 108, Seed: 4, Noise: 2}
		s.Items = []stilltest.Item{{X: x, Y: y, W: 26, H: 20, From: 10, To: 1e9, Luma: byte(rapid.SampledFrom([]int{35, 205}).Draw(r, "luma")), U: 118, V: 142, Seed: 2}}
		s.Walkers = []stilltest.Walker{{X: -10, Y: float64(y + 25), From: float64(rapid.IntRange(10, 25).Draw(r, "walk")), To: 1e9, Speed: 24, Tall: 40, Luma: 120}}
		o := options()
		o.Width = 192
		e, err := still.New(o)
		if err != nil {
			r.Fatal(err)
		}
		keys := map[string]bool{}
		for sec := 0.0; sec < 45; sec += step {
			p := s.At(sec)
			l, err := e.Observe(context.Background(), &analytic.Input{Camera: "c", Frame: p, Small: p, At: at(sec)})
			if err != nil {
				r.Fatal(err)
			}
			for _, th := range l.Things {
				if th.Accepted {
					keys[th.Key] = true
				}
			}
		}
		if len(keys) != 1 {
			r.Fatalf("keys %v, want one", keys)
		}
	})
}
