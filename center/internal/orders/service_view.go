package orders

import (
	"context"
	"fmt"
	"slices"

	"jiexun/center/internal/access"
)

// viewer is the actor with those whose place the actor takes: their orders
// are in the actor's lists, and the actor may act on them.
type viewer struct {
	access.Actor
	stands []standing
}

// standing is an absent person and what was lent of the person's rights.
type standing struct {
	Officer
	grants []access.Held
}

// viewer reads the actor for the rows that order.view opens.
func (s *Service) viewer(ctx context.Context) (viewer, error) {
	who, err := access.Need(ctx, access.OrderView)
	if err != nil {
		return viewer{}, err
	}
	return s.withStands(ctx, who)
}

// withStands looks up those whose place the actor takes.
func (s *Service) withStands(ctx context.Context, who access.Actor) (viewer, error) {
	v := viewer{Actor: who}
	for _, id := range who.ActsFor {
		p, ok, err := s.people.Officer(ctx, id)
		if err != nil {
			return viewer{}, fmt.Errorf("look up who is absent: %w", err)
		}
		if !ok {
			continue
		}
		st := standing{Officer: p}
		for _, h := range who.Grants() {
			if h.Via == id {
				st.grants = append(st.grants, h)
			}
		}
		v.stands = append(v.stands, st)
	}
	return v, nil
}

// allows tells whether the actor holds a permission for a region by grants
// of the actor's own.
func (v viewer) allows(perm, region string) bool {
	if len(v.stands) == 0 {
		return v.Allows(perm, region)
	}
	return allowed(v.Grants(), "", perm, region)
}

// has tells whether the actor holds a permission by grants of the actor's own.
func (v viewer) has(perm string) bool {
	if len(v.stands) == 0 {
		return v.Has(perm)
	}
	return slices.ContainsFunc(v.Grants(), func(h access.Held) bool { return h.Via == "" && h.Perms[perm] })
}

func (st standing) has(perm string) bool {
	return slices.ContainsFunc(st.grants, func(h access.Held) bool { return h.Perms[perm] })
}

func allowed(list []access.Held, via, perm, region string) bool {
	return slices.ContainsFunc(list, func(h access.Held) bool { return h.Via == via && h.Perms[perm] && h.Scope.Covers(region) })
}

// person is the actor as the rules see one: each right where the actor holds
// it, the squad's own orders wherever they lie, and those that the actor
// stands in for.
func (v viewer) person(o Order) Person {
	make := func(id, name, org string, has func(string) bool, allows func(perm, region string) bool) Person {
		dispatch, review := allows(access.OrderDispatch, o.RegionCode), allows(access.OrderReview, o.RegionCode)
		return Person{
			ID: id, Name: name, OrgID: org, Dispatch: dispatch, Assign: has(access.OrderAssign), Handle: has(access.OrderHandle),
			Review: review || has(access.OrderReview) && o.SquadOrgID != "" && o.SquadOrgID == org,
			Urge:   allows(access.OrderUrge, o.RegionCode), Covers: dispatch || review,
		}
	}
	p := make(v.ID, v.Name, v.OrgID, v.has, v.allows)
	for _, st := range v.stands {
		p.For = append(p.For, make(st.ID, st.Name, st.OrgID, st.has, func(perm, region string) bool {
			return allowed(st.grants, st.ID, perm, region)
		}))
	}
	return p
}

// officers are the persons whose orders the actor works on.
func (v viewer) officers() []string {
	out := []string{}
	if v.has(access.OrderHandle) {
		out = append(out, v.ID)
	}
	for _, st := range v.stands {
		if st.has(access.OrderHandle) {
			out = append(out, st.ID)
		}
	}
	return out
}

// leads are the squads in which the actor gives orders to officers.
func (v viewer) leads() []string {
	out := []string{}
	if v.has(access.OrderAssign) && v.OrgID != "" {
		out = append(out, v.OrgID)
	}
	for _, st := range v.stands {
		if st.has(access.OrderAssign) && st.OrgID != "" && !slices.Contains(out, st.OrgID) {
			out = append(out, st.OrgID)
		}
	}
	return out
}

// own are the squads and the persons whose orders the actor sees wherever
// they lie: orders are given to those who can handle them.
func (v viewer) own() (squads, persons []string) {
	if v.OrgLevel == "squad" && v.OrgID != "" {
		squads = append(squads, v.OrgID)
	}
	persons = v.officers()
	for _, st := range v.stands {
		if st.has(access.OrderView) && st.OrgID != "" && !slices.Contains(squads, st.OrgID) {
			squads = append(squads, st.OrgID)
		}
	}
	return squads, persons
}

// narrow tells that the scope is some streets and not more.
func (v viewer) narrow() bool {
	return len(v.Scope.Prefixes) > 0 && len(v.Scope.Prefixes) <= 4 && !slices.ContainsFunc(v.Scope.Prefixes, func(p string) bool { return len(p) < 9 })
}
