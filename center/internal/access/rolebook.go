package access

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"jiexun/center/internal/platform/region"
)

// rolebook is what every request needs of roles, named scopes and
// organisations, kept in memory for one version of these tables.
type rolebook struct {
	version int64
	roles   map[string]bookRole
	order   []string
	scopes  map[string]scopeRow
	orgs    map[string]orgRow
	rules   []exclusionRow
}

type bookRole struct {
	Role
	perms, pass map[string]bool
	good        bool
}

// book gives the rolebook of the version that q sees.
func (s *Service) book(ctx context.Context, q reader) (*rolebook, error) {
	v, err := rolesVersion(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read version of roles: %w", err)
	}
	if b := s.cached.Load(); b != nil && b.version == v {
		return b, nil
	}
	b, err := s.readBook(ctx, q, v)
	if err != nil {
		return nil, err
	}
	s.cached.Store(b)
	return b, nil
}

func (s *Service) readBook(ctx context.Context, q reader, version int64) (*rolebook, error) {
	b := &rolebook{version: version, roles: map[string]bookRole{}, scopes: map[string]scopeRow{}, orgs: map[string]orgRow{}}
	rows, perms, err := readRoles(ctx, q)
	if err != nil {
		return nil, err
	}
	base := Roles()
	place := func(r roleRow) int { // own roles come after the built-in ones
		i := slices.IndexFunc(base, func(x Role) bool { return x.Code == r.Code })
		if i < 0 {
			return len(base)
		}
		return i
	}
	slices.SortStableFunc(rows, func(x, y roleRow) int { return cmp.Compare(place(x), place(y)) })
	for _, r := range rows {
		role := r.role(perms[r.Code])
		good := s.genuine("access_roles", r.Code, r.MAC, r.parts(role.Permissions, role.Pass), "角色“"+r.Name+"”")
		b.roles[r.Code] = bookRole{Role: role, perms: setOf(role.Permissions), pass: setOf(role.Pass), good: good}
		b.order = append(b.order, r.Code)
	}
	scopes, err := readScopes(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, r := range scopes {
		if s.genuine("access_scopes", r.Code, r.MAC, r.parts(), "数据范围“"+r.Name+"”") {
			b.scopes[r.Code] = r
		}
	}
	orgs, err := listOrgs(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, o := range orgs {
		if !s.genuine("access_orgs", o.ID, o.MAC, o.parts(), "机构“"+o.Name+"”") {
			o.State = stateBad
		}
		b.orgs[o.ID] = o
	}
	rules, err := readExclusions(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		// A rule that was changed beside the center still holds as it stands:
		// dropping it would give more, not less.
		s.genuine("access_exclusions", r.ID, r.MAC, r.parts(), "互斥规则“"+r.NameA+"／"+r.NameB+"”")
		if r.State == StateActive {
			b.rules = append(b.rules, r)
		}
	}
	return b, nil
}

func setOf(list []string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, x := range list {
		m[x] = true
	}
	return m
}

// live gives a role that gives permissions now.
func (b *rolebook) live(code string) (bookRole, bool) {
	r, ok := b.roles[code]
	return r, ok && r.good && r.State == StateActive
}

func (b *rolebook) name(code string) string {
	if r, ok := b.roles[code]; ok {
		return r.Name
	}
	return code
}

// perms joins the permissions of roles.
func (b *rolebook) perms(roles []string) map[string]bool {
	m := map[string]bool{}
	for _, c := range roles {
		if r, ok := b.live(c); ok {
			for p := range r.perms {
				m[p] = true
			}
		}
	}
	return m
}

// orgScope is the region of an organisation, or the named scope of a unit
// that works across districts; what was merged follows where it went.
func (b *rolebook) orgScope(id string) Scope {
	for range 8 {
		o, ok := b.orgs[id]
		switch {
		case !ok || o.State == stateBad || o.State == StateDisabled && o.MergedInto == "":
			return Scope{}
		case o.MergedInto != "":
			id = o.MergedInto
			continue
		case o.ScopeCode != "":
			return b.namedScope(o.ScopeCode)
		}
		return Scope{Prefixes: []string{region.Prefix(o.RegionCode)}}
	}
	return Scope{}
}

// now follows mergers to the organisation that an id stands for today.
func (b *rolebook) now(org string) string {
	for range 8 {
		o, ok := b.orgs[org]
		if !ok || o.MergedInto == "" {
			break
		}
		org = o.MergedInto
	}
	return org
}

func (b *rolebook) namedScope(code string) Scope {
	r, ok := b.scopes[code]
	if !ok || r.State != StateActive {
		return Scope{}
	}
	return Scope{Prefixes: normal(split(r.Prefixes))}
}

// grantScope works out where a grant holds.
func (b *rolebook) grantScope(kind, person, org, named string, prefixes []string) Scope {
	switch kind {
	case KindRegion:
		return Scope{Prefixes: normal(prefixes)}
	case KindOrg:
		return b.orgScope(org)
	case KindNamed:
		return b.namedScope(named)
	case KindOwn:
		return Scope{Own: []string{person}}
	}
	return Scope{}
}

// held turns a stored grant into what it gives.
func (b *rolebook) held(g grantRow) (Held, bool) {
	r, ok := b.live(g.Role)
	if !ok {
		return Held{}, false
	}
	return Held{
		GrantID: g.ID, Role: g.Role, RoleName: r.Name, Perms: r.perms, Pass: r.pass, Until: g.ToAt,
		Scope: b.grantScope(g.Kind, g.PersonID, g.OrgID, g.ScopeCode, g.prefixes()),
	}, true
}

// conflict names two permissions that one person or role may not have
// together.
func (b *rolebook) conflict(perms map[string]bool) string {
	for _, r := range b.rules {
		for _, x := range split(r.PermsA) {
			if !perms[x] {
				continue
			}
			for _, y := range split(r.PermsB) {
				if perms[y] {
					return "“" + permName(x) + "”（" + r.NameA + "）与“" + permName(y) + "”（" + r.NameB + "）不能由同一人或同一角色担任"
				}
			}
		}
	}
	return ""
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func sorted(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k, ok := range m {
		if ok {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}
