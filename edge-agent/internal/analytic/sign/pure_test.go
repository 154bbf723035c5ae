package sign

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/picture"
)

func config(t testing.TB) Config {
	t.Helper()
	c, err := DefaultConfig()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestDecisionTable walks every cell of the table in README.md: one row for
// each likeness and wording, with the answers of an unsure and of a sure
// reading.
func TestDecisionTable(t *testing.T) {
	const s, ch, un, co, go_ = edgev1.SignSame, edgev1.SignChanged, edgev1.SignUnreadable, edgev1.SignCovered, edgev1.SignGone
	rows := []struct {
		like         likeness
		words        wording
		unsure, sure edgev1.SignVerdict
	}{
		{noReference, noText, un, un}, {noReference, weak, un, un}, {noReference, own, s, s},
		{noReference, nearly, un, s}, {noReference, unlike, un, un}, {noReference, other, un, ch},
		{differs, noText, co, co}, {differs, weak, un, un}, {differs, own, s, s},
		{differs, nearly, un, ch}, {differs, unlike, un, ch}, {differs, other, un, ch},
		{similar, noText, s, s}, {similar, weak, s, s}, {similar, own, s, s},
		{similar, nearly, s, s}, {similar, unlike, s, s}, {similar, other, s, ch},
		{identical, noText, s, s}, {identical, weak, s, s}, {identical, own, s, s},
		{identical, nearly, s, s}, {identical, unlike, s, s}, {identical, other, s, s},
	}
	for _, r := range rows {
		for _, sure := range []bool{false, true} {
			want := r.unsure
			if sure {
				want = r.sure
			}
			f := facts{light: lit, like: r.like, words: r.words, sure: sure}
			if got := decide(f); got != want {
				t.Errorf("%+v: %s, want %s", f, got, want)
			}
			// In a zone too low for text, what was not read says nothing;
			// the rest stands.
			tiny := f
			tiny.tiny = true
			wantTiny := want
			if r.words != own && !(r.words == other && sure) && (r.like == differs || r.like == noReference) {
				wantTiny = un
			}
			if got := decide(tiny); got != wantTiny {
				t.Errorf("%+v: %s, want %s", tiny, got, wantTiny)
			}
			swap := f
			swap.replaced = sure && r.words == nearly
			wantSwap := want
			if swap.replaced && r.like == similar {
				wantSwap = ch
			}
			if got := decide(swap); got != wantSwap {
				t.Errorf("%+v: %s, want %s", swap, got, wantSwap)
			}
			blend := f
			blend.blends = true
			wantBlend := want
			if r.like == differs && r.words == noText {
				wantBlend = go_
			}
			if got := decide(blend); got != wantBlend {
				t.Errorf("%+v: %s, want %s", blend, got, wantBlend)
			}
			for _, l := range []light{dark, glaring} {
				d := f
				d.light = l
				if got := decide(d); got != un {
					t.Errorf("%+v: %s, want unreadable", d, got)
				}
			}
		}
	}
}

// textMap draws rectangles of probability p around (cx, cy), turned by deg.
func textMap(w, h int, p float32, rects ...[5]float64) analytic.TextMap {
	m := analytic.TextMap{W: w, H: h, P: make([]float32, w*h), ScaleX: 2, ScaleY: 2}
	for _, r := range rects {
		s, c := math.Sincos(r[4] * math.Pi / 180)
		for y := range h {
			for x := range w {
				dx, dy := float64(x)-r[0], float64(y)-r[1]
				if math.Abs(dx*c+dy*s) <= r[2]/2 && math.Abs(-dx*s+dy*c) <= r[3]/2 {
					m.P[y*w+x] = p
				}
			}
		}
	}
	return m
}

func TestBoxesOf(t *testing.T) {
	c := config(t).Text
	t.Run("level", func(t *testing.T) {
		bs := boxesOf(textMap(160, 64, 0.9, [5]float64{80, 32, 100, 10, 0}), c)
		if len(bs) != 1 || bs[0].tall {
			t.Fatalf("got %+v", bs)
		}
		q := bs[0].q
		// Grown by area*1.6/perimeter = 7.3 a side, then twice the scale.
		if math.Abs(q.width()-229) > 4 || math.Abs(q.height()-49) > 4 || q.center().dist(pt{161, 65}) > 2 || q[0].x > q[1].x || q[0].y > q[3].y {
			t.Fatalf("box %v", q)
		}
	})
	t.Run("turned", func(t *testing.T) {
		bs := boxesOf(textMap(200, 200, 0.9, [5]float64{100, 100, 120, 16, 25}), c)
		if len(bs) != 1 {
			t.Fatalf("got %d boxes", len(bs))
		}
		q := bs[0].q
		if a := math.Atan2(q[1].y-q[0].y, q[1].x-q[0].x) * 180 / math.Pi; math.Abs(a-25) > 2 {
			t.Fatalf("the line runs at %.1f degrees", a)
		}
	})
	t.Run("tall", func(t *testing.T) {
		bs := boxesOf(textMap(100, 200, 0.9, [5]float64{50, 100, 14, 150, 0}), c)
		if len(bs) != 1 || !bs[0].tall || bs[0].q.width() < bs[0].q.height() {
			t.Fatalf("got %+v", bs)
		}
		if q := bs[0].q; q[0].x < q[3].x || q[1].y < q[0].y {
			t.Fatalf("a tall line must run from the top to the bottom: %v", q)
		}
	})
	t.Run("two, larger first", func(t *testing.T) {
		bs := boxesOf(textMap(200, 100, 0.9, [5]float64{50, 20, 60, 8, 0}, [5]float64{120, 70, 140, 20, 0}), c)
		if len(bs) != 2 || bs[0].q.height() < bs[1].q.height() {
			t.Fatalf("got %+v", bs)
		}
	})
	t.Run("weak and tiny are dropped", func(t *testing.T) {
		if bs := boxesOf(textMap(100, 100, 0.5, [5]float64{50, 50, 60, 10, 0}), c); len(bs) != 0 {
			t.Fatalf("a weak box came through: %+v", bs)
		}
		if bs := boxesOf(textMap(100, 100, 0.9, [5]float64{50, 50, 2, 2, 0}), c); len(bs) != 0 {
			t.Fatalf("a tiny box came through: %+v", bs)
		}
	})
	t.Run("malformed", func(t *testing.T) {
		for _, m := range []analytic.TextMap{{}, {W: 10, H: 10, P: make([]float32, 5)}, {W: -1, H: 4}} {
			if bs := boxesOf(m, c); len(bs) != 0 {
				t.Fatalf("got %+v", bs)
			}
		}
	})
}

func TestProjectionMeetsCorners(t *testing.T) {
	q := quad{{10, 20}, {200, 5}, {190, 90}, {15, 60}}
	p := project(q)
	for i, uv := range []pt{{0, 0}, {1, 0}, {1, 1}, {0, 1}} {
		if got := p.at(uv.x, uv.y); got.dist(q[i]) > 1e-6 {
			t.Errorf("corner %d is %v, want %v", i, got, q[i])
		}
	}
	if got := ordered([4]pt{q[2], q[0], q[3], q[1]}); got != q {
		t.Errorf("ordered gives %v", got)
	}
}

func TestDecodeCTC(t *testing.T) {
	abc := []string{"", "依", "佳", "人", " "}
	for _, c := range []struct {
		steps []analytic.TextStep
		text  string
		conf  float64
	}{
		{[]analytic.TextStep{{Class: 0, P: 1}, {Class: 1, P: .8}, {Class: 1, P: .9}, {Class: 0, P: 1}, {Class: 1, P: .6}, {Class: 2, P: 1}}, "依依佳", .8},
		{[]analytic.TextStep{{Class: 4, P: 1}, {Class: 3, P: 1}, {Class: 4, P: 1}}, "人", 1},
		{[]analytic.TextStep{{Class: 99, P: 1}, {Class: -3, P: 1}}, "", 0},
		{nil, "", 0},
	} {
		text, conf, _ := decodeCTC(c.steps, abc)
		if text != c.text || math.Abs(conf-c.conf) > 1e-6 {
			t.Errorf("%v: %q %.3f, want %q %.3f", c.steps, text, conf, c.text, c.conf)
		}
	}
}

// pattern is a crop of strokes that differ with the seed.
func pattern(w, h int, seed uint64) *picture.Gray {
	g := picture.NewGray(w, h)
	for i := range g.Pix {
		g.Pix[i] = 60
	}
	r := rand.New(rand.NewPCG(seed, 9))
	for range 60 {
		x, y, l := r.IntN(w), r.IntN(h), 4+r.IntN(30)
		for k := range l {
			for d := range 4 {
				px, py := x+k, y+d
				if r.IntN(2) == 0 && k%7 == 3 {
					px, py = x+d, y+k
				}
				if px < w && py < h {
					g.Pix[py*w+px] = 220
				}
			}
		}
	}
	return g
}

func changed(g *picture.Gray, gain, offset float64, dx, dy, noise int, seed uint64) *picture.Gray {
	r := rand.New(rand.NewPCG(seed, 3))
	o := picture.NewGray(g.W, g.H)
	for y := range g.H {
		for x := range g.W {
			sx, sy := min(max(x-dx, 0), g.W-1), min(max(y-dy, 0), g.H-1)
			v := float64(g.Pix[sy*g.W+sx])*gain + offset
			if noise > 0 {
				v += float64(r.IntN(2*noise+1) - noise)
			}
			o.Pix[y*g.W+x] = byte(min(max(v, 0), 255))
		}
	}
	return o
}

func TestSimilarity(t *testing.T) {
	const m = 12
	ref := pattern(192+2*m, 64+2*m, 1)
	for _, c := range []struct {
		name     string
		cur      *picture.Gray
		low, top float64
	}{
		{"itself", ref, 0.999, 1.001},
		{"darker with noise", changed(ref, 0.3, 5, 0, 0, 5, 1), 0.9, 1},
		{"shifted", changed(ref, 1, 0, 7, -9, 0, 1), 0.98, 1.001},
		{"shifted by the whole margin", changed(ref, 1, 0, -12, 12, 0, 1), 0.98, 1.001},
		{"another sign", pattern(192+2*m, 64+2*m, 2), -1, 0.6},
		{"negative", changed(ref, -1, 255, 0, 0, 0, 1), -1, 0.5},
		{"flat", picture.NewGray(ref.W, ref.H), 0, 0},
		{"other size", picture.NewGray(10, 10), 0, 0},
		{"nothing", nil, 0, 0},
	} {
		if got := similarity(ref, c.cur, m); got < c.low || got > c.top {
			t.Errorf("%s: %.3f is not within %.3f..%.3f", c.name, got, c.low, c.top)
		}
	}
}

func TestNames(t *testing.T) {
	n := newNames(config(t).Name)
	for _, c := range []struct {
		a, b     string
		low, top float64
	}{
		{"依佳人网咖", "依佳人网咖", 0, 0},
		{"依佳人网咖", "依佳人 网咖", 0, 0},
		{"KFC肯德基", "ＫＦＣ　肯德基", 0, 0},
		{"KFC肯德基", "kfc肯德基", 0, 0},
		{"东方饭馆", "東方飯館", 0, 0},
		{"老盛昌汤包（人民路店）", "老盛昌汤包", 0, 0},
		{"老盛昌汤包", "老盛昌汤包(南京东路旗舰店)", 0, 0},
		{"沙县小吃人民路店", "沙县小吃", 0, 0},
		{"上海老王面馆有限公司", "上海老王面馆", 0, 0},
		{"王记面馆", "李记面馆", 0.25, 0.25},
		{"永和大王", "永和大3", 0.25, 0.25},
		{"依佳人网咖", "依佳人网咖电竞馆", 0.01, 0.2},
		{"中国农业银行", "中国工商银行", 0.3, 0.34},
		{"依佳人网咖", "热干面", 1, 1},
		{"依佳人网咖", "", 1, 1},
		{"", "", 1, 1},
		{"小店", "小店", 0, 0},
	} {
		if got := n.distance(c.a, c.b); got < c.low-1e-9 || got > c.top+1e-9 {
			t.Errorf("%q and %q: %.3f is not within %.2f..%.2f", c.a, c.b, got, c.low, c.top)
		}
	}
}

func TestReplacedCharacters(t *testing.T) {
	n := newNames(config(t).Name)
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"阿婆生煎", "阿公生煎", true}, {"阿婆生煎（人民路店）", "阿公生煎", true},
		{"阿婆生煎", "婆生煎", false}, {"阿婆生煎", "阿婆生煎馆", false}, {"阿婆生煎", "阿婆生煎", false},
	} {
		if got := n.replaced(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
	}
}

func TestConfigRefusals(t *testing.T) {
	for _, c := range []struct{ old, repl, want string }{
		{`"votes": 2`, `"votes": 1`, "votes"},
		{`"similar": 0.72`, `"similar": 3`, "picture.similar"},
		{`"looks"`, `"look"`, "look"},
		{`"pairs": [`, `"pairs": ["东",`, "name.pairs[0]"},
		{`"unclip": 1.6`, `"unclip": 0`, "text.unclip"},
	} {
		if _, err := ParseConfig([]byte(strings.Replace(string(SampleJSON()), c.old, c.repl, 1))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.repl, err)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add(SampleJSON())
	f.Add([]byte(`{"looks":3}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := ParseConfig(b); err == nil && c.Validate() != nil {
			t.Fatal("parsed but not valid")
		}
	})
}

func BenchmarkSimilarity(b *testing.B) {
	ref, cur := pattern(216, 88, 1), pattern(216, 88, 2)
	for b.Loop() {
		similarity(ref, cur, 12)
	}
}
