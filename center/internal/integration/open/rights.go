package open

import (
	"context"

	"jiexun/center/internal/access"
)

// OpenRight is one permission of a person and where it holds.
type OpenRight struct {
	Permission string   `json:"permission"`
	Prefixes   []string `json:"prefixes"`
}

// OpenRights are what a person may do.
type OpenRights struct {
	PersonID string      `json:"personId"`
	Name     string      `json:"name"`
	OrgName  string      `json:"orgName"`
	Roles    []string    `json:"roles"`
	Rights   []OpenRight `json:"rights"`
}

func (s *Service) rights(ctx context.Context, id string) (OpenRights, error) {
	a, err := s.person(ctx, id, "")
	if err != nil {
		return OpenRights{}, err
	}
	out := OpenRights{PersonID: a.ID, Name: a.Name, OrgName: a.OrgName, Roles: a.Roles, Rights: []OpenRight{}}
	for _, p := range access.Permissions() {
		if !a.Has(p.Code) {
			continue
		}
		r := OpenRight{Permission: p.Code, Prefixes: a.ScopeFor(p.Code).Prefixes}
		if r.Prefixes == nil {
			r.Prefixes = []string{}
		}
		out.Rights = append(out.Rights, r)
	}
	return out, nil
}

func (s *Service) introspect(ctx context.Context, token string) (OpenIdentity, error) {
	t, ok, err := s.o.Tokens.Introspect(ctx, token)
	if err != nil || !ok {
		return OpenIdentity{}, err
	}
	out, err := s.identity(ctx, t.PersonID)
	if err == nil && out.Active {
		out.Scopes, out.ExpiresAt = t.Permissions, &t.ExpiresAt
	}
	return out, err
}
