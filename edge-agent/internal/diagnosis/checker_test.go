package diagnosis

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/picture"
)

var t0 = time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)

const w, h = 384, 216

// street draws a street front: houses with windows, a kerb, a road, larger
// than the picture so that the view can be moved.
func street(seed uint64) *picture.Gray {
	g := picture.NewGray(w+120, h+80)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range g.Pix {
		g.Pix[i] = byte(95 + i/g.W/4)
	}
	for range 70 {
		x, y, bw, bh, v := r.IntN(g.W), r.IntN(g.H), 8+r.IntN(50), 6+r.IntN(36), byte(40+r.IntN(170))
		for yy := y; yy < min(y+bh, g.H); yy++ {
			for xx := x; xx < min(x+bw, g.W); xx++ {
				g.Pix[yy*g.W+xx] = v
			}
		}
	}
	for range 400 { // fine things: signs, wires, leaves
		x, y := r.IntN(g.W-8), r.IntN(g.H-2)
		for k := range 6 {
			g.Pix[y*g.W+x+k] = byte(30 + r.IntN(200))
		}
	}
	return g
}

// scene says how a picture is made of a street.
type scene struct {
	dx, dy       int
	gain, offset float64
	noise        int
	blur         int // radius of a box blur, twice
	fog          float64
	lamps        bool
	people       int // how many blobs walk by
	cover        float64
}

func day() scene { return scene{gain: 1, noise: 3} }

func (s scene) draw(g *picture.Gray, seed uint64) *picture.YUV {
	r := rand.New(rand.NewPCG(seed, 7))
	f := make([]float64, w*h)
	for y := range h {
		for x := range w {
			f[y*w+x] = float64(g.Pix[(y+40+s.dy)*g.W+x+60+s.dx])
		}
	}
	for range s.people {
		px, py := r.IntN(w-14), r.IntN(h-40)
		for y := py; y < py+38; y++ {
			for x := px; x < px+14; x++ {
				f[y*w+x] = 35
			}
		}
	}
	for range 2 {
		if s.blur > 0 {
			f = boxBlur(f, s.blur)
		}
	}
	var grain [1021]float64
	for i := range grain {
		if s.noise > 0 {
			grain[i] = float64(r.IntN(2*s.noise+1) - s.noise)
		}
	}
	p := picture.NewYUV(w, h)
	p.FullRange = true
	from := 0
	for i, v := range f {
		if i%w == 0 {
			from = r.IntN(len(grain))
		}
		v = v*(1-s.fog) + 190*s.fog
		v = v*s.gain + s.offset
		x, y := i%w, i/w
		if s.lamps && (x%90-45)*(x%90-45)+(y-60)*(y-60) < 60 {
			v = 250
		}
		if float64(x) < s.cover*w {
			v = 70 + 10*math.Sin(float64(y)/90)
		}
		v += grain[(from+i%w)%len(grain)]
		p.Y[i] = byte(min(max(v, 0), 255))
	}
	return p
}

func boxBlur(f []float64, rad int) []float64 {
	pass := func(in []float64, n, m, sn, sm int) []float64 {
		out := make([]float64, len(in))
		for j := range m {
			for i := range n {
				s, c := 0.0, 0.0
				for k := max(i-rad, 0); k <= min(i+rad, n-1); k++ {
					s += in[k*sn+j*sm]
					c++
				}
				out[i*sn+j*sm] = s / c
			}
		}
		return out
	}
	return pass(pass(f, w, h, 1, w), h, w, w, 1)
}

type camera struct {
	t  testing.TB
	k  *Checker
	g  *picture.Gray
	at time.Time
	// step is the time between two looks.
	step time.Duration
	n    uint64
	rep  Report
}

func newCamera(t testing.TB, seed uint64) *camera {
	t.Helper()
	c, err := DefaultConfig()
	if err != nil {
		t.Fatal(err)
	}
	k, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return &camera{t: t, k: k, g: street(seed), at: t0, step: time.Second}
}

func (c *camera) look(p *picture.YUV, errs int) Report {
	c.at = c.at.Add(c.step)
	c.n++
	c.rep = c.k.Look(Sample{At: c.at, Small: p, DecodeErrors: errs})
	return c.rep
}

// play shows a scene for some seconds and fails when a fault other than the
// wanted one is named meanwhile.
func (c *camera) play(s scene, seconds int, want edgev1.Diagnosis) Report {
	c.t.Helper()
	for range seconds {
		if r := c.look(s.draw(c.g, c.n), 0); r.Diagnosis != edgev1.Healthy && r.Diagnosis != want {
			c.t.Fatalf("at %s: %s, want %s: %+v", r.At.Sub(t0), r.Diagnosis, want, r.Numbers)
		}
	}
	if c.rep.Diagnosis != want {
		c.t.Fatalf("after %d s: %s, want %s: %+v", seconds, c.rep.Diagnosis, want, c.rep.Numbers)
	}
	return c.rep
}

// recover shows a scene until the fault is over.
func (c *camera) recover(s scene, seconds int) {
	c.t.Helper()
	for range seconds {
		c.look(s.draw(c.g, c.n), 0)
	}
	if c.rep.Diagnosis != edgev1.Healthy || !c.rep.Fit {
		c.t.Fatalf("after %d s: %s, fit %v: %+v", seconds, c.rep.Diagnosis, c.rep.Fit, c.rep.Numbers)
	}
}

func TestFaultsAreNamedAndEnd(t *testing.T) {
	bright := day()
	bright.offset = 170
	darkScene := day()
	darkScene.gain, darkScene.noise = 0.2, 2
	black := scene{noise: 2}
	blurred := day()
	blurred.blur = 4
	covered := day()
	covered.cover = 1
	moved := day()
	moved.dx, moved.dy = 40, 12
	turned := day()
	turned.dx = -14
	for _, c := range []struct {
		name string
		s    scene
		want edgev1.Diagnosis
	}{
		{"black", black, edgev1.Black},
		{"dark", darkScene, edgev1.Dark},
		{"bright", bright, edgev1.Bright},
		{"blurred", blurred, edgev1.Blurred},
		{"covered", covered, edgev1.Covered},
		{"moved", moved, edgev1.Moved},
		{"turned a little", turned, edgev1.Moved},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newCamera(t, 3)
			k.play(day(), 40, edgev1.Healthy)
			began := k.at
			r := k.look(c.s.draw(k.g, k.n), 0)
			if blur := c.want == edgev1.Blurred; r.Fit != blur || (!blur && r.Reason != string(c.want)) || r.Diagnosis != edgev1.Healthy {
				t.Fatalf("first bad picture: fit %v reason %q diagnosis %s: %+v", r.Fit, r.Reason, r.Diagnosis, r.Numbers)
			}
			r = k.play(c.s, 30, c.want)
			if d := r.Since.Sub(began); d != time.Second {
				t.Fatalf("since is %s after the fault began", d)
			}
			if r.Fit || r.Detail == "" {
				t.Fatalf("report %+v", r)
			}
			k.recover(day(), 20)
		})
	}
}

func TestFrozen(t *testing.T) {
	k := newCamera(t, 3)
	k.play(day(), 20, edgev1.Healthy)
	still := day().draw(k.g, 999)
	for range 9 {
		if r := k.look(still, 0); r.Diagnosis != edgev1.Healthy {
			t.Fatalf("frozen after %s", k.at)
		}
	}
	for range 5 {
		k.look(still, 0)
	}
	if k.rep.Diagnosis != edgev1.Frozen || k.rep.Fit {
		t.Fatalf("report %+v", k.rep)
	}
	k.recover(day(), 5)
}

func TestCorrupt(t *testing.T) {
	k := newCamera(t, 3)
	k.play(day(), 20, edgev1.Healthy)
	if r := k.look(day().draw(k.g, 5), 1); r.Fit || r.Diagnosis != edgev1.Healthy {
		t.Fatalf("one decoder error: %+v", r)
	}
	k.play(day(), 5, edgev1.Healthy)
	for range 5 {
		k.look(day().draw(k.g, k.n), 2)
	}
	if k.rep.Diagnosis != edgev1.Corrupt {
		t.Fatalf("report %+v", k.rep)
	}
	k.recover(day(), 10)
	for range 5 {
		p := day().draw(k.g, k.n)
		for y := h / 2; y < h/2+48; y++ { // concealed slices
			for x := range w {
				p.Y[y*w+x] = 128
			}
		}
		k.look(p, 0)
	}
	if k.rep.Diagnosis != edgev1.Corrupt {
		t.Fatalf("report %+v", k.rep)
	}
}

// TestHealthyScenes are pictures that naive thresholds call faults.
func TestHealthyScenes(t *testing.T) {
	t.Run("people walk by", func(t *testing.T) {
		k := newCamera(t, 4)
		s := day()
		s.people = 12
		k.play(s, 60, edgev1.Healthy)
	})
	t.Run("night falls, lamps go on, morning comes", func(t *testing.T) {
		k := newCamera(t, 5)
		k.play(day(), 60, edgev1.Healthy)
		k.step = 3 * time.Second
		for i := range 120 {
			s := day()
			s.gain = 1 - 0.7*float64(i)/120
			s.noise = 3 + i/40
			k.play(s, 1, edgev1.Healthy)
		}
		night := day()
		night.gain, night.noise, night.lamps = 0.3, 6, true
		k.play(night, 40, edgev1.Healthy)
		deep := night
		deep.gain = 0.12 // mean under darkMean, but lamps are bright
		k.play(deep, 20, edgev1.Healthy)
		for i := range 120 {
			s := day()
			s.gain = 0.3 + 0.7*float64(i)/120
			k.play(s, 1, edgev1.Healthy)
		}
	})
	t.Run("fog", func(t *testing.T) {
		k := newCamera(t, 6)
		k.play(day(), 60, edgev1.Healthy)
		k.step = 3 * time.Second
		for i := range 60 {
			s := day()
			s.fog = 0.85 * float64(i) / 60
			k.play(s, 1, edgev1.Healthy)
		}
		s := day()
		s.fog = 0.85
		k.play(s, 60, edgev1.Healthy)
	})
	t.Run("light jumps", func(t *testing.T) {
		k := newCamera(t, 7)
		k.play(day(), 60, edgev1.Healthy)
		s := day()
		s.gain, s.offset = 0.6, 10
		k.play(s, 30, edgev1.Healthy)
		s.gain, s.offset = 1.2, 15
		k.play(s, 30, edgev1.Healthy)
	})
	t.Run("blank wall", func(t *testing.T) {
		k := newCamera(t, 8)
		for i := range k.g.Pix {
			k.g.Pix[i] = byte(128 + i/k.g.W/40)
		}
		k.play(day(), 120, edgev1.Healthy)
		s := day()
		s.people = 3
		k.play(s, 60, edgev1.Healthy)
	})
	t.Run("a lorry covers a third", func(t *testing.T) {
		k := newCamera(t, 9)
		k.play(day(), 60, edgev1.Healthy)
		s := day()
		s.cover = 0.35
		k.play(s, 60, edgev1.Healthy)
	})
	t.Run("trembling mast", func(t *testing.T) {
		k := newCamera(t, 10)
		k.play(day(), 30, edgev1.Healthy)
		for i := range 60 {
			s := day()
			s.dx, s.dy = i%3*3-3, i%2*3-1
			k.play(s, 1, edgev1.Healthy)
		}
	})
	t.Run("sparse looks", func(t *testing.T) {
		k := newCamera(t, 11)
		for range 50 {
			k.at = k.at.Add(20 * time.Second)
			k.play(day(), 1, edgev1.Healthy)
		}
	})
}

func TestHysteresisNeedsMajority(t *testing.T) {
	k := newCamera(t, 3)
	k.play(day(), 30, edgev1.Healthy)
	for i := range 60 { // every third picture is black
		if i%3 == 0 {
			k.look(scene{noise: 2}.draw(k.g, k.n), 0)
		} else {
			k.look(day().draw(k.g, k.n), 0)
		}
		if k.rep.Diagnosis != edgev1.Healthy {
			t.Fatalf("look %d: %s", i, k.rep.Diagnosis)
		}
	}
	for i := range 30 { // two of three are
		if i%3 != 0 {
			k.look(scene{noise: 2}.draw(k.g, k.n), 0)
		} else {
			k.look(day().draw(k.g, k.n), 0)
		}
	}
	if k.rep.Diagnosis != edgev1.Black {
		t.Fatalf("two of three black: %+v", k.rep)
	}
}

func TestMovedAgainstOperatorPicture(t *testing.T) {
	k := newCamera(t, 12)
	if err := k.k.SetReference(day().draw(k.g, 1)); err != nil {
		t.Fatal(err)
	}
	s := day()
	k.step = 5 * time.Second
	for i := range 25 { // a loose bracket: one pixel at a time
		s.dx = i
		for range 8 {
			k.look(s.draw(k.g, k.n), 0)
		}
	}
	if k.rep.Diagnosis != edgev1.Moved || math.Abs(k.rep.Numbers.ShiftX+24.0/w) > 0.02 {
		t.Fatalf("report %+v", k.rep)
	}
	if err := k.k.SetReference(&picture.YUV{W: 3, H: 3}); err == nil {
		t.Fatal("broken picture accepted")
	}
	if err := k.k.SetReference(s.draw(k.g, 1)); err != nil { // the operator confirms the new view
		t.Fatal(err)
	}
	k.play(s, 10, edgev1.Healthy)
}

func TestNewStreetIsLearnedAfterAWhile(t *testing.T) {
	k := newCamera(t, 13)
	k.play(day(), 60, edgev1.Healthy)
	k.g = street(99)
	k.play(day(), 30, edgev1.Moved)
	k.step = 5 * time.Second
	for range 124 {
		k.look(day().draw(k.g, k.n), 0)
	}
	if k.rep.Diagnosis != edgev1.Healthy {
		t.Fatalf("not learned: %+v", k.rep)
	}
}

func TestRestart(t *testing.T) {
	k := newCamera(t, 14)
	k.play(day(), 60, edgev1.Healthy)
	b, err := k.k.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	moved := day()
	moved.dx = 30
	k2 := newCamera(t, 14)
	k2.at = k.at
	if err := k2.k.Restore(b, k.at.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	k2.play(moved, 20, edgev1.Moved) // turned while it was off
	k3 := newCamera(t, 14)
	if err := k3.k.Restore(b, k.at.Add(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	k3.play(moved, 20, edgev1.Healthy) // too old to say
}

func TestResultForTheEventMachine(t *testing.T) {
	k := newCamera(t, 3)
	k.play(day(), 20, edgev1.Healthy)
	if o := k.rep.Result().Observations[0]; o.State != analytic.Gone || o.Kind != edgev1.Picture {
		t.Fatalf("%+v", o)
	}
	k.play(scene{noise: 2}, 30, edgev1.Black)
	if o := k.rep.Result().Observations[0]; o.State != analytic.Present || o.Dwell != k.rep.Lasts() || o.Dwell < 25*time.Second {
		t.Fatalf("%+v", o)
	}
}

func TestOddPictures(t *testing.T) {
	k := newCamera(t, 3)
	for _, p := range []*picture.YUV{nil, {}, picture.NewYUV(1, 1), {W: 100, H: 100}} {
		if r := k.look(p, 0); r.Fit || r.Reason != "no picture" {
			t.Fatalf("%+v", r)
		}
	}
	for _, s := range [][2]int{{16, 16}, {17, 301}, {1921, 33}, {384, 216}, {96, 54}} {
		k.look(picture.NewYUV(s[0], s[1]), 0)
	}
}

func TestConfigRefusals(t *testing.T) {
	for _, c := range []struct{ old, repl, want string }{
		{`"blackMean": 20`, `"blackMean": -1`, "blackMean"},
		{`"minCells": 6`, `"minCells": 99`, "minCells"},
		{`"frozen":  {"enterS": 10`, `"frozen":  {"enterS": 0`, "holds.frozen"},
		{`"darkMean"`, `"darkMeen"`, "darkMeen"},
	} {
		if _, err := ParseConfig([]byte(strings.Replace(string(SampleJSON()), c.old, c.repl, 1))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.repl, err)
		}
	}
}

func FuzzRestore(f *testing.F) {
	k := newCamera(f, 3)
	k.look(day().draw(k.g, 1), 0)
	if b, err := k.k.Snapshot(); err == nil {
		f.Add(b)
	}
	f.Add([]byte(`{"v":1,"ref":[1,2,3]}`))
	f.Add([]byte(`{"v":1,"refAge":-1}`))
	p := day().draw(k.g, 2)
	f.Fuzz(func(t *testing.T, b []byte) {
		k := newCamera(t, 3)
		if k.k.Restore(b, t0) != nil {
			return
		}
		k.look(p, 0)
		if _, err := k.k.Snapshot(); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkLook(b *testing.B) {
	k := newCamera(b, 3)
	ps := []*picture.YUV{day().draw(k.g, 1), day().draw(k.g, 2), day().draw(k.g, 3)}
	i := 0
	for b.Loop() {
		i++
		k.look(ps[i%3], 0)
	}
}

func BenchmarkLookMoved(b *testing.B) {
	k := newCamera(b, 3)
	k.play(day(), 10, edgev1.Healthy)
	m := day()
	m.dx = 40
	ps := []*picture.YUV{m.draw(k.g, 1), m.draw(k.g, 2)}
	i := 0
	for b.Loop() {
		i++
		k.look(ps[i%2], 0)
	}
}
