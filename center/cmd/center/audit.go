package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"jiexun/center/internal/app"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/migrations"
)

type auditCmd struct {
	Verify  auditVerify  `cmd:"" help:"Check the chain of audit records, or an archive of them."`
	Archive auditArchive `cmd:"" help:"Move old audit records into signed files."`
}

// keyed opens the database alone, with the keys that are there, so that a
// check adds nothing to what it checks.
func (w *Where) keyed(ctx context.Context, f func(ctx context.Context, d *db.DB, k *crypto.Keys) error) error {
	url, err := app.DatabaseURL(w.Data, w.DB)
	if err != nil {
		return err
	}
	d, err := db.Open(ctx, url, clock.System{})
	if err != nil {
		return err
	}
	if _, err := db.Migrate(ctx, d, migrations.FS); err != nil {
		return errors.Join(err, d.Close())
	}
	o := crypto.FromEnv(app.KeyDir(w.Data), slog.New(slog.NewTextHandler(io.Discard, nil)))
	o.ReadOnly = true
	k, err := crypto.Open(ctx, d, o)
	if err != nil {
		return errors.Join(err, d.Close())
	}
	audit.Use(d, k)
	return errors.Join(f(ctx, d, k), d.Close())
}

type auditVerify struct {
	Archive []string `help:"Archive file (.ndjson) to check instead of the database." type:"path"`
	Anchor  string   `help:"Anchor file to compare with; default the one in the data folder." type:"path"`
}

// Run implements kong's command.
func (c *auditVerify) Run(ctx context.Context, w *Where) error {
	return w.keyed(ctx, func(ctx context.Context, d *db.DB, k *crypto.Keys) error {
		for _, f := range c.Archive {
			n, fault, err := audit.VerifyArchive(f, k)
			if err != nil {
				return err
			}
			if fault != nil {
				return fmt.Errorf("archive %s is broken at record %d: %s", f, fault.Seq, fault.Message)
			}
			fmt.Printf("archive %s is whole: %d records\n", f, n)
		}
		if len(c.Archive) > 0 {
			return nil
		}
		anchor := c.Anchor
		if anchor == "" {
			anchor = app.AuditAnchor(w.Data)
		}
		n, fault, err := audit.VerifyFrom(ctx, d, anchor)
		if err != nil {
			return err
		}
		if fault != nil {
			return fmt.Errorf("audit chain is broken at record %d: %s", fault.Seq, fault.Message)
		}
		fmt.Printf("audit chain is whole: %d records\n", n)
		return nil
	})
}

type auditArchive struct {
	KeepDays int    `help:"Days that records stay in the database, at least 180." default:"365"`
	Out      string `help:"Folder of the files; default audit/archive in the data folder." type:"path"`
}

// Run implements kong's command.
func (c *auditArchive) Run(ctx context.Context, w *Where) error {
	return w.keyed(ctx, func(ctx context.Context, d *db.DB, _ *crypto.Keys) error {
		dir := c.Out
		if dir == "" {
			dir = filepath.Join(w.Data, "audit", "archive")
		}
		out, err := audit.Archive(ctx, d, dir, time.Duration(c.KeepDays)*24*time.Hour)
		for _, f := range out.Files {
			fmt.Println(f)
		}
		fmt.Printf("%d records were archived\n", out.Rows)
		return err
	})
}
