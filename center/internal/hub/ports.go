// Package hub is the center's end of the line to the boxes: the MQTT broker
// with its access rules, the certificate authority and enrolment, the upload
// of evidence, and the ingest that commits what boxes report before it tells
// them so.
package hub

import (
	"context"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// EventSink takes the events of one box inside the ingest's own transaction.
// It must be idempotent by event id and revision. A rejection (keyed by the
// place in the list) refuses that one event for good: an errs.Error of code
// Invalid whose field names what is wrong. An error undoes the whole group,
// which is tried again.
type EventSink interface {
	TakeEvents(ctx context.Context, tx db.Tx, edge string, list []edgev1.Received) (rejected map[int]error, err error)
}

// ObservationSink takes what a box saw for its tasks, under the same rules as
// EventSink: idempotent by id, in the ingest's transaction.
type ObservationSink interface {
	TakeObservations(ctx context.Context, tx db.Tx, edge string, list []edgev1.Observation) (rejected map[int]error, err error)
}

// Commands asks a box to do something and waits for its answer.
type Commands interface {
	// Send gives errs.Unavailable when the box is offline or does not answer
	// within the command's TTL. ID, V and SentAt are filled in.
	Send(ctx context.Context, edge string, c edgev1.Command) (edgev1.Result, error)
}

// ConfigPublisher gives a box its desired state, retained by the broker.
type ConfigPublisher interface {
	Publish(edge string, c edgev1.Config) error
}

// Registry knows the boxes: fleet implements it.
type Registry interface {
	// Enrol spends a one-time token and binds the box to the instance and to
	// the certificate that sign makes.
	Enrol(ctx context.Context, r edgev1.EnrolRequest, sign func(edge string) (chain, serial string, err error)) (Identity, error)
	// Admit tells whether a box may connect: its certificate's serial is the
	// current one, it is not revoked, and, unless instance is empty, it is
	// the machine that enrolled. A second machine is noted as a duplicate.
	// An error of code Forbidden says why not.
	Admit(ctx context.Context, edge, serial, instance string) error
}

// Identity is what a box is told when it enrols.
type Identity struct {
	Edge, Name, Chain string
}

// Topics of the outbox events that the hub publishes.
const (
	TopicStatus  = "edge.status"  // StatusEvent
	TopicOffline = "edge.offline" // OfflineEvent: the box itself went away
)

// StatusEvent is what consumers of TopicStatus get.
type StatusEvent struct {
	Edge       string        `json:"edge"`
	Status     edgev1.Status `json:"status"`
	ReceivedAt clock.Stamp   `json:"receivedAt"`
	// ClockOffsetMS is the box's clock minus the center's, the way of the
	// message included.
	ClockOffsetMS int64 `json:"clockOffsetMs"`
	// Missing is how many messages of the current numbering were skipped
	// without an explanation.
	Missing int64 `json:"missing"`
}

// OfflineEvent says that a box is not heard any more; its cameras' states are
// unknown from Since on.
type OfflineEvent struct {
	Edge   string      `json:"edge"`
	Since  clock.Stamp `json:"since"`
	Reason string      `json:"reason"`
}
