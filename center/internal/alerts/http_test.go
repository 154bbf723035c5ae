package alerts_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/alerts"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

func app(t testing.TB, s *alerts.Service, c clock.Clock) *fiber.App {
	t.Helper()
	a, api := httpx.New(httpx.Options{
		Log: testkit.Log(t), Clock: c,
		Identify: func(ctx context.Context, r httpx.Request) (context.Context, error) {
			p, ok := people()[r.Cookie]
			if !ok {
				return ctx, nil
			}
			return access.With(ctx, p), nil
		},
		Authorize: func(ctx context.Context, perm string) error { _, err := access.Need(ctx, perm); return err },
	})
	s.Register(api)
	return a
}

func cookie(name string) map[string]string {
	return map[string]string{"Cookie": httpx.CookieName + "=" + name}
}

func TestHTTP(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, _ := newService(d)
		a := app(t, s, c)
		for i := range 3 {
			take(t, d, s, event(i, 1, "cam1", "z1", edgev1.Opened))
		}
		list := all(t, s, "operator", alerts.Filter{})
		p := func(i int, act string) string { return "/api/alerts/" + list[i].ID + act }
		key := cookie("operator")
		key["Idempotency-Key"] = "k-1"
		for _, sc := range []testkit.Scenario{
			{Name: "a stranger learns nothing", Path: "/api/alerts", Status: 401},
			{Name: "pending", Path: "/api/alerts?tab=pending&minScore=0.6&evidence=evidence", Headers: cookie("operator"), Status: 200, Has: []string{`"total":3`, `"state":"pending"`, `"evidenceUse":"evidence"`, `"since":"2026-11-24T06:`}},
			{Name: "groups", Path: "/api/alerts/groups?tab=pending&sort=-n", Headers: cookie("operator"), Status: 200, Has: []string{`"count":3`, `"alerts":3`, `"shopName":"商铺s1"`}},
			{Name: "groups of another district", Path: "/api/alerts/groups", Headers: cookie("xuhui"), Status: 200, Has: []string{`"alerts":0`}},
			{Name: "rules", Path: "/api/alerts/rules", Headers: cookie("reader"), Status: 200, Has: []string{`"inForce":true`, `"mergeMinutes":1440`}},
			{Name: "a rule without the right", Method: "POST", Path: "/api/alerts/rules", Body: map[string]any{"kind": "*", "autoScore": 0.5, "mergeMinutes": 0, "nearestM": 30, "reason": "x"}, Headers: cookie("operator"), Status: 403},
			{Name: "precision", Path: "/api/alerts/precision?from=202611&to=202611", Headers: cookie("reader"), Status: 200, Has: []string{`"buckets":[]`}},
			{Name: "no month", Path: "/api/alerts/precision?from=202613&to=202611", Headers: cookie("reader"), Status: 422, Has: []string{`202611`}},
			{Name: "a batch without items", Method: "POST", Path: "/api/alerts/batch", Body: map[string]any{"act": "later", "items": []any{}}, Headers: cookie("operator"), Status: 422},
			{Name: "a correction without a reason", Method: "POST", Path: p(0, "/correct"), Body: map[string]any{"rev": 1, "kind": "none", "reason": " "}, Headers: cookie("operator"), Status: 422, Has: []string{`"name":"reason"`}},
			{Name: "another district", Path: "/api/alerts", Headers: cookie("xuhui"), Status: 200, Has: []string{`"total":0`, `"items":[]`}},
			{Name: "out of scope is not found", Path: p(0, ""), Headers: cookie("xuhui"), Status: 404, Has: []string{"预警不存在，或不在您的数据范围内"}},
			{Name: "detail", Path: p(0, ""), Headers: cookie("operator"), Status: 200, Has: []string{
				`"box":{"id":"box1","name":"黄浦一号盒"}`, `"candidates":[{"shopId":"s1"`, `"suggestion":{"squadOrgId":"squad"`, `"cause":"擅自占道堆物"`,
				`"digest":{"ok":true`, `"legal":{"ok":true`, `"picture":{"ok":true`, `"history":[{`, `"recent":[]`, `"rule":{`,
			}},
			{Name: "a reader may not decide", Method: "POST", Path: p(0, "/confirm"), Body: map[string]any{"rev": 1}, Headers: cookie("reader"), Status: 403},
			{Name: "no reason", Method: "POST", Path: p(0, "/reject"), Body: map[string]any{"rev": 1, "reason": ""}, Headers: cookie("operator"), Status: 422},
			{Name: "other needs words", Method: "POST", Path: p(0, "/reject"), Body: map[string]any{"rev": 1, "reason": "other"}, Headers: cookie("operator"), Status: 422, Has: []string{`"name":"note"`}},
			{Name: "unknown shop", Method: "POST", Path: p(0, "/confirm"), Body: map[string]any{"rev": 1, "shopId": "zz"}, Headers: cookie("operator"), Status: 422, Has: []string{`"name":"shopId"`}},
			{Name: "confirm", Method: "POST", Path: p(0, "/confirm"), Body: map[string]any{"rev": 1}, Headers: key, Status: 200, Has: []string{`"orderNo":"GD20261124-0001"`, `"merged":false`, `"decidedName":"演示研判员"`}},
			{Name: "the same key again", Method: "POST", Path: p(0, "/confirm"), Body: map[string]any{"rev": 1}, Headers: key, Status: 200, Has: []string{`"orderNo":"GD20261124-0001"`, `"rev":2`}},
			{Name: "a double click without a key", Method: "POST", Path: p(0, "/confirm"), Body: map[string]any{"rev": 1}, Headers: cookie("second"), Status: 409, Has: []string{"演示研判员 14:30 已把预警 YJ20261124-00001 处理为“已确认”"}},
			{Name: "merge", Method: "POST", Path: p(1, "/confirm"), Body: map[string]any{"rev": 1}, Headers: cookie("operator"), Status: 200, Has: []string{`"merged":true`, `"state":"merged"`}},
			{Name: "later", Method: "POST", Path: p(2, "/later"), Body: map[string]any{"rev": 1}, Headers: cookie("operator"), Status: 200, Has: []string{`"state":"later"`}},
			{Name: "counts", Path: "/api/alerts/counts", Headers: cookie("operator"), Status: 200, Has: []string{`"pending":0`, `"later":1`, `"mine":3`, `"today":3`, `"confirmRate":1`, `"medianSeconds":0`}},
			{Name: "unbind", Method: "POST", Path: p(2, "/confirm"), Body: map[string]any{"rev": 2, "shopId": ""}, Headers: cookie("operator"), Status: 200, HasNot: []string{`"shopId":"s1"`}},
			{Name: "unclaimed", Path: "/api/alerts?shop=-", Headers: cookie("operator"), Status: 200, Has: []string{`"total":1`}},
			{Name: "undo", Method: "POST", Path: p(2, "/undo"), Body: map[string]any{"rev": 3}, Headers: cookie("operator"), Status: 200, Has: []string{`"state":"later"`}},
			{Name: "samples", Path: "/api/alerts/samples", Headers: cookie("operator"), Status: 200, Has: []string{`[]`}},
		} {
			sc.Run(t, a)
		}
	})
}

// TestListsCountsAndExportAgree: under every filter and for every person the
// total, the pages, the counts and the export are equal.
func TestListsCountsAndExportAgree(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, _ := newService(d)
		for i := range 90 {
			e := event(i, 1, []string{"cam1", "cam2", "cam3"}[i%3], []string{"z1", "z2"}[i%2], edgev1.Opened)
			e.Kind, e.Score = []edgev1.Kind{edgev1.Stacking, edgev1.Frontage, edgev1.Sign}[i%3], float64(i)/90
			take(t, d, s, e)
			c.Advance(time.Minute)
			if i%7 == 0 {
				take(t, d, s, event(i, 2, []string{"cam1", "cam2", "cam3"}[i%3], "z1", edgev1.Ended))
			}
		}
		for i, a := range all(t, s, "operator", alerts.Filter{}) {
			in := alerts.DecideInput{ID: a.ID, Rev: a.Rev}
			var err error
			switch i % 5 {
			case 0:
				_, err = s.Confirm(as("operator"), alerts.ConfirmInput{DecideInput: in, Merge: true})
			case 1:
				_, err = s.Reject(as("operator"), alerts.RejectInput{DecideInput: in, Reason: "lighting"})
			case 2:
				if a.State == alerts.Pending {
					_, err = s.Later(as("operator"), in)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		from := clock.Ptr(testkit.Start().Add(20 * time.Minute))
		seen := 0
		for _, who := range []string{"operator", "second", "xuhui", "reader"} {
			n, err := s.Counts(as(who))
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range []struct {
				f    alerts.Filter
				want int64
			}{
				{alerts.Filter{Tab: alerts.TabPending}, n.Pending},
				{alerts.Filter{Tab: alerts.TabLater}, n.Later},
				{alerts.Filter{Tab: alerts.TabMine}, n.Mine},
				{alerts.Filter{}, n.Today},
				{alerts.Filter{Kind: "frontage"}, -1},
				{alerts.Filter{Evidence: "clue", MinScore: 0.5}, -1},
				{alerts.Filter{Camera: "cam2", Region: "310101"}, -1},
				{alerts.Filter{Shop: "s1", From: from}, -1},
				{alerts.Filter{State: alerts.SelfResolved}, -1},
				{alerts.Filter{Q: "cam3"}, -1},
				{alerts.Filter{Q: "YJ20261124-0000"}, -1},
			} {
				total := walk(t, s, who, x.f)
				if x.want >= 0 && total != x.want {
					t.Errorf("%s %+v: list %d, counts %d", who, x.f, total, x.want)
				}
				seen += int(total)
			}
		}
		if seen < 300 {
			t.Fatalf("the filters found only %d rows: the test looks at nothing", seen)
		}
	})
}

func walk(t *testing.T, s *alerts.Service, who string, f alerts.Filter) int64 {
	t.Helper()
	ids := map[string]bool{}
	p := httpx.Paging{Page: 1, Size: 8, Q: f.Q}
	var total int64
	for {
		res, err := s.List(as(who), f, p)
		if err != nil {
			t.Fatal(err)
		}
		total = res.Total
		for _, a := range res.Items {
			ids[a.ID] = true
		}
		if int64(p.Page*p.Size) >= total {
			break
		}
		p.Page++
	}
	rows := map[any]bool{}
	if err := s.Each(as(who), f, func(v ...any) error { rows[v[0]] = true; return nil }); err != nil {
		t.Fatal(err)
	}
	n, err := s.Count(as(who), f)
	if err != nil || int64(len(rows)) != total || int64(len(ids)) != total || n != total {
		t.Errorf("%s %+v: total %d, pages %d, export %d of %d, %v", who, f, total, len(ids), len(rows), n, err)
	}
	return total
}

// BenchmarkList measures list pages on SQLite with 200 000 alerts: first page,
// deep page, filters, text.
func BenchmarkList(b *testing.B) {
	c := clock.NewFake(testkit.Start())
	d := testkit.SQLite(b, c)
	s, _ := newService(d)
	const n = 200_000
	for i := 0; i < n; i += 500 {
		list := make([]edgev1.Event, 0, 500)
		for k := i; k < i+500; k++ {
			e := event(k, 1, []string{"cam1", "cam2", "cam3"}[k%3], []string{"z1", "z2"}[k%2], edgev1.Opened)
			e.Kind, e.Score = []edgev1.Kind{edgev1.Stacking, edgev1.Frontage, edgev1.Sign}[k%3], float64(k%100)/100
			if k%50 != 0 { // most were decided or went away, as in a real year
				e.Phase = edgev1.Ended
				end := e.ConfirmedAt
				e.EndedAt = &end
			}
			list = append(list, e)
		}
		c.Advance(2 * time.Minute)
		take(b, d, s, list...)
	}
	if _, err := d.SQL().Exec("ANALYZE"); err != nil {
		b.Fatal(err)
	}
	a := app(b, s, c)
	for _, q := range []string{
		"?tab=pending", "?tab=all", "?tab=all&page=5000", "?tab=all&page=9999&region=310101", "?kind=frontage&evidence=clue&minScore=0.9",
		"?camera=cam3", "?shop=s1&state=selfResolved", "?tab=mine", "?sort=-score", "?q=" + fmt.Sprintf("YJ%d-0001", clock.YMD(testkit.Start())), "?q=" + url.QueryEscape("商铺s2"), "/counts",
	} {
		b.Run(q, func(b *testing.B) {
			took := []time.Duration{}
			for b.Loop() {
				start := time.Now()
				if code, body, _ := testkit.Do(b, a, "", "/api/alerts"+q, nil, cookie("operator")); code != 200 {
					b.Fatalf("%d %.200s", code, body)
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
		})
	}
}

// BenchmarkTake measures how many events a second one transaction after the
// other stores.
func BenchmarkTake(b *testing.B) {
	c := clock.NewFake(testkit.Start())
	d := testkit.SQLite(b, c)
	s, _ := newService(d)
	n := 0
	for b.Loop() {
		list := make([]edgev1.Event, 128)
		for i := range list {
			list[i] = event(n, 1, "cam1", "z1", edgev1.Opened)
			n++
		}
		take(b, d, s, list...)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
