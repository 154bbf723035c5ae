package audit

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/ids"
)

type archiveRow struct {
	bun.BaseModel `bun:"table:audit_archives,alias:a"`

	ID         string `bun:",pk"`
	FromSeq    int64
	ToSeq      int64
	FromAt     clock.Stamp
	ToAt       clock.Stamp
	Rows       int64 `bun:"rows_n"`
	File       string
	SM3        string `bun:"sm3"`
	LastDigest string
	Manifest   string
	CreatedAt  clock.Stamp
}

func lastArchive(ctx context.Context, d *db.DB) (*archiveRow, error) {
	var a archiveRow
	err := d.Read().NewSelect().Model(&a).Order("a.to_seq DESC").Limit(1).Scan(ctx)
	if db.NoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read archives: %w", err)
	}
	return &a, nil
}

// lastBefore finds the last of up to n records after seq that are all older
// than a moment; 0 when there is none.
func lastBefore(ctx context.Context, d *db.DB, seq int64, before clock.Stamp, n int64) (int64, error) {
	var young, last int64
	q := d.Read().NewSelect().Model((*row)(nil)).ColumnExpr("COALESCE(MIN(r.seq), 0)").Where("r.seq > ? AND r.at >= ?", seq, before)
	if err := q.Scan(ctx, &young); err != nil {
		return 0, fmt.Errorf("find old audit records: %w", err)
	}
	q = d.Read().NewSelect().Model((*row)(nil)).ColumnExpr("COALESCE(MAX(r.seq), 0)").Where("r.seq > ? AND r.seq <= ?", seq, seq+n)
	if young > 0 {
		q = q.Where("r.seq < ?", young)
	}
	if err := q.Scan(ctx, &last); err != nil {
		return 0, fmt.Errorf("find old audit records: %w", err)
	}
	return last, nil
}

func storeArchive(ctx context.Context, tx db.Tx, a archiveRow) error {
	if _, err := tx.NewInsert().Model(&a).Exec(ctx); err != nil {
		return fmt.Errorf("note archive: %w", err)
	}
	res, err := tx.NewDelete().Model((*row)(nil)).Where("r.seq >= ? AND r.seq <= ?", a.FromSeq, a.ToSeq).Exec(ctx)
	if err != nil {
		return fmt.Errorf("remove archived audit records: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != a.Rows {
		return fmt.Errorf("remove archived audit records: %d of %d were there (%w)", n, a.Rows, err)
	}
	return nil
}

// ArchiveInfo is an archive as people see it.
type ArchiveInfo struct {
	File      string      `json:"file"`
	SM3       string      `json:"sm3"`
	From      int64       `json:"from"`
	To        int64       `json:"to"`
	FirstAt   clock.Stamp `json:"firstAt"`
	LastAt    clock.Stamp `json:"lastAt"`
	CreatedAt clock.Stamp `json:"createdAt"`
}

// Archives lists the archives, newest first.
func Archives(ctx context.Context, d *db.DB) ([]ArchiveInfo, error) {
	rows := []archiveRow{}
	if err := d.Read().NewSelect().Model(&rows).Order("a.to_seq DESC").Limit(1000).Scan(ctx); err != nil {
		return nil, fmt.Errorf("list archives: %w", err)
	}
	out := make([]ArchiveInfo, 0, len(rows))
	for _, a := range rows {
		out = append(out, ArchiveInfo{a.File, a.SM3, a.FromSeq, a.ToSeq, a.FromAt, a.ToAt, a.CreatedAt})
	}
	return out, nil
}

type checkRow struct {
	bun.BaseModel `bun:"table:audit_checks,alias:c"`

	ID       string `bun:",pk"`
	At       clock.Stamp
	Rows     int64 `bun:"rows_n"`
	TookMs   int64
	FaultSeq int64
	Fault    string
	ByName   string
}

// Check is one verification of the chain.
type Check struct {
	At       clock.Stamp `json:"at"`
	Rows     int64       `json:"rows"`
	TookMs   int64       `json:"tookMs"`
	FaultSeq int64       `json:"faultSeq"`
	Fault    string      `json:"fault"`
	By       string      `json:"by"`
}

// NoteCheck keeps the outcome of a verification.
func NoteCheck(ctx context.Context, tx db.Tx, c Check) error {
	r := checkRow{ID: ids.New(), At: c.At, Rows: c.Rows, TookMs: c.TookMs, FaultSeq: c.FaultSeq, Fault: c.Fault, ByName: c.By}
	if _, err := tx.NewInsert().Model(&r).Exec(ctx); err != nil {
		return fmt.Errorf("note verification: %w", err)
	}
	return nil
}

// Checks gives the last verifications, newest first.
func Checks(ctx context.Context, d *db.DB, n int64) ([]Check, error) {
	rows := []checkRow{}
	if err := d.Read().NewSelect().Model(&rows).Order("c.at DESC", "c.id DESC").Limit(n).Scan(ctx); err != nil {
		return nil, fmt.Errorf("list verifications: %w", err)
	}
	out := make([]Check, 0, len(rows))
	for _, r := range rows {
		out = append(out, Check{r.At, r.Rows, r.TookMs, r.FaultSeq, r.Fault, r.ByName})
	}
	return out, nil
}

// State is the chain's end and how it is coded.
type State struct {
	Seq    int64 `json:"seq"`
	Coded  bool  `json:"coded"`
	InBase int64 `json:"inDatabase"`
}

// Now gives the chain's state without checking it.
func Now(ctx context.Context, d *db.DB) (State, error) {
	h, err := head(ctx, d)
	if err != nil {
		return State{}, err
	}
	a, err := lastArchive(ctx, d)
	if err != nil {
		return State{}, err
	}
	s := State{Seq: h.Seq, Coded: h.Mac != "", InBase: h.Seq}
	if a != nil {
		s.InBase -= a.ToSeq
	}
	return s, nil
}
