package region_test

import (
	"strings"
	"testing"

	"jiexun/center/internal/platform/region"
)

func FuzzParse(f *testing.F) {
	f.Add("code,name,level,parent\n310000,上海市,city,\n310101,黄浦区,district,310000\n")
	f.Add("# note\n310000,a,city,\n310000,a,city,\n")
	f.Add("\"")
	f.Fuzz(func(t *testing.T, s string) {
		tree, err := region.Parse(strings.NewReader(s))
		if err != nil {
			return
		}
		for _, g := range tree.All() {
			if got, ok := tree.Get(g.Code); !ok || got != g {
				t.Fatalf("%+v is not found", g)
			}
			if !strings.HasPrefix(g.Code, region.Prefix(g.Code)) {
				t.Fatalf("prefix of %s", g.Code)
			}
		}
	})
}

func TestNames(t *testing.T) {
	tree, err := region.Parse(strings.NewReader("310000,上海市,city,\n310101,黄浦区,district,310000\n310101013,外滩街道,street,310101\n"))
	if err != nil {
		t.Fatal(err)
	}
	for code, want := range map[string][3]string{
		"310101013": {"外滩街道", "外滩街道", "310101"}, "310101": {"黄浦区", "", "310101"}, "310000": {"上海市", "", ""}, "999": {"999", "", ""},
	} {
		if got := [3]string{tree.Name(code), tree.Street(code), tree.District(code)}; got != want {
			t.Errorf("%s: %v, want %v", code, got, want)
		}
	}
	if region.Prefix("310000") != "31" || region.Prefix("310101013") != "310101013" {
		t.Error("prefixes")
	}
}
