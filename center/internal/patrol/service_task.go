package patrol

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

func callerOf(ctx context.Context) caller.Caller { return caller.From(ctx) }

type finishTimer struct {
	TaskID string `json:"taskId"`
}

// fireFinish ends the window of a task: what was not told of is not seen, and
// what is missing is left to people.
func (s *Service) fireFinish(ctx context.Context, tx db.Tx, payload json.RawMessage) error {
	var in finishTimer
	if err := json.Unmarshal(payload, &in); err != nil {
		return fmt.Errorf("read the timer of a task: %w", err)
	}
	t, err := lockTask(ctx, tx, system(), in.TaskID)
	if errs.Is(err, errs.NotFoundCode) {
		return nil
	}
	if err != nil || !t.State.Open() {
		return err
	}
	if err := endSpots(ctx, tx, t.ID); err != nil {
		return err
	}
	if err := endLegs(ctx, tx, t.ID, []LegState{LegWaiting}, LegMissed, clock.At(tx.Now())); err != nil {
		return err
	}
	if err := coverTask(ctx, tx, t); err != nil {
		return err
	}
	if _, err := countSpots(ctx, tx, &t); err != nil {
		return err
	}
	if err := s.answerRecheck(ctx, tx, t); err != nil {
		return err
	}
	return s.settleTask(ctx, tx, t, true, "")
}

// ended tells whether nothing more is expected of the boxes.
func (t Task) ended(now time.Time) bool {
	return clock.At(now) >= t.UntilAt+clock.Stamp(grace.Milliseconds())
}

// settleTask stores a task with its counts and, where its state changed by
// them, tells so. The task is locked.
func (s *Service) settleTask(ctx context.Context, tx db.Tx, t Task, ended bool, by string) error {
	next := t.Settle(tx.Now(), ended)
	changed := next != t.State
	t.State = next
	if next == Overdue {
		t.Late = true
	}
	if changed && next == Done {
		t.ClosedAt = clock.Ptr(tx.Now())
		t.Late = t.Late || t.DueAt != nil && *t.ClosedAt > *t.DueAt
		if _, err := s.clocks.TaskClock(ctx, tx, t); err != nil {
			return fmt.Errorf("stop the clock of task %s: %w", t.ID, err)
		}
	}
	if err := saveTask(ctx, tx, t); err != nil {
		return err
	}
	if !changed {
		return nil
	}
	words := map[TaskState]struct{ ch, act, text string }{
		Done:       {"done", "patrol.task.done", fmt.Sprintf("任务 %s 完成，看到 %d / %d 处", t.No, t.Covered(), t.Spots)},
		Supplement: {"supplement", "patrol.task.supplement", fmt.Sprintf("任务 %s 时段结束，%d 处没有看到，等待补录", t.No, t.Unseen)},
		Overdue:    {"overdue", "patrol.task.overdue", fmt.Sprintf("任务 %s 逾期，还有 %d 处没有看到", t.No, t.Spots-t.Covered()-t.Waived)},
		Pending:    {"pending", "patrol.task.pending", fmt.Sprintf("任务 %s 等待分派", t.No)},
		Running:    {"running", "patrol.task.running", fmt.Sprintf("任务 %s 执行中", t.No)},
	}[next]
	return s.tell(ctx, tx, t, words.ch, words.act, words.text, by)
}

// TaskOverdue is told by the deadline that a task is due.
func (s *Service) TaskOverdue(ctx context.Context, tx db.Tx, id string) error {
	t, err := lockTask(ctx, tx, system(), id)
	if errs.Is(err, errs.NotFoundCode) {
		return nil
	}
	if err != nil || !t.State.Open() {
		return err
	}
	if t.DueAt == nil || *t.DueAt > clock.At(tx.Now()) {
		t.DueAt = clock.Ptr(tx.Now())
	}
	return s.settleTask(ctx, tx, t, t.ended(tx.Now()), "")
}

// SetDue notes that a task's deadline was moved by hand.
func (s *Service) SetDue(ctx context.Context, tx db.Tx, id string, due clock.Stamp) error {
	t, err := lockTask(ctx, tx, system(), id)
	if errs.Is(err, errs.NotFoundCode) {
		return nil
	}
	if err != nil || !t.State.Open() {
		return err
	}
	t.DueAt = &due
	return s.settleTask(ctx, tx, t, t.ended(tx.Now()), "")
}

// Assign gives a task to a unit.
func (s *Service) Assign(ctx context.Context, id, orgID string, rev int64, reason string) (Task, error) {
	who, err := access.Need(ctx, access.PatrolAssign)
	if err != nil {
		return Task{}, err
	}
	o, ok, err := s.people.Org(ctx, orgID)
	if err != nil {
		return Task{}, fmt.Errorf("read the unit: %w", err)
	}
	if !ok || !who.Scope.Covers(o.RegionCode) {
		return Task{}, errs.Invalidf("orgId", "没有这个单位，或不在您的数据范围内")
	}
	return s.actOn(ctx, who, id, rev, func(ctx context.Context, tx db.Tx, t *Task) error {
		if !t.State.Open() {
			return errs.Conflict(fmt.Sprintf("任务 %s 当前为“%s”，不能分派", t.No, t.State.Label()))
		}
		if t.OrgID == o.ID {
			return errs.Conflict("任务已经由" + o.Name + "负责")
		}
		t.OrgID, t.OrgName = o.ID, o.Name
		if t.State == Pending {
			t.State = Running
		}
		t.State = t.Settle(tx.Now(), t.ended(tx.Now()))
		if err := saveTask(ctx, tx, *t); err != nil {
			return err
		}
		return s.tell(ctx, tx, *t, "assigned", "patrol.task.assign", fmt.Sprintf("任务 %s 分派给%s", t.No, o.Name), reason)
	})
}

// Cancel takes a task back: boxes stop looking and nobody has to complete it.
func (s *Service) Cancel(ctx context.Context, id string, rev int64, reason string) (Task, error) {
	who, err := access.Need(ctx, access.PatrolPlan)
	if err != nil {
		return Task{}, err
	}
	if strings.TrimSpace(reason) == "" {
		return Task{}, errs.Invalidf("reason", "请填写撤销的原因")
	}
	return s.actOn(ctx, who, id, rev, func(ctx context.Context, tx db.Tx, t *Task) error {
		if !t.State.Open() {
			return errs.Conflict(fmt.Sprintf("任务 %s 当前为“%s”，不能撤销", t.No, t.State.Label()))
		}
		now := clock.At(tx.Now())
		t.State, t.ClosedAt, t.Note = Cancelled, &now, reason
		if err := endLegs(ctx, tx, t.ID, []LegState{LegWaiting}, LegStopped, now); err != nil {
			return err
		}
		if err := endLegs(ctx, tx, t.ID, []LegState{LegTaken}, LegStopping, now); err != nil {
			return err
		}
		if err := s.timers.Cancel(ctx, tx, timerFinish, t.ID); err != nil {
			return err
		}
		if _, err := s.clocks.TaskClock(ctx, tx, *t); err != nil {
			return fmt.Errorf("stop the clock of task %s: %w", t.ID, err)
		}
		if err := s.answerRecheck(ctx, tx, *t); err != nil {
			return err
		}
		if err := saveTask(ctx, tx, *t); err != nil {
			return err
		}
		return s.tell(ctx, tx, *t, "cancelled", "patrol.task.cancel", "撤销任务 "+t.No, reason)
	})
}

// actOn runs an act of a person on a task in one transaction.
func (s *Service) actOn(ctx context.Context, who access.Actor, id string, rev int64, do func(ctx context.Context, tx db.Tx, t *Task) error) (Task, error) {
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		t, err := lockTask(ctx, tx, who, id)
		if err != nil {
			return err
		}
		if t.Rev != rev {
			return errs.Conflict("任务 " + t.No + " 刚有变化，请刷新后再试")
		}
		return do(ctx, tx, &t)
	})
	if err != nil {
		return Task{}, fmt.Errorf("act on task %s: %w", id, err)
	}
	return getTask(ctx, s.db.Read(), who, id)
}

// SupplementInput is what a person says of places that the cameras did not
// see. It does not ask for the task's revision: what others completed in the
// meantime is no conflict.
type SupplementInput struct {
	Spots    []SpotKey
	Result   Result
	Text     string
	Note     string
	Pictures []string
}

// SpotKey names a place of a task.
type SpotKey struct {
	CameraID string `json:"cameraId" maxLength:"40"`
	ZoneID   string `json:"zoneId" maxLength:"64"`
}

// Supplement completes places of a task by hand.
func (s *Service) Supplement(ctx context.Context, id string, in SupplementInput) (Task, error) {
	who, err := access.Need(ctx, access.PatrolHandle)
	if err != nil {
		return Task{}, err
	}
	in.Text, in.Note = strings.TrimSpace(in.Text), strings.TrimSpace(in.Note)
	if len(in.Spots) == 0 || len(in.Spots) > 200 {
		return Task{}, errs.Invalidf("spots", "请选择 1 到 200 处位置")
	}
	for i, p := range in.Pictures {
		ok, err := s.pictures.Has(ctx, p)
		if err != nil {
			return Task{}, fmt.Errorf("look for a picture: %w", err)
		}
		if !ok {
			return Task{}, errs.Invalidf(fmt.Sprintf("pictures[%d]", i), "照片还没有上传完成，请重新选择")
		}
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		t, err := lockTask(ctx, tx, who, id)
		if err != nil {
			return err
		}
		if t.State == Cancelled {
			return errs.Conflict("任务 " + t.No + " 已撤销")
		}
		if err := checkSupplement(t.Kind, in.Result, in.Text, in.Note, in.Pictures); err != nil {
			return err
		}
		if in.Result == ResultSign && len(in.Spots) > 1 {
			return errs.Invalidf("spots", "一次只能填写一处的店名")
		}
		return s.supplement(ctx, tx, who, t, in)
	})
	if err != nil {
		return Task{}, fmt.Errorf("complete task %s: %w", id, err)
	}
	return getTask(ctx, s.db.Read(), who, id)
}

func (s *Service) supplement(ctx context.Context, tx db.Tx, who access.Actor, t Task, in SupplementInput) error {
	now := clock.At(tx.Now())
	spots, rows, covers := []Spot{}, []observationRow{}, []coverRow{}
	for _, key := range in.Spots {
		sp, err := spotOf(ctx, tx, t.ID, key.CameraID, key.ZoneID)
		if err != nil {
			return err
		}
		sp.State, sp.ByID, sp.ByName, sp.Note, sp.Pictures, sp.DoneAt = SpotManual, who.ID, who.Name, in.Note, in.Pictures, &now
		row := observationRow{
			ID: s.newID(), TaskID: t.ID, CameraID: sp.CameraID, ZoneID: sp.ZoneID, Look: t.Looks, Kind: string(edgev1.Seen), At: now, Ymd: clock.YMD(tx.Now()),
			RegionCode: sp.RegionCode, ShopID: sp.ShopID, Lng: sp.Lng, Lat: sp.Lat, Box: "{}", Detail: in.Result.Label() + "：" + in.Note, Source: who.ID, ByHand: 1,
		}
		if len(in.Pictures) > 0 {
			row.Frame = in.Pictures[0]
		}
		c := coverOf(t, sp)
		switch in.Result {
		case ResultNone:
			sp.State, row.Kind, row.Reason, row.Detail = SpotWaived, string(edgev1.Unseen), sp.Reason, in.Note
			c.UnseenAt, c.Reason, c.Detail = now, sp.Reason, in.Note
		case ResultSign:
			sp.Text, sp.Signs = in.Text, sp.Signs+1
			row.Kind, row.Text, row.Verdict, row.Confidence, c.SeenAt = string(edgev1.SignFound), in.Text, string(edgev1.SignRead), 1, now
		case ResultFound:
			sp.Opens, row.Opens, c.SeenAt = max(sp.Opens, 1), 1, now
		case ResultClean:
			sp.Opens, c.SeenAt = 0, now
		}
		if in.Result == ResultSign {
			if err := s.publishSign(ctx, tx, row, edgev1.Box{}, []string{in.Text}); err != nil {
				return err
			}
		}
		spots, rows, covers = append(spots, sp), append(rows, row), append(covers, c)
	}
	if err := saveSpots(ctx, tx, spots); err != nil {
		return err
	}
	if err := insertObservations(ctx, tx, rows); err != nil {
		return err
	}
	if err := cover(ctx, tx, covers); err != nil {
		return err
	}
	t.Observations += len(rows)
	told, err := countSpots(ctx, tx, &t)
	if err != nil {
		return err
	}
	names := []string{}
	for _, sp := range spots {
		if n := orElse(sp.ZoneName, sp.CameraName); !slices.Contains(names, n) && len(names) < 3 {
			names = append(names, n)
		}
	}
	text := fmt.Sprintf("补录任务 %s 的 %d 处（%s）：%s", t.No, len(spots), strings.Join(names, "、"), in.Result.Label())
	if err := s.tell(ctx, tx, t, "supplemented", "patrol.task.handle", text, in.Note); err != nil {
		return err
	}
	return s.settleTask(ctx, tx, t, told || t.ended(tx.Now()), "")
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
