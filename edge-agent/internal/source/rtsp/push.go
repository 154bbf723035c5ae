package rtsp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph265"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"
	"github.com/pion/rtp"

	"jiexun/edge-agent/internal/source"
)

const (
	// pushDepth is how many units may wait for a target.
	pushDepth = 128
	// pushPatience is how long a push waits for the next picture.
	pushPatience = 15 * time.Second
	// pushRepeat is how often the newest key picture is sent again while the
	// next one is awaited, and pushFresh how old it may be: who opens a view
	// sees a picture at once, whatever the distance of the key pictures.
	pushRepeat = 200 * time.Millisecond
	pushFresh  = 20 * time.Second
	// pushPayload is the largest RTP payload in bytes; larger ones make
	// MediaMTX cut the packets anew.
	pushPayload = 1400
)

// pusher is one target. offer is called with the source's lock held, the
// rest on the pusher's goroutine.
type pusher struct {
	queue   chan *source.AccessUnit
	started bool // false: wait for a key unit
}

func (p *pusher) offer(u *source.AccessUnit) {
	if !p.started && (!u.Key || u.Damaged || !u.Params.Complete()) {
		return
	}
	select {
	case p.queue <- u:
		p.started = true
	default:
		p.started = false // a slow target resumes at the next key unit
	}
}

// Push forwards the stream to target by ANNOUNCE and RECORD over TCP. It
// shows the newest key picture until the next one comes, goes on from there,
// and returns nil when ctx ends, or the reason for which the target or the
// camera went.
func (s *Source) Push(ctx context.Context, target string) error {
	u, err := base.ParseURL(target)
	if err != nil || u.Hostname() == "" {
		return errors.New("push: address must look like rtsp://host:8554/path")
	}
	where := u.Host + u.Path // without credentials and tickets
	p := &pusher{queue: make(chan *source.AccessUnit, pushDepth)}
	params, still := s.join(p)
	defer s.leave(p)
	var first *source.AccessUnit
	if params == nil || !params.Complete() {
		if first, err = p.next(ctx); err != nil || first == nil {
			return err
		}
		params = first.Params
	}
	out, err := s.announce(ctx, u, params)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("push to %s: %w", where, err)
	}
	defer out.client.Close()
	stop := context.AfterFunc(ctx, out.client.Close)
	defer stop()
	if err := p.forward(ctx, out, first, still); err != nil && ctx.Err() == nil {
		return fmt.Errorf("push to %s: %w", where, err)
	}
	return nil
}

// join begins to gather for a push; the unit is the newest key picture, nil
// when there is none that is fresh.
func (s *Source) join(p *pusher) (*source.Params, *source.AccessUnit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushers[p] = struct{}{}
	k := s.key
	if k == nil || !s.connected || k.Params != s.params || s.o.Now().Sub(k.Received) > pushFresh {
		k = nil
	}
	return s.params, k
}

func (s *Source) leave(p *pusher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pushers, p)
}

// next waits for a unit; nil when ctx ended.
func (p *pusher) next(ctx context.Context) (*source.AccessUnit, error) {
	t := time.NewTimer(pushPatience)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return nil, nil
	case u := <-p.queue:
		return u, nil
	case <-t.C:
		return nil, fmt.Errorf("push: the camera gave no picture for %s", pushPatience)
	}
}

// outlet is the sending side of a push.
type outlet struct {
	client *gortsplib.Client
	media  *description.Media
	codec  source.Codec
	encode func([][]byte) ([]*rtp.Packet, error)

	begun    bool
	session  int
	firstPTS time.Duration // of the current session
	base     int64         // RTP ticks at firstPTS
	lastTick int64
	lastAt   time.Time
	sent     *source.AccessUnit // the last unit, when it was a key unit
	now      func() time.Time
}

func (s *Source) announce(ctx context.Context, u *base.URL, p *source.Params) (*outlet, error) {
	o := &outlet{codec: p.Codec, now: s.o.Now}
	if err := o.prepare(p); err != nil {
		return nil, err
	}
	transport := gortsplib.TransportTCP
	o.client = &gortsplib.Client{
		Transport: &transport, TLSConfig: s.o.TLS, WriteQueueSize: 2048, UserAgent: "jiexun",
		ReadTimeout: s.o.Timeout, WriteTimeout: s.o.Timeout,
	}
	// StartRecording takes no context: it is bounded by the timeouts above.
	done := make(chan error, 1)
	go func() {
		done <- o.client.StartRecording(u.String(), &description.Session{Medias: []*description.Media{o.media}})
	}()
	select {
	case err := <-done:
		if err != nil {
			return nil, err
		}
		return o, nil
	case <-ctx.Done():
		go func() {
			if <-done == nil {
				o.client.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// prepare makes the session description and the packetiser.
func (o *outlet) prepare(p *source.Params) error {
	var f format.Format
	if p.Codec == source.H265 {
		e := &rtph265.Encoder{PayloadType: 96, PayloadMaxSize: pushPayload}
		if err := e.Init(); err != nil {
			return fmt.Errorf("make packetiser: %w", err)
		}
		f, o.encode = &format.H265{PayloadTyp: 96, VPS: p.VPS[0], SPS: p.SPS[0], PPS: p.PPS[0]}, e.Encode
	} else {
		e := &rtph264.Encoder{PayloadType: 96, PayloadMaxSize: pushPayload, PacketizationMode: 1}
		if err := e.Init(); err != nil {
			return fmt.Errorf("make packetiser: %w", err)
		}
		f, o.encode = &format.H264{PayloadTyp: 96, SPS: p.SPS[0], PPS: p.PPS[0], PacketizationMode: 1}, e.Encode
	}
	o.media = &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{f}}
	return nil
}

// forward sends units until ctx ends or the target goes: those from first on
// when it is set, else still again and again until the next key unit.
func (p *pusher) forward(ctx context.Context, o *outlet, first, still *source.AccessUnit) error {
	gone := make(chan error, 1)
	go func() { gone <- o.client.Wait() }()
	waitKey := first == nil
	if first == nil {
		first = still
	}
	if first != nil {
		if err := o.send(first); err != nil {
			return err
		}
	}
	idle := time.NewTimer(pushPatience)
	defer idle.Stop()
	again := time.NewTicker(pushRepeat)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
			if !waitKey || still == nil {
				again.Stop()
				continue
			}
			if err := o.send(still); err != nil {
				return err
			}
		case err := <-gone:
			return fmt.Errorf("the target ended the session: %w", err)
		case <-idle.C:
			return fmt.Errorf("the camera gave no picture for %s", pushPatience)
		case u := <-p.queue:
			idle.Reset(pushPatience)
			if waitKey && !u.Key {
				continue
			}
			waitKey = false
			err := o.send(u)
			var full liberrors.ErrClientWriteQueueFull
			switch {
			case errors.As(err, &full):
				waitKey, still = true, nil
			case err != nil:
				return err
			}
		}
	}
}

// send writes one unit.
func (o *outlet) send(u *source.AccessUnit) error {
	if u.Codec != o.codec {
		return fmt.Errorf("the camera changed its coding to %s", u.Codec)
	}
	pkts, err := o.encode(u.WithParams())
	if err != nil {
		return fmt.Errorf("packetise picture: %w", err)
	}
	ts := uint32(o.tick(u))
	at := o.lastAt
	for _, p := range pkts {
		p.Timestamp = ts
		if err := o.client.WritePacketRTPWithNTP(o.media, p, at); err != nil {
			return fmt.Errorf("send picture: %w", err)
		}
	}
	return nil
}

// tick places a unit on the target's time line, which goes on over a
// reconnection of the pull by the time that passed. A key unit that is sent
// again stands at the time that has passed since it came.
func (o *outlet) tick(u *source.AccessUnit) int64 {
	if u == o.sent {
		o.lastAt = o.now()
		o.lastTick = max(o.base+durationToTicks(o.lastAt.Sub(u.Received)), o.lastTick+1)
		return o.lastTick
	}
	if !o.begun || u.Session != o.session {
		if o.begun {
			o.base = o.lastTick + max(1, durationToTicks(u.Received.Sub(o.lastAt)))
		}
		o.begun, o.session, o.firstPTS = true, u.Session, u.PTS
	}
	t := o.base + durationToTicks(u.PTS-o.firstPTS)
	if o.sent != nil {
		t = max(t, o.lastTick+1)
	}
	if o.sent = nil; u.Key {
		o.sent = u
	}
	o.lastTick, o.lastAt = max(o.lastTick, t), u.Received
	return t
}
