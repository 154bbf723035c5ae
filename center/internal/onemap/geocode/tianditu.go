package geocode

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"jiexun/center/internal/platform/coord"
)

// tianditu speaks to Tianditu: CGCS2000, the question is JSON inside a query
// parameter, and 404 in the answer means no result.
type tianditu struct{ web }

type tiandituHead struct {
	Status text `json:"status"`
	Msg    text `json:"msg"`
	Code   text `json:"code"` // 301xxx: the gateway before the service
}

func (h tiandituHead) fault(code string) (none bool, err error) {
	detail := strings.TrimSpace(string(h.Status + h.Code + " " + h.Msg))
	switch {
	case h.Status == "0":
		return false, nil
	case h.Status == "404":
		return true, nil
	case strings.HasPrefix(string(h.Code), "3010") || strings.Contains(string(h.Msg), "权限"):
		return false, &Fault{code, Key, detail}
	case strings.HasPrefix(string(h.Code), "3020") || strings.Contains(string(h.Msg), "次数") || strings.Contains(string(h.Msg), "限"):
		return false, &Fault{code, Quota, detail}
	case h.Status == "" && h.Code == "":
		return false, &Fault{code, Answer, "没有 status"}
	}
	return false, &Fault{code, Server, detail}
}

// Geocode implements Provider.
func (a tianditu) Geocode(ctx context.Context, s Settings, address string) ([]Place, error) {
	var out struct {
		tiandituHead
		Location struct {
			Lon     number `json:"lon"`
			Lat     number `json:"lat"`
			Score   number `json:"score"`
			Level   text   `json:"level"`
			KeyWord text   `json:"keyWord"`
		} `json:"location"`
	}
	if !strings.Contains(address, "上海") {
		address = "上海市" + address
	}
	ds, _ := json.Marshal(map[string]string{"keyWord": address}) // a text: cannot fail
	if err := a.get(ctx, s, "geocoder", url.Values{"ds": {string(ds)}, "tk": {s.Key}}, &out); err != nil {
		return nil, err
	}
	if none, err := out.fault(s.Code); none || err != nil {
		return nil, err
	}
	l := out.Location
	if l.Lon == 0 && l.Lat == 0 {
		return []Place{}, nil
	}
	standard := string(l.KeyWord)
	if standard == "" {
		standard = address
	}
	return keep(s.Code, []Place{{System: coord.CGCS2000, X: float64(l.Lon), Y: float64(l.Lat), Standard: standard, Score: min(max(int(l.Score), 0), 100), Level: string(l.Level)}})
}

// Reverse implements Provider.
func (a tianditu) Reverse(ctx context.Context, s Settings, lng, lat float64) ([]Place, error) {
	var out struct {
		tiandituHead
		Result struct {
			Formatted text `json:"formatted_address"`
			Component struct {
				Address text `json:"address"`
				County  text `json:"county"`
				Road    text `json:"road"`
				Code    text `json:"county_code"`
				Town    text `json:"town"`
			} `json:"addressComponent"`
		} `json:"result"`
	}
	post := fmt.Sprintf("{'lon':%.7f,'lat':%.7f,'ver':1}", lng, lat)
	if err := a.get(ctx, s, "geocoder", url.Values{"postStr": {post}, "type": {"geocode"}, "tk": {s.Key}}, &out); err != nil {
		return nil, err
	}
	if none, err := out.fault(s.Code); none || err != nil {
		return nil, err
	}
	r := out.Result
	if r.Formatted == "" {
		return []Place{}, nil
	}
	// A national code is 156 and six digits.
	return []Place{{
		System: coord.CGCS2000, X: lng, Y: lat, Standard: string(r.Formatted), District: string(r.Component.County), Town: string(r.Component.Town),
		Road: string(r.Component.Road), AdCode: strings.TrimPrefix(string(r.Component.Code), "156"), Score: 85,
	}}, nil
}
