package onemap

import (
	"context"
	"sort"
	"strings"
	"time"

	"jiexun/center/internal/onemap/address"
)

// roadsFor is how long the roads in memory are taken for true.
const roadsFor = 2 * time.Minute

// roadIndex finds roads by their name, also when it is written wrongly.
type roadIndex struct {
	at    time.Time
	roads []roadCount
	by    map[string]int
	// pairs leads from two neighbouring characters to the roads that have
	// them.
	pairs map[string][]int
	book  address.Book
}

// roadBook gives the roads of the index, read again after a while.
func (s *Service) roadBook(ctx context.Context) (*roadIndex, error) {
	s.roadsMu.Lock()
	defer s.roadsMu.Unlock()
	now := s.db.Now()
	if s.roads != nil && now.Sub(s.roads.at) < roadsFor {
		return s.roads, nil
	}
	list, err := roadCounts(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	x := &roadIndex{at: now, roads: list, by: map[string]int{}, pairs: map[string][]int{}}
	for i, r := range list {
		x.by[r.Road] = i
		for _, p := range pairsOf(r.Road) {
			x.pairs[p] = append(x.pairs[p], i)
		}
	}
	x.book = s.book()
	x.book.Road = func(name string) bool { _, ok := x.by[name]; return ok }
	s.roads = x
	return x, nil
}

// forgetRoads has the roads read again.
func (s *Service) forgetRoads() {
	s.roadsMu.Lock()
	defer s.roadsMu.Unlock()
	s.roads = nil
}

// book is what is known without any address: districts and streets.
func (s *Service) book() address.Book {
	b := address.Book{}
	for _, r := range s.regions.All() {
		switch r.Level {
		case "district":
			b.Districts = append(b.Districts, r.Name)
		case "street":
			b.Towns = append(b.Towns, r.Name)
		}
	}
	return b
}

func pairsOf(name string) []string {
	r := []rune(strings.TrimSuffix(name, "路"))
	out := []string{}
	for i := range r {
		if i+1 < len(r) {
			out = append(out, string(r[i:i+2]))
		} else if len(r) == 1 {
			out = append(out, string(r))
		}
	}
	return out
}

// likely is a road that may be meant.
type likely struct {
	road roadCount
	sim  float64
}

// find gives the roads that may be meant by a name, the likeliest first.
func (x *roadIndex) find(name string, most int) []likely {
	if i, ok := x.by[name]; ok {
		return []likely{{x.roads[i], 1}}
	}
	seen := map[int]bool{}
	out := []likely{}
	try := func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		if sim := address.Similar(name, x.roads[i].Road); sim >= 0.6 {
			out = append(out, likely{x.roads[i], sim})
		}
	}
	for _, p := range pairsOf(name) {
		for _, i := range x.pairs[p] {
			try(i)
		}
	}
	if len(out) == 0 && len([]rune(name)) <= 4 { // every pair holds the slip
		for i := range x.roads {
			try(i)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].sim != out[j].sim {
			return out[i].sim > out[j].sim
		}
		return out[i].road.N > out[j].road.N
	})
	return out[:min(len(out), most)]
}
