package workflow

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/workflow/engine"
)

type instanceRow struct {
	bun.BaseModel `bun:"table:workflow_instances,alias:i"`

	ID          string `bun:",pk"`
	No          string
	Process     string
	ProcessName string
	VersionID   string
	Version     int
	Record      string
	RecordID    string
	Title       string
	RegionCode  string
	Starter     string
	StarterName string
	StarterOrg  string
	State       string
	Outcome     string
	Vars        string
	Tokens      string
	Data        string
	Pins        string
	Taken       string
	AtNodes     string
	Seq         int
	Acted       int
	UrgedAt     *clock.Stamp
	DueAt       *clock.Stamp
	CreatedAt   clock.Stamp
	EndedAt     *clock.Stamp
	Rev         int64
}

type taskRow struct {
	bun.BaseModel `bun:"table:workflow_tasks,alias:t"`

	ID           string `bun:",pk"`
	InstanceID   string
	Node         string
	NodeName     string
	Token        int
	Round        int
	Kind         string
	Ord          int
	State        engine.TaskState
	Candidates   string
	Assignee     string
	AssigneeName string
	Owner        string
	OwnerName    string
	Parent       string
	Outcome      string
	ActedBy      string
	ActedName    string
	Behalf       string
	BehalfName   string
	CreatedAt    clock.Stamp
	DueAt        *clock.Stamp
	EndedAt      *clock.Stamp
	Seq          int
	Rev          int64
}

type historyRow struct {
	bun.BaseModel `bun:"table:workflow_history,alias:h"`

	ID          string `bun:",pk"`
	InstanceID  string
	Seq         int
	MadeAt      clock.Stamp
	Act         engine.Act
	Node        string
	NodeName    string
	TaskID      string
	Actor       string
	ActorName   string
	ActorOrg    string
	Behalf      string
	BehalfName  string
	ToNames     string
	Outcome     string
	OutcomeName string
	Reason      string
	Files       string
}

type personRow struct {
	bun.BaseModel `bun:"table:workflow_people,alias:p"`

	PersonID   string `bun:",pk"`
	Role       string `bun:",pk"`
	InstanceID string `bun:",pk"`
	SinceAt    clock.Stamp
}

func text(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

func (in *Instance) row() (*instanceRow, error) {
	e := &in.Engine
	r := &instanceRow{
		ID: e.ID, No: in.No, Process: in.Process, ProcessName: in.ProcessName, VersionID: in.VersionID, Version: in.Version,
		Record: in.Record, RecordID: in.RecordID, Title: in.Title, RegionCode: in.RegionCode, Starter: e.Starter,
		StarterName: in.StarterName, StarterOrg: in.StarterOrg, State: e.State, Outcome: e.Outcome, AtNodes: in.AtNodes,
		Seq: e.Seq, DueAt: in.DueAt, CreatedAt: in.CreatedAt, EndedAt: in.EndedAt, Rev: in.Rev,
	}
	if e.Acted {
		r.Acted = 1
	}
	if e.UrgedAt != nil {
		r.UrgedAt = clock.Ptr(*e.UrgedAt)
	}
	for _, x := range []struct {
		to *string
		v  any
	}{{&r.Vars, e.Vars}, {&r.Tokens, e.Tokens}, {&r.Data, in.Data}, {&r.Pins, in.Pins}, {&r.Taken, e.Taken}} {
		s, err := text(x.v)
		if err != nil {
			return nil, fmt.Errorf("store instance %s: %w", e.ID, err)
		}
		*x.to = s
	}
	return r, nil
}

func (r *instanceRow) instance() (*Instance, error) {
	in := &Instance{
		ID: r.ID, No: r.No, Process: r.Process, ProcessName: r.ProcessName, VersionID: r.VersionID, Version: r.Version,
		Record: r.Record, RecordID: r.RecordID, Title: r.Title, RegionCode: r.RegionCode, StarterName: r.StarterName,
		StarterOrg: r.StarterOrg, AtNodes: r.AtNodes, DueAt: r.DueAt, CreatedAt: r.CreatedAt, EndedAt: r.EndedAt, Rev: r.Rev,
		Engine: engine.Instance{ID: r.ID, State: r.State, Outcome: r.Outcome, Starter: r.Starter, Seq: r.Seq, Acted: r.Acted == 1},
	}
	if r.UrgedAt != nil {
		t := r.UrgedAt.Time()
		in.Engine.UrgedAt = &t
	}
	for _, x := range []struct {
		s  string
		to any
	}{{r.Vars, &in.Engine.Vars}, {r.Tokens, &in.Engine.Tokens}, {r.Data, &in.Data}, {r.Pins, &in.Pins}, {r.Taken, &in.Engine.Taken}} {
		if err := decode(x.s, x.to); err != nil {
			return nil, fmt.Errorf("read instance %s: %w", r.ID, err)
		}
	}
	if in.Data == nil {
		in.Data = map[string]map[string]any{}
	}
	if in.Engine.Vars == nil {
		in.Engine.Vars = map[string]any{}
	}
	return in, nil
}

func (t *TaskInfo) row() (*taskRow, error) {
	c, err := text(t.Candidates)
	if err != nil {
		return nil, fmt.Errorf("store task %s: %w", t.ID, err)
	}
	r := &taskRow{
		ID: t.ID, InstanceID: t.InstanceID, Node: t.Node, NodeName: t.NodeName, Token: t.Token, Round: t.Round, Kind: t.Kind,
		Ord: t.Order, State: t.State, Candidates: c, Assignee: t.Assignee, AssigneeName: t.AssigneeName, Owner: t.Owner, OwnerName: t.OwnerName,
		Parent: t.Parent, Outcome: t.Outcome, ActedBy: t.ActedBy, ActedName: t.ActedName, Behalf: t.Behalf, BehalfName: t.BehalfName,
		CreatedAt: clock.At(t.CreatedAt), Seq: t.Seq, Rev: t.Rev,
	}
	if t.DueAt != nil {
		r.DueAt = clock.Ptr(*t.DueAt)
	}
	if t.EndedAt != nil {
		r.EndedAt = clock.Ptr(*t.EndedAt)
	}
	return r, nil
}

func (r *taskRow) task() (TaskInfo, error) {
	t := TaskInfo{
		Task: engine.Task{
			ID: r.ID, Node: r.Node, Token: r.Token, Round: r.Round, Kind: r.Kind, Order: r.Ord, State: r.State, Assignee: r.Assignee,
			Owner: r.Owner, Parent: r.Parent, Outcome: r.Outcome, ActedBy: r.ActedBy, Behalf: r.Behalf, CreatedAt: r.CreatedAt.Time(),
		},
		InstanceID: r.InstanceID, NodeName: r.NodeName, AssigneeName: r.AssigneeName, OwnerName: r.OwnerName, ActedName: r.ActedName,
		BehalfName: r.BehalfName, Seq: r.Seq, Rev: r.Rev,
	}
	if r.DueAt != nil {
		d := r.DueAt.Time()
		t.DueAt = &d
	}
	if r.EndedAt != nil {
		d := r.EndedAt.Time()
		t.EndedAt = &d
	}
	if err := decode(r.Candidates, &t.Candidates); err != nil {
		return t, fmt.Errorf("read task %s: %w", r.ID, err)
	}
	return t, nil
}

// lockInstance keeps others from the instance until the transaction ends;
// false when there is none.
func lockInstance(ctx context.Context, tx db.Tx, id string) (bool, error) {
	res, err := tx.NewUpdate().Table("workflow_instances").Set("rev = rev + 1").Where("id = ?", id).Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("lock instance %s: %w", id, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

func instanceByID(ctx context.Context, q bun.IDB, id string) (*Instance, error) {
	var r instanceRow
	err := q.NewSelect().Model(&r).Where("i.id = ?", id).Scan(ctx)
	if db.NoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read instance %s: %w", id, err)
	}
	return r.instance()
}

func tasksOf(ctx context.Context, q bun.IDB, instance string) ([]TaskInfo, error) {
	var rows []taskRow
	if err := q.NewSelect().Model(&rows).Where("t.instance_id = ?", instance).Order("t.seq").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read tasks of %s: %w", instance, err)
	}
	out := make([]TaskInfo, 0, len(rows))
	for i := range rows {
		t, err := rows[i].task()
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// instanceOfTask gives the id of a task's instance, "" when there is none.
func instanceOfTask(ctx context.Context, q bun.IDB, task string) (string, error) {
	var r taskRow
	err := q.NewSelect().Model(&r).Column("instance_id").Where("t.id = ?", task).Scan(ctx)
	if db.NoRows(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read task %s: %w", task, err)
	}
	return r.InstanceID, nil
}

func insertInstance(ctx context.Context, tx db.Tx, in *Instance) error {
	r, err := in.row()
	if err != nil {
		return err
	}
	if _, err := tx.NewInsert().Model(r).Exec(ctx); err != nil {
		return fmt.Errorf("store instance: %w", err)
	}
	return nil
}

// updateInstance writes an instance that the transaction has locked.
func updateInstance(ctx context.Context, tx db.Tx, in *Instance) error {
	r, err := in.row()
	if err != nil {
		return err
	}
	if _, err := tx.NewUpdate().Model(r).WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("store instance %s: %w", in.ID, err)
	}
	return nil
}

func saveTask(ctx context.Context, tx db.Tx, t *TaskInfo, fresh bool) error {
	r, err := t.row()
	if err != nil {
		return err
	}
	if fresh {
		_, err = tx.NewInsert().Model(r).Exec(ctx)
	} else {
		_, err = tx.NewUpdate().Model(r).WherePK().Exec(ctx)
	}
	if err != nil {
		return fmt.Errorf("store task %s: %w", t.ID, err)
	}
	return nil
}

func addHistory(ctx context.Context, tx db.Tx, rows []historyRow) error {
	if len(rows) == 0 {
		return nil
	}
	n, err := tx.NewSelect().Model((*historyRow)(nil)).Where("h.instance_id = ?", rows[0].InstanceID).Count(ctx)
	if err != nil {
		return fmt.Errorf("count history: %w", err)
	}
	for i := range rows {
		rows[i].Seq = int(n) + i + 1
	}
	if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
		return fmt.Errorf("store history: %w", err)
	}
	return nil
}

func historyOf(ctx context.Context, q bun.IDB, instance string) ([]historyRow, error) {
	var rows []historyRow
	if err := q.NewSelect().Model(&rows).Where("h.instance_id = ?", instance).Order("h.seq").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read history of %s: %w", instance, err)
	}
	return rows, nil
}

func addPeople(ctx context.Context, tx db.Tx, instance, role string, people []string) error {
	for _, p := range people {
		if p == "" {
			continue
		}
		r := personRow{PersonID: p, Role: role, InstanceID: instance, SinceAt: clock.At(tx.Now())}
		if _, err := tx.NewInsert().Model(&r).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
			return fmt.Errorf("store who has to do with %s: %w", instance, err)
		}
	}
	return nil
}

func peopleOf(ctx context.Context, q bun.IDB, instance string) ([]personRow, error) {
	var rows []personRow
	if err := q.NewSelect().Model(&rows).Where("p.instance_id = ?", instance).Order("p.since_at", "p.person_id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read who has to do with %s: %w", instance, err)
	}
	return rows, nil
}

func addFiles(ctx context.Context, tx db.Tx, instance string, files []string) error {
	for _, f := range files {
		if _, err := tx.NewRaw("INSERT INTO workflow_files (sm3, instance_id) VALUES (?, ?) ON CONFLICT DO NOTHING", f, instance).Exec(ctx); err != nil {
			return fmt.Errorf("store files of %s: %w", instance, err)
		}
	}
	return nil
}

func instancesWithFile(ctx context.Context, q bun.IDB, sm3 string) ([]string, error) {
	var out []string
	if err := q.NewSelect().Table("workflow_files").Column("instance_id").Where("sm3 = ?", sm3).Limit(20).Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("read instances with a file: %w", err)
	}
	return out, nil
}

// nextNo gives the next number of the day.
func nextNo(ctx context.Context, tx db.Tx) (string, error) {
	ymd := clock.YMD(tx.Now())
	var n int64
	err := tx.NewRaw("INSERT INTO workflow_numbers (ymd, last) VALUES (?, 1) ON CONFLICT (ymd) DO UPDATE SET last = workflow_numbers.last + 1 RETURNING last", ymd).Scan(ctx, &n)
	if err != nil {
		return "", fmt.Errorf("number instance: %w", err)
	}
	return fmt.Sprintf("LC%d-%04d", ymd, n), nil
}

// openOn lists the running instances of a version.
func openOn(ctx context.Context, q bun.IDB, version string) ([]string, error) {
	var out []string
	if err := q.NewSelect().Table("workflow_instances").Column("id").Where("version_id = ?", version).Where("state = ?", engine.Running).Order("id").Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("read running instances: %w", err)
	}
	return out, nil
}

func runningByProcess(ctx context.Context, q bun.IDB) (map[string]int64, error) {
	var rows []struct {
		Process string
		N       int64
	}
	if err := q.NewSelect().Table("workflow_instances").Column("process").ColumnExpr("COUNT(*) AS n").Where("state = ?", engine.Running).Group("process").Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("count running instances: %w", err)
	}
	out := map[string]int64{}
	for _, r := range rows {
		out[r.Process] = r.N
	}
	return out, nil
}

func joinNames(list []string) string { return strings.Join(list, "、") }
