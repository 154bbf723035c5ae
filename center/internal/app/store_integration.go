package app

import (
	"context"
	"fmt"

	"jiexun/center/internal/integration/staff"
	"jiexun/center/internal/platform/db"
)

// personWhere finds one person by a column that the caller names.
func personWhere(ctx context.Context, d *db.DB, where, value string) (staff.StaffOurs, bool, error) {
	var r struct{ ID, Account, Name, CertNo, OrgID, OrgName, State string }
	err := d.Read().NewSelect().TableExpr("access_persons AS p").Join("JOIN access_orgs AS g ON g.id = p.org_id").
		ColumnExpr("p.id, p.account, p.name, p.cert_no, p.org_id, g.name AS org_name, p.state").Where(where, value).OrderExpr("p.id").Limit(1).Scan(ctx, &r)
	if db.NoRows(err) {
		return staff.StaffOurs{}, false, nil
	}
	if err != nil {
		return staff.StaffOurs{}, false, fmt.Errorf("look for person: %w", err)
	}
	return staff.StaffOurs{ID: r.ID, Account: r.Account, Name: r.Name, CertNo: r.CertNo, OrgID: r.OrgID, OrgName: r.OrgName, Active: r.State == "active"}, true, nil
}

func activePersons(ctx context.Context, d *db.DB) (int, error) {
	n, err := d.Read().NewSelect().TableExpr("access_persons AS p").Where("p.state = 'active'").Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count persons: %w", err)
	}
	return int(n), nil
}
