package match_test

import (
	"sort"
	"testing"

	"jiexun/center/internal/shops/match"
)

// set is what signset and the box's reader wrote.
type set struct {
	Shops    []setShop
	Readings []setReading
}

type setShop struct {
	ID, Name, SignName string
	Aliases            []string
	Lng, Lat           float64
	Fate               string
}

type setReading struct {
	Camera     string
	Lng, Lat   float64
	Name, Kind string
	Shop       string
	Bound      string
	Covered    float64
	Text       string
	Lines      []string
	Confidence float64
	GlyphPx    float64
}

// outcome counts how readings came out.
type outcome struct {
	signs int
	// right were decided without a person and rightly; wrong were decided
	// without a person and are not so.
	right, wrong int
	// asked go to a person; hinted of them have the right shop first, or
	// none where there is none.
	asked, hinted int
	unreadable    int
	verdicts      map[string]int
	mistakes      []string
}

// measure judges all readings. "same" needs no person; everything else that
// can be read does.
func measure(m *match.Matcher, s set, r match.Thresholds, verbose bool) outcome {
	cands := make([]match.Candidate, len(s.Shops))
	for i, x := range s.Shops {
		names := []string{x.SignName}
		if x.Name != x.SignName {
			names = append(names, x.Name)
		}
		cands[i] = match.Candidate{ID: x.ID, Names: append(names, x.Aliases...), At: match.Place{Lng: x.Lng, Lat: x.Lat}}
	}
	byID := map[string]int{}
	for i, c := range cands {
		byID[c.ID] = i
	}
	o := outcome{verdicts: map[string]int{}}
	for _, x := range s.Readings {
		read := match.Reading{Text: x.Text, Lines: x.Lines, Confidence: x.Confidence, GlyphPx: x.GlyphPx, At: match.Place{Lng: x.Lng, Lat: x.Lat}, Zoned: x.Bound != ""}
		list := []match.Candidate{}
		if x.Bound != "" {
			read.At = cands[byID[x.Bound]].At
		}
		for _, c := range cands {
			c.Zone = c.ID == x.Bound && x.Bound != ""
			if c.Zone || match.Metres(read.At, c.At) <= r.SearchM {
				list = append(list, c)
			}
		}
		res := m.Judge(read, list, r)
		o.take(x, res, verbose)
	}
	return o
}

func (o *outcome) take(x setReading, res match.Result, verbose bool) {
	key := x.Kind + "→" + string(res.Verdict)
	o.verdicts[key]++
	if x.Kind == "gone" {
		if res.Verdict == match.Same {
			o.wrong++
			o.mistakes = append(o.mistakes, "empty plate taken for "+res.Shop)
		}
		return
	}
	o.signs++
	switch res.Verdict {
	case match.Unreadable:
		o.unreadable++
	case match.Same:
		if x.Kind == "same" && res.Shop == x.Shop {
			o.right++
			return
		}
		o.wrong++
		o.mistakes = append(o.mistakes, x.Kind+" "+x.Name+" read "+x.Text+" taken for "+res.Best().Text.Registered)
	default:
		o.asked++
		want := ""
		if x.Kind != "new" {
			want = x.Shop
		}
		if res.Shop == want || x.Kind == "renamed" && (res.Verdict == match.New) {
			o.hinted++
		} else if verbose {
			o.mistakes = append(o.mistakes, "hint: "+x.Kind+" "+x.Name+" read "+x.Text+" → "+string(res.Verdict)+" "+res.Best().Text.Registered)
		}
	}
}

func (o outcome) print(t testing.TB) {
	t.Helper()
	pct := func(n int) float64 { return 100 * float64(n) / float64(max(o.signs, 1)) }
	t.Logf("%d signs: decided without a person %d (%.1f %%) right, %d (%.2f %%) wrong; a person looks at %d (%.1f %%), of these %d have the right hint; unreadable %d (%.1f %%)",
		o.signs, o.right, pct(o.right), o.wrong, pct(o.wrong), o.asked, pct(o.asked), o.hinted, o.unreadable, pct(o.unreadable))
	keys := []string{}
	for k := range o.verdicts {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		t.Logf("  %-24s %d", k, o.verdicts[k])
	}
	for _, m := range o.mistakes {
		t.Log("  ", m)
	}
}
