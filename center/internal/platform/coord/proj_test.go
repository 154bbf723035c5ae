package coord_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"jiexun/center/internal/platform/coord"
)

// definition writes a profile as PROJ takes it, without the four parameters.
func definition(p coord.Profile) []string {
	return []string{"+proj=tmerc", fmt.Sprintf("+lat_0=%.17g", p.Lat0), fmt.Sprintf("+lon_0=%.17g", p.Lon0), fmt.Sprintf("+k=%.17g", p.K),
		fmt.Sprintf("+x_0=%.17g", p.X0), fmt.Sprintf("+y_0=%.17g", p.Y0), fmt.Sprintf("+a=%.17g", p.A), fmt.Sprintf("+rf=%.17g", p.RF), "+units=m", "+no_defs"}
}

// ask sends pairs through a program of PROJ.
func ask(t *testing.T, args []string, in [][2]float64) [][2]float64 {
	t.Helper()
	if _, err := exec.LookPath("proj"); err != nil {
		t.Fatal("proj is not installed; run make setup (Debian package proj-bin)")
	}
	var b bytes.Buffer
	for _, q := range in {
		fmt.Fprintf(&b, "%.15f %.15f\n", q[0], q[1])
	}
	cmd := exec.Command("proj", args...)
	cmd.Stdin = &b
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("proj: %v: %s", err, text)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != len(in) {
		t.Fatalf("proj gave %d lines for %d points: %s", len(lines), len(in), lines[0])
	}
	out := make([][2]float64, len(in))
	for i, l := range lines {
		if _, err := fmt.Sscan(l, &out[i][0], &out[i][1]); err != nil {
			t.Fatalf("proj said %q: %v", l, err)
		}
	}
	return out
}

// TestAgreesWithPROJ compares the projection with PROJ at random places of the
// city, both ways, to a millimetre.
func TestAgreesWithPROJ(t *testing.T) {
	r := rand.New(rand.NewPCG(2000, 34))
	places := make([][2]float64, 2000)
	for i := range places {
		places[i] = [2]float64{120.6 + r.Float64()*1.9, 30.4 + r.Float64()*1.7}
	}
	for _, p := range coord.Builtin() {
		c := coord.With(p)
		forward := ask(t, append([]string{"-f", "%.9f"}, definition(p)...), places)
		worst := 0.0
		for i, q := range places {
			e, n, err := c.Convert(coord.WGS84, coord.SH2000, q[0], q[1])
			if err != nil {
				t.Fatal(err)
			}
			worst = math.Max(worst, math.Hypot(e-forward[i][0], n-forward[i][1]))
		}
		back := ask(t, append([]string{"-I", "-f", "%.13f"}, definition(p)...), forward)
		off := 0.0
		for i, q := range forward {
			lng, lat, err := c.Convert(coord.SH2000, coord.WGS84, q[0], q[1])
			if err != nil {
				t.Fatal(err)
			}
			off = math.Max(off, coord.Metres(lng, lat, back[i][0], back[i][1]))
		}
		if worst > 0.001 || off > 0.001 {
			t.Errorf("profile %s: %.6f mm forward, %.6f mm back", p.Code, worst*1000, off*1000)
		}
		t.Logf("profile %s: at most %.7f mm forward, %.7f mm back", p.Code, worst*1000, off*1000)
	}
}
