package form

import (
	"encoding/json"
	"strings"
	"testing"
)

const rules = `[
 {"type":"fcRow","children":[{"type":"col","children":[{"type":"input","field":"no","title":"编号","$required":true,"props":{"maxlength":10}}]}]},
 {"type":"radio","field":"kind","title":"处理","validate":[{"required":true}],"options":[{"label":"当场","value":"now"},{"label":"限期","value":"later"}],
  "control":[{"value":"later","condition":"==","method":"display","rule":["days","why"]}]},
 {"type":"inputNumber","field":"days","title":"天数","$required":true,"props":{"min":1,"max":30}},
 {"type":"input","field":"why","title":"理由","control":[{"condition":"notEmpty","rule":["more"]}]},
 {"type":"switch","field":"more","title":"补充","$required":true},
 {"type":"checkbox","field":"marks","title":"情形","options":[{"label":"甲","value":1},{"label":"乙","value":2}]},
 {"type":"datePicker","field":"day","title":"日期"},
 {"type":"tableForm","field":"goods","title":"物品","props":{"max":3,"columns":[{"label":"名称","required":true,"rule":[{"type":"input","field":"name","title":""}]},{"label":"数量","rule":[{"type":"inputNumber","field":"n","title":"数量","props":{"min":1}}]}]}},
 {"type":"jxPhotos","field":"photos","title":"照片","props":{"limit":2}},
 {"type":"jxSignature","field":"sign","title":"签名"}]`

func parse(t testing.TB) *Form {
	t.Helper()
	f, err := Parse([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func values(t testing.TB, s string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func writable(string) Right { return Write }

func TestMerge(t *testing.T) {
	f := parse(t)
	sm3 := strings.Repeat("a", 64)
	for _, c := range []struct {
		name, sent, want string // want is empty when accepted
	}{
		{"complete", `{"no":"A1","kind":"now"}`, ""},
		{"with files and rows", `{"no":"A1","kind":"now","marks":[1,2],"day":"2026-11-25","goods":[{"name":"桌","n":2}],"photos":[{"sm3":"` + sm3 + `","name":"a.jpg"}],"sign":{"sm3":"` + sm3 + `"}}`, ""},
		{"nothing", `{}`, "kind “处理”没有填写"},
		{"shown field is missing", `{"no":"A1","kind":"later"}`, "days “天数”没有填写"},
		{"shown field is there", `{"no":"A1","kind":"later","days":7}`, ""},
		{"shown by a shown field", `{"no":"A1","kind":"later","days":7,"why":"雨"}`, "more “补充”没有填写"},
		{"hidden field shows nothing", `{"no":"A1","kind":"now","why":"雨"}`, ""},
		{"out of bounds", `{"no":"A1","kind":"later","days":31}`, "days “天数”不能大于 30"},
		{"of another type", `{"no":5,"kind":"now"}`, "no “编号”的格式不对"},
		{"too long", `{"no":"12345678901","kind":"now"}`, "no “编号”不能超过 10 个字"},
		{"not an option", `{"no":"A1","kind":"never"}`, "kind “处理”不在选项里"},
		{"mark that is none", `{"no":"A1","kind":"now","marks":[3]}`, "marks “情形”不在选项里"},
		{"row lacks its name", `{"no":"A1","kind":"now","goods":[{"name":"桌"},{"n":1}]}`, "goods[1].name “物品”第 2 行的“名称”没有填写"},
		{"too many rows", `{"no":"A1","kind":"now","goods":[{"name":"1"},{"name":"2"},{"name":"3"},{"name":"4"}]}`, "goods “物品”最多 3 项"},
		{"unknown column", `{"no":"A1","kind":"now","goods":[{"name":"1","x":1}]}`, "不是表单里的字段"},
		{"file without digest", `{"no":"A1","kind":"now","photos":[{"name":"x"}]}`, "photos"},
		{"unknown field", `{"no":"A1","kind":"now","admin":true}`, "admin 表单里没有这个字段"},
		{"bad date", `{"no":"A1","kind":"now","day":"yesterday"}`, "day “日期”的格式不对"},
	} {
		_, err := f.Merge(nil, values(t, c.sent), writable, false)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestRights(t *testing.T) {
	f := parse(t)
	right := func(field string) Right {
		return map[string]Right{"why": Write, "kind": Write, "no": Read}[field]
	}
	stored := values(t, `{"no":"A1","kind":"now","marks":[1]}`)
	if got := f.View(stored, right); len(got) != 2 || got["marks"] != nil {
		t.Errorf("view %v", got)
	}
	if _, err := f.Merge(stored, values(t, `{"no":"B2"}`), right, false); err == nil || !strings.Contains(err.Error(), "不能填写") {
		t.Errorf("a field that may be read only was changed: %v", err)
	}
	if _, err := f.Merge(stored, values(t, `{"marks":[2]}`), right, false); err == nil {
		t.Error("a hidden field was changed")
	}
	got, err := f.Merge(stored, values(t, `{"no":"A1","kind":"later","why":"雨"}`), right, false)
	if err != nil || got["why"] != "雨" || got["no"] != "A1" || got["marks"] == nil {
		t.Errorf("merged %v, %v", got, err)
	}
	if got, err := f.Merge(nil, values(t, `{"why":"半"}`), right, true); err != nil || got["why"] != nil {
		t.Errorf("draft %v, %v: why is not shown yet", got, err)
	}
}

func TestRefusedRules(t *testing.T) {
	for name, c := range map[string][2]string{
		"not a list":       {`{}`, "列表"},
		"empty":            {`[]`, "没有字段"},
		"unknown control":  {`[{"type":"iframe","field":"a"}]`, "不支持控件 iframe"},
		"bad name":         {`[{"type":"input","field":"a b"}]`, "字段名"},
		"twice":            {`[{"type":"input","field":"a"},{"type":"input","field":"a"}]`, "重复"},
		"no options":       {`[{"type":"select","field":"a"}]`, "没有选项"},
		"table in a table": {`[{"type":"group","field":"a","props":{"rule":[{"type":"group","field":"b","props":{"rule":[{"type":"input","field":"c"}]}}]}}]`, "再放表格"},
		"shows nothing":    {`[{"type":"switch","field":"a","control":[{"value":true,"rule":["z"]}]}]`, "不存在"},
		"shows each other": {`[{"type":"switch","field":"a","control":[{"value":true,"rule":["b"]}]},{"type":"switch","field":"b","control":[{"value":true,"rule":["a"]}]}]`, "互相依赖"},
		"bad pattern":      {`[{"type":"input","field":"a","validate":[{"pattern":"("}]}]`, "格式要求"},
	} {
		if _, err := Parse([]byte(c[0])); err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: %v, want %q", name, err, c[1])
		}
	}
}

func TestFiles(t *testing.T) {
	f, err := Parse([]byte(`[{"type":"group","field":"g","props":{"rule":[{"type":"jxPhotos","field":"p"}]}},{"type":"jxSignature","field":"s"}]`))
	if err != nil {
		t.Fatal(err)
	}
	got := f.Files(values(t, `{"g":[{"p":[{"sm3":"x"}]},{"p":[{"sm3":"y"}]}],"s":{"sm3":"x"}}`))
	if strings.Join(got, "") != "xy" {
		t.Errorf("files %v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(rules), []byte(`{"no":"A1"}`))
	f.Add([]byte(`[{"type":"switch","field":"a","control":[{"value":true,"rule":["b"]}]},{"type":"input","field":"b"}]`), []byte(`{"a":true}`))
	f.Add([]byte(`[{`), []byte(`null`))
	f.Fuzz(func(t *testing.T, text, sent []byte) {
		x, err := Parse(text)
		if err != nil {
			return
		}
		var v map[string]any
		if json.Unmarshal(sent, &v) != nil {
			return
		}
		out, err := x.Merge(nil, v, writable, false)
		if err == nil { // what was accepted is accepted again
			if _, err := x.Merge(out, nil, writable, false); err != nil {
				t.Fatalf("accepted, then refused: %v", err)
			}
		}
	})
}
