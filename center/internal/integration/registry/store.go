package registry

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

type entryRow struct {
	bun.BaseModel `bun:"table:integration_entries,alias:e"`

	ID          string `bun:",pk"`
	Kind        string
	AppID       string
	Code        string
	Name        string
	Description string
	Internal    int
	OwnerOrgID  string
	Version     string
	Menu        string
	Route       string
	Operations  string
	Rules       string
	State       string
	Enabled     int
	Note        string
	AppliedBy   string
	AppliedName string
	AppliedAt   clock.Stamp
	DecidedBy   string
	DecidedName string
	DecidedAt   *clock.Stamp
	Mac         string
	UpdatedAt   clock.Stamp
	Rev         int64
}

// Filter narrows the list; a zero field does not.
type Filter struct {
	Kind, State, AppID, Internal, Q string
}

func get(ctx context.Context, q bun.IDB, id string) (entryRow, error) {
	var r entryRow
	err := q.NewSelect().Model(&r).Where("e.id = ?", id).Scan(ctx)
	if db.NoRows(err) {
		return r, errs.NotFound("这项登记")
	}
	if err != nil {
		return r, fmt.Errorf("load registration: %w", err)
	}
	return r, nil
}

func byCode(ctx context.Context, q bun.IDB, kind Kind, code string) (entryRow, bool, error) {
	var r entryRow
	err := q.NewSelect().Model(&r).Where("e.kind = ? AND e.code = ?", string(kind), code).Scan(ctx)
	if db.NoRows(err) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("look up registration: %w", err)
	}
	return r, true, nil
}

func insert(ctx context.Context, tx db.Tx, r *entryRow) error {
	_, err := tx.NewInsert().Model(r).Exec(ctx)
	if db.Duplicate(err) {
		return errs.Invalidf("code", "编码 %s 已被登记，请换一个", r.Code)
	}
	if err != nil {
		return fmt.Errorf("save registration: %w", err)
	}
	return nil
}

func update(ctx context.Context, tx db.Tx, r *entryRow) error {
	old := r.Rev
	r.Rev++
	r.UpdatedAt = clock.At(tx.Now())
	res, err := tx.NewUpdate().Model(r).Where("e.id = ? AND e.rev = ?", r.ID, old).Exec(ctx)
	if err != nil {
		return fmt.Errorf("save registration: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errs.Conflict("这项登记刚被别人修改过，请刷新后重试")
	}
	return nil
}

func list(ctx context.Context, q bun.IDB, f Filter, p httpx.Paging) ([]entryRow, int64, error) {
	order, err := p.Order(map[string]string{"name": "e.name", "code": "e.code", "appliedAt": "e.applied_at", "updatedAt": "e.updated_at"}, "e.internal ASC, e.applied_at DESC")
	if err != nil {
		return nil, 0, err
	}
	rows := []entryRow{}
	s := q.NewSelect().Model(&rows)
	for col, v := range map[string]string{"e.kind": f.Kind, "e.state": f.State, "e.app_id": f.AppID} {
		if v != "" {
			s = s.Where("? = ?", bun.Safe(col), v)
		}
	}
	switch f.Internal {
	case "true":
		s = s.Where("e.internal = 1")
	case "false":
		s = s.Where("e.internal = 0")
	}
	if f.Q != "" {
		s = s.Where("(e.name LIKE ? ESCAPE '!' OR e.code LIKE ? ESCAPE '!')", db.Contains(f.Q), db.Contains(f.Q))
	}
	n, err := s.OrderExpr("?, e.code", bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset()).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list registrations: %w", err)
	}
	return rows, n, nil
}

func all(ctx context.Context, q bun.IDB, kind Kind) ([]entryRow, error) {
	rows := []entryRow{}
	if err := q.NewSelect().Model(&rows).Where("e.kind = ?", string(kind)).Order("e.code").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list registrations: %w", err)
	}
	return rows, nil
}

// names gives the names of applications by id.
func names(ctx context.Context, q bun.IDB) (map[string]string, error) {
	rows, err := all(ctx, q, App)
	out := make(map[string]string, len(rows))
	for _, r := range rows {
		out[r.ID] = r.Name
	}
	return out, err
}

// off lists what is switched off: applications and functions.
func off(ctx context.Context, q bun.IDB) ([]entryRow, error) {
	rows := []entryRow{}
	err := q.NewSelect().Model(&rows).Where("e.kind IN ('app', 'function') AND e.enabled = 0").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what is switched off: %w", err)
	}
	return rows, nil
}

// functionsOf lists the functions of applications.
func functionsOf(ctx context.Context, q bun.IDB, apps []string) ([]entryRow, error) {
	rows := []entryRow{}
	if len(apps) == 0 {
		return rows, nil
	}
	err := q.NewSelect().Model(&rows).Where("e.kind = 'function' AND e.app_id IN (?)", bun.List(apps)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read functions: %w", err)
	}
	return rows, nil
}
