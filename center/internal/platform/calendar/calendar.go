// Package calendar counts in working days and hours of Shanghai. Which days
// are holidays, or working Saturdays, is data that staff edit; without an
// entry a day is a working day from Monday to Friday.
package calendar

import (
	"time"

	"jiexun/center/internal/platform/clock"
)

// Calendar knows the exceptions, keyed by day as 20261001.
type Calendar struct {
	// Off are days off, On are working days on a weekend.
	Off, On map[int]bool
}

// Working tells whether the Shanghai day that holds t is a working day.
func (c Calendar) Working(t time.Time) bool {
	d := clock.YMD(t)
	if c.Off[d] {
		return false
	}
	if c.On[d] {
		return true
	}
	w := t.In(clock.Shanghai()).Weekday()
	return w != time.Saturday && w != time.Sunday
}

// AddDays gives the end of the n-th working day after the day of t: the day
// itself does not count, as with statutory periods.
func (c Calendar) AddDays(t time.Time, n int) time.Time {
	day := clock.DayStart(t)
	for n > 0 {
		day = day.Add(24 * time.Hour)
		if c.Working(day) {
			n--
		}
	}
	return day.Add(24*time.Hour - time.Millisecond)
}
