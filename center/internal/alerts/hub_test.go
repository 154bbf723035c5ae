package alerts_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/alerts"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

// chief may set the rules of the whole city.
func chief(prefix string) context.Context {
	a := people()["operator"]
	a.Perms["alert.rule"] = true
	a.Scope = access.Scope{Prefixes: []string{prefix}}
	return access.With(context.Background(), a)
}

func one(t *testing.T, s *alerts.Service, f alerts.Filter) alerts.Alert {
	t.Helper()
	list := all(t, s, "operator", f)
	if len(list) != 1 {
		t.Fatalf("%d alerts, want one: %+v", len(list), list)
	}
	return list[0]
}

// registry collects what the shops hear.
func registry(t *testing.T, d *db.DB) func() []string {
	t.Helper()
	bus := events.NewBus(d, testkit.Log(t), nil)
	got := []string{}
	bus.Subscribe(alerts.TopicRegistry, "test", func(_ context.Context, _ db.Tx, e events.Event) error {
		var r alerts.RegistryEvent
		if err := e.Decode(&r); err != nil {
			return err
		}
		got = append(got, fmt.Sprintf("%s %s %s %d", r.Act, r.FindingID, r.Name, len(r.FindingIDs)))
		return nil
	})
	return func() []string {
		t.Helper()
		for {
			n, err := bus.Drain(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				break
			}
		}
		out := got
		got = []string{}
		return out
	}
}

// Below the threshold a recognition is a record and no alert; the rule of the
// camera goes before that of the kind, and each version counts from its day.
func TestThresholdMakesRecordsOrAlerts(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, _ := newService(d)
		weak := event(1, 1, "cam1", "z1", edgev1.Opened)
		weak.Score = 0.45
		take(t, d, s, weak)
		if n := len(all(t, s, "operator", alerts.Filter{})); n != 0 {
			t.Fatalf("a record shows among the alerts: %d", n)
		}
		r := one(t, s, alerts.Filter{Tab: alerts.TabResults})
		if r.State != alerts.Recorded || r.RuleID != "alert-rule-1" || r.ShopID != "s1" || r.BindRule != "zone" {
			t.Fatalf("%+v", r)
		}
		if n, err := s.Counts(as("operator")); err != nil || n.Today != 0 || n.Pending != 0 {
			t.Fatalf("%+v %v", n, err)
		}
		stronger := event(1, 2, "cam1", "z1", edgev1.Updated)
		stronger.Score = 0.62
		take(t, d, s, stronger)
		if a := one(t, s, alerts.Filter{Tab: alerts.TabPending}); a.ID != r.ID || a.Rev != 2 {
			t.Fatalf("%+v", a)
		}

		// A rule for one camera from tomorrow on.
		from := clock.Ptr(c.Now().Add(24 * time.Hour))
		in := alerts.RuleInput{Kind: "stacking", CameraID: "cam1", AutoScore: 0.95, NearestM: 20, FromAt: from, Reason: "误报多"}
		if _, err := s.PublishRule(as("operator"), in); !errs.Is(err, errs.ForbiddenCode) {
			t.Fatalf("without the right: %v", err)
		}
		if _, err := s.PublishRule(chief("310104"), in); !errs.Is(err, errs.Invalid) {
			t.Fatalf("another district's camera: %v", err)
		}
		city := in
		city.CameraID = ""
		if _, err := s.PublishRule(chief("310101"), city); !errs.Is(err, errs.ForbiddenCode) {
			t.Fatalf("a district sets the city's rule: %v", err)
		}
		if _, err := s.PublishRule(chief("310101"), in); err != nil {
			t.Fatal(err)
		}
		take(t, d, s, event(2, 1, "cam1", "z7", edgev1.Opened))
		c.Advance(25 * time.Hour)
		take(t, d, s, event(3, 1, "cam1", "z8", edgev1.Opened), event(4, 1, "cam2", "z8", edgev1.Opened))
		states := []string{}
		for _, a := range all(t, s, "operator", alerts.Filter{Tab: alerts.TabResults}) {
			states = append(states, string(a.State))
		}
		if got := strings.Join(states, " "); got != "pending pending recorded pending" {
			t.Fatal(got)
		}
		rec := one(t, s, alerts.Filter{State: alerts.Recorded})
		up, err := s.Raise(as("operator"), alerts.DecideInput{ID: rec.ID, Rev: rec.Rev})
		if err != nil || up.State != alerts.Pending {
			t.Fatalf("%+v %v", up, err)
		}
		if err := s.EndRule(chief("310101"), "stacking", "cam1", "恢复"); err != nil {
			t.Fatal(err)
		}
		take(t, d, s, event(5, 1, "cam1", "z9", edgev1.Opened))
		if n := len(all(t, s, "operator", alerts.Filter{State: alerts.Recorded})); n != 0 {
			t.Fatal("a rule that ended still counts")
		}
	})
}

// With a rule to merge, what comes back at the spot within the time is the
// same record; beside a thing that still stands it is a record of its own.
func TestMergeRule(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, _ := newService(d)
		if _, err := s.PublishRule(chief("31"), alerts.RuleInput{Kind: "stacking", AutoScore: 0.5, MergeMinutes: 10, NearestM: 30, Reason: "合并"}); err != nil {
			t.Fatal(err)
		}
		take(t, d, s, event(1, 1, "cam1", "z1", edgev1.Opened), event(2, 1, "cam1", "z1", edgev1.Opened))
		if n := len(all(t, s, "operator", alerts.Filter{})); n != 2 {
			t.Fatalf("two things at once are %d records", n)
		}
		take(t, d, s, event(2, 2, "cam1", "z1", edgev1.Ended))
		take(t, d, s, event(60, 1, "cam1", "z1", edgev1.Opened))
		list := all(t, s, "operator", alerts.Filter{})
		if len(list) != 2 || list[1].SeenCount != 2 || list[1].State != alerts.Pending || list[1].EndedAt != nil {
			t.Fatalf("%+v", list)
		}
		take(t, d, s, event(2, 3, "cam1", "z1", edgev1.Ended)) // the old event again changes nothing
		take(t, d, s, event(60, 1, "cam1", "z1", edgev1.Opened))
		b := all(t, s, "operator", alerts.Filter{})[1]
		if b.SeenCount != 2 || b.State != alerts.Pending {
			t.Fatalf("%+v", b)
		}
		if _, err := s.Confirm(as("operator"), alerts.ConfirmInput{DecideInput: alerts.DecideInput{ID: b.ID, Rev: b.Rev}}); err != nil {
			t.Fatal(err)
		}
		take(t, d, s, event(120, 1, "cam1", "z1", edgev1.Opened), event(120, 2, "cam1", "z1", edgev1.Ended))
		list = all(t, s, "operator", alerts.Filter{})
		if len(list) != 2 || list[1].SeenCount != 3 || list[1].State != alerts.Confirmed {
			t.Fatalf("%+v", list)
		}
		take(t, d, s, event(2000, 1, "cam1", "z1", edgev1.Opened)) // half an hour later
		if n := len(all(t, s, "operator", alerts.Filter{})); n != 3 {
			t.Fatalf("%d records", n)
		}
	})
}

// A correction keeps what was; no violation withdraws the alert and an order
// that nobody accepted, and tells the people of one in work.
func TestCorrections(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, k := newService(d)
		take(t, d, s, event(1, 1, "cam1", "z1", edgev1.Opened), event(2, 1, "cam1", "z1", edgev1.Opened), event(3, 1, "cam1", "z1", edgev1.Opened))
		list := all(t, s, "operator", alerts.Filter{})
		confirm := func(a alerts.Alert) alerts.Alert {
			t.Helper()
			r, err := s.Confirm(as("operator"), alerts.ConfirmInput{DecideInput: alerts.DecideInput{ID: a.ID, Rev: a.Rev}, Merge: true})
			if err != nil {
				t.Fatal(err)
			}
			return r.Alert
		}
		correct := func(a alerts.Alert, kind string) (alerts.Alert, error) {
			return s.Correct(as("operator"), alerts.CorrectInput{DecideInput: alerts.DecideInput{ID: a.ID, Rev: a.Rev}, Kind: kind, Reason: "现场核实"})
		}
		a, b := confirm(list[0]), confirm(list[1])
		if _, err := s.Correct(as("operator"), alerts.CorrectInput{DecideInput: alerts.DecideInput{ID: a.ID, Rev: a.Rev}, Kind: "none"}); !errs.Is(err, errs.Invalid) {
			t.Fatalf("without a reason: %v", err)
		}
		if _, err := correct(a, "stacking"); !errs.Is(err, errs.Invalid) {
			t.Fatalf("nothing changed: %v", err)
		}
		got, err := correct(a, "none")
		if err != nil || got.State != alerts.Withdrawn || got.OrderID != "" || len(k.recalled) != 1 {
			t.Fatalf("%+v %v %v", got, k.recalled, err)
		}
		k.inWork = true
		got, err = correct(b, "none")
		if err != nil || got.State != alerts.Withdrawn || got.OrderNo == "" {
			t.Fatalf("an order in work lost its alert: %+v %v", got, err)
		}
		det, err := s.Get(as("operator"), b.ID)
		if err != nil {
			t.Fatal(err)
		}
		last := det.History[len(det.History)-1]
		if last.Was != "占道堆物，已合并，商铺s1" || last.Became != "无违法，已撤回，商铺s1" || !strings.Contains(last.Text, "已通知承办人") {
			t.Fatalf("%+v", last)
		}
		if _, err := s.Undo(as("operator"), alerts.DecideInput{ID: b.ID, Rev: got.Rev}); !errs.Is(err, errs.ConflictCode) {
			t.Fatalf("a correction is undone by another correction: %v", err)
		}
		back, err := correct(alerts.Alert{ID: a.ID, Rev: a.Rev + 1}, "frontage")
		if err != nil || back.State != alerts.Pending || back.Kind != "frontage" || back.DecidedBy != "" {
			t.Fatalf("%+v %v", back, err)
		}
		n, err := s.SampleCounts(as("operator"), "", "")
		if err != nil || len(n) != 1 || n[0].False != 1 || n[0].Corrected != 1 {
			t.Fatalf("samples %+v %v", n, err)
		}
		// Claim in any state; an order hears of it.
		c3 := confirm(list[2])
		cl, err := s.Claim(as("operator"), alerts.ClaimInput{DecideInput: alerts.DecideInput{ID: c3.ID, Rev: c3.Rev}, Shop: "s2"})
		if err != nil || cl.ShopID != "s2" || cl.BindRule != "person" || len(k.notes) != 1 {
			t.Fatalf("%+v %v %v", cl, k.notes, err)
		}
	})
}

func finding(id, kind, zone, text string, at time.Time) alerts.Finding {
	return alerts.Finding{
		ID: id, Kind: kind, CameraID: "cam1", ZoneID: zone, ShopID: "s1", RegionCode: "310101013", Lng: 121.4, Lat: 31.2, At: clock.At(at), Text: text,
		Registered: "鑫源烟酒", Similarity: 0.2, Pictures: []alerts.Pic{{Role: "frame", SM3: sm3(len(id) * 7)}},
	}
}

func TestFindingsMakeOneAlertAPointAndDay(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, _ := newService(d)
		heard := registry(t, d)
		give := func(f alerts.Finding) error {
			return d.InTx(context.Background(), func(ctx context.Context, tx db.Tx) error { return s.TakeFinding(ctx, tx, f) })
		}
		at := c.Now()
		for i, f := range []alerts.Finding{
			finding("f1", "renamed", "z1", "老街坊面馆", at), finding("f1", "renamed", "z1", "老街坊面馆", at),
			finding("f-22", "covered", "z1", "", at.Add(5*time.Hour)), finding("f-333", "vanished", "z2", "", at),
		} {
			if err := give(f); err != nil {
				t.Fatal(i, err)
			}
		}
		list := all(t, s, "operator", alerts.Filter{Finding: alerts.AnyFinding})
		if len(list) != 2 || list[0].SeenCount != 2 || list[0].Finding != "covered" || list[0].ShopID != "s1" || list[0].Thumb == "" {
			t.Fatalf("%+v", list)
		}
		d1, err := s.Get(as("operator"), list[0].ID)
		if err != nil || d1.BoxName != "排摸比对" || len(d1.Event.Evidence) != 1 || !strings.Contains(d1.History[1].Text, "第 2 次") {
			t.Fatalf("%+v %v", d1, err)
		}
		if ok, err := s.SeesBlob(as("operator"), sm3(len("f-22")*7)); err != nil || !ok {
			t.Fatalf("the picture of the second finding is not kept: %v %v", ok, err)
		}
		in := alerts.DecideInput{ID: list[0].ID, Rev: list[0].Rev}
		up, err := s.UpdateRegistry(as("operator"), in, "已核对")
		if err != nil || up.State != alerts.Updated {
			t.Fatalf("%+v %v", up, err)
		}
		if got := heard(); len(got) != 1 || got[0] != "update f1  2" {
			t.Fatalf("the registry heard %v", got)
		}
		if _, err := s.Undo(as("operator"), alerts.DecideInput{ID: up.ID, Rev: up.Rev}); !errs.Is(err, errs.ConflictCode) {
			t.Fatalf("%v", err)
		}
		rej, err := s.Reject(as("operator"), alerts.RejectInput{DecideInput: alerts.DecideInput{ID: list[1].ID, Rev: list[1].Rev}, Reason: "lighting"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Undo(as("operator"), alerts.DecideInput{ID: rej.ID, Rev: rej.Rev}); err != nil {
			t.Fatal(err)
		}
		if got := heard(); strings.Join(got, ",") != "false f-333  1,reopen f-333  1" {
			t.Fatalf("the registry heard %v", got)
		}
		// A day later the same point is a new alert.
		if err := give(finding("f-4444", "renamed", "z1", "老街坊面馆", at.Add(25*time.Hour))); err != nil {
			t.Fatal(err)
		}
		if n := len(all(t, s, "operator", alerts.Filter{Finding: alerts.AnyFinding})); n != 3 {
			t.Fatalf("%d alerts", n)
		}
		for _, f := range []alerts.Finding{{}, finding("x", "wrong", "z1", "", at), {ID: "y", Kind: "new", CameraID: "nowhere"}} {
			if err := give(f); !errs.Is(err, errs.Invalid) {
				t.Errorf("%+v: %v", f, err)
			}
		}
	})
}

// FuzzFinding: whatever the payload, it is taken or refused by name.
func FuzzFinding(f *testing.F) {
	f.Add([]byte(`{"id":"1","kind":"new","cameraId":"cam1","at":"2026-11-24T06:00:00Z","pictures":["` + sm3(1) + `",{"role":"crop","sm3":"x"}]}`))
	f.Add([]byte(`{"pictures":[1]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var x alerts.Finding
		if json.Unmarshal(b, &x) != nil {
			return
		}
		if _, err := json.Marshal(x); err != nil {
			t.Fatal(err)
		}
	})
}

// A group is decided item by item: what somebody else decided is reported and
// holds up nothing, and within ten seconds all of it can be taken back.
func TestGroups(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, k := newService(d)
		list := []edgev1.Event{}
		for i := range 30 {
			e := event(i, 1, "cam1", "z1", edgev1.Opened)
			e.Evidence[0].SM3 = fmt.Sprintf("%d%d%062x", i%3+1, i%2, i) // three scenes in two lights
			list = append(list, e)
		}
		far := event(900, 1, "cam2", "z9", edgev1.Opened)
		far.Evidence[0].SM3 = "f" + sm3(1)[1:]
		take(t, d, s, append(list, far)...)
		for range 3 {
			if _, err := s.CompareLooks(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		groups, total, n, err := s.Groups(as("operator"), alerts.Filter{Tab: alerts.TabPending}, httpx.Paging{Page: 1, Size: 20})
		if err != nil || total != 2 || n != 31 || groups[0].N != 30 || groups[0].Looks != 3 || groups[0].Last.ShopID != "s1" {
			t.Fatalf("%+v %d %d %v", groups, total, n, err)
		}
		res, err := s.List(as("operator"), alerts.Filter{Tab: alerts.TabPending, Group: groups[0].Key}, httpx.Paging{Page: 1, Size: 200, Sort: "look"})
		if err != nil || len(res.Items) != 30 {
			t.Fatalf("%d %v", len(res.Items), err)
		}
		look := map[int]map[byte]bool{}
		items := []alerts.BatchItem{}
		for _, a := range res.Items {
			if look[a.Look] == nil {
				look[a.Look] = map[byte]bool{}
			}
			look[a.Look][a.Thumb[0]] = true
			items = append(items, alerts.BatchItem{ID: a.ID, Rev: a.Rev})
		}
		for l, scenes := range look {
			if l == 0 || len(scenes) != 1 {
				t.Fatalf("look %d holds the scenes %v", l, scenes)
			}
		}
		// Somebody else is faster with one of them.
		if _, err := s.Reject(as("second"), alerts.RejectInput{DecideInput: alerts.DecideInput{ID: items[4].ID, Rev: items[4].Rev}, Reason: "person"}); err != nil {
			t.Fatal(err)
		}
		in := alerts.BatchInput{Act: alerts.Confirm, Items: append(slices.Clone(items), alerts.BatchItem{ID: "none", Rev: 1}), Key: "k1", Merge: true}
		out, err := s.DecideAll(as("operator"), in)
		if err != nil {
			t.Fatal(err)
		}
		undo := []alerts.BatchItem{}
		for i, r := range out {
			switch {
			case i == 4 && (r.OK || r.Code != errs.ConflictCode || !strings.Contains(r.Message, "演示研判员二")):
				t.Fatalf("%+v", r)
			case i == 30 && (r.OK || r.Code != errs.NotFoundCode):
				t.Fatalf("%+v", r)
			case i != 4 && i != 30 && !r.OK:
				t.Fatalf("%d: %+v", i, r)
			}
			if r.OK {
				undo = append(undo, alerts.BatchItem{ID: r.ID, Rev: r.Alert.Rev})
			}
		}
		if again, err := s.DecideAll(as("operator"), in); err != nil || !again[0].OK || again[0].Alert.Rev != 2 || k.made["s1"] != 29 {
			t.Fatalf("the same key again: %+v %v, %d", again[0], err, k.made["s1"])
		}
		if _, total, n, err = s.Groups(as("operator"), alerts.Filter{Tab: alerts.TabPending}, httpx.Paging{Page: 1, Size: 20}); err != nil || total != 1 || n != 1 {
			t.Fatalf("%d %d %v", total, n, err)
		}
		p, err := s.PrecisionOf(as("operator"), alerts.PrecisionFilter{From: 202611, To: 202611})
		if err != nil || len(p.Buckets) != 1 || p.Buckets[0].Right != 29 || p.Buckets[0].Wrong != 1 || p.Buckets[0].Bucket != 18 || len(p.Cameras) != 1 {
			t.Fatalf("%+v %v", p, err)
		}
		for o, want := range map[alerts.Outcome]int{alerts.OutcomeRight: 29, alerts.OutcomeWrong: 1} {
			f := alerts.Filter{Tab: alerts.TabResults, SeenKind: "stacking", Outcome: o, MonthFrom: 202611, MonthTo: 202611, MinScore: alerts.BucketFloor(18), MaxScore: alerts.BucketFloor(19)}
			if got := len(all(t, s, "operator", f)); got != want {
				t.Errorf("%s: the number says %d, its list has %d", o, want, got)
			}
		}
		back, err := s.DecideAll(as("operator"), alerts.BatchInput{Act: alerts.Undo, Items: undo})
		if err != nil || slices.ContainsFunc(back, func(r alerts.BatchResult) bool { return !r.OK }) || k.back != 29 {
			t.Fatalf("%+v %v", back, err)
		}
		if p, err = s.PrecisionOf(as("operator"), alerts.PrecisionFilter{From: 202611, To: 202611}); err != nil || p.Buckets[0].Right != 0 || p.Buckets[0].Wrong != 1 {
			t.Fatalf("%+v %v", p, err)
		}
		if _, _, n, err = s.Groups(as("operator"), alerts.Filter{Tab: alerts.TabPending}, httpx.Paging{Page: 1, Size: 20}); err != nil || n != 30 {
			t.Fatalf("%d %v", n, err)
		}
		if _, err := s.DecideAll(as("reader"), in); !errs.Is(err, errs.ForbiddenCode) {
			t.Fatal(err)
		}
	})
}

// Two people confirm the same group at the same time: each alert is decided
// once, by one of them, and both reports add up to all.
func TestTwoReviewersOnOneGroup(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s, _ := newService(d)
		items := []alerts.BatchItem{}
		for i := range 40 {
			take(t, d, s, event(i, 1, "cam1", "z1", edgev1.Opened))
		}
		for _, a := range all(t, s, "operator", alerts.Filter{}) {
			items = append(items, alerts.BatchItem{ID: a.ID, Rev: a.Rev})
		}
		type answer struct {
			res []alerts.BatchResult
			err error
		}
		ch := make(chan answer, 2)
		for i, who := range []string{"operator", "second"} {
			mine := slices.Clone(items)
			if i == 1 {
				slices.Reverse(mine)
			}
			go func() {
				res, err := s.DecideAll(as(who), alerts.BatchInput{Act: alerts.Confirm, Items: mine, Merge: true})
				ch <- answer{res, err}
			}()
		}
		done := map[string]int{}
		for range 2 {
			a := <-ch
			if a.err != nil {
				t.Fatal(a.err)
			}
			for _, r := range a.res {
				if r.OK {
					done[r.ID]++
				} else if r.Code != errs.ConflictCode {
					t.Errorf("%+v", r)
				}
			}
		}
		for _, x := range items {
			if done[x.ID] != 1 {
				t.Errorf("%s was decided %d times", x.ID, done[x.ID])
			}
		}
	})
}

// A recording comes some seconds after its event, when it may be decided: it
// still belongs to the evidence, and nothing else does.
func TestClipComesAfterTheDecision(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s, _ := newService(d)
		take(t, d, s, event(1, 1, "cam1", "z1", edgev1.Opened))
		a := one(t, s, alerts.Filter{})
		if _, err := s.Confirm(as("operator"), alerts.ConfirmInput{DecideInput: alerts.DecideInput{ID: a.ID, Rev: a.Rev}}); err != nil {
			t.Fatal(err)
		}
		e := event(1, 2, "cam1", "z1", edgev1.Updated)
		e.Score = 0.1
		e.Evidence = append(e.Evidence, edgev1.EvidenceRef{Role: "clip", SM3: sm3(77), MediaType: "video/mp4"}, edgev1.EvidenceRef{Role: "first", SM3: sm3(78)})
		take(t, d, s, e)
		got, err := s.Get(as("operator"), a.ID)
		if err != nil || len(got.Event.Evidence) != 2 || got.Event.Evidence[1].Role != "clip" || got.Alert.Score != 0.91 || got.Alert.Thumb != a.Thumb {
			t.Fatalf("%+v %v", got.Event.Evidence, err)
		}
		if ok, err := s.SeesBlob(as("operator"), sm3(77)); err != nil || !ok {
			t.Fatal(ok, err)
		}
	})
}
