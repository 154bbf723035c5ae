package db_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/testkit"
)

type word string

type bulkRow struct {
	bun.BaseModel `bun:"table:bulk,alias:b"`

	ID    int64 `bun:",pk"`
	Text  string
	Kind  word
	Share float64
	At    clock.Stamp
	EndAt *clock.Stamp
}

func TestInsertAll(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		if _, err := d.SQL().Exec("CREATE TABLE bulk (id BIGINT PRIMARY KEY, text TEXT NOT NULL, kind TEXT NOT NULL, share DOUBLE PRECISION NOT NULL, at BIGINT NOT NULL, end_at BIGINT)"); err != nil {
			t.Fatal(err)
		}
		// 1024 rows have their own statement, and so have the rest's parts.
		rows := make([]bulkRow, 1024+77)
		for i := range rows {
			rows[i] = bulkRow{ID: int64(i), Text: fmt.Sprintf("门前 '%d' ?? $1 \x01", i), Kind: "a", Share: float64(i) / 3, At: clock.At(testkit.Start())}
			if i%2 == 0 {
				rows[i].EndAt = &rows[i].At
			}
		}
		insert := func(list []bulkRow, suffix string) error {
			return d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error { return db.InsertAll(ctx, tx, list, suffix) })
		}
		if err := insert(nil, ""); err != nil {
			t.Fatalf("no rows: %v", err)
		}
		if err := insert(rows, ""); err != nil {
			t.Fatal(err)
		}
		var got []bulkRow
		if err := d.Read().NewSelect().Model(&got).Order("id").Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		same := func(a, b bulkRow) bool {
			end := a.EndAt == nil && b.EndAt == nil || a.EndAt != nil && b.EndAt != nil && *a.EndAt == *b.EndAt
			a.EndAt, b.EndAt = nil, nil
			return end && a == b
		}
		if !slices.EqualFunc(got, rows, same) {
			t.Fatalf("%d rows were written, %d are there or differ", len(rows), len(got))
		}
		if err := insert(rows[:3], ""); !db.Duplicate(err) {
			t.Errorf("a key that is there: %v", err)
		}
		rows[2].ID = 5000
		if err := insert(rows[:3], "ON CONFLICT DO NOTHING"); err != nil {
			t.Fatal(err)
		}
		if n, err := d.Read().NewSelect().Model((*bulkRow)(nil)).Count(t.Context()); err != nil || int(n) != len(rows)+1 {
			t.Errorf("%d rows, want %d; %v", n, len(rows)+1, err)
		}
	})
}
