package patrol

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/calendar"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Limits of schedules.
const (
	minEvery   = 10  // minutes between two looks
	maxEvery   = 240 // minutes
	maxWindows = 6
	// horizon is how many days ahead a run is looked for.
	horizon = 800
	// longestOff is how many days in a row may be holidays.
	longestOff = 40
)

// Repeat is how often the days of a plan come.
type Repeat string

// The ways to repeat.
const (
	Daily     Repeat = "daily"     // each Every-th day
	Weekly    Repeat = "weekly"    // on Weekdays of each Every-th week
	Monthly   Repeat = "monthly"   // on MonthDays of each Every-th month
	Quarterly Repeat = "quarterly" // on MonthDays of the Months (1 to 3) of each quarter
	Yearly    Repeat = "yearly"    // on MonthDays of the Months (1 to 12)
	OnDates   Repeat = "dates"     // on Dates
)

// OnHoliday is what happens on a day off.
type OnHoliday string

// What may happen.
const (
	HolidaySkip OnHoliday = "skip" // 跳过
	HolidayRun  OnHoliday = "run"  // 照常执行
	HolidayNext OnHoliday = "next" // 顺延到下一工作日
)

// Window is a part of the day in Shanghai, "07:30" to "09:30". One that ends
// at or before its beginning ends on the next day.
type Window struct {
	From string `json:"from" maxLength:"5"`
	To   string `json:"to" maxLength:"5"`
}

// Schedule says on which days and at which times a plan runs.
type Schedule struct {
	Repeat    Repeat   `json:"repeat" enum:"daily,weekly,monthly,quarterly,yearly,dates"`
	Every     int      `json:"every" minimum:"0" maximum:"365"`
	Weekdays  []int    `json:"weekdays" maxItems:"7" doc:"1 Monday to 7 Sunday"`
	MonthDays []int    `json:"monthDays" maxItems:"32" doc:"1 to 31, -1 the last day of the month"`
	Months    []int    `json:"months" maxItems:"12"`
	Dates     []string `json:"dates" maxItems:"366"`
	// Pick draws so many of the days of each week (or of each month, for
	// monthly plans), so that nobody can tell which; 0 takes them all.
	Pick int `json:"pick" minimum:"0" maximum:"31"`
	// Workdays leaves out everything that is no working day; without it only
	// the holidays of the calendar are days off.
	Workdays bool      `json:"workdays"`
	Holiday  OnHoliday `json:"holiday" enum:"skip,run,next"`
	Windows  []Window  `json:"windows" maxItems:"6"`
	// EveryMin is the time between two looks at a camera within a window, 0
	// looks once.
	EveryMin int `json:"everyMin" minimum:"0" maximum:"1440"`
	// RandomMin, above 0, is how long a run lasts; when within the window it
	// begins is drawn for each day.
	RandomMin int `json:"randomMin" minimum:"0" maximum:"1440"`
}

func (s *Schedule) tidy() {
	if s.Every == 0 {
		s.Every = 1
	}
	if s.Holiday == "" {
		s.Holiday = HolidaySkip
	}
	for _, l := range []*[]int{&s.Weekdays, &s.MonthDays, &s.Months} {
		slices.Sort(*l)
		*l = slices.Compact(*l)
		if *l == nil {
			*l = []int{}
		}
	}
	s.Dates = clean(s.Dates)
	slices.Sort(s.Dates)
	if s.Windows == nil {
		s.Windows = []Window{}
	}
	if s.Repeat == Quarterly && len(s.Months) == 0 {
		s.Months = []int{1}
	}
}

// minuteOf reads 07:30 as minutes after midnight; 24:00 is the day's end.
func minuteOf(s string) (int, bool) {
	if len(s) != 5 || s[2] != ':' {
		return 0, false
	}
	for _, i := range []int{0, 1, 3, 4} {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	h, m := int(s[0]-'0')*10+int(s[1]-'0'), int(s[3]-'0')*10+int(s[4]-'0')
	return h*60 + m, m < 60 && (h < 24 || h == 24 && m == 0)
}

// span gives a window's minutes after the midnight of its day.
func (w Window) span() (from, to int, ok bool) {
	from, ok1 := minuteOf(w.From)
	to, ok2 := minuteOf(w.To)
	if to <= from {
		to += 24 * 60
	}
	return from, to, ok1 && ok2 && from < 24*60
}

func (s Schedule) check(f *errs.Fields) {
	in := func(list []int, lo, hi int, also ...int) bool {
		for _, x := range list {
			if (x < lo || x > hi) && !slices.Contains(also, x) {
				return false
			}
		}
		return true
	}
	f.Check(s.Every >= 1 && s.Every <= 365, "schedule.every", "间隔应为 1 到 365")
	switch s.Repeat {
	case Daily:
	case Weekly:
		f.Check(len(s.Weekdays) > 0 && in(s.Weekdays, 1, 7), "schedule.weekdays", "请选择星期几")
	case Monthly, Quarterly, Yearly:
		f.Check(len(s.MonthDays) > 0 && in(s.MonthDays, 1, 31, -1), "schedule.monthDays", "请选择几号（1 到 31，或最后一天）")
		f.Check(s.Repeat != Quarterly || in(s.Months, 1, 3), "schedule.months", "季度内的月份应为 1 到 3")
		f.Check(s.Repeat != Yearly || len(s.Months) > 0 && in(s.Months, 1, 12), "schedule.months", "请选择月份（1 到 12）")
	case OnDates:
		f.Check(len(s.Dates) > 0, "schedule.dates", "请选择日期")
		for i, d := range s.Dates {
			_, ok := parseDay(d)
			f.Check(ok, fmt.Sprintf("schedule.dates[%d]", i), "日期应写作 2026-11-25 的样式，收到 %.20s", d)
		}
	default:
		f.Add("schedule.repeat", "请选择重复方式")
	}
	f.Check(slices.Contains([]OnHoliday{HolidaySkip, HolidayRun, HolidayNext}, s.Holiday), "schedule.holiday", "请选择遇节假日怎样处理")
	f.Check(!s.Workdays || s.Holiday != HolidayRun, "schedule.holiday", "只在工作日执行时，遇节假日应为跳过或顺延")
	f.Check(s.Pick >= 0 && s.Pick <= 31, "schedule.pick", "抽取天数应为 0 到 31")
	f.Check(s.Pick == 0 || s.Repeat == Daily || s.Repeat == Weekly || s.Repeat == Monthly, "schedule.pick", "按天、周、月重复时才能随机抽取日期")
	f.Check(s.Pick == 0 || s.Holiday != HolidayNext, "schedule.pick", "随机抽取日期时，遇节假日应为跳过或照常执行")
	s.checkTimes(f)
}

func (s Schedule) checkTimes(f *errs.Fields) {
	f.Check(len(s.Windows) > 0, "schedule.windows", "请填写时段，例如 07:30 到 09:30")
	f.Check(len(s.Windows) <= maxWindows, "schedule.windows", "一天最多 %d 个时段", maxWindows)
	f.Check(s.EveryMin == 0 || s.EveryMin >= minEvery && s.EveryMin <= maxEvery, "schedule.everyMin",
		"间隔不能小于 %d 分钟，请改为 %d 到 %d", minEvery, minEvery, maxEvery)
	f.Check(s.RandomMin == 0 || s.RandomMin >= 10, "schedule.randomMin", "随机执行的时长不能小于 10 分钟")
	end := -1
	for i, w := range s.Windows {
		name := fmt.Sprintf("schedule.windows[%d]", i)
		from, to, ok := w.span()
		f.Check(ok, name, "时段应写作 07:30 到 09:30，收到 %.5s 到 %.5s", w.From, w.To)
		if !ok {
			continue
		}
		f.Check(to-from >= 10, name, "时段不能短于 10 分钟")
		f.Check(from >= end, name, "时段应按先后排列，不能重叠")
		f.Check(s.RandomMin == 0 || s.RandomMin <= to-from, name, "时段短于随机执行的时长 %d 分钟", s.RandomMin)
		end = to
	}
	if n := len(s.Windows); n > 0 && end > 24*60 {
		first, _, ok := s.Windows[0].span()
		f.Check(!ok || end-24*60 <= first, fmt.Sprintf("schedule.windows[%d]", n-1), "跨夜的时段与次日第一个时段重叠")
	}
}

// Run is one time that a plan runs. Slot is when the window begins, From and
// Until what was drawn of it.
type Run struct {
	Slot, From, Until time.Time
	// WindowEnd is the end of the whole window.
	WindowEnd time.Time
	Looks     int
	YMD       int
}

// days lists the Shanghai days from a to b, both inclusive and given by any
// moment of them, on which the plan runs.
func (c Content) days(cal calendar.Calendar, seed string, a, b time.Time) []time.Time {
	first, ok := parseDay(c.From)
	if !ok {
		return nil
	}
	last := clock.DayStart(b)
	if to, ok := parseDay(c.To); ok && to.Before(last) {
		last = to
	}
	a = clock.DayStart(a)
	begin := a
	if c.Schedule.Holiday == HolidayNext {
		begin = a.Add(-longestOff * 24 * time.Hour)
	}
	if begin.Before(first) {
		begin = first
	}
	out := []time.Time{}
	for d := begin; !d.After(last); d = d.Add(24 * time.Hour) {
		day, ok := c.Schedule.lands(cal, first, d)
		if !ok || day.Before(a) || day.After(last) {
			continue
		}
		if c.Schedule.Pick > 0 && !c.Schedule.drawn(cal, seed, first, d) {
			continue
		}
		if n := len(out); n == 0 || day.After(out[n-1]) {
			out = append(out, day)
		}
	}
	return out
}

// off tells whether a day is a day off for the plan.
func (s Schedule) off(cal calendar.Calendar, d time.Time) bool {
	if s.Workdays {
		return !cal.Working(d)
	}
	return cal.Off[clock.YMD(d)]
}

// lands gives the day on which the plan runs for a day of its rule.
func (s Schedule) lands(cal calendar.Calendar, first, d time.Time) (time.Time, bool) {
	if !s.fits(first, d) {
		return d, false
	}
	if !s.off(cal, d) || s.Holiday == HolidayRun {
		return d, true
	}
	if s.Holiday != HolidayNext {
		return d, false
	}
	for range longestOff {
		d = d.Add(24 * time.Hour)
		if cal.Working(d) {
			return d, true
		}
	}
	return d, false
}

// fits tells whether a day is one of the rule's, days off or not.
func (s Schedule) fits(first, d time.Time) bool {
	local, start := d.In(clock.Shanghai()), first.In(clock.Shanghai())
	months := func() int {
		return (local.Year()-start.Year())*12 + int(local.Month()) - int(start.Month())
	}
	monthDay := func() bool {
		last := local.AddDate(0, 0, 1).Day() == 1
		return slices.Contains(s.MonthDays, local.Day()) || last && slices.Contains(s.MonthDays, -1)
	}
	switch s.Repeat {
	case Daily:
		return int(calendar.DayNumber(d)-calendar.DayNumber(first))%s.Every == 0
	case Weekly:
		return slices.Contains(s.Weekdays, weekday(local)) && int(weekOf(d)-weekOf(first))%s.Every == 0
	case Monthly:
		return months()%s.Every == 0 && monthDay()
	case Quarterly:
		return slices.Contains(s.Months, (int(local.Month())-1)%3+1) && monthDay()
	case Yearly:
		return slices.Contains(s.Months, int(local.Month())) && monthDay()
	case OnDates:
		return slices.Contains(s.Dates, local.Format(time.DateOnly))
	}
	return false
}

func weekday(t time.Time) int { return (int(t.Weekday())+6)%7 + 1 }

// weekOf numbers weeks that begin on Monday.
func weekOf(t time.Time) int64 { return (calendar.DayNumber(t) + 3) / 7 }

// drawn tells whether a day is among those drawn of its week or month. The
// draw hangs on the plan's seed and on the week alone: each center draws the
// same, and nobody who does not know the seed can.
func (s Schedule) drawn(cal calendar.Calendar, seed string, first, d time.Time) bool {
	local := d.In(clock.Shanghai())
	from := d.Add(-time.Duration(weekday(local)-1) * 24 * time.Hour)
	to := from.Add(7 * 24 * time.Hour)
	label := fmt.Sprintf("week %d", weekOf(d))
	if s.Repeat == Monthly {
		from = d.Add(-time.Duration(local.Day()-1) * 24 * time.Hour)
		to = clock.DayStart(from.In(clock.Shanghai()).AddDate(0, 1, 0))
		label = fmt.Sprintf("month %d", clock.YMD(from))
	}
	group := []int{}
	for x := from; x.Before(to); x = x.Add(24 * time.Hour) {
		if x.Before(first) {
			continue
		}
		if _, ok := s.lands(cal, first, x); ok {
			group = append(group, clock.YMD(x))
		}
	}
	dice(seed, label).Shuffle(len(group), func(i, j int) { group[i], group[j] = group[j], group[i] })
	return slices.Contains(group[:min(s.Pick, len(group))], clock.YMD(d))
}

// dice gives numbers that hang on the seed and the label alone.
func dice(seed, label string) *rand.Rand {
	sum := sm3.Sum([]byte(seed + "\x00" + label))
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))
}

// looksIn is how often a camera is looked at in a window.
func (s Schedule) looksIn(d time.Duration) int {
	if s.EveryMin <= 0 {
		return 1
	}
	return min(int(d/(time.Duration(s.EveryMin)*time.Minute))+1, edgev1.MaxLooks)
}

// runsOn gives the runs of one day.
func (s Schedule) runsOn(seed string, day time.Time) []Run {
	out := make([]Run, 0, len(s.Windows))
	for i, w := range s.Windows {
		from, to, ok := w.span()
		if !ok {
			continue
		}
		at := func(minute int) time.Time { return day.Add(time.Duration(minute) * time.Minute) }
		r := Run{Slot: at(from), From: at(from), Until: at(to), WindowEnd: at(to), YMD: clock.YMD(day)}
		if s.RandomMin > 0 && s.RandomMin < to-from {
			r.From = at(from + dice(seed, fmt.Sprintf("%d/%d", r.YMD, i)).IntN(to-from-s.RandomMin+1))
			r.Until = r.From.Add(time.Duration(s.RandomMin) * time.Minute)
		}
		r.Looks = s.looksIn(r.Until.Sub(r.From))
		out = append(out, r)
	}
	return out
}

// Runs gives the runs whose windows begin after one moment and not after
// another, in order, at most limit of them. Nothing but the content, the seed
// and the calendar decides: two centers get the same.
func (c Content) Runs(cal calendar.Calendar, seed string, after, until time.Time, limit int) []Run {
	out := []Run{}
	// A few weeks at a time, so that the next run of a daily plan costs
	// little and that of a yearly one is still found.
	for from := clock.DayStart(after); !from.After(until) && len(out) < limit; {
		to := from.Add(27 * 24 * time.Hour)
		if to.After(until) {
			to = until
		}
		for _, d := range c.days(cal, seed, from, to) {
			for _, r := range c.Schedule.runsOn(seed, d) {
				if r.Slot.After(after) && !r.Slot.After(until) && len(out) < limit {
					out = append(out, r)
				}
			}
		}
		from = clock.DayStart(to).Add(24 * time.Hour)
	}
	return out
}

// Next gives the first run whose window begins after a moment.
func (c Content) Next(cal calendar.Calendar, seed string, after time.Time) (Run, bool) {
	list := c.Runs(cal, seed, after, after.Add(horizon*24*time.Hour), 1)
	if len(list) == 0 {
		return Run{}, false
	}
	return list[0], true
}
