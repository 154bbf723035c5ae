package losstest

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// proxy is a stretch of network between the box and one port of the center.
// It can be cut (lines break, new ones are refused) or silenced (lines stay,
// nothing gets through, as behind a firewall that drops packets).
type proxy struct {
	ln     net.Listener
	target string

	mu     sync.Mutex
	cut    bool
	silent chan struct{} // closed when the silence ends; nil without one
	conns  map[net.Conn]bool
	wg     sync.WaitGroup
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{ln: ln, target: target, conns: map[net.Conn]bool{}}
	p.wg.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

func (p *proxy) addr() string { return p.ln.Addr().String() }

func (p *proxy) close() {
	p.ln.Close()
	p.setCut(true)
	p.setSilent(false, false)
	p.wg.Wait()
}

func (p *proxy) accept() {
	for {
		c, err := p.ln.Accept()
		if err != nil {
			return
		}
		if !p.hold(c) {
			continue
		}
		p.wg.Go(func() { p.serve(c) })
	}
}

// hold takes a connection into the books, unless the network is cut.
func (p *proxy) hold(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		reset(c)
		return false
	}
	p.conns[c] = true
	return true
}

func (p *proxy) drop(c net.Conn) {
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
	c.Close()
}

// reset closes a connection so that the other side gets an error.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	c.Close()
}

func (p *proxy) serve(c net.Conn) {
	defer p.drop(c)
	p.wait()
	up, err := net.DialTimeout("tcp", p.target, 5*time.Second)
	if err != nil {
		reset(c)
		return
	}
	if !p.hold(up) {
		return
	}
	defer p.drop(up)
	p.wg.Go(func() {
		p.copy(up, c)
		c.Close()
	})
	p.copy(c, up)
}

// copy forwards, and holds everything back while there is silence.
func (p *proxy) copy(to, from net.Conn) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		p.wait()
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil {
				break
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				reset(to)
			}
			break
		}
	}
	to.Close()
	from.Close()
}

// wait returns when there is no silence.
func (p *proxy) wait() {
	for {
		p.mu.Lock()
		s := p.silent
		p.mu.Unlock()
		if s == nil {
			return
		}
		<-s
	}
}

// setCut breaks all lines and refuses new ones, or allows them again.
func (p *proxy) setCut(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	if cut {
		p.breakAll()
	}
}

func (p *proxy) breakAll() {
	for c := range p.conns {
		reset(c)
	}
}

// setSilent begins or ends a silence. When it ends, broken lines were lost
// meanwhile; otherwise what was held back gets through late.
func (p *proxy) setSilent(silent, broken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case silent && p.silent == nil:
		p.silent = make(chan struct{})
	case !silent && p.silent != nil:
		if broken {
			p.breakAll()
		}
		close(p.silent)
		p.silent = nil
	}
}
