package sign

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/picture"
)

// texts stands for both text networks: it finds one line over the middle of
// whatever it is given, unless the text is empty, and reads the given text.
type texts struct {
	text  string
	conf  float32
	high  float64 // height of the located core, as a share of the picture
	reads int
	err   error
}

func (f *texts) FindText(_ context.Context, p *picture.RGB, _ int) (analytic.TextMap, error) {
	if f.err != nil {
		return analytic.TextMap{}, f.err
	}
	f.reads++
	m := analytic.TextMap{W: p.W, H: p.H, P: make([]float32, p.W*p.H), ScaleX: 1, ScaleY: 1}
	if f.text == "" {
		return m, nil
	}
	w, h := float64(p.W)*0.6, float64(p.H)*f.high
	for y := range p.H {
		for x := range p.W {
			if abs(2*x-p.W) < int(w) && abs(2*y-p.H) < int(h) {
				m.P[y*p.W+x] = 0.95
			}
		}
	}
	return m, nil
}

func (f *texts) Alphabet() []string { return append([]string{""}, strings.Split(f.text, "")...) }

func (f *texts) ReadSteps(context.Context, *picture.RGB) ([]analytic.TextStep, error) {
	var out []analytic.TextStep
	for i := range strings.Split(f.text, "") {
		out = append(out, analytic.TextStep{Class: i + 1, P: f.conf}, analytic.TextStep{P: 1})
	}
	return out, nil
}

// crowd is a detector that sees what the scene says.
type crowd struct{ objects []analytic.Object }

func (c *crowd) Detect(context.Context, *picture.RGB) ([]analytic.Object, error) {
	return c.objects, nil
}

// stage is a small street with one sign, and the analytic before it.
type stage struct {
	t     *testing.T
	a     *Analytic
	texts *texts
	at    time.Time
	rnd   *rand.Rand
	frame *picture.YUV
	z     edgev1.Zone
}

const own5 = "依佳人网咖"

func newStage(t *testing.T, d analytic.Detector) *stage {
	t.Helper()
	s := &stage{
		t: t, texts: &texts{text: own5, conf: 0.97, high: 0.25}, rnd: rand.New(rand.NewPCG(4, 4)),
		at: time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC),
		z: edgev1.Zone{ID: "z", Kind: edgev1.ZoneSign, SignName: own5, Polygon: []edgev1.Point{
			{X: 0.25, Y: 0.25}, {X: 0.75, Y: 0.25}, {X: 0.75, Y: 0.5}, {X: 0.25, Y: 0.5},
		}},
	}
	s.a = s.machine(d)
	s.show(1)
	return s
}

func (s *stage) machine(d analytic.Detector) *Analytic {
	s.t.Helper()
	a, err := New(Options{Config: config(s.t), Zones: []edgev1.Zone{s.z}, Finder: s.texts, Reader: s.texts, Detector: d})
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// show draws the wall and the sign of that number; 0 is the bare wall, -1 a
// white sheet over the sign.
func (s *stage) show(number int) {
	const w, h = 400, 300
	s.frame = picture.NewYUV(w, h)
	r := rand.New(rand.NewPCG(77, 7))
	for y := range h {
		for x := range w {
			s.frame.Y[y*w+x] = byte(110 + r.IntN(24))
		}
	}
	if number == 0 {
		return
	}
	x0, y0, x1, y1 := w/4, h/4, 3*w/4, h/2
	g := pattern(x1-x0, y1-y0, uint64(number+100))
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			v := g.Pix[(y-y0)*g.W+x-x0]
			if number < 0 {
				v = 225
			}
			s.frame.Y[y*w+x] = v
		}
	}
}

// setText changes what is read; the reader's alphabet goes with it.
func (s *stage) setText(text string, conf float32) {
	s.texts.text, s.texts.conf = text, conf
	s.a.alphabet = s.texts.Alphabet()
}

func (s *stage) look(dt time.Duration) analytic.Observation {
	s.t.Helper()
	s.at = s.at.Add(dt)
	f := s.frame.Clone()
	var grain [509]int
	for i := range grain {
		grain[i] = s.rnd.IntN(9) - 4
	}
	for i, v := range f.Y {
		f.Y[i] = byte(min(max(int(v)+grain[i%len(grain)], 16), 235))
	}
	res, err := s.a.Observe(context.Background(), &analytic.Input{Camera: "c", At: s.at, Frame: f})
	if err != nil {
		s.t.Fatal(err)
	}
	if len(res.Observations) != 1 {
		s.t.Fatalf("got %+v", res)
	}
	return res.Observations[0]
}

func (s *stage) looks(n int) (o analytic.Observation) {
	s.t.Helper()
	for range n {
		o = s.look(time.Second)
	}
	return o
}

func (s *stage) want(o analytic.Observation, st analytic.State, v edgev1.SignVerdict) {
	s.t.Helper()
	if o.State != st || o.Sign.Verdict != v {
		s.t.Fatalf("state %s verdict %s, want %s %s (dwell %s, similarity %.2f, text %q, %d of %d)",
			o.State, o.Sign.Verdict, st, v, o.Dwell, o.Sign.Similarity, o.Sign.Text, o.Sign.Votes, o.Sign.Looks)
	}
}

func TestSameLearnsReference(t *testing.T) {
	s := newStage(t, nil)
	s.want(s.look(time.Second), analytic.Occluded, edgev1.SignUnreadable) // one look is no vote
	o := s.looks(3)
	s.want(o, analytic.Gone, edgev1.SignSame)
	if o.Key != "sign:z" || o.Sign.Text != own5 || o.Sign.NameDistance != 0 || o.Sign.GlyphPx < 20 {
		t.Fatalf("observation lacks facts: %+v %+v", o, o.Sign)
	}
	if j, at := s.a.ReferenceJPEG("z"); len(j) < 1000 || at.IsZero() {
		t.Fatalf("no reference was learned: %d bytes", len(j))
	}
}

func TestSteadySignCostsNoReading(t *testing.T) {
	s := newStage(t, nil)
	for range 59 {
		s.look(10 * time.Second)
	}
	if s.texts.reads > 4 {
		t.Fatalf("%d readings of a sign that never changed", s.texts.reads)
	}
	before := s.texts.reads
	for range 6 {
		s.look(10 * time.Second)
	}
	if s.texts.reads == before {
		t.Fatal("no reading after ten minutes")
	}
}

func TestSteadyCoverCostsNoReading(t *testing.T) {
	s := newStage(t, nil)
	s.looks(5)
	s.show(-1)
	s.setText("", 0)
	before := s.texts.reads
	s.looks(60)
	if n := s.texts.reads - before; n > 4 {
		t.Fatalf("%d readings of a sheet that never changed", n)
	}
}

func TestChangedCoveredGoneAndBack(t *testing.T) {
	for _, c := range []struct {
		name   string
		number int
		text   string
		want   edgev1.SignVerdict
	}{
		{"changed", 2, "老王面馆", edgev1.SignChanged},
		{"covered", -1, "", edgev1.SignCovered},
		{"gone", 0, "", edgev1.SignGone},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, nil)
			s.looks(5)
			s.show(c.number)
			s.setText(c.text, 0.97)
			o := s.looks(3)
			s.want(o, analytic.Candidate, c.want)
			since := o.Since
			o = s.looks(5)
			s.want(o, analytic.Candidate, c.want)
			o = s.looks(4)
			s.want(o, analytic.Present, c.want)
			if o.Score < 0.6 || !o.Since.Equal(since) || o.Dwell < 10*time.Second {
				t.Fatalf("score %.2f since %s dwell %s", o.Score, o.Since, o.Dwell)
			}
			s.show(1)
			s.setText(own5, 0.97)
			o = s.looks(3)
			s.want(o, analytic.Gone, edgev1.SignSame)
			if o.Dwell != 0 {
				t.Fatalf("dwell %s is left", o.Dwell)
			}
		})
	}
}

// A sign that can still be read while it vanishes is no reference; one that
// keeps looking otherwise is.
func TestHalfGoneIsNoReference(t *testing.T) {
	s := newStage(t, nil)
	s.looks(5)
	sign := s.frame
	s.show(0)
	bare := s.frame.Clone()
	for i, v := range sign.Y {
		s.frame.Y[i] = byte((int(v)*6 + int(bare.Y[i])*94) / 100)
	}
	o := s.look(time.Second)
	if o.Sign.Similarity >= s.a.cfg.Picture.Similar {
		t.Fatalf("similarity %.2f: the picture does not test this", o.Sign.Similarity)
	}
	s.frame = bare
	s.setText("", 0)
	s.want(s.looks(12), analytic.Present, edgev1.SignGone)

	s = newStage(t, nil)
	s.looks(5)
	_, first := s.a.ReferenceJPEG("z")
	s.show(3) // painted anew, the same name
	s.looks(3)
	if _, at := s.a.ReferenceJPEG("z"); !at.After(first) {
		t.Fatal("the sign that was painted anew did not become the reference")
	}
}

func TestSomeoneBeforeTheSign(t *testing.T) {
	person := &crowd{}
	s := newStage(t, person)
	s.looks(5)
	s.show(-1)
	s.setText("", 0)
	person.objects = []analytic.Object{{Class: analytic.Person, Score: 0.8, Box: edgev1.Box{X: 0.3, Y: 0.3, W: 0.4, H: 0.6}}}
	for range 25 {
		o := s.look(time.Second)
		if o.State != analytic.Occluded {
			t.Fatalf("state %s while a person stands there", o.State)
		}
		if len(o.Excluded) == 0 {
			t.Fatal("the person is not named")
		}
	}
	person.objects = nil
	s.show(1)
	s.setText(own5, 0.97)
	s.want(s.looks(3), analytic.Gone, edgev1.SignSame)
}

func TestShortCoverIsNoEvent(t *testing.T) {
	s := newStage(t, nil) // without a detector, persistence alone
	s.looks(5)
	for range 3 {
		s.show(-1)
		s.setText("", 0)
		for range 8 {
			if o := s.look(time.Second); o.State == analytic.Present {
				t.Fatalf("present after %s", o.Dwell)
			}
		}
		s.show(1)
		s.setText(own5, 0.97)
		s.looks(3)
	}
}

func TestDarkHoldsTheDwell(t *testing.T) {
	s := newStage(t, nil)
	s.looks(5)
	s.show(2)
	s.setText("老王面馆", 0.97)
	o := s.looks(8)
	dwell := o.Dwell
	for i := range s.frame.Y {
		s.frame.Y[i] = 18
	}
	o = s.looks(15)
	s.want(o, analytic.Occluded, edgev1.SignUnreadable)
	if d := o.Dwell - dwell; d > 2*time.Second {
		t.Fatalf("dwell grew by %s in the dark", d)
	}
	s.show(2)
	o = s.looks(12)
	s.want(o, analytic.Present, edgev1.SignChanged)
}

func TestUnsureReadingIsUnreadable(t *testing.T) {
	s := newStage(t, nil)
	s.looks(5)
	s.show(2)
	s.setText("老王面馆", 0.7)
	s.want(s.looks(20), analytic.Occluded, edgev1.SignUnreadable)
}

func TestOperatorReferenceAndOrnamentalLetters(t *testing.T) {
	s := newStage(t, nil)
	s.setText("永和大3号", 0.97) // what the network makes of the ornamental letters
	if err := s.a.SetReference("z", s.frame, true); err != nil {
		t.Fatal(err)
	}
	s.want(s.looks(4), analytic.Gone, edgev1.SignSame)
	// The camera moves a little too far for the picture to fit, the text is
	// still the confirmed sign's.
	s.show(3)
	s.want(s.looks(6), analytic.Gone, edgev1.SignSame)
	if err := s.a.SetReference("nowhere", s.frame, true); err == nil {
		t.Fatal("reference of an unknown zone accepted")
	}
	if err := s.a.SetReference("z", &picture.YUV{W: 4, H: 4}, true); err == nil {
		t.Fatal("broken picture accepted")
	}
}

func TestReferenceOfTheSignAlone(t *testing.T) {
	s := newStage(t, nil)
	cut := cutYUV(s.frame, picture.Rect{X0: 100, Y0: 74, X1: 300, Y1: 150})
	if err := s.a.SetReference("z", cut, false); err != nil {
		t.Fatal(err)
	}
	s.setText("", 0)
	o := s.looks(4)
	s.want(o, analytic.Gone, edgev1.SignSame)
	if o.Sign.Similarity < 0.8 {
		t.Fatalf("similarity %.2f", o.Sign.Similarity)
	}
}

func TestRestartKeepsReferenceAndDwell(t *testing.T) {
	s := newStage(t, nil)
	s.looks(5)
	s.show(2)
	s.setText("老王面馆", 0.97)
	o := s.looks(7)
	b, err := s.a.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	s.a = s.machine(nil)
	if err := s.a.Restore(b); err != nil {
		t.Fatal(err)
	}
	o2 := s.look(time.Second)
	s.want(o2, analytic.Candidate, edgev1.SignChanged)
	if !o2.Since.Equal(o.Since) || o2.Dwell < o.Dwell {
		t.Fatalf("since %s dwell %s, before %s %s", o2.Since, o2.Dwell, o.Since, o.Dwell)
	}
	s.want(s.looks(4), analytic.Present, edgev1.SignChanged)

	// Another name: what was known does not count.
	z := s.z
	z.SignName = "老王面馆"
	s.a.SetZones([]edgev1.Zone{z})
	s.want(s.looks(4), analytic.Gone, edgev1.SignSame)
}

func TestNoPictureIsNoVerdict(t *testing.T) {
	s := newStage(t, nil)
	for _, f := range []*picture.YUV{nil, {}, {W: 9, H: 9}} {
		res, err := s.a.Observe(context.Background(), &analytic.Input{At: s.at, Frame: f})
		if err != nil || res.NoVerdict == "" {
			t.Fatalf("%+v %v", res, err)
		}
	}
	s.texts.err = errors.New("broken network")
	if _, err := s.a.Observe(context.Background(), &analytic.Input{At: s.at, Frame: s.frame}); err == nil || !strings.Contains(err.Error(), "zone z") {
		t.Fatalf("error %v", err)
	}
}

func TestOddZonesDoNotPanic(t *testing.T) {
	s := newStage(t, nil)
	for _, poly := range [][]edgev1.Point{
		{{X: 0, Y: 0}, {X: 0, Y: 0}, {X: 0, Y: 0}},
		{{X: 0.5, Y: 0.5}, {X: 0.5, Y: 0.5}, {X: 0.5, Y: 0.5}, {X: 0.5, Y: 0.5}},
		{{X: 0, Y: 0}, {X: 1, Y: 1}, {X: 1, Y: 0}, {X: 0, Y: 1}},
		{{X: -3, Y: -3}, {X: 9, Y: 0}, {X: 9, Y: 9}, {X: 0, Y: 9}},
		{{X: 0.1, Y: 0.1}, {X: 0.9, Y: 0.1}, {X: 0.5, Y: 0.9}},
		{{X: 0.1, Y: 0.1}, {X: 0.2, Y: 0.1}, {X: 0.2, Y: 0.95}, {X: 0.1, Y: 0.95}, {X: 0.05, Y: 0.5}},
	} {
		z := s.z
		z.Polygon = poly
		s.a.SetZones([]edgev1.Zone{z})
		s.looks(2)
	}
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte(`{"v":1,"zones":[{"id":"z","memory":{"last":{"W":3,"H":3,"Pix":"AAAA"}}}]}`))
	f.Add([]byte(`{"v":1}`))
	s := newStage(&testing.T{}, nil)
	s.looks(3)
	if b, err := s.a.Snapshot(); err == nil {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newStage(t, nil)
		if s.a.Restore(b) != nil {
			return
		}
		s.looks(2)
		if _, err := s.a.Snapshot(); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkSteadyLook(b *testing.B) {
	s := newStage(&testing.T{}, nil)
	s.looks(5)
	in := &analytic.Input{At: s.at, Frame: s.frame}
	for b.Loop() {
		in.At = in.At.Add(time.Millisecond)
		if _, err := s.a.Observe(context.Background(), in); err != nil {
			b.Fatal(err)
		}
	}
}
