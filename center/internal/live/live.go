// Package live lets people watch cameras. The first viewer makes the box push
// its stream to the center's media server, and some seconds after the last one
// left it stops. Play addresses carry a ticket that is bound to the viewer and
// the camera, and who watched what is audited.
package live

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
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

// Cameras finds a camera within the scope of the context's actor.
type Cameras interface {
	LiveCamera(ctx context.Context, id string) (Camera, error)
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
	Cameras  Cameras
	Commands Commands
	Media    Media
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
	actor      access.Actor
	camera     Camera
	started    time.Time
	expires    time.Time
	readers    map[string]string // connection id to protocol
}

// push is a stream that a box pushes, or is asked to.
type push struct {
	camera Camera
	ticket string
	ready  bool
	empty  time.Time // when the last viewer left; zero while there are some
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
	who, err := access.Need(ctx, access.LiveView)
	if err != nil {
		return LiveSession{}, err
	}
	cam, err := s.o.Cameras.LiveCamera(ctx, cameraID)
	if err != nil {
		return LiveSession{}, err
	}
	if !who.Scope.Covers(cam.RegionCode) {
		return LiveSession{}, errs.NotFound("点位")
	}
	if cam.BoxID == "" {
		return LiveSession{}, errs.New(errs.Unavailable, "该点位没有接入边缘盒，无法查看实时视频")
	}
	now := s.o.Clock.Now()
	x := &session{id: ids.New(), ticket: ticket(), actor: who, camera: cam, started: now, expires: now.Add(sessionLife), readers: map[string]string{}}
	if err := s.add(x); err != nil {
		return LiveSession{}, err
	}
	if err := s.ensurePush(ctx, cam); err != nil {
		s.remove(x.id)
		return LiveSession{}, err
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		return audit.Record(ctx, tx, audit.Entry{Act: "live.start", Object: "camera", ObjectID: cam.ID, RegionCode: cam.RegionCode, Summary: who.Name + " 开始查看 " + cam.Name + " 的实时视频", After: map[string]string{"session": x.id}})
	})
	if err != nil {
		s.remove(x.id)
		return LiveSession{}, fmt.Errorf("open live session: %w", err)
	}
	return s.view(x), nil
}

func (s *Service) add(x *session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, o := range s.sessions {
		if o.actor.ID == x.actor.ID {
			n++
		}
	}
	if n >= perActor {
		return errs.New(errs.TooMany, "同时查看的视频最多 %d 路，请先关闭几路", perActor)
	}
	s.sessions[x.id] = x
	if p := s.pushes[x.camera.ID]; p != nil {
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

// ensurePush makes the box push when it does not yet. Viewers that come at
// the same time wait for one command.
func (s *Service) ensurePush(ctx context.Context, cam Camera) error {
	s.mu.Lock()
	p := s.pushes[cam.ID]
	ready := p != nil && p.ready
	s.mu.Unlock()
	if ready {
		return nil
	}
	_, err, _ := s.starting.Do(cam.ID, func() (any, error) {
		// One viewer's leaving must not end the start for the others.
		return nil, s.startPush(context.WithoutCancel(ctx), cam)
	})
	return err
}

func (s *Service) startPush(ctx context.Context, cam Camera) error {
	p := &push{camera: cam, ticket: ticket()}
	s.mu.Lock()
	s.pushes[cam.ID] = p
	s.mu.Unlock()
	r, err := s.o.Commands.Send(ctx, cam.BoxID, edgev1.Command{
		Kind: edgev1.CmdPushStart, Camera: cam.ID, TTLS: 12, PushURL: s.o.RTSP + "/" + Path(cam.ID) + "?ticket=" + url.QueryEscape(p.ticket),
	})
	if err == nil && !r.OK {
		msg := r.Message
		if msg == "" {
			msg = "边缘盒没有说明原因"
		}
		err = errs.New(errs.Unavailable, "视频没有推送成功：%s", msg)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if s.pushes[cam.ID] == p {
			delete(s.pushes, cam.ID)
		}
		return err
	}
	p.ready = true
	return nil
}

// own finds a session of the context's actor.
func (s *Service) own(ctx context.Context, id string) (*session, error) {
	who, err := access.Need(ctx, access.LiveView)
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
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.own(ctx, id)
	if err != nil {
		return LiveSession{}, err
	}
	x.expires = s.o.Clock.Now().Add(sessionLife)
	return s.view(x), nil
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
		if o.camera.ID == x.camera.ID {
			return true
		}
	}
	if p := s.pushes[x.camera.ID]; p != nil {
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
	seconds := int(s.o.Clock.Now().Sub(x.started) / time.Second)
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		return audit.Record(access.With(ctx, x.actor), tx, audit.Entry{Act: "live.stop", Object: "camera", ObjectID: x.camera.ID, RegionCode: x.camera.RegionCode,
			Summary: fmt.Sprintf("%s 结束查看 %s 的实时视频，共 %d 秒", x.actor.Name, x.camera.Name, seconds), After: map[string]any{"session": x.id, "seconds": seconds}, Reason: reason})
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

func (s *Service) stopPush(ctx context.Context, cam Camera) {
	s.done.Go(func() {
		_, err := s.o.Commands.Send(context.WithoutCancel(ctx), cam.BoxID, edgev1.Command{Kind: edgev1.CmdPushStop, Camera: cam.ID, TTLS: 10})
		if err != nil {
			s.o.Log.Info("push not stopped; it will be seen as a stray", "camera", cam.ID, "err", err)
		}
	})
}

// SawPushing compares what a box pushes with what somebody watches. A push
// that nobody asked for, after a restart of the center for example, is
// stopped; one that should run and does not is asked for again by the next
// viewer.
func (s *Service) SawPushing(ctx context.Context, box string, pushing map[string]bool) {
	now := s.o.Clock.Now()
	var stray []string
	s.mu.Lock()
	for cam, on := range pushing {
		p := s.pushes[cam]
		switch {
		case on && p == nil:
			first, seen := s.strays[cam]
			if !seen {
				s.strays[cam] = now
			} else if now.Sub(first) >= strayAfter {
				delete(s.strays, cam)
				stray = append(stray, cam)
			}
		case !on && p != nil && p.ready && p.camera.BoxID == box:
			delete(s.strays, cam)
			delete(s.pushes, cam)
		default:
			delete(s.strays, cam)
		}
	}
	s.mu.Unlock()
	for _, cam := range stray {
		s.stopPush(ctx, Camera{ID: cam, BoxID: box})
	}
}

// AuthRequest is what the media server asks before it lets anybody in.
type AuthRequest struct {
	Action   string `json:"action"`
	Path     string `json:"path"`
	Protocol string `json:"protocol"`
	ID       string `json:"id"`
	Query    string `json:"query"`
	User     string `json:"user"`
	Password string `json:"password"`
	Token    string `json:"token"`
	IP       string `json:"ip"`
}

// Allow decides for the media server: a box may publish the camera it was
// asked for, a viewer may read the camera of the session.
func (s *Service) Allow(r AuthRequest) bool {
	cam, ok := strings.CutPrefix(r.Path, "live/")
	if !ok {
		return false
	}
	given := r.Token
	if v, err := url.ParseQuery(r.Query); err == nil && v.Get("ticket") != "" {
		given = v.Get("ticket")
	}
	if given == "" {
		given = r.Password
	}
	if given == "" {
		return false
	}
	now := s.o.Clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.Action {
	case "publish":
		p := s.pushes[cam]
		return p != nil && same(p.ticket, given)
	case "read":
		for _, x := range s.sessions {
			if x.camera.ID == cam && same(x.ticket, given) && x.expires.After(now) {
				if r.ID != "" {
					x.readers[r.ID] = r.Protocol
				}
				return true
			}
		}
	}
	return false
}
