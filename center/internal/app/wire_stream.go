package app

import "context"

// Counts are the figures in every page's head, cut to the actor's scope.
type Counts struct {
	AlertsPending int64 `json:"alertsPending"`
	OrdersTodo    int64 `json:"ordersTodo"`
	Overdue       int64 `json:"overdue"`
}

// wireStream passes what the domains publish on to the browsers, once the
// transaction that took it is committed.
func (a *App) wireStream(context.Context) error { return a.streamDomains() }
