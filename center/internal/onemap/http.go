package onemap

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/region"
)

// MapFilter is the one filter of list, map, count and chart.
type MapFilter struct {
	Region string `query:"region" pattern:"^([0-9]{2,9})?$" patternDescription:"区划代码"`
	Kind   string `query:"kind" maxLength:"40"`
	State  string `query:"state" maxLength:"40" doc:"A state of the owner, or bad for what needs attention"`
	From   string `query:"from" format:"date-time" doc:"Began at or after"`
	To     string `query:"to" format:"date-time" doc:"Began before"`
	Late   bool   `query:"late" doc:"Only what is past its deadline"`
}

func when(s string) clock.Stamp {
	var at clock.Stamp
	if s == "" || at.UnmarshalText([]byte(s)) != nil {
		return 0 // the form was checked before
	}
	return at
}

func (f MapFilter) filter(now time.Time) Filter {
	out := Filter{Kind: f.Kind, State: f.State, From: when(f.From), To: when(f.To)}
	if f.Region != "" {
		out.Region = region.Prefix(f.Region)
	}
	if f.Late {
		out.Late = minute(clock.At(now))
	}
	return out
}

// MapLayers are the layers with their counts.
type MapLayers struct {
	Layers []LayerFacts `json:"layers"`
	Base   Base         `json:"base"`
	AsOf   clock.Stamp  `json:"asOf"`
}

// MapPage is a page of objects.
type MapPage struct {
	Items  []Object    `json:"items"`
	Total  int64       `json:"total"`
	Capped bool        `json:"capped" doc:"There are more than total"`
	Page   int64       `json:"page"`
	Size   int64       `json:"size"`
	AsOf   clock.Stamp `json:"asOf"`
}

// LayerInput names a layer and what to show of it.
type LayerInput struct {
	Layer string `query:"layer" enum:"camera,shop,alert,order,permit" required:"true"`
	MapFilter
}

// PageInput is a page of a layer.
type PageInput struct {
	LayerInput
	Page int64 `query:"page" minimum:"1" maximum:"200" default:"1"`
	Size int64 `query:"size" minimum:"1" maximum:"200" default:"50"`
}

type areaInput struct {
	PageInput
	Body struct {
		Ring [][2]float64 `json:"ring" minItems:"3" maxItems:"200" doc:"WGS84, longitude first"`
	}
}

func op(id, method, path, summary, tag string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{tag}}
}

// Register adds the routes.
func (s *Service) Register(app *fiber.App, api huma.API) {
	s.registerOverview(api)
	s.registerMap(api)
	s.registerCharts(api)
	s.registerCoords(api)
	s.registerAddresses(app, api)
	s.registerProviders(api)
	httpx.Raw(app, api, access.MapView, http.MethodGet, "/api/map/tiles/:layer/:z/:x/:y", s.serveTile)
}

func (s *Service) registerMap(api huma.API) {
	httpx.Register(api, access.MapView, op("list-map-layers", http.MethodGet, "/api/map/layers", "The layers of the map, counted", "map"),
		func(ctx context.Context, in *struct{ MapFilter }) (*httpx.Body[MapLayers], error) {
			now := s.db.Now()
			all := in.filter(now)
			plain := Filter{Region: all.Region}
			facts, err := s.Facts(ctx, map[string]Filter{LayerAlert: all, LayerOrder: all, LayerCamera: plain, LayerShop: plain, LayerPermit: plain})
			if err != nil {
				return nil, err
			}
			base, err := s.BaseMap(ctx)
			return httpx.Out(MapLayers{Layers: facts, Base: base, AsOf: clock.At(now)}, err)
		})
	page := func(ctx context.Context, in *PageInput, ring [][2]float64) (*httpx.Body[MapPage], error) {
		f, err := s.List(ctx, ListQuery{Layer: in.Layer, Filter: in.filter(s.db.Now()), Page: in.Page, Size: in.Size, Ring: ring})
		return httpx.Out(MapPage{Items: f.Items, Total: f.Total, Capped: f.Capped, Page: in.Page, Size: in.Size, AsOf: f.AsOf}, err)
	}
	httpx.Register(api, access.MapView, op("list-map-objects", http.MethodGet, "/api/map/objects", "What a filter shows on a layer, as a list", "map"),
		func(ctx context.Context, in *PageInput) (*httpx.Body[MapPage], error) { return page(ctx, in, nil) })
	httpx.Register(api, access.MapView, op("search-map-area", http.MethodPost, "/api/map/search", "What lies in a polygon, its edge included", "map"),
		func(ctx context.Context, in *areaInput) (*httpx.Body[MapPage], error) {
			return page(ctx, &in.PageInput, in.Body.Ring)
		})
	httpx.Register(api, access.MapView, op("get-map-object", http.MethodGet, "/api/map/objects/{layer}/{id}", "One object of the map", "map"),
		func(ctx context.Context, in *struct {
			Layer string `path:"layer" maxLength:"20"`
			ID    string `path:"id" maxLength:"60"`
		},
		) (*httpx.Body[Object], error) {
			return httpx.Out(s.One(ctx, in.Layer, in.ID))
		})
}

func (s *Service) registerCharts(api huma.API) {
	httpx.Register(api, access.MapView, op("count-map-streets", http.MethodGet, "/api/map/streets", "A layer counted by street", "map"),
		func(ctx context.Context, in *LayerInput) (*httpx.Body[[]StreetCount], error) {
			return httpx.Out(s.Streets(ctx, in.Layer, in.filter(s.db.Now())))
		})
	httpx.Register(api, access.MapView, op("count-map-hours", http.MethodGet, "/api/map/hours", "Open alerts by the hour in which they began", "map"),
		func(ctx context.Context, in *struct{ MapFilter }) (*httpx.Body[[]Hour], error) {
			return httpx.Out(s.Hours(ctx, in.filter(s.db.Now())))
		})
	httpx.Register(api, access.MapView, op("get-map-heat", http.MethodGet, "/api/map/heat", "Alerts of some days by cell", "map"),
		func(ctx context.Context, in *struct {
			Region string `query:"region" pattern:"^([0-9]{2,9})?$" patternDescription:"区划代码"`
			Kind   string `query:"kind" maxLength:"40"`
			From   string `query:"from" format:"date" required:"true"`
			To     string `query:"to" format:"date" required:"true"`
		},
		) (*httpx.Body[[]HeatPoint], error) {
			from, err1 := time.ParseInLocation(time.DateOnly, in.From, clock.Shanghai())
			to, err2 := time.ParseInLocation(time.DateOnly, in.To, clock.Shanghai())
			if err1 != nil || err2 != nil {
				return nil, errs.Invalidf("from", "日期要写成 2026-11-25 这样")
			}
			return httpx.Out(s.Heat(ctx, region.Prefix(in.Region), in.Kind, from, to))
		})
}

// serveTile answers a vector tile; the browser keeps it and asks whether it
// is still true.
func (s *Service) serveTile(c *fiber.Ctx) error {
	q := TileQuery{Layer: c.Params("layer")}
	for _, p := range []struct {
		name string
		to   *int
	}{{"z", &q.Z}, {"x", &q.X}, {"y", &q.Y}} {
		n, err := strconv.Atoi(c.Params(p.name))
		if err != nil {
			return errs.Invalidf(p.name, "瓦片的 %s 要是整数", p.name)
		}
		*p.to = n
	}
	in := MapFilter{Region: c.Query("region"), Kind: c.Query("kind"), State: c.Query("state"), From: c.Query("from"), To: c.Query("to"), Late: c.Query("late") == "true"}
	for _, r := range in.Region {
		if r < '0' || r > '9' || len(in.Region) > 9 {
			return errs.Invalidf("region", "区划代码是最多 9 位数字")
		}
	}
	t, err := s.Tile(c.UserContext(), q.with(in.filter(s.db.Now())), c.Get(fiber.HeaderIfNoneMatch))
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderETag, t.ETag)
	c.Set(fiber.HeaderCacheControl, "private, no-cache")
	c.Set(fiber.HeaderVary, "Cookie, Authorization")
	if t.Known {
		return c.SendStatus(fiber.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, "application/vnd.mapbox-vector-tile")
	return c.Send(t.Body)
}

func (q TileQuery) with(f Filter) TileQuery {
	q.Filter = f
	return q
}
