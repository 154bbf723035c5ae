// Package event turns observations into events: one event for one standing
// thing, opened after enough sure looks and enough dwell, kept while the
// thing is hidden or the picture is unfit, and ended after it was seen gone
// for a while. The machine is pure: it has no clock and no goroutine of its
// own, and the same looks give the same events.
package event

import (
	"bytes"
	_ "embed" // The sample configuration is the default.
	"encoding/json"
	"fmt"

	"jiexun/api/edgev1"
)

//go:embed sample.json
var sampleJSON []byte

// SampleJSON is the default configuration as text, for documentation and for
// a configuration directory's first file.
func SampleJSON() []byte { return bytes.Clone(sampleJSON) }

// Rule holds the numbers for one kind of event; a zone may override them.
// Durations are in seconds of judged time: time in which the camera gave no
// verdict does not count.
type Rule struct {
	// OpenScore is the least score of a look that counts for opening;
	// CloseScore the least that keeps an open event standing.
	OpenScore  float64 `json:"openScore"`
	CloseScore float64 `json:"closeScore"`
	// DwellS is how long the thing must have stood before an event opens.
	DwellS float64 `json:"dwellS"`
	// EndDelayS is how long it must be seen gone before the event ends.
	EndDelayS float64 `json:"endDelayS"`
	// K of the last N looks at the thing must reach OpenScore.
	K int `json:"k"`
	N int `json:"n"`
	// MinArea is the least share of the frame, 0..1.
	MinArea float64 `json:"minArea"`
}

// Config is the machine's configuration.
type Config struct {
	// UpdateEveryS is the longest time without an update of an open event;
	// UpdateMinS the shortest between two updates after a material change.
	UpdateEveryS float64 `json:"updateEveryS"`
	UpdateMinS   float64 `json:"updateMinS"`
	// MaxGapS bounds the time that one pause between two looks counts for.
	MaxGapS float64 `json:"maxGapS"`
	// ReopenWindowS is how long after its end an event is named by a new
	// one at the same spot.
	ReopenWindowS float64 `json:"reopenWindowS"`
	// MaxAgeS ends an event that stands for longer; the thing then counts
	// as known until it was gone.
	MaxAgeS float64 `json:"maxAgeS"`
	// SameSpotIoU is the overlap at which two boxes are the same spot;
	// below MoveIoU a box counts as a material change.
	SameSpotIoU float64 `json:"sameSpotIoU"`
	MoveIoU     float64 `json:"moveIoU"`
	// MaxTracks bounds the things followed at one time.
	MaxTracks int                  `json:"maxTracks"`
	Rules     map[edgev1.Kind]Rule `json:"rules"`
}

// DefaultConfig reads the embedded sample.
func DefaultConfig() (Config, error) { return ParseConfig(sampleJSON) }

// ParseConfig reads and checks a configuration. A key that it does not know
// is refused, so that a typing error is not silently a default.
func ParseConfig(b []byte) (Config, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var c Config
	if err := d.Decode(&c); err != nil {
		return Config{}, fmt.Errorf("read event configuration: %w", err)
	}
	if err := c.Validate(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Validate names the first field that cannot work.
func (c Config) Validate() error {
	for _, f := range []struct {
		name     string
		v, lo, h float64
	}{
		{"updateEveryS", c.UpdateEveryS, 1, 86400},
		{"updateMinS", c.UpdateMinS, 0, c.UpdateEveryS},
		{"maxGapS", c.MaxGapS, 0.1, 600},
		{"reopenWindowS", c.ReopenWindowS, 0, 7 * 86400},
		{"maxAgeS", c.MaxAgeS, 60, 366 * 86400},
		{"sameSpotIoU", c.SameSpotIoU, 0.05, 1},
		{"moveIoU", c.MoveIoU, 0, 1},
		{"maxTracks", float64(c.MaxTracks), 1, 4096},
	} {
		if !(f.v >= f.lo && f.v <= f.h) {
			return fmt.Errorf("event configuration: %s must be between %g and %g, got %g", f.name, f.lo, f.h, f.v)
		}
	}
	for _, k := range []edgev1.Kind{edgev1.Stacking, edgev1.Frontage, edgev1.Sign, edgev1.Picture} {
		r, ok := c.Rules[k]
		if !ok {
			return fmt.Errorf("event configuration: rules.%s is missing", k)
		}
		if err := r.Validate(); err != nil {
			return fmt.Errorf("event configuration: rules.%s: %w", k, err)
		}
	}
	return nil
}

// Validate names the first field that cannot work.
func (r Rule) Validate() error {
	for _, f := range []struct {
		name     string
		v, lo, h float64
	}{
		{"openScore", r.OpenScore, 0, 1},
		{"closeScore", r.CloseScore, 0, r.OpenScore},
		{"dwellS", r.DwellS, 0, 86400},
		{"endDelayS", r.EndDelayS, 0, 86400},
		{"n", float64(r.N), 1, maxLooks},
		{"k", float64(r.K), 1, float64(r.N)},
		{"minArea", r.MinArea, 0, 1},
	} {
		if !(f.v >= f.lo && f.v <= f.h) {
			return fmt.Errorf("%s must be between %g and %g, got %g", f.name, f.lo, f.h, f.v)
		}
	}
	return nil
}

// ruleFor joins the kind's rule with what the zone overrides.
func (c Config) ruleFor(kind edgev1.Kind, z *edgev1.Zone) Rule {
	r := c.Rules[kind]
	if z == nil {
		return r
	}
	if z.DwellS > 0 {
		r.DwellS = z.DwellS
	}
	if z.EndDelayS > 0 {
		r.EndDelayS = z.EndDelayS
	}
	if z.MinArea > 0 {
		r.MinArea = z.MinArea
	}
	if z.OpenScore > 0 {
		r.OpenScore = z.OpenScore
	}
	if z.CloseScore > 0 {
		r.CloseScore = z.CloseScore
	}
	r.CloseScore = min(r.CloseScore, r.OpenScore)
	return r
}
