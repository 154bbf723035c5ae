package orders_test

import (
	"fmt"
	"testing"

	"jiexun/center/internal/orders"
	"jiexun/center/internal/platform/errs"
)

// who are the people of the guard table.
func who() map[string]orders.Person {
	return map[string]orders.Person{
		"dispatcher":   {ID: "d", OrgID: "district", Dispatch: true, Review: true, Covers: true},
		"far":          {ID: "f", OrgID: "district2", Dispatch: true, Review: true},
		"leader":       {ID: "l", OrgID: "squad", Assign: true, Review: true, Covers: true},
		"other leader": {ID: "l2", OrgID: "squad2", Assign: true, Review: true},
		"officer":      {ID: "o", OrgID: "squad", Handle: true, Covers: true},
		"colleague":    {ID: "o2", OrgID: "squad", Handle: true, Covers: true},
		"bureau":       {ID: "b", OrgID: "bureau", Urge: true},
		"viewer":       {ID: "v", OrgID: "bureau", Covers: true},
	}
}

// stage are the orders of the guard table.
func stage() map[string]orders.Order {
	o := orders.Order{ID: "1", No: "GD20261124-0001"}
	fresh := o
	fresh.State, fresh.CameraID = orders.Dispatched, "cam1"
	squad := fresh.ToSquad("squad", "外滩街道中队")
	given := squad.ToOfficer("o", "演示队员")
	at := func(s orders.State) orders.Order { x := given; x.State = s; return x }
	return map[string]orders.Order{
		"fresh": fresh, "squad": squad, "given": given, "accepted": at(orders.Accepted), "onSite": at(orders.OnSite),
		"handled": at(orders.Handled), "filing": at(orders.Filing), "closed": at(orders.Closed), "returned": given.GiveBack(),
	}
}

// TestGuardTable checks every act of every person in every stage: what is not
// listed here must be refused.
func TestGuardTable(t *testing.T) {
	allowed := map[string]string{
		"fresh/dispatcher":    "[assign urge recheck settle]",
		"squad/dispatcher":    "[assign reassign urge recheck settle]",
		"squad/leader":        "[assign return urge recheck settle]",
		"given/dispatcher":    "[reassign urge recheck settle]",
		"given/leader":        "[return reassign urge recheck settle]",
		"given/officer":       "[accept return recheck]",
		"accepted/dispatcher": "[reassign urge recheck settle]",
		"accepted/leader":     "[return reassign urge recheck settle]",
		"accepted/officer":    "[arrive return recheck]",
		"onSite/dispatcher":   "[reassign urge recheck settle]",
		"onSite/leader":       "[return reassign urge recheck settle]",
		"onSite/officer":      "[handle return recheck]",
		"handled/dispatcher":  "[review urge recheck settle]",
		"handled/leader":      "[review urge recheck settle]",
		"handled/officer":     "[recheck]",
		"filing/dispatcher":   "[review]",
		"filing/leader":       "[review]",
		"returned/dispatcher": "[assign urge recheck settle]",
		"returned/leader":     "[urge recheck settle]",
	}
	for _, sn := range []string{"fresh", "squad", "given", "accepted", "onSite", "handled", "returned"} {
		allowed[sn+"/bureau"] = "[urge]"
	}
	// A leader of this squad also covers its street without a squad named.
	allowed["fresh/leader"] = "[settle]"
	for sn, o := range stage() {
		for pn, p := range who() {
			key := sn + "/" + pn
			want := allowed[key]
			if want == "" {
				want = "[]"
			}
			if got := fmt.Sprint(orders.Allowed(o, p)); got != want {
				t.Errorf("%s: allowed %s, want %s", key, got, want)
			}
			for _, a := range orders.Acts() {
				err := orders.Guard(o, a, p)
				if err == nil {
					continue
				}
				if c := errs.CodeOf(err); c != errs.ConflictCode && c != errs.ForbiddenCode {
					t.Errorf("%s %s: code %s", key, a, c)
				}
			}
		}
	}
}

func TestGuardSaysWhy(t *testing.T) {
	s, w := stage(), who()
	for _, c := range []struct {
		stage, who string
		act        orders.Act
		code       errs.Code
		text       string
	}{
		{"closed", "officer", orders.Accept, errs.ConflictCode, "工单 GD20261124-0001 当前为“已办结”，不能签收"},
		{"given", "colleague", orders.Accept, errs.ForbiddenCode, "工单已派给队员演示队员，只有本人可以签收"},
		{"squad", "officer", orders.Accept, errs.ConflictCode, "工单 GD20261124-0001 还没有派给队员，不能签收"},
		{"accepted", "officer", orders.Handle, errs.ConflictCode, "工单 GD20261124-0001 当前为“已签收”，不能提交处置结果"},
		{"returned", "leader", orders.Assign, errs.ForbiddenCode, "工单在区局待派发，由区局派单员派发"},
		{"given", "leader", orders.Assign, errs.ConflictCode, "工单 GD20261124-0001 已派给队员演示队员，要换人请用改派"},
		{"handled", "far", orders.Review, errs.ForbiddenCode, "没有复核这张工单的权限，由中队长或区局派单员复核"},
	} {
		err := orders.Guard(s[c.stage], c.act, w[c.who])
		var e *errs.Error
		if !asErr(err, &e) || e.Code != c.code || e.Message != c.text {
			t.Errorf("%s %s %s: %v", c.stage, c.who, c.act, err)
		}
	}
}

func TestNobodyReviewsOwnWork(t *testing.T) {
	o := stage()["handled"]
	p := orders.Person{ID: "o", OrgID: "squad", Handle: true, Review: true, Covers: true}
	if err := orders.Guard(o, orders.Review, p); errs.CodeOf(err) != errs.ForbiddenCode {
		t.Fatalf("own review: %v", err)
	}
}

// The words are those of the pages.
func TestResultWords(t *testing.T) {
	for r, want := range map[orders.Result]string{
		orders.Corrected: "已改正", orders.Warned: "警告教育", orders.Filed: "立案", orders.FalseAlarm: "误报", orders.NotSeen: "找不到现场",
	} {
		if r.Label() != want || !r.Valid() {
			t.Errorf("%s is called %q, want %q", r, r.Label(), want)
		}
	}
	if orders.Result("other").Valid() {
		t.Error("a result that is none is taken")
	}
}
