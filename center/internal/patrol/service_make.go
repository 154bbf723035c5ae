package patrol

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
)

// runsAtOnce bounds the runs that one firing makes: a center that was away
// for long makes up in several transactions.
const runsAtOnce = 4

// firePlan makes the tasks of the runs that are due, and sets the timer to the
// next. It is one transaction with the end of the timer: a center killed at
// any point has made a run whole or not at all, and the key of plan, run and
// unit lets nobody make it twice.
func (s *Service) firePlan(ctx context.Context, tx db.Tx, payload json.RawMessage) error {
	var in planTimer
	if err := json.Unmarshal(payload, &in); err != nil {
		return fmt.Errorf("read the timer of a plan: %w", err)
	}
	p, found, err := lockPlan(ctx, tx, in.PlanID)
	if err != nil || !found || p.State != Enabled {
		return err
	}
	cal, err := s.calendar.Calendar(ctx)
	if err != nil {
		return fmt.Errorf("read the calendar: %w", err)
	}
	runs := p.Content.Runs(cal, p.seed, p.MadeToAt.Time(), tx.Now().Add(lead), runsAtOnce)
	if len(runs) > 0 {
		if err := s.makeRuns(ctx, tx, &p, runs); err != nil {
			return err
		}
	}
	return s.arm(ctx, tx, &p)
}

// makeRuns makes the tasks of some runs of a plan.
func (s *Service) makeRuns(ctx context.Context, tx db.Tx, p *Plan, runs []Run) error {
	shops, err := s.riskShops(ctx, p.Content, within(p.RegionCode))
	if err != nil {
		return err
	}
	places, err := resolve(ctx, tx, p.Content, within(p.RegionCode), shops)
	if err != nil {
		return err
	}
	groups, err := s.byUnit(ctx, *p, places)
	if err != nil {
		return err
	}
	spots := make([]Spot, len(places))
	for i := range places {
		spots[i] = places[i].Spot
	}
	if p.Cameras, err = setPlanCameras(ctx, tx, p.ID, spots); err != nil {
		return err
	}
	for _, r := range runs {
		for _, g := range groups {
			if err := s.makeTask(ctx, tx, s.taskOf(*p, r, g), g.places); err != nil {
				return err
			}
		}
		p.MadeToAt = clock.At(r.Slot)
	}
	return nil
}

// unitGroup is the part of a run that is one unit's work.
type unitGroup struct {
	unit   string
	org    Org
	places []place
}

// byUnit parts places by whose work they are.
func (s *Service) byUnit(ctx context.Context, p Plan, places []place) ([]unitGroup, error) {
	if p.Content.OrgMode == ByOrg || len(places) == 0 {
		g := unitGroup{unit: p.Content.OrgID, places: places}
		if p.Content.OrgID != "" {
			o, _, err := s.people.Org(ctx, p.Content.OrgID)
			if err != nil {
				return nil, fmt.Errorf("read the responsible unit: %w", err)
			}
			g.org = o
		}
		return []unitGroup{g}, nil
	}
	byUnit := map[string]*unitGroup{}
	for _, x := range places {
		unit, org, err := s.squadOf(ctx, x)
		if err != nil {
			return nil, err
		}
		if byUnit[unit] == nil {
			byUnit[unit] = &unitGroup{unit: unit, org: org}
		}
		byUnit[unit].places = append(byUnit[unit].places, x)
	}
	out := make([]unitGroup, 0, len(byUnit))
	for _, g := range byUnit {
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b unitGroup) int { return strings.Compare(a.unit, b.unit) })
	return out, nil
}

// squadOf gives the squad of a place; a street without one is a unit of its
// own that waits to be assigned.
func (s *Service) squadOf(ctx context.Context, x place) (string, Org, error) {
	if x.squad != "" {
		o, ok, err := s.people.Org(ctx, x.squad)
		if err != nil {
			return "", o, fmt.Errorf("read the squad of a camera: %w", err)
		}
		if ok {
			return o.ID, o, nil
		}
	}
	o, ok, err := s.people.SquadOf(ctx, x.RegionCode)
	if err != nil {
		return "", o, fmt.Errorf("find the squad of %s: %w", x.RegionCode, err)
	}
	if !ok {
		return "street:" + x.RegionCode, Org{}, nil
	}
	return o.ID, o, nil
}

func (s *Service) taskOf(p Plan, r Run, g unitGroup) Task {
	return Task{
		PlanID: p.ID, PlanName: p.Content.Name, Version: p.Version, SlotAt: clock.At(r.Slot), Unit: g.unit, Source: FromPlan, Kind: p.Content.Kind,
		Kinds: p.Content.Kinds, RegionCode: p.RegionCode, OrgID: g.org.ID, OrgName: g.org.Name, FromAt: clock.At(r.From), UntilAt: clock.At(r.Until),
		Looks: r.Looks, NeedPct: p.Content.NeedPct, YMD: r.YMD,
	}
}

// makeTask stores a task with its places and legs, sets its clocks and tells
// whom it concerns. A run that was made before is left alone.
func (s *Service) makeTask(ctx context.Context, tx db.Tx, t Task, places []place) error {
	if made, err := hasRun(ctx, tx, t.PlanID, t.SlotAt, t.Unit); err != nil || made {
		return err
	}
	t.ID = s.newID()
	return s.makeTaskAs(ctx, tx, t, places)
}

// makeTaskAs is makeTask for a task that has its id already.
func (s *Service) makeTaskAs(ctx context.Context, tx db.Tx, t Task, places []place) error {
	now := clock.At(tx.Now())
	var err error
	if t.No, err = nextNo(ctx, tx, t.Kind, clock.YMD(tx.Now())); err != nil {
		return err
	}
	t.MadeAt, t.Rev, t.State = now, 1, Running
	legs, codes := legsFor(&t, places, now)
	if len(codes) > 0 {
		t.RegionCode = s.regionOf(codes)
	}
	switch {
	case len(places) == 0:
		t.State, t.Note, t.ClosedAt = Cancelled, "生成时范围内没有可用的点位", &now
	case t.OrgID == "":
		t.State = Pending
	}
	if t.State.Open() {
		if t.DueAt, err = s.clocks.TaskClock(ctx, tx, t); err != nil {
			return fmt.Errorf("start the clock of a task: %w", err)
		}
	}
	fresh, err := insertTask(ctx, tx, t)
	if err != nil || !fresh {
		return err
	}
	spots := make([]Spot, len(places))
	covers := make([]coverRow, len(places))
	for i, p := range places {
		spots[i] = p.Spot
		spots[i].TaskID = t.ID
		covers[i] = coverOf(t, p.Spot)
	}
	if err := insertSpots(ctx, tx, spots); err != nil {
		return err
	}
	if err := cover(ctx, tx, covers); err != nil {
		return err
	}
	if err := insertLegs(ctx, tx, legs); err != nil {
		return err
	}
	if t.State.Open() {
		if err := s.timers.At(ctx, tx, timerFinish, t.ID, t.UntilAt.Time().Add(grace), finishTimer{t.ID}); err != nil {
			return err
		}
	}
	return s.tell(ctx, tx, t, "made", "patrol.task.make", fmt.Sprintf("生成%s任务 %s %s", t.Kind.Label(), t.No, t.PlanName), t.Note)
}

// legsFor parts the places of a task by box, counts them into the task, and
// gives the regions of the cameras.
func legsFor(t *Task, places []place, now clock.Stamp) (legs []legRow, codes []string) {
	byBox := map[string][]string{}
	seen := map[string]bool{}
	for _, p := range places {
		if seen[p.CameraID] {
			continue
		}
		seen[p.CameraID] = true
		codes = append(codes, p.RegionCode)
		if p.BoxID != "" {
			byBox[p.BoxID] = append(byBox[p.BoxID], p.CameraID)
		}
	}
	for box, cams := range byBox {
		slices.Sort(cams)
		legs = append(legs, legRow{State: LegWaiting, BoxID: box, Cameras: strings.Join(cams, ","), NextAt: now, UntilAt: t.UntilAt, At: now, TaskID: t.ID})
	}
	slices.SortFunc(legs, func(a, b legRow) int { return strings.Compare(a.BoxID, b.BoxID) })
	t.Cameras, t.Boxes, t.Spots = len(seen), len(byBox), len(places)
	return legs, codes
}

// tell notes an act on a task and publishes it: step, to-do, audit, event.
func (s *Service) tell(ctx context.Context, tx db.Tx, t Task, ch, act, summary, reason string) error {
	who := callerOf(ctx)
	text := summary
	if reason != "" {
		text += "：" + reason
	}
	if err := insertStep(ctx, tx, stepRow{ID: s.newID(), TaskID: t.ID, At: clock.At(tx.Now()), Act: ch, ByID: who.ID, ByName: who.Name, Text: text}); err != nil {
		return err
	}
	if err := s.todos.TaskChanged(ctx, tx, t); err != nil {
		return fmt.Errorf("tell who has to do with task %s: %w", t.ID, err)
	}
	err := audit.Record(ctx, tx, audit.Entry{
		Act: act, Object: "patrolTask", ObjectID: t.ID, RegionCode: t.RegionCode, Summary: summary, Reason: reason,
		After: map[string]any{"no": t.No, "state": t.State, "org": t.OrgName, "spots": t.Spots, "seen": t.Seen, "manual": t.Manual, "waived": t.Waived},
	})
	if err != nil {
		return err
	}
	err = events.Publish(ctx, tx, TopicTask, TaskChanged{
		ID: t.ID, No: t.No, PlanID: t.PlanID, Kind: t.Kind, State: t.State, Change: ch, RegionCode: t.RegionCode, OrgID: t.OrgID, At: clock.At(tx.Now()),
	})
	if err != nil {
		return err
	}
	tx.AfterCommit(s.wake)
	return nil
}

// Rearm sets the timers of plans anew where the calendar, a restore or a
// failed timer has left them wrong. It runs every minute.
func (s *Service) Rearm(ctx context.Context) error {
	cal, err := s.calendar.Calendar(ctx)
	if err != nil {
		return fmt.Errorf("read the calendar: %w", err)
	}
	for after := ""; ; {
		list, err := enabledPlans(ctx, s.db.Read(), after, 500)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, p := range list {
			after = p.ID
			if err := s.rearmOne(ctx, p, func() (Run, bool) { return p.Content.Next(cal, p.seed, p.MadeToAt.Time()) }); err != nil {
				return err
			}
		}
	}
}

// rearmOne looks at one plan: it is in order when it waits for exactly the
// next run of its content, and that run is not long due.
func (s *Service) rearmOne(ctx context.Context, p Plan, find func() (Run, bool)) error {
	next, ok := find()
	late := ok && s.db.Now().Sub(next.Slot) > -lead+2*time.Minute
	if ok == (p.NextAt != nil) && (!ok || clock.At(next.Slot) == *p.NextAt) && !late && !(!ok && p.over(s.db.Now())) {
		return nil
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		now, found, err := lockPlan(ctx, tx, p.ID)
		if err != nil || !found || now.State != Enabled {
			return err
		}
		return s.arm(ctx, tx, &now)
	})
}
