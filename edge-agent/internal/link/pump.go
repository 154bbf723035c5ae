package link

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"jiexun/api/edgev1"
)

// How much may be on the way unacknowledged. A batch must fit one payload.
const (
	batchRows   = 64
	batchBytes  = edgev1.MaxPayload - 8<<10
	windowRows  = 8 * batchRows
	readAtStart = 0
)

// pump sends waiting rows in order, a bounded number ahead of the center's
// acknowledgements, and starts again from the oldest when none came in time.
func (l *Link) pump(ctx context.Context, client mqtt.Client, lost <-chan error) error {
	w := window{sentAt: map[int64]time.Time{}}
	status := time.NewTicker(l.o.StatusEvery)
	defer status.Stop()
	tick := time.NewTicker(l.o.AckTimeout / 4)
	defer tick.Stop()
	if err := l.sendStatus(client); err != nil {
		return err
	}
	for {
		if err := l.fill(ctx, client, &w); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-lost:
			return err
		case <-l.o.Outbox.Wake():
		case a := <-l.acks:
			if err := l.acknowledged(ctx, a, &w); err != nil {
				return err
			}
		case <-tick.C:
			if w.stale(time.Now(), l.o.AckTimeout) {
				l.counters.Resends.Add(1)
				w.reset()
			}
		case <-status.C:
			if err := l.sendStatus(client); err != nil {
				return err
			}
		case <-l.nudge:
			if err := l.sendStatus(client); err != nil {
				return err
			}
		}
	}
}

// window is what was sent in this session and not yet acknowledged.
type window struct {
	cursor int64
	sentAt map[int64]time.Time
}

func (w *window) reset() { w.cursor = readAtStart; clear(w.sentAt) }

func (w *window) stale(now time.Time, limit time.Duration) bool {
	for _, t := range w.sentAt {
		if now.Sub(t) > limit {
			return true
		}
	}
	return false
}

func (l *Link) fill(ctx context.Context, client mqtt.Client, w *window) error {
	for len(w.sentAt) < windowRows {
		items, err := l.o.Outbox.Pending(ctx, w.cursor, batchRows, batchBytes)
		if err != nil || len(items) == 0 {
			return err
		}
		now := time.Now()
		b, err := json.Marshal(edgev1.Batch{V: edgev1.ProtocolVersion, Edge: l.o.Identity.Edge, Epoch: l.o.Outbox.Epoch(), SentAt: edgev1.At(now), Items: items})
		if err != nil {
			return fmt.Errorf("encode batch: %w", err)
		}
		if t := client.Publish(edgev1.Topic(l.o.Identity.Edge, edgev1.UpEvent), 1, false, b); t.Error() != nil {
			return fmt.Errorf("publish batch: %w", t.Error())
		}
		l.counters.Batches.Add(1)
		for _, e := range items {
			w.sentAt[e.Seq] = now
			w.cursor = e.Seq
		}
	}
	return nil
}

// acknowledged removes rows that the center has committed, first from the
// disk and only then from the window.
func (l *Link) acknowledged(ctx context.Context, a edgev1.Ack, w *window) error {
	if err := l.o.Outbox.Ack(ctx, a); err != nil {
		return err
	}
	if a.Epoch != l.o.Outbox.Epoch() {
		return nil
	}
	now := time.Now()
	measured := false
	forget := func(seq int64) {
		t, ok := w.sentAt[seq]
		if !ok {
			return
		}
		if !measured && !a.At.IsZero() {
			// The center's clock at half of the way there and back.
			l.offsetMS.Store(t.Add(now.Sub(t) / 2).Sub(a.At.Time).Milliseconds())
			measured = true
		}
		delete(w.sentAt, seq)
		l.counters.Acked.Add(1)
	}
	for _, r := range a.Accepted {
		if r.To-r.From > 1<<20 {
			return fmt.Errorf("center acknowledged an impossible range %d..%d", r.From, r.To)
		}
		for s := r.From; s <= r.To; s++ {
			forget(s)
		}
	}
	for _, r := range a.Rejected {
		forget(r.Seq)
		l.counters.RejectedRows.Add(1)
		l.o.Log.Error("center refused a message for good", "seq", r.Seq, "field", r.Field, "reason", r.Message)
	}
	if len(a.Want) > 0 {
		if err := l.o.Evidence.Want(a.Want); err != nil {
			l.o.Log.Error("evidence wanted by the center", "error", err)
		}
		poke(l.upload)
	}
	return nil
}

func (l *Link) sendStatus(client mqtt.Client) error {
	s := l.o.Status()
	s.V, s.Edge, s.Instance, s.Epoch = edgev1.ProtocolVersion, l.o.Identity.Edge, l.o.Identity.Instance, l.o.Outbox.Epoch()
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode status: %w", err)
	}
	if t := client.Publish(edgev1.Topic(l.o.Identity.Edge, edgev1.UpStatus), 1, false, b); t.Error() != nil {
		return fmt.Errorf("publish status: %w", t.Error())
	}
	return nil
}
