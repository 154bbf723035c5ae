package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/evidence"
	"jiexun/edge-agent/internal/infer"
	"jiexun/edge-agent/internal/outbox"
)

// WatchOptions of a run without a center.
type WatchOptions struct {
	// Config is the path of a JSON file with an edgev1.Config.
	Config   string
	Local    string
	Provider string
	// Evidence is the folder for pictures, Refs one with reference pictures
	// named by their SM3; both may be empty.
	Evidence, Refs string
	// Events receives one JSON line for each event message, Status one for
	// each status.
	Events, Status io.Writer
	StatusEvery    time.Duration
	Log            *slog.Logger
}

// memory is the store of a run that keeps nothing.
type memory struct {
	mu     sync.Mutex
	out    io.Writer
	states map[string][]byte
	seq    int64
}

func (m *memory) Commit(_ context.Context, c outbox.Change) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, v := range c.State {
		m.states[k] = v
	}
	for _, e := range c.Events {
		m.seq++
		b, err := json.Marshal(e)
		if err != nil {
			return 0, fmt.Errorf("encode event: %w", err)
		}
		if _, err := m.out.Write(append(b, '\n')); err != nil {
			return 0, fmt.Errorf("write event: %w", err)
		}
	}
	return m.seq, nil
}

func (m *memory) State(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.states[key], nil
}

// ReadConfig reads and checks a configuration file.
func ReadConfig(path string) (edgev1.Config, error) {
	var c edgev1.Config
	b, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("read configuration: %w", err)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("read configuration %s: %w", path, err)
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("configuration %s: %w", path, err)
	}
	return c, nil
}

// watchStatus is a status line with what tests of growth look at.
type watchStatus struct {
	edgev1.Status
	Goroutines int `json:"goroutines"`
}

// Watch judges the cameras of a file and writes what it sees, without a
// center, until ctx ends.
func Watch(ctx context.Context, o WatchOptions) (err error) {
	cfg, err := ReadConfig(o.Config)
	if err != nil {
		return err
	}
	dir := o.Evidence
	if dir == "" {
		if dir, err = os.MkdirTemp("", "jiexun-watch-"); err != nil {
			return fmt.Errorf("make a folder for evidence: %w", err)
		}
		defer os.RemoveAll(dir)
	}
	files, err := evidence.Open(evidence.Options{Dir: dir})
	if err != nil {
		return err
	}
	nets, err := loadNetworks(infer.Options{Local: o.Local, Provider: o.Provider, Log: o.Log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, nets.rt.Close()) }()
	d := &deps{
		log: o.Log, now: time.Now, newID: func() string { return ulid.Make().String() },
		store: &memory{out: o.Events, states: map[string][]byte{}}, files: files, nets: nets,
		clockOffset: func() time.Duration { return 0 }, made: func([]edgev1.Event) {},
		fetch: func(_ context.Context, digest string) ([]byte, error) {
			b, err := os.ReadFile(filepath.Join(o.Refs, filepath.Base(digest)))
			if err != nil {
				return nil, fmt.Errorf("reference picture: %w", err)
			}
			return b, nil
		},
	}
	if err := openRecords(filepath.Join(dir, "records"), 0, d); err != nil {
		return err
	}
	var m *manager
	d.openMedia(ctx, func(id string) *camera { return m.running()[id] })
	defer d.closeMedia()
	m = newManager(ctx, d)
	m.set(cfg)
	defer m.stop()
	if o.StatusEvery <= 0 {
		o.StatusEvery = 5 * time.Second
	}
	for sleep(ctx, o.StatusEvery) {
		s := edgev1.Status{V: edgev1.ProtocolVersion, Edge: cfg.Edge, At: edgev1.At(time.Now()), MemoryMB: residentMB(), Load: d.pool.Stats().Load}
		s.Cameras, s.ConfigVersion = m.statuses(time.Now(), time.Time{})
		b, err := json.Marshal(watchStatus{Status: s, Goroutines: runtime.NumGoroutine()})
		if err != nil {
			return fmt.Errorf("encode status: %w", err)
		}
		if _, err := o.Status.Write(append(b, '\n')); err != nil {
			return fmt.Errorf("write status: %w", err)
		}
	}
	return nil
}
