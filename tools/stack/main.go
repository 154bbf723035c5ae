// Command stack runs the whole product on one machine: a center on SQLite with
// its built-in broker, MediaMTX, one enrolled box and simulated street
// cameras. It prints where to look, and ends everything it started when it is
// told to end.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

type options struct {
	Bin       string        `help:"Folder of the product's programs." default:"bin"`
	Local     string        `help:"Folder of downloaded and prepared things." env:"JIEXUN_LOCAL" default:".local"`
	Data      string        `help:"Folder of this installation's data (default LOCAL/demo)."`
	Camera    string        `help:"RTSP address of a real camera to add." env:"CAMERA"`
	DB        string        `help:"Database of the center; empty for SQLite in the data folder." env:"DATABASE_URL"`
	FreePorts bool          `help:"Use free ports instead of the usual ones."`
	Ready     string        `help:"File to write the addresses to, as JSON, once everything is ready."`
	Wait      time.Duration `help:"How long to wait for readiness." default:"3m"`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("stack"), kong.Description("Runs Jiexun on this machine: center, box, cameras."))
	if o.Data == "" {
		o.Data = filepath.Join(o.Local, "demo")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "stack:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) error {
	start := time.Now()
	for _, p := range []*string{&o.Bin, &o.Local, &o.Data} {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return fmt.Errorf("folder %s: %w", *p, err)
		}
		*p = abs
	}
	if err := os.MkdirAll(filepath.Join(o.Data, "logs"), 0o755); err != nil {
		return fmt.Errorf("make data folder: %w", err)
	}
	ports, err := choosePorts(o.FreePorts)
	if err != nil {
		return err
	}
	s := &stack{o: o, p: ports, out: out, exited: make(chan error, 8)}
	defer s.stop()
	if err := s.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	s.banner(time.Since(start))
	if err := s.writeReady(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		fmt.Fprintln(out, "\nstopping …")
		return nil
	case err := <-s.exited:
		return err
	}
}
