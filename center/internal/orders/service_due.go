package orders

import (
	"context"
	"fmt"
	"time"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/deadline"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
)

// SetDue notes in the transaction that the order's clock ends at another
// time: it was extended, stood for a while, or its rule changed.
func (s *Service) SetDue(ctx context.Context, tx db.Tx, id string, due clock.Stamp, near time.Duration) error {
	o, err := anyOrder(ctx, tx, id)
	if err != nil || o.DueAt == due && o.NearMS == near.Milliseconds() {
		return err
	}
	o.DueAt, o.NearMS = due, near.Milliseconds()
	if o, err = update(ctx, tx, o); err != nil {
		return err
	}
	return s.publish(ctx, tx, o, false)
}

// TakeFired handles deadline.fired: a level that an order's clock reached is
// a line of its timeline, and order.overdue for those outside. Who is told is
// the level's own business. Told twice it notes once.
func (s *Service) TakeFired(ctx context.Context, tx db.Tx, e events.Event) error {
	var x deadline.Fired
	if err := e.Decode(&x); err != nil {
		return err
	}
	if x.Record != "order" || x.Kind != deadline.FiredLevel {
		return nil
	}
	o, err := anyOrder(ctx, tx, x.RecordID)
	if errs.Is(err, errs.NotFoundCode) {
		return nil // voided since
	}
	if err != nil {
		return err
	}
	key := fmt.Sprintf("level:%s:%d", x.Level, x.Round)
	if again, err := done(ctx, tx, o.ID, key); err != nil || again {
		return err
	}
	list, err := stepsOf(ctx, tx, o.ID)
	if err != nil {
		return err
	}
	level := 1
	for i := range list {
		if list[i].Act == StepOverdue {
			level++
		}
	}
	text := x.Label
	if over := tx.Now().Sub(o.DueAt.Time()); over > 0 {
		text = fmt.Sprintf("已超期，%s", x.Label)
	}
	st := stepRow{ID: s.newID(), OrderID: o.ID, MadeAt: clock.At(tx.Now()), Act: StepOverdue, ActorID: "system", ActorName: "系统", Text: text, IdemKey: &key}
	if err := addStep(ctx, tx, &st, nil); err != nil {
		return err
	}
	err = audit.Record(ctx, tx, audit.Entry{
		Act: "order.overdue", Object: "order", ObjectID: o.ID, RegionCode: o.RegionCode,
		Summary: fmt.Sprintf("工单 %s %s（第 %d 级）", o.No, text, level), After: trace(o),
	})
	if err != nil {
		return err
	}
	tx.AfterCommit(s.wake)
	return events.Publish(ctx, tx, TopicOverdue, Overdue{
		ID: o.ID, No: o.No, Level: level, Label: x.Label, RegionCode: o.RegionCode, SquadOrgID: o.SquadOrgID, OfficerID: o.OfficerID, DueAt: o.DueAt,
	})
}
