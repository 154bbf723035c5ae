package staff

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/httpx"
)

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	op := func(method, path, id, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: id, Summary: summary, Tags: []string{"integration"}}
	}
	httpx.Register(api, access.SyncManage, op(http.MethodGet, "/api/staff-sources", "list-staff-sources", "Personnel systems"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]StaffSource], error) {
			return httpx.Out(s.Sources(ctx))
		})
	httpx.Register(api, access.SyncManage, op(http.MethodPost, "/api/staff-sources", "create-staff-source", "Add a personnel system"),
		func(ctx context.Context, in *struct{ Body StaffSourceWrite }) (*httpx.Body[StaffSource], error) {
			return httpx.Out(s.Save(ctx, "", in.Body))
		})
	httpx.Register(api, access.SyncManage, op(http.MethodPut, "/api/staff-sources/{id}", "change-staff-source", "Change a personnel system"),
		func(ctx context.Context, in *struct {
			ID   string `path:"id" maxLength:"40"`
			Body StaffSourceWrite
		},
		) (*httpx.Body[StaffSource], error) {
			return httpx.Out(s.Save(ctx, in.ID, in.Body))
		})
	httpx.Register(api, access.SyncManage, op(http.MethodPost, "/api/staff-sources/{id}/run", "run-staff-source", "Synchronise now, or preview"),
		func(ctx context.Context, in *struct {
			ID   string `path:"id" maxLength:"40"`
			Body struct {
				Preview bool `json:"preview"`
			}
		},
		) (*httpx.Body[StaffRun], error) {
			return httpx.Out(s.RunNow(ctx, in.ID, in.Body.Preview))
		})
	httpx.Register(api, access.SyncManage, op(http.MethodGet, "/api/staff-sources/{id}/runs", "list-staff-runs", "Runs"),
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"40"`
			httpx.Paging
		},
		) (*httpx.Body[httpx.List[StaffRun]], error) {
			return httpx.Out(s.Runs(ctx, in.ID, in.Paging))
		})
	httpx.Register(api, access.SyncManage, op(http.MethodGet, "/api/staff-conflicts", "list-staff-conflicts", "Conflicts"),
		func(ctx context.Context, in *struct {
			Source string `query:"source" maxLength:"40"`
			State  string `query:"state" enum:",open,decided"`
			httpx.Paging
		},
		) (*httpx.Body[httpx.List[StaffConflict]], error) {
			return httpx.Out(s.Conflicts(ctx, in.Source, in.State, in.Paging))
		})
	o := op(http.MethodPost, "/api/staff-conflicts/{id}/decision", "decide-staff-conflict", "Settle a conflict")
	o.DefaultStatus = http.StatusNoContent
	httpx.Register(api, access.SyncManage, o,
		func(ctx context.Context, in *struct {
			ID   string `path:"id" maxLength:"40"`
			Body struct {
				Decision string `json:"decision" enum:"ours,theirs,bind,org"`
				OrgID    string `json:"orgId,omitempty" maxLength:"40"`
				Reason   string `json:"reason" maxLength:"400"`
			}
		},
		) (*struct{}, error) {
			return nil, s.Decide(ctx, in.ID, in.Body.Decision, in.Body.OrgID, in.Body.Reason)
		})
}
