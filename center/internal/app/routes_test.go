package app_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/app"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/seed/base"
)

const password = "Jiexun@2026"

// newCenter builds a center that does not listen.
func newCenter(t *testing.T) *app.App {
	t.Helper()
	a, err := app.New(context.Background(), app.Options{
		Data: t.TempDir(), HTTP: "127.0.0.1:0", Edge: "127.0.0.1:0", MQTT: "127.0.0.1:0",
		MediaAPI: "http://127.0.0.1:9", MediaRTSP: "rtsp://127.0.0.1:9", MediaWebRTC: "http://127.0.0.1:9", MediaHLS: "http://127.0.0.1:9",
		Access: access.Options{Hash: access.HashParams{MemoryKiB: 64, Passes: 1, Lanes: 1}, PerIP: 10_000, PerAccount: 10_000},
		Clock:  clock.System{}, Log: testkit.Log(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func person(t *testing.T, a *app.App, account, region string, roles ...string) {
	t.Helper()
	_, err := a.Access().EnsurePerson(t.Context(), access.NewPerson{Account: account, Name: "演示" + account, OrgID: base.OrgID(region), Password: password, Roles: roles})
	if err != nil {
		t.Fatal(err)
	}
}

// enter opens a session for an account, however many there are already.
func enter(t *testing.T, a *app.App, account string) map[string]string {
	t.Helper()
	id, ok, err := a.Access().PersonByAccount(t.Context(), account)
	if err != nil || !ok {
		t.Fatalf("account %s: %v", account, err)
	}
	o, err := a.Access().OpenFor(t.Context(), id, access.MethodPassword, "test", "")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"Cookie": httpx.CookieName + "=" + o.Token, "X-CSRF-Token": o.CSRF}
}

type route struct{ method, path, perm string }

// declared lists the routes of the interface description.
func declared(a *app.App) []route {
	out := []route{}
	for path, i := range a.API().OpenAPI().Paths {
		for method, op := range map[string]*huma.Operation{"GET": i.Get, "POST": i.Post, "PUT": i.Put, "DELETE": i.Delete, "PATCH": i.Patch} {
			if op != nil {
				out = append(out, route{method, path, fmt.Sprint(op.Extensions["x-permission"])})
			}
		}
	}
	return out
}

var param = regexp.MustCompile(`\{[^}]+\}`)

// address fills the parameters of a path with something that does not exist.
func (r route) address() string {
	return param.ReplaceAllStringFunc(r.path, func(p string) string {
		if p == "{sm3}" {
			return strings.Repeat("0", 64)
		}
		return "01KAV3M6Q0ZX2B4N5R7T8W9Y0A"
	})
}

// Every route answers every role: those without the permission get 403, a
// stranger 401, and whoever has it neither; nothing breaks.
func TestEveryRouteAsEveryRole(t *testing.T) {
	a := newCenter(t)
	defer func() {
		if err := a.CloseUnstarted(); err != nil {
			t.Error(err)
		}
	}()
	routes := declared(a)
	if len(routes) < 60 {
		t.Fatalf("only %d routes are declared", len(routes))
	}
	known := map[string]bool{httpx.Public: true, httpx.SignedIn: true}
	for _, p := range access.Permissions() {
		known[p.Code] = true
	}
	for _, r := range routes {
		if !known[r.perm] {
			t.Errorf("%s %s needs %q, which no role has", r.method, r.path, r.perm)
		}
		if r.perm == httpx.Public {
			continue
		}
		if code, body, _ := testkit.Do(t, a.Fiber(), r.method, r.address(), body(r), nil); code != 401 {
			t.Errorf("%s %s as a stranger: %d %.200s", r.method, r.path, code, body)
		}
	}
	for _, role := range access.Roles() {
		person(t, a, "role-"+role.Code, "310000", role.Code)
		for _, r := range routes {
			if r.path == "/api/session" || r.path == "/api/stream" {
				continue // ends the session, or never ends
			}
			crawl(t, a, role, r)
		}
	}
}

func body(r route) any {
	if r.method == "GET" || r.method == "DELETE" {
		return nil
	}
	return "{}"
}

// further are routes that need more than the permission they declare: all of
// the first list, or, where the declared one is a session, any of the second.
func further(r route) (all, anyOf []string) {
	switch r.method + " " + r.path {
	case "GET /api/audit/export":
		return []string{access.AuditView}, nil
	case "POST /api/people/import":
		return []string{access.ImportData}, nil
	case "GET /api/flow/processes/{key}/diff", "GET /api/flow/services":
		return nil, []string{access.WorkflowDesign, access.FormDesign}
	case "GET /api/notify/templates":
		return nil, []string{access.NotifyManage, access.NotifyApprove}
	}
	return nil, nil
}

// opens tells whether a role gets past the door of a route.
func opens(role access.Role, r route) bool {
	all, anyOf := further(r)
	has := func(p string) bool { return slices.Contains(role.Permissions, p) }
	return (r.perm == httpx.SignedIn || has(r.perm)) && !slices.ContainsFunc(all, func(p string) bool { return !has(p) }) && (anyOf == nil || slices.ContainsFunc(anyOf, has))
}

func crawl(t *testing.T, a *app.App, role access.Role, r route) {
	t.Helper()
	h := enter(t, a, "role-"+role.Code)
	code, answer, _ := testkit.Do(t, a.Fiber(), r.method, r.address(), body(r), h)
	if r.perm == httpx.Public {
		if code == 500 || strings.HasPrefix(r.path, "/api/open/") && code != 401 {
			t.Errorf("%s %s without a signature: %d %.200s", r.method, r.path, code, answer)
		}
		return
	}
	may := opens(role, r)
	switch {
	case !may && code != 403:
		t.Errorf("%s may not %s %s, and gets %d %.200s", role.Code, r.method, r.path, code, answer)
	case may && (code == 401 || code == 403 || code == 500):
		t.Errorf("%s may %s %s, and gets %d %.200s", role.Code, r.method, r.path, code, answer)
	}
	delete(h, "X-CSRF-Token")
	if r.method != "GET" {
		if code, _, _ := testkit.Do(t, a.Fiber(), r.method, r.address(), body(r), h); code != 403 {
			t.Errorf("%s %s without the CSRF token gets %d", r.method, r.path, code)
		}
	}
}

// No route under /api exists that the description does not know, with its
// permission.
func TestEveryRouteIsDeclared(t *testing.T) {
	a := newCenter(t)
	defer func() {
		if err := a.CloseUnstarted(); err != nil {
			t.Error(err)
		}
	}()
	known := map[string]bool{}
	for _, r := range declared(a) {
		known[r.method+" "+param.ReplaceAllStringFunc(r.path, func(p string) string { return ":" + strings.Trim(p, "{}") })] = true
	}
	for _, stack := range a.Fiber().Stack() {
		for _, r := range stack {
			if strings.HasPrefix(r.Path, "/api/") && r.Method != "HEAD" && !known[r.Method+" "+r.Path] && !isMiddleware(r) {
				t.Errorf("%s %s is not declared", r.Method, r.Path)
			}
		}
	}
}

// The first route that fits answers: one with a word where an earlier one has
// a parameter would never be reached.
func TestNoRouteIsHidden(t *testing.T) {
	a := newCenter(t)
	defer func() {
		if err := a.CloseUnstarted(); err != nil {
			t.Error(err)
		}
	}()
	for _, stack := range a.Fiber().Stack() {
		for i, r := range stack {
			if !strings.HasPrefix(r.Path, "/api/") || isMiddleware(r) {
				continue
			}
			// A value that no word of a route is.
			path := regexp.MustCompile(`:[A-Za-z0-9]+`).ReplaceAllString(r.Path, "01KAV3M6Q0ZX2B4N5R7T8W9Y0A")
			for _, before := range stack[:i] {
				if strings.HasPrefix(before.Path, "/api/") && !isMiddleware(before) && before.Path != r.Path && fiber.RoutePatternMatch(path, before.Path) {
					t.Errorf("%s %s is hidden by %s", r.Method, r.Path, before.Path)
				}
			}
		}
	}
}

// isMiddleware tells the two handlers that app.Use put under /api.
func isMiddleware(r *fiber.Route) bool { return r.Path == "/api/" || r.Path == "/api" }
