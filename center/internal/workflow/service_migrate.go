package workflow

import (
	"context"
	"fmt"
	"slices"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/workflow/bpmn"
	"jiexun/center/internal/workflow/engine"
)

// Migration moves running instances from one version to another. Nodes that
// both have under one id need no mapping.
type Migration struct {
	Process  string
	From, To int
	Mapping  map[string]string
	Reason   string
}

// MigrationStep says what becomes of the instances at one node.
type MigrationStep struct {
	Node  string `json:"node"`
	Name  string `json:"name"`
	Count int    `json:"count"`
	// To is the node of the new version, "" when there is none.
	To      string `json:"to"`
	ToName  string `json:"toName"`
	Problem string `json:"problem,omitempty"`
}

// MigrationPreview is what a migration would do.
type MigrationPreview struct {
	Instances int             `json:"instances"`
	Steps     []MigrationStep `json:"steps"`
	// Choices are the user tasks of the new version.
	Choices []StepName    `json:"choices"`
	Changes []bpmn.Change `json:"changes"`
	OK      bool          `json:"ok"`
}

// plan is a migration with its processes read.
type plan struct {
	Migration
	a, b   *bpmn.Process
	va, vb *versionRow
}

func (s *Service) plan(ctx context.Context, m Migration) (*plan, error) {
	if _, err := access.Need(ctx, access.WorkflowDesign); err != nil {
		return nil, err
	}
	p := &plan{Migration: m}
	for _, x := range []struct {
		n int
		p **bpmn.Process
		v **versionRow
	}{{m.From, &p.a, &p.va}, {m.To, &p.b, &p.vb}} {
		v, err := versionOf(ctx, s.db.Read(), KindProcess, m.Process, x.n)
		if err != nil {
			return nil, err
		}
		if v == nil || x.n == 0 {
			return nil, errs.NotFound("版本")
		}
		if *x.p, err = s.process(v); err != nil {
			return nil, err
		}
		*x.v = v
	}
	if m.From == m.To {
		return nil, errs.Invalidf("to", "请选择另一个版本")
	}
	return p, nil
}

// target gives where a node goes, and why it cannot.
func (p *plan) target(id string) (string, string) {
	to, mapped := p.Mapping[id]
	if !mapped {
		to = id
	}
	n, o := p.b.Nodes[to], p.a.Nodes[id]
	switch {
	case n == nil && !mapped:
		return "", "新版本没有这个环节，请指定迁移到哪个环节"
	case n == nil:
		return "", "新版本没有环节 " + to
	case o != nil && n.Kind != o.Kind:
		return "", "“" + n.Label() + "”的类型不同，不能迁移到它"
	case n.Kind == bpmn.User && o != nil && (n.Task.Sign == bpmn.SignAny) != (o.Task.Sign == bpmn.SignAny):
		return "", "“" + n.Label() + "”的办理方式（会签、或签）不同，不能迁移到它"
	}
	return to, ""
}

// PreviewMigration tells what a migration would do and what keeps it from
// being done.
func (s *Service) PreviewMigration(ctx context.Context, m Migration) (MigrationPreview, error) {
	p, err := s.plan(ctx, m)
	if err != nil {
		return MigrationPreview{}, err
	}
	list, err := openOn(ctx, s.db.Read(), p.va.ID)
	if err != nil {
		return MigrationPreview{}, err
	}
	out := MigrationPreview{Instances: len(list), Steps: []MigrationStep{}, Choices: []StepName{}, Changes: bpmn.Diff(p.a, p.b), OK: true}
	for _, n := range p.b.UserTasks() {
		out.Choices = append(out.Choices, StepName{n.ID, n.Label()})
	}
	count := map[string]int{}
	for _, id := range list {
		in, err := instanceByID(ctx, s.db.Read(), id)
		if err != nil {
			return out, err
		}
		for _, t := range in.Engine.Tokens {
			count[t.Node]++
			if t.Flow != "" && p.a.Nodes[t.Node].Kind == bpmn.Parallel && p.b.Flows[t.Flow] == nil {
				count[t.Node+"\x00"]++ // waits at a join for a branch that is gone
			}
		}
	}
	for _, id := range p.a.Order {
		if count[id] == 0 {
			continue
		}
		st := MigrationStep{Node: id, Name: p.a.Nodes[id].Label(), Count: count[id]}
		st.To, st.Problem = p.target(id)
		if count[id+"\x00"] > 0 && st.Problem == "" {
			st.Problem = "并行汇聚的分支在新版本里不同，正在等待的流程不能迁移"
		}
		if st.To != "" {
			st.ToName = p.b.Nodes[st.To].Label()
		}
		out.OK = out.OK && st.Problem == ""
		out.Steps = append(out.Steps, st)
	}
	return out, nil
}

// Migrate moves every running instance of a version, each in a transaction of
// its own, and tells how many. It refuses when a step has nowhere to go.
func (s *Service) Migrate(ctx context.Context, m Migration) (int, error) {
	if clip(m.Reason, 200) == "" {
		return 0, errs.Invalidf("reason", "请填写迁移的原因")
	}
	pre, err := s.PreviewMigration(ctx, m)
	if err != nil {
		return 0, err
	}
	if !pre.OK {
		i := slices.IndexFunc(pre.Steps, func(x MigrationStep) bool { return x.Problem != "" })
		return 0, errs.Conflict("“" + pre.Steps[i].Name + "”：" + pre.Steps[i].Problem)
	}
	p, err := s.plan(ctx, m)
	if err != nil {
		return 0, err
	}
	list, err := openOn(ctx, s.db.Read(), p.va.ID)
	if err != nil {
		return 0, err
	}
	for i, id := range list {
		if err := s.inTx(ctx, func(ctx context.Context, tx db.Tx) error { return s.migrate(ctx, tx, p, id) }); err != nil {
			return i, fmt.Errorf("migrate instance %s: %w", id, err)
		}
	}
	return len(list), nil
}

func (s *Service) migrate(ctx context.Context, tx db.Tx, p *plan, id string) error {
	who, err := access.From(ctx)
	if err != nil {
		return err
	}
	o, err := s.open(ctx, tx, id)
	if err != nil {
		return err
	}
	if o.in.Engine.State != engine.Running || o.in.VersionID != p.va.ID {
		return nil // ended, or moved by another one in the meantime
	}
	next := o.in.Engine
	next.Tokens, next.Tasks = slices.Clone(next.Tokens), slices.Clone(next.Tasks)
	eff := engine.Effects{History: []engine.Entry{{Act: engine.Migrate, Actor: who.ID, Reason: fmt.Sprintf("从第 %d 版迁移到第 %d 版：%s", p.From, p.To, p.Reason)}}}
	at := map[int]string{}
	for i := range next.Tokens {
		t := &next.Tokens[i]
		to, problem := p.target(t.Node)
		if problem != "" {
			return errs.Conflict("“" + o.nodeName(t.Node) + "”：" + problem)
		}
		if t.Flow != "" && p.b.Flows[t.Flow] == nil {
			if p.a.Nodes[t.Node].Kind == bpmn.Parallel {
				return errs.Conflict("“" + o.nodeName(t.Node) + "”：并行汇聚的分支在新版本里不同")
			}
			t.Flow = ""
		}
		path := []engine.Visit{}
		for _, v := range t.Path {
			if x, bad := p.target(v.Node); bad == "" {
				path = append(path, engine.Visit{Node: x, Depth: v.Depth})
			}
		}
		if err := rearm(o, p, &eff, t, to); err != nil {
			return err
		}
		t.Node, t.Path = to, path
		at[t.ID] = to
	}
	for i := range next.Tasks {
		if t := &next.Tasks[i]; t.State.Open() {
			t.Node = at[t.Token]
		}
	}
	o.p, o.in.VersionID, o.in.Version = p.b, p.vb.ID, p.To
	if err := decode(p.vb.Derived, &o.in.Pins); err != nil {
		return err
	}
	return o.save(&next, eff, engine.Command{Act: engine.Migrate, Who: engine.Actor{ID: who.ID}, Reason: p.Reason})
}

// rearm replaces the timers of a token's old node by those of its new one.
func rearm(o *op, p *plan, eff *engine.Effects, t *engine.Token, to string) error {
	if old := p.a.Nodes[t.Node]; old.Task != nil {
		for _, b := range old.Task.Timers {
			eff.Cancel = append(eff.Cancel, engine.TimerKey(o.in.ID, t.ID, b))
		}
	}
	if n := p.b.Nodes[to]; n.Task != nil {
		for _, b := range n.Task.Timers {
			when, err := o.s.timerAt(o.ctx, p.b.Nodes[b], o.tx.Now())
			if err != nil {
				return boundary(err)
			}
			eff.Set = append(eff.Set, engine.Timer{Key: engine.TimerKey(o.in.ID, t.ID, b), Token: t.ID, Node: b, At: when})
		}
	}
	return nil
}
