package workflow

import (
	"context"
	"fmt"
	"slices"

	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/workflow/bpmn"
	"jiexun/center/internal/workflow/engine"
	"jiexun/center/internal/workflow/form"
)

// ActInput is what a person does with a task.
type ActInput struct {
	Act engine.Act
	// Rev is the task's revision that the person saw; 0 skips the check.
	Rev     int64
	To      []string
	Target  string
	Outcome string
	Reason  string
	Values  map[string]any
	Files   []string
}

func (in *ActInput) check() error {
	var f errs.Fields
	f.Check(len([]rune(in.Reason)) <= 1000, "reason", "意见不能超过 1000 个字")
	f.Check(len(in.To) <= 20, "to", "一次最多选择 20 人")
	f.Check(len(in.Files) <= 20, "files", "一次最多 20 个附件")
	return f.Err()
}

// Act does an act on a task.
func (s *Service) Act(ctx context.Context, taskID string, in ActInput) error {
	if err := in.check(); err != nil {
		return err
	}
	st, err := s.standing(ctx)
	if err != nil {
		return err
	}
	err = s.inTx(ctx, func(ctx context.Context, tx db.Tx) error {
		return s.actIn(ctx, tx, st, taskID, in)
	})
	if err != nil {
		return fmt.Errorf("%s task %s: %w", in.Act, taskID, err)
	}
	return nil
}

// ActIn is Act in a transaction that is open already.
func (s *Service) ActIn(ctx context.Context, tx db.Tx, taskID string, in ActInput) error {
	if err := in.check(); err != nil {
		return err
	}
	st, err := s.standing(ctx)
	if err != nil {
		return err
	}
	return s.actIn(ctx, tx, st, taskID, in)
}

func (s *Service) actIn(ctx context.Context, tx db.Tx, st standing, taskID string, in ActInput) error {
	id, err := instanceOfTask(ctx, tx, taskID)
	if err != nil {
		return err
	}
	if id == "" {
		return errs.NotFound("任务")
	}
	o, err := s.open(ctx, tx, id)
	if err != nil {
		return err
	}
	seen, err := s.sees(ctx, tx, st, o.in)
	if err != nil {
		return err
	}
	if !seen {
		// Who was a candidate learns who took the task; strangers learn
		// nothing.
		if !o.candidate(taskID, st.actor) {
			return errs.NotFound("任务")
		}
	}
	c := engine.Command{Act: in.Act, Task: taskID, Who: st.on(o.in), To: in.To, Target: in.Target, Outcome: in.Outcome, Reason: in.Reason}
	if err := o.guard(c, in.Rev); err != nil {
		return err
	}
	if err := o.active(in.To); err != nil {
		return err
	}
	if err := s.checkFiles(ctx, in.Files); err != nil {
		return err
	}
	o.files = in.Files
	if err := addFiles(ctx, tx, id, in.Files); err != nil {
		return err
	}
	if in.Act == engine.Complete {
		if c.Vars, err = o.fill(taskID, in.Values); err != nil {
			return err
		}
		if err := dropSave(ctx, tx, st.who.ID, taskID); err != nil {
			return err
		}
	}
	return o.do(c)
}

// candidate tells whether somebody could have taken a task.
func (o *op) candidate(taskID string, a engine.Actor) bool {
	return slices.ContainsFunc(o.tasks[taskID].Candidates, func(w engine.Who) bool {
		return w.Person != "" && (w.Person == a.ID || slices.Contains(a.For, w.Person)) || w.Role != "" && slices.Contains(a.Groups, w)
	})
}

// guard refuses what the table forbids, and what was decided on an older
// state of the task.
func (o *op) guard(c engine.Command, rev int64) error {
	if err := o.claimed(c.Act, c.Task); err != nil {
		return err
	}
	t := o.tasks[c.Task]
	if c.Act != engine.RemoveSign {
		if _, not := engine.Allowed(o.p, o, &o.in.Engine, o.in.Engine.Task(c.Task), c.Who); not[c.Act] != "" {
			if t.Assignee != "" && t.State.Open() && t.Assignee != c.Who.ID {
				return errs.Conflict(not[c.Act] + "；现在由 " + t.AssigneeName + " 办理")
			}
			return errs.Conflict(not[c.Act])
		}
	}
	if rev > 0 && t.Rev != rev {
		return errs.Conflict("任务刚被他人更新，已为您刷新，请核对后再操作")
	}
	return nil
}

// fill takes what was filled in at a task into the instance and gives the
// variables that follow.
func (o *op) fill(taskID string, sent map[string]any) (map[string]any, error) {
	t := o.tasks[taskID]
	n := o.p.Nodes[t.Node]
	vars := map[string]any{}
	if n.Task.Form == "" || t.State == engine.Delegated || t.Kind == engine.Before || t.Kind == engine.After {
		return vars, nil
	}
	f, _, err := o.s.form(o.ctx, o.tx, n.Task.Form, o.in.Pins[n.Task.Form])
	if err != nil {
		return nil, err
	}
	values, err := f.Merge(o.in.Data[n.Task.Form], sent, rights(n.Task), false)
	if err != nil {
		return nil, formError(err)
	}
	list := f.Files(values)
	if err := o.s.checkFiles(o.ctx, list); err != nil {
		return nil, err
	}
	o.in.Data[n.Task.Form] = values
	take(o.p, vars, values)
	return vars, addFiles(o.ctx, o.tx, o.in.ID, list)
}

// ActOnInstance does an act on an instance as a whole.
func (s *Service) ActOnInstance(ctx context.Context, id string, in ActInput) error {
	if err := in.check(); err != nil {
		return err
	}
	if !slices.Contains(engine.InstanceActs(), in.Act) {
		return errs.Invalidf("act", "没有这个操作")
	}
	st, err := s.standing(ctx)
	if err != nil {
		return err
	}
	err = s.inTx(ctx, func(ctx context.Context, tx db.Tx) error {
		o, err := s.open(ctx, tx, id)
		if err != nil {
			return err
		}
		if seen, err := s.sees(ctx, tx, st, o.in); err != nil || !seen {
			return orNotFound(err)
		}
		if err := o.active(in.To); err != nil {
			return err
		}
		return o.do(engine.Command{Act: in.Act, Who: st.on(o.in), To: in.To, Reason: in.Reason})
	})
	if err != nil {
		return fmt.Errorf("%s instance %s: %w", in.Act, id, err)
	}
	return nil
}

func orNotFound(err error) error {
	if err != nil {
		return err
	}
	return errs.NotFound("流程")
}

// WithdrawIn takes back a process in the caller's transaction, for domains
// whose record is withdrawn.
func (s *Service) WithdrawIn(ctx context.Context, tx db.Tx, instanceID, reason string) error {
	st, err := s.standing(ctx)
	if err != nil {
		return err
	}
	o, err := s.open(ctx, tx, instanceID)
	if err != nil {
		return err
	}
	return o.do(engine.Command{Act: engine.Withdraw, Who: st.on(o.in), Reason: reason})
}

// TaskView is a task with all that its page shows.
type TaskView struct {
	Task     TaskInfo
	Instance InstanceView
	Form     *FormView
	Allowed  []engine.Act
	// Reasons say why the other acts are not there.
	Reasons  map[engine.Act]string
	Outcomes []bpmn.Outcome
	Targets  []Target
	// Added are the people asked before and after.
	Added []TaskInfo
	Sign  bpmn.Sign
	Rule  string
}

// Target is where a task may be returned to.
type Target struct {
	Node string `json:"node"`
	Name string `json:"name"`
}

// Task gives one task.
func (s *Service) Task(ctx context.Context, id string) (TaskView, error) {
	st, err := s.standing(ctx)
	if err != nil {
		return TaskView{}, err
	}
	q := s.db.Read()
	instance, err := instanceOfTask(ctx, q, id)
	if err != nil {
		return TaskView{}, err
	}
	if instance == "" {
		return TaskView{}, errs.NotFound("任务")
	}
	in, list, p, err := s.load(ctx, q, instance)
	if err != nil {
		return TaskView{}, err
	}
	if ok, err := s.sees(ctx, q, st, in); err != nil || !ok {
		return TaskView{}, orNotFound(err)
	}
	out := TaskView{Outcomes: []bpmn.Outcome{}, Targets: []Target{}, Added: []TaskInfo{}}
	for _, t := range list {
		if t.ID == id {
			out.Task = t
		}
		if t.Parent == id {
			out.Added = append(out.Added, t)
		}
	}
	o := &op{s: s, ctx: ctx, p: p, in: in}
	a := st.on(in)
	out.Allowed, out.Reasons = engine.Allowed(p, o, &in.Engine, in.Engine.Task(id), a)
	n := p.Nodes[out.Task.Node]
	if n == nil || n.Task == nil {
		return out, fmt.Errorf("task %s is at node %s, which its process lacks", id, out.Task.Node)
	}
	out.Sign, out.Rule = n.Task.Sign, n.Task.Rule
	if out.Task.Kind == engine.Normal {
		out.Outcomes = n.Task.Outcomes
	}
	for _, x := range engine.ReturnTargets(p, &in.Engine, in.Engine.Task(id)) {
		name := "发起人"
		if x != "starter" {
			name = o.nodeName(x)
		}
		out.Targets = append(out.Targets, Target{x, name})
	}
	if n.Task.Form != "" {
		may := rights(n.Task)
		if !slices.Contains(out.Allowed, engine.Complete) || out.Task.Kind == engine.Before || out.Task.Kind == engine.After || out.Task.State == engine.Delegated {
			may = readOnly(may)
		}
		if out.Form, err = s.formView(ctx, q, n.Task, in.Pins[n.Task.Form], in.Data[n.Task.Form], may); err != nil {
			return out, err
		}
		if out.Form.Saved, err = s.saved(ctx, st.who.ID, id); err != nil {
			return out, err
		}
	}
	out.Instance, err = s.view(ctx, q, st, in, list, p)
	return out, err
}

// InstanceView is an instance with its course.
type InstanceView struct {
	Instance *Instance
	Tasks    []TaskInfo
	History  []Entry
	Allowed  []engine.Act
	Reasons  map[engine.Act]string
	XML      string
	// Done and Now are nodes, Taken flows, for the picture.
	Done, Now, Taken []string
	CC               []Person
}

func (s *Service) view(ctx context.Context, q reader, st standing, in *Instance, list []TaskInfo, p *bpmn.Process) (InstanceView, error) {
	out := InstanceView{Instance: in, Tasks: list, Done: []string{}, Now: []string{}, Taken: in.Engine.Taken, CC: []Person{}, History: []Entry{}}
	v, err := versionByID(ctx, q, in.VersionID)
	if err != nil {
		return out, err
	}
	out.XML = v.Body
	rows, err := historyOf(ctx, q, in.ID)
	if err != nil {
		return out, err
	}
	for _, r := range rows {
		e := Entry{
			ID: r.ID, At: r.MadeAt, Act: r.Act, Label: r.Act.Label(), Node: r.Node, NodeName: r.NodeName, TaskID: r.TaskID, Actor: r.Actor, ActorName: r.ActorName,
			ActorOrg: r.ActorOrg, BehalfName: r.BehalfName, ToNames: r.ToNames, Outcome: r.Outcome, OutcomeName: r.OutcomeName, Reason: r.Reason, Files: []string{},
		}
		if err := decode(r.Files, &e.Files); err != nil {
			return out, fmt.Errorf("read history %s: %w", r.ID, err)
		}
		out.History = append(out.History, e)
	}
	for _, t := range in.Engine.Tokens {
		out.Now = append(out.Now, t.Node)
	}
	for _, f := range in.Engine.Taken {
		if fl := p.Flows[f]; fl != nil {
			for _, n := range []string{fl.From, fl.To} {
				if !slices.Contains(out.Done, n) && !slices.Contains(out.Now, n) {
					out.Done = append(out.Done, n)
				}
			}
		}
	}
	people, err := peopleOf(ctx, q, in.ID)
	if err != nil {
		return out, err
	}
	for _, r := range people {
		if r.Role != "cc" {
			continue
		}
		x, ok, err := s.o.People.Person(ctx, r.PersonID)
		if err != nil {
			return out, err
		}
		if ok {
			out.CC = append(out.CC, x)
		}
	}
	out.Allowed, out.Reasons = engine.AllowedInstance(&in.Engine, st.on(in))
	return out, nil
}

// Instance gives one instance.
func (s *Service) Instance(ctx context.Context, id string) (InstanceView, []FormView, error) {
	st, err := s.standing(ctx)
	if err != nil {
		return InstanceView{}, nil, err
	}
	q := s.db.Read()
	in, list, p, err := s.load(ctx, q, id)
	if err != nil {
		return InstanceView{}, nil, err
	}
	if ok, err := s.sees(ctx, q, st, in); err != nil || !ok {
		return InstanceView{}, nil, orNotFound(err)
	}
	out, err := s.view(ctx, q, st, in, list, p)
	if err != nil {
		return out, nil, err
	}
	forms := []FormView{}
	for _, key := range p.Forms() {
		values, filled := in.Data[key]
		if !filled {
			continue
		}
		v, err := s.formView(ctx, q, &bpmn.Task{Form: key}, in.Pins[key], values, s.seen(p, key, in, st))
		if err != nil {
			return out, nil, err
		}
		forms = append(forms, *v)
	}
	return out, forms, nil
}

// seen gives what of a form somebody may read on the instance's page: the
// starter what the start shows, a handler what their nodes showed, others
// what no node hides.
func (s *Service) seen(p *bpmn.Process, key string, in *Instance, st standing) func(string) form.Right {
	nodes := []*bpmn.Task{}
	mine := append([]string{st.actor.ID}, st.actor.For...)
	if slices.Contains(mine, in.Engine.Starter) {
		nodes = append(nodes, p.Nodes[p.StartID].Task)
	}
	for _, t := range in.Engine.Tasks {
		if n := p.Nodes[t.Node]; n != nil && n.Task != nil && (slices.Contains(mine, t.Assignee) || slices.Contains(mine, t.ActedBy)) {
			nodes = append(nodes, n.Task)
		}
	}
	all := []*bpmn.Task{}
	for _, id := range p.Order {
		if t := p.Nodes[id].Task; t != nil && t.Form == key {
			all = append(all, t)
		}
	}
	return func(field string) form.Right {
		hidden := func(t *bpmn.Task) bool { return t.Form == key && t.Right(field) == bpmn.Hidden }
		if len(nodes) > 0 {
			if slices.ContainsFunc(nodes, func(t *bpmn.Task) bool { return t.Form == key && !hidden(t) }) {
				return form.Read
			}
			return form.Hidden
		}
		if slices.ContainsFunc(all, hidden) {
			return form.Hidden
		}
		return form.Read
	}
}

// SeesBlob tells whether the actor may see a file because of an instance.
func (s *Service) SeesBlob(ctx context.Context, sm3 string) (bool, error) {
	list, err := instancesWithFile(ctx, s.db.Read(), sm3)
	if err != nil || len(list) == 0 {
		return false, err
	}
	st, err := s.standing(ctx)
	if err != nil {
		return false, err
	}
	for _, id := range list {
		in, _, _, err := s.load(ctx, s.db.Read(), id)
		if err != nil {
			return false, err
		}
		if ok, err := s.sees(ctx, s.db.Read(), st, in); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// Sees gives nil when the actor may see the instance of a task, for clocks.
func (s *Service) Sees(ctx context.Context, taskID string) error {
	_, err := s.Task(ctx, taskID)
	return err
}
