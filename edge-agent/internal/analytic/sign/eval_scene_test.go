//go:build eval

package sign_test

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/event"
	"jiexun/edge-agent/internal/infer"
	"jiexun/edge-agent/internal/picture"
)

// TestEvalScenes plays composed scenes (folders below JIEXUN_SCENES, made by
// camsim compose) through the analytic and the event machine, one look in two
// seconds, and compares the sign events with the truth.
func TestEvalScenes(t *testing.T) {
	root := os.Getenv("JIEXUN_SCENES")
	if root == "" {
		t.Fatal("set JIEXUN_SCENES to a folder of composed scenes")
	}
	dirs, err := filepath.Glob(filepath.Join(root, "*", "truth.json"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no scenes below %s: %v", root, err)
	}
	hit, miss, extra := 0, 0, 0
	for _, d := range dirs {
		h, m, e := playScene(t, filepath.Dir(d))
		hit, miss, extra = hit+h, miss+m, extra+e
	}
	t.Logf("%d found, %d missed, %d false", hit, miss, extra)
	if miss+extra > 0 {
		t.Errorf("%d missed, %d false", miss, extra)
	}
}

type truth struct {
	Width, Height int
	Zones         []edgev1.Zone
	Events        []struct {
		Kind, Verdict, Zone string
		From, To            float64
	}
}

// detector is the installed one for persons and vehicles.
func detector(t *testing.T) analytic.Detector {
	t.Helper()
	rt, err := infer.Open(infer.Options{Local: localDir(t)})
	if err != nil {
		t.Fatalf("run make setup: %v", err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	d, err := rt.Detector("ssd-oidv4")
	if err != nil {
		t.Fatalf("run make setup: %v", err)
	}
	return d
}

func playScene(t *testing.T, dir string) (hit, miss, extra int) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	var tr truth
	if err := json.Unmarshal(b, &tr); err != nil {
		t.Fatal(err)
	}
	for i := range tr.Zones {
		tr.Zones[i].DwellS = 10
	}
	a := analyticWith(t, detector(t), tr.Zones...)
	cfg, err := event.DefaultConfig()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	m, err := event.New(event.Options{Camera: "c", Config: cfg, Zones: tr.Zones, NewID: func() string { n++; return fmt.Sprint(n) }})
	if err != nil {
		t.Fatal(err)
	}
	rate := cmp.Or(os.Getenv("SIGN_FPS"), "0.5")
	var fps float64
	if _, err := fmt.Sscan(rate, &fps); err != nil || fps <= 0 {
		t.Fatalf("SIGN_FPS %q is not a rate", rate)
	}
	step := time.Duration(float64(time.Second) / fps)
	cmd := exec.Command("ffmpeg", "-v", "error", "-i", filepath.Join(dir, "main.mp4"), "-vf", "fps="+rate, "-pix_fmt", "yuv420p", "-f", "rawvideo", "-")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	r, at := bufio.NewReaderSize(out, 1<<20), start
	found := map[int]bool{}
	for {
		p := picture.NewYUV(tr.Width, tr.Height)
		if _, err := io.ReadFull(r, p.Y); err != nil {
			break
		}
		io.ReadFull(r, p.U)
		io.ReadFull(r, p.V)
		at = at.Add(step)
		res, err := a.Observe(t.Context(), &analytic.Input{At: at, Frame: p})
		if err != nil {
			t.Fatal(err)
		}
		if os.Getenv("JIEXUN_VERBOSE") != "" {
			for _, o := range res.Observations {
				t.Logf("%5.0f %s %s %s %q conf %.2f dist %.2f sim %.2f glyph %d votes %d/%d dwell %s excluded %v", at.Sub(start).Seconds(), o.Zone, o.State, o.Sign.Verdict, o.Sign.Text, o.Sign.Confidence, o.Sign.NameDistance, o.Sign.Similarity, o.Sign.GlyphPx, o.Sign.Votes, o.Sign.Looks, o.Dwell, o.Excluded)
			}
		}
		for _, e := range m.Step(event.Look{At: at, Kind: edgev1.Sign, Result: res}).Events {
			sec := at.Sub(start).Seconds()
			t.Logf("%s %5.0f s: %s %s %s %q", filepath.Base(dir), sec, e.Phase, e.Zone, e.Sign.Verdict, e.Sign.Text)
			if e.Phase != edgev1.Opened {
				continue
			}
			ok := false
			for i, w := range tr.Events {
				if w.Kind == "sign" && w.Zone == e.Zone && sec >= w.From && sec <= w.To+20 && !found[i] {
					ok, found[i] = true, true
					if w.Verdict != string(e.Sign.Verdict) {
						t.Logf("  the truth says %s", w.Verdict)
					}
					break
				}
			}
			if ok {
				hit++
			} else {
				extra++
			}
		}
	}
	for i, w := range tr.Events {
		if w.Kind == "sign" && !found[i] {
			t.Logf("%s: missed %+v", filepath.Base(dir), w)
			miss++
		}
	}
	st := a.Stats()
	t.Logf("%s: %d looks, %d readings, %d saved", filepath.Base(dir), st.Looks, st.Readings, st.Saved)
	return hit, miss, extra
}
