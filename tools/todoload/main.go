// Command todoload measures the to-do centre under load: a real center on a
// database with many to-dos and people, and signed-in users who read their
// page and their counts with pauses between. The bare SQL of the same two
// answers is timed beside it in the same run.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

type options struct {
	CenterBin string        `help:"The center's program." default:"bin/center" type:"existingfile"`
	DB        string        `help:"postgres://… of an empty database, or empty for SQLite." env:"TODOLOAD_DB"`
	Items     int           `help:"To-dos in the database." default:"1000000"`
	People    int           `help:"People in the database." default:"5000"`
	Leaders   int           `help:"Of them, people who are in a group." default:"20"`
	Users     int           `help:"Signed-in users." default:"500"`
	Think     time.Duration `help:"Pause of a user between two looks." default:"5s"`
	For       time.Duration `help:"Length of the measurement." default:"5m"`
	Work      string        `help:"Folder for the center's data; kept when given." type:"path"`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("todoload"), kong.Description("Latency of the to-do page and its counts under load."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "todoload:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) error {
	if o.Leaders < 1 || o.Users < o.Leaders || o.People < o.Users || o.Items < o.People {
		return fmt.Errorf("needs items >= people >= users >= leaders >= 1")
	}
	if o.Work == "" {
		dir, err := os.MkdirTemp("", "todoload-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		o.Work = dir
	}
	started := time.Now()
	if err := prepare(ctx, o, out); err != nil {
		return fmt.Errorf("prepare the database: %w", err)
	}
	fmt.Fprintf(out, "database ready after %s\n", time.Since(started).Round(time.Second))
	c, err := startCenter(ctx, o)
	if err != nil {
		return err
	}
	defer c.stop()
	return measure(ctx, o, c, out)
}

// where gives the flags that name the center's database.
func (o options) where() []string {
	f := []string{"--data", filepath.Join(o.Work, "data"), "--log-level", "warn"}
	if o.DB != "" {
		f = append(f, "--db", o.DB)
	}
	return f
}

// center runs one command of the center to its end.
func (o options) center(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, o.CenterBin, append(o.where(), args...)...) //nolint:gosec // the program is named by who measures
	cmd.Env = append(os.Environ(), "JIEXUN_PASSWORD="+password)
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("center %s: %w: %s", strings.Join(args, " "), err, b)
	}
	return nil
}

type center struct {
	base string
	cmd  *exec.Cmd
	done chan error
}

func startCenter(ctx context.Context, o options) (*center, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := ln.Addr().String()
	if err := ln.Close(); err != nil {
		return nil, err
	}
	logFile, err := os.Create(filepath.Join(o.Work, "center.log"))
	if err != nil {
		return nil, err
	}
	args := append(o.where(), "serve", "--http", addr, "--edge", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--proxied")
	cmd := exec.CommandContext(ctx, o.CenterBin, args...) //nolint:gosec // see center
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start center: %w", err)
	}
	c := &center{base: "http://" + addr, cmd: cmd, done: make(chan error, 1)}
	go func() { c.done <- cmd.Wait() }()
	for range 300 {
		select {
		case err := <-c.done:
			return nil, fmt.Errorf("center ended: %w; see %s", err, logFile.Name())
		case <-time.After(200 * time.Millisecond):
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/healthz", nil)
		if err != nil {
			return nil, err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return c, nil
			}
		}
	}
	c.stop()
	return nil, fmt.Errorf("the center does not answer; see %s", logFile.Name())
}

func (c *center) stop() {
	_ = c.cmd.Process.Signal(os.Interrupt)
	select {
	case err := <-c.done:
		if err != nil {
			fmt.Fprintln(os.Stderr, "todoload: the center ended:", err)
		}
	case <-time.After(15 * time.Second):
		if err := c.cmd.Process.Kill(); err != nil {
			fmt.Fprintln(os.Stderr, "todoload: end the center:", err)
		}
	}
}
