package orders_test

import (
	"fmt"
	"os"
	"testing"

	"jiexun/center/internal/access"
	"jiexun/center/internal/orders"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

// bulk makes n orders of two years in 16 districts of 15 streets each, 1.6 in
// a hundred of them not closed.
func bulk(b *testing.B, d *db.DB, n int, now int64) {
	b.Helper()
	street := "'310' || (101 + i % 16) || '0' || (11 + (i / 16) % 15)"
	step := int64(730*24*3600*1000) / int64(n)
	sql := fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d),
		s AS (SELECT i, %s AS street, CASE WHEN i %% 250 > 3 OR i > %d THEN 'closed' WHEN i %% 250 = 0 THEN 'dispatched' WHEN i %% 250 = 1 THEN 'accepted' WHEN i %% 250 = 2 THEN 'onSite' ELSE 'handled' END AS state FROM n)
		INSERT INTO order_items (id, no, kind, state, shop_id, shop_name, camera_id, camera_name, address, lng, lat, region_code, street_name,
			suggested_squad_id, suggested_squad, suggest_reason, squad_org_id, squad_name, officer_id, officer_name, evidence_use, thumb, result, result_note,
			alert_count, rule_id, limit_ms, near_ms, near_today, created_at, due_at, created_ymd, closed_ymd, text_key, rev)
		SELECT 'id' || (10000000 + i), 'GD2026-' || (10000000 + i), CASE i %% 2 WHEN 0 THEN 'stacking' ELSE 'frontage' END, state,
			'shop' || (i %% 200000), '商铺' || (i %% 200000), 'cam' || (i %% 100000), '点位' || (i %% 100000), '演示路' || (i %% 900) || '号', 121.4, 31.2, street, '某街道',
			'', '', '', 'sq' || street, '中队', CASE WHEN state = 'dispatched' THEN '' ELSE 'of' || street || (i / 240 %% 8) END, '队员', 'evidence', '', '', '',
			1, 'order-rule-1', 0, 3600000, 0, CAST(%d AS BIGINT) - CAST(i AS BIGINT) * %d, CAST(%d AS BIGINT) - CAST(i AS BIGINT) * %d + 14400000, 20261124, 20261124, 'text' || (i %% 200000), 1 FROM s`,
		n-1, street, n*9/10, now, step, now, step)
	for _, q := range []string{sql, `INSERT INTO order_texts (id, text) SELECT text_key, MAX(shop_name || ' ' || address || ' ' || camera_name) FROM order_items GROUP BY text_key`, "ANALYZE"} {
		if _, err := d.SQL().Exec(q); err != nil {
			b.Fatal(err)
		}
	}
	if d.Postgres() {
		if _, err := d.SQL().Exec("VACUUM ANALYZE order_items"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkList measures list pages, counts and searches: 500,000 orders on
// PostgreSQL, 50,000 on SQLite.
func BenchmarkList(b *testing.B) {
	c := clock.NewFake(testkit.Start())
	run := func(name string, d *db.DB, n int) {
		b.Run(name, func(b *testing.B) {
			bulk(b, d, n, c.Now().UnixMilli())
			benchLists(b, newService(d))
		})
	}
	run("sqlite", testkit.SQLite(b, c), 50_000)
	if os.Getenv("CENTER_TEST_PG") != "" {
		run("postgres", testkit.Postgres(b, c), 500_000)
	}
}

func benchLists(b *testing.B, s *orders.Service) {
	people := map[string]access.Actor{
		"bureau":     person("b", "研判员", "bureau", "bureau", "31", "order.urge"),
		"dispatcher": person("d", "派单员", "district", "district", "310101", "order.dispatch", "order.review"),
		"leader":     person("l", "中队长", "sq310101011", "squad", "310101011", "order.assign", "order.review"),
		"officer":    person("of3101010113", "队员", "sq310101011", "squad", "310101011", "order.handle"),
	}
	for _, who := range []string{"bureau", "dispatcher", "leader", "officer"} {
		ctx := access.With(b.Context(), people[who])
		for _, x := range []struct {
			name string
			f    orders.Filter
			p    httpx.Paging
		}{
			{"todo", orders.Filter{Tab: orders.TabTodo}, httpx.Paging{Sort: "dueAt"}},
			{"mine", orders.Filter{Tab: orders.TabMine}, httpx.Paging{}},
			{"all", orders.Filter{}, httpx.Paging{Sort: "dueAt"}},
			{"page200", orders.Filter{}, httpx.Paging{Page: 200}},
			{"overdue", orders.Filter{Due: "overdue"}, httpx.Paging{Sort: "dueAt"}},
			{"closedKind", orders.Filter{Kind: "frontage", State: orders.Closed}, httpx.Paging{}},
			{"text", orders.Filter{}, httpx.Paging{Q: "商铺7712"}},
			{"number", orders.Filter{}, httpx.Paging{Q: "GD2026-1004"}},
		} {
			x.p.Page, x.p.Size = max(x.p.Page, 1), 20
			b.Run(who+"/"+x.name, func(b *testing.B) {
				for b.Loop() {
					if _, err := s.List(ctx, x.f, x.p); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(who+"/counts", func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Counts(ctx, orders.Filter{Tab: orders.TabMine}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
