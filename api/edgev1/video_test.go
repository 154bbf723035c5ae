package edgev1_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jiexun/api/edgev1"
)

func goodCut() edgev1.Command {
	return edgev1.Command{V: 1, ID: ulid, Kind: edgev1.CmdCut, TTLS: 20, Camera: "c1", From: at(10), Until: at(40), Lead: true, SentAt: at(41)}
}

func goodVideoResult() edgev1.Result {
	oldest, newest := at(1), at(40)
	st := goodStatus().Cameras[0]
	st.Record = &edgev1.RecordStatus{Oldest: &oldest, Newest: &newest, Bytes: 123456789, Lost: 2}
	return edgev1.Result{
		V: 1, Edge: "e1", Command: ulid, At: at(42), OK: true, Spans: []edgev1.Span{{From: at(1), To: at(40)}},
		Cut: &edgev1.Cut{
			File:  edgev1.EvidenceRef{Role: edgev1.RoleClip, SM3: digest, Size: 2345678, MediaType: "video/mp4", Width: 1920, Height: 1080, TakenAt: at(9)},
			Until: at(40), Codec: "H264", FPS: 25,
		},
		Running: &edgev1.Running{
			Status: st, ConfigVersion: 4, Load: .4, Models: goodEvent().Models,
			Runs: []edgev1.Run{{Kind: edgev1.Stacking, Zones: 2, Since: at(1), Last: &newest, Looks: 40, NoVerdicts: 1, Why: "画面全黑", Things: 3, Open: 1, CostMS: 12.5}},
		},
	}
}

func goodRecordConfig() edgev1.Config {
	c := goodConfig()
	c.Cameras[0].Record = &edgev1.Record{KeepHours: 72, QuotaMB: 20480, Sub: true}
	return c
}

// Golden messages about video stay readable and mean the same.
func TestVideoGolden(t *testing.T) {
	read := map[string]func([]byte) (any, error){
		"cut":         func(b []byte) (any, error) { return edgev1.Decode[edgev1.Command](b) },
		"videoresult": func(b []byte) (any, error) { return edgev1.Decode[edgev1.Result](b) },
		"record":      func(b []byte) (any, error) { return edgev1.Decode[edgev1.Config](b) },
	}
	for name, good := range map[string]any{"cut": goodCut(), "videoresult": goodVideoResult(), "record": goodRecordConfig()} {
		file := filepath.Join("testdata", "v1", name+".json")
		if flag.Lookup("update").Value.String() == "true" {
			b, err := json.MarshalIndent(good, "", "  ")
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
		v, err := read[name](stored)
		if err != nil {
			t.Fatalf("%s: golden message refused: %v", name, err)
		}
		back, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if string(back)+"\n" != string(stored) {
			t.Errorf("%s changed its meaning:\n%s\nwas\n%s", name, back, stored)
		}
	}
}

func TestVideoFaults(t *testing.T) {
	for field, spoil := range map[string]func(*edgev1.Command){
		"until":  func(c *edgev1.Command) { c.Until = c.From },
		"from":   func(c *edgev1.Command) { c.From = edgev1.Time{} },
		"camera": func(c *edgev1.Command) { c.Camera = "a/b" },
		"kind":   func(c *edgev1.Command) { c.Kind = "film" },
	} {
		c := goodCut()
		spoil(&c)
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	long := goodCut()
	long.Until = edgev1.At(long.From.Add(edgev1.MaxCut + time.Second))
	if err := long.Validate(); err == nil {
		t.Error("a cut longer than the limit passes")
	}
	long.Kind = edgev1.CmdRecords
	if err := long.Validate(); err != nil {
		t.Errorf("a list of that length: %v", err)
	}
	for field, spoil := range map[string]func(*edgev1.Result){
		"cut.file.sm3":            func(r *edgev1.Result) { r.Cut.File.SM3 = "x" },
		"cut.codec":               func(r *edgev1.Result) { r.Cut.Codec = "AV1" },
		"spans":                   func(r *edgev1.Result) { r.Spans = make([]edgev1.Span, edgev1.MaxSpans+1) },
		"spans[0]":                func(r *edgev1.Result) { r.Spans[0].To = at(0) },
		"running.runs[0].kind":    func(r *edgev1.Result) { r.Running.Runs[0].Kind = "rain" },
		"running.status.record.b": func(r *edgev1.Result) { r.Running.Status.Record.Bytes = -1 },
	} {
		r := goodVideoResult()
		spoil(&r)
		if err := r.Validate(); err == nil || !strings.HasPrefix(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	g := goodRecordConfig()
	g.Cameras[0].Record.KeepHours = 0
	if err := g.Validate(); err == nil {
		t.Error("a recording that keeps nothing passes")
	}
}
