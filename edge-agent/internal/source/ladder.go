package source

import "time"

// Ladder says how long to wait before a camera is tried again: the steps
// double from Min to Max, each with jitter so that cameras of one switch do
// not come back in one moment. A session that lived for LongLived starts the
// ladder anew.
type Ladder struct {
	Min, Max  time.Duration
	LongLived time.Duration
	// Refused is the pause after a wrong password; it is long because
	// cameras lock accounts after a few. Other faults that need a person
	// wait for Max: looking again harms nobody.
	Refused time.Duration

	step int
}

// DefaultLadder is the ladder of the product.
func DefaultLadder() Ladder {
	return Ladder{Min: time.Second, Max: time.Minute, LongLived: 30 * time.Second, Refused: 5 * time.Minute}
}

// Next gives the pause after a session that lived for lived; r is a random
// number 0..1. The pause is between half of the step and the whole step.
func (l *Ladder) Next(lived time.Duration, f *Fault, r float64) time.Duration {
	if lived >= l.LongLived {
		l.step = 0
	}
	d := l.Min
	for range l.step {
		if d *= 2; d >= l.Max {
			d = l.Max
			break
		}
	}
	if d < l.Max {
		l.step++
	}
	if f != nil && f.NeedsPerson() {
		d = max(d, l.Max)
		if f.Kind == FaultPassword {
			d = max(d, l.Refused)
		}
	}
	return d/2 + time.Duration(r*float64(d/2))
}
