package sign

import (
	"strings"
	"unicode"
)

// names compares read texts with registered names.
type names struct {
	c     NameConfig
	pairs map[rune]rune
}

func newNames(c NameConfig) names {
	n := names{c: c, pairs: map[rune]rune{}}
	for _, s := range c.Pairs {
		r := []rune(s)
		for i := 0; i+1 < len(r); i += 2 {
			if r[i] != r[i+1] {
				n.pairs[r[i]] = r[i+1]
			}
		}
	}
	return n
}

// plain folds full width to half width, traditional to simplified and upper
// to lower case, and drops spaces, brackets and other marks.
func (n names) plain(s string) []rune {
	var out []rune
	for _, r := range s {
		if r >= 0xFF01 && r <= 0xFF5E {
			r -= 0xFEE0
		}
		if p, ok := n.pairs[r]; ok {
			r = p
		}
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			out = append(out, unicode.ToLower(r))
		}
	}
	return out
}

// variants are the forms of a name that count as the name: whole, and
// without the branch and the legal words.
func (n names) variants(s string) [][]rune {
	short := s
	for _, w := range n.c.Company {
		short = strings.ReplaceAll(short, w, "")
	}
	short = n.cutBranch(short)
	out := [][]rune{n.plain(s)}
	if v := n.plain(short); len(v) >= 2 && string(v) != string(out[0]) {
		out = append(out, v)
	}
	return out
}

// cutBranch drops "（人民路店）" at the end, or "人民路店" after at least two
// characters of name.
func (n names) cutBranch(s string) string {
	s = strings.TrimSpace(s)
	r := []rune(s)
	if len(r) > 0 && strings.ContainsRune("）)】]", r[len(r)-1]) {
		for i := len(r) - 2; i > 0; i-- {
			if strings.ContainsRune("（(【[", r[i]) {
				if hasEnd(string(r[i+1:len(r)-1]), n.c.BranchEnds) {
					return strings.TrimSpace(string(r[:i]))
				}
				break
			}
		}
	}
	for _, road := range n.c.BranchRoads {
		tail := road + "店"
		if !strings.HasSuffix(s, tail) {
			continue
		}
		// A road's name is mostly two characters: 人民路, 中山路.
		if keep := len(r) - len([]rune(tail)) - 2; keep >= 2 {
			return string(r[:keep])
		}
	}
	return s
}

func hasEnd(s string, ends []string) bool {
	for _, e := range ends {
		if strings.HasSuffix(s, e) {
			return true
		}
	}
	return false
}

// distance is the edit distance over the longer length between the nearest
// forms of two names: 0 the same, 1 quite another.
func (n names) distance(registered, read string) float64 {
	best := 1.0
	for _, a := range n.variants(registered) {
		for _, b := range n.variants(read) {
			best = min(best, n.between(a, b))
		}
	}
	return best
}

// replaced tells whether the texts have one length and differ: characters
// were exchanged, none is missing or hidden.
func (n names) replaced(registered, read string) bool {
	for _, a := range n.variants(registered) {
		for _, b := range n.variants(read) {
			if len(a) == len(b) && string(a) != string(b) {
				return true
			}
		}
	}
	return false
}

func (n names) between(a, b []rune) float64 {
	longer, shorter := max(len(a), len(b)), min(len(a), len(b))
	if longer == 0 || shorter == 0 {
		return 1
	}
	d := float64(edits(a, b)) / float64(longer)
	if shorter >= n.c.ContainMinRunes && (strings.Contains(string(a), string(b)) || strings.Contains(string(b), string(a))) {
		d *= n.c.ContainWeight
	}
	return d
}

func edits(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, ca := range a {
		prev := row[0]
		row[0] = i + 1
		for j, cb := range b {
			cost := prev
			if ca != cb {
				cost++
			}
			prev = row[j+1]
			row[j+1] = min(cost, row[j]+1, prev+1)
		}
	}
	return row[len(b)]
}
