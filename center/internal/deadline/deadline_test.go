package deadline

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"jiexun/center/internal/platform/calendar"
	"jiexun/center/internal/platform/clock"
)

// year2026 has the days off and the worked weekends of 2026.
func year2026() calendar.Calendar {
	c := calendar.Calendar{Off: map[int]bool{}, On: map[int]bool{}, Years: map[int]bool{2026: true}}
	for _, r := range [][2]int{{20260101, 3}, {20260215, 9}, {20260404, 3}, {20260501, 5}, {20260619, 3}, {20260925, 3}, {20261001, 7}} {
		d := time.Date(r[0]/10000, time.Month(r[0]/100%100), r[0]%100, 12, 0, 0, 0, clock.Shanghai())
		for i := range r[1] {
			c.Off[clock.YMD(d.AddDate(0, 0, i))] = true
		}
	}
	for _, d := range []int{20260104, 20260214, 20260228, 20260509, 20260920, 20261010} {
		c.On[d] = true
	}
	return c
}

func at(t interface{ Fatal(...any) }, s string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05.999", "2006-01-02 15:04"} {
		if v, err := time.ParseInLocation(layout, s, clock.Shanghai()); err == nil {
			return v
		}
	}
	t.Fatal("bad time in a test: " + s)
	return time.Time{}
}

// pauses reads pairs of moments; a last one alone is a pause that lasts.
func pauses(t *testing.T, list ...string) []Pause {
	out := []Pause{}
	for i := 0; i < len(list); i += 2 {
		p := Pause{From: at(t, list[i])}
		if i+1 < len(list) {
			p.To = at(t, list[i+1])
		}
		out = append(out, p)
	}
	return out
}

// Cases counted by hand on a paper calendar. 24 stands for the end of a day.
func TestEndsCountedByHand(t *testing.T) {
	day := func(n int) Terms { return Terms{Unit: Day, Amount: n} }
	work := func(n int) Terms { return Terms{Unit: Workday, Amount: n} }
	hour := func(n int) Terms { return Terms{Unit: Hour, Amount: n} }
	whour := func(n int) Terms { return Terms{Unit: Workhour, Amount: n} }
	with := func(x Terms, f func(*Terms)) Terms { f(&x); return x }
	same := func(x *Terms) { x.SameDay = true }
	office := func(x *Terms) { x.Office = true }
	roll := func(x *Terms) { x.Roll = true }
	for _, tc := range []struct {
		name   string
		start  string
		terms  Terms
		extra  int
		pauses []string
		want   string // "" never, while it stands
	}{
		{"ninety days from filing", "2026-03-02 10:00", day(90), 0, nil, "2026-05-31 24"},
		{"fifteen days from service", "2026-06-01 09:00", day(15), 0, nil, "2026-06-16 24"},
		{"Friday 17:59, one working day", "2026-11-27 17:59", work(1), 0, nil, "2026-11-30 24"},
		{"Friday 17:59, one working hour", "2026-11-27 17:59", whour(1), 0, nil, "2026-11-30 09:59"},
		{"Friday 17:59, one hour", "2026-11-27 17:59", hour(1), 0, nil, "2026-11-27 18:59"},
		{"a weekend start, working days", "2026-11-28 10:00", work(1), 0, nil, "2026-11-30 24"},
		{"a Sunday start, two working days", "2026-11-29 23:59", work(2), 0, nil, "2026-12-01 24"},
		{"seven working days over National Day", "2026-09-28 10:00", work(7), 0, nil, "2026-10-13 24"},
		{"the worked Saturday counts", "2026-10-08 10:00", work(2), 0, nil, "2026-10-10 24"},
		{"the worked Sunday counts", "2026-09-18 10:00", work(1), 0, nil, "2026-09-20 24"},
		{"calendar days ignore holidays", "2026-09-28 10:00", day(7), 0, nil, "2026-10-05 24"},
		{"an end in the holiday rolls on", "2026-09-28 10:00", with(day(7), roll), 0, nil, "2026-10-08 24"},
		{"an end on Sunday rolls to Monday", "2026-11-20 10:00", with(day(9), roll), 0, nil, "2026-11-30 24"},
		{"an end on a worked Saturday stays", "2026-10-05 10:00", with(day(5), roll), 0, nil, "2026-10-10 24"},
		{"over Spring Festival", "2026-02-13 10:00", work(5), 0, nil, "2026-02-27 24"},
		{"the worked Saturday after Spring Festival", "2026-02-26 10:00", work(2), 0, nil, "2026-02-28 24"},
		{"the worked Sunday of New Year", "2026-01-01 08:00", work(1), 0, nil, "2026-01-04 24"},
		{"end of February", "2026-02-27 10:00", day(2), 0, nil, "2026-03-01 24"},
		{"leap day", "2028-02-27 10:00", day(2), 0, nil, "2028-02-29 24"},
		{"over the end of the year", "2026-12-31 23:30", day(1), 0, nil, "2027-01-01 24"},
		{"the first day counts", "2026-11-24 10:00", with(day(1), same), 0, nil, "2026-11-24 24"},
		{"the first working day counts", "2026-11-24 10:00", with(work(2), same), 0, nil, "2026-11-25 24"},
		{"the first day counts, but is a Saturday", "2026-11-28 10:00", with(work(1), same), 0, nil, "2026-11-30 24"},
		{"to the close of the office", "2026-11-24 10:00", with(work(1), office), 0, nil, "2026-11-25 18:00"},
		{"started after the close, the first day is gone", "2026-11-24 19:00", with(with(work(1), same), office), 0, nil, "2026-11-25 18:00"},
		{"started at the close to the second", "2026-11-24 18:00", with(with(work(1), same), office), 0, nil, "2026-11-25 18:00"},
		{"created before hours", "2026-11-24 06:00", whour(2), 0, nil, "2026-11-24 11:00"},
		{"created after hours", "2026-11-24 20:00", whour(2), 0, nil, "2026-11-25 11:00"},
		{"created at lunch", "2026-11-24 12:30", whour(2), 0, nil, "2026-11-24 15:30"},
		{"over lunch", "2026-11-24 11:00", whour(2), 0, nil, "2026-11-24 14:30"},
		{"a full working day of hours is 7.5", "2026-11-24 09:00", whour(15), 0, nil, "2026-11-25 18:00"},
		{"working hours over National Day", "2026-09-30 17:00", whour(2), 0, nil, "2026-10-08 10:00"},
		{"working hours on a worked Saturday", "2026-10-09 17:00", whour(2), 0, nil, "2026-10-10 10:00"},
		{"twenty-four hours over midnight", "2026-11-24 18:30", hour(24), 0, nil, "2026-11-25 18:30"},
		{"a start written in another zone", "2026-11-27T09:59:00Z", work(1), 0, nil, "2026-11-30 24"},
		{"a start before midnight in UTC only", "2026-11-24T16:30:00Z", day(1), 0, nil, "2026-11-26 24"},
		{"extension", "2026-03-02 10:00", day(90), 30, nil, "2026-06-30 24"},
		{"extension by working days", "2026-11-24 10:00", work(15), 10, nil, "2026-12-29 24"},

		{"a pause within a day does nothing to days", "2026-11-24 10:00", day(3), 0, []string{"2026-11-25 09:00", "2026-11-25 17:00"}, "2026-11-27 24"},
		{"a pause over one midnight", "2026-11-24 10:00", day(3), 0, []string{"2026-11-25 09:00", "2026-11-26 17:00"}, "2026-11-28 24"},
		{"a pause over a weekend is no working day", "2026-11-24 10:00", work(5), 0, []string{"2026-11-28 00:00", "2026-11-30 09:00"}, "2026-12-01 24"},
		{"a pause from Friday to Monday costs one", "2026-11-24 10:00", work(5), 0, []string{"2026-11-27 10:00", "2026-11-30 09:00"}, "2026-12-02 24"},
		{"a pause over National Day and its Saturday", "2026-09-28 10:00", work(3), 0, []string{"2026-09-30 10:00", "2026-10-11 09:00"}, "2026-10-13 24"},
		{"two pauses that overlap count once", "2026-11-02 10:00", day(10), 0, []string{"2026-11-04 10:00", "2026-11-07 10:00", "2026-11-05 10:00", "2026-11-08 10:00"}, "2026-11-16 24"},
		{"a pause before the start is none", "2026-11-24 10:00", day(3), 0, []string{"2026-11-20 10:00", "2026-11-23 10:00"}, "2026-11-27 24"},
		{"a pause that began before the start", "2026-11-24 10:00", day(3), 0, []string{"2026-11-20 10:00", "2026-11-26 10:00"}, "2026-11-28 24"},
		{"a pause that lasts", "2026-11-24 10:00", day(3), 0, []string{"2026-11-25 10:00"}, ""},
		{"due before a pause that lasts", "2026-11-24 10:00", day(3), 0, []string{"2026-11-28 10:00"}, "2026-11-27 24"},
		{"hours with a pause", "2026-11-24 10:00", hour(4), 0, []string{"2026-11-24 11:00", "2026-11-24 13:00"}, "2026-11-24 16:00"},
		{"hours paused over a weekend", "2026-11-27 17:00", hour(4), 0, []string{"2026-11-27 18:00", "2026-11-30 09:00"}, "2026-11-30 12:00"},
		{"working hours paused over a weekend once", "2026-11-27 17:00", whour(4), 0, []string{"2026-11-27 17:30", "2026-11-30 10:00"}, "2026-11-30 15:00"},
		{"working hours paused at lunch only", "2026-11-24 11:00", whour(2), 0, []string{"2026-11-24 12:00", "2026-11-24 13:30"}, "2026-11-24 14:30"},
		{"a rule changed to two days within a pause keeps it", "2026-11-23 10:00", day(2), 0, []string{"2026-11-24 10:00", "2026-11-26 10:00"}, "2026-11-27 24"},
		{"rolled past a pause", "2026-11-27 10:00", with(day(1), roll), 0, []string{"2026-11-30 09:00", "2026-12-02 09:00"}, "2026-12-02 24"},
	} {
		tm := Timing{Start: at(t, tc.start), Terms: tc.terms, Extra: tc.extra, Pauses: pauses(t, tc.pauses...)}
		got, ok := tm.End(year2026())
		if tc.want == "" {
			if ok {
				t.Errorf("%s: ends %s, want never", tc.name, got.In(clock.Shanghai()))
			}
			continue
		}
		var want time.Time
		if d, full := tc.want[:10], len(tc.want) == 13; full {
			want = at(t, d+" 23:59:59.999")
		} else {
			want = at(t, tc.want)
		}
		if !ok || !got.Equal(want) {
			t.Errorf("%s: ends %s (%v), want %s", tc.name, got.In(clock.Shanghai()), ok, want)
		}
	}
}

// The end found by walking is the first moment at which the time used by
// arithmetic reaches the budget.
func TestEndAndUsedAgree(t *testing.T) {
	cal := year2026()
	rapid.Check(t, func(t *rapid.T) {
		begin := at(t, "2026-01-01 00:00")
		moment := func(label string, days int) time.Time {
			return begin.Add(time.Duration(rapid.Int64Range(0, int64(days)*86_400_000).Draw(t, label)) * time.Millisecond)
		}
		tm := Timing{Start: moment("start", 330), Extra: rapid.IntRange(0, 5).Draw(t, "extra"), Terms: Terms{
			Unit: rapid.SampledFrom([]Unit{Day, Workday, Hour, Workhour}).Draw(t, "unit"), Amount: rapid.IntRange(1, 60).Draw(t, "amount"),
			SameDay: rapid.Bool().Draw(t, "sameDay"), Office: rapid.Bool().Draw(t, "office"),
		}}
		for range rapid.IntRange(0, 4).Draw(t, "pauses") {
			from := moment("from", 400)
			p := Pause{From: from, To: from.Add(time.Duration(rapid.Int64Range(0, 20*86_400_000).Draw(t, "for")) * time.Millisecond)}
			if rapid.IntRange(0, 9).Draw(t, "lasts") == 0 {
				p.To = time.Time{}
			}
			tm.Pauses = append(tm.Pauses, p)
		}
		end, ok := tm.End(cal)
		if !ok {
			if got := tm.Used(cal, begin.AddDate(30, 0, 0)); got >= tm.Budget() {
				t.Fatalf("no end, but %d of %d are used after thirty years", got, tm.Budget())
			}
			return
		}
		if got := tm.Used(cal, end); got != tm.Budget() {
			t.Fatalf("ends %s, where %d of %d are used", end, got, tm.Budget())
		}
		if got := tm.Used(cal, end.Add(-time.Millisecond)); got >= tm.Budget() {
			t.Fatalf("ends %s, but all %d are used before", end, got)
		}
		if got := tm.Used(cal, tm.Start); got != 0 {
			t.Fatalf("%d are used at the start", got)
		}
		// A rolled end is the first working day from there on that is not paused.
		tm.Roll = true
		rolled, ok := tm.End(cal)
		if ok && tm.Unit.Days() && (rolled.Before(end) || !cal.Working(rolled)) {
			t.Fatalf("ends %s, rolled to %s", end, rolled)
		}
		if !tm.Unit.Days() && !rolled.Equal(end) {
			t.Fatal("hours were rolled")
		}
	})
}

// Moving on and back by the same working time ends where it began, within
// working hours.
func TestShift(t *testing.T) {
	cal := year2026()
	rapid.Check(t, func(t *rapid.T) {
		d := at(t, "2026-01-05 00:00").AddDate(0, 0, rapid.IntRange(0, 320).Draw(t, "day"))
		for !cal.Working(d) {
			d = d.AddDate(0, 0, 1)
		}
		from := d.Add(9*time.Hour + time.Duration(rapid.IntRange(1, 179).Draw(t, "minute"))*time.Minute)
		n := rapid.IntRange(0, 80).Draw(t, "n")
		for _, u := range []Unit{Day, Workday, Hour, Workhour} {
			if got := Shift(cal, u, Shift(cal, u, from, n), -n); !got.Equal(from) && (u != Workhour || cal.WorkNumber(got) != cal.WorkNumber(from)) {
				t.Fatalf("%d %s there and back from %s: %s", n, u, from, got)
			}
		}
	})
}

func TestRemaining(t *testing.T) {
	cal := year2026()
	for _, tc := range []struct {
		unit           Unit
		due, near, now string
		state          State
		left           int64
		text           string
	}{
		{Day, "2026-11-30 23:59:59.999", "2026-11-28 23:59:59.999", "2026-11-24 10:00", Normal, 6, "剩 6 天"},
		{Day, "2026-11-30 23:59:59.999", "2026-11-28 23:59:59.999", "2026-11-29 10:00", Near, 1, "剩 1 天"},
		{Day, "2026-11-30 23:59:59.999", "2026-11-28 23:59:59.999", "2026-11-30 10:00", Near, 0, "今天到期"},
		{Day, "2026-11-30 23:59:59.999", "2026-11-28 23:59:59.999", "2026-12-02 00:00", Over, -2, "超期 2 天"},
		{Workday, "2026-10-13 23:59:59.999", "2026-10-12 23:59:59.999", "2026-09-30 10:00", Normal, 5, "剩 5 个工作日"},
		{Workday, "2026-11-27 18:00", "2026-11-26 18:00", "2026-11-27 19:00", Over, 0, "今天已超期"},
		{Workday, "2026-11-27 18:00", "2026-11-26 18:00", "2026-11-30 09:00", Over, -1, "超期 1 个工作日"},
		{Hour, "2026-11-24 14:30", "2026-11-24 14:00", "2026-11-24 10:15", Normal, 255, "剩 4 小时 15 分"},
		{Hour, "2026-11-24 14:30", "2026-11-24 14:00", "2026-11-24 14:31", Over, -1, "超期 1 分钟"},
		{Workhour, "2026-11-30 10:00", "2026-11-30 09:00", "2026-11-27 17:00", Normal, 120, "剩 2 工作小时"},
	} {
		got := remaining(cal, tc.unit, at(t, tc.due), at(t, tc.near), at(t, tc.now))
		if got.State != tc.state || got.Left != tc.left || got.Text != tc.text {
			t.Errorf("%s due %s at %s: %+v, want %s %d %s", tc.unit, tc.due, tc.now, got, tc.state, tc.left, tc.text)
		}
	}
}

func BenchmarkEnd(b *testing.B) {
	cal := year2026()
	tm := Timing{Start: at(b, "2026-03-02 10:00"), Terms: Terms{Unit: Workday, Amount: 90}}
	for b.Loop() {
		tm.End(cal)
	}
}
