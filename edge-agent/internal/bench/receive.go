package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"jiexun/edge-agent/internal/media"
	"jiexun/edge-agent/internal/source"
	"jiexun/edge-agent/internal/source/rtsp"
	"jiexun/edge-agent/internal/source/rtsptest"
)

// ledger gathers the CPU time of the serving side, which shares our process,
// so that it can be taken off.
type ledger struct {
	player atomic.Int64 // thread id
}

// around keeps the server's player on a thread of its own.
func (l *ledger) around(loop func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	l.player.Store(int64(unix.Gettid()))
	loop()
}

// spent is what the serving side used so far; on a loopback that includes
// the kernel's way to the receiver.
func (l *ledger) spent() time.Duration {
	// The kernel's clock of one thread of this process; see
	// clock_getres(2) on dynamic clocks.
	clock := int32(^l.player.Load()<<3 | 6)
	return cpuClock(clock)
}

// receive measures the RTSP receiving of one camera: several pull the stream
// from a server in this process, whose own cost is taken off. Bare is the same
// by libavformat alone.
func receive(ctx context.Context, o Options, all []*source.AccessUnit, fps float64) (ours, bare float64, err error) {
	m := rtsptest.Media{Codec: all[0].Codec, FPS: fps}
	p := all[0].Params
	m.SPS, m.PPS = p.SPS[0], p.PPS[0]
	if len(p.VPS) > 0 {
		m.VPS = p.VPS[0]
	}
	for _, u := range all {
		m.Units = append(m.Units, u.WithParams())
	}
	var l ledger
	srv := rtsptest.New(rtsptest.Options{Media: m, Direct: true, Around: l.around})
	if err := srv.Start(); err != nil {
		return 0, 0, err
	}
	defer srv.Stop()
	run, stop := context.WithCancel(ctx)
	defer stop()
	var cams []*rtsp.Source
	done := make(chan struct{}, o.Cameras)
	for range o.Cameras {
		s := rtsp.New(rtsp.Options{URL: srv.URL("cam"), Sink: source.Sink{Key: func(*source.AccessUnit) {}}})
		cams = append(cams, s)
		go func() { s.Run(run); done <- struct{}{} }()
	}
	if err := allPlay(run, cams); err != nil {
		return 0, 0, err
	}
	cpu, server, units := processCPU(), l.spent(), sum(cams)
	select {
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	case <-time.After(time.Duration(o.SourceSeconds) * time.Second):
	}
	cpu, server, units = processCPU()-cpu, l.spent()-server, sum(cams)-units
	stop()
	for range o.Cameras {
		<-done
	}
	if units == 0 {
		return 0, 0, fmt.Errorf("receive: no picture arrived")
	}
	bare, err = bareReceive(o, srv.URL("cam"), fps)
	return max(0, float64(cpu-server)/1e6/(float64(units)/fps)), bare, err
}

// bareReceive measures the same receiving by libavformat alone.
func bareReceive(o Options, url string, fps float64) (float64, error) {
	type got struct {
		cpu      time.Duration
		pictures int64
		err      error
	}
	all := make(chan got, o.Cameras)
	for range o.Cameras {
		go func() {
			var g got
			g.cpu, g.pictures, g.err = media.BareReceive(url, time.Duration(o.SourceSeconds)*time.Second)
			all <- g
		}()
	}
	var cpu time.Duration
	var pictures int64
	var err error
	for range o.Cameras {
		g := <-all
		cpu, pictures, err = cpu+g.cpu, pictures+g.pictures, errors.Join(err, g.err)
	}
	if err != nil {
		return 0, fmt.Errorf("bare receive: %w", err)
	}
	if pictures == 0 {
		return 0, fmt.Errorf("bare receive: no picture arrived")
	}
	return float64(cpu) / 1e6 / (float64(pictures) / fps), nil
}

func allPlay(ctx context.Context, cams []*rtsp.Source) error {
	for _, s := range cams {
		for s.Stats().Keys == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			if st := s.Stats(); st.Attempts > 0 {
				return fmt.Errorf("receive: %s", st.Detail)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return nil
}

func sum(cams []*rtsp.Source) (units uint64) {
	for _, s := range cams {
		units += s.Stats().Units
	}
	return units
}
