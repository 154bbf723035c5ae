package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/deadline"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/stream"
	"jiexun/center/internal/todo"
	"jiexun/center/internal/workflow"
	"jiexun/center/internal/workflow/bpmn"
	"jiexun/center/internal/workflow/engine"
	"jiexun/center/seed/base"
)

// workflowParts are processes and forms.
type workflowParts struct{ workflow *workflow.Service }

// wireWorkflow makes the service with what it asks of others, and seeds the
// processes and forms that every center begins with.
func (a *App) wireWorkflow(ctx context.Context) error {
	people := flowPeople{a.access, a.db.Now}
	a.workflow = workflow.New(workflow.Options{
		DB: a.db, People: people, Todos: flowTodos{a.todo}, Clocks: flowClocks{a.deadline}, Timers: a.jobs, Files: a.blobs, Wake: a.bus.Wake, Log: a.log,
	})
	a.jobs.HandleTx(workflow.TimerKind, "流程计时", a.workflow.FireTimer)
	a.todo.OnClaim("task", func(ctx context.Context, tx db.Tx, v todo.View, _ string) error {
		return a.workflow.ClaimByTodo(ctx, tx, v.SourceID, v.Key)
	})
	a.todo.OnRelease("task", func(ctx context.Context, tx db.Tx, v todo.View, _ string) error {
		return a.workflow.ReleaseByTodo(ctx, tx, v.SourceID, v.Key)
	})
	a.todo.OnHandOver("task", func(ctx context.Context, tx db.Tx, v todo.View, from, to string) (bool, error) {
		return a.workflow.HandOver(ctx, tx, v.SourceID, from, to)
	})
	a.todo.RegisterActs("task", map[string]todo.ActFunc{"approve": a.approveTask, "transfer": a.transferTask})
	a.deadline.RegisterRecord(deadline.Record{Kind: "task", Label: "流程任务", CanSee: a.workflow.Sees})
	a.bus.Subscribe(access.TopicMerged, "workflow", a.workflow.TakeMerged)
	a.bus.Subscribe(workflow.TopicChanged, "stream", func(_ context.Context, tx db.Tx, e events.Event) error {
		var ch workflow.Changed
		if err := e.Decode(&ch); err != nil {
			return err
		}
		tx.AfterCommit(func() {
			note := map[string]string{"id": ch.InstanceID, "act": ch.Act, "state": ch.State}
			a.stream.Send(stream.Message{Event: "flow", Holders: append([]string{}, ch.Persons...), Data: note})
			a.stream.Send(stream.Message{Event: "flow", RegionCode: ch.RegionCode, Perm: access.WorkflowMonitor, Data: note})
		})
		return nil
	})
	folder, err := fs.Sub(base.Workflow, "workflow")
	if err != nil {
		return fmt.Errorf("open seeds of processes: %w", err)
	}
	return a.workflow.Seed(ctx, folder)
}

func (a *App) routeWorkflow() { a.workflow.Register(a.api) }

// approveTask completes a task that needs no form with its first outcome.
func (a *App) approveTask(ctx context.Context, tx db.Tx, v todo.View, args json.RawMessage) error {
	var in struct {
		Reason string `json:"reason"`
	}
	if len(args) > 0 {
		if err := json.Unmarshal(args, &in); err != nil {
			return errs.Invalidf("args", "参数应为 JSON")
		}
	}
	return a.workflow.ActIn(ctx, tx, v.SourceID, workflow.ActInput{Act: engine.Complete, Outcome: "approve", Reason: in.Reason})
}

func (a *App) transferTask(ctx context.Context, tx db.Tx, v todo.View, args json.RawMessage) error {
	var in struct {
		To     string `json:"to"`
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal(args, &in); err != nil || in.To == "" {
		return errs.Invalidf("to", "请选择转办给谁")
	}
	return a.workflow.ActIn(ctx, tx, v.SourceID, workflow.ActInput{Act: engine.Transfer, To: []string{in.To}, Reason: in.Reason})
}

// flowPeople answers the processes' questions about the organisation.
type flowPeople struct {
	access *access.Service
	now    func() time.Time
}

func flowPerson(p access.Person) workflow.Person {
	return workflow.Person{ID: p.ID, Name: p.Name, OrgID: p.OrgID, OrgName: p.OrgName, Active: p.Active}
}

// Person implements workflow.People.
func (p flowPeople) Person(ctx context.Context, id string) (workflow.Person, bool, error) {
	x, err := p.access.Person(ctx, id)
	ok, err := found(err)
	return flowPerson(x), ok, err
}

// GroupsOf implements workflow.People.
func (p flowPeople) GroupsOf(ctx context.Context, id string) ([]engine.Who, error) {
	list, err := p.access.GroupsOf(ctx, id)
	out := make([]engine.Who, 0, len(list))
	for _, g := range list {
		out = append(out, engine.Who{Role: g.Role, OrgID: g.OrgID})
	}
	return out, err
}

// ActingFor implements workflow.People.
func (p flowPeople) ActingFor(ctx context.Context, id string) ([]string, error) {
	list, err := p.access.ActingFor(ctx, id, p.now())
	out := make([]string, 0, len(list))
	for _, x := range list {
		out = append(out, x.ID)
	}
	return out, err
}

// Members implements workflow.People.
func (p flowPeople) Members(ctx context.Context, role, orgID string) ([]workflow.Person, error) {
	list, err := p.access.PersonsInRole(ctx, role, orgID)
	out := make([]workflow.Person, 0, len(list))
	for _, x := range list {
		out = append(out, flowPerson(x))
	}
	return out, err
}

// OrgFor implements workflow.People.
func (p flowPeople) OrgFor(ctx context.Context, where bpmn.Where, starterOrg, region string) (string, error) {
	switch where {
	case bpmn.AtStarter:
		return starterOrg, nil
	case bpmn.AtBureau:
		return base.OrgID("310000"), nil
	case bpmn.AtSquad:
		o, err := p.access.SquadOf(ctx, region)
		_, err = found(err)
		return o.ID, err
	case bpmn.AtDistrict:
		o, err := p.access.DistrictOf(ctx, region)
		_, err = found(err)
		return o.ID, err
	}
	return "", fmt.Errorf("no organisation is meant by %q", where)
}

// GroupName implements workflow.People.
func (p flowPeople) GroupName(ctx context.Context, role, orgID string) (string, error) {
	name := role
	if r, ok := access.RoleByCode(role); ok {
		name = r.Name
	}
	o, err := p.access.Org(ctx, orgID)
	_, err = found(err)
	if o.Name != "" {
		name = o.Name + " " + name
	}
	return name, err
}

// RoleKnown implements workflow.People.
func (p flowPeople) RoleKnown(role string) bool {
	_, ok := access.RoleByCode(role)
	return ok
}

// flowTodos publishes tasks in the to-do centre.
type flowTodos struct{ todo *todo.Service }

// Put implements workflow.Todos.
func (t flowTodos) Put(ctx context.Context, tx db.Tx, x workflow.Todo) error {
	it := todo.Item{
		Source: "task", SourceID: x.TaskID, Key: x.Key, Kind: "approval", Title: x.Title, Summary: x.Summary, Path: "/flow/tasks/" + x.TaskID,
		PhonePath: "/task/" + x.TaskID, RegionCode: x.RegionCode, Assignee: x.Assignee, Starter: x.Starter, CC: x.CC, Priority: x.Priority,
		DueAt: x.DueAt, Step: x.Step, Steps: x.Steps, StepName: x.StepName,
	}
	if x.Role != "" {
		it.Group = &todo.Group{Role: x.Role, OrgID: x.OrgID}
	}
	return t.todo.Put(ctx, tx, it)
}

// Close implements workflow.Todos.
func (t flowTodos) Close(ctx context.Context, tx db.Tx, taskID, key, by, outcome string) error {
	return t.todo.Close(ctx, tx, "task", taskID, key, by, outcome)
}

// Cancel implements workflow.Todos.
func (t flowTodos) Cancel(ctx context.Context, tx db.Tx, taskID, key, reason string) error {
	return t.todo.Cancel(ctx, tx, "task", taskID, key, reason)
}

// flowClocks runs the deadlines of tasks.
type flowClocks struct{ deadline *deadline.Service }

// Start implements workflow.Clocks.
func (c flowClocks) Start(ctx context.Context, tx db.Tx, x workflow.Clock) (*clock.Stamp, error) {
	out, err := c.deadline.Start(ctx, tx, deadline.StartClock{
		Record: "task", RecordID: x.TaskID, Name: x.Name, Title: x.Title, Path: "/flow/tasks/" + x.TaskID, Rule: x.Rule, RegionCode: x.RegionCode, At: tx.Now(), Vars: x.Vars,
	})
	return out.DueAt, err
}

// Stop implements workflow.Clocks.
func (c flowClocks) Stop(ctx context.Context, tx db.Tx, taskID, outcome string) error {
	return c.deadline.Stop(ctx, tx, "task", taskID, "", outcome)
}

// DueOf implements workflow.Clocks.
func (c flowClocks) DueOf(ctx context.Context, rule string, at time.Time) (time.Time, bool, error) {
	ctx = access.With(ctx, access.Actor{ID: "system", Name: "流程", Perms: map[string]bool{access.DeadlineManage: true}, Scope: access.SystemScope()})
	list, err := c.deadline.Rules(ctx)
	if err != nil {
		return time.Time{}, false, err
	}
	for _, r := range list {
		if r.Code != rule || !r.Enabled || r.EffectiveFrom > clock.At(at) || r.EffectiveTo != nil && *r.EffectiveTo <= clock.At(at) {
			continue
		}
		sim, err := c.deadline.Simulate(ctx, deadline.RuleInput{Terms: r.Terms}, clock.At(at), 0, nil)
		if err != nil || sim.DueAt == nil {
			return time.Time{}, false, err
		}
		return sim.DueAt.Time(), true, nil
	}
	return time.Time{}, false, nil
}
