package access

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/platform/httpx"
)

// Named is a code with its Chinese name.
type Named struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

type emptyOut struct{}

// Register adds the routes of access. Secure marks the cookie for HTTPS only.
func (s *Service) Register(api huma.API, secure bool) {
	s.registerSession(api, secure)
	s.registerLists(api)
	s.registerAccounts(api)
	s.registerRoles(api)
	s.registerGrants(api)
	s.registerPeople(api)
	s.registerOrgs(api)
	s.registerAbsences(api)
}

type personsIn struct {
	httpx.Paging
	Org    string `query:"org" maxLength:"64"`
	Role   string `query:"role" maxLength:"40"`
	Locked bool   `query:"locked"`
}

func (in personsIn) filter() PersonFilter {
	return PersonFilter{OrgID: in.Org, Role: in.Role, Q: in.Q, Locked: in.Locked, Limit: in.Limit(), Offset: in.Offset()}
}

// RoleMatrix is the table of roles and permissions.
type RoleMatrix struct {
	Roles       []Role       `json:"roles"`
	Permissions []Permission `json:"permissions"`
}

func (s *Service) registerLists(api huma.API) {
	httpx.Register(api, httpx.SignedIn, huma.Operation{OperationID: "list-orgs", Method: http.MethodGet, Path: "/api/orgs", Summary: "Organisations", Tags: []string{"access"}},
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]Org], error) { return httpx.Out(s.Orgs(ctx)) })
	httpx.Register(api, httpx.SignedIn, huma.Operation{OperationID: "list-persons", Method: http.MethodGet, Path: "/api/persons", Summary: "People in one's scope", Tags: []string{"access"}},
		func(ctx context.Context, in *personsIn) (*httpx.Body[httpx.List[Person]], error) {
			list, n, err := s.Persons(ctx, in.filter())
			return httpx.Out(httpx.NewList(list, n, in.Paging, s.db.Now()), err)
		})
}

type accountIn struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Reason string `json:"reason,omitempty" maxLength:"200"`
	}
}

// ResetAnswer shows the temporary password once.
type ResetAnswer struct {
	Password string `json:"password"`
}

func (s *Service) registerAccounts(api huma.API) {
	httpx.Register(api, AccountManage, huma.Operation{OperationID: "list-accounts", Method: http.MethodGet, Path: "/api/accounts", Summary: "Accounts", Tags: []string{"access"}},
		func(ctx context.Context, in *personsIn) (*httpx.Body[httpx.List[Account]], error) {
			list, n, err := s.Accounts(ctx, in.filter())
			return httpx.Out(httpx.NewList(list, n, in.Paging, s.db.Now()), err)
		})
	httpx.Register(api, AccountManage, huma.Operation{OperationID: "unlock-account", Method: http.MethodPost, Path: "/api/accounts/{id}/unlock", Summary: "End a lock-out", Tags: []string{"access"}, DefaultStatus: 204},
		func(ctx context.Context, in *accountIn) (*emptyOut, error) {
			return nil, s.Unlock(ctx, in.ID, in.Body.Reason)
		})
	httpx.Register(api, AccountManage, huma.Operation{OperationID: "reset-account", Method: http.MethodPost, Path: "/api/accounts/{id}/reset", Summary: "Give a temporary password", Tags: []string{"access"}},
		func(ctx context.Context, in *accountIn) (*httpx.Body[ResetAnswer], error) {
			pw, err := s.Reset(ctx, in.ID, in.Body.Reason)
			return httpx.Out(ResetAnswer{Password: pw}, err)
		})
	httpx.Register(api, AccountManage, huma.Operation{OperationID: "set-account-state", Method: http.MethodPost, Path: "/api/accounts/{id}/state", Summary: "Disable an account or make it active", Tags: []string{"access"}, DefaultStatus: 204},
		func(ctx context.Context, in *struct {
			ID   string `path:"id" maxLength:"64"`
			Body struct {
				State  string `json:"state" enum:"active,disabled"`
				Reason string `json:"reason,omitempty" maxLength:"200"`
				Rev    int    `json:"rev"`
			}
		},
		) (*emptyOut, error) {
			return nil, s.SetState(ctx, in.ID, in.Body.State, in.Body.Reason, in.Body.Rev)
		})
}
