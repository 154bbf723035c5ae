package tlcp_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tjfoc/gmsm/gmtls"
	"github.com/tjfoc/gmsm/x509"

	"jiexun/center/internal/platform/testkit"
	"jiexun/center/internal/platform/tlcp"
)

// tape is a proxy on the wire that writes down what passes.
type tape struct {
	mu   sync.Mutex
	seen bytes.Buffer
}

func (t *tape) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen.Write(b)
}

func (t *tape) has(s string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Contains(t.seen.Bytes(), []byte(s))
}

// record listens before an address and copies both ways onto the tape.
func record(t *testing.T, to string) (string, *tape) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	tp := &tape{}
	go func() {
		for {
			a, err := ln.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", to)
			if err != nil {
				_ = a.Close()
				continue
			}
			go func() { _, _ = io.Copy(io.MultiWriter(b, tp), a); _ = b.Close() }()
			go func() { _, _ = io.Copy(io.MultiWriter(a, tp), b); _ = a.Close() }()
		}
	}()
	return ln.Addr().String(), tp
}

func start(t *testing.T, upstream string, change func(*tlcp.Options)) (addr, dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := tlcp.MakeCerts(dir, []string{"center.example", "127.0.0.1"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	f := func(n string) string { return filepath.Join(dir, n) }
	o := tlcp.Options{
		Upstream: upstream, SignCert: f(tlcp.SignCertFile), SignKey: f(tlcp.SignKeyFile), EncCert: f(tlcp.EncCertFile), EncKey: f(tlcp.EncKeyFile),
		Handshake: 10 * time.Second, Log: testkit.Log(t),
	}
	if change != nil {
		change(&o)
	}
	g, err := tlcp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Serve(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("gateway ended: %v", err)
		}
	})
	return ln.Addr().String(), dir
}

// client speaks TLCP and trusts the folder's authority.
func client(t *testing.T, addr, dir string, suites ...uint16) *http.Client {
	t.Helper()
	ca, err := os.ReadFile(filepath.Join(dir, tlcp.CAFile))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return gmtls.Dial("tcp", addr, &gmtls.Config{GMSupport: gmtls.NewGMSupport(), RootCAs: pool, ServerName: "center.example", CipherSuites: suites})
		},
	}}
}

const secret = "身份证号310101199001010000"

func upstream(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s|%s|%s|%s", secret, b, r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Forwarded-Proto"))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestPageThroughTheGateway(t *testing.T) {
	addr, dir := start(t, upstream(t), nil)
	wire, seen := record(t, addr)
	c := client(t, wire, dir, tlcp.Suite)
	for range 3 {
		req, _ := http.NewRequest(http.MethodPost, "http://center.example/x", strings.NewReader("口令 geheim"))
		req.Header.Set("X-Forwarded-For", "6.6.6.6") // a client's own word is dropped
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || string(b) != secret+"|口令 geheim|127.0.0.1|https" {
			t.Fatalf("page %q, %v", b, err)
		}
	}
	// What passed on the wire holds nothing of it, in either direction.
	for _, s := range []string{secret, "310101199001010000", "geheim", "POST", "HTTP/1.1", "6.6.6.6"} {
		if seen.has(s) {
			t.Errorf("%q passed in the clear", s)
		}
	}
	if !seen.has("center.example") { // certificates do: the tape works
		t.Error("nothing is on the tape")
	}
}

// The hello that makes the library panic gets a clean refusal, the gateway
// lives on, and other nonsense ends as quietly.
func TestHostileHellos(t *testing.T) {
	addr, dir := start(t, upstream(t), nil)
	for range 5 {
		_, err := client(t, addr, dir, gmtls.GMTLS_ECDHE_SM2_WITH_SM4_SM3).Get("http://center.example/")
		if err == nil || !strings.Contains(err.Error(), "handshake failure") {
			t.Fatalf("the crashing hello got %v", err)
		}
	}
	for _, junk := range []string{"GET / HTTP/1.1\r\n\r\n", "\x16\x01\x01\x00\x05\x01\x00\x00\x01\x00", strings.Repeat("\xff", 70000), "\x16\x01\x01\xff\xff"} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, junk)
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.Copy(io.Discard, c) // until the gateway hangs up
		_ = c.Close()
	}
	res, err := client(t, addr, dir, tlcp.Suite).Get("http://center.example/")
	if err != nil {
		t.Fatalf("after all that: %v", err)
	}
	_ = res.Body.Close()
}

func TestLimits(t *testing.T) {
	addr, dir := start(t, upstream(t), func(o *tlcp.Options) { o.MaxPerIP = 2; o.Handshake = 3 * time.Second })
	var idle []net.Conn
	for range 2 { // says nothing: the time limit ends it
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
	}
	time.Sleep(50 * time.Millisecond)
	if _, err := client(t, addr, dir, tlcp.Suite).Get("http://center.example/"); err == nil {
		t.Error("a third connection of one address was let in")
	}
	for _, c := range idle {
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	}
	res, err := client(t, addr, dir, tlcp.Suite).Get("http://center.example/")
	if err != nil {
		t.Fatalf("after the silent ones were ended: %v", err)
	}
	_ = res.Body.Close()
}

func TestClientCertificateIsAskedFor(t *testing.T) {
	other := t.TempDir()
	if err := tlcp.MakeCerts(other, []string{"client"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(filepath.Join(other, tlcp.CAFile))
	if err != nil {
		t.Fatal(err)
	}
	addr, dir := start(t, upstream(t), func(o *tlcp.Options) { o.ClientCA = ca })
	if _, err := client(t, addr, dir, tlcp.Suite).Get("http://center.example/"); err == nil {
		t.Error("a client without a certificate was let in")
	}
}

func TestWrongConfiguration(t *testing.T) {
	for name, o := range map[string]tlcp.Options{
		"upstream": {Upstream: "ftp://x"},
		"files":    {Upstream: "http://127.0.0.1:1", SignCert: "/nowhere"},
	} {
		if _, err := tlcp.New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
