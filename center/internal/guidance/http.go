package guidance

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/httpx"
)

// Params narrow the guidance.
type Params struct {
	Kind  string `query:"kind" enum:"law,rule,standard,case"`
	State string `query:"state" enum:"reviewing,published,rejected,retired"`
	Trade string `query:"trade" maxLength:"40"`
	Cause string `query:"cause" maxLength:"20"`
}

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	op := func(method, path, id, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: id, Summary: summary, Tags: []string{"guidance"}}
	}
	httpx.Register(api, access.GuideEdit, op(http.MethodGet, "/api/guides", "list-guides", "The newest version of each item, or those in a state"),
		func(ctx context.Context, in *struct {
			httpx.Paging
			Params
		},
		) (*httpx.Body[httpx.List[Guide]], error) {
			return httpx.Out(s.List(ctx, Filter{Kind: in.Kind, State: in.State, Trade: in.Trade, Cause: in.Cause}, in.Paging))
		})
	httpx.Register(api, access.GuideEdit, op(http.MethodPost, "/api/guides", "write-guide", "Hand a version in for review"),
		func(ctx context.Context, in *struct{ Body Input }) (*httpx.Body[Guide], error) {
			return httpx.Out(s.Write(ctx, in.Body))
		})
	httpx.Register(api, access.GuideEdit, op(http.MethodGet, "/api/guides/{id}", "guide-versions", "Every version of an item"),
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"40"`
		},
		) (*httpx.Body[[]Guide], error) {
			return httpx.Out(s.Versions(ctx, in.ID))
		})
	httpx.Register(api, access.GuideEdit, op(http.MethodGet, "/api/guides/{id}/reads", "guide-reads", "Readers by day"),
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"40"`
		},
		) (*httpx.Body[[]Day], error) {
			return httpx.Out(s.Reads(ctx, in.ID))
		})
	httpx.Register(api, httpx.Public, op(http.MethodGet, "/api/owner/guides", "public-guides", "What is in force"),
		func(ctx context.Context, in *struct {
			httpx.Paging
			Params
		},
		) (*httpx.Body[httpx.List[Guide]], error) {
			return httpx.Out(s.Public(ctx, Filter{Kind: in.Kind, Trade: in.Trade, Cause: in.Cause}, in.Paging))
		})
	httpx.Register(api, httpx.Public, op(http.MethodGet, "/api/owner/guides/{id}", "public-guide", "One item"),
		func(ctx context.Context, in *struct {
			ID     string `path:"id" maxLength:"40"`
			Reader string `header:"X-Reader" maxLength:"60"`
		},
		) (*httpx.Body[Guide], error) {
			return httpx.Out(s.Open(ctx, in.ID, in.Reader))
		})
	httpx.Register(api, httpx.Public, op(http.MethodPost, "/api/owner/guides/{id}/vote", "vote-guide", "Whether it helped"),
		func(ctx context.Context, in *struct {
			ID     string `path:"id" maxLength:"40"`
			Reader string `header:"X-Reader" maxLength:"60"`
			Body   struct {
				Useful bool `json:"useful"`
			}
		},
		) (*struct{}, error) {
			return nil, s.Vote(ctx, in.ID, in.Reader, in.Body.Useful)
		})
}
