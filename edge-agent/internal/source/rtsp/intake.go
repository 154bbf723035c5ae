package rtsp

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph265"
	"github.com/pion/rtp"

	"jiexun/edge-agent/internal/source"
)

// clockRate is the RTP clock of H.264 and H.265 in ticks per second.
const clockRate = 90000

// intake turns the packets of one session into access units. Its fields are
// used on the session's reader goroutine; what others read lies in Source.
type intake struct {
	s       *Source
	session int
	client  *gortsplib.Client
	media   *description.Media
	format  format.Format
	decode  func(*rtp.Packet) ([][]byte, error)
	asm     *source.Assembler
	known   *source.Params
	fail    chan error

	loss  bool   // packets were lost since the last unit
	begun bool   // bufTS is set
	bufTS uint32 // RTP time of the unit being gathered
	clock bool   // lastTS is set
	last  uint32
	ticks int64

	hasSR bool
	srRTP uint32
	srNTP time.Time
}

// choose finds the video track that the box can use, or says why there is
// none.
func (in *intake) choose(desc *description.Session) (*description.Media, error) {
	var other []string
	audio := false
	for _, m := range desc.Medias {
		if m.IsBackChannel {
			continue
		}
		audio = audio || m.Type == description.MediaTypeAudio
		if m.Type != description.MediaTypeVideo {
			continue
		}
		for _, f := range m.Formats {
			ok, err := in.use(f)
			if err != nil {
				return nil, err
			}
			if ok {
				return m, nil
			}
			other = append(other, f.Codec())
		}
	}
	switch {
	case len(other) > 0:
		return nil, source.NewFault(source.FaultUnsupported, fmt.Sprintf("视频编码 %.60s 不支持：请在摄像机上把编码改为 H.264 或 H.265", strings.Join(other, "、")), nil)
	case audio:
		return nil, source.NewFault(source.FaultUnsupported, "该地址只有音频、没有视频：请填写摄像机的视频码流地址", nil)
	}
	return nil, source.NewFault(source.FaultUnsupported, "该地址没有视频码流：请核对地址中的通道号与码流号", nil)
}

// use prepares for a format; false when it is not one of ours.
func (in *intake) use(f format.Format) (bool, error) {
	switch f := f.(type) {
	case *format.H264:
		d, err := f.CreateDecoder()
		if err != nil {
			return false, source.NewFault(source.FaultUnsupported, "H.264 封包方式不支持：请更新摄像机固件或改用 H.265", err)
		}
		in.asm, in.decode = source.NewAssembler(source.H264, nil, f.SPS, f.PPS), d.Decode
	case *format.H265:
		d, err := f.CreateDecoder()
		if err != nil {
			return false, source.NewFault(source.FaultUnsupported, "H.265 封包方式不支持：请更新摄像机固件或改用 H.264", err)
		}
		in.asm, in.decode = source.NewAssembler(source.H265, f.VPS, f.SPS, f.PPS), d.Decode
	default:
		return false, nil
	}
	in.format = f
	in.known = in.asm.Params()
	return true, in.known.CheckSize()
}

// lost is called when packets are missing.
func (in *intake) lost(n uint64) {
	in.loss = true
	in.s.mu.Lock()
	in.s.meter.Lost += n
	in.s.mu.Unlock()
}

// damaged is called for packets that cannot be read.
func (in *intake) damaged() {
	in.s.mu.Lock()
	in.s.decodeErr++
	in.s.mu.Unlock()
}

func (in *intake) recovered() {
	if r := recover(); r != nil {
		in.loss = true
		in.s.mu.Lock()
		in.s.recovered++
		in.s.mu.Unlock()
		in.s.o.Log.Error("fault while reading a packet", "fault", r)
	}
}

// take counts a packet and hands on the unit that it completes.
func (in *intake) take(p *rtp.Packet) {
	now := in.s.o.Now()
	in.s.mu.Lock()
	in.s.meter.Packet(len(p.Payload)+12, now)
	in.s.mu.Unlock()

	nalus, err := in.decode(p)
	if err != nil {
		if harmless(err) {
			if !in.begun {
				in.begun, in.bufTS = true, p.Timestamp
			}
			return
		}
		in.loss, in.begun = true, false
		in.damaged()
		return
	}
	ts := p.Timestamp
	if in.begun {
		ts = in.bufTS
	}
	// A unit that ends without a marker comes out with the first packet of
	// the next one, which then already waits in the decoder.
	in.begun, in.bufTS = ts != p.Timestamp, p.Timestamp
	in.unit(nalus, ts, now)
}

func harmless(err error) bool {
	return errors.Is(err, rtph264.ErrMorePacketsNeeded) || errors.Is(err, rtph264.ErrNonStartingPacketAndNoPrevious) ||
		errors.Is(err, rtph265.ErrMorePacketsNeeded) || errors.Is(err, rtph265.ErrNonStartingPacketAndNoPrevious)
}

// unit hands on one access unit.
func (in *intake) unit(nalus [][]byte, ts uint32, now time.Time) {
	u := in.asm.Unit(nalus)
	if p := in.asm.Params(); p != in.known {
		in.known = p
		if err := p.CheckSize(); err != nil {
			in.refuse(err)
			return
		}
	}
	if u == nil {
		return
	}
	u.PTS, u.Received, u.Session = in.pts(ts), now, in.session
	u.Damaged, in.loss = in.loss, false
	s := in.s
	s.mu.Lock()
	u.NTP = in.rtpTime(ts)
	s.params = u.Params
	if u.Key && !u.Damaged && u.Params.Complete() {
		s.key = u
	}
	s.decodeErr += in.asm.Broken
	in.asm.Broken = 0
	first := s.meter.SessionKey.IsZero()
	s.meter.Unit(u)
	if first && !s.meter.SessionKey.IsZero() {
		s.attempts = 0
		s.judge(now)
	}
	for p := range s.pushers {
		p.offer(u)
	}
	relay := s.relay
	s.mu.Unlock()
	relay.Offer(u)
}

// refuse ends the session for a reason that needs a person.
func (in *intake) refuse(err error) {
	select {
	case in.fail <- err:
	default:
	}
}

// pts counts the RTP clock on from the session's first unit; a jump of more
// than ten seconds (a camera that restarts its clock) counts as one frame.
func (in *intake) pts(ts uint32) time.Duration {
	if in.clock {
		d := int64(int32(ts - in.last))
		if d > 10*clockRate || d < -10*clockRate {
			d = clockRate / 25
		}
		in.ticks += d
	}
	in.clock, in.last = true, ts
	return ticksToDuration(in.ticks)
}

// ticksToDuration does not overflow within a lifetime, as a plain product
// would after a day.
func ticksToDuration(t int64) time.Duration {
	return time.Duration(t/clockRate)*time.Second + time.Duration(t%clockRate)*time.Second/clockRate
}

func durationToTicks(d time.Duration) int64 {
	return int64(d/time.Second)*clockRate + int64(d%time.Second)*clockRate/int64(time.Second)
}
