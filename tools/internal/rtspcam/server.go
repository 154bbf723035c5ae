// Package rtspcam serves clips as RTSP cameras that can be told to misbehave.
// One parsed clip feeds all readers of a path; nothing is decoded.
package rtspcam

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"

	"jiexun/tools/internal/clip"
)

// Options of a Server.
type Options struct {
	// Listen is the RTSP address, port 0 picks a free one.
	Listen string
	// UDP offers RTP over UDP beside TCP, on a free port pair.
	UDP     bool
	Cameras []Camera
	// Cache prepares the pictures of faults.
	Cache *clip.Cache
	// Log is where readers and faults are told; nil means nowhere.
	Log *slog.Logger
}

// Server is a running set of cameras.
type Server struct {
	opt     Options
	log     *slog.Logger
	rtsp    *gortsplib.Server
	addr    string
	cameras []*camera
	paths   map[string]*path
	names   []string
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

// Start opens the listener and begins to play.
func Start(opt Options) (*Server, error) {
	s := &Server{opt: opt, log: opt.Log, paths: map[string]*path{}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.build(); err != nil {
		s.cancel()
		return nil, err
	}
	if err := s.listen(); err != nil {
		s.cancel()
		return nil, err
	}
	for _, p := range s.unique() {
		if err := p.openStream(s.rtsp); err != nil {
			s.Close()
			return nil, err
		}
	}
	now := time.Now()
	for _, c := range s.cameras {
		if !c.Once {
			c.start(now)
		}
		for _, p := range c.paths {
			s.wg.Add(1)
			go s.runPath(p)
		}
		if len(c.Script) > 0 {
			s.wg.Add(1)
			go s.runScript(c)
		}
	}
	return s, nil
}

func (s *Server) build() error {
	if len(s.opt.Cameras) == 0 {
		return errors.New("no camera to serve")
	}
	for i, c := range s.opt.Cameras {
		cam := &camera{Camera: c, started: make(chan struct{})}
		if c.Name == "" || strings.ContainsAny(c.Name, " /?#%") {
			return fmt.Errorf("camera name %q: use letters, digits and dashes", c.Name)
		}
		if c.Main == nil {
			return fmt.Errorf("camera %s has no main stream", c.Name)
		}
		add := func(suffix string, cl *clip.Clip, file string) *path {
			p := &path{name: c.Name + "/" + suffix, cam: cam, clip: cl, file: file, seed: uint64(i)<<8 | uint64(len(suffix))}
			cam.paths = append(cam.paths, p)
			s.paths[p.name] = p
			s.names = append(s.names, p.name)
			return p
		}
		if s.paths[c.Name] != nil {
			return fmt.Errorf("camera name %s is given twice", c.Name)
		}
		s.paths[c.Name] = add("main", c.Main, c.MainFile)
		if c.Sub != nil {
			add("sub", c.Sub, c.SubFile)
		}
		s.cameras = append(s.cameras, cam)
	}
	sort.Strings(s.names)
	return nil
}

// listen starts the RTSP server; a taken UDP pair is tried again elsewhere.
func (s *Server) listen() error {
	var last error
	for range 20 {
		srv := &gortsplib.Server{
			Handler:        (*handler)(s),
			RTSPAddress:    s.opt.Listen,
			WriteQueueSize: 4096,
			Listen: func(network, address string) (net.Listener, error) {
				l, err := net.Listen(network, address)
				if err == nil {
					s.addr = l.Addr().String()
				}
				return l, err
			},
		}
		if s.opt.UDP {
			rtpAddr, rtcpAddr, err := freePair(s.opt.Listen)
			if err != nil {
				return err
			}
			srv.UDPRTPAddress, srv.UDPRTCPAddress = rtpAddr, rtcpAddr
		}
		s.rtsp = srv
		if last = srv.Start(); last == nil {
			return nil
		}
		if !s.opt.UDP {
			break
		}
	}
	return fmt.Errorf("listen on %s: %w", s.opt.Listen, last)
}

// freePair finds an even UDP port whose successor is free too.
func freePair(listen string) (string, string, error) {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return "", "", fmt.Errorf("listen address %q: use host:port: %w", listen, err)
	}
	for range 50 {
		a, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
		if err != nil {
			return "", "", fmt.Errorf("find UDP ports: %w", err)
		}
		port := a.LocalAddr().(*net.UDPAddr).Port
		a.Close()
		if port%2 != 0 {
			continue
		}
		next := net.JoinHostPort(host, fmt.Sprint(port+1))
		b, err := net.ListenPacket("udp", next)
		if err != nil {
			continue
		}
		b.Close()
		return net.JoinHostPort(host, fmt.Sprint(port)), next, nil
	}
	return "", "", errors.New("find UDP ports: no free pair")
}

// Addr is the RTSP address that was opened.
func (s *Server) Addr() string { return s.addr }

// URL of a path, with the camera's credentials.
func (s *Server) URL(name string) string {
	p := s.paths[name]
	if p != nil && p.cam.User != "" {
		return fmt.Sprintf("rtsp://%s:%s@%s/%s", p.cam.User, p.cam.Password, s.addr, name)
	}
	return fmt.Sprintf("rtsp://%s/%s", s.addr, name)
}

// Paths lists the paths that are served.
func (s *Server) Paths() []string { return append([]string(nil), s.names...) }

// Epoch answers when the camera began to play; ok is false before that.
func (s *Server) Epoch(name string) (epoch time.Time, ok bool) {
	p := s.paths[name]
	if p == nil {
		return time.Time{}, false
	}
	select {
	case <-p.cam.started:
		return p.cam.epoch, true
	default:
		return time.Time{}, false
	}
}

// Close ends all readers and waits for the senders.
func (s *Server) Close() {
	s.cancel()
	s.wg.Wait()
	for _, p := range s.unique() {
		p.mu.Lock()
		if p.endTimer != nil {
			p.endTimer.Stop()
		}
		p.mu.Unlock()
		p.closeAudio()
		p.closeStream()
	}
	s.rtsp.Close()
}

func (s *Server) unique() []*path {
	var out []*path
	for _, c := range s.cameras {
		out = append(out, c.paths...)
	}
	return out
}

func (s *Server) runPath(p *path) {
	defer s.wg.Done()
	select {
	case <-s.ctx.Done():
		return
	case <-p.cam.started:
	}
	p.play(s.ctx, p.cam.epoch, p.cam.Once)
}

// runScript raises the camera's scripted faults in every loop.
func (s *Server) runScript(c *camera) {
	defer s.wg.Done()
	select {
	case <-s.ctx.Done():
		return
	case <-c.started:
	}
	steps := append([]ScriptStep(nil), c.Script...)
	sort.SliceStable(steps, func(i, j int) bool { return steps[i].At < steps[j].At })
	for loop := 0; ; loop++ {
		base := c.epoch.Add(time.Duration(loop) * c.Main.Duration)
		for _, st := range steps {
			select {
			case <-s.ctx.Done():
				return
			case <-time.After(time.Until(base.Add(time.Duration(st.At * float64(time.Second))))):
			}
			for _, p := range c.paths {
				if err := s.Raise(s.ctx, p.name, st.FaultSpec); err != nil {
					s.log.Warn("scripted fault failed", "path", p.name, "kind", st.Kind, "error", err)
				}
			}
		}
		if c.Once {
			return
		}
		select {
		case <-s.ctx.Done():
			return
		case <-time.After(time.Until(base.Add(c.Main.Duration))):
		}
	}
}

// handler answers RTSP requests.
type handler Server

func (h *handler) find(conn *gortsplib.ServerConn, req *base.Request, name string) (*gortsplib.ServerStream, *base.Response, error) {
	name = strings.Trim(name, "/")
	p := h.paths[name]
	if p == nil {
		return nil, &base.Response{StatusCode: base.StatusNotFound}, fmt.Errorf("no camera at path %q", name)
	}
	p.mu.Lock()
	kind, stream, audio := p.spec.Kind, p.stream, p.audio
	p.mu.Unlock()
	if kind == FaultAuth || (p.cam.User != "" && !conn.VerifyCredentials(req, p.cam.User, p.cam.Password)) {
		return nil, &base.Response{StatusCode: base.StatusUnauthorized}, liberrors.ErrServerAuth{}
	}
	if audio != nil {
		return audio, &base.Response{StatusCode: base.StatusOK}, nil
	}
	if stream == nil {
		return nil, &base.Response{StatusCode: base.StatusNotFound}, fmt.Errorf("path %q is stopped", name)
	}
	return stream, &base.Response{StatusCode: base.StatusOK}, nil
}

// OnDescribe implements gortsplib.ServerHandlerOnDescribe.
func (h *handler) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	st, res, err := h.find(ctx.Conn, ctx.Request, ctx.Path)
	return res, st, err
}

// OnSetup implements gortsplib.ServerHandlerOnSetup.
func (h *handler) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	st, res, err := h.find(ctx.Conn, ctx.Request, ctx.Path)
	return res, st, err
}

// OnPlay implements gortsplib.ServerHandlerOnPlay.
func (h *handler) OnPlay(ctx *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	if p := h.paths[strings.Trim(ctx.Path, "/")]; p != nil {
		h.log.Info("reader plays", "path", p.name, "from", ctx.Conn.NetConn().RemoteAddr().String())
		p.cam.start(time.Now())
	}
	return &base.Response{StatusCode: base.StatusOK}, nil
}
