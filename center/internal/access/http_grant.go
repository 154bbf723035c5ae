package access

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/sheet"
)

type roleBody struct {
	Code        string   `json:"code" maxLength:"40"`
	Name        string   `json:"name" maxLength:"40"`
	Note        string   `json:"note,omitempty" maxLength:"200"`
	Permissions []string `json:"permissions" maxItems:"200"`
	Pass        []string `json:"pass,omitempty" maxItems:"200"`
	Rev         int      `json:"rev,omitempty" minimum:"0"`
	Reason      string   `json:"reason,omitempty" maxLength:"200"`
}

func (b roleBody) input(code string) RoleInput {
	return RoleInput{Code: code, Name: b.Name, Note: b.Note, Permissions: b.Permissions, Pass: b.Pass, Rev: b.Rev}
}

func op(id, method, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"access"}}
}

func opDone(id, method, path, summary string) huma.Operation {
	o := op(id, method, path, summary)
	o.DefaultStatus = http.StatusNoContent
	return o
}

func (s *Service) registerRoles(api huma.API) {
	httpx.Register(api, RoleView, op("list-roles", "GET", "/api/roles", "Roles and their permissions"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[RoleMatrix], error) {
			roles, err := s.AllRoles(ctx)
			return httpx.Out(RoleMatrix{Roles: roles, Permissions: Permissions()}, err)
		})
	httpx.Register(api, RoleView, op("export-roles", "GET", "/api/roles.xlsx", "The matrix of roles and permissions as a spreadsheet"),
		func(ctx context.Context, _ *struct{}) (*sheet.File, error) {
			b, err := s.ExportRoles(ctx)
			if err != nil {
				return nil, err
			}
			return sheet.Attachment("角色权限矩阵.xlsx", b), nil
		})
	httpx.Register(api, RoleManage, op("create-role", "POST", "/api/roles", "Make an own role"),
		func(ctx context.Context, in *struct{ Body roleBody }) (*httpx.Body[Role], error) {
			x := in.Body.input(in.Body.Code)
			x.Rev = 0
			return httpx.Out(s.SaveRole(ctx, x, in.Body.Reason))
		})
	httpx.Register(api, RoleManage, op("update-role", "PUT", "/api/roles/{code}", "Change an own role"),
		func(ctx context.Context, in *struct {
			Code string `path:"code" maxLength:"40"`
			Body roleBody
		},
		) (*httpx.Body[Role], error) {
			x := in.Body.input(in.Code)
			x.Rev = max(x.Rev, 1)
			return httpx.Out(s.SaveRole(ctx, x, in.Body.Reason))
		})
	httpx.Register(api, RoleManage, opDone("set-role-state", "POST", "/api/roles/{code}/state", "Disable an own role or make it work again"),
		func(ctx context.Context, in *struct {
			Code string `path:"code" maxLength:"40"`
			Body struct {
				State  string `json:"state" enum:"active,disabled"`
				Reason string `json:"reason,omitempty" maxLength:"200"`
				Rev    int    `json:"rev"`
			}
		},
		) (*emptyOut, error) {
			return nil, s.SetRoleState(ctx, in.Code, in.Body.State, in.Body.Reason, in.Body.Rev)
		})
	s.registerBounds(api)
}

// registerBounds adds the routes of what bounds roles and grants: permissions
// that exclude each other, and named scopes.
func (s *Service) registerBounds(api huma.API) {
	httpx.Register(api, RoleView, op("list-exclusions", "GET", "/api/exclusions", "Permissions that exclude each other"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]Exclusion], error) {
			return httpx.Out(s.Exclusions(ctx))
		})
	httpx.Register(api, RoleManage, opDone("add-exclusion", "POST", "/api/exclusions", "Add a rule of exclusion"),
		func(ctx context.Context, in *struct {
			Body struct {
				NameA  string   `json:"nameA" maxLength:"20"`
				PermsA []string `json:"permsA" maxItems:"100"`
				NameB  string   `json:"nameB" maxLength:"20"`
				PermsB []string `json:"permsB" maxItems:"100"`
				Source string   `json:"source,omitempty" maxLength:"200"`
			}
		},
		) (*emptyOut, error) {
			b := in.Body
			return nil, s.AddExclusion(ctx, Exclusion{NameA: b.NameA, PermsA: b.PermsA, NameB: b.NameB, PermsB: b.PermsB, Source: b.Source})
		})
	httpx.Register(api, RoleManage, opDone("drop-exclusion", "POST", "/api/exclusions/{id}/drop", "Take away an own rule of exclusion"),
		func(ctx context.Context, in *accountIn) (*emptyOut, error) {
			return nil, s.DropExclusion(ctx, in.ID, in.Body.Reason)
		})
	httpx.Register(api, httpx.SignedIn, op("list-scopes", "GET", "/api/scopes", "Named scopes"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]NamedScope], error) {
			return httpx.Out(s.NamedScopes(ctx))
		})
	httpx.Register(api, RoleManage, opDone("save-scope", "PUT", "/api/scopes/{code}", "Make a named scope (rev 0) or change one"),
		func(ctx context.Context, in *struct {
			Code string `path:"code" maxLength:"40"`
			Body struct {
				Name     string   `json:"name" maxLength:"40"`
				Prefixes []string `json:"prefixes" maxItems:"100"`
				Note     string   `json:"note,omitempty" maxLength:"200"`
				State    string   `json:"state,omitempty" maxLength:"10"`
				Rev      int      `json:"rev" minimum:"0"`
				Reason   string   `json:"reason,omitempty" maxLength:"200"`
			}
		},
		) (*emptyOut, error) {
			b := in.Body
			return nil, s.SaveScope(ctx, NamedScope{Code: in.Code, Name: b.Name, Prefixes: b.Prefixes, Note: b.Note, State: b.State, Rev: b.Rev}, b.Reason)
		})
}

type grantsIn struct {
	httpx.Paging
	Person string `query:"person" maxLength:"64"`
	Role   string `query:"role" maxLength:"40"`
	Org    string `query:"org" maxLength:"64"`
	State  string `query:"state" enum:"all,active,future,ended,revoked,tampered,expiring"`
	Days   int    `query:"days" minimum:"0" maximum:"3660" default:"30"`
}

type grantBody struct {
	PersonID  string       `json:"personId" maxLength:"64"`
	Role      string       `json:"role" maxLength:"40"`
	Kind      string       `json:"kind" enum:"region,org,named,own"`
	Prefixes  []string     `json:"prefixes,omitempty" maxItems:"50"`
	OrgID     string       `json:"orgId,omitempty" maxLength:"64"`
	ScopeCode string       `json:"scopeCode,omitempty" maxLength:"40"`
	From      *clock.Stamp `json:"from,omitempty"`
	To        *clock.Stamp `json:"to,omitempty"`
	Reason    string       `json:"reason" maxLength:"200"`
}

func (b grantBody) input() GrantInput {
	in := GrantInput{PersonID: b.PersonID, Role: b.Role, Kind: b.Kind, Prefixes: b.Prefixes, OrgID: b.OrgID, ScopeCode: b.ScopeCode, To: b.To, Reason: b.Reason}
	if b.From != nil {
		in.From = *b.From
	}
	return in
}

func (s *Service) registerGrants(api huma.API) {
	httpx.Register(api, RoleView, op("list-grants", "GET", "/api/grants", "Grants of people in one's scope"),
		func(ctx context.Context, in *grantsIn) (*httpx.Body[httpx.List[Grant]], error) {
			order, err := in.Order(map[string]string{"from": "t.from_at", "to": "t.to_at", "createdAt": "t.created_at", "person": "p.name", "role": "t.role"}, "t.created_at DESC")
			if err != nil {
				return nil, err
			}
			list, n, err := s.Grants(ctx, GrantFilter{PersonID: in.Person, Role: in.Role, OrgID: in.Org, Q: in.Q, State: in.State, Days: in.Days, Order: order, Limit: in.Limit(), Offset: in.Offset()})
			return httpx.Out(httpx.NewList(list, n, in.Paging, s.db.Now()), err)
		})
	httpx.Register(api, GrantManage, op("list-grantable", "GET", "/api/grants/options", "Roles that one may hand out, and where"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]Grantable], error) {
			return httpx.Out(s.Grantables(ctx))
		})
	httpx.Register(api, GrantManage, op("make-grant", "POST", "/api/grants", "Give a role to a person"),
		func(ctx context.Context, in *struct{ Body grantBody }) (*httpx.Body[Grant], error) {
			return httpx.Out(s.Grant(ctx, in.Body.input()))
		})
	httpx.Register(api, GrantManage, opDone("revoke-grant", "POST", "/api/grants/{id}/revoke", "End a grant; it gives nothing from the next request on"),
		func(ctx context.Context, in *accountIn) (*emptyOut, error) {
			return nil, s.Revoke(ctx, in.ID, in.Body.Reason)
		})
	httpx.Register(api, RoleView, op("list-access-faults", "GET", "/api/access/faults", "Rows about permissions that were changed beside the center"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]Fault], error) { return httpx.Out(s.Faults(ctx)) })
	httpx.Register(api, RoleView, op("explain-person", "GET", "/api/persons/{id}/access", "What a person may do and see, and why"),
		func(ctx context.Context, in *idIn) (*httpx.Body[Insight], error) {
			return httpx.Out(s.Explain(ctx, in.ID))
		})
	httpx.Register(api, RoleView, op("list-access-matrix", "GET", "/api/access/matrix", "What each person may do, and where"),
		func(ctx context.Context, in *personsIn) (*httpx.Body[httpx.List[MatrixRow]], error) {
			list, n, err := s.PersonMatrix(ctx, in.filter())
			return httpx.Out(httpx.NewList(list, n, in.Paging, s.db.Now()), err)
		})
	httpx.Register(api, RoleView, op("export-access-matrix", "GET", "/api/access/matrix.xlsx", "The matrix of persons and permissions as a spreadsheet"),
		func(ctx context.Context, in *personsIn) (*sheet.File, error) {
			b, err := s.ExportMatrix(ctx, in.filter())
			if err != nil {
				return nil, err
			}
			return sheet.Attachment("人员权限矩阵.xlsx", b), nil
		})
}

type idIn struct {
	ID string `path:"id" maxLength:"64"`
}
