package access

import (
	"slices"
	"strings"
)

// Restrict gives the same person with only some of the permissions, each cut
// to some region prefixes (none for all): what an API token may do. Grants
// that come from being somebody's substitute are left out.
func (a Actor) Restrict(perms, prefixes []string) Actor {
	if a.held == nil {
		kept := map[string]bool{}
		for _, p := range perms {
			if a.Perms[p] {
				kept[p] = true
			}
		}
		a.Perms, a.Scope = kept, a.Scope.within(prefixes)
		return a
	}
	list := []Held{}
	for _, h := range a.held {
		kept := map[string]bool{}
		for p := range h.Perms {
			if slices.Contains(perms, p) {
				kept[p] = true
			}
		}
		if h.Via == "" && len(kept) > 0 {
			h.Perms, h.Pass, h.Scope = kept, nil, h.Scope.within(prefixes)
			list = append(list, h)
		}
	}
	a.Method = MethodToken
	a.give(list)
	return a
}

// within cuts a scope to prefixes; none leaves it as it is.
func (s Scope) within(prefixes []string) Scope {
	if len(prefixes) == 0 {
		return s
	}
	if s.All {
		return Scope{Prefixes: normal(prefixes)}
	}
	out := []string{}
	for _, have := range s.Prefixes {
		for _, want := range prefixes {
			switch {
			case strings.HasPrefix(want, have):
				out = append(out, want)
			case strings.HasPrefix(have, want):
				out = append(out, have)
			}
		}
	}
	return Scope{Prefixes: normal(out)}
}
