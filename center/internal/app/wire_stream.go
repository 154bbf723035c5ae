package app

import (
	"context"

	"jiexun/center/internal/platform/stream"
)

// Counts are the figures in every page's head, cut to the actor's scope.
type Counts struct {
	AlertsPending int64 `json:"alertsPending"`
	OrdersTodo    int64 `json:"ordersTodo"`
	Overdue       int64 `json:"overdue"`
	Todo          int64 `json:"todo"`
	TodoOverdue   int64 `json:"todoOverdue"`
	TodoGroup     int64 `json:"todoGroup"`
	TodoCC        int64 `json:"todoCc"`
}

// wireStream passes what the domains publish on to the browsers, once the
// transaction that took it is committed.
func (a *App) wireStream(ctx context.Context) (err error) {
	if a.bridge, err = stream.NewBridge(ctx, a.stream, a.db, a.log); err != nil {
		return err
	}
	return a.streamDomains()
}
