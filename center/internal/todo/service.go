package todo

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/ids"
)

// Options are what the service needs. Wake, called after a commit that
// published events, and Log may be nil.
type Options struct {
	DB     *db.DB
	People People
	Wake   func()
	Log    *slog.Logger
}

// Service is the to-do centre. It is safe for concurrent use once every
// source is registered.
type Service struct {
	db      *db.DB
	people  People
	wake    func()
	log     *slog.Logger
	sources map[string]*source
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// New makes the service.
func New(o Options) *Service {
	if o.Wake == nil {
		o.Wake = func() {}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Service{db: o.DB, people: o.People, wake: o.Wake, log: o.Log, sources: map[string]*source{}}
}

// Put publishes an item in the source's transaction: a new one, a changed
// one, or a closed one again. Putting the same twice changes nothing.
func (s *Service) Put(ctx context.Context, tx db.Tx, it Item) error {
	if err := it.check(); err != nil {
		return fmt.Errorf("publish to-do of %s %s: %w", it.Source, it.SourceID, err)
	}
	old, err := bySource(ctx, tx, it.Source, it.SourceID, it.Key)
	if err != nil {
		return err
	}
	next, err := s.rowOf(ctx, tx, it, old)
	if err != nil {
		return err
	}
	change := changeOf(old, next)
	cc := slices.Compact(slices.Sorted(slices.Values(it.CC)))
	if old == nil {
		fresh, err := insertItem(ctx, tx, next)
		if err != nil {
			return err
		}
		if !fresh {
			return errs.Conflict("待办正在由他人更新，请重试")
		}
	}
	rows, err := peopleOf(ctx, tx, next.ID)
	if err != nil {
		return err
	}
	if change == "" && slices.Equal(cc, holdersIn(rows, TabCC)) {
		return nil
	}
	if old != nil {
		if ok, err := updateItem(ctx, tx, next); err != nil || !ok {
			return orChanged(err)
		}
	}
	if change == "" {
		change = Updated
	}
	return s.spread(ctx, tx, next, rows, cc, change)
}

// rowOf fills the row of an item from what was published and what is stored.
func (s *Service) rowOf(ctx context.Context, tx db.Tx, it Item, old *itemRow) (*itemRow, error) {
	now := clock.At(tx.Now())
	r := &itemRow{ID: ids.New(), Rev: 1, CreatedAt: now, UpdatedAt: now}
	reopened := old != nil && old.State != Open
	if old != nil {
		c := *old
		r = &c
		if reopened {
			r.CreatedAt = now
		}
	}
	r.Source, r.SourceID, r.ItemKey, r.Kind, r.Title, r.Summary = it.Source, it.SourceID, it.Key, it.Kind, it.Title, it.Summary
	r.Path, r.PhonePath, r.RegionCode, r.Priority = it.Path, it.PhonePath, it.RegionCode, it.Priority
	r.DueAt, r.DueNote, r.Step, r.Steps, r.StepName = it.DueAt, it.DueNote, it.Step, it.Steps, it.StepName
	r.State, r.Outcome, r.ClosedBy, r.ClosedName, r.ClosedAt = Open, "", "", "", nil
	r.NearAt = it.NearAt
	if it.NearAt == nil && it.DueAt != nil {
		near := nearOf(r.CreatedAt, *it.DueAt)
		r.NearAt = &near
	}
	if err := s.fillPeople(ctx, r, it, old, reopened); err != nil {
		return nil, err
	}
	if old == nil || reopened || !same(old.DueAt, r.DueAt) || !same(old.NearAt, r.NearAt) {
		r.FireAt, r.FireWhat = nextFire(r.DueAt, r.NearAt, now)
	}
	return r, nil
}

// fillPeople fills assignee, group and starter with their names. Who claimed
// an item of a group keeps it as long as the group is the same.
func (s *Service) fillPeople(ctx context.Context, r *itemRow, it Item, old *itemRow, reopened bool) error {
	assignee := it.Assignee
	if assignee == "" && old != nil && !reopened && old.Assignee != "" && it.Group != nil && old.GroupRole == it.Group.Role && old.GroupOrg == it.Group.OrgID {
		assignee = old.Assignee
	}
	if assignee != r.Assignee || r.AssigneeName == "" {
		name, err := s.nameOf(ctx, assignee)
		if err != nil {
			return err
		}
		r.Assignee, r.AssigneeName = assignee, name
	}
	role, org := "", ""
	if it.Group != nil {
		role, org = it.Group.Role, it.Group.OrgID
	}
	if role != r.GroupRole || org != r.GroupOrg {
		r.GroupRole, r.GroupOrg, r.GroupName = role, org, ""
		if it.Group != nil {
			name, err := s.people.OrgName(ctx, org)
			if err != nil {
				return fmt.Errorf("name group of to-do: %w", err)
			}
			r.GroupName = groupName(*it.Group, name)
		}
	}
	if it.Starter != "" && it.Starter != r.Starter {
		name, err := s.nameOf(ctx, it.Starter)
		if err != nil {
			return err
		}
		r.Starter, r.StarterName = it.Starter, name
	}
	return nil
}

func (s *Service) nameOf(ctx context.Context, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	if who, err := access.From(ctx); err == nil && who.ID == id && who.Name != "" {
		return who.Name, nil
	}
	p, ok, err := s.people.Person(ctx, id)
	if err != nil {
		return "", fmt.Errorf("name person of to-do: %w", err)
	}
	if !ok {
		return "", errs.Invalidf("assignee", "没有编号为 %s 的人员", id)
	}
	return p.Name, nil
}

func same(a, b *clock.Stamp) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// changeOf tells what is new in a row, "" when nothing is.
func changeOf(old, r *itemRow) string {
	switch {
	case old == nil || old.State != Open:
		return Created
	case old.Assignee != r.Assignee || old.GroupRole != r.GroupRole || old.GroupOrg != r.GroupOrg:
		return Reassigned
	case !same(old.DueAt, r.DueAt) || old.DueNote != r.DueNote:
		return DueMoved
	}
	a, b := *old, *r
	a.DueAt, a.NearAt, a.ClosedAt, a.FireAt = nil, nil, nil, nil
	b.DueAt, b.NearAt, b.ClosedAt, b.FireAt = nil, nil, nil, nil
	if a != b || !same(old.NearAt, r.NearAt) {
		return Updated
	}
	return ""
}

func holdersIn(rows []personRow, tab Tab) []string {
	out := []string{}
	for _, p := range rows {
		if p.Tab == tab {
			out = append(out, p.Holder)
		}
	}
	slices.Sort(out)
	return out
}

func orChanged(err error) error {
	if err != nil {
		return err
	}
	return errs.Conflict("这条待办刚被他人更新，请刷新后再操作")
}

// spread writes who sees the item and tells everyone concerned.
func (s *Service) spread(ctx context.Context, tx db.Tx, r *itemRow, old []personRow, cc []string, change string) error {
	rows := rowsFor(r, cc)
	if r.State != Open {
		for _, p := range old { // what somebody did before stays done by them
			if p.Tab == TabDone && p.Holder != r.ClosedBy {
				rows = append(rows, p)
			}
		}
	}
	if err := replacePeople(ctx, tx, r.ID, old, rows); err != nil {
		return err
	}
	return s.tell(ctx, tx, r, append(slices.Clone(old), rows...), change)
}

// rowsFor gives the rows that the state of an item asks for.
func rowsFor(r *itemRow, cc []string) []personRow {
	out := []personRow{}
	add := func(holder string, tab Tab) {
		p := personRow{ItemID: r.ID, Holder: holder, Tab: tab, Kind: r.Kind, Source: r.Source, RegionCode: r.RegionCode, Priority: r.Priority}
		if r.State == Open {
			p.IsOpen, p.SortAt = 1, sortOf(r.DueAt, r.DueNote)
		} else if r.ClosedAt != nil {
			p.SortAt = *r.ClosedAt
			if r.DueAt != nil && *r.DueAt < *r.ClosedAt {
				p.Late = 1
			}
		}
		out = append(out, p)
	}
	switch {
	case r.State != Open:
		if r.ClosedBy != "" && r.State == Done {
			add(r.ClosedBy, TabDone)
		}
	case r.Assignee != "":
		add(r.Assignee, TabTodo)
	default:
		add(r.group().Holder(), TabGroup)
	}
	if r.Starter != "" {
		add(r.Starter, TabStarted)
	}
	for _, c := range cc {
		add(c, TabCC)
	}
	return out
}

// tell publishes a change to the holders of rows.
func (s *Service) tell(ctx context.Context, tx db.Tx, r *itemRow, rows []personRow, change string) error {
	holders, persons := []string{}, []string{}
	for _, p := range rows {
		holders = append(holders, p.Holder)
		if p.Tab != TabGroup {
			persons = append(persons, p.Holder)
		}
	}
	slices.Sort(holders)
	slices.Sort(persons)
	tx.AfterCommit(s.wake)
	return events.Publish(ctx, tx, TopicChanged, Changed{
		ID: r.ID, Source: r.Source, SourceID: r.SourceID, Key: r.ItemKey, Kind: r.Kind, Change: change,
		Persons: slices.Compact(persons), Holders: slices.Compact(holders), Group: r.group(), Rev: r.Rev,
	})
}

// Close ends the open items of a source's record, all of them when key is "";
// by is the person who did it, "" or "system" when nobody did. Closing again
// changes nothing.
func (s *Service) Close(ctx context.Context, tx db.Tx, source, sourceID, key, by, outcome string) error {
	return s.end(ctx, tx, source, sourceID, key, by, outcome, Done)
}

// Cancel takes the open items of a record back, because there is nothing to
// do any more.
func (s *Service) Cancel(ctx context.Context, tx db.Tx, source, sourceID, key, reason string) error {
	return s.end(ctx, tx, source, sourceID, key, "", reason, Cancelled)
}

func (s *Service) end(ctx context.Context, tx db.Tx, source, sourceID, key, by, outcome, state string) error {
	if by == "system" {
		by = ""
	}
	list, err := openOf(ctx, tx, source, sourceID, key)
	if err != nil || len(list) == 0 {
		return err
	}
	name := caller.From(ctx).Name
	if by != "" {
		if name, err = s.nameOf(ctx, by); err != nil {
			return err
		}
	}
	change := Closed
	if state == Cancelled {
		change = Withdrawn
	}
	for i := range list {
		r := &list[i]
		rows, err := peopleOf(ctx, tx, r.ID)
		if err != nil {
			return err
		}
		now := clock.At(tx.Now())
		r.State, r.Outcome, r.ClosedBy, r.ClosedName, r.ClosedAt = state, outcome, by, name, &now
		r.FireAt, r.FireWhat = nil, ""
		if ok, err := updateItem(ctx, tx, r); err != nil || !ok {
			return orChanged(err)
		}
		if err := s.spread(ctx, tx, r, rows, holdersIn(rows, TabCC), change); err != nil {
			return err
		}
	}
	return nil
}
