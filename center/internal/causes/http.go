package causes

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	op := func(method, path, id, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: id, Summary: summary, Tags: []string{"causes"}}
	}
	httpx.Register(api, access.CauseView, op(http.MethodGet, "/api/causes", "list-causes", "The cause library as it holds on a day"),
		func(ctx context.Context, in *struct {
			httpx.Paging
			Domain   string `query:"domain" maxLength:"40"`
			Kind     string `query:"kind" enum:"stacking,frontage,sign"`
			Trade    string `query:"trade" maxLength:"40"`
			Tag      string `query:"tag" enum:"offsite,muck,exempt,lessen,discretion"`
			Verified string `query:"verified" enum:"yes,no"`
			At       string `query:"at" format:"date-time" doc:"Now when absent"`
		},
		) (*httpx.Body[httpx.List[Cause]], error) {
			var at *clock.Stamp
			if in.At != "" {
				at = new(clock.Stamp)
				if err := at.UnmarshalText([]byte(in.At)); err != nil {
					return nil, errs.Invalidf("at", "%s", err.Error())
				}
			}
			return httpx.Out(s.List(ctx, Filter{Domain: in.Domain, Kind: in.Kind, Trade: in.Trade, Tag: in.Tag, Verified: in.Verified}, at, in.Paging))
		})
	httpx.Register(api, access.CauseView, op(http.MethodGet, "/api/causes/{code}", "get-cause", "Every version of a cause, the newest first"),
		func(ctx context.Context, in *struct {
			Code string `path:"code" maxLength:"40"`
		},
		) (*httpx.Body[[]Cause], error) {
			return httpx.Out(s.Versions(ctx, in.Code))
		})
	httpx.Register(api, access.CauseEdit, op(http.MethodPost, "/api/causes", "publish-cause", "Publish a new version"),
		func(ctx context.Context, in *struct{ Body Input }) (*httpx.Body[Cause], error) {
			return httpx.Out(s.Publish(ctx, in.Body))
		})
}
