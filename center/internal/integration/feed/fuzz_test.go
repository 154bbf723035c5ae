package feed

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzCSV(f *testing.F) {
	f.Add([]byte("a,b\n1,2\n"))
	f.Add([]byte("\xef\xbb\xbf店名,\"x\ny\"\n甲\n"))
	f.Add([]byte("\xbc\xd7,b\n\xd2\xd2,1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		last := int64(0)
		err := readCSV(data, func(n int64, row Row) error {
			if n != last+1 {
				t.Fatalf("row %d after %d", n, last)
			}
			last = n
			for k, v := range row {
				if k == "" || !utf8.ValidString(v) {
					t.Fatalf("%q: %q", k, v)
				}
			}
			return nil
		})
		_ = err // wrong files are refused; they must not panic
	})
}

func FuzzMapping(f *testing.F) {
	f.Add(`[{"from":"a","to":"b","do":"number","values":{"1":"x"}}]`, `[{"field":"b","rule":"range","arg":"1,2","level":"warn"}]`, "1,000")
	f.Add(`[{"from":"","to":"x","default":"d"}]`, `[{"field":"x","rule":"format","arg":"(","level":"reject"}]`, "\xff")
	f.Fuzz(func(t *testing.T, maps, rules, value string) {
		in := FeedWrite{Name: "x", Kind: File, Target: TargetRecords, RowCap: 1, KeyField: "b"}
		if json.Unmarshal([]byte(maps), &in.Mapping) != nil || json.Unmarshal([]byte(rules), &in.Rules) != nil || in.check() != nil {
			return
		}
		row := Row{}
		for _, m := range in.Mapping {
			row[m.From] = value
		}
		out := mapped(in.Mapping, row)
		if len(out) != len(in.Mapping) {
			t.Fatalf("%v of %v", out, in.Mapping)
		}
		for _, r := range newChecker(in.Rules, func(string) bool { return false }).check(out) {
			if r.Message == "" || r.Level == "" {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"SELECT 1", "select a from b where c = 'x;y'", "SELECT 1;DROP TABLE x", "WITH a AS (SELECT 1) SELECT * FROM a", "SELECT 'a' -- ;\n", "SELECT $$;$$", "SELECT '/*' ; DELETE FROM x --*/'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, q string) {
		if checkQuery(q) != "" {
			return
		}
		low := strings.ToLower(literals.ReplaceAllString(comments.ReplaceAllString(q, " "), "''"))
		if !strings.HasPrefix(strings.TrimSpace(low), "select") && !strings.HasPrefix(strings.TrimSpace(low), "with") {
			t.Fatalf("%q passed", q)
		}
		if strings.Contains(strings.TrimSuffix(strings.TrimSpace(low), ";"), ";") {
			t.Fatalf("%q holds two statements", q)
		}
	})
}
