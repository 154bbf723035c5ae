//go:build eval

package still_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/analytic/frontage"
	"jiexun/edge-agent/internal/analytic/stacking"
	"jiexun/edge-agent/internal/analytic/still"
	"jiexun/edge-agent/internal/infer"
	"jiexun/edge-agent/internal/picture"
)

// networks opens the installed verifier and detector that STILL_NETS names
// ("verifier", "detector", both joined by a comma); nil for the others.
func networks(t testing.TB) (analytic.Verifier, analytic.Detector) {
	t.Helper()
	names := os.Getenv("STILL_NETS")
	if names == "" {
		return nil, nil
	}
	r, err := infer.Open(infer.Options{Local: os.Getenv("JIEXUN_LOCAL")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	var v analytic.Verifier
	var d analytic.Detector
	if strings.Contains(names, "verifier") {
		if v, err = r.Verifier("verifier"); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(names, "detector") {
		if d, err = r.Detector("ssd-oidv4"); err != nil {
			t.Fatal(err)
		}
	}
	return v, d
}

type truth struct {
	FPS         float64       `json:"fps"`
	DurationS   float64       `json:"durationS"`
	Zones       []edgev1.Zone `json:"zones"`
	Events      []truthEvent  `json:"events"`
	Distractors []truthEvent  `json:"distractors"`
}

type truthEvent struct {
	Kind  edgev1.Kind `json:"kind"`
	From  float64     `json:"from"`
	To    float64     `json:"to"`
	Box   edgev1.Box  `json:"box"`
	Label string      `json:"label"`
}

// TestEvalScenes counts events over composed scenes with known truth: the
// folders below JIEXUN_SCENES, each with truth.json and sub.mp4 or main.mp4.
func TestEvalScenes(t *testing.T) {
	dir := os.Getenv("JIEXUN_SCENES")
	if dir == "" {
		t.Fatal("set JIEXUN_SCENES to a folder of scenes made by camsim compose")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "truth.json"))
	sort.Strings(files)
	fps := os.Getenv("STILL_FPS")
	if fps == "" {
		fps = "2"
	}
	v, d := networks(t)
	hits, misses, falses := 0, 0, 0
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var tr truth
		if err := json.Unmarshal(data, &tr); err != nil {
			t.Fatal(err)
		}
		video := filepath.Join(filepath.Dir(f), "sub.mp4")
		if _, err := os.Stat(video); err != nil || os.Getenv("STILL_MAIN") != "" {
			video = filepath.Join(filepath.Dir(f), "main.mp4")
		}
		h, m, fa := evalScene(t, filepath.Base(filepath.Dir(f)), tr, video, fps, v, d)
		hits, misses, falses = hits+h, misses+m, falses+fa
	}
	t.Logf("found %d, missed %d, false %d: precision %.3f, recall %.3f", hits, misses, falses,
		float64(hits)/float64(max(hits+falses, 1)), float64(hits)/float64(max(hits+misses, 1)))
}

type opened struct {
	key  string
	kind edgev1.Kind
	at   float64
	box  edgev1.Box
	used bool
}

func evalScene(t *testing.T, name string, tr truth, video, fps string, v analytic.Verifier, d analytic.Detector) (hit, miss, wrong int) {
	for i := range tr.Zones {
		tr.Zones[i].DwellS, tr.Zones[i].EndDelayS = 8, 4
	}
	fc := frontage.Default()
	rs, err := stacking.Regions(tr.Zones, stacking.Default())
	if err != nil {
		t.Fatal(err)
	}
	rf, err := frontage.Regions(tr.Zones, fc)
	if err != nil {
		t.Fatal(err)
	}
	e, err := still.New(still.Options{Regions: append(rs, rf...), Verifier: v, Detector: d})
	if err != nil {
		t.Fatal(err)
	}
	a, err := stacking.New(e, tr.Zones, stacking.Default())
	if err != nil {
		t.Fatal(err)
	}
	b, err := frontage.New(e, tr.Zones, fc)
	if err != nil {
		t.Fatal(err)
	}
	c, err := openClip(video, fps)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	var rate float64
	fmt.Sscan(fps, &rate)
	start := time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)
	var got []opened
	seen := map[string]int{}
	last := map[string]string{}
	boxes := map[string]edgev1.Box{}
	why := map[string]int{}
	for i := 0; ; i++ {
		p, err := c.next()
		if err != nil {
			break
		}
		sec := float64(i) / rate
		in := &analytic.Input{Camera: name, Frame: p, At: start.Add(time.Duration(sec * float64(time.Second)))}
		var rows []analytic.Observation
		for _, x := range []analytic.Analytic{a, b} {
			r, err := x.Observe(context.Background(), in)
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, r.Observations...)
			why[r.NoVerdict]++
		}
		l, _ := e.Observe(context.Background(), in)
		var stop float64
		if n, _ := fmt.Sscan(os.Getenv("STILL_AT"), &stop); n == 1 && stop == sec {
			_ = e.Dump(filepath.Join(os.Getenv("STILL_DUMP"), name+"-at.png"))
		}
		for _, th := range l.Things {
			boxes[th.Key] = th.Box
			last[th.Key] = fmt.Sprintf("%.1f %s acc %v since %.1f dwell %.1f box %.3f %.3f %.3f %.3f T%.2f R%.2f P%.2f V%.2f L%.2f N%.2f ex %d", sec, th.State, th.Accepted, th.Since.Sub(start).Seconds(),
				th.Dwell.Seconds(), th.Box.X, th.Box.Y, th.Box.W, th.Box.H, th.Judged.Thing, th.Judged.Removed, th.Judged.Person, th.Judged.Vehicle, th.Judged.Light, th.Judged.Nothing, len(th.Excluded))
			if os.Getenv("STILL_TRACE") == name {
				t.Logf("trace %s %v: %s", th.Key, th.Zones, last[th.Key])
			}
		}
		for _, o := range rows {
			if _, ok := seen[o.Key]; !ok && o.State == analytic.Present {
				seen[o.Key] = len(got)
				got = append(got, opened{key: o.Key, kind: o.Kind, at: sec, box: o.Box})
				if dir := os.Getenv("STILL_DUMP"); dir != "" {
					_ = e.Dump(filepath.Join(dir, name+"-"+o.Key+".png"))
				}
			}
		}
	}
	for _, ev := range tr.Events {
		if ev.Kind == edgev1.Sign || ev.To-ev.From < 12 {
			continue
		}
		ok := false
		for i := range got {
			g := &got[i]
			if g.kind == ev.Kind && g.at >= ev.From && g.at <= ev.To+3 && meets(g.box, ev.Box) {
				ok, g.used = true, true
			}
		}
		if ok {
			hit++
		} else {
			miss++
			t.Logf("%s: missed %s %s %.0f-%.0f box %.3f %.3f %.3f %.3f", name, ev.Kind, ev.Label, ev.From, ev.To, ev.Box.X, ev.Box.Y, ev.Box.W, ev.Box.H)
			for k, s := range last {
				if _, ok := seen[k]; !ok {
					t.Logf("     refused %s: %s", k, s)
				}
			}
		}
	}
	for _, g := range got {
		if g.used {
			continue
		}
		// What stood there at first, was taken away and is put back for the
		// loop's seam is a thing that was put down.
		back := false
		for _, ds := range tr.Distractors {
			back = back || ds.Kind == "initial_leaves" && g.at > ds.To+9 && meets(g.box, ds.Box)
		}
		if back {
			continue
		}
		wrong++
		what := ""
		for _, ds := range append(tr.Distractors, tr.Events...) {
			if meets(g.box, ds.Box) && g.at >= ds.From && g.at <= ds.To+20 {
				what += fmt.Sprintf(" (%s %s %.0f-%.0f)", ds.Kind, ds.Label, ds.From, ds.To)
			}
		}
		t.Logf("%s: false %s %s at %.1f box %.3f %.3f %.3f %.3f%s; %s", name, g.kind, g.key, g.at, g.box.X, g.box.Y, g.box.W, g.box.H, what, last[g.key])
	}
	logTracks(t, name, tr, boxes, last)
	t.Logf("%s: found %d, missed %d, false %d, reasons %v", name, hit, miss, wrong, why)
	return hit, miss, wrong
}

// logTracks tells what became of every track, when STILL_TRACKS is set.
func logTracks(t *testing.T, name string, tr truth, boxes map[string]edgev1.Box, last map[string]string) {
	if os.Getenv("STILL_TRACKS") != "" {
		for k, s := range last {
			what := "nothing"
			for _, ds := range tr.Distractors {
				if ds.Box.W < 0.9 && meets(boxes[k], ds.Box) {
					what = "distractor " + string(ds.Kind)
				}
			}
			for _, ev := range tr.Events {
				if ev.Kind != edgev1.Sign && meets(boxes[k], ev.Box) {
					what = "event " + ev.Label
				}
			}
			t.Logf("track %s %s | %s", name, what, s)
		}
	}
}

// meets: boxes overlap by more than a tenth, or one's centre lies in the other.
func meets(a, b edgev1.Box) bool {
	x := min(a.X+a.W, b.X+b.W) - max(a.X, b.X)
	y := min(a.Y+a.H, b.Y+b.H) - max(a.Y, b.Y)
	if x <= 0 || y <= 0 {
		return false
	}
	if x*y > 0.1*(a.W*a.H+b.W*b.H-x*y) {
		return true
	}
	in := func(p, q edgev1.Box) bool {
		cx, cy := p.X+p.W/2, p.Y+p.H/2
		return cx >= q.X && cx <= q.X+q.W && cy >= q.Y && cy <= q.Y+q.H
	}
	return in(a, b) || in(b, a)
}

// BenchmarkEvalVerifier is the price of one question to the installed network.
func BenchmarkEvalVerifier(b *testing.B) {
	v, _ := networks(b)
	if v == nil {
		b.Fatal("set STILL_NETS=verifier")
	}
	l := analytic.Look{Reference: picture.NewRGB(64, 64), Current: picture.NewRGB(64, 64), Mask: picture.NewGray(64, 64)}
	before := cpu(b)
	for range b.N {
		if _, err := v.Judge(context.Background(), l); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu(b)-before)/1e6/float64(b.N), "cpu-ms/look")
}
