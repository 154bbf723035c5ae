package access_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"pgregory.net/rapid"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

const password = "Jiexun@2026"

func service(t *testing.T, d *db.DB, kicked func(string)) *access.Service {
	t.Helper()
	s, err := access.New(d, access.Options{Hash: access.HashParams{MemoryKiB: 64, Passes: 1, Lanes: 1}, Keys: crypto.ForTest(t, d), Kicked: kicked, PerIP: 1000, PerAccount: 1000, Log: testkit.Log(t)})
	if err != nil {
		t.Fatal(err)
	}
	err = s.SeedOrgs(t.Context(), []access.Org{
		{ID: "org-310000", Name: "市局", Kind: "bureau", RegionCode: "310000"},
		{ID: "org-310101", Name: "黄浦区局", Kind: "district", RegionCode: "310101", ParentID: "org-310000"},
		{ID: "org-310101013", Name: "外滩街道中队", Kind: "squad", RegionCode: "310101013", ParentID: "org-310101"},
		{ID: "org-310104", Name: "徐汇区局", Kind: "district", RegionCode: "310104", ParentID: "org-310000"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func person(t *testing.T, s *access.Service, account, org string, roles ...string) string {
	t.Helper()
	id, err := s.EnsurePerson(t.Context(), access.NewPerson{Account: account, Name: "演示" + account, OrgID: org, Password: password, Roles: roles, Phone: "13800001234"})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func app(t *testing.T, s *access.Service) *fiber.App {
	t.Helper()
	a, api := httpx.New(httpx.Options{Log: testkit.Log(t), Identify: s.Identify, Authorize: access.Authorize})
	s.Register(api, false)
	httpx.Register(api, access.AuditView, huma.Operation{OperationID: "secret", Method: http.MethodGet, Path: "/api/secret"},
		func(context.Context, *struct{}) (*httpx.Body[string], error) { return httpx.Out("secret", nil) })
	a.Get("/api/forgotten", func(c *fiber.Ctx) error { return c.SendString("leaked") })
	return a
}

// login gives the headers of a signed-in browser.
func login(t *testing.T, a *fiber.App, account, pw string) map[string]string {
	t.Helper()
	code, body, h := testkit.Do(t, a, "POST", "/api/session", map[string]string{"account": account, "password": pw}, nil)
	if code != 200 {
		t.Fatalf("log in as %s: %d %s", account, code, body)
	}
	s := testkit.JSON[access.Session](t, body)
	c := (&http.Response{Header: h}).Cookies()
	if len(c) != 1 || !c[0].HttpOnly || c[0].SameSite != http.SameSiteLaxMode {
		t.Fatalf("cookie %+v", c)
	}
	return map[string]string{"Cookie": c[0].Name + "=" + c[0].Value, "X-CSRF-Token": s.CSRF}
}

func TestSession(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s := service(t, d, nil)
		person(t, s, "duiyuan", "org-310101013", "officer")
		a := app(t, s)
		h := login(t, a, "duiyuan", password)
		without := map[string]string{"Cookie": h["Cookie"]}
		for _, sc := range []testkit.Scenario{
			{Name: "who", Path: "/api/session", Headers: h, Status: 200, Has: []string{`"account":"duiyuan"`, `"orgLevel":"squad"`, `"scope":["310101013"]`, `{"code":"officer","name":"队员"}`, "order.handle"}, HasNot: []string{"$schema", "null"}},
			{Name: "nobody", Path: "/api/session", Status: 401, Has: []string{`"code":"unauthenticated"`, `"id":"01`}},
			{Name: "wrong cookie", Path: "/api/session", Headers: map[string]string{"Cookie": "jx_session=abc"}, Status: 401},
			{Name: "role is missing", Path: "/api/secret", Headers: h, Status: 403, HasNot: []string{"secret\""}},
			{Name: "forgotten check fails closed", Path: "/api/forgotten", Headers: h, Status: 403, HasNot: []string{"leaked"}},
			{Name: "write without CSRF token", Method: "POST", Path: "/api/session/password", Headers: without, Body: map[string]string{"old": password, "new": "x"}, Status: 403, Has: []string{"刷新"}},
			{Name: "weak password", Method: "POST", Path: "/api/session/password", Headers: h, Body: map[string]string{"old": password, "new": "short"}, Status: 422, Has: []string{`"name":"new"`, "至少 10 位"}},
			{Name: "no body field, value not echoed", Method: "POST", Path: "/api/session", Body: map[string]string{"account": "x", "password2": "geheim"}, Status: 422, Has: []string{`"fields"`, "缺少必填项"}, HasNot: []string{"geheim"}},
			{Name: "broken JSON", Method: "POST", Path: "/api/session", Body: "{", Status: 422, Has: []string{"JSON"}},
			{Name: "unknown path", Path: "/api/nothing", Headers: h, Status: 404},
			{Name: "bad paging", Path: "/api/persons?size=9999", Headers: h, Status: 422, Has: []string{`"name":"size"`, "不得大于"}},
			{Name: "log out", Method: "DELETE", Path: "/api/session", Headers: h, Status: 204},
			{Name: "out", Path: "/api/session", Headers: h, Status: 401},
		} {
			sc.Run(t, a)
		}
		idle := login(t, a, "duiyuan", password)
		c.Advance(119 * time.Minute)
		testkit.Scenario{Name: "still used", Path: "/api/session", Headers: idle, Status: 200}.Run(t, a)
		c.Advance(121 * time.Minute)
		testkit.Scenario{Name: "idle too long", Path: "/api/session", Headers: idle, Status: 401}.Run(t, a)
		h = login(t, a, "duiyuan", password)
		for range 13 {
			c.Advance(59 * time.Minute)
			_, _, _ = testkit.Do(t, a, "GET", "/api/session", nil, h)
		}
		testkit.Scenario{Name: "absolute end", Path: "/api/session", Headers: h, Status: 401}.Run(t, a)
	})
}

func TestLockOut(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s := service(t, d, nil)
		id := person(t, s, "paidan", "org-310101", "district_dispatcher")
		person(t, s, "anquan", "org-310000", "sec_admin")
		a := app(t, s)
		wrong := func(account string) (int, string) {
			code, body, _ := testkit.Do(t, a, "POST", "/api/session", map[string]string{"account": account, "password": "nope"}, nil)
			return code, string(body[:min(len(body), 70)])
		}
		for i := range 4 {
			code, known := wrong("paidan")
			code2, unknown := wrong("nobody")
			if code != 401 || code2 != 401 || known != unknown {
				t.Fatalf("try %d: known account answers %d %s, unknown %d %s", i, code, known, code2, unknown)
			}
		}
		code, _ := wrong("paidan")
		code2, _ := wrong("nobody")
		if code != 429 || code2 != 429 {
			t.Fatalf("fifth failure answers %d and %d, want 429", code, code2)
		}
		testkit.Scenario{Name: "locked with the right password", Method: "POST", Path: "/api/session", Body: map[string]string{"account": "paidan", "password": password}, Status: 429, Has: []string{"15 分钟"}}.Run(t, a)
		admin := login(t, a, "anquan", password)
		testkit.Scenario{Name: "locked list", Path: "/api/accounts?locked=true", Headers: admin, Status: 200, Has: []string{"paidan", `"total":1`, "lockedUntil", "138****1234"}}.Run(t, a)
		testkit.Scenario{Name: "unlock", Method: "POST", Path: "/api/accounts/" + id + "/unlock", Headers: admin, Body: map[string]string{"reason": "本人来电"}, Status: 204}.Run(t, a)
		login(t, a, "paidan", password)
		for range 5 {
			wrong("paidan")
		}
		c.Advance(15*time.Minute + time.Second)
		login(t, a, "paidan", password)
	})
}

func TestAccounts(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		kicked := ""
		s := service(t, d, func(id string) { kicked = id })
		id := person(t, s, "duiyuan", "org-310101013", "officer")
		person(t, s, "xuhui", "org-310104", "sec_admin")
		admin := person(t, s, "anquan", "org-310000", "sec_admin")
		a := app(t, s)
		officer := login(t, a, "duiyuan", password)
		sec := login(t, a, "anquan", password)
		other := login(t, a, "xuhui", password)
		testkit.Scenario{Name: "other district", Method: "POST", Path: "/api/accounts/" + id + "/reset", Headers: other, Body: map[string]string{}, Status: 404}.Run(t, a)
		testkit.Scenario{Name: "not an administrator", Method: "POST", Path: "/api/accounts/" + admin + "/reset", Headers: officer, Body: map[string]string{}, Status: 403}.Run(t, a)
		code, body, _ := testkit.Do(t, a, "POST", "/api/accounts/"+id+"/reset", map[string]string{"reason": "忘记"}, sec)
		if code != 200 || kicked != id {
			t.Fatalf("reset: %d %s, kicked %q", code, body, kicked)
		}
		fresh := testkit.JSON[access.ResetAnswer](t, body).Password
		testkit.Scenario{Name: "sessions ended", Path: "/api/session", Headers: officer, Status: 401}.Run(t, a)
		officer = login(t, a, "duiyuan", fresh)
		testkit.Scenario{Name: "must change first", Path: "/api/orgs", Headers: officer, Status: 403, Has: []string{"初始密码"}}.Run(t, a)
		testkit.Scenario{Name: "change", Method: "POST", Path: "/api/session/password", Headers: officer, Body: map[string]string{"old": fresh, "new": "Gaile-mima-8"}, Status: 204}.Run(t, a)
		officer = login(t, a, "duiyuan", "Gaile-mima-8")
		testkit.Scenario{Name: "works now", Path: "/api/orgs", Headers: officer, Status: 200}.Run(t, a)
		testkit.Scenario{Name: "changed by someone else", Method: "POST", Path: "/api/accounts/" + id + "/state", Headers: sec, Body: map[string]any{"state": "disabled", "rev": 1}, Status: 409}.Run(t, a)
		testkit.Scenario{Name: "disable", Method: "POST", Path: "/api/accounts/" + id + "/state", Headers: sec, Body: map[string]any{"state": "disabled", "rev": 3}, Status: 204}.Run(t, a)
		testkit.Scenario{Name: "kicked", Path: "/api/session", Headers: officer, Status: 401}.Run(t, a)
		testkit.Scenario{Name: "disabled", Method: "POST", Path: "/api/session", Body: map[string]string{"account": "duiyuan", "password": "Gaile-mima-8"}, Status: 401, Has: []string{"账号或密码不正确"}}.Run(t, a)
		n, fault, err := audit.Verify(t.Context(), d)
		if err != nil || fault != nil || n < 8 {
			t.Fatalf("audit chain: %d records, fault %v, error %v", n, fault, err)
		}
	})
}

func TestRateLimit(t *testing.T) {
	c := clock.NewFake(testkit.Start())
	d := testkit.SQLite(t, c)
	s, err := access.New(d, access.Options{Hash: access.HashParams{MemoryKiB: 64, Passes: 1, Lanes: 1}, Keys: crypto.ForTest(t, d), PerIP: 3})
	if err != nil {
		t.Fatal(err)
	}
	a := app(t, s)
	for i := range 3 {
		testkit.Scenario{Name: fmt.Sprint("try ", i), Method: "POST", Path: "/api/session", Body: map[string]string{"account": fmt.Sprint("a", i), "password": "x"}, Status: 401}.Run(t, a)
	}
	testkit.Scenario{Name: "too many", Method: "POST", Path: "/api/session", Body: map[string]string{"account": "z", "password": "x"}, Status: 429}.Run(t, a)
	c.Advance(61 * time.Second)
	testkit.Scenario{Name: "later", Method: "POST", Path: "/api/session", Body: map[string]string{"account": "z", "password": "x"}, Status: 401}.Run(t, a)
}

// The check and the list filter are one rule, on any set of prefixes.
func TestScopeFilterEqualsCovers(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		if _, err := d.SQL().Exec("CREATE TABLE region_codes (code TEXT)"); err != nil {
			t.Fatal(err)
		}
		codes := []string{"", "310000", "310101", "310101013", "310101002", "310104", "310104003", "310109", "310109009", "310110", "310115", "310115999", "310151", "999999"}
		for _, c := range codes {
			if _, err := d.SQL().Exec("INSERT INTO region_codes VALUES ('" + c + "')"); err != nil {
				t.Fatal(err)
			}
		}
		rapid.Check(t, func(rt *rapid.T) {
			prefixes := rapid.SliceOfN(rapid.SampledFrom([]string{"", "3", "31", "310101", "310101013", "310104", "310109", "31010", "3101", "999", "99"}), 0, 4).Draw(rt, "prefixes")
			s := access.Scope{Prefixes: prefixes}
			var got []string
			q := s.Filter(d.Read().NewSelect().TableExpr("region_codes AS r").Column("code"), "r.code")
			if err := q.Scan(context.Background(), &got); err != nil {
				rt.Fatal(err)
			}
			in := map[string]bool{}
			for _, c := range got {
				in[c] = true
			}
			for _, c := range codes {
				if s.Covers(c) != in[c] {
					rt.Errorf("prefixes %q, code %q: Covers says %v, the list %v", prefixes, c, s.Covers(c), in[c])
				}
			}
		})
	})
}

func TestPasswordRules(t *testing.T) {
	for pw, ok := range map[string]bool{
		"Jiexun@2026": true, "short@A1": false, "alllowercaseletters": false, "lower and signs only": false,
		"abcDEF12345": true, "caozuo@2026AB": false, "密码很长Abcdefg": true,
	} {
		if err := access.CheckPassword("p", "caozuo", pw); (err == nil) != ok {
			t.Errorf("%q: %v", pw, err)
		}
	}
}
