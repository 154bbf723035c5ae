package events

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// Handler takes one event in the transaction tx.
type Handler func(ctx context.Context, tx db.Tx, e Event) error

type subscriber struct {
	name   string
	handle Handler
}

// Limits of delivery: a group is taken in one transaction; an event that
// fails MaxAttempts times is set aside as dead and counted.
const (
	groupSize   = 64
	MaxAttempts = 12
	idlePoll    = 500 * time.Millisecond
)

// Bus delivers published events to their consumers. Subscribe before Start.
type Bus struct {
	db   *db.DB
	log  *slog.Logger
	subs map[string][]subscriber
	wake chan struct{}
	stop context.CancelFunc
	done sync.WaitGroup

	delivered *prometheus.CounterVec
	failed    *prometheus.CounterVec
}

// NewBus makes a bus; its counters are registered with reg.
func NewBus(d *db.DB, log *slog.Logger, reg prometheus.Registerer) *Bus {
	b := &Bus{
		db: d, log: log, subs: map[string][]subscriber{}, wake: make(chan struct{}, 1),
		delivered: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jiexun_events_delivered_total", Help: "Events that all consumers took."}, []string{"topic"}),
		failed:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jiexun_events_failed_total", Help: "Deliveries that failed and are tried again."}, []string{"topic", "consumer"}),
	}
	if reg != nil {
		reg.MustRegister(b.delivered, b.failed)
	}
	return b
}

// Subscribe adds a consumer. The name is stored with each event it took, so
// it must be unique within the topic and must not change.
func (b *Bus) Subscribe(topic, name string, h Handler) {
	b.subs[topic] = append(b.subs[topic], subscriber{name: name, handle: h})
}

// Wake makes the dispatcher look at once; call it after a commit that
// published something. Without it the event waits half a second at most.
func (b *Bus) Wake() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Start begins to deliver; Close ends it and waits.
func (b *Bus) Start(ctx context.Context) {
	ctx, b.stop = context.WithCancel(ctx)
	b.done.Go(func() { b.loop(ctx) })
}

// Close stops the dispatcher and waits for a delivery in progress.
func (b *Bus) Close() {
	if b.stop != nil {
		b.stop()
		b.done.Wait()
	}
}

func (b *Bus) loop(ctx context.Context) {
	t := time.NewTicker(idlePoll)
	defer t.Stop()
	for {
		for {
			n, err := b.Drain(ctx)
			if err != nil && ctx.Err() == nil {
				b.log.Error("deliver events", "err", err)
			}
			if n == 0 || err != nil {
				break
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		case <-t.C:
		}
	}
}

// Drain delivers one group and tells how many events left the outbox or were
// postponed. Tests call it instead of Start.
func (b *Bus) Drain(ctx context.Context) (int, error) {
	ctx = caller.System(ctx, "事件分发")
	n, err := b.group(ctx, groupSize)
	if err == nil || ctx.Err() != nil {
		return n, err
	}
	// One of the group failed and took the others with it: each alone.
	total := 0
	for range groupSize {
		n, err := b.group(ctx, 1)
		if err != nil {
			if err = b.setBack(ctx, err); err != nil {
				return total, err
			}
			n = 1
		}
		if n == 0 {
			break
		}
		total += n
	}
	return total, nil
}

// deliveryError tells which delivery failed.
type deliveryError struct {
	row      outboxRow
	consumer string
	err      error
}

func (e *deliveryError) Error() string {
	return "event " + e.row.Topic + " to " + e.consumer + ": " + e.err.Error()
}
func (e *deliveryError) Unwrap() error { return e.err }

func (b *Bus) group(ctx context.Context, size int) (int, error) {
	n := 0
	topics := []string{}
	err := b.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		topics = topics[:0]
		rows, err := due(ctx, tx, size)
		if err != nil {
			return err
		}
		done := make([]string, 0, len(rows))
		for _, r := range rows {
			if err := b.deliver(ctx, tx, r); err != nil {
				return err
			}
			done = append(done, r.ID)
			topics = append(topics, r.Topic)
		}
		n = len(done)
		return finish(ctx, tx, done)
	})
	if err != nil {
		return 0, err
	}
	for _, t := range topics {
		b.delivered.WithLabelValues(t).Inc()
	}
	return n, nil
}

func (b *Bus) deliver(ctx context.Context, tx db.Tx, r outboxRow) error {
	e := Event{ID: r.ID, Topic: r.Topic, Payload: []byte(r.Payload), At: r.CreatedAt}
	for _, s := range b.subs[r.Topic] {
		fresh, err := take(ctx, tx, r.ID, s.name)
		if err != nil {
			return err
		}
		if !fresh {
			continue
		}
		if err := s.handle(ctx, tx, e); err != nil {
			return &deliveryError{row: r, consumer: s.name, err: err}
		}
	}
	return nil
}

// setBack postpones the event whose delivery failed, with growing pauses.
func (b *Bus) setBack(ctx context.Context, cause error) error {
	var de *deliveryError
	if !asDelivery(cause, &de) {
		return cause
	}
	b.failed.WithLabelValues(de.row.Topic, de.consumer).Inc()
	r := de.row
	r.Attempts++
	r.LastError = de.err.Error()
	pause := time.Second << min(r.Attempts-1, 8)
	r.NextAt = clock.At(b.db.Now().Add(pause))
	if r.Attempts >= MaxAttempts {
		r.Dead = 1
	}
	b.log.Warn("event not delivered", "topic", r.Topic, "event", r.ID, "consumer", de.consumer, "attempt", r.Attempts, "dead", r.Dead == 1, "err", de.err)
	return b.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return postpone(ctx, tx, r) })
}

func asDelivery(err error, target **deliveryError) bool { return errors.As(err, target) }
