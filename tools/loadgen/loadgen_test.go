package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"jiexun/tools/internal/boxlink"
)

// TestSmallRun measures a real center with few events; the figures mean
// nothing, but every part of the measurement runs, and everything that was
// acknowledged is stored.
func TestSmallRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	bin, err := boxlink.BuildCenter(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o := options{CenterBin: bin, Boxes: 2, Cameras: 2, Events: 700, DB: "sqlite", Repeat: 1}
	if o.PG = os.Getenv("CENTER_TEST_PG"); o.PG != "" {
		o.DB = "both"
	}
	var out bytes.Buffer
	if err := run(ctx, o, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"hub_messages", "alert_items", "alert_events", "alert_blobs", "ratio"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
}

// TestBareLoopWritesEverything compares the loop's database with its source.
func TestBareLoopWritesEverything(t *testing.T) {
	ctx := t.Context()
	from, to := schema(t), schema(t)
	const n = 2345
	tx, err := from.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := tx.ExecContext(ctx, `INSERT INTO item VALUES (?, ?)`, i, "text"); err != nil {
			t.Fatal(err)
		}
		for k := range 3 {
			if _, err := tx.ExecContext(ctx, `INSERT INTO part VALUES (?, ?)`, i, k); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	tables, err := from.filled(ctx, map[string]int{}, n)
	if err != nil {
		t.Fatal(err)
	}
	if len(tables) != 2 || tables[0].name != "item" {
		t.Fatalf("tables %+v", tables)
	}
	took, err := bareLoop(ctx, to, tables, n)
	if err != nil || took <= 0 {
		t.Fatal(took, err)
	}
	got, err := to.counts(ctx)
	if err != nil || got["item"] != n || got["part"] != 3*n || got["still"] != 0 {
		t.Fatalf("%v, %v", got, err)
	}
	if _, err := from.filled(ctx, map[string]int{"item": n/100 + 1}, n); err == nil {
		t.Error("a table that held rows before is compared")
	}
}

func schema(t *testing.T) *database {
	t.Helper()
	d, err := openDB("sqlite:" + t.TempDir() + "/x.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	_, err = d.Exec(`CREATE TABLE item (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
		CREATE TABLE part (item INTEGER NOT NULL REFERENCES item (id), n INTEGER NOT NULL, PRIMARY KEY (item, n));
		CREATE TABLE still (id INTEGER PRIMARY KEY)`)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRefusesNonsense(t *testing.T) {
	for _, o := range []options{{}, {Boxes: 1, Cameras: 1, Events: 1, DB: "postgres", Repeat: 1}, {Boxes: 5, Cameras: 1, Events: 3, DB: "sqlite", Repeat: 1}} {
		if err := run(t.Context(), o, &bytes.Buffer{}); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
