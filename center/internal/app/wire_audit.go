package app

import (
	"context"
	"path/filepath"
	"time"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
)

// topicAuditBroken is told once for each fault of the chain.
const topicAuditBroken = "audit.broken"

// auditBroken is its payload.
type auditBroken struct {
	Seq     int64       `json:"seq"`
	Message string      `json:"message"`
	At      clock.Stamp `json:"at"`
}

// defaultAuditKeep is how many days records stay in the database when nothing
// else is said.
const defaultAuditKeep = 365

func (a *App) wireAudit() {
	a.jobs.Every("audit.verify", "核验审计链", time.Hour, func(ctx context.Context) error {
		_, err := a.checkAudit(ctx)
		return err
	})
	if a.o.AuditKeepDays >= 0 {
		a.jobs.Every("audit.archive", "归档审计记录", 24*time.Hour, a.archiveAudit)
	}
}

// AuditAnchor is the file outside the database, in a data folder, that knows
// the chain's end.
func AuditAnchor(data string) string { return filepath.Join(data, "audit", "anchor.json") }

func (a *App) auditArchiveDir() string { return filepath.Join(a.o.Data, "audit", "archive") }

// checkAudit walks the chain, notes the outcome, and tells of a fault that the
// last check had not found.
func (a *App) checkAudit(ctx context.Context) (audit.Check, error) {
	began := time.Now()
	c := audit.Check{At: clock.At(a.db.Now()), By: caller.From(ctx).Name}
	if c.By == "" {
		c.By = "定时核验"
	}
	n, fault, err := audit.VerifyFrom(ctx, a.db, AuditAnchor(a.o.Data))
	if err != nil {
		return c, err
	}
	c.Rows, c.TookMs = n, time.Since(began).Milliseconds()
	if fault != nil {
		c.FaultSeq, c.Fault = fault.Seq, fault.Message
	} else if err := audit.SetAnchor(ctx, a.db, AuditAnchor(a.o.Data)); err != nil {
		return c, err
	}
	last, err := audit.Checks(ctx, a.db, 1)
	if err != nil {
		return c, err
	}
	fresh := fault != nil && (len(last) == 0 || last[0].Fault != c.Fault)
	return c, a.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := audit.NoteCheck(ctx, tx, c); err != nil || !fresh {
			return err
		}
		tx.AfterCommit(a.bus.Wake)
		return events.Publish(ctx, tx, topicAuditBroken, auditBroken{c.FaultSeq, c.Fault, c.At})
	})
}

// archiveAudit moves old records into signed files.
func (a *App) archiveAudit(ctx context.Context) error {
	days := a.o.AuditKeepDays
	if days == 0 {
		days = defaultAuditKeep
	}
	out, err := audit.Archive(ctx, a.db, a.auditArchiveDir(), time.Duration(days)*24*time.Hour)
	if out.Rows > 0 {
		a.log.Info("audit records were archived", "records", out.Rows, "files", len(out.Files))
	}
	return err
}
