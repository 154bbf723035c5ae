// Package textkey makes names findable among many: the text that a search
// looks through, with pinyin and initials in it, and keys for an index of
// pairs of characters, so that a part of a name is found without reading all
// names.
package textkey

import (
	"hash/fnv"
	"strings"
	"unicode"

	"jiexun/center/internal/platform/pinyin"
)

// Text gives what a search looks through: the names themselves, then what is
// only written (codes), then each name's syllables with a ' before each, and
// its initials after a ".
func Text(names []string, codes ...string) string {
	var b strings.Builder
	for _, n := range append(append([]string{}, names...), codes...) {
		b.WriteString(pinyin.Fold(strings.TrimSpace(n)))
		b.WriteByte('\n')
	}
	for _, n := range names {
		for _, s := range pinyin.Syllables(n) {
			b.WriteString("'" + s)
		}
		b.WriteString("\n\"" + pinyin.Initials(n) + "\n")
	}
	return b.String()
}

// Keys gives the keys of names for an index: one for each pair of neighbours
// among the characters and among the initials.
func Keys(names ...string) []int64 {
	seen, out := map[int64]bool{}, []int64{}
	add := func(list []int64) {
		for _, k := range list {
			if !seen[k] {
				seen[k] = true
				out = append(out, k)
			}
		}
	}
	for _, n := range names {
		add(pairs('c', letters(n)))
		add(pairs('i', []rune(pinyin.Initials(n))))
	}
	return out
}

// letters are the characters of a text that count, in order.
func letters(s string) []rune {
	out := []rune{}
	for _, c := range pinyin.Fold(s) {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			out = append(out, c)
		}
	}
	return out
}

// pairs makes keys of neighbours; kind keeps characters and initials apart.
func pairs(kind byte, text []rune) []int64 {
	out := []int64{}
	for i := 0; i+1 < len(text); i++ {
		h := fnv.New64a()
		_, _ = h.Write(append([]byte{kind}, string(text[i:i+2])...)) // never fails
		out = append(out, int64(h.Sum64()>>1))                       //nolint:gosec // 63 bits
	}
	return out
}

// Way is one reading of what a person typed: rows whose Text contains
// Contains have it, and all of those have all of Keys. Without keys every row
// has to be looked at.
type Way struct {
	Contains string
	Keys     []int64
}

// most bounds the ways that letters can be cut into syllables.
const most = 6

// Query gives the ways to read what a person typed: as it is written, and
// letters as pinyin or as initials too. None for nothing.
func Query(typed string) []Way {
	q := strings.Join(strings.Fields(pinyin.Fold(strings.ReplaceAll(typed, "'", ""))), " ")
	if q == "" {
		return nil
	}
	// Pairs across a gap are not neighbours in every name.
	keys := []int64{}
	for _, part := range strings.FieldsFunc(q, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
		keys = append(keys, pairs('c', []rune(part))...)
	}
	out := []Way{{Contains: q, Keys: keys}}
	word := strings.ReplaceAll(q, " ", "")
	if !latin(word) {
		return out
	}
	out = append(out, Way{Contains: word, Keys: pairs('i', []rune(word))}) // the initials follow a "
	for _, s := range cuts(word) {
		first := make([]rune, len(s))
		for i, x := range s {
			first[i] = rune(x[0])
		}
		out = append(out, Way{Contains: "'" + strings.Join(s, "'"), Keys: pairs('i', first)})
	}
	return out
}

func latin(s string) bool {
	for i := range len(s) {
		if s[i] < 'a' || s[i] > 'z' {
			return false
		}
	}
	return s != ""
}

// cuts finds the ways to cut letters into syllables, the longest first; the
// last may be only begun.
func cuts(word string) [][]string {
	out := [][]string{}
	var walk func(rest string, done []string)
	walk = func(rest string, done []string) {
		if len(out) >= most {
			return
		}
		if rest == "" {
			out = append(out, append([]string{}, done...))
			return
		}
		for n := min(6, len(rest)); n > 0; n-- {
			if pinyin.Syllable(rest[:n]) && (n > 1 || strings.ContainsAny(rest[:1], "aeo")) || n == len(rest) && (n > 1 || len(done) > 0) && pinyin.Starts(rest) {
				walk(rest[n:], append(done, rest[:n]))
			}
		}
	}
	if len(word) <= 40 {
		walk(word, nil)
	}
	return out
}
