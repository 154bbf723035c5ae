package jobs_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/jobs"
	"jiexun/center/internal/platform/testkit"
)

// Of two centers one runs the job; the other takes over when the first has
// been silent for three intervals. A panic ends the run only.
func TestOneRunner(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		var a, b atomic.Int32
		one, two := jobs.New(d, testkit.Log(t), nil), jobs.New(d, testkit.Log(t), nil)
		one.Every("x", "甲", time.Minute, func(ctx context.Context) error {
			if caller.From(ctx).Name != "甲" {
				t.Error("the job has no name as the caller")
			}
			a.Add(1)
			return nil
		})
		two.Every("x", "乙", time.Minute, func(context.Context) error { b.Add(1); panic("a fault of the code") })
		for range 3 {
			if err := one.RunOnce(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
			if err := two.RunOnce(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
		}
		if a.Load() != 3 || b.Load() != 0 {
			t.Fatalf("runs %d and %d, want 3 and 0", a.Load(), b.Load())
		}
		c.Advance(3*time.Minute + time.Second)
		if err := two.RunOnce(t.Context(), "x"); err == nil {
			t.Fatal("the panic was not reported")
		}
		if err := one.RunOnce(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		if a.Load() != 3 || b.Load() != 1 {
			t.Fatalf("runs %d and %d, want 3 and 1", a.Load(), b.Load())
		}
	})
}
