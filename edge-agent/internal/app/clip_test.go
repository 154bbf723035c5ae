package app

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/evidence"
	"jiexun/edge-agent/internal/media"
	"jiexun/edge-agent/internal/source/rtsptest"
)

// length plays a file and tells how long it is.
func length(t *testing.T, path string) (time.Duration, int) {
	t.Helper()
	d, err := media.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	last, n := time.Duration(0), 0
	for {
		u, err := d.Next()
		if errors.Is(err, io.EOF) {
			return last, n
		}
		if err != nil {
			t.Fatal(err)
		}
		last, n = max(last, u.PTS), n+1
	}
}

func clipOf(es []edgev1.Event) (edgev1.Event, edgev1.EvidenceRef, bool) {
	for _, e := range es {
		for _, r := range e.Evidence {
			if r.Role == edgev1.RoleClip {
				return e, r, true
			}
		}
	}
	return edgev1.Event{}, edgev1.EvidenceRef{}, false
}

// TestClipAndRecording runs the real chain from RTSP: an event gets a video
// that shows the thing come, in a later message about it, and the camera is
// recorded on the side.
func TestClipAndRecording(t *testing.T) {
	dir := local(t)
	srv := rtsptest.New(rtsptest.Options{Media: streetWithAThing(t, dir)})
	if err := srv.Start(); err != nil {
		t.Fatal(err)
	}
	defer srv.Stop()
	data := t.TempDir()
	const id = "01JXCAM00000000000000000AA"
	cfg := edgev1.Config{V: 1, Edge: "01JXEDGE0000000000000000AA", Version: 7, MadeAt: edgev1.At(time.Now()), Cameras: []edgev1.Camera{{
		ID: id, Name: "street", URL: srv.URL("street"), IntervalMS: 1000, Record: &edgev1.Record{KeepHours: 1},
		Zones: []edgev1.Zone{{ID: "01JXZ0NE0000000000000000AA", Name: "人行道", Kind: edgev1.ZonePavement, DwellS: 4, EndDelayS: 3,
			Polygon: []edgev1.Point{{X: .6, Y: .5}, {X: .95, Y: .5}, {X: .95, Y: .75}, {X: .6, Y: .75}}}},
	}}}
	m, out, stop := box(t, dir, data)
	if err := m.configure(cfg); err != nil {
		t.Fatal(err)
	}
	waitFor(t, time.Minute, "an event opens", func() bool { return len(events(t, out)) > 0 })
	waitFor(t, 30*time.Second, "a clip", func() bool { _, _, ok := clipOf(events(t, out)); return ok })
	e, ref, _ := clipOf(events(t, out))
	if e.Phase != edgev1.Updated || e.Rev < 2 || ref.MediaType != "video/mp4" || ref.Width == 0 || e.Validate() != nil {
		t.Errorf("%s rev %d with %+v: %v", e.Phase, e.Rev, ref, e.Validate())
	}
	if before := e.Since.Sub(ref.TakenAt.Time); before < clipBefore || before > clipBefore+2*time.Second {
		t.Errorf("the clip begins %v before the thing came", before)
	}
	files, err := evidence.Open(evidence.Options{Dir: filepath.Join(data, "evidence")})
	if err != nil {
		t.Fatal(err)
	}
	b, err := files.Read(ref.SM3)
	if err != nil || int64(len(b)) != ref.Size {
		t.Fatalf("%d bytes: %v", len(b), err)
	}
	path := filepath.Join(t.TempDir(), "clip.mp4")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if d, n := length(t, path); d < 14*time.Second || d > 18*time.Second || n < 60 {
		t.Errorf("a clip of %v, %d pictures, %d bytes", d, n, len(b))
	}
	cam := m.running()[id]
	runs := cam.runs()
	if len(runs) != 2 || runs[0].Kind != edgev1.Stacking || runs[0].Zones != 1 || runs[0].Looks == 0 || runs[0].Open != 1 || runs[0].CostMS <= 0 || runs[0].Last == nil {
		t.Errorf("runs %+v", runs)
	}
	st := cam.status(time.Now(), time.Time{})
	if st.Record == nil || st.Record.Bytes == 0 || st.Record.Fault != "" || st.Record.Lost != 0 {
		t.Errorf("recording %+v", st.Record)
	}
	p, err := m.d.records.Cut(id, e.Since.Time, e.Since.Add(5*time.Second), true)
	if err != nil || p.Until.Sub(p.From) < 4*time.Second || p.From.After(e.Since.Time) {
		t.Errorf("cut of %v to %v: %v", p.From, p.Until, err)
	}
	stop()
	if spans := m.d.records.Spans(id, e.Since.Time, e.Since.Add(8*time.Second)); len(spans) != 1 || spans[0].To.Sub(spans[0].From.Time) < 7*time.Second {
		t.Errorf("after the end: %+v", spans)
	}
}
