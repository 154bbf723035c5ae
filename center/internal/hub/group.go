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

// sinkLimit bounds the events of one call of the sink.
const sinkLimit = 1024

// parcel is a batch in the middle of its commit.
type parcel struct {
	b        *batch
	n        *numbering
	ack      edgev1.Ack
	fresh    []int // places of envelopes that are new
	repeated []int64
	refused  map[int]edgev1.Rejection
}

// group is one commit: the batches of any boxes.
type group struct {
	s       *Service
	tx      db.Tx
	streams map[string]*numbering
	parcels []*parcel
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

// add sorts the envelopes of one batch into new ones and known ones.
func (g *group) add(ctx context.Context, b *batch) error {
	n, err := g.stream(ctx, b.edge, b.d.Epoch)
	if err != nil {
		return err
	}
	p := &parcel{b: b, n: n, refused: map[int]edgev1.Rejection{}, ack: edgev1.Ack{
		V: edgev1.ProtocolVersion, Edge: b.edge, Epoch: b.d.Epoch, At: edgev1.At(g.tx.Now()), Accepted: []edgev1.SeqRange{},
	}}
	for i := range b.d.Items {
		e := &b.d.Items[i]
		for _, ev := range evidenceOf(e) {
			p.ack.Want = append(p.ack.Want, ev.SM3)
		}
		switch {
		case n.seqs.Has(e.Seq):
			p.repeated = append(p.repeated, e.Seq)
			g.tally.repeated++
		case len(n.seqs) >= MaxRanges:
			return errs.New(errs.Invalid, "边缘盒 %s 的序号空洞超过 %d 处", b.edge, MaxRanges)
		default:
			n.seqs = n.seqs.Add(e.Seq, e.Seq)
			p.fresh = append(p.fresh, i)
		}
	}
	g.parcels = append(g.parcels, p)
	return nil
}

// evidenceOf lists the files that an envelope speaks of.
func evidenceOf(e *edgev1.Envelope) []edgev1.EvidenceRef {
	switch {
	case e.Event != nil:
		return e.Event.Evidence
	case e.Observation != nil:
		return e.Observation.Evidence
	}
	return nil
}

// place is where an event or observation of a sink call came from.
type place struct {
	p *parcel
	i int
}

// sink gives what is new of each box, in order, to the domains that keep it:
// the events first, because observations name them.
func (g *group) sink(ctx context.Context) error {
	is := []struct {
		has  func(*edgev1.Envelope) bool
		give func(context.Context, string, []place) error
	}{
		{func(e *edgev1.Envelope) bool { return e.Event != nil }, g.giveEvents},
		{func(e *edgev1.Envelope) bool { return e.Observation != nil }, g.giveObservations},
	}
	for _, k := range is {
		byEdge := map[string][]place{}
		for _, p := range g.parcels {
			for _, i := range p.fresh {
				if k.has(&p.b.d.Items[i]) {
					byEdge[p.b.edge] = append(byEdge[p.b.edge], place{p, i})
				}
			}
		}
		for _, edge := range slices.Sorted(maps.Keys(byEdge)) {
			for part := range slices.Chunk(byEdge[edge], sinkLimit) {
				if err := k.give(caller.System(ctx, "边缘盒 "+edge), edge, part); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (g *group) giveEvents(ctx context.Context, edge string, from []place) error {
	list := make([]edgev1.Received, 0, len(from))
	for _, f := range from {
		d := &f.p.b.d
		list = append(list, edgev1.Received{Event: *d.Items[f.i].Event, Text: edgev1.EventText(d.Raw[f.i])})
	}
	bad, err := g.s.o.Sink.TakeEvents(ctx, g.tx, edge, list)
	if err == nil {
		err = refuse(from, bad, "event")
	}
	if err != nil {
		return fmt.Errorf("take events of box %s: %w", edge, err)
	}
	return nil
}

func (g *group) giveObservations(ctx context.Context, edge string, from []place) error {
	if g.s.o.Observations == nil {
		bad := map[int]error{}
		for k := range from {
			bad[k] = errs.New(errs.Invalid, "本中心不接收巡检任务的结果")
		}
		return refuse(from, bad, "observation")
	}
	list := make([]edgev1.Observation, 0, len(from))
	for _, f := range from {
		list = append(list, *f.p.b.d.Items[f.i].Observation)
	}
	bad, err := g.s.o.Observations.TakeObservations(ctx, g.tx, edge, list)
	if err == nil {
		err = refuse(from, bad, "observation")
	}
	if err != nil {
		return fmt.Errorf("take observations of box %s: %w", edge, err)
	}
	return nil
}

// refuse notes what a domain will never take, with the field it named.
func refuse(from []place, bad map[int]error, field string) error {
	for k, why := range bad {
		if k < 0 || k >= len(from) {
			return fmt.Errorf("rejection of item %d of %d", k, len(from))
		}
		f := from[k]
		r := edgev1.Rejection{Seq: f.p.b.d.Items[f.i].Seq, Field: field, Message: why.Error()}
		var e *errs.Error
		if errors.As(why, &e) {
			r.Message = e.Message
			if len(e.Fields) > 0 {
				r.Field, r.Message = e.Fields[0].Name, e.Fields[0].Message
			}
		}
		f.p.refused[f.i] = r
	}
	return nil
}

// settle turns a parcel into rows and an acknowledgement.
func (g *group) settle(p *parcel) []int64 {
	accepted := make([]int64, 0, len(p.fresh))
	for _, i := range p.fresh {
		e := &p.b.d.Items[i]
		if rej, no := p.refused[i]; no {
			g.reject(p, rej)
			continue
		}
		if e.Gap != nil {
			p.n.gaps = p.n.gaps.Add(e.Gap.From, min(e.Gap.To, e.Seq))
		}
		g.rows = append(g.rows, g.row(p.b, i))
		accepted = append(accepted, e.Seq)
	}
	for _, rej := range p.b.d.Rejected {
		if rej.Seq > 0 && !p.n.seqs.Has(rej.Seq) {
			p.n.seqs = p.n.seqs.Add(rej.Seq, rej.Seq)
			g.reject(p, rej)
			continue
		}
		p.ack.Rejected = append(p.ack.Rejected, rej)
	}
	return accepted
}

func (g *group) reject(p *parcel, r edgev1.Rejection) {
	p.ack.Rejected = append(p.ack.Rejected, r)
	g.refused = append(g.refused, rejectionRow{Edge: p.b.edge, Epoch: p.n.row.Epoch, Seq: r.Seq, Field: r.Field, Message: r.Message, At: clock.At(g.tx.Now())})
	g.tally.rejected = append(g.tally.rejected, r.Field)
	g.s.o.Log.Warn("message rejected", "box", p.b.edge, "seq", r.Seq, "field", r.Field, "why", r.Message)
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

// flush writes what the batches left and makes their acknowledgements.
func (g *group) flush(ctx context.Context) error {
	if err := g.sink(ctx); err != nil {
		return err
	}
	accepted := make([][]int64, len(g.parcels))
	for i, p := range g.parcels {
		accepted[i] = g.settle(p)
	}
	if err := insertMessages(ctx, g.tx, g.rows); err != nil {
		return err
	}
	if err := insertRejections(ctx, g.tx, g.refused); err != nil {
		return err
	}
	for _, k := range slices.Sorted(maps.Keys(g.streams)) {
		if err := saveStream(ctx, g.tx, g.streams[k]); err != nil {
			return err
		}
	}
	for i, p := range g.parcels {
		if err := g.repeat(ctx, p, accepted[i]); err != nil {
			return err
		}
		g.acks = append(g.acks, p.ack)
	}
	return nil
}

// repeat answers numbers that were committed before as they were answered
// then: accepted or rejected.
func (g *group) repeat(ctx context.Context, p *parcel, accepted []int64) error {
	if len(p.repeated) > 0 {
		was, err := rejectionsOf(ctx, g.tx, p.b.edge, p.b.d.Epoch, p.repeated)
		if err != nil {
			return err
		}
		no := map[int64]bool{}
		for _, r := range was {
			no[r.Seq] = true
			p.ack.Rejected = append(p.ack.Rejected, edgev1.Rejection{Seq: r.Seq, Field: r.Field, Message: r.Message})
		}
		for _, s := range p.repeated {
			if !no[s] {
				accepted = append(accepted, s)
			}
		}
	}
	p.ack.Accepted = edgev1.SeqRanges(accepted)
	return nil
}
