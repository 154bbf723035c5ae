package app

import (
	"context"
	"testing"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/integration/webhook"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/seed/base"
	"jiexun/center/seed/demo"
)

// A hook that fails too often waits for the person who made it, and once that
// person may no longer switch it on for the administrators; switching it on
// ends what waits.
func TestHookThatFailsWaitsForItsOwner(t *testing.T) {
	c := newCity(t)
	_, err := c.a.access.EnsurePerson(t.Context(), access.NewPerson{Account: "jieru", Name: "演示接入", OrgID: base.OrgID("310000"), Password: demo.Password, Roles: []string{"sys_admin"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{
		`INSERT INTO integration_entries (id, kind, code, name, internal, state, enabled, applied_at, updated_at, rev) VALUES ('app', 'app', 'parking', '停车', 0, 'active', 1, 0, 0, 1)`,
		`INSERT INTO integration_clients (id, app_id, purpose, kinds, quota_day, rate_second, ips, prefixes, from_at, to_at, state, applied_by, applied_name, applied_at, updated_at, rev)
			VALUES ('c1', 'app', '', 'business', 1, 1, '', '31', 0, 99999999999999, 'active', '', '', 0, 0, 1)`,
	} {
		if _, err := c.a.db.SQL().Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	in := webhook.WebhookWrite{ClientID: "c1", Name: "工单回传", URL: "http://127.0.0.1:9/hook", Topics: []string{"order.closed"}, On: true}
	h := call[webhook.Webhook](t, c, "jieru", "POST", "/api/webhooks", in) // this machine is not allowed: each attempt fails
	waiting := func(account, tab string) int64 {
		t.Helper()
		l := call[todos](t, c, account, "GET", "/api/todos?source=webhook&tab="+tab, nil)
		if l.Total > 0 && (l.Items[0].SourceID != h.ID || l.Items[0].Path != "/integration/webhooks") {
			t.Fatalf("%+v", l.Items[0])
		}
		return l.Total
	}
	fail := func(round string) {
		t.Helper()
		for _, id := range []string{"E1", "E2"} {
			err := c.a.db.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
				return c.a.webhooks.Take(ctx, tx, round+id, "order.closed", "310101", clock.At(tx.Now()), map[string]string{"no": id})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for range 12 {
			if _, err := c.a.webhooks.Send(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.clock.Advance(2 * time.Minute)
			if _, err := c.a.db.SQL().Exec("UPDATE integration_deliveries SET next_at = 0 WHERE state = 'waiting'"); err != nil {
				t.Fatal(err)
			}
		}
		c.drain(t)
		c.drain(t) // the notice follows the to-do
	}
	enable := func() {
		t.Helper()
		for _, x := range call[struct{ Items []webhook.Webhook }](t, c, "jieru", "GET", "/api/webhooks", nil).Items {
			if x.State != webhook.Disabled {
				t.Fatalf("%+v", x)
			}
			in.Rev = x.Rev
		}
		call[webhook.Webhook](t, c, "jieru", "PUT", "/api/webhooks/"+h.ID, in)
		c.drain(t)
	}
	before := call[struct{ Unread int64 }](t, c, "jieru", "GET", "/api/messages/unread", nil).Unread
	fail("a")
	if n := waiting("jieru", "todo"); n != 1 {
		t.Fatalf("%d wait for the owner", n)
	}
	if m := call[struct{ Unread int64 }](t, c, "jieru", "GET", "/api/messages/unread", nil).Unread; m != before+1 {
		t.Errorf("%d notices", m-before)
	}
	enable()
	if n := waiting("jieru", "todo"); n != 0 {
		t.Fatalf("%d wait though the hook is on", n)
	}
	if n := waiting("jieru", "done"); n != 1 {
		t.Errorf("%d are done", n)
	}
	// The owner is somebody without the right now.
	if _, err := c.a.db.SQL().Exec("UPDATE integration_hooks SET created_by = 'nobody'"); err != nil {
		t.Fatal(err)
	}
	fail("b")
	if own, group := waiting("jieru", "todo"), waiting("jieru", "group"); own != 0 || group != 1 {
		t.Fatalf("%d wait for the owner, %d for the administrators", own, group)
	}
	enable()
	if n := waiting("jieru", "group"); n != 0 {
		t.Errorf("%d wait for the administrators though the hook is on", n)
	}
}
