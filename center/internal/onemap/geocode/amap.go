package geocode

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"jiexun/center/internal/platform/coord"
)

// amap speaks to Amap: GCJ-02, longitude first in one text, numbers as text,
// and [] where a text is empty.
type amap struct{ web }

type amapHead struct {
	Status   text `json:"status"`
	Info     text `json:"info"`
	InfoCode text `json:"infocode"`
}

// fault reads the code of an answer; none tells that it means no result.
func (h amapHead) fault(code string) (none bool, err error) {
	if h.Status == "1" {
		return false, nil
	}
	if h.Status == "" && h.InfoCode == "" {
		return false, &Fault{code, Answer, "没有 status"}
	}
	detail := strings.TrimSpace(string(h.InfoCode + " " + h.Info))
	switch h.InfoCode {
	case "30001", "20800", "20801", "20802", "20803": // nothing found
		return true, nil
	case "10003", "10044", "40000", "40001", "40002", "40003":
		return false, &Fault{code, Quota, detail}
	case "10004", "10014", "10015", "10019", "10020", "10021", "10029":
		return false, &Fault{code, Busy, detail}
	case "10001", "10002", "10005", "10006", "10007", "10008", "10009", "10010", "10011", "10012", "10013", "10026", "10041":
		return false, &Fault{code, Key, detail}
	case "20000", "20001", "20002":
		return false, &Fault{code, Rejected, detail}
	}
	return false, &Fault{code, Server, detail}
}

// Geocode implements Provider.
func (a amap) Geocode(ctx context.Context, s Settings, address string) ([]Place, error) {
	var out struct {
		amapHead
		Geocodes []struct {
			Formatted text `json:"formatted_address"`
			District  text `json:"district"`
			Township  text `json:"township"`
			AdCode    text `json:"adcode"`
			Street    text `json:"street"`
			Number    text `json:"number"`
			Location  text `json:"location"`
			Level     text `json:"level"`
		} `json:"geocodes"`
	}
	q := url.Values{"key": {s.Key}, "address": {address}, "city": {"上海"}, "output": {"JSON"}}
	if err := a.get(ctx, s, "v3/geocode/geo", q, &out); err != nil {
		return nil, err
	}
	if none, err := out.fault(s.Code); none || err != nil {
		return nil, err
	}
	list := []Place{}
	for _, g := range out.Geocodes {
		x, y, err := pair(string(g.Location))
		if err != nil {
			return nil, &Fault{s.Code, Answer, err.Error()}
		}
		list = append(list, Place{
			System: coord.GCJ02, X: x, Y: y, Standard: string(g.Formatted), District: string(g.District), Town: string(g.Township),
			Road: string(g.Street), Number: string(g.Number), AdCode: string(g.AdCode), Level: string(g.Level), Score: amapScore(string(g.Level)),
		})
	}
	return keep(s.Code, list)
}

// amapScore turns Amap's word for exactness into a number.
func amapScore(level string) int {
	switch level {
	case "门牌号", "门址", "单元号", "楼栋号", "兴趣点":
		return 95
	case "道路交叉路口", "公交站台、地铁站", "住宅区", "热点商圈":
		return 80
	case "道路":
		return 60
	case "村庄", "乡镇", "街道":
		return 40
	case "区县", "开发区":
		return 20
	case "市", "省", "国家":
		return 5
	}
	return 50
}

// Reverse implements Provider.
func (a amap) Reverse(ctx context.Context, s Settings, lng, lat float64) ([]Place, error) {
	x, y, err := coord.Convert(coord.WGS84, coord.GCJ02, lng, lat)
	if err != nil {
		return nil, &Fault{s.Code, Rejected, err.Error()}
	}
	var out struct {
		amapHead
		Regeocode struct {
			Formatted text `json:"formatted_address"`
			Component struct {
				District text `json:"district"`
				AdCode   text `json:"adcode"`
				Township text `json:"township"`
				Number   struct {
					Street text `json:"street"`
					Number text `json:"number"`
				} `json:"streetNumber"`
			} `json:"addressComponent"`
		} `json:"regeocode"`
	}
	q := url.Values{"key": {s.Key}, "location": {fmt.Sprintf("%.6f,%.6f", x, y)}, "radius": {"200"}, "extensions": {"base"}, "output": {"JSON"}}
	if err := a.get(ctx, s, "v3/geocode/regeo", q, &out); err != nil {
		return nil, err
	}
	if none, err := out.fault(s.Code); none || err != nil {
		return nil, err
	}
	r := out.Regeocode
	if r.Formatted == "" {
		return []Place{}, nil
	}
	return []Place{{
		System: coord.GCJ02, X: x, Y: y, Standard: string(r.Formatted), District: string(r.Component.District), Town: string(r.Component.Township),
		Road: string(r.Component.Number.Street), Number: string(r.Component.Number.Number), AdCode: string(r.Component.AdCode), Score: 90,
	}}, nil
}

// pair reads two numbers with a comma between.
func pair(s string) (float64, float64, error) {
	a, b, ok := strings.Cut(s, ",")
	if ok {
		x, err1 := strconv.ParseFloat(strings.TrimSpace(a), 64)
		y, err2 := strconv.ParseFloat(strings.TrimSpace(b), 64)
		if err1 == nil && err2 == nil {
			return x, y, nil
		}
	}
	return 0, 0, fmt.Errorf("坐标 %q 看不懂", s)
}
