package orders_test

import (
	"context"
	"testing"

	"jiexun/center/internal/access"
	"jiexun/center/internal/orders"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/testkit"
)

// A squad goes into another: what is open goes with its officer and its
// state, what is closed stays, and the event told twice changes nothing more.
func TestOrdersOfAMergedSquadMoveOn(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := newService(d)
		ok := must(t)
		work := makeOrder(t, d, s, "dispatcher", alert(1, "s1", "310101013"))
		o := ok(s.Assign(as(t, "dispatcher"), orders.AssignInput{ID: work.OrderID, Rev: 1, SquadID: "squad"}))
		o = ok(s.Assign(as(t, "leader"), orders.AssignInput{ID: o.ID, Rev: o.Rev, OfficerID: "officer"}))
		o = ok(s.Accept(as(t, "officer"), orders.AcceptInput{ID: o.ID, Rev: o.Rev}))
		waits := makeOrder(t, d, s, "operator", alert(2, "s2", "310101013")) // only suggested
		old := makeOrder(t, d, s, "dispatcher", alert(3, "s3", "310101013"))
		if _, err := d.SQL().Exec("UPDATE order_items SET state = 'closed', squad_org_id = 'squad', squad_name = '外滩街道中队' WHERE id = '" + old.OrderID + "'"); err != nil {
			t.Fatal(err)
		}
		bus := events.NewBus(d, testkit.Log(t), nil)
		bus.Subscribe(access.TopicMerged, "orders", s.TakeMerged)
		merge := func(from, into string) {
			t.Helper()
			err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
				return events.Publish(ctx, tx, access.TopicMerged, access.Merged{From: from, Into: into, By: "sys"})
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := bus.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		get := func(id string) orders.Detail {
			t.Helper()
			x, err := s.Get(as(t, "dispatcher"), id)
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
		merge("squad", "district") // no squad: nothing to do
		merge("squad", "squad2")
		got := get(work.OrderID)
		if got.Order.SquadOrgID != "squad2" || got.Order.SquadName != "半淞园路街道中队" || got.Order.OfficerID != "officer" || got.Order.State != orders.Accepted || got.Order.Rev != o.Rev+1 {
			t.Fatalf("moved %+v", got.Order)
		}
		if last := got.Timeline[len(got.Timeline)-1]; last.Act != orders.StepMoved || last.Text != "外滩街道中队并入半淞园路街道中队，工单随转" {
			t.Errorf("timeline ends with %+v", last)
		}
		if x := get(waits.OrderID).Order; x.SuggestedSquadID != "squad2" || x.SquadOrgID != "" {
			t.Errorf("suggested %+v", x)
		}
		if x := get(old.OrderID).Order; x.SquadOrgID != "squad" {
			t.Errorf("a closed order went to %s", x.SquadOrgID)
		}
		merge("squad", "squad2")
		if again := get(work.OrderID); again.Order.Rev != got.Order.Rev || len(again.Timeline) != len(got.Timeline) {
			t.Errorf("told twice: %+v", again.Order)
		}
		// The leader of the other squad goes on with it.
		if _, err := s.Reassign(as(t, "leader2"), orders.AssignInput{ID: work.OrderID, Rev: got.Order.Rev, OfficerID: "stranger", Note: "换人处置"}); err != nil {
			t.Errorf("the new leader cannot assign: %v", err)
		}
	})
}
