package access

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

type moveRow struct {
	bun.BaseModel `bun:"table:access_moves,alias:mv"`

	ID       string `bun:",pk"`
	PersonID string
	Kind     string
	FromOrg  string
	ToOrg    string
	HandTo   string
	Reason   string
	ByID     string
	At       clock.Stamp
}

// standInsOf reads who stands in for an absent person at a moment.
func standInsOf(ctx context.Context, q reader, absent string, at clock.Stamp) ([]substituteRow, error) {
	var rows []substituteRow
	err := q.NewSelect().Model(&rows).Where("u.absent_id = ? AND u.to_at > ? AND u.from_at <= ? AND u.state = 'active'", absent, at, at).
		OrderExpr("CASE WHEN u.perms = '' THEN 0 ELSE 1 END, u.id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read substitutions: %w", err)
	}
	return rows, nil
}

// arrangementsOf reads what a person has agreed or asked for in a time.
func arrangementsOf(ctx context.Context, q reader, person string, from, to clock.Stamp) ([]substituteRow, error) {
	var rows []substituteRow
	err := q.NewSelect().Model(&rows).Where("(u.absent_id = ? OR u.substitute_id = ?) AND u.state IN ('asked', 'active') AND u.from_at < ? AND u.to_at > ?", person, person, to, from).
		Order("u.id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read substitutions: %w", err)
	}
	return rows, nil
}

func substituteByID(ctx context.Context, q reader, id string) (substituteRow, error) {
	var r substituteRow
	err := q.NewSelect().Model(&r).Where("u.id = ?", id).Scan(ctx)
	return r, err
}

func saveSubstitute(ctx context.Context, tx db.Tx, r *substituteRow, oldRev int) error {
	res, err := tx.NewUpdate().Model(r).WherePK().Where("u.rev = ?", oldRev).Exec(ctx)
	if err != nil {
		return fmt.Errorf("save substitution: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errs.Conflict("代理刚被别人修改过，请刷新后重试")
	}
	return nil
}

func listSubstitutes(ctx context.Context, q reader, person string, scope *Scope, state string, limit, offset int64) ([]substituteRow, int64, error) {
	rows := []substituteRow{}
	s := q.NewSelect().Model(&rows).OrderExpr("u.from_at DESC, u.id").Limit(max(limit, 1)).Offset(offset)
	if scope == nil {
		s = s.Where("(u.absent_id = ? OR u.substitute_id = ?)", person, person)
	} else {
		s = scope.Filter(s.Join("JOIN access_persons AS p ON p.id = u.absent_id").Join("JOIN access_orgs AS g ON g.id = p.org_id"), "g.region_code")
	}
	if state != "" {
		s = s.Where("u.state = ?", state)
	}
	n, err := s.ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list substitutions: %w", err)
	}
	return rows, int64(n), nil
}

// namesOf reads the names of persons; those who left keep theirs.
func namesOf(ctx context.Context, q reader, ids []string) (map[string]string, error) {
	out := map[string]string{}
	if len(ids) == 0 {
		return out, nil
	}
	var rows []struct{ ID, Name string }
	if err := q.NewSelect().TableExpr("access_persons AS p").ColumnExpr("p.id, p.name").Where("p.id IN (?)", bun.List(ids)).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("read names: %w", err)
	}
	for _, r := range rows {
		out[r.ID] = r.Name
	}
	return out, nil
}

// openArrangements reads what a person has agreed or asked for and still runs.
func openArrangements(ctx context.Context, q reader, person string) ([]substituteRow, error) {
	var rows []substituteRow
	err := q.NewSelect().Model(&rows).Where("(u.absent_id = ? OR u.substitute_id = ?) AND u.state IN ('asked', 'active')", person, person).Order("u.id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read substitutions: %w", err)
	}
	return rows, nil
}

func movesOf(ctx context.Context, q reader, person string) ([]moveRow, error) {
	rows := []moveRow{}
	if err := q.NewSelect().Model(&rows).Where("mv.person_id = ?", person).OrderExpr("mv.at DESC, mv.id").Limit(100).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read moves: %w", err)
	}
	return rows, nil
}

// sameNumbers finds another person, not left, with one of the numbers.
func sameNumbers(ctx context.Context, q reader, id string, idBlinds []string, certNo string) (personRow, error) {
	var p personRow
	s := q.NewSelect().Model(&p).Where("p.id <> ? AND p.state <> 'left'", id).WhereGroup(" AND ", func(s *bun.SelectQuery) *bun.SelectQuery {
		s = s.Where("1 = 0")
		if len(idBlinds) > 0 {
			s = s.WhereOr("p.id_blind IN (?)", bun.List(idBlinds))
		}
		if certNo != "" {
			s = s.WhereOr("p.cert_no = ?", certNo)
		}
		return s
	})
	err := s.Order("p.id").Limit(1).Scan(ctx)
	if err != nil && !db.NoRows(err) {
		return personRow{}, fmt.Errorf("look up numbers: %w", err)
	}
	return p, nil
}
