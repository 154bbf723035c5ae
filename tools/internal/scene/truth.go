package scene

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"

	"jiexun/api/edgev1"
)

// Truth is what a composed scene really shows. Times are seconds from the
// start of the loop, boxes and polygons are shares of the picture.
type Truth struct {
	Version     int           `json:"version"`
	Seed        uint64        `json:"seed"`
	Kind        Kind          `json:"kind"`
	Width       int           `json:"width"`
	Height      int           `json:"height"`
	FPS         float64       `json:"fps"`
	DurationS   float64       `json:"durationS"`
	Zones       []edgev1.Zone `json:"zones"`
	Events      []Event       `json:"events"`
	Distractors []Distractor  `json:"distractors"`
	// Faults are what the camera is scripted to do wrong, none in a scene
	// fresh from the composer.
	Faults []FaultSpan `json:"faults"`
}

// Event is something that should be recognised.
type Event struct {
	Kind edgev1.Kind `json:"kind"`
	// Verdict tells what happened to a sign: changed, covered or gone.
	Verdict edgev1.SignVerdict `json:"verdict,omitempty"`
	From    float64            `json:"from"`
	To      float64            `json:"to"`
	Box     edgev1.Box         `json:"box"`
	Label   string             `json:"label"`
	Zone    string             `json:"zone"`
	// Text is what a changed sign says.
	Text string `json:"text,omitempty"`
}

// Distractor is something that should not be recognised.
type Distractor struct {
	Kind string     `json:"kind"`
	From float64    `json:"from"`
	To   float64    `json:"to"`
	Box  edgev1.Box `json:"box"`
}

// FaultSpan is a scripted misbehaviour of the camera.
type FaultSpan struct {
	Kind string  `json:"kind"`
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

// TruthVersion is the layout of Truth.
const TruthVersion = 1

const maxTruth = 4 << 20

// ParseTruth reads and checks a truth file.
func ParseTruth(data []byte) (Truth, error) {
	var t Truth
	if len(data) > maxTruth {
		return t, fmt.Errorf("truth of %d bytes; at most %d are read", len(data), maxTruth)
	}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&t); err != nil {
		return t, fmt.Errorf("parse truth: %w", err)
	}
	return t, t.Validate()
}

// Validate names the field that is wrong.
func (t Truth) Validate() error {
	switch {
	case t.Version != TruthVersion:
		return fmt.Errorf("version: %d; this program reads %d", t.Version, TruthVersion)
	case !t.Kind.known():
		return fmt.Errorf("kind: %q is unknown", t.Kind)
	case t.Width < 16 || t.Height < 16 || t.Width > 8192 || t.Height > 8192:
		return fmt.Errorf("width, height: %dx%d is out of range", t.Width, t.Height)
	case !(t.FPS > 0 && t.FPS <= 60):
		return fmt.Errorf("fps: %v is out of range", t.FPS)
	case !(t.DurationS > 0 && t.DurationS <= 86400):
		return fmt.Errorf("durationS: %v is out of range", t.DurationS)
	}
	zones := map[string]edgev1.ZoneKind{}
	for i, z := range t.Zones {
		if z.ID == "" || zones[z.ID] != "" {
			return fmt.Errorf("zones[%d].id: %q is empty or used twice", i, z.ID)
		}
		if len(z.Polygon) < 3 {
			return fmt.Errorf("zones[%d].polygon: %d corners; at least 3", i, len(z.Polygon))
		}
		for j, p := range z.Polygon {
			if !(p.X >= 0 && p.X <= 1 && p.Y >= 0 && p.Y <= 1) {
				return fmt.Errorf("zones[%d].polygon[%d]: outside the picture", i, j)
			}
		}
		zones[z.ID] = z.Kind
	}
	for i, e := range t.Events {
		if err := e.validate(zones, t.DurationS); err != nil {
			return fmt.Errorf("events[%d].%w", i, err)
		}
	}
	for i, d := range t.Distractors {
		if err := span(d.From, d.To, t.DurationS); err != nil {
			return fmt.Errorf("distractors[%d].%w", i, err)
		}
		if err := boxOK(d.Box); err != nil {
			return fmt.Errorf("distractors[%d].%w", i, err)
		}
	}
	return nil
}

func (e Event) validate(zones map[string]edgev1.ZoneKind, length float64) error {
	want := map[edgev1.Kind]edgev1.ZoneKind{edgev1.Stacking: edgev1.ZonePavement,
		edgev1.Frontage: edgev1.ZoneFrontage, edgev1.Sign: edgev1.ZoneSign}[e.Kind]
	switch {
	case want == "":
		return fmt.Errorf("kind: %q; use stacking, frontage or sign", e.Kind)
	case zones[e.Zone] != want:
		return fmt.Errorf("zone: %q is not a %s zone of the scene", e.Zone, want)
	case (e.Kind == edgev1.Sign) != (e.Verdict != ""):
		return fmt.Errorf("verdict: %q; a sign has one, other kinds have none", e.Verdict)
	}
	if err := span(e.From, e.To, length); err != nil {
		return err
	}
	return boxOK(e.Box)
}

func span(from, to, length float64) error {
	if !(from >= 0 && to > from && to <= length+1e-6) {
		return fmt.Errorf("from, to: %v to %v is not inside the scene of %v s", from, to, length)
	}
	return nil
}

func boxOK(b edgev1.Box) error {
	const e = 1e-6
	if math.IsNaN(b.X+b.Y+b.W+b.H) || b.X < -e || b.Y < -e || b.W <= 0 || b.H <= 0 || b.X+b.W > 1+e || b.Y+b.H > 1+e {
		return fmt.Errorf("box: %+v is not inside the picture", b)
	}
	return nil
}
