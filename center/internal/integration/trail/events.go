package trail

import (
	"context"

	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
)

// Outbox topics of what is registered from outside. Payload: Registered.
const (
	TopicRegistered = "integration.registered" // applied for
	TopicApproved   = "integration.approved"
)

// KindInterface is the kind of an application for interfaces; the others are
// those of the registry.
const KindInterface = "interface"

// Registered is the payload of both topics.
type Registered struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
	Name string `json:"name"`
	// PersonID applied, By did this step.
	PersonID string `json:"personId"`
	By       string `json:"by"`
}

// Tell publishes a step of a registration and has the outbox looked at after
// the commit.
func Tell(ctx context.Context, tx db.Tx, topic string, r Registered, wake func()) error {
	tx.AfterCommit(wake)
	return events.Publish(ctx, tx, topic, r)
}
