package access

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

type grantView struct {
	grantRow `bun:",extend"`

	PersonName string `bun:"person_name,scanonly"`
	Account    string `bun:"account,scanonly"`
	OrgName    string `bun:"org_name,scanonly"`
}

func grantByID(ctx context.Context, q reader, id string) (grantRow, error) {
	var g grantRow
	err := q.NewSelect().Model(&g).Where("t.id = ?", id).Scan(ctx)
	return g, err
}

// openGrants reads the grants of persons that hold now or will.
func openGrants(ctx context.Context, q reader, persons []string, now clock.Stamp) ([]grantRow, error) {
	var rows []grantRow
	if len(persons) == 0 {
		return rows, nil
	}
	err := q.NewSelect().Model(&rows).Where("t.person_id IN (?) AND t.revoked_at IS NULL AND (t.to_at IS NULL OR t.to_at > ?)", bun.List(persons), now).Order("t.id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read grants: %w", err)
	}
	return rows, nil
}

// holdersOf lists the persons with a grant of a role that holds now or will.
func holdersOf(ctx context.Context, q reader, role string, now clock.Stamp) ([]string, error) {
	list := []string{}
	err := q.NewSelect().TableExpr("access_grants AS t").ColumnExpr("DISTINCT t.person_id").
		Where("t.role = ? AND t.revoked_at IS NULL AND (t.to_at IS NULL OR t.to_at > ?)", role, now).Scan(ctx, &list)
	if err != nil {
		return nil, fmt.Errorf("read holders of role: %w", err)
	}
	return list, nil
}

func listGrants(ctx context.Context, q reader, scope Scope, f GrantFilter, now, soon clock.Stamp) ([]grantView, int64, error) {
	rows := []grantView{}
	if f.Order == "" {
		f.Order = "t.created_at DESC"
	}
	s := q.NewSelect().Model(&rows).ColumnExpr("t.*").ColumnExpr("p.name AS person_name, p.account AS account, g.name AS org_name").
		Join("JOIN access_persons AS p ON p.id = t.person_id").Join("JOIN access_orgs AS g ON g.id = p.org_id").
		OrderExpr(f.Order).OrderExpr("t.id").Limit(max(f.Limit, 1)).Offset(f.Offset)
	s = scope.Filter(s, "g.region_code")
	if f.PersonID != "" {
		s = s.Where("t.person_id = ?", f.PersonID)
	}
	if f.Role != "" {
		s = s.Where("t.role = ?", f.Role)
	}
	if f.OrgID != "" {
		s = s.Where("p.org_id = ?", f.OrgID)
	}
	if f.Q != "" {
		s = s.Where("(p.name LIKE ? ESCAPE '!' OR p.account LIKE ? ESCAPE '!' OR t.reason LIKE ? ESCAPE '!')", db.Contains(f.Q), db.Contains(f.Q), db.Contains(f.Q))
	}
	switch f.State {
	case "all":
	case "active":
		s = s.Where(holdsNow, now, now)
	case "future":
		s = s.Where("t.revoked_at IS NULL AND t.from_at > ?", now)
	case "expiring":
		s = s.Where("t.revoked_at IS NULL AND t.to_at > ? AND t.to_at <= ?", now, soon)
	case "ended":
		s = s.Where("t.revoked_at IS NULL AND t.to_at <= ?", now)
	case "revoked":
		s = s.Where("t.revoked_at IS NOT NULL")
	case "tampered":
		s = s.Where("EXISTS (SELECT 1 FROM access_faults AS ft WHERE ft.tbl = 'access_grants' AND ft.row_id = t.id)")
	default:
		s = s.Where("t.revoked_at IS NULL AND (t.to_at IS NULL OR t.to_at > ?)", now)
	}
	n, err := s.ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list grants: %w", err)
	}
	return rows, int64(n), nil
}
