package scene

import (
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"jiexun/api/edgev1"
)

// local is the folder that make setup fills.
func local(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("JIEXUN_LOCAL")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", ".local")
	}
	if _, err := os.Stat(filepath.Join(dir, "media", "vtest.avi")); err != nil {
		t.Fatalf("background clip is missing, run make setup: %v", err)
	}
	return dir
}

func load(t *testing.T) *Assets {
	t.Helper()
	a, err := LoadAssets(t.Context(), local(t))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func tiny(kind Kind, seed uint64) Spec {
	return Spec{Seed: seed, Kind: kind, Seconds: 30, Width: 320, Height: 180, FPS: 5}
}

// digest composes a whole scene and sums it up before any encoding.
func digest(t *testing.T, a *Assets, s Spec) uint64 {
	t.Helper()
	c, err := a.New(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h := fnv.New64a()
	n := 0
	for {
		buf, err := c.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		h.Write(buf)
		n++
	}
	if want := int(s.Seconds * s.FPS); n != want {
		t.Fatalf("%d pictures, want %d", n, want)
	}
	return h.Sum64()
}

func TestSameSeedSamePictures(t *testing.T) {
	a := load(t)
	first, again := digest(t, a, tiny(KindMixed, 7)), digest(t, a, tiny(KindMixed, 7))
	if first != again {
		t.Fatal("the same seed gave other pictures")
	}
	if other := digest(t, a, tiny(KindMixed, 8)); other == first {
		t.Fatal("another seed gave the same pictures")
	}
}

func TestTruthOfEveryKind(t *testing.T) {
	a := load(t)
	want := map[Kind]edgev1.Kind{KindStacking: edgev1.Stacking, KindFrontage: edgev1.Frontage, KindSign: edgev1.Sign}
	for _, k := range Kinds() {
		for seed := uint64(1); seed <= 2; seed++ {
			s := tiny(k, seed)
			s.Seconds, s.Once = 90, seed == 2
			c, err := a.New(t.Context(), s)
			if err != nil {
				t.Fatalf("%s seed %d: %v", k, seed, err)
			}
			c.Close()
			raw, err := json.Marshal(c.Truth())
			if err != nil {
				t.Fatal(err)
			}
			got, err := ParseTruth(raw)
			if err != nil {
				t.Fatalf("%s seed %d: %v", k, seed, err)
			}
			if (len(got.Events) == 0) != (k == KindDistractors) {
				t.Errorf("%s seed %d has %d events", k, seed, len(got.Events))
			}
			for _, e := range got.Events {
				if want[k] != "" && e.Kind != want[k] {
					t.Errorf("%s seed %d holds a %s event", k, seed, e.Kind)
				}
				if e.To > got.DurationS-8 {
					t.Errorf("%s seed %d: %s is taken away at %.1f s, too near the loop's end", k, seed, e.Label, e.To)
				}
			}
		}
	}
}

// TestThingIsReallyThere compares the event's box during and outside the
// event with the empty scene.
func TestThingIsReallyThere(t *testing.T) {
	a := load(t)
	c, err := a.New(t.Context(), tiny(KindFrontage, 3))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	e := c.Truth().Events[0]
	empty := newFrame(c.spec.Width, c.spec.Height)
	empty.copyFrom(c.m.plate)
	c.st.base.put(empty, nil, 0, 0, 1, 0)
	var before, during []float64
	for {
		at := float64(c.n) / c.spec.FPS
		if _, err := c.Next(t.Context()); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		d := boxDiff(c.frame, empty, e.Box)
		switch {
		case at < 1:
			before = append(before, d)
		case at > e.From+1 && at < e.To-1:
			during = append(during, d)
		}
	}
	if len(before) == 0 || len(during) == 0 {
		t.Fatal("the scene is too short to compare")
	}
	if mean(during) < 3*mean(before) {
		t.Fatalf("difference to the empty scene: %.1f before, %.1f during the event", mean(before), mean(during))
	}
}

func mean(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x
	}
	return s / float64(len(v))
}

func boxDiff(a, b *frame, box edgev1.Box) float64 {
	sum, n := 0, 0
	for y := int(box.Y * float64(a.h)); y < int((box.Y+box.H)*float64(a.h)); y++ {
		for x := int(box.X * float64(a.w)); x < int((box.X+box.W)*float64(a.w)); x++ {
			sum += absDiff(a.y[y*a.w+x], b.y[y*a.w+x])
			n++
		}
	}
	return float64(sum) / float64(max(1, n))
}

func TestWriteIsLoopSafe(t *testing.T) {
	a := load(t)
	dir := t.TempDir()
	c, err := a.New(t.Context(), tiny(KindStacking, 5))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(t.Context(), Output{Dir: dir, GOP: 1}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{MainFile, SubFile} {
		out, err := exec.Command("ffprobe", "-v", "error", "-count_packets", "-select_streams", "v:0", "-show_entries",
			"stream=codec_name,width,nb_read_packets", "-of", "csv=p=0", filepath.Join(dir, name)).Output()
		if err != nil {
			t.Fatal(err)
		}
		if want := map[string]string{MainFile: "h264,320,150", SubFile: "h264,640,150"}[name]; strings.TrimSpace(string(out)) != want {
			t.Fatalf("%s: %s, want %s", name, out, want)
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, TruthFile))
	if err != nil {
		t.Fatal(err)
	}
	truth, err := ParseTruth(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range c.script.acts {
		if k.draws(0) == nil && len(k.draws(truth.DurationS)) > 0 {
			t.Fatalf("%T is still on stage when the loop ends", k)
		}
	}
}

func TestProjectionGoesBothWays(t *testing.T) {
	for _, q := range []vec2{{0, 120}, {384, 288}, {760, 560}, {100, 200}} {
		p := projectClip(groundAt(q))
		if d := p.sub(q).len(); d > 1e-6 {
			t.Fatalf("pixel %v comes back as %v", q, p)
		}
	}
	quad := [4]vec2{{10, 12}, {210, 30}, {190, 140}, {25, 120}}
	h := squareTo(quad)
	inv := h.inverse()
	for i, c := range []vec2{{0, 0}, {1, 0}, {1, 1}, {0, 1}} {
		if d := h.apply(c).sub(quad[i]).len(); d > 1e-6 {
			t.Fatalf("corner %d maps %v away", i, d)
		}
		if d := inv.apply(quad[i]).sub(c).len(); d > 1e-6 {
			t.Fatalf("corner %d comes back %v away", i, d)
		}
	}
}

func TestSpecValidate(t *testing.T) {
	good := tiny(KindSign, 1)
	for _, tc := range []struct {
		says   string
		change func(*Spec)
	}{
		{"kind", func(s *Spec) { s.Kind = "party" }},
		{"seconds", func(s *Spec) { s.Seconds = 5 }},
		{"size", func(s *Spec) { s.Width = 321 }},
		{"fps", func(s *Spec) { s.FPS = 0 }},
	} {
		s := good
		tc.change(&s)
		if err := s.Validate(); err == nil || !strings.HasPrefix(err.Error(), tc.says) {
			t.Errorf("%+v: %v, want an error naming %s", s, err, tc.says)
		}
	}
}

func FuzzParseTruth(f *testing.F) {
	f.Add([]byte(`{"version":1,"kind":"stacking","width":320,"height":180,"fps":10,"durationS":30,
		"zones":[{"id":"pavement","kind":"pavement","polygon":[{"x":0,"y":0},{"x":1,"y":0},{"x":1,"y":1}]}],
		"events":[{"kind":"stacking","from":3,"to":9,"box":{"x":0.1,"y":0.2,"w":0.1,"h":0.1},"zone":"pavement"}]}`))
	f.Add([]byte(`{"version":1,"kind":"sign","fps":1e400}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		tr, err := ParseTruth(data)
		if err != nil {
			return
		}
		for _, e := range tr.Events {
			if e.To <= e.From || e.Box.W <= 0 || e.Box.X+e.Box.W > 1.01 {
				t.Fatalf("accepted event %+v", e)
			}
		}
	})
}

func BenchmarkCompose720p(b *testing.B) {
	a, err := LoadAssets(b.Context(), filepath.Join("..", "..", "..", ".local"))
	if err != nil {
		b.Fatal(err)
	}
	c, err := a.New(b.Context(), Spec{Seed: 1, Kind: KindMixed, Seconds: 600, Width: 1280, Height: 720, FPS: 10})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for b.Loop() {
		if _, err := c.Next(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
