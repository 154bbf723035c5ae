package losstest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"jiexun/edge-agent/internal/identity"
)

// process is a child that never outlives the test.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// spawn starts a child with its output in a file, or with its standard output
// in lines. Pdeathsig is bound to the thread that forks, so that thread stays
// until the child has ended.
func spawn(t *testing.T, log string, lines func(line []byte), env []string, path string, args ...string) *process {
	t.Helper()
	f, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Stdout, p.cmd.Stderr = f, f
	var pr, pw *os.File
	if lines != nil {
		if pr, pw, err = os.Pipe(); err != nil {
			t.Fatal(err)
		}
		p.cmd.Stdout = pw
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		f.Close()
		if pw != nil {
			pw.Close()
		}
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	if lines != nil {
		go func() {
			defer pr.Close()
			sc := bufio.NewScanner(pr)
			for sc.Scan() {
				lines(sc.Bytes())
			}
		}()
	}
	t.Cleanup(p.kill)
	return p
}

// kill is SIGKILL, and waits until the child is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // an error means that it has ended
	<-p.done
}

// end is SIGTERM; it tells how the child ended, or that it did not.
func (p *process) end(limit time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-time.After(limit):
		return errors.New("the process did not end in " + limit.String())
	}
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// center is the real center on fixed ports, with its broker inside.
type center struct {
	t                *testing.T
	bin, data, db    string
	http, edge, mqtt string
	proc             *process
}

func newCenter(t *testing.T, bin, data, db string) *center {
	t.Helper()
	c := &center{t: t, bin: bin, data: data, db: db}
	for _, a := range []*string{&c.http, &c.edge, &c.mqtt} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		*a = l.Addr().String()
	}
	return c
}

func (c *center) args(args ...string) []string {
	args = append(args, "--data", c.data)
	if c.db != "" {
		args = append(args, "--db", c.db)
	}
	return args
}

// command runs one of the center's commands and gives its standard output.
func (c *center) command(args ...string) string {
	c.t.Helper()
	cmd := exec.Command(c.bin, c.args(args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		c.t.Fatalf("center %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out))
}

// start runs the center and waits until it answers.
func (c *center) start() {
	c.t.Helper()
	c.proc = spawn(c.t, filepath.Join(c.data, "center.log"), nil, nil, c.bin,
		c.args("serve", "--http", c.http, "--edge", c.edge, "--mqtt", c.mqtt)...)
	until := time.Now().Add(60 * time.Second)
	for time.Now().Before(until) && c.proc.running() {
		if resp, err := http.Get("http://" + c.http + "/healthz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(c.data, "center.log"))
	c.t.Fatalf("the center does not answer:\n%s", tail(log))
}

func tail(b []byte) []byte { return b[max(0, len(b)-4000):] }

// boxProcess is the box, started anew after each kill on the same folder.
type boxProcess struct {
	t    *testing.T
	conf boxConfig
	proc *process

	born time.Time

	mu   sync.Mutex
	last report
}

// newBox enrols a box straight at the center.
func newBox(t *testing.T, dir, token string) *boxProcess {
	t.Helper()
	tok, err := identity.ParseToken(token)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := identity.Enrol(ctx, filepath.Join(dir, "identity"), tok, "losstest"); err != nil {
		t.Fatal(err)
	}
	return &boxProcess{t: t, conf: boxConfig{Dir: dir, Rate: eventsPerSecond}}
}

func (b *boxProcess) start() {
	b.t.Helper()
	text, err := json.Marshal(b.conf)
	if err != nil {
		b.t.Fatal(err)
	}
	b.mu.Lock()
	b.last = report{}
	b.mu.Unlock()
	b.born = time.Now()
	b.proc = spawn(b.t, filepath.Join(b.conf.Dir, "box.log"), b.hear, []string{boxEnv + "=" + string(text)}, os.Args[0])
}

func (b *boxProcess) hear(line []byte) {
	var r report
	if json.Unmarshal(line, &r) == nil {
		b.mu.Lock()
		b.last = r
		b.mu.Unlock()
	}
}

func (b *boxProcess) report() report {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// flowing waits until the box is connected and rows are being acknowledged.
func (b *boxProcess) flowing(limit time.Duration) bool {
	until := time.Now().Add(limit)
	first := b.report().Acked
	for time.Now().Before(until) {
		if r := b.report(); r.Connected && r.Acked > first {
			return true
		}
		if !b.proc.running() {
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

func (b *boxProcess) log() []byte {
	text, _ := os.ReadFile(filepath.Join(b.conf.Dir, "box.log"))
	return tail(text)
}
