package orders

import (
	"encoding/json"
	"fmt"
	"math"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Point is a place, WGS-84 degrees.
type Point [2]float64

// Ring is a closed line around an area; the last point need not repeat the
// first.
type Ring []Point

// SquadArea is what a squad is responsible for.
type SquadArea struct {
	ID         string      `json:"id"`
	SquadOrgID string      `json:"squadOrgId"`
	SquadName  string      `json:"squadName"`
	Name       string      `json:"name"`
	Ring       Ring        `json:"ring"`
	MadeAt     clock.Stamp `json:"madeAt"`
}

// maxRing and maxAreas bound an import.
const (
	maxRing  = 5000
	maxAreas = 2000
)

func (r Ring) box() (west, south, east, north float64) {
	west, south, east, north = math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, p := range r {
		west, east = math.Min(west, p[0]), math.Max(east, p[0])
		south, north = math.Min(south, p[1]), math.Max(north, p[1])
	}
	return west, south, east, north
}

// Holds tells whether a place lies inside; one on the line does.
func (r Ring) Holds(lng, lat float64) bool {
	in := false
	for i, j := 0, len(r)-1; i < len(r); j, i = i, i+1 {
		a, b := r[i], r[j]
		cross := (b[0]-a[0])*(lat-a[1]) - (b[1]-a[1])*(lng-a[0])
		if cross == 0 && lng >= math.Min(a[0], b[0]) && lng <= math.Max(a[0], b[0]) && lat >= math.Min(a[1], b[1]) && lat <= math.Max(a[1], b[1]) {
			return true
		}
		if (a[1] > lat) != (b[1] > lat) && lng < (b[0]-a[0])*(lat-a[1])/(b[1]-a[1])+a[0] {
			in = !in
		}
	}
	return in
}

// DistanceM is how far a place lies from the ring's line, in metres.
func (r Ring) DistanceM(lng, lat float64) float64 {
	kx, ky := math.Cos(lat*math.Pi/180)*111_320, 110_574.0
	best := math.Inf(1)
	for i, j := 0, len(r)-1; i < len(r); j, i = i, i+1 {
		ax, ay := (r[j][0]-lng)*kx, (r[j][1]-lat)*ky
		bx, by := (r[i][0]-lng)*kx, (r[i][1]-lat)*ky
		dx, dy := bx-ax, by-ay
		t := 0.0
		if n := dx*dx + dy*dy; n > 0 {
			t = math.Max(0, math.Min(1, -(ax*dx+ay*dy)/n))
		}
		best = math.Min(best, math.Hypot(ax+t*dx, ay+t*dy))
	}
	return best
}

// shape is one area of an imported file.
type shape struct {
	squad, region, name string
	ring                Ring
}

// ParseAreas reads a GeoJSON FeatureCollection: each feature is a Polygon or
// MultiPolygon (holes are left out) whose properties name the squad by
// squadOrgId, or by the 9-digit code of its street as region.
func ParseAreas(data []byte) ([]shape, error) {
	var file struct {
		Type     string `json:"type"`
		Features []struct {
			Properties map[string]any `json:"properties"`
			Geometry   *struct {
				Type        string          `json:"type"`
				Coordinates json.RawMessage `json:"coordinates"`
			} `json:"geometry"`
		} `json:"features"`
	}
	if err := json.Unmarshal(data, &file); err != nil || file.Type != "FeatureCollection" {
		return nil, errs.Invalidf("file", "文件应为 GeoJSON FeatureCollection")
	}
	out := []shape{}
	for i, ft := range file.Features {
		where := fmt.Sprintf("features[%d]", i)
		if ft.Geometry == nil {
			return nil, errs.Invalidf(where, "第 %d 个区域没有图形", i+1)
		}
		polygons := [][][]Point{}
		var err error
		switch ft.Geometry.Type {
		case "Polygon":
			one := [][]Point{}
			err = json.Unmarshal(ft.Geometry.Coordinates, &one)
			polygons = append(polygons, one)
		case "MultiPolygon":
			err = json.Unmarshal(ft.Geometry.Coordinates, &polygons)
		default:
			return nil, errs.Invalidf(where, "第 %d 个区域应为 Polygon 或 MultiPolygon", i+1)
		}
		if err != nil {
			return nil, errs.Invalidf(where, "第 %d 个区域的坐标读不懂", i+1)
		}
		x := shape{squad: text(ft.Properties, "squadOrgId"), region: text(ft.Properties, "region"), name: text(ft.Properties, "name")}
		for _, rings := range polygons {
			if len(rings) == 0 {
				continue
			}
			x.ring = Ring(rings[0])
			if err := x.ring.check(); err != nil {
				return nil, errs.Invalidf(where, "第 %d 个区域：%s", i+1, err)
			}
			out = append(out, x)
		}
		if len(out) > maxAreas {
			return nil, errs.Invalidf("file", "一次最多导入 %d 个区域", maxAreas)
		}
	}
	if len(out) == 0 {
		return nil, errs.Invalidf("file", "文件里没有区域")
	}
	return out, nil
}

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

func (r Ring) check() error {
	if len(r) < 3 || len(r) > maxRing {
		return fmt.Errorf("顶点应为 3 到 %d 个，现为 %d 个", maxRing, len(r))
	}
	for _, p := range r {
		if !(p[0] >= 120.5 && p[0] <= 122.5 && p[1] >= 30.4 && p[1] <= 32.1) {
			return fmt.Errorf("坐标 %v 不在上海范围内，应为 WGS-84 经度、纬度", p)
		}
	}
	return nil
}
