package textkey_test

import (
	"slices"
	"strings"
	"testing"

	"jiexun/center/internal/platform/pinyin"
	"jiexun/center/internal/platform/textkey"
)

// finds is what a store does: a way finds a row when the row has all its
// keys and contains its text.
func finds(name, code, typed string) bool {
	text, keys := textkey.Text([]string{name}, code), textkey.Keys(name)
	for _, w := range textkey.Query(typed) {
		all := true
		for _, k := range w.Keys {
			all = all && slices.Contains(keys, k)
		}
		if all && strings.Contains(text, w.Contains) {
			return true
		}
	}
	return false
}

func TestFinds(t *testing.T) {
	for _, x := range []struct {
		name, typed string
		want        bool
	}{
		{"外滩-013-02 沿街商铺", "沿街", true},
		{"外滩-013-02 沿街商铺", "yjsp", true},
		{"外滩-013-02 沿街商铺", "waitan", true},
		{"外滩-013-02 沿街商铺", "wai t", true},
		{"外滩-013-02 沿街商铺", "waita", true},
		{"外滩-013-02 沿街商铺", "yanjies", true},
		{"外滩-013-02 沿街商铺", "yanjiesa", false},
		{"外滩-013-02 沿街商铺", "WT", true},
		{"外滩-013-02 沿街商铺", "沿商", false},
		{"外滩-013-02 沿街商铺", "aitan", false}, // not at the start of a syllable
		{"西安路口", "xian", true},
		{"先锋路口", "xian", true},
		{"仙霞路", "xianxia", true},
		{"南京东路 320 号", "３２０", true},
		{"长宁路", "changning", true},
		{"闵行", "minhang", true},
		{"外滩", "", false},
		{"外滩", "%", false},
	} {
		if got := finds(x.name, "31010101301320000001", x.typed); got != x.want {
			t.Errorf("%q finds %q: %v, want %v", x.typed, x.name, got, x.want)
		}
	}
}

// Whatever part of a name a person types finds the name.
func FuzzPartsAreFound(f *testing.F) {
	f.Add("外滩-013-02 沿街商铺", 2, 5)
	f.Add("Coffee 店 ＡＢＣ", 0, 9)
	f.Add("'\"%_\n\x00", 0, 3)
	f.Fuzz(func(t *testing.T, name string, from, n int) {
		c := []rune(strings.TrimSpace(name))
		if from < 0 || n <= 0 || from >= len(c) || len(c) > 200 || n > len(c)-from {
			return
		}
		part := string(c[from : from+n])
		if strings.Join(strings.Fields(pinyin.Fold(part)), " ") != pinyin.Fold(part) || strings.Contains(part, "'") {
			return // gaps and marks are made one
		}
		if !finds(name, "", part) {
			t.Errorf("%q is not found by %q", name, part)
		}
	})
}

func BenchmarkKeys(b *testing.B) {
	for b.Loop() {
		textkey.Keys("外滩-013-02 沿街商铺", "演示路 21 号西侧")
	}
}
