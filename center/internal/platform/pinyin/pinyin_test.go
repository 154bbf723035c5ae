package pinyin_test

import (
	"testing"

	"jiexun/center/internal/platform/pinyin"
)

func TestInitials(t *testing.T) {
	for in, want := range map[string]string{
		"外滩-013-02 沿街商铺": "wt01302yjsp",
		"长宁区愚园路":         "cnqyyl",
		"闵行区莘庄":          "mhqxz",
		"银行（ＡＴＭ）":        "yha",
		"重庆南路 30 弄":      "cqnl30l",
		"":               "",
		"！？":             "",
		"Coffee 店":       "cd",
		"大世界":            "dsj",
		"徐家汇街道漕溪北路人行天桥东侧": "xjhjdcxblrxtqdc",
	} {
		if got := pinyin.Initials(in); got != want {
			t.Errorf("%q sounds %q, want %q (%v)", in, got, want, pinyin.Syllables(in))
		}
	}
}

func TestOf(t *testing.T) {
	for c, want := range map[rune]string{'外': "wai", '长': "chang", '绿': "lv", 'a': "", '。': "", '女': "nv"} {
		if got := pinyin.Of(c); got != want {
			t.Errorf("%c sounds %q, want %q", c, got, want)
		}
	}
	if got := pinyin.Full("长宁区 Coffee 店"); got != "changningqucoffeedian" {
		t.Errorf("got %q", got)
	}
}

func BenchmarkSyllables(b *testing.B) {
	for b.Loop() {
		pinyin.Syllables("外滩-013-02 沿街商铺")
	}
}
