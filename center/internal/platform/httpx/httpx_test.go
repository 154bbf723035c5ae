package httpx_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

type item struct {
	Name string      `json:"name" minLength:"2" maxLength:"8"`
	Kind string      `json:"kind" enum:"a,b"`
	At   clock.Stamp `json:"at"`
}

func setUp(t *testing.T) *fiber.App {
	t.Helper()
	app, api := httpx.New(httpx.Options{
		Log: testkit.Log(t), Registry: prometheus.NewRegistry(), Secure: true,
		Authorize: func(_ context.Context, perm string) error {
			if perm == "no" {
				return errs.Forbidden("没有权限")
			}
			return nil
		},
	})
	op := func(id, method, path string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path}
	}
	httpx.Register(api, httpx.Public, op("take", "POST", "/api/items"), func(_ context.Context, in *struct{ Body item }) (*httpx.Body[httpx.List[item]], error) {
		return httpx.Out(httpx.NewList([]item{in.Body}, 1, httpx.Paging{Page: 1, Size: 20}, testkit.Start()), nil)
	})
	httpx.Register(api, httpx.Public, op("empty", "GET", "/api/items"), func(_ context.Context, in *struct{ httpx.Paging }) (*httpx.Body[httpx.List[item]], error) {
		_, err := in.Order(map[string]string{"name": "i.name"}, "i.id ASC")
		return httpx.Out(httpx.NewList[item](nil, 0, in.Paging, testkit.Start()), err)
	})
	httpx.Register(api, "no", op("refused", "POST", "/api/refused"), func(context.Context, *struct{ Body item }) (*httpx.Body[string], error) {
		return httpx.Out("secret", nil)
	})
	httpx.Register(api, httpx.Public, op("broken", "GET", "/api/broken"), func(context.Context, *struct{}) (*httpx.Body[string], error) {
		return nil, errors.New("dial tcp 10.0.0.7: password is hunter2")
	})
	httpx.Register(api, httpx.Public, op("panics", "GET", "/api/panics"), func(context.Context, *struct{}) (*httpx.Body[string], error) { panic("a fault of the code") })
	httpx.Register(api, httpx.Public, op("clash", "GET", "/api/clash"), func(context.Context, *struct{}) (*httpx.Body[string], error) {
		return nil, errs.Wrap(errs.ConflictCode, "刚被别人修改过", errors.New("rev 3"))
	})
	httpx.Raw(app, api, "no", "GET", "/api/raw/:id", func(c *fiber.Ctx) error { return c.SendString("secret") })
	httpx.Raw(app, api, httpx.SignedIn, "GET", "/api/open/:id", func(c *fiber.Ctx) error { return c.SendString("id " + c.Params("id")) })
	return app
}

func TestAnswers(t *testing.T) {
	app := setUp(t)
	good := `{"name":"店招","kind":"a","at":"2026-11-24T06:30:56.123Z"}`
	for _, s := range []testkit.Scenario{
		{Name: "good", Method: "POST", Path: "/api/items", Body: good, Status: 200, Has: []string{`"at":"2026-11-24T06:30:56.123Z"`, `"asOf":"2026-11-24T06:30:00.000Z"`}, HasNot: []string{"$schema"}, After: func(t *testing.T, _ []byte, h http.Header) {
			for k, v := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cache-Control": "no-store", "Strict-Transport-Security": "max-age=31536000"} {
				if h.Get(k) != v {
					t.Errorf("header %s is %q", k, h.Get(k))
				}
			}
			if len(h.Get("X-Request-Id")) != 26 || h.Get("Content-Security-Policy") == "" {
				t.Error("request id or policy is missing")
			}
		}},
		{Name: "empty list is no null", Path: "/api/items", Status: 200, Has: []string{`"items":[]`}},
		{Name: "sort by what is not offered", Path: "/api/items?sort=-password", Status: 422, Has: []string{`"name":"sort"`}},
		{Name: "several faults, no value echoed", Method: "POST", Path: "/api/items", Body: `{"name":"x","kind":"geheim","at":"gestern"}`, Status: 422,
			Has: []string{`"code":"invalid"`, `"name":"name","message":"长度不得少于 2 个字符"`, `"name":"kind"`}, HasNot: []string{"geheim"}},
		{Name: "unknown field", Method: "POST", Path: "/api/items", Body: `{"name":"店招","kind":"a","at":"2026-11-24T06:30:56.123Z","admin":true}`, Status: 422, Has: []string{"没有这个字段"}},
		{Name: "too large", Method: "POST", Path: "/api/items", Body: `{"name":"` + strings.Repeat("x", 2<<20) + `"}`, Status: 413, Has: []string{`"code":"tooLarge"`}},
		{Name: "refused before the input is read", Method: "POST", Path: "/api/refused", Body: "{", Status: 403, HasNot: []string{"JSON"}},
		{Name: "cause stays inside", Path: "/api/broken", Status: 500, Has: []string{`"code":"internal"`, `"id":"0`}, HasNot: []string{"hunter2", "10.0.0.7"}},
		{Name: "panic", Path: "/api/panics", Status: 500, HasNot: []string{"fault of the code"}},
		{Name: "code and sentence", Path: "/api/clash", Status: 409, Has: []string{`"code":"conflict"`, "刚被别人修改过"}, HasNot: []string{"rev 3"}},
		{Name: "raw refused", Path: "/api/raw/1", Status: 403, HasNot: []string{"secret"}},
		{Name: "raw", Path: "/api/open/7", Status: 200, Has: []string{"id 7"}},
		{Name: "no such address", Path: "/api/none", Status: 404, Has: []string{`"code":"notFound"`}},
	} {
		s.Run(t, app)
	}
}
