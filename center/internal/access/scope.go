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
