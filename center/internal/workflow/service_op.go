package workflow

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/workflow/bpmn"
	"jiexun/center/internal/workflow/engine"
)

// TimerKind is the kind of boundary timers.
const TimerKind = "workflow.timer"

// TimerPayload is what a boundary timer carries.
type TimerPayload struct {
	InstanceID string `json:"instanceId"`
	Token      int    `json:"token"`
	Node       string `json:"node"`
}

// op is one change of one instance in one transaction. It answers the
// engine's questions.
type op struct {
	s     *Service
	ctx   context.Context
	tx    db.Tx
	p     *bpmn.Process
	in    *Instance
	tasks map[string]TaskInfo
	names map[string]Person
	// keepTodo names a task whose to-do the to-do centre itself changes.
	keepTodo string
	files    []string
	// actorName is set for those who are not persons.
	actorName string
}

// open locks and loads an instance for a change.
func (s *Service) open(ctx context.Context, tx db.Tx, id string) (*op, error) {
	ok, err := lockInstance(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errs.NotFound("流程")
	}
	in, list, p, err := s.load(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	o := &op{s: s, ctx: ctx, tx: tx, p: p, in: in, tasks: map[string]TaskInfo{}, names: map[string]Person{}}
	for _, t := range list {
		o.tasks[t.ID] = t
	}
	return o, nil
}

// load reads an instance with its tasks and its process.
func (s *Service) load(ctx context.Context, q reader, id string) (*Instance, []TaskInfo, *bpmn.Process, error) {
	in, err := instanceByID(ctx, q, id)
	if err != nil {
		return nil, nil, nil, err
	}
	if in == nil {
		return nil, nil, nil, errs.NotFound("流程")
	}
	list, err := tasksOf(ctx, q, id)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, t := range list {
		in.Engine.Tasks = append(in.Engine.Tasks, t.Task)
	}
	v, err := versionByID(ctx, q, in.VersionID)
	if err != nil {
		return nil, nil, nil, err
	}
	if v == nil {
		return nil, nil, nil, fmt.Errorf("instance %s: its version %s is missing", id, in.VersionID)
	}
	p, err := s.process(v)
	return in, list, p, err
}

// NewID implements engine.Host.
func (o *op) NewID() string { return o.s.o.NewID() }

// Now implements engine.Host.
func (o *op) Now() time.Time { return o.tx.Now() }

// Resolve implements engine.Host.
func (o *op) Resolve(in *engine.Instance, list []bpmn.Candidate) ([]engine.Who, error) {
	return o.s.resolve(o.ctx, o.p, in, o.in, list)
}

// resolve turns candidates into people and groups.
func (s *Service) resolve(ctx context.Context, p *bpmn.Process, e *engine.Instance, in *Instance, list []bpmn.Candidate) ([]engine.Who, error) {
	out := []engine.Who{}
	add := func(w engine.Who) {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	for _, c := range list {
		switch {
		case c.Starter:
			add(engine.Who{Person: e.Starter})
		case c.Person != "":
			add(engine.Who{Person: c.Person})
		case c.Expr != "":
			people, err := c.People(p.Typed(e.Vars))
			if err != nil {
				return nil, &engine.Refused{Reason: "候选人表达式算不出结果：" + c.Expr}
			}
			for _, x := range people {
				add(engine.Who{Person: x})
			}
		default:
			org := c.OrgID
			if c.Where != bpmn.AtOrg {
				var err error
				if org, err = s.o.People.OrgFor(ctx, c.Where, in.StarterOrg, in.RegionCode); err != nil {
					return nil, err
				}
			}
			if org != "" {
				add(engine.Who{Role: c.Role, OrgID: org})
			}
		}
	}
	return out, nil
}

// Members implements engine.Host.
func (o *op) Members(w engine.Who) ([]string, error) {
	list, err := o.s.o.People.Members(o.ctx, w.Role, w.OrgID)
	if err != nil {
		return nil, err
	}
	out := make([]string, 0, len(list))
	for _, p := range list {
		out = append(out, p.ID)
		o.names[p.ID] = p
	}
	return out, nil
}

// Call implements engine.Host.
func (o *op) Call(in *engine.Instance, n *bpmn.Node) (map[string]any, error) {
	f, ok := o.s.services[n.Service]
	if !ok {
		return nil, fmt.Errorf("no service is called %q", n.Service)
	}
	copied := *o.in
	copied.Engine = *in
	return f.run(o.ctx, o.tx, &copied)
}

// Due implements engine.Host. Clocks by a rule begin when the task is stored.
func (o *op) Due(_ *engine.Instance, n *bpmn.Node) (*time.Time, error) {
	if n.Task.Due == "" {
		return nil, nil
	}
	d, err := bpmn.Duration(n.Task.Due)
	if err != nil {
		return nil, err
	}
	at := o.tx.Now().Add(d)
	return &at, nil
}

// TimerAt implements engine.Host.
func (o *op) TimerAt(_ *engine.Instance, n *bpmn.Node) (time.Time, error) {
	return o.s.timerAt(o.ctx, n, o.tx.Now())
}

func (s *Service) timerAt(ctx context.Context, n *bpmn.Node, now time.Time) (time.Time, error) {
	if n.Duration != "" {
		d, err := bpmn.Duration(n.Duration)
		return now.Add(d), err
	}
	at, ok, err := s.o.Clocks.DueOf(ctx, n.Rule, now)
	if err == nil && !ok {
		err = &engine.Refused{Reason: "期限规则 " + n.Rule + " 没有生效的版本"}
	}
	return at, err
}

// name gives a person; one who is gone keeps the id as name.
func (o *op) name(id string) (Person, error) {
	if id == "" {
		return Person{}, nil
	}
	if p, ok := o.names[id]; ok {
		return p, nil
	}
	p, ok, err := o.s.o.People.Person(o.ctx, id)
	if err != nil {
		return p, fmt.Errorf("name person %s: %w", id, err)
	}
	if !ok {
		p = Person{ID: id, Name: id}
	}
	o.names[id] = p
	return p, nil
}

// active refuses receivers who are not there.
func (o *op) active(list []string) error {
	for _, id := range list {
		p, err := o.name(id)
		if err != nil {
			return err
		}
		if !p.Active {
			return errs.Invalidf("to", "接收人不存在或已停用")
		}
	}
	return nil
}

// do runs one act and stores what came of it.
func (o *op) do(c engine.Command) error {
	next, eff, err := engine.Do(o.p, o, &o.in.Engine, c)
	if err != nil {
		return boundary(err)
	}
	return o.save(next, eff, c)
}

// save stores the instance after an act and tells everyone.
func (o *op) save(next *engine.Instance, eff engine.Effects, c engine.Command) error {
	before := o.in.trace()
	wasOpen := o.in.Engine.State == engine.Running
	o.in.Engine = *next
	changed, err := o.saveTasks()
	if err != nil {
		return err
	}
	if err := o.saveTimers(eff); err != nil {
		return err
	}
	if err := o.saveHistory(eff.History); err != nil {
		return err
	}
	if err := addPeople(o.ctx, o.tx, o.in.ID, "cc", eff.CC); err != nil {
		return err
	}
	o.summarise(wasOpen)
	if err := updateInstance(o.ctx, o.tx, o.in); err != nil {
		return err
	}
	if err := o.todos(changed, eff); err != nil {
		return err
	}
	if err := o.tell(c, eff, before); err != nil {
		return err
	}
	if eff.Ended {
		return o.finished(c)
	}
	return nil
}

// summarise keeps what lists show of the open tasks.
func (o *op) summarise(wasOpen bool) {
	names := []string{}
	o.in.DueAt = nil
	for _, t := range o.in.Engine.Tasks {
		if !t.State.Open() {
			continue
		}
		if n := o.nodeName(t.Node); !slices.Contains(names, n) {
			names = append(names, n)
		}
		if t.DueAt != nil && (o.in.DueAt == nil || clock.At(*t.DueAt) < *o.in.DueAt) {
			o.in.DueAt = clock.Ptr(*t.DueAt)
		}
	}
	o.in.AtNodes = joinNames(names)
	if o.in.Engine.State != engine.Running && wasOpen {
		o.in.EndedAt = clock.Ptr(o.tx.Now())
	}
}

func (o *op) nodeName(id string) string {
	n := o.p.Nodes[id]
	switch {
	case n == nil:
		return id
	case n.Kind == bpmn.Start:
		return "发起人修改"
	}
	return n.Label()
}

// saveTasks stores new and changed tasks, begins and stops their clocks, and
// gives those that changed with what they were.
func (o *op) saveTasks() ([]change, error) {
	out := []change{}
	for i := range o.in.Engine.Tasks {
		t := &o.in.Engine.Tasks[i]
		old, had := o.tasks[t.ID]
		if had && reflect.DeepEqual(old.Task, *t) {
			continue
		}
		x := TaskInfo{Task: *t, InstanceID: o.in.ID, NodeName: o.nodeName(t.Node), Seq: i + 1, Rev: old.Rev + 1}
		if err := o.clock(&x, had); err != nil {
			return nil, err
		}
		t.DueAt = x.DueAt
		for _, n := range []struct {
			id string
			to *string
		}{{t.Assignee, &x.AssigneeName}, {t.Owner, &x.OwnerName}, {t.ActedBy, &x.ActedName}, {t.Behalf, &x.BehalfName}} {
			p, err := o.name(n.id)
			if err != nil {
				return nil, err
			}
			*n.to = p.Name
		}
		if err := saveTask(o.ctx, o.tx, &x, !had); err != nil {
			return nil, err
		}
		if err := addPeople(o.ctx, o.tx, o.in.ID, "handler", []string{t.ActedBy, t.Behalf, t.Owner}); err != nil {
			return nil, err
		}
		o.tasks[t.ID] = x
		out = append(out, change{old: old, had: had, now: x})
	}
	return out, nil
}

type change struct {
	old TaskInfo
	had bool
	now TaskInfo
}

// clock begins the clock of a new task by its rule, and stops it at its end.
func (o *op) clock(x *TaskInfo, had bool) error {
	n := o.p.Nodes[x.Node]
	if n == nil || n.Task == nil || n.Task.Rule == "" || n.Kind != bpmn.User || x.Kind != engine.Normal {
		return nil
	}
	if !x.State.Open() {
		return o.s.o.Clocks.Stop(o.ctx, o.tx, x.ID, x.Outcome)
	}
	if had || x.State == engine.Queued {
		return nil
	}
	due, err := o.s.o.Clocks.Start(o.ctx, o.tx, Clock{
		TaskID: x.ID, Name: n.Label(), Title: o.in.Title, Rule: n.Task.Rule, RegionCode: o.in.RegionCode, Vars: o.in.Engine.Vars,
	})
	if err != nil {
		return fmt.Errorf("start clock of %s: %w", n.ID, err)
	}
	if due != nil {
		at := due.Time()
		x.DueAt = &at
	}
	return nil
}

func (o *op) saveTimers(eff engine.Effects) error {
	for _, k := range eff.Cancel {
		if err := o.s.o.Timers.Cancel(o.ctx, o.tx, TimerKind, k); err != nil {
			return fmt.Errorf("cancel timer: %w", err)
		}
	}
	for _, x := range eff.Set {
		err := o.s.o.Timers.At(o.ctx, o.tx, TimerKind, x.Key, x.At, TimerPayload{InstanceID: o.in.ID, Token: x.Token, Node: x.Node})
		if err != nil {
			return fmt.Errorf("set timer: %w", err)
		}
	}
	return nil
}

// outcomeName is the word for an outcome at a node.
func (o *op) outcomeName(node, code string) string {
	if n := o.p.Nodes[node]; n != nil && n.Task != nil {
		for _, x := range n.Task.Outcomes {
			if x.Code == code {
				return x.Label
			}
		}
		if o.p.Nodes[code] != nil {
			return o.nodeName(code)
		}
	}
	return outcomeLabel(code)
}

func outcomeLabel(code string) string {
	switch code {
	case "approve":
		return "通过"
	case "oppose":
		return "不同意"
	case "reject":
		return "驳回"
	case "return":
		return "退回"
	case "starter":
		return "发起人"
	case "resubmit":
		return "重新提交"
	case "opinion":
		return "已填写意见"
	case "withdrawn":
		return "已撤回"
	case "terminated":
		return "已终止"
	case "timeout":
		return "超时"
	}
	return code
}

func (o *op) saveHistory(list []engine.Entry) error {
	rows := make([]historyRow, 0, len(list))
	for i, e := range list {
		actor, err := o.name(e.Actor)
		if err != nil {
			return err
		}
		behalf, err := o.name(e.Behalf)
		if err != nil {
			return err
		}
		to := []string{}
		for _, id := range e.To {
			p, err := o.name(id)
			if err != nil {
				return err
			}
			to = append(to, p.Name)
		}
		r := historyRow{
			ID: o.s.o.NewID(), InstanceID: o.in.ID, MadeAt: clock.At(o.tx.Now()), Act: e.Act, Node: e.Node, TaskID: e.TaskID,
			Actor: e.Actor, ActorName: actor.Name, ActorOrg: actor.OrgName, Behalf: e.Behalf, BehalfName: behalf.Name,
			ToNames: joinNames(to), Outcome: e.Outcome, OutcomeName: o.outcomeName(e.Node, e.Outcome), Reason: e.Reason, Files: "[]",
		}
		if r.ActorName == "" {
			r.ActorName = o.actorName
		}
		switch {
		case e.Act == engine.Start:
			r.NodeName = o.p.Nodes[e.Node].Name
		case e.Node != "":
			r.NodeName = o.nodeName(e.Node)
		}
		if i == 0 && len(o.files) > 0 {
			if r.Files, err = text(o.files); err != nil {
				return fmt.Errorf("store files of act: %w", err)
			}
		}
		rows = append(rows, r)
	}
	return addHistory(o.ctx, o.tx, rows)
}

// tell writes the audit record and the event.
func (o *op) tell(c engine.Command, eff engine.Effects, before map[string]any) error {
	o.tx.AfterCommit(o.s.o.Wake)
	summary := o.in.ProcessName + " " + o.in.No + " " + c.Act.Label()
	if c.Task != "" {
		summary += "（" + o.tasks[c.Task].NodeName + "）"
	}
	err := audit.Record(o.ctx, o.tx, audit.Entry{
		Act: "workflow." + string(c.Act), Object: "workflow", ObjectID: o.in.ID, RegionCode: o.in.RegionCode,
		Summary: summary, Before: before, After: o.in.trace(), Reason: c.Reason,
	})
	if err != nil {
		return err
	}
	ch := Changed{
		InstanceID: o.in.ID, Process: o.in.Process, Record: o.in.Record, RecordID: o.in.RecordID, RegionCode: o.in.RegionCode,
		State: o.in.Engine.State, Act: string(c.Act), CC: eff.CC, Title: o.in.Title, At: clock.At(o.tx.Now()), Persons: []string{o.in.Engine.Starter},
	}
	for _, id := range eff.Urged {
		if t := o.tasks[id]; t.Assignee != "" {
			ch.Urged = append(ch.Urged, t.Assignee)
		}
	}
	return events.Publish(o.ctx, o.tx, TopicChanged, ch)
}

// trace is the part of an instance that the audit record keeps.
func (in *Instance) trace() map[string]any {
	return map[string]any{"no": in.No, "state": in.Engine.State, "outcome": in.Engine.Outcome, "at": in.AtNodes, "version": in.Version}
}

func (o *op) finished(c engine.Command) error {
	f := Finished{
		InstanceID: o.in.ID, Process: o.in.Process, Record: o.in.Record, RecordID: o.in.RecordID, State: o.in.Engine.State,
		Outcome: o.in.Engine.Outcome, Vars: maps.Clone(o.in.Engine.Vars), Data: o.in.Data, By: c.Who.ID, Reason: c.Reason,
	}
	for _, fn := range o.s.finish[o.in.Process] {
		if err := fn(o.ctx, o.tx, f); err != nil {
			return fmt.Errorf("finish %s of %s %s: %w", o.in.Process, o.in.Record, o.in.RecordID, err)
		}
	}
	return nil
}

// FireTimer is the effect of a boundary timer: it fires, or finds that its
// task is gone, in the transaction in which the timer ends.
func (s *Service) FireTimer(ctx context.Context, tx db.Tx, payload json.RawMessage) error {
	var p TimerPayload
	if err := json.Unmarshal(payload, &p); err != nil {
		return fmt.Errorf("decode timer: %w", err)
	}
	o, err := s.open(ctx, tx, p.InstanceID)
	if errs.Is(err, errs.NotFoundCode) {
		return nil
	}
	if err != nil {
		return err
	}
	o.actorName = "系统计时"
	next, eff, fired, err := engine.FireTimer(o.p, o, &o.in.Engine, p.Token, p.Node)
	if err != nil || !fired {
		return boundary(err)
	}
	return o.save(next, eff, engine.Command{Act: engine.Fire, Who: engine.Actor{System: true}, Reason: strings.TrimSpace(o.nodeName(p.Node))})
}
