package sign

import (
	"context"
	"fmt"
	"math"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/picture"
)

// Options make an Analytic for one camera.
type Options struct {
	Config Config
	// Zones of the camera; those that are not sign zones are left out.
	Zones  []edgev1.Zone
	Finder analytic.TextFinder
	Reader analytic.TextReader
	// Detector, if given, tells when a person or vehicle stands before a
	// sign.
	Detector analytic.Detector
	// Models are named in each observation.
	Models []edgev1.ModelRef
}

// Analytic judges the signs before one camera. It implements
// analytic.Analytic.
type Analytic struct {
	cfg      Config
	finder   analytic.TextFinder
	reader   analytic.TextReader
	detector analytic.Detector
	models   []edgev1.ModelRef
	alphabet []string
	names    names
	zones    []*zone
	stats    Stats
}

var _ analytic.Analytic = (*Analytic)(nil)

// Stats counts what the analytic spent: Looks at zones, Readings by the
// networks, Saved looks that needed none, Detections before a changed sign.
type Stats struct{ Looks, Readings, Saved, Detections int64 }

// New checks the options. Finder and reader must be given.
func New(o Options) (*Analytic, error) {
	if o.Finder == nil || o.Reader == nil {
		return nil, fmt.Errorf("sign analytic: text finder and text reader must be set")
	}
	if err := o.Config.Validate(); err != nil {
		return nil, err
	}
	a := &Analytic{
		cfg: o.Config, finder: o.Finder, reader: o.Reader, detector: o.Detector, models: o.Models,
		alphabet: o.Reader.Alphabet(), names: newNames(o.Config.Name),
	}
	a.SetZones(o.Zones)
	return a, nil
}

// SetZones takes new zones. A zone with the same corners keeps what is known
// of it; a zone whose corners or name changed starts anew.
func (a *Analytic) SetZones(zs []edgev1.Zone) {
	var out []*zone
	for _, z := range zs {
		if z.Kind != edgev1.ZoneSign || len(z.Polygon) < 3 {
			continue
		}
		n := newZone(z, a.cfg)
		for _, old := range a.zones {
			if old.ID == z.ID && samePlace(old.Polygon, z.Polygon) && old.SignName == z.SignName {
				n.memory = old.memory
			}
		}
		out = append(out, n)
	}
	a.zones = out
}

// SetReference gives the stored picture of a zone's sign. whole tells that
// it is a picture of the camera's whole view; otherwise it shows the sign's
// bounding rectangle alone.
func (a *Analytic) SetReference(zoneID string, p *picture.YUV, whole bool) error {
	if err := p.Check(); err != nil {
		return fmt.Errorf("set sign reference of zone %s: %w", zoneID, err)
	}
	for _, z := range a.zones {
		if z.ID == zoneID {
			return z.setReference(p, whole, a.cfg)
		}
	}
	return fmt.Errorf("set sign reference: camera has no sign zone %s", zoneID)
}

// ReferenceJPEG is the stored picture of a zone's sign, for evidence; nil
// when there is none yet.
func (a *Analytic) ReferenceJPEG(zoneID string) (jpeg []byte, at time.Time) {
	for _, z := range a.zones {
		if z.ID == zoneID {
			if len(z.memory.Given.JPEG) > 0 {
				return z.memory.Given.JPEG, z.memory.Given.At
			}
			return z.memory.Learned.JPEG, z.memory.Learned.At
		}
	}
	return nil, time.Time{}
}

// Latest is the last settled answer about each zone, by zone id.
func (a *Analytic) Latest() map[string]edgev1.SignReading {
	out := make(map[string]edgev1.SignReading, len(a.zones))
	for _, z := range a.zones {
		out[z.ID] = z.memory.answer(z.SignName)
	}
	return out
}

// Stats returns the counters so far.
func (a *Analytic) Stats() Stats { return a.stats }

// Observe implements analytic.Analytic: one observation for each sign zone.
func (a *Analytic) Observe(ctx context.Context, in *analytic.Input) (analytic.Result, error) {
	if len(a.zones) == 0 {
		return analytic.Result{}, nil
	}
	if err := in.Frame.Check(); err != nil {
		return analytic.Result{NoVerdict: "no picture"}, nil
	}
	var res analytic.Result
	for _, z := range a.zones {
		o, err := a.look(ctx, in, z)
		if err != nil {
			return analytic.Result{}, fmt.Errorf("judge sign zone %s: %w", z.ID, err)
		}
		res.Observations = append(res.Observations, o)
	}
	return res, nil
}

// look judges one zone at one time.
func (a *Analytic) look(ctx context.Context, in *analytic.Input, z *zone) (analytic.Observation, error) {
	a.stats.Looks++
	cfg, mem := a.cfg, &z.memory
	p := plateOf(z.Polygon, in.Frame.W, in.Frame.H, cfg.Picture)
	crop := p.gray(in.Frame, cfg.Picture.SearchPx)
	sim := mem.similarity(crop, cfg.Picture.SearchPx)

	dt := mem.elapsed(in.At, cfg.MaxGapS)
	if mem.Pending = mem.due(in.At, crop, sim, cfg); mem.Pending == 0 {
		a.stats.Saved++
		mem.Similarity = sim
		mem.carry(in.At, dt)
		return a.observation(z, mem, nil, false), nil
	}
	before, own := mem.Last, mem.Own
	v, r, err := a.judge(ctx, in, z, p, crop, sim)
	if err != nil {
		return analytic.Observation{}, err
	}
	var excluded []edgev1.Mark
	hidden := false
	if v != edgev1.SignSame && v != edgev1.SignUnreadable && a.detector != nil {
		if excluded, hidden, err = a.before(ctx, in.Frame, z, p); err != nil {
			return analytic.Observation{}, err
		}
	}
	if hidden {
		mem.hold(in.At)
		return a.observation(z, mem, excluded, true), nil
	}
	mem.judged(in.At, dt, crop, v, r, sim, cfg)
	if mem.Settled == edgev1.SignSame {
		steady := own && similarity(before, crop, cfg.Picture.SearchPx) >= cfg.Picture.Identical
		a.learn(in, z, p, crop, sim, v, steady)
	}
	return a.observation(z, mem, excluded, false), nil
}

// judge gives the verdict of one look; the networks run only when the
// picture alone does not answer.
func (a *Analytic) judge(ctx context.Context, in *analytic.Input, z *zone, p plate, crop *picture.Gray, sim float64) (edgev1.SignVerdict, reading, error) {
	cfg := a.cfg
	f := facts{light: lightOf(crop, cfg.Picture.SearchPx, cfg.Picture), like: z.memory.likeness(sim, cfg.Picture)}
	f.tiny = min(p.q.width(), p.q.height()) < cfg.Text.MinGlyphPx
	due := in.At.Sub(z.memory.ReadAt).Seconds() >= cfg.RejudgeEveryS
	if f.light != lit {
		return decide(f), reading{}, nil
	}
	if f.like == identical && !due {
		return decide(f), z.memory.Reading.open(), nil
	}
	a.stats.Readings++
	r, err := a.read(ctx, in.Frame, p)
	if err != nil {
		return "", reading{}, err
	}
	z.memory.ReadAt, z.memory.ReadSimilarity = in.At, sim
	f.words, f.sure = a.wording(z, &r)
	f.replaced = f.words == nearly && a.replaced(z, &r)
	if f.words == noText && f.like == differs {
		f.blends = p.blends(in.Frame, cfg.Picture)
	}
	return decide(f), r, nil
}

// wording compares what was read with the registered name and with what the
// confirmed sign itself reads like.
func (a *Analytic) wording(z *zone, r *reading) (wording, bool) {
	c := a.cfg
	z.memory.Own = false
	if len(r.lines) == 0 {
		if r.weak > 0 {
			return weak, false
		}
		return noText, false
	}
	registered, d := 1.0, 1.0
	for _, s := range r.candidates(c.Text) {
		registered = min(registered, a.names.distance(z.SignName, s))
		if z.memory.Alias != "" {
			d = min(d, a.names.distance(z.memory.Alias, s))
		}
	}
	d = min(d, registered)
	if registered == 0 && r.conf >= c.Text.SureConfidence {
		z.memory.Legible = true
	}
	z.memory.Distance, z.memory.Own = registered, d <= c.Name.Own
	sure := r.conf >= c.Text.SureConfidence && r.glyph >= c.Text.SureGlyphPx && !r.steep
	switch {
	case z.SignName == "" && z.memory.Alias == "":
		return weak, false
	case d <= c.Name.Own:
		return own, sure
	case r.glyph < c.Text.MinGlyphPx || r.steep:
		return weak, false
	case d <= c.Name.Near:
		return nearly, sure
	case d < c.Name.Other:
		return unlike, sure
	}
	return other, sure
}

// replaced tells whether a sign that was read exactly before now reads with
// a character exchanged, each of its characters being beyond doubt.
func (a *Analytic) replaced(z *zone, r *reading) bool {
	if !z.memory.Legible || len(r.lines) == 0 {
		return false
	}
	least := 1.0
	for _, l := range r.lines {
		if l.glyph >= a.cfg.Text.MainLine*r.glyph {
			least = min(least, l.least)
		}
	}
	return least >= a.cfg.Text.SureCharacter && a.names.replaced(z.SignName, r.text)
}

// learn keeps the picture of a sign that reads as registered when there is
// no reference, or when the one learned earlier no longer looks like it and
// the look before was the same already: a sign that is being taken down, or
// someone passing before it, is no reference. And it keeps what a sign that
// looks as given reads like.
func (a *Analytic) learn(in *analytic.Input, z *zone, p plate, crop *picture.Gray, sim float64, v edgev1.SignVerdict, steady bool) {
	mem, c := &z.memory, a.cfg
	if v != edgev1.SignSame {
		return
	}
	if mem.Reading.Confidence < c.Text.SureConfidence || mem.Reading.Glyph < c.Text.MinGlyphPx {
		return
	}
	none := mem.Learned.Crop == nil && mem.Given.Crop == nil
	switch {
	case mem.Own && mem.ReadAt.Equal(in.At) && (none || sim < c.Picture.Similar && steady):
		mem.Learned = referenceOf(in.Frame, p, crop, in.At, c)
		mem.Similarity = 1
	case !mem.Own && mem.Given.Crop != nil && min(sim, mem.ReadSimilarity) >= c.Picture.Identical:
		mem.Alias = mem.Reading.Text
	}
}

// before looks for persons and vehicles between the camera and the sign.
func (a *Analytic) before(ctx context.Context, src *picture.YUV, z *zone, p plate) ([]edgev1.Mark, bool, error) {
	a.stats.Detections++
	around := a.cfg.Exclude.Around * max(p.q.width(), p.q.height())
	c := p.q.center()
	half := max(p.q.width(), p.q.height())/2 + around
	roi := picture.Rect{X0: int(c.x - half), Y0: int(c.y - half), X1: int(c.x + half), Y1: int(c.y + half)}.Clip(src.W, src.H)
	if roi.W() < 8 || roi.H() < 8 {
		return nil, false, nil
	}
	objs, err := a.detector.Detect(ctx, src.ToRGB(roi))
	if err != nil {
		return nil, false, fmt.Errorf("look for persons and vehicles: %w", err)
	}
	var marks []edgev1.Mark
	sign, hidden := boundsOf(z.Polygon), false
	for _, o := range objs {
		if o.Score < a.cfg.Exclude.MinScore || (o.Class != analytic.Person && o.Class != analytic.Vehicle && o.Class != analytic.Bicycle) {
			continue
		}
		b := edgev1.Box{
			X: (float64(roi.X0) + o.Box.X*float64(roi.W())) / float64(src.W), Y: (float64(roi.Y0) + o.Box.Y*float64(roi.H())) / float64(src.H),
			W: o.Box.W * float64(roi.W()) / float64(src.W), H: o.Box.H * float64(roi.H()) / float64(src.H),
		}
		share := common(b, sign) / max(sign.W*sign.H, 1e-9)
		if share > 0 {
			marks = append(marks, edgev1.Mark{Role: "excluded", Label: string(o.Class), Score: o.Score, Box: b})
		}
		hidden = hidden || share >= a.cfg.Exclude.Share
	}
	return marks, hidden, nil
}

// observation says what the zone's memory means now.
func (a *Analytic) observation(z *zone, mem *memory, excluded []edgev1.Mark, hidden bool) analytic.Observation {
	b := boundsOf(z.Polygon)
	ans := mem.answer(z.SignName)
	o := analytic.Observation{
		Kind: edgev1.Sign, Zone: z.ID, Key: "sign:" + z.ID, Box: b, Area: b.W * b.H,
		Since: mem.BadSince, Dwell: time.Duration(mem.BadS * float64(time.Second)),
		Excluded: excluded, Sign: &ans, Models: a.models,
	}
	switch {
	case hidden || mem.Hidden || mem.Settled == edgev1.SignUnreadable || mem.Settled == "":
		o.State = analytic.Occluded
	case mem.Settled == edgev1.SignSame:
		o.State = analytic.Gone
	default:
		o.State = analytic.Candidate
		if mem.BadS >= z.dwell {
			o.State = analytic.Present
		}
		o.Score = score(ans, a.cfg.Looks)
	}
	return o
}

// score is how sure a settled answer is, 0..1: the certainty of the reading
// or of the difference, weighted by the share of looks that agree.
func score(s edgev1.SignReading, looks int) float64 {
	sure := 1 - max(s.Similarity, 0)/2
	if s.Verdict == edgev1.SignChanged {
		sure = s.Confidence
	}
	return sure * (0.5 + 0.5*min(float64(s.Votes)/float64(looks), 1))
}

func boundsOf(poly []edgev1.Point) edgev1.Box {
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, p := range poly {
		x0, x1 = min(x0, p.X), max(x1, p.X)
		y0, y1 = min(y0, p.Y), max(y1, p.Y)
	}
	return edgev1.Box{X: x0, Y: y0, W: x1 - x0, H: y1 - y0}
}

func common(a, b edgev1.Box) float64 {
	w := min(a.X+a.W, b.X+b.W) - max(a.X, b.X)
	h := min(a.Y+a.H, b.Y+b.H) - max(a.Y, b.Y)
	return max(w, 0) * max(h, 0)
}
