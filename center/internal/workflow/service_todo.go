package workflow

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/workflow/engine"
)

// todoHandle is the key of the one item of a task that somebody has, or that
// one group may take; several candidates have a key each.
const todoHandle = "handle"

// todos publishes what became of the changed tasks.
func (o *op) todos(list []change, eff engine.Effects) error {
	cc, err := o.copied()
	if err != nil {
		return err
	}
	for _, c := range list {
		if c.now.ID == o.keepTodo {
			continue
		}
		if err := o.todo(c, cc, 0); err != nil {
			return err
		}
	}
	for _, id := range eff.Urged {
		t := o.tasks[id]
		if err := o.todo(change{old: t, had: true, now: t}, cc, 1); err != nil {
			return err
		}
	}
	return nil
}

func (o *op) copied() ([]string, error) {
	rows, err := peopleOf(o.ctx, o.tx, o.in.ID)
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, r := range rows {
		if r.Role == "cc" {
			out = append(out, r.PersonID)
		}
	}
	return out, nil
}

func (o *op) todo(c change, cc []string, priority int) error {
	t := c.now
	todos := o.s.o.Todos
	switch t.State {
	case engine.Done:
		by := t.ActedBy
		return todos.Close(o.ctx, o.tx, t.ID, "", by, o.outcomeName(t.Node, t.Outcome))
	case engine.Cancelled:
		return todos.Cancel(o.ctx, o.tx, t.ID, "", "任务已取消")
	case engine.Waiting:
		return todos.Cancel(o.ctx, o.tx, t.ID, "", "等待加签的人办理")
	case engine.Queued:
		return nil
	}
	if c.had && (c.old.State == engine.Unclaimed) != (t.State == engine.Unclaimed) {
		keys := todoKeys(t)
		if t.State == engine.Unclaimed { // released: nobody has it any more
			keys = []string{todoHandle}
		}
		for _, k := range keys {
			if k == todoHandle && t.State != engine.Unclaimed {
				continue
			}
			if err := todos.Cancel(o.ctx, o.tx, t.ID, k, "已由他人签收"); err != nil {
				return err
			}
		}
	}
	base := o.todoOf(t)
	base.CC, base.Priority = cc, priority
	if t.State != engine.Unclaimed {
		base.Key, base.Assignee = todoHandle, t.Assignee
		if len(t.Candidates) == 1 {
			base.Role, base.OrgID = t.Candidates[0].Role, t.Candidates[0].OrgID
		}
		return todos.Put(o.ctx, o.tx, base)
	}
	keys := todoKeys(t)
	for i, w := range t.Candidates {
		x := base
		x.Key, x.Assignee, x.Role, x.OrgID = keys[i], w.Person, w.Role, w.OrgID
		if err := todos.Put(o.ctx, o.tx, x); err != nil {
			return err
		}
	}
	return nil
}

// todoKeys are the keys of a task's items while nobody has it.
func todoKeys(t TaskInfo) []string {
	if len(t.Candidates) == 1 {
		return []string{todoHandle}
	}
	out := make([]string, 0, len(t.Candidates))
	for i := range t.Candidates {
		out = append(out, "c"+strconv.Itoa(i))
	}
	return out
}

func (o *op) todoOf(t TaskInfo) Todo {
	users := o.p.UserTasks()
	step := 0
	for i, n := range users {
		if n.ID == t.Node {
			step = i + 1
		}
	}
	name := t.NodeName
	switch t.Kind {
	case engine.Before, engine.After:
		name += "（加签）"
	}
	x := Todo{
		TaskID: t.ID, Title: o.in.Title, Summary: o.in.ProcessName + "　" + o.in.No, RegionCode: o.in.RegionCode,
		Starter: o.in.Engine.Starter, Step: step, Steps: len(users), StepName: name,
	}
	if t.DueAt != nil {
		x.DueAt = clock.Ptr(*t.DueAt)
	}
	return x
}

// ClaimByTodo takes a task for somebody in the to-do centre's transaction.
func (s *Service) ClaimByTodo(ctx context.Context, tx db.Tx, taskID, key string) error {
	return s.byTodo(ctx, tx, taskID, key, engine.Claim)
}

// ReleaseByTodo gives a task back in the to-do centre's transaction.
func (s *Service) ReleaseByTodo(ctx context.Context, tx db.Tx, taskID, key string) error {
	return s.byTodo(ctx, tx, taskID, key, engine.Release)
}

func (s *Service) byTodo(ctx context.Context, tx db.Tx, taskID, key string, act engine.Act) error {
	st, err := s.standing(ctx)
	if err != nil {
		return err
	}
	id, err := instanceOfTask(ctx, tx, taskID)
	if err != nil {
		return err
	}
	o, err := s.open(ctx, tx, id)
	if err != nil {
		return err
	}
	if err := o.claimed(act, taskID); err != nil {
		return err
	}
	if key != todoHandle {
		return errs.Conflict("这个任务有几组候选人，请打开任务后签收")
	}
	o.keepTodo = taskID
	return o.do(engine.Command{Act: act, Task: taskID, Who: st.on(o.in)})
}

// claimed names who has a task that somebody wants to take.
func (o *op) claimed(act engine.Act, taskID string) error {
	if t := o.tasks[taskID]; act == engine.Claim && t.State.Open() && t.Assignee != "" {
		return errs.Conflict("已被 " + t.AssigneeName + " 签收")
	}
	return nil
}

// HandOver moves one task of somebody who left, in the to-do centre's
// transaction; true says that its to-dos are published anew.
func (s *Service) HandOver(ctx context.Context, tx db.Tx, taskID, from, to string) (bool, error) {
	id, err := instanceOfTask(ctx, tx, taskID)
	if err != nil || id == "" {
		return false, err
	}
	o, err := s.open(ctx, tx, id)
	if err != nil {
		return false, err
	}
	o.actorName = "系统移交"
	if to != "" {
		if err := o.active([]string{to}); err != nil {
			to = ""
		}
	}
	next, eff, moved := engine.HandOver(o.p, o, &o.in.Engine, taskID, from, to)
	if !moved {
		return false, nil
	}
	err = o.save(next, eff, engine.Command{Act: engine.Move, Task: taskID, Who: engine.Actor{System: true}, Reason: "人员离岗移交"})
	if err != nil {
		return false, fmt.Errorf("hand over task %s: %w", taskID, err)
	}
	return true, nil
}

// sees tells whether somebody may look at an instance: who has to do with it,
// who may take one of its tasks, and who looks after processes there.
func (s *Service) sees(ctx context.Context, q reader, st standing, in *Instance) (bool, error) {
	a := st.on(in)
	mine := append([]string{a.ID}, a.For...)
	if a.Monitor || slices.Contains(mine, in.Engine.Starter) {
		return true, nil
	}
	for _, t := range in.Engine.Tasks {
		if slices.Contains(mine, t.Assignee) || slices.Contains(mine, t.Owner) {
			return true, nil
		}
		if t.State == engine.Unclaimed && slices.ContainsFunc(t.Candidates, func(w engine.Who) bool {
			return slices.Contains(mine, w.Person) || w.Role != "" && slices.Contains(a.Groups, w)
		}) {
			return true, nil
		}
	}
	rows, err := peopleOf(ctx, q, in.ID)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(rows, func(r personRow) bool { return slices.Contains(mine, r.PersonID) }), nil
}
