package shops_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/gofiber/fiber/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/internal/shops"
	"jiexun/center/seed/base"
)

type album map[string]bool

func (a album) Has(_ context.Context, sm3 string) (bool, error) { return a[sm3], nil }

func newService(t *testing.T, d *db.DB) *shops.Service {
	t.Helper()
	return benchService(t, d)
}

func benchService(t testing.TB, d *db.DB) *shops.Service {
	t.Helper()
	tree, err := base.Regions()
	if err != nil {
		t.Fatal(err)
	}
	return shops.New(shops.Options{DB: d, Regions: tree, Pictures: album{"pic": true}, Keys: crypto.ForTest(t, d)})
}

func people() map[string]access.Actor {
	mk := func(scope string, perms ...string) access.Actor {
		a := access.Actor{ID: scope, Name: "演示", Scope: access.Scope{Prefixes: []string{scope}}, Perms: map[string]bool{}}
		for _, p := range perms {
			a.Perms[p] = true
		}
		return a
	}
	return map[string]access.Actor{
		"it": mk("310101", access.ShopView, access.ShopEdit), "reader": mk("310101", access.ShopView), "xuhui": mk("310104", access.ShopView, access.ShopEdit),
	}
}

func app(t *testing.T, s *shops.Service, c clock.Clock) *fiber.App {
	t.Helper()
	a, api := httpx.New(httpx.Options{
		Log: testkit.Log(t), Clock: c,
		Identify: func(ctx context.Context, r httpx.Request) (context.Context, error) {
			if p, ok := people()[r.Cookie]; ok {
				return access.With(ctx, p), nil
			}
			return ctx, nil
		},
		Authorize: func(ctx context.Context, perm string) error { _, err := access.Need(ctx, perm); return err },
	})
	s.Register(api)
	return a
}

func cookie(name string) map[string]string {
	return map[string]string{"Cookie": httpx.CookieName + "=" + name}
}

func body(change map[string]any) map[string]any {
	m := map[string]any{
		"name": "依佳人网咖", "address": "福州路 431 号", "regionCode": "310101013", "lng": 121.48, "lat": 31.23, "contact": "13900001234",
	}
	for k, v := range change {
		m[k] = v
	}
	return m
}

func TestHTTP(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s := newService(t, d)
		a := app(t, s, c)
		code, out, _ := testkit.Do(t, a, "POST", "/api/shops", body(nil), cookie("it"))
		if code != 200 {
			t.Fatalf("%d %s", code, out)
		}
		x := testkit.JSON[shops.ShopItem](t, out)
		if x.SignName != "依佳人网咖" || x.StreetName != "外滩街道" || x.Contact != "139****1234" {
			t.Fatalf("%+v", x)
		}
		p := "/api/shops/" + x.ID
		for _, sc := range []testkit.Scenario{
			{Name: "a stranger learns nothing", Path: "/api/shops", Status: 401},
			{Name: "a reader may not write", Method: "POST", Path: "/api/shops", Body: body(nil), Headers: cookie("reader"), Status: 403},
			{Name: "no name", Method: "POST", Path: "/api/shops", Body: body(map[string]any{"name": " ", "contact": "abc"}), Headers: cookie("it"), Status: 422, Has: []string{`"name":"name"`, `"name":"contact"`, "有 2 处填写有误"}},
			{Name: "another district's street", Method: "POST", Path: "/api/shops", Body: body(map[string]any{"regionCode": "310104014"}), Headers: cookie("it"), Status: 422, Has: []string{`"name":"regionCode"`}},
			{Name: "picture that was never uploaded", Method: "POST", Path: "/api/shops", Body: body(map[string]any{"signReferenceSm3": "zz"}), Headers: cookie("it"), Status: 422, Has: []string{`"name":"signReferenceSm3"`}},
			{Name: "no such zone", Method: "POST", Path: "/api/shops", Body: body(map[string]any{"cameraId": "c", "zoneId": "z"}), Headers: cookie("it"), Status: 422, Has: []string{`"name":"zoneId"`}},
			{Name: "search", Path: "/api/shops?q=431", Headers: cookie("reader"), Status: 200, Has: []string{`"total":1`}, HasNot: []string{"13900001234"}},
			{Name: "strip", Path: "/api/shops/strip?road=%E7%A6%8F%E5%B7%9E%E8%B7%AF&side=odd", Headers: cookie("reader"), Status: 200, Has: []string{`"houseNo":431`}},
			{Name: "roads", Path: "/api/shops/roads?region=310101", Headers: cookie("reader"), Status: 200, Has: []string{`"road":"福州路"`}},
			{Name: "hints", Path: "/api/shops/hints?q=yjr", Headers: cookie("reader"), Status: 200, Has: []string{`"name":"依佳人网咖"`}},
			{Name: "out of scope", Path: p, Headers: cookie("xuhui"), Status: 404},
			{Name: "masked number keeps the stored one", Method: "PUT", Path: p, Body: body(map[string]any{"rev": 1, "contact": "139****1234", "name": "依佳人", "signReferenceSm3": "pic"}), Headers: cookie("it"), Status: 200, Has: []string{`"contact":"139****1234"`, `"name":"依佳人"`, `"rev":2`}},
			{Name: "old revision", Method: "PUT", Path: p, Body: body(map[string]any{"rev": 1}), Headers: cookie("it"), Status: 409, Has: []string{"已被他人修改"}},
			{Name: "delete", Method: "DELETE", Path: p + "?rev=2", Headers: cookie("it"), Status: 200, Has: []string{`"op":"`}},
			{Name: "gone", Path: p, Headers: cookie("it"), Status: 404},
		} {
			sc.Run(t, a)
		}
		if _, ok, err := s.ByID(context.Background(), x.ID); ok || err != nil {
			t.Fatalf("a deleted shop answers: %v %v", ok, err)
		}
	})
}

func TestNearIsNearestFirst(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := newService(t, d)
		ctx := access.With(context.Background(), people()["it"])
		for i := range 6 {
			in := shops.Input{Name: fmt.Sprintf("店%d", i), Address: "路", RegionCode: "310101013", Lng: 121.48 + 0.0001*float64(5-i), Lat: 31.23}
			if _, err := s.Create(ctx, in); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.Near(ctx, 121.48, 31.23, 30, 9)
		if err != nil || len(got) != 4 || got[0].Shop.Name != "店5" || got[3].Shop.Name != "店2" || got[3].DistanceM < 28 || got[3].DistanceM > 29 {
			t.Fatalf("%+v %v", got, err)
		}
	})
}
