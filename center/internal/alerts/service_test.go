package alerts_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"strings"
	"sync"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/alerts"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

// street is the directory of these tests: cam1 may give evidence and its zone
// z1 is bound to shop s1; cam2 gives clues, with shop s2 twelve metres away;
// cam3 lies in another district.
type street struct{}

func spot(id, region, use, reason string) alerts.Spot {
	return alerts.Spot{
		CameraID: id, Name: "点位" + id, Address: "演示路 1 号", BoxID: "box1", RegionCode: region, StreetName: "外滩街道", Lng: 121.49, Lat: 31.24,
		Evidence: func(time.Time) (string, string) { return use, reason },
	}
}

func (street) Spots(_ context.Context, ids []string) (map[string]alerts.Spot, error) {
	all := map[string]alerts.Spot{
		"cam1": spot("cam1", "310101013", "evidence", "点位已审核、已公示"),
		"cam2": spot("cam2", "310101013", "clue", "点位尚未通过法制和技术审核"),
		"cam3": spot("cam3", "310104014", "evidence", "点位已审核、已公示"),
	}
	out := map[string]alerts.Spot{}
	for _, id := range ids {
		if s, ok := all[id]; ok {
			out[id] = s
		}
	}
	return out, nil
}

func shop(id string) alerts.Shop {
	return alerts.Shop{ID: id, Name: "商铺" + id, RegionCode: "310101013", Lng: 121.4901, Lat: 31.24}
}

func (street) ShopsOfZones(_ context.Context, zones []string) (map[string]alerts.Shop, error) {
	out := map[string]alerts.Shop{}
	for _, z := range zones {
		if z == "z1" {
			out[z] = shop("s1")
		}
	}
	return out, nil
}

func (street) ShopsOfCamera(context.Context, string) ([]alerts.Shop, error) { return nil, nil }

func (street) Near(context.Context, float64, float64, float64, int) ([]alerts.NearShop, error) {
	return []alerts.NearShop{{Shop: shop("s2"), DistanceM: 12}}, nil
}

func (street) Shop(_ context.Context, id string) (alerts.Shop, bool, error) {
	return shop(id), id == "s1" || id == "s2", nil
}

func (street) PictureAt(context.Context, string, time.Time) (bool, string, error) {
	return true, "无遮挡、未移位", nil
}

func (street) BoxName(context.Context, string) (string, error) { return "黄浦一号盒", nil }

// desk counts the work orders it makes; the second alert of a shop joins.
type desk struct {
	mu   sync.Mutex
	made map[string]int
	back int
	// inWork: somebody accepted the orders.
	inWork          bool
	recalled, notes []string
}

func (k *desk) Make(_ context.Context, _ db.Tx, ask alerts.OrderAsk) (alerts.OrderMade, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.made == nil {
		k.made = map[string]int{}
	}
	k.made[ask.Alert.ShopID]++
	return alerts.OrderMade{ID: "order-" + ask.Alert.ShopID, No: "GD20261124-0001", State: "dispatched", Merged: ask.Merge && k.made[ask.Alert.ShopID] > 1}, nil
}

func (k *desk) Withdraw(context.Context, db.Tx, string, alerts.Alert) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.back++
	return nil
}

func (k *desk) Recall(_ context.Context, _ db.Tx, _ string, _ alerts.Alert, reason string) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.recalled = append(k.recalled, reason)
	return !k.inWork, nil
}

func (k *desk) Note(_ context.Context, _ db.Tx, _, text string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.notes = append(k.notes, text)
	return nil
}

func (k *desk) Mergeable(_ context.Context, shop, _ string) (*alerts.OpenOrder, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.made[shop] == 0 {
		return nil, nil
	}
	return &alerts.OpenOrder{ID: "order-" + shop, No: "GD20261124-0001", State: "dispatched"}, nil
}

func (k *desk) Suggest(context.Context, alerts.Alert) (alerts.Suggestion, error) {
	return alerts.Suggestion{SquadOrgID: "squad", SquadName: "外滩街道中队", LimitHours: 4}, nil
}

type album struct{}

func (album) Has(context.Context, string) (bool, error) { return true, nil }

// Small draws a picture of its own for each digest: the first character is the
// scene, so that digests that begin alike look alike.
func (album) Small(_ context.Context, sm3 string) ([]byte, bool, error) {
	if sm3 == "" || sm3[0] == 'f' {
		return nil, false, nil // has not arrived
	}
	scene := strings.IndexByte("0123456789abcdef", sm3[0])
	img := image.NewGray(image.Rect(0, 0, 90, 80))
	for y := range 80 {
		for x := range 90 {
			v := (x/10*37 + y/10*71 + (x/10)*(y/10)*scene*29) % 223
			img.Pix[img.PixOffset(x, y)] = uint8(v + int(sm3[1])%3) // the light differs a little
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		return nil, false, err
	}
	return b.Bytes(), true, nil
}

func newService(d *db.DB) (*alerts.Service, *desk) {
	k := &desk{}
	return alerts.New(alerts.Options{DB: d, Places: street{}, Orders: k, Pictures: album{}}), k
}

func people() map[string]access.Actor {
	mk := func(id, name, scope string, perms ...string) access.Actor {
		a := access.Actor{ID: id, Name: name, OrgName: "市局", Perms: map[string]bool{}, Scope: access.Scope{Prefixes: []string{scope}}}
		for _, p := range perms {
			a.Perms[p] = true
		}
		return a
	}
	return map[string]access.Actor{
		"operator": mk("operator", "演示研判员", "31", "alert.view", "alert.decide"),
		"second":   mk("second", "演示研判员二", "310101", "alert.view", "alert.decide"),
		"xuhui":    mk("xuhui", "演示徐汇", "310104", "alert.view", "alert.decide"),
		"reader":   mk("reader", "演示法制", "310101", "alert.view"),
	}
}

func as(name string) context.Context { return access.With(context.Background(), people()[name]) }

func sm3(i int) string { return fmt.Sprintf("%064x", i+1) }

// event makes message rev of event n.
func event(n, rev int, camera, zone string, phase edgev1.Phase) edgev1.Event {
	at := testkit.Start().Add(time.Duration(n) * time.Second)
	e := edgev1.Event{
		ID: fmt.Sprintf("01K%023d", n), Rev: rev, Camera: camera, Kind: edgev1.Stacking, Phase: phase, Zone: zone, ZoneName: "东侧人行道",
		Since: edgev1.At(at.Add(-224 * time.Second)), ConfirmedAt: edgev1.At(at), Score: 0.91, Area: 0.012, Box: edgev1.Box{X: .1, Y: .2, W: .1, H: .1},
		Rule: edgev1.Rule{DwellS: 180}, Evidence: []edgev1.EvidenceRef{{Role: "frame", SM3: sm3(n), Size: 1, MediaType: "image/jpeg"}},
	}
	if phase == edgev1.Ended {
		end := edgev1.At(at.Add(time.Minute))
		e.EndedAt, e.Evidence = &end, nil
	}
	return e
}

func take(t testing.TB, d *db.DB, s *alerts.Service, list ...edgev1.Event) map[int]error {
	t.Helper()
	got := []edgev1.Received{}
	for _, e := range list {
		got = append(got, edgev1.Received{Event: e})
	}
	return takeReceived(t, d, s, got...)
}

func takeReceived(t testing.TB, d *db.DB, s *alerts.Service, list ...edgev1.Received) map[int]error {
	t.Helper()
	var bad map[int]error
	err := d.InTx(context.Background(), func(ctx context.Context, tx db.Tx) (err error) {
		bad, err = s.TakeEvents(ctx, tx, "box1", list)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bad
}

func all(t testing.TB, s *alerts.Service, who string, f alerts.Filter) []alerts.Alert {
	t.Helper()
	res, err := s.List(as(who), f, httpx.Paging{Page: 1, Size: 200, Sort: "no"})
	if err != nil {
		t.Fatal(err)
	}
	if int(res.Total) != len(res.Items) {
		t.Fatalf("total %d, %d rows", res.Total, len(res.Items))
	}
	return res.Items
}

func TestEventsBecomeAlertsOnce(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s, _ := newService(d)
		first := []edgev1.Event{event(1, 1, "cam1", "z1", edgev1.Opened), event(2, 1, "cam2", "z9", edgev1.Opened), event(1, 2, "cam1", "z1", edgev1.Updated)}
		take(t, d, s, first...)
		take(t, d, s, first...) // the box repeats itself
		got := all(t, s, "operator", alerts.Filter{})
		if len(got) != 2 {
			t.Fatalf("%d alerts", len(got))
		}
		a, b := got[0], got[1]
		if a.No != "YJ20261124-00001" || a.EventRev != 2 || a.State != alerts.Pending || a.Phase != "updated" || a.Rev != 1 {
			t.Errorf("first: %+v", a)
		}
		if a.ShopName != "商铺s1" || a.BindReason != "围栏绑定" || a.EvidenceUse != "evidence" || a.Thumb != sm3(1) {
			t.Errorf("first is bound to %q %q, use %s, thumb %s", a.ShopName, a.BindReason, a.EvidenceUse, a.Thumb)
		}
		if b.ShopName != "商铺s2" || b.BindReason != "距点位最近（12 米）" || b.EvidenceUse != "clue" || b.EvidenceReason == "" {
			t.Errorf("second: %+v", b)
		}
		want := "人行道围栏“东侧人行道”内有物品静置，14:26:17 起，至确认已 3 分 44 秒，约占画面 1.2%，超过 3 分静置阈值后确认，置信度 0.91"
		if a.Text != want {
			t.Errorf("facts\n got %s\nwant %s", a.Text, want)
		}
	})
}

// An event is kept as the box wrote it, fields of later versions included,
// until something of an earlier message has to stay in it.
func TestEventsAreStoredAsTheyCame(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s, _ := newService(d)
		written := func(e edgev1.Event) edgev1.Received {
			b, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			return edgev1.Received{Event: e, Text: append([]byte(`{"later": "\u0000", `), b[1:]...)}
		}
		stored := func() (out []string) {
			if err := d.Read().NewSelect().TableExpr("alert_events").Column("body").Order("alert_id").Scan(t.Context(), &out); err != nil {
				t.Fatal(err)
			}
			return out
		}
		open, more, end := written(event(1, 1, "cam1", "z1", edgev1.Opened)), written(event(1, 2, "cam1", "z1", edgev1.Updated)), written(event(1, 3, "cam1", "z1", edgev1.Ended))
		for _, e := range []edgev1.Received{open, more} {
			takeReceived(t, d, s, e)
			if got := stored(); len(got) != 1 || got[0] != string(e.Text) {
				t.Fatalf("stored %s\nwant %s", got, e.Text)
			}
		}
		takeReceived(t, d, s, end)
		got := testkit.JSON[edgev1.Event](t, []byte(stored()[0]))
		if got.Rev != 3 || len(got.Evidence) != 1 || got.Evidence[0].SM3 != sm3(1) {
			t.Errorf("the ended event lost its evidence: %+v", got)
		}
	})
}

func TestStrangeCamerasAreRejectedAndTheRestStored(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s, _ := newService(d)
		bad := take(t, d, s, event(1, 1, "cam1", "z1", edgev1.Opened), event(2, 1, "nowhere", "z1", edgev1.Opened))
		var e *errs.Error
		if len(bad) != 1 || !errors.As(bad[1], &e) || e.Code != errs.Invalid || e.Fields[0].Name != "event.camera" {
			t.Fatalf("rejected %v", bad)
		}
		if n := len(all(t, s, "operator", alerts.Filter{})); n != 1 {
			t.Fatalf("%d alerts", n)
		}
	})
}

func TestEndedBeforeAnyoneActed(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s, _ := newService(d)
		take(t, d, s, event(1, 1, "cam1", "z1", edgev1.Opened))
		take(t, d, s, event(1, 3, "cam1", "z1", edgev1.Ended))
		take(t, d, s, event(1, 2, "cam1", "z1", edgev1.Updated)) // late
		take(t, d, s, event(2, 2, "cam1", "z1", edgev1.Ended))   // its opening was lost on the way
		take(t, d, s, event(2, 1, "cam1", "z1", edgev1.Opened))
		for _, a := range all(t, s, "operator", alerts.Filter{}) {
			if a.State != alerts.SelfResolved || a.EndedAt == nil || a.Phase != "ended" {
				t.Errorf("%s: %s %s %v", a.No, a.State, a.Phase, a.EndedAt)
			}
		}
		a := all(t, s, "operator", alerts.Filter{})[0]
		if a.Thumb != sm3(1) {
			t.Error("the evidence was lost when the event ended")
		}
		// What ended may still be confirmed, with the evidence of then.
		if _, err := s.Confirm(as("operator"), alerts.ConfirmInput{DecideInput: alerts.DecideInput{ID: a.ID, Rev: a.Rev}, Merge: true}); err != nil {
			t.Errorf("confirm afterwards: %v", err)
		}
	})
}

func TestDecidedAlertKeepsItsEvidence(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s, _ := newService(d)
		take(t, d, s, event(1, 1, "cam1", "z1", edgev1.Opened))
		a := all(t, s, "operator", alerts.Filter{})[0]
		if _, err := s.Reject(as("operator"), alerts.RejectInput{DecideInput: alerts.DecideInput{ID: a.ID, Rev: 1}, Reason: "lighting"}); err != nil {
			t.Fatal(err)
		}
		later := event(1, 2, "cam1", "z1", edgev1.Updated)
		later.Score, later.Evidence[0].SM3 = 0.4, sm3(77)
		take(t, d, s, later, event(1, 3, "cam1", "z1", edgev1.Ended))
		got := all(t, s, "operator", alerts.Filter{})[0]
		if got.State != alerts.Rejected || got.Score != 0.91 || got.Thumb != sm3(1) || got.Phase != "ended" || got.EndedAt == nil {
			t.Fatalf("%+v", got)
		}
	})
}

func TestTwentyConfirmOneWins(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s, k := newService(d)
		take(t, d, s, event(1, 1, "cam1", "z1", edgev1.Opened))
		id := all(t, s, "operator", alerts.Filter{})[0].ID
		var wg sync.WaitGroup
		var mu sync.Mutex
		won, lost := 0, 0
		for i := range 20 {
			wg.Go(func() {
				who := []string{"operator", "second"}[i%2]
				_, err := s.Confirm(as(who), alerts.ConfirmInput{DecideInput: alerts.DecideInput{ID: id, Rev: 1}, Merge: true})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case errs.CodeOf(err) == errs.ConflictCode && strings.Contains(err.Error(), "14:30 已把预警 YJ20261124-00001 处理为“已确认”"):
					lost++
				default:
					t.Errorf("unexpected: %v", err)
				}
			})
		}
		wg.Wait()
		if won != 1 || lost != 19 {
			t.Fatalf("won %d, lost %d", won, lost)
		}
		if d.Postgres() {
			return // losers of a race ask for an order that is rolled back with them
		}
		if k.made["s1"] != 1 {
			t.Fatalf("%d orders", k.made["s1"])
		}
	})
}

func TestUndoWithinTenSeconds(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, k := newService(d)
		take(t, d, s, event(1, 1, "cam1", "z1", edgev1.Opened))
		a := all(t, s, "operator", alerts.Filter{})[0]
		in := func(rev int64) alerts.DecideInput { return alerts.DecideInput{ID: a.ID, Rev: rev} }
		got, err := s.Confirm(as("operator"), alerts.ConfirmInput{DecideInput: in(1), Merge: true})
		if err != nil || got.Alert.State != alerts.Confirmed || got.Alert.OrderNo == "" {
			t.Fatalf("%+v %v", got, err)
		}
		if _, err := s.Undo(as("second"), in(2)); errs.CodeOf(err) != errs.ConflictCode {
			t.Fatalf("someone else undid it: %v", err)
		}
		c.Advance(10 * time.Second)
		back, err := s.Undo(as("operator"), in(2))
		if err != nil || back.State != alerts.Pending || back.OrderID != "" || back.DecidedAt != nil || k.back != 1 {
			t.Fatalf("%+v %v", back, err)
		}
		if _, err := s.Reject(as("operator"), alerts.RejectInput{DecideInput: in(3), Reason: "person"}); err != nil {
			t.Fatal(err)
		}
		c.Advance(alerts.UndoWindow + time.Millisecond)
		if _, err := s.Undo(as("operator"), in(4)); errs.CodeOf(err) != errs.ConflictCode || !strings.Contains(err.Error(), "已超过 10 秒") {
			t.Fatalf("too late: %v", err)
		}
		if n, fault, err := audit.Verify(context.Background(), d); err != nil || fault != nil || n != 3 {
			t.Errorf("audit: %d, %v, %v", n, fault, err)
		}
	})
}

func TestWrongRecognitionsBecomeSamples(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s, _ := newService(d)
		for i := range 4 {
			take(t, d, s, event(i, 1, "cam1", "z1", edgev1.Opened))
		}
		list := all(t, s, "operator", alerts.Filter{})
		in := func(i int, rev int64) alerts.DecideInput { return alerts.DecideInput{ID: list[i].ID, Rev: rev} }
		for i := range 2 {
			if _, err := s.Reject(as("operator"), alerts.RejectInput{DecideInput: in(i, 1), Reason: "vehicle"}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Undo(as("operator"), in(1, 2)); err != nil {
			t.Fatal(err)
		}
		r, err := s.Reclassify(as("operator"), alerts.ReclassifyInput{DecideInput: in(2, 1), Kind: "frontage", Note: "衣架"})
		if err != nil || r.Kind != "frontage" || r.SeenKind != "stacking" || r.State != alerts.Pending || !strings.HasPrefix(r.Text, "门外围栏") {
			t.Fatalf("%+v %v", r, err)
		}
		n, err := s.SampleCounts(as("operator"), "", "")
		if err != nil || len(n) != 1 || n[0].False != 1 || n[0].Corrected != 1 || n[0].CameraName != "点位cam1" {
			t.Fatalf("%+v %v", n, err)
		}
		if n, err := s.SampleCounts(as("xuhui"), "", ""); err != nil || len(n) != 0 {
			t.Fatalf("another district sees samples: %+v %v", n, err)
		}
	})
}

func TestPictureFaultMakesNoOrder(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s, k := newService(d)
		e := event(1, 1, "cam1", "", edgev1.Opened)
		e.Kind, e.Detail = edgev1.Picture, "镜头被遮挡"
		take(t, d, s, e)
		a := all(t, s, "operator", alerts.Filter{})[0]
		if a.ShopID != "" || !strings.Contains(a.Text, "镜头被遮挡") {
			t.Errorf("%+v", a)
		}
		_, err := s.Confirm(as("operator"), alerts.ConfirmInput{DecideInput: alerts.DecideInput{ID: a.ID, Rev: 1}})
		if errs.CodeOf(err) != errs.ConflictCode || len(k.made) != 0 {
			t.Fatalf("%v", err)
		}
	})
}

func TestSignWords(t *testing.T) {
	for _, c := range []struct {
		s    edgev1.SignReading
		want string
	}{
		{edgev1.SignReading{Verdict: edgev1.SignChanged, Registered: "依佳人网咖", Text: "老街坊面馆", Looks: 3, Votes: 3}, "店招疑似变更，登记店招“依佳人网咖”，现读出“老街坊面馆”，3 次识别中 3 次一致"},
		{edgev1.SignReading{Verdict: edgev1.SignCovered, Registered: "华科眼镜"}, "店招被遮挡，登记店招“华科眼镜”，没有读出"},
		{edgev1.SignReading{Verdict: edgev1.SignGone, Registered: "华科眼镜"}, "原位置未见店招，登记店招“华科眼镜”"},
		{edgev1.SignReading{Verdict: edgev1.SignUnreadable, Registered: "华科眼镜"}, "店招无法辨认，请人工核对，登记店招“华科眼镜”"},
	} {
		if got := alerts.SignText(c.s); got != c.want {
			t.Errorf("%s: %s", c.s.Verdict, got)
		}
	}
}

// TestGuardTable: every act in every state; what is not listed is refused.
func TestGuardTable(t *testing.T) {
	allowed := map[alerts.State]string{
		alerts.Pending: "confirm reject reclassify later", alerts.Later: "confirm reject reclassify", alerts.SelfResolved: "confirm reject",
	}
	at := clock.Ptr(testkit.Start())
	for _, st := range []alerts.State{alerts.Pending, alerts.Later, alerts.Confirmed, alerts.Merged, alerts.Rejected, alerts.SelfResolved} {
		a := alerts.Alert{No: "YJ1", State: st}
		if st != alerts.Pending && st != alerts.SelfResolved {
			a.DecidedAt, a.DecidedBy, a.DecidedName, a.Decision = at, "me", "演示研判员", alerts.Confirm
		}
		for _, act := range []alerts.Act{alerts.Confirm, alerts.Reject, alerts.Reclassify, alerts.Postpone} {
			err := alerts.Guard(a, act, "me", testkit.Start())
			want := strings.Contains(" "+allowed[st]+" ", " "+string(act)+" ")
			if (err == nil) != want {
				t.Errorf("%s in %s: %v", act, st, err)
			}
			if err != nil && errs.CodeOf(err) != errs.ConflictCode {
				t.Errorf("%s in %s: code %s", act, st, errs.CodeOf(err))
			}
		}
		if err := alerts.Guard(a, alerts.Undo, "me", testkit.Start()); (err == nil) != (a.DecidedAt != nil) {
			t.Errorf("undo in %s: %v", st, err)
		}
		if alerts.Guard(a, alerts.Undo, "other", testkit.Start()) == nil {
			t.Errorf("someone else may undo in %s", st)
		}
	}
}
