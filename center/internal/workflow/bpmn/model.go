// Package bpmn reads the subset of BPMN 2.0 that the center runs: start and
// end, user and service tasks, exclusive and parallel gateways, and boundary
// timers. Anything else is refused with the element and its id. It is pure:
// text in, a checked Process or a list of faults out.
package bpmn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/vm"
)

// Namespaces of the documents.
const (
	NS = "http://www.omg.org/spec/BPMN/20100524/MODEL"
	// JX holds the product's own attributes.
	JX = "urn:jiexun:bpmn:1"
)

// Kind is what a node does.
type Kind string

// The kinds.
const (
	Start     Kind = "startEvent"
	End       Kind = "endEvent"
	User      Kind = "userTask"
	Service   Kind = "serviceTask"
	Exclusive Kind = "exclusiveGateway"
	Parallel  Kind = "parallelGateway"
	Timer     Kind = "boundaryEvent"
)

// label is the Chinese word of a kind.
func (k Kind) label() string {
	switch k {
	case Start:
		return "开始"
	case End:
		return "结束"
	case User:
		return "人工环节"
	case Service:
		return "自动环节"
	case Exclusive:
		return "排他网关"
	case Parallel:
		return "并行网关"
	case Timer:
		return "边界计时"
	}
	return string(k)
}

// Sign says how several people decide one task.
type Sign string

// The ways of signing.
const (
	SignAny        Sign = "any"        // 或签: whoever takes it decides
	SignAll        Sign = "all"        // 会签: everyone must agree
	SignRatio      Sign = "ratio"      // 会签 by a share of the people
	SignSequential Sign = "sequential" // 依次: one after the other
)

// Where tells in which organisation a role is looked for.
type Where string

// The places.
const (
	AtStarter  Where = "starter"  // organisation of the starter
	AtSquad    Where = "squad"    // squad of the record's region
	AtDistrict Where = "district" // district of the record's region
	AtBureau   Where = "bureau"
	AtOrg      Where = "org" // the organisation named
)

// Candidate is one of those who may do a task; exactly one of Role, Person,
// Starter and Expr is set.
type Candidate struct {
	Role    string
	Where   Where
	OrgID   string
	Person  string
	Starter bool
	// Expr gives a person's id or a list of them.
	Expr    string
	program *vm.Program
}

// String is the text that the candidate was read from.
func (c Candidate) String() string {
	switch {
	case c.Starter:
		return "starter"
	case c.Person != "":
		return "person:" + c.Person
	case c.Expr != "":
		return "expr:" + c.Expr
	case c.Where == AtOrg:
		return "role:" + c.Role + "@org:" + c.OrgID
	}
	return "role:" + c.Role + "@" + string(c.Where)
}

// Right is what a person may do with a form field at a node.
type Right string

// The rights.
const (
	Write  Right = "write"
	Read   Right = "read"
	Hidden Right = "hidden"
)

// Outcome is one of the ways in which a task may be completed. The first of a
// node is the positive one.
type Outcome struct {
	Code  string `json:"code"`
	Label string `json:"label"`
}

// Variable is a declared variable of a process.
type Variable struct {
	Name  string `json:"name"`
	Type  string `json:"type"` // string, number, bool, list
	Label string `json:"label"`
}

// Task are the properties of a user task. Those of a start event use Form
// and Rights only.
type Task struct {
	Candidates []Candidate
	CC         []Candidate
	Sign       Sign
	Ratio      int
	Form       string
	// FormVersion 0 takes the version published when the process is.
	FormVersion int
	// Rights by field, "*" for all others; without one a field is readable,
	// at the start writable.
	Rights map[string]Right
	// Rule is the code of a deadline rule, Due an ISO 8601 duration.
	Rule, Due string
	// ReturnTo lists previous, starter, any, or ids of nodes.
	ReturnTo []string
	Reject   bool
	Outcomes []Outcome
	// Timers are the boundary events on it.
	Timers []string
}

// Right gives what may be done with a field.
func (t *Task) Right(field string) Right {
	if r, ok := t.Rights[field]; ok {
		return r
	}
	if r, ok := t.Rights["*"]; ok {
		return r
	}
	return Read
}

// Node is one element of a process.
type Node struct {
	ID, Name string
	Kind     Kind
	// In and Out are flow ids in the order of the document.
	In, Out []string
	// Task is set on user tasks and start events.
	Task *Task
	// Service names the function of a service task.
	Service string
	// Default is the flow that an exclusive gateway takes when no condition
	// holds.
	Default string
	// Outcome of an end event becomes that of the instance.
	Outcome string
	// AttachedTo, Interrupting, Duration and Rule belong to boundary timers;
	// one of the last two is set.
	AttachedTo     string
	Interrupting   bool
	Duration, Rule string
}

// Label is the node's name, or its kind and id.
func (n *Node) Label() string {
	if n.Name != "" {
		return n.Name
	}
	return n.Kind.label() + " " + n.ID
}

// Flow leads from one node to another.
type Flow struct {
	ID, Name, From, To string
	Condition          string
	program            *vm.Program
}

// Process is a checked definition.
type Process struct {
	ID, Name string
	Category string
	// Startable processes may be begun by people from the list, the others
	// by a domain only.
	Startable bool
	Vars      []Variable
	Nodes     map[string]*Node
	Flows     map[string]*Flow
	// Order has the node ids as the document has them.
	Order   []string
	StartID string
}

// Fault is one reason why a document is not accepted.
type Fault struct {
	Element string `json:"element"`
	ID      string `json:"id"`
	Message string `json:"message"`
}

// Faults is the list of all reasons; as an error it shows them all.
type Faults []Fault

// Error implements error.
func (f Faults) Error() string {
	list := make([]string, 0, len(f))
	for _, x := range f {
		list = append(list, fmt.Sprintf("%s %s：%s", x.Element, x.ID, x.Message))
	}
	return strings.Join(list, "；")
}

func (f *Faults) add(n *Node, format string, args ...any) {
	*f = append(*f, Fault{Element: string(n.Kind), ID: n.ID, Message: fmt.Sprintf(format, args...)})
}

// UserTasks lists the user tasks in the order of the document.
func (p *Process) UserTasks() []*Node {
	out := []*Node{}
	for _, id := range p.Order {
		if n := p.Nodes[id]; n.Kind == User {
			out = append(out, n)
		}
	}
	return out
}

// Forms lists the keys of the forms that the process uses.
func (p *Process) Forms() []string {
	out := []string{}
	for _, id := range p.Order {
		if t := p.Nodes[id].Task; t != nil && t.Form != "" && !slices.Contains(out, t.Form) {
			out = append(out, t.Form)
		}
	}
	return out
}

// next lists the nodes after n.
func (p *Process) next(n *Node) []*Node {
	out := make([]*Node, 0, len(n.Out))
	for _, f := range n.Out {
		out = append(out, p.Nodes[p.Flows[f].To])
	}
	return out
}

// MainPath collects the nodes that are reached without any timer.
func (p *Process) MainPath() map[string]bool { return p.from(p.StartID, false) }
