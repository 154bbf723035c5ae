// Package still finds things that stand still where nothing stood before. It
// compares one camera's pictures with a slowly learned reference of the empty
// scene, waits until a change has kept still for its dwell, asks a detector
// and a verifier what the change is, and keeps one identity for each standing
// thing, also across restarts. The rules for pavements and shop fronts are
// thin layers over one shared Engine, so that its cost is paid once per
// camera. It is pure Go on pixels; the networks are optional.
package still

import (
	"context"
	"fmt"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/picture"
)

// Reasons for a look without a verdict. They are sentences for the camera's
// status and say what the box is waiting for.
const (
	ReasonLearning  = "learning the empty scene"
	ReasonSaturated = "picture saturated"
	ReasonDark      = "picture black"
	ReasonFrozen    = "picture frozen"
	ReasonMoved     = "view moved"
	ReasonFull      = "too much of the picture changed"
)

// Region is a part of the picture in which standing things matter.
type Region struct {
	// ID is the zone's id; it comes back in Thing.Zones.
	ID string
	// Polygon is normalised to the frame.
	Polygon []edgev1.Point
	// Share, when above zero, takes a thing if that share of its box and a
	// quarter of its foot lie in the polygon; zero means that half of the
	// foot must stand there.
	Share float64
	// Dwell is how long a thing must stand before it is confirmed.
	Dwell time.Duration
	// EndDelay is for how long a thing that left is reported as gone
	// before it is forgotten; a thing that comes back earlier keeps its key.
	EndDelay time.Duration
	// MinArea is the least share of the frame that the thing must cover.
	MinArea float64
}

// Options sets up an Engine. The zero value of every field but Regions is
// usable.
type Options struct {
	Regions []Region
	// Detector and Verifier may be nil: an absent one has no opinion.
	Detector analytic.Detector
	Verifier analytic.Verifier
	// Models names the models behind Detector and Verifier, for evidence.
	Models []edgev1.ModelRef
	// Width is the working width in pixels, 384 when zero.
	Width int
	// LearnFor is how long the empty scene is collected before the first
	// verdict, 6 s when zero.
	LearnFor time.Duration
}

// Thing is one standing thing at one look.
type Thing struct {
	Key   string
	State analytic.State
	// Accepted tells that dwell is over and nothing spoke against it.
	Accepted bool
	// Zones are the regions that the thing counts in, in the order given.
	Zones []string
	Box   edgev1.Box
	// Foot is where it stands: the middle of its lowest part.
	Foot edgev1.Point
	// Area is its share of the frame, Score how sure this look is.
	Area, Score float64
	Since       time.Time
	// Dwell counts the time in which it was seen or covered.
	Dwell    time.Duration
	Excluded []edgev1.Mark
	// Judged is the verifier's mean answer; zero when it was not asked.
	Judged analytic.Judgement
}

// Observation puts the thing in the words of the event machine.
func (t *Thing) Observation(kind edgev1.Kind, zone string, dwell time.Duration, models []edgev1.ModelRef) analytic.Observation {
	state := t.State
	if state == analytic.Present && t.Dwell < dwell {
		state = analytic.Candidate
	}
	return analytic.Observation{
		Kind: kind, Zone: zone, Key: t.Key, State: state, Box: t.Box, Score: t.Score,
		Since: t.Since, Dwell: t.Dwell, Area: t.Area, Excluded: t.Excluded, Models: models,
	}
}

// Models names the models behind the engine.
func (e *Engine) Models() []edgev1.ModelRef { return e.o.Models }

// Look is the engine's answer for one picture. NoVerdict says why there is
// none; Things is empty then.
type Look struct {
	At        time.Time
	NoVerdict string
	Things    []Thing
	// Gain is the exposure against the reference, 1 when equal.
	Gain float64
	// Foreground is the share of pixels that differ from the reference.
	Foreground float64
}

// Engine serves one camera. Calls must come from one goroutine at a time.
type Engine struct {
	o       Options
	regions []regionMap

	w, h, cw, ch int
	bw, bh       int // size of the reference for crops
	aspect       float64

	ready bool
	boot  bootstrap
	ref   reference
	big   bigReference

	cur   view // the picture as it came, working size
	norm  view // the same in the reference's light
	light light
	work  scratch

	hist   []past
	acc    []uint16 // stillness of each changed pixel, in units of 10 ms
	cand   []byte   // what each changed pixel looked like
	moved  shiftState
	frozen frozenState
	fullAt time.Time

	tracks  []*track
	seq     uint64
	last    time.Time
	step    time.Duration // running mean of the time between looks
	look    Look
	bigAt   time.Time
	bigCur  view
	bigRoom []int32 // a row of it
	bigFor  time.Time
	snap    []byte
}

// New checks the options and makes an engine that knows no scene yet.
func New(o Options) (*Engine, error) {
	if o.Width == 0 {
		o.Width = 384
	}
	if o.Width < 64 || o.Width > 1024 {
		return nil, fmt.Errorf("still: width %d is outside 64..1024", o.Width)
	}
	if o.LearnFor == 0 {
		o.LearnFor = 6 * time.Second
	}
	seen := make(map[string]bool, len(o.Regions))
	for i, r := range o.Regions {
		if r.ID == "" || seen[r.ID] {
			return nil, fmt.Errorf("still: regions[%d].id %q is empty or used twice", i, r.ID)
		}
		seen[r.ID] = true
		if len(r.Polygon) < 3 {
			return nil, fmt.Errorf("still: region %s: polygon needs at least 3 points", r.ID)
		}
		if r.Dwell < 0 || r.EndDelay < 0 || r.MinArea < 0 || r.Share < 0 || r.Share > 1 {
			return nil, fmt.Errorf("still: region %s: dwell, end delay, area and share must not be negative, share at most 1", r.ID)
		}
	}
	return &Engine{o: o}, nil
}

// Observe looks at one picture. Two calls with the same time give the same
// look, so that several rules can share the engine.
func (e *Engine) Observe(ctx context.Context, in *analytic.Input) (Look, error) {
	if in == nil || in.Frame == nil && in.Small == nil {
		return Look{}, fmt.Errorf("still: input without a picture")
	}
	if in.At.Equal(e.last) && !e.last.IsZero() || in.At.Before(e.last) && e.last.Sub(in.At) < time.Minute {
		return e.look, nil
	}
	frame, small := in.Frame, in.Small
	if frame == nil {
		frame = small
	}
	if small == nil {
		small = frame
	}
	for _, p := range []*picture.YUV{frame, small} {
		if err := p.Check(); err != nil {
			return Look{}, fmt.Errorf("still: %w", err)
		}
		if p.W < 32 || p.H < 32 {
			return Look{}, fmt.Errorf("still: picture of %dx%d is too small to judge", p.W, p.H)
		}
	}
	e.fit(frame)
	e.cur.take(small)
	dt := e.tick(in.At)
	e.look = Look{At: in.At, Gain: 1}
	reason, err := e.advance(ctx, in.At, dt, frame)
	if err != nil {
		return Look{}, err
	}
	e.look.NoVerdict = reason
	if reason == "" {
		e.look.Things = e.report()
	}
	e.snap = nil
	return e.look, nil
}

// advance runs one look and returns the reason when there is no verdict.
func (e *Engine) advance(ctx context.Context, at time.Time, dt time.Duration, frame *picture.YUV) (string, error) {
	if reason := e.gate(at); reason != "" {
		return reason, nil
	}
	if !e.ready {
		if !e.learnScene(at, frame) {
			return ReasonLearning, nil
		}
	}
	e.light = e.fitLight()
	e.look.Gain = e.light.gain
	e.normalise()
	if e.checkShift(at) {
		return ReasonMoved, nil
	}
	fg := e.markChange()
	e.look.Foreground = fg
	if e.checkFull(at, fg) {
		return ReasonFull, nil
	}
	e.countStill(at, dt)
	e.followTracks(at, dt)
	e.formTracks(at)
	if err := e.judgeTracks(ctx, at, frame); err != nil {
		return "", err
	}
	e.retireTracks(at)
	e.learn(at, dt, frame)
	return "", nil
}

// tick returns the time that this look accounts for. Gaps longer than the
// slowest sensible interval count for that interval only.
func (e *Engine) tick(at time.Time) time.Duration {
	const longest = 2500 * time.Millisecond
	gap := at.Sub(e.last)
	first := e.last.IsZero()
	e.last = at
	if first || gap <= 0 {
		e.hist = e.hist[:0]
		return 0
	}
	if gap > 2*longest {
		e.hist = e.hist[:0]
	}
	gap = min(gap, longest)
	if e.step == 0 {
		e.step = gap
	}
	e.step += (gap - e.step) / 8
	return gap
}

// fit settles the working sizes on the first picture; a picture of another
// shape (not merely another size) starts the engine anew.
func (e *Engine) fit(frame *picture.YUV) {
	aspect := float64(frame.W) / float64(frame.H)
	bw := min(frame.W, 2*e.o.Width)
	if e.w > 0 && aspect > e.aspect*0.97 && aspect < e.aspect*1.03 {
		return
	}
	h := max(32, int(float64(e.o.Width)/aspect+0.5))
	e.resize(e.o.Width, min(h, 4*e.o.Width), bw, max(32, min(int(float64(bw)/aspect+0.5), 8*e.o.Width)))
	e.aspect = aspect
	e.ready = false
	e.boot = bootstrap{}
	e.tracks = nil
}

// resize makes the planes; what they held is lost.
func (e *Engine) resize(w, h, bw, bh int) {
	e.w, e.h, e.cw, e.ch = w, h, (w+1)/2, (h+1)/2
	e.bw, e.bh = bw, bh
	e.cur, e.norm = newView(w, h), newView(w, h)
	e.bigCur, e.bigRoom = newView(bw, bh), make([]int32, bw)
	e.bigFor = time.Time{}
	e.ref = newReference(w, h)
	e.big = bigReference{view: newView(bw, bh)}
	e.acc, e.cand = make([]uint16, w*h), make([]byte, w*h)
	e.work = newScratch(w, h)
	e.hist = nil
	e.moved, e.frozen, e.fullAt = shiftState{}, frozenState{}, time.Time{}
	e.regions = e.regions[:0]
	for _, r := range e.o.Regions {
		e.regions = append(e.regions, rasterise(r, w, h))
	}
}

// report turns the tracks into things.
func (e *Engine) report() []Thing {
	out := make([]Thing, 0, len(e.tracks))
	for _, t := range e.tracks {
		if len(t.zones) == 0 || t.looks < 2 {
			continue
		}
		th := Thing{
			Key: t.key, State: t.state, Accepted: t.verdict == accepted, Box: t.box(e.w, e.h),
			Foot: t.shape.foot(e.w, e.h), Area: float64(t.shape.area) / float64(e.w*e.h),
			Score: t.score(), Since: t.since, Dwell: t.dwell(), Excluded: t.excluded, Judged: t.mean(),
		}
		for _, z := range t.zones {
			th.Zones = append(th.Zones, e.o.Regions[z].ID)
		}
		out = append(out, th)
	}
	return out
}
