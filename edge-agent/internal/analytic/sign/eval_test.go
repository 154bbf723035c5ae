//go:build eval

package sign_test

import (
	"context"
	"image"
	_ "image/jpeg"
	"os"
	"path/filepath"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/picture"
)

// TestEvalRealSigns reads photographs of real shop fronts; the zone is the
// sign as an operator would draw it, and then the whole picture.
func TestEvalRealSigns(t *testing.T) {
	dir := os.Getenv("JIEXUN_SHARED")
	if dir == "" {
		t.Fatal("set JIEXUN_SHARED to the folder of the test material")
	}
	for _, c := range []struct {
		file, name string
		box        edgev1.Box
	}{
		{"shop_yijiaren.jpg", "依佳人网咖", edgev1.Box{X: 0.03, Y: 0.24, W: 0.74, H: 0.38}},
		{"shop_yijiaren.jpg", "依佳人网咖", edgev1.Box{W: 1, H: 1}},
		{"shop_abc_bank.jpg", "中国农业银行", edgev1.Box{X: 0.02, Y: 0.15, W: 0.96, H: 0.26}},
		{"shop_abc_bank.jpg", "中国农业银行", edgev1.Box{W: 1, H: 1}},
		{"gate_vertical_sign.jpg", "土地整治与土壤修复研究中心", edgev1.Box{W: 1, H: 1}},
	} {
		f, err := os.Open(filepath.Join(dir, "testdata/signs", c.file))
		if err != nil {
			t.Fatal(err)
		}
		m, _, err := image.Decode(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		z := edgev1.Zone{ID: "z", Kind: edgev1.ZoneSign, SignName: c.name, Polygon: []edgev1.Point{
			{X: c.box.X, Y: c.box.Y}, {X: c.box.X + c.box.W, Y: c.box.Y},
			{X: c.box.X + c.box.W, Y: c.box.Y + c.box.H}, {X: c.box.X, Y: c.box.Y + c.box.H},
		}}
		a := analyticOf(t, z)
		in := &analytic.Input{At: time.Unix(1000, 0), Frame: picture.FromImage(m)}
		for range 3 {
			in.At = in.At.Add(time.Second)
			if _, err := a.Observe(context.Background(), in); err != nil {
				t.Fatal(err)
			}
		}
		r := a.Latest()["z"]
		t.Logf("%s %+v: %s %q %.3f distance %.2f glyph %d lines %q", c.file, c.box, r.Verdict, r.Text, r.Confidence, r.NameDistance, r.GlyphPx, r.Lines)
		if r.Verdict != edgev1.SignSame || r.NameDistance != 0 {
			t.Errorf("%s is %s, read as %q", c.file, r.Verdict, r.Text)
		}
	}
}
