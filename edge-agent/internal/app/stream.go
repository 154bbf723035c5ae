package app

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"jiexun/edge-agent/internal/source"
	"jiexun/edge-agent/internal/source/rtsp"
)

// stream is one running pull with its newest key unit.
type stream struct {
	src    *rtsp.Source
	key    atomic.Pointer[source.AccessUnit]
	cancel context.CancelFunc
	done   sync.WaitGroup
}

type streamOptions struct {
	camera, url, user, password, transport string
	interval                               time.Duration
	log                                    *slog.Logger
	now                                    func() time.Time
	// key, if set, is told of each key unit; it must not block.
	key func(*source.AccessUnit)
	// each, if set, gets every unit on the reader's goroutine.
	each func(*source.AccessUnit)
}

func openStream(ctx context.Context, o streamOptions) *stream {
	ctx, cancel := context.WithCancel(ctx)
	s := &stream{cancel: cancel}
	s.src = rtsp.New(rtsp.Options{
		Camera: o.camera, URL: o.url, Username: o.user, Password: o.password, Transport: o.transport,
		Interval: o.interval, Log: o.log, Now: o.now,
		Sink: source.Sink{Each: o.each, Key: func(u *source.AccessUnit) {
			s.key.Store(u)
			if o.key != nil {
				o.key(u)
			}
		}},
	})
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		s.src.Run(ctx)
	}()
	return s
}

func (s *stream) close() {
	s.cancel()
	s.done.Wait()
}
