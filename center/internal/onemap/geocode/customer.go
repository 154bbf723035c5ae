package geocode

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"jiexun/center/internal/platform/coord"
)

// customer speaks to the customer's own one-map service. Its interface is not
// public; this shape is what an installation adapts in front of it:
//
//	POST coordinate/convert {from, to, points: [[x,y],…]} → {code, message, data: {points: [[x,y]|null,…]}}
//	GET  address/geocode?address=…                        → {code, message, data: {items: [{x, y, standard, district, town, road, number, score}]}}
//	GET  address/reverse?lng=…&lat=…                      → the same
//
// Addresses come in Shanghai 2000, east first; code 0 is success and 404 no
// result.
type customer struct{ web }

type customerHead struct {
	Code    *int `json:"code"`
	Message text `json:"message"`
}

func (h customerHead) fault(code string) (none bool, err error) {
	switch {
	case h.Code == nil:
		return false, &Fault{code, Answer, "没有 code"}
	case *h.Code == 0:
		return false, nil
	case *h.Code == 404:
		return true, nil
	case *h.Code == 429:
		return false, &Fault{code, Busy, string(h.Message)}
	case *h.Code == 401 || *h.Code == 403:
		return false, &Fault{code, Key, string(h.Message)}
	}
	return false, &Fault{code, Server, fmt.Sprintf("%d %s", *h.Code, h.Message)}
}

// Convert changes places by the customer's service. A nil place was refused
// by it.
func Convert(ctx context.Context, c *http.Client, s Settings, from, to coord.System, points [][2]float64) ([]*[2]float64, error) {
	w := web{c}
	u, err := w.address(s, "coordinate/convert")
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]any{"from": from, "to": to, "points": points})
	if err != nil {
		return nil, &Fault{s.Code, Rejected, "坐标写不成 JSON"}
	}
	req, err := http.NewRequest(http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, &Fault{s.Code, Off, "地址不对"}
	}
	req.Header.Set("Content-Type", "application/json")
	if s.Key != "" {
		req.Header.Set("Authorization", "Bearer "+s.Key)
	}
	var out struct {
		customerHead
		Data struct {
			Points []*[2]float64 `json:"points"`
		} `json:"data"`
	}
	if err := w.do(ctx, s, req, &out); err != nil {
		return nil, err
	}
	if _, err := out.fault(s.Code); err != nil {
		return nil, err
	}
	if len(out.Data.Points) != len(points) {
		return nil, &Fault{s.Code, Answer, fmt.Sprintf("问了 %d 个点，答了 %d 个", len(points), len(out.Data.Points))}
	}
	for _, p := range out.Data.Points {
		if p != nil && p[0] == 0 && p[1] == 0 {
			return nil, &Fault{s.Code, Answer, "应答里有 (0,0)"}
		}
	}
	return out.Data.Points, nil
}

func (a customer) ask(ctx context.Context, s Settings, path string, q url.Values) ([]Place, error) {
	u, err := a.address(s, path)
	if err != nil {
		return nil, err
	}
	u.RawQuery = q.Encode()
	req, err := http.NewRequest(http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, &Fault{s.Code, Off, "地址不对"}
	}
	if s.Key != "" {
		req.Header.Set("Authorization", "Bearer "+s.Key)
	}
	var out struct {
		customerHead
		Data struct {
			Items []struct {
				X        number `json:"x"`
				Y        number `json:"y"`
				Standard text   `json:"standard"`
				District text   `json:"district"`
				Town     text   `json:"town"`
				Road     text   `json:"road"`
				Number   text   `json:"number"`
				AdCode   text   `json:"adcode"`
				Score    number `json:"score"`
				Level    text   `json:"level"`
			} `json:"items"`
		} `json:"data"`
	}
	if err := a.do(ctx, s, req, &out); err != nil {
		return nil, err
	}
	if none, err := out.fault(s.Code); none || err != nil {
		return nil, err
	}
	list := []Place{}
	for _, i := range out.Data.Items {
		list = append(list, Place{
			System: coord.SH2000, X: float64(i.X), Y: float64(i.Y), Standard: string(i.Standard), District: string(i.District), Town: string(i.Town),
			Road: string(i.Road), Number: string(i.Number), AdCode: string(i.AdCode), Score: min(max(int(i.Score), 0), 100), Level: string(i.Level),
		})
	}
	return keep(s.Code, list)
}

// Geocode implements Provider.
func (a customer) Geocode(ctx context.Context, s Settings, address string) ([]Place, error) {
	return a.ask(ctx, s, "address/geocode", url.Values{"address": {address}})
}

// Reverse implements Provider.
func (a customer) Reverse(ctx context.Context, s Settings, lng, lat float64) ([]Place, error) {
	return a.ask(ctx, s, "address/reverse", url.Values{"lng": {fmt.Sprintf("%.8f", lng)}, "lat": {fmt.Sprintf("%.8f", lat)}})
}
