package sign_test

import (
	"image"
	"image/color"
	"image/draw"
	"testing"

	"jiexun/api/edgev1"
)

// A survey of a full picture reads the registered sign in its zone, sees that
// another zone has another name, and finds the sign that nobody registered,
// each once and where it is. It leaves nothing behind in the analytic.
func TestSurveyOfAView(t *testing.T) {
	const file = "NotoSansCJK-Bold.ttc"
	s := newStreet(1920, 1080, image.Rect(120, 200, 620, 310), 5)
	own, other, free := s, s, s
	other.rect, free.rect = image.Rect(760, 230, 1240, 330), image.Rect(1330, 640, 1830, 750)
	for i, x := range []struct {
		s    street
		text string
	}{{own, "佳佳超市"}, {other, "红星药房"}, {free, "老地方面馆"}} {
		x.s.board(color.RGBA{uint8(20 + 60*i), 40, 120, 255})
		x.s.write(t, file, x.text, 70, color.White)
	}
	draw.Draw(s.img, image.Rect(0, 900, 1920, 1080), image.NewUniform(color.Gray{90}), image.Point{}, draw.Src)
	a, b := own.zone("佳佳超市"), other.zone("好日子理发")
	a.ID, b.ID = "a", "b"
	an := analyticOf(t, a, b)
	before, err := an.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	found, err := an.Survey(t.Context(), s.yuv(1, 4, 9))
	if err != nil {
		t.Fatal(err)
	}
	after, err := an.Snapshot()
	if err != nil || string(after) != string(before) {
		t.Errorf("the survey changed what is remembered (%v)", err)
	}
	got := map[string]int{}
	for _, f := range found {
		t.Logf("zone %q: %+v at %+v", f.Zone, f.Reading, f.Box)
		switch {
		case f.Zone == "a" && f.Reading.Verdict == edgev1.SignSame && f.Reading.Text == "佳佳超市",
			f.Zone == "b" && f.Reading.Verdict == edgev1.SignChanged && f.Reading.Text == "红星药房":
			got[f.Zone]++
		case f.Zone == "" && f.Reading.Text == "老地方面馆" && f.Reading.Verdict == edgev1.SignRead:
			got["free"]++
			if f.Box.X < .68 || f.Box.X+f.Box.W > .97 || f.Box.Y < .58 || f.Box.Y+f.Box.H > .71 {
				t.Errorf("the free sign is said to be at %+v", f.Box)
			}
		}
	}
	if got["a"] != 1 || got["b"] != 1 || got["free"] != 1 || len(found) != 3 {
		t.Errorf("found %v of %d", got, len(found))
	}
}
