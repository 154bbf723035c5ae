package grams_test

import (
	"slices"
	"strings"
	"testing"

	"jiexun/center/internal/platform/grams"
)

func TestOf(t *testing.T) {
	if got := grams.Of("占道堆物，ABc１２"); !slices.Equal(got, []string{"占道", "道堆", "堆物", "物", "ab", "bc", "c1", "12", "2"}) {
		t.Errorf("%q", got)
	}
}

// FuzzAsk holds that what is looked for is found in every text that holds it:
// its pairs are pairs of the text, its single characters begin one.
func FuzzAsk(f *testing.F) {
	for _, s := range []string{"占道堆物", "a", "跨门 经营", "", "  ，。", "\xff", "顺达五金１２号"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		have := grams.Of("前文", s, "后文")
		q := grams.Ask(s)
		for _, p := range q.Pairs {
			if !slices.Contains(have, p) {
				t.Errorf("pair %q of %q is not found", p, s)
			}
		}
		for _, p := range q.Starts {
			if !slices.ContainsFunc(have, func(g string) bool { return strings.HasPrefix(g, p) && g < grams.After(p) }) {
				t.Errorf("start %q of %q is not found", p, s)
			}
		}
	})
}
