// Command exportdrill fills a database with orders and exports them all, as a
// job in a process of its own, and says how much memory that process had at
// its peak.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/orders"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/jobs"
	"jiexun/center/internal/transfer"
	"jiexun/center/migrations"
)

func main() {
	rows := flag.Int("rows", 1_000_000, "orders to export")
	url := flag.String("db", "", "sqlite:PATH or postgres://…; empty takes a file in a temporary folder")
	format := flag.String("format", "xlsx", "xlsx or csv")
	child := flag.String("child", "", "folder of exports: be the process that exports")
	flag.Parse()
	var err error
	if *child != "" {
		err = export(context.Background(), *url, *child, *format)
	} else {
		err = run(context.Background(), *url, *rows)
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "exportdrill:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url string, rows int) error {
	dir, err := os.MkdirTemp("", "exportdrill")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if url == "" {
		url = "sqlite:" + filepath.Join(dir, "center.db")
	}
	d, err := open(ctx, url)
	if err != nil {
		return err
	}
	began := time.Now()
	err = fill(ctx, d, rows)
	if err = errors.Join(err, d.Close()); err != nil {
		return err
	}
	fmt.Printf("%d orders were written in %s\n", rows, time.Since(began).Round(time.Second))
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, f := range []string{"xlsx", "csv"} {
		c := exec.CommandContext(ctx, self, "-child", filepath.Join(dir, "exports"), "-db", url, "-format", f) //nolint:gosec // itself
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		if err := c.Run(); err != nil {
			return err
		}
	}
	return nil
}

func open(ctx context.Context, url string) (*db.DB, error) {
	d, err := db.Open(ctx, url, clock.System{})
	if err != nil {
		return nil, err
	}
	if _, err = db.Migrate(ctx, d, migrations.FS); err == nil {
		err = jobs.Migrate(ctx, d)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// fill writes orders by one statement a batch; only what lists show differs.
func fill(ctx context.Context, d *db.DB, n int) error {
	const batch = 500
	columns := "id, no, kind, state, shop_id, shop_name, camera_id, camera_name, address, lng, lat, region_code, street_name, suggested_squad_id, suggested_squad, suggest_reason, squad_org_id, squad_name, officer_id, officer_name, evidence_use, thumb, result, result_note, alert_count, rule_id, limit_ms, near_ms, near_today, created_at, due_at, created_ymd, closed_ymd, text_key, rev"
	now := clock.At(d.Now())
	for at := 0; at < n; at += batch {
		err := d.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
			var b strings.Builder
			b.WriteString("INSERT INTO order_items (" + columns + ") VALUES ")
			for i := at; i < min(at+batch, n); i++ {
				if i > at {
					b.WriteByte(',')
				}
				made := int64(now) - int64(i)*1000
				fmt.Fprintf(&b, "('o%09d','GD%09d','stacking','dispatched','s%d','好吃面馆 %d 号店','c1','南京东路 %d 号球机','黄浦区南京东路 %d 号',121.47,31.23,'310101013','南京东路街道','','','','q1','南京东路中队','p1','演示队员','clue','','','',1,'order-rule-1',14400000,2880000,1,%d,%d,20261124,0,'t1',1)",
					i, i, i%997, i%997, i%300, i%900, made, made+14_400_000)
			}
			_, err := tx.NewRaw(b.String()).Exec(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("write orders: %w", err)
		}
	}
	return nil
}

func export(ctx context.Context, url, dir, format string) error {
	d, err := open(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	r := jobs.New(d, log, nil)
	who := access.Actor{ID: "drill", Name: "演练", Perms: map[string]bool{access.ExportData: true, access.OrderView: true}, Scope: access.Scope{Prefixes: []string{"31"}}}
	s, err := transfer.New(transfer.Options{DB: d, Jobs: r, Dir: dir, Log: log, Actor: func(context.Context, string) (access.Actor, error) { return who, nil }})
	if err != nil {
		return err
	}
	o := orders.New(orders.Options{DB: d, Wake: func() {}})
	s.Export(transfer.Exporter{
		Kind: "orders", Title: "工单", Perm: access.OrderView, Columns: orders.Columns(),
		Count: func(ctx context.Context, _ map[string]string) (int64, error) { return o.Count(ctx, orders.Filter{}) },
		Rows: func(ctx context.Context, _ map[string]string, emit func(...any) error) error {
			return o.Each(ctx, orders.Filter{}, emit)
		},
	})
	if err := r.Start(ctx); err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	ctx = access.With(ctx, who)
	began := time.Now()
	e, err := s.AskExport(ctx, transfer.ExportInput{Kind: "orders", Format: format, Reason: "演练"})
	if err != nil {
		return err
	}
	for {
		time.Sleep(200 * time.Millisecond)
		list, _, err := s.Exports(ctx, 1, 0)
		if err != nil {
			return err
		}
		switch x := list[0]; {
		case x.ID == e.ID && x.State == "done":
			peak, err := os.ReadFile("/proc/self/status")
			if err != nil {
				return err
			}
			for line := range bytes.Lines(peak) {
				if bytes.HasPrefix(line, []byte("VmHWM")) {
					fmt.Printf("%s: %d rows, %d MB file in %s; peak resident memory %s", format, x.Rows, x.Size>>20, time.Since(began).Round(time.Second), bytes.TrimPrefix(line, []byte("VmHWM:")))
				}
			}
			return nil
		case x.State == "failed" || x.State == "cancelled":
			return errors.New(x.Error)
		}
	}
}
