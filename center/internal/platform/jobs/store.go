package jobs

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
)

type client = river.Client[*sql.Tx]

type leaseRow struct {
	bun.BaseModel `bun:"table:job_lease,alias:l"`

	Name      string `bun:",pk"`
	Owner     string
	UntilAt   clock.Stamp
	LastRunAt clock.Stamp
	LastError string
	AskAt     clock.Stamp
	LastMS    int64 `bun:"last_ms"`
	Runs      int64
	Failures  int64
}

// lease takes or renews the lease of a job; false when another center has it.
func lease(ctx context.Context, d *db.DB, name, owner string, length time.Duration) (bool, error) {
	taken := false
	err := d.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		now := tx.Now()
		l := leaseRow{Name: name, Owner: owner, UntilAt: clock.At(now.Add(length)), LastRunAt: clock.At(now)}
		res, err := tx.NewInsert().Model(&l).
			On("CONFLICT (name) DO UPDATE").
			Set("owner = EXCLUDED.owner").Set("until_at = EXCLUDED.until_at").Set("last_run_at = EXCLUDED.last_run_at").Set("ask_at = 0").
			Where("l.owner = EXCLUDED.owner OR l.until_at < ?", clock.At(now)).Exec(ctx)
		if err != nil {
			return fmt.Errorf("lease job %s: %w", name, err)
		}
		n, err := res.RowsAffected()
		taken = n == 1
		return err
	})
	return taken, err
}

// leaseResult notes how a run ended.
func leaseResult(ctx context.Context, d *db.DB, name string, took time.Duration, failure error) error {
	text, failed := "", 0
	if failure != nil {
		text, failed = plain(failure), 1
	}
	return d.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		_, err := tx.NewUpdate().TableExpr("job_lease").Set("last_error = ?", text).Set("last_ms = ?", took.Milliseconds()).
			Set("runs = runs + 1").Set("failures = failures + ?", failed).Where("name = ?", name).Exec(ctx)
		return err
	})
}

func leases(ctx context.Context, d *db.DB) (map[string]leaseRow, error) {
	var rows []leaseRow
	if err := d.Read().NewSelect().Model(&rows).Scan(ctx); err != nil {
		return nil, fmt.Errorf("list periodic jobs: %w", err)
	}
	out := map[string]leaseRow{}
	for _, l := range rows {
		out[l.Name] = l
	}
	return out, nil
}

func ask(ctx context.Context, d *db.DB, name string) error {
	return d.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		_, err := tx.NewUpdate().TableExpr("job_lease").Set("ask_at = ?", clock.At(tx.Now())).Where("name = ?", name).Exec(ctx)
		return err
	})
}

// The states of timers.
const (
	TimerPending   = "pending"
	TimerDone      = "done"
	TimerFailed    = "failed"
	TimerCancelled = "cancelled"
)

type timerRow struct {
	bun.BaseModel `bun:"table:job_timers,alias:t"`

	ID        string `bun:",pk"`
	Kind      string
	Key       string
	Payload   string
	State     string
	DueAt     clock.Stamp
	NextAt    clock.Stamp
	Tries     int
	LastError string
	CreatedAt clock.Stamp
	EndedAt   *clock.Stamp
}

func putTimer(ctx context.Context, tx db.Tx, t *timerRow) error {
	_, err := tx.NewInsert().Model(t).On("CONFLICT (kind, key) WHERE state = 'pending' DO UPDATE").
		Set("payload = EXCLUDED.payload").Set("due_at = EXCLUDED.due_at").Set("next_at = EXCLUDED.next_at").
		Set("tries = 0").Set("last_error = ''").Exec(ctx)
	if err != nil {
		return fmt.Errorf("set timer %s %s: %w", t.Kind, t.Key, err)
	}
	return nil
}

func cancelTimer(ctx context.Context, tx db.Tx, kind, key string) error {
	_, err := tx.NewUpdate().Model((*timerRow)(nil)).Set("state = ?", TimerCancelled).Set("ended_at = ?", clock.At(tx.Now())).
		Where("kind = ? AND key = ? AND state = ?", kind, key, TimerPending).Exec(ctx)
	if err != nil {
		return fmt.Errorf("cancel timer %s %s: %w", kind, key, err)
	}
	return nil
}

func anyDue(ctx context.Context, d *db.DB) (bool, error) {
	ok, err := d.Read().NewSelect().Model((*timerRow)(nil)).Where("state = ? AND next_at <= ?", TimerPending, clock.At(d.Now())).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for due timers: %w", err)
	}
	return ok, nil
}

// takeTimer takes the timer that is due longest and notes in the transaction
// that it is done, so that its effect may set it again.
func takeTimer(ctx context.Context, tx db.Tx) (timerRow, bool, error) {
	var t timerRow
	q := tx.NewSelect().Model(&t).Where("state = ? AND next_at <= ?", TimerPending, clock.At(tx.Now())).Order("next_at", "id").Limit(1)
	err := db.SkipLocked(tx, q).Scan(ctx)
	if db.NoRows(err) {
		return t, false, nil
	}
	if err == nil {
		_, err = tx.NewUpdate().Model((*timerRow)(nil)).Set("state = ?", TimerDone).Set("ended_at = ?", clock.At(tx.Now())).Where("id = ?", t.ID).Exec(ctx)
	}
	if err != nil {
		return t, false, fmt.Errorf("take timer: %w", err)
	}
	return t, true, nil
}

func failTimer(ctx context.Context, d *db.DB, t timerRow, failure error) error {
	return d.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		n := t.Tries + 1
		q := tx.NewUpdate().Model((*timerRow)(nil)).Set("tries = ?", n).Set("last_error = ?", plain(failure)).
			Set("next_at = ?", clock.At(tx.Now().Add(backoff(n)))).Where("id = ? AND state = ?", t.ID, TimerPending)
		if n >= timerTries {
			q = q.Set("state = ?", TimerFailed).Set("ended_at = ?", clock.At(tx.Now()))
		}
		if _, err := q.Exec(ctx); err != nil {
			return fmt.Errorf("note a failed timer: %w", err)
		}
		return nil
	})
}

func reviveTimer(ctx context.Context, tx db.Tx, id string) error {
	now := clock.At(tx.Now())
	res, err := tx.NewUpdate().Model((*timerRow)(nil)).Set("state = ?", TimerPending).Set("next_at = ?", now).Set("tries = 0").Set("ended_at = NULL").
		Where("id = ? AND (state = ? OR state = ? AND tries > 0)", id, TimerFailed, TimerPending).
		Where("NOT EXISTS (SELECT 1 FROM job_timers x WHERE x.kind = t.kind AND x.key = t.key AND x.state = 'pending' AND x.id <> t.id)").Exec(ctx)
	if err != nil {
		return fmt.Errorf("set a failed timer again: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return errs.Conflict("只有失败的定时任务可以重新运行")
}

func listTimers(ctx context.Context, d *db.DB, state, kind string, limit, offset int64) ([]timerRow, int64, error) {
	var rows []timerRow
	q := d.Read().NewSelect().Model(&rows).Limit(limit).Offset(offset)
	if state != "" {
		q = q.Where("state = ?", state)
	}
	if kind != "" {
		q = q.Where("kind = ?", kind)
	}
	if state == TimerPending {
		q = q.Order("next_at", "id")
	} else {
		q = q.Order("id DESC")
	}
	n, err := q.ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list timers: %w", err)
	}
	return rows, int64(n), nil
}

type runRow struct {
	bun.BaseModel `bun:"table:job_runs,alias:r"`

	JobID     int64 `bun:"job_id,pk"`
	Kind      string
	Title     string
	ByID      string `bun:"by_id"`
	ByName    string
	Done      int64
	Total     int64
	Note      string
	CancelAt  *clock.Stamp
	CreatedAt clock.Stamp
	UpdatedAt clock.Stamp
}

type lineRow struct {
	bun.BaseModel `bun:"table:job_log,alias:g"`

	ID      string `bun:",pk"`
	JobID   int64  `bun:"job_id"`
	MadeAt  clock.Stamp
	Attempt int
	Line    string
}

func addRun(ctx context.Context, tx db.Tx, r *runRow) error {
	if _, err := tx.NewInsert().Model(r).Exec(ctx); err != nil {
		return fmt.Errorf("note job %s: %w", r.Kind, err)
	}
	return nil
}

func putProgress(ctx context.Context, d *db.DB, id, done, total int64, note string) error {
	return d.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		_, err := tx.NewUpdate().Model((*runRow)(nil)).Set("done = ?", done).Set("total = ?", total).Set("note = ?", note).
			Set("updated_at = ?", clock.At(tx.Now())).Where("job_id = ?", id).Exec(ctx)
		return err
	})
}

func addLine(ctx context.Context, d *db.DB, id int64, attempt int, line string) error {
	return d.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		_, err := tx.NewInsert().Model(&lineRow{ID: ids.New(), JobID: id, MadeAt: clock.At(tx.Now()), Attempt: attempt, Line: line}).Exec(ctx)
		return err
	})
}

func lines(ctx context.Context, d *db.DB, id string) ([]Line, error) {
	n, err := jobID(id)
	if err != nil {
		return nil, err
	}
	var rows []lineRow
	if err := d.Read().NewSelect().Model(&rows).Where("job_id = ?", n).Order("id DESC").Limit(500).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read the log of job %s: %w", id, err)
	}
	out := make([]Line, len(rows))
	for i, l := range rows {
		out[len(rows)-1-i] = Line{At: l.MadeAt, Attempt: l.Attempt, Line: l.Line}
	}
	return out, nil
}

func listRuns(ctx context.Context, d *db.DB, f Filter, limit, offset int64) ([]runRow, int64, error) {
	var rows []runRow
	q := d.Read().NewSelect().Model(&rows).Join("JOIN river_job AS j ON j.id = r.job_id").Order("r.job_id DESC").Limit(limit).Offset(offset)
	if f.State != "" {
		q = q.Where("j.state IN (?)", bun.List(f.State.riverStates()))
	}
	if f.Kind != "" {
		q = q.Where("r.kind = ?", f.Kind)
	}
	if f.ByID != "" {
		q = q.Where("r.by_id = ?", f.ByID)
	}
	if s := strings.TrimSpace(f.Q); s != "" {
		q = q.Where("(r.title LIKE ? ESCAPE '!' OR r.by_name LIKE ? ESCAPE '!')", db.Contains(s), db.Contains(s))
	}
	n, err := q.ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list jobs: %w", err)
	}
	return rows, int64(n), nil
}

func runsByID(ctx context.Context, d *db.DB, id string) ([]runRow, error) {
	n, err := jobID(id)
	if err != nil {
		return nil, err
	}
	var rows []runRow
	if err := d.Read().NewSelect().Model(&rows).Where("job_id = ?", n).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read job %s: %w", id, err)
	}
	return rows, nil
}

func askCancel(ctx context.Context, tx db.Tx, id int64) error {
	_, err := tx.NewUpdate().Model((*runRow)(nil)).Set("cancel_at = ?", clock.At(tx.Now())).Where("job_id = ?", id).Exec(ctx)
	return err
}

func clearCancel(ctx context.Context, tx db.Tx, id int64) error {
	_, err := tx.NewUpdate().Model((*runRow)(nil)).Set("cancel_at = NULL").Where("job_id = ?", id).Exec(ctx)
	return err
}

func cancelAsked(ctx context.Context, d *db.DB, list []int64) ([]int64, error) {
	var out []int64
	err := d.Read().NewSelect().Model((*runRow)(nil)).Column("job_id").Where("cancel_at IS NOT NULL AND job_id IN (?)", bun.List(list)).Scan(ctx, &out)
	return out, err
}

func beat(ctx context.Context, d *db.DB, owner string) error {
	return d.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		_, err := tx.NewRaw("INSERT INTO job_centers (id, beat_at) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET beat_at = EXCLUDED.beat_at", owner, clock.At(tx.Now())).Exec(ctx)
		if err != nil {
			return fmt.Errorf("say that this center lives: %w", err)
		}
		return nil
	})
}

// releaseDead gives the running jobs of centers that are silent since the
// moment to whoever fetches next, and ends their leadership. A SQLite file
// has one center, so that whatever runs there before this one starts is dead.
func releaseDead(ctx context.Context, d *db.DB, owner string, since time.Time) error {
	return d.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		alive := "(SELECT id FROM job_centers WHERE beat_at > ?)"
		last := "attempted_by[array_length(attempted_by, 1)]"
		at := clock.At(since)
		if !tx.Postgres() {
			last, alive, at = "json_extract(attempted_by, '$[#-1]')", "(SELECT id FROM job_centers WHERE id = '"+owner+"' AND beat_at > ?)", 0
		}
		if _, err := tx.NewRaw("UPDATE river_job SET state = 'available' WHERE state = 'running' AND "+last+" NOT IN "+alive, at).Exec(ctx); err != nil {
			return fmt.Errorf("release jobs of dead centers: %w", err)
		}
		if _, err := tx.NewRaw("DELETE FROM river_leader WHERE leader_id NOT IN "+alive, at).Exec(ctx); err != nil {
			return fmt.Errorf("end the leadership of dead centers: %w", err)
		}
		_, err := tx.NewRaw("DELETE FROM job_centers WHERE beat_at <= ?", clock.At(since.Add(-24*time.Hour))).Exec(ctx)
		return err
	})
}

func summary(ctx context.Context, d *db.DB) (Summary, error) {
	var s Summary
	var rows []struct {
		State string
		N     int64
	}
	err := d.Read().NewSelect().TableExpr("river_job").ColumnExpr("state, count(*) AS n").Where("state NOT IN ('completed', 'cancelled')").Group("state").Scan(ctx, &rows)
	if err != nil {
		return s, fmt.Errorf("count jobs: %w", err)
	}
	for _, r := range rows {
		switch r.State {
		case "running":
			s.Running += r.N
		case "retryable":
			s.Retrying += r.N
		case "discarded":
			s.Failed += r.N
		default:
			s.Waiting += r.N
		}
	}
	q := d.Read().NewSelect().Model((*timerRow)(nil))
	if s.TimersFailed, err = count(ctx, q.Where("state = ?", TimerFailed)); err != nil {
		return s, err
	}
	q = d.Read().NewSelect().Model((*timerRow)(nil))
	s.TimersLate, err = count(ctx, q.Where("state = ? AND due_at < ?", TimerPending, clock.At(d.Now().Add(-time.Minute))))
	return s, err
}

func count(ctx context.Context, q *bun.SelectQuery) (int64, error) {
	n, err := q.Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count timers: %w", err)
	}
	return int64(n), nil
}

func purge(ctx context.Context, d *db.DB, done, failed, runs time.Time) error {
	return d.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		for _, q := range []struct {
			sql  string
			args []any
		}{
			{"DELETE FROM job_timers WHERE state IN ('done', 'cancelled') AND ended_at < ?", []any{clock.At(done)}},
			{"DELETE FROM job_timers WHERE state = 'failed' AND ended_at < ?", []any{clock.At(failed)}},
			{"DELETE FROM job_log WHERE made_at < ? AND job_id NOT IN (SELECT id FROM river_job)", []any{clock.At(runs)}},
			{"DELETE FROM job_runs WHERE created_at < ? AND job_id NOT IN (SELECT id FROM river_job)", []any{clock.At(runs)}},
		} {
			if _, err := tx.NewRaw(q.sql, q.args...).Exec(ctx); err != nil {
				return fmt.Errorf("forget old jobs: %w", err)
			}
		}
		return nil
	})
}
