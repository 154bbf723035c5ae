package hub

import (
	"encoding/json"
	"fmt"
	"slices"

	"jiexun/api/edgev1"
)

// Ranges is a set of sequence numbers as sorted ranges that neither touch nor
// overlap. A box that never loses anything has one.
type Ranges []edgev1.SeqRange

// MaxRanges bounds the set: a box that numbers with holes everywhere is
// refused rather than stored.
const MaxRanges = 4096

// Has tells whether n is in the set.
func (r Ranges) Has(n int64) bool {
	i, _ := slices.BinarySearchFunc(r, n, func(s edgev1.SeqRange, n int64) int {
		switch {
		case s.To < n:
			return -1
		case s.From > n:
			return 1
		}
		return 0
	})
	return i < len(r) && r[i].From <= n && n <= r[i].To
}

// Add gives the set with the numbers from..to.
func (r Ranges) Add(from, to int64) Ranges {
	if from > to {
		return r
	}
	out := make(Ranges, 0, len(r)+1)
	placed := false
	for _, s := range r {
		switch {
		case s.To < from-1:
			out = append(out, s)
		case s.From > to+1:
			if !placed {
				out = append(out, edgev1.SeqRange{From: from, To: to})
				placed = true
			}
			out = append(out, s)
		default:
			from, to = min(from, s.From), max(to, s.To)
		}
	}
	if !placed {
		out = append(out, edgev1.SeqRange{From: from, To: to})
	}
	return out
}

// Last is the greatest number of the set, 0 when it is empty.
func (r Ranges) Last() int64 {
	if len(r) == 0 {
		return 0
	}
	return r[len(r)-1].To
}

// Count is how many numbers the set holds.
func (r Ranges) Count() int64 {
	n := int64(0)
	for _, s := range r {
		n += s.To - s.From + 1
	}
	return n
}

// Holes are the numbers from..to that are not in the set.
func (r Ranges) Holes(from, to int64) Ranges {
	out := Ranges{}
	next := from
	for _, s := range r {
		if s.To < next {
			continue
		}
		if s.From > to {
			break
		}
		if s.From > next {
			out = append(out, edgev1.SeqRange{From: next, To: s.From - 1})
		}
		next = s.To + 1
	}
	if next <= to {
		out = append(out, edgev1.SeqRange{From: next, To: to})
	}
	return out
}

// Union adds all numbers of o.
func (r Ranges) Union(o Ranges) Ranges {
	for _, s := range o {
		r = r.Add(s.From, s.To)
	}
	return r
}

func parseRanges(s string) (Ranges, error) {
	var pairs [][2]int64
	if err := json.Unmarshal([]byte(s), &pairs); err != nil {
		return nil, fmt.Errorf("read stored ranges: %w", err)
	}
	r := make(Ranges, 0, len(pairs))
	for _, p := range pairs {
		r = append(r, edgev1.SeqRange{From: p[0], To: p[1]})
	}
	return r, nil
}

func (r Ranges) text() string {
	b := []byte{'['}
	for i, s := range r {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, "[%d,%d]", s.From, s.To)
	}
	return string(append(b, ']'))
}
