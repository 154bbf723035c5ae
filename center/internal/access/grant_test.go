package access_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/testkit"
)

// as gives the context of a person as a request has it.
func as(t testing.TB, s *access.Service, id string) context.Context {
	t.Helper()
	a, err := s.ActorOf(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return access.With(context.Background(), a)
}

func give(t *testing.T, s *access.Service, by, to, role, prefix string, until *clock.Stamp) (access.Grant, error) {
	t.Helper()
	return s.Grant(as(t, s, by), access.GrantInput{PersonID: to, Role: role, Kind: access.KindRegion, Prefixes: []string{prefix}, To: until, Reason: "工作需要"})
}

func events(t *testing.T, d *db.DB, topic string) int {
	t.Helper()
	n := 0
	if err := d.SQL().QueryRow("SELECT COUNT(*) FROM event_outbox WHERE topic = '" + topic + "'").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func exec(t *testing.T, d *db.DB, q string) {
	t.Helper()
	if _, err := d.SQL().Exec(q); err != nil {
		t.Fatal(err)
	}
}

// A permission reaches as far as the grants that give it, and no further.
func TestScopeOfEachPermission(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s := service(t, d, nil)
		admin := person(t, s, "anquan", "org-310000", "sec_admin")
		id := person(t, s, "liangdi", "org-310101013", "officer")
		end := clock.Ptr(c.Now().Add(time.Hour))
		if _, err := give(t, s, admin, id, "district_dispatcher", "310104", end); err != nil {
			t.Fatal(err)
		}
		ctx := as(t, s, id)
		for _, x := range []struct {
			perm, region string
			may          bool
		}{
			{access.OrderHandle, "310101013", true}, {access.OrderHandle, "310104003", false},
			{access.OrderDispatch, "310104003", true}, {access.OrderDispatch, "310101013", false},
			{access.OrderView, "310101013", true}, {access.OrderView, "310104003", true}, {access.OrderView, "310105", false},
			{access.AuditView, "310101013", false},
		} {
			who, err := access.Need(ctx, x.perm)
			if got := err == nil && who.Scope.Covers(x.region); got != x.may {
				t.Errorf("%s at %s: %v, want %v", x.perm, x.region, got, x.may)
			}
		}
		if who, _ := access.From(ctx); who.Scope.Covers("310101013") {
			t.Error("an actor without a named permission covers rows")
		}
		c.Advance(2 * time.Hour)
		if who, _ := access.From(as(t, s, id)); who.Has(access.OrderDispatch) {
			t.Error("a grant holds after its end")
		}
	})
}

// A district's administrator gives district roles in the district and nothing
// more; nobody gives to themself or mixes administrations.
func TestDelegation(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s := service(t, d, nil)
		sec := person(t, s, "anquan", "org-310000", "sec_admin")
		local := person(t, s, "qujuguanli", "org-310101", "district_admin")
		officer := person(t, s, "duiyuan", "org-310101013", "officer")
		other := person(t, s, "xuhui", "org-310104", "officer")
		sys := person(t, s, "xitong", "org-310000", "sys_admin")
		for _, x := range []struct {
			name, by, to, role, prefix string
			code                       errs.Code
			text                       string
		}{
			{"district role in the district", local, officer, "squad_leader", "310101013", "", ""},
			{"beyond the district", local, officer, "squad_leader", "310104", errs.ForbiddenCode, "范围"},
			{"whole city", local, officer, "squad_leader", "31", errs.ForbiddenCode, "范围"},
			{"somebody of another district", local, other, "squad_leader", "310101", errs.NotFoundCode, "账号"},
			{"a role with more than one has", local, officer, "audit_admin", "310101", errs.ForbiddenCode, "您自己没有"},
			{"what one cannot pass on", local, officer, "bureau_operator", "310101", errs.ForbiddenCode, "运行分析"},
			{"oneself", sec, sec, "officer", "31", errs.ForbiddenCode, "自己"},
			{"two administrations", sec, sys, "audit_admin", "31", errs.ConflictCode, "不能由同一人"},
			{"security to system", sec, sys, "district_admin", "310101", errs.ConflictCode, "安全管理"},
			{"an officer may not", officer, other, "officer", "310101", errs.ForbiddenCode, "grant.manage"},
			{"unknown role", sec, officer, "king", "31", errs.Invalid, "king"},
		} {
			_, err := give(t, s, x.by, x.to, x.role, x.prefix, nil)
			if x.code == "" && err == nil {
				continue
			}
			if !errs.Is(err, x.code) || !strings.Contains(fmt.Sprint(err), x.text) {
				t.Errorf("%s: %v, want %s with %q", x.name, err, x.code, x.text)
			}
		}
		// A granter whose own grant ends cannot give a longer one.
		end := clock.Ptr(c.Now().Add(time.Hour))
		short := person(t, s, "linshi", "org-310101", "officer")
		if _, err := s.Grant(as(t, s, sec), access.GrantInput{PersonID: short, Role: "district_admin", Kind: access.KindOrg, To: end, Reason: "临时代管"}); err != nil {
			t.Fatal(err)
		}
		if _, err := give(t, s, short, officer, "legal_reviewer", "310101", nil); !errs.Is(err, errs.ForbiddenCode) {
			t.Errorf("a grant longer than the granter's own: %v", err)
		}
		g, err := give(t, s, short, officer, "legal_reviewer", "310101", end)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Revoke(as(t, s, local), g.ID, "不再需要"); err != nil {
			t.Fatal(err)
		}
		if who, _ := access.From(as(t, s, officer)); who.HasRole("legal_reviewer") {
			t.Error("a revoked grant holds at the next request")
		}
		if n := events(t, d, access.TopicGrant); n != 4 {
			t.Errorf("%d events of grants, want 4", n)
		}
	})
}

// Whatever is granted along a chain, nobody ends with more than the first.
func TestNobodyGrantsMoreThanTheyHave(t *testing.T) {
	c := clock.NewFake(testkit.Start())
	d := testkit.SQLite(t, c)
	s := service(t, d, nil)
	sec := person(t, s, "anquan", "org-310000", "sec_admin")
	root := person(t, s, "gen", "org-310101", "district_admin")
	people := []string{root}
	for i := range 4 {
		people = append(people, person(t, s, fmt.Sprint("ren", i), "org-310101", "officer"))
	}
	first, err := s.ActorOf(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	_ = sec
	roles := []string{"officer", "squad_leader", "it", "district_dispatcher", "district_admin", "sec_admin", "bureau_operator"}
	rapid.Check(t, func(rt *rapid.T) {
		by := rapid.SampledFrom(people).Draw(rt, "by")
		to := rapid.SampledFrom(people[1:]).Draw(rt, "to")
		role := rapid.SampledFrom(roles).Draw(rt, "role")
		prefix := rapid.SampledFrom([]string{"31", "310101", "310101013", "310104"}).Draw(rt, "prefix")
		a, err := s.ActorOf(t.Context(), by)
		if err != nil {
			rt.Fatal(err)
		}
		if _, err := s.Grant(access.With(context.Background(), a), access.GrantInput{PersonID: to, Role: role, Kind: access.KindRegion, Prefixes: []string{prefix}, Reason: "随机"}); err != nil && errs.Is(err, errs.Internal) {
			rt.Fatal(err)
		}
		b, err := s.ActorOf(t.Context(), to)
		if err != nil {
			rt.Fatal(err)
		}
		pass := map[string]bool{}
		for _, h := range first.Grants() {
			for p := range h.Pass {
				pass[p] = true
			}
		}
		for p := range b.Perms {
			if !first.Has(p) && !pass[p] {
				rt.Fatalf("%s got %s, which the first of the chain cannot hand on", to, p)
			}
			if !b.ScopeFor(p).Within(access.Scope{Prefixes: []string{"310101"}}) {
				rt.Fatalf("%s got %s on %v", to, p, b.ScopeFor(p))
			}
		}
	})
}

// A row changed beside the center gives nothing, and says so once.
func TestTampering(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := service(t, d, nil)
		id := person(t, s, "duiyuan", "org-310101013", "officer")
		viewer := person(t, s, "anquan", "org-310000", "sec_admin")
		if n := events(t, d, access.TopicTampered); n != 0 {
			t.Fatalf("%d rows are bad at first", n)
		}
		for _, x := range []struct{ what, change, back string }{
			{"role of a grant", "UPDATE access_grants SET role = 'district_dispatcher' WHERE person_id = '" + id + "'", "UPDATE access_grants SET role = 'officer' WHERE person_id = '" + id + "'"},
			{"scope of a grant", "UPDATE access_grants SET kind = 'region', prefixes = '31' WHERE person_id = '" + id + "'", "UPDATE access_grants SET kind = 'org', prefixes = '' WHERE person_id = '" + id + "'"},
			{"end of a grant", "UPDATE access_grants SET to_at = 4102444800000 WHERE person_id = '" + id + "'", "UPDATE access_grants SET to_at = NULL WHERE person_id = '" + id + "'"},
			{"permission of a role", "INSERT INTO access_role_perms (role, perm, pass) VALUES ('officer', 'audit.view', 0)", "DELETE FROM access_role_perms WHERE role = 'officer' AND perm = 'audit.view'"},
			{"region of an organisation", "UPDATE access_orgs SET region_code = '310000' WHERE id = 'org-310101013'", "UPDATE access_orgs SET region_code = '310101013' WHERE id = 'org-310101013'"},
		} {
			before := events(t, d, access.TopicTampered)
			exec(t, d, x.change)
			exec(t, d, "UPDATE access_versions SET version = version + 1")
			a, err := s.ActorOf(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if a.ScopeFor(access.OrderHandle).Covers("310101013") || a.Has(access.AuditView) || a.ScopeFor(access.AlertDecide).Covers("310101013") {
				t.Errorf("%s changed: still gives %v", x.what, a.Perms)
			}
			if _, err := s.ActorOf(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			if n := events(t, d, access.TopicTampered) - before; n != 1 {
				t.Errorf("%s changed: %d notices, want 1", x.what, n)
			}
			if list, err := s.Faults(as(t, s, viewer)); err != nil || len(list) != 1 {
				t.Errorf("%s changed: faults %v, %v", x.what, list, err)
			}
			exec(t, d, x.back)
			exec(t, d, "UPDATE access_versions SET version = version + 1")
			if err := s.VerifyRows(t.Context()); err != nil {
				t.Fatal(err)
			}
			if list, err := s.Faults(as(t, s, viewer)); err != nil || len(list) != 0 {
				t.Errorf("%s put back: faults %v, %v", x.what, list, err)
			}
			if a, err := s.ActorOf(t.Context(), id); err != nil || !a.Allows(access.OrderHandle, "310101013") {
				t.Errorf("%s put back: gives nothing (%v)", x.what, err)
			}
		}
		// A grant written by hand, without a code, gives nothing.
		exec(t, d, "INSERT INTO access_grants (id, person_id, role, prefixes, from_at, created_at) VALUES ('forged', '"+id+"', 'sec_admin', '31', 0, 0)")
		if a, err := s.ActorOf(t.Context(), id); err != nil || a.Has(access.GrantManage) {
			t.Errorf("a forged grant gives %v (%v)", a.Perms, err)
		}
	})
}

// Own roles: copied, edited, disabled; another center sees it at once.
func TestRoles(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := service(t, d, nil)
		other := service(t, d, nil)
		sec := person(t, s, "anquan", "org-310000", "sec_admin")
		id := person(t, s, "duiyuan", "org-310101013")
		in := access.RoleInput{Code: "night_watch", Name: "夜间值守", Permissions: []string{access.AlertView, access.LiveView}}
		r, err := s.SaveRole(as(t, s, sec), in, "新增")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := give(t, s, sec, id, "night_watch", "310101013", nil); err != nil {
			t.Fatal(err)
		}
		holds := func(perm string) bool {
			a, err := other.ActorOf(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			return a.Has(perm)
		}
		if !holds(access.LiveView) {
			t.Fatal("another center does not know the role")
		}
		in.Permissions, in.Rev = []string{access.AlertView}, r.Rev
		if r, err = s.SaveRole(as(t, s, sec), in, "收窄"); err != nil || holds(access.LiveView) || !holds(access.AlertView) {
			t.Fatalf("after the edit: %v, live %v, alert %v", err, holds(access.LiveView), holds(access.AlertView))
		}
		in.Rev = r.Rev - 1
		if _, err := s.SaveRole(as(t, s, sec), in, ""); !errs.Is(err, errs.ConflictCode) {
			t.Errorf("old revision: %v", err)
		}
		in.Rev, in.Permissions = r.Rev, []string{access.OrgManage, access.GrantManage}
		if _, err := s.SaveRole(as(t, s, sec), in, ""); !errs.Is(err, errs.Invalid) || !strings.Contains(fmt.Sprint(err), "维护机构人员") {
			t.Errorf("a role of two administrations: %v", err)
		}
		if _, err := s.SaveRole(as(t, s, sec), access.RoleInput{Code: "officer", Name: "队员二", Permissions: []string{access.AlertView}, Rev: 1}, ""); !errs.Is(err, errs.ConflictCode) {
			t.Errorf("built-in role edited: %v", err)
		}
		if err := s.SetRoleState(as(t, s, sec), "night_watch", "disabled", "停用", r.Rev); err != nil || holds(access.AlertView) {
			t.Errorf("disabled role: %v, holds %v", err, holds(access.AlertView))
		}
	})
}

// The rows of an installation that is older than the codes are signed once,
// and never again.
func TestOldRowsAreSignedOnce(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		exec(t, d, "INSERT INTO access_orgs (id, name, kind, region_code, parent_id) VALUES ('org-310101', '黄浦区局', 'district', '310101', '')")
		exec(t, d, "INSERT INTO access_persons (id, account, name, org_id, password_hash, state, created_at, updated_at) VALUES ('old', 'laozhang', '演示', 'org-310101', 'x', 'active', 0, 0)")
		exec(t, d, "INSERT INTO access_grants (id, person_id, role, prefixes, from_at, created_at) VALUES ('g', 'old', 'officer', '310101', 0, 0)")
		s := service(t, d, nil)
		if a, err := s.ActorOf(t.Context(), "old"); err != nil || !a.Allows(access.OrderHandle, "310101013") {
			t.Fatalf("an old grant gives nothing: %v", err)
		}
		exec(t, d, "UPDATE access_grants SET role = 'sec_admin', mac = ''")
		exec(t, d, "DELETE FROM access_role_perms")
		exec(t, d, "DELETE FROM access_roles")
		s = service(t, d, nil)
		if a, err := s.ActorOf(t.Context(), "old"); err != nil || len(a.Perms) != 0 {
			t.Errorf("emptied tables made the center sign a forged grant: %v, %v", a.Perms, err)
		}
	})
}
