package edgev1_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"jiexun/api/edgev1"
)

func goodTask() edgev1.Task {
	return edgev1.Task{
		V: 1, ID: ulid, Kind: edgev1.Inspection, Cameras: []string{"c1", "c2"}, Zones: []string{"z1"},
		Kinds: []edgev1.Kind{edgev1.Stacking, edgev1.Frontage}, From: at(0), Until: edgev1.At(at(0).Add(2 * time.Hour)), Looks: 7,
	}
}

func goodTaskCommand() edgev1.Command {
	t := goodTask()
	return edgev1.Command{V: 1, ID: ulid, Kind: edgev1.CmdTask, TTLS: 15, Task: &t, SentAt: at(1)}
}

// goodObservations has one of each kind.
func goodObservations() edgev1.Batch {
	e := goodEvent()
	pieces := []edgev1.EvidenceRef{e.Evidence[0], e.Evidence[0]}
	pieces[1].Role, pieces[1].Width, pieces[1].Height = "crop", 400, 90
	list := []edgev1.Observation{
		{
			ID: ulid, Task: ulid, Camera: "c1", Zone: "z2", Look: 1, Kind: edgev1.SignFound, At: at(5), ClockOffsetMS: -12,
			Sign: e.Sign, Box: e.Box, Shop: "s1", Models: e.Models, Evidence: pieces,
		},
		{
			ID: ulid, Task: ulid, Camera: "c1", Look: 1, Kind: edgev1.SignFound, At: at(5),
			Sign: &edgev1.SignReading{Verdict: edgev1.SignRead, Text: "好再来", Confidence: .97, GlyphPx: 22, Votes: 1, Looks: 1, Lines: []string{"好再来"}},
			Box:  edgev1.Box{X: .7, Y: .1, W: .1, H: .05}, Models: e.Models, Evidence: pieces,
		},
		{ID: ulid, Task: ulid, Camera: "c1", Zone: "z1", Look: 2, Kind: edgev1.Seen, At: at(6), Open: []string{ulid}, Evidence: pieces[:1]},
		{ID: ulid, Task: ulid, Camera: "c2", Look: 2, Kind: edgev1.Unseen, At: at(6), Reason: edgev1.UnseenOffline, Detail: "摄像机 10 分钟没有画面"},
	}
	b := edgev1.Batch{V: 1, Edge: "e1", Epoch: ulid, SentAt: at(10)}
	for i := range list {
		b.Items = append(b.Items, edgev1.Envelope{Seq: int64(20 + i), ID: ulid, MadeAt: at(9), Observation: &list[i]})
	}
	return b
}

func TestObservationFaults(t *testing.T) {
	tests := []struct {
		field string
		item  int
		spoil func(o *edgev1.Observation)
	}{
		{"observation.id", 0, func(o *edgev1.Observation) { o.ID = "x" }},
		{"observation.task", 0, func(o *edgev1.Observation) { o.Task = "" }},
		{"observation.camera", 0, func(o *edgev1.Observation) { o.Camera = "a#" }},
		{"observation.zone", 0, func(o *edgev1.Observation) { o.Zone = "a b" }},
		{"observation.look", 0, func(o *edgev1.Observation) { o.Look = 0 }},
		{"observation.look", 0, func(o *edgev1.Observation) { o.Look = edgev1.MaxLooks + 1 }},
		{"observation.kind", 0, func(o *edgev1.Observation) { o.Kind = "felt" }},
		{"observation.at", 0, func(o *edgev1.Observation) { o.At = edgev1.Time{} }},
		{"observation.sign", 0, func(o *edgev1.Observation) { o.Sign = nil }},
		{"observation.sign", 2, func(o *edgev1.Observation) { o.Sign = &edgev1.SignReading{Verdict: edgev1.SignRead} }},
		{"observation.sign.verdict", 0, func(o *edgev1.Observation) { s := *o.Sign; s.Verdict = "maybe"; o.Sign = &s }},
		{"observation.box", 0, func(o *edgev1.Observation) { o.Box.H = 2 }},
		{"observation.shop", 0, func(o *edgev1.Observation) { o.Shop = "a/b" }},
		{"observation.open", 0, func(o *edgev1.Observation) { o.Open = []string{ulid} }},
		{"observation.open", 2, func(o *edgev1.Observation) { o.Open = make([]string, edgev1.MaxOpen+1) }},
		{"observation.open[0]", 2, func(o *edgev1.Observation) { o.Open = []string{"e"} }},
		{"observation.reason", 3, func(o *edgev1.Observation) { o.Reason = "" }},
		{"observation.reason", 2, func(o *edgev1.Observation) { o.Reason = edgev1.UnseenMissed }},
		{"observation.detail", 3, func(o *edgev1.Observation) { o.Detail = strings.Repeat("长", 200) }},
		{"observation.evidence[0].role", 0, func(o *edgev1.Observation) { o.Evidence[0].Role = "selfie" }},
	}
	for _, tc := range tests {
		t.Run(tc.field, func(t *testing.T) {
			b := goodObservations()
			tc.spoil(b.Items[tc.item].Observation)
			raw, err := json.Marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			got, err := edgev1.DecodeBatch(raw)
			if err != nil {
				t.Fatalf("whole batch refused: %v", err)
			}
			if len(got.Rejected) == 0 || got.Rejected[0].Seq != b.Items[tc.item].Seq && tc.field != "observation.evidence[0].role" || got.Rejected[0].Field != tc.field {
				t.Errorf("rejections %+v, want field %s", got.Rejected, tc.field)
			}
		})
	}
}

// An envelope holds one thing.
func TestEnvelopeHoldsOne(t *testing.T) {
	good := goodObservations().Items[2]
	e := goodEvent()
	two, none := good, good
	two.Event = &e
	none.Observation = nil
	for name, env := range map[string]edgev1.Envelope{"two": two, "none": none} {
		var f *edgev1.FieldError
		if err := env.Validate(); !errors.As(err, &f) || f.Field != "event" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTaskFaults(t *testing.T) {
	for want, spoil := range map[string]func(*edgev1.Command){
		"task":            func(c *edgev1.Command) { c.Task = nil },
		"v":               func(c *edgev1.Command) { c.Task.V = 7 },
		"task.id":         func(c *edgev1.Command) { c.Task.ID = "1" },
		"task.kind":       func(c *edgev1.Command) { c.Task.Kind = "walk" },
		"task.cameras":    func(c *edgev1.Command) { c.Task.Cameras = nil },
		"task.cameras[1]": func(c *edgev1.Command) { c.Task.Cameras[1] = "c1" },
		"task.zones[0]":   func(c *edgev1.Command) { c.Task.Zones[0] = "" },
		"task.kinds":      func(c *edgev1.Command) { c.Task.Kind = edgev1.Survey },
		"task.kinds[0]":   func(c *edgev1.Command) { c.Task.Kinds[0] = edgev1.Sign },
		"task.from":       func(c *edgev1.Command) { c.Task.From = edgev1.Time{} },
		"task.until":      func(c *edgev1.Command) { c.Task.Until = c.Task.From },
		"task.looks":      func(c *edgev1.Command) { c.Task.Looks = 0 },
		"taskId":          func(c *edgev1.Command) { c.Kind = edgev1.CmdTaskStop },
	} {
		c := goodTaskCommand()
		spoil(&c)
		var f *edgev1.FieldError
		if err := c.Validate(); !errors.As(err, &f) || f.Field != want {
			t.Errorf("fault %v, want field %s", err, want)
		}
	}
	long := goodTask()
	long.Until = edgev1.At(long.From.Add(edgev1.MaxTask + time.Second))
	if long.Validate() == nil {
		t.Error("a task of more than 31 days was taken")
	}
}

// No payload may panic, and a command that is taken can be written again.
func FuzzDecodeCommand(f *testing.F) {
	for _, c := range []edgev1.Command{goodTaskCommand(), {V: 1, ID: ulid, Kind: edgev1.CmdTaskStop, TTLS: 15, TaskID: ulid, SentAt: at(1)}} {
		b, err := json.Marshal(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"v":1,"id":"` + ulid + `","kind":"task","ttlS":1,"sentAt":"2026-11-24T06:30:00Z","task":{"v":1,"from":"2020-01-01T00:00:00Z","until":"2099-01-01T00:00:00Z"}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := edgev1.Decode[edgev1.Command](payload)
		if err != nil {
			return
		}
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatalf("taken but not writable: %v", err)
		}
		if len(b) > edgev1.MaxPayload {
			return
		}
		if _, err := edgev1.Decode[edgev1.Command](b); err != nil {
			t.Fatalf("round trip: %v\n%s", err, b)
		}
	})
}
