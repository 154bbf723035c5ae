package patrol_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"jiexun/center/internal/patrol"
	"jiexun/center/internal/platform/calendar"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/testkit"
)

// TestMadeOnce has two centers fire at the same time, and stop in the middle,
// over some months whose clock jumps: the runs that were made are exactly
// those that a walk over the days gives, each once, with one audit record and
// one event each.
func TestMadeOnce(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		r := newRig(t, d, c)
		r.days.cal = calendar.Calendar{Off: map[int]bool{20261225: true, 20270101: true, 20270104: true}, On: map[int]bool{20270102: true}}
		daily, random, monthly := content(), content(), content()
		random.Name, random.Schedule = "随机", patrol.Schedule{Repeat: patrol.Daily, Holiday: patrol.HolidayRun, Windows: []patrol.Window{{From: "08:00", To: "12:00"}, {From: "20:00", To: "02:00"}}, RandomMin: 30}
		monthly.Name, monthly.Schedule = "月初", patrol.Schedule{Repeat: patrol.Monthly, MonthDays: []int{1, -1}, Holiday: patrol.HolidayNext, Windows: []patrol.Window{{From: "10:00", To: "11:00"}}}
		monthly.OrgMode = patrol.BySquad
		for _, in := range []patrol.Content{daily, random, monthly} {
			if _, err := r.s.CreatePlan(r.as(), in, true); err != nil {
				t.Fatal(err)
			}
		}
		other, _ := r.center()
		dice := rand.New(rand.NewPCG(3, 4))
		end := time.Date(2027, 1, 20, 0, 0, 0, 0, clock.Shanghai())
		for c.Now().Before(end) {
			c.Advance(time.Duration(10+dice.IntN(500)) * time.Minute)
			var wg sync.WaitGroup
			for _, j := range []interface {
				Fire(context.Context) (int, error)
			}{r.jobs, other} {
				ctx, cancel := context.WithCancel(t.Context())
				if dice.IntN(4) == 0 { // this center dies at some point of its work
					time.AfterFunc(time.Duration(dice.IntN(3000))*time.Microsecond, cancel)
				}
				wg.Go(func() { defer cancel(); _, _ = j.Fire(ctx) })
			}
			wg.Wait()
		}
		r.fire()
		want := map[string]bool{}
		cal := r.days.cal
		for day := time.Date(2026, 11, 25, 0, 0, 0, 0, clock.Shanghai()); day.Before(end.Add(48 * time.Hour)); day = day.AddDate(0, 0, 1) {
			ymd := clock.YMD(day)
			add := func(plan, unit string, hour, minute int) {
				if at := day.Add(time.Duration(hour*60+minute) * time.Minute); !at.After(c.Now().Add(10 * time.Minute)) {
					want[fmt.Sprintf("%s %s %d", plan, unit, at.UnixMilli())] = true
				}
			}
			if cal.Working(day) {
				add("早高峰巡检", "d1", 7, 30)
			}
			add("随机", "d1", 8, 0)
			add("随机", "d1", 20, 0)
			for _, unit := range []string{"q1", "q2", "street:310101015"} {
				switch ymd { // the first of January is off, and the next working day is a Saturday
				case 20261130, 20261201, 20261231, 20270102:
					add("月初", unit, 10, 0)
				}
			}
		}
		got := map[string]int{}
		rows := []struct {
			PlanName, Unit string
			SlotAt         int64
		}{}
		if err := d.Read().NewRaw("SELECT plan_name, unit, slot_at FROM patrol_tasks").Scan(t.Context(), &rows); err != nil {
			t.Fatal(err)
		}
		for _, x := range rows {
			got[fmt.Sprintf("%s %s %d", x.PlanName, x.Unit, x.SlotAt)]++
		}
		for k := range want {
			if got[k] != 1 {
				t.Errorf("run %s was made %d times", k, got[k])
			}
		}
		for k, n := range got {
			if !want[k] {
				t.Errorf("run %s (%d times) is not one of the plan's", k, n)
			}
		}
		audits := r.count("SELECT COUNT(DISTINCT object_id) FROM audit_records WHERE act = 'patrol.task.make'")
		all := r.count("SELECT COUNT(*) FROM audit_records WHERE act = 'patrol.task.make'")
		if len(want) < 150 || audits != len(want) || all != len(want) {
			t.Errorf("%d runs expected, %d audit records for %d tasks", len(want), all, audits)
		}
	})
}
