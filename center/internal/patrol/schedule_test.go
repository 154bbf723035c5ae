package patrol_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"jiexun/center/internal/patrol"
	"jiexun/center/internal/platform/calendar"
	"jiexun/center/internal/platform/clock"
)

func moment(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04", s, clock.Shanghai())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestRuns checks days and times against what a person reads off a calendar.
func TestRuns(t *testing.T) {
	cal := calendar.Calendar{Off: map[int]bool{20261001: true, 20261002: true, 20261005: true, 20261006: true, 20261007: true}, On: map[int]bool{20261010: true}}
	one := []patrol.Window{{From: "08:00", To: "09:00"}}
	tests := map[string]struct {
		s     patrol.Schedule
		from  string
		until string
		want  []string
	}{
		"workdays over a holiday":       {patrol.Schedule{Repeat: patrol.Daily, Every: 1, Workdays: true, Holiday: patrol.HolidaySkip, Windows: one}, "2026-09-29", "2026-10-12", []string{"09-29", "09-30", "10-08", "10-09", "10-10", "10-12"}},
		"every day but holidays":        {patrol.Schedule{Repeat: patrol.Daily, Every: 1, Holiday: patrol.HolidaySkip, Windows: one}, "2026-09-30", "2026-10-05", []string{"09-30", "10-03", "10-04"}},
		"holidays too":                  {patrol.Schedule{Repeat: patrol.Daily, Every: 2, Holiday: patrol.HolidayRun, Windows: one}, "2026-09-30", "2026-10-05", []string{"09-30", "10-02", "10-04"}},
		"moved to the next working day": {patrol.Schedule{Repeat: patrol.Monthly, Every: 1, MonthDays: []int{1}, Holiday: patrol.HolidayNext, Windows: one}, "2026-09-01", "2026-11-05", []string{"09-01", "10-08", "11-01"}},
		"Mondays and Fridays":           {patrol.Schedule{Repeat: patrol.Weekly, Every: 1, Weekdays: []int{1, 5}, Holiday: patrol.HolidayRun, Windows: one}, "2026-09-28", "2026-10-05", []string{"09-28", "10-02", "10-05"}},
		"every other week":              {patrol.Schedule{Repeat: patrol.Weekly, Every: 2, Weekdays: []int{3}, Holiday: patrol.HolidayRun, Windows: one}, "2026-11-03", "2026-12-05", []string{"11-04", "11-18", "12-02"}},
		"last day of the month":         {patrol.Schedule{Repeat: patrol.Monthly, Every: 1, MonthDays: []int{-1}, Holiday: patrol.HolidayRun, Windows: one}, "2026-01-15", "2026-03-31", []string{"01-31", "02-28", "03-31"}},
		"first of the quarter":          {patrol.Schedule{Repeat: patrol.Quarterly, Every: 1, Months: []int{1}, MonthDays: []int{1}, Holiday: patrol.HolidayRun, Windows: one}, "2026-02-01", "2026-12-31", []string{"04-01", "07-01", "10-01"}},
		"dates":                         {patrol.Schedule{Repeat: patrol.OnDates, Every: 1, Dates: []string{"2026-12-01", "2026-11-28"}, Holiday: patrol.HolidayRun, Windows: one}, "2026-11-01", "2026-12-31", []string{"11-28", "12-01"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := patrol.Content{From: tc.from, Schedule: tc.s}
			got := []string{}
			for _, r := range c.Runs(cal, "seed", moment(t, tc.from+" 00:00").Add(-time.Minute), moment(t, tc.until+" 23:59"), 100) {
				got = append(got, r.Slot.In(clock.Shanghai()).Format("01-02"))
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("days %v, want %v", got, tc.want)
			}
		})
	}
	s := patrol.Schedule{Repeat: patrol.Daily, Every: 1, Holiday: patrol.HolidayRun, Windows: []patrol.Window{{From: "07:30", To: "09:30"}, {From: "22:00", To: "02:00"}}, EveryMin: 20}
	runs := patrol.Content{From: "2026-11-25", Schedule: s}.Runs(cal, "x", moment(t, "2026-11-25 00:00"), moment(t, "2026-11-25 23:59"), 9)
	if len(runs) != 2 || runs[0].Looks != 7 || runs[1].Looks != 13 || runs[1].Until.Sub(runs[1].From) != 4*time.Hour {
		t.Errorf("runs of a day %+v", runs)
	}
	if w := s.Words(); w != "每日 07:30–09:30、22:00–次日 02:00 每 20 分" {
		t.Errorf("words %q", w)
	}
}

// A drawn time lies in its window, hangs on seed and day alone, and moves from
// day to day; drawn days are as many as asked for.
func TestRandomRuns(t *testing.T) {
	c := patrol.Content{From: "2026-11-02", Schedule: patrol.Schedule{Repeat: patrol.Daily, Every: 1, Holiday: patrol.HolidayRun, Windows: []patrol.Window{{From: "08:00", To: "18:00"}}, RandomMin: 30, Pick: 2}}
	from, until := moment(t, "2026-11-02 00:00"), moment(t, "2026-12-27 23:00")
	a := c.Runs(calendar.Calendar{}, "one", from, until, 1000)
	weeks, starts := map[string]int{}, map[time.Duration]bool{}
	for _, r := range a {
		y, w := r.Slot.In(clock.Shanghai()).ISOWeek()
		weeks[fmt.Sprint(y, w)]++
		starts[r.From.Sub(r.Slot)] = true
		if r.From.Before(r.Slot) || r.Until.After(r.WindowEnd) || r.Until.Sub(r.From) != 30*time.Minute {
			t.Fatalf("run %+v leaves its window", r)
		}
	}
	for w, n := range weeks {
		if n != 2 {
			t.Errorf("week %s has %d runs, want 2", w, n)
		}
	}
	if len(weeks) != 8 || len(starts) < 8 {
		t.Errorf("%d weeks, %d different times of %d", len(weeks), len(starts), len(a))
	}
	if b := c.Runs(calendar.Calendar{}, "one", from, until, 1000); !slices.Equal(a, b) {
		t.Error("the same seed drew other times")
	}
	if b := c.Runs(calendar.Calendar{}, "two", from, until, 1000); slices.Equal(a, b) {
		t.Error("another seed drew the same times")
	}
}

// Runs asked for piece by piece are those asked for at once: where a center
// stopped makes no difference.
func TestRunsInPieces(t *testing.T) {
	dice := rand.New(rand.NewPCG(7, 9))
	cal := calendar.Calendar{Off: map[int]bool{}, On: map[int]bool{}}
	for i := range 365 {
		if d := moment(t, "2026-01-01 00:00").AddDate(0, 0, i); dice.IntN(15) == 0 {
			cal.Off[clock.YMD(d)] = true
		}
	}
	for n := range 60 {
		s := patrol.Schedule{
			Repeat: []patrol.Repeat{patrol.Daily, patrol.Weekly, patrol.Monthly, patrol.Quarterly}[dice.IntN(4)], Every: 1 + dice.IntN(3), Weekdays: []int{1 + dice.IntN(7), 1 + dice.IntN(7)},
			MonthDays: []int{1 + dice.IntN(31), -1}, Months: []int{1 + dice.IntN(3)}, Holiday: []patrol.OnHoliday{patrol.HolidaySkip, patrol.HolidayRun, patrol.HolidayNext}[dice.IntN(3)],
			Windows: []patrol.Window{{From: "06:00", To: "08:00"}, {From: "21:00", To: "01:00"}}, RandomMin: []int{0, 45}[dice.IntN(2)],
		}
		c := patrol.Content{From: "2026-01-07", To: "2026-12-20", Schedule: s}
		from, until := moment(t, "2026-01-01 00:00"), moment(t, "2026-12-31 00:00")
		whole := c.Runs(cal, "s", from, until, 10_000)
		var pieces []patrol.Run
		for at := from; ; {
			list := c.Runs(cal, "s", at, until, 1+dice.IntN(5))
			if len(list) == 0 {
				break
			}
			pieces = append(pieces, list...)
			at = list[len(list)-1].Slot
		}
		if !slices.Equal(whole, pieces) {
			t.Fatalf("schedule %d %+v: %d runs at once, %d in pieces", n, s, len(whole), len(pieces))
		}
	}
}
