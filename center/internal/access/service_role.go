package access

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
)

// AllRoles lists every role, built-in ones first.
func (s *Service) AllRoles(ctx context.Context) ([]Role, error) {
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	out := make([]Role, 0, len(b.order))
	for _, c := range b.order {
		r := b.roles[c]
		if !r.good {
			r.State = "tampered"
		}
		out = append(out, r.Role)
	}
	return out, nil
}

// RoleInput is an own role.
type RoleInput struct {
	Code, Name, Note  string
	Permissions, Pass []string
	// Rev is 0 for a new role.
	Rev int
}

func (in *RoleInput) validate(b *rolebook) error {
	var f errs.Fields
	f.Check(regexp.MustCompile(`^[a-z][a-z0-9_]{2,39}$`).MatchString(in.Code), "code", "代码应为 3 到 40 个小写字母、数字或下划线，字母开头")
	in.Name = strings.TrimSpace(in.Name)
	n := len([]rune(in.Name))
	f.Check(n >= 2 && n <= 20, "name", "名称应为 2 到 20 个字")
	f.Check(len([]rune(in.Note)) <= 200, "note", "说明最多 200 字")
	in.Permissions = slices.Compact(slices.Sorted(slices.Values(in.Permissions)))
	in.Pass = slices.Compact(slices.Sorted(slices.Values(in.Pass)))
	f.Check(len(in.Permissions) > 0, "permissions", "请至少选择一项权限")
	for _, p := range append(slices.Clone(in.Permissions), in.Pass...) {
		f.Check(knownPerm(p), "permissions", "没有权限 %s", p)
	}
	for _, r := range b.roles {
		f.Check(r.Code == in.Code || r.Name != in.Name, "name", "已有同名角色")
	}
	if c := b.conflict(setOf(in.Permissions)); c != "" {
		f.Add("permissions", "%s", c)
	}
	return f.Err()
}

// SaveRole makes an own role or changes one. A role never holds more than
// the one who makes it may hand on in the whole city, nor what excludes each
// other; nor may a change make that true of anybody who has the role.
func (s *Service) SaveRole(ctx context.Context, in RoleInput, reason string) (Role, error) {
	who, err := Need(ctx, RoleManage)
	if err != nil {
		return Role{}, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := lockVersion(ctx, tx); err != nil {
			return err
		}
		b, err := s.readBook(ctx, tx, 0)
		if err != nil {
			return err
		}
		if err := in.validate(b); err != nil {
			return err
		}
		old, exists := b.roles[in.Code]
		if err := s.mayEdit(b, who, in, old, exists); err != nil {
			return err
		}
		if err := s.holdersFit(ctx, tx, b, in); err != nil {
			return err
		}
		now := clock.At(tx.Now())
		row := roleRow{Code: in.Code, Name: in.Name, Note: in.Note, State: StateActive, CreatedAt: now, UpdatedAt: now, Rev: in.Rev + 1}
		if exists {
			if row, err = roleByCode(ctx, tx, in.Code); err != nil {
				return fmt.Errorf("read role: %w", err)
			}
			row.Name, row.Note, row.UpdatedAt, row.Rev = in.Name, in.Note, now, in.Rev+1
		}
		row.MAC = s.mac(row.parts(in.Permissions, in.Pass))
		if ok, err := putRole(ctx, tx, &row, in.Permissions, in.Pass); err != nil || !ok {
			if err == nil {
				err = errs.Conflict("角色刚被别人修改过，请刷新后重试")
			}
			return err
		}
		e := audit.Entry{Act: "role.save", Object: "role", ObjectID: in.Code, Summary: "保存角色“" + in.Name + "”", After: row.role(permSets{in.Permissions, in.Pass}), Reason: reason}
		if exists {
			e.Before = old.Role
		}
		return audit.Record(ctx, tx, e)
	})
	if err != nil {
		return Role{}, err
	}
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return Role{}, err
	}
	return b.roles[in.Code].Role, nil
}

func (s *Service) mayEdit(b *rolebook, who Actor, in RoleInput, old bookRole, exists bool) error {
	switch {
	case exists && in.Rev == 0:
		return errs.Invalidf("code", "代码 %s 已被使用", in.Code)
	case !exists && in.Rev != 0:
		return errs.NotFound("角色")
	case exists && old.Builtin:
		return errs.Conflict("内置角色不能修改，请复制为自定义角色")
	case exists && old.Rev != in.Rev:
		return errs.Conflict("角色刚被别人修改过，请刷新后重试")
	case who.HasRole(in.Code):
		return errs.Forbidden("不能修改自己担任的角色")
	}
	if who.held == nil {
		return nil
	}
	return mayHand(who.held, RoleManage, in.Permissions, in.Pass, Scope{Prefixes: []string{"31"}}, nil)
}

// holdersFit refuses a change after which a holder would have permissions
// that exclude each other.
func (s *Service) holdersFit(ctx context.Context, q reader, b *rolebook, in RoleInput) error {
	now := clock.At(s.db.Now())
	people, err := holdersOf(ctx, q, in.Code, now)
	if err != nil || len(people) == 0 {
		return err
	}
	rows, err := openGrants(ctx, q, people, now)
	if err != nil {
		return err
	}
	all := map[string]map[string]bool{}
	for _, g := range rows {
		m := all[g.PersonID]
		if m == nil {
			m = map[string]bool{}
			all[g.PersonID] = m
		}
		list := sorted(b.roles[g.Role].perms)
		if g.Role == in.Code {
			list = in.Permissions
		}
		for _, p := range list {
			m[p] = true
		}
	}
	for id, m := range all {
		if c := b.conflict(m); c != "" {
			names, err := namesOf(ctx, q, []string{id})
			if err != nil {
				return err
			}
			return errs.Conflict(names[id] + " 已担任此角色和另一角色：" + c)
		}
	}
	return nil
}

// SetRoleState disables an own role, so that its grants give nothing, or
// makes it work again.
func (s *Service) SetRoleState(ctx context.Context, code, state, reason string, rev int) error {
	if _, err := Need(ctx, RoleManage); err != nil {
		return err
	}
	if state != StateActive && state != StateDisabled {
		return errs.Invalidf("state", "状态应为 active 或 disabled")
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		rows, perms, err := readRoles(ctx, tx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(rows, func(r roleRow) bool { return r.Code == code })
		if i < 0 {
			return errs.NotFound("角色")
		}
		row, p := rows[i], perms[code]
		switch {
		case row.Builtin == 1:
			return errs.Conflict("内置角色不能停用")
		case row.Rev != rev:
			return errs.Conflict("角色刚被别人修改过，请刷新后重试")
		case !s.genuine("access_roles", row.Code, row.MAC, row.parts(p.perms, p.pass), "角色“"+row.Name+"”"):
			return errs.Conflict("角色数据校验不符，请先重新保存权限")
		}
		before := row.State
		row.State, row.UpdatedAt, row.Rev = state, clock.At(tx.Now()), rev+1
		row.MAC = s.mac(row.parts(p.perms, p.pass))
		if ok, err := putRole(ctx, tx, &row, p.perms, p.pass); err != nil || !ok {
			if err == nil {
				err = errs.Conflict("角色刚被别人修改过，请刷新后重试")
			}
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "role.state", Object: "role", ObjectID: code, Summary: "角色“" + row.Name + "”改为 " + state,
			Before: map[string]string{"state": before}, After: map[string]string{"state": state}, Reason: reason})
	})
}

// Exclusion is a rule that nobody has a permission of A and one of B.
type Exclusion struct {
	ID     string   `json:"id"`
	NameA  string   `json:"nameA"`
	PermsA []string `json:"permsA"`
	NameB  string   `json:"nameB"`
	PermsB []string `json:"permsB"`
	Source string   `json:"source"`
	Base   bool     `json:"base"`
}

// Exclusions lists the rules that hold.
func (s *Service) Exclusions(ctx context.Context) ([]Exclusion, error) {
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	out := []Exclusion{}
	for _, r := range b.rules {
		out = append(out, Exclusion{ID: r.ID, NameA: r.NameA, PermsA: split(r.PermsA), NameB: r.NameB, PermsB: split(r.PermsB), Source: r.Source, Base: strings.HasPrefix(r.ID, "base-")})
	}
	return out, nil
}

// AddExclusion adds a rule; those of the base rules cannot be taken away.
func (s *Service) AddExclusion(ctx context.Context, x Exclusion) error {
	if _, err := Need(ctx, RoleManage); err != nil {
		return err
	}
	var f errs.Fields
	for _, p := range append(slices.Clone(x.PermsA), x.PermsB...) {
		f.Check(knownPerm(p), "permsA", "没有权限 %s", p)
	}
	f.Check(len(x.PermsA) > 0 && len(x.PermsB) > 0, "permsB", "请选择两组权限")
	f.Check(x.NameA != "" && x.NameB != "", "nameA", "请填写两组的名称")
	f.Check(!slices.ContainsFunc(x.PermsA, func(p string) bool { return slices.Contains(x.PermsB, p) }), "permsB", "两组不能有相同的权限")
	if err := f.Err(); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		r := exclusionRow{ID: ids.New(), NameA: x.NameA, PermsA: strings.Join(x.PermsA, ","), NameB: x.NameB, PermsB: strings.Join(x.PermsB, ","), Source: x.Source, State: StateActive, UpdatedAt: clock.At(tx.Now()), Rev: 1}
		r.MAC = s.mac(r.parts())
		if err := insert(ctx, tx, "rule of exclusion", &r); err != nil {
			return err
		}
		if err := bumpVersion(ctx, tx); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "exclusion.add", Object: "exclusion", ObjectID: r.ID, Summary: "新增互斥：" + x.NameA + "／" + x.NameB, After: x})
	})
}

// DropExclusion takes away a rule of the installation's own.
func (s *Service) DropExclusion(ctx context.Context, id, reason string) error {
	if _, err := Need(ctx, RoleManage); err != nil {
		return err
	}
	if strings.HasPrefix(id, "base-") {
		return errs.Conflict("三员互斥的基础规则不能取消")
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := dropExclusion(ctx, tx, id); err != nil {
			return err
		}
		if err := bumpVersion(ctx, tx); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "exclusion.drop", Object: "exclusion", ObjectID: id, Summary: "取消互斥规则", Reason: reason})
	})
}
