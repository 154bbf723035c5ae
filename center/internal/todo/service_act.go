package todo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// Acts that every source has.
const (
	actClaim   = "claim"
	actRelease = "release"
	actRead    = "read"
)

// standing is in whose name an actor may touch items: the actor, the absent
// people they stand in for, and their groups.
type standing struct {
	who    access.Actor
	groups []Group
	for_   []Person
}

func (s *Service) standingOf(ctx context.Context) (standing, error) {
	who, err := access.From(ctx)
	if err != nil {
		return standing{}, err
	}
	return s.standing(ctx, who)
}

func (s *Service) standing(ctx context.Context, who access.Actor) (standing, error) {
	st := standing{who: who}
	var err error
	if st.groups, err = s.people.GroupsOf(ctx, who.ID); err != nil {
		return st, fmt.Errorf("read groups of %s: %w", who.ID, err)
	}
	if st.for_, err = s.people.ActingFor(ctx, who.ID); err != nil {
		return st, fmt.Errorf("read whom %s stands in for: %w", who.ID, err)
	}
	return st, nil
}

// holders gives whose rows a tab shows.
func (st standing) holders(tab Tab) []string {
	switch tab {
	case TabGroup:
		out := []string{}
		for _, g := range st.groups {
			out = append(out, g.Holder())
		}
		return out
	case TabTodo:
		out := []string{st.who.ID}
		for _, p := range st.for_ {
			out = append(out, p.ID)
		}
		return out
	}
	return []string{st.who.ID}
}

// all gives every holder of the actor.
func (st standing) all() []string { return append(st.holders(TabTodo), st.holders(TabGroup)...) }

func (st standing) in(g *Group) bool { return g != nil && slices.Contains(st.groups, *g) }

// has tells whether the item waits for the actor in person or as substitute.
func (st standing) has(assignee string) bool {
	return assignee != "" && slices.Contains(st.holders(TabTodo), assignee)
}

// acts lists what the actor may do with an item from here.
func (s *Service) acts(st standing, v View) []string {
	out := []string{}
	if v.State != Open {
		return out
	}
	src := s.sources[v.Source]
	if src == nil {
		return out
	}
	if src.onClaim != nil && v.Assignee == "" && st.in(v.Group) {
		out = append(out, actClaim)
	}
	if src.onClaim != nil && st.has(v.Assignee) && v.Group != nil {
		out = append(out, actRelease)
	}
	if st.has(v.Assignee) {
		names := []string{}
		for a := range src.acts {
			names = append(names, a)
		}
		slices.Sort(names)
		out = append(out, names...)
	}
	return out
}

// Claim takes an item of a group; of many who try one wins, and the others
// learn who it was.
func (s *Service) Claim(ctx context.Context, id string) (View, error) {
	st, err := s.standingOf(ctx)
	if err != nil {
		return View{}, err
	}
	return s.change(ctx, st, id, func(ctx context.Context, tx db.Tx, r *itemRow) (string, error) {
		src := s.sources[r.Source]
		switch {
		case r.State != Open:
			return "", errs.Conflict("这条待办已办结，不能认领")
		case r.Assignee == st.who.ID:
			return "", nil
		case r.Assignee != "":
			return "", errs.Conflict("已由 " + r.AssigneeName + " 认领")
		case !st.in(r.group()):
			return "", errs.NotFound("待办")
		case src == nil || src.onClaim == nil:
			return "", errs.Conflict("这类待办请打开后办理，不需要认领")
		}
		if err := src.onClaim(ctx, tx, r.view(), st.who.ID); err != nil {
			return "", err
		}
		r.Assignee, r.AssigneeName = st.who.ID, st.who.Name
		return Claimed, s.note(ctx, tx, r, actClaim)
	})
}

// Release gives a claimed item back to its group.
func (s *Service) Release(ctx context.Context, id string) (View, error) {
	st, err := s.standingOf(ctx)
	if err != nil {
		return View{}, err
	}
	return s.change(ctx, st, id, func(ctx context.Context, tx db.Tx, r *itemRow) (string, error) {
		src := s.sources[r.Source]
		switch {
		case r.State != Open:
			return "", errs.Conflict("这条待办已办结，不能退回认领")
		case r.GroupRole == "" || src == nil || src.onClaim == nil:
			return "", errs.Conflict("这条待办不是从候选组认领的，不能退回")
		case r.Assignee == "":
			return "", errs.Conflict("这条待办还没有人认领")
		case !st.has(r.Assignee):
			return "", errs.Forbidden("只有认领人可以退回认领，现在由 " + r.AssigneeName + " 办理")
		}
		if src.onFree != nil {
			if err := src.onFree(ctx, tx, r.view(), st.who.ID); err != nil {
				return "", err
			}
		}
		r.Assignee, r.AssigneeName = "", ""
		return Reassigned, s.note(ctx, tx, r, actRelease)
	})
}

func (s *Service) note(ctx context.Context, tx db.Tx, r *itemRow, act string) error {
	return audit.Record(ctx, tx, audit.Entry{
		Act: "todo." + act, Object: "todo", ObjectID: r.ID, RegionCode: r.RegionCode, Summary: actLabel(act) + "待办：" + r.Title,
		After: map[string]any{"source": r.Source, "sourceId": r.SourceID, "assignee": r.Assignee},
	})
}

// change loads an item that concerns the actor, lets f change it, and tells
// everyone. The change of f is "" when there is nothing to do.
func (s *Service) change(ctx context.Context, st standing, id string, f func(ctx context.Context, tx db.Tx, r *itemRow) (string, error)) (View, error) {
	var out View
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		r, rows, err := s.concerned(ctx, tx, st, id)
		if err != nil {
			return err
		}
		what, err := f(ctx, tx, r)
		if err != nil {
			return err
		}
		if what != "" {
			if ok, err := updateItem(ctx, tx, r); err != nil || !ok {
				return orChanged(err)
			}
			if err := s.spread(ctx, tx, r, rows, holdersIn(rows, TabCC), what); err != nil {
				return err
			}
		}
		out = r.view()
		return nil
	})
	return out, err
}

// concerned loads an item if it concerns the actor: as one of its people, or
// as a member of its group.
func (s *Service) concerned(ctx context.Context, tx db.Tx, st standing, id string) (*itemRow, []personRow, error) {
	r, err := byID(ctx, tx, id)
	if err != nil {
		return nil, nil, err
	}
	if r == nil {
		return nil, nil, errs.NotFound("待办")
	}
	rows, err := peopleOf(ctx, tx, id)
	if err != nil {
		return nil, nil, err
	}
	mine := st.all()
	for _, p := range rows {
		if slices.Contains(mine, p.Holder) {
			return r, rows, nil
		}
	}
	if st.in(r.group()) {
		return r, rows, nil
	}
	return nil, nil, errs.NotFound("待办")
}

// Read notes that the actor looked at an item.
func (s *Service) Read(ctx context.Context, id string) error {
	who, err := access.From(ctx)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		fresh, err := markRead(ctx, tx, id, who.ID)
		if err != nil || !fresh {
			return err
		}
		r, err := byID(ctx, tx, id)
		if err != nil || r == nil {
			return err
		}
		return s.tell(ctx, tx, r, []personRow{{Holder: who.ID, Tab: TabCC}}, Updated)
	})
}

// Result is what became of one item of a batch.
type Result struct {
	ID      string `json:"id"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`
}

// maxBatch bounds the items of one batch.
const maxBatch = 200

// Batch does one act on many items, each in a transaction of its own, and
// says for each what became of it.
func (s *Service) Batch(ctx context.Context, act string, list []string, args json.RawMessage) ([]Result, error) {
	st, err := s.standingOf(ctx)
	if err != nil {
		return nil, err
	}
	list = slices.Compact(slices.Sorted(slices.Values(list)))
	if len(list) == 0 || len(list) > maxBatch {
		return nil, errs.Invalidf("ids", "请选择 1 到 %d 条待办", maxBatch)
	}
	out := make([]Result, 0, len(list))
	for _, id := range list {
		err := s.one(ctx, st, act, id, args)
		r := Result{ID: id, OK: err == nil, Message: "已" + actLabel(act)}
		if err != nil {
			if r.Message, err = sentence(err); err != nil {
				return nil, err
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// sentence gives what people may read of an error; another error stays one.
func sentence(err error) (string, error) {
	if e := asBoundary(err); e != nil && e.Code != errs.Internal {
		return e.Message, nil
	}
	return "", err
}

func (s *Service) one(ctx context.Context, st standing, act, id string, args json.RawMessage) error {
	switch act {
	case actClaim:
		_, err := s.Claim(ctx, id)
		return err
	case actRelease:
		_, err := s.Release(ctx, id)
		return err
	case actRead:
		return s.Read(ctx, id)
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		r, _, err := s.concerned(ctx, tx, st, id)
		if err != nil {
			return err
		}
		v := r.view()
		if !slices.Contains(s.acts(st, v), act) {
			if v.State != Open {
				return errs.Conflict("这条待办已办结")
			}
			return errs.Conflict("这条待办不能在这里" + actLabel(act) + "，请打开后办理")
		}
		return s.sources[v.Source].acts[act](ctx, tx, v, args)
	})
}
