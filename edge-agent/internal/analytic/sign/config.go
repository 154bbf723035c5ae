// Package sign tells whether a shop's sign is still the registered one: it
// locates and reads the text in the sign's zone, compares the picture with a
// stored reference and the text with the registered name, and answers same,
// changed, covered, gone or unreadable. README.md holds the decision table.
package sign

import (
	"bytes"
	_ "embed" // The sample configuration is the default.
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

//go:embed sample.json
var sampleJSON []byte

// SampleJSON is the default configuration as text.
func SampleJSON() []byte { return bytes.Clone(sampleJSON) }

// Config is the analytic's configuration.
type Config struct {
	// Looks is how many readings are voted over, Votes how many must agree.
	Looks int `json:"looks"`
	Votes int `json:"votes"`
	// RejudgeEveryS is the longest time without a reading, RetryS the time
	// to the next try after an unreadable one.
	RejudgeEveryS float64 `json:"rejudgeEveryS"`
	RetryS        float64 `json:"retryS"`
	// DwellS is how long a change must persist where the zone says nothing.
	DwellS float64 `json:"dwellS"`
	// MaxGapS bounds the dwell that one pause between two looks counts for.
	MaxGapS float64       `json:"maxGapS"`
	Text    TextConfig    `json:"text"`
	Picture PictureConfig `json:"picture"`
	Name    NameConfig    `json:"name"`
	Exclude ExcludeConfig `json:"exclude"`
}

// TextConfig holds the numbers for locating and reading text.
type TextConfig struct {
	// FindSide is the length in pixels to which a small zone's longer side
	// is enlarged (at most MaxEnlarge times) before text is located;
	// MaxSide bounds what the locating network sees.
	FindSide   int     `json:"findSide"`
	MaxEnlarge float64 `json:"maxEnlarge"`
	MaxSide    int     `json:"maxSide"`
	// Margin around the zone that is looked at too, as a share of its size.
	Margin float64 `json:"margin"`
	// MapThreshold, BoxScore, Unclip and MinSidePx turn the network's map
	// into boxes; TallRatio is the h/w from which a box is a vertical line.
	MapThreshold float64 `json:"mapThreshold"`
	BoxScore     float64 `json:"boxScore"`
	Unclip       float64 `json:"unclip"`
	MinSidePx    float64 `json:"minSidePx"`
	TallRatio    float64 `json:"tallRatio"`
	MaxLines     int     `json:"maxLines"`
	// MinConfidence drops a line; a reading is sure from SureConfidence.
	MinConfidence  float64 `json:"minConfidence"`
	SureConfidence float64 `json:"sureConfidence"`
	// A character is beyond doubt from SureCharacter.
	SureCharacter float64 `json:"sureCharacter"`
	// Glyphs lower than MinGlyphPx source pixels are not judged; a reading
	// is sure from SureGlyphPx.
	MinGlyphPx  float64 `json:"minGlyphPx"`
	SureGlyphPx float64 `json:"sureGlyphPx"`
	// MinAdvance is the least width of a Chinese character over its height;
	// less means a view from too far aside.
	MinAdvance float64 `json:"minAdvance"`
	// MainLine is the share of the heaviest line's weight from which a line
	// belongs to the shop's name.
	MainLine float64 `json:"mainLine"`
}

// PictureConfig holds the numbers for comparing pictures.
type PictureConfig struct {
	// Side is the longer side in pixels of the compared crop, SearchPx how
	// far it is shifted in the search for the best fit.
	Side     int `json:"side"`
	SearchPx int `json:"searchPx"`
	// Similar and Identical are correlations with the reference; SameAsLast
	// is the correlation with the last judged crop under which it is judged
	// anew.
	Similar    float64 `json:"similar"`
	Identical  float64 `json:"identical"`
	SameAsLast float64 `json:"sameAsLast"`
	// The crop is too dark when its mean and its 95th percentile lie under
	// these (0..255), and glaring when this share of it is burnt out.
	DarkMean   float64 `json:"darkMean"`
	DarkP95    float64 `json:"darkP95"`
	GlareShare float64 `json:"glareShare"`
	// A crop blends with its surroundings when luma and chroma differ by no
	// more than these; then a sign that is not there is gone, not covered.
	BlendLuma   float64 `json:"blendLuma"`
	BlendChroma float64 `json:"blendChroma"`
}

// NameConfig holds the numbers and tables for comparing names.
type NameConfig struct {
	// Distances are edit distance over the longer length: up to Own it is
	// the registered name, up to Near a misread one is likely, from Other
	// on it is another name.
	Own   float64 `json:"own"`
	Near  float64 `json:"near"`
	Other float64 `json:"other"`
	// A name that holds the other one whole, of at least ContainMinRunes,
	// counts with this share of its distance.
	ContainMinRunes int     `json:"containMinRunes"`
	ContainWeight   float64 `json:"containWeight"`
	// Pairs are two characters each, the second stands for the first
	// (traditional and variant forms).
	Pairs []string `json:"pairs"`
	// BranchEnds are ends of a branch's name in brackets, or unbracketed
	// after one of BranchRoads; Company are words of legal names. All are
	// left out of a second comparison.
	BranchEnds  []string `json:"branchEnds"`
	BranchRoads []string `json:"branchRoads"`
	Company     []string `json:"company"`
}

// ExcludeConfig says when persons and vehicles stand before a sign.
type ExcludeConfig struct {
	// Share of the zone that they must cover, MinScore of the detection,
	// Around is how much of its surroundings the detector sees, as a
	// multiple of the zone's longer side.
	Share    float64 `json:"share"`
	MinScore float64 `json:"minScore"`
	Around   float64 `json:"around"`
}

// DefaultConfig reads the embedded sample.
func DefaultConfig() (Config, error) { return ParseConfig(sampleJSON) }

// ParseConfig reads and checks a configuration; unknown keys are refused.
func ParseConfig(b []byte) (Config, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var c Config
	if err := d.Decode(&c); err != nil {
		return Config{}, fmt.Errorf("read sign configuration: %w", err)
	}
	if err := c.Validate(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Validate names the first field that cannot work.
func (c Config) Validate() error {
	t, p, n, x := c.Text, c.Picture, c.Name, c.Exclude
	for _, f := range []struct {
		name      string
		v, lo, hi float64
	}{
		{"looks", float64(c.Looks), 1, 15},
		{"votes", float64(c.Votes), float64(c.Looks/2 + 1), float64(c.Looks)},
		{"rejudgeEveryS", c.RejudgeEveryS, 1, 86400},
		{"retryS", c.RetryS, 0.5, 86400},
		{"dwellS", c.DwellS, 0, 86400},
		{"maxGapS", c.MaxGapS, 0.1, 3600},
		{"text.findSide", float64(t.FindSide), 64, 2048},
		{"text.maxEnlarge", t.MaxEnlarge, 1, 8},
		{"text.maxSide", float64(t.MaxSide), 64, 4096},
		{"text.margin", t.Margin, 0, 1},
		{"text.mapThreshold", t.MapThreshold, 0.05, 0.95},
		{"text.boxScore", t.BoxScore, 0, 1},
		{"text.unclip", t.Unclip, 0.5, 4},
		{"text.minSidePx", t.MinSidePx, 1, 100},
		{"text.tallRatio", t.TallRatio, 1, 5},
		{"text.maxLines", float64(t.MaxLines), 1, 64},
		{"text.minConfidence", t.MinConfidence, 0, 1},
		{"text.sureConfidence", t.SureConfidence, t.MinConfidence, 1},
		{"text.sureCharacter", t.SureCharacter, 0, 1},
		{"text.minGlyphPx", t.MinGlyphPx, 1, 100},
		{"text.sureGlyphPx", t.SureGlyphPx, t.MinGlyphPx, 200},
		{"text.minAdvance", t.MinAdvance, 0, 1},
		{"text.mainLine", t.MainLine, 0, 1},
		{"picture.side", float64(p.Side), 48, 512},
		{"picture.searchPx", float64(p.SearchPx), 0, 32},
		{"picture.similar", p.Similar, 0.1, 1},
		{"picture.identical", p.Identical, p.Similar, 1},
		{"picture.sameAsLast", p.SameAsLast, 0, 1},
		{"picture.darkMean", p.DarkMean, 0, 255},
		{"picture.darkP95", p.DarkP95, 0, 255},
		{"picture.glareShare", p.GlareShare, 0, 1},
		{"picture.blendLuma", p.BlendLuma, 0, 255},
		{"picture.blendChroma", p.BlendChroma, 0, 255},
		{"name.own", n.Own, 0, 1},
		{"name.near", n.Near, n.Own, 1},
		{"name.other", n.Other, n.Near, 1},
		{"name.containMinRunes", float64(n.ContainMinRunes), 1, 64},
		{"name.containWeight", n.ContainWeight, 0, 1},
		{"exclude.share", x.Share, 0.01, 1},
		{"exclude.minScore", x.MinScore, 0, 1},
		{"exclude.around", x.Around, 0, 10},
	} {
		if !(f.v >= f.lo && f.v <= f.hi) {
			return fmt.Errorf("sign configuration: %s must be between %g and %g, got %g", f.name, f.lo, f.hi, f.v)
		}
	}
	for i, s := range n.Pairs {
		if utf8.RuneCountInString(s)%2 != 0 {
			return fmt.Errorf("sign configuration: name.pairs[%d] must hold pairs of characters, got %.40q", i, s)
		}
	}
	return nil
}
