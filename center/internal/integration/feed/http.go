package feed

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/httpx"
)

// StoredFile names an uploaded file.
type StoredFile struct {
	SM3 string `json:"sm3"`
}

type idInput struct {
	ID string `path:"id" maxLength:"40"`
}

type writeInput struct {
	ID   string `path:"id" maxLength:"40"`
	Body FeedWrite
}

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	op := func(method, path, id, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: id, Summary: summary, Tags: []string{"integration"}}
	}
	perm := access.DataSourceManage
	httpx.Register(api, perm, op(http.MethodGet, "/api/feeds", "list-feeds", "Data sources"),
		func(ctx context.Context, in *struct{ httpx.Paging }) (*httpx.Body[httpx.List[Feed]], error) {
			return httpx.Out(s.List(ctx, in.Paging))
		})
	httpx.Register(api, perm, op(http.MethodGet, "/api/feeds/{id}", "get-feed", "One data source"),
		func(ctx context.Context, in *idInput) (*httpx.Body[Feed], error) { return httpx.Out(s.Get(ctx, in.ID)) })
	httpx.Register(api, perm, op(http.MethodPost, "/api/feeds", "create-feed", "Add a data source"),
		func(ctx context.Context, in *struct{ Body FeedWrite }) (*httpx.Body[Feed], error) {
			return httpx.Out(s.Save(ctx, "", in.Body))
		})
	httpx.Register(api, perm, op(http.MethodPut, "/api/feeds/{id}", "change-feed", "Change a data source"),
		func(ctx context.Context, in *writeInput) (*httpx.Body[Feed], error) {
			return httpx.Out(s.Save(ctx, in.ID, in.Body))
		})
	httpx.Register(api, perm, op(http.MethodPost, "/api/feeds/{id}/test", "test-feed", "Read the first rows; id - for one that is not saved"),
		func(ctx context.Context, in *writeInput) (*httpx.Body[FeedSample], error) {
			return httpx.Out(s.Test(ctx, in.ID, in.Body))
		})
	httpx.Register(api, perm, op(http.MethodPost, "/api/feeds/{id}/run", "run-feed", "Run now, or the refused rows again"),
		func(ctx context.Context, in *struct {
			ID   string `path:"id" maxLength:"40"`
			Body struct {
				Again bool `json:"again"`
			}
		},
		) (*httpx.Body[FeedRun], error) {
			return httpx.Out(s.RunNow(ctx, in.ID, in.Body.Again))
		})
	httpx.Register(api, perm, op(http.MethodGet, "/api/feeds/{id}/runs", "list-feed-runs", "Runs"),
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"40"`
			httpx.Paging
		},
		) (*httpx.Body[httpx.List[FeedRun]], error) {
			return httpx.Out(s.Runs(ctx, in.ID, in.Paging))
		})
	httpx.Register(api, perm, op(http.MethodGet, "/api/feeds/{id}/rows", "list-feed-rows", "Refused and noted rows"),
		func(ctx context.Context, in *struct {
			ID    string `path:"id" maxLength:"40"`
			Run   string `query:"run" maxLength:"40"`
			State string `query:"state" enum:",open,loaded"`
			httpx.Paging
		},
		) (*httpx.Body[httpx.List[FeedRow]], error) {
			return httpx.Out(s.Rows(ctx, in.ID, in.Run, in.State, in.Paging))
		})
	httpx.Register(api, perm, op(http.MethodGet, "/api/feeds/{id}/records", "list-feed-records", "Plain records of a source"),
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"40"`
			httpx.Paging
		},
		) (*httpx.Body[httpx.List[FeedRecord]], error) {
			return httpx.Out(s.Records(ctx, in.ID, in.Paging))
		})
	o := op(http.MethodPost, "/api/feed-files", "upload-feed-file", "Upload a CSV or xlsx file")
	o.MaxBodyBytes = maxFile
	httpx.Register(api, perm, o,
		func(ctx context.Context, in *struct {
			RawBody []byte `contentType:"application/octet-stream"`
		},
		) (*httpx.Body[StoredFile], error) {
			sm3, err := s.Upload(ctx, in.RawBody)
			return httpx.Out(StoredFile{SM3: sm3}, err)
		})
}
