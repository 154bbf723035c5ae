package patrol

import (
	"context"
	"fmt"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
)

// Of a recheck: how long its window is and how often the camera looks.
const (
	recheckFor   = 2 * time.Hour
	recheckLooks = 5
)

// RecheckInput asks a camera to look again whether what an order is about has
// gone.
type RecheckInput struct {
	CameraID, ZoneID, OrderID string
	NotBefore                 time.Time
}

// AskRecheck is the port by which orders and notices have a camera look again,
// inside their own transaction. It is idempotent by the order: asked again,
// a recheck that was answered starts anew. The answer is patrol.rechecked;
// any inspection that sees the place clean after NotBefore answers it, and
// the recheck's own task at the latest.
func (s *Service) AskRecheck(ctx context.Context, tx db.Tx, in RecheckInput) error {
	old, found, err := recheckOf(ctx, tx, in.OrderID)
	if err != nil {
		return err
	}
	if found && old.State == recheckWaiting && old.CameraID == in.CameraID && old.ZoneID == in.ZoneID {
		return nil
	}
	c := Content{Kind: Inspection, Kinds: []string{string(edgev1.Stacking), string(edgev1.Frontage)}, Scope: Scope{Cameras: []string{in.CameraID}}}
	places, err := resolve(ctx, tx, c, access.SystemScope(), nil)
	if err != nil {
		return err
	}
	mine := []place{}
	for _, p := range places {
		if p.ZoneID == in.ZoneID || in.ZoneID == "" {
			mine = append(mine, p)
		}
	}
	r := recheckRow{
		OrderID: in.OrderID, CameraID: in.CameraID, ZoneID: in.ZoneID, NotBeforeAt: clock.At(in.NotBefore), State: recheckWaiting, AskedAt: clock.At(tx.Now()),
	}
	if len(mine) == 0 {
		if err := putRecheck(ctx, tx, r); err != nil {
			return err
		}
		return s.answer(ctx, tx, r, Rechecked{Reason: ReasonLabel(string(edgev1.UnseenNoZone))})
	}
	from := in.NotBefore
	if from.Before(tx.Now()) {
		from = tx.Now()
	}
	_, org, err := s.squadOf(ctx, mine[0])
	if err != nil {
		return err
	}
	t := Task{
		PlanName: "整改复查", Source: FromRecheck, SourceID: in.OrderID, Kind: Inspection, Kinds: c.Kinds, SlotAt: clock.At(from), RegionCode: mine[0].RegionCode,
		OrgID: org.ID, OrgName: org.Name, Unit: org.ID, FromAt: clock.At(from), UntilAt: clock.At(from.Add(recheckFor)), Looks: recheckLooks, NeedPct: 1, YMD: clock.YMD(from),
	}
	t.ID = s.newID()
	r.TaskID = t.ID
	if err := putRecheck(ctx, tx, r); err != nil {
		return err
	}
	if err := s.makeTaskAs(ctx, tx, t, mine); err != nil {
		return fmt.Errorf("ask for a recheck of order %s: %w", in.OrderID, err)
	}
	return nil
}

// DropRecheck ends a recheck that nobody waits for any more.
func (s *Service) DropRecheck(ctx context.Context, tx db.Tx, orderID string) error {
	r, found, err := recheckOf(ctx, tx, orderID)
	if err != nil || !found || r.State != recheckWaiting {
		return err
	}
	r.State, r.AnsweredAt = recheckDropped, clock.Ptr(tx.Now())
	return putRecheck(ctx, tx, r)
}

// seenForRecheck answers the rechecks of a place that was just seen clean.
func (s *Service) seenForRecheck(ctx context.Context, tx db.Tx, t Task, o *edgev1.Observation) error {
	if t.Kind != Inspection || o.Kind != edgev1.Seen || o.Zone == "" || len(o.Open) > 0 {
		return nil
	}
	list, err := rechecksAt(ctx, tx, o.Camera, o.Zone)
	if err != nil {
		return err
	}
	at := clock.At(o.At.Add(-millis(o.ClockOffsetMS)))
	for _, r := range list {
		if at < r.NotBeforeAt {
			continue
		}
		evidence := []string{}
		for _, e := range o.Evidence {
			evidence = append(evidence, e.SM3)
		}
		if err := s.answer(ctx, tx, r, Rechecked{TaskID: t.ID, Clean: true, Seen: true, At: at, Evidence: evidence}); err != nil {
			return err
		}
	}
	return nil
}

// answerRecheck ends the recheck that a task was made for: nobody saw the
// place clean in its window.
func (s *Service) answerRecheck(ctx context.Context, tx db.Tx, t Task) error {
	if t.Source != FromRecheck {
		return nil
	}
	r, found, err := recheckOf(ctx, tx, t.SourceID)
	if err != nil || !found || r.State != recheckWaiting || r.TaskID != t.ID {
		return err
	}
	out := Rechecked{TaskID: t.ID, Evidence: []string{}, At: clock.At(tx.Now())}
	spots, err := spotsOfTask(ctx, tx, t.ID, nil)
	if err != nil {
		return err
	}
	for _, sp := range spots {
		if sp.SeenLooks > 0 {
			out.Seen = true
			if sp.LookedAt != nil {
				out.At = *sp.LookedAt
			}
			if sp.Frame != "" {
				out.Evidence = append(out.Evidence, sp.Frame)
			}
		} else {
			out.Reason = ReasonLabel(sp.Reason)
		}
	}
	if t.State == Cancelled {
		out.Reason = "复查任务已撤销"
	}
	return s.answer(ctx, tx, r, out)
}

// answer notes and publishes the outcome of a recheck, once.
func (s *Service) answer(ctx context.Context, tx db.Tx, r recheckRow, out Rechecked) error {
	r.State, r.AnsweredAt, r.Clean, r.Seen = recheckAnswered, clock.Ptr(tx.Now()), flag(out.Clean), flag(out.Seen)
	if err := putRecheck(ctx, tx, r); err != nil {
		return err
	}
	out.ID, out.OrderID, out.CameraID, out.ZoneID = s.newID(), r.OrderID, r.CameraID, r.ZoneID
	if out.At == 0 {
		out.At = clock.At(tx.Now())
	}
	if out.Evidence == nil {
		out.Evidence = []string{}
	}
	tx.AfterCommit(s.wake)
	return events.Publish(ctx, tx, TopicRechecked, out)
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// RunNow runs a plan at once, beside its schedule.
func (s *Service) RunNow(ctx context.Context, planID, reason string) ([]Task, error) {
	who, err := access.Need(ctx, access.PatrolPlan)
	if err != nil {
		return nil, err
	}
	p, err := getPlan(ctx, s.db.Read(), who, planID)
	if err != nil {
		return nil, err
	}
	if !who.Scope.Covers(p.RegionCode) {
		return nil, errs.Forbidden("计划由" + s.regions.Name(p.RegionCode) + "管理，您不能发起执行")
	}
	places, err := s.placesOf(ctx, p)
	if err != nil {
		return nil, err
	}
	if len(places) == 0 {
		return nil, errs.Conflict("计划范围里没有可用的点位")
	}
	groups, err := s.byUnit(ctx, p, places)
	if err != nil {
		return nil, err
	}
	made := []string{}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		now := tx.Now()
		length := p.Content.Schedule.length()
		r := Run{Slot: now, From: now, Until: now.Add(length), Looks: p.Content.Schedule.looksIn(length), YMD: clock.YMD(now)}
		for _, g := range groups {
			t := s.taskOf(p, r, g)
			t.Source, t.Note, t.ID = FromPerson, reason, s.newID()
			made = append(made, t.ID)
			if err := s.makeTaskAs(ctx, tx, t, g.places); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("run plan %s now: %w", planID, err)
	}
	out := []Task{}
	for _, id := range made {
		t, err := getTask(ctx, s.db.Read(), system(), id)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// length is how long one run of the schedule lasts.
func (s Schedule) length() time.Duration {
	if s.RandomMin > 0 {
		return time.Duration(s.RandomMin) * time.Minute
	}
	if len(s.Windows) > 0 {
		if from, to, ok := s.Windows[0].span(); ok {
			return time.Duration(to-from) * time.Minute
		}
	}
	return time.Hour
}
