// Package stacking finds things that stand on a pavement (占道堆物): still, neither
// person nor vehicle, with their foot in a pavement zone. It is a thin rule
// over the shared engine in package still.
package stacking

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/analytic/still"
)

//go:embed config.json
var sample []byte

// Config holds the defaults for zones that do not say otherwise.
type Config struct {
	// DwellS is how long a thing must stand, EndDelayS for how long it is
	// reported as gone after it left, both in seconds.
	DwellS    float64 `json:"dwellS"`
	EndDelayS float64 `json:"endDelayS"`
	// MinArea is the least share of the frame, 0..1.
	MinArea float64 `json:"minArea"`
	// MinAreaM2 is the least area in m², for zones that carry a scale.
	MinAreaM2 float64 `json:"minAreaM2"`
}

// Default is the sample configuration of this folder.
func Default() Config {
	c, err := Parse(sample)
	if err != nil {
		return Config{DwellS: 300, EndDelayS: 30} // the tests parse the sample
	}
	return c
}

// Parse reads a configuration; unknown fields are refused, because a mistyped
// threshold must not be ignored.
func Parse(data []byte) (Config, error) {
	var c Config
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("stacking: read configuration: %w", err)
	}
	return c, c.Validate()
}

// Validate names the field that is out of range and its limits.
func (c Config) Validate() error {
	for _, f := range []struct {
		name     string
		v, limit float64
	}{{"dwellS", c.DwellS, 86400}, {"endDelayS", c.EndDelayS, 3600}, {"minArea", c.MinArea, 1}, {"minAreaM2", c.MinAreaM2, 100}} {
		if !(f.v >= 0 && f.v <= f.limit) {
			return fmt.Errorf("stacking: %s is %v; give a number from 0 to %v", f.name, f.v, f.limit)
		}
	}
	return nil
}

// Regions gives the engine's regions for the pavement zones of a camera.
// Other kinds of zones are left out.
func Regions(zones []edgev1.Zone, c Config) ([]still.Region, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	var out []still.Region
	for _, z := range zones {
		if z.Kind != edgev1.ZonePavement {
			continue
		}
		r := still.Region{
			ID: z.ID, Polygon: z.Polygon, MinArea: still.Or(z.MinArea, c.MinArea),
			Dwell: still.Seconds(still.Or(z.DwellS, c.DwellS)), EndDelay: still.Seconds(still.Or(z.EndDelayS, c.EndDelayS)),
		}
		if z.ScaleM2 > 0 {
			r.MinArea = max(r.MinArea, min(1, c.MinAreaM2/z.ScaleM2))
		}
		out = append(out, r)
	}
	return out, nil
}

// Analytic is the rule for one camera.
type Analytic struct {
	engine *still.Engine
	dwell  map[string]time.Duration
	// elsewhere are the ids of frontage zones, exclude the zones in which
	// nothing is judged.
	elsewhere []string
	exclude   []edgev1.Zone
}

var _ analytic.Analytic = (*Analytic)(nil)

// New makes the rule over an engine that was set up with Regions.
func New(engine *still.Engine, zones []edgev1.Zone, c Config) (*Analytic, error) {
	regions, err := Regions(zones, c)
	if err != nil {
		return nil, err
	}
	a := &Analytic{engine: engine, dwell: make(map[string]time.Duration, len(regions))}
	for _, r := range regions {
		a.dwell[r.ID] = r.Dwell
	}
	for _, z := range zones {
		switch z.Kind {
		case edgev1.ZoneFrontage:
			a.elsewhere = append(a.elsewhere, z.ID)
		case edgev1.ZoneExclude:
			a.exclude = append(a.exclude, z)
		}
	}
	return a, nil
}

// Observe reports the things on the pavement. What stands in a shop's
// frontage is that rule's: one thing is never two kinds of event.
func (a *Analytic) Observe(ctx context.Context, in *analytic.Input) (analytic.Result, error) {
	look, err := a.engine.Observe(ctx, in)
	if err != nil || look.NoVerdict != "" {
		return analytic.Result{NoVerdict: look.NoVerdict}, err
	}
	var out analytic.Result
	for i := range look.Things {
		t := &look.Things[i]
		if still.Excluded(a.exclude, t.Foot) || slices.ContainsFunc(t.Zones, func(z string) bool { return slices.Contains(a.elsewhere, z) }) {
			continue
		}
		for _, z := range t.Zones {
			if d, ok := a.dwell[z]; ok {
				out.Observations = append(out.Observations, t.Observation(edgev1.Stacking, z, d, a.engine.Models()))
				break // overlapping zones do not multiply a thing
			}
		}
	}
	return out, nil
}

// Snapshot and Restore carry the shared engine's state; it is enough to keep
// one rule's bytes, and harmless to keep both.
func (a *Analytic) Snapshot() ([]byte, error) { return a.engine.Snapshot() }

// Restore takes the shared engine's state back.
func (a *Analytic) Restore(state []byte) error { return a.engine.Restore(state) }
