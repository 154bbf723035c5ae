package match_test

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"

	"jiexun/center/internal/shops/match"
)

func TestSimilarity(t *testing.T) {
	m := match.NewMatcher()
	for _, c := range []struct {
		read, name string
		lo, hi     float64
	}{
		{"老城面馆", "老城面馆", 1, 1},
		{"老城面馆", "上海老城面馆有限公司", 0.95, 1},
		{"老城面馆", "老城面馆（福州路店）", 0.95, 1},
		{"老城麵館", "老城面馆", 1, 1},
		{"未来超市", "末来超市", 0.85, 0.99},
		{"永盛烟酒", "永胜烟酒", 0.8, 0.95},
		{"老城面馆面食小炒", "老城面馆", 0.8, 0.95},
		{"老城面馆", "新城面馆", 0.5, 0.8},
		{"老城面馆", "阿宝烘焙", 0, 0.3},
		{"百货", "东升百货", 0.5, 0.75},
		{"", "东升百货", 0, 0},
	} {
		if got := m.Similarity([]string{c.read}, []string{c.name}).Score; got < c.lo || got > c.hi {
			t.Errorf("%s and %s: %.3f, want %.2f to %.2f", c.read, c.name, got, c.lo, c.hi)
		}
	}
	x := m.Similarity([]string{"末来超市"}, []string{"未来超市"})
	if len(x.Swaps) != 1 || x.Swaps[0].Why != "look" || x.Swaps[0].Read != "末" {
		t.Errorf("swaps %+v", x.Swaps)
	}
}

func TestCompare(t *testing.T) {
	m, r := match.NewMatcher(), match.DefaultThresholds()
	at := func(east float64) match.Place { return match.Place{Lng: 121.47 + east/95_000, Lat: 31.23} }
	p := func(id, name string, east float64) match.Point {
		return match.Point{ID: id, Names: []string{name}, At: at(east)}
	}
	reports := []match.Point{p("r1", "老城面馆", 0), p("r2", "佳佳水果", 20), p("r3", "康民药房", 40), p("r4", "兴旺五金", 60), p("r5", "远处的店", 2000)}
	signs := []match.Point{p("s1", "老城面馆", 4), p("s2", "佳佳水果", 75), p("s3", "阿宝烘焙", 42), p("s4", "小月服饰", 110)}
	want := map[string]match.Difference{"r1/s1": match.DiffSame, "r2/s2": match.DiffMoved, "r3/s3": match.DiffRenamed, "r4/": match.DiffVanished, "r5/": match.DiffUnseen, "/s4": match.DiffUnreported}
	got := m.Compare(reports, signs, r)
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for _, x := range got {
		if want[x.Report+"/"+x.Sighting] != x.Kind {
			t.Errorf("%+v", x)
		}
	}
}

// TestReadSigns matches 2,003 signs that the box read in composed pictures
// with 500 registered shops; thresholds were set on another seed.
func TestReadSigns(t *testing.T) {
	o := measure(match.NewMatcher(), loadSigns(t), match.DefaultThresholds(), false)
	o.mistakes = nil
	o.print(t)
	if o.signs != 2003 {
		t.Fatalf("%d signs", o.signs)
	}
	if o.wrong > 6 || o.right < 1500 || o.asked > 500 {
		t.Errorf("wrong %d, right %d, asked %d", o.wrong, o.right, o.asked)
	}
}

func loadSigns(t testing.TB) set {
	t.Helper()
	f, err := os.Open("testdata/signs.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var s set
	num := func(x string) float64 {
		v, err := strconv.ParseFloat(x, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		c := strings.Split(sc.Text(), "\t")
		switch c[0] {
		case "shop":
			s.Shops = append(s.Shops, setShop{ID: c[1], Name: c[2], SignName: c[3], Lng: num(c[4]), Lat: num(c[5])})
		case "sign":
			x := setReading{Kind: c[1], Name: c[2], Shop: c[3], Bound: c[4], Lng: num(c[5]), Lat: num(c[6]), Text: c[7], Confidence: num(c[9]), GlyphPx: num(c[10])}
			if c[8] != "" {
				x.Lines = strings.Split(c[8], "|")
			}
			s.Readings = append(s.Readings, x)
		}
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return s
}

// FuzzSimilarity holds that a likeness is between 0 and 1, that a name is
// itself, and that nothing breaks on odd texts.
func FuzzSimilarity(f *testing.F) {
	for _, s := range [][2]string{{"老城面馆", "上海老城面馆有限公司"}, {"", "（）"}, {"\xff店", "店店店"}, {"ＡＢＣ", "abc"}, {"（人民路店）", "人民路店"}} {
		f.Add(s[0], s[1])
	}
	m := match.NewMatcher()
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > 300 || len(b) > 300 {
			return
		}
		x := m.Similarity([]string{a}, []string{b})
		if !(x.Score >= 0 && x.Score <= 1) {
			t.Fatalf("%q %q: %v", a, b, x.Score)
		}
		if len(m.Fold(a)) > 0 {
			if y := m.Similarity([]string{a}, []string{a}); y.Score < 0.98 {
				t.Fatalf("%q is not itself: %v", a, y.Score)
			}
		}
	})
}

func BenchmarkJudge(b *testing.B) {
	s := loadSigns(b)
	m := match.NewMatcher()
	list := []match.Candidate{}
	for _, x := range s.Shops[:60] {
		list = append(list, match.Candidate{ID: x.ID, Names: []string{x.SignName, x.Name}, At: match.Place{Lng: 121.47, Lat: 31.23}})
	}
	r := match.DefaultThresholds()
	for b.Loop() {
		m.Judge(match.Reading{Text: "老城面馆", Confidence: .9, GlyphPx: 30, At: match.Place{Lng: 121.47, Lat: 31.23}}, list, r)
	}
}
