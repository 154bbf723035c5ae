// Package file plays a video file as if it were a camera, for tests, for
// measurements and for looking at a recording.
package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/media"
	"jiexun/edge-agent/internal/source"
)

// Options describe one player.
type Options struct {
	Path string
	// Loop begins anew at the end; otherwise Run waits for its context.
	Loop bool
	// Fast plays without waiting between pictures.
	Fast bool
	Sink source.Sink
	// Interval is the time between two analyses, one second when zero.
	Interval time.Duration
	Now      func() time.Time
}

// Source is one player. Its methods are safe for concurrent use.
type Source struct {
	o     Options
	ended chan struct{}

	mu      sync.Mutex
	meter   source.Meter
	tracker source.Tracker
	started time.Time
	playing bool
	fault   *source.Fault
	params  *source.Params
	session int
	relay   *source.Relay
}

var _ source.Source = (*Source)(nil)

// New prepares a player; the file is opened by Run.
func New(o Options) *Source {
	if o.Interval <= 0 {
		o.Interval = time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Source{o: o, started: o.Now(), ended: make(chan struct{})}
}

// Ended is closed when a file that is not looped was played or could not be
// opened.
func (s *Source) Ended() <-chan struct{} { return s.ended }

// Run plays until ctx ends.
func (s *Source) Run(ctx context.Context) {
	relay := source.NewRelay(s.o.Sink)
	defer relay.Close()
	s.mu.Lock()
	s.relay = relay
	s.mu.Unlock()
	for ctx.Err() == nil {
		err := s.play(ctx)
		s.mu.Lock()
		s.playing = false
		if err != nil {
			s.fault = source.NewFault(source.FaultAddress, "视频文件无法播放：请确认文件存在且为 H.264 或 H.265 编码", err)
		}
		s.mu.Unlock()
		if err != nil || !s.o.Loop {
			break
		}
	}
	close(s.ended)
	<-ctx.Done()
}

// play plays the file once.
func (s *Source) play(ctx context.Context) error {
	d, err := media.OpenFile(s.o.Path)
	if err != nil {
		return err
	}
	defer d.Close()
	began := s.o.Now()
	s.mu.Lock()
	s.session++
	session := s.session
	s.meter.Begin(began)
	s.playing = true
	s.mu.Unlock()
	var base time.Duration
	for n := 0; ; n++ {
		u, err := d.Next()
		if errors.Is(err, io.EOF) && n > 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("play: %w", err)
		}
		if n == 0 {
			base = u.PTS
		}
		u.PTS -= base
		if wait := u.PTS - s.o.Now().Sub(began); !s.o.Fast && wait > 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(wait):
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		u.Session = session
		s.hand(u)
	}
}

func (s *Source) hand(u *source.AccessUnit) {
	u.Received = s.o.Now()
	s.mu.Lock()
	s.meter.Packet(u.Size(), u.Received)
	s.meter.Unit(u)
	s.params = u.Params
	relay := s.relay
	s.mu.Unlock()
	relay.Offer(u)
}

// Stats tells how the player fares.
func (s *Source) Stats() source.Stats {
	now := s.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &s.meter
	st := source.Stats{
		Packets: m.Packets, Bytes: m.Bytes, Units: m.Units, Keys: m.Keys, LastPacket: m.LastPacket, LastKey: m.LastKey,
		FPS: m.FPS(), GOPSeconds: m.GOP().Seconds(), KbitS: m.KbitS(now), BFrames: m.BFrames, Sessions: s.session,
	}
	if s.relay != nil {
		st.DroppedKeys, st.DroppedUnits, st.Recovered = s.relay.Dropped()
	}
	if p := s.params; p != nil {
		st.Codec, st.Profile, st.Width, st.Height = p.Codec, p.Profile, p.Width, p.Height
	}
	var state edgev1.CameraState
	state, st.Detail = source.Facts{
		Now: now, Started: s.started, Interval: s.o.Interval, GOP: m.GOP(), Connected: s.playing, SessionStart: m.SessionStart,
		SessionKey: m.SessionKey, LastPacket: m.LastPacket, LastKey: m.LastKey, Fault: s.fault,
	}.Judge()
	st.State, st.Since = state, s.tracker.See(state, now)
	return st
}
