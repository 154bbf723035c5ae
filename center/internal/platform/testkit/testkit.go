// Package testkit gives tests a real database each, and tables of HTTP
// scenarios through a real fiber app.
package testkit

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/migrations"
)

// Start is where fake clocks of tests begin: a Tuesday in Shanghai, 14:30.
func Start() time.Time { return time.Date(2026, 11, 24, 6, 30, 0, 0, time.UTC) }

// EachDB runs the test on a fresh SQLite database, and on a fresh schema of
// PostgreSQL when CENTER_TEST_PG holds the address of a cluster.
func EachDB(t *testing.T, f func(t *testing.T, d *db.DB, c *clock.Fake)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		c := clock.NewFake(Start())
		f(t, SQLite(t, c), c)
	})
	if os.Getenv("CENTER_TEST_PG") != "" {
		t.Run("postgres", func(t *testing.T) {
			c := clock.NewFake(Start())
			f(t, Postgres(t, c), c)
		})
	}
}

// SQLite makes a migrated database in a temporary folder.
func SQLite(t testing.TB, c clock.Clock) *db.DB {
	t.Helper()
	return open(t, "sqlite:"+filepath.Join(t.TempDir(), "center.db"), c)
}

// Postgres makes a migrated schema of its own in the cluster of
// CENTER_TEST_PG and drops it after the test.
func Postgres(t testing.TB, c clock.Clock) *db.DB {
	t.Helper()
	base := os.Getenv("CENTER_TEST_PG")
	if base == "" {
		t.Fatal("CENTER_TEST_PG must hold the address of a PostgreSQL cluster")
	}
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails since Go 1.24
	name := "t_" + hex.EncodeToString(b)
	admin, err := sql.Open("pgx", base)
	if err != nil {
		t.Fatalf("open %s: %v", base, err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	if _, err := admin.Exec("CREATE SCHEMA " + name); err != nil {
		t.Fatalf("create schema: %v", err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec("DROP SCHEMA " + name + " CASCADE"); err != nil {
			t.Errorf("drop schema: %v", err)
		}
	})
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("CENTER_TEST_PG: %v", err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return open(t, u.String(), c)
}

func open(t testing.TB, address string, c clock.Clock) *db.DB {
	t.Helper()
	ctx := context.Background()
	d, err := db.Open(ctx, address, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close database: %v", err)
		}
	})
	if _, err := db.Migrate(ctx, d, migrations.FS); err != nil {
		t.Fatal(err)
	}
	return d
}

// Log gives a logger that writes to the test's log.
func Log(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
}
