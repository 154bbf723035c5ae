package security_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/access/signin"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/internal/security"
	"jiexun/center/internal/todo"
)

const password = "Jiexun@2026"

// todos keeps what was published, as the to-do centre would.
type todos struct{ open map[string]todo.Item }

func (t *todos) Put(_ context.Context, _ db.Tx, it todo.Item) error {
	t.open[it.SourceID] = it
	return nil
}

func (t *todos) Close(_ context.Context, _ db.Tx, _, id, _, _, _ string) error {
	delete(t.open, id)
	return nil
}

type world struct {
	t   *testing.T
	d   *db.DB
	c   *clock.Fake
	acc *access.Service
	s   *security.Service
	bus *events.Bus
	app *fiber.App
	ids map[string]string
	td  *todos
}

func setUp(t *testing.T, d *db.DB, c *clock.Fake) *world {
	t.Helper()
	ctx := t.Context()
	keys := crypto.ForTest(t, d)
	acc, err := access.New(d, access.Options{Keys: keys, Hash: access.HashParams{MemoryKiB: 64, Passes: 1, Lanes: 1}, Log: testkit.Log(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := acc.SeedOrgs(ctx, []access.Org{
		{ID: "org-310000", Name: "市局", Kind: "bureau", RegionCode: "310000"},
		{ID: "org-310101", Name: "黄浦区局", Kind: "district", RegionCode: "310101", ParentID: "org-310000"},
		{ID: "org-310104", Name: "徐汇区局", Kind: "district", RegionCode: "310104", ParentID: "org-310000"},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := signin.New(ctx, signin.Options{DB: d, Access: acc, Keys: keys, Log: testkit.Log(t)}); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, d: d, c: c, acc: acc, ids: map[string]string{}, td: &todos{map[string]todo.Item{}}}
	for account, at := range map[string][2]string{
		"anquan": {"org-310000", "sec_admin"}, "yanpan": {"org-310000", "bureau_operator"}, "paidan": {"org-310101", "district_dispatcher"}, "xuhui": {"org-310104", "district_dispatcher"},
	} {
		if w.ids[account], err = acc.EnsurePerson(ctx, access.NewPerson{Account: account, Name: "演示" + account, OrgID: at[0], Password: password, Roles: []string{at[1]}}); err != nil {
			t.Fatal(err)
		}
	}
	if w.s, err = security.New(ctx, security.Options{DB: d, Access: acc, Todos: w.td, Log: testkit.Log(t), Handlers: "org-310000"}); err != nil {
		t.Fatal(err)
	}
	acc.First(w.s.Refuse)
	w.bus = events.NewBus(d, testkit.Log(t), nil)
	w.bus.Subscribe(access.TopicFailed, "security", w.s.TakeFailed)
	w.bus.Subscribe(access.TopicOpened, "security", w.s.TakeOpened)
	w.bus.Subscribe(access.TopicTampered, "security", w.s.TakeFault(security.RuleIntegrity))
	a, api := httpx.New(httpx.Options{Log: testkit.Log(t), Clock: c, Identify: acc.Identify, Authorize: access.Authorize, Answered: w.s.Take})
	acc.Register(api, false)
	w.s.Register(api)
	httpx.Register(api, access.AuditView, huma.Operation{OperationID: "secret", Method: http.MethodGet, Path: "/api/test/secret"},
		func(context.Context, *struct{}) (*httpx.Body[string], error) { return httpx.Out("x", nil) })
	httpx.Register(api, access.AlertView, huma.Operation{OperationID: "export-test", Method: http.MethodGet, Path: "/api/test/export"},
		func(context.Context, *struct{}) (*httpx.Body[string], error) { return httpx.Out("x", nil) })
	httpx.Register(api, access.AlertView, huma.Operation{OperationID: "broken", Method: http.MethodGet, Path: "/api/test/broken"},
		func(context.Context, *struct{}) (*httpx.Body[string], error) { return nil, fmt.Errorf("broken") })
	w.app = a
	return w
}

func (w *world) do(method, path string, body any, h map[string]string) (int, []byte) {
	w.t.Helper()
	code, b, _ := testkit.Do(w.t, w.app, method, path, body, h)
	return code, b
}

func (w *world) ok(method, path string, body any, h map[string]string) []byte {
	w.t.Helper()
	code, b := w.do(method, path, body, h)
	if code >= 300 {
		w.t.Fatalf("%s %s: %d %.400s", method, path, code, b)
	}
	return b
}

func (w *world) login(account string) map[string]string {
	w.t.Helper()
	code, b, h := testkit.Do(w.t, w.app, "POST", "/api/session", map[string]string{"account": account, "password": password}, nil)
	if code != 200 {
		w.t.Fatalf("log in: %d %s", code, b)
	}
	return map[string]string{"Cookie": strings.Split(h.Get("Set-Cookie"), ";")[0], "X-CSRF-Token": testkit.JSON[access.Session](w.t, b).CSRF}
}

func (w *world) settle() {
	w.t.Helper()
	for {
		n, err := w.s.Flush(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	if _, err := w.bus.Drain(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) alerts(h map[string]string, query string) []security.Alert {
	w.t.Helper()
	return testkit.JSON[httpx.List[security.Alert]](w.t, w.ok("GET", "/api/security/alerts?"+query, nil, h)).Items
}

// TestSixFailures is the example of the acceptance list: six failed sign-ins
// lock the account and make exactly one alert.
func TestSixFailures(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := setUp(t, d, c)
		for i := range 6 {
			code, _ := w.do("POST", "/api/session", map[string]string{"account": "paidan", "password": "wrong"}, nil)
			if want := map[bool]int{true: 401, false: 429}[i < 4]; code != want {
				t.Fatalf("attempt %d answers %d", i+1, code)
			}
			w.settle()
		}
		code, _ := w.do("POST", "/api/session", map[string]string{"account": "paidan", "password": password}, nil)
		if code != 429 {
			t.Fatalf("the right password of a locked account answers %d", code)
		}
		admin := w.login("anquan")
		list := w.alerts(admin, "rule=login.failed")
		if len(list) != 1 || list[0].Hits != 5 || list[0].Severity != "high" || !strings.Contains(list[0].Title, "paidan") || list[0].RegionCode != "310101" {
			t.Fatalf("alerts %+v", list)
		}
		it, ok := w.td.open[list[0].ID]
		if !ok || it.Group == nil || it.Group.Role != "sec_admin" || it.Path != "/security/alerts/"+list[0].ID {
			t.Fatalf("to-do %+v", it)
		}
		detail := testkit.JSON[security.AlertDetail](t, w.ok("GET", "/api/security/alerts/"+list[0].ID, nil, admin))
		if len(detail.Evidence) != 5 || !strings.Contains(detail.Evidence[0].What, "已锁定") {
			t.Fatalf("evidence %+v", detail.Evidence)
		}
		// The same events again change nothing; another lock-out adds to it.
		e := events.Event{ID: "same", Topic: access.TopicFailed, Payload: []byte(`{"account":"paidan","count":1}`), At: clock.At(c.Now())}
		for range 2 {
			if err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error { return w.s.TakeFailed(ctx, tx, e) }); err != nil {
				t.Fatal(err)
			}
		}
		if list = w.alerts(admin, "state=todo&rule=login.failed"); len(list) != 1 || list[0].Hits != 6 {
			t.Fatalf("after one more failure, told twice: %+v", list)
		}
		act := func(act string, body map[string]any, want int) {
			t.Helper()
			body["rev"] = w.alerts(admin, "rule=login.failed")[0].Rev
			if code, b := w.do("POST", "/api/security/alerts/"+list[0].ID+"/"+act, body, admin); code != want {
				t.Fatalf("%s: %d %s", act, code, b)
			}
		}
		act("assign", map[string]any{"assignee": w.ids["paidan"]}, 422)
		act("assign", map[string]any{"assignee": w.ids["anquan"]}, 200)
		act("close", map[string]any{"outcome": "handled"}, 422)
		act("close", map[string]any{"outcome": "handled", "note": "已电话核实，本人忘记密码"}, 200)
		act("note", map[string]any{"note": "晚了"}, 409)
		if len(w.td.open) != 0 {
			t.Errorf("to-dos left: %+v", w.td.open)
		}
		if n := len(w.alerts(admin, "state=todo&rule=login.failed")); n != 0 {
			t.Errorf("%d alerts are open", n)
		}
	})
}

func TestRulesAndMeasures(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := setUp(t, d, c)
		admin := w.login("anquan")
		list := testkit.JSON[[]security.Rule](t, w.ok("GET", "/api/security/rules", nil, admin))
		if len(list) != 10 {
			t.Fatalf("%d rules", len(list))
		}
		save := func(code string, version, threshold int, on bool, want int) {
			t.Helper()
			code2, b := w.do("POST", "/api/security/rules/"+code, map[string]any{"version": version, "params": map[string]any{"threshold": threshold, "windowMinutes": 10}, "severity": "high", "on": on, "source": "测试", "verified": true, "reason": "测试"}, admin)
			if code2 != want {
				t.Fatalf("save %s: %d %s", code, code2, b)
			}
		}
		save("access.denied", 1, 3, true, 200)
		save("access.denied", 1, 4, true, 409)
		save("nothing.here", 1, 4, true, 404)
		bad := w.login("paidan")
		for range 2 {
			w.do("GET", "/api/test/secret", nil, bad)
		}
		w.settle()
		if n := len(w.alerts(admin, "rule=access.denied")); n != 0 {
			t.Fatalf("%d alerts below the threshold", n)
		}
		c.Advance(11 * time.Minute) // the first two leave the window
		for range 2 {
			w.do("GET", "/api/test/secret", nil, bad)
		}
		w.settle()
		if n := len(w.alerts(admin, "rule=access.denied")); n != 0 {
			t.Fatalf("%d alerts by attempts outside the window", n)
		}
		w.do("GET", "/api/test/secret", nil, bad)
		w.settle()
		got := w.alerts(admin, "rule=access.denied")
		if len(got) != 1 || got[0].Hits != 3 || got[0].RuleVersion != 2 {
			t.Fatalf("alerts %+v", got)
		}
		act := func(id, act string, rev int, want int) {
			t.Helper()
			if code, b := w.do("POST", "/api/security/alerts/"+id+"/"+act, map[string]any{"minutes": 30, "note": "越权", "rev": rev}, admin); code != want {
				t.Fatalf("%s: %d %s", act, code, b)
			}
		}
		act(got[0].ID, "lock", 1, 200)
		act(got[0].ID, "lock", 1, 409)
		if code, _ := w.do("GET", "/api/session", nil, bad); code != 401 {
			t.Errorf("a locked person's session answers %d", code)
		}
		if code, _ := w.do("POST", "/api/session", map[string]string{"account": "paidan", "password": password}, nil); code != 429 {
			t.Errorf("a locked person signs in: %d", code)
		}

		// An address is refused everywhere, and let in again.
		sec := access.With(t.Context(), access.Actor{ID: w.ids["anquan"], Name: "安全", Perms: map[string]bool{access.SecurityHandle: true}, Scope: access.SystemScope()})
		if err := w.s.Block(sec, "127.0.0.1", "", "测试", time.Minute); !errs.Is(err, errs.Invalid) {
			t.Errorf("blocking this machine: %v", err)
		}
		if err := w.s.Block(sec, "0.0.0.0", "", "测试", time.Hour); err != nil { // the address of app.Test
			t.Fatal(err)
		}
		if code, b := w.do("GET", "/api/session", nil, admin); code != 403 || !strings.Contains(string(b), "暂停访问") {
			t.Errorf("a blocked address gets %d %s", code, b)
		}
		if err := w.s.Unblock(sec, "0.0.0.0", "测试"); err != nil {
			t.Fatal(err)
		}
		if code, _ := w.do("GET", "/api/session", nil, admin); code != 200 {
			t.Errorf("let in again: %d", code)
		}
		// A rule that is off says nothing; off hours is by Shanghai's clock.
		c.Set(time.Date(2026, 11, 24, 16, 30, 0, 0, time.UTC)) // half past midnight
		admin = w.login("anquan")
		w.settle()
		if got := w.alerts(admin, "rule=login.offhours"); len(got) != 1 || got[0].Severity != "low" {
			t.Errorf("off hours: %+v", got)
		}
		save("login.offhours", 1, 1, false, 422) // its hours are missing
		// Something tampered with is critical at once.
		err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
			return events.Publish(ctx, tx, access.TopicTampered, map[string]string{"table": "access_grants", "id": "g1", "what": "授权"})
		})
		if err != nil {
			t.Fatal(err)
		}
		w.settle()
		if got := w.alerts(admin, "severity=critical"); len(got) != 1 || w.td.open[got[0].ID].Priority != 2 {
			t.Errorf("tampered: %+v", got)
		}
		board := testkit.JSON[security.Board](t, w.ok("GET", "/api/security/board?from=2026-11-01&to=2026-11-30", nil, admin))
		total := int64(0)
		for _, r := range board.Rules {
			total += r.N
			if n := len(w.alerts(admin, "rule="+r.Key)); int64(n) != r.N {
				t.Errorf("the board says %d for %s, the list %d", r.N, r.Key, n)
			}
		}
		if total != 3 || board.Open["critical"] != 1 {
			t.Errorf("board %+v", board)
		}
	})
}

func TestUsageAgreesWithTheList(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := setUp(t, d, c)
		huangpu, xuhui, bureau := w.login("paidan"), w.login("xuhui"), w.login("yanpan")
		for range 7 {
			w.do("GET", "/api/test/export", nil, huangpu)
		}
		w.do("GET", "/api/test/secret", nil, huangpu)
		w.do("GET", "/api/test/broken", nil, xuhui)
		c.Advance(24 * time.Hour)
		w.settle()
		xuhui = w.login("xuhui")
		w.do("GET", "/api/test/export", nil, xuhui)
		w.settle()
		bureau = w.login("yanpan")
		w.settle()
		get := func(path string) []security.UsagePoint {
			return testkit.JSON[[]security.UsagePoint](t, w.ok("GET", path, nil, bureau))
		}
		count := func(query string) int64 {
			return testkit.JSON[httpx.List[security.Call]](t, w.ok("GET", "/api/usage/calls?size=200&"+query, nil, bureau)).Total
		}
		days := get("/api/usage/by/day")
		if len(days) != 2 || days[0].Key != "20261124" || days[0].People != 3 {
			t.Fatalf("days %+v", days)
		}
		for _, p := range days {
			day := p.Key[:4] + "-" + p.Key[4:6] + "-" + p.Key[6:]
			q := "from=" + day + "&to=" + day
			for outcome, want := range map[string]int64{"": p.Calls, "&outcome=ok": p.OK, "&outcome=refused": p.Refused, "&outcome=failed": p.Failed} {
				w.settle()
				if got := count(q + outcome); got != want && day != "2026-11-25" { // today goes on
					t.Errorf("%s%s: the figure says %d, the list has %d", day, outcome, want, got)
				}
			}
		}
		for _, p := range get("/api/usage/by/op?from=2026-11-24&to=2026-11-24") {
			if got := count("from=2026-11-24&to=2026-11-24&op=" + p.Key); got != p.Calls {
				t.Errorf("%s: figure %d, list %d", p.Key, p.Calls, got)
			}
		}
		for _, p := range get("/api/usage/by/district?from=2026-11-24&to=2026-11-24") {
			if got := count("from=2026-11-24&to=2026-11-24&region=" + p.Key); got != p.Calls {
				t.Errorf("%s: figure %d, list %d", p.Key, p.Calls, got)
			}
			if p.Key == "310104" && (p.Failed != 1 || p.Rate > 99) {
				t.Errorf("Xuhui %+v", p)
			}
		}
		people := testkit.JSON[httpx.List[security.ActivePerson]](t, w.ok("GET", "/api/usage/people?from=2026-11-24&to=2026-11-24", nil, bureau))
		if people.Total != 3 || people.Items[0].PersonName != "演示paidan" || people.Items[0].Calls != 8 {
			t.Errorf("people %+v", people)
		}
		if code, _ := w.do("GET", "/api/usage", nil, huangpu); code != 401 && code != 403 {
			t.Errorf("a dispatcher sees usage: %d", code)
		}
		if code, b := w.do("GET", "/api/usage/calls/export?from=2026-11-24", nil, bureau); code != 200 || !strings.HasPrefix(string(b), "PK") {
			t.Errorf("export %d", code)
		}
	})
}
