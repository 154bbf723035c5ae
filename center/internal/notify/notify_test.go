package notify_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/notify"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/internal/todo"
)

var managers = todo.Group{Role: "sys_admin", OrgID: "bureau"}

// folk is an organisation in memory, for both services.
type folk struct{ names map[string]string }

func (f folk) Person(_ context.Context, id string) (todo.Person, bool, error) {
	n, ok := f.names[id]
	return todo.Person{ID: id, Name: n}, ok, nil
}
func (f folk) OrgName(context.Context, string) (string, error) { return "市局", nil }
func (f folk) GroupsOf(_ context.Context, id string) ([]todo.Group, error) {
	if id == "boss" {
		return []todo.Group{managers}, nil
	}
	return nil, nil
}
func (f folk) Members(_ context.Context, g todo.Group) ([]todo.Person, error) {
	if g == managers {
		return []todo.Person{{ID: "boss", Name: f.names["boss"]}}, nil
	}
	return nil, nil
}
func (f folk) ActingFor(context.Context, string) ([]todo.Person, error) { return nil, nil }
func (f folk) HeirOf(context.Context, string) (todo.Group, error)       { return managers, nil }
func (f folk) Managers(context.Context) (todo.Group, error)             { return managers, nil }
func (f folk) Contact(_ context.Context, id string) (notify.Contact, bool, error) {
	n, ok := f.names[id]
	phone := ""
	if strings.HasPrefix(id, "p") {
		num, _ := strconv.Atoi(id[1:])
		phone = fmt.Sprintf("1380000%04d", num)
	}
	return notify.Contact{ID: id, Name: n, Account: id, Phone: phone, Active: true}, ok, nil
}

// gateway is an SMS and government cloud gateway that can be down, slow to
// answer, wrong, and that knows what it delivered.
type gateway struct {
	*httptest.Server
	mu     sync.Mutex
	mode   string // "" | down | lost (it takes the message, the answer is lost) | refuse | odd
	got    map[string]map[string]any
	order  []string
	double int
	bad    int
}

const secret = "a-shared-secret"

func newGateway(t *testing.T) *gateway {
	g := &gateway{got: map[string]map[string]any{}}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		if notify.Sign(secret, r.Method, r.URL.Path, r.Header.Get(notify.HeaderTime), r.Header.Get(notify.HeaderNonce), body) != r.Header.Get(notify.HeaderSign) {
			g.bad++
			http.Error(w, "sign", http.StatusUnauthorized)
			return
		}
		switch g.mode {
		case "down":
			http.Error(w, "down", http.StatusBadGateway)
			return
		case "refuse":
			_, _ = io.WriteString(w, `{"code":7,"message":"余额不足"}`)
			return
		case "odd":
			_, _ = io.WriteString(w, `<html>`)
			return
		}
		var m map[string]any
		_ = json.Unmarshal(body, &m)
		id := fmt.Sprint(m["orderId"], m["bizId"])
		if _, again := g.got[id]; again {
			g.double++ // a real gateway drops it by its orderId
		} else {
			g.order = append(g.order, r.URL.Path)
		}
		g.got[id] = m
		if g.mode == "lost" {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprintf(w, `{"code":0,"msgid":"m-%d"}`, len(g.got))
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *gateway) set(mode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mode = mode
}

func (g *gateway) texts() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := []string{}
	for _, m := range g.got {
		out = append(out, fmt.Sprint(m["mobile"], " ", m["content"]))
	}
	slices.Sort(out)
	return out
}

type world struct {
	t   *testing.T
	d   *db.DB
	c   *clock.Fake
	s   *notify.Service
	td  *todo.Service
	bus *events.Bus
	g   *gateway
	n   int
}

func newWorld(t *testing.T, d *db.DB, c *clock.Fake) *world {
	f := folk{map[string]string{"boss": "系统管理员", "sec": "安全管理员"}}
	for i := range 60 {
		f.names[fmt.Sprintf("p%d", i)] = fmt.Sprintf("队员%d", i)
	}
	w := &world{t: t, d: d, c: c, g: newGateway(t)}
	w.td = todo.New(todo.Options{DB: d, People: f, Log: testkit.Log(t)})
	s, err := notify.New(t.Context(), notify.Options{DB: d, Todo: w.td, People: f, Secrets: crypto.ForTest(t, d), Log: testkit.Log(t),
		Tickets: func(_ context.Context, _ db.Tx, person, path string, _ time.Duration) (string, error) {
			w.n++
			return fmt.Sprintf("https://c.example/m/t/%s-%d", person, w.n), nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	w.s = s
	w.bus = events.NewBus(d, testkit.Log(t), nil)
	w.bus.Subscribe(todo.TopicChanged, "notify", s.TakeTodo)
	return w
}

func (w *world) as(id string, perms ...string) context.Context {
	return as(w.t, id, perms...)
}

// as is a person who holds permissions everywhere.
func as(t *testing.T, id string, perms ...string) context.Context {
	a := access.Actor{ID: id, Name: id, Account: id, Perms: map[string]bool{}, Scope: access.Scope{Prefixes: []string{"31"}}}
	for _, p := range perms {
		a.Perms[p] = true
	}
	return access.With(t.Context(), a)
}

// connect switches a channel on.
func (w *world) connect(code string, change func(*notify.NotifyChannel)) {
	w.t.Helper()
	ch := notify.NotifyChannel{Code: code, Mode: "fake", Address: w.g.URL, AppID: "jx", Secret: secret, Sender: "城管执法", PerHour: 100, QuietFrom: 22 * 60, QuietTo: 7 * 60, Tries: 3, RetryMinutes: 5, ExpireHours: 24}
	l, err := w.s.Channels(w.as("boss", access.NotifyManage))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range l {
		if c.Code == code {
			ch.Rev = c.Rev
		}
	}
	if change != nil {
		change(&ch)
	}
	if err := w.s.SaveChannel(w.as("boss", access.NotifyManage), ch.Row()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) put(id, who string, priority int) {
	w.t.Helper()
	due := clock.At(w.d.Now().Add(200 * time.Hour))
	w.tx(func(ctx context.Context, tx db.Tx) error {
		return w.td.Put(ctx, tx, todo.Item{Source: "order", SourceID: id, Key: "handle", Kind: "order", Title: "占道堆物 " + id, Path: "/orders/" + id, PhonePath: "/order/" + id, Assignee: who, Priority: priority, DueAt: &due})
	})
}

func (w *world) tx(f func(ctx context.Context, tx db.Tx) error) {
	w.t.Helper()
	if err := w.d.InTx(w.t.Context(), f); err != nil {
		w.t.Fatal(err)
	}
	w.drain()
}

func (w *world) drain() {
	w.t.Helper()
	for {
		n, err := w.bus.Drain(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// deliver sends everything whose time has come.
func (w *world) deliver(code string) {
	w.t.Helper()
	for range 100 {
		n, err := w.s.Deliver(w.t.Context(), code)
		if err != nil {
			w.t.Fatal(err)
		}
		w.drain()
		if n == 0 {
			return
		}
	}
	w.t.Fatal("the delivery does not end")
}

// states counts the log of a channel by state.
func (w *world) states(code string) map[string]int64 {
	w.t.Helper()
	l, err := w.s.Figures(w.as("boss", access.NotifyLog), 366)
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]int64{}
	for _, x := range l {
		if x.Channel == code {
			out[x.State] = x.N
		}
	}
	return out
}

// The SMS gateway is down for an hour in the evening: nothing is lost,
// nothing arrives twice, quiet hours hold, and the log has every message.
func TestGatewayDownForAnHour(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := newWorld(t, d, c)
		w.connect(notify.SMS, nil)
		c.Set(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)) // 20:00 in Shanghai
		w.put("before", "p0", 0)
		w.deliver(notify.SMS)
		if got := w.g.texts(); len(got) != 1 || !strings.Contains(got[0], "13800000000") || !strings.Contains(got[0], "/m/t/p0-1") {
			t.Fatalf("before the failure: %q", got)
		}
		w.g.set("down")
		for m := range 60 { // 20:00 to 21:00, a message each two minutes
			if m%2 == 0 {
				w.put(fmt.Sprint("down", m), fmt.Sprintf("p%d", 1+m/2), 0)
			}
			w.deliver(notify.SMS)
			c.Advance(time.Minute)
		}
		if s := w.states(notify.SMS); s[notify.Queued] != 30 || s[notify.Sent] != 1 || len(s) != 2 {
			t.Fatalf("while it is down: %v", s)
		}
		boss, err := w.td.Summary(w.as("boss"))
		if err != nil || boss.Group != 1 {
			t.Fatalf("the managers have %+v, want one alarm; %v", boss, err)
		}
		w.g.set("lost") // back for a moment, but its answers get lost
		c.Advance(time.Minute)
		w.deliver(notify.SMS)
		w.g.set("")
		for range 30 {
			c.Advance(time.Minute)
			w.deliver(notify.SMS)
		}
		if s := w.states(notify.SMS); s[notify.Sent] != 31 || len(s) != 1 {
			t.Fatalf("after it came back: %v", s)
		}
		if got := w.g.texts(); len(got) != 31 || len(slices.Compact(slices.Clone(got))) != 31 {
			t.Fatalf("%d messages arrived", len(got))
		}
		if boss, err = w.td.Summary(w.as("boss")); err != nil || boss.Group != 0 {
			t.Errorf("the alarm stays: %+v, %v", boss, err)
		}
		// 22:00 to 07:00 is quiet; an urgent one goes out all the same.
		c.Set(time.Date(2026, 11, 24, 15, 30, 0, 0, time.UTC)) // 23:30
		w.put("night", "p40", 0)
		w.put("urgent", "p41", 2)
		w.deliver(notify.SMS)
		if s := w.states(notify.SMS); s[notify.Sent] != 32 || s[notify.Queued] != 1 {
			t.Fatalf("at night: %v", s)
		}
		c.Set(time.Date(2026, 11, 24, 22, 59, 0, 0, time.UTC)) // 06:59
		w.deliver(notify.SMS)
		if s := w.states(notify.SMS); s[notify.Queued] != 1 {
			t.Fatalf("at 06:59: %v", s)
		}
		c.Advance(time.Minute)
		w.deliver(notify.SMS)
		if s := w.states(notify.SMS); s[notify.Sent] != 33 || len(s) != 1 {
			t.Fatalf("at 07:00: %v", s)
		}
		if w.g.bad != 0 {
			t.Errorf("%d badly signed requests", w.g.bad)
		}
	})
}

func TestRefusedThreeTimes(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := newWorld(t, d, c)
		w.connect(notify.SMS, nil)
		w.g.set("refuse")
		w.put("1", "p1", 0)
		for i := range 3 {
			w.deliver(notify.SMS)
			if s := w.states(notify.SMS); s[notify.Failed] != int64(i/2) {
				t.Fatalf("after try %d: %v", i+1, s)
			}
			c.Advance(5 * time.Minute)
		}
		l, err := w.s.Log(w.as("boss", access.NotifyLog), notify.LogFilter{State: notify.Failed}, httpx.Paging{Page: 1, Size: 20})
		if err != nil || l.Total != 1 || l.Items[0].Reason != "试了 3 次：7 余额不足" || l.Items[0].Address != "138****0001" {
			t.Fatalf("log %+v, %v", l, err)
		}
		if boss, _ := w.td.Summary(w.as("boss")); boss.Group != 1 {
			t.Fatalf("alarms: %+v", boss)
		}
		w.g.set("")
		if _, err := w.s.Resend(w.as("boss", access.NotifyManage), l.Items[0].ID); err != nil {
			t.Fatal(err)
		}
		w.drain()
		w.deliver(notify.SMS)
		if s := w.states(notify.SMS); s[notify.Sent] != 1 || s[notify.Failed] != 1 {
			t.Fatalf("after the second sending: %v", s)
		}
		if boss, _ := w.td.Summary(w.as("boss")); boss.Group != 0 {
			t.Errorf("the alarm stays: %+v", boss)
		}
	})
}

// A person's wishes, the limit of an hour, and what was sent before.
func TestPreferencesAndLimits(t *testing.T) {
	d0 := clock.NewFake(testkit.Start())
	d := testkit.SQLite(t, d0)
	w := newWorld(t, d, d0)
	w.connect(notify.SMS, func(c *notify.NotifyChannel) { c.PerHour = 2 })
	pref := notify.NotifyPrefs{Off: []string{"sms"}, QuietFrom: -1, QuietTo: -1}
	if err := w.s.SavePrefs(w.as("p1"), pref.Row()); err != nil {
		t.Fatal(err)
	}
	w.put("a", "p1", 0)
	w.put("b", "p1", 2) // urgent: goes out
	for i := range 3 {
		w.put(fmt.Sprint("c", i), "p2", 0)
	}
	w.put("d", "sec", 0) // has no phone
	w.deliver(notify.SMS)
	if s := w.states(notify.SMS); s[notify.Skipped] != 2 || s[notify.Sent] != 3 || s[notify.Queued] != 1 {
		t.Fatalf("%v", s)
	}
	d0.Advance(61 * time.Minute)
	w.deliver(notify.SMS)
	if s := w.states(notify.SMS); s[notify.Sent] != 4 || s[notify.Queued] != 0 {
		t.Fatalf("an hour later: %v", s)
	}
	// Reopened within ten minutes of the first: not told again.
	w.put("e", "p3", 0)
	w.tx(func(ctx context.Context, tx db.Tx) error { return w.td.Close(ctx, tx, "order", "e", "", "p3", "") })
	w.put("e", "p3", 0)
	if s := w.states(notify.SMS); s[notify.Withdrawn] != 1 {
		t.Fatalf("what was closed before it was sent: %v", s)
	}
	w.deliver(notify.SMS)
	w.tx(func(ctx context.Context, tx db.Tx) error { return w.td.Close(ctx, tx, "order", "e", "", "p3", "") })
	w.put("e", "p3", 0)
	if s := w.states(notify.SMS); s[notify.Skipped] != 3 {
		t.Fatalf("the same within ten minutes: %v", s)
	}
	for _, bad := range []notify.NotifyPrefs{{Off: []string{"inapp"}, QuietFrom: -1}, {QuietFrom: 5000}, {QuietFrom: -1, Mail: "no mail"}} {
		if err := w.s.SavePrefs(w.as("p1"), bad.Row()); !errs.Is(err, errs.Invalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// The government cloud's list follows ours: made, handed on, done.
func TestMirror(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := newWorld(t, d, c)
		w.connect(notify.SSB, nil)
		w.g.set("down")
		w.put("1", "p1", 0)
		w.deliver(notify.SSB)
		w.put("1", "p2", 0)
		w.tx(func(ctx context.Context, tx db.Tx) error { return w.td.Close(ctx, tx, "order", "1", "", "p2", "") })
		w.g.set("")
		for range 20 {
			c.Advance(5 * time.Minute)
			w.deliver(notify.SSB)
		}
		w.g.mu.Lock()
		defer w.g.mu.Unlock()
		todo := []string{}
		for _, p := range w.g.order {
			if strings.HasPrefix(p, "/todo/") {
				todo = append(todo, p)
			}
		}
		made, ended := slices.Index(todo, "/todo/create"), slices.Index(todo, "/todo/cancel")
		if len(todo) != 4 || made != 0 || ended < 1 || todo[3] != "/todo/done" && todo[2] != "/todo/done" {
			t.Fatalf("the other list saw %q", todo)
		}
	})
}

func TestReceipts(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := newWorld(t, d, c)
		w.connect(notify.SMS, nil)
		w.put("1", "p1", 0)
		w.deliver(notify.SMS)
		send := func(body, key string, at time.Time) error {
			in := notify.Signed{Method: "POST", Path: "/api/notify/receipts/sms", App: "jx", Time: strconv.FormatInt(at.Unix(), 10), Nonce: "n", Body: []byte(body)}
			in.Sign = notify.Sign(key, in.Method, in.Path, in.Time, in.Nonce, in.Body)
			return w.s.Receipts(t.Context(), "sms", in)
		}
		now := d.Now()
		ok := `{"msgid":"m-1","mobile":"13800000001","status":"DELIVRD","timestamp":1}`
		for name, err := range map[string]error{"wrong key": send(ok, "x", now), "old": send(ok, secret, now.Add(-time.Hour))} {
			if !errs.Is(err, errs.Unauthenticated) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, bad := range []string{"", "[]", "{}", `{"msgid":1}`} {
			if err := send(bad, secret, now); !errs.Is(err, errs.Invalid) {
				t.Errorf("%q: %v", bad, err)
			}
		}
		for range 2 { // reported twice
			if err := send("["+ok+","+ok+`,{"msgid":"unknown","status":"0"}]`, secret, now); err != nil {
				t.Fatal(err)
			}
		}
		if s := w.states(notify.SMS); s[notify.Delivered] != 1 || len(s) != 1 {
			t.Fatalf("%v", s)
		}
		if err := send(`{"msgid":"m-1","status":"UNDELIV"}`, secret, now); err != nil {
			t.Fatal(err)
		}
		if s := w.states(notify.SMS); s[notify.Delivered] != 1 {
			t.Errorf("a late failure undid the delivery: %v", s)
		}
	})
}

// A template needs two people; the version in force stays until the next one
// is approved.
func TestTemplates(t *testing.T) {
	c := clock.NewFake(testkit.Start())
	d := testkit.SQLite(t, c)
	w := newWorld(t, d, c)
	w.connect(notify.SMS, nil)
	boss := w.as("boss", access.NotifyManage, access.NotifyApprove)
	if _, err := w.s.WriteTemplate(boss, notify.TemplateInput{Code: "todo.created", Channel: "sms", Name: "新待办", Body: "{{没有}}"}); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "没有变量 {{没有}}") {
		t.Errorf("unknown variable: %v", err)
	}
	n, err := w.s.WriteTemplate(boss, notify.TemplateInput{Code: "todo.created", Channel: "sms", Name: "新待办", Body: "新版 {{标题}}"})
	if err != nil || n.Version != 2 {
		t.Fatalf("%+v, %v", n, err)
	}
	if _, err := w.s.DecideTemplate(boss, n.ID, true, "", n.Rev); !errs.Is(err, errs.ForbiddenCode) {
		t.Errorf("approved by its writer: %v", err)
	}
	w.put("1", "p1", 0)
	w.deliver(notify.SMS)
	if got := w.g.texts(); strings.Contains(got[0], "新版") {
		t.Fatal("a version is used before its approval")
	}
	if _, err := w.s.DecideTemplate(w.as("sec", access.NotifyApprove), n.ID, false, "", n.Rev); !errs.Is(err, errs.Invalid) {
		t.Errorf("rejected without a reason: %v", err)
	}
	if _, err := w.s.DecideTemplate(w.as("sec", access.NotifyApprove), n.ID, true, "", n.Rev); err != nil {
		t.Fatal(err)
	}
	w.put("2", "p2", 0)
	w.deliver(notify.SMS)
	if got := w.g.texts(); !strings.Contains(got[1], "新版 占道堆物 2") {
		t.Fatalf("%q", got)
	}
	title, body, err := w.s.Preview(boss, "mail", "{{变化}}", "{{姓名}} {{剩余}} {{链接}}")
	if err != nil || title != "新待办" || !strings.Contains(body, "剩 2 时 0 分") {
		t.Errorf("preview %q %q, %v", title, body, err)
	}
}

// Messages in the console need no gateway.
func TestMessages(t *testing.T) {
	c := clock.NewFake(testkit.Start())
	d := testkit.SQLite(t, c)
	w := newWorld(t, d, c)
	w.put("1", "p1", 0)
	w.put("2", "p1", 0)
	ctx := w.as("p1")
	l, err := w.s.Messages(ctx, false, httpx.Paging{Page: 1, Size: 10})
	if err != nil || l.Total != 2 || strings.Contains(l.Items[0].Body, "{{") {
		t.Fatalf("%+v, %v", l, err)
	}
	if err := w.s.ReadMessages(w.as("p2"), nil); err != nil {
		t.Fatal(err)
	}
	if err := w.s.ReadMessages(ctx, []string{l.Items[0].ID}); err != nil {
		t.Fatal(err)
	}
	if n, err := w.s.Unread(ctx); err != nil || n != 1 {
		t.Errorf("%d unread, %v", n, err)
	}
}

// A mail goes through a real conversation; no text can add a header.
func TestMail(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	got := make(chan string, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		r := bufio.NewReader(conn)
		fmt.Fprint(conn, "220 test\r\n")
		data, text := false, ""
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			switch {
			case data && line == ".\r\n":
				data = false
				fmt.Fprint(conn, "250 taken\r\n")
				got <- text
			case data:
				text += line
			case strings.HasPrefix(line, "DATA"):
				data = true
				fmt.Fprint(conn, "354 go on\r\n")
			case strings.HasPrefix(line, "QUIT"):
				fmt.Fprint(conn, "221 bye\r\n")
				return
			default:
				fmt.Fprint(conn, "250 ok\r\n")
			}
		}
	}()
	c := clock.NewFake(testkit.Start())
	d := testkit.SQLite(t, c)
	w := newWorld(t, d, c)
	w.connect(notify.Mail, func(ch *notify.NotifyChannel) {
		ch.Address, ch.Sender = ln.Addr().String(), "街巡 <no-reply@jiexun.example>"
	})
	pref := notify.NotifyPrefs{QuietFrom: -1, QuietTo: -1, Mail: "li@cg.example"}
	if err := w.s.SavePrefs(w.as("p1"), pref.Row()); err != nil {
		t.Fatal(err)
	}
	rule := notify.NotifyRule{Name: "邮件", Change: "created", Audience: []string{"assignee"}, Channels: []string{"mail"}, Template: "todo.created", Enabled: true}
	if _, err := w.s.SaveRule(w.as("boss", access.NotifyManage), rule.Row()); err != nil {
		t.Fatal(err)
	}
	w.put("1\r\nBcc: all@x.example", "p1", 0)
	w.deliver(notify.Mail)
	text := <-got
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	raw, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(body, "\r\n", ""))
	if err != nil || !strings.Contains(string(raw), "/m/t/p1-1") || strings.Contains(head, "Bcc") || !strings.Contains(head, "Subject: =?utf-8?b?") {
		t.Fatalf("head %s\nbody %s, %v", head, raw, err)
	}
	if s := w.states(notify.Mail); s[notify.Sent] != 1 {
		t.Errorf("%v", s)
	}
}

// A late item goes up to those who answer for the work, once.
func TestLateGoesUp(t *testing.T) {
	c := clock.NewFake(testkit.Start())
	d := testkit.SQLite(t, c)
	w := newWorld(t, d, c)
	w.put("1", "p1", 0)
	c.Advance(201 * time.Hour)
	for range 3 {
		if _, err := w.td.Fire(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.drain()
	}
	for who, want := range map[string]int64{"p1": 1, "boss": 1, "p2": 0} {
		l, err := w.s.Messages(w.as(who), false, httpx.Paging{Page: 1, Size: 10})
		n := int64(0)
		for _, m := range l.Items {
			if m.Change == "overdue" {
				n++
			}
		}
		if err != nil || n != want {
			t.Errorf("%s was told %d times, want %d; %v", who, n, want, err)
		}
	}
}

func TestQuiet(t *testing.T) {
	at := func(h, m int) time.Time { return time.Date(2026, 11, 24, h, m, 0, 0, clock.Shanghai()) }
	night, noon := notify.Quiet{From: 22 * 60, To: 7 * 60}, notify.Quiet{From: 12 * 60, To: 14 * 60}
	for _, x := range []struct {
		q    notify.Quiet
		t, w time.Time
	}{
		{night, at(21, 59), at(21, 59)}, {night, at(22, 0), at(31, 0)}, {night, at(23, 59), at(31, 0)}, {night, at(0, 0), at(7, 0)},
		{night, at(6, 59), at(7, 0)}, {night, at(7, 0), at(7, 0)}, {noon, at(11, 59), at(11, 59)}, {noon, at(12, 0), at(14, 0)}, {noon, at(14, 0), at(14, 0)},
		{notify.Quiet{From: 60, To: 60}, at(1, 0), at(1, 0)},
	} {
		if got := x.q.End(x.t); !got.Equal(x.w) {
			t.Errorf("%v at %v: %v, want %v", x.q, x.t, got, x.w)
		}
	}
}

func FuzzRender(f *testing.F) {
	for _, s := range []string{"", "{{标题}}", "{{ 标题 }}{{链接}}", "{{", "}}{{", "{{{{标题}}}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out := notify.Render(text, map[string]string{"标题": "x"})
		if len(notify.Unknown(text)) == 0 && !strings.Contains(text, "{{") && out != text {
			t.Errorf("%q became %q", text, out)
		}
	})
}

func FuzzReceipts(f *testing.F) {
	for _, s := range []string{`{"msgid":"1","status":"0"}`, `[{"orderId":"2","status":"DELIVRD","timestamp":"x"}]`, "[", "null", "[null]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := notify.ParseReceipts(body)
		if err == nil && list == 0 {
			t.Error("nothing was taken as a report")
		}
	})
}
