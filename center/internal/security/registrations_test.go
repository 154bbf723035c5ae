package security_test

import (
	"context"
	"testing"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/internal/security"
)

// Whoever signs in is active that day, without a call and however often the
// event is told; their calls add to the same row, whichever comes first.
func TestSigningInIsActive(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := setUp(t, d, c)
		head := w.login("paidan")
		first := clock.At(c.Now())
		w.settle()
		people := func() []security.ActivePerson {
			t.Helper()
			return testkit.JSON[httpx.List[security.ActivePerson]](t, w.ok("GET", "/api/usage/people?from=2026-11-24&to=2026-11-24&q=paidan", nil, w.login("yanpan"))).Items
		}
		got := people()
		if len(got) != 1 || got[0].Calls != 0 || got[0].Days != 1 || got[0].RegionCode != "310101" || got[0].LastAt != first {
			t.Fatalf("after signing in: %+v", got)
		}
		w.do("GET", "/api/test/export", nil, head)
		c.Advance(10 * time.Minute)
		w.do("GET", "/api/test/export", nil, head)
		last := clock.At(c.Now())
		w.settle()
		// The sign-in is told again, after the calls.
		e := events.Event{ID: "again", Payload: []byte(`{"personId":"` + w.ids["paidan"] + `","method":"password"}`), At: first}
		stranger := events.Event{ID: "gone", Payload: []byte(`{"personId":"nobody"}`), At: first}
		for _, e := range []events.Event{e, e, stranger} {
			if err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error { return w.s.TakeOpened(ctx, tx, e) }); err != nil {
				t.Fatal(err)
			}
		}
		if got = people(); len(got) != 1 || got[0].Calls != 2 || got[0].LastAt != last {
			t.Fatalf("after two calls: %+v", got)
		}
	})
}

// Each registration counts once as applied for and once as approved, on its
// day and where the applicant works.
func TestRegistrationsAreCounted(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := setUp(t, d, c)
		w.bus.Subscribe("integration.registered", "security", w.s.TakeRegistered)
		w.bus.Subscribe("integration.approved", "security", w.s.TakeApproved)
		tell := func(topic, id, account string) {
			t.Helper()
			err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
				return events.Publish(ctx, tx, topic, map[string]string{"id": id, "kind": "interface", "name": "停车", "personId": w.ids[account], "by": "x"})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		w.do("GET", "/api/test/export", nil, w.login("paidan")) // districts and days are those of calls
		w.do("GET", "/api/test/export", nil, w.login("xuhui"))
		tell("integration.registered", "a", "paidan")
		tell("integration.registered", "b", "paidan")
		tell("integration.registered", "b", "paidan")
		tell("integration.registered", "c", "xuhui")
		w.settle()
		c.Advance(24 * time.Hour)
		tell("integration.approved", "a", "paidan")
		tell("integration.approved", "a", "paidan") // changed, and approved again
		w.do("GET", "/api/test/export", nil, w.login("paidan"))
		w.settle()
		head := w.login("yanpan")
		total := func(query string) security.Registrations {
			t.Helper()
			return testkit.JSON[security.UsageTotal](t, w.ok("GET", "/api/usage?"+query, nil, head)).Registrations
		}
		for query, want := range map[string]security.Registrations{
			"": {Registered: 3, Approved: 1}, "from=2026-11-24&to=2026-11-24": {Registered: 3}, "from=2026-11-25&to=2026-11-25": {Approved: 1},
			"region=310104": {Registered: 1}, "from=2026-11-26&to=2026-11-26": {},
		} {
			if got := total(query); got != want {
				t.Errorf("%q: %+v, want %+v", query, got, want)
			}
		}
		for by, want := range map[string]map[string]security.Registrations{
			"day": {"20261124": {Registered: 3}, "20261125": {Approved: 1}}, "month": {"202611": {Registered: 3, Approved: 1}},
			"district": {"310101": {Registered: 2, Approved: 1}, "310104": {Registered: 1}},
		} {
			for _, p := range testkit.JSON[[]security.UsagePoint](t, w.ok("GET", "/api/usage/by/"+by, nil, head)) {
				if x, ok := want[p.Key]; ok && x != p.Registrations {
					t.Errorf("%s %s: %+v, want %+v", by, p.Key, p.Registrations, x)
				}
				delete(want, p.Key)
			}
			if len(want) > 0 {
				t.Errorf("%s: not there: %+v", by, want)
			}
		}
	})
}
