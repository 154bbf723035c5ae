// Package trail is the change log of what is registered for integration: each
// change goes into the audit chain and into a log that the people who look
// after registrations may read without reading the audit.
package trail

import (
	"context"
	"encoding/json"
	"fmt"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/ids"
)

// LoggedChange is one entry of the log. Before and After are JSON texts.
type LoggedChange struct {
	ID      string      `json:"id"`
	Act     string      `json:"act"`
	Summary string      `json:"summary"`
	Before  string      `json:"before,omitempty"`
	After   string      `json:"after,omitempty"`
	Reason  string      `json:"reason,omitempty"`
	ByName  string      `json:"byName"`
	At      clock.Stamp `json:"at"`
}

// Record writes an entry in the transaction of the act, after its own rows.
func Record(ctx context.Context, tx db.Tx, e audit.Entry) error {
	who := caller.From(ctx)
	before, err := text(e.Before)
	if err != nil {
		return fmt.Errorf("note change: %w", err)
	}
	after, err := text(e.After)
	if err != nil {
		return fmt.Errorf("note change: %w", err)
	}
	r := row{ID: ids.New(), Object: e.Object, ObjectID: e.ObjectID, Act: e.Act, Summary: e.Summary, BeforeJSON: before, AfterJSON: after, Reason: e.Reason, ByID: who.ID, ByName: who.Name, At: clock.At(tx.Now())}
	if err := insert(ctx, tx, &r); err != nil {
		return err
	}
	return audit.Record(ctx, tx, e)
}

func text(v any) (string, error) {
	if v == nil {
		return "", nil
	}
	b, err := json.Marshal(v)
	return string(b), err
}

// Of lists the last changes of an object, newest first. Who may read them is
// the caller's decision.
func Of(ctx context.Context, d *db.DB, object, id string) ([]LoggedChange, error) {
	rows, err := list(ctx, d, object, id)
	if err != nil {
		return nil, err
	}
	out := make([]LoggedChange, len(rows))
	for i, r := range rows {
		out[i] = LoggedChange{ID: r.ID, Act: r.Act, Summary: r.Summary, Before: r.BeforeJSON, After: r.AfterJSON, Reason: r.Reason, ByName: r.ByName, At: r.At}
	}
	return out, nil
}
