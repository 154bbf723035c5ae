// Package fleet keeps the edge boxes: who they are, whether they may connect,
// and how they are. A box's state is computed from ages, never from a wish.
package fleet

import (
	"time"

	"jiexun/center/internal/platform/clock"
)

// State is how a box is.
type State string

// The states of a box.
const (
	Online    State = "online"
	Offline   State = "offline"
	Never     State = "never"     // was never heard
	Duplicate State = "duplicate" // a second machine uses its certificate
	Revoked   State = "revoked"
)

// Interval is how often a box sends its status.
const Interval = 10 * time.Second

// silence makes a box offline: three intervals without a status.
const silence = 3 * Interval

// duplicateShown is how long the last attempt of a second machine is shown.
const duplicateShown = 5 * time.Minute

// tokenLife is how long an enrolment token may be used.
const tokenLife = 24 * time.Hour

// stateOf computes the state at a moment and since when it holds.
func (b *boxRow) stateOf(now time.Time) (State, clock.Stamp) {
	switch {
	case b.RevokedAt != nil:
		return Revoked, *b.RevokedAt
	case b.DuplicateAt != nil && now.Sub(b.DuplicateAt.Time()) < duplicateShown:
		return Duplicate, *b.DuplicateAt
	case b.SeenAt == nil:
		return Never, b.CreatedAt
	case State(b.State) == Online && now.Sub(b.SeenAt.Time()) > silence:
		return Offline, clock.At(b.SeenAt.Time().Add(silence)) // the ageing job has not run yet
	}
	return State(b.State), b.StateAt
}
