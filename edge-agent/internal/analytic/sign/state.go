package sign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/picture"
)

const (
	stateVersion = 1
	maxState     = 64 << 20
	maxJPEG      = 512 << 10
	maxCropSide  = 512 + 64
)

type state struct {
	V     int         `json:"v"`
	Zones []zoneState `json:"zones"`
}

type zoneState struct {
	ID      string         `json:"id"`
	Name    string         `json:"name"`
	Polygon []edgev1.Point `json:"polygon"`
	Memory  memory         `json:"memory"`
}

// Snapshot implements analytic.Analytic.
func (a *Analytic) Snapshot() ([]byte, error) {
	s := state{V: stateVersion}
	for _, z := range a.zones {
		s.Zones = append(s.Zones, zoneState{z.ID, z.SignName, z.Polygon, z.memory})
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("write sign state: %w", err)
	}
	return b, nil
}

// Restore implements analytic.Analytic. Zones that no longer exist, or whose
// corners or name changed, are left out; anything malformed is refused whole.
func (a *Analytic) Restore(b []byte) error {
	if len(b) > maxState {
		return fmt.Errorf("sign state is %d bytes, at most %d are taken", len(b), maxState)
	}
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("read sign state: %w", err)
	}
	if s.V != stateVersion {
		return fmt.Errorf("sign state version %d is not %d", s.V, stateVersion)
	}
	if len(s.Zones) > edgev1.MaxZones {
		return fmt.Errorf("sign state holds %d zones, at most %d are taken", len(s.Zones), edgev1.MaxZones)
	}
	for i := range s.Zones {
		if err := s.Zones[i].Memory.check(a.cfg); err != nil {
			return fmt.Errorf("sign state, zone %.64q: %w", s.Zones[i].ID, err)
		}
	}
	for _, z := range a.zones {
		for i := range s.Zones {
			if o := &s.Zones[i]; o.ID == z.ID && o.Name == z.SignName && slices.Equal(o.Polygon, z.Polygon) {
				given := z.memory.Given
				z.memory = o.Memory
				if given.Crop != nil { // set since: the newer one counts
					if o := z.memory.Given.Crop; o == nil || !bytes.Equal(o.Pix, given.Crop.Pix) {
						z.memory.Pending, z.memory.Alias = a.cfg.Looks, ""
					}
					z.memory.Given = given
				}
			}
		}
	}
	return nil
}

// check refuses what the analytic could not have written.
func (m *memory) check(c Config) error {
	for _, g := range []*picture.Gray{m.Given.Crop, m.Learned.Crop, m.Last} {
		if g != nil && (g.W < 1 || g.H < 1 || g.W > maxCropSide || g.H > maxCropSide || len(g.Pix) != g.W*g.H) {
			return fmt.Errorf("a stored crop does not fit its size")
		}
	}
	switch {
	case len(m.Given.JPEG) > maxJPEG || len(m.Learned.JPEG) > maxJPEG:
		return fmt.Errorf("a stored picture is larger than %d bytes", maxJPEG)
	case len(m.Votes) > c.Looks || m.Pending < 0 || m.Pending > 64:
		return fmt.Errorf("votes or pending looks are out of range")
	case !(m.BadS >= 0) || math.IsInf(m.BadS, 0) || m.BadS > 100*366*86400:
		return fmt.Errorf("dwell is out of range")
	case len(m.Alias) > edgev1.MaxText || len(m.Reading.Text) > edgev1.MaxText || len(m.Reading.Lines) > 16:
		return fmt.Errorf("texts are too long")
	}
	for _, v := range append(slices.Clone(m.Votes), m.Settled) {
		switch v {
		case "", edgev1.SignSame, edgev1.SignChanged, edgev1.SignCovered, edgev1.SignGone, edgev1.SignUnreadable:
		default:
			return fmt.Errorf("unknown verdict %.20q", v)
		}
	}
	return nil
}
