package directory_test

import (
	"context"
	"testing"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/directory"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

func person(id, scope string, perms ...string) context.Context {
	a := access.Actor{ID: id, Name: id, Scope: access.Scope{Prefixes: []string{scope}}, Perms: map[string]bool{access.CameraView: true}}
	for _, p := range perms {
		a.Perms[p] = true
	}
	return access.With(context.Background(), a)
}

func TestVideoGrants(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, _ := setUp(t, d)
		one, err := s.Create(as("31"), input(1, "310101013")) // 工地、街面
		if err != nil {
			t.Fatal(err)
		}
		two, err := s.Create(as("31"), input(2, "310101015")) // no type
		if err != nil {
			t.Fatal(err)
		}
		boss := person("boss", "310101", access.CameraGrant, access.LiveView, access.LivePlayback)
		officer, mate := person("officer", "310101"), person("mate", "310101")
		in := directory.GrantInput{
			SubjectKind: "person", SubjectID: "officer", SubjectName: "officer", Prefixes: []string{"310101"}, Tags: []string{"工地"},
			Acts: []string{directory.ActLive}, PassOn: true, To: clock.At(c.Now().Add(time.Hour)), Reason: "专项检查",
		}
		if _, err := s.Need(officer, one.ID, directory.ActLive); errs.CodeOf(err) != errs.ForbiddenCode {
			t.Fatalf("without a grant: %v", err)
		}
		for name, change := range map[string]func(g *directory.GrantInput){
			"another act":    func(g *directory.GrantInput) { g.Acts = []string{directory.ActPTZ} },
			"another region": func(g *directory.GrantInput) { g.Prefixes = []string{"310104"} },
			"the city":       func(g *directory.GrantInput) { g.Prefixes = []string{"31"} },
			"to oneself":     func(g *directory.GrantInput) { g.SubjectID = "boss" },
		} {
			bad := in
			change(&bad)
			if _, err := s.MakeGrant(boss, bad); errs.CodeOf(err) != errs.ForbiddenCode {
				t.Errorf("%s was granted: %v", name, err)
			}
		}
		if _, err := s.MakeGrant(mate, in); errs.CodeOf(err) != errs.ForbiddenCode {
			t.Errorf("somebody without the right granted: %v", err)
		}
		g, err := s.MakeGrant(boss, in)
		if err != nil {
			t.Fatal(err)
		}
		may := func(ctx context.Context, camera, act string, want bool) {
			t.Helper()
			if ok, why, err := s.May(ctx, camera, act); ok != want || err != nil || !ok && why == "" {
				t.Errorf("may %s: %v %q %v", act, ok, why, err)
			}
		}
		may(officer, one.ID, directory.ActLive, true)
		may(officer, one.ID, directory.ActPlayback, false)
		may(officer, two.ID, directory.ActLive, false) // not of the type
		may(mate, one.ID, directory.ActLive, false)
		// Passed on: within the grant only, and gone with it.
		below := in
		below.SubjectID, below.PassOn = "mate", false
		for name, change := range map[string]func(g *directory.GrantInput){
			"longer":    func(g *directory.GrantInput) { g.To += 1000 },
			"all types": func(g *directory.GrantInput) { g.Tags = nil },
			"more acts": func(g *directory.GrantInput) { g.Acts = []string{directory.ActLive, directory.ActPlayback} },
		} {
			bad := below
			change(&bad)
			if _, err := s.MakeGrant(officer, bad); errs.CodeOf(err) != errs.ForbiddenCode {
				t.Errorf("passed on %s: %v", name, err)
			}
		}
		if x, err := s.MakeGrant(officer, below); err != nil || x.ParentID != g.ID {
			t.Fatalf("%+v %v", x, err)
		}
		may(mate, one.ID, directory.ActLive, true)
		if list, err := s.Grants(boss, "active", httpx.Paging{Page: 1, Size: 20}); err != nil || list.Total != 2 {
			t.Errorf("%+v %v", list, err)
		}
		if err := s.RevokeGrant(boss, g.ID, "检查结束"); err != nil {
			t.Fatal(err)
		}
		may(officer, one.ID, directory.ActLive, false)
		may(mate, one.ID, directory.ActLive, false)
		// Ends by itself, and a row that was changed beside gives nothing.
		if g, err = s.MakeGrant(boss, in); err != nil {
			t.Fatal(err)
		}
		c.Advance(time.Hour)
		may(officer, one.ID, directory.ActLive, false)
		if _, err := d.SQL().Exec("UPDATE dir_grants SET to_at = to_at + 86400000 WHERE id = '" + g.ID + "'"); err != nil {
			t.Fatal(err)
		}
		may(officer, one.ID, directory.ActLive, false)
	})
}

func TestTreeAndSearch(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s, _ := setUp(t, d)
		in := input(1, "310101013")
		in.Name, in.Address, in.GBCode = "外滩沿街商铺", "南京东路 320 号", "31010100081326000001"
		c, err := s.Create(as("31"), in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Create(as("31"), input(2, "310104014")); err != nil {
			t.Fatal(err)
		}
		for _, q := range []string{"沿街", "wt", "waitan", "yanjie", "njdl", "3101010008", "000001", "320"} {
			res, err := s.List(as("31"), directory.Filter{}, httpx.Paging{Page: 1, Size: 20, Q: q})
			if err != nil || res.Total != 1 || res.Items[0].Camera.ID != c.ID {
				t.Errorf("%q finds %d, %v", q, res.Total, err)
			}
		}
		near := directory.Filter{Near: &directory.Near{Lng: c.Lng, Lat: c.Lat, Metres: 50}}
		if res, err := s.List(as("31"), near, httpx.Paging{Page: 1, Size: 20}); err != nil || res.Total != 1 || *res.Items[0].Metres != 0 {
			t.Errorf("near: %+v %v", res, err)
		}
		area := directory.Filter{Polygon: directory.Area{{c.Lng, c.Lat}, {c.Lng + 0.0001, c.Lat}, {c.Lng, c.Lat + 0.0001}}}
		if res, err := s.List(as("31"), area, httpx.Paging{Page: 1, Size: 20}); err != nil || res.Total != 1 {
			t.Errorf("a corner of the area: %+v %v", res, err)
		}
		for _, x := range []struct{ scope, region string }{{"31", "31"}, {"310101", "31"}, {"31", "310101"}, {"31", "310101013"}} {
			nodes, err := s.Tree(as(x.scope), x.region)
			if err != nil || len(nodes) == 0 {
				t.Fatalf("%v: %v %v", x, nodes, err)
			}
			want := 1
			if x.scope == "31" && x.region == "31" {
				want = 2
			}
			if len(nodes) != want || nodes[0].Total != 1 || nodes[0].Name == "" {
				t.Errorf("%v: %+v", x, nodes)
			}
		}
		if err := s.Delete(as("31"), c.ID, c.Rev); err != nil {
			t.Fatal(err)
		}
		if nodes, err := s.Tree(as("310101"), "31"); err != nil || len(nodes) != 0 {
			t.Errorf("after the deletion: %+v %v", nodes, err)
		}
	})
}
