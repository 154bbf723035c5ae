package onemap

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/coord"
	"jiexun/center/internal/platform/httpx"
)

type coordBody struct {
	From    coord.System `json:"from" enum:"wgs84,cgcs2000,gcj02,bd09,sh2000"`
	To      coord.System `json:"to" enum:"wgs84,cgcs2000,gcj02,bd09,sh2000"`
	Profile string       `json:"profile,omitempty" maxLength:"20" doc:"Profile of Shanghai 2000, for example A or C@2; a named profile is always converted locally"`
	Points  []CoordPoint `json:"points" minItems:"1" maxItems:"1000"`
}

func (s *Service) registerCoords(api huma.API) {
	httpx.Register(api, access.MapView, op("convert-coordinate", http.MethodGet, "/api/coords/convert", "Convert one place", "coords"),
		func(ctx context.Context, in *struct {
			From    coord.System `query:"from" enum:"wgs84,cgcs2000,gcj02,bd09,sh2000" required:"true"`
			To      coord.System `query:"to" enum:"wgs84,cgcs2000,gcj02,bd09,sh2000" required:"true"`
			X       float64      `query:"x" required:"true"`
			Y       float64      `query:"y" required:"true"`
			Profile string       `query:"profile" maxLength:"20"`
		},
		) (*httpx.Body[CoordAnswer], error) {
			return httpx.Out(s.Convert(ctx, in.From, in.To, in.Profile, []CoordPoint{{X: &in.X, Y: &in.Y}}))
		})
	httpx.Register(api, access.MapView, op("convert-coordinates", http.MethodPost, "/api/coords/convert", "Convert up to 1000 places, each with its own error", "coords"),
		func(ctx context.Context, in *struct{ Body coordBody }) (*httpx.Body[CoordAnswer], error) {
			return httpx.Out(s.Convert(ctx, in.Body.From, in.Body.To, in.Body.Profile, in.Body.Points))
		})
	httpx.Register(api, access.MapView, op("list-coord-profiles", http.MethodGet, "/api/coords/profiles", "Profiles of Shanghai 2000: the newest version of each, or all versions of one", "coords"),
		func(ctx context.Context, in *struct {
			Code string `query:"code" maxLength:"12"`
		},
		) (*httpx.Body[[]Profile], error) {
			return httpx.Out(s.ProfileList(ctx, in.Code))
		})
	httpx.Register(api, access.MapManage, op("save-coord-profile", http.MethodPost, "/api/coords/profiles", "Add a version of a profile", "coords"),
		func(ctx context.Context, in *struct{ Body ProfileInput }) (*httpx.Body[Profile], error) {
			return httpx.Out(s.SaveProfile(ctx, in.Body))
		})
	httpx.Register(api, access.MapManage, op("fit-coord-profile", http.MethodPost, "/api/coords/fit", "Fit four parameters from control points, without saving", "coords"),
		func(ctx context.Context, in *struct {
			Body struct {
				Params   coord.Profile   `json:"params"`
				Controls []coord.Control `json:"controls" maxItems:"200"`
			}
		},
		) (*httpx.Body[coord.Fit], error) {
			return httpx.Out(s.FitOf(ctx, in.Body.Params, in.Body.Controls))
		})
	httpx.Register(api, access.MapManage, op("use-coord-profile", http.MethodPost, "/api/coords/profiles/{code}/default", "Make a profile the default", "coords"),
		func(ctx context.Context, in *struct {
			Code string `path:"code" maxLength:"12"`
			Body struct {
				Reason string `json:"reason" maxLength:"400"`
			}
		},
		) (*struct{}, error) {
			return &struct{}{}, s.UseProfile(ctx, in.Code, in.Body.Reason)
		})
}

func (s *Service) registerProviders(api huma.API) {
	httpx.Register(api, access.MapManage, op("list-map-providers", http.MethodGet, "/api/map/providers", "Services outside, in the order of preference", "map"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]Provider], error) {
			return httpx.Out(s.ProviderList(ctx))
		})
	httpx.Register(api, access.MapManage, op("save-map-provider", http.MethodPut, "/api/map/providers/{code}", "Change a service outside", "map"),
		func(ctx context.Context, in *struct {
			Code string `path:"code" maxLength:"20"`
			Body ProviderInput
		},
		) (*struct{}, error) {
			return &struct{}{}, s.SaveProvider(ctx, in.Code, in.Body)
		})
}
