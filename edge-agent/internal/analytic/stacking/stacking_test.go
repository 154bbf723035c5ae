package stacking_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/analytic/stacking"
	"jiexun/edge-agent/internal/analytic/still"
	"jiexun/edge-agent/internal/analytic/still/stilltest"
)

func rect(x0, y0, x1, y1 float64) []edgev1.Point {
	return []edgev1.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}}
}

// watch shows a box of 36x30 px with its foot at y 140 of 216 from second 9 on
// and returns the rows of the last look.
func watch(t *testing.T, zones []edgev1.Zone, c stacking.Config) []analytic.Observation {
	t.Helper()
	s := stilltest.Scene{W: 384, H: 216, Seed: 5, Noise: 2}
	s.Items = []stilltest.Item{{X: 180, Y: 110, W: 36, H: 30, From: 9, To: 1e9, Luma: 60, U: 110, V: 150, Seed: 9}}
	regions, err := stacking.Regions(zones, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, z := range zones {
		if z.Kind == edgev1.ZoneFrontage {
			regions = append(regions, still.Region{ID: z.ID, Polygon: z.Polygon, Share: 0.1, Dwell: 5 * time.Second})
		}
	}
	e, err := still.New(still.Options{Regions: regions, Models: []edgev1.ModelRef{{Name: "verifier"}}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := stacking.New(e, zones, c)
	if err != nil {
		t.Fatal(err)
	}
	var last analytic.Result
	start := time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)
	for i := range 24 {
		p := s.At(float64(i))
		if last, err = a.Observe(context.Background(), &analytic.Input{Camera: "c", Frame: p, Small: p, At: start.Add(time.Duration(i) * time.Second)}); err != nil {
			t.Fatal(err)
		}
	}
	return last.Observations
}

func TestZonesDecide(t *testing.T) {
	pavement := edgev1.Zone{ID: "p", Kind: edgev1.ZonePavement, Polygon: rect(0, 0.3, 1, 1), DwellS: 8}
	with := func(change func(z *edgev1.Zone)) edgev1.Zone {
		z := pavement
		change(&z)
		return z
	}
	for _, tc := range []struct {
		name  string
		zones []edgev1.Zone
		want  analytic.State // empty: no row
	}{
		{"stands in the zone", []edgev1.Zone{pavement}, analytic.Present},
		{"dwell of the zone is not over", []edgev1.Zone{with(func(z *edgev1.Zone) { z.DwellS = 60 })}, analytic.Candidate},
		{"stands elsewhere", []edgev1.Zone{with(func(z *edgev1.Zone) { z.Polygon = rect(0, 0.8, 1, 1) })}, ""},
		{"too small a share", []edgev1.Zone{with(func(z *edgev1.Zone) { z.MinArea = 0.05 })}, ""},
		{"too small in square metres", []edgev1.Zone{with(func(z *edgev1.Zone) { z.ScaleM2 = 10 })}, ""},
		{"large enough in square metres", []edgev1.Zone{with(func(z *edgev1.Zone) { z.ScaleM2 = 60 })}, analytic.Present},
		{"excluded place", []edgev1.Zone{pavement, {ID: "x", Kind: edgev1.ZoneExclude, Polygon: rect(0.4, 0.4, 0.7, 0.8)}}, ""},
		{"belongs to a shop's frontage", []edgev1.Zone{pavement, {ID: "f", Kind: edgev1.ZoneFrontage, Polygon: rect(0.4, 0.4, 0.7, 0.8)}}, ""},
		{"two pavements, one row", []edgev1.Zone{pavement, with(func(z *edgev1.Zone) { z.ID = "q" })}, analytic.Present},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := watch(t, tc.zones, stacking.Default())
			if tc.want == "" {
				if len(got) != 0 {
					t.Errorf("rows %+v, want none", got)
				}
				return
			}
			if len(got) != 1 || got[0].State != tc.want || got[0].Kind != edgev1.Stacking || got[0].Zone != "p" {
				t.Fatalf("rows %+v, want one %s in p", got, tc.want)
			}
			if got[0].Key == "" || got[0].Area < 0.008 || got[0].Area > 0.02 || got[0].Dwell < 10*time.Second || len(got[0].Models) != 1 {
				t.Errorf("row %+v", got[0])
			}
		})
	}
}

func TestSampleConfiguration(t *testing.T) {
	c := stacking.Default()
	if err := c.Validate(); err != nil || c.DwellS != 300 || c.MinAreaM2 != 0.3 || c.MinArea <= 0 {
		t.Errorf("%+v, %v", c, err)
	}
	for in, want := range map[string]string{
		`{"dwelS": 3}`:    "dwelS",
		`{"dwellS": -1}`:  "dwellS",
		`{"minArea": 2}`:  "minArea",
		`{"minAreaM2": 1`: "read configuration",
	} {
		if _, err := stacking.Parse([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"dwellS": 300, "minArea": 0.001}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := stacking.Parse(data); err == nil && c.Validate() != nil {
			t.Errorf("accepted %+v", c)
		}
	})
}
