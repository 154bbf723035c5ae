package hub

import (
	"context"
	"hash/fnv"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// Limits of the queue between the lines and the commits.
const (
	queueBytes  = 64 << 20 // of payloads that wait
	queueWait   = 3 * time.Second
	groupLimit  = 64   // batches of one commit
	groupEvents = 4096 // and envelopes
	statusLimit = 256
)

// batch is one payload that waits to be committed.
type batch struct {
	edge string
	d    edgev1.Decoded
	size int64
	at   clock.Stamp
}

// ingest commits what boxes send: several batches in one transaction, and
// acknowledges each only after the commit.
type ingest struct {
	s      *Service
	room   *semaphore.Weighted
	queues []chan batch
	status chan StatusEvent
	cancel context.CancelFunc
	done   sync.WaitGroup
	mu     sync.RWMutex // held for reading while something is put in a queue
	closed bool
}

func newIngest(s *Service) *ingest {
	in := &ingest{s: s, room: semaphore.NewWeighted(queueBytes), status: make(chan StatusEvent, statusLimit)}
	for range s.o.Workers {
		in.queues = append(in.queues, make(chan batch, 4096))
	}
	return in
}

func (in *ingest) start(ctx context.Context) {
	ctx, in.cancel = context.WithCancel(ctx)
	for _, q := range in.queues {
		in.done.Go(func() { in.work(ctx, q) })
	}
	in.done.Go(func() { in.workStatus(ctx) })
}

// stop commits what is queued, for a few seconds at most, and waits.
func (in *ingest) stop() {
	in.mu.Lock()
	in.closed = true
	in.mu.Unlock()
	for _, q := range in.queues {
		close(q)
	}
	close(in.status)
	if in.cancel == nil {
		return
	}
	t := time.AfterFunc(5*time.Second, in.cancel)
	in.done.Wait()
	t.Stop()
	in.cancel()
}

// takeBatch runs on the line's own goroutine: when the queue stays full the
// line is slowed, and at last the batch is dropped without an
// acknowledgement, so that the box sends it again.
func (in *ingest) takeBatch(edge string, payload []byte) {
	d, err := edgev1.DecodeBatch(payload)
	if err == nil && d.Edge != edge {
		err = &edgev1.FieldError{Field: "edge", Message: "批次属于另一台边缘盒 " + d.Edge}
	}
	if err != nil {
		reason := "batch"
		if len(payload) > edgev1.MaxPayload {
			reason = "payloadTooLarge"
		}
		in.s.m.refuse(reason)
		in.s.o.Log.Warn("batch refused", "box", edge, "bytes", len(payload), "err", err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), queueWait)
	defer cancel()
	b := batch{edge: edge, d: d, size: min(int64(len(payload))*2, queueBytes), at: clock.At(in.s.o.Clock.Now())}
	if in.room.Acquire(ctx, b.size) != nil {
		in.s.m.refuse("queueFull")
		return
	}
	in.mu.RLock()
	defer in.mu.RUnlock()
	if in.closed {
		in.room.Release(b.size)
		return
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(edge)) // never fails
	select {
	case in.queues[int(h.Sum32())%len(in.queues)] <- b:
	case <-ctx.Done():
		in.room.Release(b.size)
		in.s.m.refuse("queueFull")
	}
}

func (in *ingest) work(ctx context.Context, q chan batch) {
	for first := range q {
		group := []batch{first}
		n := len(first.d.Items)
	fill:
		for len(group) < groupLimit && n < groupEvents {
			select {
			case b, ok := <-q:
				if !ok {
					break fill
				}
				group = append(group, b)
				n += len(b.d.Items)
			default:
				break fill
			}
		}
		in.commit(ctx, group)
		for _, b := range group {
			in.room.Release(b.size)
		}
	}
}

// commit stores a group. A locked database is waited for, without an
// acknowledgement. When something else fails each batch is tried alone, so
// that one box's trouble does not hold up the others; the batch that fails
// again is left to the box to repeat.
func (in *ingest) commit(ctx context.Context, group []batch) {
	err := in.store(ctx, group)
	for wait := 100 * time.Millisecond; err != nil && db.Busy(err) && ctx.Err() == nil; wait = min(2*wait, 2*time.Second) {
		in.s.m.retries.Inc()
		in.s.o.Log.Warn("database is locked, messages wait", "batches", len(group), "err", err)
		sleep(ctx, wait)
		err = in.store(ctx, group)
	}
	if err == nil {
		return
	}
	in.s.m.retries.Inc()
	if len(group) == 1 {
		in.s.m.refuse("store")
		in.s.o.Log.Error("batch not stored; the box will send it again", "box", group[0].edge, "err", err)
		return
	}
	for _, b := range group {
		in.commit(ctx, []batch{b})
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// store commits a group in one transaction and acknowledges it.
func (in *ingest) store(ctx context.Context, group []batch) error {
	var acks []edgev1.Ack
	var tally tally
	err := in.s.o.DB.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		g := newGroup(in.s, tx)
		if err := g.lock(ctx, group); err != nil {
			return err
		}
		for i := range group {
			if err := g.add(ctx, &group[i]); err != nil {
				return err
			}
		}
		if err := g.flush(ctx); err != nil {
			return err
		}
		acks, tally = g.acks, g.tally
		return nil
	})
	if err != nil {
		return err
	}
	in.s.m.groups.Observe(float64(len(group)))
	in.s.m.committed.Add(float64(tally.stored))
	in.s.m.repeated.Add(float64(tally.repeated))
	for _, f := range tally.rejected {
		in.s.m.rejected.WithLabelValues(f).Inc()
	}
	in.s.o.Wake()
	for _, a := range acks {
		a.Want = in.wanted(a.Want)
		if e := in.s.send(a.Edge, edgev1.DownAck, a, false); e != nil {
			in.s.o.Log.Warn("acknowledgement not sent; the box will repeat", "box", a.Edge, "err", e)
		}
	}
	return nil
}

// wanted keeps the digests that the center does not hold.
func (in *ingest) wanted(digests []string) []string {
	out := digests[:0]
	for _, d := range digests {
		if !in.s.o.Blobs.Has(context.Background(), d) {
			out = append(out, d)
		}
	}
	return out
}
