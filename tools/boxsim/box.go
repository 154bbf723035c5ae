package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"sync"
	"time"

	"jiexun/api/edgev1"
	"jiexun/tools/internal/boxlink"
)

// Unacknowledged events are sent again after so long, as a box does.
const ackTimeout = 8 * time.Second

// pending is an event that was sent and not acknowledged yet.
type pending struct {
	payload     []byte
	first, last time.Time // when it was sent
}

// box is one simulated box.
type box struct {
	boxlink.Enrolled
	o     options
	tally *tally
	make  *boxlink.Maker
	num   *boxlink.Numbering
	want  chan struct{} // an event is due

	mu      sync.Mutex
	waiting map[int64]pending
}

func newBox(e boxlink.Enrolled, o options, t *tally, seed uint64) *box {
	return &box{
		Enrolled: e, o: o, tally: t, make: boxlink.NewMaker(seed, e.Cameras), num: boxlink.NewNumbering(e.Edge),
		want: make(chan struct{}, 64), waiting: map[int64]pending{},
	}
}

// run keeps the line up and sends until ctx ends and, after that, waits for
// what is not acknowledged until grace ends.
func (b *box) run(ctx, grace context.Context) {
	wait := 250 * time.Millisecond
	for grace.Err() == nil && !(ctx.Err() != nil && b.open() == 0) {
		lost := make(chan error, 1)
		conn, err := boxlink.Dial(grace, b.Identity, boxlink.Handlers{Ack: b.acknowledged, Lost: func(err error) { lost <- err }})
		if err != nil {
			if grace.Err() == nil {
				b.tally.refused(err)
			}
			sleep(grace, wait/2+rand.N(wait))
			wait = min(2*wait, 10*time.Second)
			continue
		}
		b.tally.line(1)
		b.session(ctx, grace, conn, lost)
		b.tally.line(-1)
		conn.Close()
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (b *box) session(ctx, grace context.Context, conn *boxlink.Conn, lost <-chan error) {
	started := time.Now()
	if err := b.status(conn, started); err != nil {
		b.tally.broke(err)
		return
	}
	// Boxes do not report in step.
	status := time.NewTimer(rand.N(b.o.StatusEvery))
	defer status.Stop()
	check := time.NewTicker(time.Second)
	defer check.Stop()
	ending := ctx.Done()
	for {
		var err error
		select {
		case <-grace.Done():
			return
		case <-ending:
			ending = nil
		case err = <-lost:
			b.tally.broke(err)
			return
		case <-status.C:
			status.Reset(b.o.StatusEvery)
			err = b.status(conn, started)
		case <-b.want:
			err = b.event(conn)
		case <-check.C:
			if ctx.Err() != nil && b.open() == 0 {
				return
			}
			err = b.again(conn)
		}
		if err != nil {
			b.tally.broke(err)
			return
		}
	}
}

func (b *box) status(conn *boxlink.Conn, started time.Time) error {
	b.tally.statuses.Add(1)
	return conn.SendJSON(edgev1.UpStatus, b.num.Status(b.Identity, time.Now(), started, b.Cameras, int64(b.open())))
}

func (b *box) open() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting)
}

func (b *box) event(conn *boxlink.Conn) error {
	now := time.Now()
	payload, err := json.Marshal(b.num.Batch(now, b.make.Event(now)))
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.waiting[b.num.Last()] = pending{payload: payload, first: now, last: now}
	b.mu.Unlock()
	b.tally.sent.Add(1)
	return conn.Send(edgev1.UpEvent, payload)
}

func (b *box) again(conn *boxlink.Conn) error {
	now := time.Now()
	var list [][]byte
	b.mu.Lock()
	for seq, p := range b.waiting {
		if now.Sub(p.last) > ackTimeout {
			p.last = now
			b.waiting[seq] = p
			list = append(list, p.payload)
		}
	}
	b.mu.Unlock()
	for _, payload := range list {
		b.tally.resent.Add(1)
		if err := conn.Send(edgev1.UpEvent, payload); err != nil {
			return err
		}
	}
	return nil
}

func (b *box) acknowledged(a edgev1.Ack) {
	if a.Epoch != b.num.Epoch {
		return
	}
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range a.Rejected {
		if _, ok := b.waiting[r.Seq]; ok {
			delete(b.waiting, r.Seq)
			b.tally.rejected(r)
		}
	}
	for _, r := range a.Accepted {
		for seq, p := range b.waiting {
			if seq >= r.From && seq <= r.To {
				delete(b.waiting, seq)
				b.tally.acked(now.Sub(p.first))
			}
		}
	}
}
