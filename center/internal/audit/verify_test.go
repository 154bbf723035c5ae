package audit_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/testkit"
)

func run(t *testing.T, d *db.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := d.SQL().Exec(s); err != nil {
			t.Fatal(err)
		}
	}
}

// Records of before the keys stay verifiable, and nobody goes back to plain
// digests.
func TestOldRecordsAndNewOnes(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		for range 3 {
			record(t, d, "a", "310101")
		}
		keys := crypto.ForTest(t, d)
		audit.Use(d, keys)
		if n, f := verify(t, d); n != 3 || f != nil {
			t.Fatalf("plain: %d, %v", n, f)
		}
		for range 3 {
			record(t, d, "b", "310101")
		}
		if n, f := verify(t, d); n != 6 || f != nil {
			t.Fatalf("mixed: %d, %v", n, f)
		}
		var seen string
		if err := d.SQL().QueryRow("SELECT digest FROM audit_records WHERE seq = 4").Scan(&seen); err != nil || !strings.HasPrefix(seen, "hmac:") {
			t.Errorf("digest %q, %v", seen, err)
		}
		run(t, d, "UPDATE audit_records SET alg = 'sm3' WHERE seq = 5")
		if _, f := verify(t, d); f == nil || f.Seq != 5 {
			t.Errorf("back to plain: %v", f)
		}
		run(t, d, "UPDATE audit_records SET alg = 'hmac-sm3' WHERE seq = 5", "UPDATE audit_records SET summary = 'x' WHERE seq = 2")
		if _, f := verify(t, d); f == nil || f.Seq != 2 {
			t.Errorf("changed old record: %v", f)
		}
	})
}

// Cutting the tail together with the head's note shows by the head's code, and
// by the anchor outside the database.
func TestTailDeletion(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		audit.Use(d, crypto.ForTest(t, d))
		for range 5 {
			record(t, d, "a", "310101")
		}
		var old struct {
			digest, mac string
		}
		if err := d.SQL().QueryRow("SELECT digest, mac FROM audit_head").Scan(&old.digest, &old.mac); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			record(t, d, "a", "310101")
		}
		anchor := filepath.Join(t.TempDir(), "audit", "anchor.json")
		if err := audit.SetAnchor(t.Context(), d, anchor); err != nil {
			t.Fatal(err)
		}
		if n, f, err := audit.VerifyFrom(t.Context(), d, anchor); n != 8 || f != nil || err != nil {
			t.Fatalf("whole: %d, %v, %v", n, f, err)
		}
		run(t, d, "DELETE FROM audit_records WHERE seq > 5", "UPDATE audit_head SET seq = 5, digest = '"+old.digest+"'")
		if _, f := verify(t, d); f == nil || f.Seq != 6 {
			t.Errorf("cut with a head of one's own: %v", f)
		}
		// An old head put back whole is true in itself; the anchor knows better.
		run(t, d, "UPDATE audit_head SET mac = '"+old.mac+"'")
		if _, f := verify(t, d); f != nil {
			t.Errorf("old head: %v", f)
		}
		if _, f, err := audit.VerifyFrom(t.Context(), d, anchor); err != nil || f == nil || f.Seq != 6 || !strings.Contains(f.Message, "锚点") {
			t.Errorf("old head against the anchor: %v, %v", f, err)
		}
		b, err := os.ReadFile(anchor)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(anchor, bytes.Replace(b, []byte(`"seq":8`), []byte(`"seq":5`), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, f, err := audit.VerifyFrom(t.Context(), d, anchor); err != nil || f == nil || !strings.Contains(f.Message, "改动") {
			t.Errorf("changed anchor: %v, %v", f, err)
		}
	})
}

// Verification beside running work sees no fault where there is none.
func TestVerifyWhileRecording(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		audit.Use(d, crypto.ForTest(t, d))
		var wg sync.WaitGroup
		wg.Go(func() {
			for range 60 {
				record(t, d, "a", "310101")
			}
		})
		for range 20 {
			if _, f := verify(t, d); f != nil {
				t.Errorf("fault %v", f)
				break
			}
		}
		wg.Wait()
	})
}

func TestArchive(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		keys := crypto.ForTest(t, d)
		record(t, d, "old", "310101") // before the keys
		audit.Use(d, keys)
		for range 9 {
			record(t, d, "a", "310101")
		}
		c.Advance(200 * 24 * time.Hour)
		for range 4 {
			record(t, d, "b", "310101")
		}
		dir := t.TempDir()
		if _, err := audit.Archive(t.Context(), d, dir, 90*24*time.Hour); err == nil {
			t.Error("archived what the law keeps")
		}
		// A stop between file and removal: the row of the note cannot be
		// written. Nothing is lost, and the next run does it.
		run(t, d, "ALTER TABLE audit_archives RENAME COLUMN sm3 TO sm3_away")
		if _, err := audit.Archive(t.Context(), d, dir, 180*24*time.Hour); err == nil {
			t.Fatal("archived without a note")
		}
		run(t, d, "ALTER TABLE audit_archives RENAME COLUMN sm3_away TO sm3")
		if n, f := verify(t, d); n != 14 || f != nil {
			t.Fatalf("after a stopped run: %d records, %v", n, f)
		}
		got, err := audit.Archive(t.Context(), d, dir, 180*24*time.Hour)
		if err != nil || got.Rows != 10 || len(got.Files) != 1 {
			t.Fatalf("archived %+v, %v", got, err)
		}
		if n, f := verify(t, d); n != 4 || f != nil {
			t.Fatalf("the rest: %d records, %v", n, f)
		}
		record(t, d, "b", "310101")
		if n, f := verify(t, d); n != 5 || f != nil {
			t.Fatalf("after more work: %d records, %v", n, f)
		}
		if n, f, err := audit.VerifyArchive(got.Files[0], keys); n != 10 || f != nil || err != nil {
			t.Fatalf("archive: %d, %v, %v", n, f, err)
		}
		if again, err := audit.Archive(t.Context(), d, dir, 180*24*time.Hour); err != nil || again.Rows != 0 {
			t.Errorf("archived %+v again, %v", again, err)
		}
		spoilArchive(t, got.Files[0], keys)
		// A forged note that hides records.
		run(t, d, "UPDATE audit_archives SET manifest = '{\"format\":1,\"file\":\"x\",\"from\":1,\"to\":10}'")
		if _, _, err := audit.Verify(t.Context(), d); err == nil {
			t.Error("a forged note is accepted")
		}
	})
}

// spoilArchive changes the archive in ways that must be named.
func spoilArchive(t *testing.T, file string, keys *crypto.Keys) {
	t.Helper()
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	for name, tc := range map[string]struct {
		text []byte
		seq  int64
	}{
		"summary":      {bytes.Replace(whole, []byte(`"summary":"签收"`), []byte(`"summary":"签退"`), 1), 1},
		"fourth":       {bytes.Join([][]byte{bytes.Join(lines[:3], nil), bytes.Replace(lines[3], []byte(`"ip":"127`), []byte(`"ip":"126`), 1), bytes.Join(lines[4:], nil)}, nil), 4},
		"line is gone": {bytes.Join(append(append([][]byte{}, lines[:5]...), lines[6:]...), nil), 6},
		"cut":          {bytes.Join(lines[:8], nil), 9},
		"not JSON":     {append(append([]byte{}, lines[0]...), 'x', '\n'), 2},
		"blank":        {append(append([]byte{}, whole...), '\n'), 11},
	} {
		if err := os.WriteFile(file, tc.text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, f, err := audit.VerifyArchive(file, keys); err != nil || f == nil || f.Seq != tc.seq {
			t.Errorf("%s: fault %v, %v; want at %d", name, f, err, tc.seq)
		}
	}
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := os.ReadFile(audit.ManifestName(file))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(audit.ManifestName(file), bytes.Replace(m, []byte(`"to": 10`), []byte(`"to": 11`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, f, err := audit.VerifyArchive(file, keys); err != nil || f == nil || !strings.Contains(f.Message, "签名") {
		t.Errorf("changed manifest: %v, %v", f, err)
	}
	if err := os.WriteFile(audit.ManifestName(file), m, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTimelineAndEach(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		for i := range 3 {
			record(t, d, fmt.Sprint(i), "310101")
		}
		list, err := audit.Timeline(t.Context(), d, "order", "o1")
		if err != nil || len(list) != 3 || list[0].Seq != 1 {
			t.Errorf("timeline %v, %v", list, err)
		}
		var seen []int64
		n, err := audit.Each(t.Context(), d, audit.Filter{Prefixes: []string{"31"}}, 2, func(i audit.Item) error { seen = append(seen, i.Seq); return nil })
		if err != nil || n != 2 || seen[0] != 3 {
			t.Errorf("each: %d, %v, %v", n, seen, err)
		}
		boom := errors.New("boom")
		if _, err := audit.Each(t.Context(), d, audit.Filter{Prefixes: []string{"31"}}, 9, func(audit.Item) error { return boom }); !errors.Is(err, boom) {
			t.Errorf("failed writer: %v", err)
		}
	})
}

// BenchmarkAppend measures acts a second, each one transaction of its own, by
// eight people at once: the chain's head is locked by each in turn.
func BenchmarkAppend(b *testing.B) {
	open := map[string]func() *db.DB{"sqlite": func() *db.DB { return testkit.SQLite(b, clock.System{}) }}
	if os.Getenv("CENTER_TEST_PG") != "" {
		open["postgres"] = func() *db.DB { return testkit.Postgres(b, clock.System{}) }
	}
	for name, f := range open {
		for _, coded := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/coded=%v", name, coded), func(b *testing.B) {
				d := f()
				if coded {
					audit.Use(d, crypto.ForTest(b, d))
				}
				work := make(chan struct{})
				var wg sync.WaitGroup
				b.ResetTimer()
				for range 8 {
					wg.Go(func() {
						for range work {
							err := d.InTx(context.Background(), func(ctx context.Context, tx db.Tx) error {
								return audit.Record(ctx, tx, audit.Entry{Act: "order.accept", Object: "order", ObjectID: "o1", Summary: "签收", Before: map[string]int{"rev": 1}})
							})
							if err != nil && !errors.Is(err, sql.ErrTxDone) {
								b.Error(err)
							}
						}
					})
				}
				for range b.N {
					work <- struct{}{}
				}
				close(work)
				wg.Wait()
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
			})
		}
	}
}

// BenchmarkVerify measures records checked a second.
func BenchmarkVerify(b *testing.B) {
	d := testkit.SQLite(b, clock.System{})
	audit.Use(d, crypto.ForTest(b, d))
	const rows = 20_000
	for range rows / 500 {
		err := d.InTx(b.Context(), func(ctx context.Context, tx db.Tx) error {
			for range 500 {
				if err := audit.Record(ctx, tx, audit.Entry{Act: "order.accept", Object: "order", ObjectID: "o1", Summary: "签收", Before: map[string]int{"rev": 1}}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for range b.N {
		if n, f, err := audit.Verify(b.Context(), d); n != rows || f != nil || err != nil {
			b.Fatal(n, f, err)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
