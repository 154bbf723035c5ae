package still_test

import (
	"context"
	"math"
	"testing"

	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/analytic/still/stilltest"
)

// byBrightness calls dark changes vehicles and bright ones things. With
// moody, what is dark seems a thing in the last two of every moody answers.
type byBrightness struct{ moody, asked int }

func (v *byBrightness) Judge(_ context.Context, l analytic.Look) (analytic.Judgement, error) {
	v.asked++
	sum, n := 0, 0
	for i, m := range l.Mask.Pix {
		if m > 0 {
			sum, n = sum+int(l.Current.Pix[3*i+1]), n+1
		}
	}
	if sum > 120*n || v.moody > 0 && v.asked%v.moody >= v.moody-2 {
		return analytic.Judgement{Thing: .9, Vehicle: .1}, nil
	}
	return analytic.Judgement{Thing: .1, Vehicle: .9}, nil
}

// A thing that is put down beside a refused vehicle is found by itself.
func TestLaterNeighbourIsItsOwn(t *testing.T) {
	for _, step := range []float64{0.5, 1} {
		s := stilltest.Scene{W: 384, H: 216, Seed: 3, Noise: 2}
		s.Items = []stilltest.Item{
			{X: 100, Y: 90, W: 60, H: 40, From: 10, To: 1e9, Luma: 30, U: 120, V: 135, Seed: 2},
			{X: 161, Y: 84, W: 40, H: 46, From: 26, To: 1e9, Luma: 215, U: 118, V: 142, Seed: 5},
		}
		o := options()
		o.Verifier = &byBrightness{}
		got := run(t, engine(t, o), &s, 0, 50, step)
		key, when := one(t, got.accepted)
		b := got.boxes[key]
		if math.Abs(b.X-161./384) > .02 || math.Abs(b.W-40./384) > .03 {
			t.Errorf("step %v: accepted %+v at %v s, want the bright thing alone", step, b, when)
		}
		if when > 26+8+4 {
			t.Errorf("step %v: accepted only at %v s", step, when)
		}
	}
}

// A vehicle that looks like a thing now and then is not taken for one when it
// is asked about for long.
func TestSeldomAnswersDoNotAccept(t *testing.T) {
	s := stilltest.Scene{W: 384, H: 216, Seed: 3, Noise: 2}
	s.Items = []stilltest.Item{{X: 100, Y: 90, W: 60, H: 40, From: 10, To: 1e9, Luma: 30, U: 120, V: 135, Seed: 2}}
	o := options()
	o.Verifier = &byBrightness{moody: 15}
	got := run(t, engine(t, o), &s, 0, 120, 1)
	if len(got.accepted) != 0 {
		t.Errorf("accepted %v", got.accepted)
	}
	// What is half a thing after a restart stays as it was judged before.
	o.Verifier = &byBrightness{moody: 15}
	e := engine(t, o)
	run(t, e, &s, 0, 60, 1)
	b, err := e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	e2 := engine(t, o)
	if err := e2.Restore(b); err != nil {
		t.Fatal(err)
	}
	if got := run(t, e2, &s, 60, 120, 1); len(got.accepted) != 0 {
		t.Errorf("accepted %v after a restart", got.accepted)
	}
}
