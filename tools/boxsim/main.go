// Command boxsim connects many simulated boxes to one center on this machine:
// each has its own certificate and line, reports its status every ten seconds
// and sends events. It tells how many lines stood, how long acknowledgements
// took, and what the center refused.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/oklog/ulid/v2"

	"jiexun/tools/internal/boxlink"
)

type options struct {
	Center          string        `help:"Console address of a running center on this machine; empty starts one of its own."`
	CenterBin       string        `help:"The center's program, when one is started." default:"bin/center"`
	Account         string        `help:"Account of the running center that may add boxes and cameras." default:"yunwei"`
	Password        string        `help:"Its password." env:"JIEXUN_PASSWORD"`
	Boxes           int           `help:"Boxes, at most 5000." default:"1000"`
	Cameras         int           `help:"Cameras of each box, at most 64." default:"16"`
	EventsPerSecond float64       `help:"Events of all boxes together, at most 5000." default:"50"`
	StatusEvery     time.Duration `help:"How often a box reports its status." default:"10s"`
	For             time.Duration `help:"How long to send, at most an hour." default:"60s"`
}

func main() {
	var cli struct {
		Run options `cmd:"" help:"Simulate boxes."`
	}
	kong.Parse(&cli, kong.Name("boxsim"), kong.Description("Many simulated boxes on one center."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	r, err := run(ctx, cli.Run, os.Stdout)
	stop()
	if err == nil && !r.whole() {
		err = errors.New("not every box stood and not every event was acknowledged")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "boxsim:", err)
		os.Exit(1)
	}
}

func (o options) check() error {
	switch {
	case o.Boxes < 1 || o.Boxes > 5000:
		return fmt.Errorf("--boxes must be 1 to 5000, got %d", o.Boxes)
	case o.Cameras < 1 || o.Cameras > 64:
		return fmt.Errorf("--cameras must be 1 to 64, got %d", o.Cameras)
	case o.EventsPerSecond < 0 || o.EventsPerSecond > 5000:
		return fmt.Errorf("--events-per-second must be 0 to 5000, got %g", o.EventsPerSecond)
	case o.For <= 0 || o.For > time.Hour:
		return fmt.Errorf("--for must be up to an hour, got %s", o.For)
	case o.StatusEvery < 100*time.Millisecond:
		return fmt.Errorf("--status-every must be at least 100ms, got %s", o.StatusEvery)
	case o.Center == "":
		return nil
	}
	u, err := url.Parse(o.Center)
	if err != nil || u.Hostname() == "" {
		return fmt.Errorf("--center must be an address such as http://127.0.0.1:8080, got %q", o.Center)
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("--center must be on this machine, got %s", u.Hostname())
	}
	return nil
}

// run sets the boxes up, lets them send, and prints the report.
func run(ctx context.Context, o options, out io.Writer) (r report, err error) {
	if err := o.check(); err != nil {
		return r, err
	}
	console, stop, err := connect(ctx, o)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	tag := ulid.Make().String()
	start := time.Now()
	boxes, err := boxlink.EnrolBoxes(ctx, console, tag[len(tag)-8:], o.Boxes, o.Cameras)
	if err != nil {
		return r, err
	}
	fmt.Fprintf(out, "%d boxes with %d cameras each registered and enrolled in %s\n", o.Boxes, o.Cameras, time.Since(start).Round(time.Second))
	r, err = simulate(ctx, o, boxes, console.OnlineBoxes)
	if err != nil {
		return r, err
	}
	r.print(out)
	return r, nil
}

// connect signs in at the given center, or starts one.
func connect(ctx context.Context, o options) (*boxlink.Console, func() error, error) {
	if o.Center != "" {
		c, err := boxlink.SignIn(ctx, o.Center, o.Account, o.Password)
		return c, func() error { return nil }, err
	}
	bin, err := filepath.Abs(o.CenterBin)
	if err != nil {
		return nil, nil, fmt.Errorf("--center-bin: %w", err)
	}
	dir, err := os.MkdirTemp("", "boxsim-*")
	if err != nil {
		return nil, nil, fmt.Errorf("make data folder: %w", err)
	}
	c, err := boxlink.StartCenter(ctx, boxlink.CenterOptions{Bin: bin, Data: dir})
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	stop := func() error { return errors.Join(c.Stop(), os.RemoveAll(dir)) }
	console, err := c.SignIn(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	return console, stop, nil
}
