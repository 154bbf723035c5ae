package registry_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"jiexun/center/internal/access"
	"jiexun/center/internal/integration/registry"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

type orgs struct{}

func (orgs) OrgName(context.Context, string) (string, bool, error) { return "区局", true, nil }

func admin() access.Actor {
	perms := map[string]bool{access.AppView: true, access.InterfaceView: true, access.AppManage: true, access.AppApprove: true, access.PermissionApprove: true, access.AlertView: true}
	return access.Actor{ID: "adm", Name: "管理员", Perms: perms, Scope: access.Scope{Prefixes: []string{"31"}}}
}

// A function that one process switches off is off in another within two
// seconds: its operation answers 403 and the menu learns of it.
func TestSwitchedOffOnEveryProcess(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, fc *clock.Fake) {
		keys := crypto.ForTest(t, d)
		a := registry.New(registry.Options{DB: d, Keys: keys, Orgs: orgs{}})
		b := registry.New(registry.Options{DB: d, Keys: keys, Orgs: orgs{}})
		app, api := httpx.New(httpx.Options{
			Log: testkit.Log(t), Clock: fc, Registry: prometheus.NewRegistry(), Authorize: access.Authorize, Gate: b.Gate,
			Identify: func(ctx context.Context, _ httpx.Request) (context.Context, error) {
				return access.With(ctx, admin()), nil
			},
		})
		b.Register(api)
		httpx.Register(api, access.AlertView, huma.Operation{OperationID: "list-alerts", Method: "GET", Path: "/api/alerts"},
			func(context.Context, *struct{}) (*httpx.Body[string], error) { return httpx.Out("alerts", nil) })
		for range 2 { // seeding again changes nothing
			if err := a.Seed(t.Context(), registry.Ops(api), nil); err != nil {
				t.Fatal(err)
			}
		}
		get := func(path string) (int, string) {
			code, body, _ := testkit.Do(t, app, "GET", path, nil, nil)
			return code, string(body)
		}
		ctx := access.With(t.Context(), admin())
		list, err := a.List(ctx, registry.Filter{Kind: "function", Internal: "true"}, httpx.Paging{Page: 1, Size: 100, Q: "alert.view"})
		if err != nil || list.Total != 1 || list.Items[0].Name != "查看预警" || list.Items[0].AppName != "预警研判" {
			t.Fatalf("%+v %v", list, err)
		}
		f := list.Items[0]
		if code, body := get("/api/alerts"); code != 200 {
			t.Fatalf("%d %s", code, body)
		}
		if _, err := a.Switch(ctx, f.ID, false, "", f.Rev); err == nil {
			t.Fatal("switched off without a reason")
		}
		if f, err = a.Switch(ctx, f.ID, false, "系统升级", f.Rev); err != nil {
			t.Fatal(err)
		}
		fc.Advance(1100 * time.Millisecond)
		if code, body := get("/api/alerts"); code != 403 || !strings.Contains(body, "功能已停用") {
			t.Fatalf("%d %s", code, body)
		}
		if _, body := get("/api/functions"); !strings.Contains(body, `"alert.view"`) {
			t.Fatalf("the menu does not learn of it: %s", body)
		}
		if _, err := a.Switch(ctx, f.ID, true, "", f.Rev); err != nil {
			t.Fatal(err)
		}
		fc.Advance(1100 * time.Millisecond)
		if code, body := get("/api/alerts"); code != 200 {
			t.Fatalf("%d %s", code, body)
		}
		parent, err := a.List(ctx, registry.Filter{Kind: "app"}, httpx.Paging{Page: 1, Size: 100, Q: "supervision.alert"})
		if err != nil || len(parent.Items) != 1 {
			t.Fatalf("%+v %v", parent, err)
		}
		if _, err := a.Switch(ctx, parent.Items[0].ID, false, "整个应用停用", parent.Items[0].Rev); err != nil {
			t.Fatal(err)
		}
		fc.Advance(1100 * time.Millisecond)
		if code, _ := get("/api/alerts"); code != 403 {
			t.Fatalf("the application is off, its function answers %d", code)
		}
		own, err := a.List(ctx, registry.Filter{Kind: "function"}, httpx.Paging{Page: 1, Size: 100, Q: access.AppManage})
		if err != nil || len(own.Items) != 1 {
			t.Fatalf("%+v %v", own, err)
		}
		if _, err := a.Switch(ctx, own.Items[0].ID, false, "误操作", own.Items[0].Rev); err == nil {
			t.Fatal("the registry could switch itself off")
		}
		changes, err := a.Changes(ctx, f.ID)
		if err != nil || len(changes) != 2 || changes[1].Reason != "系统升级" {
			t.Fatalf("%+v %v", changes, err)
		}
	})
}

func TestChangedRulesWaitForApprovalAgain(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := registry.New(registry.Options{DB: d, Keys: crypto.ForTest(t, d), Orgs: orgs{}})
		one := access.With(t.Context(), admin())
		other := admin()
		other.ID = "sec"
		two := access.With(t.Context(), other)
		app, err := s.Apply(one, registry.RegistrationWrite{Kind: registry.App, Code: "parking", Name: "停车"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Decide(two, app.ID, true, "", app.Rev, access.AppApprove); err != nil {
			t.Fatal(err)
		}
		in := registry.RegistrationWrite{Kind: registry.Permission, AppID: app.ID, Code: "parking.tow", Name: "拖车", Rules: []registry.RegistrationRule{{Role: "officer", Scope: "own"}}}
		p, err := s.Apply(one, in)
		if err != nil {
			t.Fatal(err)
		}
		if p, err = s.Decide(two, p.ID, true, "", p.Rev, access.PermissionApprove); err != nil {
			t.Fatal(err)
		}
		who := access.Actor{ID: "o", Roles: []string{"officer"}, RegionCode: "310101013"}
		if a, err := s.Holds(t.Context(), who, "parking.tow", ""); err != nil || !a.Allowed {
			t.Fatalf("%+v %v", a, err)
		}
		in.Rules[0].Scope, in.Rev = "city", p.Rev
		if p, err = s.Change(one, p.ID, in); err != nil || p.State != registry.Pending || !p.Intact {
			t.Fatalf("%+v %v", p, err)
		}
		if a, err := s.Holds(t.Context(), who, "parking.tow", ""); err != nil || a.Allowed {
			t.Fatalf("changed rules are in force unapproved: %+v %v", a, err)
		}
		if _, err := s.Decide(two, p.ID, true, "", p.Rev, access.AppApprove); err == nil {
			t.Fatal("a permission code was approved with the permission for applications")
		}
		if _, err := s.Apply(one, in); err == nil {
			t.Fatal("a code was registered twice")
		}
	})
}
