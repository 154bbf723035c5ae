package webhook_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/integration/sign"
	"jiexun/center/internal/integration/webhook"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

func actor(ctx context.Context) context.Context {
	perms := map[string]bool{access.AppView: true, access.InterfaceView: true, access.InterfaceApply: true}
	return access.With(ctx, access.Actor{ID: "sys", Name: "系统管理员", Perms: perms, Scope: access.Scope{Prefixes: []string{"31"}}})
}

// receiver is an outside system that checks signatures and may be down.
type receiver struct {
	mu     sync.Mutex
	status int
	secret string
	got    map[string]int
	bad    int
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	want := sign.Hex(r.secret, sign.Text("POST", q.URL.Path, q.URL.RawQuery, q.Header.Get(sign.HeaderTime), q.Header.Get(sign.HeaderNonce), body))
	if q.Header.Get(sign.HeaderSign) != want {
		r.bad++
	}
	var m webhook.Message
	if json.Unmarshal(body, &m) == nil && r.status == 200 {
		r.got[m.ID]++
	}
	w.WriteHeader(r.status)
}

func setUp(t *testing.T, d *db.DB, allow ...string) *webhook.Service {
	t.Helper()
	for _, q := range []string{
		`INSERT INTO integration_entries (id, kind, code, name, internal, state, enabled, applied_at, updated_at, rev) VALUES ('app', 'app', 'parking', '停车', 0, 'active', 1, 0, 0, 1)`,
		`INSERT INTO integration_clients (id, app_id, purpose, kinds, quota_day, rate_second, ips, prefixes, from_at, to_at, state, applied_by, applied_name, applied_at, updated_at, rev)
			VALUES ('c1', 'app', '', 'business', 1, 1, '', '310101', 0, 99999999999999, 'active', '', '', 0, 0, 1)`,
	} {
		if _, err := d.SQL().Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	s, err := webhook.New(webhook.Options{DB: d, Log: testkit.Log(t), Keys: crypto.ForTest(t, d), Allow: allow})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func take(t *testing.T, s *webhook.Service, d *db.DB, id, region string) {
	t.Helper()
	err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
		return s.Take(ctx, tx, id, "order.closed", region, clock.At(tx.Now()), map[string]string{"no": id})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDeliveredAfterTheReceiverWasDown(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, fc *clock.Fake) {
		s := setUp(t, d, "127.0.0.0/8")
		r := &receiver{status: 503, got: map[string]int{}}
		srv := httptest.NewServer(r)
		defer srv.Close()
		ctx := actor(t.Context())
		h, err := s.Create(ctx, webhook.WebhookWrite{ClientID: "c1", Name: "工单回传", URL: srv.URL + "/hook?a=1", Topics: []string{"order.closed"}, On: true})
		if err != nil || h.Secret == "" {
			t.Fatalf("%+v %v", h, err)
		}
		r.secret = h.Secret
		take(t, s, d, "E1", "310101013")
		take(t, s, d, "E1", "310101013") // the outbox may deliver twice
		take(t, s, d, "E2", "310104014") // not in the client's scope
		for i := range 3 {
			if n, err := s.Send(t.Context()); err != nil || n != 1 {
				t.Fatalf("attempt %d: %d %v", i, n, err)
			}
			if n, _ := s.Send(t.Context()); n != 0 {
				t.Fatal("sent again before the pause was over")
			}
			fc.Advance(time.Minute)
		}
		r.mu.Lock()
		r.status = 200
		r.mu.Unlock()
		if _, err := s.Send(t.Context()); err != nil {
			t.Fatal(err)
		}
		log, err := s.Deliveries(ctx, h.ID, "", "", httpx.Paging{Page: 1, Size: 10})
		if err != nil || log.Total != 1 || log.Items[0].State != webhook.Done || log.Items[0].Attempts != 4 {
			t.Fatalf("%+v %v", log, err)
		}
		if err := s.Replay(ctx, log.Items[0].ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Send(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r.bad != 0 || r.got["E1"] != 2 || len(r.got) != 1 {
			t.Fatalf("received %v, %d with a wrong signature", r.got, r.bad)
		}
	})
}

func TestDisabledAfterManyFailures(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, fc *clock.Fake) {
		s := setUp(t, d, "127.0.0.0/8")
		srv := httptest.NewServer(&receiver{status: 500, got: map[string]int{}})
		defer srv.Close()
		ctx := actor(t.Context())
		h, err := s.Create(ctx, webhook.WebhookWrite{ClientID: "c1", Name: "坏", URL: srv.URL, Topics: []string{"order.closed"}, On: true})
		if err != nil {
			t.Fatal(err)
		}
		take(t, s, d, "E1", "310101")
		take(t, s, d, "E2", "310101")
		for range 12 {
			if _, err := s.Send(t.Context()); err != nil {
				t.Fatal(err)
			}
			fc.Advance(time.Hour)
		}
		list, err := s.List(ctx, "", httpx.Paging{Page: 1, Size: 10})
		if err != nil || list.Items[0].State != webhook.Disabled || list.Items[0].Dead != 2 || !strings.Contains(list.Items[0].Note, "自动停用") {
			t.Fatalf("%+v %v", list.Items, err)
		}
		n, err := d.Read().NewSelect().TableExpr("event_outbox").Where("topic = ?", webhook.TopicDisabled).Count(t.Context())
		if err != nil || n != 1 {
			t.Fatalf("%d notices, %v", n, err)
		}
		got, err := s.Change(ctx, h.ID, webhook.WebhookWrite{ClientID: "c1", Name: "坏", URL: srv.URL, Topics: []string{"order.closed"}, On: true, Rev: list.Items[0].Rev})
		if err != nil || got.State != webhook.On || got.Failures != 0 {
			t.Fatalf("%+v %v", got, err)
		}
		// It is told once that the hook works again: not by later changes.
		if _, err = s.Change(ctx, h.ID, webhook.WebhookWrite{ClientID: "c1", Name: "好", URL: srv.URL, Topics: []string{"order.closed"}, On: true, Rev: got.Rev}); err != nil {
			t.Fatal(err)
		}
		n, err = d.Read().NewSelect().TableExpr("event_outbox").Where("topic = ?", webhook.TopicEnabled).Count(t.Context())
		if err != nil || n != 1 {
			t.Fatalf("told %d times that it is on, %v", n, err)
		}
	})
}

// Addresses inside the house are never called unless configuration allows.
func TestPrivateAddressesAreNotCalled(t *testing.T) {
	hits := 0
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits++ }))
	defer srv.Close()
	port := srv.URL[strings.LastIndex(srv.URL, ":"):]
	c, err := webhook.Client([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "169.254.169.254", "192.168.1.1", "100.64.0.1"} {
		res, err := c.Get("http://" + host + port)
		if err == nil {
			_ = res.Body.Close()
			t.Errorf("%s was called", host)
		}
	}
	if hits != 0 {
		t.Fatalf("%d calls arrived", hits)
	}
	if _, err := webhook.Client([]string{"10.0.0.0/99"}); err == nil {
		t.Fatal("a wrong network was taken")
	}
}
