package match

import (
	"cmp"
	"math"
	"slices"
)

// Verdict is the answer about one sign.
type Verdict string

// The answers.
const (
	Same       Verdict = "same"       // the shop of the registry, no person needed
	New        Verdict = "new"        // no shop of the registry
	Suspected  Verdict = "suspected"  // perhaps one: a person says
	Renamed    Verdict = "renamed"    // another name in a shop's own place
	Moved      Verdict = "moved"      // the shop's name, but elsewhere
	Unreadable Verdict = "unreadable" // nothing can be said
)

// Place is where something is; WGS84 degrees.
type Place struct{ Lng, Lat float64 }

// Metres is the great-circle distance between two places.
func Metres(a, b Place) float64 {
	const earth = 6371008.8
	rad := math.Pi / 180
	dLat, dLng := (b.Lat-a.Lat)*rad, (b.Lng-a.Lng)*rad
	h := math.Pow(math.Sin(dLat/2), 2) + math.Cos(a.Lat*rad)*math.Cos(b.Lat*rad)*math.Pow(math.Sin(dLng/2), 2)
	return 2 * earth * math.Asin(math.Sqrt(math.Min(1, h)))
}

// Reading is what was read on one sign.
type Reading struct {
	// Text is the joined main line, Lines all that was read there.
	Text       string
	Lines      []string
	Confidence float64 // 0..1
	GlyphPx    float64
	// At is where the sign is known to be: its zone's shop, else its camera.
	At Place
	// Zoned tells that it was read in a zone drawn for one sign.
	Zoned bool
}

// texts are what may be the shop's name.
func (r Reading) texts() []string {
	out := []string{r.Text}
	for _, l := range r.Lines {
		if l != r.Text {
			out = append(out, l)
		}
	}
	return out
}

// Candidate is a shop of the registry that may be the one.
type Candidate struct {
	ID string
	// Names are its name, sign, aliases.
	Names []string
	At    Place
	// Zone tells that the zone of the reading is bound to this shop.
	Zone bool
}

// Scored is a candidate with how it came out.
type Scored struct {
	ID        string   `json:"id"`
	Total     float64  `json:"total"`
	Text      Likeness `json:"text"`
	Position  float64  `json:"position"`
	DistanceM float64  `json:"distanceM"`
	Zone      bool     `json:"zone"`
}

// Result is the answer about one sign and why.
type Result struct {
	Verdict Verdict `json:"verdict"`
	// Shop is the shop that the verdict speaks of, empty for a new one.
	Shop string `json:"shop,omitempty"`
	// Why says in words what decided.
	Why string `json:"why"`
	// Candidates are the best shops, best first, at most five.
	Candidates []Scored `json:"candidates"`
}

// Best is the shop spoken of, or the zero value.
func (r Result) Best() Scored {
	for _, c := range r.Candidates {
		if c.ID == r.Shop {
			return c
		}
	}
	return Scored{}
}

// Weights of name and place in the total by which candidates are ordered.
const (
	weightText  = 0.75
	weightPlace = 0.25
	kept        = 5
)

// position is 1 in the shop's own zone and near by, and falls to 0 at the
// edge of the search.
func position(zone bool, d float64, r Thresholds) float64 {
	if zone || d <= r.CameraM {
		return 1
	}
	return max(0, 1-(d-r.CameraM)/max(r.SearchM-r.CameraM, 1))
}

// Judge answers about one sign. Candidates beyond the search distance that
// are not of the zone are left out.
func (m *Matcher) Judge(read Reading, list []Candidate, r Thresholds) Result {
	if len(m.Fold(read.Text)) < 2 {
		return Result{Verdict: Unreadable, Why: "没有读出两个以上的字", Candidates: []Scored{}}
	}
	words := m.written(read.texts())
	res := Result{Candidates: []Scored{}}
	for _, c := range list {
		d := Metres(read.At, c.At)
		if !c.Zone && d > r.SearchM {
			continue
		}
		t := m.best(words, m.written(c.Names))
		p := position(c.Zone, d, r)
		res.Candidates = append(res.Candidates, Scored{ID: c.ID, Total: weightText*t.Score + weightPlace*p, Text: t, Position: p, DistanceM: d, Zone: c.Zone})
	}
	slices.SortStableFunc(res.Candidates, func(a, b Scored) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.DistanceM, b.DistanceM), cmp.Compare(a.ID, b.ID))
	})
	own := slices.IndexFunc(res.Candidates, func(c Scored) bool { return c.Zone })
	var zone *Scored
	if own >= 0 {
		z := res.Candidates[own]
		zone = &z
	}
	res.decide(read, zone, r)
	if len(res.Candidates) > kept {
		res.Candidates = res.Candidates[:kept]
	}
	if zone != nil && !slices.ContainsFunc(res.Candidates, func(c Scored) bool { return c.Zone }) {
		res.Candidates[kept-1] = *zone
	}
	return res
}

// decide goes from the surest to the least sure.
func (res *Result) decide(read Reading, zone *Scored, r Thresholds) {
	weak := read.Confidence < r.MinConfidence || read.GlyphPx < r.MinGlyphPx
	say := func(v Verdict, shop, why string) { res.Verdict, res.Shop, res.Why = v, shop, why }
	best, next := Scored{}, Scored{}
	if len(res.Candidates) > 0 {
		best = res.Candidates[0]
	}
	if len(res.Candidates) > 1 {
		next = res.Candidates[1]
	}
	switch {
	case zone != nil && zone.Text.Score >= r.SameText:
		say(Same, zone.ID, "围栏绑定的商铺，名称一致")
	case weak && (best.Text.Score < r.SuspectText):
		say(Unreadable, "", "置信度或字高不够，也不像附近任何一家")
	case zone != nil && best.ID != zone.ID && best.Text.Score >= r.SameText:
		say(Suspected, best.ID, "名称像另一家，围栏可能绑错或店铺已搬到这里")
	case zone != nil && zone.Text.Score >= r.SuspectText:
		say(Suspected, zone.ID, "围栏绑定的商铺，名称部分相同")
	case zone != nil && !weak && read.Confidence >= r.SureConfidence:
		say(Renamed, zone.ID, "围栏绑定的商铺，名称不同")
	case zone != nil:
		say(Suspected, zone.ID, "围栏绑定的商铺，名称不同，但识读把握不大")
	default:
		res.free(best, next, weak, r)
	}
}

// free decides about a sign that no zone speaks of.
func (res *Result) free(best, next Scored, weak bool, r Thresholds) {
	say := func(v Verdict, shop, why string) { res.Verdict, res.Shop, res.Why = v, shop, why }
	switch {
	case best.Text.Score >= r.SameText && next.Text.Score >= r.SameText && best.Total-next.Total < r.Margin && best.Text.Score < 1:
		say(Suspected, best.ID, "附近有两家名称都相近的商铺")
	case best.Text.Score >= r.SameText && next.Text.Score >= best.Text.Score && next.DistanceM <= r.CameraM && best.DistanceM <= r.CameraM:
		say(Suspected, best.ID, "附近有两家同名的商铺")
	case best.Text.Score >= r.SameText && best.DistanceM <= max(r.MoveM, r.CameraM):
		say(Same, best.ID, "名称一致，位置在附近")
	case best.Text.Score >= r.SameText:
		say(Moved, best.ID, "名称一致，位置超出阈值")
	case best.Text.Score >= r.SuspectText:
		say(Suspected, best.ID, "名称部分相同")
	case weak:
		say(Unreadable, "", "置信度或字高不够")
	default:
		say(New, "", "附近没有名称相近的商铺")
	}
}
