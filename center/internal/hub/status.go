package hub

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
)

// takeStatus queues a status. When the queue is full the oldest knowledge is
// simply late: the next status comes within seconds, so this one is dropped.
func (in *ingest) takeStatus(edge string, payload []byte) {
	st, err := edgev1.Decode[edgev1.Status](payload)
	if err == nil && st.Edge != edge {
		err = fmt.Errorf("status is of box %s", st.Edge)
	}
	if err != nil {
		in.s.m.refuse("status")
		in.s.o.Log.Warn("status refused", "box", edge, "err", err)
		return
	}
	now := in.s.o.Clock.Now()
	e := StatusEvent{Edge: edge, Status: st, ReceivedAt: clock.At(now)}
	if !st.Gone { // a last will was written long before
		e.ClockOffsetMS = st.At.Sub(now.UTC()).Milliseconds()
	}
	in.mu.RLock()
	defer in.mu.RUnlock()
	if in.closed {
		return
	}
	select {
	case in.status <- e:
	default:
		in.s.m.refuse("statusQueueFull")
	}
}

func (in *ingest) workStatus(ctx context.Context) {
	for first := range in.status {
		list := []StatusEvent{first}
	fill:
		for len(list) < 64 {
			select {
			case e, ok := <-in.status:
				if !ok {
					break fill
				}
				list = append(list, e)
			default:
				break fill
			}
		}
		err := in.storeStatus(ctx, list)
		for wait := 100 * time.Millisecond; err != nil && db.Busy(err) && ctx.Err() == nil; wait = min(2*wait, 2*time.Second) {
			sleep(ctx, wait)
			err = in.storeStatus(ctx, list)
		}
		if err != nil {
			in.s.m.refuse("statusStore")
			in.s.o.Log.Error("status not stored", "statuses", len(list), "err", err)
		}
	}
}

// storeStatus publishes the statuses of each box in the order in which they
// came. Boxes are sorted so that streams are locked in one order.
func (in *ingest) storeStatus(ctx context.Context, list []StatusEvent) error {
	slices.SortStableFunc(list, func(a, b StatusEvent) int { return strings.Compare(a.Edge, b.Edge) })
	err := in.s.o.DB.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		for _, e := range list {
			if e.Status.Gone {
				off := OfflineEvent{Edge: e.Edge, Since: e.ReceivedAt, Reason: "连接断开"}
				if err := events.Publish(ctx, tx, TopicOffline, off); err != nil {
					return err
				}
				continue
			}
			n, err := lockStream(ctx, tx, e.Edge, e.Status.Epoch)
			if err != nil {
				return err
			}
			if e.Status.LastSeq > n.row.ReportedSeq || n.fresh {
				n.row.ReportedSeq = e.Status.LastSeq
				if err := saveStream(ctx, tx, n); err != nil {
					return err
				}
			}
			e.Missing = n.missing()
			if err := events.Publish(ctx, tx, TopicStatus, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		in.s.o.Wake()
	}
	return err
}

// missing counts the numbers below the last committed one that are neither
// committed nor explained. Later ones may still be in the box's outbox.
func (n *numbering) missing() int64 {
	return n.seqs.Union(n.gaps).Holes(1, n.seqs.Last()).Count()
}
