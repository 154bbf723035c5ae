package match

import (
	"cmp"
	"slices"
)

// Difference is what a comparison of reports with sightings finds.
type Difference string

// The differences; Unseen says that nobody looked there, which is no
// statement about the shop.
const (
	DiffSame       Difference = "same"
	DiffRenamed    Difference = "renamed"
	DiffMoved      Difference = "moved"
	DiffUnreported Difference = "unreported"
	DiffVanished   Difference = "vanished"
	DiffUnseen     Difference = "unseen"
)

// Point is one side of a comparison: a reported shop, or a sign that was
// seen.
type Point struct {
	ID string
	// Names of a report are its name and other ones, of a sighting what was
	// read.
	Names []string
	At    Place
	// Address joins sides by house number when both have one: road and
	// number, folded by the caller; empty when unknown.
	Address string
}

// Pair is one line of a comparison; one side may be empty.
type Pair struct {
	Kind             Difference
	Report, Sighting string
	Similarity       float64
	DistanceM        float64
}

// Compare pairs each report with at most one sighting and tells what differs.
// The most alike pairs are taken first, so that the answer does not depend on
// the order of the lists.
func (m *Matcher) Compare(reports, sightings []Point, r Thresholds) []Pair {
	links := m.links(reports, sightings, r)
	usedR, usedS := make([]bool, len(reports)), make([]bool, len(sightings))
	var out []Pair
	take := func(l link, k Difference) {
		usedR[l.r], usedS[l.s] = true, true
		out = append(out, Pair{Kind: k, Report: reports[l.r].ID, Sighting: sightings[l.s].ID, Similarity: l.text, DistanceM: l.d})
	}
	for _, l := range links {
		if usedR[l.r] || usedS[l.s] || l.text < r.SameText {
			continue
		}
		if l.d <= r.MoveM {
			take(l, DiffSame)
		} else {
			take(l, DiffMoved)
		}
	}
	slices.SortFunc(links, func(a, b link) int { return cmp.Or(cmp.Compare(a.place, b.place), a.order(b, reports, sightings)) })
	for _, l := range links {
		if !usedR[l.r] && !usedS[l.s] && l.place <= r.RenameM {
			take(l, DiffRenamed)
		}
	}
	for i, p := range reports {
		if usedR[i] {
			continue
		}
		k := DiffUnseen
		if slices.ContainsFunc(sightings, func(s Point) bool { return Metres(p.At, s.At) <= r.CoverM }) {
			k = DiffVanished
		}
		out = append(out, Pair{Kind: k, Report: p.ID})
	}
	for i, s := range sightings {
		if !usedS[i] {
			out = append(out, Pair{Kind: DiffUnreported, Sighting: s.ID})
		}
	}
	return out
}

// link is a possible pair.
type link struct {
	r, s     int
	text, d  float64
	place    float64 // distance, or 0 at the same house number
	combined float64
}

// order decides between links that are alike, by their ids.
func (l link) order(o link, reports, sightings []Point) int {
	return cmp.Or(cmp.Compare(reports[l.r].ID, reports[o.r].ID), cmp.Compare(sightings[l.s].ID, sightings[o.s].ID))
}

// links are the pairs within the search distance, most alike first.
func (m *Matcher) links(reports, sightings []Point, r Thresholds) []link {
	words := make([][]written, len(sightings))
	for i, s := range sightings {
		words[i] = m.written(s.Names)
	}
	grid := newGrid(sightings, r.SearchM)
	var out []link
	for i, p := range reports {
		names := m.written(p.Names)
		for _, k := range grid.near(p.At) {
			d := Metres(p.At, sightings[k].At)
			if d > r.SearchM {
				continue
			}
			l := link{r: i, s: k, text: m.best(words[k], names).Score, d: d, place: d}
			if p.Address != "" && p.Address == sightings[k].Address {
				l.place = 0
			}
			l.combined = weightText*l.text + weightPlace*(1-d/max(r.SearchM, 1))
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b link) int {
		return cmp.Or(cmp.Compare(b.combined, a.combined), a.order(b, reports, sightings))
	})
	return out
}

// grid finds points near a place without looking at all of them.
type grid struct {
	cell  float64 // degrees
	cells map[[2]int][]int
}

func newGrid(list []Point, metres float64) grid {
	g := grid{cell: max(metres, 1) / 90_000, cells: map[[2]int][]int{}}
	for i, p := range list {
		k := g.key(p.At)
		g.cells[k] = append(g.cells[k], i)
	}
	return g
}

func (g grid) key(p Place) [2]int { return [2]int{int(p.Lng / g.cell), int(p.Lat / g.cell)} }

func (g grid) near(p Place) []int {
	var out []int
	c := g.key(p)
	for x := c[0] - 1; x <= c[0]+1; x++ {
		for y := c[1] - 1; y <= c[1]+1; y++ {
			out = append(out, g.cells[[2]int{x, y}]...)
		}
	}
	slices.Sort(out)
	return out
}
