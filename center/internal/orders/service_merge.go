package orders

import (
	"context"
	"fmt"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
)

// TakeMerged handles access.org.merged: the orders of a squad that went into
// another, and are not closed, are the other's now, with whoever has them and
// in the state in which they are. Closed ones keep the squad that did the
// work. Told twice it finds nothing left to do.
func (s *Service) TakeMerged(ctx context.Context, tx db.Tx, e events.Event) error {
	var m access.Merged
	if err := e.Decode(&m); err != nil {
		return err
	}
	org, ok, err := s.people.Org(ctx, m.Into)
	if err != nil {
		return fmt.Errorf("look up squad: %w", err)
	}
	if !ok || org.Kind != "squad" {
		return nil // other organisations have no orders
	}
	if err := suggestInstead(ctx, tx, m.From, org); err != nil {
		return err
	}
	list, err := openOfSquad(ctx, tx, m.From)
	if err != nil {
		return err
	}
	for _, o := range list {
		text := o.SquadName + "并入" + org.Name + "，工单随转"
		next := o
		next.SquadOrgID, next.SquadName = org.ID, org.Name
		_, err := s.save(ctx, tx, system(), o, change{
			order: next, step: stepRow{Act: StepMoved, Text: text}, summary: fmt.Sprintf("工单 %s：%s", o.No, text),
		}, "")
		if err != nil {
			return fmt.Errorf("move order %s: %w", o.No, err)
		}
	}
	return nil
}
