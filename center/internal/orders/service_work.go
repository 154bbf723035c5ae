package orders

import (
	"context"
	"fmt"

	"jiexun/center/internal/platform/db"
)

// AcceptInput takes an order in.
type AcceptInput struct {
	ID  string
	Rev int64
	Key string
}

// Accept notes that the officer took the order.
func (s *Service) Accept(ctx context.Context, in AcceptInput) (Order, error) {
	return s.do(ctx, command{in.ID, in.Rev, Accept, in.Key}, accepting)
}

func accepting(_ context.Context, _ db.Tx, _ viewer, o Order) (change, error) {
	o.State = Accepted
	return change{
		order: o, step: stepRow{Act: StepAct(Accept), Text: "签收工单"},
		summary: fmt.Sprintf("签收工单 %s", o.No),
	}, nil
}

// AcceptIn is Accept in a running transaction, for the to-do centre's batch:
// the order is taken as it stands.
func (s *Service) AcceptIn(ctx context.Context, tx db.Tx, id string) error {
	who, err := s.viewer(ctx)
	if err != nil {
		return err
	}
	_, err = s.doIn(ctx, tx, who, command{id: id, rev: anyRev, act: Accept}, accepting)
	return err
}

// LeaveIn takes an order from an officer who left: it goes to the successor
// when that is an officer of the same squad, else back to the squad. It does
// nothing when the order is not with the officer any more.
func (s *Service) LeaveIn(ctx context.Context, tx db.Tx, id, from, to string) error {
	o, err := anyOrder(ctx, tx, id)
	if err != nil {
		return err
	}
	if o.OfficerID != from || o.State == Handled || o.State == Closed {
		return nil
	}
	state, left := o.State, o.OfficerName
	next := o.ToSquad(o.SquadOrgID, o.SquadName)
	text := left + "离任，交回" + o.SquadName
	if to != "" {
		p, ok, err := s.people.Officer(ctx, to)
		if err != nil {
			return fmt.Errorf("look up successor: %w", err)
		}
		if ok && p.OrgID == o.SquadOrgID && p.Handles {
			next = o.ToOfficer(p.ID, p.Name)
			next.State = state // the successor goes on where the other stood
			text = left + "离任，交给" + p.Name
		}
	}
	_, err = s.save(ctx, tx, system(), o, change{
		order: next, step: stepRow{Act: StepAct(Reassign), Text: text}, summary: fmt.Sprintf("工单 %s %s", o.No, text),
	}, "")
	return err
}
