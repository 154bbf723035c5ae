package frontage_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/analytic/frontage"
	"jiexun/edge-agent/internal/analytic/still"
	"jiexun/edge-agent/internal/analytic/still/stilltest"
)

func rect(x0, y0, x1, y1 float64) []edgev1.Point {
	return []edgev1.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}}
}

// watch shows a rack of 36x30 px (x 180..216, y 110..140 of 384x216) from
// second 9 to 30 and returns the rows of each look.
func watch(t *testing.T, zone edgev1.Zone, more ...edgev1.Zone) [][]analytic.Observation {
	t.Helper()
	s := stilltest.Scene{W: 384, H: 216, Seed: 8, Noise: 2}
	s.Items = []stilltest.Item{{X: 180, Y: 110, W: 36, H: 30, From: 9, To: 30, Luma: 200, U: 110, V: 150, Seed: 9}}
	zones := append([]edgev1.Zone{zone}, more...)
	regions, err := frontage.Regions(zones, frontage.Default())
	if err != nil {
		t.Fatal(err)
	}
	e, err := still.New(still.Options{Regions: regions})
	if err != nil {
		t.Fatal(err)
	}
	a, err := frontage.New(e, zones, frontage.Default())
	if err != nil {
		t.Fatal(err)
	}
	var out [][]analytic.Observation
	start := time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)
	for i := range 40 {
		p := s.At(float64(i))
		r, err := a.Observe(context.Background(), &analytic.Input{Camera: "c", Frame: p, Small: p, At: start.Add(time.Duration(i) * time.Second)})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r.Observations)
	}
	return out
}

func TestShareOutsideTheDoorLine(t *testing.T) {
	for _, tc := range []struct {
		name string
		zone []edgev1.Point
		want bool
	}{
		{"wholly outside", rect(0.3, 0.4, 0.8, 0.8), true},
		{"half outside", rect(198./384, 0.4, 0.8, 0.8), true},
		{"less than a tenth outside", rect(214.5/384, 0.4, 0.8, 0.8), false},
		{"stands farther out, only its top before the strip", rect(0.3, 0.4, 0.8, 126./216), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rows := watch(t, edgev1.Zone{ID: "f", Kind: edgev1.ZoneFrontage, Polygon: tc.zone, DwellS: 8, EndDelayS: 3})
			present := false
			for _, r := range rows {
				for _, o := range r {
					present = present || o.State == analytic.Present && o.Kind == edgev1.Frontage && o.Zone == "f"
				}
			}
			if present != tc.want {
				t.Errorf("present %v, want %v", present, tc.want)
			}
		})
	}
}

func TestRowsEndWithGone(t *testing.T) {
	rows := watch(t, edgev1.Zone{ID: "f", Kind: edgev1.ZoneFrontage, Polygon: rect(0, 0, 1, 1), DwellS: 8, EndDelayS: 3})
	gone, key := 0, ""
	for i, r := range rows {
		for _, o := range r {
			if key == "" {
				key = o.Key
			}
			if o.Key != key {
				t.Fatalf("second %d: key %s, want %s", i, o.Key, key)
			}
			if o.State == analytic.Gone {
				gone++
				if i < 30 || o.Score != 0 {
					t.Errorf("second %d: gone with score %v", i, o.Score)
				}
			}
		}
	}
	if gone < 3 {
		t.Errorf("reported gone %d times, want at least the end delay", gone)
	}
	if n := len(rows[len(rows)-1]); n != 0 {
		t.Errorf("%d rows after the end", n)
	}
}

func TestExcludedPlace(t *testing.T) {
	rows := watch(t, edgev1.Zone{ID: "f", Kind: edgev1.ZoneFrontage, Polygon: rect(0, 0, 1, 1), DwellS: 8},
		edgev1.Zone{ID: "x", Kind: edgev1.ZoneExclude, Polygon: rect(0.4, 0.5, 0.7, 0.8)})
	for i, r := range rows {
		if len(r) != 0 {
			t.Fatalf("second %d: %+v", i, r)
		}
	}
}

func TestSampleConfiguration(t *testing.T) {
	c := frontage.Default()
	if err := c.Validate(); err != nil || c.DwellS != 120 || c.MinShare != 0.1 {
		t.Errorf("%+v, %v", c, err)
	}
	for in, want := range map[string]string{`{"share": 3}`: "share", `{"minShare": 1.5}`: "minShare", `[]`: "read configuration"} {
		if _, err := frontage.Parse([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"dwellS": 120, "minShare": 0.1}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := frontage.Parse(data); err == nil && c.Validate() != nil {
			t.Errorf("accepted %+v", c)
		}
	})
}
