package patrol

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
)

// countCap bounds what a list counts: beyond it the page says "more".
const countCap = 10_000

// capped counts the rows of a query up to the cap.
func capped(ctx context.Context, idb reader, q *bun.SelectQuery) (int64, error) {
	var n int64
	err := idb.NewSelect().TableExpr("(?) AS x", q.ColumnExpr("1 AS one").Limit(countCap)).ColumnExpr("COUNT(*)").Scan(ctx, &n)
	return n, err
}

// TaskFilter narrows lists, counts and exports of tasks alike.
type TaskFilter struct {
	Plan    string
	States  []TaskState
	Kind    Kind
	Sources []Source
	Org     string
	Region  string // a prefix of region codes
	Due     string // over | open
	From    *clock.Stamp
	To      *clock.Stamp // both of the window's beginning, To exclusive
	Q       string
}

func (f TaskFilter) apply(q *bun.SelectQuery, who access.Actor, now time.Time) *bun.SelectQuery {
	q = seesTasks(q, who)
	if f.Plan != "" {
		q = q.Where("t.plan_id = ?", f.Plan)
	}
	if len(f.States) > 0 {
		q = q.Where("t.state IN (?)", bun.List(f.States))
	}
	if f.Kind != "" {
		q = q.Where("t.kind = ?", f.Kind)
	}
	if len(f.Sources) > 0 {
		q = q.Where("t.source IN (?)", bun.List(f.Sources))
	}
	if f.Org != "" {
		q = q.Where("t.org_id = ?", f.Org)
	}
	if f.Region != "" {
		q = access.Scope{Prefixes: []string{f.Region}}.Filter(q, "t.region_code")
	}
	switch f.Due {
	case "over":
		q = q.Where("(t.state = ? OR (t.state NOT IN (?) AND t.due_at < ?))", Overdue, bun.List([]TaskState{Done, Cancelled}), clock.At(now))
	case "open":
		q = q.Where("t.state IN (?)", bun.List([]TaskState{Pending, Running, Supplement, Overdue}))
	}
	if f.From != nil {
		q = q.Where("t.from_at >= ?", *f.From)
	}
	if f.To != nil {
		q = q.Where("t.from_at < ?", *f.To)
	}
	if f.Q != "" {
		if up := strings.ToUpper(f.Q); strings.HasPrefix(up, "XJ") || strings.HasPrefix(up, "PM") {
			q = q.Where("t.no >= ? AND t.no < ?", up, up+"~")
		} else {
			// Plans are few, tasks are many.
			q = q.Where("t.plan_id IN (SELECT p.id FROM patrol_plans AS p WHERE p.search LIKE ? ESCAPE '!')", db.Contains(strings.ToLower(f.Q)))
		}
	}
	return q
}

func sortTasks() map[string]string {
	return map[string]string{"fromAt": "t.from_at", "dueAt": "t.due_at", "no": "t.no", "state": "t.state", "plan": "t.plan_name", "org": "t.org_name", "spots": "t.spots"}
}

// listTasks reads one page: first the ids from an index, then the rows.
func listTasks(ctx context.Context, idb reader, who access.Actor, f TaskFilter, p httpx.Paging, now time.Time) ([]Task, int64, error) {
	order, err := p.Order(sortTasks(), "t.from_at DESC")
	if err != nil {
		return nil, 0, err
	}
	total, err := capped(ctx, idb, f.apply(idb.NewSelect().TableExpr("patrol_tasks AS t"), who, now))
	if err != nil {
		return nil, 0, fmt.Errorf("count tasks: %w", err)
	}
	rows := []taskRow{}
	inner := f.apply(idb.NewSelect().Model((*taskRow)(nil)).Column("t.id"), who, now).OrderExpr("?, t.id DESC", bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset())
	if err := idb.NewSelect().Model(&rows).Where("t.id IN (?)", inner).OrderExpr("?, t.id DESC", bun.Safe(order)).Scan(ctx); err != nil {
		return nil, 0, fmt.Errorf("list tasks: %w", err)
	}
	return tasksOf(rows), total, nil
}

func tasksOf(rows []taskRow) []Task {
	out := make([]Task, len(rows))
	for i := range rows {
		out[i] = rows[i].task()
	}
	return out
}

// eachTask gives the tasks of a filter a part at a time, newest first.
func eachTask(ctx context.Context, idb reader, who access.Actor, f TaskFilter, now time.Time, do func(Task) error) error {
	var at clock.Stamp
	id := ""
	for {
		rows := []taskRow{}
		q := f.apply(idb.NewSelect().Model(&rows), who, now)
		if id != "" {
			q = q.Where("(t.from_at < ? OR (t.from_at = ? AND t.id < ?))", at, at, id)
		}
		if err := q.OrderExpr("t.from_at DESC, t.id DESC").Limit(500).Scan(ctx); err != nil {
			return fmt.Errorf("read tasks: %w", err)
		}
		for i := range rows {
			if err := do(rows[i].task()); err != nil {
				return err
			}
		}
		if len(rows) < 500 {
			return nil
		}
		at, id = rows[len(rows)-1].FromAt, rows[len(rows)-1].ID
	}
}

// TaskCounts are the numbers of the tabs.
type TaskCounts struct {
	Pending    int64 `json:"pending"`
	Running    int64 `json:"running"`
	Supplement int64 `json:"supplement"`
	Overdue    int64 `json:"overdue"`
	DoneToday  int64 `json:"doneToday"`
}

// countTasks counts what is open, and what was completed today.
func countTasks(ctx context.Context, idb reader, who access.Actor, f TaskFilter, now time.Time) (TaskCounts, error) {
	var out TaskCounts
	f.States, f.Due = []TaskState{Pending, Running, Supplement, Overdue}, ""
	rows := []struct {
		State TaskState
		N     int64
	}{}
	err := f.apply(idb.NewSelect().TableExpr("patrol_tasks AS t"), who, now).ColumnExpr("t.state AS state, COUNT(*) AS n").GroupExpr("t.state").Scan(ctx, &rows)
	if err != nil {
		return out, fmt.Errorf("count tasks: %w", err)
	}
	for _, r := range rows {
		switch r.State {
		case Pending:
			out.Pending = r.N
		case Running:
			out.Running = r.N
		case Supplement:
			out.Supplement = r.N
		case Overdue:
			out.Overdue = r.N
		case Done, Cancelled:
		}
	}
	today := clock.At(clock.DayStart(now))
	f.States, f.From = []TaskState{Done}, nil
	// What is completed today began in the last days.
	out.DoneToday, err = capped(ctx, idb, f.apply(idb.NewSelect().TableExpr("patrol_tasks AS t"), who, now).Where("t.from_at >= ? AND t.closed_at >= ?", today-clock.Stamp(7*24*time.Hour/time.Millisecond), today))
	if err != nil {
		return out, fmt.Errorf("count tasks: %w", err)
	}
	return out, nil
}

// madeRuns gathers the tasks of a time by run.
func madeRuns(ctx context.Context, idb reader, who access.Actor, from, to clock.Stamp, limit int64) ([]CalendarRun, error) {
	rows := []struct {
		PlanID, Name string
		Kind         Kind
		Ymd          int
		FromAt       clock.Stamp
		UntilAt      clock.Stamp
		Looks, N     int
		Spots, Seen  int
		Worst        int
	}{}
	err := seesTasks(idb.NewSelect().TableExpr("patrol_tasks AS t"), who).
		ColumnExpr("t.plan_id AS plan_id, MAX(t.plan_name) AS name, t.kind AS kind, t.ymd AS ymd, t.from_at AS from_at, t.until_at AS until_at, MAX(t.looks) AS looks, COUNT(*) AS n, SUM(t.spots) AS spots, SUM(t.seen + t.manual) AS seen").
		ColumnExpr("MAX(CASE t.state WHEN 'overdue' THEN 5 WHEN 'pending' THEN 4 WHEN 'supplement' THEN 3 WHEN 'running' THEN 2 WHEN 'done' THEN 1 ELSE 0 END) AS worst").
		Where("t.source IN (?) AND t.from_at >= ? AND t.from_at < ?", bun.List([]Source{FromPlan, FromPerson}), from-clock.Stamp(24*time.Hour/time.Millisecond), to).
		Where("t.until_at > ?", from).
		GroupExpr("t.plan_id, t.kind, t.ymd, t.from_at, t.until_at").OrderExpr("t.from_at").Limit(limit).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("read the calendar of tasks: %w", err)
	}
	states := []TaskState{Cancelled, Done, Running, Supplement, Pending, Overdue}
	out := make([]CalendarRun, len(rows))
	for i, r := range rows {
		out[i] = CalendarRun{PlanID: r.PlanID, Name: r.Name, Kind: r.Kind, YMD: r.Ymd, From: r.FromAt, Until: r.UntilAt, Looks: r.Looks, Tasks: r.N, State: states[min(max(r.Worst, 0), 5)], Spots: r.Spots, Seen: r.Seen}
	}
	return out, nil
}

// SpotFilter narrows the places of a task.
type SpotFilter struct {
	States []SpotState
	Reason string
	Q      string
}

func listSpots(ctx context.Context, idb reader, task string, f SpotFilter, p httpx.Paging) ([]Spot, int64, error) {
	apply := func(q *bun.SelectQuery) *bun.SelectQuery {
		q = q.Where("s.task_id = ?", task)
		if len(f.States) > 0 {
			q = q.Where("s.state IN (?)", bun.List(f.States))
		}
		if f.Reason != "" {
			q = q.Where("s.reason = ?", f.Reason)
		}
		if f.Q != "" {
			q = q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
				like := db.Contains(f.Q)
				return q.Where("s.camera_name LIKE ? ESCAPE '!'", like).WhereOr("s.zone_name LIKE ? ESCAPE '!'", like).WhereOr("s.shop_name LIKE ? ESCAPE '!'", like).WhereOr("s.address LIKE ? ESCAPE '!'", like)
			})
		}
		return q
	}
	order, err := p.Order(map[string]string{"camera": "s.camera_name", "state": "s.state", "lookedAt": "s.looked_at", "shop": "s.shop_name", "reason": "s.reason"},
		"CASE s.state WHEN 'unseen' THEN 0 WHEN 'waiting' THEN 1 WHEN 'waived' THEN 2 WHEN 'manual' THEN 3 ELSE 4 END, s.camera_name")
	if err != nil {
		return nil, 0, err
	}
	total, err := capped(ctx, idb, apply(idb.NewSelect().TableExpr("patrol_spots AS s")))
	if err != nil {
		return nil, 0, fmt.Errorf("count places: %w", err)
	}
	rows := []spotRow{}
	err = apply(idb.NewSelect().Model(&rows)).OrderExpr("?, s.camera_id, s.zone_id", bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset()).Scan(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list places: %w", err)
	}
	return spotsOfRows(rows), total, nil
}

// ReasonCount is how many places were not seen for one reason.
type ReasonCount struct {
	Reason string
	N      int
}

func reasonsOf(ctx context.Context, idb reader, task string) ([]ReasonCount, error) {
	rows := []ReasonCount{}
	err := idb.NewSelect().TableExpr("patrol_spots AS s").ColumnExpr("s.reason AS reason, COUNT(*) AS n").
		Where("s.task_id = ? AND s.state IN (?)", task, bun.List([]SpotState{SpotUnseen, SpotWaived})).GroupExpr("s.reason").OrderExpr("n DESC").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("count reasons of task %s: %w", task, err)
	}
	return rows, nil
}

func countAll(ctx context.Context, idb reader, who access.Actor, f TaskFilter, now time.Time) (int64, error) {
	n, err := f.apply(idb.NewSelect().TableExpr("patrol_tasks AS t"), who, now).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count tasks: %w", err)
	}
	return n, nil
}
