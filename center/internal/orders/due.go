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

// Rule is one version of the numbers for orders of a kind. It is a row that
// staff edit; an order keeps the version it started with.
type Rule struct {
	ID      string
	Kind    string // an edgev1.Kind, or "*" for all
	Name    string
	Version int
	// LimitMinutes is from creation to the result handed in.
	LimitMinutes int64
	// MergeHours is how long an open order of the same shop and kind takes
	// in further alerts.
	MergeHours int64
	// NearPercent of the limit left is near; NearToday makes everything due
	// on the same Shanghai day near.
	NearPercent int64
	NearToday   bool
	// WarnDistanceM is the distance between officer and camera above which
	// the arrival is marked; it never blocks.
	WarnDistanceM float64
	// EscalateMinutes after the deadline each level is escalated once.
	EscalateMinutes []int64
	Source          string
	Verified        bool
}

// Limit gives the limit as a duration.
func (r Rule) Limit() time.Duration { return time.Duration(r.LimitMinutes) * time.Minute }

// NearSpan is the part of a limit that counts as near.
func (r Rule) NearSpan(limit time.Duration) time.Duration {
	return limit * time.Duration(r.NearPercent) / 100
}

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
	case left <= time.Duration(o.NearMS)*time.Millisecond:
		return Near, left
	case o.NearToday && clock.YMD(due) == clock.YMD(now):
		return Near, left
	}
	return Normal, left
}

// LevelsDue counts the escalation levels that the order has reached at now.
func LevelsDue(o Order, steps []int64, now time.Time) int {
	if !o.State.Open() {
		return 0
	}
	n := 0
	for _, m := range steps {
		if now.After(o.DueAt.Time().Add(time.Duration(m) * time.Minute)) {
			n++
		}
	}
	return n
}
