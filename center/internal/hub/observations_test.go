package hub_test

import (
	"context"
	"errors"
	"testing"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/platform/testkit"
)

// TakeObservations stores an observation beside the events, as revision 0; it
// needs the events that it names.
func (s *sink) TakeObservations(ctx context.Context, tx db.Tx, edge string, list []edgev1.Observation) (map[int]error, error) {
	bad := map[int]error{}
	for i, o := range list {
		switch o.Detail {
		case "refuse me":
			bad[i] = errs.Invalidf("observation.task", "没有任务 %s", o.Task)
			continue
		case "break":
			return nil, errors.New("the domain has a fault")
		}
		for _, id := range o.Open {
			var n int
			if err := tx.NewRaw("SELECT COUNT(*) FROM sink_events WHERE id = ?", id).Scan(ctx, &n); err != nil {
				return nil, err
			}
			if n == 0 {
				bad[i] = errs.Invalidf("observation.open", "没有事件 %s", id)
			}
		}
		if bad[i] != nil {
			continue
		}
		if _, err := tx.NewRaw("INSERT INTO sink_events (edge, id, rev) VALUES (?, ?, 0)", edge, o.ID).Exec(ctx); err != nil {
			return nil, err
		}
	}
	return bad, nil
}

func (b *box) observation(seq int64, change func(*edgev1.Observation)) edgev1.Envelope {
	at := edgev1.At(b.r.clock.Now())
	o := &edgev1.Observation{ID: ids.New(), Task: ids.New(), Camera: "c1", Zone: "z1", Look: 1, Kind: edgev1.Seen, At: at}
	if change != nil {
		change(o)
	}
	return edgev1.Envelope{Seq: seq, ID: ids.New(), MadeAt: at, Observation: o}
}

// Observations go the way of events: committed before they are acknowledged,
// stored once, refused by name.
func TestObservations(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		r := newRig(t, d, c)
		b := r.enrol("e1")
		cl := b.connect()
		event := b.event(2, nil)
		picture := blob.Digest([]byte("crop"))
		batch := b.batch(
			// It names an event that comes after it in the same batch.
			b.observation(1, func(o *edgev1.Observation) { o.Open = []string{event.Event.ID} }),
			event,
			b.observation(3, func(o *edgev1.Observation) { o.Detail = "refuse me" }),
			b.observation(4, func(o *edgev1.Observation) {
				o.Evidence = []edgev1.EvidenceRef{{Role: "crop", SM3: picture, Size: 4, MediaType: "image/jpeg", TakenAt: o.At}}
			}),
			b.observation(5, func(o *edgev1.Observation) { o.Look = 0 }),
		)
		b.send(cl, edgev1.UpEvent, batch)
		for range 2 {
			a := b.ack()
			if len(a.Accepted) != 2 || a.Accepted[0] != (edgev1.SeqRange{From: 1, To: 2}) || a.Accepted[1] != (edgev1.SeqRange{From: 4, To: 4}) {
				t.Fatalf("accepted %v", a.Accepted)
			}
			fields := map[int64]string{}
			for _, x := range a.Rejected {
				fields[x.Seq] = x.Field
			}
			if len(fields) != 2 || fields[3] != "observation.task" || fields[5] != "observation.look" {
				t.Fatalf("rejected %+v", a.Rejected)
			}
			if len(a.Want) != 1 || a.Want[0] != picture {
				t.Fatalf("wanted %v", a.Want)
			}
			if n := r.count("SELECT COUNT(*) FROM sink_events"); n != 3 {
				t.Fatalf("%d things stored, want 3", n)
			}
			b.send(cl, edgev1.UpEvent, batch) // the box missed the answer
		}
		b.ack()

		// A fault of the domain undoes all and is not acknowledged.
		b.send(cl, edgev1.UpEvent, b.batch(b.event(6, nil), b.observation(7, func(o *edgev1.Observation) { o.Detail = "break" })))
		eventually(t, "the batch is given up", func() bool { return r.refused("store") == 1 })
		if n := r.count("SELECT COUNT(*) FROM sink_events"); n != 3 {
			t.Errorf("%d things stored after a fault, want 3", n)
		}
	})
}
