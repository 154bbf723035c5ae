package rtspcam

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph265"
	"github.com/pion/rtp"

	"jiexun/tools/internal/clip"
)

// clockRate of video over RTP.
const clockRate = 90000

// packetizer hides which of the two codecs is sent.
type packetizer interface {
	Encode(au [][]byte) ([]*rtp.Packet, error)
}

func newTrack(c *clip.Clip) (*description.Session, packetizer, error) {
	var f format.Format
	var p packetizer
	if c.Codec == clip.H264 {
		h := &format.H264{PayloadTyp: 96, SPS: c.SPS, PPS: c.PPS, PacketizationMode: 1}
		e := &rtph264.Encoder{PayloadType: 96, PacketizationMode: 1}
		if err := e.Init(); err != nil {
			return nil, nil, err
		}
		f, p = h, e
	} else {
		h := &format.H265{PayloadTyp: 96, VPS: c.VPS, SPS: c.SPS, PPS: c.PPS}
		e := &rtph265.Encoder{PayloadType: 96}
		if err := e.Init(); err != nil {
			return nil, nil, err
		}
		f, p = h, e
	}
	return &description.Session{Medias: []*description.Media{{
		Type: description.MediaTypeVideo, Formats: []format.Format{f},
	}}}, p, nil
}

// rtpTime is the clock of the stream: media time since the camera started.
func rtpTime(base uint32, at time.Duration) uint32 {
	sec := int64(at / time.Second)
	rest := int64(at%time.Second) * clockRate / int64(time.Second)
	return base + uint32(sec*clockRate+rest)
}

// play sends the clip from the camera's epoch until the context ends or, for
// a camera that plays once, the clip does. Main and sub-stream of a camera
// share the epoch, so they show the same moment.
func (p *path) play(ctx context.Context, epoch time.Time, once bool) {
	rng := rand.New(rand.NewPCG(p.seed, 0x6a78))
	base := rng.Uint32()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var lag time.Duration
	for loop := 0; ; loop++ {
		offset := time.Duration(loop) * p.clip.Duration
		for i := range p.clip.Units {
			u := &p.clip.Units[i]
			lag = p.nextLag(lag)
			due := epoch.Add(offset + u.DTS + lag)
			wait := time.Until(due)
			if wait > 0 {
				timer.Reset(wait)
				select {
				case <-ctx.Done():
					return
				case <-timer.C:
				}
			} else if wait < -5*time.Second && lag == 0 {
				// The machine slept or stalled: move on to the present
				// instead of sending a burst.
				continue
			} else if ctx.Err() != nil {
				return
			}
			p.setPosition(offset + u.DTS)
			p.sendUnit(i, rtpTime(base, offset+u.PTS), epoch.Add(offset+u.PTS), rng)
		}
		if once {
			return
		}
	}
}

// nextLag grows the delay while the slow fault runs and drops it afterwards,
// which makes the stream catch up in one burst, as a congested link does.
func (p *path) nextLag(lag time.Duration) time.Duration {
	st := p.state()
	if st.spec.Kind != FaultSlow {
		return 0
	}
	step := time.Duration(float64(time.Second) / p.clip.FPS)
	return lag + time.Duration(float64(step)*(1/st.spec.rate(0.5)-1))
}

// sendUnit sends unit i, or what the running fault puts in its place.
func (p *path) sendUnit(i int, ts uint32, ntp time.Time, rng *rand.Rand) {
	st := p.state()
	if st.stream == nil {
		return
	}
	packets, err := p.pack.Encode(p.pick(i))
	if err != nil {
		p.stats.Errors.Add(1)
		return
	}
	media := st.stream.Desc.Medias[0]
	for _, k := range packets {
		k.Timestamp = ts
		switch st.spec.Kind {
		case FaultDrop:
			if rng.Float64() < st.spec.rate(0.1) {
				p.stats.Dropped.Add(1)
				continue
			}
		case FaultCorrupt:
			if rng.Float64() < st.spec.rate(0.1) {
				damage(k, rng)
				p.stats.Corrupted.Add(1)
			}
		}
		if err := st.stream.WritePacketRTPWithNTP(media, k, ntp); err == nil {
			p.stats.Packets.Add(1)
		}
	}
}

// pick answers the access unit to send in the slot of unit i. A switch to
// another picture and back happens at a key unit only, so that a decoder can
// follow it.
func (p *path) pick(i int) [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := &p.clip.Units[i]
	if p.variant != p.showing {
		if p.variant != nil {
			p.showing, p.variantAt = p.variant, 0
		} else if own.Key {
			p.showing = nil
		}
	}
	if p.showing == nil {
		return own.NALUs
	}
	u := p.showing.Units[p.variantAt%len(p.showing.Units)]
	p.variantAt++
	return u.NALUs
}

// damage flips bytes behind the payload headers. The payload belongs to the
// shared clip and is copied first.
func damage(k *rtp.Packet, rng *rand.Rand) {
	if len(k.Payload) < 8 {
		return
	}
	out := append([]byte(nil), k.Payload...)
	for range 1 + len(out)/100 {
		out[4+rng.IntN(len(out)-4)] ^= byte(1 + rng.IntN(255))
	}
	k.Payload = out
}

// audioDesc describes a camera that sends sound only.
func audioDesc() *description.Session {
	return &description.Session{Medias: []*description.Media{{
		Type: description.MediaTypeAudio,
		Formats: []format.Format{&format.G711{
			PayloadTyp: 8, MULaw: false, SampleRate: 8000, ChannelCount: 1,
		}},
	}}}
}

// playAudio sends silence in packets of 20 ms until the context ends.
func playAudio(ctx context.Context, stream *gortsplib.ServerStream) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	silence := make([]byte, 160)
	for i := range silence {
		silence[i] = 0xD5
	}
	for seq := uint16(0); ; seq++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		k := &rtp.Packet{Header: rtp.Header{
			Version: 2, PayloadType: 8, SequenceNumber: seq, Timestamp: uint32(seq) * 160,
		}, Payload: silence}
		if err := stream.WritePacketRTP(stream.Desc.Medias[0], k); err != nil {
			return
		}
	}
}
