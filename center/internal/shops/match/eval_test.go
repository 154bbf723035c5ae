//go:build eval

package match_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"jiexun/center/internal/shops/match"
)

// TestEvalSet measures matching on the readings in JIEXUN_SIGNS, a folder
// that signset composed and the box's reader read.
func TestEvalSet(t *testing.T) {
	dir := os.Getenv("JIEXUN_SIGNS")
	if dir == "" {
		t.Fatal("set JIEXUN_SIGNS to a folder with truth.json and readings.json")
	}
	s := loadSet(t, dir)
	m := match.NewMatcher()
	measure(m, s, match.DefaultThresholds(), true).print(t)
	if os.Getenv("SWEEP") != "" {
		for _, same := range []float64{.7, .75, .8, .85, .9} {
			for _, suspect := range []float64{.4, .5, .6} {
				r := match.DefaultThresholds()
				r.SameText, r.SuspectText = same, suspect
				o := measure(m, s, r, false)
				t.Logf("same %.2f suspect %.2f: right %d wrong %d asked %d hinted %d unreadable %d", same, suspect, o.right, o.wrong, o.asked, o.hinted, o.unreadable)
			}
		}
	}
}

func loadSet(t testing.TB, dir string) set {
	t.Helper()
	var s set
	for file, into := range map[string]any{"truth.json": &struct{ Shops *[]setShop }{&s.Shops}, "readings.json": &s.Readings} {
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return s
}
