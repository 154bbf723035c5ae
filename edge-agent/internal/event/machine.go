package event

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
)

const maxEnded = 64 // ended events remembered for naming the one before

// Options make a Machine.
type Options struct {
	Camera string
	Config Config
	Zones  []edgev1.Zone
	// ConfigVersion is the desired-state version that the zones came from.
	ConfigVersion int64
	// NewID gives the next ULID; it is called once for each event.
	NewID func() string
}

// Machine follows the things before one camera. It is not safe for
// concurrent use: one camera has one worker.
type Machine struct {
	camera  string
	cfg     Config
	zones   map[string]zone
	areas   []zone // permit and exclude zones, in the order given
	version int64
	newID   func() string

	clocks map[edgev1.Kind]clock
	tracks map[string]*track
	ended  []past
	stats  Stats
}

type zone struct {
	edgev1.Zone
	hours Hours
}

// clock tells how much judged time lies between two looks of one kind.
type clock struct {
	Last   edgev1.Time `json:"last"`
	Judged bool        `json:"judged"`
}

// past is an ended event, for naming it when the spot is taken again.
type past struct {
	Kind edgev1.Kind `json:"kind"`
	Zone string      `json:"zone"`
	Key  string      `json:"key"`
	Box  edgev1.Box  `json:"box"`
	ID   string      `json:"id"`
	At   edgev1.Time `json:"at"`
}

// Stats counts what the machine did and what it refused.
type Stats struct {
	Opened, Updated, Ended, Suppressed int64
	// Ignored observations had no key, an unknown zone or another kind;
	// Overflow ones came when MaxTracks things were followed already.
	Ignored, Overflow, NoVerdict int64
}

// Look is what one analytic said at one time. Detail, if set, is put on the
// events that it opens or updates.
type Look struct {
	At     time.Time
	Kind   edgev1.Kind
	Result analytic.Result
	Detail string
}

// Suppression records that a thing fulfilled the rule and was allowed to
// stand there; it is made once for each thing and reason.
type Suppression struct {
	At     time.Time
	Kind   edgev1.Kind
	Zone   string
	Key    string
	Reason string
}

// Outcome is what follows from one look. The caller adds the clock offset
// and the evidence to each event before it is sent.
type Outcome struct {
	Events       []edgev1.Event
	Suppressions []Suppression
}

// New checks the options and makes a machine that follows nothing yet.
func New(o Options) (*Machine, error) {
	if o.Camera == "" || o.NewID == nil {
		return nil, fmt.Errorf("event machine: camera and id source must be set")
	}
	if err := o.Config.Validate(); err != nil {
		return nil, err
	}
	m := &Machine{
		camera: o.Camera, cfg: o.Config, newID: o.NewID,
		clocks: map[edgev1.Kind]clock{}, tracks: map[string]*track{},
	}
	if err := m.setZones(o.Zones, o.ConfigVersion); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Machine) setZones(zs []edgev1.Zone, version int64) error {
	byID, areas := map[string]zone{}, []zone(nil)
	for _, z := range zs {
		h, err := ParseHours(z.Hours)
		if err != nil {
			return fmt.Errorf("zone %s (%s): %w", z.ID, z.Name, err)
		}
		if err := m.cfg.ruleFor(edgev1.Stacking, &z).Validate(); err != nil {
			return fmt.Errorf("zone %s (%s): %w", z.ID, z.Name, err)
		}
		byID[z.ID] = zone{z, h}
		if z.Kind == edgev1.ZonePermit || z.Kind == edgev1.ZoneExclude {
			areas = append(areas, zone{z, h})
		}
	}
	m.zones, m.areas, m.version = byID, areas, version
	return nil
}

// Configure takes new zones. Open events of zones that are gone are ended
// with that reason; a zone that cannot work changes nothing.
func (m *Machine) Configure(at time.Time, zs []edgev1.Zone, version int64) (Outcome, error) {
	if err := m.setZones(zs, version); err != nil {
		return Outcome{}, err
	}
	var out Outcome
	for _, key := range m.keys() {
		t := m.tracks[key]
		if _, ok := m.zones[t.Zone]; ok || t.Zone == "" {
			continue
		}
		if t.Stage == active {
			m.end(t, at, at, "围栏已删除", &out)
		}
		delete(m.tracks, key)
	}
	return out, nil
}

// Step takes one look. A look without a verdict changes nothing: no dwell
// and no end delay runs through it.
func (m *Machine) Step(l Look) Outcome {
	var out Outcome
	c := m.clocks[l.Kind]
	if l.Result.NoVerdict != "" {
		c.Judged = false
		m.clocks[l.Kind] = c
		m.stats.NoVerdict++
		return out
	}
	dt := 0.0
	if c.Judged {
		dt = min(max(l.At.Sub(c.Last.Time).Seconds(), 0), m.cfg.MaxGapS)
	}
	m.clocks[l.Kind] = clock{Last: edgev1.At(l.At), Judged: true}

	seen := map[string]bool{}
	for _, o := range m.sorted(l) {
		if k := trackKey(o.Kind, o.Key); !seen[k] {
			seen[k] = true
			m.observe(l, o, dt, seen, &out)
		}
	}
	for _, key := range m.keys() {
		if t := m.tracks[key]; t.Kind == l.Kind && !seen[key] {
			t.miss(l.At, dt)
			m.settle(key, t, l, &out)
		}
	}
	return out
}

// sorted gives the usable observations in the order of their keys, known
// things first, so that the outcome does not hang on the analytic's order.
func (m *Machine) sorted(l Look) []*analytic.Observation {
	var os []*analytic.Observation
	for i := range l.Result.Observations {
		o := &l.Result.Observations[i]
		_, known := m.zones[o.Zone]
		if o.Key == "" || len(o.Key) > edgev1.MaxText || o.Kind != l.Kind || (!known && o.Zone != "") {
			m.stats.Ignored++
			continue
		}
		os = append(os, o)
	}
	slices.SortStableFunc(os, func(a, b *analytic.Observation) int {
		_, ka := m.tracks[trackKey(a.Kind, a.Key)]
		_, kb := m.tracks[trackKey(b.Kind, b.Key)]
		if ka != kb {
			if ka {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Key, b.Key)
	})
	return os
}

func trackKey(k edgev1.Kind, key string) string { return string(k) + "\x00" + key }

func (m *Machine) keys() []string { return slices.Sorted(maps.Keys(m.tracks)) }

// observe applies one observation to its track.
func (m *Machine) observe(l Look, o *analytic.Observation, dt float64, seen map[string]bool, out *Outcome) {
	key := trackKey(o.Kind, o.Key)
	t := m.tracks[key]
	if t == nil {
		if o.State != analytic.Candidate && o.State != analytic.Present {
			return
		}
		if t = m.adopt(o, key, seen); t == nil {
			if len(m.tracks) >= m.cfg.MaxTracks {
				m.stats.Overflow++
				return
			}
			t = &track{Kind: o.Kind, Zone: o.Zone, Key: o.Key, Stage: candidate, Since: edgev1.At(l.At)}
			m.tracks[key] = t
		}
	}
	z := m.zones[t.Zone]
	r := m.cfg.ruleFor(t.Kind, &z.Zone)
	switch o.State {
	case analytic.Occluded:
		t.hold()
		return
	case analytic.Candidate, analytic.Present:
		if t.Stage != candidate && unit(o.Score) < r.CloseScore {
			t.miss(l.At, dt)
			break
		}
		t.see(l.At, o, dt)
		t.vote(t.Score >= r.OpenScore && t.Area >= r.MinArea, r.N)
		if l.Detail != "" {
			t.Detail = l.Detail
		}
		m.judge(t, l.At, o.State, z, r, out)
		return
	default:
		t.miss(l.At, dt)
	}
	m.settle(key, t, l, out)
}

// adopt gives an unknown key the event of a thing that is missing from the
// same spot: the analytic lost it for a moment and named it anew.
func (m *Machine) adopt(o *analytic.Observation, key string, seen map[string]bool) *track {
	if o.Kind == edgev1.Sign || o.Kind == edgev1.Picture {
		return nil
	}
	for _, k := range m.keys() {
		t := m.tracks[k]
		there := seen[k] && t.Last != missing
		if t.Kind != o.Kind || t.Zone != o.Zone || t.Stage == candidate || there || iou(t.Box, clean(o.Box)) < m.cfg.SameSpotIoU {
			continue
		}
		delete(m.tracks, k)
		t.Key = o.Key
		m.tracks[key] = t
		return t
	}
	return nil
}

// judge decides what a look at a standing thing leads to.
func (m *Machine) judge(t *track, at time.Time, st analytic.State, z zone, r Rule, out *Outcome) {
	reason, permitted := m.allowed(t, z, at)
	switch t.Stage {
	case active:
		switch {
		case permitted:
			t.ForbiddenS, t.WasAllowed, t.Blocked = 0, true, reason
			m.end(t, at, at, reason, out)
			t.Stage = candidate
		case at.Sub(t.Confirmed.Time).Seconds() > m.cfg.MaxAgeS:
			m.end(t, at, at, "持续时间超过上限，物品仍在原处", out)
			t.Stage = spent
		case m.due(t, at):
			out.Events = append(out.Events, t.message(m.camera, edgev1.Updated, at))
			m.stats.Updated++
		}
	case candidate:
		if reason != "" {
			t.ForbiddenS, t.WasAllowed = 0, true
		}
		if st != analytic.Present || t.good() < r.K || t.DwellS < r.DwellS {
			return
		}
		if reason != "" {
			if reason != t.Blocked {
				t.Blocked = reason
				m.stats.Suppressed++
				out.Suppressions = append(out.Suppressions, Suppression{at, t.Kind, t.Zone, t.Key, reason})
			}
			return
		}
		if t.WasAllowed && t.ForbiddenS < r.DwellS {
			return
		}
		m.open(t, at, z, r, out)
	}
}

// due tells whether an open event needs an update now.
func (m *Machine) due(t *track, at time.Time) bool {
	age := at.Sub(t.Sent.Time).Seconds()
	return age >= m.cfg.UpdateEveryS || (age >= m.cfg.UpdateMinS && t.material(m.cfg.MoveIoU))
}

// allowed gives the reason why a thing may stand where it is, empty when it
// may not. permitted tells that an open event must end because of it; the
// end of the zone's own hours only keeps new events from opening.
func (m *Machine) allowed(t *track, z zone, at time.Time) (reason string, permitted bool) {
	if t.Kind == edgev1.Stacking || t.Kind == edgev1.Frontage {
		for _, a := range m.areas {
			if !inside(a.Polygon, foot(t.Box)) {
				continue
			}
			if a.Kind == edgev1.ZoneExclude {
				return "位于排除区“" + a.Name + "”", true
			}
			if a.hours.Contains(at) {
				return "位于许可区“" + a.Name + "”" + bracket(a.Hours), true
			}
		}
	}
	if !z.hours.Contains(at) {
		return "不在管控时段" + bracket(z.Hours), false
	}
	return "", false
}

func bracket(hours string) string {
	if hours == "" {
		return ""
	}
	return "（" + hours + "）"
}

func (m *Machine) open(t *track, at time.Time, z zone, r Rule, out *Outcome) {
	t.ID, t.Rev, t.Stage, t.Confirmed, t.Evidence = m.newID(), 0, active, edgev1.At(at), nil
	t.ZoneName, t.ZoneHours, t.Polygon = z.Name, z.Hours, slices.Clone(z.Polygon)
	t.Rule = edgev1.Rule{
		OpenScore: r.OpenScore, CloseScore: r.CloseScore, DwellS: r.DwellS, EndDelayS: r.EndDelayS,
		K: r.K, N: r.N, MinArea: r.MinArea, ConfigVersion: m.version,
	}
	if t.Before = m.before(t, at); t.Before != "" && t.Detail == "" {
		t.Detail = "同一位置此前的事件：" + t.Before
	}
	out.Events = append(out.Events, t.message(m.camera, edgev1.Opened, at))
	m.stats.Opened++
}

// before names the latest event that ended at this spot within the window.
func (m *Machine) before(t *track, at time.Time) string {
	for _, p := range slices.Backward(m.ended) {
		if p.Kind == t.Kind && p.Zone == t.Zone && at.Sub(p.At.Time).Seconds() <= m.cfg.ReopenWindowS &&
			(p.Key == t.Key || iou(p.Box, t.Box) >= m.cfg.SameSpotIoU) {
			return p.ID
		}
	}
	return ""
}

// settle ends what was missing for long enough.
func (m *Machine) settle(key string, t *track, l Look, out *Outcome) {
	z := m.zones[t.Zone]
	r := m.cfg.ruleFor(t.Kind, &z.Zone)
	if t.MissS < r.EndDelayS {
		return
	}
	if t.Stage == active {
		m.end(t, l.At, t.GoneAt.Time, "", out)
	}
	delete(m.tracks, key)
}

// end closes an open event. when is the moment at which the thing was seen
// gone, never before the event was confirmed.
func (m *Machine) end(t *track, at, when time.Time, why string, out *Outcome) {
	if why != "" {
		t.Detail = why
	}
	e := t.message(m.camera, edgev1.Ended, at)
	w := edgev1.At(when)
	if w.Before(t.Confirmed.Time) {
		w = t.Confirmed
	}
	e.EndedAt = &w
	out.Events = append(out.Events, e)
	m.stats.Ended++
	m.ended = append(m.ended, past{t.Kind, t.Zone, t.Key, t.Box, t.ID, w})
	if len(m.ended) > maxEnded {
		m.ended = slices.Delete(m.ended, 0, len(m.ended)-maxEnded)
	}
	t.ID, t.Rev, t.Evidence, t.Detail = "", 0, nil, ""
}

// SetEvidence keeps the pictures of an open event, so that its later
// messages name them too. It tells whether the event is open.
func (m *Machine) SetEvidence(id string, refs []edgev1.EvidenceRef) bool {
	for _, t := range m.tracks {
		if t.Stage == active && t.ID == id {
			t.Evidence = slices.Clone(refs[:min(len(refs), edgev1.MaxEvidence)])
			return true
		}
	}
	return false
}

// AddEvidence adds a file to an open event, after it was sent, and makes the
// next message about it; false when the event is not open or holds no more.
func (m *Machine) AddEvidence(id string, ref edgev1.EvidenceRef, at time.Time) (edgev1.Event, bool) {
	for _, t := range m.tracks {
		if t.Stage == active && t.ID == id && len(t.Evidence) < edgev1.MaxEvidence {
			t.Evidence = append(t.Evidence, ref)
			m.stats.Updated++
			return t.message(m.camera, edgev1.Updated, at), true
		}
	}
	return edgev1.Event{}, false
}

// Thing names what is followed now.
type Thing struct {
	Kind edgev1.Kind
	Zone string
	Key  string
	// ID is set while an event is open.
	ID    string
	Since time.Time
}

// Things lists what is followed, in a steady order; the evidence builder
// keeps the first picture of each candidate.
func (m *Machine) Things() []Thing {
	out := make([]Thing, 0, len(m.tracks))
	for _, k := range m.keys() {
		t := m.tracks[k]
		out = append(out, Thing{t.Kind, t.Zone, t.Key, t.ID, t.Since.Time})
	}
	return out
}

// Stats returns the counters so far.
func (m *Machine) Stats() Stats { return m.stats }
