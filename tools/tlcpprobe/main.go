// Command tlcpprobe tries a TLCP gateway: it fetches a page, and sends the
// hello that crashes a server left on its library's defaults. A good gateway
// answers that one with a handshake failure and serves on.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/tjfoc/gmsm/gmtls"
	"github.com/tjfoc/gmsm/x509"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8444", "address of the gateway")
	ca := flag.String("ca", "tlcp/ca.crt", "certificate of its authority")
	name := flag.String("name", "127.0.0.1", "name in its certificate")
	path := flag.String("path", "/healthz", "page to fetch")
	flag.Parse()
	if err := run(*addr, *ca, *name, *path); err != nil {
		fmt.Fprintln(os.Stderr, "tlcpprobe:", err)
		os.Exit(1)
	}
}

func run(addr, caFile, name, path string) error {
	pem, err := os.ReadFile(caFile) // #nosec G304 -- named by the operator
	if err != nil {
		return fmt.Errorf("read authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return errors.New("read authority: no certificate in the file")
	}
	base := &gmtls.Config{GMSupport: gmtls.NewGMSupport(), RootCAs: pool, ServerName: name}
	took, err := fetch(addr, name, path, base)
	if err != nil {
		return err
	}
	fmt.Printf("page %s fetched over TLCP in %v\n", path, took.Round(time.Millisecond))
	crash := base.Clone()
	crash.CipherSuites = []uint16{gmtls.GMTLS_ECDHE_SM2_WITH_SM4_SM3}
	c, err := gmtls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", addr, crash)
	if err == nil {
		_ = c.Close()
		return errors.New("the gateway took the ephemeral suite, which its library cannot do")
	}
	if !strings.Contains(err.Error(), "handshake failure") {
		return fmt.Errorf("the crashing hello got no clean refusal but: %w", err)
	}
	fmt.Println("the crashing hello was refused cleanly:", err)
	if _, err := fetch(addr, name, path, base); err != nil {
		return fmt.Errorf("the gateway does not serve any more: %w", err)
	}
	fmt.Println("the gateway serves on")
	return nil
}

func fetch(addr, name, path string, base *gmtls.Config) (time.Duration, error) {
	cfg := base.Clone()
	cfg.CipherSuites = []uint16{gmtls.GMTLS_SM2_WITH_SM4_SM3}
	began := time.Now()
	c, err := gmtls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", addr, cfg)
	if err != nil {
		return 0, fmt.Errorf("handshake: %w", err)
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return c, nil },
	}}
	res, err := client.Get("http://" + name + path)
	if err != nil {
		return 0, fmt.Errorf("fetch page: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20)); err != nil {
		return 0, fmt.Errorf("read page: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("page answered %s", res.Status)
	}
	return time.Since(began), nil
}
