// Package geocode asks the services of map companies, and the customer's own,
// what an address means and what stands at a place. Each service has its own
// habits (which come first, longitude or latitude; lists where text is empty;
// numbers as text); they end here, and everybody else sees one answer. A
// service that has no result has answered; a service that failed has not: the
// two are never confused.
package geocode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"jiexun/center/internal/platform/coord"
)

// Place is what a service found, in its own coordinate system.
type Place struct {
	System   coord.System `json:"system"`
	X        float64      `json:"x"`
	Y        float64      `json:"y"`
	Standard string       `json:"standard"`
	District string       `json:"district"`
	Town     string       `json:"town"`
	Road     string       `json:"road"`
	Number   string       `json:"number"`
	// AdCode is the district's code of six digits, when it was given.
	AdCode string `json:"adCode"`
	// Score is from 0 to 100; Level is the service's own word for how exact.
	Score int    `json:"score"`
	Level string `json:"level"`
}

// Kind names how a service failed.
type Kind string

// The failures.
const (
	Timeout  Kind = "timeout"  // no answer in time
	Network  Kind = "network"  // no connection
	Server   Kind = "server"   // the service's own fault
	Quota    Kind = "quota"    // used up for today
	Busy     Kind = "busy"     // too many at once
	Key      Kind = "key"      // the key is refused
	Answer   Kind = "answer"   // an answer that is none
	Rejected Kind = "rejected" // the question is refused
	Open     Kind = "open"     // not asked: it failed too often just now
	Off      Kind = "off"      // switched off or without an address
)

// Fault is a failure of a service.
type Fault struct {
	Provider string
	Kind     Kind
	Detail   string
}

// Error implements error.
func (f *Fault) Error() string {
	return fmt.Sprintf("%s: %s: %s", f.Provider, f.Kind, f.Detail)
}

// Word tells people what happened.
func (f *Fault) Word() string {
	word := map[Kind]string{
		Timeout: "没有按时应答", Network: "连不上", Server: "服务出错", Quota: "今日配额已用完", Busy: "请求太频繁", Key: "密钥被拒绝",
		Answer: "应答看不懂", Rejected: "请求被拒绝", Open: "连续失败，暂停调用", Off: "没有启用",
	}[f.Kind]
	if f.Detail == "" {
		return word
	}
	return word + "（" + f.Detail + "）"
}

// Settings are how a service is reached.
type Settings struct {
	Code    string
	Address string
	Key     string
	Timeout time.Duration
	// Quota is the most calls of a day; 0 has no limit.
	Quota int
}

// Provider is one service. No result is an empty list without an error; an
// error is a *Fault.
type Provider interface {
	Geocode(ctx context.Context, s Settings, text string) ([]Place, error)
	// Reverse takes WGS 84 degrees.
	Reverse(ctx context.Context, s Settings, lng, lat float64) ([]Place, error)
}

// Providers gives the services by their code.
func Providers(c *http.Client) map[string]Provider {
	w := web{c}
	return map[string]Provider{"amap": amap{w}, "baidu": baidu{w}, "tianditu": tianditu{w}, "customer": customer{w}}
}

// web asks by HTTP.
type web struct{ client *http.Client }

const maxAnswer = 1 << 20

// get asks and reads JSON into out.
func (w web) get(ctx context.Context, s Settings, path string, q url.Values, out any) error {
	u, err := w.address(s, path)
	if err != nil {
		return err
	}
	u.RawQuery = q.Encode()
	req, err := http.NewRequest(http.MethodGet, u.String(), nil)
	if err != nil {
		return &Fault{s.Code, Off, "地址不对"}
	}
	return w.do(ctx, s, req, out)
}

func (w web) address(s Settings, path string) (*url.URL, error) {
	u, err := url.Parse(s.Address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, &Fault{s.Code, Off, "地址不是 http(s) 地址"}
	}
	slash := strings.HasSuffix(path, "/")
	u = u.JoinPath(path)
	if slash && !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
	}
	return u, nil
}

func (w web) do(ctx context.Context, s Settings, req *http.Request, out any) error {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	res, err := w.client.Do(req.WithContext(ctx))
	if err != nil {
		return netFault(s, err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return netFault(s, err)
	}
	switch {
	case res.StatusCode == http.StatusTooManyRequests:
		return &Fault{s.Code, Busy, "429"}
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		return &Fault{s.Code, Key, fmt.Sprint(res.StatusCode)}
	case res.StatusCode >= 500 || res.StatusCode >= 300 && res.StatusCode < 400:
		return &Fault{s.Code, Server, fmt.Sprint(res.StatusCode)}
	case res.StatusCode >= 400:
		return &Fault{s.Code, Rejected, fmt.Sprint(res.StatusCode)}
	}
	if err := json.Unmarshal(body, out); err != nil {
		return &Fault{s.Code, Answer, short(body)}
	}
	return nil
}

func netFault(s Settings, err error) *Fault {
	if errors.Is(err, context.DeadlineExceeded) {
		return &Fault{s.Code, Timeout, fmt.Sprintf("%d 毫秒", s.Timeout.Milliseconds())}
	}
	if e := (*url.Error)(nil); errors.As(err, &e) {
		err = e.Err // without the address, which holds the key
	}
	return &Fault{s.Code, Network, short([]byte(err.Error()))}
}

func short(b []byte) string {
	r := []rune(strings.ToValidUTF8(string(b), "?"))
	return string(r[:min(len(r), 60)])
}

// text reads a JSON text that may also be a number, null, or, where a service
// has nothing to say, an empty list.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("read text: %w", err)
	}
	*t = text(textOf(v))
	return nil
}

func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return fmt.Sprint(v)
	case []any:
		for _, x := range v {
			if s := textOf(x); s != "" {
				return s
			}
		}
	}
	return ""
}

// number reads a JSON number that may be written as text.
type number float64

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	var f float64
	if err := json.Unmarshal([]byte(s), &f); err != nil {
		return fmt.Errorf("read number: %w", err)
	}
	*n = number(f)
	return nil
}

// clip cuts text to a number of bytes at a whole character.
func clip(s string, n int) string {
	for len(s) > n {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// inCity tells whether an answer is a place of the city: a service that mixes
// up its axes, or finds a namesake elsewhere, has not found it.
func inCity(p Place) bool {
	lng, lat, err := coord.With(coord.Default()).ToWGS(p.System, p.X, p.Y)
	return err == nil && coord.CityArea().Contains(lng, lat)
}

// keep leaves the places of the city.
func keep(code string, list []Place) ([]Place, error) {
	out := []Place{}
	for _, p := range list {
		if inCity(p) {
			out = append(out, p)
		}
	}
	if len(out) == 0 && len(list) > 0 {
		if p := list[0]; p.X != 0 || p.Y != 0 {
			if inCity(Place{System: p.System, X: p.Y, Y: p.X}) {
				return nil, &Fault{code, Answer, "经纬度写反了"}
			}
		}
	}
	return out, nil
}
