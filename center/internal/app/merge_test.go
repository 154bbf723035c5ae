package app

import (
	"strings"
	"testing"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
)

// A squad goes into another while one of its orders waits for its leader: the
// order, its to-do and the leader are with the other squad, and work goes on.
// A new order of a camera in the old squad's street is not sent to the old one.
func TestMergedSquadGoesOn(t *testing.T) {
	c := newCity(t)
	c.report(t, 1, 1, 0, edgev1.Frontage, edgev1.Opened, strings.Repeat("a", 64))
	a := call[page](t, c, "caozuo", "GET", "/api/alerts?tab=pending", nil).Items[0]
	made := call[struct{ OrderID string }](t, c, "caozuo", "POST", "/api/alerts/"+a.ID+"/confirm", map[string]any{"rev": a.Rev})
	base := "/api/orders/" + made.OrderID
	o := call[order](t, c, "paidan", "GET", base, nil)
	call[order](t, c, "paidan", "POST", base+"/assign", map[string]any{"rev": o.Rev, "squadOrgId": "org-310101013"})
	c.drain(t)

	admin := access.With(t.Context(), access.Actor{ID: "sys", Name: "系统管理员", Perms: map[string]bool{access.OrgManage: true}, Scope: access.Scope{Prefixes: []string{"31"}}})
	into, err := c.a.access.CreateOrg(admin, access.OrgInput{Name: "外滩联合中队", Kind: "squad", RegionCode: "310101013", ParentID: "org-310101"})
	if err != nil {
		t.Fatal(err)
	}
	old, err := c.a.access.Org(t.Context(), "org-310101013")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.a.access.ChangeOrg(admin, access.OrgChange{ID: old.ID, Act: "merge", Into: into.ID, Reason: "撤并", Rev: old.Rev}); err != nil {
		t.Fatal(err)
	}
	c.drain(t)
	c.drain(t)
	l := call[todos](t, c, "zhongdui", "GET", "/api/todos?tab=group", nil)
	if l.Total != 1 || l.Items[0].SourceID != made.OrderID || l.Items[0].Key != "assign" {
		t.Fatalf("the leader has %+v", l)
	}
	got := call[struct {
		SquadOrgID, SquadName, State string
		Rev                          int64
	}](t, c, "zhongdui", "GET", base, nil)
	if got.SquadOrgID != into.ID || got.SquadName != into.Name || got.State != "dispatched" {
		t.Fatalf("order %+v", got)
	}
	officers := call[struct{ Items []struct{ ID, Name string } }](t, c, "zhongdui", "GET", "/api/persons?org="+into.ID+"&role=officer", nil)
	if len(officers.Items) == 0 {
		t.Fatal("nobody to assign")
	}
	call[order](t, c, "zhongdui", "POST", base+"/assign", map[string]any{"rev": got.Rev, "officerId": officers.Items[0].ID})
	org, ok, err := (people{c.a.access, c.a.regions}).Org(t.Context(), old.ID)
	if err != nil || !ok || org.ID != into.ID {
		t.Errorf("the merged squad stands for %+v (%v, %v)", org, ok, err)
	}
}
