// Package diagnosis looks at a camera's small picture before anything else
// does: black, frozen, covered, blurred, dark, bright, moved, corrupt. A bad
// picture gives no verdict, which is not the same as "nothing wrong in the
// street". It is pure Go and takes well under a millisecond a picture.
package diagnosis

import (
	"bytes"
	_ "embed" // The sample configuration is the default.
	"encoding/json"
	"fmt"

	"jiexun/api/edgev1"
)

//go:embed sample.json
var sampleJSON []byte

// SampleJSON is the default configuration as text.
func SampleJSON() []byte { return bytes.Clone(sampleJSON) }

// Hold is hysteresis in seconds: a fault counts after the picture showed it
// for EnterS more than not, and is over after it did not for ExitS.
type Hold struct {
	EnterS float64 `json:"enterS"`
	ExitS  float64 `json:"exitS"`
}

// Config holds the thresholds. Luma is 0..255 full range; shares are 0..1.
type Config struct {
	// Black: mean and Top (99.8th percentile) under these.
	BlackMean float64 `json:"blackMean"`
	BlackTop  float64 `json:"blackTop"`
	// Dark: the same, less strict. A night street with lamps has bright
	// spots and is not dark.
	DarkMean float64 `json:"darkMean"`
	DarkTop  float64 `json:"darkTop"`
	// Bright: mean over BrightMean, or this share burnt out.
	BrightMean  float64 `json:"brightMean"`
	BrightShare float64 `json:"brightShare"`
	// Frozen: fewer pixels than this share changed at all.
	FrozenShare float64 `json:"frozenShare"`
	// Corrupt: this share of the picture is flat concealment grey or green
	// while the rest has at least RestDev of deviation, or the decoder
	// reported errors.
	ConcealedShare float64 `json:"concealedShare"`
	RestDev        float64 `json:"restDev"`
	// The picture is compared with its reference in cells. A cell of the
	// reference counts when its deviation is at least CellDev; MinCells
	// must count, otherwise (a blank wall) nothing is said.
	CellDev  float64 `json:"cellDev"`
	MinCells int     `json:"minCells"`
	// A cell is lost under this correlation. When its energy also fell
	// under LostEnergy of the reference's it was covered, otherwise it
	// shows something else.
	CellCorrelation float64 `json:"cellCorrelation"`
	LostEnergy      float64 `json:"lostEnergy"`
	// Covered and Moved are the shares of counting cells. When the mean
	// correlation of the cells falls under SearchFit a shift is searched,
	// which is a move by itself when it fits better by ShiftGain.
	CoveredShare float64 `json:"coveredShare"`
	MovedShare   float64 `json:"movedShare"`
	SearchFit    float64 `json:"searchFit"`
	ShiftGain    float64 `json:"shiftGain"`
	// Blurred: fine detail against coarse structure fell under this share
	// of what is usual for the camera; MinStructure is needed to judge.
	BlurShare    float64 `json:"blurShare"`
	MinStructure float64 `json:"minStructure"`
	// LearnS is how fast the reference and the usual detail follow;
	// RelearnS is after how long a picture that differs everywhere without
	// being a shifted view becomes the new reference; a stored reference
	// older than StaleS is not used.
	LearnS   float64 `json:"learnS"`
	RelearnS float64 `json:"relearnS"`
	StaleS   float64 `json:"staleS"`
	// MaxGapS bounds the time that one pause between two looks counts for.
	MaxGapS float64                   `json:"maxGapS"`
	Holds   map[edgev1.Diagnosis]Hold `json:"holds"`
}

// order is the order in which faults are named: the first one explains the
// others.
func order() []edgev1.Diagnosis {
	return []edgev1.Diagnosis{edgev1.Corrupt, edgev1.Black, edgev1.Frozen, edgev1.Bright, edgev1.Dark, edgev1.Covered, edgev1.Moved, edgev1.Blurred}
}

// DefaultConfig reads the embedded sample.
func DefaultConfig() (Config, error) { return ParseConfig(sampleJSON) }

// ParseConfig reads and checks a configuration; unknown keys are refused.
func ParseConfig(b []byte) (Config, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var c Config
	if err := d.Decode(&c); err != nil {
		return Config{}, fmt.Errorf("read diagnosis configuration: %w", err)
	}
	if err := c.Validate(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Validate names the first field that cannot work.
func (c Config) Validate() error {
	for _, f := range []struct {
		name      string
		v, lo, hi float64
	}{
		{"blackMean", c.BlackMean, 0, 255}, {"blackTop", c.BlackTop, 0, 255},
		{"darkMean", c.DarkMean, 0, 255}, {"darkTop", c.DarkTop, 0, 255},
		{"brightMean", c.BrightMean, 0, 256}, {"brightShare", c.BrightShare, 0.01, 1},
		{"frozenShare", c.FrozenShare, 0, 0.5},
		{"concealedShare", c.ConcealedShare, 0.01, 1}, {"restDev", c.RestDev, 0, 128},
		{"cellDev", c.CellDev, 0.5, 128}, {"minCells", float64(c.MinCells), 1, cellsX * cellsY},
		{"cellCorrelation", c.CellCorrelation, -1, 1}, {"lostEnergy", c.LostEnergy, 0, 1},
		{"coveredShare", c.CoveredShare, 0.05, 1}, {"movedShare", c.MovedShare, 0.05, 1},
		{"searchFit", c.SearchFit, 0.05, 1}, {"shiftGain", c.ShiftGain, 0.01, 2},
		{"blurShare", c.BlurShare, 0, 1}, {"minStructure", c.MinStructure, 0, 255},
		{"learnS", c.LearnS, 1, 86400}, {"relearnS", c.RelearnS, 1, 7 * 86400}, {"staleS", c.StaleS, 1, 366 * 86400},
		{"maxGapS", c.MaxGapS, 0.1, 600},
	} {
		if !(f.v >= f.lo && f.v <= f.hi) {
			return fmt.Errorf("diagnosis configuration: %s must be between %g and %g, got %g", f.name, f.lo, f.hi, f.v)
		}
	}
	for _, d := range order() {
		h, ok := c.Holds[d]
		if !ok || !(h.EnterS > 0 && h.EnterS <= 86400) || !(h.ExitS > 0 && h.ExitS <= 86400) {
			return fmt.Errorf("diagnosis configuration: holds.%s must have enterS and exitS over 0", d)
		}
	}
	return nil
}
