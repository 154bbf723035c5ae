package todo

import (
	"context"
	"fmt"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
)

// Left is what access.person.left and access.person.transferred say.
type Left struct {
	PersonID string `json:"personId"`
	By       string `json:"by"`
	To       string `json:"to"`
}

// TakeLeft handles access.person.left and access.person.transferred: every
// open item of the person moves, so that nothing is stuck.
func (s *Service) TakeLeft(ctx context.Context, tx db.Tx, e events.Event) error {
	var l Left
	if err := e.Decode(&l); err != nil {
		return err
	}
	_, err := s.HandOver(ctx, tx, l.PersonID, l.To)
	return err
}

// TakeMerged handles access.org.merged: what waits for groups of the
// organisation that went into another waits for the same roles there.
func (s *Service) TakeMerged(ctx context.Context, tx db.Tx, e events.Event) error {
	var m access.Merged
	if err := e.Decode(&m); err != nil {
		return err
	}
	list, err := openOfOrg(ctx, tx, m.From)
	if err != nil || len(list) == 0 {
		return err
	}
	org, err := s.people.OrgName(ctx, m.Into)
	if err != nil {
		return fmt.Errorf("name organisation: %w", err)
	}
	for i := range list {
		r := &list[i]
		rows, err := peopleOf(ctx, tx, r.ID)
		if err != nil {
			return err
		}
		r.GroupOrg = m.Into
		r.GroupName = groupName(*r.group(), org)
		if ok, err := updateItem(ctx, tx, r); err != nil || !ok {
			return orChanged(err)
		}
		if err := s.spread(ctx, tx, r, rows, holdersIn(rows, TabCC), Reassigned); err != nil {
			return err
		}
	}
	return nil
}

// HandOver moves all open items of a person to another one; without one they
// go back to their group, or to the group that takes the person's work. It
// tells how many it moved.
func (s *Service) HandOver(ctx context.Context, tx db.Tx, from, to string) (int, error) {
	list, err := openFor(ctx, tx, from)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	var heir *Group
	for i := range list {
		r, err := byID(ctx, tx, list[i].ID) // an earlier one may have moved it
		if err != nil {
			return 0, err
		}
		if r == nil || r.State != Open || r.Assignee != from {
			continue
		}
		if src := s.sources[r.Source]; src != nil && src.handOver != nil {
			moved, err := src.handOver(ctx, tx, r.view(), from, to)
			if err != nil {
				return 0, fmt.Errorf("hand over %s %s: %w", r.Source, r.SourceID, err)
			}
			if moved {
				continue
			}
		}
		if to == "" && r.GroupRole == "" && heir == nil {
			g, err := s.people.HeirOf(ctx, from)
			if err != nil {
				return 0, fmt.Errorf("find who takes the work of %s: %w", from, err)
			}
			heir = &g
		}
		if err := s.move(ctx, tx, r, to, heir); err != nil {
			return 0, err
		}
	}
	err = audit.Record(ctx, tx, audit.Entry{
		Act: "todo.handover", Object: "person", ObjectID: from, Summary: fmt.Sprintf("移交待办 %d 条", len(list)),
		After: map[string]any{"from": from, "to": to, "count": len(list)},
	})
	return len(list), err
}

// move gives an item to a person, to its own group, or to the heir.
func (s *Service) move(ctx context.Context, tx db.Tx, r *itemRow, to string, heir *Group) error {
	rows, err := peopleOf(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	name, err := s.nameOf(ctx, to)
	if err != nil {
		return err
	}
	r.Assignee, r.AssigneeName = to, name
	if to == "" && r.GroupRole == "" && heir != nil {
		org, err := s.people.OrgName(ctx, heir.OrgID)
		if err != nil {
			return fmt.Errorf("name group of to-do: %w", err)
		}
		r.GroupRole, r.GroupOrg, r.GroupName = heir.Role, heir.OrgID, groupName(*heir, org)
	}
	if ok, err := updateItem(ctx, tx, r); err != nil || !ok {
		return orChanged(err)
	}
	return s.spread(ctx, tx, r, rows, holdersIn(rows, TabCC), Reassigned)
}
