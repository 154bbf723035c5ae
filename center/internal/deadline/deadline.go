// Package deadline runs the clocks of records: how long a thing may take by
// a rule, in calendar or working days or hours, with pauses and approved
// extensions, and what happens before and after it is due. This file is pure:
// it computes the end of a clock by walking through days, and the time used
// by arithmetic, and the two must agree.
package deadline

import (
	"fmt"
	"slices"
	"time"

	"jiexun/center/internal/platform/calendar"
	"jiexun/center/internal/platform/clock"
)

// Unit is what a rule counts.
type Unit string

// The units.
const (
	Day      Unit = "day"      // 自然日
	Workday  Unit = "workday"  // 工作日
	Hour     Unit = "hour"     // 小时
	Workhour Unit = "workhour" // 工作小时
)

// Label is the word that people see.
func (u Unit) Label() string {
	switch u {
	case Day:
		return "天"
	case Workday:
		return "个工作日"
	case Hour:
		return "小时"
	case Workhour:
		return "个工作小时"
	}
	return string(u)
}

// Days tells whether whole days are counted.
func (u Unit) Days() bool { return u == Day || u == Workday }

// Valid tells whether u is one of the units.
func (u Unit) Valid() bool { return u.Days() || u == Hour || u == Workhour }

// Terms are how a rule counts. A day is used up at its end when the clock is
// running then: a clock that is paused at the end of a day does not count it.
type Terms struct {
	Unit   Unit `json:"unit"`
	Amount int  `json:"amount"`
	// SameDay counts the day of the start as the first day; else the day
	// after it is the first. Days only.
	SameDay bool `json:"sameDay"`
	// Office ends a day when the office closes and not at midnight. Days only.
	Office bool `json:"office"`
	// Roll moves an end on a day off to the next working day. Days only.
	Roll bool `json:"roll"`
}

// Pause is a time that does not count; without To it lasts.
type Pause struct {
	From time.Time
	To   time.Time
}

func (p Pause) open() bool { return p.To.IsZero() }

func (p Pause) holds(t time.Time) bool {
	return !t.Before(p.From) && (p.open() || t.Before(p.To))
}

// Timing is everything that decides when a clock ends.
type Timing struct {
	Start time.Time
	Terms
	// Extra is what extensions added, in the unit.
	Extra int
	// Minutes is the limit in place of Amount, for hours only; 0 is none.
	Minutes int64
	Pauses  []Pause
}

// maxDays bounds how far an end is looked for: longer than any rule.
const maxDays = 40_000

const dayLen = 24 * time.Hour

// pauses sorts the pauses, joins those that touch and drops what is before
// the start.
func (t Timing) pauses() []Pause {
	list := slices.Clone(t.Pauses)
	slices.SortFunc(list, func(a, b Pause) int { return a.From.Compare(b.From) })
	out := []Pause{}
	for _, p := range list {
		if p.From.Before(t.Start) {
			p.From = t.Start
		}
		if !p.open() && !p.To.After(p.From) {
			continue
		}
		if n := len(out); n > 0 && (out[n-1].open() || !p.From.After(out[n-1].To)) {
			if !out[n-1].open() && (p.open() || p.To.After(out[n-1].To)) {
				out[n-1].To = p.To
			}
			continue
		}
		out = append(out, p)
	}
	return out
}

// Budget is what the clock may use: days, or milliseconds.
func (t Timing) Budget() int64 {
	n := int64(t.Amount + t.Extra)
	if t.Unit.Days() {
		return n
	}
	if t.Minutes > 0 {
		return t.Minutes*time.Minute.Milliseconds() + int64(t.Extra)*time.Hour.Milliseconds()
	}
	return n * time.Hour.Milliseconds()
}

// endOf is when a day is used up, after its midnight.
func (t Timing) endOf(c calendar.Calendar) time.Duration {
	if t.Office {
		return c.Close()
	}
	return dayLen - time.Millisecond
}

// End computes when the clock is due by walking from the start. It is false
// when the clock stands in a pause that lasts.
func (t Timing) End(c calendar.Calendar) (time.Time, bool) {
	switch t.Unit {
	case Day, Workday:
		return t.endDays(c)
	case Workhour:
		return t.endSpans(func(from time.Time) [][2]time.Time { return c.Windows(from) })
	}
	return t.endSpans(func(from time.Time) [][2]time.Time {
		d := clock.DayStart(from)
		return [][2]time.Time{{d, d.Add(dayLen)}}
	})
}

func (t Timing) endDays(c calendar.Calendar) (time.Time, bool) {
	left, after, pauses := t.Budget(), t.endOf(c), t.pauses()
	d := clock.DayStart(t.Start)
	if !t.SameDay {
		d = d.Add(dayLen)
	}
	for range maxDays {
		at := d.Add(after)
		d = d.Add(dayLen)
		stopped, forever := false, false
		for _, p := range pauses {
			stopped = stopped || p.holds(at)
			forever = forever || p.open() && p.holds(at)
		}
		if forever {
			return time.Time{}, false
		}
		if stopped || !at.After(t.Start) {
			continue
		}
		if left > 0 {
			if t.Unit == Workday && !c.Working(at) {
				continue
			}
			left--
		}
		if left <= 0 && (!t.Roll || c.Working(at)) {
			return at, true
		}
	}
	return time.Time{}, false
}

// endSpans consumes the spans that each day offers, less the pauses.
func (t Timing) endSpans(spans func(time.Time) [][2]time.Time) (time.Time, bool) {
	left := time.Duration(t.Budget()) * time.Millisecond
	pauses := t.pauses()
	d := t.Start
	for range maxDays {
		for _, w := range spans(d) {
			from := w[0]
			if from.Before(t.Start) {
				from = t.Start
			}
			for _, p := range pauses {
				if !from.Before(w[1]) || !p.From.Before(w[1]) {
					break
				}
				if run := p.From.Sub(from); run > 0 {
					if left <= run {
						return from.Add(left), true
					}
					left -= run
				}
				if p.open() {
					return time.Time{}, false
				}
				if p.To.After(from) {
					from = p.To
				}
			}
			if run := w[1].Sub(from); run > 0 {
				if left <= run {
					return from.Add(left), true
				}
				left -= run
			}
		}
		d = clock.DayStart(d).Add(dayLen)
	}
	return time.Time{}, false
}

// Used computes by arithmetic what the clock has used at a moment: days, or
// milliseconds.
func (t Timing) Used(c calendar.Calendar, at time.Time) int64 {
	if !at.After(t.Start) {
		return 0
	}
	count := func(x time.Time) int64 { return x.UnixMilli() }
	from := t.Start
	switch t.Unit {
	case Workhour:
		count = func(x time.Time) int64 { return c.WorkNumber(x).Milliseconds() }
	case Day, Workday:
		after := t.endOf(c)
		// The number of days that are used up before x.
		count = func(x time.Time) int64 {
			n, counts := calendar.DayNumber(x), true
			if t.Unit == Workday {
				n, counts = c.WorkdayNumber(x), c.Working(x)
			}
			if counts && clock.DayStart(x).Add(after).Before(x) {
				n++
			}
			return n
		}
		from = t.Start.Add(time.Millisecond) // a day that ends at the start is not used
		if !t.SameDay {
			from = clock.DayStart(t.Start).Add(dayLen)
		}
		at = at.Add(time.Millisecond) // a day that ends now is used
	}
	used := max(0, count(at)-count(from))
	for _, p := range t.pauses() {
		lo, hi := p.From, p.To
		if p.open() || hi.After(at) {
			hi = at
		}
		if lo.Before(from) {
			lo = from
		}
		if hi.After(lo) {
			used -= count(hi) - count(lo)
		}
	}
	return used
}

// Shift moves a moment by n of the unit, backwards when n is negative.
func Shift(c calendar.Calendar, u Unit, t time.Time, n int) time.Time {
	switch u {
	case Day:
		return t.Add(time.Duration(n) * dayLen)
	case Workday:
		return c.ShiftDays(t, n)
	case Workhour:
		return c.ShiftWork(t, time.Duration(n)*time.Hour)
	}
	return t.Add(time.Duration(n) * time.Hour)
}

// State is how a clock stands.
type State string

// The states.
const (
	Normal State = "normal" // 正常
	Near   State = "near"   // 临期
	Over   State = "over"   // 超期
	Paused State = "paused" // 已暂停
	Ended  State = "done"   // 已结束
	// Off is a clock whose rule is switched off.
	Off State = "off" // 规则停用
)

// Remaining is what people see of a clock: state, figure and sentence. Left
// counts in the unit, hours in minutes; it is negative when overdue.
type Remaining struct {
	State State  `json:"state"`
	Left  int64  `json:"left"`
	Text  string `json:"text"`
}

// remaining computes it for a clock that runs and is due at a moment.
func remaining(c calendar.Calendar, u Unit, due, near, now time.Time) Remaining {
	r := Remaining{State: Normal}
	switch {
	case now.After(due):
		r.State = Over
	case !now.Before(near):
		r.State = Near
	}
	switch u {
	case Day, Workday:
		// Days after today up to the last one.
		number := calendar.DayNumber
		if u == Workday {
			number = c.WorkdayNumber
		}
		r.Left = number(clock.DayStart(due).Add(dayLen)) - number(clock.DayStart(now).Add(dayLen))
		switch {
		case r.State == Over && r.Left == 0:
			r.Text = "今天已超期"
		case r.State == Over:
			r.Text = fmt.Sprintf("超期 %d %s", -r.Left, u.Label())
		case calendar.DayNumber(due) == calendar.DayNumber(now):
			r.Text = "今天到期"
		default:
			r.Text = fmt.Sprintf("剩 %d %s", r.Left, u.Label())
		}
	case Workhour:
		r.Left = int64((c.WorkNumber(due) - c.WorkNumber(now)).Minutes())
		r.Text = words(r.State, r.Left, "工作")
	default:
		r.Left = int64(due.Sub(now).Minutes())
		r.Text = words(r.State, r.Left, "")
	}
	return r
}

func words(s State, minutes int64, kind string) string {
	head := "剩 "
	if s == Over {
		head = "超期 "
	}
	m := max(minutes, -minutes)
	switch {
	case m < 60:
		return fmt.Sprintf("%s%d %s分钟", head, m, kind)
	case m%60 == 0:
		return fmt.Sprintf("%s%d %s小时", head, m/60, kind)
	}
	return fmt.Sprintf("%s%d %s小时 %d 分", head, m/60, kind, m%60)
}

// pausedText is what people see of a clock that stands.
func pausedText(t Timing, c calendar.Calendar, now time.Time) Remaining {
	left := t.Budget() - t.Used(c, now)
	r := Remaining{State: Paused, Left: left}
	if t.Unit.Days() {
		r.Text = fmt.Sprintf("已暂停，剩 %d %s", left, t.Unit.Label())
		return r
	}
	r.Left = left / time.Minute.Milliseconds()
	kind := ""
	if t.Unit == Workhour {
		kind = "工作"
	}
	r.Text = "已暂停，" + words(Normal, r.Left, kind)
	return r
}
