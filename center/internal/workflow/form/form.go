// Package form reads the rules that the form designer makes, derives a JSON
// Schema from them, and checks what people fill in: types and limits, fields
// shown only under a condition, and the rights of a node. It is pure.
package form

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Bounds of a form.
const (
	MaxBytes  = 512 << 10
	maxFields = 300
	maxRows   = 200
)

// Field is one input of a form.
type Field struct {
	Name, Title string
	// Type is string, number, boolean, choice, choices, date, files,
	// signature or table.
	Type     string
	Required bool
	Options  []any
	Min, Max *float64
	MaxLen   int
	Pattern  string
	// Limit is the greatest number of files or rows.
	Limit int
	// Columns are the fields of a table's row.
	Columns []Field
	// Show is the condition under which the field is shown; nil is always.
	Show *Show
}

// Show shows a field when any of its conditions holds.
type Show struct{ Any []Condition }

// Condition compares another field with a value.
type Condition struct {
	Field, Op string
	Value     any
}

// Form is a read set of rules.
type Form struct{ Fields []Field }

// Fault is one reason why rules are not accepted.
type Fault struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Faults lists all reasons.
type Faults []Fault

// Error implements error.
func (f Faults) Error() string {
	list := make([]string, 0, len(f))
	for _, x := range f {
		list = append(list, strings.TrimSpace(x.Field+" "+x.Message))
	}
	return strings.Join(list, "；")
}

// rule is a rule as the designer writes it.
type rule struct {
	Type     string          `json:"type"`
	Field    string          `json:"field"`
	Title    any             `json:"title"`
	Props    map[string]any  `json:"props"`
	Options  []option        `json:"options"`
	Validate []check         `json:"validate"`
	Required any             `json:"$required"`
	Control  []control       `json:"control"`
	Children json.RawMessage `json:"children"`
}

type option struct {
	Label any `json:"label"`
	Value any `json:"value"`
}

type check struct {
	Required bool     `json:"required"`
	Min      *float64 `json:"min"`
	Max      *float64 `json:"max"`
	Pattern  string   `json:"pattern"`
}

type control struct {
	Value     any      `json:"value"`
	Condition string   `json:"condition"`
	Method    string   `json:"method"`
	Rule      []string `json:"rule"`
}

// layouts are rules that only arrange others.
var layouts = []string{"row", "fcRow", "col", "el-row", "el-col", "elCard", "el-card", "div", "span", "fcTitle", "elDivider", "el-divider", "elAlert", "el-alert", "html", "text", "space", "fcEditorView", "jxNote"}

// Parse reads rules.
func Parse(text []byte) (*Form, error) {
	if len(text) > MaxBytes {
		return nil, Faults{{"", fmt.Sprintf("表单超过 %d KB", MaxBytes>>10)}}
	}
	r := reader{controls: map[string][]Condition{}}
	r.list(text, 0)
	if len(r.form.Fields) == 0 && len(r.faults) == 0 {
		r.fault("", "表单里没有字段")
	}
	for i := range r.form.Fields {
		if c := r.controls[r.form.Fields[i].Name]; len(c) > 0 {
			r.form.Fields[i].Show = &Show{Any: c}
		}
	}
	for target, list := range r.controls {
		if r.form.Field(target) == nil {
			r.fault(target, "显示条件指向的字段不存在")
		}
		for _, c := range list {
			if c.Field == target || r.form.Field(c.Field) != nil && r.form.Field(c.Field).Show != nil && slices.ContainsFunc(r.form.Field(c.Field).Show.Any, func(x Condition) bool { return x.Field == target }) {
				r.fault(target, "显示条件互相依赖")
			}
		}
	}
	if len(r.faults) > 0 {
		return nil, r.faults
	}
	return &r.form, nil
}

// Field finds a field, nil when there is none.
func (f *Form) Field(name string) *Field {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			return &f.Fields[i]
		}
	}
	return nil
}

type reader struct {
	form     Form
	faults   Faults
	controls map[string][]Condition
}

func (r *reader) fault(field, format string, args ...any) {
	r.faults = append(r.faults, Fault{field, fmt.Sprintf(format, args...)})
}

func (r *reader) list(text json.RawMessage, depth int) {
	if depth > 12 {
		r.fault("", "布局嵌套太深")
		return
	}
	var items []json.RawMessage
	if err := json.Unmarshal(text, &items); err != nil {
		r.fault("", "表单规则应为 JSON 列表：%s", err)
		return
	}
	for _, item := range items {
		if len(item) > 0 && item[0] == '"' {
			continue // a text of a layout
		}
		var x rule
		if err := json.Unmarshal(item, &x); err != nil {
			r.fault("", "有一条规则读不懂：%s", err)
			continue
		}
		if slices.Contains(layouts, x.Type) {
			if len(x.Children) > 0 && x.Children[0] == '[' {
				r.list(x.Children, depth+1)
			}
			continue
		}
		f, ok := r.field(x)
		if !ok {
			continue
		}
		switch {
		case r.form.Field(f.Name) != nil:
			r.fault(f.Name, "字段名重复")
		case len(r.form.Fields) >= maxFields:
			r.fault(f.Name, "字段超过 %d 个", maxFields)
			return
		default:
			r.form.Fields = append(r.form.Fields, f)
		}
		r.shows(x)
	}
}

// shows notes which fields a field shows.
func (r *reader) shows(x rule) {
	for _, c := range x.Control {
		op := c.Condition
		if op == "" {
			op = "=="
		}
		if !slices.Contains([]string{"==", "!=", ">", ">=", "<", "<=", "in", "notIn", "empty", "notEmpty"}, op) {
			r.fault(x.Field, "不支持显示条件 %s", op)
			continue
		}
		if c.Method != "" && c.Method != "display" && c.Method != "hidden" && c.Method != "if" {
			r.fault(x.Field, "显示条件的动作 %s 不支持，请选“显示”", c.Method)
			continue
		}
		for _, target := range c.Rule {
			r.controls[target] = append(r.controls[target], Condition{Field: x.Field, Op: op, Value: c.Value})
		}
	}
}

var nameRule = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,59}$`)

func (r *reader) field(x rule) (Field, bool) {
	title, _ := x.Title.(string)
	if m, ok := x.Title.(map[string]any); ok {
		title, _ = m["title"].(string)
	}
	f := Field{Name: x.Field, Title: title}
	if !nameRule.MatchString(x.Field) {
		r.fault(x.Field, "字段名应由字母、数字和下划线组成（类型 %s）", x.Type)
		return f, false
	}
	if f.Title == "" {
		f.Title = x.Field
	}
	switch req := x.Required.(type) {
	case bool:
		f.Required = req
	case string:
		f.Required = req != ""
	}
	for _, c := range x.Validate {
		f.Required = f.Required || c.Required
		if c.Pattern != "" {
			f.Pattern = c.Pattern
		}
	}
	multiple, _ := x.Props["multiple"].(bool)
	switch x.Type {
	case "input", "textarea", "fcEditor":
		f.Type, f.MaxLen = "string", intOf(x.Props["maxlength"], 4000)
	case "inputNumber", "slider", "rate":
		f.Type, f.Min, f.Max = "number", numOf(x.Props["min"]), numOf(x.Props["max"])
	case "radio", "select", "cascader":
		f.Type = "choice"
		if multiple && x.Type == "select" {
			f.Type = "choices"
		}
		r.options(&f, x)
	case "checkbox":
		f.Type = "choices"
		r.options(&f, x)
	case "switch":
		f.Type = "boolean"
	case "datePicker", "timePicker", "calendar":
		f.Type = "date"
	case "jxFiles", "jxPhotos", "upload":
		f.Type, f.Limit = "files", intOf(x.Props["limit"], 20)
	case "jxSignature", "signaturePad":
		f.Type = "signature"
	case "tableForm", "group", "jxTable":
		f.Type, f.Limit = "table", intOf(x.Props["max"], maxRows)
		r.columns(&f, x)
	default:
		r.fault(x.Field, "不支持控件 %s", x.Type)
		return f, false
	}
	if f.Pattern != "" {
		if _, err := regexp.Compile(f.Pattern); err != nil {
			r.fault(x.Field, "格式要求写得不对：%s", err)
		}
	}
	return f, true
}

func (r *reader) options(f *Field, x rule) {
	for _, o := range x.Options {
		switch o.Value.(type) {
		case string, float64, bool:
			f.Options = append(f.Options, o.Value)
		default:
			r.fault(f.Name, "选项的值应为文字或数字")
		}
	}
	if len(f.Options) == 0 {
		r.fault(f.Name, "没有选项")
	}
}

// columns reads the fields of a table: props.columns[].rule of a tableForm,
// or props.rule of a group.
func (r *reader) columns(f *Field, x rule) {
	raw, err := json.Marshal(x.Props)
	if err != nil {
		r.fault(f.Name, "表格读不懂：%s", err)
		return
	}
	var p struct {
		Columns []struct {
			Rule     json.RawMessage `json:"rule"`
			Required bool            `json:"required"`
			Label    string          `json:"label"`
		} `json:"columns"`
		Rule json.RawMessage `json:"rule"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		r.fault(f.Name, "表格的列读不懂：%s", err)
		return
	}
	add := func(text json.RawMessage, label string, required bool) {
		if len(text) == 0 {
			return
		}
		sub := reader{controls: map[string][]Condition{}}
		sub.list(text, 10)
		for _, x := range sub.faults {
			r.fault(f.Name+"."+x.Field, "%s", x.Message)
		}
		for _, c := range sub.form.Fields {
			if c.Type == "table" {
				r.fault(f.Name, "表格里不能再放表格")
				continue
			}
			if label != "" && c.Title == c.Name {
				c.Title = label
			}
			c.Required = c.Required || required
			f.Columns = append(f.Columns, c)
		}
	}
	for _, c := range p.Columns {
		add(c.Rule, c.Label, c.Required)
	}
	add(p.Rule, "", false)
	if len(f.Columns) == 0 {
		r.fault(f.Name, "表格没有列")
	}
}

func numOf(x any) *float64 {
	if n, ok := x.(float64); ok {
		return &n
	}
	return nil
}

func intOf(x any, otherwise int) int {
	if n, ok := x.(float64); ok && n >= 1 && n <= float64(1<<30) {
		return min(int(n), max(otherwise, 20000))
	}
	return otherwise
}
