package rtsp

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/source"
)

// judge computes the state; the caller holds the lock.
func (s *Source) judge(now time.Time) (edgev1.CameraState, time.Time, string) {
	state, detail := source.Facts{
		Now: now, Started: s.started, Interval: s.o.Interval, GOP: s.meter.GOP(),
		Connected: s.connected, SessionStart: s.meter.SessionStart, SessionKey: s.meter.SessionKey,
		LastPacket: s.meter.LastPacket, LastKey: s.meter.LastKey,
		Attempts: s.attempts, NextTry: s.nextTry, Fault: s.fault,
	}.Judge()
	return state, s.tracker.See(state, now), detail
}

// session connects once and returns why it ended.
func (s *Source) session(ctx context.Context) error {
	u, err := address(s.o.URL, s.o.Username, s.o.Password)
	if err != nil {
		return err
	}
	transport := gortsplib.TransportTCP
	switch s.o.Transport {
	case "", "tcp":
	case "udp":
		transport = gortsplib.TransportUDP
	default:
		return source.NewFault(source.FaultAddress, fmt.Sprintf("传输方式“%.20s”不可用：请填写 tcp 或 udp", s.o.Transport), nil)
	}
	in := &intake{s: s, fail: make(chan error, 1)}
	c := &gortsplib.Client{
		Scheme: u.Scheme, Host: u.Host, Transport: &transport, TLSConfig: s.o.TLS,
		ReadTimeout: s.o.Timeout, WriteTimeout: s.o.Timeout, UserAgent: "jiexun",
		DialContext: dial, ListenPacket: listen,
		OnPacketsLost:     in.lost,
		OnDecodeError:     func(error) { in.damaged() },
		OnTransportSwitch: func(error) {},
	}
	if err := c.Start2(); err != nil {
		return explain(err, s.o)
	}
	stop := context.AfterFunc(ctx, c.Close)
	defer func() { stop(); c.Close() }()

	desc, _, err := c.Describe(u)
	if err != nil {
		return explain(err, s.o)
	}
	medi, err := in.choose(desc)
	if err != nil {
		return err
	}
	if _, err := c.Setup(desc.BaseURL, medi, 0, 0); err != nil {
		return explain(err, s.o)
	}
	in.client, in.media = c, medi
	c.OnPacketRTP(medi, in.format, in.packet)
	c.OnPacketRTCP(medi, in.report)
	s.begin(desc, in)
	if _, err := c.Play(nil); err != nil {
		return explain(err, s.o)
	}
	s.o.Log.Info("stream started", "codec", in.format.Codec())
	return s.watch(ctx, c, in)
}

// begin notes that a session plays.
func (s *Source) begin(desc *description.Session, in *intake) {
	now := s.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions++
	in.session = s.sessions
	s.meter.Begin(now)
	s.connected, s.fault, s.nextTry = true, nil, time.Time{}
	s.hasClock = false
	s.params = in.asm.Params()
	s.audio = false
	for _, m := range desc.Medias {
		s.audio = s.audio || m.Type == description.MediaTypeAudio && !m.IsBackChannel
	}
	s.judge(now)
}

// watch waits for the end of a session: by the peer, by a stall, by a fault
// in what arrives, or by ctx.
func (s *Source) watch(ctx context.Context, c *gortsplib.Client, in *intake) error {
	gone := make(chan error, 1)
	go func() { gone <- c.Wait() }()
	tick := time.NewTicker(min(250*time.Millisecond, s.o.StallAfter/4))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-gone:
			return explain(err, s.o)
		case err := <-in.fail:
			return err
		case <-tick.C:
			now := s.o.Now()
			s.mu.Lock()
			s.judge(now)
			last := s.meter.LastPacket
			if last.Before(s.meter.SessionStart) {
				last = s.meter.SessionStart
			}
			s.mu.Unlock()
			if idle := now.Sub(last); idle > s.o.StallAfter {
				return stalled(idle, s.o)
			}
		}
	}
}

// report takes the camera's clock from its sender reports.
func (in *intake) report(p rtcp.Packet) {
	sr, ok := p.(*rtcp.SenderReport)
	if !ok || sr.NTPTime == 0 {
		return
	}
	const toUnix = 2208988800 // seconds from 1900 to 1970
	sec := int64(sr.NTPTime>>32) - toUnix
	nsec := int64((sr.NTPTime & 0xffffffff) * 1e9 >> 32)
	s := in.s
	now := s.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset, s.hasClock = time.Unix(sec, nsec).Sub(now), true
	in.srRTP, in.srNTP, in.hasSR = sr.RTPTime, time.Unix(sec, nsec).UTC(), true
}

// dial opens a connection that reads in large pieces: a key picture arrives
// as hundreds of packets in one burst, and each small read costs a system
// call.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &bufferedConn{Conn: c, r: bufio.NewReaderSize(c, 64<<10)}, nil
}

type bufferedConn struct {
	net.Conn
	r *bufio.Reader
}

// Read implements net.Conn.
func (c *bufferedConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// listen opens a UDP socket with room for the burst of a key picture; the
// system may grant less.
func listen(network, address string) (net.PacketConn, error) {
	c, err := net.ListenPacket(network, address)
	if u, ok := c.(*net.UDPConn); ok {
		if e := u.SetReadBuffer(4 << 20); e != nil {
			return c, nil // the default size serves, with more losses
		}
	}
	return c, err
}

// address reads the camera's URL and puts the credentials in.
func address(raw, user, password string) (*base.URL, error) {
	u, err := base.ParseURL(raw)
	if err != nil || u.Hostname() == "" {
		return nil, source.NewFault(source.FaultAddress, "视频地址无效：应形如 rtsp://192.168.1.10:554/路径", nil)
	}
	if user != "" {
		u.User = userinfo(user, password)
	}
	return u, nil
}

// rtpTime is the wall-clock time of an RTP timestamp by the last report.
func (in *intake) rtpTime(ts uint32) time.Time {
	if !in.hasSR {
		return time.Time{}
	}
	return in.srNTP.Add(time.Duration(int32(ts-in.srRTP)) * time.Second / clockRate)
}

// packet takes one RTP packet on the library's goroutine.
func (in *intake) packet(p *rtp.Packet) {
	defer in.recovered()
	in.take(p)
}
