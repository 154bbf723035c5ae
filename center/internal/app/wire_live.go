package app

import (
	"context"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/directory"
	"jiexun/center/internal/hub"
	"jiexun/center/internal/live"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
)

func (a *App) wireLive(context.Context) error {
	a.live = live.New(live.Options{
		DB: a.db, Clock: a.clock, Log: a.log, Rights: liveRights{a}, Commands: a.hub, Media: live.NewMediaMTX(a.o.MediaAPI),
		Files: a.blobs, Keeps: a.keepsBlob, Snap: a.liveSnap,
		RTSP: a.o.MediaRTSP, WebRTC: a.o.MediaWebRTC, HLS: a.o.MediaHLS,
	})
	a.jobs.Every("live.tidy", "清理回放缓存与中断的观看记录", 5*time.Minute, a.live.Tidy)
	a.bus.Subscribe(hub.TopicStatus, "live", func(ctx context.Context, tx db.Tx, e events.Event) error {
		var s hub.StatusEvent
		if err := e.Decode(&s); err != nil {
			return err
		}
		pushing := make(map[string]bool, len(s.Status.Cameras))
		for _, c := range s.Status.Cameras {
			pushing[c.Camera] = c.Pushing
		}
		tx.AfterCommit(func() { a.live.SawPushing(a.run, s.Edge, pushing) })
		return nil
	})
	return nil
}

// liveRights decides by the directory: roles, grants of watching, and scope.
type liveRights struct{ a *App }

func (l liveRights) Need(ctx context.Context, id, action string) (live.Camera, error) {
	var c directory.Camera
	var err error
	if action == "" {
		c, err = viewed(ctx, l.a.directory, id)
	} else {
		c, err = l.a.directory.Need(ctx, id, action)
	}
	return live.Camera{ID: c.ID, Name: c.Name, BoxID: c.BoxID, RegionCode: c.RegionCode}, err
}

func (l liveRights) May(ctx context.Context, id, action string) (bool, string, error) {
	ok, reason, err := l.a.directory.May(ctx, id, action)
	if errs.Is(err, errs.NotFoundCode) || errs.Is(err, errs.ForbiddenCode) {
		return false, err.Error(), nil
	}
	return ok, reason, err
}

// viewed gives a camera that the actor may see.
func viewed(ctx context.Context, d *directory.Service, id string) (directory.Camera, error) {
	who, err := access.Need(ctx, access.CameraView)
	if err != nil {
		return directory.Camera{}, err
	}
	list, err := d.Cameras(ctx, []string{id})
	if err != nil {
		return directory.Camera{}, err
	}
	if len(list) == 0 || list[0].DeletedAt != nil || !who.Scope.Covers(list[0].RegionCode) {
		return directory.Camera{}, errs.NotFound("点位")
	}
	return list[0], nil
}

// liveSnap takes a picture of now by the directory, which keeps it with the
// camera.
func (a *App) liveSnap(ctx context.Context, camera string) (live.Snap, error) {
	p, err := a.directory.TakeSnapshot(ctx, camera)
	if err != nil {
		return live.Snap{}, err
	}
	at := clock.At(a.clock.Now())
	if p.At != nil {
		at = *p.At
	}
	return live.Snap{SM3: p.SM3, Width: p.Width, Height: p.Height, At: at}, nil
}

// keepsBlob tells whether a record of another domain refers to a file.
func (a *App) keepsBlob(ctx context.Context, sm3 string) (bool, error) {
	ctx = access.With(ctx, access.Actor{ID: "system", Name: "系统", Scope: access.SystemScope(), Perms: map[string]bool{
		access.AlertView: true, access.OrderView: true, access.CameraView: true, access.ShopView: true,
	}})
	for _, sees := range []func(context.Context, string) (bool, error){a.alerts.SeesBlob, a.orders.SeesBlob, a.directory.SeesBlob, a.shops.SeesBlob} {
		if ok, err := sees(ctx, sm3); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}
