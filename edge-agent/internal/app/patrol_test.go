package app

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/outbox"
	"jiexun/edge-agent/internal/patrol"
	"jiexun/edge-agent/internal/source/rtsptest"
)

// tasksOf runs tasks over the cameras of a manager, without a center.
type tasksOf struct{ out *outbox.Box }

func (s tasksOf) Commit(ctx context.Context, list []edgev1.Observation, key string, state []byte) error {
	_, err := s.out.Commit(ctx, outbox.Change{Observations: list, State: map[string][]byte{key: state}})
	return err
}

func (s tasksOf) State(ctx context.Context, key string) ([]byte, error) { return s.out.State(ctx, key) }

// TestTasksOnARealStream runs an inspection and a survey over a stream with
// the real networks: the open event is named, what cannot be seen is told
// with its reason, and the pictures are in the evidence store.
func TestTasksOnARealStream(t *testing.T) {
	dir := local(t)
	srv := rtsptest.New(rtsptest.Options{Media: streetWithAThing(t, dir)})
	if err := srv.Start(); err != nil {
		t.Fatal(err)
	}
	defer srv.Stop()
	zone := func(id string, kind edgev1.ZoneKind, x0, y0, x1, y1 float64) edgev1.Zone {
		return edgev1.Zone{ID: id, Name: id, Kind: kind, DwellS: 4, EndDelayS: 3, SignName: "好再来", Polygon: []edgev1.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}}}
	}
	cfg := edgev1.Config{V: 1, Edge: "01JXEDGE0000000000000000AA", Version: 1, MadeAt: edgev1.At(time.Now()), Cameras: []edgev1.Camera{
		{ID: "street", Name: "street", URL: srv.URL("street"), IntervalMS: 1000, Zones: []edgev1.Zone{zone("pavement", edgev1.ZonePavement, .6, .5, .95, .75), zone("sign", edgev1.ZoneSign, .1, .1, .3, .2)}},
		{ID: "off", Name: "off", URL: "rtsp://127.0.0.1:1/none", IntervalMS: 1000, Zones: []edgev1.Zone{zone("p2", edgev1.ZonePavement, .6, .5, .95, .75)}},
		{ID: "switched", Name: "switched", URL: srv.URL("x"), Disabled: true, Zones: []edgev1.Zone{}},
	}}
	m, out, stop := box(t, dir, t.TempDir())
	defer stop()
	if err := m.configure(cfg); err != nil {
		t.Fatal(err)
	}
	waitFor(t, time.Minute, "an event opens", func() bool { return len(events(t, out)) > 0 })
	event := events(t, out)[0]
	r, err := patrol.New(t.Context(), patrol.Options{
		Eyes: eyes{m.d, m}, Store: tasksOf{out}, Now: time.Now, NewID: func() string { return ulid.Make().String() },
		Offset: func() time.Duration { return 0 }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	task := func(kind edgev1.TaskKind) edgev1.Task {
		return edgev1.Task{V: 1, ID: ulid.Make().String(), Kind: kind, Cameras: []string{"street", "off", "switched", "elsewhere"}, From: edgev1.At(now.Add(-9 * time.Minute)), Until: edgev1.At(now.Add(time.Minute)), Looks: 1}
	}
	inspection, survey := task(edgev1.Inspection), task(edgev1.Survey)
	for _, x := range []edgev1.Task{inspection, survey} {
		if err := r.Take(t.Context(), x); err != nil {
			t.Fatal(err)
		}
	}
	for {
		worked, err := r.Step(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !worked {
			break
		}
	}
	rows, err := out.Pending(t.Context(), 0, 1000, 1<<24)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]edgev1.Observation{}
	for _, e := range rows {
		if o := e.Observation; o != nil {
			if err := e.Validate(); err != nil {
				t.Fatalf("%+v: %v", o, err)
			}
			got[map[string]string{inspection.ID: "i ", survey.ID: "s "}[o.Task]+o.Camera+"/"+o.Zone+" "+string(o.Kind)] = *o
			for _, x := range o.Evidence {
				if _, err := m.d.files.Read(x.SM3); err != nil {
					t.Errorf("%s of %s: %v", x.Role, o.Kind, err)
				}
			}
		}
	}
	if o := got["i street/pavement seen"]; len(o.Open) != 1 || o.Open[0] != event.ID || len(o.Evidence) != 1 {
		t.Errorf("the inspected pavement: %+v", o)
	}
	for k, reason := range map[string]edgev1.UnseenReason{
		"i off/ unseen": edgev1.UnseenOffline, "i switched/ unseen": edgev1.UnseenDisabled, "i elsewhere/ unseen": edgev1.UnseenNoCamera, "s off/ unseen": edgev1.UnseenOffline,
	} {
		if got[k].Reason != reason {
			t.Errorf("%s has the reason %q, want %q", k, got[k].Reason, reason)
		}
	}
	if o := got["s street/sign sign"]; o.Sign == nil || o.Sign.Verdict != edgev1.SignUnreadable || len(o.Evidence) != 2 || o.Evidence[0].Role != "crop" {
		t.Errorf("the sign zone without a sign: %+v", o)
	}
	if o := got["s street/ seen"]; len(o.Evidence) != 1 {
		t.Errorf("the surveyed view: %+v", o)
	}
}
