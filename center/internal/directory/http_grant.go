package directory

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/platform/httpx"
)

func (s *Service) registerGrants(api huma.API, o op) {
	httpx.Register(api, "camera.view", o(http.MethodGet, "/api/video-grants", "list-video-grants", "Grants of watching that the actor gave, has or may revoke"),
		func(ctx context.Context, in *struct {
			State string `query:"state" enum:"active,ended,revoked,all" default:"active"`
			httpx.Paging
		},
		) (*httpx.Body[httpx.List[WatchGrant]], error) {
			return httpx.Out(s.Grants(ctx, in.State, in.Paging))
		})
	httpx.Register(api, "camera.view", o(http.MethodPost, "/api/video-grants", "make-video-grant", "Let somebody watch; never more than the actor may"),
		func(ctx context.Context, in *struct{ Body GrantInput }) (*httpx.Body[WatchGrant], error) {
			return httpx.Out(s.MakeGrant(ctx, in.Body))
		})
	httpx.Register(api, "camera.view", o(http.MethodPost, "/api/video-grants/{id}/revoke", "revoke-video-grant", "End a grant and what was passed on from it"),
		func(ctx context.Context, in *struct {
			ID   string `path:"id" maxLength:"40"`
			Body struct {
				Reason string `json:"reason" maxLength:"800"`
			}
		},
		) (*struct{}, error) {
			return nil, s.RevokeGrant(ctx, in.ID, in.Body.Reason)
		})
	httpx.Register(api, "camera.view", o(http.MethodGet, "/api/cameras/{id}/rights", "camera-rights", "What the actor may do with a camera"),
		func(ctx context.Context, in *idInput) (*httpx.Body[[]Right], error) {
			return httpx.Out(s.Rights(ctx, in.ID))
		})
}
