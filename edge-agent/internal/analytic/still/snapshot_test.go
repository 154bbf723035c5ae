package still_test

import (
	"bytes"
	"compress/flate"
	"context"
	"strings"
	"syscall"
	"testing"

	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/analytic/still"
	"jiexun/edge-agent/internal/analytic/still/stilltest"
)

// small is an engine with a scene and one thing, at the least size.
func small(t testing.TB) (*still.Engine, still.Options, *stilltest.Scene) {
	t.Helper()
	o := options()
	o.Width = 64
	s := &stilltest.Scene{W: 64, H: 40, Seed: 3, Noise: 1}
	s.Items = []stilltest.Item{{X: 30, Y: 14, W: 14, H: 12, From: 9, To: 1e9, Luma: 210, U: 110, V: 150, Seed: 1}}
	e := engine(t, o)
	for sec := 0.0; sec < 24; sec++ {
		p := s.At(sec)
		if _, err := e.Observe(context.Background(), &analytic.Input{Frame: p, Small: p, At: at(sec)}); err != nil {
			t.Fatal(err)
		}
	}
	return e, o, s
}

func TestSnapshotRefusesWhatItDoesNotUnderstand(t *testing.T) {
	e, o, _ := small(t)
	good, err := e.Snapshot()
	if err != nil || len(good) == 0 {
		t.Fatalf("snapshot of %d bytes, %v", len(good), err)
	}
	other := bytes.Clone(good)
	other[7] = 99
	for name, tc := range map[string]struct {
		state []byte
		want  string
	}{
		"magic":     {append([]byte("xx"), good...), "does not begin with"},
		"version":   {other, "version 99"},
		"cut off":   {good[:len(good)/2], "damaged"},
		"only head": {good[:8], "damaged"},
	} {
		err := engine(t, o).Restore(tc.state)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
	if err := engine(t, o).Restore(nil); err != nil {
		t.Errorf("no state: %v", err)
	}
	wide := options()
	if err := engine(t, wide).Restore(good); err == nil {
		t.Error("a snapshot of another working size was taken")
	}
}

func TestSnapshotIsTheSameAfterRestore(t *testing.T) {
	e, o, _ := small(t)
	first, err := e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	f := engine(t, o)
	if err := f.Restore(first); err != nil {
		t.Fatal(err)
	}
	second, err := f.Snapshot()
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("%d and %d bytes differ, %v", len(first), len(second), err)
	}
}

// FuzzRestore feeds the body of a snapshot; the engine must refuse it or work
// with it, never fail in another way.
func FuzzRestore(f *testing.F) {
	e, o, s := small(f)
	good, err := e.Snapshot()
	if err != nil {
		f.Fatal(err)
	}
	var body bytes.Buffer
	if _, err := body.ReadFrom(flate.NewReader(bytes.NewReader(good[8:]))); err != nil {
		f.Fatal(err)
	}
	f.Add(body.Bytes())
	f.Add(body.Bytes()[:100])
	f.Add([]byte{})
	p := s.At(30)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var z bytes.Buffer
		z.Write(good[:8])
		w, err := flate.NewWriter(&z, flate.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(raw)
		_ = w.Close()
		g := engine(t, o)
		if g.Restore(z.Bytes()) != nil {
			return
		}
		for sec := 30.0; sec < 33; sec++ {
			if _, err := g.Observe(context.Background(), &analytic.Input{Frame: p, Small: p, At: at(sec)}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := g.Snapshot(); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkLook384(b *testing.B) {
	s := stilltest.Scene{W: 384, H: 216, Seed: 5, Noise: 2}
	s.Items = []stilltest.Item{box(3, 1e9)}
	for i := range 6 {
		s.Walkers = append(s.Walkers, stilltest.Walker{X: float64(60 * i), Y: float64(90 + 20*i), From: 0, To: 1e9, Speed: 5, Tall: 50, Luma: 40})
	}
	bench(b, &s)
}

func BenchmarkLook1280x720(b *testing.B) {
	s := stilltest.Scene{W: 1280, H: 720, Seed: 5, Noise: 2}
	s.Items = []stilltest.Item{{X: 600, Y: 360, W: 110, H: 90, From: 3, To: 1e9, Luma: 60, U: 110, V: 150}}
	for i := range 6 {
		s.Walkers = append(s.Walkers, stilltest.Walker{X: float64(200 * i), Y: float64(300 + 60*i), From: 0, To: 1e9, Speed: 15, Tall: 160, Luma: 40})
	}
	bench(b, &s)
}

func bench(b *testing.B, s *stilltest.Scene) {
	var frames []*analytic.Input
	for i := range 20 {
		p := s.At(float64(i))
		frames = append(frames, &analytic.Input{Frame: p, Small: p})
	}
	e := engine(b, options())
	i := 0
	look := func() {
		in := frames[i%len(frames)]
		if i >= len(frames) && i%len(frames) == 0 {
			i += 8 // the thing stands already
			in = frames[i%len(frames)]
		}
		in.At = at(float64(i))
		if _, err := e.Observe(context.Background(), in); err != nil {
			b.Fatal(err)
		}
		i++
	}
	for range len(frames) {
		look()
	}
	b.ResetTimer()
	b.ReportAllocs()
	before := cpu(b)
	for range b.N {
		look()
	}
	// Time on the wall says little on a shared machine.
	b.ReportMetric(float64(cpu(b)-before)/1e6/float64(b.N), "cpu-ms/look")
}

// cpu is the time that this process has used.
func cpu(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
