package signin_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/pquerna/otp/totp"

	"jiexun/center/internal/access"
	"jiexun/center/internal/access/signin"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

const password = "Jiexun@2026"

// world is access and signin over one database, with the people of the tests.
type world struct {
	t   testing.TB
	d   *db.DB
	c   *clock.Fake
	acc *access.Service
	s   *signin.Service
	app *fiber.App
	ids map[string]string
}

func setUp(t testing.TB, d *db.DB, c *clock.Fake) *world {
	t.Helper()
	ctx := context.Background()
	keys := crypto.ForTest(t, d)
	acc, err := access.New(d, access.Options{Keys: keys, Hash: access.HashParams{MemoryKiB: 64, Passes: 1, Lanes: 1}, Log: testkit.Log(t)})
	if err != nil {
		t.Fatal(err)
	}
	err = acc.SeedOrgs(ctx, []access.Org{
		{ID: "org-310000", Name: "市局", Kind: "bureau", RegionCode: "310000"},
		{ID: "org-310101", Name: "黄浦区局", Kind: "district", RegionCode: "310101", ParentID: "org-310000"},
		{ID: "org-310104", Name: "徐汇区局", Kind: "district", RegionCode: "310104", ParentID: "org-310000"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := signin.New(ctx, signin.Options{DB: d, Access: acc, Keys: keys, Log: testkit.Log(t), PublicURL: "https://center.example", Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, d: d, c: c, acc: acc, s: s, ids: map[string]string{}}
	for account, at := range map[string][2]string{
		"anquan": {"org-310000", "sec_admin"}, "paidan": {"org-310101", "district_dispatcher"}, "xuhui": {"org-310104", "district_dispatcher"}, "duiyuan": {"org-310101", "officer"},
	} {
		id, err := acc.EnsurePerson(ctx, access.NewPerson{Account: account, Name: "演示" + account, OrgID: at[0], Password: password, Roles: []string{at[1]}})
		if err != nil {
			t.Fatal(err)
		}
		w.ids[account] = id
	}
	a, api := httpx.New(httpx.Options{Log: testkit.Log(t), Identify: acc.Identify, Authorize: access.Authorize})
	acc.Register(api, false)
	s.Register(api, false)
	httpx.Register(api, access.AlertView, huma.Operation{OperationID: "scope", Method: http.MethodGet, Path: "/api/test/scope"},
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]string], error) {
			who, err := access.Need(ctx, access.AlertView)
			return httpx.Out(who.Scope.Prefixes, err)
		})
	httpx.Register(api, access.AlertDecide, huma.Operation{OperationID: "decide", Method: http.MethodPost, Path: "/api/test/decide"},
		func(context.Context, *struct{}) (*httpx.Body[string], error) { return httpx.Out("decided", nil) })
	w.app = a
	return w
}

// post sends JSON and wants a status.
func (w *world) post(path string, body any, h map[string]string, want int) ([]byte, http.Header) {
	w.t.Helper()
	code, b, hdr := testkit.Do(w.t, w.app, "POST", path, body, h)
	if code != want {
		w.t.Fatalf("POST %s: %d, want %d: %.500s", path, code, want, b)
	}
	return b, hdr
}

func (w *world) get(path string, h map[string]string, want int) []byte {
	w.t.Helper()
	code, b, _ := testkit.Do(w.t, w.app, "GET", path, nil, h)
	if code != want {
		w.t.Fatalf("GET %s: %d, want %d: %.500s", path, code, want, b)
	}
	return b
}

// browser gives the headers of the session in an answer.
func (w *world) browser(b []byte, h http.Header) map[string]string {
	w.t.Helper()
	s := testkit.JSON[access.Session](w.t, b)
	for _, c := range (&http.Response{Header: h}).Cookies() {
		if c.Name == httpx.CookieName && c.Value != "" {
			return map[string]string{"Cookie": c.Name + "=" + c.Value, "X-CSRF-Token": s.CSRF}
		}
	}
	w.t.Fatalf("no session in %.300s", b)
	return nil
}

func (w *world) login(account string) map[string]string {
	w.t.Helper()
	b, h := w.post("/api/session", map[string]string{"account": account, "password": password}, nil, 200)
	return w.browser(b, h)
}

// policy makes a new version as the security administrator.
func (w *world) policy(admin map[string]string, change func(*signin.Policy)) {
	w.t.Helper()
	list := testkit.JSON[[]signin.PolicyVersion](w.t, w.get("/api/signin/policies", admin, 200))
	p := list[0].Policy
	change(&p)
	w.post("/api/signin/policies", map[string]any{"base": list[0].Version, "policy": p, "source": "测试", "verified": true, "reason": "测试"}, admin, 200)
}

func TestPolicy(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := setUp(t, d, c)
		admin, officer := w.login("anquan"), w.login("duiyuan")
		w.get("/api/signin/policies", officer, 403)
		first := testkit.JSON[[]signin.PolicyVersion](t, w.get("/api/signin/policies", admin, 200))
		if len(first) != 1 || first[0].Verified || first[0].Policy.IdleMinutes != 30 || first[0].Policy.History != 5 || first[0].Source == "" {
			t.Fatalf("first policy %+v", first)
		}
		p := first[0].Policy
		p.IdleMinutes = 1
		w.post("/api/signin/policies", map[string]any{"base": 1, "policy": p, "source": "x", "verified": false, "reason": "测试"}, admin, 422)
		w.policy(admin, func(p *signin.Policy) { p.MinLength, p.MaxFailures, p.IdleMinutes = 12, 3, 10 })
		w.post("/api/signin/policies", map[string]any{"base": 1, "policy": first[0].Policy, "source": "x", "verified": false, "reason": "测试"}, admin, 409)
		b, _ := w.post("/api/session/password", map[string]string{"old": password, "new": "Short@2026x"}, officer, 422)
		if !strings.Contains(string(b), "至少 12 位") {
			t.Errorf("answer %s", b)
		}
		c.Advance(11 * time.Minute)
		w.get("/api/session", officer, 401)
		for i := range 3 {
			want := 401
			if i == 2 {
				want = 429
			}
			w.post("/api/session", map[string]string{"account": "paidan", "password": "nope"}, nil, want)
		}
	})
}

func TestPasswordHistoryAndAge(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := setUp(t, d, c)
		now := password
		for i := range 3 {
			b, h := w.post("/api/session", map[string]string{"account": "duiyuan", "password": now}, nil, 200)
			fresh := fmt.Sprintf("Fresh@2026-%d", i)
			w.post("/api/session/password", map[string]string{"old": now, "new": fresh}, w.browser(b, h), 204)
			now = fresh
			c.Advance(2 * time.Minute)
		}
		b, h := w.post("/api/session", map[string]string{"account": "duiyuan", "password": now}, nil, 200)
		me := w.browser(b, h)
		b, _ = w.post("/api/session/password", map[string]string{"old": now, "new": "Fresh@2026-0"}, me, 422)
		if !strings.Contains(string(b), "最近 5 次") {
			t.Errorf("an earlier password: %s", b)
		}
		c.Advance(91 * 24 * time.Hour)
		b, h = w.post("/api/session", map[string]string{"account": "duiyuan", "password": now}, nil, 200)
		if !testkit.JSON[access.Session](t, b).MustChangePassword {
			t.Error("a password of 91 days need not be changed")
		}
		me = w.browser(b, h)
		w.get("/api/signin/me", me, 403)
		w.post("/api/session/password", map[string]string{"old": now, "new": "Brandnew@2027"}, me, 204)
		b, _ = w.post("/api/session", map[string]string{"account": "duiyuan", "password": "Brandnew@2027"}, nil, 200)
		if testkit.JSON[access.Session](t, b).MustChangePassword {
			t.Error("a fresh password must be changed")
		}
	})
}

func TestOneSessionOnly(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := setUp(t, d, c)
		a1 := w.login("duiyuan")
		a2 := w.login("duiyuan")
		w.get("/api/session", a1, 200)
		admin := w.login("anquan")
		if n := strings.Count(string(w.get("/api/signin/sessions?q=duiyuan", admin, 200)), `"personId"`); n != 2 {
			t.Errorf("the administrator sees %d sessions, want 2", n)
		}
		w.policy(admin, func(p *signin.Policy) { p.SingleRoles = []string{"*"} })
		a3 := w.login("duiyuan")
		w.get("/api/session", a1, 401)
		w.get("/api/session", a2, 401)
		mine := testkit.JSON[signin.Mine](t, w.get("/api/signin/me", a3, 200))
		if len(mine.Sessions) != 1 || !mine.Sessions[0].Current || mine.Sessions[0].Method != "password" {
			t.Fatalf("sessions %+v", mine.Sessions)
		}
		other := w.login("paidan")
		w.post("/api/signin/sessions/"+mine.Sessions[0].ID+"/end", map[string]string{"reason": "x"}, other, 403)
		w.post("/api/signin/sessions/"+mine.Sessions[0].ID+"/end", map[string]string{"reason": "可疑"}, admin, 204)
		w.get("/api/session", a3, 401)
	})
}

func code(t testing.TB, secret string, at time.Time) string {
	t.Helper()
	c, err := totp.GenerateCode(secret, at)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOneTimeCodes(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := setUp(t, d, c)
		admin := w.login("anquan")
		w.policy(admin, func(p *signin.Policy) { p.TOTPRoles = []string{"district_dispatcher"} })
		b, h := w.post("/api/session", map[string]string{"account": "paidan", "password": password}, nil, 200)
		s := testkit.JSON[access.Session](t, b)
		if s.Next == nil || s.Next.Kind != "enrol" || h.Get("Set-Cookie") != "" {
			t.Fatalf("the policy asks for a code: %s %v", b, h)
		}
		b, _ = w.post("/api/signin/open/enrol/start", map[string]string{"ticket": s.Next.Ticket}, nil, 200)
		e := testkit.JSON[signin.Enrolment](t, b)
		w.post("/api/signin/open/enrol", map[string]string{"ticket": s.Next.Ticket, "code": "000000"}, nil, 422)
		b, h = w.post("/api/signin/open/enrol", map[string]string{"ticket": s.Next.Ticket, "code": code(t, e.Secret, c.Now())}, nil, 200)
		rec := testkit.JSON[signin.OpenAnswer](t, b)
		if len(rec.RecoveryCodes) != 10 || rec.Method != "totp" {
			t.Fatalf("enrolled: %s", b)
		}
		w.get("/api/test/scope", w.browser(b, h), 200)
		var stored string
		if err := d.Read().NewSelect().TableExpr("access_signin_totp").Column("secret").Scan(t.Context(), &stored); err != nil || strings.Contains(stored, e.Secret) {
			t.Errorf("stored secret %q, %v", stored, err)
		}

		next := func() string {
			b, _ := w.post("/api/session", map[string]string{"account": "paidan", "password": password}, nil, 200)
			s := testkit.JSON[access.Session](t, b)
			if s.Next == nil || s.Next.Kind != "totp" {
				t.Fatalf("next step %s", b)
			}
			return s.Next.Ticket
		}
		// The step that set it up cannot be used again, a later one can, once.
		w.post("/api/signin/open/totp", map[string]string{"ticket": next(), "code": code(t, e.Secret, c.Now())}, nil, 422)
		c.Advance(30 * time.Second)
		now := code(t, e.Secret, c.Now())
		tk := next()
		w.post("/api/signin/open/totp", map[string]string{"ticket": tk, "code": now}, nil, 200)
		w.post("/api/signin/open/totp", map[string]string{"ticket": tk, "code": now}, nil, 401)
		w.post("/api/signin/open/totp", map[string]string{"ticket": next(), "code": now}, nil, 422)
		w.post("/api/signin/open/totp", map[string]string{"ticket": next(), "code": rec.RecoveryCodes[3]}, nil, 200)
		w.post("/api/signin/open/totp", map[string]string{"ticket": next(), "code": rec.RecoveryCodes[3]}, nil, 422)
		c.Advance(6 * time.Minute)
		w.post("/api/signin/open/totp", map[string]string{"ticket": tk, "code": code(t, e.Secret, c.Now())}, nil, 401)

		// Wrong codes lock the account like wrong passwords.
		tk = next()
		last := 0
		for range 5 {
			last, _, _ = testkit.Do(t, w.app, "POST", "/api/signin/open/totp", map[string]string{"ticket": tk, "code": "123456"}, nil)
		}
		if last != 429 {
			t.Errorf("fifth wrong code answers %d", last)
		}
		w.post("/api/session", map[string]string{"account": "paidan", "password": password}, nil, 429)
		c.Advance(16 * time.Minute)
		admin = w.login("anquan")
		w.post("/api/signin/persons/"+w.ids["paidan"]+"/totp/reset", map[string]string{"reason": "手机遗失"}, admin, 204)
		b, _ = w.post("/api/session", map[string]string{"account": "paidan", "password": password}, nil, 200)
		if s := testkit.JSON[access.Session](t, b); s.Next == nil || s.Next.Kind != "enrol" {
			t.Errorf("after the reset: %s", b)
		}
	})
}

func TestLinks(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := setUp(t, d, c)
		link := func(path string, ttl time.Duration) string {
			var url string
			err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
				var err error
				url, err = w.s.Ticket(ctx, tx, w.ids["duiyuan"], path, ttl)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			ticket, ok := strings.CutPrefix(url, "https://center.example/m/t/")
			if !ok {
				t.Fatalf("link %s", url)
			}
			return ticket
		}
		tk := link("/m/order/1", 0)
		n, err := d.Read().NewSelect().TableExpr("access_signin_challenges").Where("digest = ? OR data = ?", tk, tk).Count(t.Context())
		if err != nil || n != 0 {
			t.Errorf("the ticket itself is stored: %d, %v", n, err)
		}
		tampered := "A" + tk[1:]
		if tampered == tk {
			tampered = "B" + tk[1:]
		}
		w.post("/api/signin/open/link", map[string]string{"ticket": tampered}, nil, 401)
		b, h := w.post("/api/signin/open/link", map[string]string{"ticket": tk}, nil, 200)
		a := testkit.JSON[signin.OpenAnswer](t, b)
		if a.Path != "/m/order/1" || a.Person.Account != "duiyuan" || a.Method != "sso" {
			t.Fatalf("opened %s", b)
		}
		w.get("/api/session", w.browser(b, h), 200)
		b, _ = w.post("/api/signin/open/link", map[string]string{"ticket": tk}, nil, 401)
		if !strings.Contains(string(b), "只能使用一次") {
			t.Errorf("replay answers %s", b)
		}
		late := link("/m/order/1", time.Hour) // the policy allows five minutes
		c.Advance(5*time.Minute + time.Second)
		w.post("/api/signin/open/link", map[string]string{"ticket": late}, nil, 401)
		for _, p := range []string{"https://evil.example/", "//evil.example", "/\\evil.example", "m/x"} {
			err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
				_, err := w.s.Ticket(ctx, tx, w.ids["duiyuan"], p, 0)
				return err
			})
			if err == nil {
				t.Errorf("a link to %s was made", p)
			}
		}
	})
}

func TestTokens(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := setUp(t, d, c)
		me := w.login("paidan")
		ask := func(perms, prefixes []string) map[string]any {
			return map[string]any{"name": "对接", "perms": perms, "prefixes": prefixes, "days": 30}
		}
		w.post("/api/signin/tokens", ask([]string{"audit.view"}, nil), me, 422)
		w.post("/api/signin/tokens", ask([]string{"alert.view"}, []string{"310104"}), me, 422)
		b, _ := w.post("/api/signin/tokens", ask([]string{"alert.view"}, []string{"310101013"}), me, 200)
		made := testkit.JSON[struct {
			Token signin.Token
			Text  string
		}](t, b)
		bearer := map[string]string{"Authorization": "Bearer " + made.Text}
		if got := string(w.get("/api/test/scope", bearer, 200)); !strings.Contains(got, `["310101013"]`) {
			t.Errorf("scope of the token %s", got)
		}
		w.post("/api/test/decide", map[string]any{}, bearer, 403) // not among its permissions
		w.get("/api/test/scope", map[string]string{"Authorization": "Bearer " + made.Text + "x"}, 401)
		w.get("/api/test/scope", map[string]string{"Authorization": "Bearer jx_"}, 401)
		w.post("/api/signin/tokens", ask([]string{"alert.view"}, nil), bearer, 403) // a token makes no token
		if b := w.get("/api/signin/me", me, 200); strings.Contains(string(b), made.Text) || !strings.Contains(string(b), `"lastAt"`) {
			t.Errorf("own tokens: %s", b)
		}
		w.post("/api/signin/tokens/"+made.Token.ID+"/revoke", map[string]string{"reason": "不用了"}, w.login("xuhui"), 403)
		w.post("/api/signin/tokens/"+made.Token.ID+"/revoke", map[string]string{"reason": "不用了"}, me, 204)
		w.get("/api/test/scope", bearer, 401)

		// A service token works while its owner does.
		admin := w.login("anquan")
		b, _ = w.post("/api/signin/tokens", map[string]any{"name": "大屏", "ownerId": w.ids["xuhui"], "perms": []string{"alert.view", "alert.decide"}, "days": 1}, admin, 200)
		bearer = map[string]string{"Authorization": "bearer " + testkit.JSON[struct{ Text string }](t, b).Text}
		w.post("/api/test/decide", map[string]any{}, bearer, 200) // no CSRF token
		c.Advance(25 * time.Hour)
		w.get("/api/test/scope", bearer, 401)
	})
}
