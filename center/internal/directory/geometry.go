package directory

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"jiexun/center/internal/platform/coord"
	"jiexun/center/internal/platform/errs"
)

// Area is a polygon of longitudes and latitudes, closed by itself. Points on
// its border are inside.
type Area [][2]float64

// maxCorners bounds a polygon: each corner is an expression of the query.
const maxCorners = 60

// edge is how near a point counts as on the border: about a centimetre.
const edge = 1e-7

// ParseArea reads "lng,lat;lng,lat;…".
func ParseArea(field, s string) (Area, error) {
	out := Area{}
	for i, p := range strings.Split(s, ";") {
		a, b, ok := strings.Cut(p, ",")
		x, err1 := strconv.ParseFloat(strings.TrimSpace(a), 64)
		y, err2 := strconv.ParseFloat(strings.TrimSpace(b), 64)
		if !ok || err1 != nil || err2 != nil {
			return nil, errs.Invalidf(field, "第 %d 个角点应写作 经度,纬度", i+1)
		}
		out = append(out, [2]float64{x, y})
	}
	return out, out.check(field)
}

func (a Area) check(field string) error {
	if len(a) < 3 || len(a) > maxCorners {
		return errs.Invalidf(field, "范围应有 3 到 %d 个角点，收到 %d 个", maxCorners, len(a))
	}
	size := 0.0
	for i, p := range a {
		if !(p[0] >= -180 && p[0] <= 180 && p[1] >= -90 && p[1] <= 90) {
			return errs.Invalidf(field, "第 %d 个角点不是经纬度", i+1)
		}
		q := a[(i+1)%len(a)]
		size += (p[0]-a[0][0])*(q[1]-a[0][1]) - (q[0]-a[0][0])*(p[1]-a[0][1])
	}
	if math.Abs(size) < 1e-14 {
		return errs.Invalidf(field, "范围没有面积，请重新画")
	}
	return nil
}

// bounds are west, south, east, north.
func (a Area) bounds() [4]float64 {
	out := [4]float64{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
	for _, p := range a {
		out = [4]float64{min(out[0], p[0]), min(out[1], p[1]), max(out[2], p[0]), max(out[3], p[1])}
	}
	return out
}

// Contains tells whether a point is inside, the border included. sql is the
// same rule for a query.
func (a Area) Contains(lng, lat float64) bool {
	odd := false
	for i, p := range a {
		q := a[(i+1)%len(a)]
		if onEdge(p, q, lng, lat) {
			return true
		}
		if (p[1] > lat) != (q[1] > lat) && lng < (q[0]-p[0])*(lat-p[1])/(q[1]-p[1])+p[0] {
			odd = !odd
		}
	}
	return odd
}

func onEdge(p, q [2]float64, lng, lat float64) bool {
	dx, dy := q[0]-p[0], q[1]-p[1]
	length := dx*dx + dy*dy
	if length == 0 {
		return math.Abs(lng-p[0]) <= edge && math.Abs(lat-p[1]) <= edge
	}
	across := dx*(lat-p[1]) - dy*(lng-p[0])
	along := dx*(lng-p[0]) + dy*(lat-p[1])
	slack := edge * math.Sqrt(length)
	return math.Abs(across) <= slack && along >= -slack && along <= length+slack
}

// sql is Contains as a condition over c.lng and c.lat. Numbers are written
// into the text: they are numbers, and some databases bound the parameters.
func (a Area) sql() string {
	crossed, edges := []string{}, []string{}
	for i, p := range a {
		q := a[(i+1)%len(a)]
		dx, dy := q[0]-p[0], q[1]-p[1]
		length := dx*dx + dy*dy
		if length == 0 {
			continue // the neighbours' edges end here
		}
		slack := edge * math.Sqrt(length)
		x, y := fmt.Sprintf("(c.lng - %s)", num(p[0])), fmt.Sprintf("(c.lat - %s)", num(p[1]))
		edges = append(edges, fmt.Sprintf("(ABS(%[1]s * %[4]s - %[2]s * %[3]s) <= %[5]s AND %[1]s * %[3]s + %[2]s * %[4]s BETWEEN %[6]s AND %[7]s)",
			num(dx), num(dy), x, y, num(slack), num(-slack), num(length+slack)))
		if dy != 0 {
			low, high := min(p[1], q[1]), max(p[1], q[1])
			crossed = append(crossed, fmt.Sprintf("(CASE WHEN c.lat >= %s AND c.lat < %s AND c.lng < %s * %s / %s + %s THEN 1 ELSE 0 END)",
				num(low), num(high), num(dx), y, num(dy), num(p[0])))
		}
	}
	return "((" + strings.Join(crossed, " + ") + ") % 2 = 1 OR " + strings.Join(edges, " OR ") + ")"
}

// num writes a number exactly, and as a floating one in every database.
func num(v float64) string {
	s := strconv.FormatFloat(v, 'e', -1, 64)
	if v < 0 {
		return "(" + s + ")"
	}
	return s
}

// Near is a place and the metres around it.
type Near struct {
	Lng, Lat, Metres float64
}

// maxMetres bounds a search around a place.
const maxMetres = 5000

func (n Near) check(field string) error {
	if !(n.Metres >= 1 && n.Metres <= maxMetres) {
		return errs.Invalidf(field, "距离应为 1 到 %d 米", maxMetres)
	}
	return nil
}

// metres of a degree of latitude, and of longitude at the place.
func (n Near) degrees() (perLat, perLng float64) {
	const around = 6_371_008.8 * math.Pi / 180
	return around, around * math.Cos(n.Lat*math.Pi/180)
}

// Distance is how far a point is, in metres; for some kilometres a plane is
// exact enough.
func (n Near) Distance(lng, lat float64) float64 {
	perLat, perLng := n.degrees()
	return math.Hypot((lng-n.Lng)*perLng, (lat-n.Lat)*perLat)
}

// square is the SQL of the square of Distance.
func (n Near) square() string {
	perLat, perLng := n.degrees()
	x, y := fmt.Sprintf("((c.lng - %s) * %s)", num(n.Lng), num(perLng)), fmt.Sprintf("((c.lat - %s) * %s)", num(n.Lat), num(perLat))
	return fmt.Sprintf("(%[1]s * %[1]s + %[2]s * %[2]s)", x, y)
}

func (n Near) bounds() [4]float64 {
	perLat, perLng := n.degrees()
	dx, dy := n.Metres/perLng*1.001, n.Metres/perLat*1.001
	return [4]float64{n.Lng - dx, n.Lat - dy, n.Lng + dx, n.Lat + dy}
}

// numbers reads n numbers parted by commas.
func numbers(field, s string, n int) ([]float64, error) {
	parts := strings.Split(s, ",")
	if len(parts) != n {
		return nil, errs.Invalidf(field, "应为 %d 个用逗号分开的数", n)
	}
	out := make([]float64, n)
	for i, p := range parts {
		v, err := strconv.ParseFloat(strings.TrimSpace(p), 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errs.Invalidf(field, "第 %d 个不是数字", i+1)
		}
		out[i] = v
	}
	return out, nil
}

// parseBox reads west,south,east,north in a system and gives WGS 84.
func parseBox(s string, from coord.System) (*[4]float64, error) {
	v, err := numbers("bbox", s, 4)
	if err != nil {
		return nil, errs.Invalidf("bbox", "范围应为 西,南,东,北 四个数")
	}
	if v[0] > v[2] || v[1] > v[3] {
		return nil, errs.Invalidf("bbox", "范围应为 西,南,东,北：西不大于东，南不大于北")
	}
	if from == "" || from == coord.WGS84 || from == coord.CGCS2000 {
		if v[0] < -180 || v[2] > 180 || v[1] < -90 || v[3] > 90 {
			return nil, errs.Invalidf("bbox", "范围不是经纬度")
		}
		return &[4]float64{v[0], v[1], v[2], v[3]}, nil
	}
	out := [4]float64{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
	for _, p := range [][2]float64{{v[0], v[1]}, {v[0], v[3]}, {v[2], v[1]}, {v[2], v[3]}} {
		lng, lat, _, err := toWGS(from, p[0], p[1])
		if err != nil {
			return nil, errs.Invalidf("bbox", "%s", err.Error())
		}
		out = [4]float64{min(out[0], lng), min(out[1], lat), max(out[2], lng), max(out[3], lat)}
	}
	return &out, nil
}

// parseNear reads a place in a system.
func parseNear(s string, from coord.System, metres float64) (*Near, error) {
	v, err := numbers("near", s, 2)
	if err != nil {
		return nil, errs.Invalidf("near", "位置应写作 经度,纬度（上海2000 写作 东,北）")
	}
	if from == "" {
		from = coord.WGS84
	}
	lng, lat, _, err := toWGS(from, v[0], v[1])
	if err != nil {
		return nil, errs.Invalidf("near", "%s", err.Error())
	}
	if metres == 0 {
		metres = 500
	}
	n := &Near{Lng: lng, Lat: lat, Metres: metres}
	return n, n.check("metres")
}
