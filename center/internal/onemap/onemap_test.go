package onemap_test

import (
	"context"
	"fmt"
	"testing"

	"jiexun/center/internal/access"
	"jiexun/center/internal/onemap"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/testkit"
)

func actor(id, org, level, scope string, perms ...string) context.Context {
	a := access.Actor{ID: id, OrgID: org, OrgLevel: level, Scope: access.Scope{Prefixes: []string{scope}}, Perms: map[string]bool{}}
	for _, p := range perms {
		a.Perms[p] = true
	}
	return access.With(context.Background(), a)
}

// fill puts one open order into each of three streets; the views read tables
// of other domains, so that this test writes them as their owners do.
func fill(t *testing.T, d *db.DB) {
	t.Helper()
	now := clock.At(d.Now())
	for i, region := range []string{"310101013", "310101015", "310104014"} {
		due := int64(now) + int64(i-1)*3_600_000
		_, err := d.SQL().Exec(fmt.Sprintf(`INSERT INTO order_items (id, no, kind, state, shop_id, shop_name, camera_id, camera_name, address, lng, lat, region_code,
			street_name, suggested_squad_id, suggested_squad, suggest_reason, squad_org_id, squad_name, officer_id, officer_name, evidence_use, thumb, result,
			result_note, alert_count, rule_id, limit_ms, near_ms, near_today, created_at, due_at, created_ymd, closed_ymd, text_key, rev)
			VALUES ('o%d', 'GD%d', 'stacking', 'dispatched', '', '', '', '', '', 121, 31, '%s', '', '', '', '', 'squad%d', '', 'officer%d', '', '', '', '', '', 1,
			'order-rule-1', 1000, 600000, 0, 0, %d, 0, 0, '', 1)`, i, i, region, i, i, due))
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestMapIsCutToTheViewer(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		fill(t, d)
		s := onemap.New(d)
		for _, c := range []struct {
			name   string
			ctx    context.Context
			region string
			orders string
		}{
			{"city", actor("a", "b", "bureau", "31", access.MapView, access.OrderView), "", "o0:over o1:near o2:normal"},
			{"city, one district", actor("a", "b", "bureau", "31", access.MapView, access.OrderView), "310101", "o0:over o1:near"},
			{"district", actor("a", "b", "district", "310101", access.MapView, access.OrderView), "", "o0:over o1:near"},
			{"a squad sees what it was sent", actor("a", "squad2", "squad", "310101013", access.MapView, access.OrderView), "", "o0:over o2:normal"},
			{"an officer sees the own", actor("officer1", "x", "squad", "310101013", access.MapView, access.OrderView), "", "o0:over o1:near"},
			{"no right to orders", actor("a", "b", "bureau", "31", access.MapView), "", ""},
		} {
			m, err := s.Get(c.ctx, c.region)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, o := range m.Orders {
				got += " " + o.ID + ":" + o.DueState
			}
			if got != "" {
				got = got[1:]
			}
			if got != c.orders {
				t.Errorf("%s: %q, want %q", c.name, got, c.orders)
			}
		}
		if _, err := s.Get(actor("a", "b", "bureau", "31"), ""); errs.CodeOf(err) != errs.ForbiddenCode {
			t.Errorf("without the right: %v", err)
		}
	})
}
