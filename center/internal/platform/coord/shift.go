package coord

import "math"

// The ellipsoid and the offsets of the published shift of GCJ-02 and BD-09.
const (
	gcjA  = 6378245.0
	gcjEE = 0.00669342162296594323
	bdPi  = math.Pi * 3000 / 180
)

// abroad tells whether GCJ-02 leaves a place as it is.
func abroad(lng, lat float64) bool {
	return lng < 72.004 || lng > 137.8347 || lat < 0.8293 || lat > 55.8271
}

// waves sums sine waves of the shift: the first two are common to both axes.
func waves(v, u float64) float64 {
	return (20*math.Sin(6*v*math.Pi)+20*math.Sin(2*v*math.Pi))*2/3 + (20*math.Sin(u*math.Pi)+40*math.Sin(u/3*math.Pi))*2/3
}

// wgsToGCJ shifts a place; places abroad stay where they are.
func wgsToGCJ(lng, lat float64) (float64, float64) {
	if abroad(lng, lat) {
		return lng, lat
	}
	x, y := lng-105, lat-35
	root := math.Sqrt(math.Abs(x))
	dLat := -100 + 2*x + 3*y + 0.2*y*y + 0.1*x*y + 0.2*root + waves(x, y) +
		(160*math.Sin(y/12*math.Pi)+320*math.Sin(y*math.Pi/30))*2/3
	dLng := 300 + x + 2*y + 0.1*x*x + 0.1*x*y + 0.1*root + waves(x, x) +
		(150*math.Sin(x/12*math.Pi)+300*math.Sin(x/30*math.Pi))*2/3
	phi := lat / 180 * math.Pi
	m := 1 - gcjEE*math.Sin(phi)*math.Sin(phi)
	dLat = dLat * 180 / (gcjA * (1 - gcjEE) / (m * math.Sqrt(m)) * math.Pi)
	dLng = dLng * 180 / (gcjA / math.Sqrt(m) * math.Cos(phi) * math.Pi)
	return lng + dLng, lat + dLat
}

func gcjToBD(lng, lat float64) (float64, float64) {
	z := math.Hypot(lng, lat) + 0.00002*math.Sin(lat*bdPi)
	t := math.Atan2(lat, lng) + 0.000003*math.Cos(lng*bdPi)
	return z*math.Cos(t) + 0.0065, z*math.Sin(t) + 0.006
}

// solve finds the place that f moves to (x,y). The shifts are small and
// smooth, so that each step of the fixed point shrinks the error by more than
// a hundred; a dozen steps reach the last digit or there is no answer.
func solve(f func(x, y float64) (float64, float64), x, y, guessX, guessY float64) (float64, float64, error) {
	gx, gy := guessX, guessY
	for range 30 {
		fx, fy := f(gx, gy)
		dx, dy := x-fx, y-fy
		gx, gy = gx+dx, gy+dy
		if math.Abs(dx) < 1e-12 && math.Abs(dy) < 1e-12 {
			return gx, gy, nil
		}
	}
	fx, fy := f(gx, gy)
	if math.Abs(x-fx) < 1e-10 && math.Abs(y-fy) < 1e-10 {
		return gx, gy, nil
	}
	return 0, 0, refuse(NoConvergence, "坐标反算没有收敛")
}

func gcjToWGS(lng, lat float64) (float64, float64, error) {
	if abroad(lng, lat) {
		return lng, lat, nil
	}
	return solve(wgsToGCJ, lng, lat, lng, lat)
}

func bdToGCJ(lng, lat float64) (float64, float64, error) {
	return solve(gcjToBD, lng, lat, lng-0.0065, lat-0.006)
}
