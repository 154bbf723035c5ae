package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/workflow/bpmn"
	"jiexun/center/internal/workflow/engine"
)

// Trial is a test run of a text: nothing is stored.
type Trial struct {
	Body string
	// Starter is a person; empty is the actor.
	Starter    string
	RegionCode string
	Vars       map[string]any
	// Outcomes by node; others take the first one.
	Outcomes map[string]string
	// Late lets the boundary timers of these nodes fire instead.
	Late []string
}

// TrialStep is one task of a test run.
type TrialStep struct {
	Node string   `json:"node"`
	Name string   `json:"name"`
	Who  []string `json:"who"`
	// Sign, Outcome and the times are as they would be.
	Sign    bpmn.Sign    `json:"sign"`
	Outcome string       `json:"outcome"`
	At      clock.Stamp  `json:"at"`
	DueAt   *clock.Stamp `json:"dueAt,omitempty"`
	Timers  []TrialTimer `json:"timers"`
	Note    string       `json:"note"`
}

// TrialTimer is a boundary timer that would be set.
type TrialTimer struct {
	Node string      `json:"node"`
	Name string      `json:"name"`
	At   clock.Stamp `json:"at"`
}

// TrialResult is what a test run would do.
type TrialResult struct {
	Steps   []TrialStep `json:"steps"`
	Taken   []string    `json:"taken"`
	State   string      `json:"state"`
	Outcome string      `json:"outcome"`
	Note    string      `json:"note"`
}

// trialHost answers the engine without storing anything.
type trialHost struct {
	s   *Service
	ctx context.Context
	p   *bpmn.Process
	in  *Instance
	now time.Time
	n   int
}

func (h *trialHost) NewID() string  { h.n++; return fmt.Sprintf("trial-%d", h.n) }
func (h *trialHost) Now() time.Time { return h.now }

func (h *trialHost) Resolve(in *engine.Instance, list []bpmn.Candidate) ([]engine.Who, error) {
	return h.s.resolve(h.ctx, h.p, in, h.in, list)
}

func (h *trialHost) Members(w engine.Who) ([]string, error) {
	list, err := h.s.o.People.Members(h.ctx, w.Role, w.OrgID)
	out := []string{}
	for _, p := range list {
		out = append(out, p.ID)
	}
	return out, err
}

func (h *trialHost) Call(*engine.Instance, *bpmn.Node) (map[string]any, error) { return nil, nil }

func (h *trialHost) Due(_ *engine.Instance, n *bpmn.Node) (*time.Time, error) {
	if n.Task.Rule != "" {
		at, ok, err := h.s.o.Clocks.DueOf(h.ctx, n.Task.Rule, h.now)
		if err != nil || !ok {
			return nil, err
		}
		return &at, nil
	}
	if n.Task.Due == "" {
		return nil, nil
	}
	d, err := bpmn.Duration(n.Task.Due)
	at := h.now.Add(d)
	return &at, err
}

func (h *trialHost) TimerAt(_ *engine.Instance, n *bpmn.Node) (time.Time, error) {
	return h.s.timerAt(h.ctx, n, h.now)
}

// maxTrial bounds the tasks of a test run.
const maxTrial = 60

// Try runs a text dry: which way it takes, who would get the tasks, and by
// when. Each task is done at once with the outcome asked for.
func (s *Service) Try(ctx context.Context, t Trial) (TrialResult, error) {
	out := TrialResult{Steps: []TrialStep{}, Taken: []string{}}
	who, err := access.Need(ctx, access.WorkflowDesign)
	if err != nil {
		return out, err
	}
	p, err := bpmn.Parse([]byte(t.Body))
	if err != nil {
		return out, errs.Conflict("流程还有问题，不能试运行：" + clip(err.Error(), 300))
	}
	if t.Starter == "" {
		t.Starter = who.ID
	}
	starter, ok, err := s.o.People.Person(ctx, t.Starter)
	if err != nil {
		return out, err
	}
	if !ok {
		return out, errs.Invalidf("starter", "发起人不存在")
	}
	if t.RegionCode == "" {
		t.RegionCode = who.RegionCode
	}
	in := &Instance{ID: "trial", StarterOrg: starter.OrgID, RegionCode: t.RegionCode}
	h := &trialHost{s: s, ctx: ctx, p: p, in: in, now: s.db.Now()}
	x, eff, err := engine.Begin(p, h, engine.Instance{ID: "trial", Starter: starter.ID, Vars: t.Vars})
	for i := 0; err == nil; i++ {
		out.Taken, out.State, out.Outcome = x.Taken, x.State, x.Outcome
		open := slices.DeleteFunc(x.OpenTasks(), func(k engine.Task) bool { return k.State == engine.Queued })
		if x.State != engine.Running || len(open) == 0 {
			return out, nil
		}
		if i == maxTrial {
			out.Note = fmt.Sprintf("走了 %d 步还没有结束，已停止；请检查循环的条件和所选的办理结果", maxTrial)
			return out, nil
		}
		x, eff, err = s.tryStep(ctx, &out, h, x, open[0], eff, t)
	}
	var r *engine.Refused
	if errors.As(err, &r) {
		out.State, out.Note = "stuck", r.Reason
		return out, nil
	}
	return out, boundary(err)
}

func (s *Service) tryStep(ctx context.Context, out *TrialResult, h *trialHost, x *engine.Instance, k engine.Task, eff engine.Effects, t Trial) (*engine.Instance, engine.Effects, error) {
	n := h.p.Nodes[k.Node]
	st := TrialStep{Node: k.Node, Name: n.Label(), Who: []string{}, Sign: n.Task.Sign, At: clock.At(h.now), Timers: []TrialTimer{}}
	if k.DueAt != nil {
		st.DueAt = clock.Ptr(*k.DueAt)
	}
	for _, b := range eff.Set {
		if h.p.Nodes[b.Node].AttachedTo == k.Node {
			st.Timers = append(st.Timers, TrialTimer{b.Node, h.p.Nodes[b.Node].Label(), clock.At(b.At)})
		}
	}
	list := k.Candidates
	if k.Assignee != "" {
		list = []engine.Who{{Person: k.Assignee}}
	}
	for _, w := range list {
		name, err := s.whoName(ctx, w)
		if err != nil {
			return nil, eff, err
		}
		st.Who = append(st.Who, name)
	}
	if slices.Contains(t.Late, k.Node) {
		for _, b := range n.Task.Timers {
			if h.p.Nodes[b].Interrupting {
				st.Outcome, st.Note = "timeout", "按超时试运行"
				out.Steps = append(out.Steps, st)
				next, eff, _, err := engine.FireTimer(h.p, h, x, k.Token, b)
				return next, eff, err
			}
		}
	}
	st.Outcome = n.Task.Outcomes[0].Code
	if o := t.Outcomes[k.Node]; o != "" && slices.ContainsFunc(n.Task.Outcomes, func(y bpmn.Outcome) bool { return y.Code == o }) {
		st.Outcome = o
	}
	out.Steps = append(out.Steps, st)
	a := engine.Actor{ID: k.Assignee}
	if a.ID == "" {
		a.ID = "trial-person"
		a.Groups = k.Candidates
		if w := k.Candidates[0]; w.Person != "" {
			a.ID = w.Person
		}
	}
	return engine.Do(h.p, h, x, engine.Command{Act: engine.Complete, Task: k.ID, Who: a, Outcome: st.Outcome})
}

// whoName names a candidate, a group with the number of its people.
func (s *Service) whoName(ctx context.Context, w engine.Who) (string, error) {
	if w.Person != "" {
		p, ok, err := s.o.People.Person(ctx, w.Person)
		if !ok {
			return w.Person + "（不存在）", err
		}
		return p.Name, err
	}
	name, err := s.o.People.GroupName(ctx, w.Role, w.OrgID)
	if err != nil {
		return "", err
	}
	list, err := s.o.People.Members(ctx, w.Role, w.OrgID)
	return fmt.Sprintf("%s（%d 人）", name, len(list)), err
}
