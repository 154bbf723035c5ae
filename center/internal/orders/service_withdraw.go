package orders

import (
	"context"
	"fmt"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// Withdraw undoes Make for an alert whose confirmation is taken back. An
// order made for it is voided as long as nobody did anything to it; from a
// merged order only the alert is taken out.
func (s *Service) Withdraw(ctx context.Context, tx db.Tx, orderID, alertID, alertNo string, merged bool) error {
	who, err := access.From(ctx)
	if err != nil {
		return err
	}
	o, err := anyOrder(ctx, tx, orderID)
	if err != nil {
		return err
	}
	if o.State == Closed {
		return errs.Conflict(fmt.Sprintf("工单 %s 已办结，不能撤销", o.No))
	}
	if merged {
		return s.takeOut(ctx, tx, viewer{Actor: who}, o, alertID, "撤销合并预警 "+alertNo)
	}
	fresh, err := s.untouched(ctx, tx, o)
	if err != nil {
		return err
	}
	if !fresh || o.AlertCount != 1 {
		return errs.Conflict(fmt.Sprintf("工单 %s 已有人处理，不能撤销", o.No))
	}
	return s.void(ctx, tx, o, fmt.Sprintf("撤销确认预警 %s，工单 %s 作废，编号不再使用", alertNo, o.No), "")
}

// untouched tells whether nobody did anything to an order since it was made:
// alerts that came in and went out again are nothing.
func (s *Service) untouched(ctx context.Context, tx db.Tx, o Order) (bool, error) {
	list, err := stepsOf(ctx, tx, o.ID)
	if err != nil {
		return false, err
	}
	for i := range list {
		switch list[i].Act {
		case StepCreated, StepMerged, StepUnmerged:
		case StepAct(Assign):
			if list[i].MadeAt != o.CreatedAt {
				return false, nil
			}
		default:
			return false, nil
		}
	}
	return true, nil
}

// takeOut takes one alert out of an order that goes on.
func (s *Service) takeOut(ctx context.Context, tx db.Tx, who viewer, o Order, alertID, text string) error {
	next := o
	next.AlertCount--
	if err := unlinkAlert(ctx, tx, o.ID, alertID); err != nil {
		return err
	}
	_, err := s.save(ctx, tx, who, o, change{
		order: next, step: stepRow{Act: StepUnmerged, Text: text}, summary: fmt.Sprintf("工单 %s %s", o.No, text),
	}, "")
	return err
}

// void takes an order out of everything; its number stays used.
func (s *Service) void(ctx context.Context, tx db.Tx, o Order, summary, reason string) error {
	ok, err := void(ctx, tx, o)
	if err != nil {
		return err
	}
	if !ok {
		return errs.Conflict(fmt.Sprintf("工单 %s 已有人处理，不能撤销", o.No))
	}
	err = audit.Record(ctx, tx, audit.Entry{
		Act: "order.void", Object: "order", ObjectID: o.ID, RegionCode: o.RegionCode, Summary: summary, Before: trace(o), Reason: reason,
	})
	if err != nil {
		return err
	}
	return s.publish(ctx, tx, o, true)
}

// Recall takes an alert back that a later look found to be no violation. An
// order that nobody accepted loses the alert, and is void when it was its
// last; one that is worked on, or closed, keeps it and gets a line that says
// so. The answer tells whether the alert was taken out.
func (s *Service) Recall(ctx context.Context, tx db.Tx, orderID, alertID, alertNo, reason string) (bool, error) {
	actor, err := access.From(ctx)
	if err != nil {
		return false, err
	}
	who := viewer{Actor: actor}
	o, err := anyOrder(ctx, tx, orderID)
	if errs.Is(err, errs.NotFoundCode) {
		return false, nil // void already
	}
	if err != nil {
		return false, err
	}
	text := fmt.Sprintf("预警 %s 改判为无违法：%s", alertNo, reason)
	switch {
	case o.State != Dispatched && o.State != Returned:
		return false, s.say(ctx, tx, who, o, StepRecalled, text)
	case o.AlertCount > 1:
		return true, s.takeOut(ctx, tx, who, o, alertID, text)
	}
	if err := unlinkAlert(ctx, tx, o.ID, alertID); err != nil {
		return false, err
	}
	return true, s.void(ctx, tx, o, fmt.Sprintf("%s，工单 %s 作废，编号不再使用", text, o.No), reason)
}

// Note adds a line to an open order for another part; a closed or unknown one
// takes none.
func (s *Service) Note(ctx context.Context, tx db.Tx, orderID, text string) error {
	actor, err := access.From(ctx)
	if err != nil {
		return err
	}
	o, err := anyOrder(ctx, tx, orderID)
	if errs.Is(err, errs.NotFoundCode) {
		return nil
	}
	if err != nil || o.State == Closed {
		return err
	}
	return s.say(ctx, tx, viewer{Actor: actor}, o, StepNoted, text)
}

// say adds a line by a person that changes nothing of the order, and lets
// those who have the order know.
func (s *Service) say(ctx context.Context, tx db.Tx, who viewer, o Order, act StepAct, text string) error {
	st := stepRow{ID: s.newID(), OrderID: o.ID, MadeAt: clock.At(tx.Now()), Act: act, ActorID: who.ID, ActorName: who.Name, ActorOrg: who.OrgName, Text: text}
	if err := addStep(ctx, tx, &st, nil); err != nil {
		return err
	}
	err := audit.Record(ctx, tx, audit.Entry{
		Act: "order." + string(act), Object: "order", ObjectID: o.ID, RegionCode: o.RegionCode, Summary: fmt.Sprintf("工单 %s %s", o.No, text), After: trace(o),
	})
	if err != nil {
		return err
	}
	if o.State != Closed {
		if err := s.todos.OrderNoted(ctx, tx, o, text); err != nil {
			return err
		}
	}
	return s.changed(ctx, tx, o, false)
}
