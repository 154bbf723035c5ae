package todo_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/internal/todo"
)

// people is an organisation in memory.
type people struct {
	mu      sync.Mutex
	names   map[string]string
	groups  map[string][]todo.Group
	acting  map[string][]todo.Person
	heirOf  todo.Group
	orgName map[string]string
}

func (p *people) Person(_ context.Context, id string) (todo.Person, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, ok := p.names[id]
	return todo.Person{ID: id, Name: n}, ok, nil
}
func (p *people) OrgName(_ context.Context, id string) (string, error) { return p.orgName[id], nil }
func (p *people) GroupsOf(_ context.Context, id string) ([]todo.Group, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.groups[id], nil
}
func (p *people) Members(_ context.Context, g todo.Group) ([]todo.Person, error) {
	out := []todo.Person{}
	for id, gs := range p.groups {
		for _, x := range gs {
			if x == g {
				out = append(out, todo.Person{ID: id, Name: p.names[id]})
			}
		}
	}
	return out, nil
}
func (p *people) ActingFor(_ context.Context, id string) ([]todo.Person, error) {
	return p.acting[id], nil
}
func (p *people) HeirOf(context.Context, string) (todo.Group, error) { return p.heirOf, nil }

var leaders = todo.Group{Role: "squad_leader", OrgID: "sq1"}

// world is a to-do centre with a few people.
type world struct {
	t   *testing.T
	d   *db.DB
	c   *clock.Fake
	s   *todo.Service
	ppl *people
	bus *events.Bus
	// got are the changes that were published.
	got []todo.Changed
}

func newWorld(t *testing.T, d *db.DB, c *clock.Fake) *world {
	w := &world{t: t, d: d, c: c, ppl: &people{
		names:  map[string]string{"li": "李倩", "wang": "王建国", "zhou": "周岚", "chen": "陈思远"},
		groups: map[string][]todo.Group{"zhou": {leaders}, "chen": {leaders}},
		acting: map[string][]todo.Person{}, heirOf: leaders, orgName: map[string]string{"sq1": "外滩街道中队"},
	}}
	w.s = todo.New(todo.Options{DB: d, People: w.ppl, Log: testkit.Log(t)})
	w.s.Name("order", "非现工单")
	w.s.OnClaim("order", nil)
	w.bus = events.NewBus(d, testkit.Log(t), nil)
	w.bus.Subscribe(todo.TopicChanged, "test", func(_ context.Context, _ db.Tx, e events.Event) error {
		var x todo.Changed
		if err := e.Decode(&x); err != nil {
			return err
		}
		w.got = append(w.got, x)
		return nil
	})
	return w
}

func as(t *testing.T, id, name string) context.Context {
	return access.With(t.Context(), access.Actor{ID: id, Name: name, OrgID: "sq1"})
}

func (w *world) tx(f func(ctx context.Context, tx db.Tx) error) {
	w.t.Helper()
	if err := w.d.InTx(w.t.Context(), f); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) put(it todo.Item) {
	w.t.Helper()
	w.tx(func(ctx context.Context, tx db.Tx) error { return w.s.Put(ctx, tx, it) })
}

func (w *world) close(id, by string) {
	w.t.Helper()
	w.tx(func(ctx context.Context, tx db.Tx) error { return w.s.Close(ctx, tx, "order", id, "", by, "已办结") })
}

func (w *world) in(h time.Duration) *clock.Stamp { return clock.Ptr(w.d.Now().Add(h)) }

func (w *world) list(who string, f todo.Filter) []todo.View {
	w.t.Helper()
	l, err := w.s.List(as(w.t, who, w.ppl.names[who]), f, httpx.Paging{Page: 1, Size: 200})
	if err != nil {
		w.t.Fatal(err)
	}
	if int(l.Total) != len(l.Items) {
		w.t.Fatalf("total %d, %d items", l.Total, len(l.Items))
	}
	return l.Items
}

func (w *world) summary(who string) todo.Summary {
	w.t.Helper()
	s, err := w.s.Summary(as(w.t, who, w.ppl.names[who]))
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// changes takes what was published since the last call.
func (w *world) changes() []string {
	w.t.Helper()
	for {
		n, err := w.bus.Drain(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	out := []string{}
	for _, g := range w.got {
		out = append(out, g.SourceID+" "+g.Change+" "+strings.Join(g.Holders, ","))
	}
	w.got = nil
	return out
}

func order(id string, due *clock.Stamp) todo.Item {
	return todo.Item{
		Source: "order", SourceID: id, Key: "handle", Kind: "order", Title: "顺达五金 占道堆物 " + id, Summary: "GD-" + id, Path: "/orders/" + id,
		PhonePath: "/order/" + id, RegionCode: "310101013", Assignee: "li", Starter: "zhou", CC: []string{"wang"}, DueAt: due, Step: 2, Steps: 5, StepName: "处置",
	}
}

func TestPutAndClose(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := newWorld(t, d, c)
		w.put(order("2", w.in(3*time.Hour)))
		w.put(order("1", w.in(time.Hour)))
		w.put(order("1", w.in(time.Hour))) // the same again
		if got := w.changes(); len(got) != 2 || got[0] != "2 created li,wang,zhou" {
			t.Fatalf("published %q", got)
		}
		l := w.list("li", todo.Filter{Tab: todo.TabTodo})
		if len(l) != 2 || l[0].SourceID != "1" || l[0].AssigneeName != "李倩" || !l[0].Unread {
			t.Fatalf("list %+v, want the soonest first", l)
		}
		if n := len(w.list("zhou", todo.Filter{Tab: todo.TabStarted})); n != 2 {
			t.Errorf("%d started", n)
		}
		if s := w.summary("wang"); s.CC != 2 || s.CCUnread != 2 || s.Todo != 0 {
			t.Errorf("copied: %+v", s)
		}
		if err := w.s.Read(as(t, "wang", "王建国"), l[0].ID); err != nil {
			t.Fatal(err)
		}
		if s := w.summary("wang"); s.CCUnread != 1 {
			t.Errorf("unread after reading: %+v", s)
		}
		moved := order("1", w.in(5*time.Hour))
		w.put(moved)
		if l = w.list("li", todo.Filter{Tab: todo.TabTodo}); l[0].SourceID != "2" {
			t.Error("a moved deadline did not move the item")
		}
		if s := w.summary("wang"); s.CCUnread != 1 {
			t.Error("what was read is unread after a change")
		}
		w.changes()
		w.close("1", "li")
		w.close("1", "li") // again
		if got := w.changes(); len(got) != 1 || got[0] != "1 closed li,wang,zhou" {
			t.Fatalf("published %q", got)
		}
		if l = w.list("li", todo.Filter{Tab: todo.TabDone}); len(l) != 1 || l[0].Outcome != "已办结" || l[0].ClosedName != "李倩" {
			t.Fatalf("done: %+v", l)
		}
		if n := len(w.list("zhou", todo.Filter{Tab: todo.TabStarted, Closed: true})); n != 1 {
			t.Errorf("%d started and closed", n)
		}
		w.put(moved) // sent back: open again
		if n := len(w.list("li", todo.Filter{Tab: todo.TabTodo})); n != 2 {
			t.Errorf("%d open after a return", n)
		}
		if n := len(w.list("li", todo.Filter{Tab: todo.TabDone})); n != 0 {
			t.Errorf("%d done, but it is open again", n)
		}
		w.tx(func(ctx context.Context, tx db.Tx) error { return w.s.Cancel(ctx, tx, "order", "1", "", "作废") })
		if n := len(w.list("li", todo.Filter{Tab: todo.TabDone})); n != 0 {
			t.Errorf("%d done by nobody", n)
		}
	})
}

func TestBadItems(t *testing.T) {
	d := testkit.SQLite(t, clock.NewFake(testkit.Start()))
	w := newWorld(t, d, nil)
	for name, change := range map[string]func(*todo.Item){
		"no source":     func(i *todo.Item) { i.SourceID = "" },
		"no title":      func(i *todo.Item) { i.Title = " " },
		"nobody":        func(i *todo.Item) { i.Assignee = "" },
		"half a group":  func(i *todo.Item) { i.Assignee = ""; i.Group = &todo.Group{Role: "x"} },
		"stranger":      func(i *todo.Item) { i.Assignee = "nobody" },
		"other host":    func(i *todo.Item) { i.Path = "//evil.example/x" },
		"step too high": func(i *todo.Item) { i.Step = 9 },
	} {
		it := order("1", nil)
		change(&it)
		err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error { return w.s.Put(ctx, tx, it) })
		if !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// 200 people claim one item: one wins, the others learn who it was.
func TestClaimRace(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := newWorld(t, d, c)
		const n = 200
		for i := range n {
			id := fmt.Sprintf("p%d", i)
			w.ppl.names[id], w.ppl.groups[id] = "队员"+id, []todo.Group{leaders}
		}
		it := order("1", w.in(time.Hour))
		it.Assignee, it.Group = "", &leaders
		w.put(it)
		if s := w.summary("zhou"); s.Group != 1 || s.Todo != 0 {
			t.Fatalf("before: %+v", s)
		}
		id := w.list("zhou", todo.Filter{Tab: todo.TabGroup})[0].ID
		var wg sync.WaitGroup
		var mu sync.Mutex
		won, lost := "", map[string]int{}
		for i := range n {
			wg.Go(func() {
				p := fmt.Sprintf("p%d", i)
				_, err := w.s.Claim(as(t, p, "队员"+p), id)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won += "队员" + p
					return
				}
				lost[err.Error()]++
			})
		}
		wg.Wait()
		if len(lost) != 1 || lost["conflict: 已由 "+won+" 认领"] != n-1 {
			t.Fatalf("won %q, lost %v", won, lost)
		}
		if s := w.summary("zhou"); s.Group != 0 {
			t.Errorf("still unclaimed: %+v", s)
		}
		w.put(it) // the source publishes again: who claimed it keeps it
		v, err := w.s.Get(as(t, "zhou", "周岚"), id)
		if err != nil || v.AssigneeName != won {
			t.Fatalf("after the source's change %q has it, %v", v.AssigneeName, err)
		}
		if _, err := w.s.Release(as(t, "zhou", "周岚"), id); !errs.Is(err, errs.ForbiddenCode) {
			t.Errorf("somebody else released it: %v", err)
		}
		p := v.Assignee
		held := true
		w.s.OnRelease("order", func(context.Context, db.Tx, todo.View, string) error {
			if held {
				return errs.Conflict("已开始处置，不能退回")
			}
			return nil
		})
		if _, err := w.s.Release(as(t, p, won), id); !errs.Is(err, errs.ConflictCode) {
			t.Errorf("the source did not refuse: %v", err)
		}
		held = false
		if _, err := w.s.Release(as(t, p, won), id); err != nil {
			t.Fatal(err)
		}
		if s := w.summary("zhou"); s.Group != 1 {
			t.Errorf("after the release: %+v", s)
		}
		if _, err := w.s.Claim(as(t, "li", "李倩"), id); !errs.Is(err, errs.NotFoundCode) {
			t.Errorf("a stranger claims: %v", err)
		}
	})
}

// Each deadline is told of once as near and once as passed, whatever stands
// still meanwhile, and again after it was moved.
func TestDeadlines(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := newWorld(t, d, c)
		it := order("1", w.in(30*time.Hour)) // due tomorrow 20:30, near from midnight
		w.put(it)
		w.changes()
		fire := func(want ...string) {
			t.Helper()
			for range 3 { // two centers, and again
				if _, err := w.s.Fire(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			got := []string{}
			for _, x := range w.changes() {
				got = append(got, strings.Fields(x)[1])
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Fatalf("told %v, want %v", got, want)
			}
		}
		fire()
		c.Advance(10 * time.Hour)
		fire("near")
		c.Advance(21 * time.Hour)
		fire("overdue")
		if s := w.summary("li"); s.Overdue != 1 {
			t.Fatalf("overdue %+v", s)
		}
		it.DueAt = w.in(100 * time.Hour)
		w.put(it)
		fire("due")
		if s := w.summary("li"); s.Overdue != 0 {
			t.Fatalf("overdue after an extension: %+v", s)
		}
		c.Advance(101 * time.Hour) // the center stood still over both
		fire("overdue")
		it.DueAt, it.DueNote = nil, "鉴定期间"
		w.put(it)
		fire("due")
		if l := w.list("li", todo.Filter{Tab: todo.TabTodo, Due: todo.DuePaused}); len(l) != 1 {
			t.Fatalf("paused: %d", len(l))
		}
		it.DueAt, it.DueNote = w.in(-time.Minute), ""
		w.put(it)
		fire("due", "overdue")
		w.close("1", "li")
		c.Advance(time.Hour)
		fire("closed")
	})
}

// The parts of the deadlines add up to the tab, and each opens its list.
func TestPartsAndFilters(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := newWorld(t, d, c)
		for i, due := range []time.Duration{-48 * time.Hour, -time.Minute, time.Hour, 5 * time.Hour, 30 * time.Hour, 80 * time.Hour, 400 * time.Hour} {
			it := order(fmt.Sprint(i), w.in(due))
			if i == 3 {
				it.Priority, it.Kind, it.Source, it.RegionCode = 2, "security", "security", "310104003"
			}
			w.put(it)
		}
		free := order("free", nil)
		w.put(free)
		paused := order("paused", nil)
		paused.DueNote = "听证"
		w.put(paused)
		n, err := w.s.Counts(as(t, "li", "李倩"), todo.TabTodo)
		if err != nil {
			t.Fatal(err)
		}
		p := n.Parts
		if p.Over != 2 || p.Today != 2 || p.Soon != 2 || p.Later != 2 || p.Paused != 1 || p.Hours != 1 || n.Todo != 9 || n.Overdue != 2 {
			t.Fatalf("parts %+v of %d, %d overdue", p, n.Todo, n.Overdue)
		}
		for due, want := range map[string]int64{"over": p.Over, "today": p.Today, "soon": p.Soon, "later": p.Later, "paused": p.Paused, "hours": p.Hours, "": n.Todo} {
			if got := len(w.list("li", todo.Filter{Tab: todo.TabTodo, Due: due})); int64(got) != want {
				t.Errorf("list of %q has %d, counted %d", due, got, want)
			}
		}
		for what, f := range map[string]todo.Filter{
			"kind": {Kind: "security"}, "source": {Source: "security"}, "region": {Region: "310104"}, "priority": {Priority: 1},
		} {
			f.Tab = todo.TabTodo
			if got := w.list("li", f); len(got) != 1 || got[0].SourceID != "3" {
				t.Errorf("by %s: %d", what, len(got))
			}
		}
		l, err := w.s.List(as(t, "li", "李倩"), todo.Filter{Tab: todo.TabTodo}, httpx.Paging{Page: 1, Size: 3, Q: "顺达五金 占道堆物 free"})
		if err != nil || l.Total != 1 {
			t.Fatalf("by text: %d, %v", l.Total, err)
		}
		if len(n.Sources) != 2 || n.Sources[0].Total != 8 || n.Sources[0].Name != "非现工单" || n.Sources[0].Over != 2 {
			t.Errorf("sources %+v", n.Sources)
		}
		// Next goes on from an item that was just closed, and wraps round.
		all := w.list("li", todo.Filter{Tab: todo.TabTodo})
		w.close("1", "li")
		next, err := w.s.Next(as(t, "li", "李倩"), all[1].ID, todo.Filter{Tab: todo.TabTodo})
		if err != nil || next == nil || next.ID != all[2].ID {
			t.Fatalf("next %+v, %v", next, err)
		}
		if next, err = w.s.Next(as(t, "li", "李倩"), all[8].ID, todo.Filter{Tab: todo.TabTodo}); err != nil || next == nil || next.ID != all[0].ID {
			t.Fatalf("after the last comes %+v, %v", next, err)
		}
		if n, err = w.s.Counts(as(t, "li", "李倩"), todo.TabTodo); err != nil || n.WeekDone != 1 || n.WeekLate != 1 {
			t.Errorf("this week %d, late %d, %v", n.WeekDone, n.WeekLate, err)
		}
	})
}

// Somebody with 50 open items leaves: nothing is stuck, and history stays.
func TestHandOver(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := newWorld(t, d, c)
		asked := 0
		w.s.OnHandOver("order", func(ctx context.Context, tx db.Tx, v todo.View, from, to string) (bool, error) {
			asked++
			if v.SourceID != "0" || to == "" {
				return false, nil
			}
			it := v.Item // this source moves its record itself
			it.Assignee = "wang"
			return true, w.s.Put(ctx, tx, it)
		})
		for i := range 50 {
			it := order(fmt.Sprint(i), w.in(time.Duration(i)*time.Hour))
			if i%10 == 9 {
				it.Source = "task"
			}
			w.put(it)
		}
		it := order("old", nil)
		w.put(it)
		w.close("old", "li")
		w.changes()
		w.bus.Subscribe("access.person.left", "todo", w.s.TakeLeft)
		leave := func(from, to string) {
			w.tx(func(ctx context.Context, tx db.Tx) error {
				return events.Publish(ctx, tx, "access.person.left", todo.Left{PersonID: from, By: "zhou", To: to})
			})
			w.changes()
		}
		leave("li", "wang")
		if asked != 45 {
			t.Errorf("the source was asked %d times", asked)
		}
		if n := w.summary("li").Todo; n != 0 {
			t.Fatalf("%d are stuck", n)
		}
		if n := w.summary("wang").Todo; n != 50 {
			t.Fatalf("%d arrived, want 50", n)
		}
		if l := w.list("li", todo.Filter{Tab: todo.TabDone}); len(l) != 1 || l[0].ClosedName != "李倩" {
			t.Errorf("history changed: %+v", l)
		}
		leave("wang", "") // without a successor
		if s := w.summary("zhou"); s.Group != 50 {
			t.Fatalf("%d wait in the group of the leaders, want 50", s.Group)
		}
	})
}

// An organisation goes into another: its groups' items wait there.
func TestMerged(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		w := newWorld(t, d, c)
		it := order("1", nil)
		it.Assignee, it.Group = "", &leaders
		w.put(it)
		w.bus.Subscribe("access.org.merged", "todo", w.s.TakeMerged)
		w.ppl.groups["wang"] = []todo.Group{{Role: "squad_leader", OrgID: "sq2"}}
		w.ppl.orgName["sq2"] = "豫园街道中队"
		w.tx(func(ctx context.Context, tx db.Tx) error {
			return events.Publish(ctx, tx, "access.org.merged", access.Merged{From: "sq1", Into: "sq2"})
		})
		w.changes()
		if l := w.list("wang", todo.Filter{Tab: todo.TabGroup}); len(l) != 1 || l[0].GroupName != "豫园街道中队 中队长" {
			t.Fatalf("%+v", l)
		}
		if n := w.summary("zhou").Group; n != 0 {
			t.Errorf("%d are left behind", n)
		}
	})
}

// Who stands in for somebody sees their items and may act in their name.
func TestSubstitute(t *testing.T) {
	d := testkit.SQLite(t, clock.NewFake(testkit.Start()))
	w := newWorld(t, d, nil)
	done := ""
	w.s.RegisterActs("order", map[string]todo.ActFunc{"accept": func(ctx context.Context, tx db.Tx, v todo.View, _ json.RawMessage) error {
		if v.SourceID == "2" {
			return errs.Conflict("工单已签收")
		}
		done += v.SourceID
		return w.s.Close(ctx, tx, v.Source, v.SourceID, v.Key, "wang", "已签收")
	}})
	for _, id := range []string{"1", "2", "3"} {
		it := order(id, nil)
		it.CC = nil
		w.put(it)
	}
	w.ppl.acting["wang"] = []todo.Person{{ID: "li", Name: "李倩"}}
	ctx := as(t, "wang", "王建国")
	l := w.list("wang", todo.Filter{Tab: todo.TabTodo})
	if len(l) != 3 || w.summary("wang").Todo != 3 {
		t.Fatalf("the substitute sees %d", len(l))
	}
	g, err := w.s.Get(ctx, l[0].ID)
	if err != nil || g.OnBehalf != "李倩" {
		t.Fatalf("on behalf of %q, %v", g.OnBehalf, err)
	}
	res, err := w.s.Batch(ctx, "accept", []string{l[0].ID, l[1].ID, l[2].ID, "missing"}, nil)
	if err != nil || len(res) != 4 {
		t.Fatalf("%+v, %v", res, err)
	}
	bad := map[string]string{}
	for _, r := range res {
		if !r.OK {
			bad[r.ID] = r.Message
		}
	}
	if done != "13" || len(bad) != 2 || bad[l[1].ID] != "工单已签收" || !strings.Contains(bad["missing"], "不存在") {
		t.Fatalf("done %q, refused %v", done, bad)
	}
}

func TestRoutes(t *testing.T) {
	c := clock.NewFake(testkit.Start())
	d := testkit.SQLite(t, c)
	w := newWorld(t, d, c)
	w.put(order("1", w.in(time.Hour)))
	app, api := httpx.New(httpx.Options{Clock: c, Identify: func(ctx context.Context, r httpx.Request) (context.Context, error) {
		if r.Cookie == "" {
			return ctx, nil
		}
		return access.With(ctx, access.Actor{ID: r.Cookie, Name: w.ppl.names[r.Cookie], OrgID: "sq1"}), nil
	}, Authorize: func(ctx context.Context, _ string) error { _, err := access.From(ctx); return err }})
	w.s.Register(api)
	id := w.list("li", todo.Filter{Tab: todo.TabTodo})[0].ID
	who := func(id string) map[string]string { return map[string]string{"Cookie": httpx.CookieName + "=" + id} }
	for _, s := range []testkit.Scenario{
		{Name: "nobody", Path: "/api/todos", Status: 401},
		{Name: "mine", Path: "/api/todos", Headers: who("li"), Status: 200, Has: []string{`"total":1`, `"dueState":"near"`, `"remainingS":3600`, `"step":2,"steps":5`}},
		{Name: "not mine", Path: "/api/todos/" + id, Headers: who("chen"), Status: 404},
		{Name: "bad tab", Path: "/api/todos?tab=x", Headers: who("li"), Status: 422},
		{Name: "counts", Path: "/api/todos/counts", Headers: who("li"), Status: 200, Has: []string{`"todo":1`, `"today":1`}},
		{Name: "next of the only one", Path: "/api/todos/" + id + "/next", Headers: who("li"), Status: 200, Has: []string{`{}`}},
		{Name: "claim of what is no group's", Method: http.MethodPost, Path: "/api/todos/" + id + "/claim", Headers: who("zhou"), Status: 409, Has: []string{"已由 李倩 认领"}},
		{Name: "save", Method: http.MethodPost, Path: "/api/todo-filters", Headers: who("li"), Body: map[string]any{"name": "两小时内到期", "query": "?due=hours", "shared": true, "default": true}, Status: 200, Has: []string{`"query":"due=hours"`}},
		{Name: "shared with the squad", Path: "/api/todo-filters", Headers: who("wang"), Status: 200, Has: []string{"两小时内到期", `"mine":false`, `"default":false`}},
		{Name: "no name", Method: http.MethodPost, Path: "/api/todo-filters", Headers: who("li"), Body: map[string]any{"name": " ", "query": ""}, Status: 422},
		{Name: "somebody else's", Method: http.MethodPost, Path: "/api/todo-filters", Headers: who("li"), Body: map[string]any{"id": "x", "name": "a", "query": ""}, Status: 404},
	} {
		s.Run(t, (*fiber.App)(app))
	}
}
