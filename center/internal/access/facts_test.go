package access_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

// statements counts what the database is asked.
type statements struct{ n atomic.Int64 }

func (c *statements) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context {
	c.n.Add(1)
	return ctx
}
func (*statements) AfterQuery(context.Context, *bun.QueryEvent) {}

// A request answers who its actor is in groups with, and acts for, from what
// it began with and asks no second time; the next request sees every change
// at once, and a line that stays open after a second.
func TestARequestReadsItsRightsOnce(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		count := &statements{}
		d.Hook(count)
		s := service(t, d, nil)
		sec := person(t, s, "anquan", "org-310000", "sec_admin")
		lead := person(t, s, "zhongdui", "org-310101013", "squad_leader")
		me := person(t, s, "duiyuan", "org-310101013", "officer")
		o, err := s.OpenFor(t.Context(), me, access.MethodPassword, "test", "")
		if err != nil {
			t.Fatal(err)
		}
		request := func() context.Context {
			t.Helper()
			ctx, err := s.Identify(t.Context(), httpx.Request{Method: "GET", Path: "/api/todos", Cookie: o.Token})
			if err != nil {
				t.Fatal(err)
			}
			return ctx
		}
		// asks gives groups, absent people and how many statements they took.
		asks := func(ctx context.Context, id string) ([]access.Group, []string, int64) {
			t.Helper()
			before := count.n.Load()
			groups, err := s.GroupsOf(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			list, err := s.ActingFor(ctx, id, c.Now())
			if err != nil {
				t.Fatal(err)
			}
			absent := []string{}
			for _, p := range list {
				absent = append(absent, p.ID)
			}
			return groups, absent, count.n.Load() - before
		}
		// same wants a request to say what the database says.
		same := func(ctx context.Context, want ...access.Group) {
			t.Helper()
			groups, absent, _ := asks(ctx, me)
			stored, away, n := asks(t.Context(), me) // nobody's request: read anew
			if !slices.Equal(groups, stored) || !slices.Equal(absent, away) || !slices.Equal(groups, want) {
				t.Fatalf("the request says %v for %v, the database %v for %v, want %v", groups, absent, stored, away, want)
			}
			if n < 4 {
				t.Errorf("outside a request only %d statements", n)
			}
		}
		officer := access.Group{Role: "officer", OrgID: "org-310101013"}
		leader := access.Group{Role: "squad_leader", OrgID: "org-310101013"}
		open := request()
		if _, _, n := asks(open, me); n != 0 {
			t.Errorf("%d statements for what the request had read", n)
		}
		if g, _, n := asks(open, lead); n == 0 || len(g) != 1 || g[0] != leader {
			t.Errorf("another person's groups: %v by %d statements", g, n)
		}
		same(open, officer)
		// Each change holds from the next request on, at the same moment.
		g, err := give(t, s, sec, me, "district_dispatcher", "310101", nil)
		if err != nil {
			t.Fatal(err)
		}
		dispatcher := access.Group{Role: "district_dispatcher", OrgID: "org-310101013"}
		same(request(), officer, dispatcher)
		if err := s.Revoke(as(t, s, sec), g.ID, "收回"); err != nil {
			t.Fatal(err)
		}
		same(request(), officer)
		x, err := s.Absent(as(t, s, lead), access.AbsenceInput{SubstituteID: me, From: clock.At(c.Now()), To: clock.At(c.Now().Add(time.Hour)), Reason: "休假"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Answer(as(t, s, me), x.ID, true, "", x.Rev); err != nil {
			t.Fatal(err)
		}
		ctx := request()
		same(ctx, officer, leader)
		if _, absent, _ := asks(ctx, me); !slices.Equal(absent, []string{lead}) {
			t.Errorf("acts for %v", absent)
		}
		exec(t, d, "UPDATE access_substitutes SET to_at = to_at + 999999999999")
		same(request(), officer) // changed beside the center: gives nothing
		exec(t, d, "UPDATE access_substitutes SET to_at = to_at - 999999999999")
		// The line that stays open learns of it within a second.
		if g, _, _ := asks(open, me); !slices.Equal(g, []access.Group{officer}) {
			t.Errorf("the open line says %v", g)
		}
		c.Advance(time.Second)
		same(open, officer, leader)
	})
}
