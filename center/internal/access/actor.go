// Package access knows who may do what: organisations, persons, accounts,
// sessions, roles and grants. An Actor is the person behind a request, with
// the grants that hold at this moment: each gives some permissions on a part
// of the city, and a permission never reaches into the part of another grant.
package access

import (
	"context"
	"slices"

	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Actor is the person who acts.
type Actor struct {
	ID, Name, Account string
	OrgID, OrgName    string
	// OrgLevel is bureau, district, squad or unit.
	OrgLevel string
	// RegionCode is the region of the actor's organisation.
	RegionCode string
	// Roles are role codes.
	Roles []string
	// Perms holds the permission codes that the grants give.
	Perms map[string]bool
	// Scope is where the permission holds that Need or For was asked about.
	// An actor that comes from From covers nothing: ask ScopeFor.
	Scope Scope
	// ActsFor are the persons whose substitute the actor is now.
	ActsFor []string
	// Method is how the actor signed in, for example password; empty for
	// jobs and tests.
	Method string

	held  []Held
	facts *facts
}

// Held is one grant as it works for an actor.
type Held struct {
	GrantID  string
	Role     string
	RoleName string
	// Perms are what the grant gives, Pass what its holder may hand on
	// without having the use of it.
	Perms, Pass map[string]bool
	Scope       Scope
	// Until is the end of the grant; nil has none.
	Until *clock.Stamp
	// Via is the person whose substitute the actor is; empty for the
	// actor's own grants.
	Via string
}

type actorKey struct{}

// With puts the actor into the context, and as the caller for log and audit.
func With(ctx context.Context, a Actor) context.Context {
	c := caller.From(ctx)
	c.ID, c.Name, c.OrgID = a.ID, a.Name, a.OrgID
	return context.WithValue(caller.With(ctx, c), actorKey{}, a)
}

// From reads the actor; without one the request is not signed in. The
// actor's Scope covers nothing unless it was set by hand: rows are reached
// by Need, For or ScopeFor, which name the permission.
func From(ctx context.Context) (Actor, error) {
	a, ok := ctx.Value(actorKey{}).(Actor)
	if !ok {
		return Actor{}, errs.New(errs.Unauthenticated, "请先登录")
	}
	return a, nil
}

// Need reads the actor and checks one permission: the first line of a use
// case. The actor's Scope is where exactly this permission holds.
func Need(ctx context.Context, perm string) (Actor, error) {
	a, err := From(ctx)
	if err != nil {
		return Actor{}, err
	}
	return a.For(perm), a.Need(perm)
}

// Need gives nil when the actor holds the permission.
func (a Actor) Need(perm string) error {
	if a.Perms[perm] {
		return nil
	}
	return errs.Forbidden("您的角色没有这项权限（" + perm + "），如需办理请联系系统管理员")
}

// Has tells whether the actor holds the permission anywhere.
func (a Actor) Has(perm string) bool { return a.Perms[perm] }

// Allows tells whether the actor holds the permission for a row of the
// region.
func (a Actor) Allows(perm, regionCode string) bool { return a.ScopeFor(perm).Covers(regionCode) }

// For gives the actor with the Scope of a permission, for the rows that the
// permission opens.
func (a Actor) For(perm string) Actor {
	a.Scope = a.ScopeFor(perm)
	return a
}

// ScopeFor joins the scopes of exactly those grants that give a permission.
// An actor made without grants (a job, a test) has one scope for all its
// permissions.
func (a Actor) ScopeFor(perm string) Scope {
	if !a.Perms[perm] {
		return Scope{}
	}
	if a.held == nil {
		return a.Scope
	}
	list := []Scope{}
	for _, h := range a.held {
		if h.Perms[perm] {
			list = append(list, h.Scope)
		}
	}
	return union(list)
}

// Reach joins the scopes of all grants: where the actor has anything to do,
// for the pages' filters. It decides nothing.
func (a Actor) Reach() Scope {
	if a.held == nil {
		return a.Scope
	}
	list := make([]Scope, 0, len(a.held))
	for _, h := range a.held {
		list = append(list, h.Scope)
	}
	return union(list)
}

// Grants lists the grants that the actor has now.
func (a Actor) Grants() []Held { return slices.Clone(a.held) }

// HasRole tells whether the actor has a role. Use it only to choose what is
// shown first, never to decide what is allowed.
func (a Actor) HasRole(code string) bool { return slices.Contains(a.Roles, code) }

// give fills Roles, Perms and ActsFor from the grants.
func (a *Actor) give(list []Held) {
	a.held, a.Perms, a.Roles, a.ActsFor = list, map[string]bool{}, []string{}, nil
	if list == nil {
		a.held = []Held{}
	}
	for _, h := range list {
		for p := range h.Perms {
			a.Perms[p] = true
		}
		if h.Via != "" && !slices.Contains(a.ActsFor, h.Via) {
			a.ActsFor = append(a.ActsFor, h.Via)
		}
		if !slices.Contains(a.Roles, h.Role) {
			a.Roles = append(a.Roles, h.Role)
		}
	}
}
