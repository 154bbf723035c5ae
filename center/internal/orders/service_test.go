package orders_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/deadline"
	"jiexun/center/internal/orders"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

// town is the organisation tree of these tests: two squads of 黄浦.
type town struct{}

func (town) SquadOf(_ context.Context, code string) (orders.Org, bool, error) {
	switch {
	case strings.HasPrefix(code, "310101013"):
		return orders.Org{ID: "squad", Name: "外滩街道中队", Kind: "squad", RegionCode: "310101013"}, true, nil
	case strings.HasPrefix(code, "310101015"):
		return orders.Org{ID: "squad2", Name: "半淞园路街道中队", Kind: "squad", RegionCode: "310101015"}, true, nil
	}
	return orders.Org{}, false, nil
}

func (town) DistrictOf(_ context.Context, code string) (orders.Org, bool, error) {
	return orders.Org{ID: "district", Name: "黄浦区局", Kind: "district", RegionCode: "310101"}, strings.HasPrefix(code, "310101"), nil
}

func (w town) Org(ctx context.Context, id string) (orders.Org, bool, error) {
	switch id {
	case "squad":
		return w.SquadOf(ctx, "310101013")
	case "squad2":
		return w.SquadOf(ctx, "310101015")
	case "district":
		return w.DistrictOf(ctx, "310101")
	}
	return orders.Org{}, false, nil
}

func (town) Officer(_ context.Context, id string) (orders.Officer, bool, error) {
	switch id {
	case "officer":
		return orders.Officer{ID: id, Name: "演示队员", OrgID: "squad", Handles: true}, true, nil
	case "officer2":
		return orders.Officer{ID: id, Name: "演示队员二", OrgID: "squad", Handles: true}, true, nil
	case "stranger":
		return orders.Officer{ID: id, Name: "别队队员", OrgID: "squad2", Handles: true}, true, nil
	}
	return orders.Officer{}, false, nil
}

func (w town) Officers(ctx context.Context, squad string) ([]orders.Officer, error) {
	out := []orders.Officer{}
	for _, id := range []string{"officer", "officer2", "stranger"} {
		if o, ok, err := w.Officer(ctx, id); err != nil || ok && o.OrgID == squad {
			out = append(out, o)
		}
	}
	return out, nil
}

func (town) StreetIn(district, address string) (orders.Street, bool) {
	if district == "310101" && strings.Contains(address, "半淞园路街道") {
		return orders.Street{Code: "310101015", Name: "半淞园路街道"}, true
	}
	return orders.Street{}, false
}

// album holds the uploaded pictures.
type album map[string][]byte

func (a album) Has(_ context.Context, sm3 string) (bool, error) { return a[sm3] != nil, nil }

func (a album) Open(_ context.Context, sm3 string) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(a[sm3])), nil
}

// fourHours is a clock on which every order has four hours, the last of them
// near.
type fourHours struct{}

func (fourHours) Plan(_ context.Context, _ string, at time.Time, limit time.Duration) (orders.Term, error) {
	if limit == 0 {
		limit = 4 * time.Hour
	}
	return orders.Term{DueAt: clock.At(at.Add(limit)), Near: limit / 4, Rule: orders.TermRule{Name: "到场反馈", Version: 1}}, nil
}

func (fourHours) RuleOf(context.Context, string) (orders.TermRule, bool, error) {
	return orders.TermRule{Name: "到场反馈", Version: 1}, true, nil
}

func (fourHours) OrderClock(context.Context, db.Tx, orders.Order, bool) error { return nil }

func person(id, name, org, level, scope string, perms ...string) access.Actor {
	a := access.Actor{ID: id, Name: name, OrgID: org, OrgName: org, OrgLevel: level, Perms: map[string]bool{"order.view": true}}
	for _, p := range perms {
		a.Perms[p] = true
	}
	if scope != "" {
		a.Scope = access.Scope{Prefixes: []string{scope}}
	}
	return a
}

func people() map[string]access.Actor {
	return map[string]access.Actor{
		"operator":   person("operator", "演示研判员", "bureau", "bureau", "31", "alert.view", "alert.decide"),
		"dispatcher": person("dispatcher", "演示派单员", "district", "district", "310101", "order.dispatch", "order.review", "order.urge", "alert.decide"),
		"leader":     person("leader", "演示中队长", "squad", "squad", "310101013", "order.assign", "order.review"),
		"leader2":    person("leader2", "演示中队长二", "squad2", "squad", "310101015", "order.assign", "order.review"),
		"officer":    person("officer", "演示队员", "squad", "squad", "310101013", "order.handle"),
		"officer2":   person("officer2", "演示队员二", "squad", "squad", "310101013", "order.handle"),
		"xuhui":      person("xuhui", "演示徐汇派单员", "district2", "district", "310104", "order.dispatch", "order.review"),
		"nobody":     person("nobody", "演示无范围", "x", "unit", ""),
	}
}

// as puts a person into the context.
func as(t testing.TB, name string) context.Context {
	t.Helper()
	a, ok := people()[name]
	if !ok {
		t.Fatalf("no person %q", name)
	}
	return access.With(context.Background(), a)
}

func newService(d *db.DB) *orders.Service {
	return orders.New(orders.Options{
		DB: d, People: town{}, Clocks: fourHours{},
		Pictures: album{strings.Repeat("a", 64): []byte("a"), strings.Repeat("b", 64): []byte("b")},
	})
}

// alert makes the input of a confirmed alert.
func alert(n int, shop, region string) orders.MakeInput {
	id := fmt.Sprintf("alert%06d", n)
	return orders.MakeInput{
		AlertID: id, AlertNo: fmt.Sprintf("YJ20261124-%05d", n), Kind: "stacking", ShopID: shop, ShopName: "商铺" + shop,
		CameraID: "cam1", CameraName: "外滩一号", Address: "中山东一路 1 号", Lng: 121.4905, Lat: 31.2397, RegionCode: region,
		StreetName: "外滩街道", EvidenceUse: "evidence", Thumb: strings.Repeat("c", 64), Pictures: []string{strings.Repeat("c", 64)},
		Facts: "人行道有物品静置", Merge: true,
	}
}

func makeOrder(t testing.TB, d *db.DB, s *orders.Service, by string, in orders.MakeInput) orders.Made {
	t.Helper()
	var m orders.Made
	err := d.InTx(as(t, by), func(ctx context.Context, tx db.Tx) (err error) {
		m, err = s.Make(ctx, tx, in)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// must gives the order of an act that has to work.
func must(t testing.TB) func(orders.Order, error) orders.Order {
	t.Helper()
	return func(o orders.Order, err error) orders.Order {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
}

func TestJourneyFromConfirmedToClosed(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s := newService(d)
		m := makeOrder(t, d, s, "operator", alert(1, "s1", "310101013"))
		if m.OrderNo != "GD20261124-0001" || m.Merged {
			t.Fatalf("made %+v", m)
		}
		c.Advance(time.Minute)
		o := must(t)(s.Assign(as(t, "dispatcher"), orders.AssignInput{ID: m.OrderID, Rev: 1, SquadID: "squad", Note: "请先劝导"}))
		o = must(t)(s.Assign(as(t, "leader"), orders.AssignInput{ID: o.ID, Rev: o.Rev, OfficerID: "officer"}))
		o = must(t)(s.Accept(as(t, "officer"), orders.AcceptInput{ID: o.ID, Rev: o.Rev}))
		o = must(t)(s.Arrive(as(t, "officer"), orders.ArriveInput{ID: o.ID, Rev: o.Rev, Lng: 121.4945, Lat: 31.2397, AccuracyM: 8, Reason: "门前施工，停在路口"}))
		o = must(t)(s.Handle(as(t, "officer"), orders.HandleInput{ID: o.ID, Rev: o.Rev, Result: orders.Corrected, Note: "已搬回店内", Photos: []string{strings.Repeat("a", 64)}}))
		o = must(t)(s.Review(as(t, "leader"), orders.ReviewInput{ID: o.ID, Rev: o.Rev, Pass: false, Note: "缺全景照片"}))
		o = must(t)(s.Handle(as(t, "officer"), orders.HandleInput{ID: o.ID, Rev: o.Rev, Result: orders.Corrected, Photos: []string{strings.Repeat("b", 64)}}))
		c.Advance(time.Hour)
		o = must(t)(s.Review(as(t, "dispatcher"), orders.ReviewInput{ID: o.ID, Rev: o.Rev, Pass: true}))
		if o.State != orders.Closed || o.ClosedAt == nil {
			t.Fatalf("state %s", o.State)
		}
		got, err := s.Get(as(t, "operator"), o.ID)
		if err != nil {
			t.Fatal(err)
		}
		var acts []string
		for _, st := range got.Timeline {
			acts = append(acts, string(st.Act)+":"+st.Actor)
		}
		want := "created:演示研判员 assign:演示派单员 assign:演示中队长 accept:演示队员 arrive:演示队员 handle:演示队员 reviewFailed:演示中队长 handle:演示队员 reviewed:演示派单员"
		if strings.Join(acts, " ") != want {
			t.Errorf("timeline %s", acts)
		}
		if a := got.Timeline[4]; a.DistM == nil || *a.DistM < 300 || *a.DistM > 450 || !strings.Contains(a.Text, "超过 200 米") {
			t.Errorf("arrival %+v %q", a.DistM, a.Text)
		}
		if len(got.After) != 1 || got.After[0].SM3 != strings.Repeat("b", 64) || len(got.Allowed) != 0 {
			t.Errorf("after %v, allowed %v", got.After, got.Allowed)
		}
		if n, fault, err := audit.Verify(context.Background(), d); err != nil || fault != nil || n != 9 {
			t.Errorf("audit: %d records, fault %v, %v", n, fault, err)
		}
	})
}

func TestOutOfScopeIsNotFound(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := newService(d)
		m := makeOrder(t, d, s, "operator", alert(1, "s1", "310101013"))
		for _, p := range []string{"xuhui", "nobody", "leader2"} {
			if _, err := s.Get(as(t, p), m.OrderID); errs.CodeOf(err) != errs.NotFoundCode {
				t.Errorf("%s sees the order: %v", p, err)
			}
			if _, err := s.Return(as(t, p), orders.ReturnInput{ID: m.OrderID, Rev: 1, Reason: "x"}); errs.CodeOf(err) != errs.NotFoundCode {
				t.Errorf("%s acts on the order: %v", p, err)
			}
			if ok, err := s.SeesBlob(as(t, p), strings.Repeat("c", 64)); ok || err != nil {
				t.Errorf("%s sees the picture: %v %v", p, ok, err)
			}
		}
		// Sent across the street's border, the other squad sees it.
		o := must(t)(s.Assign(as(t, "dispatcher"), orders.AssignInput{ID: m.OrderID, Rev: 1, SquadID: "squad2"}))
		if _, err := s.Get(as(t, "leader2"), o.ID); err != nil {
			t.Errorf("the squad it was sent to does not see it: %v", err)
		}
		if ok, err := s.SeesBlob(as(t, "leader2"), strings.Repeat("c", 64)); !ok || err != nil {
			t.Errorf("nor its picture: %v %v", ok, err)
		}
	})
}

func TestConcurrentActsOneWins(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := newService(d)
		m := makeOrder(t, d, s, "operator", alert(1, "s1", "310101013"))
		var wg sync.WaitGroup
		var mu sync.Mutex
		won, lost := 0, 0
		for range 20 {
			wg.Go(func() {
				_, err := s.Assign(as(t, "dispatcher"), orders.AssignInput{ID: m.OrderID, Rev: 1, SquadID: "squad"})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case errs.CodeOf(err) == errs.ConflictCode && strings.Contains(err.Error(), "演示派单员 14:30"):
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
	})
}

func TestRetryWithTheSameKeyIsAnsweredLikeTheFirst(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := newService(d)
		m := makeOrder(t, d, s, "operator", alert(1, "s1", "310101013"))
		in := orders.AssignInput{ID: m.OrderID, Rev: 1, SquadID: "squad", Key: "k1"}
		first := must(t)(s.Assign(as(t, "dispatcher"), in))
		again := must(t)(s.Assign(as(t, "dispatcher"), in))
		if first != again {
			t.Fatalf("first %+v, again %+v", first, again)
		}
		got, err := s.Get(as(t, "dispatcher"), m.OrderID)
		if err != nil || len(got.Timeline) != 2 {
			t.Fatalf("%d steps, %v", len(got.Timeline), err)
		}
	})
}

func TestMergeWithdrawAndLimits(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s := newService(d)
		a := makeOrder(t, d, s, "operator", alert(1, "s1", "310101013"))
		in := alert(2, "s1", "310101013")
		in.EvidenceUse = "clue"
		b := makeOrder(t, d, s, "operator", in)
		if !b.Merged || b.OrderID != a.OrderID {
			t.Fatalf("not merged: %+v", b)
		}
		got, err := s.Get(as(t, "dispatcher"), a.OrderID)
		if err != nil || got.Order.AlertCount != 2 || got.Order.EvidenceUse != "clue" {
			t.Fatalf("%+v %v", got.Order, err)
		}
		withdraw := func(order, alert string, merged bool) error {
			return d.InTx(as(t, "operator"), func(ctx context.Context, tx db.Tx) error {
				return s.Withdraw(ctx, tx, order, alert, alert, merged)
			})
		}
		if err := withdraw(b.OrderID, "alert000002", true); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Urge(as(t, "dispatcher"), orders.UrgeInput{ID: a.OrderID, Rev: 3}); err != nil {
			t.Fatal(err)
		}
		if err := withdraw(a.OrderID, "alert000001", false); errs.CodeOf(err) != errs.ConflictCode {
			t.Fatalf("an order that was touched was voided: %v", err)
		}
		other := makeOrder(t, d, s, "operator", alert(3, "s2", "310101013"))
		if err := withdraw(other.OrderID, "alert000003", false); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(as(t, "dispatcher"), other.OrderID); errs.CodeOf(err) != errs.NotFoundCode {
			t.Fatalf("a voided order is still there: %v", err)
		}
		third := makeOrder(t, d, s, "operator", alert(4, "s2", "310101013"))
		if third.Merged || third.OrderNo != "GD20261124-0003" {
			t.Fatalf("number used twice or merged into a voided order: %+v", third)
		}
		c.Advance(24 * time.Hour)
		late := makeOrder(t, d, s, "operator", alert(5, "s1", "310101013"))
		if late.Merged {
			t.Fatal("merged after the window")
		}
	})
}

func TestParallelConfirmationsOfOneShopMakeOneOrder(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := newService(d)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() { makeOrder(t, d, s, "operator", alert(i+1, "s1", "310101013")) })
		}
		wg.Wait()
		res, err := s.List(as(t, "dispatcher"), orders.Filter{}, httpx.Paging{Page: 1, Size: 50})
		if err != nil || res.Total != 1 || res.Items[0].AlertCount != 20 {
			t.Fatalf("%d orders, %v, %+v", res.Total, err, res.Items)
		}
	})
}

func TestFiredLevelsAreNotedOnce(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s := newService(d)
		m := makeOrder(t, d, s, "operator", alert(1, "s1", "310101013"))
		c.Advance(5 * time.Hour)
		fire := func(record, level string, round int) {
			t.Helper()
			payload, err := json.Marshal(deadline.Fired{Record: record, RecordID: m.OrderID, Kind: deadline.FiredLevel, Level: level, Label: "通知中队长", Round: round})
			if err != nil {
				t.Fatal(err)
			}
			err = d.InTx(context.Background(), func(ctx context.Context, tx db.Tx) error {
				return s.TakeFired(ctx, tx, events.Event{Topic: deadline.TopicFired, Payload: payload})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, x := range []struct {
			record, level string
			round, want   int
		}{{"order", "over", 1, 2}, {"order", "over", 1, 2}, {"case", "over2", 1, 2}, {"order", "over2", 1, 3}, {"order", "over", 2, 4}} {
			fire(x.record, x.level, x.round)
			got, err := s.Get(as(t, "dispatcher"), m.OrderID)
			if err != nil || len(got.Timeline) != x.want {
				t.Fatalf("after %+v: %d steps, want %d, %v", x, len(got.Timeline), x.want, err)
			}
			if got.Order.Rev != 1 {
				t.Fatalf("a level changed the order: rev %d", got.Order.Rev)
			}
		}
	})
}

func TestSuggestedSquad(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := newService(d)
		for _, c := range []struct{ bound, region, address, want, reason string }{
			{"", "310101013", "", "squad", "按点位地址推荐"},
			{"squad2", "310101013", "", "squad2", "点位指定"},
			{"district", "310101013", "", "squad", "按点位地址推荐"}, // no squad: the binding is void
			{"", "310101099", "黄浦区半淞园路街道某路 1 号", "squad2", "地址写明半淞园路街道"},
			{"", "310101099", "某路 1 号", "", "由区局派发"},
			{"", "", "", "", "请人工选择"},
		} {
			got, err := s.Suggest(context.Background(), "stacking", orders.Place{BoundSquadID: c.bound, RegionCode: c.region, StreetName: "某街道", Address: c.address})
			if err != nil || got.OrgID != c.want || !strings.Contains(got.Reason, c.reason) || got.Limit != 4*time.Hour {
				t.Errorf("%+v: %+v %v", c, got, err)
			}
		}
	})
}
