package bpmn

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a document.
const (
	MaxBytes = 1 << 20
	maxDepth = 32
	maxNodes = 300
)

// Parse reads a document and checks it. The error is of type Faults when the
// document can be read but not run.
func Parse(text []byte) (*Process, error) {
	if len(text) > MaxBytes {
		return nil, Faults{{Element: "definitions", Message: fmt.Sprintf("流程图超过 %d KB", MaxBytes>>10)}}
	}
	r := reader{dec: xml.NewDecoder(bytes.NewReader(text)), p: &Process{Nodes: map[string]*Node{}, Flows: map[string]*Flow{}}}
	r.dec.Entity = map[string]string{}
	if err := r.document(); err != nil {
		return nil, err
	}
	if !r.seen && len(r.faults) == 0 {
		r.fault("definitions", "", "文件里没有流程（process）")
	}
	if len(r.faults) == 0 {
		r.link()
	}
	if len(r.faults) == 0 {
		r.faults = append(r.faults, compile(r.p)...)
		r.faults = append(r.faults, check(r.p)...)
	}
	if len(r.faults) > 0 {
		return nil, r.faults
	}
	return r.p, nil
}

// reader turns the elements into nodes and flows.
type reader struct {
	dec    *xml.Decoder
	p      *Process
	faults Faults
	seen   bool
	depth  int
	order  []string // flow ids
}

func (r *reader) fault(element, id, format string, args ...any) {
	r.faults = append(r.faults, Fault{Element: element, ID: id, Message: fmt.Sprintf(format, args...)})
}

func (r *reader) document() error {
	for {
		t, err := r.dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return r.broken(err)
		}
		switch e := t.(type) {
		case xml.Directive:
			r.fault("definitions", "", "流程图不能带有 DOCTYPE 声明")
			return r.faults
		case xml.StartElement:
			if e.Name.Space != NS || e.Name.Local != "definitions" {
				r.fault(e.Name.Local, attr(e, "", "id"), "不是 BPMN 2.0 文件，根元素应为 definitions")
				return r.faults
			}
			if err := r.children(e, r.top); err != nil {
				return err
			}
		}
	}
}

func (r *reader) broken(err error) error {
	r.fault("definitions", "", "不是完整的 XML：%s", err)
	return r.faults
}

// children calls f for each element inside; f must read it to its end.
func (r *reader) children(_ xml.StartElement, f func(xml.StartElement) error) error {
	if r.depth++; r.depth > maxDepth {
		r.fault("definitions", "", "元素嵌套超过 %d 层", maxDepth)
		return r.faults
	}
	defer func() { r.depth-- }()
	for {
		t, err := r.dec.Token()
		if err != nil {
			return r.broken(err)
		}
		switch e := t.(type) {
		case xml.StartElement:
			if err := f(e); err != nil {
				return err
			}
		case xml.EndElement:
			return nil
		}
	}
}

func (r *reader) skip() error {
	if err := r.dec.Skip(); err != nil {
		return r.broken(err)
	}
	return nil
}

func (r *reader) top(e xml.StartElement) error {
	switch {
	case e.Name.Space == NS && e.Name.Local == "process":
		if r.seen {
			r.fault("process", attr(e, "", "id"), "一个文件只能有一个流程")
			return r.skip()
		}
		r.seen = true
		r.p.ID, r.p.Name, r.p.Category = attr(e, "", "id"), strings.TrimSpace(attr(e, "", "name")), attr(e, JX, "category")
		r.p.Startable = attr(e, JX, "startable") == "true"
		if r.p.ID == "" {
			r.fault("process", "", "流程缺少 id")
		}
		r.p.Vars = r.variables(attr(e, JX, "variables"))
		return r.children(e, r.element)
	case e.Name.Space == NS:
		r.fault(e.Name.Local, attr(e, "", "id"), "不支持 %s", e.Name.Local)
	}
	return r.skip() // the drawing
}

func (r *reader) element(e xml.StartElement) error {
	id := attr(e, "", "id")
	if e.Name.Space != NS {
		r.fault(e.Name.Local, id, "不支持 %s", e.Name.Local)
		return r.skip()
	}
	switch e.Name.Local {
	case "documentation", "extensionElements":
		return r.skip()
	case "sequenceFlow":
		return r.flow(e, id)
	}
	kind := Kind(e.Name.Local)
	switch kind {
	case Start, End, User, Service, Exclusive, Parallel, Timer:
	default:
		r.fault(e.Name.Local, id, "不支持 %s，只能使用开始、结束、人工环节、自动环节、排他网关、并行网关和边界计时", e.Name.Local)
		return r.skip()
	}
	n := &Node{ID: id, Name: strings.TrimSpace(attr(e, "", "name")), Kind: kind, Default: attr(e, "", "default"), Outcome: attr(e, JX, "outcome"), Service: attr(e, JX, "service")}
	r.addNode(n)
	switch kind {
	case User, Start:
		n.Task = r.task(e, n)
	case Timer:
		n.AttachedTo, n.Interrupting, n.Rule = attr(e, "", "attachedToRef"), attr(e, "", "cancelActivity") != "false", attr(e, JX, "rule")
	}
	return r.children(e, func(c xml.StartElement) error { return r.inner(n, c) })
}

func (r *reader) addNode(n *Node) {
	switch {
	case n.ID == "":
		r.fault(string(n.Kind), "", "%s缺少 id", n.Kind.label())
	case r.p.Nodes[n.ID] != nil || r.p.Flows[n.ID] != nil:
		r.fault(string(n.Kind), n.ID, "id 重复")
	case len(r.p.Nodes) >= maxNodes:
		r.fault(string(n.Kind), n.ID, "节点超过 %d 个", maxNodes)
	default:
		r.p.Nodes[n.ID] = n
		r.p.Order = append(r.p.Order, n.ID)
	}
}

// inner reads what a node may hold.
func (r *reader) inner(n *Node, c xml.StartElement) error {
	if c.Name.Space != NS {
		return r.skip()
	}
	switch c.Name.Local {
	case "incoming", "outgoing", "documentation", "extensionElements":
		return r.skip()
	case "timerEventDefinition":
		if n.Kind == Timer {
			return r.children(c, func(d xml.StartElement) error {
				if d.Name.Local != "timeDuration" {
					r.fault(string(n.Kind), n.ID, "计时只支持时长（timeDuration），不支持 %s", d.Name.Local)
					return r.skip()
				}
				text, err := r.text()
				n.Duration = strings.TrimSpace(text)
				return err
			})
		}
	}
	r.fault(string(n.Kind), n.ID, "%s里不支持 %s", n.Kind.label(), c.Name.Local)
	return r.skip()
}

// text reads the characters up to the end of the current element.
func (r *reader) text() (string, error) {
	var b strings.Builder
	err := r.chars(&b)
	return b.String(), err
}

func (r *reader) chars(b *strings.Builder) error {
	for {
		t, err := r.dec.Token()
		if err != nil {
			return r.broken(err)
		}
		switch x := t.(type) {
		case xml.CharData:
			b.Write(x)
		case xml.StartElement:
			if err := r.skip(); err != nil {
				return err
			}
		case xml.EndElement:
			return nil
		}
	}
}

func (r *reader) flow(e xml.StartElement, id string) error {
	f := &Flow{ID: id, Name: strings.TrimSpace(attr(e, "", "name")), From: attr(e, "", "sourceRef"), To: attr(e, "", "targetRef")}
	switch {
	case id == "":
		r.fault("sequenceFlow", "", "连线缺少 id")
	case r.p.Flows[id] != nil || r.p.Nodes[id] != nil:
		r.fault("sequenceFlow", id, "id 重复")
	case len(r.p.Flows) >= 3*maxNodes:
		r.fault("sequenceFlow", id, "连线超过 %d 条", 3*maxNodes)
	default:
		r.p.Flows[id] = f
		r.order = append(r.order, id)
	}
	return r.children(e, func(c xml.StartElement) error {
		if c.Name.Space == NS && c.Name.Local == "conditionExpression" {
			text, err := r.text()
			f.Condition = condition(text)
			return err
		}
		return r.skip()
	})
}

// condition takes off the marks that other tools put around an expression.
func condition(s string) string {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "${") && strings.HasSuffix(s, "}") {
		s = s[2 : len(s)-1]
	}
	return strings.TrimSpace(strings.TrimPrefix(s, "="))
}

// link joins nodes by their flows and timers to their tasks.
func (r *reader) link() {
	for _, id := range r.order {
		f := r.p.Flows[id]
		from, to := r.p.Nodes[f.From], r.p.Nodes[f.To]
		if from == nil || to == nil {
			r.fault("sequenceFlow", id, "连线的起点或终点不存在")
			continue
		}
		from.Out, to.In = append(from.Out, id), append(to.In, id)
	}
	for _, id := range r.p.Order {
		n := r.p.Nodes[id]
		if n.Kind != Timer {
			continue
		}
		host := r.p.Nodes[n.AttachedTo]
		if host == nil || host.Kind != User {
			r.fault(string(Timer), id, "边界计时应附在一个人工环节上")
			continue
		}
		host.Task.Timers = append(host.Task.Timers, id)
	}
}

func attr(e xml.StartElement, space, local string) string {
	for _, a := range e.Attr {
		if a.Name.Local == local && a.Name.Space == space {
			return a.Value
		}
	}
	return ""
}

func split(s, sep string) []string {
	out := []string{}
	for _, x := range strings.Split(s, sep) {
		if x = strings.TrimSpace(x); x != "" {
			out = append(out, x)
		}
	}
	return out
}

// variables reads "name:type:label; …".
func (r *reader) variables(s string) []Variable {
	out := []Variable{}
	for _, x := range split(s, ";") {
		part := strings.SplitN(x, ":", 3)
		v := Variable{Name: strings.TrimSpace(part[0]), Type: "string"}
		if len(part) > 1 {
			v.Type = strings.TrimSpace(part[1])
		}
		v.Label = v.Name
		if len(part) > 2 {
			v.Label = strings.TrimSpace(part[2])
		}
		switch {
		case !identifier(v.Name) || v.Name == "outcome":
			r.fault("process", r.p.ID, "变量名 %q 应由字母、数字和下划线组成，不能叫 outcome", v.Name)
		case !slices.Contains([]string{"string", "number", "bool", "list"}, v.Type):
			r.fault("process", r.p.ID, "变量 %s 的类型应为 string、number、bool 或 list", v.Name)
		case slices.ContainsFunc(out, func(o Variable) bool { return o.Name == v.Name }):
			r.fault("process", r.p.ID, "变量 %s 重复", v.Name)
		default:
			out = append(out, v)
		}
	}
	return out
}

func identifier(s string) bool {
	for i, c := range s {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 60
}

// task reads the product's own attributes of a user task or a start event.
func (r *reader) task(e xml.StartElement, n *Node) *Task {
	t := &Task{Form: attr(e, JX, "form"), Rights: map[string]Right{}, Sign: SignAny}
	if v := attr(e, JX, "formVersion"); v != "" {
		k, err := strconv.Atoi(v)
		if err != nil || k < 0 {
			r.fault(string(n.Kind), n.ID, "表单版本应为正整数，现在是 %q", v)
		}
		t.FormVersion = k
	}
	if n.Kind == Start {
		t.Rights["*"] = Write
	}
	for _, x := range split(attr(e, JX, "rights"), ";") {
		field, right, _ := strings.Cut(x, "=")
		switch Right(right) {
		case Write, Read, Hidden:
			t.Rights[strings.TrimSpace(field)] = Right(right)
		default:
			r.fault(string(n.Kind), n.ID, "字段 %s 的权限应为 write、read 或 hidden", field)
		}
	}
	if n.Kind == Start {
		return t
	}
	t.Candidates = r.candidates(n, attr(e, JX, "candidates"))
	t.CC = r.candidates(n, attr(e, JX, "cc"))
	t.Rule, t.Due = attr(e, JX, "deadline"), attr(e, JX, "due")
	t.ReturnTo, t.Reject = split(attr(e, JX, "return"), ","), attr(e, JX, "reject") == "true"
	if s := attr(e, JX, "sign"); s != "" {
		t.Sign = Sign(s)
	}
	if s := attr(e, JX, "ratio"); s != "" {
		k, err := strconv.Atoi(s)
		if err != nil {
			r.fault(string(n.Kind), n.ID, "会签比例应为 1 到 100 的整数，现在是 %q", s)
		}
		t.Ratio = k
	}
	for _, x := range split(attr(e, JX, "outcomes"), ";") {
		code, label, ok := strings.Cut(x, ":")
		if !ok {
			label = code
		}
		t.Outcomes = append(t.Outcomes, Outcome{Code: strings.TrimSpace(code), Label: strings.TrimSpace(label)})
	}
	if len(t.Outcomes) == 0 {
		t.Outcomes = []Outcome{{"approve", "通过"}}
		if t.Sign != SignAny {
			t.Outcomes = append(t.Outcomes, Outcome{"oppose", "不同意"})
		}
	}
	return t
}

// candidates reads "role:officer@squad; person:ID; starter; expr:leader".
func (r *reader) candidates(n *Node, s string) []Candidate {
	out := []Candidate{}
	for _, x := range split(s, ";") {
		kind, rest, _ := strings.Cut(x, ":")
		rest = strings.TrimSpace(rest)
		var c Candidate
		switch {
		case kind == "starter" && rest == "":
			c.Starter = true
		case kind == "person" && rest != "":
			c.Person = rest
		case kind == "expr" && rest != "":
			c.Expr = rest
		case kind == "role" && rest != "":
			role, at, _ := strings.Cut(rest, "@")
			c.Role, c.Where = role, Where(at)
			if at == "" {
				c.Where = AtStarter
			}
			if id, ok := strings.CutPrefix(at, "org:"); ok {
				c.Where, c.OrgID = AtOrg, id
			}
			if !slices.Contains([]Where{AtStarter, AtSquad, AtDistrict, AtBureau, AtOrg}, c.Where) || c.Where == AtOrg && c.OrgID == "" || role == "" {
				r.fault(string(n.Kind), n.ID, "候选人 %q 的机构应为 starter、squad、district、bureau 或 org:编号", x)
				continue
			}
		default:
			r.fault(string(n.Kind), n.ID, "候选人 %q 应写作 role:角色@机构、person:编号、starter 或 expr:表达式", x)
			continue
		}
		out = append(out, c)
	}
	return out
}
