package bpmn

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/expr-lang/expr"
)

// env gives the declared variables with zero values: what conditions may
// name, and with which types.
func (p *Process) env() map[string]any {
	e := map[string]any{"outcome": ""}
	for _, v := range p.Vars {
		e[v.Name] = zero(v.Type)
	}
	return e
}

func zero(kind string) any {
	switch kind {
	case "number":
		return 0.0
	case "bool":
		return false
	case "list":
		return []string{}
	}
	return ""
}

// Typed gives the variables for evaluation: declared ones only, each with its
// declared type; what is absent or of another type is zero.
func (p *Process) Typed(vars map[string]any) map[string]any {
	e := p.env()
	if s, ok := vars["outcome"].(string); ok {
		e["outcome"] = s
	}
	for _, v := range p.Vars {
		if x, ok := cast(v.Type, vars[v.Name]); ok {
			e[v.Name] = x
		}
	}
	return e
}

func cast(kind string, x any) (any, bool) {
	switch kind {
	case "number":
		switch n := x.(type) {
		case float64:
			return n, true
		case int:
			return float64(n), true
		case int64:
			return float64(n), true
		}
	case "bool":
		b, ok := x.(bool)
		return b, ok
	case "list":
		switch l := x.(type) {
		case []string:
			return l, true
		case []any:
			out := make([]string, 0, len(l))
			for _, v := range l {
				out = append(out, fmt.Sprint(v))
			}
			return out, true
		}
	default:
		s, ok := x.(string)
		return s, ok
	}
	return nil, false
}

// Known tells whether a value fits a declared variable.
func (v Variable) Known(x any) bool { _, ok := cast(v.Type, x); return ok }

// compile type-checks every condition and candidate expression.
func compile(p *Process) Faults {
	var faults Faults
	env := p.env()
	for id, f := range p.Flows {
		if f.Condition == "" {
			continue
		}
		prog, err := expr.Compile(f.Condition, expr.Env(env), expr.AsBool())
		if err != nil {
			faults = append(faults, Fault{"sequenceFlow", id, "条件写得不对：" + err.Error()})
			continue
		}
		f.program = prog
	}
	for _, id := range p.Order {
		n := p.Nodes[id]
		if n.Kind != User {
			continue
		}
		for _, list := range [][]Candidate{n.Task.Candidates, n.Task.CC} {
			for i := range list {
				if list[i].Expr == "" {
					continue
				}
				prog, err := expr.Compile(list[i].Expr, expr.Env(env))
				if err != nil {
					faults.add(n, "候选人表达式写得不对：%s", err)
					continue
				}
				list[i].program = prog
			}
		}
	}
	return faults
}

// Holds evaluates a flow's condition; one without a condition holds.
func (f *Flow) Holds(vars map[string]any) (bool, error) {
	if f.program == nil {
		return true, nil
	}
	out, err := expr.Run(f.program, vars)
	if err != nil {
		return false, fmt.Errorf("evaluate condition of %s: %w", f.ID, err)
	}
	b, _ := out.(bool)
	return b, nil
}

// People evaluates a candidate expression to the ids of persons.
func (c Candidate) People(vars map[string]any) ([]string, error) {
	out, err := expr.Run(c.program, vars)
	if err != nil {
		return nil, fmt.Errorf("evaluate candidates: %w", err)
	}
	switch v := out.(type) {
	case string:
		if v == "" {
			return nil, nil
		}
		return []string{v}, nil
	case []string:
		return v, nil
	case []any:
		list := []string{}
		for _, x := range v {
			list = append(list, fmt.Sprint(x))
		}
		return list, nil
	}
	return nil, fmt.Errorf("evaluate candidates: %q gives %T, want a person's id or a list of them", c.Expr, out)
}

var isoDuration = regexp.MustCompile(`^P(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?)?$`)

// Duration reads an ISO 8601 duration of days, hours, minutes and seconds.
func Duration(s string) (time.Duration, error) {
	m := isoDuration.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("时长应写作 P3D、PT4H 或 PT30M 的样式，现在是 %q", s)
	}
	var d time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if m[i+1] != "" {
			n, err := strconv.Atoi(m[i+1])
			if err != nil {
				return 0, fmt.Errorf("read duration %q: %w", s, err)
			}
			d += time.Duration(n) * unit
		}
	}
	if d <= 0 {
		return 0, fmt.Errorf("时长应大于 0，现在是 %q", s)
	}
	return d, nil
}
