package transfer

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

type reader = bun.IDB

type exportRow struct {
	bun.BaseModel `bun:"table:transfer_exports,alias:e"`

	ID        string `bun:",pk"`
	Kind      string
	Format    string
	Filter    string
	Reason    string
	ByID      string `bun:"by_id"`
	ByName    string
	JobID     string `bun:"job_id"`
	State     string
	Rows      int64
	Size      int64
	SM3       string `bun:"sm3"`
	Error     string
	CreatedAt clock.Stamp
	EndedAt   *clock.Stamp
	ExpiresAt *clock.Stamp
	Downloads int64
}

func insertExport(ctx context.Context, tx db.Tx, x *exportRow) error {
	if _, err := tx.NewInsert().Model(x).Exec(ctx); err != nil {
		return fmt.Errorf("note an export: %w", err)
	}
	return nil
}

func exportByID(ctx context.Context, r reader, id string) (exportRow, bool, error) {
	var x exportRow
	err := r.NewSelect().Model(&x).Where("id = ?", id).Scan(ctx)
	if db.NoRows(err) {
		return x, false, nil
	}
	if err != nil {
		return x, false, fmt.Errorf("read export %s: %w", id, err)
	}
	return x, true, nil
}

func listExports(ctx context.Context, r reader, by string, limit, offset int64) ([]exportRow, int64, error) {
	var rows []exportRow
	n, err := r.NewSelect().Model(&rows).Where("by_id = ?", by).Order("created_at DESC", "id DESC").Limit(limit).Offset(offset).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list exports: %w", err)
	}
	return rows, int64(n), nil
}

// finishExport notes a written file; false when the export was cancelled.
func finishExport(ctx context.Context, tx db.Tx, x exportRow, until clock.Stamp) (bool, error) {
	res, err := tx.NewUpdate().Model((*exportRow)(nil)).Set("state = 'done'").Set("rows = ?", x.Rows).Set("size = ?", x.Size).Set("sm3 = ?", x.SM3).
		Set("ended_at = ?", clock.At(tx.Now())).Set("expires_at = ?", until).Where("id = ? AND state = 'waiting'", x.ID).Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("finish export %s: %w", x.ID, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

func endExport(ctx context.Context, d *db.DB, id, state, why string) error {
	return d.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return endExportTx(ctx, tx, id, state, why) })
}

func endExportTx(ctx context.Context, tx db.Tx, id, state, why string) error {
	_, err := tx.NewUpdate().Model((*exportRow)(nil)).Set("state = ?", state).Set("error = ?", why).Set("ended_at = ?", clock.At(tx.Now())).
		Where("id = ? AND state = 'waiting'", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("end export %s: %w", id, err)
	}
	return nil
}

func noteDownload(ctx context.Context, tx db.Tx, id string) error {
	_, err := tx.NewUpdate().Model((*exportRow)(nil)).Set("downloads = downloads + 1").Where("id = ?", id).Exec(ctx)
	return err
}

func expired(ctx context.Context, d *db.DB, now clock.Stamp) ([]exportRow, error) {
	var rows []exportRow
	err := d.Read().NewSelect().Model(&rows).Where("state = 'done' AND expires_at < ?", now).Limit(1000).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for expired exports: %w", err)
	}
	return rows, nil
}

func setExpired(ctx context.Context, d *db.DB, id string) error {
	return d.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		_, err := tx.NewUpdate().Model((*exportRow)(nil)).Set("state = 'expired'").Where("id = ?", id).Exec(ctx)
		return err
	})
}

type importRow struct {
	bun.BaseModel `bun:"table:transfer_imports,alias:i"`

	ID        string `bun:",pk"`
	Kind      string
	FileName  string
	SM3       string `bun:"sm3"`
	ByID      string `bun:"by_id"`
	ByName    string
	JobID     string `bun:"job_id"`
	State     string
	Rows      int64
	Bad       int64
	Loaded    int64
	Problems  string
	Error     string
	CreatedAt clock.Stamp
	EndedAt   *clock.Stamp
}

func insertImport(ctx context.Context, tx db.Tx, x *importRow) error {
	if _, err := tx.NewInsert().Model(x).Exec(ctx); err != nil {
		return fmt.Errorf("note an import: %w", err)
	}
	return nil
}

func importByID(ctx context.Context, r reader, id string) (importRow, bool, error) {
	var x importRow
	err := r.NewSelect().Model(&x).Where("id = ?", id).Scan(ctx)
	if db.NoRows(err) {
		return x, false, nil
	}
	if err != nil {
		return x, false, fmt.Errorf("read import %s: %w", id, err)
	}
	return x, true, nil
}

func listImports(ctx context.Context, r reader, by string, limit, offset int64) ([]importRow, int64, error) {
	var rows []importRow
	n, err := r.NewSelect().Model(&rows).Where("by_id = ?", by).Order("created_at DESC", "id DESC").Limit(limit).Offset(offset).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list imports: %w", err)
	}
	return rows, int64(n), nil
}

func changeImport(ctx context.Context, d *db.DB, f func(q *bun.UpdateQuery, now clock.Stamp) *bun.UpdateQuery) error {
	return d.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if _, err := f(tx.NewUpdate().Model((*importRow)(nil)), clock.At(tx.Now())).Exec(ctx); err != nil {
			return fmt.Errorf("change an import: %w", err)
		}
		return nil
	})
}

func checked(ctx context.Context, d *db.DB, id string, n, bad int64, problems string) error {
	return changeImport(ctx, d, func(q *bun.UpdateQuery, _ clock.Stamp) *bun.UpdateQuery {
		return q.Set("state = 'checked'").Set("rows = ?", n).Set("bad = ?", bad).Set("problems = ?", problems).Where("id = ? AND state = 'checking'", id)
	})
}

func failImport(ctx context.Context, d *db.DB, id, why string) error {
	return changeImport(ctx, d, func(q *bun.UpdateQuery, now clock.Stamp) *bun.UpdateQuery {
		return q.Set("state = 'failed'").Set("error = ?", why).Set("ended_at = ?", now).Where("id = ? AND state IN ('checking', 'loading')", id)
	})
}

func loading(ctx context.Context, tx db.Tx, id, job string) error {
	_, err := tx.NewUpdate().Model((*importRow)(nil)).Set("state = 'loading'").Set("job_id = ?", job).Where("id = ? AND state = 'checked'", id).Exec(ctx)
	return err
}

// loaded notes in the transaction that the rows are loaded; false when they
// already were.
func loaded(ctx context.Context, tx db.Tx, id string, n int64) (bool, error) {
	res, err := tx.NewUpdate().Model((*importRow)(nil)).Set("state = 'done'").Set("loaded = ?", n).Set("ended_at = ?", clock.At(tx.Now())).Where("id = ? AND state = 'loading'", id).Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("finish import %s: %w", id, err)
	}
	k, err := res.RowsAffected()
	return k == 1, err
}
