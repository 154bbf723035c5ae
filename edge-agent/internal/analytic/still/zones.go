package still

import (
	"time"

	"jiexun/api/edgev1"
)

// Or is v, or the default where v is not set.
func Or(v, def float64) float64 {
	if v > 0 {
		return v
	}
	return def
}

// Seconds turns a number of seconds into a duration.
func Seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Excluded tells whether the point lies in one of the zones.
func Excluded(zones []edgev1.Zone, at edgev1.Point) bool {
	for _, z := range zones {
		if Inside(z.Polygon, at) {
			return true
		}
	}
	return false
}
