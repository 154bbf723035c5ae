package calendar_test

import (
	"testing"
	"time"

	"jiexun/center/internal/platform/calendar"
	"jiexun/center/internal/platform/clock"
)

func TestAddDays(t *testing.T) {
	c := calendar.Calendar{Off: map[int]bool{20261001: true, 20261002: true}, On: map[int]bool{20261010: true}}
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, clock.Shanghai())
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, tc := range []struct {
		from string
		days int
		want int
	}{
		{"2026-11-24 23:59", 1, 20261125},
		{"2026-11-27 10:00", 1, 20261130}, // over a weekend
		{"2026-09-30 10:00", 1, 20261005}, // over a holiday and a weekend
		{"2026-10-09 10:00", 1, 20261010}, // a Saturday that is worked
		{"2026-11-24 10:00", 0, 20261124},
	} {
		got := c.AddDays(at(tc.from), tc.days)
		if clock.YMD(got) != tc.want || clock.YMD(got.Add(time.Millisecond)) == tc.want {
			t.Errorf("%s + %d: %s, want the end of %d", tc.from, tc.days, got.In(clock.Shanghai()), tc.want)
		}
	}
}
