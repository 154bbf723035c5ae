package shops

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// roadForm finds a road and a house number in an address: "福州路431号",
// "中山东一路 12 弄 3 号". What stands before the road is a region.
var roadForm = regexp.MustCompile(`([\p{Han}]{1,10}?(?:公路|大道|大街|路|街|弄|巷))\s*(\d{1,5})\s*(?:-\d+|甲|乙|丙)?\s*(号|弄|支弄)?`)

// door is where an address is along its road.
type door struct {
	road string
	no   int64
	side string
}

// doorOf reads road, house number and side from an address; a road without a
// number is in neither order.
func doorOf(address string) door {
	a := strings.TrimSpace(address)
	for _, cut := range []string{"街道", "新区", "镇", "区", "市"} {
		if i := strings.Index(a, cut); i >= 0 && i+len(cut) < len(a) {
			rest := a[i+len(cut):]
			if roadForm.MatchString(rest) {
				a = rest
			}
		}
	}
	m := roadForm.FindStringSubmatch(a)
	if m == nil {
		return door{}
	}
	n, err := strconv.ParseInt(m[2], 10, 64)
	if err != nil {
		return door{}
	}
	d := door{road: m[1], no: n, side: "even"}
	if n%2 == 1 {
		d.side = "odd"
	}
	return d
}

// metres is the great-circle distance.
func metres(lng1, lat1, lng2, lat2 float64) float64 {
	const earth = 6371008.8
	rad := math.Pi / 180
	dLat, dLng := (lat2-lat1)*rad, (lng2-lng1)*rad
	h := math.Pow(math.Sin(dLat/2), 2) + math.Cos(lat1*rad)*math.Cos(lat2*rad)*math.Pow(math.Sin(dLng/2), 2)
	return 2 * earth * math.Asin(math.Sqrt(math.Min(1, h)))
}

// lengthM is the length of a line in metres.
func (l DoorLine) lengthM() float64 {
	sum := 0.0
	for i := 1; i < len(l); i++ {
		sum += metres(l[i-1][0], l[i-1][1], l[i][0], l[i][1])
	}
	return sum
}
