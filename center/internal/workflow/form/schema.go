package form

import (
	"fmt"
	"maps"
	"slices"
)

// Schema derives a JSON Schema. needed tells which required fields have to be
// there; nil is all of them.
func (f *Form) Schema(needed func(field string) bool) map[string]any {
	props := map[string]any{}
	required := []any{}
	all := []any{}
	for i := range f.Fields {
		x := &f.Fields[i]
		props[x.Name] = x.schema()
		must := x.Required && (needed == nil || needed(x.Name))
		if x.Show == nil {
			if must {
				required = append(required, x.Name)
			}
			continue
		}
		cond := map[string]any{"if": x.Show.schema(), "else": map[string]any{"properties": map[string]any{x.Name: false}}}
		if must {
			cond["then"] = map[string]any{"required": []any{x.Name}}
		}
		all = append(all, cond)
	}
	s := map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": props, "additionalProperties": false,
	}
	if len(required) > 0 {
		s["required"] = required
	}
	if len(all) > 0 {
		s["allOf"] = all
	}
	return s
}

func (s *Show) schema() map[string]any {
	list := []any{}
	for _, c := range s.Any {
		list = append(list, c.schema())
	}
	return map[string]any{"anyOf": list}
}

// schema says a condition on the other field; an absent field counts as
// empty.
func (c Condition) schema() map[string]any {
	has := func(s map[string]any) map[string]any {
		return map[string]any{"required": []any{c.Field}, "properties": map[string]any{c.Field: s}}
	}
	not := func(s map[string]any) map[string]any { return map[string]any{"not": s} }
	list, _ := c.Value.([]any)
	switch c.Op {
	case "==":
		return has(map[string]any{"const": c.Value})
	case "!=":
		return not(has(map[string]any{"const": c.Value}))
	case "in":
		return has(map[string]any{"enum": orEmpty(list)})
	case "notIn":
		return not(has(map[string]any{"enum": orEmpty(list)}))
	case ">":
		return has(map[string]any{"type": "number", "exclusiveMinimum": c.Value})
	case ">=":
		return has(map[string]any{"type": "number", "minimum": c.Value})
	case "<":
		return has(map[string]any{"type": "number", "exclusiveMaximum": c.Value})
	case "<=":
		return has(map[string]any{"type": "number", "maximum": c.Value})
	case "empty":
		return not(has(map[string]any{"not": map[string]any{"enum": []any{"", nil}}}))
	}
	return has(map[string]any{"not": map[string]any{"enum": []any{"", nil}}}) // notEmpty
}

// orEmpty keeps enum from being an empty list, which no value could match and
// the schema language does not allow everywhere.
func orEmpty(list []any) []any {
	if len(list) == 0 {
		return []any{"\x00"}
	}
	return list
}

const sm3Pattern = "^[0-9a-f]{64}$"

func (x *Field) schema() map[string]any {
	s := map[string]any{"title": x.Title}
	switch x.Type {
	case "string":
		s["type"], s["maxLength"] = "string", x.MaxLen
		if x.Required {
			s["minLength"] = 1
		}
		if x.Pattern != "" {
			s["pattern"] = x.Pattern
		}
	case "number":
		s["type"] = "number"
		if x.Min != nil {
			s["minimum"] = *x.Min
		}
		if x.Max != nil {
			s["maximum"] = *x.Max
		}
	case "boolean":
		s["type"] = "boolean"
	case "choice":
		s["enum"] = x.Options
	case "choices":
		s["type"], s["uniqueItems"], s["items"] = "array", true, map[string]any{"enum": x.Options}
		if x.Required {
			s["minItems"] = 1
		}
	case "date":
		s["anyOf"] = []any{
			map[string]any{"type": "string", "maxLength": 40, "pattern": `^(\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?|\d{2}:\d{2}(:\d{2})?)$`},
			map[string]any{"type": "array", "minItems": 2, "maxItems": 2, "items": map[string]any{"type": "string", "maxLength": 40}},
		}
	case "files":
		s["type"], s["maxItems"] = "array", x.Limit
		s["items"] = map[string]any{
			"type": "object", "required": []any{"sm3"}, "additionalProperties": false,
			"properties": map[string]any{
				"sm3": map[string]any{"type": "string", "pattern": sm3Pattern}, "name": map[string]any{"type": "string", "maxLength": 200},
				"size": map[string]any{"type": "number"}, "at": map[string]any{"type": "string", "maxLength": 40},
				"lng": map[string]any{"type": "number"}, "lat": map[string]any{"type": "number"},
			},
		}
		if x.Required {
			s["minItems"] = 1
		}
	case "signature":
		s["type"], s["required"], s["additionalProperties"] = "object", []any{"sm3"}, false
		s["properties"] = map[string]any{"sm3": map[string]any{"type": "string", "pattern": sm3Pattern}, "at": map[string]any{"type": "string", "maxLength": 40}, "device": map[string]any{"type": "string", "maxLength": 200}}
	case "table":
		row := (&Form{Fields: x.Columns}).Schema(nil)
		delete(row, "$schema")
		s["type"], s["maxItems"], s["items"] = "array", x.Limit, row
		if x.Required {
			s["minItems"] = 1
		}
	}
	return s
}

// holds evaluates a condition over values.
func (c Condition) holds(values map[string]any) bool {
	v, has := values[c.Field]
	empty := !has || v == nil || v == ""
	list, _ := c.Value.([]any)
	num := func(ok func(a, b float64) bool) bool {
		a, one := v.(float64)
		b, two := c.Value.(float64)
		return has && one && two && ok(a, b)
	}
	switch c.Op {
	case "==":
		return has && same(v, c.Value)
	case "!=":
		return !has || !same(v, c.Value)
	case "in":
		return has && slices.ContainsFunc(list, func(x any) bool { return same(x, v) })
	case "notIn":
		return !has || !slices.ContainsFunc(list, func(x any) bool { return same(x, v) })
	case ">":
		return num(func(a, b float64) bool { return a > b })
	case ">=":
		return num(func(a, b float64) bool { return a >= b })
	case "<":
		return num(func(a, b float64) bool { return a < b })
	case "<=":
		return num(func(a, b float64) bool { return a <= b })
	case "empty":
		return empty
	}
	return !empty
}

// same compares scalars; other values are never the same.
func same(a, b any) bool {
	switch a.(type) {
	case string, float64, bool, nil:
		switch b.(type) {
		case string, float64, bool, nil:
			return a == b
		}
	}
	return false
}

// Visible tells which fields are shown for values. A field that depends on a
// hidden one sees it as absent.
func (f *Form) Visible(values map[string]any) map[string]bool {
	out := map[string]bool{}
	v := maps.Clone(values)
	for range len(f.Fields) + 1 {
		changed := false
		for i := range f.Fields {
			x := &f.Fields[i]
			show := x.Show == nil || slices.ContainsFunc(x.Show.Any, func(c Condition) bool { return c.holds(v) })
			if old, known := out[x.Name]; !known || old != show {
				out[x.Name], changed = show, true
			}
			if !show {
				delete(v, x.Name)
			} else if val, ok := values[x.Name]; ok {
				v[x.Name] = val
			}
		}
		if !changed {
			break
		}
	}
	return out
}

// Summary gives one line per filled field, for titles and histories.
func (x *Field) Summary(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64, bool:
		return fmt.Sprint(v)
	case []any:
		return fmt.Sprintf("%d 项", len(v))
	}
	return ""
}
