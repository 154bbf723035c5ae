package event

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
)

// t0 is 10:00 in Shanghai.
var t0 = time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)

func square(x, y, w, h float64) []edgev1.Point {
	return []edgev1.Point{{X: x, Y: y}, {X: x + w, Y: y}, {X: x + w, Y: y + h}, {X: x, Y: y + h}}
}

func pavement() edgev1.Zone {
	return edgev1.Zone{ID: "z1", Name: "一号", Kind: edgev1.ZonePavement, Polygon: square(0, 0, 1, 1), DwellS: 8, EndDelayS: 5}
}

type rig struct {
	t   testing.TB
	m   *Machine
	ids int
	all []edgev1.Event
	sup []Suppression
}

func newRig(t testing.TB, zones ...edgev1.Zone) *rig {
	t.Helper()
	r := &rig{t: t}
	r.m = r.machine(zones)
	return r
}

func (r *rig) machine(zones []edgev1.Zone) *Machine {
	r.t.Helper()
	cfg, err := DefaultConfig()
	if err != nil {
		r.t.Fatal(err)
	}
	m, err := New(Options{Camera: "cam1", Config: cfg, Zones: zones, ConfigVersion: 7, NewID: func() string {
		r.ids++
		return fmt.Sprintf("ID%04d", r.ids)
	}})
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

func thing(key string, st analytic.State, score float64) analytic.Observation {
	return analytic.Observation{
		Kind: edgev1.Stacking, Zone: "z1", Key: key, State: st, Score: score, Area: 0.01,
		Box: edgev1.Box{X: 0.4, Y: 0.4, W: 0.1, H: 0.1},
	}
}

func (r *rig) look(sec float64, os ...analytic.Observation) []edgev1.Event {
	out := r.m.Step(Look{At: t0.Add(time.Duration(sec * float64(time.Second))), Kind: edgev1.Stacking, Result: analytic.Result{Observations: os}})
	r.all = append(r.all, out.Events...)
	r.sup = append(r.sup, out.Suppressions...)
	return out.Events
}

func (r *rig) blind(sec float64) {
	r.t.Helper()
	out := r.m.Step(Look{At: t0.Add(time.Duration(sec * float64(time.Second))), Kind: edgev1.Stacking, Result: analytic.Result{NoVerdict: "view moved"}})
	if len(out.Events) != 0 {
		r.t.Fatalf("a look without a verdict made %v", out.Events)
	}
}

func (r *rig) stand(from, to float64, st analytic.State, score float64) {
	for s := from; s <= to; s++ {
		r.look(s, thing("a", st, score))
	}
}

func (r *rig) phases() string {
	var s []string
	for _, e := range r.all {
		s = append(s, fmt.Sprintf("%s/%s/%d", e.Phase, e.ID, e.Rev))
	}
	return strings.Join(s, " ")
}

func (r *rig) want(s string) {
	r.t.Helper()
	if got := r.phases(); got != s {
		r.t.Fatalf("events are %q, want %q", got, s)
	}
}

func TestOpensAfterDwellAndEndsAfterDelay(t *testing.T) {
	r := newRig(t, pavement())
	r.stand(0, 7, analytic.Present, 0.8)
	r.want("")
	r.stand(8, 12, analytic.Present, 0.8)
	r.want("opened/ID0001/1")
	e := r.all[0]
	if !e.Since.Equal(t0) || !e.ConfirmedAt.Equal(t0.Add(8*time.Second)) || e.Rule.ConfigVersion != 7 || e.Rule.DwellS != 8 || e.ZoneName != "一号" || len(e.ZonePolygon) != 4 || len(e.Marks) != 1 {
		t.Fatalf("opened event lacks facts: %+v", e)
	}
	for s := 13.0; s <= 17; s++ {
		r.look(s, thing("a", analytic.Gone, 0))
	}
	r.want("opened/ID0001/1")
	r.look(18)
	r.want("opened/ID0001/1 ended/ID0001/2")
	if e := r.all[1]; e.EndedAt == nil || !e.EndedAt.Equal(t0.Add(13*time.Second)) {
		t.Fatalf("endedAt is %v, want the first look without it", e.EndedAt)
	}
}

func TestTwoThresholds(t *testing.T) {
	r := newRig(t, pavement())
	r.stand(0, 30, analytic.Present, 0.4) // between close and open
	r.want("")
	r.stand(31, 34, analytic.Present, 0.8)
	r.want("opened/ID0001/1")
	r.stand(35, 60, analytic.Present, 0.6)
	r.stand(61, 90, analytic.Present, 0.35) // sinks, still above close
	if e := r.all[len(r.all)-1]; e.Phase == edgev1.Ended {
		t.Fatalf("ended above the close threshold: %s", r.phases())
	}
	r.stand(91, 100, analytic.Present, 0.1)
	if e := r.all[len(r.all)-1]; e.Phase != edgev1.Ended {
		t.Fatalf("not ended below the close threshold: %s", r.phases())
	}
}

func TestNeedsKofN(t *testing.T) {
	r := newRig(t, pavement())
	for s := 0.0; s < 60; s++ { // one good look in three: never 3 of 5
		score := 0.2
		if int(s)%3 == 0 {
			score = 0.9
		}
		r.look(s, thing("a", analytic.Present, score))
	}
	r.want("")
}

func TestCandidateLookDoesNotOpen(t *testing.T) {
	r := newRig(t, pavement())
	r.stand(0, 60, analytic.Candidate, 0.9)
	r.want("")
	r.look(61, thing("a", analytic.Present, 0.9))
	r.want("opened/ID0001/1")
}

func TestOcclusionHoldsDwellAndEnd(t *testing.T) {
	r := newRig(t, pavement())
	r.stand(0, 5, analytic.Present, 0.8)
	r.stand(6, 40, analytic.Occluded, 0)
	r.look(41, thing("a", analytic.Present, 0.8))
	r.look(42, thing("a", analytic.Present, 0.8))
	r.want("") // 5 s before and 1 s after: the hidden time does not count
	r.stand(43, 44, analytic.Present, 0.8)
	r.want("opened/ID0001/1")
	r.look(45, thing("a", analytic.Gone, 0))
	r.stand(46, 90, analytic.Occluded, 0)
	r.look(91, thing("a", analytic.Gone, 0))
	r.want("opened/ID0001/1")
	for s := 92.0; s <= 96; s++ {
		r.look(s, thing("a", analytic.Gone, 0))
	}
	r.want("opened/ID0001/1 ended/ID0001/2")
}

func TestNoVerdictFreezes(t *testing.T) {
	r := newRig(t, pavement())
	r.stand(0, 4, analytic.Present, 0.8)
	for s := 5.0; s < 100; s++ {
		r.blind(s)
	}
	r.look(100, thing("a", analytic.Present, 0.8))
	r.want("")
	r.stand(101, 104, analytic.Present, 0.8)
	r.want("opened/ID0001/1")
	r.look(105, thing("a", analytic.Gone, 0))
	for s := 106.0; s < 300; s++ {
		r.blind(s)
	}
	r.look(300, thing("a", analytic.Gone, 0))
	r.want("opened/ID0001/1")
}

func TestReappearsWithinDelayKeepsID(t *testing.T) {
	r := newRig(t, pavement())
	r.stand(0, 8, analytic.Present, 0.8)
	for s := 9.0; s < 13; s++ {
		r.look(s, thing("a", analytic.Gone, 0))
	}
	other := thing("b", analytic.Present, 0.8) // the analytic named it anew
	for s := 13.0; s < 30; s++ {
		r.look(s, other)
	}
	r.want("opened/ID0001/1")
	for s := 30.0; s < 36; s++ {
		r.look(s)
	}
	r.want("opened/ID0001/1 ended/ID0001/2")
	for s := 36.0; s < 50; s++ {
		r.look(s, thing("c", analytic.Present, 0.8))
	}
	r.want("opened/ID0001/1 ended/ID0001/2 opened/ID0002/1")
	if d := r.all[2].Detail; !strings.Contains(d, "ID0001") {
		t.Fatalf("the event before is not named: %q", d)
	}
}

func TestGoneAndRenamedInOneLook(t *testing.T) {
	r := newRig(t, pavement())
	r.stand(0, 8, analytic.Present, 0.8)
	r.look(9, thing("a", analytic.Gone, 0), thing("b", analytic.Present, 0.8))
	for s := 10.0; s < 40; s++ {
		r.look(s, thing("b", analytic.Present, 0.8))
	}
	r.want("opened/ID0001/1")
}

func TestMinimumArea(t *testing.T) {
	z := pavement()
	z.MinArea = 0.02
	r := newRig(t, z)
	r.stand(0, 60, analytic.Present, 0.9)
	r.want("")
}

func TestUpdates(t *testing.T) {
	r := newRig(t, pavement())
	r.stand(0, 300, analytic.Present, 0.8)
	r.want("opened/ID0001/1")
	r.stand(301, 310, analytic.Present, 0.8)
	r.want("opened/ID0001/1 updated/ID0001/2") // after 300 s
	moved := thing("a", analytic.Present, 0.8)
	moved.Box.X += 0.3
	r.look(311, moved) // too soon after the last update
	r.look(314, moved)
	r.want("opened/ID0001/1 updated/ID0001/2 updated/ID0001/3")
}

func TestPermitSuppressesAndRecords(t *testing.T) {
	permit := edgev1.Zone{ID: "p", Name: "夜市", Kind: edgev1.ZonePermit, Polygon: square(0.3, 0.3, 0.4, 0.4), Hours: "09:00-10:01"}
	r := newRig(t, pavement(), permit)
	r.stand(0, 59, analytic.Present, 0.8)
	r.want("")
	if len(r.sup) != 1 || !strings.Contains(r.sup[0].Reason, "夜市") || !strings.Contains(r.sup[0].Reason, "09:00-10:01") {
		t.Fatalf("suppressions are %+v", r.sup)
	}
	r.stand(60, 66, analytic.Present, 0.8) // the permit is over: a dwell of grace
	r.want("")
	r.stand(67, 70, analytic.Present, 0.8)
	r.want("opened/ID0001/1")
}

func TestPermitEndsOpenEvent(t *testing.T) {
	permit := edgev1.Zone{ID: "p", Name: "夜市", Kind: edgev1.ZonePermit, Polygon: square(0.3, 0.3, 0.4, 0.4), Hours: "10:01-12:00"}
	r := newRig(t, pavement(), permit)
	r.stand(0, 120, analytic.Present, 0.8)
	r.want("opened/ID0001/1 ended/ID0001/2")
	if !strings.Contains(r.all[1].Detail, "夜市") {
		t.Fatalf("reason is missing: %q", r.all[1].Detail)
	}
}

func TestExcludeZoneAndOwnHours(t *testing.T) {
	ex := edgev1.Zone{ID: "x", Name: "工地", Kind: edgev1.ZoneExclude, Polygon: square(0.3, 0.3, 0.4, 0.4)}
	r := newRig(t, pavement(), ex)
	r.stand(0, 60, analytic.Present, 0.8)
	r.want("")

	z := pavement()
	z.Hours = "22:00-02:00,10:01-11:00"
	r = newRig(t, z)
	r.stand(0, 60, analytic.Present, 0.8)
	r.want("")
	r.stand(61, 80, analytic.Present, 0.8)
	r.want("opened/ID0001/1")
}

func TestMaxAge(t *testing.T) {
	r := newRig(t, pavement())
	r.m.cfg.MaxAgeS = 100
	r.stand(0, 400, analytic.Present, 0.8)
	r.want("opened/ID0001/1 ended/ID0001/2")
	for s := 401.0; s < 410; s++ {
		r.look(s)
	}
	r.stand(411, 430, analytic.Present, 0.8)
	r.want("opened/ID0001/1 ended/ID0001/2 opened/ID0002/1")
}

func TestRemovedZoneEndsEvent(t *testing.T) {
	r := newRig(t, pavement())
	r.stand(0, 10, analytic.Present, 0.8)
	z := pavement()
	z.ID = "z2"
	out, err := r.m.Configure(t0.Add(11*time.Second), []edgev1.Zone{z}, 8)
	if err != nil || len(out.Events) != 1 || out.Events[0].Phase != edgev1.Ended || out.Events[0].Zone != "z1" {
		t.Fatalf("got %+v, %v", out, err)
	}
	if len(r.m.Things()) != 0 {
		t.Fatal("thing of a removed zone is still followed")
	}
	z.Hours = "7-22"
	if _, err := r.m.Configure(t0, []edgev1.Zone{z}, 9); err == nil || !strings.Contains(err.Error(), "z2") {
		t.Fatalf("bad hours accepted: %v", err)
	}
}

func TestEvidenceTravelsWithLaterMessages(t *testing.T) {
	r := newRig(t, pavement())
	r.stand(0, 8, analytic.Present, 0.8)
	if !r.m.SetEvidence("ID0001", []edgev1.EvidenceRef{{Role: "frame", SM3: "aa"}}) {
		t.Fatal("open event not found")
	}
	for s := 9.0; s < 20; s++ {
		r.look(s)
	}
	if e := r.all[1]; len(e.Evidence) != 1 {
		t.Fatalf("ended message lost the evidence: %+v", e)
	}
}

func TestRefusesUnusableObservations(t *testing.T) {
	r := newRig(t, pavement())
	bad := []analytic.Observation{thing("", analytic.Present, 1), thing("a", analytic.Present, 1), thing("b", analytic.Present, 1)}
	bad[1].Zone = "elsewhere"
	bad[2].Kind = edgev1.Sign
	r.look(0, bad...)
	if s := r.m.Stats(); s.Ignored != 3 || len(r.m.Things()) != 0 {
		t.Fatalf("stats %+v", s)
	}
	var many []analytic.Observation
	for i := range 400 {
		many = append(many, thing(fmt.Sprint("k", i), analytic.Present, 1))
	}
	r.look(1, many...)
	if s := r.m.Stats(); s.Overflow != 144 {
		t.Fatalf("stats %+v", s)
	}
}

func TestSignVerdictChangeUpdates(t *testing.T) {
	z := edgev1.Zone{ID: "s", Kind: edgev1.ZoneSign, Polygon: square(0, 0, 1, 1), DwellS: 2}
	r := newRig(t, z)
	var all []edgev1.Event
	for s := range 30 {
		v := edgev1.SignCovered
		if s > 15 {
			v = edgev1.SignChanged
		}
		out := r.m.Step(Look{At: t0.Add(time.Duration(s) * time.Second), Kind: edgev1.Sign, Result: analytic.Result{Observations: []analytic.Observation{{
			Kind: edgev1.Sign, Zone: "s", Key: "sign:s", State: analytic.Present, Score: 0.9, Sign: &edgev1.SignReading{Verdict: v},
		}}}})
		all = append(all, out.Events...)
	}
	if len(all) != 2 || all[0].Sign.Verdict != edgev1.SignCovered || all[1].Phase != edgev1.Updated || all[1].Sign.Verdict != edgev1.SignChanged {
		t.Fatalf("events %+v", all)
	}
}
