package coord

import (
	"fmt"
	"math"
)

// Control is a point that is known in both systems.
type Control struct {
	Name string `json:"name"`
	// Lng and Lat are WGS 84 or CGCS2000 degrees.
	Lng float64 `json:"lng"`
	Lat float64 `json:"lat"`
	// X and Y are the surveyed plane coordinates in the profile's axis order.
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Residual is how far a control point lies from where the fit puts it, in
// metres.
type Residual struct {
	Name  string  `json:"name"`
	East  float64 `json:"east"`
	North float64 `json:"north"`
	M     float64 `json:"m"`
}

// Fit is the four parameters that fit the control points best.
type Fit struct {
	Helmert   Helmert    `json:"helmert"`
	Residuals []Residual `json:"residuals"`
	// RMS is the root of the mean of the squared residuals, Worst the
	// largest, in metres.
	RMS   float64 `json:"rms"`
	Worst float64 `json:"worst"`
	// Checked is false with two points: they fit always, so that the
	// residuals say nothing.
	Checked bool `json:"checked"`
}

// FitHelmert fits the four parameters that lead from a profile's bare
// projection to the control points, by least squares. It wants two points or
// more that are at least a hundred metres apart.
func FitHelmert(p Profile, points []Control) (Fit, error) {
	if len(points) < 2 {
		return Fit{}, refuse(BadProfile, "至少要有 2 个控制点，现在有 %d 个", len(points))
	}
	p.Helmert = Helmert{}
	if err := p.usable(); err != nil {
		return Fit{}, err
	}
	m := newMercator(p)
	from, to := make([][2]float64, len(points)), make([][2]float64, len(points))
	var cf, ct [2]float64
	for i, q := range points {
		if err := checkControl(q); err != nil {
			return Fit{}, refuse(BadProfile, "控制点%s：%s", label(q, i), err.Error())
		}
		from[i][0], from[i][1] = m.forward(q.Lng, q.Lat)
		to[i] = [2]float64{q.X, q.Y}
		if p.Axis == NorthEast {
			to[i] = [2]float64{q.Y, q.X}
		}
		for k := range 2 {
			cf[k] += from[i][k] / float64(len(points))
			ct[k] += to[i][k] / float64(len(points))
		}
	}
	var a, b, spread float64
	for i := range from {
		u, v := from[i][0]-cf[0], from[i][1]-cf[1]
		x, y := to[i][0]-ct[0], to[i][1]-ct[1]
		a += u*x + v*y
		b += u*y - v*x
		spread += u*u + v*v
	}
	if spread < 100*100/2 {
		return Fit{}, refuse(BadProfile, "控制点靠得太近，至少要相距 100 米")
	}
	a, b = a/spread, b/spread
	f := Fit{Checked: len(points) > 2, Residuals: make([]Residual, len(points))}
	f.Helmert = Helmert{DX: ct[0] - a*cf[0] + b*cf[1], DY: ct[1] - b*cf[0] - a*cf[1], Rot: math.Atan2(b, a), Scale: math.Hypot(a, b)}
	p.Helmert = f.Helmert
	if bad := p.Check(); len(bad) > 0 {
		return Fit{}, refuse(BadProfile, "控制点拟合出的参数不合理（尺度 %.6f、旋转 %.6f 弧度），请核对坐标和轴序", f.Helmert.Scale, f.Helmert.Rot)
	}
	for i, q := range points {
		e, n := f.Helmert.apply(from[i][0], from[i][1])
		r := Residual{Name: q.Name, East: to[i][0] - e, North: to[i][1] - n}
		r.M = math.Hypot(r.East, r.North)
		f.Residuals[i] = r
		f.RMS += r.M * r.M / float64(len(points))
		f.Worst = math.Max(f.Worst, r.M)
	}
	f.RMS = math.Sqrt(f.RMS)
	return f, nil
}

func label(q Control, i int) string {
	if q.Name != "" {
		return "「" + q.Name + "」"
	}
	return fmt.Sprintf(" %d ", i+1)
}

func checkControl(q Control) error {
	if _, _, err := (Converter{Area: CityArea()}).ToWGS(WGS84, q.Lng, q.Lat); err != nil {
		return err
	}
	if math.IsNaN(q.X) || math.IsNaN(q.Y) || math.Abs(q.X) > 1e8 || math.Abs(q.Y) > 1e8 {
		return refuse(NotANumber, "平面坐标不是有效数字")
	}
	return nil
}

// Metres is the distance of two WGS 84 places over the ground, good to a
// thousandth inside the city.
func Metres(lng1, lat1, lng2, lat2 float64) float64 {
	phi := (lat1 + lat2) / 2 * math.Pi / 180
	const e2 = 0.00669437999014
	w := math.Sqrt(1 - e2*math.Sin(phi)*math.Sin(phi))
	east := (lng2 - lng1) * math.Pi / 180 * grs80A / w * math.Cos(phi)
	north := (lat2 - lat1) * math.Pi / 180 * grs80A * (1 - e2) / (w * w * w)
	return math.Hypot(east, north)
}
