package sign

import (
	"strings"

	"jiexun/edge-agent/internal/analytic"
)

// decodeCTC joins the reader's steps to a text: repeats of one class collapse
// and blanks (class 0) fall out. The confidence is the mean probability of
// the characters kept, 0 without any, and least that of the worst one.
// Classes outside the alphabet are left out.
func decodeCTC(steps []analytic.TextStep, alphabet []string) (text string, confidence, least float64) {
	var b strings.Builder
	sum, n, last := 0.0, 0, 0
	least = 1
	for _, s := range steps {
		if s.Class != last && s.Class > 0 && s.Class < len(alphabet) {
			b.WriteString(alphabet[s.Class])
			sum += float64(s.P)
			least = min(least, float64(s.P))
			n++
		}
		last = s.Class
	}
	if n == 0 {
		return "", 0, 0
	}
	return strings.TrimSpace(b.String()), min(max(sum/float64(n), 0), 1), max(least, 0)
}
