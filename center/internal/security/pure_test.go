package security

import (
	"testing"

	"pgregory.net/rapid"
)

func TestQuantileLiesInItsBucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h hourRow
		all := rapid.SliceOfN(rapid.Int64Range(0, 2500), 1, 200).Draw(t, "ms")
		for _, ms := range all {
			h.add(call{ms: ms, status: 200})
		}
		b := [10]int64{}
		for i, p := range h.buckets() {
			b[i] = *p
		}
		got := quantile(0.95, b)
		below := 0
		for _, ms := range all {
			if ms <= bucketTop(got) {
				below++
			}
		}
		if float64(below) < 0.95*float64(len(all)) {
			t.Fatalf("p95 %d of %v: only %d of %d are within its bucket", got, all, below, len(all))
		}
		if h.Calls != int64(len(all)) || h.OK != h.Calls {
			t.Fatalf("counted %+v", h)
		}
	})
}

func bucketTop(v int64) int64 {
	for _, top := range bounds() {
		if v <= top {
			return top
		}
	}
	return 1 << 40
}

func TestDayNumber(t *testing.T) {
	for s, want := range map[string][2]int{
		"2026-11-25": {20261125, 20261125}, "2026-11-25T00:00:00+08:00": {20261125, 20261124}, "2026-11-24T16:00:00.000Z": {20261125, 20261124},
		"2026-11-25 T": {0, 0}, "": {0, 0}, "20261125": {0, 0},
	} {
		if a, b := DayNumber(s, false), DayNumber(s, true); a != want[0] || b != want[1] {
			t.Errorf("%q: %d and %d, want %v", s, a, b, want)
		}
	}
}

func FuzzDayNumber(f *testing.F) {
	f.Add("2026-11-25")
	f.Add("")
	f.Add("-----------")
	f.Fuzz(func(t *testing.T, s string) {
		if n := DayNumber(s, len(s)%2 == 0); n < 0 || n > 99999999 {
			t.Errorf("%q gives %d", s, n)
		}
	})
}
