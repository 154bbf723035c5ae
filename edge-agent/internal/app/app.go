// Package app wires the edge agent: which parts there are, in which order
// they start, and in which order they end.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/evidence"
	"jiexun/edge-agent/internal/identity"
	"jiexun/edge-agent/internal/infer"
	"jiexun/edge-agent/internal/link"
	"jiexun/edge-agent/internal/localweb"
	"jiexun/edge-agent/internal/media"
	"jiexun/edge-agent/internal/outbox"
	"jiexun/edge-agent/internal/patrol"
)

// Options of a box.
type Options struct {
	// Data is the box's folder: identity, outbox, evidence.
	Data string
	// Local holds the models and the inference library.
	Local    string
	Provider string
	// Token enrols the box when it has no identity yet.
	Token string
	// Page is the local page's address; empty for none.
	Page string
	// EvidenceMB caps the evidence folder, RecordMB that of recordings.
	EvidenceMB, RecordMB int64
	Version              string
	Log                  *slog.Logger
}

// Box is a running edge agent.
type Box struct {
	o       Options
	id      *identity.Identity
	out     *outbox.Box
	files   *evidence.Store
	nets    *networks
	d       *deps
	manager *manager
	link    *link.Link
	patrol  *patrol.Runner
	pushes  pushes
	usage   usage
	started time.Time
	cutting chan struct{}
}

// minFree is what evidence leaves of the disk, so that the outbox, which
// counts more, keeps room.
const minFree = 512 << 20

// Run starts the box and works until ctx ends. It starts and works with the
// center out of reach; only the first enrolment needs it.
func Run(ctx context.Context, o Options) error {
	b := &Box{o: o, started: time.Now(), cutting: make(chan struct{}, cuts)}
	if err := b.open(ctx); err != nil {
		return errors.Join(err, b.close())
	}
	err := b.run(ctx)
	return errors.Join(err, b.close())
}

func (b *Box) open(ctx context.Context) error {
	for _, dir := range []string{b.o.Data, filepath.Join(b.o.Data, "evidence"), filepath.Join(b.o.Data, "refs")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the data folder: %w", err)
		}
	}
	if err := b.identify(ctx); err != nil {
		return err
	}
	var err error
	if b.out, err = outbox.Open(ctx, outbox.Options{Path: filepath.Join(b.o.Data, "outbox.db")}); err != nil {
		return err
	}
	if b.files, err = evidence.Open(evidence.Options{Dir: filepath.Join(b.o.Data, "evidence"), MaxBytes: b.o.EvidenceMB << 20, MinFree: minFree}); err != nil {
		return err
	}
	if b.nets, err = loadNetworks(infer.Options{Local: b.o.Local, Provider: b.o.Provider, Log: b.o.Log}); err != nil {
		return err
	}
	b.link = link.New(link.Options{
		Identity: b.id, Outbox: b.out, Evidence: uploads{b.files}, Log: b.o.Log,
		Status:    func() edgev1.Status { return b.status(ctx) },
		OnConfig:  b.configured,
		OnCommand: b.command,
	})
	b.d = &deps{
		log: b.o.Log, now: time.Now, newID: func() string { return ulid.Make().String() },
		store: b.out, files: b.files, nets: b.nets, clockOffset: b.link.ClockOffset, fetch: b.fetch,
		made: func([]edgev1.Event) { b.link.EvidenceAdded() },
	}
	if err := openRecords(filepath.Join(b.o.Data, "records"), b.o.RecordMB<<20, b.d); err != nil {
		return err
	}
	b.d.openMedia(ctx, func(id string) *camera { return b.manager.running()[id] })
	b.manager = newManager(ctx, b.d)
	b.pushes.log = b.o.Log
	if b.patrol, err = b.newPatrol(ctx); err != nil {
		return err
	}
	return nil
}

// openMedia starts the workers that look at the cameras' pictures.
func (d *deps) openMedia(ctx context.Context, find func(string) *camera) {
	d.frames = media.NewFramePool()
	d.latest = media.NewLatest(d.frames)
	d.pool = media.NewPool(ctx, media.PoolOptions{
		Workers: max(1, runtime.GOMAXPROCS(0)), Frames: d.frames,
		Handle: func(ctx context.Context, l media.Look) {
			if c := find(l.Camera); c != nil {
				c.guardedLook(ctx, l)
			}
		},
		Failed: func(id string, err error) {
			if c := find(id); c != nil {
				c.failed(err)
			}
		},
	})
}

func (d *deps) closeMedia() {
	d.pool.Close()
	d.latest.Close()
}

// identify loads the identity and enrols a new box.
func (b *Box) identify(ctx context.Context) error {
	dir := filepath.Join(b.o.Data, "identity")
	id, err := identity.Load(dir)
	if errors.Is(err, identity.ErrNotEnrolled) && b.o.Token != "" {
		if err := Enrol(ctx, b.o.Data, b.o.Token, b.o.Version); err != nil {
			return err
		}
		id, err = identity.Load(dir)
	}
	if err != nil {
		return err
	}
	b.id = id
	b.o.Log = b.o.Log.With("edge", id.Edge)
	return nil
}

// Enrol trades a token for a certificate in the box's data folder.
func Enrol(ctx context.Context, data, token, version string) error {
	t, err := identity.ParseToken(token)
	if err != nil {
		return err
	}
	return identity.Enrol(ctx, filepath.Join(data, "identity"), t, version)
}

func (b *Box) run(ctx context.Context) error {
	if err := b.manager.resume(); err != nil {
		return err
	}
	if b.o.Page != "" {
		reg := prometheus.NewRegistry()
		if err := reg.Register(&collector{b: b, ctx: ctx}); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
		page, err := localweb.Start(localweb.Options{Addr: b.o.Page, View: b.view, Gatherer: reg})
		if err != nil {
			return err
		}
		defer page.Close()
		b.o.Log.Info("local page", "url", "http://"+page.Addr())
	}
	var wg sync.WaitGroup
	wg.Go(func() { b.link.Run(ctx) })
	wg.Go(func() { b.watchStates(ctx) })
	wg.Go(func() { b.patrol.Run(ctx) })
	wg.Wait()
	b.pushes.stop()
	b.manager.stop()
	return nil
}

// watchStates sends a status at once when a camera's state changes, so that
// the center need not wait for the next turn.
func (b *Box) watchStates(ctx context.Context) {
	last := map[string]edgev1.CameraState{}
	for sleep(ctx, time.Second) {
		cams, _ := b.manager.statuses(time.Now(), time.Time{})
		changed := len(cams) != len(last)
		now := make(map[string]edgev1.CameraState, len(cams))
		for _, c := range cams {
			now[c.Camera] = c.State
			changed = changed || last[c.Camera] != c.State
		}
		last = now
		if changed {
			b.link.StatusChanged()
		}
	}
}

func (b *Box) close() error {
	var errs []error
	if b.d != nil && b.d.pool != nil {
		b.d.closeMedia()
	}
	if b.nets != nil {
		errs = append(errs, b.nets.rt.Close())
	}
	if b.out != nil {
		errs = append(errs, b.out.Close())
	}
	return errors.Join(errs...)
}

// configured takes a desired state from the center.
func (b *Box) configured(c edgev1.Config) {
	if c.Edge != b.id.Edge {
		b.o.Log.Error("configuration for another box ignored", "for", c.Edge)
		return
	}
	if err := b.manager.configure(c); err != nil {
		b.o.Log.Error("configuration not applied", "version", c.Version, "error", err)
		return
	}
	b.link.StatusChanged()
}

// fetch gets a file by digest from the local copy or the center.
func (b *Box) fetch(ctx context.Context, digest string) ([]byte, error) {
	path := filepath.Join(b.o.Data, "refs", filepath.Base(digest))
	if data, err := os.ReadFile(path); err == nil && evidence.Digest(data) == digest {
		return data, nil
	}
	data, err := b.link.Fetch(ctx, digest)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		b.o.Log.Warn("reference picture not kept", "error", err)
	}
	return data, nil
}

// status is the box's status for the center and the local page.
func (b *Box) status(ctx context.Context) edgev1.Status {
	now := time.Now()
	s := edgev1.Status{
		V: edgev1.ProtocolVersion, Edge: b.id.Edge, Instance: b.id.Instance, Epoch: b.out.Epoch(), At: edgev1.At(now),
		Version: b.o.Version, UptimeS: int64(now.Sub(b.started).Seconds()),
		MemoryMB: residentMB(), CPUPercent: b.usage.percent(now), Load: b.d.pool.Stats().Load,
		EvidenceDepth: b.files.Stats().Pending,
	}
	s.Cameras, s.ConfigVersion = b.manager.statuses(now, b.link.UploadedAt())
	if q, err := b.out.Stats(ctx); err == nil {
		s.OutboxDepth, s.DroppedTotal, s.LastSeq = q.Depth, q.Dropped, q.LastSeq
		if !q.OldestAt.IsZero() {
			s.OutboxAgeMS = max(0, now.Sub(q.OldestAt).Milliseconds())
		}
	}
	if free, err := freeMB(b.o.Data); err == nil {
		s.DiskFreeMB = free
	}
	return s
}
