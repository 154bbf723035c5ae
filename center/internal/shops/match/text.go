// Package match decides whether the text read on a sign belongs to a shop of
// the registry, and compares what was seen in a street with what was reported
// about it. It is pure: no database, no clock, the thresholds come in as
// Thresholds. Every answer carries how it came about.
package match

import (
	"slices"
	"strings"
	"unicode"

	"jiexun/center/internal/platform/pinyin"
)

// Costs of exchanging one character for another, 1 being any other one.
const (
	costLook  = 0.3  // they look alike, so that a reader takes one for the other
	costSound = 0.45 // they sound alike, so that a typist does
	// A character of a trade word ("超市", "面馆") says less about whose sign
	// it is than one of the shop's own part.
	weightTrade = 0.55
	// A text that holds the other one whole.
	containBase = 0.74
)

// Matcher compares names. It is read-only after NewMatcher and safe for concurrent
// use.
type Matcher struct {
	look   map[[2]rune]bool
	plain  map[rune]rune
	trades []string
}

// NewMatcher makes a matcher.
func NewMatcher() *Matcher {
	m := &Matcher{look: map[[2]rune]bool{}, plain: map[rune]rune{}, trades: tradeWords()}
	for _, g := range strings.Fields(alikeGroups) {
		for _, x := range g {
			for _, y := range g {
				m.look[[2]rune{x, y}] = x != y
			}
		}
	}
	r := []rune(traditional)
	for i := 0; i+1 < len(r); i += 2 {
		if r[i] != r[i+1] {
			m.plain[r[i]] = r[i+1]
		}
	}
	return m
}

// Fold gives the characters of a text that count: half width, simplified,
// lower case, without spaces and marks.
func (m *Matcher) Fold(s string) []rune {
	out := make([]rune, 0, len(s)/3+1)
	for _, r := range s {
		if r >= 0xFF01 && r <= 0xFF5E {
			r -= 0xFEE0
		}
		if c, ok := m.plain[r]; ok {
			r = c
		}
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			out = append(out, unicode.ToLower(r))
		}
	}
	return out
}

// form is one way to write a name.
type form struct {
	runes  []rune
	sounds []string // one for each character, "" where it has none
	weight []float64
	// cut tells what was left out of the name, for people.
	cut string
}

func (m *Matcher) form(r []rune, cut string) form {
	f := form{runes: r, weight: m.weights(r), cut: cut, sounds: make([]string, len(r))}
	for i, c := range r {
		if unicode.Is(unicode.Han, c) {
			f.sounds[i] = pinyin.Of(c)
		}
	}
	return f
}

// weights marks trade words.
func (m *Matcher) weights(r []rune) []float64 {
	w := make([]float64, len(r))
	for i := range w {
		w[i] = 1
	}
	s := string(r)
	for _, t := range m.trades {
		for from := 0; ; {
			k := strings.Index(s[from:], t)
			if k < 0 {
				break
			}
			at := len([]rune(s[:from+k]))
			for i := range []rune(t) {
				w[at+i] = weightTrade
			}
			from += k + len(t)
		}
	}
	own := 0.0
	for _, x := range w {
		if x == 1 {
			own++
		}
	}
	if own == 0 { // a name of nothing but trade words is told by all of them
		for i := range w {
			w[i] = 1
		}
	}
	return w
}

// forms are the ways of writing a name that count as the name: as it is,
// without the legal words around it, without the branch.
func (m *Matcher) forms(name string) []form {
	out := []form{m.form(m.Fold(name), "")}
	add := func(s, cut string) {
		r := m.Fold(s)
		if len(r) >= 2 && !slices.ContainsFunc(out, func(f form) bool { return string(f.runes) == string(r) }) {
			out = append(out, m.form(r, cut))
		}
	}
	branch, cutBranch := withoutBranch(name)
	legal, cutLegal := withoutLegal(branch)
	add(branch, cutBranch)
	add(legal, strings.Trim(cutLegal+" "+cutBranch, " "))
	if l, c := withoutLegal(name); c != "" {
		add(l, c)
	}
	return out
}

// withoutLegal drops the place before and the kind of company after a name.
func withoutLegal(s string) (rest, cut string) {
	rest = strings.TrimSpace(s)
	for _, p := range placePrefixes() {
		if r, ok := strings.CutPrefix(rest, p); ok && len([]rune(r)) >= 2 {
			rest, cut = r, p
			break
		}
	}
	for again := true; again; {
		again = false
		for _, e := range legalEnds() {
			if r, ok := strings.CutSuffix(rest, e); ok && len([]rune(r)) >= 2 {
				rest, cut, again = r, strings.TrimSpace(cut+" "+e), true
				break
			}
		}
	}
	return rest, cut
}

// withoutBranch drops "（人民路店）", "人民路店" after at least two characters,
// and words like "总店".
func withoutBranch(s string) (rest, cut string) {
	s = strings.TrimSpace(s)
	r := []rune(s)
	if n := len(r); n > 0 && strings.ContainsRune("）)】]", r[n-1]) {
		for i := n - 2; i > 0; i-- {
			if strings.ContainsRune("（(【[", r[i]) {
				return strings.TrimSpace(string(r[:i])), string(r[i:])
			}
		}
	}
	for _, e := range branchEnds() {
		if b, ok := strings.CutSuffix(s, e); ok && len([]rune(b)) >= 2 {
			return b, e
		}
	}
	for _, road := range []string{"路店", "街店", "大道店", "广场店", "弄店"} {
		if strings.HasSuffix(s, road) {
			if keep := len(r) - len([]rune(road)) - 2; keep >= 2 {
				return string(r[:keep]), string(r[keep:])
			}
		}
	}
	return s, ""
}

// Swap is a pair of characters that were taken for one another.
type Swap struct {
	Read       string `json:"read"`
	Registered string `json:"registered"`
	Why        string `json:"why" enum:"look,sound"`
}

// Likeness is how alike two names are.
type Likeness struct {
	// Score is 1 for the same name and 0 for quite another.
	Score float64 `json:"score"`
	// Registered is the name that fitted best, Read the part of the reading.
	Registered string `json:"registered"`
	Read       string `json:"read"`
	// Cut is what was left out of the registered name, such as 有限公司.
	Cut     string `json:"cut,omitempty"`
	Swaps   []Swap `json:"swaps,omitempty"`
	Contain bool   `json:"contain,omitempty"`
}

// Similarity compares texts read on one sign with the names of one shop and
// gives the best fit.
func (m *Matcher) Similarity(read []string, names []string) Likeness {
	return m.best(m.written(read), m.written(names))
}

// written is one text in all its forms.
type written struct {
	text  string
	forms []form
}

func (m *Matcher) written(list []string) []written {
	out := make([]written, 0, len(list))
	for _, s := range list {
		if s != "" {
			out = append(out, written{s, m.forms(s)})
		}
	}
	return out
}

func (m *Matcher) best(read, names []written) Likeness {
	best := Likeness{}
	for _, x := range read {
		for _, b := range x.forms {
			for _, n := range names {
				for _, a := range n.forms {
					t := m.between(a, b)
					if b.cut != "" && a.cut == "" {
						t.Score *= 0.99 // the whole reading fits before a part of it
					}
					if t.Score > best.Score {
						t.Registered, t.Read = n.text, x.text
						best = t
					}
				}
			}
		}
	}
	return best
}

// between compares a registered form with a read one.
func (m *Matcher) between(a, b form) Likeness {
	la, lb := len(a.runes), len(b.runes)
	if la == 0 || lb == 0 {
		return Likeness{}
	}
	cost, swaps := m.distance(a, b)
	t := Likeness{Score: 1 - cost, Swaps: swaps, Cut: a.cut}
	long, short := string(a.runes), string(b.runes)
	n := min(la, lb)
	if la < lb {
		long, short = short, long
	}
	if n >= 2 && la != lb && strings.Contains(long, short) {
		ratio := float64(n) / float64(max(la, lb))
		score := containBase + (1-containBase)*ratio
		if n == 2 {
			score = 0.5 + 0.4*ratio
		}
		if score > t.Score {
			t = Likeness{Score: score, Cut: a.cut, Contain: true}
		}
	}
	return t
}

// distance is the edit distance by weight over the weight of the heavier
// text, and the exchanged characters that cost less than others.
func (m *Matcher) distance(a, b form) (float64, []Swap) {
	la, lb := len(a.runes), len(b.runes)
	w := lb + 1
	d := make([]float64, (la+1)*w)
	for j := 1; j <= lb; j++ {
		d[j] = d[j-1] + b.weight[j-1]
	}
	for i := 1; i <= la; i++ {
		d[i*w] = d[(i-1)*w] + a.weight[i-1]
		for j := 1; j <= lb; j++ {
			sub := d[(i-1)*w+j-1] + m.exchange(a, i-1, b, j-1)*max(a.weight[i-1], b.weight[j-1])
			d[i*w+j] = min(sub, d[(i-1)*w+j]+a.weight[i-1], d[i*w+j-1]+b.weight[j-1])
		}
	}
	total := max(sum(a.weight), sum(b.weight))
	return min(1, d[la*w+lb]/total), m.trace(a, b, d)
}

func sum(w []float64) float64 {
	s := 0.0
	for _, x := range w {
		s += x
	}
	return s
}

// trace walks back through the table and names the cheap exchanges.
func (m *Matcher) trace(a, b form, d []float64) []Swap {
	var out []Swap
	w := len(b.runes) + 1
	const eps = 1e-9
	for i, j := len(a.runes), len(b.runes); i > 0 && j > 0; {
		x, y := a.runes[i-1], b.runes[j-1]
		here := d[i*w+j]
		c := m.exchange(a, i-1, b, j-1)
		if here >= d[(i-1)*w+j-1]+c*max(a.weight[i-1], b.weight[j-1])-eps {
			if c > 0 && c < 1 {
				why := "sound"
				if c == costLook {
					why = "look"
				}
				out = append(out, Swap{Read: string(y), Registered: string(x), Why: why})
			}
			i, j = i-1, j-1
			continue
		}
		if here >= d[(i-1)*w+j]+a.weight[i-1]-eps {
			i--
		} else {
			j--
		}
	}
	slices.Reverse(out)
	return out
}

// exchange is the cost of reading b's character j where a has character i.
func (m *Matcher) exchange(a form, i int, b form, j int) float64 {
	x, y := a.runes[i], b.runes[j]
	switch {
	case x == y:
		return 0
	case m.look[[2]rune{x, y}]:
		return costLook
	case a.sounds[i] != "" && a.sounds[i] == b.sounds[j]:
		return costSound
	}
	return 1
}
