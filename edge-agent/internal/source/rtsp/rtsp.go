// Package rtsp pulls a camera's stream by RTSP over TCP or UDP. It is built
// on gortsplib; each camera has its own goroutines, so that one that stalls
// never holds up another.
package rtsp

import (
	"context"
	"crypto/tls"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"jiexun/edge-agent/internal/source"
)

// Options describe one pull.
type Options struct {
	// Camera names the camera in the log.
	Camera             string
	URL                string
	Username, Password string
	// Transport is "tcp" (also when empty) or "udp".
	Transport string
	// Interval is the time between two analyses, one second when zero; the
	// state is judged by it.
	Interval time.Duration
	// StallAfter is how long no packet may come before the session is
	// ended, five seconds when zero.
	StallAfter time.Duration
	// Timeout bounds each request, five seconds when zero.
	Timeout time.Duration
	// Ladder is the default one when zero.
	Ladder source.Ladder
	Sink   source.Sink
	// TLS is used for rtsps addresses.
	TLS *tls.Config
	Log *slog.Logger
	// Now and Rand are the clock and a random number 0..1; nil means the
	// system's.
	Now  func() time.Time
	Rand func() float64
}

// Source is one pull. Its methods are safe for concurrent use.
type Source struct {
	o     Options
	relay *source.Relay

	mu        sync.Mutex
	meter     source.Meter
	tracker   source.Tracker
	started   time.Time
	connected bool
	fault     *source.Fault
	attempts  int
	nextTry   time.Time
	sessions  int
	params    *source.Params
	key       *source.AccessUnit // the newest whole key unit
	audio     bool
	offset    time.Duration
	hasClock  bool
	decodeErr uint64
	recovered uint64
	pushers   map[*pusher]struct{}
}

var (
	_ source.Source = (*Source)(nil)
	_ source.Pusher = (*Source)(nil)
)

// New prepares a pull; nothing is opened before Run. Faults in the address
// show in the state.
func New(o Options) *Source {
	if o.Interval <= 0 {
		o.Interval = time.Second
	}
	if o.StallAfter <= 0 {
		o.StallAfter = 5 * time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Ladder == (source.Ladder{}) {
		o.Ladder = source.DefaultLadder()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	o.Log = o.Log.With("camera", o.Camera)
	return &Source{o: o, started: o.Now(), pushers: make(map[*pusher]struct{})}
}

// Run pulls until ctx ends.
func (s *Source) Run(ctx context.Context) {
	relay := source.NewRelay(s.o.Sink)
	defer relay.Close()
	s.mu.Lock()
	s.relay, s.started = relay, s.o.Now()
	s.mu.Unlock()
	ladder := s.o.Ladder
	for ctx.Err() == nil {
		began := s.o.Now()
		err := s.session(ctx)
		if ctx.Err() != nil {
			return
		}
		now := s.o.Now()
		fault := source.AsFault(err)
		lived := s.lived(began, now)
		pause := ladder.Next(lived, fault, s.o.Rand())
		s.ended(fault, lived, now, now.Add(pause))
		s.o.Log.Warn("stream ended", "reason", fault.Error(), "retryIn", pause.Round(time.Millisecond))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// lived is how long the session gave pictures: a connection that hangs for
// long without one is not a long life.
func (s *Source) lived(began, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.meter.SessionKey.Before(began) {
		return 0
	}
	return now.Sub(began)
}

// ended notes why a session is over and when the next one starts.
func (s *Source) ended(f *source.Fault, lived time.Duration, now, next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connected, s.fault, s.nextTry = false, f, next
	if lived == 0 {
		s.attempts++
	}
	s.judge(now)
}

// Stats tells how the pull fares.
func (s *Source) Stats() source.Stats {
	now := s.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &s.meter
	st := source.Stats{
		Packets: m.Packets, Bytes: m.Bytes, Lost: m.Lost, Units: m.Units, Keys: m.Keys, Damaged: m.Damaged,
		LastPacket: m.LastPacket, LastKey: m.LastKey, SessionStart: m.SessionStart, BFrames: m.BFrames,
		FPS: m.FPS(), GOPSeconds: m.GOP().Seconds(), KbitS: m.KbitS(now),
		DecodeErrors: s.decodeErr, Recovered: s.recovered, Audio: s.audio,
		ClockOffset: s.offset, HasClock: s.hasClock,
		Attempts: s.attempts, NextTry: s.nextTry, Sessions: s.sessions, Pushing: len(s.pushers),
	}
	if s.relay != nil {
		var panics uint64
		st.DroppedKeys, st.DroppedUnits, panics = s.relay.Dropped()
		st.Recovered += panics
	}
	if p := s.params; p != nil {
		st.Codec, st.Profile, st.Width, st.Height = p.Codec, p.Profile, p.Width, p.Height
	}
	st.State, st.Since, st.Detail = s.judge(now)
	if s.fault != nil {
		st.Fault = s.fault.Message
	}
	if s.connected {
		st.Warnings = source.Warnings(st, m.Irregular(), s.o.Interval)
	}
	return st
}
