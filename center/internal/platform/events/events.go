// Package events is the transactional outbox: a domain publishes inside its
// transaction, and other domains take the event later, each in a transaction
// of its own. Delivery is at least once after a crash, so that a consumer
// that writes must be idempotent; what it wrote and the note that it took the
// event are committed together.
package events

import (
	"context"
	"encoding/json"
	"fmt"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/ids"
)

// Event is what a consumer gets.
type Event struct {
	ID      string
	Topic   string
	Payload json.RawMessage
	At      clock.Stamp
}

// Decode reads the payload.
func (e Event) Decode(v any) error {
	if err := json.Unmarshal(e.Payload, v); err != nil {
		return fmt.Errorf("decode event %s %s: %w", e.Topic, e.ID, err)
	}
	return nil
}

// Publish writes an event in the transaction of the business record. The
// payload becomes JSON.
func Publish(ctx context.Context, tx db.Tx, topic string, payload any) error {
	b, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("publish %s: %w", topic, err)
	}
	now := clock.At(tx.Now())
	row := outboxRow{ID: ids.New(), Topic: topic, Payload: string(b), CreatedAt: now, NextAt: now}
	if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
		return fmt.Errorf("publish %s: %w", topic, err)
	}
	return nil
}
