package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/event"
	"jiexun/edge-agent/internal/record"
	"jiexun/edge-agent/internal/source"
)

// recordFree is what recordings leave of the disk: they give way long before
// evidence or the outbox do.
const recordFree = 2 << 30

// cuts is how many recordings are cut at one time.
const cuts = 2

// recording begins to record a camera when that is asked for; it gives what
// takes the units of the main and of the sub-stream.
func (c *camera) recording() (main, sub func(*source.AccessUnit), err error) {
	r := c.cfg.Record
	if r == nil {
		return nil, nil, nil
	}
	c.writer, err = c.d.records.Record(c.cfg.ID, time.Duration(r.KeepHours)*time.Hour, r.QuotaMB<<20)
	if err != nil {
		return nil, nil, err
	}
	if r.Sub && c.cfg.SubURL != "" {
		return nil, c.writer.Add, nil
	}
	return c.writer.Add, nil, nil
}

// both gives units to two takers, either of which may be nil.
func both(a, b func(*source.AccessUnit)) func(*source.AccessUnit) {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(u *source.AccessUnit) {
		a(u)
		b(u)
	}
}

// records tells what is recorded of a camera. A camera that is not recorded
// any more still has what was kept.
func (b *Box) recordsOf(c edgev1.Command) []edgev1.Span {
	return b.d.records.Spans(c.Camera, c.From.Time, c.Until.Time)
}

// cut makes a video of a recording and brings it to the center before it
// answers.
func (b *Box) cut(ctx context.Context, c edgev1.Command) (*edgev1.Cut, error) {
	select {
	case b.cutting <- struct{}{}:
		defer func() { <-b.cutting }()
	case <-ctx.Done():
		return nil, errors.New("边缘盒正在处理别的录像，请稍后再试")
	}
	p, err := b.d.records.Cut(c.Camera, c.From.Time, c.Until.Time, c.Lead)
	if err != nil {
		return nil, err
	}
	digest, err := b.link.Bring(ctx, p.Data, "video/mp4")
	if err != nil {
		return nil, fmt.Errorf("录像没有传到中心，请检查盒子的上行网络：%w", err)
	}
	return &edgev1.Cut{
		File: edgev1.EvidenceRef{
			Role: edgev1.RoleClip, SM3: digest, Size: int64(len(p.Data)), MediaType: "video/mp4",
			Width: p.W, Height: p.H, TakenAt: edgev1.At(p.From),
		},
		Until: edgev1.At(p.Until), Codec: string(p.Codec), FPS: p.FPS,
	}, nil
}

// recordStatus is nil when there is no recording and none was kept.
func (c *camera) recordStatus() *edgev1.RecordStatus {
	st := c.d.records.Status(c.cfg.ID)
	if c.cfg.Record == nil && st.Oldest == nil {
		return nil
	}
	return &st
}

// tally counts what one analytic did; it is guarded by camera.looking.
type tally struct {
	looks, noVerdicts int64
	why               string
	cost              time.Duration // mean of one look
}

func (t *tally) look(took time.Duration, noVerdict string) {
	if noVerdict != "" {
		t.noVerdicts++
		t.why = noVerdict
		return
	}
	t.looks++
	if t.cost == 0 {
		t.cost = took
	}
	t.cost += (took - t.cost) / 16
}

// inspect tells what runs on a camera now.
func (b *Box) inspect(id string) (*edgev1.Running, error) {
	cam, err := b.manager.find(id)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	_, version := b.manager.statuses(now, time.Time{})
	n := &edgev1.Running{
		Status: cam.status(now, b.link.UploadedAt()), ConfigVersion: version, Load: b.d.pool.Load(), Runs: cam.runs(),
		Models: append(append([]edgev1.ModelRef{}, b.nets.thingModels...), b.nets.signModels...),
	}
	cfg, err := event.DefaultConfig()
	if err != nil {
		return nil, err
	}
	n.Rules = map[edgev1.Kind]edgev1.Rule{}
	for kind, r := range cfg.Rules {
		n.Rules[kind] = edgev1.Rule{OpenScore: r.OpenScore, CloseScore: r.CloseScore, DwellS: r.DwellS, EndDelayS: r.EndDelayS, K: r.K, N: r.N, MinArea: r.MinArea, ConfigVersion: version}
	}
	return n, nil
}

// runs lists the analytics with what they did.
func (c *camera) runs() []edgev1.Run {
	c.looking.Lock()
	defer c.looking.Unlock()
	out := []edgev1.Run{}
	for _, a := range c.analysers {
		r := edgev1.Run{
			Kind: a.kind, Since: edgev1.At(c.started), Looks: a.did.looks, NoVerdicts: a.did.noVerdicts,
			Why: orElse(noVerdictWords[a.did.why], a.did.why), CostMS: float64(a.did.cost.Microseconds()) / 1000,
		}
		if !a.last.IsZero() {
			last := edgev1.At(a.last)
			r.Last = &last
		}
		for _, z := range c.cfg.Zones {
			if zoneOf(z.Kind) == a.kind {
				r.Zones++
			}
		}
		for _, t := range c.machine.Things() {
			if t.Kind == a.kind {
				r.Things++
				if t.ID != "" {
					r.Open++
				}
			}
		}
		out = append(out, r)
	}
	return out
}

// zoneOf tells which analytic judges a kind of zone, empty for none.
func zoneOf(k edgev1.ZoneKind) edgev1.Kind {
	switch k {
	case edgev1.ZonePavement:
		return edgev1.Stacking
	case edgev1.ZoneFrontage:
		return edgev1.Frontage
	case edgev1.ZoneSign:
		return edgev1.Sign
	}
	return ""
}

// openRecords opens the folder of recordings.
func openRecords(dir string, maxBytes int64, d *deps) (err error) {
	d.records, err = record.Open(record.Options{Dir: dir, MaxBytes: maxBytes, MinFree: recordFree, Now: d.now, Log: d.log})
	return err
}
