package access

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

type orgHistoryRow struct {
	bun.BaseModel `bun:"table:access_org_history,alias:oh"`

	ID       string `bun:",pk"`
	OrgID    string
	Act      string
	Name     string
	ParentID string
	Note     string
	ByID     string
	ByName   string
	At       clock.Stamp
}

func orgSteps(ctx context.Context, q reader, org string) ([]orgHistoryRow, error) {
	rows := []orgHistoryRow{}
	if err := q.NewSelect().Model(&rows).Where("oh.org_id = ?", org).OrderExpr("oh.at DESC, oh.id DESC").Limit(200).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read history of organisation: %w", err)
	}
	return rows, nil
}

// peopleByOrg counts the active persons of each organisation.
func peopleByOrg(ctx context.Context, q reader) (map[string]int64, error) {
	var rows []struct {
		OrgID string
		N     int64
	}
	if err := q.NewSelect().TableExpr("access_persons AS p").ColumnExpr("p.org_id, COUNT(*) AS n").Where("p.state = 'active'").GroupExpr("p.org_id").Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("count people: %w", err)
	}
	out := make(map[string]int64, len(rows))
	for _, r := range rows {
		out[r.OrgID] = r.N
	}
	return out, nil
}

// movePeople gives everybody of an organisation to another one.
func movePeople(ctx context.Context, tx db.Tx, from, to string, now clock.Stamp) (int64, error) {
	res, err := tx.NewUpdate().Model((*personRow)(nil)).Set("org_id = ?", to).Set("updated_at = ?", now).Set("rev = rev + 1").Where("org_id = ?", from).Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("move people: %w", err)
	}
	return res.RowsAffected()
}

// putScope inserts revision 1 or replaces the revision before.
func putScope(ctx context.Context, tx db.Tx, r *scopeRow) error {
	if r.Rev == 1 {
		return insert(ctx, tx, "named scope", r)
	}
	res, err := tx.NewUpdate().Model(r).WherePK().Where("sc.rev = ?", r.Rev-1).Exec(ctx)
	if err != nil {
		return fmt.Errorf("save named scope: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errs.Conflict("数据范围刚被别人修改过，请刷新后重试")
	}
	return nil
}
