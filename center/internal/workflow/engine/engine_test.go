package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"jiexun/center/internal/workflow/bpmn"
)

func process(t testing.TB, vars string, body ...string) *bpmn.Process {
	t.Helper()
	p, err := bpmn.Parse([]byte(`<definitions xmlns="` + bpmn.NS + `" xmlns:jx="` + bpmn.JX + `"><process id="p" jx:variables="` + vars + `"><startEvent id="s"/>` + strings.Join(body, "") + `</process></definitions>`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func user(id, attrs string) string {
	return fmt.Sprintf(`<userTask id="%s" name="%s" jx:return="any,previous,starter" jx:reject="true" %s/>`, id, id, attrs)
}

// way joins nodes by flows; "a>b>c; c>d" are chains.
func way(chains string) string {
	out := ""
	for _, chain := range strings.Split(chains, ";") {
		ids := strings.Split(strings.TrimSpace(chain), ">")
		for i := 1; i < len(ids); i++ {
			out += fmt.Sprintf(`<sequenceFlow id="%[1]s_%[2]s" sourceRef="%[1]s" targetRef="%[2]s"/>`, ids[i-1], ids[i])
		}
	}
	return out
}

func when(from, to, cond string) string {
	return fmt.Sprintf(`<sequenceFlow id="%[1]s_%[2]s" sourceRef="%[1]s" targetRef="%[2]s"><conditionExpression>%[3]s</conditionExpression></sequenceFlow>`, from, to, cond)
}

func timer(id, on, cancel string) string {
	return fmt.Sprintf(`<boundaryEvent id="%s" attachedToRef="%s" cancelActivity="%s"><timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition></boundaryEvent>`, id, on, cancel)
}

const (
	end   = `<endEvent id="e"/>`
	group = `jx:candidates="role:g1@bureau"`
)

// host is a small organisation.
type host struct {
	n      int
	now    time.Time
	groups map[string][]string
}

func newHost() *host {
	return &host{now: time.Date(2026, 11, 24, 6, 30, 0, 0, time.UTC), groups: map[string][]string{"g1": {"P1", "P2", "P3"}, "g2": {"P4", "P5"}}}
}

func (h *host) NewID() string  { h.n++; return fmt.Sprintf("t%d", h.n) }
func (h *host) Now() time.Time { return h.now }

func (h *host) Resolve(in *Instance, list []bpmn.Candidate) ([]Who, error) {
	out := []Who{}
	for _, c := range list {
		switch {
		case c.Starter:
			out = append(out, Who{Person: in.Starter})
		case c.Person != "":
			out = append(out, Who{Person: c.Person})
		default:
			out = append(out, Who{Role: c.Role, OrgID: "o"})
		}
	}
	return out, nil
}
func (h *host) Members(w Who) ([]string, error) { return h.groups[w.Role], nil }
func (h *host) Call(*Instance, *bpmn.Node) (map[string]any, error) {
	return map[string]any{"outcome": "called"}, nil
}

func (h *host) Due(_ *Instance, n *bpmn.Node) (*time.Time, error) {
	if n.Task.Due == "" {
		return nil, nil
	}
	d, err := bpmn.Duration(n.Task.Due)
	at := h.now.Add(d)
	return &at, err
}

func (h *host) TimerAt(_ *Instance, n *bpmn.Node) (time.Time, error) {
	d, err := bpmn.Duration(n.Duration)
	return h.now.Add(d), err
}

func (h *host) actor(id string) Actor {
	a := Actor{ID: id, Monitor: id == "M"}
	for g, list := range h.groups {
		if slices.Contains(list, id) {
			a.Groups = append(a.Groups, Who{Role: g, OrgID: "o"})
		}
	}
	return a
}

// run drives one instance.
type run struct {
	t      testing.TB
	p      *bpmn.Process
	h      *host
	in     *Instance
	log    []Entry
	timers map[string]Timer
	fired  map[string]bool
}

func begin(t testing.TB, p *bpmn.Process) *run {
	t.Helper()
	r := &run{t: t, p: p, h: newHost(), timers: map[string]Timer{}}
	in, eff, err := Begin(p, r.h, Instance{ID: "i", Starter: "S", Vars: map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	r.take(in, eff)
	return r
}

func (r *run) take(in *Instance, eff Effects) {
	r.in = in
	r.log = append(r.log, eff.History...)
	for _, k := range eff.Cancel {
		delete(r.timers, k)
	}
	for _, x := range eff.Set {
		r.timers[x.Key] = x
	}
}

// at finds the open task of a node, of a person when one is named.
func (r *run) at(node string, person ...string) *Task {
	r.t.Helper()
	for i := range r.in.Tasks {
		t := &r.in.Tasks[i]
		if t.Node == node && t.State.Open() && (len(person) == 0 || t.Assignee == person[0]) {
			return t
		}
	}
	r.t.Fatalf("no open task at %s for %v: %s", node, person, r.show())
	return nil
}

func (r *run) show() string {
	out := r.in.State + ":"
	for _, t := range r.in.Tasks {
		out += fmt.Sprintf(" %s[%s %s %s]", t.Node, t.Kind, t.State, t.Assignee)
	}
	return out
}

func (r *run) do(who string, c Command) {
	r.t.Helper()
	c.Who = r.h.actor(who)
	in, eff, err := Do(r.p, r.h, r.in, c)
	if err != nil {
		r.t.Fatalf("%s by %s: %v; %s", c.Act, who, err, r.show())
	}
	r.take(in, eff)
}

func (r *run) refused(who string, c Command, want string) {
	r.t.Helper()
	c.Who = r.h.actor(who)
	_, _, err := Do(r.p, r.h, r.in, c)
	if err == nil || !strings.Contains(err.Error(), want) {
		r.t.Errorf("%s by %s gives %v, want %q", c.Act, who, err, want)
	}
}

func (r *run) ends(state, outcome string) {
	r.t.Helper()
	if r.in.State != state || r.in.Outcome != outcome || len(r.in.Tokens) != 0 || len(r.in.OpenTasks()) != 0 || len(r.timers) != 0 {
		r.t.Errorf("want %s/%s with nothing open, have %s outcome %s, %d tokens, timers %v", state, outcome, r.show(), r.in.Outcome, len(r.in.Tokens), r.timers)
	}
}

func TestClaimReleaseComplete(t *testing.T) {
	r := begin(t, process(t, "", user("a", group), end, way("s>a>e")))
	id := r.at("a").ID
	r.refused("P4", Command{Act: Claim, Task: id}, "候选人")
	r.refused("P4", Command{Act: Complete, Task: id, Outcome: "approve"}, "办理人本人")
	r.do("P1", Command{Act: Claim, Task: id})
	r.refused("P2", Command{Act: Claim, Task: id}, "已被签收")
	r.refused("P2", Command{Act: Complete, Task: id, Outcome: "approve"}, "办理人本人")
	r.do("P1", Command{Act: Release, Task: id})
	r.refused("P1", Command{Act: Complete, Task: id, Outcome: "maybe"}, "办理结果")
	r.do("P3", Command{Act: Complete, Task: id, Outcome: "approve"})
	r.ends(Finished, "approve")
	r.refused("P3", Command{Act: Complete, Task: id, Outcome: "approve"}, "已办结")
}

func TestDelegateComesBack(t *testing.T) {
	r := begin(t, process(t, "", user("a", `jx:candidates="person:P1"`), end, way("s>a>e")))
	id := r.at("a").ID
	r.do("P1", Command{Act: Delegate, Task: id, To: []string{"P4"}})
	r.refused("P1", Command{Act: Complete, Task: id, Outcome: "approve"}, "办理人本人")
	r.refused("P4", Command{Act: Transfer, Task: id, To: []string{"P5"}}, "退回委派人")
	r.refused("P4", Command{Act: Reject, Task: id, Reason: "x"}, "退回委派人")
	r.refused("S", Command{Act: Withdraw}, "已经有人办理")
	r.do("P4", Command{Act: Complete, Task: id, Reason: "看过了"})
	if x := r.at("a"); x.Assignee != "P1" || x.State != Held {
		t.Errorf("task did not come back: %s", r.show())
	}
	r.do("P1", Command{Act: Complete, Task: id, Outcome: "approve"})
	r.ends(Finished, "approve")
}

func TestCountersign(t *testing.T) {
	all := process(t, "", user("a", `jx:sign="all" `+group), end, way("s>a>e"))
	r := begin(t, all)
	r.do("P1", Command{Act: Complete, Task: r.at("a", "P1").ID, Outcome: "approve"})
	r.do("P2", Command{Act: Complete, Task: r.at("a", "P2").ID, Outcome: "approve"})
	r.do("P3", Command{Act: Complete, Task: r.at("a", "P3").ID, Outcome: "approve"})
	r.ends(Finished, "approve")

	r = begin(t, all)
	r.do("P2", Command{Act: Complete, Task: r.at("a", "P2").ID, Outcome: "oppose"})
	r.ends(Finished, "oppose")

	ratio := process(t, "", user("a", `jx:sign="ratio" jx:ratio="60" jx:candidates="role:g1@bureau;role:g2@bureau"`), end, way("s>a>e"))
	r = begin(t, ratio) // 5 people, 3 are enough
	for _, p := range []string{"P1", "P4"} {
		r.do(p, Command{Act: Complete, Task: r.at("a", p).ID, Outcome: "approve"})
	}
	r.do("P2", Command{Act: Complete, Task: r.at("a", "P2").ID, Outcome: "oppose"})
	r.refused("P3", Command{Act: RemoveSign, Task: r.at("a", "P5").ID}, "减签")
	r.do("M", Command{Act: RemoveSign, Task: r.at("a", "P5").ID}) // 2 of 4: not yet
	if r.in.State != Running {
		t.Fatalf("2 of 4 with 60 %% decided: %s", r.show())
	}
	r.do("P3", Command{Act: Complete, Task: r.at("a", "P3").ID, Outcome: "approve"})
	r.ends(Finished, "approve")

	r = begin(t, ratio)
	for _, p := range []string{"P1", "P2", "P3"} { // 2 of 5 are left: 60 % is out of reach
		r.do(p, Command{Act: Complete, Task: r.at("a", p).ID, Outcome: "oppose"})
	}
	r.ends(Finished, "oppose")

	r = begin(t, process(t, "", user("a", `jx:sign="sequential" `+group), end, way("s>a>e")))
	r.refused("P2", Command{Act: Complete, Task: r.at("a", "P2").ID, Outcome: "approve"}, "轮到")
	for _, p := range []string{"P1", "P2", "P3"} {
		r.do(p, Command{Act: Complete, Task: r.at("a", p).ID, Outcome: "approve"})
	}
	r.ends(Finished, "approve")
}

func TestAddSign(t *testing.T) {
	p := process(t, "", user("a", `jx:candidates="person:P1"`), user("b", `jx:candidates="person:P2"`), end, way("s>a>b>e"))
	r := begin(t, p)
	id := r.at("a").ID
	r.do("P1", Command{Act: AddBefore, Task: id, To: []string{"P4", "P5"}})
	r.refused("P1", Command{Act: Complete, Task: id, Outcome: "approve"}, "前加签")
	r.refused("P4", Command{Act: Reject, Task: r.at("a", "P4").ID, Reason: "x"}, "原办理人")
	r.do("P4", Command{Act: Complete, Task: r.at("a", "P4").ID})
	r.do("P1", Command{Act: RemoveSign, Task: r.at("a", "P5").ID})
	r.do("P1", Command{Act: AddAfter, Task: id, To: []string{"P3"}})
	r.do("P1", Command{Act: Complete, Task: id, Outcome: "approve"})
	r.at("a", "P3") // the node waits for the one added after it
	r.do("P3", Command{Act: Complete, Task: r.at("a", "P3").ID})
	r.at("b", "P2")

	r = begin(t, p) // reject while an added sign is open
	id = r.at("a").ID
	r.do("P1", Command{Act: AddBefore, Task: id, To: []string{"P4"}})
	r.do("P1", Command{Act: Reject, Task: id, Reason: "不符合条件"})
	r.ends(Rejected, "reject")
}

func TestReturnRearmsTimers(t *testing.T) {
	p := process(t, "", user("a", `jx:candidates="person:P1"`), user("b", `jx:candidates="person:P2"`), user("n", `jx:candidates="person:P3"`), `<exclusiveGateway id="x"/>`, end, `<endEvent id="e2"/>`,
		timer("t", "a", "true"), timer("u", "b", "false"), way("s>a>x>b>e; t>x; u>n>e2"))
	r := begin(t, p)
	first := r.timers[TimerKey("i", 1, "t")]
	if first.At != r.h.now.Add(time.Hour) {
		t.Fatalf("timers %v", r.timers)
	}
	r.do("P1", Command{Act: Complete, Task: r.at("a").ID, Outcome: "approve"})
	if _, ok := r.timers[TimerKey("i", 1, "t")]; ok || len(r.timers) != 1 {
		t.Fatalf("after leaving a: %v", r.timers)
	}
	r.h.now = r.h.now.Add(30 * time.Minute)
	r.refused("P2", Command{Act: Return, Task: r.at("b").ID, Target: "a"}, "理由")
	r.do("P2", Command{Act: Return, Task: r.at("b").ID, Target: "previous", Reason: "补正材料"})
	again := r.timers[TimerKey("i", 1, "t")]
	if len(r.timers) != 1 || again.At != r.h.now.Add(time.Hour) {
		t.Fatalf("return did not arm the timer anew: %v", r.timers)
	}
	in, eff, fired, err := FireTimer(p, r.h, r.in, 1, "t")
	if err != nil || !fired {
		t.Fatal(fired, err)
	}
	r.take(in, eff)
	delete(r.timers, TimerKey("i", 1, "t")) // the firing itself ends it
	r.at("b")
	if _, _, fired, _ := FireTimer(p, r.h, r.in, 1, "t"); fired {
		t.Error("a timer of a node that was left fired")
	}
	in, eff, fired, err = FireTimer(p, r.h, r.in, 1, "u")
	if err != nil || !fired {
		t.Fatal(fired, err)
	}
	delete(r.timers, TimerKey("i", 1, "u"))
	r.take(in, eff)
	r.at("n")
	r.at("b")
	r.do("P2", Command{Act: Complete, Task: r.at("b").ID, Outcome: "approve"})
	r.ends(Finished, "approve")
}

func TestReturnAcrossParallel(t *testing.T) {
	p := process(t, "", user("a", `jx:candidates="person:P1"`), `<parallelGateway id="g"/>`, user("b", `jx:candidates="person:P2"`), user("c", `jx:candidates="person:P3"`), user("d", `jx:candidates="person:P4"`), `<parallelGateway id="j"/>`, end,
		way("s>a>g>b>c>j>e; g>d>j"))
	r := begin(t, p)
	r.do("P1", Command{Act: Complete, Task: r.at("a").ID, Outcome: "approve"})
	r.do("P4", Command{Act: Complete, Task: r.at("d").ID, Outcome: "approve"}) // waits at the join
	r.do("P2", Command{Act: Complete, Task: r.at("b").ID, Outcome: "approve"})
	if got := ReturnTargets(p, r.in, r.at("c")); !slices.Equal(got, []string{"b", "a", "starter"}) {
		t.Errorf("targets %v", got)
	}
	r.do("P3", Command{Act: Return, Task: r.at("c").ID, Target: "b", Reason: "x"}) // inside the branch: the other one stays
	if len(r.in.Tokens) != 2 {
		t.Fatalf("tokens %v", r.in.Tokens)
	}
	r.do("P2", Command{Act: Complete, Task: r.at("b").ID, Outcome: "approve"})
	r.do("P3", Command{Act: Return, Task: r.at("c").ID, Target: "a", Reason: "x"}) // out of the split: the other one ends
	if len(r.in.Tokens) != 1 || len(r.in.Tokens[0].Forks) != 0 {
		t.Fatalf("tokens %v", r.in.Tokens)
	}
	r.do("P1", Command{Act: Complete, Task: r.at("a").ID, Outcome: "approve"})
	r.do("P4", Command{Act: Complete, Task: r.at("d").ID, Outcome: "approve"})
	r.do("P2", Command{Act: Return, Task: r.at("b").ID, Target: "starter", Reason: "x"})
	if r.in.Stage() != AtStart || len(r.in.OpenTasks()) != 1 {
		t.Fatalf("not with the starter: %s", r.show())
	}
	r.do("S", Command{Act: Complete, Task: r.at("s").ID})
	r.at("a")
}

func TestSubstituteActs(t *testing.T) {
	r := begin(t, process(t, "", user("a", `jx:candidates="person:P1"`), end, way("s>a>e")))
	id := r.at("a").ID
	in, eff, err := Do(r.p, r.h, r.in, Command{Act: Complete, Task: id, Outcome: "approve", Who: Actor{ID: "P9", For: []string{"P1"}}})
	if err != nil {
		t.Fatal(err)
	}
	if x := in.Task(id); x.ActedBy != "P9" || x.Behalf != "P1" {
		t.Errorf("task says %s for %q", x.ActedBy, x.Behalf)
	}
	if e := eff.History[0]; e.Actor != "P9" || e.Behalf != "P1" {
		t.Errorf("history says %s for %q", e.Actor, e.Behalf)
	}
}

func TestWithdrawTerminateUrge(t *testing.T) {
	p := process(t, "", user("a", group), user("b", group), end, way("s>a>b>e"))
	r := begin(t, p)
	r.refused("P1", Command{Act: Withdraw}, "发起人")
	r.do("S", Command{Act: Urge})
	r.refused("S", Command{Act: Urge}, "30 分钟")
	r.h.now = r.h.now.Add(31 * time.Minute)
	r.do("S", Command{Act: Urge})
	r.do("S", Command{Act: Withdraw})
	r.ends(Withdrawn, "withdrawn")
	r = begin(t, p)
	r.do("P1", Command{Act: Complete, Task: r.at("a").ID, Outcome: "approve"})
	r.refused("S", Command{Act: Withdraw}, "已经有人办理")
	r.refused("S", Command{Act: Terminate, Reason: "x"}, "流程管理员")
	r.refused("M", Command{Act: Terminate}, "原因")
	r.do("M", Command{Act: Terminate, Reason: "重复发起"})
	r.ends(Terminated, "terminated")
	r.refused("M", Command{Act: Terminate, Reason: "x"}, "流程已结束")
}

func TestHandOver(t *testing.T) {
	r := begin(t, process(t, "", user("a", group), end, way("s>a>e")))
	id := r.at("a").ID
	r.do("P1", Command{Act: Claim, Task: id})
	in, _, moved := HandOver(r.p, r.h, r.in, id, "P1", "")
	if !moved || in.Task(id).State != Unclaimed {
		t.Errorf("task did not go back to the group")
	}
	in, _, moved = HandOver(r.p, r.h, r.in, id, "P1", "P5")
	if !moved || in.Task(id).Assignee != "P5" {
		t.Errorf("task did not go to the successor")
	}
	if _, _, moved = HandOver(r.p, r.h, r.in, id, "P2", "P5"); moved {
		t.Error("a task of somebody else moved")
	}
}

// TestTable looks at every cell: each is allowed or has a reason in Chinese.
func TestTable(t *testing.T) {
	states := []TaskState{Unclaimed, Held, Delegated, Waiting, Queued, Done, Cancelled}
	roles := []Role{Assignee, Candidate, Owner, Starter, Monitor, Involved, Other}
	allowed := 0
	for _, a := range TaskActs() {
		for _, s := range states {
			for _, r := range roles {
				why := Forbidden(a, s, r)
				if why == "" {
					allowed++
					if !s.Open() && a != Copy {
						t.Errorf("%s on a %s task is allowed for %s", a, s, r)
					}
					if r == Other {
						t.Errorf("%s on a %s task is allowed for everybody", a, s)
					}
				} else if len([]rune(why)) < 6 {
					t.Errorf("%s %s %s: reason %q says nothing", a, s, r, why)
				}
			}
		}
	}
	if allowed != 57 {
		t.Errorf("%d cells of the table are allowed; when that is meant, change the number", allowed)
	}
	for _, a := range InstanceActs() {
		for _, s := range []Stage{Fresh, Acted, AtStart, Over} {
			if ForbiddenInstance(a, s, Other) == "" {
				t.Errorf("%s in stage %s is allowed for everybody", a, s)
			}
		}
	}
}

func TestNobodyToAsk(t *testing.T) {
	p := process(t, "", user("a", `jx:sign="all" jx:candidates="role:g9@bureau"`), end, way("s>a>e"))
	_, _, err := Begin(p, newHost(), Instance{ID: "i", Starter: "S"})
	var r *Refused
	if !errors.As(err, &r) || !strings.Contains(r.Reason, "没有人") {
		t.Errorf("err %v", err)
	}
}
