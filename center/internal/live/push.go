package live

import (
	"context"
	"net/url"
	"strings"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/errs"
)

// push is a stream that a box pushes, or is asked to.
type push struct {
	camera Camera
	ticket string
	ready  bool
	empty  time.Time // when the last viewer left; zero while there are some
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
