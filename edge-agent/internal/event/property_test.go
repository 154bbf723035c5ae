package event

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"

	"pgregory.net/rapid"
)

// script is a random afternoon: looks at irregular times with any states.
func script(t *rapid.T) []Look {
	n := rapid.IntRange(1, 80).Draw(t, "looks")
	at := t0
	var ls []Look
	for i := range n {
		at = at.Add(time.Duration(rapid.IntRange(200, 15000).Draw(t, "ms")) * time.Millisecond)
		l := Look{At: at, Kind: edgev1.Stacking}
		if rapid.IntRange(0, 9).Draw(t, "blind") == 0 {
			l.Result.NoVerdict = "moved"
		} else {
			for _, key := range []string{"a", "b", "c"} {
				st := rapid.SampledFrom([]analytic.State{"", analytic.Present, analytic.Present, analytic.Present, analytic.Candidate, analytic.Occluded, analytic.Gone}).Draw(t, fmt.Sprint(key, i))
				if st == "" {
					continue
				}
				o := thing(key, st, rapid.SampledFrom([]float64{0.1, 0.4, 0.8, 0.9}).Draw(t, "score"))
				o.Box.X = map[string]float64{"a": 0.1, "b": 0.12, "c": 0.7}[key] // a and b are the same spot
				l.Result.Observations = append(l.Result.Observations, o)
			}
		}
		ls = append(ls, l)
	}
	return ls
}

func play(t *rapid.T, ls []Look, restart func(i int) bool) []edgev1.Event {
	var all []edgev1.Event
	cfg, err := DefaultConfig()
	if err != nil {
		t.Fatal(err)
	}
	ids := 0
	fresh := func() *Machine {
		m, err := New(Options{Camera: "cam1", Config: cfg, Zones: []edgev1.Zone{pavement()}, NewID: func() string { ids++; return fmt.Sprintf("ID%04d", ids) }})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := fresh()
	for i, l := range ls {
		if restart(i) {
			b, err := m.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			m = fresh()
			if err := m.Restore(b); err != nil {
				t.Fatalf("own state refused: %v", err)
			}
		}
		out := m.Step(l)
		if l.Result.NoVerdict != "" && len(out.Events) > 0 {
			t.Fatalf("no verdict made %v", out.Events)
		}
		all = append(all, out.Events...)
	}
	return all
}

func never(int) bool { return false }

func TestPropertyLifeOfEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ls := script(t)
		open, rev, done := map[string]bool{}, map[string]int{}, map[string]bool{}
		for _, e := range play(t, ls, never) {
			switch {
			case e.Rev != rev[e.ID]+1:
				t.Fatalf("%s: rev %d after %d", e.ID, e.Rev, rev[e.ID])
			case done[e.ID]:
				t.Fatalf("%s: message after its end", e.ID)
			case e.Phase == edgev1.Opened && open[e.ID]:
				t.Fatalf("%s: opened twice", e.ID)
			case e.Phase != edgev1.Opened && !open[e.ID]:
				t.Fatalf("%s: %s before opened", e.ID, e.Phase)
			case (e.Phase == edgev1.Ended) != (e.EndedAt != nil):
				t.Fatalf("%s: phase %s with endedAt %v", e.ID, e.Phase, e.EndedAt)
			case e.EndedAt != nil && e.EndedAt.Before(e.ConfirmedAt.Time):
				t.Fatalf("%s: ended before it was confirmed", e.ID)
			}
			rev[e.ID] = e.Rev
			open[e.ID] = e.Phase != edgev1.Ended
			done[e.ID] = e.Phase == edgev1.Ended
			n := 0
			for _, o := range open {
				if o {
					n++
				}
			}
			if n > 3 {
				t.Fatalf("%d open events for 3 keys", n)
			}
		}
	})
}

// TestPropertyDwell counts judged standing time by itself: no event may open
// on less than the dwell, counted over the whole script.
func TestPropertyDwell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ls := script(t)
		for i := range ls { // one key, so that no event is taken over
			var os []analytic.Observation
			for _, o := range ls[i].Result.Observations {
				if o.Key == "c" {
					os = append(os, o)
				}
			}
			ls[i].Result.Observations = os
		}
		stood, was, judged := 0.0, false, false
		at := map[string]float64{}
		for i, l := range ls {
			if l.Result.NoVerdict != "" {
				judged = false
				continue
			}
			is := len(l.Result.Observations) == 1 && (l.Result.Observations[0].State == analytic.Present || l.Result.Observations[0].State == analytic.Candidate)
			if is && was && judged {
				stood += min(l.At.Sub(ls[i-1].At).Seconds(), 10)
			}
			was, judged = is, true
			at[edgev1.At(l.At).String()] = stood
		}
		for _, e := range play(t, ls, never) {
			if e.Phase == edgev1.Opened && at[e.ConfirmedAt.String()] < 8-1e-9 {
				t.Fatalf("opened after %.3f s of dwell", at[e.ConfirmedAt.String()])
			}
		}
	})
}

func TestPropertyRestartAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ls := script(t)
		every := rapid.IntRange(1, 7).Draw(t, "restartEvery")
		a := play(t, ls, never)
		b := play(t, ls, func(i int) bool { return i%every == 0 })
		if c := play(t, ls, never); !reflect.DeepEqual(a, c) {
			t.Fatal("the same looks gave other events")
		}
		ja, _ := json.Marshal(a)
		jb, _ := json.Marshal(b)
		if string(ja) != string(jb) {
			t.Fatalf("restart changed the events:\n%s\n%s", ja, jb)
		}
	})
}

func TestHours(t *testing.T) {
	at := func(h, m int) time.Time { return time.Date(2026, 1, 2, h, m, 0, 0, time.FixedZone("", shanghaiS)) }
	for _, c := range []struct {
		s    string
		h, m int
		want bool
	}{
		{"", 3, 0, true},
		{"07:00-22:00", 7, 0, true}, {"07:00-22:00", 21, 59, true}, {"07:00-22:00", 22, 0, false}, {"07:00-22:00", 6, 59, false},
		{"22:00-02:00", 23, 0, true}, {"22:00-02:00", 1, 59, true}, {"22:00-02:00", 2, 0, false}, {"22:00-02:00", 12, 0, false},
		{"06:00-09:00,17:00-24:00", 23, 59, true}, {"06:00-09:00,17:00-24:00", 12, 0, false}, {"06:00-09:00, 17:00-24:00", 8, 0, true},
		{"08:00-08:00", 3, 0, true},
	} {
		h, err := ParseHours(c.s)
		if err != nil {
			t.Fatalf("%q: %v", c.s, err)
		}
		if got := h.Contains(at(c.h, c.m).UTC()); got != c.want {
			t.Errorf("%q at %02d:%02d is %v", c.s, c.h, c.m, got)
		}
	}
	for _, s := range []string{"7:00-22:00", "07:00", "25:00-26:00", "07:60-08:00", "a", ",", "24:00-02:00", strings.Repeat("07:00-08:00,", 17)} {
		if _, err := ParseHours(s); err == nil {
			t.Errorf("%q accepted", s)
		}
	}
}

func TestConfigRefusals(t *testing.T) {
	for _, c := range []struct{ old, repl, want string }{
		{`"updateEveryS": 300`, `"updateEveryS": 0`, "updateEveryS"},
		{`"k": 3, "n": 5`, `"k": 9, "n": 5`, "k must be"},
		{`"maxTracks"`, `"maxTrack"`, "maxTrack"},
		{`"picture"`, `"pictures"`, "rules.picture"},
	} {
		if _, err := ParseConfig([]byte(strings.Replace(string(SampleJSON()), c.old, c.repl, 1))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.repl, err)
		}
	}
}

func FuzzParseHours(f *testing.F) {
	for _, s := range []string{"07:00-22:00", "22:00-02:00,08:00-09:00", "", "：", "24:00-24:00"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, s string) {
		if h, err := ParseHours(s); err == nil {
			h.Contains(t0)
		}
	})
}

func FuzzRestore(f *testing.F) {
	r := newRig(f, pavement())
	f.Add([]byte(`{"v":1,"camera":"cam1"}`))
	f.Add([]byte(`{"v":1,"camera":"cam1","tracks":[null]}`))
	for s := 0.0; s < 12; s++ {
		r.look(s, thing("a", analytic.Present, 0.9))
		if b, err := r.m.Snapshot(); err == nil {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newRig(t, pavement())
		if r.m.Restore(b) != nil {
			return
		}
		for s := 20.0; s < 60; s += 4 {
			r.look(s, thing("a", analytic.Present, 0.9), thing("z", analytic.Gone, 0.9))
		}
		again, err := r.m.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if err := newRig(t, pavement()).m.Restore(again); err != nil {
			t.Fatalf("own state refused: %v", err)
		}
	})
}

func BenchmarkStep(b *testing.B) {
	r := newRig(b, pavement())
	i := 0
	for b.Loop() {
		i++
		r.m.Step(Look{At: t0.Add(time.Duration(i) * time.Second), Kind: edgev1.Stacking, Result: analytic.Result{Observations: []analytic.Observation{thing("a", analytic.Present, 0.8)}}})
	}
}
