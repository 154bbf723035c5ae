// Package tlcp is a gateway that speaks TLCP (GB/T 38636, formerly GM/T 0024)
// with SM2, SM3 and SM4 to the outside and plain HTTP to a center on the same
// machine. It is for browsers and devices that must use domestic algorithms;
// everybody else comes by ordinary TLS.
//
// The library under it panics on a hello that offers only an ephemeral suite.
// So the one suite that works is pinned, and every handshake, read and write
// runs under recover.
package tlcp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"github.com/tjfoc/gmsm/gmtls"
	"github.com/tjfoc/gmsm/x509"
)

// Suite is the only cipher suite that is offered.
const Suite = gmtls.GMTLS_SM2_WITH_SM4_SM3

// Options configure a gateway. Files are PEM.
type Options struct {
	// Upstream is the center's address for people, for example
	// http://127.0.0.1:8080.
	Upstream string
	// TLCP uses two pairs: one signs, the other takes the key.
	SignCert, SignKey, EncCert, EncKey string
	// ClientCA makes clients show a certificate of these authorities.
	ClientCA []byte
	// MaxConns bounds open connections, MaxPerIP those of one address.
	MaxConns, MaxPerIP int
	// Handshake bounds a handshake.
	Handshake time.Duration
	Log       *slog.Logger
}

func (o *Options) defaults() {
	if o.MaxConns == 0 {
		o.MaxConns = 2000
	}
	if o.MaxPerIP == 0 {
		o.MaxPerIP = 100
	}
	if o.Handshake == 0 {
		o.Handshake = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
}

// Gateway is a running gateway.
type Gateway struct {
	o   Options
	cfg *gmtls.Config
	srv *http.Server
	ln  *listener
}

// New checks the configuration; nothing listens yet.
func New(o Options) (*Gateway, error) {
	o.defaults()
	up, err := url.Parse(o.Upstream)
	if err != nil || up.Host == "" || up.Scheme != "http" && up.Scheme != "https" {
		return nil, fmt.Errorf("upstream must be http://host:port, got %.80q", o.Upstream)
	}
	cfg, err := o.config()
	if err != nil {
		return nil, err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(up)
			r.Out.Host = r.In.Host
			r.SetXForwarded()
			r.Out.Header.Set("X-Forwarded-Proto", "https")
		},
		FlushInterval: -1, // events of the live stream go out at once
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			o.Log.Warn("upstream did not answer", "err", err)
			http.Error(w, "中心没有应答", http.StatusBadGateway)
		},
	}
	return &Gateway{o: o, cfg: cfg, srv: &http.Server{
		Handler: proxy, ReadHeaderTimeout: 15 * time.Second, IdleTimeout: 90 * time.Second, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}}, nil
}

// config makes the library's configuration, with the suite pinned.
func (o *Options) config() (*gmtls.Config, error) {
	sign, err := gmtls.LoadGMX509KeyPair(o.SignCert, o.SignKey)
	if err != nil {
		return nil, fmt.Errorf("read signing certificate: %w", err)
	}
	enc, err := gmtls.LoadGMX509KeyPair(o.EncCert, o.EncKey)
	if err != nil {
		return nil, fmt.Errorf("read encryption certificate: %w", err)
	}
	cfg := &gmtls.Config{
		GMSupport: gmtls.NewGMSupport(), Certificates: []gmtls.Certificate{sign, enc},
		CipherSuites: []uint16{Suite}, MinVersion: gmtls.VersionGMSSL, MaxVersion: gmtls.VersionGMSSL,
		SessionTicketsDisabled: true,
	}
	if len(o.ClientCA) > 0 {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(o.ClientCA) {
			return nil, errors.New("read client authorities: no certificate in the file")
		}
		cfg.ClientCAs, cfg.ClientAuth = pool, gmtls.RequireAndVerifyClientCert
	}
	return cfg, nil
}

// Serve takes connections until ctx ends or Close is called.
func (g *Gateway) Serve(ctx context.Context, ln net.Listener) error {
	g.ln = &listener{
		Listener: ln, g: g, ready: make(chan net.Conn), done: make(chan struct{}), room: make(chan struct{}, g.o.MaxConns), perIP: map[string]int{},
	}
	stop := context.AfterFunc(ctx, func() { _ = g.Close() })
	defer stop()
	go g.ln.accept()
	if err := g.srv.Serve(g.ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve TLCP: %w", err)
	}
	return nil
}

// Close stops the gateway; running requests get three seconds.
func (g *Gateway) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := g.srv.Shutdown(ctx); err != nil {
		return g.srv.Close()
	}
	return nil
}

// listener gives the HTTP server connections whose handshake is done. Each
// handshake has a goroutine, a time limit and a recover of its own.
type listener struct {
	net.Listener
	g     *Gateway
	ready chan net.Conn
	done  chan struct{}
	once  sync.Once
	room  chan struct{}

	mu    sync.Mutex
	perIP map[string]int
	err   error
}

func (l *listener) accept() {
	pause := 5 * time.Millisecond
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			select {
			case <-l.done:
				return
			default:
			}
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() || pause < time.Second { // out of files, for a while
				time.Sleep(pause)
				pause *= 2
				continue
			}
			l.mu.Lock()
			l.err = err
			l.mu.Unlock()
			_ = l.Close()
			return
		}
		pause = 5 * time.Millisecond
		release, ok := l.admit(raw)
		if !ok {
			_ = raw.Close()
			continue
		}
		go l.handshake(raw, release)
	}
}

// admit counts a connection in, unless there are too many.
func (l *listener) admit(c net.Conn) (release func(), ok bool) {
	ip, _, err := net.SplitHostPort(c.RemoteAddr().String())
	if err != nil {
		ip = c.RemoteAddr().String()
	}
	select {
	case l.room <- struct{}{}:
	default:
		return nil, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.perIP[ip] >= l.g.o.MaxPerIP {
		<-l.room
		return nil, false
	}
	l.perIP[ip]++
	return sync.OnceFunc(func() {
		<-l.room
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.perIP[ip]--; l.perIP[ip] == 0 {
			delete(l.perIP, ip)
		}
	}), true
}

func (l *listener) handshake(raw net.Conn, release func()) {
	c := &conn{Conn: gmtls.Server(raw, l.g.cfg), raw: raw, release: release}
	err := raw.SetDeadline(time.Now().Add(l.g.o.Handshake))
	if err == nil {
		err = guard(c.Conn.Handshake)
	}
	if err == nil {
		err = raw.SetDeadline(time.Time{})
	}
	if err != nil {
		l.g.o.Log.Info("TLCP handshake failed", "from", raw.RemoteAddr(), "err", err)
		_ = c.Close()
		return
	}
	select {
	case l.ready <- c:
	case <-l.done:
		_ = c.Close()
	}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.done:
		l.mu.Lock()
		defer l.mu.Unlock()
		return nil, errors.Join(l.err, net.ErrClosed)
	}
}

// Close implements net.Listener.
func (l *listener) Close() error {
	err := net.ErrClosed
	l.once.Do(func() {
		close(l.done)
		err = l.Listener.Close()
	})
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// conn is a connection after its handshake. A panic of the library ends it
// and nothing else.
type conn struct {
	*gmtls.Conn
	raw     net.Conn
	release func()
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (n int, err error) {
	err = guard(func() (e error) { n, e = c.Conn.Read(b); return e })
	return n, err
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (n int, err error) {
	err = guard(func() (e error) { n, e = c.Conn.Write(b); return e })
	return n, err
}

// Close implements net.Conn.
func (c *conn) Close() error {
	defer c.release()
	_ = c.raw.SetWriteDeadline(time.Now().Add(2 * time.Second)) // for the farewell
	err := guard(c.Conn.Close)
	if e := c.raw.Close(); e != nil && !errors.Is(e, net.ErrClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// guard turns a panic of the library into an error.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the TLCP library failed: %v", p)
		}
	}()
	return f()
}
