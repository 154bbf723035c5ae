package media

import (
	"context"
	"fmt"
	"sync"
	"time"

	"jiexun/edge-agent/internal/source"
)

// Look is one decoded picture of one camera on its way through a handler.
// Frame and Scaler belong to the worker: they are the handler's only during
// the call.
type Look struct {
	Camera string
	Unit   *source.AccessUnit
	Frame  *Frame
	Scaler *Scaler
	// Waited is how long the unit stood in the queue, Decoded how long the
	// decoder took.
	Waited, Decoded time.Duration
}

// PoolOptions describe a worker pool.
type PoolOptions struct {
	// Workers is how many pictures are worked on at one time.
	Workers int
	// Handle looks at one picture, on a worker's goroutine.
	Handle func(context.Context, Look)
	// Failed is told of pictures that could not be decoded or whose
	// handling failed; it may be nil.
	Failed func(camera string, err error)
	Frames *FramePool
	Now    func() time.Time
}

// CameraStats tells how one camera fares in the pool.
type CameraStats struct {
	// Looks were handled, Skipped were due but found the box busy, Errors
	// could not be decoded or handled.
	Looks, Skipped, Errors int64
	LastLook               time.Time
	LastError              string
	// Every is the mean time between the last looks: longer than the wish
	// when the box is full or the key pictures are rare.
	Every time.Duration
}

// PoolStats tells how full the box is.
type PoolStats struct {
	// Load is the share of the workers' time that was used since the last
	// call, 0..1.
	Load    float64
	Waiting int
	Cameras int
}

// Pool looks at the cameras' key pictures with a few workers. Each camera
// has one place in the queue, which holds its newest picture, and goes to
// the end after each look: when there is more to do than the workers can,
// every camera's interval grows evenly, and what was left out is counted.
type Pool struct {
	o  PoolOptions
	wg sync.WaitGroup

	mu      sync.Mutex
	wake    *sync.Cond
	closed  bool
	cameras map[string]*seat
	queue   []*seat
	busy    time.Duration
	since   time.Time
	load    float64 // of the last measurement
}

// seat is one camera's place.
type seat struct {
	name     string
	interval time.Duration
	next     time.Time // when the next look is due
	waiting  *source.AccessUnit
	queued   time.Time
	removed  bool
	stats    CameraStats
}

// NewPool starts the workers; Close ends them.
func NewPool(ctx context.Context, o PoolOptions) *Pool {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Failed == nil {
		o.Failed = func(string, error) {}
	}
	p := &Pool{o: o, cameras: make(map[string]*seat), since: o.Now()}
	p.wake = sync.NewCond(&p.mu)
	for range max(1, o.Workers) {
		p.wg.Go(func() { p.work(ctx) })
	}
	return p
}

// Set admits a camera or changes its interval.
func (p *Pool) Set(camera string, interval time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.cameras[camera]
	if s == nil {
		s = &seat{name: camera}
		p.cameras[camera] = s
	}
	s.interval = max(interval, 0)
}

// Remove dismisses a camera; a look that runs is finished.
func (p *Pool) Remove(camera string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.cameras[camera]; s != nil {
		s.removed, s.waiting = true, nil
		delete(p.cameras, camera)
	}
}

// Offer hands in a key picture; it never blocks. False means that the camera
// is not admitted or that the look is not due yet.
func (p *Pool) Offer(camera string, u *source.AccessUnit) bool {
	now := p.o.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.cameras[camera]
	if s == nil || p.closed || !s.due(now) {
		return false
	}
	if s.waiting != nil {
		s.stats.Skipped++
		s.waiting = u // newest wins, the place in the queue stays
		return true
	}
	s.waiting, s.queued = u, now
	p.queue = append(p.queue, s)
	p.wake.Signal()
	return true
}

// due keeps the mean interval: key pictures jitter, so one that comes a
// little early is taken, and the plan goes on from the planned moment.
func (s *seat) due(now time.Time) bool {
	early := min(s.interval/4, 250*time.Millisecond)
	if now.Before(s.next.Add(-early)) {
		return false
	}
	s.next = s.next.Add(s.interval)
	if s.next.Before(now) {
		s.next = now.Add(s.interval)
	}
	return true
}

// Camera tells one camera's figures.
func (p *Pool) Camera(camera string) CameraStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.cameras[camera]; s != nil {
		return s.stats
	}
	return CameraStats{}
}

// Stats tells how full the box is and starts the next measurement.
func (p *Pool) Stats() PoolStats {
	now := p.o.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	st := PoolStats{Waiting: len(p.queue), Cameras: len(p.cameras)}
	if d := now.Sub(p.since); d > 0 {
		st.Load = min(1, p.busy.Seconds()/d.Seconds()/float64(max(1, p.o.Workers)))
	}
	p.busy, p.since, p.load = 0, now, st.Load
	return st
}

// Load is the share of the last measurement that Stats made.
func (p *Pool) Load() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.load
}

// Close ends the workers after the looks that run.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.wake.Broadcast()
	p.wg.Wait()
}

// work is one worker: its decoder and scaler serve all cameras.
func (p *Pool) work(ctx context.Context) {
	dec, scale := NewDecoder(p.o.Frames), NewScaler(p.o.Frames)
	defer dec.Close()
	defer scale.Close()
	for {
		s, u, queued := p.take()
		if s == nil {
			return
		}
		began := p.o.Now()
		err := p.look(ctx, s.name, u, began.Sub(queued), dec, scale)
		p.note(s, err, began)
		if err != nil {
			p.o.Failed(s.name, err)
		}
	}
}

func (p *Pool) take() (*seat, *source.AccessUnit, time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		for len(p.queue) == 0 && !p.closed {
			p.wake.Wait()
		}
		if p.closed {
			return nil, nil, time.Time{}
		}
		s := p.queue[0]
		p.queue[0] = nil
		p.queue = p.queue[1:]
		if u := s.waiting; u != nil {
			s.waiting = nil
			return s, u, s.queued
		}
	}
}

// look decodes and handles one picture; a panic becomes an error, so that
// one bad picture ends nothing.
func (p *Pool) look(ctx context.Context, camera string, u *source.AccessUnit, waited time.Duration, dec *Decoder, scale *Scaler) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("look at a picture of %s: fault in the code: %v", camera, r)
		}
	}()
	began := p.o.Now()
	f, err := dec.Key(u)
	if err != nil {
		return fmt.Errorf("decode a picture of %s: %w", camera, err)
	}
	defer f.Release()
	p.o.Handle(ctx, Look{Camera: camera, Unit: u, Frame: f, Scaler: scale, Waited: waited, Decoded: p.o.Now().Sub(began)})
	return nil
}

func (p *Pool) note(s *seat, err error, began time.Time) {
	now := p.o.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy += now.Sub(began)
	if err != nil {
		s.stats.Errors++
		s.stats.LastError = err.Error()
		return
	}
	s.stats.Looks++
	if last := s.stats.LastLook; !last.IsZero() {
		if s.stats.Every == 0 {
			s.stats.Every = now.Sub(last)
		}
		s.stats.Every += (now.Sub(last) - s.stats.Every) / 8
	}
	s.stats.LastLook = now
}
