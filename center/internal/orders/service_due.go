package orders

import (
	"context"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// NearFor is how long before its end the order is near: its rule's part of
// the limit, or from the beginning of the last day.
func (o Order) NearFor() time.Duration {
	near := time.Duration(o.NearMS) * time.Millisecond
	if o.NearToday {
		near = max(near, o.DueAt.Time().Sub(clock.DayStart(o.DueAt.Time())))
	}
	return near
}

// SetDue notes in the transaction that the order's clock ends at another
// time: it was extended, stood for a while, or its rule changed.
func (s *Service) SetDue(ctx context.Context, tx db.Tx, id string, due clock.Stamp) error {
	o, err := anyOrder(ctx, tx, id)
	if err != nil || o.DueAt == due {
		return err
	}
	o.DueAt = due
	if o, err = update(ctx, tx, o); err != nil {
		return err
	}
	return s.publish(ctx, tx, o, false)
}
