package main

import (
	"context"
	"fmt"
	"time"

	"jiexun/center/internal/app"
	"jiexun/center/internal/patrol"
)

const district = "org-310101"

func plan(name string, s patrol.Schedule, squads bool) patrol.Content {
	c := patrol.Content{
		Name: name, Kind: patrol.Inspection, Scope: patrol.Scope{Regions: []string{"310101"}}, Schedule: s, OrgMode: patrol.ByOrg, OrgID: district, From: "2026-01-01", NeedPct: 50,
	}
	if squads {
		c.OrgMode, c.OrgID = patrol.BySquad, ""
	}
	return c
}

func ymd(t time.Time) int { return t.Year()*10000 + int(t.Month())*100 + t.Day() }

func works(t time.Time, off, on map[int]bool) bool {
	return on[ymd(t)] || !off[ymd(t)] && t.Weekday() != time.Saturday && t.Weekday() != time.Sunday
}

func clockAt(day time.Time, hour, minute int) time.Time {
	return day.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}

// landing tells whether a day is the first working day at or after one of
// those that pick names.
func landing(day time.Time, off, on map[int]bool, isDay func(time.Time) bool, isOff func(time.Time) bool) bool {
	if isDay(day) && !isOff(day) {
		return true
	}
	if !works(day, off, on) {
		return false
	}
	for back := day.AddDate(0, 0, -1); !back.Before(begins()) && day.Sub(back) < 30*24*time.Hour; back = back.AddDate(0, 0, -1) {
		if isDay(back) && isOff(back) {
			return true
		}
		if works(back, off, on) {
			return false
		}
	}
	return false
}

func plans() []planned {
	window := func(from, to string) patrol.Window { return patrol.Window{From: from, To: to} }
	last := func(d time.Time) bool { return d.AddDate(0, 0, 1).Day() == 1 }
	return []planned{
		{plan("工作日早高峰", patrol.Schedule{Repeat: patrol.Daily, Workdays: true, Windows: []patrol.Window{window("07:30", "09:30")}, EveryMin: 20}, false),
			func(d time.Time, off, on map[int]bool, add func(string, time.Time)) {
				if works(d, off, on) {
					add(district, clockAt(d, 7, 30))
				}
			}},
		{plan("每日两段随机", patrol.Schedule{Repeat: patrol.Daily, Holiday: patrol.HolidayRun, Windows: []patrol.Window{window("10:00", "16:00"), window("21:00", "02:00")}, RandomMin: 45}, false),
			func(d time.Time, _, _ map[int]bool, add func(string, time.Time)) {
				add(district, clockAt(d, 10, 0))
				add(district, clockAt(d, 21, 0))
			}},
		{plan("周一周四各中队", patrol.Schedule{Repeat: patrol.Weekly, Weekdays: []int{1, 4}, Holiday: patrol.HolidaySkip, Windows: []patrol.Window{window("14:00", "16:00")}}, true),
			func(d time.Time, off, _ map[int]bool, add func(string, time.Time)) {
				if (d.Weekday() == time.Monday || d.Weekday() == time.Thursday) && !off[ymd(d)] {
					for _, s := range streets() {
						add("org-"+s, clockAt(d, 14, 0))
					}
				}
			}},
		{plan("月初月末顺延", patrol.Schedule{Repeat: patrol.Monthly, MonthDays: []int{1, -1}, Workdays: true, Holiday: patrol.HolidayNext, Windows: []patrol.Window{window("09:00", "10:00")}}, false),
			func(d time.Time, off, on map[int]bool, add func(string, time.Time)) {
				isDay := func(x time.Time) bool { return x.Day() == 1 || last(x) }
				if landing(d, off, on, isDay, func(x time.Time) bool { return !works(x, off, on) }) {
					add(district, clockAt(d, 9, 0))
				}
			}},
		{plan("每三天", patrol.Schedule{Repeat: patrol.Daily, Every: 3, Holiday: patrol.HolidaySkip, Windows: []patrol.Window{window("18:00", "19:00")}}, false),
			func(d time.Time, off, _ map[int]bool, add func(string, time.Time)) {
				if int(d.Sub(begins()).Hours()/24+.5)%3 == 0 && !off[ymd(d)] {
					add(district, clockAt(d, 18, 0))
				}
			}},
		{plan("每季首月十五", patrol.Schedule{Repeat: patrol.Quarterly, Months: []int{1}, MonthDays: []int{15}, Holiday: patrol.HolidayNext, Windows: []patrol.Window{window("10:00", "12:00")}}, true),
			func(d time.Time, off, on map[int]bool, add func(string, time.Time)) {
				isDay := func(x time.Time) bool { return x.Day() == 15 && (int(x.Month())-1)%3 == 0 }
				if landing(d, off, on, isDay, func(x time.Time) bool { return off[ymd(x)] }) {
					for _, s := range streets() {
						add("org-"+s, clockAt(d, 10, 0))
					}
				}
			}},
	}
}

// holidays reads the calendar as it is stored.
func holidays(ctx context.Context, a *app.App) (off, on map[int]bool, err error) {
	rows := []struct {
		Ymd  int
		Kind string
	}{}
	if err := a.DB().Read().NewRaw("SELECT ymd, kind FROM deadline_days").Scan(ctx, &rows); err != nil {
		return nil, nil, fmt.Errorf("read the calendar: %w", err)
	}
	off, on = map[int]bool{}, map[int]bool{}
	for _, r := range rows {
		if r.Kind == "off" {
			off[r.Ymd] = true
		} else {
			on[r.Ymd] = true
		}
	}
	return off, on, nil
}

// made counts the tasks of each run of the year.
func made(ctx context.Context, a *app.App) (map[string]int, error) {
	rows := []struct {
		PlanName, Unit string
		SlotAt         int64
	}{}
	err := a.DB().Read().NewRaw("SELECT plan_name, unit, slot_at FROM patrol_tasks WHERE slot_at < ?", ends().UnixMilli()).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("read the tasks: %w", err)
	}
	out := map[string]int{}
	for _, r := range rows {
		out[key(r.PlanName, r.Unit, r.SlotAt)]++
	}
	return out, nil
}

// traces tells how many audit records and events of its making a task has:
// "1" when each has one.
func traces(ctx context.Context, a *app.App) (audits, events string, err error) {
	one := func(q string) (string, error) {
		var all, tasks, distinct int
		if err := a.DB().Read().NewRaw("SELECT COUNT(*) FROM patrol_tasks").Scan(ctx, &tasks); err != nil {
			return "", fmt.Errorf("count tasks: %w", err)
		}
		if err := a.DB().Read().NewRaw(q).Scan(ctx, &all, &distinct); err != nil {
			return "", fmt.Errorf("count traces: %w", err)
		}
		if all == tasks && distinct == tasks {
			return "1", nil
		}
		return fmt.Sprintf("%d records of %d tasks for %d", all, distinct, tasks), nil
	}
	if audits, err = one("SELECT COUNT(*), COUNT(DISTINCT object_id) FROM audit_records WHERE act = 'patrol.task.make'"); err != nil {
		return "", "", err
	}
	events, err = one("SELECT COUNT(*), COUNT(DISTINCT task_id) FROM patrol_steps WHERE act = 'made'")
	return audits, events, err
}
