package coord_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"jiexun/center/internal/platform/coord"
)

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s: %.9f, want %.9f (off by %g)", what, got, want, got-want)
	}
}

func profile(t *testing.T, code string) coord.Profile {
	t.Helper()
	for _, p := range coord.Builtin() {
		if p.Code == code {
			return p
		}
	}
	t.Fatalf("no profile %s", code)
	return coord.Profile{}
}

// TestPlaneVectors holds the points that were computed elsewhere, to the
// millimetre in which they are written.
func TestPlaneVectors(t *testing.T) {
	for _, v := range []struct {
		name     string
		lng, lat float64
		profile  string
		e, n     float64
	}{
		{"人民广场", 121.4737, 31.2304, "A", 623.956, -559.735},
		{"人民广场", 121.4737, 31.2304, "C", 624.421, -559.167},
		{"人民广场", 121.4737, 31.2304, "E", 881.817, -628.668},
		{"徐家汇", 121.4365, 31.1946, "A", -2921.244, -4528.703},
		{"徐家汇", 121.4365, 31.1946, "C", -2920.777, -4528.119},
		{"徐家汇", 121.4365, 31.1946, "E", -2663.374, -4597.627},
		{"浦东机场", 121.8052, 31.1443, "A", 32236.814, -10055.959},
		{"浦东机场", 121.8052, 31.1443, "C", 32237.181, -10055.425},
		{"浦东机场", 121.8052, 31.1443, "E", 32494.594, -10124.868},
		{"崇明城桥", 121.3975, 31.6229, "A", -6609.419, 42961.441},
		{"金山", 121.3420, 30.7418, "A", -11983.249, -54724.211},
	} {
		c := coord.With(profile(t, v.profile))
		e, n, err := c.Convert(coord.WGS84, coord.SH2000, v.lng, v.lat)
		if err != nil {
			t.Fatal(err)
		}
		near(t, v.name+" "+v.profile+" east", e, v.e, 0.001)
		near(t, v.name+" "+v.profile+" north", n, v.n, 0.001)
		lng, lat, err := c.Convert(coord.SH2000, coord.WGS84, e, n)
		if err != nil {
			t.Fatal(err)
		}
		near(t, v.name+" lng back", lng, v.lng, 1e-12)
		near(t, v.name+" lat back", lat, v.lat, 1e-12)
	}
}

// TestOrigins holds where each profile has its origin.
func TestOrigins(t *testing.T) {
	for code, want := range map[string][2]float64{"A": {121.4671511, 31.2354487}, "B": {121.4671816, 31.2353902}, "C": {121.4671462, 31.2354436}, "E": {121.4644444, 31.2360705}} {
		e, n, err := coord.With(profile(t, code)).Convert(coord.WGS84, coord.SH2000, want[0], want[1])
		if err != nil {
			t.Fatal(err)
		}
		near(t, code+" east at the origin", e, 0, 0.006)
		near(t, code+" north at the origin", n, 0, 0.006)
	}
}

// TestMeridianArc holds a length of the meridian that geodesists agree on.
func TestMeridianArc(t *testing.T) {
	p := coord.Profile{Code: "arc", Name: "arc", A: 6378137, RF: 298.257222101, Lon0: 121.5, K: 1, Axis: coord.EastNorth}
	_, n, err := coord.With(p).Convert(coord.WGS84, coord.SH2000, 121.5, 31+14.0/60)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "arc to 31°14′", n, 3456844.3336, 0.00006)
}

func TestShiftVectors(t *testing.T) {
	for _, v := range [][6]float64{
		{121.4737, 31.2304, 121.47822306, 31.22845774, 121.48478147, 31.23431059},
		{121.4905, 31.2397, 121.49496620, 31.23771385, 121.50157448, 31.24336653},
		{121.8052, 31.1443, 121.80949001, 31.14219051, 121.81590567, 31.14851118},
	} {
		x, y, err := coord.Convert(coord.WGS84, coord.GCJ02, v[0], v[1])
		if err != nil {
			t.Fatal(err)
		}
		near(t, "gcj lng", x, v[2], 6e-9)
		near(t, "gcj lat", y, v[3], 6e-9)
		bx, by, err := coord.Convert(coord.GCJ02, coord.BD09, x, y)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "bd lng", bx, v[4], 6e-9)
		near(t, "bd lat", by, v[5], 6e-9)
		for _, s := range []coord.System{coord.GCJ02, coord.BD09} {
			p, q := x, y
			if s == coord.BD09 {
				p, q = bx, by
			}
			lng, lat, err := coord.Convert(s, coord.WGS84, p, q)
			if err != nil {
				t.Fatal(err)
			}
			near(t, string(s)+" back lng", lng, v[0], 1e-9)
			near(t, string(s)+" back lat", lat, v[1], 1e-9)
		}
	}
}

// TestRoundTrips goes from each system to each other and back all over the
// city.
func TestRoundTrips(t *testing.T) {
	r := rand.New(rand.NewPCG(34, 1))
	for _, p := range coord.Builtin() {
		for _, axis := range []coord.Axis{coord.EastNorth, coord.NorthEast} {
			p.Axis = axis
			p.Helmert = coord.Helmert{DX: 3, DY: -7, Rot: 2e-5, Scale: 1.000003}
			c := coord.With(p)
			for range 200 {
				lng, lat := 120.85+r.Float64()*1.2, 30.68+r.Float64()*1.2
				for _, from := range coord.Systems() {
					x, y, err := c.FromWGS(from, lng, lat)
					if err != nil {
						t.Fatal(err)
					}
					for _, to := range coord.Systems() {
						u, v, err := c.Convert(from, to, x, y)
						if err != nil {
							t.Fatalf("%s to %s at %f,%f: %v", from, to, lng, lat, err)
						}
						bx, by, err := c.Convert(to, from, u, v)
						if err != nil {
							t.Fatalf("%s back to %s at %f,%f: %v", to, from, lng, lat, err)
						}
						tol := 1e-9
						if from.Plane() {
							tol = 1e-4
						}
						near(t, fmt.Sprintf("%s→%s x", from, to), bx, x, tol)
						near(t, fmt.Sprintf("%s→%s y", from, to), by, y, tol)
					}
				}
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to coord.System
		x, y     float64
		want     coord.Code
	}{
		{"NaN", coord.WGS84, coord.GCJ02, math.NaN(), 31.2, coord.NotANumber},
		{"NaN second", coord.SH2000, coord.GCJ02, 12, math.NaN(), coord.NotANumber},
		{"infinite", coord.BD09, coord.GCJ02, math.Inf(1), 31.2, coord.NotANumber},
		{"zero", coord.WGS84, coord.GCJ02, 0, 0, coord.Zero},
		{"zero in the plane", coord.SH2000, coord.GCJ02, 0, 0, coord.Zero},
		{"swapped degrees", coord.WGS84, coord.GCJ02, 31.2304, 121.4737, coord.Swapped},
		{"swapped Baidu", coord.BD09, coord.SH2000, 31.2304, 121.4737, coord.Swapped},
		{"degrees as metres", coord.SH2000, coord.GCJ02, 121.4737, 31.2304, coord.Units},
		{"metres as degrees", coord.GCJ02, coord.SH2000, -2921.2, -4528.7, coord.Units},
		{"Peking", coord.WGS84, coord.GCJ02, 116.4, 39.9, coord.Outside},
		{"abroad", coord.GCJ02, coord.WGS84, 2.35, 48.85, coord.Outside},
		{"far in the plane", coord.SH2000, coord.WGS84, 400000, 3400000, coord.Outside},
		{"endless plane", coord.SH2000, coord.WGS84, 1e300, -1e300, coord.Outside},
		{"unknown from", "mercator", coord.WGS84, 121.4, 31.2, coord.UnknownSystem},
		{"unknown to", coord.WGS84, "", 121.4, 31.2, coord.UnknownSystem},
	} {
		x, y, err := coord.Convert(c.from, c.to, c.x, c.y)
		var e *coord.Error
		if !errors.As(err, &e) || e.Code != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
			continue
		}
		if x != 0 || y != 0 || e.Message == "" {
			t.Errorf("%s: gave %v,%v with the refusal %q", c.name, x, y, e.Message)
		}
	}
	_, _, err := coord.With(coord.Profile{Code: "x", Name: "x"}).Convert(coord.WGS84, coord.SH2000, 121.4, 31.2)
	var e *coord.Error
	if !errors.As(err, &e) || e.Code != coord.BadProfile {
		t.Errorf("an empty profile: %v", err)
	}
}

// TestNorthFirst holds that a profile of surveyors' axes only changes the
// order, and that its plane's axes can be told apart when its offsets are
// those of a national grid.
func TestNorthFirst(t *testing.T) {
	p := coord.Default()
	p.Axis = coord.NorthEast
	x, y, err := coord.With(p).Convert(coord.WGS84, coord.SH2000, 121.4737, 31.2304)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "X north", x, -559.735, 0.001)
	near(t, "Y east", y, 623.956, 0.001)
	p.X0, p.Y0 = 500_000, 0
	c := coord.With(p)
	if x, y, err = c.FromWGS(coord.SH2000, 121.4737, 31.2304); err != nil {
		t.Fatal(err)
	}
	_, _, err = c.Convert(coord.SH2000, coord.WGS84, y, x)
	var e *coord.Error
	if !errors.As(err, &e) || e.Code != coord.Swapped {
		t.Errorf("swapped plane axes: %v", err)
	}
}

func TestFit(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 3))
	base := profile(t, "C")
	truth := base
	truth.Helmert = coord.Helmert{DX: 1204.5, DY: -88.25, Rot: 3.2e-4, Scale: 0.9999871}
	for _, axis := range []coord.Axis{coord.EastNorth, coord.NorthEast} {
		truth.Axis, base.Axis = axis, axis
		points := []coord.Control{}
		for i := range 12 {
			lng, lat := 121.0+r.Float64(), 30.8+r.Float64()
			x, y, err := coord.With(truth).FromWGS(coord.SH2000, lng, lat)
			if err != nil {
				t.Fatal(err)
			}
			points = append(points, coord.Control{Name: fmt.Sprint("K", i), Lng: lng, Lat: lat, X: x, Y: y})
		}
		f, err := coord.FitHelmert(base, points)
		if err != nil {
			t.Fatal(err)
		}
		if f.Worst > 1e-6 || !f.Checked {
			t.Errorf("%s: exact points leave %g m", axis, f.Worst)
		}
		near(t, "scale", f.Helmert.Scale, truth.Helmert.Scale, 1e-11)
		near(t, "rotation", f.Helmert.Rot, truth.Helmert.Rot, 1e-11)
		// A wrong point stands out.
		points[5].X += 0.5
		f, err = coord.FitHelmert(base, points)
		if err != nil {
			t.Fatal(err)
		}
		worst := 0
		for i, x := range f.Residuals {
			if x.M > f.Residuals[worst].M {
				worst = i
			}
		}
		if worst != 5 || f.RMS < 0.05 || f.RMS > 0.2 {
			t.Errorf("%s: half a metre at K5 gives RMS %g, worst %s", axis, f.RMS, f.Residuals[worst].Name)
		}
	}
	two := []coord.Control{{Lng: 121.4, Lat: 31.2, X: 0, Y: 0}, {Lng: 121.5, Lat: 31.3, X: 9530, Y: 11090}}
	if f, err := coord.FitHelmert(base, two); err != nil || f.Checked || f.Worst > 1e-6 {
		t.Errorf("two points: %+v %v", f, err)
	}
	for name, bad := range map[string][]coord.Control{
		"one point":     two[:1],
		"twice":         {two[0], two[0]},
		"too close":     {two[0], {Lng: 121.4001, Lat: 31.2001, X: 9, Y: 11}},
		"swapped":       {{Lng: 31.2, Lat: 121.4}, two[1]},
		"not a number":  {{Lng: 121.4, Lat: 31.2, X: math.NaN()}, two[1]},
		"absurd result": {two[0], {Lng: 121.5, Lat: 31.3, X: 9e6, Y: 1}},
	} {
		if _, err := coord.FitHelmert(base, bad); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestMetres(t *testing.T) {
	c := coord.With(profile(t, "C"))
	ax, ay, _ := c.FromWGS(coord.SH2000, 121.4737, 31.2304)
	bx, by, _ := c.FromWGS(coord.SH2000, 121.4365, 31.1946)
	near(t, "metres", coord.Metres(121.4737, 31.2304, 121.4365, 31.1946), math.Hypot(ax-bx, ay-by), 1)
}

func FuzzConvert(f *testing.F) {
	f.Add(0, 4, 121.4737, 31.2304)
	f.Add(4, 2, 623.956, -559.735)
	f.Add(3, 0, 31.2, 121.4)
	f.Add(4, 0, math.MaxFloat64, -math.MaxFloat64)
	f.Fuzz(func(t *testing.T, from, to int, x, y float64) {
		s := coord.Systems()
		a, b := s[((from%5)+5)%5], s[((to%5)+5)%5]
		u, v, err := coord.Convert(a, b, x, y)
		if err != nil {
			if u != 0 || v != 0 {
				t.Fatalf("%s to %s of %v,%v: refused with %v,%v", a, b, x, y, u, v)
			}
			return
		}
		p, q, err := coord.Convert(b, a, u, v)
		if err != nil {
			var e *coord.Error
			if errors.As(err, &e) && (e.Code == coord.Outside || e.Code == coord.Units || e.Code == coord.Zero) {
				return // within the last digits of a border
			}
			t.Fatalf("%s to %s of %v,%v: not back: %v", a, b, x, y, err)
		}
		tol := 1e-8
		if a.Plane() {
			tol = 1e-3
		}
		if math.Abs(p-x) > tol || math.Abs(q-y) > tol {
			t.Fatalf("%s to %s of %v,%v came back as %v,%v", a, b, x, y, p, q)
		}
	})
}

func BenchmarkConvert(b *testing.B) {
	c := coord.With(coord.Default())
	for b.Loop() {
		if _, _, err := c.Convert(coord.SH2000, coord.BD09, 623.956, -559.735); err != nil {
			b.Fatal(err)
		}
	}
}
