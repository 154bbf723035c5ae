package access

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

const actSealed = "access.sealed"

// sync brings the built-in roles in step with the program and lays down the
// base rules. The rows of an installation that is older than the codes are
// signed once; the audit chain says that and when, so that emptying the
// tables does not make it happen again.
func (s *Service) sync(ctx context.Context) error {
	_, sealed, err := audit.List(ctx, s.db, audit.Filter{Act: actSealed, Prefixes: []string{"31"}}, 1, 0)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		// One center at a time: the row is the lock.
		if err := lockVersion(ctx, tx); err != nil {
			return err
		}
		rows, perms, err := readRoles(ctx, tx)
		if err != nil {
			return err
		}
		if len(rows) == 0 && sealed == 0 {
			if err := s.sealOld(ctx, tx); err != nil {
				return err
			}
		}
		if err := s.seedExclusions(ctx, tx); err != nil {
			return err
		}
		for _, r := range Roles() {
			if err := s.inStep(ctx, tx, r, rows, perms); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) sealOld(ctx context.Context, tx db.Tx) error {
	orgs, err := listOrgs(ctx, tx)
	if err != nil {
		return err
	}
	for i := range orgs {
		orgs[i].MAC = s.mac(orgs[i].parts())
		if err := saveOrg(ctx, tx, &orgs[i]); err != nil {
			return err
		}
	}
	grants, err := allGrants(ctx, tx)
	if err != nil {
		return err
	}
	for i := range grants {
		grants[i].MAC = s.mac(grants[i].parts())
		if err := saveGrant(ctx, tx, &grants[i]); err != nil {
			return err
		}
	}
	return audit.Record(ctx, tx, audit.Entry{Act: actSealed, Object: "access", Summary: fmt.Sprintf("启用权限数据校验：机构 %d、授权 %d 条", len(orgs), len(grants))})
}

func (s *Service) seedExclusions(ctx context.Context, tx db.Tx) error {
	have, err := readExclusions(ctx, tx)
	if err != nil || len(have) > 0 {
		return err
	}
	list := duties()
	for i, a := range list {
		for _, b := range list[i+1:] {
			r := exclusionRow{
				ID: fmt.Sprintf("base-%d%d", i+1, slices.IndexFunc(list, func(d duty) bool { return d.name == b.name })+1), NameA: a.name, PermsA: strings.Join(a.perms, ","),
				NameB: b.name, PermsB: strings.Join(b.perms, ","), Source: "GB/T 22239-2019 第二级：管理用户权限分离", State: StateActive, UpdatedAt: clock.At(tx.Now()), Rev: 1,
			}
			r.MAC = s.mac(r.parts())
			if err := insert(ctx, tx, "rule of exclusion", &r); err != nil {
				return err
			}
		}
	}
	return bumpVersion(ctx, tx)
}

// inStep stores a built-in role as the program has it.
func (s *Service) inStep(ctx context.Context, tx db.Tx, r Role, rows []roleRow, perms map[string]permSets) error {
	now := clock.At(tx.Now())
	row := roleRow{Code: r.Code, Name: r.Name, Builtin: 1, Note: r.Note, State: StateActive, CreatedAt: now, UpdatedAt: now, Rev: 1}
	row.MAC = s.mac(row.parts(r.Permissions, r.Pass))
	i := slices.IndexFunc(rows, func(x roleRow) bool { return x.Code == r.Code })
	if i >= 0 {
		old := rows[i]
		had := old.role(perms[r.Code])
		good := s.genuine("access_roles", old.Code, old.MAC, old.parts(had.Permissions, had.Pass), "角色“"+old.Name+"”")
		if good && old.Name == r.Name && old.Note == r.Note && old.Builtin == 1 && old.State == StateActive && sameSet(had.Permissions, r.Permissions) && sameSet(had.Pass, r.Pass) {
			return nil
		}
		row.Rev, row.CreatedAt = old.Rev+1, old.CreatedAt
	}
	_, err := putRole(ctx, tx, &row, r.Permissions, r.Pass)
	return err
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
