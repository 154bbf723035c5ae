package engine

import (
	"fmt"
	"slices"

	"jiexun/center/internal/workflow/bpmn"
)

// Command is one act with its inputs.
type Command struct {
	Act  Act
	Task string
	Who  Actor
	// To are people: of a transfer, a delegation, an added sign, a copy.
	To []string
	// Target of a return: previous, starter, or a node.
	Target  string
	Outcome string
	Reason  string
	// Vars are set before anything moves.
	Vars map[string]any
}

// Do does an act on a copy of the instance. A *Refused error gives the reason
// of a forbidden act, an *Invalid one names a wrong input.
func Do(p *bpmn.Process, h Host, in *Instance, c Command) (*Instance, Effects, error) {
	m := &machine{p: p, h: h, in: in.clone()}
	var err error
	if c.Act == Urge || c.Act == Withdraw || c.Act == Terminate || c.Act == Copy && c.Task == "" {
		err = m.onInstance(c)
	} else {
		err = m.onTask(c)
	}
	if err != nil {
		return nil, Effects{}, err
	}
	return m.in, m.eff, nil
}

func (m *machine) onInstance(c Command) error {
	if why := m.in.mayInstance(c.Act, c.Who); why != "" {
		return &Refused{why}
	}
	e := Entry{Act: c.Act, Actor: c.Who.ID, Reason: c.Reason, To: c.To}
	switch c.Act {
	case Urge:
		return m.urge(e)
	case Copy:
		return m.copyTo(c, e)
	case Withdraw:
		m.note(e)
		m.end(Withdrawn, "withdrawn")
	case Terminate:
		if c.Reason == "" {
			return &Invalid{"reason", "请填写终止的原因"}
		}
		m.note(e)
		m.end(Terminated, "terminated")
	}
	return nil
}

// UrgeEvery is how often the people of an instance may be urged.
const UrgeEvery = 30 // minutes

func (m *machine) urge(e Entry) error {
	now := m.h.Now()
	if u := m.in.UrgedAt; u != nil && now.Sub(*u).Minutes() < UrgeEvery {
		return &Refused{fmt.Sprintf("%d 分钟内已催办过，请稍后再催", UrgeEvery)}
	}
	for _, t := range m.in.OpenTasks() {
		if t.State != Queued && t.State != Waiting {
			m.eff.Urged = append(m.eff.Urged, t.ID)
		}
	}
	m.in.UrgedAt = &now
	m.note(e)
	return nil
}

func (m *machine) copyTo(c Command, e Entry) error {
	if len(c.To) == 0 {
		return &Invalid{"to", "请选择抄送给谁"}
	}
	m.eff.CC = append(m.eff.CC, c.To...)
	m.note(e)
	return nil
}

func (m *machine) onTask(c Command) error {
	t := m.in.Task(c.Task)
	if t == nil {
		return &Refused{"任务不存在"}
	}
	if c.Act == RemoveSign {
		return m.removeSign(c, t)
	}
	if why := m.in.may(c.Act, t, c.Who); why != "" {
		return &Refused{why}
	}
	if why := m.kindForbids(c.Act, t); why != "" {
		return &Refused{why}
	}
	for k, v := range c.Vars {
		m.in.Vars[k] = v
	}
	e := Entry{Act: c.Act, Node: t.Node, TaskID: t.ID, Actor: c.Who.ID, Behalf: m.behalf(t, c.Who), To: c.To, Outcome: c.Outcome, Reason: c.Reason}
	switch c.Act {
	case Claim:
		if t.Assignee == "" {
			t.State, t.Assignee = Held, m.claimant(t, c.Who)
		}
		m.note(e)
	case Release:
		if len(t.Candidates) == 0 {
			return &Refused{"任务是直接派给本人的，不能取消签收"}
		}
		t.State, t.Assignee = Unclaimed, ""
		m.note(e)
	case Copy:
		return m.copyTo(c, e)
	case Complete:
		return m.complete(c, t, e)
	case Transfer, Delegate:
		return m.hand(c, t, e)
	case AddBefore, AddAfter:
		return m.addSign(c, t, e)
	case Return:
		return m.giveBack(c, t, e)
	case Reject:
		if c.Reason == "" {
			return &Invalid{"reason", "请填写驳回的理由"}
		}
		m.did(t, c.Who, "reject")
		m.note(e)
		m.end(Rejected, "reject")
	default:
		return &Refused{"没有这个操作"}
	}
	return nil
}

// claimant is in whose name a task is taken: the actor's own when they are a
// candidate themselves.
func (m *machine) claimant(t *Task, who Actor) string {
	for _, w := range t.Candidates {
		if w.Person == who.ID || w.Role != "" && slices.Contains(who.Groups, w) {
			return who.ID
		}
	}
	for _, w := range t.Candidates {
		if w.Person != "" && slices.Contains(who.For, w.Person) {
			return w.Person
		}
	}
	return who.ID
}

// behalf is the absent person in whose place somebody acts on a task.
func (m *machine) behalf(t *Task, who Actor) string {
	if t.Assignee != "" && t.Assignee != who.ID && slices.Contains(who.For, t.Assignee) {
		return t.Assignee
	}
	return ""
}

// kindForbids gives why a task of a kind, or its node, does not know an act.
func (m *machine) kindForbids(a Act, t *Task) string {
	n := m.p.Nodes[t.Node]
	switch t.Kind {
	case Before, After:
		if a == Return || a == Reject || a == AddBefore || a == AddAfter {
			return "加签人只填写意见，" + a.Label() + "由原办理人决定"
		}
		return ""
	case Resubmit:
		if a != Claim && a != Complete && a != Copy && a != Transfer {
			return "退回发起人的任务只能重新提交或撤回，不能" + a.Label()
		}
		return ""
	}
	switch {
	case a == Reject && !n.Task.Reject:
		return "环节“" + n.Label() + "”没有开放驳回"
	case a == Return && len(n.Task.ReturnTo) == 0:
		return "环节“" + n.Label() + "”没有开放退回"
	}
	return ""
}

// did marks a task as done by somebody.
func (m *machine) did(t *Task, who Actor, outcome string) {
	now := m.h.Now()
	t.Behalf = m.behalf(t, who)
	t.State, t.Outcome, t.ActedBy, t.EndedAt = Done, outcome, who.ID, &now
	if who.ID != m.in.Starter || t.Kind != Resubmit {
		m.in.Acted = true
	}
}

func (m *machine) complete(c Command, t *Task, e Entry) error {
	n := m.p.Nodes[t.Node]
	if t.Assignee == "" {
		t.Assignee = m.claimant(t, c.Who)
		e.Behalf = m.behalf(t, c.Who)
	}
	if t.State == Delegated { // back to the one who lent it
		e.To = []string{t.Owner}
		t.State, t.Assignee, t.Owner = Held, t.Owner, ""
		m.in.Acted = true
		m.note(e)
		return nil
	}
	switch t.Kind {
	case Resubmit:
		m.did(t, c.Who, "resubmit")
		e.Outcome = "resubmit"
		m.note(e)
		return m.leave(t.Token, n.Out[0])
	case Before, After:
		if c.Outcome == "" {
			c.Outcome = "opinion"
		}
		e.Outcome = c.Outcome
		m.did(t, c.Who, c.Outcome)
		m.note(e)
		return m.signed(t)
	}
	if !slices.ContainsFunc(n.Task.Outcomes, func(o bpmn.Outcome) bool { return o.Code == c.Outcome }) {
		return &Invalid{"outcome", "请选择办理结果"}
	}
	m.did(t, c.Who, c.Outcome)
	m.note(e)
	for _, x := range m.in.children(t.ID, After) {
		if x.State == Queued {
			x.State, x.CreatedAt = Held, m.h.Now()
		}
	}
	return m.decide(t.Token)
}

// signed goes on after somebody who was added has signed, or was removed.
func (m *machine) signed(t *Task) error {
	parent := m.in.Task(t.Parent)
	if t.Kind == Before {
		if !slices.ContainsFunc(m.in.children(parent.ID, Before), func(x *Task) bool { return x.State.Open() }) && parent.State == Waiting {
			parent.State = Held
		}
		return nil
	}
	if parent.State == Done {
		return m.decide(parent.Token)
	}
	return nil
}

// hand transfers or delegates a task.
func (m *machine) hand(c Command, t *Task, e Entry) error {
	if len(c.To) != 1 || c.To[0] == "" {
		return &Invalid{"to", "请选择一名接收人"}
	}
	to := c.To[0]
	if to == t.Assignee || to == c.Who.ID {
		return &Invalid{"to", "接收人不能是现在的办理人"}
	}
	for _, x := range m.in.Tasks {
		if x.ID != t.ID && x.Node == t.Node && x.Token == t.Token && x.Kind == Normal && t.Kind == Normal && x.State.Open() && x.Assignee == to {
			return &Invalid{"to", "接收人在这个会签环节里已有任务"}
		}
	}
	switch {
	case c.Act == Delegate:
		t.State, t.Owner = Delegated, t.Assignee
	case t.State == Unclaimed:
		t.State = Held
	}
	t.Assignee = to
	m.in.Acted = m.in.Acted || c.Who.ID != m.in.Starter
	m.note(e)
	return nil
}

func (m *machine) addSign(c Command, t *Task, e Entry) error {
	if len(c.To) == 0 {
		return &Invalid{"to", "请选择加签给谁"}
	}
	kind, state := Before, Held
	if c.Act == AddAfter {
		kind, state = After, Queued
	}
	open := []string{t.Assignee}
	for _, k := range []string{Before, After} {
		for _, x := range m.in.children(t.ID, k) {
			if x.State.Open() {
				open = append(open, x.Assignee)
			}
		}
	}
	for _, p := range c.To {
		if p == "" || slices.Contains(open, p) {
			return &Invalid{"to", "加签的人不能是办理人本人，也不能重复"}
		}
		open = append(open, p)
	}
	parent, token, node, round := t.ID, t.Token, t.Node, t.Round
	if kind == Before {
		t.State = Waiting
	}
	for i, p := range c.To {
		m.in.Tasks = append(m.in.Tasks, Task{
			ID: m.h.NewID(), Node: node, Token: token, Round: round, Kind: kind, Order: i, State: state,
			Assignee: p, Parent: parent, CreatedAt: m.h.Now(), DueAt: t.DueAt,
		})
	}
	m.in.Acted = true
	m.note(e)
	return nil
}

// removeSign takes back an added signer, or one of a countersign.
func (m *machine) removeSign(c Command, t *Task) error {
	role := Other
	parent := m.in.Task(t.Parent)
	switch {
	case parent != nil && slices.Contains(m.in.rolesOn(parent, c.Who), Assignee):
		role = Assignee
	case c.Who.Monitor:
		role = Monitor
	}
	if why := Forbidden(RemoveSign, t.State, role); why != "" {
		return &Refused{why}
	}
	if parent == nil {
		if role != Monitor || m.p.Nodes[t.Node].Task.Sign == bpmn.SignAny || t.Kind != Normal {
			return &Refused{"只能减去加签的人或会签的人"}
		}
		left := 0
		for _, x := range m.in.Tasks {
			if x.Token == t.Token && x.Node == t.Node && x.Round == t.Round && x.Kind == Normal && x.State != Cancelled {
				left++
			}
		}
		if left < 2 {
			return &Refused{"会签至少要留一个人，不能减签"}
		}
	}
	now := m.h.Now()
	t.State, t.EndedAt = Cancelled, &now
	for _, k := range []string{Before, After} {
		for _, x := range m.in.children(t.ID, k) {
			if x.State.Open() {
				x.State, x.EndedAt = Cancelled, &now
			}
		}
	}
	m.note(Entry{Act: RemoveSign, Node: t.Node, TaskID: t.ID, Actor: c.Who.ID, To: []string{t.Assignee}, Reason: c.Reason})
	if parent != nil {
		return m.signed(t)
	}
	return m.decide(t.Token)
}

// ReturnTargets lists where a task may be returned to: nodes, and "starter".
func ReturnTargets(p *bpmn.Process, in *Instance, t *Task) []string {
	n, tok := p.Nodes[t.Node], in.token(t.Token)
	if n == nil || n.Task == nil || tok == nil || n.Kind != bpmn.User {
		return nil
	}
	out := []string{}
	add := func(id string) {
		if id != "" && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	visited := func(id string) bool {
		return slices.ContainsFunc(tok.Path, func(v Visit) bool { return v.Node == id && id != t.Node })
	}
	for _, r := range n.Task.ReturnTo {
		switch r {
		case "previous":
			add(previous(tok, t.Node))
		case "any":
			for _, v := range slices.Backward(tok.Path) {
				if v.Node != t.Node {
					add(v.Node)
				}
			}
			add("starter")
		case "starter":
			add("starter")
		default:
			if visited(r) {
				add(r)
			}
		}
	}
	return out
}

// previous is the node before the current one on the token's way.
func previous(tok *Token, here string) string {
	for _, v := range slices.Backward(tok.Path) {
		if v.Node != here {
			return v.Node
		}
	}
	return "starter"
}

func (m *machine) giveBack(c Command, t *Task, e Entry) error {
	if c.Reason == "" {
		return &Invalid{"reason", "请填写退回的理由"}
	}
	tok := m.in.token(t.Token)
	target := c.Target
	if target == "previous" {
		target = previous(tok, t.Node)
	}
	if !slices.Contains(ReturnTargets(m.p, m.in, t), target) {
		return &Invalid{"target", "不能退回到这个环节"}
	}
	e.Outcome, e.To = target, nil
	m.did(t, c.Who, "return")
	m.note(e)
	m.in.Vars["outcome"] = "return"
	if target == "starter" {
		return m.toStarter()
	}
	i := len(tok.Path) - 1
	for tok.Path[i].Node != target {
		i--
	}
	back := tok.Path[i]
	m.clear(*tok)
	if back.Depth < len(tok.Forks) { // out of a split: its other branches end
		fork, id := tok.Forks[back.Depth], tok.ID
		m.drop(func(x Token) bool { return x.ID != id && slices.Contains(x.Forks, fork) })
		tok = m.in.token(id)
	}
	tok.Path, tok.Forks, tok.Node, tok.Flow = tok.Path[:i], tok.Forks[:min(back.Depth, len(tok.Forks))], target, ""
	return m.open(tok.ID, m.p.Nodes[target])
}

// toStarter ends all branches and gives the instance back to its starter.
func (m *machine) toStarter() error {
	m.drop(func(Token) bool { return true })
	m.in.Seq++
	m.in.Tokens = []Token{{ID: m.in.Seq, Node: m.p.StartID}}
	round := 1
	for _, t := range m.in.Tasks {
		if t.Node == m.p.StartID {
			round++
		}
	}
	m.in.Tasks = append(m.in.Tasks, Task{
		ID: m.h.NewID(), Node: m.p.StartID, Token: m.in.Seq, Round: round, Kind: Resubmit, State: Held,
		Assignee: m.in.Starter, CreatedAt: m.h.Now(),
	})
	return nil
}

// FireTimer lets a boundary timer act; false says that it has nothing to do
// any more.
func FireTimer(p *bpmn.Process, h Host, in *Instance, token int, node string) (*Instance, Effects, bool, error) {
	m := &machine{p: p, h: h, in: in.clone()}
	tok, b := m.in.token(token), p.Nodes[node]
	if in.State != Running || tok == nil || b == nil || tok.Node != b.AttachedTo {
		return in, Effects{}, false, nil
	}
	m.note(Entry{Act: Fire, Node: node})
	if b.Interrupting {
		m.clear(*tok)
		m.in.Vars["outcome"] = "timeout"
		tok.Path = append(tok.Path, Visit{tok.Node, len(tok.Forks)})
	} else {
		m.in.Seq++
		m.in.Tokens = append(m.in.Tokens, Token{ID: m.in.Seq, Node: node, Side: true})
		token = m.in.Seq
	}
	if err := m.leave(token, b.Out[0]); err != nil {
		return nil, Effects{}, false, err
	}
	return m.in, m.eff, true, nil
}

// HandOver moves the open tasks of somebody who left: to a successor, or back
// to the candidates. What is with them by delegation goes back to its owner.
// It tells which tasks moved; those that nobody is named for stay.
func HandOver(p *bpmn.Process, h Host, in *Instance, task, from, to string) (*Instance, Effects, bool) {
	m := &machine{p: p, h: h, in: in.clone()}
	t := m.in.Task(task)
	if t == nil || !t.State.Open() || t.Assignee != from && t.Owner != from {
		return in, Effects{}, false
	}
	switch {
	case t.Owner == from && to != "":
		t.Owner = to
	case t.Owner == from:
		return in, Effects{}, false
	case t.State == Delegated:
		t.State, t.Assignee, t.Owner = Held, t.Owner, ""
	case to != "":
		t.Assignee = to
	case len(t.Candidates) > 0 && t.State == Held:
		t.State, t.Assignee = Unclaimed, ""
	default:
		return in, Effects{}, false
	}
	e := Entry{Act: Move, Node: t.Node, TaskID: t.ID, Behalf: from, Reason: "人员离岗移交"}
	if t.Assignee != "" {
		e.To = []string{t.Assignee}
	}
	m.note(e)
	return m.in, m.eff, true
}

// Allowed lists the acts that somebody may do on a task now, and for the
// others the reason why not.
func Allowed(p *bpmn.Process, h Host, in *Instance, t *Task, who Actor) (may []Act, not map[Act]string) {
	m := &machine{p: p, h: h, in: in}
	not = map[Act]string{}
	for _, a := range TaskActs() {
		if a == RemoveSign {
			continue // belongs to the added tasks
		}
		why := in.may(a, t, who)
		if why == "" {
			why = m.kindForbids(a, t)
		}
		if why == "" && a == Release && len(t.Candidates) == 0 {
			why = "任务是直接派给本人的，不能取消签收"
		}
		if why == "" && a == Claim && t.Assignee != "" {
			why = "任务已签收"
		}
		if why == "" {
			may = append(may, a)
		} else {
			not[a] = why
		}
	}
	return may, not
}

// AllowedInstance is the same for the instance.
func AllowedInstance(in *Instance, who Actor) (may []Act, not map[Act]string) {
	not = map[Act]string{}
	for _, a := range InstanceActs() {
		if why := in.mayInstance(a, who); why != "" {
			not[a] = why
		} else {
			may = append(may, a)
		}
	}
	return may, not
}
