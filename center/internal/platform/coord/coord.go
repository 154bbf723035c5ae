// Package coord converts places between the coordinate systems that the city
// meets: WGS 84 (and CGCS2000, which agrees with it to less than a metre), the
// shifted GCJ-02 of Amap, BD-09 of Baidu, and Shanghai 2000, a plane whose
// official parameters are not public and which is therefore described by a
// Profile. It is pure arithmetic: no files, no network, no state.
//
// Everything that is not a place of the city is refused by name: numbers that
// are none, the pair (0,0) that stands for a missing value, swapped axes,
// metres where degrees are meant and the other way round, and places outside
// the area. A failure is never answered with a coordinate.
package coord

import (
	"fmt"
	"math"
)

// System names a coordinate system.
type System string

// The systems. CGCS2000 is WGS84 under its Chinese name.
const (
	WGS84    System = "wgs84"
	CGCS2000 System = "cgcs2000"
	GCJ02    System = "gcj02"
	BD09     System = "bd09"
	SH2000   System = "sh2000"
)

// Systems lists the systems in the order in which they are offered.
func Systems() []System { return []System{WGS84, CGCS2000, GCJ02, BD09, SH2000} }

// Known tells whether the name is one of a system.
func (s System) Known() bool {
	switch s {
	case WGS84, CGCS2000, GCJ02, BD09, SH2000:
		return true
	}
	return false
}

// Plane tells whether the system counts metres instead of degrees.
func (s System) Plane() bool { return s == SH2000 }

// Name is the word for people.
func (s System) Name() string {
	switch s {
	case WGS84:
		return "WGS84"
	case CGCS2000:
		return "CGCS2000"
	case GCJ02:
		return "GCJ-02（高德）"
	case BD09:
		return "BD-09（百度）"
	case SH2000:
		return "上海2000"
	}
	return string(s)
}

// Code names why a place was refused.
type Code string

// The refusals.
const (
	NotANumber    Code = "nan"
	Zero          Code = "zero"
	Swapped       Code = "swapped"
	Units         Code = "units"
	Outside       Code = "outside"
	UnknownSystem Code = "system"
	BadProfile    Code = "profile"
	NoConvergence Code = "convergence"
)

// Error is a refusal: a name for programs and a sentence for people.
type Error struct {
	Code    Code
	Message string
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

func refuse(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Area is a rectangle of WGS 84 degrees.
type Area struct {
	West, South, East, North float64
}

// CityArea is Shanghai with its islands and a margin for neighbours.
func CityArea() Area { return Area{West: 120.5, South: 30.3, East: 122.6, North: 32.2} }

// Contains tells whether a place lies inside, the border included.
func (a Area) Contains(lng, lat float64) bool {
	return lng >= a.West && lng <= a.East && lat >= a.South && lat <= a.North
}

// Converter converts with one profile of Shanghai 2000 inside one area.
type Converter struct {
	Profile Profile
	Area    Area
}

// With makes a converter for the city with a profile.
func With(p Profile) Converter { return Converter{Profile: p, Area: CityArea()} }

// Convert changes a place from one system to another with the default
// profile. X and y are longitude and latitude in degrees, or metres in the
// profile's axis order.
func Convert(from, to System, x, y float64) (float64, float64, error) {
	return With(Default()).Convert(from, to, x, y)
}

// Convert changes a place from one system to another. The error is an *Error.
func (c Converter) Convert(from, to System, x, y float64) (float64, float64, error) {
	if !to.Known() {
		return 0, 0, refuse(UnknownSystem, "不认识坐标系 %q，可用 wgs84、cgcs2000、gcj02、bd09、sh2000", string(to))
	}
	lng, lat, err := c.ToWGS(from, x, y)
	if err != nil {
		return 0, 0, err
	}
	if from == to {
		return x, y, nil
	}
	return c.FromWGS(to, lng, lat)
}

// ToWGS gives the WGS 84 longitude and latitude of a place, after checking
// that it is one of the area.
func (c Converter) ToWGS(from System, x, y float64) (lng, lat float64, err error) {
	if !from.Known() {
		return 0, 0, refuse(UnknownSystem, "不认识坐标系 %q，可用 wgs84、cgcs2000、gcj02、bd09、sh2000", string(from))
	}
	if math.IsNaN(x) || math.IsNaN(y) || math.IsInf(x, 0) || math.IsInf(y, 0) {
		return 0, 0, refuse(NotANumber, "坐标不是有效数字")
	}
	if x == 0 && y == 0 {
		return 0, 0, refuse(Zero, "坐标是 (0,0)，通常表示没有填写，请核对来源")
	}
	if err := c.units(from, x, y); err != nil {
		return 0, 0, err
	}
	lng, lat, err = c.raw(from, x, y)
	if err == nil && c.Area.Contains(lng, lat) {
		return lng, lat, nil
	}
	if e := (*Error)(nil); err != nil && (asError(err, &e) && e.Code == BadProfile) {
		return 0, 0, err
	}
	if slng, slat, serr := c.raw(from, y, x); serr == nil && c.Area.Contains(slng, slat) {
		return 0, 0, refuse(Swapped, "两个坐标轴写反了：%s", c.order(from))
	}
	return 0, 0, refuse(Outside, "坐标不在本市范围内（经度 %g 到 %g、纬度 %g 到 %g）", c.Area.West, c.Area.East, c.Area.South, c.Area.North)
}

func asError(err error, to **Error) bool {
	e, ok := err.(*Error) //nolint:errorlint // errors of this package are never wrapped inside it
	if ok {
		*to = e
	}
	return ok
}

// order says how the two numbers are to be written.
func (c Converter) order(s System) string {
	switch {
	case !s.Plane():
		return "应当经度在前、纬度在后"
	case c.Profile.Axis == NorthEast:
		return "这个参数档是 X 北、Y 东，应当北坐标在前"
	}
	return "这个参数档是东坐标在前、北坐标在后"
}

// units finds metres that were sent as degrees and degrees sent as metres.
func (c Converter) units(s System, x, y float64) *Error {
	if s.Plane() {
		if c.Area.Contains(x, y) || c.Area.Contains(y, x) {
			return refuse(Units, "这是经纬度，上海2000 要用米")
		}
		return nil
	}
	if math.Max(math.Abs(x), math.Abs(y)) > 180 || math.Min(math.Abs(x), math.Abs(y)) > 90 {
		return refuse(Units, "经纬度不会超过 180 和 90 度，看起来是以米为单位的平面坐标")
	}
	return nil
}

// raw converts without looking at the area.
func (c Converter) raw(from System, x, y float64) (lng, lat float64, err error) {
	switch from {
	case GCJ02:
		return gcjToWGS(x, y)
	case BD09:
		x, y, err = bdToGCJ(x, y)
		if err != nil {
			return 0, 0, err
		}
		return gcjToWGS(x, y)
	case SH2000:
		return c.Profile.inverse(x, y)
	}
	return x, y, nil
}

// FromWGS gives a WGS 84 place in another system.
func (c Converter) FromWGS(to System, lng, lat float64) (x, y float64, err error) {
	switch to {
	case WGS84, CGCS2000:
		x, y = lng, lat
	case GCJ02:
		x, y = wgsToGCJ(lng, lat)
	case BD09:
		x, y = gcjToBD(wgsToGCJ(lng, lat))
	case SH2000:
		x, y, err = c.Profile.forward(lng, lat)
	default:
		err = refuse(UnknownSystem, "不认识坐标系 %q，可用 wgs84、cgcs2000、gcj02、bd09、sh2000", string(to))
	}
	if err != nil {
		return 0, 0, err
	}
	if math.IsNaN(x) || math.IsNaN(y) || math.IsInf(x, 0) || math.IsInf(y, 0) {
		return 0, 0, refuse(NotANumber, "换算没有得到有效数字")
	}
	return x, y, nil
}
