// Package grams cuts text into pairs of characters, so that a table of them
// finds a piece of Chinese text without reading every row, on both databases.
package grams

import (
	"strings"
	"unicode"
)

// Fold makes what is written in several ways equal: letters lower-case, full
// width as half width, and everything but letters and digits a gap.
func Fold(s string) []string {
	var out []string
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			out = append(out, b.String())
			b.Reset()
		}
	}
	for _, r := range s {
		if r >= 0xFF01 && r <= 0xFF5E {
			r -= 0xFEE0
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(unicode.ToLower(r))
			continue
		}
		flush()
	}
	flush()
	return out
}

// Of gives the different pairs of a text, and the last character of each word
// alone, so that every character begins a gram.
func Of(texts ...string) []string {
	seen, out := map[string]bool{}, []string{}
	add := func(g string) {
		if !seen[g] {
			seen[g] = true
			out = append(out, g)
		}
	}
	for _, t := range texts {
		for _, w := range Fold(t) {
			r := []rune(w)
			for i := range r {
				add(string(r[i:min(i+2, len(r))]))
			}
		}
	}
	return out
}

// Query is what a text that somebody looks for asks of the table: every gram
// of Pairs, and for a word of one character any gram that begins with it.
type Query struct {
	Pairs  []string
	Starts []string
}

// Empty tells that nothing is looked for.
func (q Query) Empty() bool { return len(q.Pairs) == 0 && len(q.Starts) == 0 }

// most is how many grams of a query are asked for: more make it no narrower.
const most = 12

// Ask cuts a text that somebody looks for.
func Ask(text string) Query {
	var q Query
	seen := map[string]bool{}
	for _, w := range Fold(text) {
		r := []rune(w)
		if len(r) == 1 && !seen[w] && len(q.Starts) < most {
			seen[w] = true
			q.Starts = append(q.Starts, w)
		}
		for i := 0; i+2 <= len(r) && len(q.Pairs) < most; i++ {
			if g := string(r[i : i+2]); !seen[g] {
				seen[g] = true
				q.Pairs = append(q.Pairs, g)
			}
		}
	}
	return q
}

// After is the end, exclusive, of the grams that begin with s.
func After(s string) string { return s + "\U0010FFFF" }
