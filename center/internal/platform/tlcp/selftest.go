package tlcp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/tjfoc/gmsm/gmtls"
	"github.com/tjfoc/gmsm/x509"
)

// SelfTest runs a gateway on the loop of this machine: a good client gets
// through its handshake, and the hello that crashes the library is refused.
func SelfTest(ctx context.Context) (caught error, err error) {
	dir, err := os.MkdirTemp("", "jiexun-tlcp-")
	if err != nil {
		return nil, fmt.Errorf("make temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := MakeCerts(dir, []string{"127.0.0.1"}, time.Now()); err != nil {
		return nil, err
	}
	f := func(n string) string { return filepath.Join(dir, n) }
	g, err := New(Options{
		Upstream: "http://127.0.0.1:9", SignCert: f(SignCertFile), SignKey: f(SignKeyFile), EncCert: f(EncCertFile), EncKey: f(EncKeyFile),
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- g.Serve(ctx, ln) }()
	defer func() {
		stop()
		err = errors.Join(err, <-done)
	}()
	ca, err := os.ReadFile(f(CAFile))
	if err != nil {
		return nil, err
	}
	if err := hello(ln.Addr().String(), ca, Suite); err != nil {
		return nil, fmt.Errorf("a good client was refused: %w", err)
	}
	return hello(ln.Addr().String(), ca, gmtls.GMTLS_ECDHE_SM2_WITH_SM4_SM3), nil
}

func hello(addr string, ca []byte, suite uint16) error {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	c, err := gmtls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", addr, &gmtls.Config{
		GMSupport: gmtls.NewGMSupport(), RootCAs: pool, ServerName: "127.0.0.1", CipherSuites: []uint16{suite},
	})
	if err != nil {
		return err
	}
	return c.Close()
}
