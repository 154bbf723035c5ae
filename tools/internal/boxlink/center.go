package boxlink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// CenterOptions say how a center is run for a measurement.
type CenterOptions struct {
	// Bin is the center's program, Data its folder.
	Bin, Data string
	// DB is the database's address; empty for SQLite inside Data.
	DB string
	// Env is added to the process's environment.
	Env []string
}

// Center is a running center process on free loopback ports.
type Center struct {
	o                CenterOptions
	HTTP, Edge, MQTT string // host:port
	cmd              *exec.Cmd
	done             chan error
}

// Command runs one of the program's commands to its end, with the options'
// data folder and database, and gives what it printed.
func (o CenterOptions) Command(ctx context.Context, args ...string) ([]byte, error) {
	args = append(args, "--data", o.Data)
	if o.DB != "" {
		args = append(args, "--db", o.DB)
	}
	cmd := exec.CommandContext(ctx, o.Bin, args...)
	cmd.Env = append(os.Environ(), o.Env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return out, fmt.Errorf("center %s: %w: %.2000s", args[0], err, out)
	}
	return out, nil
}

// The account that StartCenter makes: it may add boxes and cameras.
const (
	account       = "measure"
	firstPassword = "First-of-all-2026"
	password      = "Second-of-all-2026"
)

// StartCenter makes an account for the measurement and starts the center; it
// returns once the center answers.
func StartCenter(ctx context.Context, o CenterOptions) (*Center, error) {
	if err := os.MkdirAll(o.Data, 0o755); err != nil {
		return nil, fmt.Errorf("start center: %w", err)
	}
	o.Env = append(o.Env, "JIEXUN_PASSWORD="+firstPassword)
	if _, err := o.Command(ctx, "user", "add", account, "--name", "测量", "--role", "it", "--region", District); err != nil {
		return nil, err
	}
	c := &Center{o: o, done: make(chan error, 1)}
	if err := freeAddrs(&c.HTTP, &c.Edge, &c.MQTT); err != nil {
		return nil, err
	}
	args := []string{"serve", "--data", o.Data, "--http", c.HTTP, "--edge", c.Edge, "--mqtt", c.MQTT}
	if o.DB != "" {
		args = append(args, "--db", o.DB)
	}
	log, err := os.Create(filepath.Join(o.Data, "center.log"))
	if err != nil {
		return nil, fmt.Errorf("start center: %w", err)
	}
	defer log.Close()
	c.cmd = exec.Command(o.Bin, args...)
	c.cmd.Stdout, c.cmd.Stderr = log, log
	c.cmd.Env = append(os.Environ(), o.Env...)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start center: %w", err)
	}
	go func() { c.done <- c.cmd.Wait() }()
	if err := c.ready(ctx, log.Name()); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Center) ready(ctx context.Context, log string) error {
	limit := time.Now().Add(60 * time.Second)
	for time.Now().Before(limit) && ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL()+"/healthz", nil)
		if err != nil {
			return fmt.Errorf("start center: %w", err)
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-c.done:
			c.done <- err
			text, _ := os.ReadFile(log)
			return fmt.Errorf("the center ended: %w\n%.4000s", errors.Join(errEnded, err), text)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return errors.Join(errors.New("the center did not answer"), ctx.Err())
}

// SignIn opens a session of the measurement's account.
func (c *Center) SignIn(ctx context.Context) (*Console, error) {
	first, err := SignIn(ctx, c.URL(), account, firstPassword)
	if err != nil {
		return nil, err
	}
	change := map[string]string{"old": firstPassword, "new": password}
	if err := first.Do(ctx, http.MethodPost, "/api/session/password", change, nil); err != nil {
		return nil, err
	}
	return SignIn(ctx, c.URL(), account, password)
}

// URL is the console's address.
func (c *Center) URL() string { return "http://" + c.HTTP }

// CPU is the processor time that the center has used, in steps of 10 ms.
func (c *Center) CPU() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	// Fields count from the end of the name, which may hold anything; user
	// and system time are the 14th and 15th of all, in hundredths.
	_, rest, ok := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	if !ok || len(f) < 13 {
		return 0, fmt.Errorf("read processor time: odd line %.100q", b)
	}
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond, nil
}

// Stop ends the center and waits for it.
func (c *Center) Stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop center: %w", err)
	}
	select {
	case err := <-c.done:
		c.done <- err
		return nil
	case <-time.After(15 * time.Second):
	}
	if err := c.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill center: %w", err)
	}
	return errors.New("the center did not end within 15 s of SIGTERM")
}

var errEnded = errors.New("it was not told to")

// freeAddrs chooses free loopback ports.
func freeAddrs(to ...*string) error {
	for _, a := range to {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close()
		*a = l.Addr().String()
	}
	return nil
}

// BuildCenter builds the center's program into a folder; it needs the Go
// tools and runs anywhere inside the module.
func BuildCenter(ctx context.Context, dir string) (string, error) {
	bin := filepath.Join(dir, "center")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", bin, "jiexun/center/cmd/center").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build center: %w: %.4000s", err, out)
	}
	return bin, nil
}
