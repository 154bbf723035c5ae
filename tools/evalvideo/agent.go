package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/oklog/ulid/v2"

	"jiexun/api/edgev1"
	"jiexun/tools/internal/clip"
	"jiexun/tools/internal/rtspcam"
)

// watcher runs the agent over a group of cases at the same time.
type watcher struct {
	agent    string
	dwell    float64
	interval time.Duration
	grace    time.Duration
	cache    *clip.Cache
	workDir  string
	log      io.Writer
}

// run serves the cases, lets the agent watch them once through, and answers
// what it reported for each.
func (w *watcher) run(ctx context.Context, cases []testCase) ([][]found, error) {
	cams := make([]rtspcam.Camera, len(cases))
	for i, c := range cases {
		cams[i] = c.cam
	}
	srv, err := rtspcam.Start(rtspcam.Options{Listen: "127.0.0.1:0", Cameras: cams, Cache: w.cache})
	if err != nil {
		return nil, err
	}
	defer srv.Close()
	dir, err := os.MkdirTemp(w.workDir, "watch-*")
	if err != nil {
		return nil, fmt.Errorf("create folder for the agent: %w", err)
	}
	conf := w.config(srv, cases)
	raw, err := json.MarshalIndent(conf, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write agent configuration: %w", err)
	}
	path := filepath.Join(dir, "watch.json")
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		return nil, fmt.Errorf("write agent configuration: %w", err)
	}
	events, err := w.watch(ctx, srv, cases, path, filepath.Join(dir, "evidence"))
	if err != nil {
		return nil, err
	}
	return sortOut(srv, cases, events), nil
}

// config is what the center would send to the box.
func (w *watcher) config(srv *rtspcam.Server, cases []testCase) edgev1.Config {
	conf := edgev1.Config{V: edgev1.ProtocolVersion, Edge: ulid.Make().String(), Version: 1, MadeAt: edgev1.At(time.Now())}
	for _, c := range cases {
		cam := edgev1.Camera{ID: c.name, Name: c.name, URL: srv.URL(c.cam.Name + "/main"),
			Transport: "tcp", IntervalMS: w.interval.Milliseconds()}
		if c.cam.Sub != nil {
			cam.SubURL = srv.URL(c.cam.Name + "/sub")
		}
		for _, z := range c.truth.Zones {
			z.DwellS = w.dwell
			cam.Zones = append(cam.Zones, z)
		}
		conf.Cameras = append(conf.Cameras, cam)
	}
	return conf
}

// watch runs the agent until every clip is over and the grace time has gone.
func (w *watcher) watch(ctx context.Context, srv *rtspcam.Server, cases []testCase, conf, evidence string) ([]edgev1.Event, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.agent, "watch", "--config", conf, "--evidence", evidence)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	var errs tail
	cmd.Stderr = io.MultiWriter(&errs, w.log)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start agent: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start agent %s: %w", w.agent, err)
	}
	var events []edgev1.Event
	var readErr error
	read := make(chan struct{})
	go func() {
		defer close(read)
		events, readErr = readEvents(out)
	}()
	waitErr := w.wait(ctx, srv, cases, read)
	cancel()
	<-read
	_ = cmd.Wait() // the state says how it ended
	if waitErr != nil {
		return nil, fmt.Errorf("%w (agent: %s): %s", waitErr, cmd.ProcessState, errs.String())
	}
	return events, readErr
}

// connectLimit is how long the agent may take to open every camera.
const connectLimit = 60 * time.Second

func (w *watcher) wait(ctx context.Context, srv *rtspcam.Server, cases []testCase, gone <-chan struct{}) error {
	begin := time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-gone:
			return errors.New("the agent ended before the clips did")
		case <-tick.C:
		}
		over := true
		for _, c := range cases {
			epoch, ok := srv.Epoch(c.cam.Name)
			if !ok {
				if time.Since(begin) > connectLimit {
					return fmt.Errorf("the agent did not open camera %s within %v", c.name, connectLimit)
				}
				over = false
				continue
			}
			if time.Since(epoch) < c.cam.Main.Duration+w.grace {
				over = false
			}
		}
		if over {
			return nil
		}
	}
}

// readEvents reads JSON lines; the agent prints nothing else on stdout.
func readEvents(r io.Reader) ([]edgev1.Event, error) {
	var out []edgev1.Event
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 64<<10), 4<<20)
	for n := 1; sc.Scan(); n++ {
		line := bytes.TrimSpace(sc.Bytes())
		if len(line) == 0 {
			continue
		}
		var e edgev1.Event
		if err := json.Unmarshal(line, &e); err != nil {
			return out, fmt.Errorf("agent line %d is not an event: %w", n, err)
		}
		if err := e.Validate(); err != nil {
			return out, fmt.Errorf("agent line %d: %w", n, err)
		}
		out = append(out, e)
	}
	if err := sc.Err(); err != nil {
		return out, fmt.Errorf("read agent: %w", err)
	}
	return out, nil
}

// sortOut keeps the newest message of each event and moves it to clip time.
func sortOut(srv *rtspcam.Server, cases []testCase, events []edgev1.Event) [][]found {
	out := make([][]found, len(cases))
	for i, c := range cases {
		epoch, _ := srv.Epoch(c.cam.Name)
		at := func(t edgev1.Time) float64 { return t.Sub(epoch).Seconds() }
		order := []string{}
		last := map[string]found{}
		for _, e := range events {
			if e.Camera != c.name || e.Kind == edgev1.Picture {
				continue
			}
			f := found{ID: e.ID, Kind: e.Kind, Zone: e.Zone, Since: at(e.Since), Confirmed: at(e.ConfirmedAt),
				Ended: c.truth.DurationS, Box: e.Box, Score: e.Score}
			if e.EndedAt != nil {
				f.Ended = at(*e.EndedAt)
			}
			if e.Sign != nil {
				f.Verdict = e.Sign.Verdict
			}
			old, seen := last[e.ID]
			if !seen {
				order = append(order, e.ID)
			} else if e.Phase == edgev1.Ended {
				// An ending sign reads as before: keep what was reported.
				f.Verdict, f.Box = old.Verdict, old.Box
			}
			last[e.ID] = f
		}
		for _, id := range order {
			out[i] = append(out[i], last[id])
		}
	}
	return out
}

// tail keeps the end of what the agent says, for error messages.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if n := len(t.buf) - 2000; n > 0 {
		t.buf = t.buf[n:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf))
}
