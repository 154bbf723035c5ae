package crypto

import (
	"context"
	"log/slog"

	"jiexun/center/internal/platform/db"
)

// TB is what ForTest needs of a test.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
}

// ForTest opens keys over a database of a test, under a fixed master key.
func ForTest(t TB, d *db.DB) *Keys {
	t.Helper()
	env := func(name string) string {
		if name == EnvMaster {
			return "0123456789abcdeffedcba9876543210"
		}
		return ""
	}
	k, err := Open(context.Background(), d, Options{Getenv: env, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("open keys: %v", err)
	}
	return k
}
