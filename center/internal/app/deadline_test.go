package app

import (
	"context"
	"strings"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/orders"
	"jiexun/center/internal/platform/db"
)

// An order's clock begins with it, agrees with the order about its end, tells
// the squad once it is overdue, and falls silent when the result is in.
func TestClockOfAnOrder(t *testing.T) {
	c := newCity(t)
	c.report(t, 1, 1, 0, edgev1.Frontage, edgev1.Opened, strings.Repeat("a", 64))
	a := call[page](t, c, "caozuo", "GET", "/api/alerts?tab=pending", nil).Items[0]
	made := call[struct{ OrderID string }](t, c, "caozuo", "POST", "/api/alerts/"+a.ID+"/confirm", map[string]any{"rev": a.Rev})
	base := "/api/orders/" + made.OrderID
	type clock struct {
		ID        string
		DueAt     *time.Time
		Remaining struct{ State, Text string }
	}
	one := func() clock {
		t.Helper()
		list := call[[]clock](t, c, "paidan", "GET", "/api/deadline/records/order/"+made.OrderID+"/clocks", nil)
		if len(list) != 1 {
			t.Fatalf("clocks %+v", list)
		}
		return list[0]
	}
	due := call[struct{ DueAt time.Time }](t, c, "paidan", "GET", base, nil).DueAt
	if k := one(); k.DueAt == nil || !k.DueAt.Equal(due) || k.Remaining.State == "over" {
		t.Fatalf("clock %+v, the order is due %s", k, due)
	}
	// fire lets everything fire that is due by now.
	fire := func() {
		t.Helper()
		if _, err := c.a.jobs.Fire(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.drain(t)
	}
	notices := func(account string) int64 {
		t.Helper()
		n := int64(0)
		for _, x := range call[todos](t, c, account, "GET", "/api/todos?tab=group", nil).Items {
			if x.Key == "level" {
				n++
			}
		}
		return n
	}
	fire()
	if n := notices("zhongdui"); n != 0 {
		t.Fatalf("%d notices before the end", n)
	}
	later := func(d time.Duration) {
		c.clock.Advance(d)
		c.heads = map[string]map[string]string{} // the sessions have run out
	}
	later(due.Sub(c.clock.Now()) + time.Second)
	fire()
	fire()
	if n := notices("zhongdui"); n != 1 || one().Remaining.State != "over" {
		t.Fatalf("%d notices after the end, clock %+v", n, one())
	}
	if l := call[struct{ Total int64 }](t, c, "paidan", "GET", "/api/deadline/clocks?state=over", nil); l.Total != 1 {
		t.Fatalf("the monitor shows %d overdue", l.Total)
	}
	if l := call[struct{ Total int64 }](t, c, "xitong", "GET", "/api/deadline/clocks?state=over", nil); l.Total != 0 {
		t.Fatalf("somebody without the orders sees %d", l.Total)
	}
	later(2 * time.Hour) // the next level is for the district
	fire()
	if a, b := notices("zhongdui"), notices("paidan"); a != 0 || b != 1 {
		t.Fatalf("second level: %d and %d notices", a, b)
	}
	err := c.a.db.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
		return orderClocks{c.a.deadline}.OrderClock(ctx, tx, orders.Order{ID: made.OrderID, State: orders.Handled}, false)
	})
	if err != nil {
		t.Fatal(err)
	}
	c.drain(t)
	if n := notices("paidan"); n != 0 || one().Remaining.State != "done" {
		t.Fatalf("%d notices after the clock ended", n)
	}
}
