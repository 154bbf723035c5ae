package directory

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestContains(t *testing.T) {
	square := Area{{121.4, 31.2}, {121.5, 31.2}, {121.5, 31.3}, {121.4, 31.3}}
	bent := Area{{121.4, 31.2}, {121.5, 31.2}, {121.45, 31.25}, {121.5, 31.3}, {121.4, 31.3}}
	for _, c := range []struct {
		name     string
		a        Area
		lng, lat float64
		want     bool
	}{
		{"inside", square, 121.45, 31.25, true},
		{"corner", square, 121.4, 31.2, true},
		{"other corner", square, 121.5, 31.3, true},
		{"on an edge", square, 121.45, 31.2, true},
		{"on a slanting edge", bent, 121.475, 31.225, true},
		{"in the bend", bent, 121.48, 31.25, false},
		{"beside", square, 121.39, 31.2, false},
		{"in line with an edge", square, 121.6, 31.2, false},
		{"two centimetres out", square, 121.5 + 2e-7, 31.25, false},
	} {
		if got := c.a.Contains(c.lng, c.lat); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestParseArea(t *testing.T) {
	for _, s := range []string{"", "1,2", "1,2;3,4", "121,31;121,31;121,31", "a,b;c,d;e,f", "121,31;122,31;122,NaN", "121,31;122,31;500,31", "121.1,31.1;121.2,31.2;121.3,31.3"} {
		if a, err := ParseArea("area", s); err == nil {
			t.Errorf("%q was taken: %v", s, a)
		}
	}
	if a, err := ParseArea("area", "121.4,31.2; 121.5,31.2;121.5,31.3"); err != nil || len(a) != 3 {
		t.Errorf("%v %v", a, err)
	}
}

func FuzzParseArea(f *testing.F) {
	f.Add("121.4,31.2;121.5,31.2;121.5,31.3", 121.45, 31.25)
	f.Add(";;;", 0.0, 0.0)
	f.Fuzz(func(t *testing.T, s string, x, y float64) {
		a, err := ParseArea("area", s)
		if err != nil {
			return
		}
		b := a.bounds()
		if a.Contains(x, y) && !(x >= b[0]-edge && x <= b[2]+edge && y >= b[1]-edge && y <= b[3]+edge) {
			t.Errorf("%v contains %g,%g outside of its bounds", a, x, y)
		}
		_ = a.sql()
	})
}

// The plane in which distances are measured agrees with the sphere.
func TestDistance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := Near{Lng: rapid.Float64Range(120.9, 122.2).Draw(t, "lng"), Lat: rapid.Float64Range(30.7, 31.8).Draw(t, "lat"), Metres: maxMetres}
		lng, lat := n.Lng+rapid.Float64Range(-0.05, 0.05).Draw(t, "dx"), n.Lat+rapid.Float64Range(-0.05, 0.05).Draw(t, "dy")
		rad := math.Pi / 180
		h := math.Pow(math.Sin((lat-n.Lat)*rad/2), 2) + math.Cos(lat*rad)*math.Cos(n.Lat*rad)*math.Pow(math.Sin((lng-n.Lng)*rad/2), 2)
		want := 2 * 6_371_008.8 * math.Asin(math.Sqrt(h))
		if got := n.Distance(lng, lat); math.Abs(got-want) > 1+want*0.001 {
			t.Fatalf("%g m instead of %g m", got, want)
		}
	})
}

func TestRoadOf(t *testing.T) {
	for in, want := range map[string]string{
		"南京东路 320 号": "南京东路", "上海市黄浦区外滩街道中山东一路12号": "中山东一路", "演示路 1 号东侧（演示点位）": "演示路", "": "", "30 号": "",
		"镇宁路 9 弄": "镇宁路", "世纪大道 100 号": "世纪大道", "沪南公路 2500 号": "沪南公路", "南京路步行街西口": "南京路步行街", "七宝镇七莘路 3 号": "七莘路",
	} {
		if got := RoadOf(in); got != want {
			t.Errorf("%q lies in %q, want %q", in, got, want)
		}
	}
}
