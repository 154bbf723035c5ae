package todo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
)

// Parts of the deadlines that lists group by.
const (
	DueOver   = "over"
	DueToday  = "today"
	DueSoon   = "soon"
	DueLater  = "later"
	DuePaused = "paused"
	DueHours  = "hours" // within two hours
)

// Filter narrows a list; a zero field does not.
type Filter struct {
	Tab      Tab
	Kind     string
	Source   string
	Region   string // a prefix of region codes
	Due      string
	Priority int // at least
	Unread   bool
	// Closed shows what is closed, in the tabs that have both.
	Closed bool
	Q      string
}

// List gives one page of what concerns the actor.
func (s *Service) List(ctx context.Context, f Filter, p httpx.Paging) (httpx.List[View], error) {
	st, err := s.standingOf(ctx)
	if err != nil {
		return httpx.List[View]{}, err
	}
	return s.listFor(ctx, st, f, p)
}

func (s *Service) listFor(ctx context.Context, st standing, f Filter, p httpx.Paging) (httpx.List[View], error) {
	now := s.db.Now()
	f.Q = strings.TrimSpace(p.Q)
	rows, total, err := listItems(ctx, s.db.Read(), f, st.holders(f.Tab), p, clock.At(now))
	if err != nil {
		return httpx.List[View]{}, err
	}
	out := make([]View, len(rows))
	for i := range rows {
		out[i] = rows[i].viewFor()
	}
	return httpx.NewList(out, total, p, now), nil
}

func (l *listed) viewFor() View {
	v := l.itemRow.view()
	v.Holder, v.Unread = l.Holder, l.ReadAt == nil
	return v
}

// Summary is what the badge and the bell show.
type Summary struct {
	Todo      int64 `json:"todo"`
	Overdue   int64 `json:"overdue"`
	Group     int64 `json:"group"`
	GroupOver int64 `json:"groupOverdue"`
	Started   int64 `json:"started"`
	CC        int64 `json:"cc"`
	CCUnread  int64 `json:"ccUnread"`
}

// Summary counts the tabs of the actor.
func (s *Service) Summary(ctx context.Context) (Summary, error) {
	st, err := s.standingOf(ctx)
	if err != nil {
		return Summary{}, err
	}
	return s.summary(ctx, st, s.db.Now())
}

func (s *Service) summary(ctx context.Context, st standing, now time.Time) (Summary, error) {
	var out Summary
	rows, err := tabCounts(ctx, s.db.Read(), []string{st.who.ID}, clock.At(now))
	if err != nil {
		return out, err
	}
	// Of those whom the actor stands in for only what waits counts; of the
	// groups only what nobody took.
	if extra := st.all()[1:]; len(extra) > 0 {
		more, err := tabCounts(ctx, s.db.Read(), extra, clock.At(now))
		if err != nil {
			return out, err
		}
		for _, m := range more {
			if m.Tab == TabTodo || m.Tab == TabGroup {
				rows = append(rows, m)
			}
		}
	}
	for _, r := range rows {
		switch r.Tab {
		case TabTodo:
			out.Todo += r.Total
			out.Overdue += r.Over
		case TabGroup:
			out.Group += r.Total
			out.GroupOver += r.Over
		case TabStarted:
			out.Started += r.Total
		case TabCC:
			out.CC += r.Total
			out.CCUnread += r.Unread
		}
	}
	return out, nil
}

// Parts counts a tab by deadline; together they are the tab's total.
type Parts struct {
	Over   int64 `json:"over"`
	Today  int64 `json:"today"`
	Soon   int64 `json:"soon"`
	Later  int64 `json:"later"`
	Paused int64 `json:"paused"`
	// Hours of today's are due within two hours.
	Hours int64 `json:"hours"`
}

// Counts is the head of the to-do centre.
type Counts struct {
	Summary
	// Parts and Sources are of the tab that was asked for.
	Parts   Parts         `json:"parts"`
	Sources []SourceCount `json:"sources"`
	// WeekDone is what the actor did since Monday, WeekLate how much late.
	WeekDone int64       `json:"weekDone"`
	WeekLate int64       `json:"weekLate"`
	AsOf     clock.Stamp `json:"asOf"`
}

// Counts gives the numbers of the page's head for one tab.
func (s *Service) Counts(ctx context.Context, tab Tab) (Counts, error) {
	st, err := s.standingOf(ctx)
	if err != nil {
		return Counts{}, err
	}
	now := s.db.Now()
	out := Counts{AsOf: clock.At(now)}
	if out.Summary, err = s.summary(ctx, st, now); err != nil {
		return out, err
	}
	if tab == TabDone {
		tab = TabTodo
	}
	if out.Parts, out.Sources, err = partCounts(ctx, s.db.Read(), tab, st.holders(tab), clock.At(now)); err != nil {
		return out, err
	}
	for i := range out.Sources {
		out.Sources[i].Name = out.Sources[i].Source
		if src := s.sources[out.Sources[i].Source]; src != nil {
			out.Sources[i].Name = src.label
		}
	}
	monday := clock.DayStart(now).AddDate(0, 0, -(int(now.In(clock.Shanghai()).Weekday())+6)%7)
	out.WeekDone, out.WeekLate, err = doneSince(ctx, s.db.Read(), st.who.ID, clock.At(monday))
	return out, err
}

// Detail is an item with what the actor may do and whom it concerns.
type Detail struct {
	View
	Acts []string
	CC   []Person
	// OnBehalf names the absent person that it belongs to.
	OnBehalf string
}

// Get gives one item that concerns the actor.
func (s *Service) Get(ctx context.Context, id string) (Detail, error) {
	st, err := s.standingOf(ctx)
	if err != nil {
		return Detail{}, err
	}
	r, rows, err := itemByID(ctx, s.db.Read(), id)
	if err != nil {
		return Detail{}, err
	}
	mine := st.all()
	if r == nil || !st.in(r.group()) && !slices.ContainsFunc(rows, func(p personRow) bool { return slices.Contains(mine, p.Holder) }) {
		return Detail{}, errs.NotFound("待办")
	}
	d := Detail{View: r.view(), CC: []Person{}}
	d.Acts = s.acts(st, d.View)
	d.OnBehalf = st.behalf(r.Assignee)
	for _, h := range holdersIn(rows, TabCC) {
		p, ok, err := s.people.Person(ctx, h)
		if err != nil {
			return Detail{}, fmt.Errorf("name who has a copy: %w", err)
		}
		if ok {
			d.CC = append(d.CC, p)
		}
	}
	return d, nil
}

// behalf names the absent person whose item the actor sees.
func (st standing) behalf(holder string) string {
	for _, p := range st.for_ {
		if p.ID == holder {
			return p.Name
		}
	}
	return ""
}

// Next gives the item after one in a list, else the list's first; nil when
// the list is empty. It works for an item that was closed meanwhile.
func (s *Service) Next(ctx context.Context, after string, f Filter) (*View, error) {
	st, err := s.standingOf(ctx)
	if err != nil {
		return nil, err
	}
	now := clock.At(s.db.Now())
	holders := st.holders(f.Tab)
	r, _, err := itemByID(ctx, s.db.Read(), after)
	if err != nil {
		return nil, err
	}
	if r != nil {
		n, err := firstAfter(ctx, s.db.Read(), f, holders, sortOf(r.DueAt, r.DueNote), after, now)
		if err != nil {
			return nil, err
		}
		if n != nil {
			v := n.viewFor()
			return &v, nil
		}
	}
	n, err := firstAfter(ctx, s.db.Read(), f, holders, 0, after, now)
	if err != nil || n == nil {
		return nil, err
	}
	v := n.viewFor()
	return &v, nil
}

// Lookup gives an item whoever asks, with the people who have a copy: for
// notices, in their transaction.
func (s *Service) Lookup(ctx context.Context, tx db.Tx, id string) (View, []string, error) {
	r, rows, err := itemByID(ctx, tx, id)
	if err != nil {
		return View{}, nil, err
	}
	if r == nil {
		return View{}, nil, errs.NotFound("待办")
	}
	return r.view(), holdersIn(rows, TabCC), nil
}

// Members lists the people of an item's group.
func (s *Service) Members(ctx context.Context, g Group) ([]Person, error) {
	return s.people.Members(ctx, g)
}

// LeadersOf lists the people who answer for a person's work: to them a late
// item goes up.
func (s *Service) LeadersOf(ctx context.Context, personID string) ([]Person, error) {
	g, err := s.people.HeirOf(ctx, personID)
	if err != nil {
		return nil, fmt.Errorf("find the leaders of %s: %w", personID, err)
	}
	list, err := s.people.Members(ctx, g)
	return slices.DeleteFunc(list, func(p Person) bool { return p.ID == personID }), err
}

// Saved is a filter that somebody keeps.
type Saved struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Query   string `json:"query" doc:"The query string of the page"`
	Shared  bool   `json:"shared" doc:"Everyone of the organisation sees it"`
	Default bool   `json:"default" doc:"Opened when the page is opened without a filter"`
	Mine    bool   `json:"mine"`
	Owner   string `json:"owner"`
}

// Saved lists the actor's filters and those shared in the organisation.
func (s *Service) Saved(ctx context.Context) ([]Saved, error) {
	who, err := access.From(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := filtersFor(ctx, s.db.Read(), who.ID, who.OrgID)
	if err != nil {
		return nil, err
	}
	out := make([]Saved, 0, len(rows))
	for _, r := range rows {
		mine := r.Owner == who.ID
		out = append(out, Saved{ID: r.ID, Name: r.Name, Query: r.Query, Shared: r.Shared == 1, Default: mine && r.IsDefault == 1, Mine: mine, Owner: r.OwnerName})
	}
	return out, nil
}

// maxSaved bounds the filters of one person.
const maxSaved = 50

// Save keeps a filter, a new one when its id is empty.
func (s *Service) Save(ctx context.Context, in Saved) (Saved, error) {
	who, err := access.From(ctx)
	if err != nil {
		return in, err
	}
	in.Name, in.Query = strings.TrimSpace(in.Name), strings.TrimPrefix(in.Query, "?")
	var f errs.Fields
	f.Check(in.Name != "" && len([]rune(in.Name)) <= 20, "name", "筛选名称应为 1 到 20 个字")
	f.Check(len(in.Query) <= 1000, "query", "筛选条件太长")
	if err := f.Err(); err != nil {
		return in, err
	}
	list, err := s.Saved(ctx)
	if err != nil {
		return in, err
	}
	mine := 0
	known := in.ID == ""
	for _, x := range list {
		if x.Mine {
			mine++
		}
		known = known || x.ID == in.ID && x.Mine
	}
	if !known {
		return in, errs.NotFound("筛选")
	}
	if in.ID == "" {
		if mine >= maxSaved {
			return in, errs.Invalidf("name", "最多保存 %d 个筛选，请先删除不用的", maxSaved)
		}
		in.ID = ids.New()
	}
	r := &filterRow{ID: in.ID, Owner: who.ID, OwnerName: who.Name, OrgID: who.OrgID, Name: in.Name, Query: in.Query, CreatedAt: clock.At(s.db.Now()), Rev: 1}
	if in.Shared {
		r.Shared = 1
	}
	if in.Default {
		r.IsDefault = 1
	}
	in.Mine, in.Owner = true, who.Name
	return in, s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return saveFilter(ctx, tx, r) })
}

// Drop forgets a filter of the actor.
func (s *Service) Drop(ctx context.Context, id string) error {
	who, err := access.From(ctx)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		ok, err := dropFilter(ctx, tx, who.ID, id)
		if err == nil && !ok {
			return errs.NotFound("筛选")
		}
		return err
	})
}

// asBoundary finds the error for people in a chain.
func asBoundary(err error) *errs.Error {
	var e *errs.Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// Holders gives in whose name the actor gets notices of the stream.
func (s *Service) Holders(ctx context.Context) ([]string, error) {
	st, err := s.standingOf(ctx)
	if err != nil {
		return nil, err
	}
	return st.all(), nil
}
