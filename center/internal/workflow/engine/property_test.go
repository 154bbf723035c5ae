package engine

import (
	"errors"
	"flag"
	"maps"
	"os"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"jiexun/center/internal/workflow/bpmn"
)

// TestMain asks for 10,000 generated sequences unless the command line says
// otherwise.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		if err := flag.Set("rapid.checks", "10000"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func shapes(t testing.TB) []*bpmn.Process {
	x := func(id, def string) string { return `<exclusiveGateway id="` + id + `" default="` + def + `"/>` }
	g := func(id string) string { return `<parallelGateway id="` + id + `"/>` }
	return []*bpmn.Process{
		process(t, "", user("a", group), user("b", `jx:sign="all" jx:candidates="role:g2@bureau;person:P1"`), end, way("s>a>b>e")),
		process(t, "", `<exclusiveGateway id="m"/>`, user("a", group), x("x", "x_e"), end, timer("t", "a", "true"), way("s>m>a>x>e; t>m"), when("x", "m", "outcome == 'approve'")),
		process(t, "", user("a", `jx:candidates="starter"`), g("g"), user("b", group+` jx:cc="person:P5"`), user("c", `jx:sign="sequential" `+group), user("d", `jx:sign="ratio" jx:ratio="60" jx:candidates="role:g1@bureau;role:g2@bureau"`), g("j"), user("f", group), user("n", group), `<endEvent id="e2"/>`, end,
			timer("t", "b", "false"), way("s>a>g>b>c>j>f>e; g>d>j; t>n>e2")),
		process(t, "", g("g"), g("h"), user("a", group), user("b", group), g("k"), user("c", `jx:candidates="person:P2" jx:due="PT4H"`), g("j"), `<serviceTask id="v" jx:service="x"/>`, user("f", `jx:candidates="role:g2@bureau"`), end,
			timer("t", "a", "false"), `<serviceTask id="w" jx:service="x"/>`, `<endEvent id="e3"/>`, way("s>g>h>a>k>j>v>f>e; h>b>k; g>c>j; t>w>e3")),
	}
}

func (r *run) check(t *rapid.T) {
	in := r.in
	open := in.OpenTasks()
	if in.State != Running {
		if len(in.Tokens) > 0 || len(open) > 0 || len(r.timers) > 0 {
			t.Fatalf("ended with something open: %s, %d tokens, timers %v", r.show(), len(in.Tokens), r.timers)
		}
		return
	}
	if !slices.ContainsFunc(in.Tokens, func(x Token) bool { return !x.Side }) {
		t.Fatalf("running without a token: %s", r.show())
	}
	places := map[string]bool{}
	want := map[string]bool{}
	for _, tok := range in.Tokens {
		n := r.p.Nodes[tok.Node]
		if !tok.Side {
			if places[tok.Node+tok.Flow] {
				t.Fatalf("two tokens at %s: %s", tok.Node, r.show())
			}
			places[tok.Node+tok.Flow] = true
		}
		switch n.Kind {
		case bpmn.User:
			active := slices.ContainsFunc(open, func(x Task) bool {
				return x.Token == tok.ID && x.Node == tok.Node && x.State != Queued && x.State != Waiting
			})
			if !active {
				t.Fatalf("nobody can move the token at %s: %s", tok.Node, r.show())
			}
			for _, b := range n.Task.Timers {
				want[TimerKey(in.ID, tok.ID, b)] = true
			}
		case bpmn.Start:
			if in.Stage() != AtStart {
				t.Fatalf("a token at the start without a task: %s", r.show())
			}
		case bpmn.Parallel:
		default:
			t.Fatalf("a token rests at %s", n.Kind)
		}
	}
	for _, x := range open {
		tok := in.token(x.Token)
		if tok == nil || tok.Node != x.Node {
			t.Fatalf("orphan task at %s: %s", x.Node, r.show())
		}
		if x.Assignee == "" && len(x.Candidates) == 0 {
			t.Fatalf("task of nobody: %s", r.show())
		}
	}
	for k := range r.timers {
		if !want[k] {
			t.Fatalf("timer %s without its task: %s", k, r.show())
		}
	}
	for k := range want {
		if _, ok := r.timers[k]; !ok && !r.fired[k] {
			t.Fatalf("timer %s is missing: %s", k, r.show())
		}
	}
}

func (r *run) everybodyInHistory(t *rapid.T) {
	for _, x := range r.in.Tasks {
		if x.ActedBy != "" && !slices.ContainsFunc(r.log, func(e Entry) bool { return e.Actor == x.ActedBy && e.TaskID == x.ID }) {
			t.Fatalf("%s acted at %s and is not in the history", x.ActedBy, x.Node)
		}
	}
}

// TestSequences plays generated acts of generated people on four shapes of
// processes and looks after each act that the instance is whole.
func TestSequences(t *testing.T) {
	list := shapes(t)
	people := []string{"S", "P1", "P2", "P3", "P4", "P5", "M", "X"}
	acts := append(TaskActs(), Urge, Withdraw, Terminate, Complete, Complete, Complete, Return)
	done, refused := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		r := begin(t, rapid.SampledFrom(list).Draw(rt, "process"))
		r.fired = map[string]bool{}
		r.check(rt)
		for range rapid.IntRange(1, 40).Draw(rt, "length") {
			if len(r.timers) > 0 && rapid.IntRange(0, 9).Draw(rt, "fire") == 0 {
				r.fire(rt)
			} else if r.act(rt, people, acts) {
				done++
			} else {
				refused++
			}
			r.check(rt)
		}
		r.everybodyInHistory(rt)
	})
	t.Logf("%d acts done, %d refused", done, refused)
	if done < refused/20 {
		t.Errorf("the generator hardly ever does anything allowed")
	}
}

func (r *run) fire(rt *rapid.T) {
	keys := slices.Sorted(maps.Keys(r.timers))
	x := r.timers[rapid.SampledFrom(keys).Draw(rt, "timer")]
	in, eff, fired, err := FireTimer(r.p, r.h, r.in, x.Token, x.Node)
	if err != nil || !fired {
		rt.Fatalf("timer %s: fired %v, %v; %s", x.Key, fired, err, r.show())
	}
	delete(r.timers, x.Key)
	r.fired[x.Key] = true
	r.take(in, eff)
}

// act does one act, the allowed ones more often than others.
func (r *run) act(rt *rapid.T, people []string, acts []Act) bool {
	c := Command{
		Act: rapid.SampledFrom(acts).Draw(rt, "act"), Outcome: rapid.SampledFrom([]string{"approve", "approve", "oppose"}).Draw(rt, "outcome"), Reason: "r",
		To: []string{rapid.SampledFrom(people).Draw(rt, "to")}, Target: rapid.SampledFrom([]string{"previous", "starter", "a", "b", "f"}).Draw(rt, "target"),
	}
	who := rapid.SampledFrom(people).Draw(rt, "who")
	if open := r.in.OpenTasks(); len(open) > 0 && rapid.IntRange(0, 9).Draw(rt, "open") > 0 {
		x := rapid.SampledFrom(open).Draw(rt, "task")
		c.Task = x.ID
		if x.Assignee != "" && rapid.Bool().Draw(rt, "assignee") {
			who = x.Assignee
		}
	} else if len(r.in.Tasks) > 0 {
		c.Task = rapid.SampledFrom(r.in.Tasks).Draw(rt, "any task").ID
	}
	if x := r.in.Task(c.Task); x != nil && x.State.Open() && rapid.Bool().Draw(rt, "allowed") {
		if x.Assignee == "" {
			who = rapid.SampledFrom(r.h.groups[x.Candidates[0].Role]).Draw(rt, "member")
		}
		if may, _ := Allowed(r.p, r.h, r.in, x, r.h.actor(who)); len(may) > 0 {
			c.Act = rapid.SampledFrom(may).Draw(rt, "allowed act")
			if c.Act == Reject && rapid.IntRange(0, 3).Draw(rt, "really") > 0 {
				c.Act = Complete
			}
		}
	}
	c.Who = r.h.actor(who)
	before := r.in.clone()
	in, eff, err := Do(r.p, r.h, r.in, c)
	if err != nil {
		var refused *Refused
		var invalid *Invalid
		if !errors.As(err, &refused) && !errors.As(err, &invalid) || len(err.Error()) < 6 {
			rt.Fatalf("%s: %v", c.Act, err)
		}
		if !reflect.DeepEqual(before, r.in.clone()) {
			rt.Fatalf("a refused %s changed the instance", c.Act)
		}
		return false
	}
	if len(eff.History) == 0 {
		rt.Fatalf("%s left no line in the history", c.Act)
	}
	for _, x := range eff.Set { // a new round may fire again
		delete(r.fired, x.Key)
	}
	for _, k := range eff.Cancel {
		delete(r.fired, k)
	}
	for _, x := range eff.Set {
		delete(r.fired, x.Key)
	}
	r.take(in, eff)
	return true
}
