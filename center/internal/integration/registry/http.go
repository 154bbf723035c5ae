package registry

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/integration/trail"
	"jiexun/center/internal/platform/httpx"
)

type listInput struct {
	Kind     string `query:"kind" enum:",app,function,permission"`
	State    string `query:"state" enum:",pending,active,rejected"`
	App      string `query:"app" maxLength:"40"`
	Internal string `query:"internal" enum:",true,false"`
	httpx.Paging
}

type idInput struct {
	ID string `path:"id" maxLength:"40"`
}

type applyInput struct{ Body RegistrationWrite }

type changeInput struct {
	ID   string `path:"id" maxLength:"40"`
	Body RegistrationWrite
}

type decideInput struct {
	ID   string `path:"id" maxLength:"40"`
	Body struct {
		Approve bool   `json:"approve"`
		Reason  string `json:"reason,omitempty" maxLength:"400"`
		Rev     int64  `json:"rev"`
	}
}

type switchInput struct {
	ID   string `path:"id" maxLength:"40"`
	Body struct {
		On     bool   `json:"on"`
		Reason string `json:"reason,omitempty" maxLength:"400"`
		Rev    int64  `json:"rev"`
	}
}

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	op := func(method, path, id, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: id, Summary: summary, Tags: []string{"integration"}}
	}
	httpx.Register(api, httpx.SignedIn, op(http.MethodGet, "/api/functions", "list-switched-off", "What is switched off"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[FunctionsOff], error) {
			return httpx.Out(s.SwitchedOff(ctx))
		})
	httpx.Register(api, ViewPerm, op(http.MethodGet, "/api/registry", "list-registrations", "Applications, functions and permission codes"),
		func(ctx context.Context, in *listInput) (*httpx.Body[httpx.List[Registration]], error) {
			return httpx.Out(s.List(ctx, Filter{Kind: in.Kind, State: in.State, AppID: in.App, Internal: in.Internal}, in.Paging))
		})
	httpx.Register(api, ViewPerm, op(http.MethodGet, "/api/registry/{id}", "get-registration", "One registration"),
		func(ctx context.Context, in *idInput) (*httpx.Body[Registration], error) {
			return httpx.Out(s.Get(ctx, in.ID))
		})
	httpx.Register(api, ViewPerm, op(http.MethodGet, "/api/registry/{id}/changes", "list-registration-changes", "Change log of a registration"),
		func(ctx context.Context, in *idInput) (*httpx.Body[[]trail.LoggedChange], error) {
			return httpx.Out(s.Changes(ctx, in.ID))
		})
	httpx.Register(api, access.AppManage, op(http.MethodPost, "/api/registry", "apply-registration", "Apply for a registration"),
		func(ctx context.Context, in *applyInput) (*httpx.Body[Registration], error) {
			return httpx.Out(s.Apply(ctx, in.Body))
		})
	httpx.Register(api, access.AppManage, op(http.MethodPut, "/api/registry/{id}", "change-registration", "Change a registration"),
		func(ctx context.Context, in *changeInput) (*httpx.Body[Registration], error) {
			return httpx.Out(s.Change(ctx, in.ID, in.Body))
		})
	httpx.Register(api, access.AppManage, op(http.MethodPost, "/api/registry/{id}/switch", "switch-registration", "Switch on or off"),
		func(ctx context.Context, in *switchInput) (*httpx.Body[Registration], error) {
			return httpx.Out(s.Switch(ctx, in.ID, in.Body.On, in.Body.Reason, in.Body.Rev))
		})
	httpx.Register(api, access.AppApprove, op(http.MethodPost, "/api/registry/{id}/decision", "decide-registration", "Approve or reject an application or function"),
		func(ctx context.Context, in *decideInput) (*httpx.Body[Registration], error) {
			return httpx.Out(s.Decide(ctx, in.ID, in.Body.Approve, in.Body.Reason, in.Body.Rev, access.AppApprove))
		})
	httpx.Register(api, access.PermissionApprove, op(http.MethodPost, "/api/registry/{id}/permission-decision", "decide-permission", "Approve or reject a permission code"),
		func(ctx context.Context, in *decideInput) (*httpx.Body[Registration], error) {
			return httpx.Out(s.Decide(ctx, in.ID, in.Body.Approve, in.Body.Reason, in.Body.Rev, access.PermissionApprove))
		})
}

// Ops lists the operations of an interface description, for Seed.
func Ops(api huma.API) []Own {
	out := []Own{}
	for _, item := range api.OpenAPI().Paths {
		for _, o := range []*huma.Operation{item.Get, item.Post, item.Put, item.Delete, item.Patch} {
			if o != nil {
				perm, _ := o.Metadata["perm"].(string)
				kind, _ := o.Extensions["x-interface"].(string)
				out = append(out, Own{ID: o.OperationID, Perm: perm, Interface: kind})
			}
		}
	}
	return out
}
