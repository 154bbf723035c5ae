// Command tlcp-gateway stands before a center on the same machine and speaks
// TLCP (SM2, SM3, SM4) to those who must have it.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"jiexun/center/internal/platform/tlcp"
)

type cli struct {
	Serve serve `cmd:"" default:"withargs" help:"Run the gateway."`
	Certs certs `cmd:"" help:"Make an authority and certificates for a trial."`
}

type serve struct {
	Listen   string `help:"Address to listen on." default:"127.0.0.1:8444"`
	Upstream string `help:"The center's address for people; start it with --proxied --secure." default:"http://127.0.0.1:8080"`
	Dir      string `help:"Folder with sign.crt, sign.key, enc.crt and enc.key." default:"tlcp" type:"path"`
	SignCert string `help:"Signing certificate, PEM; default in the folder." type:"path"`
	SignKey  string `help:"Its key." type:"path"`
	EncCert  string `help:"Encryption certificate, PEM; default in the folder." type:"path"`
	EncKey   string `help:"Its key." type:"path"`
	ClientCA string `name:"client-ca" help:"Let in only clients with a certificate of these authorities." type:"path"`
	MaxConns int    `help:"Most open connections." default:"2000"`
	MaxPerIP int    `name:"max-per-ip" help:"Most open connections of one address." default:"100"`
}

// Run implements kong's command.
func (c *serve) Run(ctx context.Context, log *slog.Logger) error {
	in := func(given, name string) string {
		if given != "" {
			return given
		}
		return filepath.Join(c.Dir, name)
	}
	o := tlcp.Options{
		Upstream: c.Upstream, SignCert: in(c.SignCert, tlcp.SignCertFile), SignKey: in(c.SignKey, tlcp.SignKeyFile),
		EncCert: in(c.EncCert, tlcp.EncCertFile), EncKey: in(c.EncKey, tlcp.EncKeyFile), MaxConns: c.MaxConns, MaxPerIP: c.MaxPerIP, Log: log,
	}
	if c.ClientCA != "" {
		b, err := os.ReadFile(c.ClientCA)
		if err != nil {
			return fmt.Errorf("read client authorities: %w", err)
		}
		o.ClientCA = b
	}
	g, err := tlcp.New(o)
	if err != nil {
		return err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	log.Info("TLCP gateway is ready", "listen", ln.Addr(), "upstream", c.Upstream)
	return g.Serve(ctx, ln)
}

type certs struct {
	Out  string   `help:"Folder to write into." default:"tlcp" type:"path"`
	Host []string `help:"Name or address of the gateway." default:"127.0.0.1,localhost"`
}

// Run implements kong's command.
func (c *certs) Run() error {
	if err := tlcp.MakeCerts(c.Out, c.Host, time.Now()); err != nil {
		return err
	}
	fmt.Printf("wrote %s, %s and %s to %s\n", tlcp.CAFile, tlcp.SignCertFile, tlcp.EncCertFile, c.Out)
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	var c cli
	k := kong.Parse(&c, kong.Name("tlcp-gateway"), kong.Description("TLCP before a Jiexun center."), kong.UsageOnError(), kong.BindTo(ctx, (*context.Context)(nil)))
	if err := k.Run(log); err != nil {
		fmt.Fprintln(os.Stderr, "tlcp-gateway:", err)
		os.Exit(1)
	}
}
