package audit_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/testkit"
)

func record(t *testing.T, d *db.DB, actor, region string) {
	t.Helper()
	ctx := caller.With(context.Background(), caller.Caller{ID: actor, Name: "演示" + actor, IP: "127.0.0.1", RequestID: "r"})
	err := d.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		return audit.Record(ctx, tx, audit.Entry{Act: "order.accept", Object: "order", ObjectID: "o1", RegionCode: region, Summary: "签收", Before: map[string]int{"rev": 1}, Reason: "x"})
	})
	if err != nil {
		t.Error(err)
	}
}

func verify(t *testing.T, d *db.DB) (int64, *audit.Fault) {
	t.Helper()
	n, f, err := audit.Verify(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return n, f
}

func TestChain(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		audit.Use(d, crypto.ForTest(t, d))
		var wg sync.WaitGroup
		for range 8 { // at the same time, and still one chain
			wg.Go(func() {
				for range 5 {
					record(t, d, "a", "310101013")
				}
			})
		}
		wg.Wait()
		if n, f := verify(t, d); n != 40 || f != nil {
			t.Fatalf("%d records, fault %v", n, f)
		}
		for name, tc := range map[string]struct {
			spoil, mend string
			seq         int64
			says        string
		}{
			"changed":     {"UPDATE audit_records SET reason = 'y' WHERE seq = 7", "UPDATE audit_records SET reason = 'x' WHERE seq = 7", 7, "改动"},
			"moved field": {"UPDATE audit_records SET act = 'order.acceptorder', object = '' WHERE seq = 9", "UPDATE audit_records SET act = 'order.accept', object = 'order' WHERE seq = 9", 9, "改动"},
			"head":        {"UPDATE audit_head SET seq = 41", "UPDATE audit_head SET seq = 40", 41, "删除"},
		} {
			if _, err := d.SQL().Exec(tc.spoil); err != nil {
				t.Fatal(err)
			}
			if _, f := verify(t, d); f == nil || f.Seq != tc.seq || !strings.Contains(f.Message, tc.says) {
				t.Errorf("%s: fault %+v", name, f)
			}
			if _, err := d.SQL().Exec(tc.mend); err != nil {
				t.Fatal(err)
			}
		}
		if _, f := verify(t, d); f != nil {
			t.Fatalf("mended, and still %+v", f)
		}
		for _, q := range []struct {
			sql string
			seq int64
		}{{"DELETE FROM audit_records WHERE seq = 40", 40}, {"DELETE FROM audit_records WHERE seq = 20", 20}} {
			if _, err := d.SQL().Exec(q.sql); err != nil {
				t.Fatal(err)
			}
			if _, f := verify(t, d); f == nil || f.Seq != q.seq {
				t.Errorf("%s: fault %+v", q.sql, f)
			}
		}
	})
}

func TestList(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		record(t, d, "a", "310101013")
		record(t, d, "b", "310104")
		record(t, d, "c", "")
		for name, tc := range map[string]struct {
			f    audit.Filter
			want int64
		}{
			"city":     {audit.Filter{Prefixes: []string{"31"}}, 3},
			"district": {audit.Filter{Prefixes: []string{"310101"}}, 1},
			"nothing":  {audit.Filter{}, 0},
			"actor":    {audit.Filter{Prefixes: []string{"31"}, Actor: "演示b"}, 1},
			"object":   {audit.Filter{Prefixes: []string{"31"}, Object: "o1", Act: "accept", Q: "签收"}, 3},
			"by id":    {audit.Filter{Prefixes: []string{"31"}, Q: "o1"}, 3},
			"region":   {audit.Filter{Prefixes: []string{"31"}, Region: "310104"}, 1},
			"future":   {audit.Filter{Prefixes: []string{"31"}, From: clock.At(testkit.Start().AddDate(1, 0, 0))}, 0},
			"per cent": {audit.Filter{Prefixes: []string{"31"}, Q: "%"}, 0},
		} {
			list, n, err := audit.List(t.Context(), d, tc.f, 10, 0)
			if err != nil || n != tc.want || int64(len(list)) != tc.want {
				t.Errorf("%s: %d of %d, want %d, %v", name, len(list), n, tc.want, err)
			}
		}
	})
}
