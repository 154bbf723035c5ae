package deadline

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"

	"jiexun/center/internal/platform/calendar"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Action is what a level asks for; the wiring of the app does it.
type Action string

// The actions.
const (
	Notify   Action = "notify"   // 通知: To is a role
	Reassign Action = "reassign" // 改派: To is a role
	Raise    Action = "raise"    // 提高优先级
	Red      Action = "red"      // 待办标红
)

// Level is something that happens before or after the end of a clock.
type Level struct {
	ID string `json:"id"`
	// Offset is in the rule's unit, negative before the end.
	Offset int    `json:"offset"`
	When   string `json:"when,omitempty"` // an expression; empty is always
	Action Action `json:"action"`
	To     string `json:"to,omitempty"`
	Label  string `json:"label"`
}

// Rule is one version of a rule.
type Rule struct {
	ID      string `json:"id"`
	Code    string `json:"code"`
	Version int    `json:"version"`
	Name    string `json:"name"`
	Terms
	// Near is how many units before the end a clock is near it.
	Near int `json:"near"`
	// PauseEvents are the reasons for which a clock may stand.
	PauseEvents []string `json:"pauseEvents"`
	// ExtCount and ExtAmount bound the extensions and each one's length.
	ExtCount      int          `json:"extCount"`
	ExtAmount     int          `json:"extAmount"`
	Levels        []Level      `json:"levels"`
	EffectiveFrom clock.Stamp  `json:"effectiveFrom"`
	EffectiveTo   *clock.Stamp `json:"effectiveTo"`
	Source        string       `json:"source"`
	Verified      bool         `json:"verified"`
	Enabled       bool         `json:"enabled"`
	MadeBy        string       `json:"madeBy"`
	MadeAt        clock.Stamp  `json:"madeAt"`
}

// RuleInput is what staff write of a new version.
type RuleInput struct {
	Code string `json:"code" pattern:"^[a-z][a-zA-Z0-9.]{1,39}$"`
	Name string `json:"name" minLength:"1" maxLength:"40"`
	Terms
	Near          int         `json:"near" minimum:"0" maximum:"1000"`
	PauseEvents   []string    `json:"pauseEvents" maxItems:"20"`
	ExtCount      int         `json:"extCount" minimum:"0" maximum:"10"`
	ExtAmount     int         `json:"extAmount" minimum:"0" maximum:"1000"`
	Levels        []Level     `json:"levels" maxItems:"10"`
	EffectiveFrom clock.Stamp `json:"effectiveFrom"`
	Source        string      `json:"source" minLength:"1" maxLength:"200"`
	Verified      bool        `json:"verified"`
}

// Validate checks a new version.
func (in RuleInput) Validate() error {
	var f errs.Fields
	f.Check(in.Code != "", "code", "请填写规则编码")
	f.Check(strings.TrimSpace(in.Name) != "", "name", "请填写规则名称")
	f.Check(in.Unit.Valid(), "unit", "单位应为自然日、工作日、小时或工作小时")
	f.Check(in.Amount >= 1 && in.Amount <= 3650, "amount", "时限应在 1 到 3650 之间")
	f.Check(in.Near < in.Amount, "near", "临期提前量应小于时限")
	f.Check(in.Unit.Days() || !in.SameDay && !in.Office && !in.Roll, "unit", "当日起算、下班截止和节假日顺延只用于按日计算的规则")
	f.Check(strings.TrimSpace(in.Source) != "", "source", "请写明依据；没有公开依据的写明待谁确认")
	f.Check(in.ExtCount == 0 || in.ExtAmount > 0, "extAmount", "允许延期时请填写每次最多延多久")
	seen := map[string]bool{}
	for i, l := range in.Levels {
		name := fmt.Sprintf("levels[%d]", i)
		f.Check(l.ID != "" && !seen[l.ID], name+".id", "每一级要有不同的编号")
		seen[l.ID] = true
		f.Check(slices.Contains([]Action{Notify, Reassign, Raise, Red}, l.Action), name+".action", "动作应为通知、改派、提高优先级或待办标红")
		f.Check(l.To != "" || l.Action == Raise || l.Action == Red, name+".to", "请选择通知或改派给哪个角色")
		f.Check(l.Offset > -in.Amount && l.Offset <= 3650, name+".offset", "提前量应小于时限")
		if _, err := compile(l.When); err != nil {
			f.Add(name+".when", "条件写得不对：%s", firstLine(err.Error()))
		}
	}
	return f.Err()
}

func firstLine(s string) string { s, _, _ = strings.Cut(s, "\n"); return s }

// compile checks a condition: it may use the variables of the record and must
// give true or false.
func compile(when string) (func(vars map[string]any) (bool, error), error) {
	if strings.TrimSpace(when) == "" {
		return func(map[string]any) (bool, error) { return true, nil }, nil
	}
	if len(when) > 500 {
		return nil, errs.Invalidf("when", "条件不超过 500 个字符")
	}
	p, err := expr.Compile(when, expr.Env(map[string]any{}), expr.AllowUndefinedVariables(), expr.AsBool(), expr.MaxNodes(200))
	if err != nil {
		return nil, err
	}
	return func(vars map[string]any) (bool, error) {
		v, err := expr.Run(p, vars)
		if err != nil {
			return false, err
		}
		b, _ := v.(bool)
		return b, nil
	}, nil
}

// Kinds of what fires.
const (
	FiredWarn  = "warn"
	FiredDue   = "due"
	FiredLevel = "level"
)

// moment is something that fires once a round.
type moment struct {
	key   string
	kind  string
	at    time.Time
	level Level
}

// moments lists what a clock of the rule fires, in order.
func (r Rule) moments(c calendar.Calendar, due time.Time, near int64) []moment {
	out := []moment{}
	if r.Near > 0 || near > 0 {
		out = append(out, moment{key: "near", kind: FiredWarn, at: r.nearAt(c, due, near)})
	}
	out = append(out, moment{key: "due", kind: FiredDue, at: due.Add(time.Millisecond)})
	for _, l := range r.Levels {
		at := Shift(c, r.Unit, due, l.Offset)
		if l.Offset >= 0 {
			at = at.Add(time.Millisecond)
		}
		out = append(out, moment{key: "level:" + l.ID, kind: FiredLevel, at: at, level: l})
	}
	slices.SortStableFunc(out, func(a, b moment) int { return a.at.Compare(b.at) })
	return out
}

// nearAt is when a clock becomes near its end; the record's own minutes come
// before the rule.
func (r Rule) nearAt(c calendar.Calendar, due time.Time, near int64) time.Time {
	if near > 0 && !r.Unit.Days() {
		return due.Add(-time.Duration(near) * time.Minute)
	}
	return Shift(c, r.Unit, due, -r.Near)
}
