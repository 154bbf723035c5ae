package staff_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/integration/staff"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

// tree is an organisation tree in memory, with the rules of the real one that
// matter here: accounts are unique.
type tree struct {
	people map[string]*staff.StaffOurs
	orgs   map[string]string
	next   int
}

func newTree() *tree {
	t := &tree{people: map[string]*staff.StaffOurs{}, orgs: map[string]string{"hp": "黄浦区局", "wt": "外滩中队"}}
	for i := range 20 {
		t.add(fmt.Sprintf("old%02d", i), "", "hp")
	}
	return t
}

func (t *tree) add(account, cert, org string) *staff.StaffOurs {
	t.next++
	p := &staff.StaffOurs{ID: "P" + strconv.Itoa(t.next), Account: account, Name: account, CertNo: cert, OrgID: org, Active: true}
	t.people[p.ID] = p
	return p
}

func (t *tree) find(f func(*staff.StaffOurs) bool) (staff.StaffOurs, bool, error) {
	for _, p := range t.people {
		if f(p) {
			return *p, true, nil
		}
	}
	return staff.StaffOurs{}, false, nil
}

func (t *tree) Find(_ context.Context, id string) (staff.StaffOurs, bool, error) {
	return t.find(func(p *staff.StaffOurs) bool { return p.ID == id })
}

func (t *tree) ByAccount(_ context.Context, a string) (staff.StaffOurs, bool, error) {
	return t.find(func(p *staff.StaffOurs) bool { return p.Account == a })
}

func (t *tree) ByCert(_ context.Context, c string) (staff.StaffOurs, bool, error) {
	return t.find(func(p *staff.StaffOurs) bool { return p.CertNo == c })
}

func (t *tree) OrgExists(_ context.Context, id string) (string, bool, error) {
	n, ok := t.orgs[id]
	return n, ok, nil
}

func (t *tree) Create(_ context.Context, p staff.StaffOurs) (string, error) {
	if p.Account == "refused" {
		return "", errs.Invalidf("account", "这个账号不允许")
	}
	x := t.add(p.Account, p.CertNo, p.OrgID)
	x.Name = p.Name
	return x.ID, nil
}
func (t *tree) Rename(_ context.Context, id, n string) error  { t.people[id].Name = n; return nil }
func (t *tree) Move(_ context.Context, id, o, _ string) error { t.people[id].OrgID = o; return nil }
func (t *tree) SetActive(_ context.Context, id string, on bool, _ string) error {
	t.people[id].Active = on
	return nil
}

func (t *tree) Persons(context.Context) (int, error) {
	n := 0
	for _, p := range t.people {
		if p.Active {
			n++
		}
	}
	return n, nil
}

// outside is a personnel system that tells records in pages of two.
type outside struct{ list []staff.StaffTheirs }

func (o *outside) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer secret" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	at, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
	size, _ := strconv.Atoi(r.URL.Query().Get("size"))
	end := min(at+size, len(o.list))
	_ = json.NewEncoder(w).Encode(map[string]any{"items": o.list[at:end], "next": strconv.Itoa(end), "more": end < len(o.list)})
}

func person(id string, version int64, account, org string) staff.StaffTheirs {
	return staff.StaffTheirs{Kind: "person", ID: id, Version: version, Name: "人" + id, Account: account, OrgID: org, Active: true}
}

func start(t *testing.T, d *db.DB, tr *tree, o *outside) (*staff.Service, context.Context, staff.StaffSource) {
	t.Helper()
	srv := httptest.NewServer(o)
	t.Cleanup(srv.Close)
	s := staff.New(staff.Options{DB: d, Log: testkit.Log(t), Keys: crypto.ForTest(t, d), People: tr})
	ctx := access.With(t.Context(), access.Actor{ID: "sys", Name: "系统管理员", Perms: map[string]bool{access.SyncManage: true}, Scope: access.Scope{Prefixes: []string{"31"}}})
	src, err := s.Save(ctx, "", staff.StaffSourceWrite{Name: "人事系统", URL: srv.URL + "/people", Token: "secret", PageSize: 2, LimitPercent: 20, EveryMinutes: 60, Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	return s, ctx, src
}

func run(t *testing.T, s *staff.Service, ctx context.Context, id string, preview bool) staff.StaffRun {
	t.Helper()
	r, err := s.RunNow(ctx, id, preview)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAddsChangesAndConflicts(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, fc *clock.Fake) {
		tr := newTree()
		tr.add("taken", "沪01-0001", "hp")
		o := &outside{list: []staff.StaffTheirs{
			person("1", 5, "zhang", "o1"),
			{Kind: "org", ID: "o1", Version: 1, Name: "外滩", Code: "wt", Active: true},
			{Kind: "org", ID: "o2", Version: 1, Name: "黄浦", Code: "hp", Active: true},
			person("1", 3, "late", "o1"), // an older word about the same person
			person("2", 1, "taken", "o1"),
			person("3", 1, "liyi", "nowhere"),
			{Kind: "person", ID: "4", Version: 1, Name: "证", Account: "cert", CertNo: "沪01-0001", OrgID: "o1", Active: true},
			person("5", 1, "x", "o1"), // account too short
			person("6", 1, "refused", "o1"),
			{Kind: "robot", ID: "7", Version: 1},
		}}
		s, ctx, src := start(t, d, tr, o)
		if _, err := s.RunNow(ctx, src.ID, false); err == nil {
			t.Fatal("the first run needs no preview")
		}
		before := len(tr.people)
		// "refused" would be added too: only the center's own rules refuse it.
		if p := run(t, s, ctx, src.ID, true); p.Added != 4 || p.Conflicts != 3 || p.Failed != 2 || len(tr.people) != before {
			t.Fatalf("preview: %+v, %d people before and %d after", p, before, len(tr.people))
		}
		if open, err := s.Conflicts(ctx, src.ID, "open", httpx.Paging{Page: 1, Size: 20}); err != nil || open.Total != 0 {
			t.Fatalf("a preview left conflicts: %+v %v", open, err)
		}
		r := run(t, s, ctx, src.ID, false)
		if r.State != "done" || r.Seen != 9 || r.Added != 3 || r.Conflicts != 3 || r.Failed != 3 || r.Seen != r.Added+r.Changed+r.Moved+r.Disabled+r.Same+r.Conflicts+r.Failed {
			t.Fatalf("%+v", r)
		}
		z, ok, _ := tr.ByAccount(ctx, "zhang")
		if !ok || z.OrgID != "wt" || z.Name != "人1" {
			t.Fatalf("%+v", z)
		}
		list, err := s.Conflicts(ctx, src.ID, "open", httpx.Paging{Page: 1, Size: 20})
		if err != nil || list.Total != 3 {
			t.Fatalf("%+v %v", list, err)
		}
		for _, c := range list.Items {
			switch c.Kind {
			case "account":
				if c.Ours == nil || c.Ours.Account != "taken" {
					t.Fatalf("our side is missing: %+v", c)
				}
				err = s.Decide(ctx, c.ID, "bind", "", "同一个人")
			case "org":
				err = s.Decide(ctx, c.ID, "org", "wt", "就是外滩中队")
			case "cert":
				if s.Decide(ctx, c.ID, "ours", "", "") == nil {
					t.Fatal("settled without a reason")
				}
				err = s.Decide(ctx, c.ID, "ours", "", "对方证号录错")
			}
			if err != nil {
				t.Fatalf("%s: %v", c.Kind, err)
			}
			if s.Decide(ctx, c.ID, "ours", "", "再来一次") == nil {
				t.Fatal("settled twice")
			}
		}
		if li, ok, _ := tr.ByAccount(ctx, "liyi"); !ok || li.OrgID != "wt" {
			t.Fatalf("the person behind the named organisation was not added: %+v", li)
		}

		// Increment: a transfer, a rename that both sides did, a leaver.
		tr.people[z.ID].Name = "本地改名"
		moved, left := person("2", 2, "taken", "o2"), person("3", 2, "liyi", "nowhere")
		left.Active = false
		o.list = append(o.list, moved, person("1", 6, "zhang", "o2"), left, moved)
		fc.Advance(time.Hour)
		r = run(t, s, ctx, src.ID, false)
		if r.Seen != 3 || r.Conflicts != 1 || r.Disabled != 1 {
			t.Fatalf("%+v", r)
		}
		if x, _, _ := tr.ByAccount(ctx, "liyi"); x.Active {
			t.Fatal("the leaver is still active")
		}
		list, _ = s.Conflicts(ctx, src.ID, "open", httpx.Paging{Page: 1, Size: 20})
		if len(list.Items) != 1 || list.Items[0].Kind != "local" {
			t.Fatalf("%+v", list.Items)
		}
		if err := s.Decide(ctx, list.Items[0].ID, "theirs", "", "以人事为准"); err != nil {
			t.Fatal(err)
		}
		if x, _, _ := tr.ByAccount(ctx, "zhang"); x.Name != "人1" || x.OrgID != "hp" {
			t.Fatalf("%+v", x)
		}
		// Nothing new: nothing happens, however often it runs.
		fc.Advance(2 * time.Hour)
		if err := s.RunDue(ctx); err != nil {
			t.Fatal(err)
		}
		runs, err := s.Runs(ctx, src.ID, httpx.Paging{Page: 1, Size: 10})
		if err != nil || runs.Items[0].Seen != 0 || runs.Items[0].State != "done" {
			t.Fatalf("%+v %v", runs.Items[0], err)
		}
	})
}

func TestTooManyDisabledIsRefused(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, fc *clock.Fake) {
		tr := newTree()
		o := &outside{list: []staff.StaffTheirs{{Kind: "org", ID: "o1", Version: 1, Name: "外滩", Code: "wt", Active: true}}}
		for i := range 10 {
			o.list = append(o.list, person(strconv.Itoa(i), 1, fmt.Sprintf("new%02d", i), "o1"))
		}
		s, ctx, src := start(t, d, tr, o)
		run(t, s, ctx, src.ID, true)
		if r := run(t, s, ctx, src.ID, false); r.Added != 11 {
			t.Fatalf("%+v", r)
		}
		for i := range 8 {
			x := person(strconv.Itoa(i), 2, fmt.Sprintf("new%02d", i), "o1")
			x.Active = false
			o.list = append(o.list, x)
		}
		fc.Advance(time.Hour)
		r := run(t, s, ctx, src.ID, false)
		if n, _ := tr.Persons(ctx); r.State != "refused" || !strings.Contains(r.Note, "8 人") || n != 30 {
			t.Fatalf("%+v, %d active", r, n)
		}
		src, err := s.Save(ctx, src.ID, staff.StaffSourceWrite{Name: "人事系统", URL: src.URL, PageSize: 2, LimitPercent: 50, Rev: src.Rev})
		if err != nil {
			t.Fatal(err)
		}
		if r := run(t, s, ctx, src.ID, false); r.State != "done" || r.Disabled != 8 {
			t.Fatalf("%+v", r)
		}
	})
}
