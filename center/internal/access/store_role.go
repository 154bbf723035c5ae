package access

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// Reader is a database or a running transaction.
type Reader = bun.IDB

// reader is the same, for this package's own functions.
type reader = bun.IDB

// States of rows.
const (
	StateActive   = "active"
	StateDisabled = "disabled"
	// stateBad marks a row in memory whose code does not fit.
	stateBad = "bad"
)

// Kinds of a grant's scope.
const (
	KindRegion = "region"
	KindOrg    = "org"
	KindNamed  = "named"
	KindOwn    = "own"
)

type roleRow struct {
	bun.BaseModel `bun:"table:access_roles,alias:r"`

	Code      string `bun:",pk"`
	Name      string
	Builtin   int
	Note      string
	State     string
	MAC       string `bun:"mac"`
	CreatedAt clock.Stamp
	UpdatedAt clock.Stamp
	Rev       int
}

type rolePermRow struct {
	bun.BaseModel `bun:"table:access_role_perms,alias:rp"`

	Role string `bun:",pk"`
	Perm string `bun:",pk"`
	Pass int    `bun:",pk"`
}

type scopeRow struct {
	bun.BaseModel `bun:"table:access_scopes,alias:sc"`

	Code      string `bun:",pk"`
	Name      string
	Prefixes  string
	Note      string
	State     string
	MAC       string `bun:"mac"`
	UpdatedAt clock.Stamp
	Rev       int
}

type exclusionRow struct {
	bun.BaseModel `bun:"table:access_exclusions,alias:e"`

	ID        string `bun:",pk"`
	NameA     string `bun:"name_a"`
	PermsA    string `bun:"perms_a"`
	NameB     string `bun:"name_b"`
	PermsB    string `bun:"perms_b"`
	Source    string
	State     string
	MAC       string `bun:"mac"`
	UpdatedAt clock.Stamp
	Rev       int
}

type faultRow struct {
	bun.BaseModel `bun:"table:access_faults,alias:ft"`

	Tbl    string `bun:",pk"`
	RowID  string `bun:",pk"`
	What   string
	SeenAt clock.Stamp
}

type substituteRow struct {
	bun.BaseModel `bun:"table:access_substitutes,alias:u"`

	ID                 string `bun:",pk"`
	AbsentID           string
	SubstituteID       string
	Perms              string // joined by commas; empty is all
	FromAt             clock.Stamp
	ToAt               clock.Stamp
	Reason             string
	State              string
	AskedBy            string
	AbsentAgreedAt     *clock.Stamp
	SubstituteAgreedAt *clock.Stamp
	EndedAt            *clock.Stamp
	EndedBy            string
	MAC                string `bun:"mac"`
	CreatedAt          clock.Stamp
	Rev                int
}

func rolesVersion(ctx context.Context, q reader) (int64, error) {
	var v int64
	err := q.NewSelect().TableExpr("access_versions").Column("version").Where("name = 'roles'").Scan(ctx, &v)
	return v, err
}

// bumpVersion makes every center read roles, scopes and organisations anew.
func bumpVersion(ctx context.Context, tx db.Tx) error {
	_, err := tx.NewUpdate().TableExpr("access_versions").Set("version = version + 1").Where("name = 'roles'").Exec(ctx)
	if err != nil {
		return fmt.Errorf("note new version of roles: %w", err)
	}
	return nil
}

type permSets struct{ perms, pass []string }

func readRoles(ctx context.Context, q reader) ([]roleRow, map[string]permSets, error) {
	var rows []roleRow
	if err := q.NewSelect().Model(&rows).OrderExpr("r.builtin DESC, r.created_at, r.code").Scan(ctx); err != nil {
		return nil, nil, fmt.Errorf("read roles: %w", err)
	}
	var perms []rolePermRow
	if err := q.NewSelect().Model(&perms).OrderExpr("rp.role, rp.perm").Scan(ctx); err != nil {
		return nil, nil, fmt.Errorf("read permissions of roles: %w", err)
	}
	m := map[string]permSets{}
	for _, p := range perms {
		x := m[p.Role]
		if p.Pass == 1 {
			x.pass = append(x.pass, p.Perm)
		} else {
			x.perms = append(x.perms, p.Perm)
		}
		m[p.Role] = x
	}
	return rows, m, nil
}

func (r roleRow) role(p permSets) Role {
	x := Role{Code: r.Code, Name: r.Name, Permissions: p.perms, Pass: p.pass, Note: r.Note, Builtin: r.Builtin == 1, State: r.State, Rev: r.Rev}
	if x.Permissions == nil {
		x.Permissions = []string{}
	}
	if x.Pass == nil {
		x.Pass = []string{}
	}
	return x
}

// putRole stores a role with its permissions; row.Rev is the new revision.
// false means that it was changed by someone else.
func putRole(ctx context.Context, tx db.Tx, row *roleRow, perms, pass []string) (bool, error) {
	if row.Rev == 1 {
		if err := insert(ctx, tx, "role", row); err != nil {
			return false, err
		}
	} else {
		res, err := tx.NewUpdate().Model(row).WherePK().Where("r.rev = ?", row.Rev-1).Exec(ctx)
		if err != nil {
			return false, fmt.Errorf("save role: %w", err)
		}
		if n, err := res.RowsAffected(); n != 1 || err != nil {
			return false, err
		}
	}
	if _, err := tx.NewDelete().Model((*rolePermRow)(nil)).Where("role = ?", row.Code).Exec(ctx); err != nil {
		return false, fmt.Errorf("replace permissions of role: %w", err)
	}
	list := make([]rolePermRow, 0, len(perms)+len(pass))
	for _, p := range perms {
		list = append(list, rolePermRow{Role: row.Code, Perm: p})
	}
	for _, p := range pass {
		list = append(list, rolePermRow{Role: row.Code, Perm: p, Pass: 1})
	}
	if len(list) > 0 {
		if err := insert(ctx, tx, "permissions of role", &list); err != nil {
			return false, err
		}
	}
	return true, bumpVersion(ctx, tx)
}

func readScopes(ctx context.Context, q reader) ([]scopeRow, error) {
	var rows []scopeRow
	if err := q.NewSelect().Model(&rows).OrderExpr("sc.code").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read named scopes: %w", err)
	}
	return rows, nil
}

func upsertScopes(ctx context.Context, tx db.Tx, rows []scopeRow) (int64, error) {
	res, err := tx.NewInsert().Model(&rows).On("CONFLICT (code) DO NOTHING").Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("seed named scopes: %w", err)
	}
	return res.RowsAffected()
}

func readExclusions(ctx context.Context, q reader) ([]exclusionRow, error) {
	var rows []exclusionRow
	if err := q.NewSelect().Model(&rows).OrderExpr("e.id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read rules of exclusion: %w", err)
	}
	return rows, nil
}

// noteFault stores that a row is bad; false when it was known.
func noteFault(ctx context.Context, tx db.Tx, f Tampered) (bool, error) {
	r := faultRow{Tbl: f.Table, RowID: f.ID, What: f.What, SeenAt: clock.At(tx.Now())}
	res, err := tx.NewInsert().Model(&r).On("CONFLICT (tbl, row_id) DO NOTHING").Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("note bad row: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

func readFaults(ctx context.Context, q reader) ([]faultRow, error) {
	rows := []faultRow{}
	if err := q.NewSelect().Model(&rows).OrderExpr("ft.seen_at DESC, ft.tbl, ft.row_id").Limit(500).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read bad rows: %w", err)
	}
	return rows, nil
}

func dropFault(ctx context.Context, tx db.Tx, table, id string) error {
	_, err := tx.NewDelete().Model((*faultRow)(nil)).Where("tbl = ? AND row_id = ?", table, id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("forget bad row: %w", err)
	}
	return nil
}

// substitutesOf reads the substitutions in which a person stands for another
// at a moment.
func substitutesOf(ctx context.Context, q reader, person string, now clock.Stamp) ([]substituteRow, error) {
	var rows []substituteRow
	err := q.NewSelect().Model(&rows).Where("u.substitute_id = ? AND u.to_at > ? AND u.from_at <= ? AND u.state = 'active'", person, now, now).Order("u.id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read substitutions: %w", err)
	}
	return rows, nil
}

func grantsOfRoles(ctx context.Context, q reader, roles []string, now clock.Stamp) ([]grantRow, error) {
	var rows []grantRow
	err := q.NewSelect().Model(&rows).Where("t.role IN (?)", bun.List(roles)).Where(holdsNow, now, now).Order("t.person_id", "t.id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read grants of roles: %w", err)
	}
	return rows, nil
}

// personsByID reads active persons with their organisations.
func personsByID(ctx context.Context, q reader, ids []string) ([]joined, error) {
	rows := []joined{}
	if len(ids) == 0 {
		return rows, nil
	}
	err := q.NewSelect().Model(&rows).ColumnExpr("p.*").ColumnExpr("g.name AS org_name, g.kind AS org_kind, g.region_code AS org_region").
		Join("JOIN access_orgs AS g ON g.id = p.org_id").Where("p.state = 'active' AND p.id IN (?)", bun.List(ids)).Order("g.region_code", "p.account").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read persons: %w", err)
	}
	return rows, nil
}

func allSubstitutes(ctx context.Context, q reader) ([]substituteRow, error) {
	var rows []substituteRow
	if err := q.NewSelect().Model(&rows).Order("u.id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read substitutions: %w", err)
	}
	return rows, nil
}

func roleByCode(ctx context.Context, q reader, code string) (roleRow, error) {
	var r roleRow
	err := q.NewSelect().Model(&r).Where("r.code = ?", code).Scan(ctx)
	return r, err
}

func dropExclusion(ctx context.Context, tx db.Tx, id string) error {
	res, err := tx.NewDelete().Model((*exclusionRow)(nil)).Where("id = ?", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("drop rule of exclusion: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errs.NotFound("互斥规则")
	}
	return nil
}
