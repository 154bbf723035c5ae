//go:build eval

package sign_test

import (
	"encoding/json"
	"image"
	_ "image/jpeg"
	"os"
	"path/filepath"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/analytic/sign"
	"jiexun/edge-agent/internal/picture"
)

// setSign is one line of readings.json: what the box reads on a sign of a
// composed set, beside what stands there.
type setSign struct {
	Camera     string   `json:"camera"`
	Lng        float64  `json:"lng"`
	Lat        float64  `json:"lat"`
	Name       string   `json:"name"`
	Kind       string   `json:"kind"`
	Shop       string   `json:"shop,omitempty"`
	Bound      string   `json:"bound,omitempty"`
	Covered    float64  `json:"covered,omitempty"`
	Text       string   `json:"text"`
	Lines      []string `json:"lines"`
	Confidence float64  `json:"confidence"`
	GlyphPx    int      `json:"glyphPx"`
}

// TestEvalSet reads every sign of the set in JIEXUN_SIGNS (made by signset)
// with the real networks and writes readings.json there, for the center's
// matching to be measured with.
func TestEvalSet(t *testing.T) {
	dir := os.Getenv("JIEXUN_SIGNS")
	if dir == "" {
		t.Fatal("set JIEXUN_SIGNS to a folder made by signset")
	}
	raw, err := os.ReadFile(filepath.Join(dir, "truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Frames []struct {
			File, Camera string
			Lng, Lat     float64
			Signs        []struct {
				Name, Kind, Shop, Bound string
				Covered                 float64
				Quad                    []edgev1.Point
			}
		}
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		t.Fatal(err)
	}
	a := analyticOf(t)
	out, exact, n := []setSign{}, 0, 0
	for _, f := range set.Frames {
		p := readPicture(t, filepath.Join(dir, f.File))
		for _, s := range f.Signs {
			r := readSign(t, a, p, s.Quad)
			out = append(out, setSign{Camera: f.Camera, Lng: f.Lng, Lat: f.Lat, Name: s.Name, Kind: s.Kind, Shop: s.Shop, Bound: s.Bound, Covered: s.Covered,
				Text: r.Text, Lines: r.Lines, Confidence: r.Confidence, GlyphPx: r.GlyphPx})
			if s.Kind != "gone" {
				n++
				if r.Text == s.Name {
					exact++
				}
			}
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "readings.json"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d signs, %d read exactly (%.1f %%)", n, exact, 100*float64(exact)/float64(max(n, 1)))
}

func readPicture(t *testing.T, path string) *picture.YUV {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return picture.FromImage(m)
}

// readSign looks once at a plate with nothing known about it.
func readSign(t *testing.T, a *sign.Analytic, p *picture.YUV, quad []edgev1.Point) edgev1.SignReading {
	t.Helper()
	a.SetZones(nil)
	a.SetZones([]edgev1.Zone{{ID: "z", Kind: edgev1.ZoneSign, Polygon: quad}})
	if _, err := a.Observe(t.Context(), &analytic.Input{At: time.Unix(1000, 0), Frame: p}); err != nil {
		t.Fatal(err)
	}
	return a.Latest()["z"]
}
