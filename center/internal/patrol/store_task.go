package patrol

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

type taskRow struct {
	bun.BaseModel `bun:"table:patrol_tasks,alias:t"`

	ID           string `bun:",pk"`
	No           string
	PlanID       string
	PlanName     string
	Version      int
	SlotAt       clock.Stamp
	Unit         string
	Source       Source
	SourceID     string
	Kind         Kind
	Kinds        string
	State        TaskState
	RegionCode   string
	OrgID        string
	OrgName      string
	FromAt       clock.Stamp
	UntilAt      clock.Stamp
	DueAt        *clock.Stamp
	Looks        int
	NeedPct      int
	Cameras      int
	Boxes        int
	Spots        int
	Seen         int
	Manual       int
	Waived       int
	Unseen       int
	Signs        int
	Opens        int
	Observations int
	Late         int
	Note         string
	Ymd          int
	MadeAt       clock.Stamp
	ClosedAt     *clock.Stamp
	Rev          int64
}

func split(s string) []string {
	if s == "" {
		return []string{}
	}
	return strings.Split(s, ",")
}

func (r *taskRow) task() Task {
	return Task{
		ID: r.ID, No: r.No, PlanID: r.PlanID, PlanName: r.PlanName, Version: r.Version, SlotAt: r.SlotAt, Unit: r.Unit, Source: r.Source, SourceID: r.SourceID,
		Kind: r.Kind, Kinds: split(r.Kinds), State: r.State, RegionCode: r.RegionCode, OrgID: r.OrgID, OrgName: r.OrgName, FromAt: r.FromAt, UntilAt: r.UntilAt,
		DueAt: r.DueAt, Looks: r.Looks, NeedPct: r.NeedPct, Cameras: r.Cameras, Boxes: r.Boxes, Spots: r.Spots, Seen: r.Seen, Manual: r.Manual, Waived: r.Waived,
		Unseen: r.Unseen, Signs: r.Signs, Opens: r.Opens, Observations: r.Observations, Late: r.Late == 1, Note: r.Note, YMD: r.Ymd, MadeAt: r.MadeAt,
		ClosedAt: r.ClosedAt, Rev: r.Rev,
	}
}

func rowOfTask(t Task) *taskRow {
	r := &taskRow{
		ID: t.ID, No: t.No, PlanID: t.PlanID, PlanName: t.PlanName, Version: t.Version, SlotAt: t.SlotAt, Unit: t.Unit, Source: t.Source, SourceID: t.SourceID,
		Kind: t.Kind, Kinds: strings.Join(t.Kinds, ","), State: t.State, RegionCode: t.RegionCode, OrgID: t.OrgID, OrgName: t.OrgName, FromAt: t.FromAt, UntilAt: t.UntilAt,
		DueAt: t.DueAt, Looks: t.Looks, NeedPct: t.NeedPct, Cameras: t.Cameras, Boxes: t.Boxes, Spots: t.Spots, Seen: t.Seen, Manual: t.Manual, Waived: t.Waived,
		Unseen: t.Unseen, Signs: t.Signs, Opens: t.Opens, Observations: t.Observations, Note: t.Note, Ymd: t.YMD, MadeAt: t.MadeAt, ClosedAt: t.ClosedAt, Rev: t.Rev,
	}
	if t.Late {
		r.Late = 1
	}
	return r
}

// seesTasks narrows a query to the tasks that the actor may see.
func seesTasks(q *bun.SelectQuery, who access.Actor) *bun.SelectQuery {
	if who.Scope.All {
		return q
	}
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		q = who.Scope.Filter(q, "t.region_code")
		if who.OrgID != "" {
			q = q.WhereOr("t.org_id = ?", who.OrgID)
		}
		return q
	})
}

func getTask(ctx context.Context, idb reader, who access.Actor, id string) (Task, error) {
	var r taskRow
	err := seesTasks(idb.NewSelect().Model(&r).Where("t.id = ?", id), who).Scan(ctx)
	if db.NoRows(err) {
		return Task{}, errs.NotFound("任务")
	}
	if err != nil {
		return Task{}, fmt.Errorf("load task %s: %w", id, err)
	}
	return r.task(), nil
}

// lockTask loads a task that the actor may see and holds it until the
// transaction ends.
func lockTask(ctx context.Context, tx db.Tx, who access.Actor, id string) (Task, error) {
	var r taskRow
	err := db.ForUpdate(tx, seesTasks(tx.NewSelect().Model(&r).Where("t.id = ?", id), who)).Scan(ctx)
	if db.NoRows(err) {
		return Task{}, errs.NotFound("任务")
	}
	if err != nil {
		return Task{}, fmt.Errorf("lock task %s: %w", id, err)
	}
	return r.task(), nil
}

func system() access.Actor { return access.Actor{Scope: access.SystemScope()} }

// insertTask stores a new task; false when the run was made before.
func insertTask(ctx context.Context, tx db.Tx, t Task) (bool, error) {
	res, err := tx.NewInsert().Model(rowOfTask(t)).On("CONFLICT DO NOTHING").Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("store task: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// hasRun tells whether a run of a plan was made for a unit.
func hasRun(ctx context.Context, tx db.Tx, plan string, slot clock.Stamp, unit string) (bool, error) {
	n, err := tx.NewSelect().Model((*taskRow)(nil)).Where("t.plan_id = ? AND t.slot_at = ? AND t.unit = ? AND t.source = ?", plan, slot, unit, FromPlan).Count(ctx)
	if err != nil {
		return false, fmt.Errorf("look for a run: %w", err)
	}
	return n > 0, nil
}

// saveTask writes a task that is locked in the transaction.
func saveTask(ctx context.Context, tx db.Tx, t Task) error {
	r := rowOfTask(t)
	r.Rev++
	if _, err := tx.NewUpdate().Model(r).WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("save task %s: %w", t.ID, err)
	}
	return nil
}

// nextNo takes the next number of a day. A number is never used again.
func nextNo(ctx context.Context, tx db.Tx, k Kind, ymd int) (string, error) {
	var n int64
	err := tx.NewRaw("INSERT INTO patrol_numbers (ymd, last) VALUES (?, 1) ON CONFLICT (ymd) DO UPDATE SET last = patrol_numbers.last + 1 RETURNING last", ymd).Scan(ctx, &n)
	if err != nil {
		return "", fmt.Errorf("take a task number: %w", err)
	}
	return taskNo(k, ymd, n), nil
}

type stepRow struct {
	bun.BaseModel `bun:"table:patrol_steps,alias:s"`

	ID     string `bun:",pk"`
	TaskID string
	At     clock.Stamp
	Act    string
	ByID   string
	ByName string
	Text   string
}

func insertStep(ctx context.Context, tx db.Tx, r stepRow) error {
	if _, err := tx.NewInsert().Model(&r).Exec(ctx); err != nil {
		return fmt.Errorf("note a step of task %s: %w", r.TaskID, err)
	}
	return nil
}

func stepsOf(ctx context.Context, idb reader, task string) ([]stepRow, error) {
	rows := []stepRow{}
	if err := idb.NewSelect().Model(&rows).Where("s.task_id = ?", task).OrderExpr("s.at DESC, s.id DESC").Limit(200).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read the steps of task %s: %w", task, err)
	}
	return rows, nil
}

// LegState is how a box takes a task.
type LegState string

// The states of legs.
const (
	LegWaiting  LegState = "waiting"  // not told yet
	LegTaken    LegState = "taken"    // the box has it
	LegRefused  LegState = "refused"  // the box will not
	LegMissed   LegState = "missed"   // the window passed before the box was reached
	LegStopping LegState = "stopping" // to be told that the task is off
	LegStopped  LegState = "stopped"
)

type legRow struct {
	bun.BaseModel `bun:"table:patrol_legs,alias:l"`

	TaskID  string `bun:",pk"`
	BoxID   string `bun:",pk"`
	State   LegState
	Cameras string
	Tries   int
	NextAt  clock.Stamp
	UntilAt clock.Stamp
	Detail  string
	At      clock.Stamp
}

func insertLegs(ctx context.Context, tx db.Tx, rows []legRow) error {
	if err := db.InsertAll(ctx, tx, rows, ""); err != nil {
		return fmt.Errorf("store the legs of a task: %w", err)
	}
	return nil
}

func legsOf(ctx context.Context, idb reader, task string) ([]legRow, error) {
	rows := []legRow{}
	if err := idb.NewSelect().Model(&rows).Where("l.task_id = ?", task).Order("l.box_id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read the legs of task %s: %w", task, err)
	}
	return rows, nil
}

// dueLegs finds what has to be told to boxes that are connected here.
func dueLegs(ctx context.Context, idb reader, boxes []string, now clock.Stamp, limit int64) ([]legRow, error) {
	rows := []legRow{}
	err := idb.NewSelect().Model(&rows).Where("l.state IN (?) AND l.box_id IN (?) AND l.next_at <= ?", bun.List([]LegState{LegWaiting, LegStopping}), bun.List(boxes), now).
		OrderExpr("l.next_at, l.task_id").Limit(limit).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("find legs to send: %w", err)
	}
	return rows, nil
}

// moveLeg changes a leg unless somebody else did since it was read.
func moveLeg(ctx context.Context, tx db.Tx, old, next legRow) (bool, error) {
	res, err := tx.NewUpdate().Model(&next).WherePK().Where("state = ? AND next_at = ? AND tries = ?", old.State, old.NextAt, old.Tries).Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("change a leg of task %s: %w", old.TaskID, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// endLegs marks the legs that were never told.
func endLegs(ctx context.Context, tx db.Tx, task string, from []LegState, to LegState, at clock.Stamp) error {
	_, err := tx.NewUpdate().Model((*legRow)(nil)).Set("state = ?", to).Set("at = ?", at).Set("next_at = ?", at).
		Where("task_id = ? AND state IN (?)", task, bun.List(from)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("end the legs of task %s: %w", task, err)
	}
	return nil
}
