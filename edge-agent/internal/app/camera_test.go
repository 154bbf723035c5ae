package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/evidence"
	"jiexun/edge-agent/internal/infer"
	"jiexun/edge-agent/internal/outbox"
	"jiexun/edge-agent/internal/source"
	"jiexun/edge-agent/internal/source/rtsptest"
)

// local is the folder with models and media that "make setup" fills.
func local(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("JIEXUN_LOCAL")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", ".local")
	}
	if _, err := os.Stat(filepath.Join(dir, "media", "vtest.avi")); err != nil {
		t.Fatalf("test material is missing, run make setup: %v", err)
	}
	return dir
}

// The thing in the street clip stands from thingFrom to thingTo.
const (
	thingFrom, thingTo, clipLen = 10, 34, 50
)

// streetWithAThing is a real street in which a photographed thing appears on
// the pavement and later leaves.
func streetWithAThing(t *testing.T, dir string) rtsptest.Media {
	t.Helper()
	photo := "/usr/share/doc/opencv-doc/examples/data/fruits.jpg"
	if _, err := os.Stat(photo); err != nil {
		t.Fatalf("the photograph of Debian's opencv-doc is missing, run make setup: %v", err)
	}
	filter := fmt.Sprintf("[1]scale=64:52[t];[0]fps=5[v];[v][t]overlay=560:330:enable='between(t,%d,%d)'", thingFrom, thingTo)
	cmd := exec.Command("ffmpeg", "-v", "error", "-i", filepath.Join(dir, "media", "vtest.avi"), "-i", photo, "-filter_complex", filter,
		"-t", fmt.Sprint(clipLen), "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", "5", "-keyint_min", "5", "-sc_threshold", "0", "-f", "h264", "-")
	var out, msg bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &msg
	if err := cmd.Run(); err != nil {
		t.Fatalf("make the clip: %v %s", err, msg.String())
	}
	m, err := rtsptest.Cut(source.H264, 5, out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// box is a box without a center on a data folder that outlives it.
func box(t *testing.T, dir, data string) (*manager, *outbox.Box, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, err := outbox.Open(ctx, outbox.Options{Path: filepath.Join(data, "outbox.db")})
	if err != nil {
		t.Fatal(err)
	}
	files, err := evidence.Open(evidence.Options{Dir: filepath.Join(data, "evidence")})
	if err != nil {
		t.Fatal(err)
	}
	nets, err := loadNetworks(infer.Options{Local: dir})
	if err != nil {
		t.Fatal(err)
	}
	d := &deps{
		log: slog.New(slog.DiscardHandler), now: time.Now, newID: func() string { return ulid.Make().String() },
		store: out, files: files, nets: nets, clockOffset: func() time.Duration { return 0 }, made: func([]edgev1.Event) {},
		fetch: func(context.Context, string) ([]byte, error) { return nil, os.ErrNotExist },
	}
	if err := openRecords(filepath.Join(data, "records"), 0, d); err != nil {
		t.Fatal(err)
	}
	var m *manager
	d.openMedia(ctx, func(id string) *camera { return m.running()[id] })
	m = newManager(ctx, d)
	return m, out, func() {
		m.stop()
		cancel()
		d.closeMedia()
		if err := nets.rt.Close(); err != nil {
			t.Error(err)
		}
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	}
}

func events(t *testing.T, out *outbox.Box) []edgev1.Event {
	t.Helper()
	rows, err := out.Pending(context.Background(), 0, 1000, 1<<24)
	if err != nil {
		t.Fatal(err)
	}
	var es []edgev1.Event
	for _, r := range rows {
		if r.Event != nil && r.Event.Kind == edgev1.Stacking {
			es = append(es, *r.Event)
		}
	}
	return es
}

func waitFor(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never happened within %s: %s", limit, what)
}

// TestOneEventForOneThingOverARestart runs the real chain, from RTSP to the
// outbox with the real networks, kills the box while the thing stands, and
// starts it again without a center.
func TestOneEventForOneThingOverARestart(t *testing.T) {
	dir := local(t)
	srv := rtsptest.New(rtsptest.Options{Media: streetWithAThing(t, dir)})
	if err := srv.Start(); err != nil {
		t.Fatal(err)
	}
	defer srv.Stop()
	data := t.TempDir()
	cfg := edgev1.Config{V: 1, Edge: "01JXEDGE0000000000000000AA", Version: 7, MadeAt: edgev1.At(time.Now()), Cameras: []edgev1.Camera{{
		ID: "01JXCAM00000000000000000AA", Name: "street", URL: srv.URL("street"), IntervalMS: 1000,
		Zones: []edgev1.Zone{{ID: "01JXZ0NE0000000000000000AA", Name: "人行道", Kind: edgev1.ZonePavement, DwellS: 4, EndDelayS: 3,
			Polygon: []edgev1.Point{{X: .6, Y: .5}, {X: .95, Y: .5}, {X: .95, Y: .75}, {X: .6, Y: .75}}}},
	}}}
	m, out, stop := box(t, dir, data)
	if err := m.configure(cfg); err != nil {
		t.Fatal(err)
	}
	waitFor(t, time.Minute, "an event opens", func() bool { return len(events(t, out)) > 0 })
	opened := events(t, out)[0]
	if opened.Phase != edgev1.Opened || opened.Rule.ConfigVersion != 7 || len(opened.Evidence) == 0 || opened.Evidence[0].Role != "frame" {
		t.Fatalf("opened event %+v", opened)
	}
	if c := center(opened.Box); c.X < .7 || c.X > .85 || c.Y < .55 || c.Y > .7 {
		t.Errorf("the box %+v is not where the thing is", opened.Box)
	}
	stop() // the box goes down while the thing stands

	m, out, stop = box(t, dir, data)
	defer stop()
	if err := m.resume(); err != nil { // no center in sight
		t.Fatal(err)
	}
	waitFor(t, time.Minute, "the event ends", func() bool {
		es := events(t, out)
		return es[len(es)-1].Phase == edgev1.Ended
	})
	for _, e := range events(t, out) {
		if e.ID != opened.ID {
			t.Errorf("a second event %s (%s) for the same thing", e.ID, e.Phase)
		}
	}
	st, version := m.statuses(time.Now(), time.Time{})
	if version != 7 || len(st) != 1 || st[0].State != edgev1.Online || st[0].Looks == 0 {
		b, _ := json.Marshal(st)
		t.Errorf("status after the restart: version %d %s", version, b)
	}
}

func center(b edgev1.Box) edgev1.Point { return edgev1.Point{X: b.X + b.W/2, Y: b.Y + b.H/2} }
