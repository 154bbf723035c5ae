// Package live lets people watch cameras. The first viewer makes the box push
// its stream to the center's media server, and some seconds after the last one
// left it stops. Play addresses carry a ticket that is bound to the viewer and
// the camera. Recordings stay on the box: what a viewer plays or downloads is
// cut there and brought up. Who watched what, when and for how long is kept and
// audited. The package also tells what recognition runs on a camera and how
// well it does, and what other thresholds would have changed.
package live

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
)

// Times of a session.
const (
	sessionLife = 60 * time.Second // without a renewal
	renewAfter  = 30 * time.Second
	linger      = 15 * time.Second // the push goes on after the last viewer
	perActor    = 16
	strayAfter  = 30 * time.Second
)

// Camera is what live needs to know of a camera.
type Camera struct{ ID, Name, BoxID, RegionCode string }

// Actions that a person may be allowed on a camera.
const (
	ActLive     = "live"
	ActPlayback = "playback"
	ActPTZ      = "ptz"
	ActSnapshot = "snapshot"
	ActDownload = "download"
)

// Rights decides who may do what with which camera.
type Rights interface {
	// Need gives the camera, or NotFound out of scope and absent alike, or
	// Forbidden with the reason.
	Need(ctx context.Context, id, action string) (Camera, error)
	// May tells whether the action is allowed, and else why not.
	May(ctx context.Context, id, action string) (ok bool, reason string, err error)
}

// Files is the center's store of files.
type Files interface {
	Has(ctx context.Context, sm3 string) bool
	Open(ctx context.Context, sm3 string) (io.ReadSeekCloser, blob.Ref, error)
	Remove(ctx context.Context, sm3 string) error
}

// Commands asks a box to do something.
type Commands interface {
	Send(ctx context.Context, edge string, c edgev1.Command) (edgev1.Result, error)
}

// Media is the center's media server.
type Media interface {
	// Kick ends one reader's connection.
	Kick(ctx context.Context, protocol, id string) error
}

// Options are what live needs.
type Options struct {
	DB       *db.DB
	Clock    clock.Clock
	Log      *slog.Logger
	Rights   Rights
	Commands Commands
	Media    Media
	Files    Files
	// Keeps tells whether a record outside this package refers to a file.
	Keeps func(ctx context.Context, sm3 string) (bool, error)
	// Snap asks a box for a picture of now and waits until it is here.
	Snap func(ctx context.Context, camera string) (Snap, error)
	// RTSP is where boxes push to; WebRTC and HLS are what browsers open.
	RTSP, WebRTC, HLS string
}

// LiveSession is one person watching one camera.
type LiveSession struct {
	ID          string      `json:"id"`
	WHEPURL     string      `json:"whepUrl"`
	HLSURL      string      `json:"hlsUrl"`
	ExpiresAt   clock.Stamp `json:"expiresAt"`
	RenewAfterS int         `json:"renewAfterS"`
}

type session struct {
	id, ticket string
	kind       string // ActLive or ActPlayback
	actor      access.Actor
	camera     Camera
	started    time.Time
	expires    time.Time
	readers    map[string]string // connection id to protocol
}

// Service keeps the sessions of one center in memory: after a restart pages
// ask for new ones.
type Service struct {
	o        Options
	mu       sync.Mutex
	sessions map[string]*session
	pushes   map[string]*push // by camera
	strays   map[string]time.Time
	starting singleflight.Group
	cutting  singleflight.Group
	stop     context.CancelFunc
	done     sync.WaitGroup
}

// New makes the service; Start runs its sweep.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Service{o: o, sessions: map[string]*session{}, pushes: map[string]*push{}, strays: map[string]time.Time{}}
}

// Start ends sessions and pushes whose time has come, until Close.
func (s *Service) Start(ctx context.Context) {
	ctx, s.stop = context.WithCancel(ctx)
	s.done.Go(func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				s.Sweep(ctx)
			}
		}
	})
}

// Close stops the sweep and waits for commands in progress.
func (s *Service) Close() {
	if s.stop != nil {
		s.stop()
	}
	s.done.Wait()
}

func ticket() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b)
}

// Path is the media server's path of a camera.
func Path(camera string) string { return "live/" + camera }

// Open begins to watch a camera.
func (s *Service) Open(ctx context.Context, cameraID string) (LiveSession, error) {
	x, err := s.begin(ctx, cameraID, ActLive, s.ensurePush)
	if err != nil {
		return LiveSession{}, err
	}
	return s.view(x), nil
}

// begin makes a session and notes that it began; ready is done before.
func (s *Service) begin(ctx context.Context, cameraID, kind string, ready func(context.Context, Camera) error) (*session, error) {
	who, err := access.Need(ctx, access.CameraView)
	if err != nil {
		return nil, err
	}
	cam, err := s.o.Rights.Need(ctx, cameraID, kind)
	if err != nil {
		return nil, err
	}
	if cam.BoxID == "" {
		return nil, errs.New(errs.Unavailable, "该点位没有接入边缘盒，无法查看视频")
	}
	now := s.o.Clock.Now()
	x := &session{id: ids.New(), ticket: ticket(), kind: kind, actor: who, camera: cam, started: now, expires: now.Add(sessionLife), readers: map[string]string{}}
	if err := s.add(x); err != nil {
		return nil, err
	}
	if err := ready(ctx, cam); err != nil {
		s.remove(x.id)
		return nil, err
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := saveWatch(ctx, tx, watchOf(x)); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: kind + ".start", Object: "camera", ObjectID: cam.ID, RegionCode: cam.RegionCode, Summary: who.Name + " 开始查看 " + cam.Name + " 的" + filmName(kind), After: map[string]string{"session": x.id}})
	})
	if err != nil {
		s.remove(x.id)
		return nil, fmt.Errorf("open %s session: %w", kind, err)
	}
	return x, nil
}

func filmName(kind string) string {
	if kind == ActPlayback {
		return "录像"
	}
	return "实时视频"
}

func (s *Service) add(x *session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, o := range s.sessions {
		if o.actor.ID == x.actor.ID && o.kind == x.kind {
			n++
		}
	}
	if n >= perActor {
		return errs.New(errs.TooMany, "同时查看的视频最多 %d 路，请先关闭几路", perActor)
	}
	s.sessions[x.id] = x
	if p := s.pushes[x.camera.ID]; p != nil && x.kind == ActLive {
		p.empty = time.Time{}
	}
	return nil
}

func (s *Service) view(x *session) LiveSession {
	q := "?ticket=" + url.QueryEscape(x.ticket)
	p := Path(x.camera.ID)
	return LiveSession{
		ID: x.id, WHEPURL: s.o.WebRTC + "/" + p + "/whep" + q, HLSURL: s.o.HLS + "/" + p + "/index.m3u8" + q,
		ExpiresAt: clock.At(x.expires), RenewAfterS: int(renewAfter / time.Second),
	}
}

// own finds a session of the context's actor.
func (s *Service) own(ctx context.Context, id string) (*session, error) {
	who, err := access.From(ctx)
	if err != nil {
		return nil, err
	}
	x := s.sessions[id]
	if x == nil || x.actor.ID != who.ID {
		return nil, errs.NotFound("视频会话")
	}
	return x, nil
}

// Renew prolongs a session.
func (s *Service) Renew(ctx context.Context, id string) (LiveSession, error) {
	now := s.o.Clock.Now()
	s.mu.Lock()
	x, err := s.own(ctx, id)
	if err == nil {
		x.expires = now.Add(sessionLife)
	}
	s.mu.Unlock()
	if err != nil {
		return LiveSession{}, err
	}
	// A right that was taken back ends what it allowed.
	if ok, reason, err := s.o.Rights.May(ctx, x.camera.ID, x.kind); err != nil || !ok {
		if err != nil {
			return LiveSession{}, err
		}
		return LiveSession{}, errors.Join(errs.Forbidden(reason), s.end(ctx, x, "权限已收回"))
	}
	return s.view(x), s.o.DB.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return seeWatch(ctx, tx, id, clock.At(now)) })
}

// End stops watching.
func (s *Service) End(ctx context.Context, id string) error {
	s.mu.Lock()
	x, err := s.own(ctx, id)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.end(ctx, x, "")
}

// EndActor ends all sessions of a person whose log-in ended.
func (s *Service) EndActor(ctx context.Context, actorID string) {
	for _, x := range s.matching(func(x *session) bool { return x.actor.ID == actorID }) {
		if err := s.end(ctx, x, "登录已结束"); err != nil {
			s.o.Log.Error("live session not ended cleanly", "session", x.id, "err", err)
		}
	}
}

func (s *Service) matching(f func(*session) bool) []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []*session{}
	for _, x := range s.sessions {
		if f(x) {
			out = append(out, x)
		}
	}
	return out
}

// remove takes a session out; false when it was gone already.
func (s *Service) remove(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.sessions[id]
	if x == nil {
		return false
	}
	delete(s.sessions, id)
	for _, o := range s.sessions {
		if o.camera.ID == x.camera.ID && o.kind == ActLive {
			return true
		}
	}
	if p := s.pushes[x.camera.ID]; p != nil && p.empty.IsZero() {
		p.empty = s.o.Clock.Now()
	}
	return true
}

func (s *Service) end(ctx context.Context, x *session, reason string) error {
	if !s.remove(x.id) {
		return nil
	}
	var kicks []error
	s.mu.Lock()
	readers := make(map[string]string, len(x.readers))
	for id, proto := range x.readers {
		readers[id] = proto
	}
	s.mu.Unlock()
	for id, proto := range readers {
		kicks = append(kicks, s.o.Media.Kick(ctx, proto, id))
	}
	if err := errors.Join(kicks...); err != nil {
		s.o.Log.Warn("viewer's connection not ended", "session", x.id, "err", err)
	}
	now := s.o.Clock.Now()
	seconds := int(now.Sub(x.started) / time.Second)
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := endWatch(ctx, tx, x.id, clock.At(now), seconds, reason); err != nil {
			return err
		}
		return audit.Record(access.With(ctx, x.actor), tx, audit.Entry{Act: x.kind + ".stop", Object: "camera", ObjectID: x.camera.ID, RegionCode: x.camera.RegionCode,
			Summary: fmt.Sprintf("%s 结束查看 %s 的%s，共 %d 秒", x.actor.Name, x.camera.Name, filmName(x.kind), seconds), After: map[string]any{"session": x.id, "seconds": seconds}, Reason: reason})
	})
}

// Sweep ends sessions that were not renewed and pushes that nobody watches.
func (s *Service) Sweep(ctx context.Context) {
	now := s.o.Clock.Now()
	for _, x := range s.matching(func(x *session) bool { return x.expires.Before(now) }) {
		if err := s.end(ctx, x, "未续期"); err != nil {
			s.o.Log.Error("live session not ended cleanly", "session", x.id, "err", err)
		}
	}
	var idle []*push
	s.mu.Lock()
	for id, p := range s.pushes {
		if p.ready && !p.empty.IsZero() && now.Sub(p.empty) >= linger {
			idle = append(idle, p)
			delete(s.pushes, id)
		}
	}
	s.mu.Unlock()
	for _, p := range idle {
		s.stopPush(ctx, p.camera)
	}
}
