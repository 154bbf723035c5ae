package workflow

import (
	"context"
	"fmt"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
)

// TakeMerged handles access.org.merged: whoever may take a task of the
// organisation that went into another may do so there, and what a running
// instance asks later of its starter's organisation it asks of that one. The
// to-do centre moves its items by itself. Told twice it finds nothing left.
func (s *Service) TakeMerged(ctx context.Context, tx db.Tx, e events.Event) error {
	var m access.Merged
	if err := e.Decode(&m); err != nil {
		return err
	}
	list, err := runningOf(ctx, tx, m.From)
	if err != nil {
		return err
	}
	for _, id := range list {
		// Who acts on an instance locks it first, so that its tasks are read
		// as the last act left them.
		if _, err := lockInstance(ctx, tx, id); err != nil {
			return err
		}
		tasks, err := tasksOf(ctx, tx, id)
		if err != nil {
			return err
		}
		for i := range tasks {
			if err := moveTask(ctx, tx, &tasks[i], m.From, m.Into); err != nil {
				return err
			}
		}
		if err := moveStarter(ctx, tx, id, m.From, m.Into); err != nil {
			return err
		}
	}
	return nil
}

// moveTask replaces an organisation among the candidates of a task that is
// not over; their order stays, because the to-dos are named by it.
func moveTask(ctx context.Context, tx db.Tx, t *TaskInfo, from, into string) error {
	changed := false
	for i := range t.Candidates {
		if t.Candidates[i].OrgID == from {
			t.Candidates[i].OrgID, changed = into, true
		}
	}
	if !changed || t.EndedAt != nil {
		return nil
	}
	if err := saveTask(ctx, tx, t, false); err != nil {
		return fmt.Errorf("move task to another organisation: %w", err)
	}
	return nil
}
