package app

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/patrol"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/seed/demo"
)

type orderView struct {
	ID, No, State, OfficerID, SquadOrgID, Behalf string
	Rev                                          int64
	Allowed                                      []string
	DueAt, NearAt                                time.Time
	Timeline                                     []struct{ Act, Behalf, Text string }
	Proposals                                    []struct {
		ID, State, Text string
		Clean           bool
	}
	Rule struct {
		Code, Name    string
		Version       int
		WarnDistanceM float64
	}
}

// hire makes a further account.
func (c *city) hire(t *testing.T, account, name, org string, prefixes []string, roles ...string) string {
	t.Helper()
	id, err := c.a.access.EnsurePerson(t.Context(), access.NewPerson{Account: account, Name: name, OrgID: org, Password: demo.Password, Roles: roles, Prefixes: prefixes, CertNo: "测试-" + account})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// person is an account as somebody who acts in services.
func (c *city) person(t *testing.T, id string) context.Context {
	t.Helper()
	a, err := c.a.access.ActorOf(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return access.With(t.Context(), a)
}

// confirmed makes an order of a new event at a camera.
func (c *city) confirmed(t *testing.T, n, camera int) string {
	t.Helper()
	c.report(t, n, 1, camera, edgev1.Frontage, edgev1.Opened, strings.Repeat("a", 64))
	a := call[page](t, c, "caozuo", "GET", "/api/alerts?tab=pending", nil).Items[0]
	return call[struct{ OrderID string }](t, c, "caozuo", "POST", "/api/alerts/"+a.ID+"/confirm", map[string]any{"rev": a.Rev}).OrderID
}

// tried sends a request and gives its status.
func (c *city) tried(t *testing.T, account, method, path string, body any) int {
	t.Helper()
	code, _, _ := testkit.Do(t, c.a.Fiber(), method, path, body, c.as(t, account))
	return code
}

// Who stands in for an officer finds the orders, acts on them in the
// officer's place, and may not review what it did itself.
func TestSubstituteWorksOnOrders(t *testing.T) {
	c := newCity(t)
	stand := c.hire(t, "daiban", "演示代班", "org-310101013", nil, "squad_leader")
	absent := call[struct {
		Items []struct{ ID, Account string }
	}](t, c, "zhongdui", "GET", "/api/persons?role=officer", nil).Items[0].ID
	id := c.confirmed(t, 1, 0)
	base := "/api/orders/" + id
	o := call[orderView](t, c, "paidan", "GET", base, nil)
	o = call[orderView](t, c, "paidan", "POST", base+"/assign", map[string]any{"rev": o.Rev, "squadOrgId": "org-310101013"})
	o = call[orderView](t, c, "zhongdui", "POST", base+"/assign", map[string]any{"rev": o.Rev, "officerId": absent})
	if got := c.tried(t, "daiban", "POST", base+"/accept", map[string]any{"rev": o.Rev}); got != http.StatusForbidden {
		t.Fatalf("before standing in: %d", got)
	}
	now := c.clock.Now()
	x, err := c.a.access.Absent(c.person(t, absent), access.AbsenceInput{SubstituteID: stand, From: clock.At(now), To: clock.At(now.Add(48 * time.Hour)), Reason: "休假"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.a.access.Answer(c.person(t, stand), x.ID, true, "", x.Rev); err != nil {
		t.Fatal(err)
	}
	c.heads = map[string]map[string]string{}
	if l := call[struct{ Total int64 }](t, c, "daiban", "GET", "/api/orders?tab=todo", nil); l.Total != 1 {
		t.Fatalf("the substitute's to-dos: %d", l.Total)
	}
	o = call[orderView](t, c, "daiban", "GET", base, nil)
	if !strings.Contains(fmt.Sprint(o.Allowed), "accept") || o.Behalf == "" {
		t.Fatalf("allowed %v for %q", o.Allowed, o.Behalf)
	}
	o = call[orderView](t, c, "daiban", "POST", base+"/accept", map[string]any{"rev": o.Rev})
	if last := o.Timeline[len(o.Timeline)-1]; last.Act != "accept" || last.Behalf != o.Behalf || last.Behalf == "" {
		t.Errorf("step %+v", last)
	}
	o = call[orderView](t, c, "daiban", "POST", base+"/arrive", map[string]any{"rev": o.Rev, "lng": 121.4866, "lat": 31.2339, "accuracyM": 9, "reason": "测试"})
	o = call[orderView](t, c, "daiban", "POST", base+"/handle", map[string]any{"rev": o.Rev, "result": "falseAlarm", "note": "无违法"})
	if got := c.tried(t, "daiban", "POST", base+"/review", map[string]any{"rev": o.Rev, "pass": true}); got != http.StatusForbidden {
		t.Errorf("the substitute reviews the own work: %d", got)
	}
	if o = call[orderView](t, c, "zhongdui", "POST", base+"/review", map[string]any{"rev": o.Rev, "pass": true}); o.State != "closed" {
		t.Errorf("state %s", o.State)
	}
	code, body, _ := testkit.Do(t, c.a.Fiber(), "GET", "/api/audit?object=order&size=50", nil, c.as(t, "shenji"))
	if code != 200 || !strings.Contains(string(body), "（代") {
		t.Errorf("the audit does not say in whose place: %d", code)
	}
}

// A squad of another district that was given an order sees that one in list,
// count and page, and nothing else there; the district's own dispatcher, the
// bureau and the street's people see exactly theirs.
func TestOrdersAreSeenByThoseWhoseTheyAre(t *testing.T) {
	c := newCity(t)
	c.hire(t, "kuaqu", "演示跨区队长", "org-310104014", nil, "squad_leader")
	c.hire(t, "xuhui", "演示徐汇派单", "org-310104", nil, "district_dispatcher")
	c.hire(t, "shiju", "演示两区派单", "org-310000", []string{"310101", "310104"}, "district_dispatcher")
	first, second := c.confirmed(t, 1, 0), c.confirmed(t, 2, 2)
	if first == second {
		t.Fatal("one order for two cameras")
	}
	see := func(account string) (int64, int) {
		t.Helper()
		l := call[struct{ Total int64 }](t, c, account, "GET", "/api/orders", nil)
		n := call[struct{ Dispatched int64 }](t, c, account, "GET", "/api/orders/counts?tab=all", nil)
		if n.Dispatched != l.Total {
			t.Errorf("%s: list %d, count %d", account, l.Total, n.Dispatched)
		}
		return l.Total, c.tried(t, account, "GET", "/api/orders/"+first, nil)
	}
	check := func(when string, want map[string]int64, sees map[string]int) {
		t.Helper()
		for account, n := range want {
			total, code := see(account)
			if total != n || code != sees[account] {
				t.Errorf("%s, %s: %d orders and %d, want %d and %d", when, account, total, code, n, sees[account])
			}
		}
	}
	check("before", map[string]int64{"caozuo": 2, "paidan": 2, "zhongdui": 2, "kuaqu": 0, "xuhui": 0, "shiju": 2}, map[string]int{"caozuo": 200, "paidan": 200, "zhongdui": 200, "kuaqu": 404, "xuhui": 404, "shiju": 200})
	call[orderView](t, c, "shiju", "POST", "/api/orders/"+first+"/assign", map[string]any{"rev": 1, "squadOrgId": "org-310104014"})
	check("after", map[string]int64{"caozuo": 2, "paidan": 2, "kuaqu": 1, "xuhui": 0}, map[string]int{"caozuo": 200, "paidan": 200, "kuaqu": 200, "xuhui": 404})
}

// The deadline rule alone says how long an order has: a kind with its own
// rule gets it, a new version counts for new orders, and a level that fires
// is a line of the order's timeline.
func TestDeadlineRulesSayHowLongAnOrderHas(t *testing.T) {
	c := newCity(t)
	keeper := access.With(t.Context(), access.Actor{ID: "sys", Name: "系统", Perms: map[string]bool{access.DeadlineManage: true}, Scope: access.SystemScope()})
	rules, err := c.a.deadline.Rules(keeper)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, r := range rules {
		found[r.Code] = true
	}
	if !found["order.handle"] || !found["order.handle.sign"] {
		t.Fatalf("rules %v", found)
	}
	id := c.confirmed(t, 1, 0)
	o := call[orderView](t, c, "paidan", "GET", "/api/orders/"+id, nil)
	if o.Rule.Code != "order.handle" || o.DueAt.Sub(c.clock.Now()) != 4*time.Hour || o.DueAt.Sub(o.NearAt) != time.Hour {
		t.Fatalf("rule %+v, due %s, near %s", o.Rule, o.DueAt, o.NearAt)
	}
	c.clock.Advance(4*time.Hour + time.Second)
	c.heads = map[string]map[string]string{}
	for range 2 {
		if _, err := c.a.jobs.Fire(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.drain(t)
	}
	o = call[orderView](t, c, "paidan", "GET", "/api/orders/"+id, nil)
	n := 0
	for _, s := range o.Timeline {
		if s.Act == "overdue" {
			n++
		}
	}
	if n != 1 || o.Rev != 1 {
		t.Errorf("%d levels noted, rev %d", n, o.Rev)
	}
}

// A camera that looked again and saw nothing proposes to close the order; it
// is a to-do of the squad, one press closes it, and the to-do is gone.
func TestSecondLookClosesAnOrder(t *testing.T) {
	c := newCity(t)
	id := c.confirmed(t, 1, 0)
	base := "/api/orders/" + id
	o := call[orderView](t, c, "paidan", "GET", base, nil)
	o = call[orderView](t, c, "paidan", "POST", base+"/assign", map[string]any{"rev": o.Rev, "squadOrgId": "org-310101013"})
	err := c.a.db.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
		return events.Publish(ctx, tx, patrol.TopicRechecked, patrol.Rechecked{ID: "r1", OrderID: id, CameraID: c.camera(0), Clean: true, Seen: true, At: clock.At(c.clock.Now()), Evidence: []string{strings.Repeat("b", 64)}})
	})
	if err != nil {
		t.Fatal(err)
	}
	c.drain(t)
	settle := func() (n int) {
		t.Helper()
		for _, x := range call[todos](t, c, "zhongdui", "GET", "/api/todos?tab=group", nil).Items {
			if x.Key == "settle" {
				n++
			}
		}
		return n
	}
	o = call[orderView](t, c, "zhongdui", "GET", base, nil)
	if len(o.Proposals) != 1 || !o.Proposals[0].Clean || settle() != 1 {
		t.Fatalf("%+v, %d to-dos", o.Proposals, settle())
	}
	o = call[orderView](t, c, "zhongdui", "POST", base+"/settle", map[string]any{"rev": o.Rev, "proposalId": o.Proposals[0].ID, "take": true})
	c.drain(t)
	if o.State != "closed" || settle() != 0 {
		t.Errorf("state %s, %d to-dos", o.State, settle())
	}
}
