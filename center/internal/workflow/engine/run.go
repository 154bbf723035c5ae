package engine

import (
	"fmt"
	"slices"
	"strconv"

	"jiexun/center/internal/workflow/bpmn"
)

// maxSteps bounds what one act sets in motion.
const maxSteps = 1000

// machine changes one copy of an instance.
type machine struct {
	p   *bpmn.Process
	h   Host
	in  *Instance
	eff Effects
}

// Begin starts an instance; ID, Starter and Vars must be set.
func Begin(p *bpmn.Process, h Host, in Instance) (*Instance, Effects, error) {
	m := &machine{p: p, h: h, in: in.clone()}
	m.in.State = Running
	if m.in.Vars == nil {
		m.in.Vars = map[string]any{}
	}
	m.note(Entry{Act: Start, Node: p.StartID, Actor: in.Starter})
	m.in.Seq++
	m.in.Tokens = []Token{{ID: m.in.Seq, Node: p.StartID}}
	if err := m.leave(m.in.Seq, p.Nodes[p.StartID].Out[0]); err != nil {
		return nil, Effects{}, err
	}
	return m.in, m.eff, nil
}

func (m *machine) note(e Entry) { m.eff.History = append(m.eff.History, e) }

// drop removes tokens, with their tasks and timers.
func (m *machine) drop(gone func(Token) bool) {
	keep := m.in.Tokens[:0:0]
	for _, t := range m.in.Tokens {
		if gone(t) {
			m.clear(t)
			continue
		}
		keep = append(keep, t)
	}
	m.in.Tokens = keep
}

// clear cancels the open tasks and the timers of a token.
func (m *machine) clear(t Token) {
	now := m.h.Now()
	for i := range m.in.Tasks {
		if x := &m.in.Tasks[i]; x.Token == t.ID && x.State.Open() {
			x.State, x.EndedAt = Cancelled, &now
		}
	}
	if n := m.p.Nodes[t.Node]; n != nil && n.Task != nil {
		for _, b := range n.Task.Timers {
			key := TimerKey(m.in.ID, t.ID, b)
			m.eff.Set = slices.DeleteFunc(m.eff.Set, func(x Timer) bool { return x.Key == key })
			m.eff.Cancel = append(m.eff.Cancel, key)
		}
	}
}

// TimerKey names a boundary timer of a token.
func TimerKey(instance string, token int, node string) string {
	return instance + ":" + strconv.Itoa(token) + ":" + node
}

// leave moves a token over a flow, and on until everything waits.
func (m *machine) leave(token int, flow string) error {
	work := []step{{token, flow}}
	for steps := 0; len(work) > 0; steps++ {
		if steps > maxSteps {
			return fmt.Errorf("run process %s: more than %d steps without anybody acting", m.p.ID, maxSteps)
		}
		w := work[0]
		work = work[1:]
		t := m.in.token(w.token)
		if t == nil || m.in.State != Running {
			continue
		}
		n := m.p.Nodes[m.p.Flows[w.flow].To]
		t.Node, t.Flow = n.ID, w.flow
		if !slices.Contains(m.in.Taken, w.flow) {
			m.in.Taken = append(m.in.Taken, w.flow)
		}
		out, err := m.enter(t.ID, n)
		if err != nil {
			return err
		}
		work = append(work, out...)
	}
	return nil
}

// step is a token that goes over a flow.
type step struct {
	token int
	flow  string
}

// enter lets a token arrive at a node and gives where it goes at once.
func (m *machine) enter(token int, n *bpmn.Node) ([]step, error) {
	t := m.in.token(token)
	switch n.Kind {
	case bpmn.User:
		return nil, m.open(token, n)
	case bpmn.Service:
		vars, err := m.h.Call(m.in, n)
		if err != nil {
			return nil, fmt.Errorf("run service %s at %s: %w", n.Service, n.ID, err)
		}
		for k, v := range vars {
			m.in.Vars[k] = v
		}
		m.note(Entry{Act: Service, Node: n.ID})
		return []step{{token, n.Out[0]}}, nil
	case bpmn.Exclusive:
		flow, err := m.choose(n)
		return []step{{token, flow}}, err
	case bpmn.Parallel:
		return m.parallel(token, n), nil
	case bpmn.End:
		side := t.Side
		m.in.Tokens = slices.DeleteFunc(m.in.Tokens, func(x Token) bool { return x.ID == token })
		if !side && !slices.ContainsFunc(m.in.Tokens, func(x Token) bool { return !x.Side }) {
			outcome := n.Outcome
			if outcome == "" {
				outcome, _ = m.in.Vars["outcome"].(string)
			}
			m.end(Finished, outcome)
		}
		return nil, nil
	}
	return nil, fmt.Errorf("run process %s: a token came to %s %s", m.p.ID, n.Kind, n.ID)
}

// end closes the instance and all that is open in it.
func (m *machine) end(state, outcome string) {
	m.drop(func(Token) bool { return true })
	m.in.State, m.in.Outcome, m.eff.Ended = state, outcome, true
	m.note(Entry{Act: Ended, Outcome: outcome})
}

func (m *machine) choose(n *bpmn.Node) (string, error) {
	vars := m.p.Typed(m.in.Vars)
	for _, id := range n.Out {
		if id == n.Default {
			continue
		}
		ok, err := m.p.Flows[id].Holds(vars)
		if err != nil {
			return "", err
		}
		if ok {
			return id, nil
		}
	}
	if n.Default == "" {
		return "", fmt.Errorf("gateway %s of %s: no condition holds and there is no default", n.ID, m.p.ID)
	}
	return n.Default, nil
}

// parallel joins the tokens of all branches, and splits.
func (m *machine) parallel(token int, n *bpmn.Node) []step {
	here := []Token{}
	for _, in := range n.In {
		i := slices.IndexFunc(m.in.Tokens, func(x Token) bool { return x.Node == n.ID && x.Flow == in })
		if i < 0 {
			return nil // the other branches are still on their way
		}
		here = append(here, m.in.Tokens[i])
	}
	merged := m.merge(token, here)
	if len(n.Out) == 1 {
		return []step{{merged.ID, n.Out[0]}}
	}
	m.in.Seq++
	fork := m.in.Seq
	m.in.Tokens = slices.DeleteFunc(m.in.Tokens, func(x Token) bool { return x.ID == merged.ID })
	out := []step{}
	for _, flow := range n.Out {
		m.in.Seq++
		m.in.Tokens = append(m.in.Tokens, Token{
			ID: m.in.Seq, Node: n.ID, Flow: flow, Side: merged.Side,
			Forks: append(slices.Clone(merged.Forks), fork), Path: slices.Clone(merged.Path),
		})
		out = append(out, step{m.in.Seq, flow})
	}
	return out
}

// merge makes one token of those at a join. It is inside the splits that
// tokens elsewhere are still inside of, and keeps the way before the others.
func (m *machine) merge(token int, here []Token) Token {
	if len(here) == 1 {
		return here[0]
	}
	gone := func(x Token) bool { return slices.ContainsFunc(here, func(h Token) bool { return h.ID == x.ID }) }
	m.in.Tokens = slices.DeleteFunc(m.in.Tokens, gone)
	first := here[0]
	forks := first.Forks
	for len(forks) > 0 {
		last := forks[len(forks)-1]
		elsewhere := slices.ContainsFunc(m.in.Tokens, func(x Token) bool { return slices.Contains(x.Forks, last) })
		everywhere := !slices.ContainsFunc(here, func(h Token) bool { return !slices.Contains(h.Forks, last) })
		if elsewhere && everywhere {
			break
		}
		forks = forks[:len(forks)-1]
	}
	t := Token{ID: token, Node: first.Node, Side: first.Side, Forks: slices.Clone(forks)}
	for _, v := range first.Path {
		if v.Depth <= len(forks) {
			t.Path = append(t.Path, v)
		}
	}
	m.in.Tokens = append(m.in.Tokens, t)
	return t
}

// open makes the tasks of a user task and sets its timers.
func (m *machine) open(token int, n *bpmn.Node) error {
	list, err := m.h.Resolve(m.in, n.Task.Candidates)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return &Refused{fmt.Sprintf("环节“%s”没有可办理的人，请联系流程管理员调整", n.Label())}
	}
	due, err := m.h.Due(m.in, n)
	if err != nil {
		return err
	}
	round := 1
	for _, t := range m.in.Tasks {
		if t.Node == n.ID {
			round = max(round, t.Round+1)
		}
	}
	base := Task{Node: n.ID, Token: token, Round: round, Kind: Normal, CreatedAt: m.h.Now(), DueAt: due}
	if n.Task.Sign == bpmn.SignAny {
		base.ID, base.State, base.Candidates = m.h.NewID(), Unclaimed, list
		if len(list) == 1 && list[0].Person != "" {
			base.State, base.Assignee, base.Candidates = Held, list[0].Person, nil
		}
		m.in.Tasks = append(m.in.Tasks, base)
	} else {
		people, err := m.expand(list)
		if err != nil {
			return err
		}
		if len(people) == 0 {
			return &Refused{fmt.Sprintf("会签环节“%s”的候选组里现在没有人，请联系流程管理员调整", n.Label())}
		}
		for i, p := range people {
			t := base
			t.ID, t.State, t.Assignee, t.Order = m.h.NewID(), Held, p, i
			if n.Task.Sign == bpmn.SignSequential && i > 0 {
				t.State = Queued
			}
			m.in.Tasks = append(m.in.Tasks, t)
		}
	}
	for _, b := range n.Task.Timers {
		at, err := m.h.TimerAt(m.in, m.p.Nodes[b])
		if err != nil {
			return err
		}
		m.eff.Set = append(m.eff.Set, Timer{Key: TimerKey(m.in.ID, token, b), Token: token, Node: b, At: at})
	}
	return m.copies(n)
}

// copies sends the copies that the node asks for.
func (m *machine) copies(n *bpmn.Node) error {
	if len(n.Task.CC) == 0 {
		return nil
	}
	list, err := m.h.Resolve(m.in, n.Task.CC)
	if err != nil {
		return err
	}
	people, err := m.expand(list)
	if err != nil || len(people) == 0 {
		return err
	}
	m.eff.CC = append(m.eff.CC, people...)
	m.note(Entry{Act: Copy, Node: n.ID, To: people})
	return nil
}

// expand turns groups into their members, each person once.
func (m *machine) expand(list []Who) ([]string, error) {
	out := []string{}
	for _, w := range list {
		people := []string{w.Person}
		if w.Person == "" {
			var err error
			if people, err = m.h.Members(w); err != nil {
				return nil, err
			}
		}
		for _, p := range people {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out, nil
}

// settled tells that a task is done and so is everybody asked after it.
func (m *machine) settled(t *Task) bool {
	return t.State == Done && !slices.ContainsFunc(m.in.children(t.ID, After), func(c *Task) bool { return c.State.Open() })
}

// decide looks whether the node that a task belongs to is decided, and then
// moves its token on.
func (m *machine) decide(token int) error {
	tok := m.in.token(token)
	n := m.p.Nodes[tok.Node]
	var votes []*Task
	round := 0
	for i := range m.in.Tasks {
		if t := &m.in.Tasks[i]; t.Token == token && t.Node == n.ID && t.Kind == Normal {
			if t.Round > round {
				round, votes = t.Round, nil
			}
			if t.Round == round && t.State != Cancelled {
				votes = append(votes, t)
			}
		}
	}
	outcome, decided := m.count(n, votes)
	if !decided {
		return nil
	}
	m.in.Vars["outcome"] = outcome
	m.clear(*tok)
	tok.Path = append(tok.Path, Visit{n.ID, len(tok.Forks)})
	return m.leave(token, n.Out[0])
}

// count tells what the votes decide.
func (m *machine) count(n *bpmn.Node, votes []*Task) (string, bool) {
	yes, no, open := 0, 0, 0
	positive := n.Task.Outcomes[0].Code
	other := ""
	for _, t := range votes {
		switch {
		case !m.settled(t):
			open++
		case t.Outcome == positive:
			yes++
		default:
			no++
			other = t.Outcome
		}
	}
	total := len(votes)
	switch n.Task.Sign {
	case bpmn.SignAny:
		if total == 0 || open > 0 {
			return "", false
		}
		return votes[0].Outcome, true
	case bpmn.SignRatio:
		if yes > 0 && yes*100 >= n.Task.Ratio*total {
			return positive, true
		}
		if (total-no)*100 < n.Task.Ratio*total || total > 0 && open == 0 {
			return other, true
		}
		return "", false
	}
	switch {
	case no > 0:
		return other, true
	case open == 0 && total > 0:
		return positive, true
	}
	if n.Task.Sign == bpmn.SignSequential {
		m.nextInLine(votes)
	}
	return "", false
}

// nextInLine opens the next of a sequence when nobody's turn it is.
func (m *machine) nextInLine(votes []*Task) {
	var next *Task
	for _, t := range votes {
		if t.State == Done && !m.settled(t) || t.State.Open() && t.State != Queued {
			return
		}
		if t.State == Queued && (next == nil || t.Order < next.Order) {
			next = t
		}
	}
	if next != nil {
		next.State, next.CreatedAt = Held, m.h.Now()
	}
}
