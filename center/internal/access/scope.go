package access

import (
	"slices"
	"strings"
)

// Scope is the part of the city whose data an actor may see: region code
// prefixes ("31" the city, "310101" a district, "310101013" a street). The
// zero value covers nothing.
type Scope struct {
	Prefixes []string
	// Own are the persons whose own rows are covered wherever they lie: the
	// actor, and those whose substitute the actor is. Only lists that know
	// an owner use it.
	Own []string
	// All covers everything, rows without a region included. Only jobs of
	// the system have it.
	All bool
}

// SystemScope is the scope of jobs.
func SystemScope() Scope { return Scope{All: true} }

// Covers tells whether a row of the region is inside the scope. Filter is
// the same rule for a list.
func (s Scope) Covers(regionCode string) bool {
	if s.All {
		return true
	}
	for _, p := range s.Prefixes {
		if p != "" && strings.HasPrefix(regionCode, p) {
			return true
		}
	}
	return false
}

// CoversOwned tells whether a row of the region and the owner is inside the
// scope. FilterOwned is the same rule for a list.
func (s Scope) CoversOwned(regionCode, owner string) bool {
	return s.Covers(regionCode) || owner != "" && slices.Contains(s.Own, owner)
}

// Empty tells that the scope covers no row at all.
func (s Scope) Empty() bool { return !s.All && len(s.Own) == 0 && len(s.Prefixes) == 0 }

// Within tells whether everything that s covers is covered by t too.
func (s Scope) Within(t Scope) bool {
	if t.All {
		return true
	}
	if s.All {
		return false
	}
	for _, o := range s.Own {
		if !slices.Contains(t.Own, o) {
			return false
		}
	}
	for _, p := range s.Prefixes {
		if p != "" && !t.Covers(p) {
			return false
		}
	}
	return true
}

// union joins scopes: what any of them covers.
func union(list []Scope) Scope {
	out := Scope{}
	prefixes := []string{}
	for _, s := range list {
		out.All = out.All || s.All
		for _, o := range s.Own {
			if !slices.Contains(out.Own, o) {
				out.Own = append(out.Own, o)
			}
		}
		prefixes = append(prefixes, s.Prefixes...)
	}
	out.Prefixes = normal(prefixes)
	return out
}

// normal sorts the prefixes and drops those that another one covers.
func normal(prefixes []string) []string {
	list := slices.Clone(prefixes)
	slices.Sort(list)
	out := []string{}
	for _, p := range list {
		if p == "" || len(out) > 0 && strings.HasPrefix(p, out[len(out)-1]) {
			continue
		}
		out = append(out, p)
	}
	return out
}
