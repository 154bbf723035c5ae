package app

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic/sign"
	"jiexun/edge-agent/internal/evidence"
	"jiexun/edge-agent/internal/outbox"
	"jiexun/edge-agent/internal/patrol"
	"jiexun/edge-agent/internal/picture"
	"jiexun/edge-agent/internal/source"
)

// staleFrame is how old the newest picture may be to count for a task.
const staleFrame = 30 * time.Second

// newPatrol makes what does surveys and inspections.
func (b *Box) newPatrol(ctx context.Context) (*patrol.Runner, error) {
	return patrol.New(ctx, patrol.Options{
		Eyes: eyes{b.d, b.manager}, Store: patrolStore{b}, Now: b.d.now, NewID: b.d.newID, Offset: b.d.clockOffset, Log: b.o.Log,
	})
}

// patrolStore keeps what tasks give in the outbox.
type patrolStore struct{ b *Box }

func (s patrolStore) Commit(ctx context.Context, list []edgev1.Observation, key string, state []byte) error {
	if _, err := s.b.d.store.Commit(ctx, outbox.Change{Observations: list, State: map[string][]byte{key: state}}); err != nil {
		return err
	}
	if len(list) > 0 {
		s.b.link.EvidenceAdded()
	}
	return nil
}

func (s patrolStore) State(ctx context.Context, key string) ([]byte, error) {
	return s.b.d.store.State(ctx, key)
}

// eyes are the box's cameras as tasks see them.
type eyes struct {
	d       *deps
	manager *manager
}

// See implements patrol.Eyes.
func (e eyes) See(ctx context.Context, a patrol.Ask) ([]edgev1.Observation, error) {
	now := e.d.now()
	cam := e.manager.running()[a.Camera]
	if cam == nil {
		reason, detail := edgev1.UnseenNoCamera, ""
		if _, err := e.manager.find(a.Camera); err != nil {
			detail = err.Error()
		}
		if slices.ContainsFunc(e.manager.ordered(), func(id string) bool { return id == a.Camera }) {
			reason = edgev1.UnseenDisabled
		}
		return blind(now, reason, detail), nil
	}
	if st := cam.status(now, time.Time{}); st.State != edgev1.Online {
		reason := edgev1.UnseenOffline
		if st.State == edgev1.NoVerdict && st.Diagnosis != edgev1.Healthy {
			reason = edgev1.UnseenReason(st.Diagnosis)
		}
		return blind(now, reason, st.Detail), nil
	}
	var out []edgev1.Observation
	err := cam.mainPicture(func(p *picture.YUV, u *source.AccessUnit) (err error) {
		if old := now.Sub(u.Received); old > staleFrame {
			out = blind(now, edgev1.UnseenOffline, fmt.Sprintf("最近一帧已是 %d 秒前", int(old.Seconds())))
			return nil
		}
		if a.Task.Kind == edgev1.Survey {
			out, err = e.survey(ctx, cam, a, p, u.Received.UTC())
		} else {
			out, err = e.inspect(cam, a, p, u.Received.UTC())
		}
		return err
	})
	return out, err
}

func blind(at time.Time, reason edgev1.UnseenReason, detail string) []edgev1.Observation {
	if r := []rune(detail); len(r) > 150 {
		detail = string(r[:150])
	}
	return []edgev1.Observation{{Kind: edgev1.Unseen, At: edgev1.At(at), Reason: reason, Detail: detail}}
}

// survey reads every sign before a camera, with the frame and each sign cut
// out of it as evidence.
func (e eyes) survey(ctx context.Context, cam *camera, a patrol.Ask, p *picture.YUV, at time.Time) ([]edgev1.Observation, error) {
	cfg, err := sign.DefaultConfig()
	if err != nil {
		return nil, err
	}
	zones := map[string]edgev1.Zone{}
	mine := []edgev1.Zone{}
	for _, z := range cam.cfg.Zones {
		if z.Kind == edgev1.ZoneSign && (len(a.Task.Zones) == 0 || slices.Contains(a.Task.Zones, z.ID)) {
			mine = append(mine, z)
			zones[z.ID] = z
		}
	}
	reader, err := sign.New(sign.Options{Config: cfg, Zones: mine, Finder: e.d.nets.finder, Reader: e.d.nets.reader})
	if err != nil {
		return nil, err
	}
	found, err := reader.Survey(ctx, p)
	if err != nil {
		return nil, err
	}
	frame := evidence.NewBuilder(e.d.files)
	if err := frame.Add(evidence.RoleFrame, p, at); err != nil {
		return nil, err
	}
	out := []edgev1.Observation{}
	for _, f := range found {
		if f.Zone == "" && len(a.Task.Zones) > 0 {
			continue // only these zones were asked for
		}
		pieces, err := e.cutOut(p, f.Box, at)
		if err != nil {
			return nil, err
		}
		reading := f.Reading
		out = append(out, edgev1.Observation{
			Zone: f.Zone, Kind: edgev1.SignFound, At: edgev1.At(at), Sign: &reading, Box: f.Box, Shop: zones[f.Zone].Shop, Models: e.d.nets.signModels,
			Evidence: append(pieces, frame.Refs()...),
		})
	}
	if len(a.Task.Zones) == 0 {
		out = append(out, edgev1.Observation{Kind: edgev1.Seen, At: edgev1.At(at), Evidence: frame.Refs()})
	}
	return e.absent(cam, a, at, out), nil
}

// cutOut stores a part of the frame with some of what is around it.
func (e eyes) cutOut(p *picture.YUV, b edgev1.Box, at time.Time) ([]edgev1.EvidenceRef, error) {
	const margin = 0.15
	w, h := float64(p.W), float64(p.H)
	r := picture.Rect{
		X0: int((b.X - b.W*margin) * w), Y0: int((b.Y - b.H*margin) * h), X1: int(math.Ceil((b.X + b.W*(1+margin)) * w)), Y1: int(math.Ceil((b.Y + b.H*(1+margin)) * h)),
	}.Clip(p.W, p.H)
	r.X0, r.Y0 = r.X0&^1, r.Y0&^1
	r.X1, r.Y1 = r.X1&^1, r.Y1&^1
	if r.W() < 8 || r.H() < 8 {
		return nil, nil
	}
	cut := p.Cut(r)
	c := evidence.NewBuilder(e.d.files)
	if err := c.Add(evidence.RoleCrop, cut, at); err != nil {
		return nil, err
	}
	return c.Refs(), nil
}

// asks tells whether an inspection asks about a zone.
func asks(t *edgev1.Task, z edgev1.Zone) bool {
	if len(t.Zones) > 0 && !slices.Contains(t.Zones, z.ID) {
		return false
	}
	want := func(k edgev1.Kind) bool { return len(t.Kinds) == 0 || slices.Contains(t.Kinds, k) }
	return z.Kind == edgev1.ZonePavement && want(edgev1.Stacking) || z.Kind == edgev1.ZoneFrontage && want(edgev1.Frontage)
}

// inspect tells for each zone that it was looked at and which events stand
// open in it. The judging itself is the running analyses' work, so a look
// costs a picture at most: one is kept of the first and the last look, and
// where something stands.
func (e eyes) inspect(cam *camera, a patrol.Ask, p *picture.YUV, at time.Time) ([]edgev1.Observation, error) {
	open := cam.open()
	out := []edgev1.Observation{}
	any := false
	for _, z := range cam.cfg.Zones {
		if asks(a.Task, z) {
			ids := open[z.ID]
			any = any || len(ids) > 0
			out = append(out, edgev1.Observation{Zone: z.ID, Kind: edgev1.Seen, At: edgev1.At(at), Shop: z.Shop, Open: ids})
		}
	}
	if len(out) == 0 {
		return blind(at, edgev1.UnseenNoZone, ""), nil
	}
	if any || a.Look == 1 || a.Look == a.Task.Looks {
		frame := evidence.NewBuilder(e.d.files)
		if err := frame.Add(evidence.RoleFrame, p, at); err != nil {
			return nil, err
		}
		for i := range out {
			out[i].Evidence = frame.Refs()
		}
	}
	return e.absent(cam, a, at, out), nil
}

// absent adds the zones of this camera that the task names and the box does
// not have any more. A task names the zones of all its cameras, so that only
// a task of one camera can tell.
func (e eyes) absent(cam *camera, a patrol.Ask, at time.Time, out []edgev1.Observation) []edgev1.Observation {
	if len(a.Task.Cameras) != 1 {
		return out
	}
	for _, id := range a.Task.Zones {
		if !slices.ContainsFunc(cam.cfg.Zones, func(z edgev1.Zone) bool { return z.ID == id }) {
			out = append(out, edgev1.Observation{Zone: id, Kind: edgev1.Unseen, At: edgev1.At(at), Reason: edgev1.UnseenNoZone})
		}
	}
	return out
}

// open lists the events that stand open, by zone.
func (c *camera) open() map[string][]string {
	c.looking.Lock()
	defer c.looking.Unlock()
	out := map[string][]string{}
	for _, t := range c.machine.Things() {
		if t.ID != "" && len(out[t.Zone]) < edgev1.MaxOpen {
			out[t.Zone] = append(out[t.Zone], t.ID)
		}
	}
	return out
}

// ordered lists the cameras of the desired state.
func (m *manager) ordered() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.order)
}
