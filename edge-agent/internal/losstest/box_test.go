package losstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/oklog/ulid/v2"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/evidence"
	"jiexun/edge-agent/internal/identity"
	"jiexun/edge-agent/internal/link"
	"jiexun/edge-agent/internal/outbox"
)

// boxEnv carries a boxConfig to the test binary that is to be the box.
const boxEnv = "JIEXUN_LOSSTEST_BOX"

// boxConfig is what the box process is told.
type boxConfig struct {
	Dir string `json:"dir"`
	// MQTT and HTTPS lead through the test's network.
	MQTT  string `json:"mqtt"`
	HTTPS string `json:"https"`
	// Rate is events a second.
	Rate float64 `json:"rate"`
}

// report is what the box process prints, one line of JSON at a time.
type report struct {
	Connected bool  `json:"connected"`
	Depth     int64 `json:"depth"`
	LastSeq   int64 `json:"lastSeq"`
	Acked     int64 `json:"acked"`
	Uploads   int64 `json:"uploads"`
	Connects  int64 `json:"connects"`
	Resends   int64 `json:"resends"`
}

// uploads lets the link see the evidence store.
type uploads struct{ *evidence.Store }

func (u uploads) NextUpload(skip map[string]bool) (link.Upload, bool, error) {
	x, ok, err := u.Store.NextUpload(skip)
	return link.Upload{SM3: x.SM3, Size: x.Size, MediaType: x.MediaType}, ok, err
}

func (u uploads) Open(sm3 string) (io.ReadSeekCloser, error) { return u.Store.Open(sm3) }

// box is the box process: the real outbox, evidence store and link, with a
// maker of events in the place of cameras.
type box struct {
	conf    boxConfig
	out     *outbox.Box
	files   *evidence.Store
	link    *link.Link
	journal *os.File
	cameras atomic.Pointer[[]string]
}

// runBox is the whole life of the box process. SIGTERM ends the making of
// events; the process ends when everything it made is with the center.
func runBox(text string) error {
	var b box
	if err := json.Unmarshal([]byte(text), &b.conf); err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := b.open(ctx); err != nil {
		return err
	}
	linked := make(chan struct{})
	go func() { defer close(linked); b.link.Run(ctx) }()
	go b.tell(ctx)
	making, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	if err := b.make(making); err != nil {
		return err
	}
	if err := b.drain(ctx); err != nil {
		return err
	}
	cancel()
	<-linked
	return errors.Join(b.out.Close(), b.journal.Close())
}

func (b *box) open(ctx context.Context) error {
	id, err := identity.Load(filepath.Join(b.conf.Dir, "identity"))
	if err != nil {
		return err
	}
	id.MQTT, id.HTTPS = "tls://"+b.conf.MQTT, "https://"+b.conf.HTTPS
	if b.out, err = outbox.Open(ctx, outbox.Options{Path: filepath.Join(b.conf.Dir, "outbox.db")}); err != nil {
		return err
	}
	if b.files, err = evidence.Open(evidence.Options{Dir: filepath.Join(b.conf.Dir, "evidence")}); err != nil {
		return err
	}
	b.journal, err = os.OpenFile(filepath.Join(b.conf.Dir, "journal"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	// A kill may have cut off the last note.
	if _, err := b.journal.WriteString("\n"); err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	if saved, err := b.out.State(ctx, "cameras"); err != nil {
		return err
	} else if saved != nil {
		var list []string
		if err := json.Unmarshal(saved, &list); err != nil {
			return fmt.Errorf("read cameras: %w", err)
		}
		b.cameras.Store(&list)
	}
	b.link = link.New(link.Options{
		Identity: id, Outbox: b.out, Evidence: uploads{b.files}, OnConfig: func(c edgev1.Config) { b.configured(ctx, c) },
		OnCommand: func(context.Context, edgev1.Command) edgev1.Result { return edgev1.Result{Message: "no cameras"} },
		Status: func() edgev1.Status {
			s, err := b.out.Stats(ctx)
			if err != nil {
				slog.Error("status", "error", err)
			}
			return edgev1.Status{At: edgev1.At(time.Now()), Version: "losstest", OutboxDepth: s.Depth, LastSeq: s.LastSeq, Cameras: []edgev1.CameraStatus{}}
		},
		StatusEvery: 2 * time.Second, AckTimeout: 3 * time.Second,
	})
	return nil
}

// configured keeps the cameras' ids, so that the box goes on without the
// center after a kill.
func (b *box) configured(ctx context.Context, c edgev1.Config) {
	var ids []string
	for _, cam := range c.Cameras {
		ids = append(ids, cam.ID)
	}
	text, err := json.Marshal(ids)
	if err == nil && len(ids) > 0 {
		_, err = b.out.Commit(ctx, outbox.Change{State: map[string][]byte{"cameras": text}})
	}
	if err != nil {
		slog.Error("keep cameras", "error", err)
		return
	}
	if len(ids) > 0 {
		b.cameras.Store(&ids)
	}
}

// made is one line of the journal: an event whose Commit returned.
type made struct {
	ID    string `json:"id"`
	Rev   int    `json:"rev"`
	Ended bool   `json:"ended,omitempty"`
	SM3   string `json:"sm3,omitempty"`
}

// make commits events at the rate until ctx ends, several at once when the
// disk was slow, and journals each after its commit.
func (b *box) make(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var open []edgev1.Event // to be ended later
	start, n := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if b.cameras.Load() == nil {
			start, n = time.Now(), 0
			continue
		}
		due := int(time.Since(start).Seconds()*b.conf.Rate) - n
		if due <= 0 {
			continue
		}
		var list []edgev1.Event
		for range min(due, 32) {
			e, err := b.event(&open)
			if err != nil {
				return err
			}
			list = append(list, e)
		}
		n += len(list)
		// Not ctx: a commit that was begun is finished.
		if _, err := b.out.Commit(context.WithoutCancel(ctx), outbox.Change{Events: list}); err != nil {
			return err
		}
		b.link.EvidenceAdded()
		if err := b.note(list); err != nil {
			return err
		}
	}
}

// event makes an opened event, or, one time in five, the end of an earlier
// one. One in twenty of the opened ones has a picture of its own.
func (b *box) event(open *[]edgev1.Event) (edgev1.Event, error) {
	now := edgev1.At(time.Now())
	if len(*open) > 0 && rand.IntN(5) == 0 {
		i := rand.IntN(len(*open))
		e := (*open)[i]
		*open = append((*open)[:i], (*open)[i+1:]...)
		e.Rev, e.Phase, e.EndedAt = 2, edgev1.Ended, &now
		return e, nil
	}
	cams := *b.cameras.Load()
	e := edgev1.Event{
		ID: ulid.Make().String(), Rev: 1, Camera: cams[rand.IntN(len(cams))], Kind: edgev1.Stacking, Phase: edgev1.Opened,
		Zone: "zone-1", ZoneName: "人行道", Since: edgev1.At(now.Add(-9 * time.Second)), ConfirmedAt: now, Score: .8, Area: .01,
		Box: edgev1.Box{X: .4, Y: .5, W: .1, H: .1}, Rule: edgev1.Rule{OpenScore: .55, CloseScore: .35, DwellS: 8, EndDelayS: 6, K: 6, N: 8},
	}
	if rand.IntN(20) == 0 {
		data := make([]byte, 1+rand.IntN(40<<10))
		for i := range data {
			data[i] = byte(rand.Uint32())
		}
		digest, err := b.files.Put(data, "image/jpeg")
		if err != nil {
			return e, err
		}
		e.Evidence = []edgev1.EvidenceRef{{Role: "frame", SM3: digest, Size: int64(len(data)), MediaType: "image/jpeg", TakenAt: now}}
	}
	*open = append(*open, e)
	if len(*open) > 200 {
		*open = (*open)[1:]
	}
	return e, nil
}

// note appends to the journal. What is written survives a kill.
func (b *box) note(list []edgev1.Event) error {
	var text []byte
	for _, e := range list {
		m := made{ID: e.ID, Rev: e.Rev, Ended: e.Phase == edgev1.Ended}
		if len(e.Evidence) > 0 {
			m.SM3 = e.Evidence[0].SM3
		}
		line, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		text = append(append(text, line...), '\n')
	}
	if _, err := b.journal.Write(text); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// drain waits until the center has everything.
func (b *box) drain(ctx context.Context) error {
	for {
		s, err := b.out.Stats(ctx)
		if err != nil {
			return err
		}
		if s.Depth == 0 && b.files.Stats().Pending == 0 {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// tell reports to the test.
func (b *box) tell(ctx context.Context) {
	enc := json.NewEncoder(os.Stdout)
	for ctx.Err() == nil {
		s, err := b.out.Stats(ctx)
		if err == nil {
			k := b.link.Counters()
			err = enc.Encode(report{
				Connected: b.link.Connected(), Depth: s.Depth, LastSeq: s.LastSeq, Acked: k.Acked.Load(), Uploads: k.Uploads.Load(),
				Connects: k.Connects.Load(), Resends: k.Resends.Load(),
			})
		}
		if err != nil {
			return // the test is gone, or the box ends
		}
		time.Sleep(50 * time.Millisecond)
	}
}
