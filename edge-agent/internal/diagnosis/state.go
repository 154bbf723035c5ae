package diagnosis

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

const (
	stateVersion = 1
	maxState     = 1 << 20
)

type state struct {
	V      int       `json:"v"`
	At     time.Time `json:"at"`
	Ref    []float32 `json:"ref,omitempty"`
	RefAge float64   `json:"refAge"`
	Usual  float64   `json:"usual"`
}

// Snapshot returns what must survive a restart: how the view usually looks.
func (k *Checker) Snapshot() ([]byte, error) {
	s := state{V: stateVersion, At: k.lastAt, RefAge: k.refAge, Usual: k.usual}
	if k.ref != nil {
		s.Ref = k.ref.v
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("write diagnosis state: %w", err)
	}
	return b, nil
}

// Restore takes a snapshot back. now decides whether it is still of use: in
// another light an old reference would only mislead, so a stale one is left
// out without an error.
func (k *Checker) Restore(b []byte, now time.Time) error {
	if len(b) > maxState {
		return fmt.Errorf("diagnosis state is %d bytes, at most %d are taken", len(b), maxState)
	}
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("read diagnosis state: %w", err)
	}
	if s.V != stateVersion {
		return fmt.Errorf("diagnosis state version %d is not %d", s.V, stateVersion)
	}
	h := len(s.Ref) / gridW
	if len(s.Ref)%gridW != 0 || (len(s.Ref) > 0 && (h < cellsY || h > maxGridH)) {
		return fmt.Errorf("diagnosis state holds a reference of %d values", len(s.Ref))
	}
	for _, v := range s.Ref {
		if !(v >= 0 && v <= 255) {
			return fmt.Errorf("diagnosis state holds a reference value out of 0..255")
		}
	}
	if !(s.RefAge >= 0) || !(s.Usual >= 0) || math.IsInf(s.Usual+s.RefAge, 0) {
		return fmt.Errorf("diagnosis state holds numbers out of range")
	}
	if age := now.Sub(s.At).Seconds(); age < 0 || age > k.cfg.StaleS || len(s.Ref) == 0 {
		return nil
	}
	k.ref, k.refAge, k.usual = &coarse{w: gridW, h: h, v: s.Ref}, s.RefAge, s.Usual
	return nil
}
