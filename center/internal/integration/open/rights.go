package open

import (
	"context"

	"jiexun/center/internal/access"
)

// Right is one permission of a person and where it holds.
type Right struct {
	Permission string   `json:"permission"`
	Prefixes   []string `json:"prefixes"`
}

// Rights are what a person may do.
type Rights struct {
	PersonID string   `json:"personId"`
	Name     string   `json:"name"`
	OrgName  string   `json:"orgName"`
	Roles    []string `json:"roles"`
	Rights   []Right  `json:"rights"`
}

func (s *Service) rights(ctx context.Context, id string) (Rights, error) {
	a, err := s.person(ctx, id, "")
	if err != nil {
		return Rights{}, err
	}
	out := Rights{PersonID: a.ID, Name: a.Name, OrgName: a.OrgName, Roles: a.Roles, Rights: []Right{}}
	for _, p := range access.Permissions() {
		if !a.Has(p.Code) {
			continue
		}
		r := Right{Permission: p.Code, Prefixes: a.ScopeFor(p.Code).Prefixes}
		if r.Prefixes == nil {
			r.Prefixes = []string{}
		}
		out.Rights = append(out.Rights, r)
	}
	return out, nil
}

func (s *Service) introspect(ctx context.Context, token string) (Identity, error) {
	t, ok, err := s.o.Tokens.Introspect(ctx, token)
	if err != nil || !ok {
		return Identity{}, err
	}
	out, err := s.identity(ctx, t.PersonID)
	if err == nil && out.Active {
		out.Scopes, out.ExpiresAt = t.Permissions, &t.ExpiresAt
	}
	return out, err
}
