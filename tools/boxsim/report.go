package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"jiexun/api/edgev1"
	"jiexun/tools/internal/boxlink"
)

// tally counts for all boxes.
type tally struct {
	sent, resent, statuses atomic.Int64

	mu        sync.Mutex
	lines     int
	most      int
	least     int // from when all stood until ended
	all       int
	ended     bool
	latencies []time.Duration
	why       map[string]int // refusals and broken lines, by message
	lost      int
}

func (t *tally) line(d int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines += d
	t.most = max(t.most, t.lines)
	if t.most == t.all && !t.ended {
		t.least = min(t.least, t.lines)
	}
}

func (t *tally) acked(d time.Duration) {
	t.mu.Lock()
	t.latencies = append(t.latencies, d)
	t.mu.Unlock()
}

func (t *tally) note(s string) {
	t.mu.Lock()
	t.why[s]++
	t.mu.Unlock()
}

func (t *tally) refused(err error) { t.note("line refused: " + err.Error()) }

func (t *tally) rejected(r edgev1.Rejection) { t.note("event rejected: " + r.Field + ": " + r.Message) }

func (t *tally) broke(err error) {
	t.note("line lost: " + err.Error())
	t.mu.Lock()
	t.lost++
	t.mu.Unlock()
}

// report is what a run showed.
type report struct {
	boxes, most, least, lost   int
	center                     int // boxes that the center calls online
	sent, acked, resent        int64
	statuses                   int64
	p50, p95, p99, worst, took time.Duration
	standing                   time.Duration // until every line stood
	why                        map[string]int
}

// whole tells whether every box stood and every event was acknowledged.
func (r report) whole() bool {
	return r.most == r.boxes && r.sent == r.acked && len(r.why) == 0 && r.center >= r.boxes
}

func (r report) print(out io.Writer) {
	fmt.Fprintf(out, "lines      %d of %d stood (after %s), at least %d from then on, %d lost; the center calls %d boxes online\n",
		r.most, r.boxes, r.standing.Round(10*time.Millisecond), r.least, r.lost, r.center)
	fmt.Fprintf(out, "statuses   %d\n", r.statuses)
	fmt.Fprintf(out, "events     %d sent in %s, %d acknowledged, %d sent again\n", r.sent, r.took.Round(time.Second), r.acked, r.resent)
	ms := time.Millisecond
	fmt.Fprintf(out, "ack        p50 %s  p95 %s  p99 %s  worst %s\n", r.p50.Round(ms), r.p95.Round(ms), r.p99.Round(ms), r.worst.Round(ms))
	if len(r.why) == 0 {
		fmt.Fprintln(out, "refusals   none")
	}
	for _, k := range slices.Sorted(maps.Keys(r.why)) {
		fmt.Fprintf(out, "refusals   %d x %.200s\n", r.why[k], k)
	}
}

// simulate lets the boxes connect and, once all lines stand, send. Online is
// asked at the end of the sending, while the lines still stand.
func simulate(ctx context.Context, o options, list []boxlink.Enrolled, online func(context.Context) (int, error)) (report, error) {
	t := &tally{all: len(list), least: len(list), why: map[string]int{}}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	grace, end := context.WithCancel(ctx)
	defer end()
	var boxes []*box
	var wg sync.WaitGroup
	for i, e := range list {
		b := newBox(e, o, t, uint64(i))
		boxes = append(boxes, b)
		wg.Go(func() { b.run(sending, grace) })
	}
	start := time.Now()
	stood := t.stand(ctx, 2*time.Minute)
	standing := time.Since(start)
	begun := time.Now()
	if stood {
		due(ctx, o, boxes)
	}
	took := time.Since(begun)
	n, err := online(ctx)
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	stop()
	// Lines stay up until the last acknowledgement.
	timer := time.AfterFunc(30*time.Second, end)
	defer timer.Stop()
	wg.Wait()
	r := t.report(standing, took)
	r.center = n
	return r, errors.Join(err, ctx.Err())
}

// stand waits until every line stands.
func (t *tally) stand(ctx context.Context, limit time.Duration) bool {
	until := time.Now().Add(limit)
	for ctx.Err() == nil && time.Now().Before(until) {
		t.mu.Lock()
		n := t.lines
		t.mu.Unlock()
		if n == t.all {
			return true
		}
		sleep(ctx, 20*time.Millisecond)
	}
	return false
}

// due asks random boxes for events at the given rate, at random moments.
func due(ctx context.Context, o options, boxes []*box) {
	until := time.Now().Add(o.For)
	next := time.Now()
	for time.Now().Before(until) && ctx.Err() == nil {
		if o.EventsPerSecond == 0 {
			sleep(ctx, time.Until(until))
			return
		}
		next = next.Add(time.Duration(rand.ExpFloat64() / o.EventsPerSecond * float64(time.Second)))
		sleep(ctx, min(time.Until(next), time.Until(until)))
		select {
		case boxes[rand.IntN(len(boxes))].want <- struct{}{}:
		default: // that box is far behind; the report shows it
		}
	}
}

func (t *tally) report(standing, took time.Duration) report {
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.Sort(t.latencies)
	at := func(q float64) time.Duration {
		if len(t.latencies) == 0 {
			return 0
		}
		return t.latencies[min(int(q*float64(len(t.latencies))), len(t.latencies)-1)]
	}
	return report{
		boxes: t.all, most: t.most, least: t.least, lost: t.lost, sent: t.sent.Load(), acked: int64(len(t.latencies)), resent: t.resent.Load(),
		statuses: t.statuses.Load(), p50: at(.5), p95: at(.95), p99: at(.99), worst: at(1), took: took, standing: standing, why: maps.Clone(t.why),
	}
}
