package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
	"github.com/oklog/ulid/v2"
)

// database makes an empty one and gives what drops it.
func database(ctx context.Context, server string) (string, func(), error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", nil, fmt.Errorf("read the server's address: %w", err)
	}
	d, err := sql.Open("pgx", server)
	if err != nil {
		return "", nil, fmt.Errorf("open the server: %w", err)
	}
	name := "hadrill_" + strings.ToLower(ulid.Make().String())
	if _, err := d.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return "", nil, errors.Join(fmt.Errorf("create a database: %w", err), d.Close())
	}
	u.Path = "/" + name
	return u.String(), func() {
		if _, err := d.ExecContext(context.WithoutCancel(ctx), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			fmt.Fprintln(os.Stderr, "hadrill: drop the database:", err)
		}
		_ = d.Close()
	}, nil
}

// center is one process and when it could not answer.
type center struct {
	base string
	args []string
	log  *os.File

	mu    sync.Mutex
	cmd   *exec.Cmd
	downs []span
}

// span is a time in which connections may fail.
type span struct{ from, to time.Time }

type pair struct {
	bin string
	c   [2]*center
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// start loads the demonstration accounts and starts both centers.
func start(ctx context.Context, bin, dir, db string) (*pair, error) {
	data := filepath.Join(dir, "data")
	seed := exec.CommandContext(ctx, bin, "--data", data, "--db", db, "--log-level", "error", "seed", "demo")
	if out, err := seed.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("load the accounts: %w\n%s", err, out)
	}
	p := &pair{bin: bin}
	for i := range p.c {
		var at [3]string
		for k := range at {
			var err error
			if at[k], err = freePort(); err != nil {
				return nil, err
			}
		}
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("center%d.log", i)))
		if err != nil {
			return nil, fmt.Errorf("open the log: %w", err)
		}
		p.c[i] = &center{base: "http://" + at[0], log: f, args: []string{
			"--data", data, "--db", db, "--log-level", "warn", "serve", "--http", at[0], "--edge", at[1], "--mqtt", at[2],
			"--media-api", "http://127.0.0.1:9", "--media-rtsp", "rtsp://127.0.0.1:9",
		}}
		if err := p.c[i].run(p.bin); err != nil {
			return nil, err
		}
	}
	return p, p.ready(ctx)
}

func (c *center) run(bin string) error {
	cmd := exec.Command(bin, c.args...)
	cmd.Stdout, cmd.Stderr = c.log, c.log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start a center: %w", err)
	}
	c.mu.Lock()
	c.cmd = cmd
	c.mu.Unlock()
	return nil
}

// ready waits until both take requests.
func (p *pair) ready(ctx context.Context) error {
	for _, c := range p.c {
		if err := c.answers(ctx, time.Minute); err != nil {
			b, _ := os.ReadFile(c.log.Name())
			return fmt.Errorf("%w\n%s", err, b[max(0, len(b)-2000):])
		}
	}
	return nil
}

func (c *center) answers(ctx context.Context, most time.Duration) error {
	for end := time.Now().Add(most); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		r, err := http.Get(c.base + "/readyz")
		if err != nil {
			continue
		}
		_ = r.Body.Close()
		if r.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("the center at %s is not ready after %s", c.base, most)
}

// kill ends a center by SIGKILL, lets it lie for a moment, and starts it again.
func (p *pair) kill(ctx context.Context, i int) error {
	c := p.c[i]
	from := time.Now()
	c.mu.Lock()
	cmd := c.cmd
	// Until it is up again everything at it may fail.
	c.downs = append(c.downs, span{from, from.Add(time.Hour)})
	c.mu.Unlock()
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill a center: %w", err)
	}
	_ = cmd.Wait() // it was killed
	select {
	case <-ctx.Done():
	case <-time.After(2 * time.Second):
	}
	if err := c.run(p.bin); err != nil {
		return err
	}
	if err := c.answers(context.WithoutCancel(ctx), time.Minute); err != nil {
		return err
	}
	c.mu.Lock()
	c.downs[len(c.downs)-1].to = time.Now()
	c.mu.Unlock()
	return nil
}

// excused tells whether a failure between from and to met a killed center.
func (c *center) excused(from, to time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.downs {
		if from.Before(d.to) && to.After(d.from) {
			return true
		}
	}
	return false
}

func (p *pair) stop() {
	for _, c := range p.c {
		if c == nil {
			continue
		}
		c.mu.Lock()
		if c.cmd != nil {
			_ = c.cmd.Process.Signal(syscall.SIGTERM)
			_ = c.cmd.Wait()
		}
		c.mu.Unlock()
		_ = c.log.Close()
	}
}
