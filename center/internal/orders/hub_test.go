package orders_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/orders"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

// asked counts the looks that cameras were asked for.
type asked struct{ n int }

func (a *asked) AskRecheck(context.Context, db.Tx, orders.Order, time.Time) error {
	a.n++
	return nil
}

func withCameras(d *db.DB, a *asked) *orders.Service {
	return orders.New(orders.Options{
		DB: d, People: town{}, Clocks: fourHours{}, Cameras: a,
		Pictures: album{strings.Repeat("a", 64): exifPicture(121.4905, 31.2397, "2026:11:24 14:40:00"), strings.Repeat("b", 64): []byte("b")},
	})
}

// onSite brings a new order to where the officer stands before the shop.
func onSite(t testing.TB, d *db.DB, s *orders.Service, n int) orders.Order {
	t.Helper()
	ok := must(t)
	m := makeOrder(t, d, s, "operator", alert(n, "s1", "310101013"))
	o := ok(s.Assign(as(t, "dispatcher"), orders.AssignInput{ID: m.OrderID, Rev: 1, SquadID: "squad"}))
	o = ok(s.Assign(as(t, "leader"), orders.AssignInput{ID: o.ID, Rev: o.Rev, OfficerID: "officer"}))
	o = ok(s.Accept(as(t, "officer"), orders.AcceptInput{ID: o.ID, Rev: o.Rev}))
	return ok(s.Arrive(as(t, "officer"), orders.ArriveInput{ID: o.ID, Rev: o.Rev, Lng: 121.4905, Lat: 31.2397, AccuracyM: 8}))
}

func TestArrivalFarAwayNeedsAReason(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := newService(d)
		ok := must(t)
		m := makeOrder(t, d, s, "operator", alert(1, "s1", "310101013"))
		o := ok(s.Assign(as(t, "dispatcher"), orders.AssignInput{ID: m.OrderID, Rev: 1, SquadID: "squad"}))
		o = ok(s.Assign(as(t, "leader"), orders.AssignInput{ID: o.ID, Rev: o.Rev, OfficerID: "officer"}))
		o = ok(s.Accept(as(t, "officer"), orders.AcceptInput{ID: o.ID, Rev: o.Rev}))
		far := orders.ArriveInput{ID: o.ID, Rev: o.Rev, Lng: 121.4945, Lat: 31.2397, AccuracyM: 8}
		_, err := s.Arrive(as(t, "officer"), far)
		var e *errs.Error
		if !asErr(err, &e) || e.Code != errs.Invalid || e.Fields[0].Name != "reason" {
			t.Fatalf("far away without a reason: %v", err)
		}
		far.Reason = "门前施工"
		if o = ok(s.Arrive(as(t, "officer"), far)); o.State != orders.OnSite {
			t.Fatalf("state %s", o.State)
		}
	})
}

// A result that says that a case has to be filed leaves the order waiting for
// it, hands over everything, and can still be sent back.
func TestFilingHandsOverItsFacts(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := withCameras(d, &asked{})
		o := onSite(t, d, s, 1)
		ok := must(t)
		at := clock.At(testkit.Start())
		o = ok(s.Handle(as(t, "officer"), orders.HandleInput{
			ID: o.ID, Rev: o.Rev, Result: orders.Filed, Note: "拒不改正", Photos: []string{strings.Repeat("b", 64)},
			Shots: []orders.SiteShot{{SM3: strings.Repeat("b", 64), Original: strings.Repeat("a", 64), TakenAt: &at}},
		}))
		var got []orders.FilingEvent
		closed := 0
		bus := events.NewBus(d, testkit.Log(t), nil)
		bus.Subscribe(orders.TopicFiling, "test", func(_ context.Context, _ db.Tx, e events.Event) error {
			var x orders.FilingEvent
			err := e.Decode(&x)
			got = append(got, x)
			return err
		})
		bus.Subscribe(orders.TopicClosed, "test", func(context.Context, db.Tx, events.Event) error { closed++; return nil })
		o = ok(s.Review(as(t, "leader"), orders.ReviewInput{ID: o.ID, Rev: o.Rev, Pass: true}))
		if _, err := bus.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if o.State != orders.Filing || len(got) != 1 || closed != 0 {
			t.Fatalf("state %s, %d filings, %d closed", o.State, len(got), closed)
		}
		if x := got[0]; x.OrderID != o.ID || x.Note != "拒不改正" || len(x.AlertIDs) != 1 || len(x.Pictures) != 1 || len(x.Photos) != 1 || x.Photos[0].Original != strings.Repeat("a", 64) || x.ReviewedName != "演示中队长" {
			t.Errorf("facts %+v", x)
		}
		c, err := s.Counts(as(t, "dispatcher"), orders.Filter{})
		if err != nil || c.Filing != 1 || c.Overdue != 0 {
			t.Errorf("counts %+v %v", c, err)
		}
		if _, err := s.Review(as(t, "leader"), orders.ReviewInput{ID: o.ID, Rev: o.Rev, Pass: true}); errs.CodeOf(err) != errs.ConflictCode {
			t.Errorf("passed twice: %v", err)
		}
		// A new alert of the shop is a new order.
		if m := makeOrder(t, d, s, "operator", alert(2, "s1", "310101013")); m.Merged {
			t.Error("merged into an order that waits for its case")
		}
		if o = ok(s.Review(as(t, "leader"), orders.ReviewInput{ID: o.ID, Rev: o.Rev, Pass: false, Note: "缺询问笔录"})); o.State != orders.OnSite {
			t.Errorf("sent back: %s", o.State)
		}
	})
}

// The camera's second look proposes to close the order: one press, with the
// picture; a newer look takes the place of the older, told twice it is one.
func TestRecheckProposesToClose(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		cams := &asked{}
		s := withCameras(d, cams)
		o := onSite(t, d, s, 1)
		ok := must(t)
		o = ok(s.Recheck(as(t, "officer"), orders.RecheckInput{ID: o.ID, Rev: o.Rev}))
		if cams.n != 1 {
			t.Fatalf("%d looks asked for", cams.n)
		}
		tell := func(id string, clean bool) {
			t.Helper()
			b, err := json.Marshal(orders.Rechecked{ID: id, OrderID: o.ID, CameraID: "cam1", Clean: clean, Seen: true, At: clock.At(testkit.Start()), Evidence: []string{strings.Repeat("d", 64)}})
			if err != nil {
				t.Fatal(err)
			}
			err = d.InTx(context.Background(), func(ctx context.Context, tx db.Tx) error {
				return s.TakeRechecked(ctx, tx, events.Event{Payload: b})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		tell("r1", false)
		tell("r2", true)
		tell("r2", true)
		got, err := s.Get(as(t, "leader"), o.ID)
		if err != nil || len(got.Proposals) != 2 {
			t.Fatalf("%d proposals, %v", len(got.Proposals), err)
		}
		var open string
		for _, p := range got.Proposals {
			if p.State == "open" {
				open = p.ID
			}
		}
		if !strings.Contains(strings.Join(actsOf(got.Allowed), " "), "settle") || open == "" {
			t.Fatalf("allowed %v, proposals %+v", got.Allowed, got.Proposals)
		}
		if see, err := s.SeesBlob(as(t, "leader"), strings.Repeat("d", 64)); err != nil || !see {
			t.Errorf("the picture of the look: %v %v", see, err)
		}
		if _, err := s.Settle(as(t, "officer"), orders.SettleInput{ID: o.ID, Rev: o.Rev, Proposal: open, Take: true}); errs.CodeOf(err) != errs.ForbiddenCode {
			t.Errorf("the officer closed the own order: %v", err)
		}
		o = ok(s.Settle(as(t, "leader"), orders.SettleInput{ID: o.ID, Rev: o.Rev, Proposal: open, Take: true}))
		if o.State != orders.Closed || o.Result != orders.Corrected || o.HandledAt == nil {
			t.Errorf("closed by the look: %+v", o)
		}
		tell("r3", true)
		if got, err := s.Get(as(t, "leader"), o.ID); err != nil || len(got.Proposals) != 2 || len(got.Allowed) != 0 {
			t.Errorf("after closing: %d proposals, allowed %v, %v", len(got.Proposals), got.Allowed, err)
		}
	})
}

func actsOf(list []orders.Act) []string {
	out := []string{}
	for _, a := range list {
		out = append(out, string(a))
	}
	return out
}

func TestUrgeWaitsForTheRule(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s := newService(d)
		ok := must(t)
		m := makeOrder(t, d, s, "operator", alert(1, "s1", "310101013"))
		o := ok(s.Urge(as(t, "dispatcher"), orders.UrgeInput{ID: m.OrderID, Rev: 1, Note: "群众围观"}))
		if _, err := s.Urge(as(t, "dispatcher"), orders.UrgeInput{ID: o.ID, Rev: o.Rev}); errs.CodeOf(err) != errs.ConflictCode || !strings.Contains(err.Error(), "后可以再催") {
			t.Fatalf("urged at once again: %v", err)
		}
		c.Advance(30 * time.Minute)
		if o = ok(s.Urge(as(t, "dispatcher"), orders.UrgeInput{ID: o.ID, Rev: o.Rev})); o.Urged != 2 {
			t.Fatalf("urged %d times", o.Urged)
		}
		l, err := s.List(as(t, "dispatcher"), orders.Filter{Urged: true}, httpx.Paging{Page: 1, Size: 10})
		if err != nil || l.Total != 1 {
			t.Fatalf("%d urged, %v", l.Total, err)
		}
	})
}

// A batch hands on what it can and says of each other one why not; pressed
// twice it does nothing more.
func TestBatchGivesEachItsResult(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := newService(d)
		var ids []string
		for i := range 4 {
			ids = append(ids, makeOrder(t, d, s, "operator", alert(i+1, "shop"+string(rune('a'+i)), "310101013")).OrderID)
		}
		foreign := makeOrder(t, d, s, "operator", alert(9, "sx", "310104014")).OrderID
		plan, err := s.PlanBatch(as(t, "dispatcher"), append(ids, foreign))
		if err != nil || len(plan) != 4 {
			t.Fatalf("%d planned, %v", len(plan), err)
		}
		rows := []orders.DispatchRow{}
		for _, p := range plan {
			if p.To == nil || p.To.ID != "squad" || p.Officer {
				t.Fatalf("plan %+v", p)
			}
			rows = append(rows, orders.DispatchRow{ID: p.Order.ID, Rev: p.Order.Rev, SquadID: p.To.ID})
		}
		rows[1].Rev = 7
		rows = append(rows, orders.DispatchRow{ID: foreign, Rev: 1, SquadID: "squad"})
		for range 2 {
			res, err := s.Batch(as(t, "dispatcher"), rows, "", "press1")
			if err != nil || len(res) != 5 {
				t.Fatalf("%+v %v", res, err)
			}
			for i, r := range res {
				want := map[int]errs.Code{1: errs.ConflictCode, 4: errs.NotFoundCode}[i]
				if r.OK != (want == "") || r.Code != want {
					t.Errorf("row %d: %+v, want %q", i, r, want)
				}
			}
		}
		got, err := s.Get(as(t, "dispatcher"), ids[0])
		if err != nil || len(got.Timeline) != 2 {
			t.Fatalf("%d steps, %v", len(got.Timeline), err)
		}
		// The leader's go to officers, spread over them unless one is near.
		plan, err = s.PlanBatch(as(t, "leader"), ids)
		if err != nil || len(plan) != 4 || !plan[0].Officer || plan[0].To == nil || plan[1].To != nil {
			t.Fatalf("%+v %v", plan, err)
		}
		if _, err := s.Batch(as(t, "leader"), rows, "", ""); errs.CodeOf(err) != errs.Invalid {
			t.Errorf("a batch without a key: %v", err)
		}
	})
}

// Recall takes an alert out while nobody accepted, and only notes it after.
func TestRecall(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := newService(d)
		recall := func(order, alert string) bool {
			t.Helper()
			out := false
			err := d.InTx(as(t, "operator"), func(ctx context.Context, tx db.Tx) (err error) {
				out, err = s.Recall(ctx, tx, order, alert, "YJ", "店内装卸")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		a := makeOrder(t, d, s, "operator", alert(1, "s1", "310101013"))
		makeOrder(t, d, s, "operator", alert(2, "s1", "310101013"))
		if !recall(a.OrderID, "alert000002") || !recall(a.OrderID, "alert000001") || recall(a.OrderID, "alert000001") {
			t.Fatal("an order that nobody accepted")
		}
		if _, err := s.Get(as(t, "dispatcher"), a.OrderID); errs.CodeOf(err) != errs.NotFoundCode {
			t.Fatalf("not void: %v", err)
		}
		o := onSite(t, d, s, 3)
		if recall(o.ID, "alert000003") {
			t.Fatal("taken out of an order that is worked on")
		}
		got, err := s.Get(as(t, "officer"), o.ID)
		if err != nil || got.Timeline[len(got.Timeline)-1].Act != orders.StepRecalled || got.Order.Rev != o.Rev {
			t.Fatalf("%+v %v", got.Timeline, err)
		}
	})
}

func TestRulesAreVersions(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s := newService(d)
		keeper := access.With(context.Background(), person("sys", "演示管理员", "bureau", "bureau", "31", access.OrderRule))
		in := orders.HandlingRuleInput{Kind: "stacking", Name: "堆物", MergeHours: 2, WarnDistanceM: 50, UrgeMinutes: 5, Source: "待业务部门确认"}
		if _, err := s.Publish(as(t, "dispatcher"), in); errs.CodeOf(err) != errs.ForbiddenCode {
			t.Fatalf("published without the right: %v", err)
		}
		a := makeOrder(t, d, s, "operator", alert(1, "s1", "310101013"))
		c.Advance(time.Minute)
		if r, err := s.Publish(keeper, in); err != nil || r.Version != 1 {
			t.Fatalf("%+v %v", r, err)
		}
		c.Advance(3 * time.Hour)
		if m := makeOrder(t, d, s, "operator", alert(2, "s1", "310101013")); m.Merged {
			t.Error("merged after the new rule's two hours")
		}
		got, err := s.Get(as(t, "dispatcher"), a.OrderID)
		if err != nil || got.Rule.MergeHours != 24 {
			t.Errorf("the first order's rule %+v %v", got.Rule, err)
		}
		in.MergeHours = -1
		if _, err := s.Publish(keeper, in); errs.CodeOf(err) != errs.Invalid {
			t.Errorf("a wrong rule: %v", err)
		}
	})
}

// A place in a squad's area goes to that squad, before its street; one a
// little outside of every area to the nearest.
func TestAreas(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := newService(d)
		keeper := access.With(context.Background(), person("sys", "演示管理员", "bureau", "bureau", "31", access.OrderRule))
		file := `{"type":"FeatureCollection","features":[{"properties":{"region":"310101015","name":"南片"},"geometry":{"type":"Polygon","coordinates":[[[121.48,31.20],[121.50,31.20],[121.50,31.22],[121.48,31.22],[121.48,31.20]]]}}]}`
		if l, err := s.ImportAreas(keeper, []byte(file)); err != nil || len(l) != 1 {
			t.Fatalf("%+v %v", l, err)
		}
		for _, c := range []struct {
			p            orders.Place
			want, reason string
		}{
			{orders.Place{RegionCode: "310101013", Lng: 121.49, Lat: 31.21}, "squad2", "责任区“南片”内"},
			{orders.Place{RegionCode: "310101013", Lng: 121.49, Lat: 31.23}, "squad", "按点位地址推荐"},
			{orders.Place{RegionCode: "310101099", Lng: 121.49, Lat: 31.225}, "squad2", "最近"},
			{orders.Place{RegionCode: "310101099", Lng: 121.49, Lat: 31.30}, "", "由区局派发"},
		} {
			got, err := s.Suggest(t.Context(), "stacking", c.p)
			if err != nil || got.OrgID != c.want || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("%+v: %+v %v", c.p, got, err)
			}
		}
		for _, bad := range []string{`{}`, `[]`, `{"type":"FeatureCollection","features":[{}]}`, strings.Replace(file, "121.48,31.20", "31.20,121.48", 1), strings.Replace(file, "310101015", "310199", 1)} {
			if _, err := s.ImportAreas(keeper, []byte(bad)); errs.CodeOf(err) != errs.Invalid {
				t.Errorf("%.60s: %v", bad, err)
			}
		}
		l, err := s.Areas(keeper)
		if err != nil || len(l) != 1 || l[0].SquadName != "半淞园路街道中队" {
			t.Fatalf("%+v %v", l, err)
		}
		if err := s.DropArea(keeper, l[0].ID); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSavedFiltersAreOnesOwn(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := newService(d)
		l, err := s.SaveFilter(as(t, "leader"), orders.SavedFilter{Name: "我的超期", Query: map[string]string{"due": "overdue"}})
		if err != nil || len(l) != 1 {
			t.Fatalf("%+v %v", l, err)
		}
		if l, err = s.SaveFilter(as(t, "leader"), orders.SavedFilter{Name: "我的超期", Query: map[string]string{"due": "near"}}); err != nil || len(l) != 1 || l[0].Query["due"] != "near" {
			t.Fatalf("%+v %v", l, err)
		}
		if _, err := s.SaveFilter(as(t, "leader"), orders.SavedFilter{Name: "x", Query: map[string]string{"due": "never"}}); errs.CodeOf(err) != errs.Invalid {
			t.Errorf("a wrong filter: %v", err)
		}
		if l, err := s.SavedFilters(as(t, "officer")); err != nil || len(l) != 0 {
			t.Errorf("another's filters: %+v %v", l, err)
		}
		if err := s.DropFilter(as(t, "leader"), l[0].ID); err != nil {
			t.Fatal(err)
		}
	})
}

// exifPicture makes the head of a JPEG with an Exif segment.
func exifPicture(lng, lat float64, at string) []byte {
	le := binary.LittleEndian
	body := []byte("II*\x00\x08\x00\x00\x00")
	u16 := func(v uint16) { body = le.AppendUint16(body, v) }
	u32 := func(v uint32) { body = le.AppendUint32(body, v) }
	field := func(tag, kind uint16, n, v uint32) { u16(tag); u16(kind); u32(n); u32(v) }
	// Root at 8 (two pointers), Exif at 38 (one field), GPS at 56, data at 110.
	u16(2)
	field(0x8769, 4, 1, 38)
	field(0x8825, 4, 1, 56)
	u32(0)
	u16(1)
	field(0x9003, 2, 20, 110)
	u32(0)
	u16(4)
	field(1, 2, 2, uint32('N'))
	field(2, 5, 3, 130)
	field(3, 2, 2, uint32('E'))
	field(4, 5, 3, 154)
	u32(0)
	body = append(body, append([]byte(at), 0)...)
	for _, v := range []float64{lat, lng} {
		deg := uint32(v)
		sec := uint32((v - float64(deg)) * 3600 * 100)
		for _, x := range [][2]uint32{{deg, 1}, {sec / 6000, 1}, {sec % 6000, 100}} {
			u32(x[0])
			u32(x[1])
		}
	}
	seg := append([]byte("Exif\x00\x00"), body...)
	out := []byte{0xff, 0xd8, 0xff, 0xe1}
	out = binary.BigEndian.AppendUint16(out, uint16(len(seg)+2))
	return append(append(out, seg...), 0xff, 0xd9)
}

func TestReadExif(t *testing.T) {
	e := orders.ReadExif(bytes.NewReader(exifPicture(121.4905, 31.2397, "2026:11:24 14:40:00")))
	if e.At == nil || e.At.Time().Format(time.RFC3339) != "2026-11-24T06:40:00Z" {
		t.Errorf("taken at %v", e.At)
	}
	if e.Lng == nil || e.Lat == nil || *e.Lng < 121.4904 || *e.Lng > 121.4906 || *e.Lat < 31.2396 || *e.Lat > 31.2398 {
		t.Errorf("taken at %v %v", e.Lng, e.Lat)
	}
	for _, b := range [][]byte{nil, []byte("GIF89a"), {0xff, 0xd8}, {0xff, 0xd8, 0xff, 0xe1, 0, 0}, exifPicture(500, 31, "x")[:60]} {
		if e := orders.ReadExif(bytes.NewReader(b)); e != (orders.Exif{}) {
			t.Errorf("%x: %+v", b, e)
		}
	}
}

func FuzzReadExif(f *testing.F) {
	f.Add(exifPicture(121.4905, 31.2397, "2026:11:24 14:40:00"))
	f.Add([]byte{0xff, 0xd8, 0xff, 0xe1, 0, 0x10, 'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, '*', 0, 0, 0, 8})
	f.Fuzz(func(t *testing.T, b []byte) {
		e := orders.ReadExif(bytes.NewReader(b))
		if e.Lng != nil && (*e.Lng < -180 || *e.Lng > 180 || *e.Lat < -90 || *e.Lat > 90) {
			t.Fatalf("no place on earth: %v %v", *e.Lng, *e.Lat)
		}
	})
}

func FuzzParseAreas(f *testing.F) {
	f.Add([]byte(`{"type":"FeatureCollection","features":[{"properties":{"region":"310101015"},"geometry":{"type":"Polygon","coordinates":[[[121.48,31.20],[121.50,31.20],[121.50,31.22]]]}}]}`))
	f.Add([]byte(`{"type":"FeatureCollection","features":[{"geometry":{"type":"MultiPolygon","coordinates":[[]]}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := orders.ParseAreas(b)
		if (err == nil) == (len(l) == 0) {
			t.Fatalf("%d areas and %v", len(l), err)
		}
	})
}
