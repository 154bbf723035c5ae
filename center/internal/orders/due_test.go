package orders_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jiexun/center/internal/orders"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/testkit"
)

func asErr(err error, target **errs.Error) bool { return errors.As(err, target) }

func TestDueStates(t *testing.T) {
	now := testkit.Start() // 14:30 in Shanghai
	open := func(near, left time.Duration) orders.Order {
		return orders.Order{State: orders.Dispatched, DueAt: clock.At(now.Add(left)), NearMS: near.Milliseconds()}
	}
	for _, c := range []struct {
		name string
		o    orders.Order
		want orders.DueState
	}{
		{"just over", open(time.Hour, -time.Millisecond), orders.Over},
		{"at the deadline", open(0, 0), orders.Near},
		{"as much left as is near", open(2*time.Hour, 2*time.Hour), orders.Near},
		{"a little more left", open(2*time.Hour, 2*time.Hour+time.Millisecond), orders.Normal},
	} {
		if got, _ := c.o.Due(now); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestHandledOrderStopsItsClock(t *testing.T) {
	now := testkit.Start()
	o := orders.Order{State: orders.OnSite, DueAt: clock.At(now.Add(time.Hour))}
	o = o.Finish(orders.Corrected, "", "officer", clock.At(now))
	if st, left := o.Due(now.Add(48 * time.Hour)); st != orders.Done || left != time.Hour {
		t.Fatalf("handled: %s %s", st, left)
	}
	o = o.Reviewed(false, clock.At(now))
	if st, _ := o.Due(now.Add(48 * time.Hour)); st != orders.Over {
		t.Fatalf("sent back on site the clock must run on, got %s", st)
	}
}

// TestDueOnlyGetsWorse: as time goes by an open order goes from normal to
// near to over and never back, and the time left is always due minus now.
func TestDueOnlyGetsWorse(t *testing.T) {
	rank := map[orders.DueState]int{orders.Normal: 0, orders.Near: 1, orders.Over: 2}
	rapid.Check(t, func(t *rapid.T) {
		limit := time.Duration(rapid.Int64Range(1, 90*24*60).Draw(t, "limit")) * time.Minute
		start := testkit.Start().Add(time.Duration(rapid.Int64Range(0, 86400).Draw(t, "start")) * time.Second)
		percent := rapid.Int64Range(0, 100).Draw(t, "percent")
		o := orders.Order{
			State:   rapid.SampledFrom([]orders.State{orders.Dispatched, orders.Accepted, orders.OnSite, orders.Returned}).Draw(t, "state"),
			DueAt:   clock.At(start.Add(limit)),
			NearMS:  limit.Milliseconds() * percent / 100,
			LimitMS: limit.Milliseconds(),
		}
		worst, at := 0, start
		for range 20 {
			at = at.Add(time.Duration(rapid.Int64Range(0, limit.Milliseconds()/8+1).Draw(t, "step")) * time.Millisecond)
			st, left := o.Due(at)
			if rank[st] < worst {
				t.Fatalf("%s after rank %d at %s", st, worst, at)
			}
			worst = rank[st]
			if left != o.DueAt.Time().Sub(at) || (st == orders.Over) != (left < 0) {
				t.Fatalf("%s with %s left", st, left)
			}
		}
	})
}
