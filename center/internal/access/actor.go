// Package access knows who may do what: accounts, sessions, roles, grants and
// organisations. An Actor is the person behind a request, with the
// permissions and the data scope that hold at this moment.
package access

import (
	"context"

	"jiexun/center/internal/platform/caller"
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
	// Perms holds the permission codes that the roles give.
	Perms map[string]bool
	Scope Scope
}

type actorKey struct{}

// With puts the actor into the context, and as the caller for log and audit.
func With(ctx context.Context, a Actor) context.Context {
	c := caller.From(ctx)
	c.ID, c.Name, c.OrgID = a.ID, a.Name, a.OrgID
	return context.WithValue(caller.With(ctx, c), actorKey{}, a)
}

// From reads the actor; without one the request is not signed in.
func From(ctx context.Context) (Actor, error) {
	a, ok := ctx.Value(actorKey{}).(Actor)
	if !ok {
		return Actor{}, errs.New(errs.Unauthenticated, "请先登录")
	}
	return a, nil
}

// Need reads the actor and checks one permission: the first line of a use
// case.
func Need(ctx context.Context, perm string) (Actor, error) {
	a, err := From(ctx)
	if err != nil {
		return Actor{}, err
	}
	return a, a.Need(perm)
}

// Need gives nil when the actor holds the permission.
func (a Actor) Need(perm string) error {
	if a.Perms[perm] {
		return nil
	}
	return errs.Forbidden("您的角色没有这项权限（" + perm + "），如需办理请联系系统管理员")
}

// Has tells whether the actor holds the permission.
func (a Actor) Has(perm string) bool { return a.Perms[perm] }

// HasRole tells whether the actor has a role. Use it only to choose what is
// shown first, never to decide what is allowed.
func (a Actor) HasRole(code string) bool {
	for _, r := range a.Roles {
		if r == code {
			return true
		}
	}
	return false
}
