package patrol

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

// Plans gives one page of the plans that the actor may see.
func (s *Service) Plans(ctx context.Context, f PlanFilter, p httpx.Paging) (httpx.List[Plan], error) {
	who, err := access.Need(ctx, access.PatrolView)
	if err != nil {
		return httpx.List[Plan]{}, err
	}
	f.Q = strings.TrimSpace(p.Q)
	list, total, err := listPlans(ctx, s.db.Read(), who, f, p)
	if err != nil {
		return httpx.List[Plan]{}, err
	}
	return httpx.NewList(list, total, p, s.db.Now()), nil
}

// PlanCounts gives the number of plans by state.
func (s *Service) PlanCounts(ctx context.Context) (map[PlanState]int64, error) {
	who, err := access.Need(ctx, access.PatrolView)
	if err != nil {
		return nil, err
	}
	return countPlans(ctx, s.db.Read(), who)
}

// Plan gives one plan.
func (s *Service) Plan(ctx context.Context, id string) (Plan, error) {
	who, err := access.Need(ctx, access.PatrolView)
	if err != nil {
		return Plan{}, err
	}
	return getPlan(ctx, s.db.Read(), who, id)
}

// Versions gives what a plan was, newest first.
func (s *Service) Versions(ctx context.Context, id string) ([]Version, error) {
	if _, err := s.Plan(ctx, id); err != nil {
		return nil, err
	}
	return versionsOf(ctx, s.db.Read(), id)
}

// settled is a plan's content that has been checked, with what follows from
// it.
type settled struct {
	region  string
	orgName string
	places  []place
}

// settle checks what people wrote against rules, scope and stock.
func (s *Service) settle(ctx context.Context, who access.Actor, c *Content) (settled, error) {
	c.tidy()
	name := func(code string) (string, bool) {
		r, ok := s.regions.Get(code)
		return r.Name, ok
	}
	if err := c.check(name); err != nil {
		return settled{}, err
	}
	var out settled
	var f errs.Fields
	if c.OrgMode == ByOrg {
		o, ok, err := s.people.Org(ctx, c.OrgID)
		if err != nil {
			return out, fmt.Errorf("read the responsible unit: %w", err)
		}
		f.Check(ok && (who.Scope.Covers(o.RegionCode) || o.ID == who.OrgID), "orgId", "没有这个单位，或不在您的数据范围内")
		out.orgName, c.OrgID = o.Name, o.ID
	} else {
		out.orgName = "各街镇中队"
	}
	for i, r := range c.Scope.Regions {
		f.Check(who.Scope.All || access.Scope{Prefixes: []string{regionPrefix(r)}}.Within(who.Scope), fmt.Sprintf("scope.regions[%d]", i), "%s不在您的数据范围内", s.regions.Name(r))
	}
	f.Check(len(c.Scope.Risks) == 0 || s.risk != nil, "scope.risks", "商铺风险等级尚未启用")
	if err := f.Err(); err != nil {
		return out, err
	}
	scope := who.Scope
	if len(c.Scope.Regions) > 0 {
		scope = access.Scope{Prefixes: prefixes(c.Scope.Regions)}
	}
	shops, err := s.riskShops(ctx, *c, scope)
	if err != nil {
		return out, err
	}
	if out.places, err = resolve(ctx, s.db.Read(), *c, who.Scope, shops); err != nil {
		return out, err
	}
	f.Check(len(out.places) > 0, "scope", "这个范围里没有可用的点位，请放宽范围，或先给商铺画好电子围栏")
	if err := f.Err(); err != nil {
		return out, err
	}
	codes := slices.Clone(c.Scope.Regions)
	if len(codes) == 0 || len(c.Scope.Cameras)+len(c.Scope.Shops) > 0 {
		for _, p := range out.places {
			codes = append(codes, p.RegionCode)
		}
	}
	out.region = s.regionOf(codes)
	return out, nil
}

// newSeed makes the seed of a plan's random times.
func newSeed() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return hex.EncodeToString(b)
}

// CreatePlan stores a new plan, as a draft or in force at once.
func (s *Service) CreatePlan(ctx context.Context, c Content, enable bool) (Plan, error) {
	who, err := access.Need(ctx, access.PatrolPlan)
	if err != nil {
		return Plan{}, err
	}
	st, err := s.settle(ctx, who, &c)
	if err != nil {
		return Plan{}, err
	}
	var out Plan
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		now := clock.At(tx.Now())
		p := Plan{
			ID: s.newID(), Content: c, State: Draft, RegionCode: st.region, OrgName: st.orgName, Version: 1, MadeToAt: now,
			CreatedBy: who.Name, CreatedAt: now, UpdatedBy: who.Name, UpdatedAt: now, Rev: 1, seed: newSeed(),
		}
		if enable {
			p.State = Enabled
		}
		if err := insertPlan(ctx, tx, p); err != nil {
			return err
		}
		if err := insertVersion(ctx, tx, p, "新建"); err != nil {
			return err
		}
		if err := s.rearm(ctx, tx, &p, st.places); err != nil {
			return err
		}
		out = p
		return s.notePlanAct(ctx, tx, "patrol.plan.create", "新建"+c.Kind.Label()+"计划 "+c.Name, "", nil, p)
	})
	if err != nil {
		return Plan{}, fmt.Errorf("create plan: %w", err)
	}
	return out, nil
}

func (s *Service) notePlanAct(ctx context.Context, tx db.Tx, act, summary, reason string, before any, p Plan) error {
	return audit.Record(ctx, tx, audit.Entry{
		Act: act, Object: "patrolPlan", ObjectID: p.ID, RegionCode: p.RegionCode, Summary: summary, Before: before,
		After: map[string]any{"state": p.State, "version": p.Version, "content": p.Content}, Reason: reason,
	})
}

// rearm notes the plan's cameras and sets its timer to the next run; a plan
// that is not in force has none.
func (s *Service) rearm(ctx context.Context, tx db.Tx, p *Plan, places []place) error {
	spots := make([]Spot, len(places))
	for i := range places {
		spots[i] = places[i].Spot
	}
	if p.State != Enabled {
		spots = nil
	}
	if _, err := setPlanCameras(ctx, tx, p.ID, spots); err != nil {
		return err
	}
	if places != nil {
		p.Cameras = countCameras(places)
	}
	return s.arm(ctx, tx, p)
}

func countCameras(places []place) int {
	seen := map[string]bool{}
	for _, p := range places {
		seen[p.CameraID] = true
	}
	return len(seen)
}

// arm finds the next run of a plan and sets the timer to it.
func (s *Service) arm(ctx context.Context, tx db.Tx, p *Plan) error {
	p.NextAt = nil
	if p.State == Enabled {
		cal, err := s.calendar.Calendar(ctx)
		if err != nil {
			return fmt.Errorf("read the calendar: %w", err)
		}
		next, ok := p.Content.Next(cal, p.seed, p.MadeToAt.Time())
		switch {
		case ok:
			p.NextAt = clock.Ptr(next.Slot)
		case p.over(tx.Now()):
			p.State = Ended
		}
	}
	if err := notePlan(ctx, tx, *p); err != nil {
		return err
	}
	if p.NextAt == nil {
		return s.timers.Cancel(ctx, tx, timerPlan, p.ID)
	}
	return s.timers.At(ctx, tx, timerPlan, p.ID, p.NextAt.Time().Add(-lead), planTimer{p.ID})
}

type planTimer struct {
	PlanID string `json:"planId"`
}

// over tells whether the plan's last day has passed.
func (p Plan) over(now time.Time) bool {
	to, ok := parseDay(p.Content.To)
	return ok && !now.Before(to.Add(24*time.Hour))
}

// UpdatePlan writes a new version of a plan; tasks that were made keep
// theirs.
func (s *Service) UpdatePlan(ctx context.Context, id string, c Content, rev int64, reason string) (Plan, error) {
	who, err := access.Need(ctx, access.PatrolPlan)
	if err != nil {
		return Plan{}, err
	}
	st, err := s.settle(ctx, who, &c)
	if err != nil {
		return Plan{}, err
	}
	return s.changePlan(ctx, who, id, rev, func(tx db.Tx, p *Plan) (change, error) {
		if p.State == Ended {
			return change{}, errs.Conflict("计划已结束，请复制一份新的计划")
		}
		p.Content, p.RegionCode, p.OrgName = c, st.region, st.orgName
		p.Version++
		p.MadeToAt = max(p.MadeToAt, clock.At(tx.Now())) // nothing new runs in the past
		return change{act: "patrol.plan.update", summary: fmt.Sprintf("修改计划 %s（第 %d 版）", c.Name, p.Version), reason: reason, version: true, places: st.places}, nil
	})
}

// change says what was done to a plan.
type change struct {
	act, summary, reason string
	version              bool
	places               []place
}

// changePlan runs a change of a plan in one transaction.
func (s *Service) changePlan(ctx context.Context, who access.Actor, id string, rev int64, do func(tx db.Tx, p *Plan) (change, error)) (Plan, error) {
	var out Plan
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if _, err := getPlan(ctx, tx, who, id); err != nil {
			return err
		}
		p, _, err := lockPlan(ctx, tx, id)
		if err != nil {
			return err
		}
		if !who.Scope.Covers(p.RegionCode) {
			return errs.Forbidden("计划由" + s.regions.Name(p.RegionCode) + "管理，您没有维护它的权限")
		}
		if p.Rev != rev {
			return errs.Conflict(fmt.Sprintf("计划已由%s修改，请刷新后再试", p.UpdatedBy))
		}
		before := map[string]any{"state": p.State, "version": p.Version, "content": p.Content}
		ch, err := do(tx, &p)
		if err != nil {
			return err
		}
		p.UpdatedBy, p.UpdatedAt = who.Name, clock.At(tx.Now())
		ok, err := updatePlan(ctx, tx, p)
		if err != nil {
			return err
		}
		if !ok {
			return errs.Conflict("计划刚被他人修改，请刷新后再试")
		}
		p.Rev++
		if ch.version {
			if err := insertVersion(ctx, tx, p, ch.reason); err != nil {
				return err
			}
		}
		if err := s.rearm(ctx, tx, &p, ch.places); err != nil {
			return err
		}
		out = p
		return s.notePlanAct(ctx, tx, ch.act, ch.summary, ch.reason, before, p)
	})
	if err != nil {
		return Plan{}, fmt.Errorf("change plan %s: %w", id, err)
	}
	return out, nil
}

// SetPlanState enables, pauses or ends a plan. What would have run while it
// was paused is not made up for.
func (s *Service) SetPlanState(ctx context.Context, id string, to PlanState, rev int64, reason string) (Plan, error) {
	who, err := access.Need(ctx, access.PatrolPlan)
	if err != nil {
		return Plan{}, err
	}
	p, err := getPlan(ctx, s.db.Read(), who, id)
	if err != nil {
		return Plan{}, err
	}
	var places []place
	if to == Enabled {
		if places, err = s.placesOf(ctx, p); err != nil {
			return Plan{}, err
		}
	}
	return s.changePlan(ctx, who, id, rev, func(tx db.Tx, p *Plan) (change, error) {
		allowed := map[PlanState][]PlanState{Enabled: {Draft, Off}, Off: {Enabled}, Ended: {Draft, Enabled, Off}}[to]
		if !slices.Contains(allowed, p.State) {
			return change{}, errs.Conflict(fmt.Sprintf("计划当前为“%s”，不能改为“%s”", p.State.Label(), to.Label()))
		}
		if to == Enabled {
			if p.over(tx.Now()) {
				return change{}, errs.Invalidf("to", "计划的结束日期 %s 已过，请先修改起止日期", p.Content.To)
			}
			p.MadeToAt = max(p.MadeToAt, clock.At(tx.Now()))
		}
		p.State = to
		verb := map[PlanState]string{Enabled: "启用", Off: "暂停", Ended: "结束"}[to]
		return change{act: "patrol.plan.state", summary: verb + "计划 " + p.Content.Name, reason: reason, places: places}, nil
	})
}

// placesOf resolves a stored plan anew.
func (s *Service) placesOf(ctx context.Context, p Plan) ([]place, error) {
	shops, err := s.riskShops(ctx, p.Content, within(p.RegionCode))
	if err != nil {
		return nil, err
	}
	return resolve(ctx, s.db.Read(), p.Content, within(p.RegionCode), shops)
}

// CopyPlan makes a draft of a plan's content.
func (s *Service) CopyPlan(ctx context.Context, id string) (Plan, error) {
	p, err := s.Plan(ctx, id)
	if err != nil {
		return Plan{}, err
	}
	c := p.Content
	c.Name = shorten(c.Name, 56) + "（副本）"
	if today := dayText(s.db.Now()); c.From < today {
		c.From = today
	}
	if c.To != "" && c.To < c.From {
		c.To = ""
	}
	return s.CreatePlan(ctx, c, false)
}

func shorten(s string, most int) string {
	r := []rune(s)
	return string(r[:min(len(r), most)])
}
