package hub

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// tally counts for the metrics, once the group is committed.
type tally struct {
	stored, repeated int
	rejected         []string
}

// group is one commit: the batches of any boxes.
type group struct {
	s       *Service
	tx      db.Tx
	streams map[string]*numbering
	rows    []messageRow
	refused []rejectionRow
	acks    []edgev1.Ack
	tally   tally
}

func newGroup(s *Service, tx db.Tx) *group {
	return &group{s: s, tx: tx, streams: map[string]*numbering{}}
}

func (g *group) stream(ctx context.Context, edge, epoch string) (*numbering, error) {
	key := edge + "/" + epoch
	if n, ok := g.streams[key]; ok {
		return n, nil
	}
	n, err := lockStream(ctx, g.tx, edge, epoch)
	if err != nil {
		return nil, err
	}
	g.streams[key] = n
	return n, nil
}

// lock takes the streams of all batches in one order, so that two commits
// never wait for each other.
func (g *group) lock(ctx context.Context, list []batch) error {
	byKey := map[string]*batch{}
	for i := range list {
		byKey[list[i].edge+"/"+list[i].d.Epoch] = &list[i]
	}
	for _, k := range slices.Sorted(maps.Keys(byKey)) {
		if _, err := g.stream(ctx, byKey[k].edge, byKey[k].d.Epoch); err != nil {
			return err
		}
	}
	return nil
}

// add takes one batch: new envelopes become rows and go to the sink, known
// ones are acknowledged again.
func (g *group) add(ctx context.Context, b *batch) error {
	n, err := g.stream(ctx, b.edge, b.d.Epoch)
	if err != nil {
		return err
	}
	ack := edgev1.Ack{V: edgev1.ProtocolVersion, Edge: b.edge, Epoch: b.d.Epoch, At: edgev1.At(g.tx.Now()), Accepted: []edgev1.SeqRange{}}
	var accepted, repeated []int64
	fresh := make([]int, 0, len(b.d.Items))
	seen := map[int64]bool{}
	for i := range b.d.Items {
		e := &b.d.Items[i]
		if e.Event != nil {
			for _, ev := range e.Event.Evidence {
				ack.Want = append(ack.Want, ev.SM3)
			}
		}
		switch {
		case n.seqs.Has(e.Seq) || seen[e.Seq]:
			repeated = append(repeated, e.Seq)
			g.tally.repeated++
		case len(n.seqs) >= MaxRanges:
			return errs.New(errs.Invalid, "边缘盒 %s 的序号空洞超过 %d 处", b.edge, MaxRanges)
		default:
			seen[e.Seq] = true
			fresh = append(fresh, i)
		}
	}
	bad, err := g.sink(ctx, b, fresh)
	if err != nil {
		return err
	}
	for _, i := range fresh {
		e := &b.d.Items[i]
		n.seqs = n.seqs.Add(e.Seq, e.Seq)
		if rej, no := bad[i]; no {
			g.reject(b, n, rej)
			ack.Rejected = append(ack.Rejected, rej)
			continue
		}
		if e.Gap != nil {
			n.gaps = n.gaps.Add(e.Gap.From, min(e.Gap.To, e.Seq))
		}
		g.rows = append(g.rows, g.row(b, i))
		accepted = append(accepted, e.Seq)
	}
	for _, rej := range b.d.Rejected {
		if rej.Seq > 0 && !n.seqs.Has(rej.Seq) {
			n.seqs = n.seqs.Add(rej.Seq, rej.Seq)
			g.reject(b, n, rej)
		}
		ack.Rejected = append(ack.Rejected, rej)
	}
	if err := g.repeatedAck(ctx, b, repeated, &ack, accepted); err != nil {
		return err
	}
	g.acks = append(g.acks, ack)
	return nil
}

// repeatedAck answers numbers that were committed before as they were
// answered then: accepted or rejected.
func (g *group) repeatedAck(ctx context.Context, b *batch, repeated []int64, ack *edgev1.Ack, accepted []int64) error {
	if len(repeated) > 0 {
		was, err := rejectionsOf(ctx, g.tx, b.edge, b.d.Epoch, repeated)
		if err != nil {
			return err
		}
		no := map[int64]bool{}
		for _, r := range was {
			no[r.Seq] = true
			ack.Rejected = append(ack.Rejected, edgev1.Rejection{Seq: r.Seq, Field: r.Field, Message: r.Message})
		}
		for _, s := range repeated {
			if !no[s] {
				accepted = append(accepted, s)
			}
		}
	}
	ack.Accepted = edgev1.SeqRanges(accepted)
	return nil
}

// sink gives the new events of a batch to the domain that keeps them, and
// gets back those that it will never take.
func (g *group) sink(ctx context.Context, b *batch, fresh []int) (map[int]edgev1.Rejection, error) {
	var list []edgev1.Event
	var at []int
	for _, i := range fresh {
		if e := b.d.Items[i].Event; e != nil {
			list = append(list, *e)
			at = append(at, i)
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	bad, err := g.s.o.Sink.TakeEvents(caller.System(ctx, "边缘盒 "+b.edge), g.tx, b.edge, list)
	if err != nil {
		return nil, fmt.Errorf("take events of box %s: %w", b.edge, err)
	}
	out := make(map[int]edgev1.Rejection, len(bad))
	for k, why := range bad {
		if k < 0 || k >= len(at) {
			return nil, fmt.Errorf("take events of box %s: rejection of event %d of %d", b.edge, k, len(at))
		}
		r := edgev1.Rejection{Seq: b.d.Items[at[k]].Seq, Field: "event", Message: why.Error()}
		var e *errs.Error
		if errors.As(why, &e) {
			r.Message = e.Message
			if len(e.Fields) > 0 {
				r.Field, r.Message = e.Fields[0].Name, e.Fields[0].Message
			}
		}
		out[at[k]] = r
	}
	return out, nil
}

func (g *group) reject(b *batch, n *numbering, r edgev1.Rejection) {
	g.refused = append(g.refused, rejectionRow{Edge: b.edge, Epoch: n.row.Epoch, Seq: r.Seq, Field: r.Field, Message: r.Message, At: clock.At(g.tx.Now())})
	g.tally.rejected = append(g.tally.rejected, r.Field)
	g.s.o.Log.Warn("message rejected", "box", b.edge, "seq", r.Seq, "field", r.Field, "why", r.Message)
}

func (g *group) row(b *batch, i int) messageRow {
	e := &b.d.Items[i]
	r := messageRow{
		Edge: b.edge, Epoch: b.d.Epoch, Seq: e.Seq, ID: e.ID, MadeAt: clock.At(e.MadeAt.Time), MadeYMD: clock.YMD(e.MadeAt.Time),
		ReceivedAt: b.at, Body: string(b.d.Raw[i]),
	}
	if e.Event != nil {
		r.EventID, r.EventRev = e.Event.ID, e.Event.Rev
	}
	g.tally.stored++
	return r
}

// flush writes what the batches left.
func (g *group) flush(ctx context.Context) error {
	if err := insertMessages(ctx, g.tx, g.rows); err != nil {
		return err
	}
	if err := insertRejections(ctx, g.tx, g.refused); err != nil {
		return err
	}
	for _, n := range g.streams {
		if err := saveStream(ctx, g.tx, n); err != nil {
			return err
		}
	}
	return nil
}
