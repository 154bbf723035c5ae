package orders

import (
	"time"

	"jiexun/center/internal/platform/clock"
)

// DueState says how a deadline stands. It is computed from the server's time
// alone.
type DueState string

// The due states.
const (
	Over   DueState = "over"
	Near   DueState = "near"
	Normal DueState = "normal"
	Done   DueState = "done"
)

// Due gives the state of the order's deadline at now and the time left; what
// is left is negative when over, and of a finished order it is what was left
// when the result was handed in.
func (o Order) Due(now time.Time) (DueState, time.Duration) {
	due := o.DueAt.Time()
	if !o.State.Open() {
		end := now
		switch {
		case o.HandledAt != nil:
			end = o.HandledAt.Time()
		case o.ClosedAt != nil:
			end = o.ClosedAt.Time()
		}
		return Done, due.Sub(end)
	}
	left := due.Sub(now)
	switch {
	case left < 0:
		return Over, left
	case !now.Before(o.NearAt().Time()):
		return Near, left
	}
	return Normal, left
}

// NearAt is from when on the order is near its end.
func (o Order) NearAt() clock.Stamp { return max(o.CreatedAt, o.DueAt-clock.Stamp(o.NearMS)) }
