package rtsptest

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/auth"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"jiexun/edge-agent/internal/source"
)

// Options describe a server.
type Options struct {
	// Media is served at every path but those below "push/", which take
	// published streams. It may be empty when AudioOnly is set or the server
	// only takes streams.
	Media Media
	// Username and Password are asked for by digest when set; Basic asks by
	// basic authentication instead.
	Username, Password string
	Basic              bool
	UDP                bool
	// Audio adds a silent audio track, AudioOnly serves nothing else.
	Audio, AudioOnly bool
	// Other serves a video coding that the box does not know.
	Other bool
	// Report sends an RTCP sender report with each key picture, its clock
	// ahead by Skew.
	Report bool
	Skew   time.Duration
	// Direct writes packets from the player's own goroutine to TCP readers,
	// one write each, past the library's queues; see Around.
	Direct bool
	// Around runs the player's loop when set, so that its cost can be told
	// apart.
	Around func(loop func())
}

// Fault is how the server misbehaves.
type Fault struct {
	// DropEvery leaves out every n-th packet, CorruptEvery damages every
	// n-th; 0 none.
	DropEvery, CorruptEvery int
	// Freeze keeps the connection but sends nothing.
	Freeze bool
	// NoKeys leaves out key pictures.
	NoKeys bool
}

// Server is one RTSP server on a port of 127.0.0.1.
type Server struct {
	o Options

	mu      sync.Mutex
	addr    string
	srv     *gortsplib.Server
	stream  *gortsplib.ServerStream
	video   *description.Media
	encode  func([][]byte) ([]*rtp.Packet, error)
	fault   Fault
	players int
	direct  map[*gortsplib.ServerSession]reader
	taken   []Taken
	stop    chan struct{}
	done    sync.WaitGroup
}

// Taken is one published access unit.
type Taken struct {
	Path  string
	NALUs [][]byte
	RTP   uint32
	At    time.Time
}

// New prepares a server.
func New(o Options) *Server {
	if o.Around == nil {
		o.Around = func(loop func()) { loop() }
	}
	return &Server{o: o, direct: make(map[*gortsplib.ServerSession]reader)}
}

// Addr is host and port, kept over Stop and Start.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// URL is the address of a path.
func (s *Server) URL(path string) string { return "rtsp://" + s.Addr() + "/" + path }

// SetFault changes how the server misbehaves.
func (s *Server) SetFault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Players counts sessions that read now.
func (s *Server) Players() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.players
}

// Taken lists what was published, oldest first.
func (s *Server) Taken() []Taken {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Taken(nil), s.taken...)
}

// Start opens the server and begins to play.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addr == "" {
		s.addr = "127.0.0.1:0"
	}
	var err error
	for range 20 { // UDP needs a free pair of ports, which takes luck
		if err = s.open(); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("start test RTSP server: %w", err)
	}
	if err := s.offer(); err != nil {
		s.srv.Close()
		return fmt.Errorf("start test RTSP server: %w", err)
	}
	s.stop = make(chan struct{})
	if s.encode != nil {
		stop := s.stop
		s.done.Go(func() { s.o.Around(func() { s.play(stop) }) })
	}
	return nil
}

func (s *Server) open() error {
	srv := &gortsplib.Server{RTSPAddress: s.addr, Handler: s, WriteQueueSize: 2048, Listen: s.listen}
	if s.o.Username != "" {
		srv.AuthMethods = []auth.VerifyMethod{auth.VerifyMethodDigestMD5}
		if s.o.Basic {
			srv.AuthMethods = []auth.VerifyMethod{auth.VerifyMethodBasic}
		}
	}
	if s.o.UDP {
		port, err := freePair()
		if err != nil {
			return err
		}
		srv.UDPRTPAddress = fmt.Sprintf("127.0.0.1:%d", port)
		srv.UDPRTCPAddress = fmt.Sprintf("127.0.0.1:%d", port+1)
	}
	if err := srv.Start(); err != nil {
		return err
	}
	s.srv = srv
	return nil
}

// listen remembers the port, so that a stopped server comes back at it. It
// runs inside Start, under the lock.
func (s *Server) listen(network, address string) (net.Listener, error) {
	ln, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	s.addr = ln.Addr().String()
	return ln, nil
}

// freePair finds an even port that is free together with the next one.
func freePair() (int, error) {
	for range 100 {
		a, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := a.LocalAddr().(*net.UDPAddr).Port
		if port%2 != 0 {
			a.Close()
			continue
		}
		b, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port+1))
		a.Close()
		if err == nil {
			b.Close()
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free pair of UDP ports")
}

// offer makes the stream that is played.
func (s *Server) offer() error {
	desc := &description.Session{}
	s.encode = nil
	if s.o.Other {
		desc.Medias = append(desc.Medias, &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{&format.MJPEG{}}})
	} else if !s.o.AudioOnly && len(s.o.Media.Units) > 0 {
		f, err := s.videoFormat()
		if err != nil {
			return err
		}
		s.video = &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{f}}
		desc.Medias = append(desc.Medias, s.video)
	}
	if s.o.Audio || s.o.AudioOnly {
		desc.Medias = append(desc.Medias, &description.Media{Type: description.MediaTypeAudio, Formats: []format.Format{
			&format.G711{PayloadTyp: 8, SampleRate: 8000, ChannelCount: 1},
		}})
	}
	if len(desc.Medias) == 0 {
		return nil
	}
	s.stream = &gortsplib.ServerStream{Server: s.srv, Desc: desc}
	return s.stream.Initialize()
}

func (s *Server) videoFormat() (format.Format, error) {
	m := s.o.Media
	if m.Codec == source.H265 {
		f := &format.H265{PayloadTyp: 96, VPS: m.VPS, SPS: m.SPS, PPS: m.PPS}
		e, err := f.CreateEncoder()
		if err != nil {
			return nil, err
		}
		s.encode = e.Encode
		return f, nil
	}
	f := &format.H264{PayloadTyp: 96, SPS: m.SPS, PPS: m.PPS, PacketizationMode: 1}
	e, err := f.CreateEncoder()
	if err != nil {
		return nil, err
	}
	s.encode = e.Encode
	return f, nil
}

// Stop closes every session and the port.
func (s *Server) Stop() {
	s.mu.Lock()
	srv, stream, stop := s.srv, s.stream, s.stop
	s.srv, s.stream = nil, nil
	s.mu.Unlock()
	if srv == nil {
		return
	}
	close(stop)
	s.done.Wait()
	if stream != nil {
		stream.Close()
	}
	srv.Close()
	s.mu.Lock()
	s.players = 0
	s.mu.Unlock()
}

// play sends the pictures at their rate, in a loop without end.
func (s *Server) play(stop chan struct{}) {
	m := s.o.Media
	period := time.Duration(float64(time.Second) / m.FPS)
	tick := time.NewTicker(period)
	defer tick.Stop()
	count := 0
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		unit := m.Units[n%len(m.Units)]
		pkts, err := s.encode(unit)
		if err != nil {
			continue // a unit that cannot be packed is not sent
		}
		s.mu.Lock()
		f, stream := s.fault, s.stream
		s.mu.Unlock()
		key := isKey(m.Codec, unit)
		if stream == nil || f.Freeze || f.NoKeys && key {
			continue
		}
		ts := uint32(float64(n) * 90000 / m.FPS)
		for _, p := range pkts {
			p.Timestamp = ts
			count++
			if f.DropEvery > 0 && count%f.DropEvery == 0 {
				continue
			}
			if f.CorruptEvery > 0 && count%f.CorruptEvery == 0 {
				p.Payload = damage(p.Payload, count)
			}
			if s.o.Direct {
				s.writeDirect(p)
			} else if stream.WritePacketRTP(s.video, p) != nil {
				return // closed meanwhile
			}
		}
		if s.o.Report && key {
			s.report(stream, ts)
		}
	}
}

// report tells the clock, as real cameras do every few seconds.
func (s *Server) report(stream *gortsplib.ServerStream, ts uint32) {
	at := time.Now().Add(s.o.Skew)
	sec := uint64(at.Unix()) + 2208988800
	frac := uint64(at.Nanosecond()) << 32 / 1e9
	ssrc := stream.Stats().Medias[s.video].Formats[s.video.Formats[0]].LocalSSRC
	// A closed stream refuses the report; the player notices by itself.
	_ = stream.WritePacketRTCP(s.video, &rtcp.SenderReport{SSRC: ssrc, NTPTime: sec<<32 | frac, RTPTime: ts})
}

func isKey(c source.Codec, unit [][]byte) bool {
	u := source.NewAssembler(c, nil, nil, nil).Unit(unit)
	return u != nil && u.Key
}

// damage flips bytes of a copy.
func damage(b []byte, seed int) []byte {
	out := append([]byte(nil), b...)
	for i := 3 + seed%11; i < len(out); i += 37 {
		out[i] ^= byte(seed*31 + i)
	}
	return out
}

// OnDescribe implements gortsplib's handler.
func (s *Server) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if resp, err := s.admit(ctx.Conn, ctx.Request); resp != nil {
		return resp, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stream == nil || strings.Contains(ctx.Path, "missing") {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, s.stream, nil
}

func (s *Server) admit(c *gortsplib.ServerConn, req *base.Request) (*base.Response, error) {
	if s.o.Username == "" || c.VerifyCredentials(req, s.o.Username, s.o.Password) {
		return nil, nil
	}
	return &base.Response{StatusCode: base.StatusUnauthorized}, errAuth{}
}
