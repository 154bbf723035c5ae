package bpmn

import (
	"fmt"
	"slices"
	"strings"
)

// Change is one difference between two versions.
type Change struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Change string `json:"change" enum:"added,removed,changed"`
	// Field and the two texts are set for a change.
	Field  string `json:"field,omitempty"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Diff lists what b has otherwise than a.
func Diff(a, b *Process) []Change {
	out := []Change{}
	fields(&out, a.ID, a.Name, a.facts(), b.facts())
	for _, id := range a.Order {
		if n := a.Nodes[id]; b.Nodes[id] == nil {
			out = append(out, Change{ID: id, Name: n.Label(), Change: "removed"})
		}
	}
	for _, id := range b.Order {
		n := b.Nodes[id]
		o := a.Nodes[id]
		if o == nil {
			out = append(out, Change{ID: id, Name: n.Label(), Change: "added"})
			continue
		}
		fields(&out, id, n.Label(), a.nodeFacts(o), b.nodeFacts(n))
	}
	return out
}

type fact struct{ name, value string }

func fields(out *[]Change, id, name string, a, b []fact) {
	for i := range a {
		if a[i].value != b[i].value {
			*out = append(*out, Change{ID: id, Name: name, Change: "changed", Field: a[i].name, Before: a[i].value, After: b[i].value})
		}
	}
}

func (p *Process) facts() []fact {
	vars := []string{}
	for _, v := range p.Vars {
		vars = append(vars, v.Name+":"+v.Type+":"+v.Label)
	}
	return []fact{{"流程名称", p.Name}, {"变量", strings.Join(vars, "；")}}
}

func (p *Process) nodeFacts(n *Node) []fact {
	t := n.Task
	if t == nil {
		t = &Task{}
	}
	who, cc := []string{}, []string{}
	for _, c := range t.Candidates {
		who = append(who, c.String())
	}
	for _, c := range t.CC {
		cc = append(cc, c.String())
	}
	rights := []string{}
	for f, r := range t.Rights {
		rights = append(rights, f+"="+string(r))
	}
	slices.Sort(rights)
	outcomes := []string{}
	for _, o := range t.Outcomes {
		outcomes = append(outcomes, o.Code+":"+o.Label)
	}
	next := []string{}
	for _, id := range n.Out {
		fl := p.Flows[id]
		s := p.Nodes[fl.To].Label()
		switch {
		case fl.Condition != "":
			s += "（" + fl.Condition + "）"
		case id == n.Default:
			s += "（默认）"
		}
		next = append(next, s)
	}
	return []fact{
		{"名称", n.Name},
		{"类型", n.Kind.label()},
		{"候选人", strings.Join(who, "；")},
		{"抄送", strings.Join(cc, "；")},
		{"办理方式", fmt.Sprint(t.Sign, ratio(t))},
		{"表单", fmt.Sprint(t.Form, version(t))},
		{"字段权限", strings.Join(rights, "；")},
		{"期限", strings.Trim(t.Rule+" "+t.Due, " ")},
		{"退回目标", strings.Join(t.ReturnTo, "，")},
		{"可驳回", fmt.Sprint(t.Reject)},
		{"办理结果", strings.Join(outcomes, "；")},
		{"计时", strings.Trim(n.Rule+" "+n.Duration+" "+fmt.Sprint(n.Interrupting), " ")},
		{"自动环节", n.Service},
		{"结束结果", n.Outcome},
		{"去向", strings.Join(next, "；")},
	}
}

func ratio(t *Task) string {
	if t.Sign == SignRatio {
		return fmt.Sprintf(" %d%%", t.Ratio)
	}
	return ""
}

func version(t *Task) string {
	if t.FormVersion > 0 {
		return fmt.Sprintf(" v%d", t.FormVersion)
	}
	return ""
}
