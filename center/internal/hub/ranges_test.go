package hub

import (
	"testing"

	"pgregory.net/rapid"
)

// The set behaves as a map of numbers would, whatever is added in whatever
// order, and survives its stored form.
func TestRangesAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		model := map[int64]bool{}
		var r Ranges
		for range rapid.IntRange(0, 30).Draw(t, "adds") {
			from := rapid.Int64Range(1, 60).Draw(t, "from")
			to := from + rapid.Int64Range(-1, 6).Draw(t, "length")
			r = r.Add(from, to)
			for n := from; n <= to; n++ {
				model[n] = true
			}
		}
		back, err := parseRanges(r.text())
		if err != nil {
			t.Fatal(err)
		}
		last := int64(0)
		for n := int64(1); n <= 70; n++ {
			if r.Has(n) != model[n] || back.Has(n) != model[n] {
				t.Fatalf("%v has %d: %v, want %v", r, n, r.Has(n), model[n])
			}
			if model[n] {
				last = n
			}
		}
		if r.Last() != last || r.Count() != int64(len(model)) {
			t.Fatalf("%v: last %d count %d, want %d and %d", r, r.Last(), r.Count(), last, len(model))
		}
		for i := 1; i < len(r); i++ {
			if r[i].From <= r[i-1].To+1 {
				t.Fatalf("%v: ranges touch", r)
			}
		}
		holes := r.Holes(3, 50)
		for n := int64(3); n <= 50; n++ {
			if holes.Has(n) == model[n] {
				t.Fatalf("holes %v of %v at %d", holes, r, n)
			}
		}
		if holes.Has(2) || holes.Has(51) || holes.Count()+within(r, 3, 50).Count() != 48 {
			t.Fatalf("holes %v of %v leave 3..50", holes, r)
		}
	})
}
