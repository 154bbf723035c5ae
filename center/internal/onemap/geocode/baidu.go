package geocode

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"jiexun/center/internal/platform/coord"
)

// baidu speaks to Baidu: the status is a number, an address has at most 84
// bytes, and a place is asked for with the latitude first.
type baidu struct{ web }

type baiduHead struct {
	Status  *int `json:"status"`
	Message text `json:"message"`
	Msg     text `json:"msg"`
}

func (h baiduHead) fault(code string) (none bool, err error) {
	if h.Status == nil {
		return false, &Fault{code, Answer, "没有 status"}
	}
	message := string(h.Message + h.Msg)
	detail := strings.TrimSpace(fmt.Sprintf("%d %s", *h.Status, message))
	switch n := *h.Status; {
	case n == 0:
		return false, nil
	case n == 1 && strings.Contains(message, "无相关结果"):
		return true, nil
	case n == 1:
		return false, &Fault{code, Server, detail}
	case n == 2:
		return false, &Fault{code, Rejected, detail}
	case n == 4 || n == 302:
		return false, &Fault{code, Quota, detail}
	case n == 401 || n == 402:
		return false, &Fault{code, Busy, detail}
	case n == 3 || n == 5 || n >= 100 && n < 300:
		return false, &Fault{code, Key, detail}
	}
	return false, &Fault{code, Server, detail}
}

// Geocode implements Provider.
func (b baidu) Geocode(ctx context.Context, s Settings, address string) ([]Place, error) {
	var out struct {
		baiduHead
		Result struct {
			Location struct {
				Lng number `json:"lng"`
				Lat number `json:"lat"`
			} `json:"location"`
			Precise       int  `json:"precise"`
			Confidence    int  `json:"confidence"`
			Comprehension int  `json:"comprehension"`
			Level         text `json:"level"`
		} `json:"result"`
	}
	if len(address) > 84 {
		address = clip(strings.TrimPrefix(strings.TrimPrefix(address, "上海市"), "上海"), 84)
	}
	q := url.Values{"ak": {s.Key}, "address": {address}, "city": {"上海市"}, "ret_coordtype": {"gcj02ll"}, "output": {"json"}}
	if err := b.get(ctx, s, "geocoding/v3/", q, &out); err != nil {
		return nil, err
	}
	if none, err := out.fault(s.Code); none || err != nil {
		return nil, err
	}
	r := out.Result
	if r.Location.Lng == 0 && r.Location.Lat == 0 {
		return []Place{}, nil
	}
	score := r.Comprehension
	if r.Precise == 0 {
		score = min(score, 70)
	}
	return keep(s.Code, []Place{{System: coord.GCJ02, X: float64(r.Location.Lng), Y: float64(r.Location.Lat), Standard: address, Score: min(max(score, 0), 100), Level: string(r.Level)}})
}

// Reverse implements Provider.
func (b baidu) Reverse(ctx context.Context, s Settings, lng, lat float64) ([]Place, error) {
	var out struct {
		baiduHead
		Result struct {
			Formatted text `json:"formatted_address"`
			Component struct {
				District text `json:"district"`
				Town     text `json:"town"`
				AdCode   text `json:"adcode"`
				Street   text `json:"street"`
				Number   text `json:"street_number"`
			} `json:"addressComponent"`
		} `json:"result"`
	}
	q := url.Values{"ak": {s.Key}, "location": {fmt.Sprintf("%.7f,%.7f", lat, lng)}, "coordtype": {"wgs84ll"}, "output": {"json"}}
	if err := b.get(ctx, s, "reverse_geocoding/v3/", q, &out); err != nil {
		return nil, err
	}
	if none, err := out.fault(s.Code); none || err != nil {
		return nil, err
	}
	r := out.Result
	if r.Formatted == "" {
		return []Place{}, nil
	}
	return []Place{{
		System: coord.WGS84, X: lng, Y: lat, Standard: string(r.Formatted), District: string(r.Component.District), Town: string(r.Component.Town),
		Road: string(r.Component.Street), Number: string(r.Component.Number), AdCode: string(r.Component.AdCode), Score: 90,
	}}, nil
}
