package onemap

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/region"
)

// MapCamera is a camera on the map.
type MapCamera struct {
	ID         string  `json:"id"`
	Name       string  `json:"name"`
	Lng        float64 `json:"lng"`
	Lat        float64 `json:"lat"`
	State      string  `json:"state"`
	RegionCode string  `json:"regionCode"`
	OpenAlerts int64   `json:"openAlerts"`
}

// MapAlert is an open alert on the map.
type MapAlert struct {
	ID         string      `json:"id"`
	No         string      `json:"no"`
	Kind       string      `json:"kind"`
	Lng        float64     `json:"lng"`
	Lat        float64     `json:"lat"`
	Since      clock.Stamp `json:"since"`
	Score      float64     `json:"score"`
	State      string      `json:"state"`
	RegionCode string      `json:"regionCode"`
}

// MapOrder is an open work order on the map.
type MapOrder struct {
	ID         string      `json:"id"`
	No         string      `json:"no"`
	Kind       string      `json:"kind"`
	Lng        float64     `json:"lng"`
	Lat        float64     `json:"lat"`
	DueAt      clock.Stamp `json:"dueAt"`
	DueState   string      `json:"dueState" enum:"over,near,normal,done"`
	State      string      `json:"state"`
	RegionCode string      `json:"regionCode"`
}

// MapAnswer is what lies in a region.
type MapAnswer struct {
	Cameras []MapCamera `json:"cameras"`
	Alerts  []MapAlert  `json:"alerts"`
	Orders  []MapOrder  `json:"orders"`
	AsOf    clock.Stamp `json:"asOf"`
	Cut     bool        `json:"cut" doc:"A layer held too many points and was cut"`
}

type mapInput struct {
	Region string `query:"region" pattern:"^[0-9]{2,9}$" patternDescription:"区划代码"`
}

func (s *Service) registerOverview(api huma.API) {
	httpx.Register(api, "map.view", huma.Operation{
		Method: http.MethodGet, Path: "/api/map", OperationID: "get-map", Summary: "Cameras, open alerts and open orders", Tags: []string{"map"},
	}, func(ctx context.Context, in *mapInput) (*httpx.Body[MapAnswer], error) {
		m, err := s.Get(ctx, region.Prefix(in.Region))
		out := MapAnswer{Cameras: []MapCamera{}, Alerts: []MapAlert{}, Orders: []MapOrder{}, AsOf: m.AsOf, Cut: m.Cut}
		for _, c := range m.Cameras {
			out.Cameras = append(out.Cameras, MapCamera(c))
		}
		for _, a := range m.Alerts {
			out.Alerts = append(out.Alerts, MapAlert(a))
		}
		for _, o := range m.Orders {
			out.Orders = append(out.Orders, MapOrder(o))
		}
		return httpx.Out(out, err)
	})
}
