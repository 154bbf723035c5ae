package edgev1_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jiexun/api/edgev1"
)

var update = flag.Bool("update", false, "write the golden messages anew")

const (
	ulid   = "01KAV3M6Q0ZX2B4N5R7T8W9Y0A"
	digest = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
)

func at(s int) edgev1.Time {
	return edgev1.At(time.Date(2026, 11, 24, 6, 30, s, 123e6, time.UTC))
}

func square() []edgev1.Point {
	return []edgev1.Point{{X: .1, Y: .1}, {X: .6, Y: .1}, {X: .6, Y: .6}, {X: .1, Y: .6}}
}

func goodEvent() edgev1.Event {
	return edgev1.Event{
		ID: ulid, Rev: 1, Camera: "01KAV3M6Q0ZX2B4N5R7T8W9Y0C", Kind: edgev1.Sign, Phase: edgev1.Opened, Zone: "z1", ZoneName: "店招",
		ZonePolygon: square(), Since: at(1), ConfirmedAt: at(9), ClockOffsetMS: -12, Score: .93, Area: .04,
		Box:   edgev1.Box{X: .2, Y: .2, W: .3, H: .1},
		Marks: []edgev1.Mark{{Role: "subject", Label: "店招", Score: .93, Box: edgev1.Box{X: .2, Y: .2, W: .3, H: .1}}},
		Rule:  edgev1.Rule{OpenScore: .7, CloseScore: .5, DwellS: 8, EndDelayS: 20, K: 3, N: 5, MinArea: .001, ConfigVersion: 4},
		Models: []edgev1.ModelRef{
			{Name: "ppocr-rec", Version: "4", Digest: digest},
		},
		Sign: &edgev1.SignReading{Verdict: edgev1.SignChanged, Registered: "依佳人", Text: "好再来", Confidence: .98, NameDistance: 1, Similarity: .2, GlyphPx: 40, Votes: 3, Looks: 3, Lines: []string{"好再来"}},
		Evidence: []edgev1.EvidenceRef{
			{Role: "frame", SM3: digest, Size: 123456, MediaType: "image/jpeg", Width: 1920, Height: 1080, TakenAt: at(9)},
		},
	}
}

func goodStatus() edgev1.Status {
	return edgev1.Status{
		V: 1, Edge: "e1", Instance: ulid, Epoch: ulid, At: at(10), Version: "0.1.0", UptimeS: 60, ConfigVersion: 4, OutboxDepth: 1,
		OutboxAgeMS: 300, LastSeq: 17, DiskFreeMB: 20480, MemoryMB: 180, CPUPercent: 52.5, Load: .4,
		Cameras: []edgev1.CameraStatus{{
			Camera: "c1", State: edgev1.Online, Since: at(2), Diagnosis: edgev1.Healthy, PacketAgeMS: 40, KeyframeAgeMS: 800,
			InferAgeMS: 900, UploadAgeMS: -1, Codec: "h264", Width: 1920, Height: 1080, FPS: 25, GOPS: 1, KbitS: 4000, Looks: 58, IntervalMS: 1000,
		}},
	}
}

func goodConfig() edgev1.Config {
	return edgev1.Config{V: 1, Edge: "e1", Version: 4, MadeAt: at(0), Cameras: []edgev1.Camera{{
		ID: "c1", Name: "演示点位一", URL: "rtsp://127.0.0.1:8654/s1", SubURL: "rtsp://127.0.0.1:8654/s1/sub", Username: "u", Password: "p",
		Transport: "tcp", IntervalMS: 1000,
		Zones: []edgev1.Zone{
			{ID: "z1", Name: "人行道", Kind: edgev1.ZonePavement, Polygon: square(), Hours: "07:00-22:00,22:30-06:00", DwellS: 8, EndDelayS: 20, MinArea: .001, OpenScore: .7, CloseScore: .5},
			{ID: "z2", Name: "店招", Kind: edgev1.ZoneSign, Polygon: square(), Shop: "s1", SignName: "依佳人", SignReferenceSM3: digest},
		},
	}}}
}

func goodBatch() edgev1.Batch {
	e := goodEvent()
	return edgev1.Batch{V: 1, Edge: "e1", Epoch: ulid, SentAt: at(10), Items: []edgev1.Envelope{
		{Seq: 16, ID: ulid, MadeAt: at(9), Event: &e},
		{Seq: 17, ID: ulid, MadeAt: at(9), Gap: &edgev1.Gap{From: 3, To: 9, Reason: "磁盘写满，丢弃最旧的记录"}},
	}}
}

// Golden messages of every version stay readable and mean the same.
func TestGolden(t *testing.T) {
	skew := int64(-40)
	tests := map[string]struct {
		good any
		read func([]byte) (any, error)
	}{
		"batch": {goodBatch(), func(b []byte) (any, error) {
			v, err := edgev1.DecodeBatch(b)
			if len(v.Rejected) > 0 {
				err = errors.Join(err, errors.New(v.Rejected[0].Message))
			}
			return v.Batch, err
		}},
		"status":  {goodStatus(), func(b []byte) (any, error) { return edgev1.Decode[edgev1.Status](b) }},
		"gone":    {edgev1.Status{V: 1, Edge: "e1", Instance: ulid, At: at(10), Gone: true, Cameras: []edgev1.CameraStatus{}}, func(b []byte) (any, error) { return edgev1.Decode[edgev1.Status](b) }},
		"config":  {goodConfig(), func(b []byte) (any, error) { return edgev1.Decode[edgev1.Config](b) }},
		"command": {edgev1.Command{V: 1, ID: ulid, Kind: edgev1.CmdPushStart, TTLS: 15, Camera: "c1", PushURL: "rtsp://127.0.0.1:8554/live/c1?ticket=t", SentAt: at(1)}, func(b []byte) (any, error) { return edgev1.Decode[edgev1.Command](b) }},
		"result": {edgev1.Result{V: 1, Edge: "e1", Command: ulid, At: at(2), OK: true, Snapshot: &goodEvent().Evidence[0], Probe: &edgev1.ProbeReport{
			URL: "rtsp://127.0.0.1/x", OK: true, Codec: "h264", Width: 1920, Height: 1080, FPS: 25, GOPS: 2, ClockSkewMS: &skew, Warnings: []string{"关键帧间隔 2 秒，长于取样间隔 1 秒"},
		}}, func(b []byte) (any, error) { return edgev1.Decode[edgev1.Result](b) }},
		"ack": {edgev1.Ack{V: 1, Edge: "e1", Epoch: ulid, At: at(3), Accepted: []edgev1.SeqRange{{From: 1, To: 17}}, Rejected: []edgev1.Rejection{{Seq: 18, Field: "event.box", Message: "超出画面"}}, Want: []string{digest}}, func(b []byte) (any, error) { return edgev1.Decode[edgev1.Ack](b) }},
		"observations": {goodObservations(), func(b []byte) (any, error) {
			v, err := edgev1.DecodeBatch(b)
			if len(v.Rejected) > 0 {
				err = errors.Join(err, errors.New(v.Rejected[0].Message))
			}
			return v.Batch, err
		}},
		"task":     {goodTaskCommand(), func(b []byte) (any, error) { return edgev1.Decode[edgev1.Command](b) }},
		"taskstop": {edgev1.Command{V: 1, ID: ulid, Kind: edgev1.CmdTaskStop, TTLS: 15, TaskID: ulid, SentAt: at(1)}, func(b []byte) (any, error) { return edgev1.Decode[edgev1.Command](b) }},
		"enrol":    {edgev1.EnrolRequest{Token: "t", Instance: ulid, CSR: "-----BEGIN CERTIFICATE REQUEST-----\n", Version: "0.1.0", Hostname: "box"}, func(b []byte) (any, error) { return edgev1.Decode[edgev1.EnrolRequest](b) }},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", "v1", name+".json")
			if *update {
				b, err := json.MarshalIndent(tc.good, "", "  ")
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, append(b, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			stored, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			v, err := tc.read(stored)
			if err != nil {
				t.Fatalf("golden message refused: %v", err)
			}
			back, err := json.MarshalIndent(v, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			if string(back)+"\n" != string(stored) {
				t.Errorf("message changed its meaning:\n%s\nwas\n%s", back, stored)
			}
		})
	}
}

func TestEventFaults(t *testing.T) {
	tests := []struct {
		field string
		spoil func(e *edgev1.Event)
	}{
		{"event.id", func(e *edgev1.Event) { e.ID = "x" }},
		{"event.rev", func(e *edgev1.Event) { e.Rev = 0 }},
		{"event.camera", func(e *edgev1.Event) { e.Camera = "a/b" }},
		{"event.camera", func(e *edgev1.Event) { e.Camera = "a\x00" }},
		{"event.kind", func(e *edgev1.Event) { e.Kind = "flood" }},
		{"event.phase", func(e *edgev1.Event) { e.Phase = "" }},
		{"event.zone", func(e *edgev1.Event) { e.Zone = "" }},
		{"event.detail", func(e *edgev1.Event) { e.Detail = strings.Repeat("长", 200) }},
		{"event.zoneName", func(e *edgev1.Event) { e.ZoneName = "a\x00b" }},
		{"event.since", func(e *edgev1.Event) { e.Since = edgev1.Time{} }},
		{"event.endedAt", func(e *edgev1.Event) { e.Phase = edgev1.Ended }},
		{"event.score", func(e *edgev1.Event) { e.Score = 1.5 }},
		{"event.box", func(e *edgev1.Event) { e.Box.W = .9 }},
		{"event.marks", func(e *edgev1.Event) { e.Marks = make([]edgev1.Mark, 65) }},
		{"event.marks[0].role", func(e *edgev1.Event) { e.Marks[0].Role = "x" }},
		{"event.models[0].digest", func(e *edgev1.Event) { e.Models[0].Digest = "abc" }},
		{"event.evidence[0].sm3", func(e *edgev1.Event) { e.Evidence[0].SM3 = strings.ToUpper(digest) }},
		{"event.evidence[0].size", func(e *edgev1.Event) { e.Evidence[0].Size = 1 << 40 }},
		{"event.sign", func(e *edgev1.Event) { e.Sign = nil }},
		{"event.sign.verdict", func(e *edgev1.Event) { e.Sign.Verdict = "maybe" }},
	}
	for _, tc := range tests {
		t.Run(tc.field, func(t *testing.T) {
			b := goodBatch()
			tc.spoil(b.Items[0].Event)
			raw, err := json.Marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			got, err := edgev1.DecodeBatch(raw)
			rej := got.Rejected
			if err != nil {
				t.Fatalf("whole batch refused: %v", err)
			}
			if len(got.Items) != 1 || got.Items[0].Seq != 17 {
				t.Errorf("the other envelope was lost: %+v", got.Items)
			}
			if len(rej) != 1 || rej[0].Seq != 16 || rej[0].Field != tc.field || rej[0].Message == "" {
				t.Errorf("rejections %+v, want field %s", rej, tc.field)
			}
		})
	}
}

func TestBatchFaults(t *testing.T) {
	tests := map[string]struct{ payload, field string }{
		"no JSON":     {"{", "payload"},
		"wrong type":  {`{"v":"one"}`, "v"},
		"old version": {`{"v":9,"edge":"e","epoch":"` + ulid + `","items":[{}]}`, "v"},
		"edge":        {`{"v":1,"edge":"e/#","epoch":"` + ulid + `","items":[{}]}`, "edge"},
		"epoch":       {`{"v":1,"edge":"e","epoch":"","items":[{}]}`, "epoch"},
		"empty":       {`{"v":1,"edge":"e","epoch":"` + ulid + `","items":[]}`, "items"},
		"too many":    {`{"v":1,"edge":"e","epoch":"` + ulid + `","items":[` + strings.Repeat("{},", 128) + `{}]}`, "items"},
		"too long":    {`{"v":1,"pad":"` + strings.Repeat("x", edgev1.MaxPayload) + `"}`, "payload"},
		"trailing":    {`{"v":1} {}`, "payload"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := edgev1.DecodeBatch([]byte(tc.payload))
			var fe *edgev1.FieldError
			if !errors.As(err, &fe) || fe.Field != tc.field {
				t.Fatalf("got %v, want field %s", err, tc.field)
			}
		})
	}
	got, err := edgev1.DecodeBatch([]byte(`{"v":1,"edge":"e","epoch":"` + ulid + `","items":[{"seq":0},{"seq":"x"},{"seq":5,"event":{"rev":"a"}},7]}`))
	rej := got.Rejected
	if err != nil || len(rej) != 4 || rej[2].Seq != 5 || !strings.Contains(rej[2].Field, "rev") {
		t.Fatalf("rejections %+v, error %v", rej, err)
	}
}

func TestPolygon(t *testing.T) {
	p := func(xy ...float64) []edgev1.Point {
		out := []edgev1.Point{}
		for i := 0; i < len(xy); i += 2 {
			out = append(out, edgev1.Point{X: xy[i], Y: xy[i+1]})
		}
		return out
	}
	tests := map[string]struct {
		poly []edgev1.Point
		says string
	}{
		"square":         {square(), ""},
		"triangle":       {p(.1, .1, .5, .1, .3, .4), ""},
		"concave":        {p(.1, .1, .9, .1, .9, .9, .5, .3, .1, .9), ""},
		"whole frame":    {p(0, 0, 1, 0, 1, 1, 0, 1), ""},
		"straight angle": {p(.1, .1, .3, .1, .6, .1, .6, .6, .1, .6), ""},
		"bow tie":        {p(.1, .1, .6, .6, .6, .1, .1, .6), "自相交"},
		"two points":     {p(.1, .1, .6, .6), "3 个顶点"},
		"outside":        {p(.1, .1, 1.2, .1, .5, .5), "画面之外"},
		"not a number":   {p(.1, .1, math.NaN(), .1, .5, .5), "画面之外"},
		"same corner":    {p(.1, .1, .5, .1, .5, .1, .3, .4), "重合"},
		"folds back":     {p(.1, .1, .6, .1, .3, .1, .3, .5), "自相交"},
		"on a line":      {p(.1, .1, .3, .1, .5, .1), "自相交"},
		"touches a side": {p(.1, .1, .9, .1, .9, .9, .5, .1, .1, .9), "自相交"},
		"tiny":           {p(.1, .1, .101, .1, .101, .101), "面积太小"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := edgev1.CheckPolygon(tc.poly)
			if tc.says == "" && got != "" || !strings.Contains(got, tc.says) {
				t.Errorf("says %q, want %q", got, tc.says)
			}
		})
	}
}

func TestStateFaults(t *testing.T) {
	field := func(err error) string {
		var fe *edgev1.FieldError
		if errors.As(err, &fe) {
			return fe.Field
		}
		return ""
	}
	for want, spoil := range map[string]func(*edgev1.Status){
		"edge":                  func(s *edgev1.Status) { s.Edge = "" },
		"epoch":                 func(s *edgev1.Status) { s.Epoch = "" },
		"outboxDepth":           func(s *edgev1.Status) { s.OutboxDepth = -1 },
		"cameras":               func(s *edgev1.Status) { s.Cameras = make([]edgev1.CameraStatus, 513) },
		"cameras[1].camera":     func(s *edgev1.Status) { s.Cameras = append(s.Cameras, s.Cameras[0]) },
		"cameras[0].state":      func(s *edgev1.Status) { s.Cameras[0].State = "fine" },
		"cameras[0].inferAgeMs": func(s *edgev1.Status) { s.Cameras[0].InferAgeMS = -2 },
	} {
		s := goodStatus()
		spoil(&s)
		if got := field(s.Validate()); got != want {
			t.Errorf("status fault in %q, want %q", got, want)
		}
	}
	for want, spoil := range map[string]func(*edgev1.Config){
		"cameras[0].url":                 func(g *edgev1.Config) { g.Cameras[0].URL = "ftp://x" },
		"cameras[0].transport":           func(g *edgev1.Config) { g.Cameras[0].Transport = "quic" },
		"cameras[0].zones[1].polygon":    func(g *edgev1.Config) { g.Cameras[0].Zones[1].Polygon = nil },
		"cameras[0].zones[0].hours":      func(g *edgev1.Config) { g.Cameras[0].Zones[0].Hours = "7-22" },
		"cameras[0].zones[0].closeScore": func(g *edgev1.Config) { g.Cameras[0].Zones[0].CloseScore = .9 },
		"cameras[0].zones[1].id":         func(g *edgev1.Config) { g.Cameras[0].Zones[1].ID = "z1" },
	} {
		g := goodConfig()
		spoil(&g)
		if got := field(g.Validate()); got != want {
			t.Errorf("config fault in %q, want %q", got, want)
		}
	}
}

func TestSeqRanges(t *testing.T) {
	got := edgev1.SeqRanges([]int64{5, 1, 2, 3, 3, 9, 8})
	want := []edgev1.SeqRange{{From: 1, To: 3}, {From: 5, To: 5}, {From: 8, To: 9}}
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("range %d is %v, want %v", i, got[i], want[i])
		}
	}
}

// No payload may panic, and what is taken must survive a round trip.
func FuzzDecodeBatch(f *testing.F) {
	b, err := json.Marshal(goodBatch())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	if b, err = json.Marshal(goodObservations()); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"v":1,"edge":"e","epoch":"` + ulid + `","items":[{"seq":1,"gap":{"from":1,"to":2}}]}`))
	f.Add([]byte(`{"v":1,"items":[null,7,{"seq":-1}]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := edgev1.DecodeBatch(payload)
		if err != nil {
			return
		}
		again, err := json.Marshal(got.Batch)
		if err != nil {
			t.Fatalf("taken but not writable: %v", err)
		}
		if len(got.Items) == 0 || len(again) > edgev1.MaxPayload {
			return
		}
		back, err := edgev1.DecodeBatch(again)
		rej := back.Rejected
		if err != nil || len(rej) > 0 || len(back.Items) != len(got.Items) {
			t.Fatalf("round trip: %v %v\n%s", err, rej, again)
		}
	})
}

func FuzzDecodeState(f *testing.F) {
	for _, v := range []any{goodStatus(), goodConfig()} {
		b, err := json.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		if s, err := edgev1.Decode[edgev1.Status](payload); err == nil {
			if b, err := json.Marshal(s); err != nil || bytes.ContainsRune(b, 0) {
				t.Fatalf("status taken but not writable: %v", err)
			}
		}
		_, _ = edgev1.Decode[edgev1.Config](payload)
		_, _ = edgev1.Decode[edgev1.Result](payload)
		_, _ = edgev1.Decode[edgev1.Command](payload)
	})
}
