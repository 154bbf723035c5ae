package events_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/testkit"
)

func publish(t *testing.T, d *db.DB, topic string, list ...any) {
	t.Helper()
	err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
		for _, v := range list {
			if err := events.Publish(ctx, tx, topic, v); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, d *db.DB, q string) int {
	t.Helper()
	var n int
	if err := d.SQL().QueryRow(q).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func drain(t *testing.T, b *events.Bus) int {
	t.Helper()
	n, err := b.Drain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Each consumer takes each event once and in order; one that fails does not
// keep the others of its group, and is tried again after a pause.
func TestDelivery(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		if _, err := d.SQL().Exec("CREATE TABLE took (who TEXT, what TEXT, PRIMARY KEY (who, what))"); err != nil {
			t.Fatal(err)
		}
		bus := events.NewBus(d, testkit.Log(t), nil)
		broken := true
		take := func(who string) events.Handler {
			return func(ctx context.Context, tx db.Tx, e events.Event) error {
				var v string
				if err := e.Decode(&v); err != nil {
					return err
				}
				if _, err := tx.NewRaw("INSERT INTO took VALUES (?, ?)", who, v).Exec(ctx); err != nil {
					return err
				}
				if v == "3" && who == "b" && broken {
					return errors.New("broken")
				}
				return nil
			}
		}
		bus.Subscribe("x", "a", take("a"))
		bus.Subscribe("x", "b", take("b"))
		publish(t, d, "x", "1", "2", "3", "4")
		publish(t, d, "nobody", "5")
		for drain(t, bus) > 0 {
			continue
		}
		if n := count(t, d, "SELECT COUNT(*) FROM took"); n != 6 {
			t.Fatalf("%d deliveries stored, want 6: the failed one must leave nothing", n)
		}
		if n := count(t, d, "SELECT COUNT(*) FROM event_outbox"); n != 1 {
			t.Fatalf("%d events wait, want 1", n)
		}
		broken = false
		if n := drain(t, bus); n != 0 {
			t.Fatalf("%d events were taken before their pause was over", n)
		}
		c.Advance(2 * time.Second)
		drain(t, bus)
		if n := count(t, d, "SELECT COUNT(*) FROM took"); n != 8 {
			t.Fatalf("%d deliveries stored, want 8", n)
		}
		if n := count(t, d, "SELECT COUNT(*) FROM event_outbox") + count(t, d, "SELECT COUNT(*) FROM event_taken"); n != 0 {
			t.Fatalf("%d rows are left", n)
		}
	})
}

func TestDeadEvent(t *testing.T) {
	c := clock.NewFake(testkit.Start())
	d := testkit.SQLite(t, c)
	bus := events.NewBus(d, testkit.Log(t), nil)
	tries := 0
	bus.Subscribe("x", "a", func(context.Context, db.Tx, events.Event) error { tries++; return errors.New("never") })
	publish(t, d, "x", "1")
	for range 3 * events.MaxAttempts {
		drain(t, bus)
		c.Advance(10 * time.Minute)
	}
	if n := count(t, d, "SELECT COUNT(*) FROM event_outbox WHERE dead = 1"); n != 1 {
		t.Fatalf("%d dead events, want 1", n)
	}
	if tries != 2*events.MaxAttempts { // in the group, then alone
		t.Errorf("%d tries, want %d", tries, 2*events.MaxAttempts)
	}
}

// Events of a transaction that failed are never delivered; several dispatchers
// at the same time deliver each event once.
func TestConcurrentDispatchers(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		if _, err := d.SQL().Exec("CREATE TABLE took (what INTEGER PRIMARY KEY)"); err != nil {
			t.Fatal(err)
		}
		err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
			if err := events.Publish(ctx, tx, "x", 999); err != nil {
				return err
			}
			return errors.New("failed")
		})
		if err == nil {
			t.Fatal("the transaction did not fail")
		}
		const total = 300
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		done := make(chan struct{}, total)
		for range 3 {
			bus := events.NewBus(d, testkit.Log(t), nil)
			bus.Subscribe("x", "a", func(ctx context.Context, tx db.Tx, e events.Event) error {
				var n int
				if err := e.Decode(&n); err != nil {
					return err
				}
				tx.AfterCommit(func() { done <- struct{}{} })
				_, err := tx.NewRaw("INSERT INTO took VALUES (?)", n).Exec(ctx) // twice would fail
				return err
			})
			bus.Start(ctx)
			defer bus.Close()
		}
		for i := range total {
			publish(t, d, "x", i)
		}
		for i := range total {
			select {
			case <-done:
			case <-ctx.Done():
				t.Fatalf("%d of %d events were delivered", i, total)
			}
		}
		if n := count(t, d, fmt.Sprintf("SELECT COUNT(*) FROM took WHERE what < %d", total)); n != total {
			t.Fatalf("%d events stored, want %d", n, total)
		}
	})
}
