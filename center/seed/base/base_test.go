package base_test

import (
	"encoding/json"
	"testing"

	"jiexun/center/seed/base"
)

func TestSeed(t *testing.T) {
	tree, err := base.Regions()
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, g := range tree.All() {
		n[g.Level]++
	}
	if n["city"] != 1 || n["district"] != 16 || n["street"] != 215 {
		t.Fatalf("regions %v, want 1, 16, 215", n)
	}
	orgs := base.Orgs(tree)
	seen := map[string]bool{"": true}
	for _, o := range orgs {
		if !seen[o.ParentID] || seen[o.ID] {
			t.Fatalf("organisation %+v: parent absent or id twice", o)
		}
		seen[o.ID] = true
	}
	scopes := map[string]bool{"": true}
	for _, sc := range base.Scopes() {
		for _, p := range sc.Prefixes {
			if _, ok := tree.Get(p); !ok && p != "31" {
				t.Errorf("scope %s names no region %s", sc.Code, p)
			}
		}
		scopes[sc.Code] = true
	}
	for _, o := range orgs {
		if !scopes[o.ScopeCode] {
			t.Errorf("%s has no scope %s", o.Name, o.ScopeCode)
		}
	}
	if len(orgs) != 236 || !seen["org-310101013"] {
		t.Fatalf("%d organisations", len(orgs))
	}
	var g struct {
		Features []struct {
			Properties struct{ Code, Name string }
		}
	}
	if err := json.Unmarshal(base.Districts(), &g); err != nil || len(g.Features) != 16 {
		t.Fatalf("%d outlines, %v", len(g.Features), err)
	}
	for _, f := range g.Features {
		if r, ok := tree.Get(f.Properties.Code); !ok || r.Name != f.Properties.Name {
			t.Errorf("outline of %+v has no region", f.Properties)
		}
	}
}
