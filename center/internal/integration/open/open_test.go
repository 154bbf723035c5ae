package open_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"jiexun/center/internal/access"
	"jiexun/center/internal/integration/open"
	"jiexun/center/internal/integration/registry"
	"jiexun/center/internal/integration/sign"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

// people are the actors that requests name in the header X-As.
func people() map[string]access.Actor {
	who := func(id string, perms ...string) access.Actor {
		a := access.Actor{ID: id, Name: id, RegionCode: "310000", Roles: []string{id}, OrgLevel: "bureau", Perms: map[string]bool{}, Scope: access.Scope{Prefixes: []string{"31"}}}
		for _, p := range perms {
			a.Perms[p] = true
		}
		return a
	}
	return map[string]access.Actor{
		"sys": who("sys", access.AppView, access.InterfaceView, access.AppManage, access.InterfaceApply),
		"sec": who("sec", access.AppView, access.InterfaceView, access.AppApprove, access.PermissionApprove, access.InterfaceApprove, access.InterfaceLog),
		"two": who("two", access.AppView, access.InterfaceView, access.AppManage, access.AppApprove, access.InterfaceApply, access.InterfaceApprove, access.PermissionApprove),
		"off": {ID: "off", Name: "officer", RegionCode: "310101013", OrgLevel: "squad", Roles: []string{"officer"}, Perms: map[string]bool{access.OrderView: true}, Scope: access.Scope{Prefixes: []string{"310101013"}}},
	}
}

type directory struct{}

func (directory) ActorOf(_ context.Context, id string) (access.Actor, error) {
	a, ok := people()[id]
	if !ok {
		return a, errs.NotFound("人员")
	}
	return a, nil
}

func (directory) PersonByAccount(_ context.Context, account string) (string, bool, error) {
	_, ok := people()[account]
	return account, ok, nil
}

func (directory) OrgName(context.Context, string) (string, bool, error) { return "", false, nil }

type business struct{}

func (business) Alerts(ctx context.Context, q open.Query) (httpx.List[open.AlertFact], error) {
	who, err := access.Need(ctx, access.AlertView)
	if err != nil {
		return httpx.List[open.AlertFact]{}, err
	}
	out := []open.AlertFact{}
	for _, a := range []open.AlertFact{{ID: "A1", RegionCode: "310101013"}, {ID: "A2", RegionCode: "310104014"}} {
		if who.Scope.Covers(a.RegionCode) {
			out = append(out, a)
		}
	}
	return httpx.NewList(out, int64(len(out)), q.Paging, testkit.Start()), nil
}

func (business) Orders(context.Context, open.Query) (httpx.List[open.OrderFact], error) {
	return httpx.List[open.OrderFact]{}, nil
}

func (business) Order(context.Context, string) (open.OrderFact, error) {
	return open.OrderFact{}, errs.NotFound("工单")
}

type codes struct{ r *registry.Service }

func (c codes) Holds(ctx context.Context, who access.Actor, code, region string) (bool, string, []string, error) {
	a, err := c.r.Holds(ctx, who, code, region)
	return a.Allowed, a.Reason, a.Prefixes, err
}
func (c codes) IsOff(ctx context.Context, code string) (bool, error) { return c.r.IsOff(ctx, code) }
func (c codes) Applications(context.Context) ([]open.AppFact, error) { return []open.AppFact{}, nil }
func (c codes) Functions(context.Context, string) ([]open.FunctionFact, error) {
	return []open.FunctionFact{}, nil
}

// todos is a to-do centre that counts.
type todos struct{ puts, closed atomic.Int64 }

func (t *todos) Put(context.Context, db.Tx, string, open.OpenTodo) error { t.puts.Add(1); return nil }
func (t *todos) Close(context.Context, db.Tx, open.OpenTodo, bool, string) error {
	t.closed.Add(1)
	return nil
}

// center is one process of a center.
type center struct {
	app     *fiber.App
	open    *open.Service
	entries *registry.Service
	todos   *todos
}

func newCenter(t *testing.T, d *db.DB, c clock.Clock) center {
	t.Helper()
	keys := crypto.ForTest(t, d)
	r := registry.New(registry.Options{DB: d, Keys: keys, Orgs: directory{}})
	td := &todos{}
	s := open.New(open.Options{DB: d, Log: testkit.Log(t), Keys: keys, People: directory{}, Codes: codes{r}, Business: business{}, Todos: td})
	app, api := httpx.New(httpx.Options{
		Log: testkit.Log(t), Clock: c, Registry: prometheus.NewRegistry(), Authorize: access.Authorize, Gate: r.Gate,
		Identify: func(ctx context.Context, q httpx.Request) (context.Context, error) {
			if a, ok := people()[q.Header("X-As")]; ok {
				return access.With(ctx, a), nil
			}
			return ctx, nil
		},
	})
	r.Register(api)
	s.Register(api)
	s.RegisterOpen(api)
	if err := r.Seed(t.Context(), registry.Ops(api), map[string]string{open.KindUser: "用户接口"}); err != nil {
		t.Fatal(err)
	}
	return center{app, s, r, td}
}

func (c center) do(t *testing.T, as, method, path string, body any, status int) []byte {
	t.Helper()
	code, out, _ := testkit.Do(t, c.app, method, path, body, map[string]string{"X-As": as})
	if code != status {
		t.Fatalf("%s %s as %s: %d, want %d: %.500s", method, path, as, code, status, out)
	}
	return out
}

// key is what an outside system has.
type key struct{ app, secret string }

// headers signs a request of the outside system.
func (k key) headers(at time.Time, nonce, method, path, query, body string) map[string]string {
	millis := strconv.FormatInt(at.UnixMilli(), 10)
	return map[string]string{
		sign.HeaderApp: k.app, sign.HeaderTime: millis, sign.HeaderNonce: nonce,
		sign.HeaderSign: sign.Hex(k.secret, sign.Text(method, path, query, millis, nonce, []byte(body))),
	}
}

var nonces atomic.Int64

func nonce() string { return fmt.Sprintf("nonce-%08d", nonces.Add(1)) }

func (k key) call(t *testing.T, c center, at time.Time, method, path, body string, more ...string) (int, []byte) {
	t.Helper()
	p, q, _ := strings.Cut(path, "?")
	h := k.headers(at, nonce(), method, p, q, body)
	for i := 0; i+1 < len(more); i += 2 {
		h[more[i]] = more[i+1]
	}
	var b any
	if body != "" {
		b = body
	}
	code, out, _ := testkit.Do(t, c.app, method, path, b, h)
	return code, out
}

// application registers an outside application and its interfaces, up to the
// key, by two people.
func application(t *testing.T, c center, d *db.DB, change map[string]any) (open.InterfaceClient, key) {
	t.Helper()
	code := fmt.Sprintf("parking.%d", nonces.Add(1))
	e := testkit.JSON[registry.Registration](t, c.do(t, "sys", "POST", "/api/registry", map[string]any{"kind": "app", "code": code, "name": "停车平台", "route": "https://parking.example/in"}, 200))
	c.do(t, "sec", "POST", "/api/registry/"+e.ID+"/decision", map[string]any{"approve": true, "rev": e.Rev}, 200)
	in := map[string]any{
		"appId": e.ID, "purpose": "停车平台读取预警并推送待办", "kinds": []string{"user", "identity", "authorisation", "business", "todo", "application", "log"},
		"quotaDay": 1000, "rateSecond": 100, "ips": []string{"0.0.0.0/8", "127.0.0.1"}, "prefixes": []string{"310101"},
		"fromAt": clock.At(d.Now()), "toAt": clock.At(d.Now().AddDate(1, 0, 0)),
	}
	for k, v := range change {
		in[k] = v
	}
	cl := testkit.JSON[open.InterfaceClient](t, c.do(t, "sys", "POST", "/api/interfaces", in, 200))
	c.do(t, "sec", "POST", "/api/interfaces/"+cl.ID+"/decision", map[string]any{"approve": true, "rev": cl.Rev}, 200)
	is := testkit.JSON[open.IssuedKey](t, c.do(t, "sys", "POST", "/api/interfaces/"+cl.ID+"/key", nil, 200))
	cl = testkit.JSON[open.InterfaceClient](t, c.do(t, "sys", "GET", "/api/interfaces/"+cl.ID, nil, 200))
	return cl, key{is.AppKey, is.Secret}
}

func codeIn(t *testing.T, body []byte) string {
	t.Helper()
	var x struct {
		Code string `json:"code"`
		ID   string `json:"id"`
	}
	if err := json.Unmarshal(body, &x); err != nil || x.ID == "" {
		t.Fatalf("not a refusal: %.300s", body)
	}
	return x.Code
}

func TestEachRefusalHasItsOwnCode(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, fc *clock.Fake) {
		c := newCenter(t, d, fc)
		cl, k := application(t, c, d, map[string]any{"kinds": []string{"business"}, "quotaDay": 4, "rateSecond": 2})
		const path = "/api/open/v1/alerts"
		at := d.Now
		expect := func(name string, status int, want string, h map[string]string, p string) {
			t.Helper()
			code, out, _ := testkit.Do(t, c.app, "GET", p, nil, h)
			if code != status || codeIn(t, out) != want {
				t.Errorf("%s: %d %s, want %d %s", name, code, out, status, want)
			}
		}
		expect("no headers", 401, "sign_invalid", nil, path)
		expect("unknown application", 401, "sign_invalid", key{"jx00000000", "x"}.headers(at(), nonce(), "GET", path, "", ""), path)
		expect("wrong key", 401, "sign_invalid", key{k.app, k.secret + "x"}.headers(at(), nonce(), "GET", path, "", ""), path)
		expect("another query than signed", 401, "sign_invalid", k.headers(at(), nonce(), "GET", path, "size=1", ""), path+"?size=2")
		expect("another method than signed", 401, "sign_invalid", k.headers(at(), nonce(), "POST", path, "", ""), path)
		expect("old time", 401, "time_expired", k.headers(at().Add(-sign.Window-time.Second), nonce(), "GET", path, "", ""), path)
		expect("time to come", 401, "time_expired", k.headers(at().Add(sign.Window+time.Second), nonce(), "GET", path, "", ""), path)
		expect("not granted", 403, "interface_not_granted", k.headers(at(), nonce(), "GET", "/api/open/v1/users", "", ""), "/api/open/v1/users")
		once := k.headers(at(), nonce(), "GET", path, "", "")
		if code, out, _ := testkit.Do(t, c.app, "GET", path, nil, once); code != 200 || !strings.Contains(string(out), `"A1"`) || strings.Contains(string(out), `"A2"`) {
			t.Fatalf("a good call: %d %s", code, out)
		}
		expect("replay", 409, "nonce_replayed", once, path)
		if code, out := k.call(t, c, at(), "GET", path, ""); code != 200 {
			t.Fatalf("%d %s", code, out)
		}
		expect("third in a second", 429, "rate_limited", k.headers(at(), nonce(), "GET", path, "", ""), path)
		for range 2 {
			fc.Advance(time.Second)
			if code, out := k.call(t, c, at(), "GET", path, ""); code != 200 {
				t.Fatalf("%d %s", code, out)
			}
		}
		fc.Advance(time.Second)
		expect("fifth of the day", 429, "quota_exceeded", k.headers(at(), nonce(), "GET", path, "", ""), path)
		fc.Advance(24 * time.Hour)
		if code, out := k.call(t, c, at(), "GET", path, ""); code != 200 {
			t.Fatalf("the next day: %d %s", code, out)
		}
		c.do(t, "sec", "POST", "/api/interfaces/"+cl.ID+"/revocation", map[string]any{"reason": "演练"}, 200)
		expect("revoked", 403, "app_revoked", k.headers(at(), nonce(), "GET", path, "", ""), path)

		_, far := application(t, c, d, map[string]any{"ips": []string{"203.0.113.7"}})
		expect("foreign address", 403, "ip_denied", far.headers(at(), nonce(), "GET", path, "", ""), path)
		_, late := application(t, c, d, map[string]any{"toAt": clock.At(at().Add(time.Hour))})
		fc.Advance(2 * time.Hour)
		expect("validity over", 403, "app_revoked", late.headers(at(), nonce(), "GET", path, "", ""), path)

		if err := c.open.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		log := testkit.JSON[httpx.List[open.InterfaceCall]](t, c.do(t, "sec", "GET", "/api/interface-calls?size=100", nil, 200))
		seen := map[string]int{}
		for _, x := range log.Items {
			seen[x.Code]++
		}
		for code, n := range map[string]int{"sign_invalid": 5, "time_expired": 2, "nonce_replayed": 1, "ip_denied": 1, "quota_exceeded": 1, "rate_limited": 1, "app_revoked": 2, "interface_not_granted": 1, "ok": 5} {
			if seen[code] != n {
				t.Errorf("the call log has %d times %s, want %d", seen[code], code, n)
			}
		}
		if out := c.do(t, "sec", "GET", "/api/interface-calls/export?result=refused", nil, 200); len(out) < 1000 {
			t.Errorf("the export has %d bytes", len(out))
		}
	})
}

// Two processes get the same request at the same time: one lets it in.
func TestReplayAcrossProcesses(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, fc *clock.Fake) {
		a, b := newCenter(t, d, fc), newCenter(t, d, fc)
		_, k := application(t, a, d, nil)
		const rounds = 20
		in, replays := atomic.Int64{}, atomic.Int64{}
		for range rounds {
			h := k.headers(d.Now(), nonce(), "GET", "/api/open/v1/alerts", "", "")
			var wg sync.WaitGroup
			for _, c := range []center{a, b, a, b} {
				wg.Go(func() {
					code, out, _ := testkit.Do(t, c.app, "GET", "/api/open/v1/alerts", nil, h)
					switch {
					case code == 200:
						in.Add(1)
					case code == 409 && strings.Contains(string(out), "nonce_replayed"):
						replays.Add(1)
					default:
						t.Errorf("%d %s", code, out)
					}
				})
			}
			wg.Wait()
			fc.Advance(time.Second)
		}
		if in.Load() != rounds || replays.Load() != 3*rounds {
			t.Fatalf("%d let in, %d replays", in.Load(), replays.Load())
		}
	})
}

func TestTwoPersons(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, fc *clock.Fake) {
		c := newCenter(t, d, fc)
		e := testkit.JSON[registry.Registration](t, c.do(t, "two", "POST", "/api/registry", map[string]any{"kind": "app", "code": "own.app", "name": "自批"}, 200))
		c.do(t, "two", "POST", "/api/registry/"+e.ID+"/decision", map[string]any{"approve": true, "rev": e.Rev}, 409)
		c.do(t, "sys", "POST", "/api/interfaces", map[string]any{"appId": e.ID, "purpose": "还没有批准的应用", "kinds": []string{"user"}, "quotaDay": 1, "rateSecond": 1, "ips": []string{"10.0.0.1"}, "prefixes": []string{"31"}, "fromAt": clock.At(d.Now()), "toAt": clock.At(d.Now().AddDate(0, 1, 0))}, 422)
		c.do(t, "sec", "POST", "/api/registry/"+e.ID+"/decision", map[string]any{"approve": true, "rev": e.Rev}, 200)
		cl := testkit.JSON[open.InterfaceClient](t, c.do(t, "two", "POST", "/api/interfaces", map[string]any{"appId": e.ID, "purpose": "自己批自己的申请", "kinds": []string{"user"}, "quotaDay": 1, "rateSecond": 1, "ips": []string{"10.0.0.1"}, "prefixes": []string{"31"}, "fromAt": clock.At(d.Now()), "toAt": clock.At(d.Now().AddDate(0, 1, 0))}, 200))
		c.do(t, "two", "POST", "/api/interfaces/"+cl.ID+"/decision", map[string]any{"approve": true, "rev": cl.Rev}, 409)
		c.do(t, "sys", "POST", "/api/interfaces/"+cl.ID+"/key", nil, 409) // not approved
		c.do(t, "sec", "POST", "/api/interfaces/"+cl.ID+"/decision", map[string]any{"approve": false, "rev": cl.Rev}, 422)
		c.do(t, "sec", "POST", "/api/interfaces/"+cl.ID+"/decision", map[string]any{"approve": true, "rev": cl.Rev}, 200)
		c.do(t, "sys", "POST", "/api/interfaces/"+cl.ID+"/key", nil, 200)
		c.do(t, "sys", "POST", "/api/interfaces/"+cl.ID+"/key", nil, 409) // once
		if out := c.do(t, "sys", "GET", "/api/interfaces/"+cl.ID, nil, 200); strings.Contains(string(out), "secret") {
			t.Fatalf("the key is shown again: %s", out)
		}
	})
}

func TestRotationAndSelf(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, fc *clock.Fake) {
		c := newCenter(t, d, fc)
		cl, old := application(t, c, d, nil)
		is := testkit.JSON[open.IssuedKey](t, c.do(t, "sys", "POST", "/api/interfaces/"+cl.ID+"/rotation", map[string]any{"overlapHours": 2}, 200))
		fresh := key{is.AppKey, is.Secret}
		for _, k := range []key{old, fresh} {
			if code, out := k.call(t, c, d.Now(), "GET", "/api/open/v1/self", ""); code != 200 {
				t.Fatalf("inside the overlap: %d %s", code, out)
			}
		}
		fc.Advance(2*time.Hour + time.Second)
		if code, out := old.call(t, c, d.Now(), "GET", "/api/open/v1/self", ""); code != 401 || codeIn(t, out) != "sign_invalid" {
			t.Fatalf("after the overlap: %d %s", code, out)
		}
		code, out := fresh.call(t, c, d.Now(), "POST", "/api/open/v1/self/key", `{"overlapHours":0}`)
		if code != 200 {
			t.Fatalf("%d %s", code, out)
		}
		if code, _ := fresh.call(t, c, d.Now(), "GET", "/api/open/v1/self", ""); code != 401 {
			t.Fatalf("a key without overlap still works: %d", code)
		}
		third := key{is.AppKey, testkit.JSON[open.IssuedKey](t, out).Secret}
		code, out = third.call(t, c, d.Now(), "GET", "/api/open/v1/self", "")
		if v := testkit.JSON[open.OpenSelf](t, out); code != 200 || len(v.Keys) != 1 || v.CallsToday != 4 {
			t.Fatalf("%d %s", code, out)
		}
	})
}

func TestIdempotencyKeepsTheFirstAnswer(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, fc *clock.Fake) {
		c := newCenter(t, d, fc)
		_, k := application(t, c, d, nil)
		body := `{"externalId":"T-1","title":"复核停车投诉","assigneeId":"off","regionCode":"310101013"}`
		h := []string{"Idempotency-Key", "abc"}
		code, first := k.call(t, c, d.Now(), "POST", "/api/open/v1/todos", body, h...)
		if code != 200 {
			t.Fatalf("%d %s", code, first)
		}
		fc.Advance(time.Minute)
		code, again := k.call(t, c, d.Now(), "POST", "/api/open/v1/todos", body, h...)
		if code != 200 || string(again) != string(first) || c.todos.puts.Load() != 1 {
			t.Fatalf("%d %s, %d puts", code, again, c.todos.puts.Load())
		}
		code, out := k.call(t, c, d.Now(), "POST", "/api/open/v1/todos", strings.Replace(body, "T-1", "T-2", 1), h...)
		if code != 409 || codeIn(t, out) != "idempotency_mismatch" {
			t.Fatalf("%d %s", code, out)
		}
		if code, out := k.call(t, c, d.Now(), "POST", "/api/open/v1/todos/T-1/done", `{"outcome":"已复核"}`); code != 200 || !strings.Contains(string(out), `"done"`) {
			t.Fatalf("%d %s", code, out)
		}
		if code, _ := k.call(t, c, d.Now(), "POST", "/api/open/v1/todos/T-1/done", `{}`); code != 200 || c.todos.closed.Load() != 1 {
			t.Fatalf("closing twice: %d, closed %d times", code, c.todos.closed.Load())
		}
		if code, _ := k.call(t, c, d.Now(), "POST", "/api/open/v1/todos/T-9/done", `{}`); code != 404 {
			t.Fatalf("an absent to-do: %d", code)
		}
		if code, out := k.call(t, c, d.Now(), "POST", "/api/open/v1/todos", strings.Replace(body, `"off"`, `"sys"`, 1)); code != 422 {
			t.Fatalf("a person outside the scope: %d %s", code, out)
		}
	})
}

func TestIdentityAndAuthorisation(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, fc *clock.Fake) {
		c := newCenter(t, d, fc)
		cl, k := application(t, c, d, nil)
		ticket := testkit.JSON[open.AppTicket](t, c.do(t, "off", "POST", "/api/registry/"+cl.AppID+"/ticket", nil, 200))
		body := `{"ticket":"` + ticket.Ticket + `"}`
		_, other := application(t, c, d, nil)
		if code, _ := other.call(t, c, d.Now(), "POST", "/api/open/v1/identity/ticket", body); code != 401 {
			t.Fatalf("another application uses the ticket: %d", code)
		}
		code, out := k.call(t, c, d.Now(), "POST", "/api/open/v1/identity/ticket", body)
		if code != 200 || !strings.Contains(string(out), `"officer"`) {
			t.Fatalf("%d %s", code, out)
		}
		if code, _ := k.call(t, c, d.Now(), "POST", "/api/open/v1/identity/ticket", body); code != 401 {
			t.Fatalf("a ticket works twice: %d", code)
		}
		ask := func(perm, region string) open.OpenVerdict {
			code, out := k.call(t, c, d.Now(), "POST", "/api/open/v1/authorisation/check", fmt.Sprintf(`{"personId":"off","permission":%q,"regionCode":%q}`, perm, region))
			if code != http.StatusOK {
				t.Fatalf("%d %s", code, out)
			}
			return testkit.JSON[open.OpenVerdict](t, out)
		}
		if !ask(access.OrderView, "310101013").Allowed || ask(access.OrderView, "310104").Allowed || ask(access.AlertView, "").Allowed {
			t.Fatal("the center's own permissions are answered wrongly")
		}
		// A registered code: nothing before approval, then by rule, then
		// nothing after the row was changed beside the center.
		e := testkit.JSON[registry.Registration](t, c.do(t, "sys", "POST", "/api/registry", map[string]any{"kind": "permission", "appId": cl.AppID, "code": "parking.tow", "name": "拖车", "rules": []map[string]any{{"role": "officer", "orgLevel": "squad", "scope": "own"}}}, 200))
		if ask("parking.tow", "310101013").Allowed {
			t.Fatal("a code works before it is approved")
		}
		c.do(t, "sec", "POST", "/api/registry/"+e.ID+"/permission-decision", map[string]any{"approve": true, "rev": e.Rev}, 200)
		if v := ask("parking.tow", "310101013"); !v.Allowed {
			t.Fatalf("%+v", v)
		}
		if ask("parking.tow", "310104").Allowed {
			t.Fatal("a code holds outside its scope")
		}
		if _, err := d.SQL().Exec(`UPDATE integration_entries SET rules = '[{"role":"officer","scope":"city"}]' WHERE code = 'parking.tow'`); err != nil {
			t.Fatal(err)
		}
		if v := ask("parking.tow", "310101013"); v.Allowed || !strings.Contains(v.Reason, "签名") {
			t.Fatalf("a changed row still works: %+v", v)
		}
		got := testkit.JSON[registry.Registration](t, c.do(t, "sys", "GET", "/api/registry/"+e.ID, nil, 200))
		if got.Intact {
			t.Fatal("the changed row is shown as intact")
		}
	})
}
