// Package calendar counts in working days and hours of Shanghai. Which days
// are holidays, or working Saturdays, is data that staff edit; without an
// entry a day is a working day from Monday to Friday.
package calendar

import (
	"time"

	"jiexun/center/internal/platform/clock"
)

const day = 24 * time.Hour

// Span is a part of a working day, in minutes after midnight.
type Span struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// DefaultHours are the hours of a working day unless others are set.
func DefaultHours() []Span { return []Span{{9 * 60, 12 * 60}, {13*60 + 30, 18 * 60}} }

// Calendar knows the exceptions, keyed by day as 20261001.
type Calendar struct {
	// Off are days off, On are working days on a weekend.
	Off, On map[int]bool
	// Hours are the parts of a working day in order; DefaultHours when empty.
	Hours []Span
	// Years are those whose exceptions are entered; nil says nothing about
	// it.
	Years map[int]bool
}

func (c Calendar) hours() []Span {
	if len(c.Hours) == 0 {
		return DefaultHours()
	}
	return c.Hours
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
	d := clock.DayStart(t)
	for n > 0 {
		d = d.Add(day)
		if c.Working(d) {
			n--
		}
	}
	return d.Add(day - time.Millisecond)
}

// ShiftDays moves t by n working days, backwards when n is negative, and
// keeps its time of the day.
func (c Calendar) ShiftDays(t time.Time, n int) time.Time {
	step := day
	if n < 0 {
		step, n = -day, -n
	}
	for n > 0 {
		t = t.Add(step)
		if c.Working(t) {
			n--
		}
	}
	return t
}

// Windows gives the working times of the Shanghai day that holds t; none on a
// day off.
func (c Calendar) Windows(t time.Time) [][2]time.Time {
	if !c.Working(t) {
		return nil
	}
	start := clock.DayStart(t)
	out := make([][2]time.Time, 0, 2)
	for _, s := range c.hours() {
		out = append(out, [2]time.Time{start.Add(time.Duration(s.From) * time.Minute), start.Add(time.Duration(s.To) * time.Minute)})
	}
	return out
}

// Close is when the office of a working day closes, after its midnight.
func (c Calendar) Close() time.Duration {
	h := c.hours()
	return time.Duration(h[len(h)-1].To) * time.Minute
}

// ShiftWork moves t by working time, backwards when d is negative.
func (c Calendar) ShiftWork(t time.Time, d time.Duration) time.Time {
	for at := t; d > 0; at = clock.DayStart(at).Add(day) {
		for _, w := range c.Windows(at) {
			from := later(w[0], t)
			if room := w[1].Sub(from); room > 0 {
				if d <= room {
					return from.Add(d)
				}
				d -= room
			}
		}
	}
	for at := t; d < 0; at = clock.DayStart(at).Add(-day) {
		ws := c.Windows(at)
		for i := len(ws) - 1; i >= 0; i-- {
			to := ws[i][1]
			if t.Before(to) {
				to = t
			}
			if room := to.Sub(ws[i][0]); room > 0 {
				if -d <= room {
					return to.Add(d)
				}
				d += room
			}
		}
	}
	return t
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// dayIndex numbers Shanghai days from 1970-01-01.
func dayIndex(t time.Time) int64 {
	return floorDiv(t.UnixMilli()+8*3_600_000, 86_400_000)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// DayNumber numbers Shanghai days, so that days can be subtracted.
func DayNumber(t time.Time) int64 { return dayIndex(t) }

// WorkdayNumber is the number of working days before the Shanghai day that
// holds t, counted from 1970 by arithmetic and not by walking, so that two of
// them can be subtracted.
func (c Calendar) WorkdayNumber(t time.Time) int64 {
	n := dayIndex(t)
	// Day 0 was a Thursday: with the three days before it, weeks begin on
	// Monday.
	week, rest := floorDiv(n+3, 7), n+3-7*floorDiv(n+3, 7)
	count := week*5 + min(rest, 5) - 3
	today := clock.YMD(t)
	for d, off := range c.Off {
		if off && d < today && weekday(d) {
			count--
		}
	}
	for d, on := range c.On {
		if on && d < today && !weekday(d) && !c.Off[d] {
			count++
		}
	}
	return count
}

func weekday(ymd int) bool {
	w := time.Date(ymd/10000, time.Month(ymd/100%100), ymd%100, 0, 0, 0, 0, time.UTC).Weekday()
	return w != time.Saturday && w != time.Sunday
}

// WorkNumber is the working time before t, counted from 1970, so that two of
// them can be subtracted.
func (c Calendar) WorkNumber(t time.Time) time.Duration {
	var full, part time.Duration
	minute := t.Sub(clock.DayStart(t))
	for _, s := range c.hours() {
		from, to := time.Duration(s.From)*time.Minute, time.Duration(s.To)*time.Minute
		full += to - from
		part += max(0, min(minute, to)-from)
	}
	sum := time.Duration(c.WorkdayNumber(t)) * full
	if c.Working(t) {
		sum += part
	}
	return sum
}

// Missing lists the years from a to b whose exceptions are not entered.
func (c Calendar) Missing(a, b time.Time) []int {
	out := []int{}
	if c.Years == nil {
		return out
	}
	for y := clock.YMD(a) / 10000; y <= clock.YMD(b)/10000; y++ {
		if !c.Years[y] {
			out = append(out, y)
		}
	}
	return out
}
