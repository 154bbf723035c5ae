package coord

import "math"

// Axis is the order in which a profile writes its two numbers.
type Axis string

// EastNorth is the order of maps (x east, y north), NorthEast that of
// surveyors (X north, Y east).
const (
	EastNorth Axis = "EN"
	NorthEast Axis = "NE"
)

// Helmert is a four-parameter change of a plane: turn by Rot (radians,
// anticlockwise), stretch by Scale, move by DX and DY (metres). The zero value
// changes nothing.
type Helmert struct {
	DX    float64 `json:"dx"`
	DY    float64 `json:"dy"`
	Rot   float64 `json:"rot"`
	Scale float64 `json:"scale"`
}

// IsZero tells whether nothing is changed.
func (h Helmert) IsZero() bool { return h == Helmert{} || h == Helmert{Scale: 1} }

func (h Helmert) apply(e, n float64) (float64, float64) {
	if h.IsZero() {
		return e, n
	}
	s, c := math.Sincos(h.Rot)
	return h.DX + h.Scale*(c*e-s*n), h.DY + h.Scale*(s*e+c*n)
}

func (h Helmert) undo(e, n float64) (float64, float64) {
	if h.IsZero() {
		return e, n
	}
	e, n = (e-h.DX)/h.Scale, (n-h.DY)/h.Scale
	s, c := math.Sincos(h.Rot)
	return c*e + s*n, -s*e + c*n
}

// Profile describes one understanding of the Shanghai 2000 plane: a
// transverse Mercator projection and, when control points were fitted, a
// four-parameter change after it.
type Profile struct {
	Code string `json:"code"`
	Name string `json:"name"`
	// A is the ellipsoid's half axis in metres, RF its inverse flattening.
	A  float64 `json:"a"`
	RF float64 `json:"rf"`
	// Lat0 and Lon0 are the origin in degrees, K the scale on the central
	// meridian, X0 and Y0 what is added to east and north in metres.
	Lat0 float64 `json:"lat0"`
	Lon0 float64 `json:"lon0"`
	K    float64 `json:"k"`
	X0   float64 `json:"x0"`
	Y0   float64 `json:"y0"`
	// Axis is the order of input and output.
	Axis    Axis    `json:"axis"`
	Helmert Helmert `json:"helmert"`
	// Source says where the parameters come from; Verified that the
	// customer has confirmed them with control points.
	Source   string `json:"source"`
	Verified bool   `json:"verified"`
}

const (
	grs80A  = 6378137.0
	grs80RF = 298.257222101
)

// Default is the profile that is used until another one is confirmed.
func Default() Profile { return Builtin()[0] }

// Builtin lists the sets of parameters that are publicly known. None of them
// is official: A and C come from independent sources and agree to less than a
// metre, B lies some metres away, E more than 250.
func Builtin() []Profile {
	return []Profile{
		{Code: "A", Name: "上海2000 甲档", A: 6378153.3398, RF: grs80RF, Lon0: 121.46444444444444, K: 1, X0: -257.85859273, Y0: -3457087.73141366, Axis: EastNorth, Source: "社区经验模型（抬高椭球），非官方"},
		{Code: "B", Name: "上海2000 乙档", A: grs80A, RF: grs80RF, Lat0: 31.2353, Lon0: 121.4644, K: 1, X0: -265, Y0: -10, Axis: EastNorth, Source: "公开的数据查看器，非官方"},
		{Code: "C", Name: "上海2000 丙档", A: grs80A, RF: grs80RF, Lat0: 31.235443609882868, Lon0: 121.46464574117608, K: 1, X0: -238.2131268606429, Axis: EastNorth, Source: "公开的瓦片服务参数，非官方"},
		{Code: "E", Name: "上海2000 戊档", A: grs80A, RF: grs80RF, Lon0: 121.4644444, K: 1, Y0: -3457147.81, Axis: EastNorth, Source: "公开的建筑模型服务参数，与甲档相差约 267 米，不建议使用"},
	}
}

// Check tells what is wrong with a profile, by field.
func (p Profile) Check() map[string]string {
	out := map[string]string{}
	bad := func(ok bool, field, msg string) {
		if !ok {
			out[field] = msg
		}
	}
	in := func(v, lo, hi float64) bool { return v >= lo && v <= hi } // false for NaN
	bad(in(p.A, 6.37e6, 6.39e6), "a", "长半轴应在 6370000 到 6390000 米之间")
	bad(in(p.RF, 290, 310), "rf", "扁率倒数应在 290 到 310 之间")
	bad(in(p.Lat0, -90, 90), "lat0", "原点纬度应在 −90 到 90 度之间")
	bad(in(p.Lon0, 115, 128), "lon0", "中央子午线应在 115 到 128 度之间")
	bad(in(p.K, 0.99, 1.01), "k", "比例因子应在 0.99 到 1.01 之间")
	bad(in(p.X0, -1e7, 1e7), "x0", "东偏移应在 ±10000000 米之间")
	bad(in(p.Y0, -1e7, 1e7), "y0", "北偏移应在 ±10000000 米之间")
	bad(p.Axis == EastNorth || p.Axis == NorthEast, "axis", "轴序只能是 EN（东、北）或 NE（北、东）")
	if h := p.Helmert; !h.IsZero() {
		bad(in(h.Scale, 0.9, 1.1), "helmert.scale", "四参数的尺度应在 0.9 到 1.1 之间")
		bad(in(h.Rot, -math.Pi, math.Pi), "helmert.rot", "四参数的旋转应在 ±π 弧度之间")
		bad(in(h.DX, -1e8, 1e8) && in(h.DY, -1e8, 1e8), "helmert.dx", "四参数的平移应在 ±100000000 米之间")
	}
	return out
}

func (p Profile) usable() error {
	if len(p.Check()) > 0 {
		return refuse(BadProfile, "上海2000 参数档 %q 的参数不完整", p.Name)
	}
	return nil
}

// forward projects degrees to the plane, in the profile's axis order.
func (p Profile) forward(lng, lat float64) (float64, float64, error) {
	if err := p.usable(); err != nil {
		return 0, 0, err
	}
	e, n := newMercator(p).forward(lng, lat)
	e, n = p.Helmert.apply(e, n)
	if p.Axis == NorthEast {
		return n, e, nil
	}
	return e, n, nil
}

func (p Profile) inverse(x, y float64) (float64, float64, error) {
	if err := p.usable(); err != nil {
		return 0, 0, err
	}
	if p.Axis == NorthEast {
		x, y = y, x
	}
	e, n := p.Helmert.undo(x, y)
	if math.Abs(e-p.X0) > 2e6 || math.Abs(n-p.Y0) > 2e7 {
		return 0, 0, refuse(Outside, "平面坐标超出投影范围")
	}
	lng, lat := newMercator(p).inverse(e, n)
	return lng, lat, nil
}
