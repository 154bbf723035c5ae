package app

import (
	"errors"
	"fmt"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/media"
	"jiexun/edge-agent/internal/record"
	"jiexun/edge-agent/internal/source"
)

// A clip shows an event from clipBefore before it to clipAfter after it. It is
// taken from the encoded pictures that the box keeps in memory, so that it
// costs no decoding.
const (
	clipBefore = 5 * time.Second
	clipAfter  = 10 * time.Second
	clipSpan   = clipBefore + clipAfter + 10*time.Second // and a distance of key pictures
	// clipBudget is the memory of all cameras' rings together, clipMost that
	// of one.
	clipBudget = 512 << 20
	clipMost   = 8 << 20
)

// clipShare is the memory of one camera's ring.
func clipShare(cameras int) int { return min(clipMost, clipBudget/max(1, cameras)) }

// wish is a clip that is not complete yet.
type wish struct{ from, to time.Time }

// keep takes each unit of the analysed stream into the ring.
func (c *camera) keep(u *source.AccessUnit) { c.clips.Add(u) }

// wantClip notes the clip of an event that opens: of the thing's first look
// when that is still at hand, else of the moment at which it was confirmed.
func (c *camera) wantClip(e *edgev1.Event, at time.Time) {
	if e.Kind == edgev1.Picture {
		return // there is nothing to see
	}
	from := e.Since.Add(-clipBefore)
	if !c.clips.Reaches(from) && !c.recorded(from) {
		from = at.Add(-clipBefore)
	}
	c.wishes[e.ID] = wish{from, from.Add(clipBefore + clipAfter)}
}

// recorded tells whether the disk goes back to t.
func (c *camera) recorded(t time.Time) bool {
	return c.cfg.Record != nil && len(c.d.records.Spans(c.cfg.ID, t, t.Add(time.Second))) > 0
}

// clipEvents completes the clips that are due: an event that is open gets a
// message of its own, one that ends in this look takes the clip along.
func (c *camera) clipEvents(at time.Time, events []edgev1.Event) []edgev1.Event {
	if len(c.wishes) == 0 {
		return events
	}
	for i := range events {
		e := &events[i]
		w, ok := c.wishes[e.ID]
		if !ok || e.Phase != edgev1.Ended {
			continue
		}
		delete(c.wishes, e.ID)
		if ref, err := c.clip(w); err == nil && len(e.Evidence) < edgev1.MaxEvidence {
			e.Evidence = append(e.Evidence, ref)
		} else if err != nil {
			c.log.Warn("clip not stored", "event", e.ID, "error", err)
		}
	}
	for id, w := range c.wishes {
		if at.Before(w.to) {
			continue
		}
		delete(c.wishes, id)
		ref, err := c.clip(w)
		if err != nil {
			c.log.Warn("clip not stored", "event", id, "error", err)
			continue
		}
		if e, ok := c.machine.AddEvidence(id, ref, at); ok {
			events = append(events, e)
		}
	}
	return events
}

// clip stores the video of a wish: from memory, else from the disk.
func (c *camera) clip(w wish) (edgev1.EvidenceRef, error) {
	if !c.clips.Reaches(w.from) && c.recorded(w.from) {
		p, err := c.d.records.Cut(c.cfg.ID, w.from, w.to, true)
		if err == nil {
			return c.d.files.PutClip(p.Data, p.W, p.H, p.From)
		}
		if !errors.Is(err, record.ErrNothing) {
			return edgev1.EvidenceRef{}, err
		}
	}
	units := c.clips.Clip(w.from, w.to)
	if len(units) == 0 {
		return edgev1.EvidenceRef{}, fmt.Errorf("no video is at hand from %s", w.from.Format(time.RFC3339))
	}
	b, err := media.MP4(units)
	if err != nil {
		return edgev1.EvidenceRef{}, err
	}
	p := units[0].Params
	return c.d.files.PutClip(b, p.Width, p.Height, units[0].Received)
}
