package onemap

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/onemap/tile"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// Object is a thing on the map as the list shows it.
type Object struct {
	Layer      string       `json:"layer"`
	ID         string       `json:"id"`
	Kind       string       `json:"kind"`
	State      string       `json:"state"`
	Name       string       `json:"name"`
	Note       string       `json:"note" doc:"Address"`
	Ref        string       `json:"ref" doc:"Number of an alert or order"`
	RegionCode string       `json:"regionCode"`
	Street     string       `json:"street"`
	Lng        float64      `json:"lng"`
	Lat        float64      `json:"lat"`
	BegunAt    *clock.Stamp `json:"begunAt"`
	UntilAt    *clock.Stamp `json:"untilAt"`
	Late       bool         `json:"late"`
	// Ring is the border of a permit area.
	Ring [][2]float64 `json:"ring,omitempty"`
}

func stamp(s clock.Stamp) *clock.Stamp {
	if s == 0 {
		return nil
	}
	return &s
}

func (s *Service) object(r objectRow, now clock.Stamp) Object {
	var ring [][2]float64
	if r.Shape != "" && json.Unmarshal([]byte(r.Shape), &ring) != nil {
		ring = nil
	}
	return Object{
		Ring: ring, Layer: r.Layer, ID: r.ID, Kind: r.Kind, State: r.State, Name: r.Name, Note: r.Note, Ref: r.Ref, RegionCode: r.RegionCode,
		Street: s.place(r.RegionCode), Lng: r.Lng, Lat: r.Lat, BegunAt: stamp(r.BegunAt), UntilAt: stamp(r.UntilAt), Late: r.UntilAt > 0 && r.UntilAt < now,
	}
}

func (s *Service) place(code string) string {
	if name := s.regions.Street(code); name != "" {
		return name
	}
	return s.regions.Name(s.regions.District(code))
}

// LayerFacts says how many objects of a layer a filter leaves.
type LayerFacts struct {
	Layer    string       `json:"layer"`
	Total    int64        `json:"total"`
	Capped   bool         `json:"capped" doc:"There are more than total"`
	SyncedAt *clock.Stamp `json:"syncedAt" doc:"Last comparison with the owner"`
}

// Facts counts the layers that the actor may see.
func (s *Service) Facts(ctx context.Context, f map[string]Filter) ([]LayerFacts, error) {
	if _, err := access.Need(ctx, access.MapView); err != nil {
		return nil, err
	}
	rows, err := layerRows(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	out := []LayerFacts{}
	for _, src := range sources() {
		who, err := viewer(ctx, src)
		if errs.Is(err, errs.ForbiddenCode) {
			continue
		}
		if err != nil {
			return nil, err
		}
		n, err := countOf(ctx, s.db.Read(), src, who, f[src.layer])
		if err != nil {
			return nil, err
		}
		capped := n >= CountMost && !(src.cells && !f[src.layer].timed())
		out = append(out, LayerFacts{Layer: src.layer, Total: n, Capped: capped, SyncedAt: rows[src.layer].SyncedAt})
	}
	return out, nil
}

// ListQuery asks for a page of a layer, of everything or of an area.
type ListQuery struct {
	Layer  string
	Filter Filter
	Page   int64
	Size   int64
	// Ring is a polygon of WGS 84 degrees; nil is everywhere.
	Ring [][2]float64
}

// Found is a page of objects.
type Found struct {
	Items  []Object
	Total  int64
	Capped bool
	AsOf   clock.Stamp
}

// areaMost bounds the objects of one search by area.
const areaMost = 20_000

// List gives a page of what the same filter shows on the map.
func (s *Service) List(ctx context.Context, q ListQuery) (Found, error) {
	src, ok := sourceOf(q.Layer)
	if !ok {
		return Found{}, errs.NotFound("图层")
	}
	who, err := viewer(ctx, src)
	if err != nil {
		return Found{}, err
	}
	now := clock.At(s.db.Now())
	if q.Ring != nil {
		return s.inside(ctx, src, who, q, now)
	}
	r := s.db.Read()
	rows, err := pageOf(ctx, r, src, who, q.Filter, (q.Page-1)*q.Size, q.Size)
	if err != nil {
		return Found{}, err
	}
	n, err := countOf(ctx, r, src, who, q.Filter)
	if err != nil {
		return Found{}, err
	}
	return Found{Items: s.objects(rows, now), Total: n, Capped: n >= CountMost && (!src.cells || q.Filter.timed()), AsOf: now}, nil
}

func (s *Service) objects(rows []objectRow, now clock.Stamp) []Object {
	out := make([]Object, len(rows))
	for i, r := range rows {
		out[i] = s.object(r, now)
	}
	return out
}

// inside gives a page of what lies in a polygon, its edge included.
func (s *Service) inside(ctx context.Context, src source, who access.Actor, q ListQuery, now clock.Stamp) (Found, error) {
	ring, err := ringOf(q.Ring)
	if err != nil {
		return Found{}, err
	}
	west, south, east, north := ring[0][0], ring[0][1], ring[0][0], ring[0][1]
	for _, p := range ring {
		west, east = min(west, p[0]), max(east, p[0])
		south, north = min(south, p[1]), max(north, p[1])
	}
	rows, err := inSpans(ctx, s.db.Read(), src, who, q.Filter, tile.Cover(west, south, east, north, 24), areaMost+1)
	if err != nil {
		return Found{}, err
	}
	out := Found{AsOf: now, Capped: len(rows) > areaMost}
	rows = slices.DeleteFunc(rows, func(o objectRow) bool { return !tile.Inside(ring, o.Lng, o.Lat) })
	slices.SortFunc(rows, func(a, b objectRow) int { return strings.Compare(b.ID, a.ID) })
	out.Total = int64(len(rows))
	from := min(max((q.Page-1)*q.Size, 0), out.Total)
	out.Items = s.objects(rows[from:min(from+q.Size, out.Total)], now)
	return out, nil
}

// ringOf checks a polygon: three to two hundred places of the city.
func ringOf(in [][2]float64) ([][2]float64, error) {
	if len(in) < 3 || len(in) > 200 {
		return nil, errs.Invalidf("ring", "多边形要有 3 到 200 个点，现在是 %d 个", len(in))
	}
	for i, p := range in {
		if !(p[0] > 118 && p[0] < 125 && p[1] > 28 && p[1] < 35) {
			return nil, errs.Invalidf("ring", "多边形的第 %d 个点不在本市附近，应是经度在前的 WGS84 坐标", i+1)
		}
	}
	return in, nil
}

// StreetCount is a number of objects of a street.
type StreetCount struct {
	RegionCode string `json:"regionCode"`
	Name       string `json:"name"`
	N          int64  `json:"n"`
}

// Streets counts a layer by street.
func (s *Service) Streets(ctx context.Context, layer string, f Filter) ([]StreetCount, error) {
	src, ok := sourceOf(layer)
	if !ok {
		return nil, errs.NotFound("图层")
	}
	who, err := viewer(ctx, src)
	if err != nil {
		return nil, err
	}
	rows, err := streetsOf(ctx, s.db.Read(), src, who, f)
	if err != nil {
		return nil, err
	}
	out := make([]StreetCount, len(rows))
	for i, r := range rows {
		out[i] = StreetCount{RegionCode: r.RegionCode, Name: s.place(r.RegionCode), N: r.N}
	}
	return out, nil
}

// Hour is what began in one hour.
type Hour struct {
	At clock.Stamp `json:"at"`
	N  int64       `json:"n"`
}

// Hours counts alerts by the hour in which they began: every hour of the
// span, also the empty ones.
func (s *Service) Hours(ctx context.Context, f Filter) ([]Hour, error) {
	const hour = 3_600_000
	if f.To <= f.From || f.To-f.From > 40*24*hour {
		return nil, errs.Invalidf("from", "时段应在 40 天以内，且开始早于结束")
	}
	src, _ := sourceOf(LayerAlert)
	who, err := viewer(ctx, src)
	if err != nil {
		return nil, err
	}
	n, err := hoursOf(ctx, s.db.Read(), src, who, f)
	if err != nil {
		return nil, err
	}
	out := []Hour{}
	for at := f.From - f.From%hour; at < f.To; at += hour {
		out = append(out, Hour{At: at, N: n[int64(at)/hour]})
	}
	return out, nil
}

// One gives a single object.
func (s *Service) One(ctx context.Context, layer, id string) (Object, error) {
	src, ok := sourceOf(layer)
	if !ok {
		return Object{}, errs.NotFound("图层")
	}
	who, err := viewer(ctx, src)
	if err != nil {
		return Object{}, err
	}
	r, err := one(ctx, s.db.Read(), src, who, id)
	if db.NoRows(err) {
		return Object{}, errs.NotFound("地图上的对象")
	}
	if err != nil {
		return Object{}, err
	}
	return s.object(r, clock.At(s.db.Now())), nil
}
