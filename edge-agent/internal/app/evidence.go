package app

import (
	"context"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/evidence"
	"jiexun/edge-agent/internal/picture"
	"jiexun/edge-agent/internal/source"
)

// evidence stores the pictures of an event that opens: the clean frame, of
// the main stream where there is one, the first look at the thing, and the
// place before it came.
func (c *camera) evidence(_ context.Context, in *analytic.Input, e *edgev1.Event) ([]edgev1.EvidenceRef, error) {
	b := evidence.NewBuilder(c.d.files)
	frame := func() error { return b.Add(evidence.RoleFrame, in.Frame, in.At) }
	if c.sub != nil {
		if u := c.main.key.Load(); u != nil && c.d.now().Sub(u.Received) < 10*time.Second {
			frame = func() error {
				return c.mainPicture(func(p *picture.YUV, u *source.AccessUnit) error { return b.Add(evidence.RoleFrame, p, u.Received) })
			}
		}
	}
	if err := frame(); err != nil {
		return b.Refs(), err
	}
	for _, old := range []struct {
		role string
		at   time.Time
	}{{evidence.RoleFirst, e.Since.Add(time.Second)}, {evidence.RoleReference, e.Since.Add(-beforeIt)}} {
		u := c.ring.KeyBefore(old.at)
		if u == nil || old.at.Sub(u.Received) > 10*time.Second {
			continue // from before the ring begins
		}
		f, err := c.d.latest.Decode(u)
		if err != nil {
			continue // a damaged old picture is no reason to lose the event
		}
		err = b.Add(old.role, &f.YUV, u.Received)
		f.Release()
		if err != nil {
			return b.Refs(), err
		}
	}
	return b.Refs(), nil
}

// beforeIt is how long before a thing's first look the place is shown: long
// enough that whoever brings it is not there yet.
const beforeIt = 6 * time.Second
