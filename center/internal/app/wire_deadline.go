package app

import (
	"context"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/deadline"
)

// wireDeadline makes the clocks of records, and keeps the list of jobs short.
func (a *App) wireDeadline(context.Context) error {
	a.deadline = deadline.New(deadline.Options{DB: a.db, Jobs: a.jobs, Wake: a.bus.Wake, Log: a.log})
	a.deadline.RegisterRecord(deadline.Record{
		Kind: "order", Label: "工单", Perm: access.OrderView, Act: access.OrderReview,
		CanSee: func(ctx context.Context, id string) error {
			_, err := a.orders.Get(ctx, id)
			return err
		},
	})
	a.jobs.Every("jobs.purge", "清理已结束的任务", 6*time.Hour, a.jobs.Purge)
	return nil
}
