package event

import (
	"encoding/json"
	"fmt"

	"jiexun/api/edgev1"
)

const (
	stateVersion = 1
	maxState     = 8 << 20
)

type state struct {
	V      int                   `json:"v"`
	Camera string                `json:"camera"`
	Clocks map[edgev1.Kind]clock `json:"clocks"`
	Tracks []*track              `json:"tracks"`
	Ended  []past                `json:"ended"`
}

// Snapshot returns what must survive a restart. It must be stored before the
// events of the same look count as made.
func (m *Machine) Snapshot() ([]byte, error) {
	s := state{V: stateVersion, Camera: m.camera, Clocks: m.clocks, Ended: m.ended}
	for _, k := range m.keys() {
		s.Tracks = append(s.Tracks, m.tracks[k])
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("write event state: %w", err)
	}
	return b, nil
}

// Restore takes a snapshot back. Bytes that it does not understand are
// refused and change nothing. Things in zones that no longer exist stay
// until Configure or their next look ends them.
func (m *Machine) Restore(b []byte) error {
	if len(b) > maxState {
		return fmt.Errorf("event state is %d bytes, at most %d are taken", len(b), maxState)
	}
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("read event state: %w", err)
	}
	if s.V != stateVersion {
		return fmt.Errorf("event state version %d is not %d", s.V, stateVersion)
	}
	if s.Camera != m.camera {
		return fmt.Errorf("event state belongs to camera %.64q, not %q", s.Camera, m.camera)
	}
	if len(s.Tracks) > m.cfg.MaxTracks || len(s.Ended) > maxEnded {
		return fmt.Errorf("event state holds %d things and %d ended events, at most %d and %d are taken", len(s.Tracks), len(s.Ended), m.cfg.MaxTracks, maxEnded)
	}
	tracks := map[string]*track{}
	for i, t := range s.Tracks {
		if err := t.check(); err != nil {
			return fmt.Errorf("event state, thing %d: %w", i, err)
		}
		key := trackKey(t.Kind, t.Key)
		if tracks[key] != nil {
			return fmt.Errorf("event state names %.64q twice", t.Key)
		}
		tracks[key] = t
	}
	if s.Clocks == nil {
		s.Clocks = map[edgev1.Kind]clock{}
	}
	m.clocks, m.tracks, m.ended = s.Clocks, tracks, s.Ended
	return nil
}

// check refuses a thing that the machine could not have written.
func (t *track) check() error {
	switch {
	case t == nil:
		return fmt.Errorf("is null")
	case t.Key == "" || len(t.Key) > edgev1.MaxText:
		return fmt.Errorf("key must be 1 to %d bytes", edgev1.MaxText)
	case t.Stage != candidate && t.Stage != active && t.Stage != spent:
		return fmt.Errorf("unknown stage %.20q", t.Stage)
	case (t.Stage == active) != (t.ID != "") || t.Rev < 0 || t.Rev > 1<<40 || (t.Stage == active) != (t.Rev > 0):
		return fmt.Errorf("stage %s does not fit id %.30q rev %d", t.Stage, t.ID, t.Rev)
	case len(t.Votes) > maxLooks || len(t.Scores) > maxScores || len(t.Others) >= edgev1.MaxMarks ||
		len(t.Evidence) > edgev1.MaxEvidence || len(t.Polygon) > 4096 || len(t.Models) > 64:
		return fmt.Errorf("holds too many parts")
	case !(t.DwellS >= 0) || !(t.MissS >= 0) || !(t.ForbiddenS >= 0):
		return fmt.Errorf("times must not be negative")
	case t.MissS > 0 && t.GoneAt.IsZero():
		return fmt.Errorf("goneAt is missing")
	case t.Last != standing && t.Last != missing && t.Last != hidden:
		return fmt.Errorf("unknown sight %.20q", t.Last)
	}
	t.Score, t.Area, t.Box, t.SentBox = unit(t.Score), unit(t.Area), clean(t.Box), clean(t.SentBox)
	return nil
}
