package rtspcam

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"jiexun/tools/internal/clip"
)

// Fault is a kind of misbehaviour.
type Fault string

// The faults that a camera can be asked for.
const (
	FaultDrop       Fault = "drop"       // lose this share of RTP packets
	FaultCorrupt    Fault = "corrupt"    // damage this share of RTP payloads
	FaultSlow       Fault = "slow"       // deliver at this share of real speed, then catch up
	FaultFreeze     Fault = "freeze"     // the same picture over and over
	FaultBlack      Fault = "black"      // a black picture
	FaultShift      Fault = "shift"      // the view moves by this share of the picture
	FaultResolution Fault = "resolution" // another picture size, new parameter sets
	FaultTiny       Fault = "tiny"       // a 64x48 picture
	FaultHuge       Fault = "huge"       // a 3840x2160 picture
	FaultStop       Fault = "stop"       // readers are closed, new ones get 404
	FaultAuth       Fault = "auth"       // readers are closed, new ones get 401
	FaultAudioOnly  Fault = "audio_only" // the description holds no video
	FaultNone       Fault = "none"       // end the running fault
)

// Faults lists every kind, in the order shown to people.
func Faults() []Fault {
	return []Fault{FaultDrop, FaultCorrupt, FaultSlow, FaultFreeze, FaultBlack, FaultShift,
		FaultResolution, FaultTiny, FaultHuge, FaultStop, FaultAuth, FaultAudioOnly, FaultNone}
}

// FaultSpec asks a path for a fault.
type FaultSpec struct {
	Kind Fault `json:"kind"`
	// Seconds is how long it lasts; 0 means until ended.
	Seconds float64 `json:"seconds"`
	// Rate is the strength, 0..1; 0 means the kind's usual strength.
	Rate float64 `json:"rate"`
}

// maxFaultSeconds is one day.
const maxFaultSeconds = 86400

// Validate names the field that is wrong and what may stand there.
func (s FaultSpec) Validate() error {
	known := false
	names := make([]string, 0, len(Faults()))
	for _, k := range Faults() {
		known = known || k == s.Kind
		names = append(names, string(k))
	}
	if !known {
		return fmt.Errorf("kind: %q is unknown; use one of %s", s.Kind, strings.Join(names, ", "))
	}
	if math.IsNaN(s.Seconds) || s.Seconds < 0 || s.Seconds > maxFaultSeconds {
		return fmt.Errorf("seconds: %v is out of range; use 0 (until ended) to %d", s.Seconds, maxFaultSeconds)
	}
	if math.IsNaN(s.Rate) || s.Rate < 0 || s.Rate > 1 {
		return fmt.Errorf("rate: %v is out of range; use 0 to 1", s.Rate)
	}
	return nil
}

// ParseFault reads a fault from JSON, refusing fields it does not know.
func ParseFault(data []byte) (FaultSpec, error) {
	var s FaultSpec
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return s, fmt.Errorf(`parse fault: %w; send {"kind":"drop","seconds":10,"rate":0.1}`, err)
	}
	return s, s.Validate()
}

func (s FaultSpec) duration() time.Duration {
	return time.Duration(s.Seconds * float64(time.Second))
}

func (s FaultSpec) rate(usual float64) float64 {
	if s.Rate > 0 {
		return s.Rate
	}
	return usual
}

// excerptSeconds is how much of the clip is prepared for a fault that shows
// another picture; it repeats while the fault lasts.
const excerptSeconds = 10

// recipe answers how the picture of the fault is prepared from the clip at
// this position, and whether the fault needs a picture of its own at all.
func (s FaultSpec) recipe(c *clip.Clip, pos time.Duration) (clip.Recipe, bool) {
	w, h := c.Width, c.Height
	start := math.Floor(pos.Seconds()/excerptSeconds) * excerptSeconds
	moving := func(filter string) (clip.Recipe, bool) {
		return clip.Recipe{Filter: filter, Start: start, Length: excerptSeconds}, true
	}
	switch s.Kind {
	case FaultFreeze:
		// Whole seconds keep the number of prepared pictures small.
		at := math.Floor(pos.Seconds())
		n := max(2, int(c.FPS+0.5))
		return clip.Recipe{Filter: fmt.Sprintf("select='eq(n,0)',loop=loop=%d:size=1,setpts=N/(%g*TB)", n-1, c.FPS), Start: at}, true
	case FaultBlack:
		return clip.Recipe{Filter: "drawbox=x=0:y=0:w=iw:h=ih:color=black:t=fill", Length: 2}, true
	case FaultShift:
		dx := even(int(float64(w) * s.rate(0.15)))
		dy := even(int(float64(h) * s.rate(0.15) / 2))
		dx, dy = min(dx, even(w/2)), min(dy, even(h/2))
		return moving(fmt.Sprintf("crop=%d:%d:%d:%d,scale=%d:%d", w-dx, h-dy, dx, dy, w, h))
	case FaultResolution:
		return moving(fmt.Sprintf("scale=%d:%d", even(w*3/4), even(h*3/4)))
	case FaultTiny:
		return moving("scale=64:48")
	case FaultHuge:
		r, ok := moving("scale=3840:2160")
		r.Length = 2
		return r, ok
	}
	return clip.Recipe{}, false
}

func even(v int) int { return max(2, v&^1) }
