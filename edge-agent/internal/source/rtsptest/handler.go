package rtsptest

import (
	"net"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"
	"github.com/pion/rtp"
)

// errAuth is what the library wants to see so that it asks for a password.
type errAuth = liberrors.ErrServerAuth

// OnSetup implements gortsplib's handler.
func (s *Server) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if resp, err := s.admit(ctx.Conn, ctx.Request); resp != nil {
		return resp, nil, err
	}
	if ctx.Session.State() == gortsplib.ServerSessionStatePreRecord {
		return &base.Response{StatusCode: base.StatusOK}, nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stream == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, s.stream, nil
}

// OnPlay implements gortsplib's handler.
func (s *Server) OnPlay(ctx *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.players++
	s.direct[ctx.Session] = reader{ctx.Conn.NetConn(), time.Now().Add(directLead)}
	ctx.Session.SetUserData("player")
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnSessionClose implements gortsplib's handler.
func (s *Server) OnSessionClose(ctx *gortsplib.ServerHandlerOnSessionCloseCtx) {
	if ctx.Session.UserData() != "player" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.players = max(0, s.players-1)
	delete(s.direct, ctx.Session)
}

// directLead lets the answer to PLAY go out before the first packet.
const directLead = 200 * time.Millisecond

// reader is a TCP reader that gets packets directly.
type reader struct {
	conn net.Conn
	from time.Time
}

// writeDirect sends one packet as an interleaved frame on channel 0.
func (s *Server) writeDirect(p *rtp.Packet) {
	raw, err := p.Marshal()
	if err != nil {
		return // the packetiser makes packets that marshal
	}
	frame := append([]byte{'$', 0, byte(len(raw) >> 8), byte(len(raw))}, raw...)
	now := time.Now()
	s.mu.Lock()
	var to []net.Conn
	for _, r := range s.direct {
		if now.After(r.from) {
			to = append(to, r.conn)
		}
	}
	s.mu.Unlock()
	for _, c := range to {
		// A reader that went away is taken off by the library.
		if c.SetWriteDeadline(now.Add(5*time.Second)) == nil {
			_, _ = c.Write(frame)
		}
	}
}

// OnAnnounce implements gortsplib's handler.
func (s *Server) OnAnnounce(ctx *gortsplib.ServerHandlerOnAnnounceCtx) (*base.Response, error) {
	if resp, err := s.admit(ctx.Conn, ctx.Request); resp != nil {
		return resp, err
	}
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnRecord implements gortsplib's handler: it keeps what is published.
func (s *Server) OnRecord(ctx *gortsplib.ServerHandlerOnRecordCtx) (*base.Response, error) {
	for _, m := range ctx.Session.AnnouncedDescription().Medias {
		for _, f := range m.Formats {
			decode := decoderOf(f)
			if decode == nil {
				continue
			}
			path := ctx.Path
			ctx.Session.OnPacketRTP(m, f, func(p *rtp.Packet) {
				nalus, err := decode(p)
				if err != nil {
					return // more packets are needed
				}
				s.mu.Lock()
				defer s.mu.Unlock()
				s.taken = append(s.taken, Taken{Path: path, NALUs: nalus, RTP: p.Timestamp, At: time.Now()})
			})
		}
	}
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func decoderOf(f format.Format) func(*rtp.Packet) ([][]byte, error) {
	switch f := f.(type) {
	case *format.H264:
		if d, err := f.CreateDecoder(); err == nil {
			return d.Decode
		}
	case *format.H265:
		if d, err := f.CreateDecoder(); err == nil {
			return d.Decode
		}
	}
	return nil
}

// OnPacketsLost and OnDecodeError keep the library from logging.
func (s *Server) OnPacketsLost(*gortsplib.ServerHandlerOnPacketsLostCtx) {}

// OnDecodeError implements gortsplib's handler.
func (s *Server) OnDecodeError(*gortsplib.ServerHandlerOnDecodeErrorCtx) {}

// OnStreamWriteError implements gortsplib's handler.
func (s *Server) OnStreamWriteError(*gortsplib.ServerHandlerOnStreamWriteErrorCtx) {}
