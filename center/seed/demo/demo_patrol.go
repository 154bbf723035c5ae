package demo

import (
	"context"
	"fmt"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/patrol"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/httpx"
)

// patrols makes plans to look at: a survey in force, and inspections that a
// person may put in force.
func (s *seeder) patrols(ctx context.Context) error {
	ctx = access.With(ctx, access.Actor{
		ID: "seed", Name: "演示数据", Scope: access.Scope{Prefixes: []string{"31"}}, Perms: map[string]bool{access.PatrolView: true, access.PatrolPlan: true},
	})
	have, err := s.Patrol.Plans(ctx, patrol.PlanFilter{}, httpx.Paging{Page: 1, Size: 1})
	if err != nil || have.Total > 0 {
		return err
	}
	today := s.Clock.Now().In(clock.Shanghai()).Format(time.DateOnly)
	plan := func(name string, kind patrol.Kind, sc patrol.Schedule) patrol.Content {
		return patrol.Content{Name: name, Kind: kind, Scope: patrol.Scope{Regions: []string{"310101013"}}, Schedule: sc, OrgMode: patrol.BySquad, From: today}
	}
	window := func(from, to string) []patrol.Window { return []patrol.Window{{From: from, To: to}} }
	for _, p := range []struct {
		content patrol.Content
		enable  bool
	}{
		{plan("外滩沿街店招月度排摸", patrol.Survey, patrol.Schedule{Repeat: patrol.Monthly, MonthDays: []int{5}, Holiday: patrol.HolidayNext, Windows: window("10:00", "11:30")}), true},
		{plan("外滩街面早高峰巡检", patrol.Inspection, patrol.Schedule{Repeat: patrol.Daily, Workdays: true, Windows: window("07:30", "09:30"), EveryMin: 20}), false},
		{plan("夜市外摆随机抽查", patrol.Inspection, patrol.Schedule{Repeat: patrol.Daily, Holiday: patrol.HolidayRun, Windows: window("17:00", "22:00"), RandomMin: 60, EveryMin: 20, Pick: 3}), false},
	} {
		if _, err := s.Patrol.CreatePlan(ctx, p.content, p.enable); err != nil {
			return fmt.Errorf("plan %s: %w", p.content.Name, err)
		}
	}
	return nil
}
