package bpmn

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// check looks at each node and then plays the whole process.
func check(p *Process) Faults {
	var f Faults
	starts, ends := 0, 0
	for _, id := range p.Order {
		n := p.Nodes[id]
		switch n.Kind {
		case Start:
			starts++
			p.StartID = id
			flows(&f, n, 0, 0, 1, 1)
		case End:
			ends++
			flows(&f, n, 1, 99, 0, 0)
		case User:
			flows(&f, n, 1, 99, 1, 1)
			checkTask(&f, p, n)
		case Service:
			flows(&f, n, 1, 99, 1, 1)
			if n.Service == "" {
				f.add(n, "自动环节要选择做什么（jx:service）")
			}
		case Exclusive:
			flows(&f, n, 1, 99, 1, 99)
			checkExclusive(&f, p, n)
		case Parallel:
			flows(&f, n, 1, 99, 1, 99)
		case Timer:
			flows(&f, n, 0, 0, 1, 1)
			checkTimer(&f, n)
		}
	}
	checkConditions(&f, p)
	if starts != 1 {
		f = append(f, Fault{"process", p.ID, fmt.Sprintf("应有且只有一个开始，现在有 %d 个", starts)})
	}
	if ends == 0 {
		f = append(f, Fault{"process", p.ID, "至少要有一个结束"})
	}
	if len(f) > 0 {
		return f
	}
	reachable(&f, p)
	idleLoops(&f, p)
	if len(f) == 0 {
		play(&f, p)
	}
	return f
}

func flows(f *Faults, n *Node, inMin, inMax, outMin, outMax int) {
	if len(n.In) < inMin {
		f.add(n, "“%s”没有进入的连线", n.Label())
	}
	if len(n.In) > inMax {
		f.add(n, "“%s”不能有进入的连线", n.Label())
	}
	if len(n.Out) < outMin {
		f.add(n, "“%s”没有出去的连线，流程会停在这里", n.Label())
	}
	if len(n.Out) > outMax {
		if outMax == 0 {
			f.add(n, "“%s”不能有出去的连线", n.Label())
		} else {
			f.add(n, "“%s”只能有一条出去的连线，分支请用网关", n.Label())
		}
	}
}

// checkConditions refuses conditions where nobody would read them.
func checkConditions(f *Faults, p *Process) {
	for id, fl := range p.Flows {
		if n := p.Nodes[fl.From]; fl.Condition != "" && n.Kind != Exclusive {
			*f = append(*f, Fault{"sequenceFlow", id, fmt.Sprintf("条件只能写在排他网关出去的连线上，“%s”不是", n.Label())})
		}
	}
}

func checkExclusive(f *Faults, p *Process, n *Node) {
	if n.Default != "" && !slices.Contains(n.Out, n.Default) {
		f.add(n, "默认连线 %s 不是从这个网关出去的", n.Default)
		return
	}
	if len(n.Out) < 2 {
		if len(n.Out) == 1 && p.Flows[n.Out[0]].Condition != "" {
			f.add(n, "“%s”只有一条出去的连线，不能写条件", n.Label())
		}
		return
	}
	if n.Default == "" {
		f.add(n, "“%s”缺少默认连线：没有条件成立时流程会停住", n.Label())
	}
	for _, id := range n.Out {
		switch fl := p.Flows[id]; {
		case id == n.Default && fl.Condition != "":
			f.add(n, "默认连线 %s 不能再写条件", id)
		case id != n.Default && fl.Condition == "":
			f.add(n, "连线 %s 没有条件，也不是默认连线", id)
		}
	}
}

func checkTimer(f *Faults, n *Node) {
	switch {
	case n.Duration == "" && n.Rule == "":
		f.add(n, "边界计时要写时长，或选择期限规则")
	case n.Duration != "" && n.Rule != "":
		f.add(n, "边界计时的时长和期限规则只能写一个")
	case n.Duration != "":
		if _, err := Duration(n.Duration); err != nil {
			f.add(n, "%s", err)
		}
	}
}

func checkTask(f *Faults, p *Process, n *Node) {
	t := n.Task
	if n.Name == "" {
		f.add(n, "人工环节要有名称")
	}
	if len(t.Candidates) == 0 {
		f.add(n, "“%s”没有候选人", n.Label())
	}
	if !slices.Contains([]Sign{SignAny, SignAll, SignRatio, SignSequential}, t.Sign) {
		f.add(n, "办理方式应为 any、all、ratio 或 sequential，现在是 %q", t.Sign)
	}
	if t.Sign == SignRatio && (t.Ratio < 1 || t.Ratio > 100) {
		f.add(n, "会签比例应为 1 到 100")
	}
	if t.Due != "" && t.Rule != "" {
		f.add(n, "办理时长和期限规则只能写一个")
	}
	if t.Due != "" {
		if _, err := Duration(t.Due); err != nil {
			f.add(n, "%s", err)
		}
	}
	for i, o := range t.Outcomes {
		if !identifier(o.Code) || o.Label == "" || slices.ContainsFunc(t.Outcomes[:i], func(x Outcome) bool { return x.Code == o.Code }) {
			f.add(n, "办理结果 %q 的代码应为字母且不重复，并有名称", o.Code)
		}
	}
	if t.Sign != SignAny && len(t.Outcomes) < 2 {
		f.add(n, "会签要有两个办理结果：同意与不同意")
	}
	for _, r := range t.ReturnTo {
		if r == "previous" || r == "starter" || r == "any" {
			continue
		}
		if to := p.Nodes[r]; to == nil || to.Kind != User || r == n.ID {
			f.add(n, "退回目标 %q 应为 previous、starter、any 或另一个人工环节", r)
		}
	}
}

// reachable finds nodes that nothing leads to, and nodes from which no end is
// reached.
func reachable(f *Faults, p *Process) {
	fwd := p.from(p.StartID, true)
	back := map[string]bool{}
	for changed := true; changed; {
		changed = false
		for _, id := range p.Order {
			n := p.Nodes[id]
			if back[id] {
				continue
			}
			if n.Kind == End || slices.ContainsFunc(p.next(n), func(m *Node) bool { return back[m.ID] }) {
				back[id], changed = true, true
			}
		}
	}
	for _, id := range p.Order {
		n := p.Nodes[id]
		if !fwd[id] {
			f.add(n, "“%s”永远走不到", n.Label())
		} else if !back[id] {
			f.add(n, "从“%s”走不到结束", n.Label())
		}
	}
}

// from collects what can be reached from a node; with timers, over boundary
// timers too.
func (p *Process) from(id string, timers bool) map[string]bool {
	seen := map[string]bool{id: true}
	list := []string{id}
	for len(list) > 0 {
		n := p.Nodes[list[0]]
		list = list[1:]
		next := p.next(n)
		if n.Task != nil && timers {
			for _, t := range n.Task.Timers {
				next = append(next, p.Nodes[t])
			}
		}
		for _, m := range next {
			if !seen[m.ID] {
				seen[m.ID] = true
				list = append(list, m.ID)
			}
		}
	}
	return seen
}

// idleLoops finds circles in which nobody ever waits.
func idleLoops(f *Faults, p *Process) {
	const walking, done = 1, 2
	state := map[string]int{}
	var walk func(n *Node) *Node
	walk = func(n *Node) *Node {
		if n.Kind == User || n.Kind == End || state[n.ID] == done {
			return nil
		}
		if state[n.ID] == walking {
			return n
		}
		state[n.ID] = walking
		defer func() { state[n.ID] = done }()
		for _, m := range p.next(n) {
			if x := walk(m); x != nil {
				return x
			}
		}
		return nil
	}
	for _, id := range p.Order {
		if x := walk(p.Nodes[id]); x != nil {
			f.add(x, "“%s”所在的环路里没有人工环节，流程会空转", x.Label())
			return
		}
	}
}

// maxStates bounds the play of a process.
const maxStates = 20_000

// play explores every marking of tokens: a join that waits for ever, two
// tokens in one place, and an end that leaves other branches behind are
// faults. Branches of timers that do not interrupt are played alone.
func play(f *Faults, p *Process) {
	start := p.Nodes[p.StartID]
	explore(f, p, marking{start.Out[0]: true})
	main := map[string]bool{}
	for id := range p.from(p.StartID, false) {
		main[id] = true
	}
	for _, id := range p.Order { // interrupting timers belong to the main path
		if n := p.Nodes[id]; n.Kind == Timer && n.Interrupting && main[n.AttachedTo] {
			for m := range p.from(id, false) {
				main[m] = true
			}
		}
	}
	for _, id := range p.Order {
		n := p.Nodes[id]
		if n.Kind != Timer || n.Interrupting {
			continue
		}
		for m := range p.from(id, false) {
			if x := p.Nodes[m]; m != id && x.Kind != End && main[m] {
				f.add(n, "不中断的计时分支不能汇入主流程的“%s”，请直接走到结束", x.Label())
				return
			}
		}
		explore(f, p, marking{n.Out[0]: true})
	}
}

// marking has the flows on which a token stands, and the user tasks at which
// one waits. A place holds one token at most.
type marking map[string]bool

func (m marking) key() string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	sort.Strings(list)
	return strings.Join(list, " ")
}

func (m marking) with(out []string, in ...string) (marking, string) {
	c := marking{}
	for k := range m {
		if !slices.Contains(out, k) {
			c[k] = true
		}
	}
	for _, k := range in {
		if c[k] {
			return nil, k
		}
		c[k] = true
	}
	return c, ""
}

func explore(f *Faults, p *Process, first marking) {
	seen := map[string]bool{first.key(): true}
	list := []marking{first}
	for len(list) > 0 && len(seen) < maxStates {
		m := list[len(list)-1]
		list = list[:len(list)-1]
		next, fault := successors(p, m)
		if fault != nil {
			*f = append(*f, *fault)
			return
		}
		for _, n := range next {
			if k := n.key(); !seen[k] {
				seen[k] = true
				list = append(list, n)
			}
		}
	}
	if len(list) > 0 {
		*f = append(*f, Fault{"process", p.ID, "流程的并行分支太多，无法检查，请简化"})
	}
}

// successors gives every marking that one step leads to.
func successors(p *Process, m marking) ([]marking, *Fault) {
	out := []marking{}
	step := func(n *Node, take []string, put ...string) *Fault {
		c, twice := m.with(take, put...)
		if c == nil {
			at := twice
			if fl := p.Flows[twice]; fl != nil {
				at = p.Nodes[fl.To].Label()
			}
			return &Fault{string(n.Kind), n.ID, fmt.Sprintf("并行分支没有用并行网关汇聚，“%s”会被重复执行", at)}
		}
		out = append(out, c)
		return nil
	}
	for place := range m {
		if n := p.Nodes[place]; n != nil { // a user task at which somebody waits
			if ft := step(n, []string{place}, n.Out[0]); ft != nil {
				return nil, ft
			}
			for _, t := range n.Task.Timers {
				if tn := p.Nodes[t]; tn.Interrupting {
					if ft := step(tn, []string{place}, tn.Out[0]); ft != nil {
						return nil, ft
					}
				}
			}
			continue
		}
		n := p.Nodes[p.Flows[place].To]
		switch n.Kind {
		case End:
			if len(m) > 1 {
				return nil, &Fault{string(Parallel), n.ID, fmt.Sprintf("并行分支没有汇聚就走到了“%s”", n.Label())}
			}
			continue
		case User:
			if ft := step(n, []string{place}, n.ID); ft != nil {
				return nil, ft
			}
		case Parallel:
			if !slices.ContainsFunc(n.In, func(in string) bool { return !m[in] }) {
				if ft := step(n, n.In, n.Out...); ft != nil {
					return nil, ft
				}
			}
		default: // exclusive gateway, service task
			for _, o := range n.Out {
				if ft := step(n, []string{place}, o); ft != nil {
					return nil, ft
				}
			}
		}
	}
	if len(out) == 0 {
		if len(m) == 1 {
			for place := range m {
				if fl := p.Flows[place]; fl != nil && p.Nodes[fl.To].Kind == End {
					return nil, nil
				}
			}
		}
		for place := range m {
			n := p.Nodes[p.Flows[place].To]
			for _, in := range n.In {
				if !m[in] {
					return nil, &Fault{string(n.Kind), n.ID, fmt.Sprintf("“%s”会永远等不到从“%s”来的分支", n.Label(), p.Nodes[p.Flows[in].From].Label())}
				}
			}
		}
	}
	return out, nil
}
