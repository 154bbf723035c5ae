package access

import (
	"context"
	"fmt"
	"slices"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// actorOf builds the actor from the person, the organisation and the grants
// that hold now. A grant whose code does not fit gives nothing.
func (s *Service) actorOf(ctx context.Context, q reader, p personRow, now time.Time) (Actor, error) {
	b, err := s.book(ctx, q)
	if err != nil {
		return Actor{}, err
	}
	o, ok := b.orgs[p.OrgID]
	if !ok {
		if o, err = orgByID(ctx, q, p.OrgID); err != nil {
			return Actor{}, fmt.Errorf("read actor's organisation: %w", err)
		}
	}
	f, err := s.factsOf(ctx, q, b, p, clock.At(now))
	if err != nil {
		return Actor{}, err
	}
	a := Actor{ID: p.ID, Name: p.Name, Account: p.Account, OrgID: o.ID, OrgName: o.Name, OrgLevel: o.Kind, RegionCode: o.RegionCode, facts: f}
	a.give(f.held())
	s.raise(ctx)
	return a, nil
}

// heldBy gives the person's own grants, and those of the persons whose
// substitute they are.
func (s *Service) heldBy(ctx context.Context, q reader, b *rolebook, person string, now clock.Stamp) ([]Held, error) {
	f, err := s.factsOf(ctx, q, b, personRow{ID: person}, now)
	if err != nil {
		return nil, err
	}
	return f.held(), nil
}

// genuineRows keeps the grants whose code fits.
func (s *Service) genuineRows(b *rolebook, rows []grantRow) []grantRow {
	return slices.DeleteFunc(rows, func(g grantRow) bool {
		return !s.genuine("access_grants", g.ID, g.MAC, g.parts(), "授权（人员 "+g.PersonID+"，角色 "+b.name(g.Role)+"）")
	})
}

// rolesOfAll gives the roles that persons have by grants that give something
// now.
func (s *Service) rolesOfAll(ctx context.Context, q reader, persons []string, now clock.Stamp) (map[string][]string, error) {
	b, err := s.book(ctx, q)
	if err != nil {
		return nil, err
	}
	rows, err := grantsOfAll(ctx, q, persons, now)
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, g := range s.genuineRows(b, rows) {
		if _, ok := b.held(g); ok && !slices.Contains(out[g.PersonID], g.Role) {
			out[g.PersonID] = append(out[g.PersonID], g.Role)
		}
	}
	return out, nil
}

// lent are the permissions that a substitute gets: those named, or all, and
// never the handing out of permissions itself.
func lent(perms map[string]bool, only []string) map[string]bool {
	out := map[string]bool{}
	for p := range perms {
		if p != GrantManage && p != RoleManage && (len(only) == 0 || slices.Contains(only, p)) {
			out[p] = true
		}
	}
	return out
}

// ActorOf gives an active person as an actor, for work that is done in their
// name and for questions of what they may do.
func (s *Service) ActorOf(ctx context.Context, personID string) (Actor, error) {
	p, err := personByID(ctx, s.db.Read(), personID)
	if db.NoRows(err) || err == nil && p.State != StateActive {
		return Actor{}, errs.NotFound("人员")
	}
	if err != nil {
		return Actor{}, fmt.Errorf("read person: %w", err)
	}
	a, err := s.actorOf(ctx, s.db.Read(), p, s.db.Now())
	a.facts = nil // only a request's own actor answers from what it began with
	return a, err
}

// Group is a role in an organisation: work that nobody has taken yet is
// offered to everyone in it.
type Group struct {
	Role  string `json:"role"`
	OrgID string `json:"orgId"`
}

// GroupsOf lists the groups that a person is in now: each role with the
// organisation of the grant or of the person, and the groups of those whose
// substitute they are.
func (s *Service) GroupsOf(ctx context.Context, personID string) ([]Group, error) {
	f, err := s.factsFor(ctx, personID)
	if err != nil {
		return nil, err
	}
	out := f.groups(nil, f.org, f.own)
	for i := range f.subs {
		sub := &f.subs[i]
		if sub.Perms != "" {
			continue
		}
		p, err := personByID(ctx, s.db.Read(), sub.AbsentID)
		if err != nil {
			return nil, fmt.Errorf("read person: %w", err)
		}
		out = f.groups(out, p.OrgID, f.lent[sub.AbsentID])
	}
	return out, nil
}

// PersonsWith lists the active persons who hold a permission for a region
// now. q is the running transaction, or nil to read outside one. A region ""
// asks for holders anywhere.
func (s *Service) PersonsWith(ctx context.Context, q Reader, perm, regionCode string) ([]Person, error) {
	if q == nil {
		q = s.db.Read()
	}
	b, err := s.book(ctx, q)
	if err != nil {
		return nil, err
	}
	roles := []string{}
	for _, code := range b.order {
		if r, ok := b.live(code); ok && r.perms[perm] {
			roles = append(roles, code)
		}
	}
	return s.personsOf(ctx, q, b, roles, func(h Held) bool {
		return regionCode == "" || h.Scope.Covers(regionCode)
	})
}

// PersonsInRole lists the active persons who have a role now, in an
// organisation or, when orgID is "", anywhere.
func (s *Service) PersonsInRole(ctx context.Context, role, orgID string) ([]Person, error) {
	q := s.db.Read()
	b, err := s.book(ctx, q)
	if err != nil {
		return nil, err
	}
	if _, ok := b.live(role); !ok {
		return []Person{}, nil
	}
	list, err := s.personsOf(ctx, q, b, []string{role}, func(Held) bool { return true })
	if err != nil || orgID == "" {
		return list, err
	}
	return slices.DeleteFunc(list, func(p Person) bool {
		return p.OrgID != orgID && !slices.Contains(p.groups, Group{Role: role, OrgID: orgID})
	}), nil
}

func (s *Service) personsOf(ctx context.Context, q reader, b *rolebook, roles []string, keep func(Held) bool) ([]Person, error) {
	if len(roles) == 0 {
		return []Person{}, nil
	}
	rows, err := grantsOfRoles(ctx, q, roles, clock.At(s.db.Now()))
	if err != nil {
		return nil, err
	}
	ids, orgs := []string{}, map[string][]Group{}
	for i := range rows {
		g := &rows[i]
		if !s.genuine("access_grants", g.ID, g.MAC, g.parts(), "授权（人员 "+g.PersonID+"，角色 "+b.name(g.Role)+"）") {
			continue
		}
		if h, ok := b.held(*g); ok && keep(h) {
			if _, seen := orgs[g.PersonID]; !seen {
				ids = append(ids, g.PersonID)
			}
			orgs[g.PersonID] = append(orgs[g.PersonID], Group{Role: g.Role, OrgID: b.now(g.OrgID)})
		}
	}
	people, err := personsByID(ctx, q, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Person, 0, len(people))
	all, err := s.rolesOfAll(ctx, q, ids, clock.At(s.db.Now()))
	if err != nil {
		return nil, err
	}
	for _, p := range people {
		x := s.person(p, b, all[p.ID])
		x.groups = orgs[p.ID]
		out = append(out, x)
	}
	return out, nil
}
