// Package analytic defines what an analytic is: it turns one camera's
// pictures into observations. Analytics are pure Go on pixels; networks reach
// them through the small interfaces here, so each can be tested without a
// model.
package analytic

import (
	"context"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/picture"
)

// Class is what a detector says a thing is, coarse on purpose: detectors
// filter persons and vehicles, they do not find goods.
type Class string

// The classes that analytics tell apart.
const (
	Person  Class = "person"
	Vehicle Class = "vehicle"
	Bicycle Class = "bicycle"
	Animal  Class = "animal"
	Other   Class = "other"
)

// Object is one detection. Box is normalised to the picture that was given
// to the detector; Score is 0..1.
type Object struct {
	Class Class
	Score float64
	Box   edgev1.Box
}

// Detector finds persons, vehicles and bicycles in a picture. It is shared
// by all cameras, safe for concurrent use and may wait for its turn.
type Detector interface {
	Detect(ctx context.Context, p *picture.RGB) ([]Object, error)
}

// Look is one question to the Verifier: the same square crop from the
// reference and from the current picture, 64x64, and the change mask.
type Look struct {
	Reference, Current *picture.RGB
	Mask               *picture.Gray // 0 or 255
}

// Judgement holds the verifier's probabilities; they add up to 1.
type Judgement struct {
	Thing, Removed, Person, Vehicle, Light, Nothing float64
}

// Verifier says what a change is. Safe for concurrent use.
type Verifier interface {
	Judge(ctx context.Context, l Look) (Judgement, error)
}

// TextMap is the output of a text-locating network: for each pixel of a
// W x H map, the probability 0..1 that it belongs to text. Map pixel (x, y)
// covers picture pixel (x*ScaleX, y*ScaleY).
type TextMap struct {
	W, H           int
	P              []float32
	ScaleX, ScaleY float64
}

// TextFinder runs the text-locating network. maxSide bounds the longer side
// in pixels of what the network sees; 0 means the model's default.
type TextFinder interface {
	FindText(ctx context.Context, p *picture.RGB, maxSide int) (TextMap, error)
}

// TextStep is the best class at one step of a line reader, with its
// probability. Class 0 is the CTC blank.
type TextStep struct {
	Class int
	P     float32
}

// TextReader reads one upright line of text; the picture is scaled to the
// network's height by the reader. Characters of class c is Alphabet()[c].
type TextReader interface {
	ReadSteps(ctx context.Context, line *picture.RGB) ([]TextStep, error)
	Alphabet() []string
}

// Input is one look at one camera.
type Input struct {
	Camera string
	// At is when the picture was taken, by the box's clock, UTC.
	At time.Time
	// Frame is the clean decoded picture; it is lent for the call only.
	Frame *picture.YUV
	// Small is the same picture scaled to about 384 px width.
	Small *picture.YUV
}

// State is what an observation says about a thing at this look.
type State string

// A thing goes Candidate → Present; Occluded means that it cannot be seen
// now and its dwell is held; Gone means that the place was seen without it.
const (
	Candidate State = "candidate"
	Present   State = "present"
	Occluded  State = "occluded"
	Gone      State = "gone"
)

// Observation is what an analytic saw at one look: one row per thing and
// look. Key is stable for one standing thing (or one sign), also across
// restarts; the event machine joins observations by it.
type Observation struct {
	Kind  edgev1.Kind
	Zone  string // zone id
	Key   string
	State State
	Box   edgev1.Box
	// Score is 0..1, how sure this look is.
	Score float64
	// Since is when the thing was first seen at its place.
	Since time.Time
	// Dwell is for how long it was seen or held there.
	Dwell time.Duration
	// Area is the thing's share of the frame, 0..1.
	Area float64
	// Excluded are persons and vehicles that were seen and left out, for
	// the evidence viewer.
	Excluded []edgev1.Mark
	// Sign carries the reading for sign observations.
	Sign *edgev1.SignReading
	// Models names the models that took part.
	Models []edgev1.ModelRef
}

// Result is one look's outcome. NoVerdict, when set, says why the analytic
// cannot judge this picture ("view moved", "relearning"); observations are
// then empty and nothing must be ended because of the look.
type Result struct {
	Observations []Observation
	NoVerdict    string
}

// Analytic is implemented by each folder beside this file. One value serves
// one camera; calls come from one goroutine at a time in order of time.
type Analytic interface {
	Observe(ctx context.Context, in *Input) (Result, error)
	// Snapshot returns what must survive a restart; Restore takes it back
	// and refuses bytes that it does not understand.
	Snapshot() ([]byte, error)
	Restore(state []byte) error
}
