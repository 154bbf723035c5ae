// Package caller carries who asks, from where and under which request id, for
// the log and the audit record. It knows nothing of permissions.
package caller

import "context"

// Caller describes who acts. A job has no IP and the name of the job.
type Caller struct {
	ID        string
	Name      string
	OrgID     string
	IP        string
	RequestID string
}

type key struct{}

// With puts the caller into the context.
func With(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, key{}, c)
}

// From reads the caller; the zero value when there is none.
func From(ctx context.Context) Caller {
	c, _ := ctx.Value(key{}).(Caller)
	return c
}

// System makes a context for work that no person started.
func System(ctx context.Context, name string) context.Context {
	return With(ctx, Caller{ID: "system", Name: name})
}
