package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"jiexun/api/edgev1"
	"jiexun/tools/internal/boxlink"
)

// As many messages are on the way as a box has: batches of 64, 8 of them
// unacknowledged.
const (
	batchRows = 64
	window    = 8
	ackWait   = 20 * time.Second
)

// parcel is one encoded batch.
type parcel struct {
	payload []byte
	from    int64
	rows    int
}

// sender is one box with everything that it will send.
type sender struct {
	box     boxlink.Enrolled
	epoch   string
	parcels []parcel
	conn    *boxlink.Conn
	acks    chan edgev1.Ack
	lost    chan error
	resent  int
}

// prepare encodes all batches of a box, so that making them costs nothing
// while the center is measured.
func prepare(box boxlink.Enrolled, seed uint64, events int) (*sender, error) {
	s := &sender{box: box, acks: make(chan edgev1.Ack, 4*window), lost: make(chan error, 1)}
	m, n := boxlink.NewMaker(seed, box.Cameras), boxlink.NewNumbering(box.Edge)
	s.epoch = n.Epoch
	now := time.Now()
	for left := events; left > 0; left -= batchRows {
		list := make([]edgev1.Event, min(left, batchRows))
		for i := range list {
			list[i] = m.Event(now)
		}
		b := n.Batch(now, list...)
		payload, err := json.Marshal(b)
		if err != nil {
			return nil, fmt.Errorf("encode batch: %w", err)
		}
		if len(payload) > edgev1.MaxPayload {
			return nil, fmt.Errorf("a batch has %d bytes, more than the center takes", len(payload))
		}
		s.parcels = append(s.parcels, parcel{payload: payload, from: b.Items[0].Seq, rows: len(list)})
	}
	return s, nil
}

func (s *sender) dial(ctx context.Context) error {
	var err error
	s.conn, err = boxlink.Dial(ctx, s.box.Identity, boxlink.Handlers{
		Ack: func(a edgev1.Ack) {
			select {
			case s.acks <- a:
			case <-ctx.Done():
			}
		},
		Lost: func(err error) { s.lost <- err },
	})
	return err
}

// drive sends everything with a full window and returns when all of it is
// acknowledged.
func (s *sender) drive(ctx context.Context) error {
	waiting := map[int64]int{} // rows by first number
	next := 0
	tick := time.NewTimer(ackWait)
	defer tick.Stop()
	for next < len(s.parcels) || len(waiting) > 0 {
		for next < len(s.parcels) && len(waiting) < window {
			p := s.parcels[next]
			if err := s.conn.Send(edgev1.UpEvent, p.payload); err != nil {
				return err
			}
			waiting[p.from] = p.rows
			next++
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-s.lost:
			return fmt.Errorf("line of box %s lost: %w", s.box.Edge, err)
		case a := <-s.acks:
			if err := s.take(a, waiting); err != nil {
				return err
			}
			tick.Reset(ackWait)
		case <-tick.C:
			if err := s.again(waiting); err != nil {
				return err
			}
			tick.Reset(ackWait)
		}
	}
	return nil
}

func (s *sender) take(a edgev1.Ack, waiting map[int64]int) error {
	if len(a.Rejected) > 0 {
		r := a.Rejected[0]
		return fmt.Errorf("the center rejected message %d of box %s: %s: %s", r.Seq, s.box.Edge, r.Field, r.Message)
	}
	if a.Epoch != s.epoch {
		return nil
	}
	for _, r := range a.Accepted {
		for from, rows := range waiting {
			if from >= r.From && from+int64(rows)-1 <= r.To {
				delete(waiting, from)
			}
		}
	}
	return nil
}

func (s *sender) again(waiting map[int64]int) error {
	for _, p := range s.parcels {
		if _, ok := waiting[p.from]; !ok {
			continue
		}
		s.resent++
		if err := s.conn.Send(edgev1.UpEvent, p.payload); err != nil {
			return err
		}
	}
	return nil
}

// driveAll lets all boxes send at the same time and tells how long it took
// until the last event was acknowledged.
func driveAll(ctx context.Context, list []*sender) (time.Duration, error) {
	for _, s := range list {
		if err := s.dial(ctx); err != nil {
			return 0, err
		}
		defer s.conn.Close()
	}
	start := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range list {
		g.Go(func() error { return s.drive(ctx) })
	}
	err := g.Wait()
	return time.Since(start), err
}

// senders makes one sender for each box; events are spread evenly.
func senders(boxes []boxlink.Enrolled, events int) ([]*sender, error) {
	if len(boxes) == 0 {
		return nil, errors.New("no boxes")
	}
	var out []*sender
	for i, b := range boxes {
		n := events / len(boxes)
		if i < events%len(boxes) {
			n++
		}
		s, err := prepare(b, uint64(i), n)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}
