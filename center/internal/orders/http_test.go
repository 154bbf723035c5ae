package orders_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/xuri/excelize/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/orders"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

// app mounts the domain alone; the cookie names the person.
func app(t *testing.T, s *orders.Service, c clock.Clock) *fiber.App {
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
		s := newService(d)
		a := app(t, s, c)
		id := makeOrder(t, d, s, "operator", alert(1, "s1", "310101013")).OrderID
		path := "/api/orders/" + id
		for _, sc := range []testkit.Scenario{
			{Name: "a stranger learns nothing", Path: path, Status: 401},
			{Name: "list", Path: "/api/orders", Headers: cookie("dispatcher"), Status: 200, Has: []string{
				`"total":1`, `"no":"GD20261124-0001"`, `"state":"dispatched"`, `"dueState":"normal"`, `"remainingS":14400`, `"dueAt":"2026-11-24T10:30:00.000Z"`, `"suggestedSquadName":"外滩街道中队"`,
			}},
			{Name: "another district sees nothing", Path: "/api/orders", Headers: cookie("xuhui"), Status: 200, Has: []string{`"items":[]`, `"total":0`}},
			{Name: "unknown sort", Path: "/api/orders?sort=password", Headers: cookie("dispatcher"), Status: 422, Has: []string{`"name":"sort"`, "不能按 password 排序"}},
			{Name: "bad time", Path: "/api/orders?from=yesterday", Headers: cookie("dispatcher"), Status: 422, Has: []string{`"name":"from"`}},
			{Name: "bad state", Path: "/api/orders?state=gone", Headers: cookie("dispatcher"), Status: 422, Has: []string{`"name":"state"`}},
			{Name: "detail", Path: path, Headers: cookie("dispatcher"), Status: 200, Has: []string{
				`"allowed":["assign","urge"]`, `"verified":false`, `"limitHours":4`, `"label":"生成工单"`, `"after":[]`, `"alerts":[]`,
			}},
			{Name: "neither squad nor officer", Method: "POST", Path: path + "/assign", Body: map[string]any{"rev": 1}, Headers: cookie("dispatcher"), Status: 422, Has: []string{"请选择一个中队或一名队员"}},
			{Name: "not a squad", Method: "POST", Path: path + "/assign", Body: map[string]any{"rev": 1, "squadOrgId": "district"}, Headers: cookie("dispatcher"), Status: 422, Has: []string{`"name":"squadOrgId"`}},
			{Name: "leader before the squad has it", Method: "POST", Path: path + "/assign", Body: map[string]any{"rev": 1, "officerId": "officer"}, Headers: cookie("leader"), Status: 403, Has: []string{"由区局派单员派发"}},
			{Name: "assign squad", Method: "POST", Path: path + "/assign", Body: map[string]any{"rev": 1, "squadOrgId": "squad"}, Headers: cookie("dispatcher"), Status: 200, Has: []string{`"squadName":"外滩街道中队"`, `"rev":2`}},
			{Name: "old revision", Method: "POST", Path: path + "/assign", Body: map[string]any{"rev": 1, "squadOrgId": "squad2"}, Headers: cookie("dispatcher"), Status: 409, Has: []string{"演示派单员 14:30 已对工单 GD20261124-0001 做了“派发”"}},
			{Name: "officer of another squad", Method: "POST", Path: path + "/assign", Body: map[string]any{"rev": 2, "officerId": "stranger"}, Headers: cookie("leader"), Status: 422, Has: []string{"请选择外滩街道中队里能处置工单的队员"}},
			{Name: "assign officer", Method: "POST", Path: path + "/assign", Body: map[string]any{"rev": 2, "officerId": "officer"}, Headers: cookie("leader"), Status: 200, Has: []string{`"officerName":"演示队员"`}},
			{Name: "reassign without reason", Method: "POST", Path: path + "/reassign", Body: map[string]any{"rev": 3, "officerId": "officer2", "reason": " "}, Headers: cookie("leader"), Status: 422, Has: []string{"请填写改派原因"}},
			{Name: "dispatcher has no right to accept", Method: "POST", Path: path + "/accept", Body: map[string]any{"rev": 3}, Headers: cookie("dispatcher"), Status: 403},
			{Name: "colleague cannot accept", Method: "POST", Path: path + "/accept", Body: map[string]any{"rev": 3}, Headers: cookie("officer2"), Status: 403, Has: []string{"只有本人可以签收"}},
			{Name: "accept", Method: "POST", Path: path + "/accept", Body: map[string]any{"rev": 3}, Headers: cookie("officer"), Status: 200, Has: []string{`"allowed":["arrive","return"]`}},
			{Name: "handle before arrival", Method: "POST", Path: path + "/handle", Body: map[string]any{"rev": 4, "result": "falseAlarm", "note": "无此物品"}, Headers: cookie("officer"), Status: 409, Has: []string{"当前为“已签收”"}},
			{Name: "arrive nowhere", Method: "POST", Path: path + "/arrive", Body: map[string]any{"rev": 4, "lng": 0, "lat": 0, "accuracyM": 5}, Headers: cookie("officer"), Status: 422, Has: []string{`"name":"lng"`}},
			{Name: "arrive", Method: "POST", Path: path + "/arrive", Body: map[string]any{"rev": 4, "lng": 121.4906, "lat": 31.2397, "accuracyM": 5}, Headers: cookie("officer"), Status: 200, Has: []string{`"distanceM":10`, "到场，距点位 10 米"}},
			{Name: "corrected without photo", Method: "POST", Path: path + "/handle", Body: map[string]any{"rev": 5, "result": "corrected"}, Headers: cookie("officer"), Status: 422, Has: []string{"请至少上传一张"}},
			{Name: "photo that was never uploaded", Method: "POST", Path: path + "/handle", Body: map[string]any{"rev": 5, "result": "corrected", "photos": []string{strings.Repeat("9", 64)}}, Headers: cookie("officer"), Status: 422, Has: []string{`"name":"photos[0]"`}},
			{Name: "handle", Method: "POST", Path: path + "/handle", Body: map[string]any{"rev": 5, "result": "corrected", "photos": []string{strings.Repeat("a", 64)}}, Headers: cookie("officer"), Status: 200, Has: []string{`"state":"handled"`, `"dueState":"done"`, `"handling":{"result":"corrected"`}},
			{Name: "review without saying what is missing", Method: "POST", Path: path + "/review", Body: map[string]any{"rev": 6, "pass": false}, Headers: cookie("leader"), Status: 422, Has: []string{"请填写复核意见"}},
			{Name: "review", Method: "POST", Path: path + "/review", Body: map[string]any{"rev": 6, "pass": true}, Headers: cookie("leader"), Status: 200, Has: []string{`"state":"closed"`, `"allowed":[]`}},
			{Name: "nothing goes after closing", Method: "POST", Path: path + "/return", Body: map[string]any{"rev": 7, "reason": "x"}, Headers: cookie("leader"), Status: 409, Has: []string{"当前为“已办结”，不能退回"}},
			{Name: "counts", Path: "/api/orders/counts", Headers: cookie("leader"), Status: 200, Has: []string{`"closedToday":1`, `"handled":0`}},
		} {
			sc.Run(t, a)
		}
	})
}

// fill makes n orders of different states, squads, officers and ages.
func fill(t *testing.T, d *db.DB, s *orders.Service, c *clock.Fake, n int) {
	t.Helper()
	regions := []string{"310101013", "310101015", "310104014"}
	for i := range n {
		in := alert(i+1, fmt.Sprintf("s%d", i), regions[i%3])
		in.Kind = []string{"stacking", "frontage"}[i%2]
		in.LimitHours = float64(1 + i%30)
		id := makeOrder(t, d, s, "operator", in).OrderID
		c.Advance(41 * time.Minute)
		if i%3 != 0 || i%4 == 0 {
			continue
		}
		o := must(t)(s.Assign(as(t, "dispatcher"), orders.AssignInput{ID: id, Rev: 1, SquadID: "squad"}))
		o = must(t)(s.Assign(as(t, "leader"), orders.AssignInput{ID: id, Rev: o.Rev, OfficerID: []string{"officer", "officer2"}[i%2]}))
		if i%2 == 1 {
			continue
		}
		o = must(t)(s.Accept(as(t, "officer"), orders.AcceptInput{ID: id, Rev: o.Rev}))
		o = must(t)(s.Arrive(as(t, "officer"), orders.ArriveInput{ID: id, Rev: o.Rev, Lng: 121.49, Lat: 31.24}))
		o = must(t)(s.Handle(as(t, "officer"), orders.HandleInput{ID: id, Rev: o.Rev, Result: orders.NotSeen, Note: "未见"}))
		if i%5 != 0 {
			must(t)(s.Review(as(t, "leader"), orders.ReviewInput{ID: id, Rev: o.Rev, Pass: true}))
		}
	}
}

// TestListsCountsAndExportAgree: under every filter and for every person the
// list's total, the counts, the rows of all pages and the export are equal,
// and each row is what the filter says.
func TestListsCountsAndExportAgree(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s := newService(d)
		fill(t, d, s, c, 60)
		seen := int64(0)
		for _, p := range []string{"operator", "dispatcher", "leader", "officer", "officer2", "xuhui", "nobody"} {
			for _, tab := range []orders.Tab{orders.TabMine, orders.TabTodo, orders.TabAll, orders.TabClosed} {
				base := orders.Filter{Tab: tab}
				n, err := s.Counts(as(t, p), base)
				if err != nil {
					t.Fatal(err)
				}
				for _, x := range []struct {
					name string
					f    func(*orders.Filter)
					want int64
				}{
					{"dispatched", func(f *orders.Filter) { f.State = orders.Dispatched }, n.Dispatched},
					{"accepted", func(f *orders.Filter) { f.State = orders.Accepted }, n.Accepted},
					{"onSite", func(f *orders.Filter) { f.State = orders.OnSite }, n.OnSite},
					{"handled", func(f *orders.Filter) { f.State = orders.Handled }, n.Handled},
					{"returned", func(f *orders.Filter) { f.State = orders.Returned }, n.Returned},
					{"closed", func(f *orders.Filter) { f.State = orders.Closed }, -1},
					{"overdue", func(f *orders.Filter) { f.Due = "overdue" }, n.Overdue},
					{"near", func(f *orders.Filter) { f.Due = "near" }, n.Near},
					{"kind", func(f *orders.Filter) { f.Kind = "frontage" }, -1},
					{"region", func(f *orders.Filter) { f.Region = "310101015" }, -1},
					{"ok", func(f *orders.Filter) { f.Due = "ok" }, -1},
					{"text", func(f *orders.Filter) { f.Q = "商铺s1" }, -1},
				} {
					f := base
					x.f(&f)
					total := check(t, s, p, f, d.Now(), tab == orders.TabAll && (p == "dispatcher" || p == "officer"))
					if x.want >= 0 && total != x.want {
						t.Errorf("%s %s %s: list %d, counts %d", p, tab, x.name, total, x.want)
					}
					seen += total
				}
			}
		}
		if seen < 500 {
			t.Fatalf("the filters found only %d rows: the test looks at nothing", seen)
		}
	})
}

// check walks all pages of a filter, and the export if asked, and gives the
// total.
func check(t *testing.T, s *orders.Service, who string, f orders.Filter, now time.Time, export bool) int64 {
	t.Helper()
	p := httpx.Paging{Page: 1, Size: 17, Sort: "dueAt", Q: f.Q}
	ids := map[string]bool{}
	var total int64
	for {
		res, err := s.List(as(t, who), f, p)
		if err != nil {
			t.Fatal(err)
		}
		total = res.Total
		for _, o := range res.Items {
			ids[o.ID] = true
			st, _ := o.Due(now)
			ok := map[string]bool{"": true, "overdue": st == orders.Over, "near": st == orders.Near, "ok": st == orders.Normal}[f.Due]
			if !ok || f.State != "" && o.State != f.State || f.Kind != "" && o.Kind != f.Kind || !strings.HasPrefix(o.RegionCode, f.Region) {
				t.Errorf("%s %+v: %s is %s %s %s", who, f, o.No, o.State, st, o.Kind)
			}
		}
		if int64(p.Page*p.Size) >= total {
			break
		}
		p.Page++
	}
	if int64(len(ids)) != total {
		t.Errorf("%s %+v: pages hold %d, total %d", who, f, len(ids), total)
	}
	if !export {
		return total
	}
	var buf bytes.Buffer
	if err := s.Export(as(t, who), f, &buf); err != nil {
		t.Fatal(err)
	}
	x, err := excelize.OpenReader(&buf)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := x.GetRows("工单")
	if err != nil || int64(len(rows))-1 != total {
		t.Errorf("%s %+v: export holds %d, total %d, %v", who, f, len(rows)-1, total, err)
	}
	return total
}

func TestExportOverHTTP(t *testing.T) {
	c := clock.NewFake(testkit.Start())
	d := testkit.SQLite(t, c)
	s := newService(d)
	makeOrder(t, d, s, "operator", alert(1, "s1", "310101013"))
	code, body, h := testkit.Do(t, app(t, s, c), http.MethodGet, "/api/orders/export?state=dispatched", nil, cookie("dispatcher"))
	if code != 200 || !strings.Contains(h.Get("Content-Type"), "spreadsheet") || !bytes.HasPrefix(body, []byte("PK")) {
		t.Fatalf("%d %s %.40q", code, h.Get("Content-Type"), body)
	}
}
