package db_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/migrations"
)

func TestTransactions(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		if _, err := d.SQL().Exec("CREATE TABLE n (id INTEGER PRIMARY KEY, v INTEGER)"); err != nil {
			t.Fatal(err)
		}
		after := 0
		boom := errors.New("boom")
		err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
			tx.AfterCommit(func() { after++ })
			if _, err := tx.NewRaw("INSERT INTO n VALUES (1, 0)").Exec(ctx); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) || after != 0 {
			t.Fatalf("failed transaction: %v, %d functions after it", err, after)
		}
		func() {
			defer func() { _ = recover() }()
			_ = d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
				_, _ = tx.NewRaw("INSERT INTO n VALUES (1, 0)").Exec(ctx)
				panic("a fault of the code")
			})
		}()
		err = d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
			tx.AfterCommit(func() { after++ })
			before := tx.Now()
			c.Advance(time.Hour)
			if !tx.Now().Equal(before) || before.Nanosecond()%1e6 != 0 {
				t.Errorf("time moved within a transaction, or is finer than a millisecond")
			}
			if e := d.InTx(ctx, func(context.Context, db.Tx) error { return nil }); e == nil {
				t.Error("a transaction inside another one was allowed")
			}
			_, err := tx.NewRaw("INSERT INTO n VALUES (1, 0)").Exec(ctx)
			return err
		})
		if err != nil || after != 1 {
			t.Fatalf("transaction after a failed and a panicked one: %v, %d functions after it", err, after)
		}
		_, err = d.SQL().Exec("INSERT INTO n VALUES (1, 0)")
		if !db.Duplicate(err) || db.Busy(err) {
			t.Errorf("a broken key is not seen as one: %v", err)
		}
	})
}

// Reading and then writing in many goroutines loses no update.
func TestReadThenWrite(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		if _, err := d.SQL().Exec("CREATE TABLE n (id INTEGER PRIMARY KEY, v INTEGER)"); err != nil {
			t.Fatal(err)
		}
		if _, err := d.SQL().Exec("INSERT INTO n VALUES (1, 0)"); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		errs := make(chan error, 400)
		for range 16 {
			wg.Go(func() {
				for range 25 {
					errs <- d.InTx(context.Background(), func(ctx context.Context, tx db.Tx) error {
						var v int
						if err := db.ForUpdate(tx, tx.NewSelect().TableExpr("n").Column("v").Where("id = 1")).Scan(ctx, &v); err != nil {
							return err
						}
						_, err := tx.NewRaw("UPDATE n SET v = ? WHERE id = 1", v+1).Exec(ctx)
						return err
					})
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
		var v int
		if err := d.SQL().QueryRow("SELECT v FROM n").Scan(&v); err != nil || v != 400 {
			t.Fatalf("counted %d, want 400 (%v)", v, err)
		}
	})
}

func TestReadingPoolCannotWrite(t *testing.T) {
	d := testkit.SQLite(t, clock.System{})
	if _, err := d.Read().NewRaw("CREATE TABLE x (id INTEGER)").Exec(t.Context()); err == nil {
		t.Error("wrote through the reading pool")
	}
}

func TestBadAddress(t *testing.T) {
	for _, a := range []string{"", "mysql://x", "sqlite:", "sqlite:/nowhere/at/all/x.db"} {
		if _, err := db.Open(t.Context(), a, clock.System{}); err == nil {
			t.Errorf("opened %q", a)
		}
	}
}

// Both databases get the same tables, columns, indexes and views.
func TestSchemasAreEqual(t *testing.T) {
	lists := map[string]string{}
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		again, err := db.Migrate(t.Context(), d, migrations.FS)
		if err != nil || len(again) != 0 {
			t.Fatalf("second migration applies %v, %v", again, err)
		}
		l, err := db.Tables(t.Context(), d)
		if err != nil || len(l) < 50 {
			t.Fatalf("%d objects, %v", len(l), err)
		}
		name := "sqlite"
		if d.Postgres() {
			name = "postgres"
		}
		lists[name] = strings.Join(l, "\n")
	})
	if p, ok := lists["postgres"]; ok && p != lists["sqlite"] {
		t.Errorf("schemas differ:\n%s", difference(lists["sqlite"], p))
	}
}

func difference(a, b string) string {
	in := func(s string) map[string]bool {
		m := map[string]bool{}
		for _, l := range strings.Split(s, "\n") {
			m[l] = true
		}
		return m
	}
	x, y := in(a), in(b)
	out := []string{}
	for l := range x {
		if !y[l] {
			out = append(out, "only SQLite: "+l)
		}
	}
	for l := range y {
		if !x[l] {
			out = append(out, "only PostgreSQL: "+l)
		}
	}
	return strings.Join(out, "\n")
}
