package form

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Right is what may be done with a field.
type Right int

// The rights.
const (
	Hidden Right = iota
	Read
	Write
)

// View gives what somebody with rights may see of values.
func (f *Form) View(values map[string]any, right func(field string) Right) map[string]any {
	out := map[string]any{}
	for i := range f.Fields {
		name := f.Fields[i].Name
		if v, ok := values[name]; ok && right(name) != Hidden {
			out[name] = v
		}
	}
	return out
}

// Merge takes what somebody sent at a node into the stored values: a field
// that is not writable there is refused when it differs, a field that its
// condition hides is dropped, and the whole is checked against the schema.
// With draft, nothing has to be complete.
func (f *Form) Merge(stored, sent map[string]any, right func(field string) Right, draft bool) (map[string]any, error) {
	var faults Faults
	out := map[string]any{}
	for k, v := range stored {
		out[k] = v
	}
	for k, v := range sent {
		x := f.Field(k)
		switch {
		case x == nil:
			faults = append(faults, Fault{k, "表单里没有这个字段"})
		case right(k) != Write:
			if !reflect.DeepEqual(stored[k], v) {
				faults = append(faults, Fault{k, "“" + x.Title + "”在这个环节不能填写"})
			}
		case empty(v):
			delete(out, k)
		default:
			out[k] = v
		}
	}
	shown := f.Visible(out)
	for i := range f.Fields {
		if name := f.Fields[i].Name; !shown[name] {
			delete(out, name)
		}
	}
	if len(faults) == 0 {
		faults = f.validate(out, func(field string) bool { return !draft && right(field) == Write })
	}
	if len(faults) > 0 {
		slices.SortFunc(faults, func(a, b Fault) int { return strings.Compare(a.Field, b.Field) })
		return nil, faults
	}
	return out, nil
}

// empty values are stored as absent.
func empty(v any) bool {
	switch x := v.(type) {
	case nil:
		return true
	case string:
		return strings.TrimSpace(x) == ""
	case []any:
		return len(x) == 0
	case map[string]any:
		return len(x) == 0
	}
	return false
}

func (f *Form) validate(values map[string]any, needed func(string) bool) Faults {
	c := jsonschema.NewCompiler()
	s, err := plain(f.Schema(needed))
	if err == nil {
		err = c.AddResource("form.json", s)
	}
	if err != nil {
		return Faults{{"", "表单的校验规则不对：" + err.Error()}}
	}
	schema, err := c.Compile("form.json")
	if err != nil {
		return Faults{{"", "表单的校验规则不对：" + err.Error()}}
	}
	v, err := plain(values)
	if err != nil {
		return Faults{{"", "填写的内容读不懂：" + err.Error()}}
	}
	err = schema.Validate(v)
	if err == nil {
		return nil
	}
	var ve *jsonschema.ValidationError
	if !errors.As(err, &ve) {
		return Faults{{"", err.Error()}}
	}
	out := Faults{}
	f.collect(&out, ve)
	return out
}

// plain gives a value the types that the schema library wants.
func plain(v any) (any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
}

// collect turns the leaves of a validation error into sentences.
func (f *Form) collect(out *Faults, e *jsonschema.ValidationError) {
	if _, ok := e.ErrorKind.(*kind.AnyOf); ok || len(e.Causes) == 0 {
		f.leaf(out, e)
		return
	}
	for _, c := range e.Causes {
		f.collect(out, c)
	}
}

func (f *Form) leaf(out *Faults, e *jsonschema.ValidationError) {
	add := func(path []string, text string) {
		name, title := f.place(path)
		msg := title + text
		if !slices.ContainsFunc(*out, func(x Fault) bool { return x.Field == name && x.Message == msg }) {
			*out = append(*out, Fault{name, msg})
		}
	}
	at := e.InstanceLocation
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, m := range k.Missing {
			add(append(slices.Clone(at), m), "没有填写")
		}
	case *kind.MinItems, *kind.MinLength:
		add(at, "没有填写")
	case *kind.MaxLength:
		add(at, fmt.Sprintf("不能超过 %d 个字", k.Want))
	case *kind.MaxItems:
		add(at, fmt.Sprintf("最多 %d 项", k.Want))
	case *kind.Minimum:
		v, _ := k.Want.Float64()
		add(at, "不能小于 "+strconv.FormatFloat(v, 'f', -1, 64))
	case *kind.Maximum:
		v, _ := k.Want.Float64()
		add(at, "不能大于 "+strconv.FormatFloat(v, 'f', -1, 64))
	case *kind.Enum, *kind.Const:
		add(at, "不在选项里")
	case *kind.Type, *kind.AnyOf, *kind.Pattern:
		add(at, "的格式不对")
	case *kind.AdditionalProperties:
		for _, p := range k.Properties {
			add(append(slices.Clone(at), p), "不是表单里的字段")
		}
	default:
		add(at, "不符合要求（"+e.ErrorKind.LocalizedString(message.NewPrinter(language.English))+"）")
	}
}

// place names a path: the field as inputs call it, and its title.
func (f *Form) place(path []string) (name, title string) {
	if len(path) == 0 {
		return "", "表单"
	}
	x := f.Field(path[0])
	if x == nil {
		return path[0], "“" + path[0] + "”"
	}
	if len(path) < 3 || x.Type != "table" {
		return x.Name, "“" + x.Title + "”"
	}
	row, err := strconv.Atoi(path[1])
	if err != nil {
		return x.Name, "“" + x.Title + "”"
	}
	col := path[2]
	if c := (&Form{Fields: x.Columns}).Field(path[2]); c != nil {
		col = c.Title
	}
	return fmt.Sprintf("%s[%d].%s", x.Name, row, path[2]), fmt.Sprintf("“%s”第 %d 行的“%s”", x.Title, row+1, col)
}

// Files lists the digests of all files in values.
func (f *Form) Files(values map[string]any) []string {
	out := []string{}
	add := func(v any) {
		if m, ok := v.(map[string]any); ok {
			if s, ok := m["sm3"].(string); ok && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	var walk func(fields []Field, values map[string]any)
	walk = func(fields []Field, values map[string]any) {
		for i := range fields {
			list, _ := values[fields[i].Name].([]any)
			switch fields[i].Type {
			case "signature":
				add(values[fields[i].Name])
			case "files":
				for _, v := range list {
					add(v)
				}
			case "table":
				for _, v := range list {
					if row, ok := v.(map[string]any); ok {
						walk(fields[i].Columns, row)
					}
				}
			}
		}
	}
	walk(f.Fields, values)
	return out
}
