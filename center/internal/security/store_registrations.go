package security

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

type registrationRow struct {
	bun.BaseModel `bun:"table:security_registrations,alias:v"`

	EntryID    string `bun:",pk"`
	Act        string `bun:",pk"`
	Kind       string
	Name       string
	PersonID   string
	RegionCode string
	YMD        int `bun:"ymd"`
	At         clock.Stamp
}

func addRegistration(ctx context.Context, tx db.Tx, r *registrationRow) error {
	if _, err := tx.NewInsert().Model(r).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("count registration: %w", err)
	}
	return nil
}

type registrationSum struct {
	Key        string `bun:"key"`
	Registered int64
	Approved   int64
}

// registrations counts by a grouping, or with by "" all of the filter.
func registrations(ctx context.Context, r reader, f UsageFilter, by UsageBy) (map[string]Registrations, error) {
	f.Q = "" // narrows people only
	var rows []registrationSum
	q := f.people(r.NewSelect().TableExpr("security_registrations AS v")).
		ColumnExpr("COALESCE(SUM(CASE WHEN v.act = ? THEN 1 ELSE 0 END), 0) AS registered", actRegistered).
		ColumnExpr("COALESCE(SUM(CASE WHEN v.act = ? THEN 1 ELSE 0 END), 0) AS approved", actApproved)
	if by == "" {
		q = q.ColumnExpr("'' AS key")
	} else {
		key := keyOf(by, "v") // from here, never from input
		q = q.ColumnExpr(key + " AS key").GroupExpr(key)
	}
	if err := q.Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("count registrations: %w", err)
	}
	out := make(map[string]Registrations, len(rows))
	for _, x := range rows {
		out[x.Key] = Registrations{x.Registered, x.Approved}
	}
	return out, nil
}
