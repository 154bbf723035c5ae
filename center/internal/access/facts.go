package access

import (
	"context"
	"fmt"
	"slices"
	"time"

	"jiexun/center/internal/platform/clock"
)

// facts are what a person's rights are made of, as they were read at one
// moment: genuine rows only. They are read once for a request, and never
// changed.
type facts struct {
	at   clock.Stamp
	book *rolebook
	// org is the person's organisation; "" when only the rights were asked for.
	org string
	own []grantRow
	// subs are those whose substitute the person is, lent their grants.
	subs []substituteRow
	lent map[string][]grantRow
}

// factsLive is how long the facts that a request began with stand for the
// person. A line that stays open reads them anew after it.
const factsLive = time.Second

// factsOf reads the grants of a person and of those whose substitute they are.
func (s *Service) factsOf(ctx context.Context, q reader, b *rolebook, p personRow, now clock.Stamp) (*facts, error) {
	rows, err := grantsOf(ctx, q, p.ID, now)
	if err != nil {
		return nil, fmt.Errorf("read grants: %w", err)
	}
	f := &facts{at: now, book: b, org: p.OrgID, own: s.genuineRows(b, rows)}
	subs, err := substitutesOf(ctx, q, p.ID, now)
	if err != nil {
		return nil, err
	}
	for _, sub := range subs {
		if !s.genuine("access_substitutes", sub.ID, sub.MAC, sub.parts(), "代理记录") {
			continue
		}
		rows, err := grantsOf(ctx, q, sub.AbsentID, now)
		if err != nil {
			return nil, fmt.Errorf("read grants of the absent: %w", err)
		}
		if f.lent == nil {
			f.lent = map[string][]grantRow{}
		}
		f.subs, f.lent[sub.AbsentID] = append(f.subs, sub), s.genuineRows(b, rows)
	}
	return f, nil
}

// factsFor gives the facts of a person: those that the request began with
// when it is the person's own and they are fresh.
func (s *Service) factsFor(ctx context.Context, person string) (*facts, error) {
	now := clock.At(s.db.Now())
	if f := factsIn(ctx, person, now); f != nil {
		return f, nil
	}
	q := s.db.Read()
	b, err := s.book(ctx, q)
	if err != nil {
		return nil, err
	}
	p, err := personByID(ctx, q, person)
	if err != nil {
		return nil, fmt.Errorf("read person: %w", err)
	}
	return s.factsOf(ctx, q, b, p, now)
}

// factsIn gives the facts of the request's actor, nil when they are another's
// or too old.
func factsIn(ctx context.Context, person string, now clock.Stamp) *facts {
	a, err := From(ctx)
	if err != nil || a.ID != person || a.facts == nil {
		return nil
	}
	if age := now - a.facts.at; age < 0 || age >= clock.Stamp(factsLive.Milliseconds()) {
		return nil
	}
	return a.facts
}

// held turns the facts into what they give.
func (f *facts) held() []Held {
	list := []Held{}
	for i := range f.own {
		if h, ok := f.book.held(f.own[i]); ok {
			list = append(list, h)
		}
	}
	for i := range f.subs {
		sub := &f.subs[i]
		for _, g := range f.lent[sub.AbsentID] {
			h, ok := f.book.held(g)
			if !ok {
				continue
			}
			if h.Perms = lent(h.Perms, split(sub.Perms)); len(h.Perms) > 0 {
				h.Via, h.Pass = sub.AbsentID, nil
				list = append(list, h)
			}
		}
	}
	return list
}

// groups adds the groups that grants of somebody of an organisation give.
func (f *facts) groups(out []Group, org string, rows []grantRow) []Group {
	if out == nil {
		out = []Group{}
	}
	for i := range rows {
		r := &rows[i]
		if _, ok := f.book.live(r.Role); !ok {
			continue
		}
		g := Group{Role: r.Role, OrgID: org}
		if r.Kind == KindOrg && r.OrgID != "" {
			g.OrgID = f.book.now(r.OrgID)
		}
		if !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	return out
}
