package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/directory"
	"jiexun/center/internal/hub"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/region"
	"jiexun/center/internal/shops"
	"jiexun/center/internal/transfer"
)

// pictures tells the domains whether a file is in the store.
type pictures struct{ store *blob.Store }

func (p pictures) Has(ctx context.Context, sm3 string) (bool, error) {
	return p.store.Has(ctx, sm3), nil
}

// mostPicture bounds a picture that is read whole, in bytes.
const mostPicture = 24 << 20

func (p pictures) Read(ctx context.Context, sm3 string) ([]byte, error) {
	r, ref, err := p.store.Open(ctx, sm3)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // only read
	if ref.Size > mostPicture {
		return nil, errs.New(errs.TooLarge, "图片有 %d 字节，太大", ref.Size)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read picture %s: %w", sm3, err)
	}
	return b, nil
}

// wireDirectory makes the directory and gives it the reports of the boxes.
func wireDirectory(d *db.DB, keys *crypto.Keys, regions *region.Tree, store *blob.Store, line hub.Commands, pub hub.ConfigPublisher, bus *events.Bus, log *slog.Logger) *directory.Service {
	s := directory.New(directory.Options{
		DB: d, Keys: keys, Regions: regions, Pictures: pictures{store}, Commands: line, Publisher: pub, Wake: bus.Wake, Log: log,
	})
	bus.Subscribe(hub.TopicStatus, "directory", func(ctx context.Context, tx db.Tx, e events.Event) error {
		var st hub.StatusEvent
		if err := e.Decode(&st); err != nil {
			return err
		}
		return s.TakeStatus(ctx, tx, st.Edge, st.Status, st.ReceivedAt)
	})
	bus.Subscribe(hub.TopicOffline, "directory", func(ctx context.Context, tx db.Tx, e events.Event) error {
		var off hub.OfflineEvent
		if err := e.Decode(&off); err != nil {
			return err
		}
		since := off.Since
		if since == 0 {
			since = clock.At(tx.Now())
		}
		return s.BoxOffline(ctx, tx, off.Edge, since, strings.TrimSpace(off.Reason))
	})
	bus.Subscribe(shops.TopicChanged, "directory", func(ctx context.Context, tx db.Tx, e events.Event) error {
		var ch shops.Changed
		if err := e.Decode(&ch); err != nil {
			return err
		}
		return s.ShopChanged(ctx, tx, ch.ID)
	})
	return s
}

// keepDirectory runs what keeps the directory true, and follows merged squads.
func (a *App) keepDirectory() {
	a.bus.Subscribe(access.TopicMerged, "directory", a.directory.TakeMerged)
	a.jobs.Every("directory.complete", "补全点位检索与坐标", 5*time.Minute, a.directory.Complete)
	a.jobs.Every("directory.legal", "核对点位证据资格", time.Minute, a.directory.JudgeLegal)
	a.jobs.Every("directory.counts", "核对点位数量", time.Hour, a.directory.CheckCounts)
}

// exportCameras takes the list of cameras out.
func (a *App) exportCameras() transfer.Exporter {
	return transfer.Exporter{
		Kind: "cameras", Title: "点位", Perm: access.CameraView, Columns: directory.Columns(),
		Check: func(q map[string]string) error { _, err := directory.FilterOf(q); return err },
		Count: func(ctx context.Context, q map[string]string) (int64, error) {
			f, err := directory.FilterOf(q)
			if err != nil {
				return 0, err
			}
			return a.directory.Count(ctx, f)
		},
		Rows: func(ctx context.Context, q map[string]string, emit func(...any) error) error {
			f, err := directory.FilterOf(q)
			if err != nil {
				return err
			}
			return a.directory.Each(ctx, f, emit)
		},
	}
}
