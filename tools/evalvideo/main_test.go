package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/oklog/ulid/v2"
	"github.com/pion/rtp"

	"jiexun/api/edgev1"
	"jiexun/tools/internal/scene"
)

// TestMain lets the test program play the agent's part as a process of its
// own: it reads the configuration, pulls the cameras over RTSP, and reports
// one thing per camera when pictures arrive.
func TestMain(m *testing.M) {
	if os.Getenv("EVALVIDEO_TEST_AGENT") != "" {
		if err := standIn(os.Args); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func standIn(args []string) error {
	if len(args) < 4 || args[1] != "watch" || args[2] != "--config" {
		return fmt.Errorf("unexpected arguments %v", args)
	}
	raw, err := os.ReadFile(args[3])
	if err != nil {
		return err
	}
	conf, err := edgev1.Decode[edgev1.Config](raw)
	if err != nil {
		return err
	}
	if os.Getenv("EVALVIDEO_TEST_AGENT") == "dies" {
		return errors.New("no model found")
	}
	var mu sync.Mutex
	for _, cam := range conf.Cameras {
		err := onFirstPacket(cam.URL, func() {
			time.Sleep(2500 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			tell(cam, edgev1.Box{X: .31, Y: .32, W: .2, H: .2}, .9)
			tell(cam, edgev1.Box{X: .8, Y: .1, W: .05, H: .05}, .6)
		})
		if err != nil {
			return err
		}
	}
	time.Sleep(time.Minute)
	return nil
}

func onFirstPacket(url string, then func()) error {
	u, err := base.ParseURL(url)
	if err != nil {
		return err
	}
	tcp := gortsplib.TransportTCP
	c := &gortsplib.Client{Scheme: u.Scheme, Host: u.Host, Transport: &tcp}
	if err := c.Start2(); err != nil {
		return err
	}
	desc, _, err := c.Describe(u)
	if err != nil {
		return err
	}
	if err := c.SetupAll(desc.BaseURL, desc.Medias); err != nil {
		return err
	}
	var once sync.Once
	c.OnPacketRTPAny(func(*description.Media, format.Format, *rtp.Packet) { once.Do(func() { go then() }) })
	_, err = c.Play(nil)
	return err
}

func tell(cam edgev1.Camera, box edgev1.Box, score float64) {
	now := time.Now()
	raw, err := json.Marshal(edgev1.Event{ID: ulid.Make().String(), Rev: 1, Camera: cam.ID, Kind: edgev1.Stacking, Phase: edgev1.Opened,
		Zone: cam.Zones[0].ID, Since: edgev1.At(now.Add(-time.Second)), ConfirmedAt: edgev1.At(now), Score: score, Box: box,
		Rule: edgev1.Rule{OpenScore: .6, CloseScore: .4, K: 1, N: 1}})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(raw))
}

// makeClip writes a clip of 4 s and its truth: one thing that stands.
func makeClip(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "yard.mp4")
	cmd := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10:duration=4",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-bf", "0", "-pix_fmt", "yuv420p", path)
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make clip: %v: %s", err, msg)
	}
	truth := scene.Truth{Version: 1, Kind: scene.KindStacking, Width: 320, Height: 180, FPS: 10, DurationS: 4,
		Zones:  []edgev1.Zone{{ID: "pavement", Kind: edgev1.ZonePavement, Polygon: []edgev1.Point{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 1}, {X: 0, Y: 1}}}},
		Events: []scene.Event{{Kind: edgev1.Stacking, From: 1, To: 3.5, Box: edgev1.Box{X: .3, Y: .3, W: .2, H: .2}, Zone: "pavement"}}}
	raw, err := json.Marshal(truth)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".truth.json", raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func newRun(t *testing.T, clips ...string) (*runCmd, *cli) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return &runCmd{Agent: self, Dwell: 1, Interval: time.Second, Clips: clips, Parallel: 2, Grace: 500 * time.Millisecond,
		Kinds: []string{"mixed"}, Out: filepath.Join(dir, "report.json")}, &cli{Local: dir}
}

func TestRunMeasuresAnAgent(t *testing.T) {
	t.Setenv("EVALVIDEO_TEST_AGENT", "works")
	r, c := newRun(t, makeClip(t), makeClip(t))
	r.MinRecall, r.MinPrecision = 1, .5
	if err := r.Run(c); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(r.Out)
	if err != nil {
		t.Fatal(err)
	}
	var rep report2
	if err := json.Unmarshal(raw, &rep); err != nil {
		t.Fatal(err)
	}
	s := rep.Scores["all"]
	if s.Hits != 2 || s.False != 2 || s.Missed != 0 || s.Precision != .5 || s.Recall != 1 {
		t.Fatalf("scores %+v", s)
	}
	if s.LatencyMax < 1 || s.LatencyMax > 3 {
		t.Fatalf("latency %.2f s; the report came about 2.5 s into the clip, the thing at 1 s", s.LatencyMax)
	}
	for _, k := range rep.Cases {
		for _, f := range k.False {
			if st, err := os.Stat(f.Frame); err != nil || st.Size() == 0 {
				t.Fatalf("no picture of the false event: %q", f.Frame)
			}
		}
	}
	r.MinPrecision = .9
	if err := r.Run(c); !errors.Is(err, errBelow) {
		t.Fatalf("precision below the wanted one answered %v", err)
	}
}

// report2 reads the report back; score has private fields.
type report2 struct {
	Scores map[string]score `json:"scores"`
	Cases  []struct {
		False []falseAlarm `json:"false"`
	} `json:"cases"`
}

func TestRunSaysWhyTheAgentFailed(t *testing.T) {
	t.Setenv("EVALVIDEO_TEST_AGENT", "dies")
	r, c := newRun(t, makeClip(t))
	if err := r.Run(c); err == nil || !strings.Contains(err.Error(), "no model found") {
		t.Fatalf("got %v, want the agent's own words", err)
	}
}

func TestCompare(t *testing.T) {
	box := edgev1.Box{X: .2, Y: .2, W: .2, H: .2}
	far := edgev1.Box{X: .7, Y: .7, W: .1, H: .1}
	truth := scene.Truth{DurationS: 60,
		Events: []scene.Event{{Kind: edgev1.Stacking, From: 10, To: 40, Box: box},
			{Kind: edgev1.Sign, Verdict: edgev1.SignChanged, From: 10, To: 40, Box: far, Zone: "sign-1"}},
		Distractors: []scene.Distractor{{Kind: "van", From: 5, To: 50, Box: far}}}
	for _, tc := range []struct {
		name                 string
		reports              []found
		hits, falses, missed int
		duplicate, verdictOK bool
		near                 string
	}{
		{"right", []found{{Kind: edgev1.Stacking, Since: 11, Confirmed: 18, Ended: 42, Box: box}}, 1, 0, 1, false, true, ""},
		{"other kind", []found{{Kind: edgev1.Frontage, Since: 11, Confirmed: 18, Ended: 42, Box: box}}, 0, 1, 2, false, false, ""},
		{"before it came", []found{{Kind: edgev1.Stacking, Since: 1, Confirmed: 5, Ended: 60, Box: box}}, 0, 1, 2, false, false, ""},
		{"after it left", []found{{Kind: edgev1.Stacking, Since: 41, Confirmed: 49, Ended: 60, Box: box}}, 0, 1, 2, false, false, ""},
		{"elsewhere", []found{{Kind: edgev1.Stacking, Since: 11, Confirmed: 18, Ended: 42, Box: far}}, 0, 1, 2, false, false, "van"},
		{"twice", []found{{Kind: edgev1.Stacking, Confirmed: 18, Ended: 20, Box: box}, {Kind: edgev1.Stacking, Confirmed: 28, Ended: 42, Box: box}},
			1, 1, 1, true, true, ""},
		{"sign by zone", []found{{Kind: edgev1.Sign, Verdict: edgev1.SignGone, Confirmed: 18, Ended: 42, Zone: "sign-1"}}, 1, 0, 1, false, false, ""},
		{"nothing", nil, 0, 0, 2, false, false, ""},
	} {
		o := compare(truth, tc.reports)
		if len(o.Hits) != tc.hits || len(o.False) != tc.falses || len(o.Misses) != tc.missed {
			t.Errorf("%s: %d hits, %d false, %d missed", tc.name, len(o.Hits), len(o.False), len(o.Misses))
			continue
		}
		if tc.falses > 0 && (o.False[0].Duplicate != tc.duplicate || o.False[0].Near != tc.near) {
			t.Errorf("%s: false %+v", tc.name, o.False[0])
		}
		if tc.hits > 0 && o.Hits[0].VerdictOK != tc.verdictOK {
			t.Errorf("%s: hit %+v", tc.name, o.Hits[0])
		}
	}
}

func TestTotal(t *testing.T) {
	hit := func(l float64) pair { return pair{Truth: scene.Event{Kind: edgev1.Stacking}, Latency: l} }
	s := total([]outcome{
		{Hits: []pair{hit(8), hit(12)}, False: []falseAlarm{{Found: found{Kind: edgev1.Frontage}}}},
		{Hits: []pair{hit(9)}, Misses: []miss{{Truth: scene.Event{Kind: edgev1.Stacking}}}},
	})
	if a := s["all"]; a.Precision != .75 || a.Recall != .75 || a.LatencyP50 != 9 || a.LatencyMax != 12 {
		t.Fatalf("all: %+v", a)
	}
	if f := s["frontage"]; f.Precision != 0 || f.Recall != 1 {
		t.Fatalf("frontage: %+v", f)
	}
}

func TestParseSeeds(t *testing.T) {
	for _, tc := range []struct {
		in       string
		from, to uint64
		ok       bool
	}{{"7", 7, 7, true}, {"1-20", 1, 20, true}, {"20-1", 0, 0, false}, {"x", 0, 0, false}, {"-", 0, 0, false}, {"1-99999999", 0, 0, false}} {
		f, to, err := parseSeeds(tc.in)
		if (err == nil) != tc.ok || tc.ok && (f != tc.from || to != tc.to) {
			t.Errorf("%q: %d-%d, %v", tc.in, f, to, err)
		}
	}
}

func FuzzReadEvents(f *testing.F) {
	f.Add("{\"id\":\"x\"}\n")
	f.Add("\n\n")
	f.Add("[]")
	f.Fuzz(func(t *testing.T, s string) {
		events, err := readEvents(strings.NewReader(s))
		if err != nil {
			return
		}
		for _, e := range events {
			if e.Validate() != nil {
				t.Fatal("let an invalid event through")
			}
		}
	})
}
