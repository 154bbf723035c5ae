// Package frontage finds goods, tables and racks outside a shop's door line
// (跨门经营): still things whose box reaches into the strip before the door and
// that stand there. It is a thin rule over the shared engine in package still.
package frontage

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
	// MinShare is the least share of a thing's box outside the door line.
	MinShare float64 `json:"minShare"`
}

// Default is the sample configuration of this folder.
func Default() Config {
	c, err := Parse(sample)
	if err != nil {
		return Config{DwellS: 120, EndDelayS: 30} // the tests parse the sample
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
		return c, fmt.Errorf("frontage: read configuration: %w", err)
	}
	return c, c.Validate()
}

// Validate names the field that is out of range and its limits.
func (c Config) Validate() error {
	for _, f := range []struct {
		name     string
		v, limit float64
	}{{"dwellS", c.DwellS, 86400}, {"endDelayS", c.EndDelayS, 3600}, {"minArea", c.MinArea, 1}, {"minShare", c.MinShare, 1}} {
		if !(f.v >= 0 && f.v <= f.limit) {
			return fmt.Errorf("frontage: %s is %v; give a number from 0 to %v", f.name, f.v, f.limit)
		}
	}
	return nil
}

// Regions gives the engine's regions for the frontage zones of a camera: the
// strips outside the door lines. Other kinds of zones are left out.
func Regions(zones []edgev1.Zone, c Config) ([]still.Region, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	var out []still.Region
	for _, z := range zones {
		if z.Kind != edgev1.ZoneFrontage {
			continue
		}
		out = append(out, still.Region{
			ID: z.ID, Polygon: z.Polygon, MinArea: still.Or(z.MinArea, c.MinArea), Share: max(c.MinShare, 0.01),
			Dwell: still.Seconds(still.Or(z.DwellS, c.DwellS)), EndDelay: still.Seconds(still.Or(z.EndDelayS, c.EndDelayS)),
		})
	}
	return out, nil
}

// Analytic is the rule for one camera.
type Analytic struct {
	engine  *still.Engine
	dwell   map[string]time.Duration
	exclude []edgev1.Zone
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
	a.exclude = slices.Clone(zones)
	a.exclude = slices.DeleteFunc(a.exclude, func(z edgev1.Zone) bool { return z.Kind != edgev1.ZoneExclude })
	return a, nil
}

// Observe reports the things outside the door lines, each in the first strip
// that it stands in.
func (a *Analytic) Observe(ctx context.Context, in *analytic.Input) (analytic.Result, error) {
	look, err := a.engine.Observe(ctx, in)
	if err != nil || look.NoVerdict != "" {
		return analytic.Result{NoVerdict: look.NoVerdict}, err
	}
	var out analytic.Result
	for i := range look.Things {
		t := &look.Things[i]
		if still.Excluded(a.exclude, t.Foot) {
			continue
		}
		for _, z := range t.Zones {
			if d, ok := a.dwell[z]; ok {
				out.Observations = append(out.Observations, t.Observation(edgev1.Frontage, z, d, a.engine.Models()))
				break
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
