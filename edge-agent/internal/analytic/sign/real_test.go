package sign_test

import (
	"context"
	"image"
	"image/color"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/analytic/sign"
	"jiexun/edge-agent/internal/picture"
)

var start = time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)

func observe(t testing.TB, a *sign.Analytic, at time.Time, p *picture.YUV) analytic.Observation {
	t.Helper()
	res, err := a.Observe(context.Background(), &analytic.Input{Camera: "c", At: at, Frame: p})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Observations) != 1 {
		t.Fatalf("got %+v", res)
	}
	return res.Observations[0]
}

// TestReadsRenderedSigns reads plates drawn in several hands, colours and
// sizes through the real networks.
func TestReadsRenderedSigns(t *testing.T) {
	white, red, green, gold := color.RGBA{245, 245, 240, 255}, color.RGBA{170, 20, 25, 255}, color.RGBA{10, 95, 70, 255}, color.RGBA{230, 190, 90, 255}
	for i, c := range []struct {
		name, font string
		px         float64
		board, ink color.RGBA
	}{
		{"老王面馆", "NotoSansCJK-Bold.ttc", 60, red, gold},
		{"依佳人网咖", "NotoSansCJK-Regular.ttc", 40, green, white},
		{"中国农业银行", "NotoSerifCJK-Bold.ttc", 32, white, green},
		{"鑫源五金建材", "NotoSerifCJK-Regular.ttc", 28, white, red},
		{"便民超市", "NotoSansCJK-Bold.ttc", 24, gold, red},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := int(c.px*float64(len([]rune(c.name)))*1.3) + 30
			s := newStreet(720, 400, image.Rect(100, 100, 100+w, 100+int(c.px*1.8)), uint64(i))
			s.board(c.board)
			s.write(t, c.font, c.name, c.px, c.ink)
			a := analyticOf(t, s.zone(c.name))
			var o analytic.Observation
			for k := range 3 {
				o = observe(t, a, start.Add(time.Duration(k)*time.Second), s.yuv(1, 6, uint64(k)))
			}
			r := o.Sign
			if r.Verdict != edgev1.SignSame || r.Text != c.name || o.State != analytic.Gone {
				t.Fatalf("read %q (%.2f, glyph %d), verdict %s", r.Text, r.Confidence, r.GlyphPx, r.Verdict)
			}
			if float64(r.GlyphPx) < c.px*0.75 || float64(r.GlyphPx) > c.px*1.35 {
				t.Errorf("characters of %.0f px measured as %d px", c.px, r.GlyphPx)
			}
		})
	}
}

// TestLifeOfARenderedSign goes through the states with the real networks.
func TestLifeOfARenderedSign(t *testing.T) {
	rect := image.Rect(120, 120, 480, 210)
	draw := func(board color.Color, text string) street {
		s := newStreet(640, 360, rect, 5)
		if board != nil {
			s.board(board)
		}
		if text != "" {
			s.write(t, "NotoSansCJK-Bold.ttc", text, 60, color.RGBA{250, 240, 220, 255})
		}
		return s
	}
	red := color.RGBA{160, 25, 30, 255}
	own := draw(red, "阿婆生煎")
	a := analyticOf(t, own.zone("阿婆生煎"))
	at := start
	play := func(s street, gain float64, n int) (o analytic.Observation) {
		for range n {
			at = at.Add(2 * time.Second)
			o = observe(t, a, at, s.yuv(gain, 8, uint64(at.Unix())))
		}
		return o
	}
	for _, c := range []struct {
		name  string
		s     street
		gain  float64
		state analytic.State
		want  edgev1.SignVerdict
	}{
		{"own", own, 1, analytic.Gone, edgev1.SignSame},
		{"own at dusk", own, 0.45, analytic.Gone, edgev1.SignSame},
		{"other name in the same hand", draw(red, "大壶春馆"), 1, analytic.Present, edgev1.SignChanged},
		{"own again", own, 1, analytic.Gone, edgev1.SignSame},
		{"one character replaced", draw(red, "阿公生煎"), 1, analytic.Present, edgev1.SignChanged},
		{"own again 2", own, 1.1, analytic.Gone, edgev1.SignSame},
		{"a sheet over it", draw(color.RGBA{70, 90, 160, 255}, ""), 1, analytic.Present, edgev1.SignCovered},
		{"taken away", draw(nil, ""), 1, analytic.Present, edgev1.SignGone},
		{"night without lamps", own, 0.04, analytic.Occluded, edgev1.SignUnreadable},
		{"own after the night", own, 1, analytic.Gone, edgev1.SignSame},
	} {
		o := play(c.s, c.gain, 9)
		if o.State != c.state || o.Sign.Verdict != c.want {
			t.Fatalf("%s: %s %s, want %s %s (text %q %.2f glyph %d similarity %.2f, %d of %d)", c.name, o.State, o.Sign.Verdict,
				c.state, c.want, o.Sign.Text, o.Sign.Confidence, o.Sign.GlyphPx, o.Sign.Similarity, o.Sign.Votes, o.Sign.Looks)
		}
	}
	if st := a.Stats(); st.Readings > st.Looks/2 {
		t.Errorf("%d readings in %d looks", st.Readings, st.Looks)
	}
}

// TestTinyLettersAreNotJudged shows a sign too small to read.
func TestTinyLettersAreNotJudged(t *testing.T) {
	s := newStreet(640, 360, image.Rect(300, 200, 344, 212), 3)
	s.board(color.RGBA{160, 25, 30, 255})
	s.write(t, "NotoSansCJK-Bold.ttc", "大壶春馆", 7, color.White)
	a := analyticOf(t, s.zone("阿婆生煎"))
	for k := range 8 {
		o := observe(t, a, start.Add(time.Duration(k)*time.Second), s.yuv(1, 6, uint64(k)))
		if o.Sign.Verdict != edgev1.SignUnreadable || o.State != analytic.Occluded {
			t.Fatalf("%s %s: %+v", o.State, o.Sign.Verdict, o.Sign)
		}
	}
}

func BenchmarkReading(b *testing.B) {
	s := newStreet(1920, 1080, image.Rect(400, 220, 1000, 340), 5)
	s.board(color.RGBA{160, 25, 30, 255})
	s.write(b, "NotoSansCJK-Bold.ttc", "阿婆生煎", 80, color.White)
	a := analyticOf(b, s.zone("阿婆生煎"))
	p := s.yuv(1, 6, 1)
	i := 0
	for b.Loop() {
		i++ // each look comes too late for the last reading to count
		if _, err := a.Observe(context.Background(), &analytic.Input{At: start.Add(time.Duration(i) * time.Hour), Frame: p}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(a.Stats().Readings)/float64(b.N), "readings/op")
}
