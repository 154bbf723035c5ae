package access

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

type sessionView struct {
	sessionRow `bun:",extend"`

	PersonName string `bun:"person_name,scanonly"`
	Account    string `bun:"account,scanonly"`
	OrgName    string `bun:"org_name,scanonly"`
}

func listSessions(ctx context.Context, q bun.IDB, scope Scope, f SessionFilter, now, idle clock.Stamp) ([]sessionView, int64, error) {
	rows := []sessionView{}
	s := q.NewSelect().Model(&rows).ColumnExpr("s.*").ColumnExpr("p.name AS person_name, p.account AS account, g.name AS org_name").
		Join("JOIN access_persons AS p ON p.id = s.person_id").Join("JOIN access_orgs AS g ON g.id = p.org_id").
		Where("s.expires_at > ? AND s.seen_at >= ?", now, idle).Limit(max(f.Limit, 1)).Offset(f.Offset)
	s = scope.Filter(s, "g.region_code")
	if f.PersonID != "" {
		s = s.Where("s.person_id = ?", f.PersonID)
	}
	if f.Method != "" {
		s = s.Where("s.method = ?", f.Method)
	}
	if f.Q != "" {
		s = s.Where("(p.name LIKE ? ESCAPE '!' OR p.account LIKE ? ESCAPE '!' OR s.ip = ?)", db.Contains(f.Q), db.Contains(f.Q), f.Q)
	}
	n, err := s.OrderExpr(f.Order).OrderExpr("s.id").ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list sessions: %w", err)
	}
	return rows, int64(n), nil
}

func sessionByID(ctx context.Context, q bun.IDB, id string) (sessionRow, error) {
	var s sessionRow
	err := q.NewSelect().Model(&s).Where("s.id = ?", id).Scan(ctx)
	return s, err
}

func dropOtherSessions(ctx context.Context, tx db.Tx, person, keep string) (int, error) {
	res, err := tx.NewDelete().Model((*sessionRow)(nil)).Where("person_id = ? AND id <> ?", person, keep).Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("drop sessions: %w", err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}
