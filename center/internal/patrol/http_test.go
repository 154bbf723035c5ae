package patrol_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"jiexun/center/internal/access"
	"jiexun/center/internal/patrol"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

type answer struct {
	ID    string `json:"id"`
	Rev   int64  `json:"rev"`
	State string `json:"state"`
}

// body is a plan as a browser sends it: every list is there.
func body() patrol.Content {
	c := content()
	c.Kinds, c.NeedPct = []string{"stacking", "frontage"}, 50
	c.Scope.Roads, c.Scope.Tags, c.Scope.Cameras, c.Scope.Shops, c.Scope.Risks = []string{}, []string{}, []string{}, []string{}, []string{}
	s := &c.Schedule
	s.Every, s.Holiday, s.Weekdays, s.MonthDays, s.Months, s.Dates = 1, patrol.HolidaySkip, []int{}, []int{}, []int{}, []string{}
	return c
}

// TestRoutes goes through every route with a person who may, and with one who
// may not.
func TestRoutes(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		r := newRig(t, d, c)
		may := true
		app, api := httpx.New(httpx.Options{
			Log: testkit.Log(t), Clock: c,
			Identify: func(ctx context.Context, _ httpx.Request) (context.Context, error) {
				if !may {
					return access.With(ctx, actor()), nil
				}
				return access.With(ctx, actor(access.PatrolView, access.PatrolPlan, access.PatrolAssign, access.PatrolHandle)), nil
			},
			Authorize: func(ctx context.Context, perm string) error { _, err := access.Need(ctx, perm); return err },
		})
		r.s.Register(api)
		var plan, task answer
		keep := func(to *answer) func(*testing.T, []byte, http.Header) {
			return func(t *testing.T, body []byte, _ http.Header) { *to = testkit.JSON[answer](t, body) }
		}
		run := func(s testkit.Scenario) { t.Helper(); s.Run(t, app) }
		run(testkit.Scenario{Name: "preview", Method: "POST", Path: "/api/patrol/plan-preview", Body: map[string]any{"content": body()}, Status: 200, Has: []string{`"words":"工作日 07:30–09:30 每 20 分"`, `"cameras":4`}})
		run(testkit.Scenario{Name: "fault", Method: "POST", Path: "/api/patrol/plans", Body: map[string]any{"content": func() any { x := body(); x.OrgID = ""; return x }()}, Status: 422, Has: []string{`"orgId"`, "请选择责任单位"}})
		run(testkit.Scenario{Name: "create", Method: "POST", Path: "/api/patrol/plans", Body: map[string]any{"content": body()}, Status: 200, Has: []string{`"state":"draft"`}, After: keep(&plan)})
		run(testkit.Scenario{Name: "update", Method: "PUT", Path: "/api/patrol/plans/" + plan.ID, Body: map[string]any{"content": body(), "rev": plan.Rev, "reason": "试"}, Status: 200, Has: []string{`"version":2`}, After: keep(&plan)})
		run(testkit.Scenario{Name: "old revision", Method: "PUT", Path: "/api/patrol/plans/" + plan.ID, Body: map[string]any{"content": body(), "rev": 1}, Status: 409, Has: []string{"李倩"}})
		run(testkit.Scenario{Name: "enable", Method: "POST", Path: "/api/patrol/plans/" + plan.ID + "/state", Body: map[string]any{"state": "enabled", "rev": plan.Rev}, Status: 200, After: keep(&plan)})
		run(testkit.Scenario{Name: "versions", Path: "/api/patrol/plans/" + plan.ID + "/versions", Status: 200, Has: []string{`"reason":"试"`}})
		run(testkit.Scenario{Name: "copy", Method: "POST", Path: "/api/patrol/plans/" + plan.ID + "/copy", Body: map[string]any{}, Status: 200, Has: []string{"（副本）"}})
		run(testkit.Scenario{Name: "run", Method: "POST", Path: "/api/patrol/plans/" + plan.ID + "/run", Body: map[string]any{"reason": "检查"}, Status: 200, After: func(t *testing.T, body []byte, _ http.Header) { task = testkit.JSON[[]answer](t, body)[0] }})
		run(testkit.Scenario{Name: "plans", Path: "/api/patrol/plans?state=enabled,draft&kind=inspection&q=早高峰", Status: 200, Has: []string{`"total":2`, `"enabled":1`}})
		run(testkit.Scenario{Name: "unknown state", Path: "/api/patrol/plans?state=lost", Status: 422})
		run(testkit.Scenario{Name: "calendar", Path: "/api/patrol/calendar?from=2026-11-23T00:00:00%2B08:00&to=2026-11-30T00:00:00%2B08:00", Status: 200, Has: []string{`"tasks":1`, `"tasks":0`}})
		run(testkit.Scenario{Name: "tasks", Path: "/api/patrol/tasks?source=manual,plan&due=open&sort=-fromAt", Status: 200, Has: []string{`"total":1`}})
		run(testkit.Scenario{Name: "counts", Path: "/api/patrol/tasks/counts", Status: 200, Has: []string{`"running":1`}})
		run(testkit.Scenario{Name: "task", Path: "/api/patrol/tasks/" + task.ID, Status: 200, Has: []string{`"mayHandle":true`, `"legs":[{`}})
		run(testkit.Scenario{Name: "spots", Path: "/api/patrol/tasks/" + task.ID + "/spots?state=waiting&q=福州路", Status: 200, Has: []string{`"total":5`}})
		run(testkit.Scenario{Name: "assign", Method: "POST", Path: "/api/patrol/tasks/" + task.ID + "/assign", Body: map[string]any{"orgId": "q1", "rev": task.Rev}, Status: 200, Has: []string{"外滩中队"}, After: keep(&task)})
		run(testkit.Scenario{Name: "supplement", Method: "POST", Path: "/api/patrol/tasks/" + task.ID + "/supplement", Body: map[string]any{"spots": []any{map[string]any{"cameraId": "c2", "zoneId": "z3"}}, "result": "clean", "pictures": []string{strings.Repeat("c", 64)}}, Status: 200, Has: []string{`"manual":1`}, After: keep(&task)})
		run(testkit.Scenario{Name: "observations", Path: "/api/patrol/observations?task=" + task.ID, Status: 200, Has: []string{`"byHand":true`}})
		run(testkit.Scenario{Name: "coverage", Path: "/api/patrol/coverage?seen=never&days=7", Status: 200, Has: []string{`"total":4`, `"seen":1`}})
		for _, by := range []string{"plan", "org", "kind", "day", "district"} {
			run(testkit.Scenario{Name: "stats by " + by, Path: "/api/patrol/stats?by=" + by, Status: 200, Has: []string{`"tasks":1`, `"manual":0`}})
		}
		run(testkit.Scenario{Name: "cancel", Method: "POST", Path: "/api/patrol/tasks/" + task.ID + "/cancel", Body: map[string]any{"rev": task.Rev, "reason": "演练"}, Status: 200, Has: []string{`"state":"cancelled"`}})
		may = false
		for _, p := range []string{"/api/patrol/plans", "/api/patrol/tasks", "/api/patrol/tasks/" + task.ID, "/api/patrol/coverage", "/api/patrol/stats", "/api/patrol/observations"} {
			run(testkit.Scenario{Name: "refused " + p, Path: p, Status: 403})
		}
	})
}
