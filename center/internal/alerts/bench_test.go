package alerts_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/testkit"
)

// fill stores a year of alerts by SQL: all but the last thousand two hundredths
// were decided or went away, over 16 districts, 2,000 cameras and as many
// shops.
func fill(b *testing.B, d *db.DB, n, open int) {
	b.Helper()
	numbers := fmt.Sprintf("WITH RECURSIVE g(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM g WHERE i < %d)", n-1)
	mod := func(m int) string { return fmt.Sprintf("(i %% %d)", m) }
	text := func(width int, e string) string {
		if d.Postgres() {
			return fmt.Sprintf("lpad(CAST(%s AS TEXT), %d, '0')", e, width)
		}
		return fmt.Sprintf("substr('000000000000' || (%s), -%d)", e, width)
	}
	start := testkit.Start().Add(-360 * 24 * time.Hour).UnixMilli()
	step := int64(360*24*3600*1000) / int64(n)
	days := []int{}
	for i := range 361 {
		days = append(days, clock.YMD(testkit.Start().Add(time.Duration(i-360)*24*time.Hour)))
	}
	ymd := "CASE "
	for i, v := range days {
		ymd += fmt.Sprintf("WHEN i < %d THEN %d ", (i+1)*n/361+1, v)
	}
	ymd += "ELSE " + strconv.Itoa(days[360]) + " END"
	state := fmt.Sprintf("CASE WHEN i >= %d THEN 'pending' WHEN i %% 10 < 5 THEN 'selfResolved' WHEN i %% 10 < 7 THEN 'confirmed' WHEN i %% 10 < 8 THEN 'merged' WHEN i %% 10 < 9 THEN 'rejected' ELSE 'recorded' END", n-open)
	decided := fmt.Sprintf("i < %d AND i %% 10 BETWEEN 5 AND 8", n-open)
	cam, shop := "'cam' || "+text(4, mod(2000)), "'shop' || "+text(4, mod(2000))
	region := "'3101' || " + text(2, "1 + "+mod(16)) + " || '0' || " + text(2, "10 + "+mod(13))
	kind := "CASE " + mod(3) + " WHEN 0 THEN 'stacking' WHEN 1 THEN 'frontage' ELSE 'sign' END"
	at := fmt.Sprintf("CAST(%d AS BIGINT) + CAST(i AS BIGINT) * %d", start, step)
	q := numbers + ` INSERT INTO alert_items (id, no, edge_id, event_id, event_rev, kind, seen_kind, phase, state, camera_id, camera_name, address, region_code, street_name,
		lng, lat, zone_id, zone_name, shop_id, shop_name, bind_reason, score, since_at, confirmed_at, received_at, evidence_use, evidence_reason, thumb, text, sign_text,
		decided_by, decided_name, decided_at, decision, prior_state, order_id, order_no, order_state, order_result, text_key, received_ymd, rev, bind_rule, finding, group_key, look)
		SELECT 'A' || ` + text(10, "i") + `, 'YJ' || ` + text(10, "i") + `, 'box', 'E' || ` + text(10, "i") + `, 1, ` + kind + `, ` + kind + `, 'opened', ` + state + `, ` + cam + `, '点位', '演示路', ` + region + `, '外滩街道',
		121.4, 31.2, 'z1', '围栏', ` + shop + `, '商铺', '围栏绑定', 0.5 + (i % 50) / 100.0, ` + at + `, ` + at + `, ` + at + `, CASE WHEN i % 4 = 0 THEN 'clue' ELSE 'evidence' END, '', '` + sm3(1) + `', '事实', '',
		CASE WHEN ` + decided + ` THEN 'operator' ELSE '' END, '', CASE WHEN ` + decided + ` THEN ` + at + ` + 60000 END, '', '', '', '', '', '', 't' || ` + mod(2000) + `, ` + ymd + `, 1, 'zone',
		CASE WHEN i % 3 = 2 THEN 'renamed' ELSE '' END, CASE WHEN i >= ` + strconv.Itoa(n-open) + ` THEN ` + kind + ` || '|' || ` + shop + ` || '|z1' ELSE '' END, i % 5 FROM g`
	for _, s := range []string{
		q,
		"WITH RECURSIVE g(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM g WHERE i < 1999) INSERT INTO alert_texts (id, text) SELECT 't' || i, '商铺' || i || ' 点位' || i FROM g",
		`INSERT INTO alert_precision_cameras (ym, camera_id, seen_kind, bucket, region_code, camera_name, right_n, wrong_n)
			SELECT received_ymd / 100, camera_id, seen_kind, 10 + (CAST(score * 100 AS INTEGER) % 10), MAX(region_code), MAX(camera_name), SUM(CASE WHEN state = 'rejected' THEN 0 ELSE 1 END), SUM(CASE WHEN state = 'rejected' THEN 1 ELSE 0 END)
			FROM alert_items WHERE state IN ('confirmed', 'merged', 'rejected') GROUP BY received_ymd / 100, camera_id, seen_kind, 10 + (CAST(score * 100 AS INTEGER) % 10)`,
		`INSERT INTO alert_precision (ym, region_code, seen_kind, bucket, right_n, wrong_n) SELECT ym, region_code, seen_kind, bucket, SUM(right_n), SUM(wrong_n) FROM alert_precision_cameras GROUP BY ym, region_code, seen_kind, bucket`,
		"ANALYZE",
	} {
		if _, err := d.SQL().ExecContext(context.Background(), s); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkQueue measures the pages of the review at 10,000 waiting alerts:
// 2,000,000 stored on PostgreSQL, a tenth on SQLite (ALERTS_STORED says
// another number).
func BenchmarkQueue(b *testing.B) {
	c := clock.NewFake(testkit.Start())
	var d *db.DB
	n := 200_000
	if os.Getenv("CENTER_TEST_PG") != "" {
		d, n = testkit.Postgres(b, c), 2_000_000
	} else {
		d = testkit.SQLite(b, c)
	}
	if v, err := strconv.Atoi(os.Getenv("ALERTS_STORED")); err == nil {
		n = v
	}
	fill(b, d, n, 10_000)
	s, _ := newService(d)
	a := app(b, s, c)
	key := url.QueryEscape("stacking|shop1998|z1")
	for _, q := range []string{
		"?tab=pending&size=100", "?tab=pending&size=100&page=100", "?tab=pending&sort=receivedAt", "?tab=pending&sort=-score", "/counts", "/groups?tab=pending&size=50&sort=-n", "/groups?tab=pending&size=50&sort=oldest&kind=frontage&evidence=clue",
		"?tab=pending&sort=look&size=200&group=" + key, "?tab=results", "?tab=results&page=400", "?tab=all&kind=frontage&evidence=clue&minScore=0.9", "?tab=results&state=recorded", "?tab=results&finding=*", "?tab=pending&finding=*",
		"?tab=results&camera=cam0007", "?tab=results&shop=shop0007", "?tab=mine", "?tab=all&q=" + url.QueryEscape("商铺77"),
		"?tab=results&seenKind=frontage&outcome=wrong&monthFrom=202610&monthTo=202610&minScore=0.6&maxScore=0.65", "/precision?from=202609&to=202611", "/precision?from=202609&to=202611&camera=cam0007",
	} {
		for _, who := range []string{"operator", "second"} {
			b.Run(who+q, func(b *testing.B) {
				took := []time.Duration{}
				for b.Loop() {
					start := time.Now()
					if code, body, _ := testkit.Do(b, a, "", "/api/alerts"+q, nil, cookie(who)); code != 200 {
						b.Fatalf("%d %.200s", code, body)
					}
					took = append(took, time.Since(start))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
			})
		}
	}
}
