package main

import (
	"testing"

	"jiexun/api/edgev1"
	"jiexun/tools/internal/scene"
)

func clipNamed(name string) testCase {
	return testCase{name: name, truth: scene.Truth{Version: scene.TruthVersion, Kind: scene.KindDistractors, Width: 320, Height: 180, FPS: 10, DurationS: 60,
		Zones: []edgev1.Zone{{ID: zoneWhole, Kind: edgev1.ZonePavement, Polygon: []edgev1.Point{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 1}}}}}}
}

func TestExpect(t *testing.T) {
	for _, tc := range []struct {
		in       string
		from, to float64
		ok       bool
	}{
		{"yard=stacking:.1,.2,.3,.4:14", 14, 60, true},
		{"yard=stacking:.1,.2,.3,.4:14-20.5", 14, 20.5, true},
		{"yard=frontage:.1,.2,.3,.4:14", 0, 0, false},
		{"other=stacking:.1,.2,.3,.4:14", 0, 0, false},
		{"yard=stacking:.1,.2,.3:14", 0, 0, false},
		{"yard=stacking:.8,.2,.3,.4:14", 0, 0, false},
		{"yard=stacking:.1,.2,.3,.4:70", 0, 0, false},
		{"yard=stacking:.1,.2,.3,.4:20-10", 0, 0, false},
		{"yard=stacking:.1,.2,.3,.4", 0, 0, false},
		{"yard", 0, 0, false},
	} {
		cases := []testCase{clipNamed("street"), clipNamed("yard")}
		err := expect(cases, []string{tc.in})
		if (err == nil) != tc.ok {
			t.Errorf("%s: %v", tc.in, err)
			continue
		}
		if !tc.ok {
			continue
		}
		o := compare(cases[1].truth, []found{{Kind: edgev1.Stacking, Since: 15, Confirmed: 19, Ended: 60, Box: edgev1.Box{X: .12, Y: .22, W: .3, H: .4}}})
		e := cases[1].truth.Events[0]
		if e.From != tc.from || e.To != tc.to || len(o.Hits) != 1 || len(o.False) != 0 || len(cases[0].truth.Events) != 0 {
			t.Errorf("%s: %+v, %d hits, %d false", tc.in, e, len(o.Hits), len(o.False))
		}
	}
}

func FuzzParseExpectation(f *testing.F) {
	f.Add("yard=stacking:.1,.2,.3,.4:14-20")
	f.Add("=::")
	f.Add("a=stacking:1e400,0,0,0:-")
	f.Fuzz(func(t *testing.T, s string) {
		if x, err := parseExpectation(s); err == nil && (x.clip == "" || x.event.Kind != edgev1.Stacking) {
			t.Fatalf("took %q as %+v", s, x)
		}
	})
}
