package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// State is where a job stands, in the words of the page.
type State string

// The states of jobs.
const (
	Waiting   State = "waiting" // queued or planned
	Running   State = "running"
	Retrying  State = "retrying" // failed, runs again
	Done      State = "done"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// riverStates are river's states of a state.
func (s State) riverStates() []string {
	switch s {
	case Waiting:
		return []string{"available", "scheduled", "pending"}
	case Running:
		return []string{"running"}
	case Retrying:
		return []string{"retryable"}
	case Done:
		return []string{"completed"}
	case Failed:
		return []string{"discarded"}
	case Cancelled:
		return []string{"cancelled"}
	}
	return nil
}

func stateOf(s rivertype.JobState) State {
	for _, x := range []State{Waiting, Running, Retrying, Done, Failed, Cancelled} {
		for _, v := range x.riverStates() {
			if v == string(s) {
				return x
			}
		}
	}
	return Waiting
}

// Item is a job as people see it.
type Item struct {
	ID          string       `json:"id"`
	Kind        string       `json:"kind"`
	KindTitle   string       `json:"kindTitle"`
	Title       string       `json:"title"`
	Queue       string       `json:"queue"`
	State       State        `json:"state"`
	Attempt     int          `json:"attempt"`
	MaxAttempts int          `json:"maxAttempts"`
	ByID        string       `json:"byId"`
	ByName      string       `json:"byName"`
	Done        int64        `json:"done"`
	Total       int64        `json:"total"`
	Note        string       `json:"note"`
	Cancelling  bool         `json:"cancelling"`
	CreatedAt   clock.Stamp  `json:"createdAt"`
	ScheduledAt clock.Stamp  `json:"scheduledAt"`
	StartedAt   *clock.Stamp `json:"startedAt"`
	EndedAt     *clock.Stamp `json:"endedAt"`
	LastError   string       `json:"lastError"`
}

// Line is one line of a job's log.
type Line struct {
	At      clock.Stamp `json:"at"`
	Attempt int         `json:"attempt"`
	Line    string      `json:"line"`
}

// Filter narrows the list; ByID gives the jobs of one person.
type Filter struct {
	State State
	Kind  string
	ByID  string
	Q     string
}

// Kind names a kind of job for the filter.
type Kind struct {
	Kind  string `json:"kind"`
	Title string `json:"title"`
}

// List gives one page of jobs, newest first, and their number.
func (r *Runner) List(ctx context.Context, f Filter, limit, offset int64) ([]Item, int64, error) {
	rows, n, err := listRuns(ctx, r.db, f, limit, offset)
	if err != nil || len(rows) == 0 {
		return []Item{}, n, err
	}
	out, err := r.items(ctx, rows)
	return out, n, err
}

// Get gives one job.
func (r *Runner) Get(ctx context.Context, id string) (Item, error) {
	rows, err := runsByID(ctx, r.db, id)
	if err != nil {
		return Item{}, err
	}
	list, err := r.items(ctx, rows)
	if err != nil {
		return Item{}, err
	}
	if len(list) == 0 {
		return Item{}, errs.NotFound("任务")
	}
	return list[0], nil
}

// items adds what river knows to rows.
func (r *Runner) items(ctx context.Context, rows []runRow) ([]Item, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	ids := make([]int64, len(rows))
	for i, x := range rows {
		ids[i] = x.JobID
	}
	c, err := r.inserter()
	if err != nil {
		return nil, err
	}
	res, err := c.JobList(ctx, river.NewJobListParams().IDs(ids...).First(len(ids)))
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	by := map[int64]*rivertype.JobRow{}
	for _, j := range res.Jobs {
		by[j.ID] = j
	}
	out := make([]Item, 0, len(rows))
	for _, x := range rows {
		if j := by[x.JobID]; j != nil {
			out = append(out, r.item(x, j))
		}
	}
	return out, nil
}

func (r *Runner) item(x runRow, j *rivertype.JobRow) Item {
	it := Item{
		ID: strconv.FormatInt(x.JobID, 10), Kind: x.Kind, KindTitle: r.kinds[x.Kind].title, Title: x.Title, Queue: j.Queue,
		State: stateOf(j.State), Attempt: j.Attempt, MaxAttempts: j.MaxAttempts, ByID: x.ByID, ByName: x.ByName, Done: x.Done, Total: x.Total,
		Note: x.Note, CreatedAt: x.CreatedAt, ScheduledAt: clock.At(j.ScheduledAt), Cancelling: x.CancelAt != nil && j.FinalizedAt == nil,
	}
	if j.AttemptedAt != nil {
		it.StartedAt = clock.Ptr(*j.AttemptedAt)
	}
	if j.FinalizedAt != nil {
		it.EndedAt = clock.Ptr(*j.FinalizedAt)
	}
	if n := len(j.Errors); n > 0 && it.State != Done {
		it.LastError = j.Errors[n-1].Error
	}
	return it
}

// Kinds lists the kinds of jobs.
func (r *Runner) Kinds() []Kind {
	out := []Kind{}
	for k, h := range r.kinds {
		out = append(out, Kind{Kind: k, Title: h.title})
	}
	return out
}

// Lines gives the log of a job, at most the last 500 lines.
func (r *Runner) Lines(ctx context.Context, id string) ([]Line, error) {
	return lines(ctx, r.db, id)
}

func jobID(id string) (int64, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n <= 0 {
		return 0, errs.NotFound("任务")
	}
	return n, nil
}

// CancelJob ends a job in the transaction: one that waits at once, one that
// runs within a second.
func (r *Runner) CancelJob(ctx context.Context, tx db.Tx, id string) error {
	return r.change(ctx, tx, id, func(c *client, raw bun.Tx, n int64) error {
		if err := askCancel(ctx, tx, n); err != nil {
			return err
		}
		j, err := c.JobCancelTx(ctx, raw.Tx, n)
		if err == nil && j.FinalizedAt != nil && j.State != rivertype.JobStateCancelled {
			return errs.Conflict("任务已经结束，不能取消")
		}
		return err
	})
}

// RetryJob runs a job again that waits for its next try, failed or was
// cancelled.
func (r *Runner) RetryJob(ctx context.Context, tx db.Tx, id string) error {
	return r.change(ctx, tx, id, func(c *client, raw bun.Tx, n int64) error {
		j, err := c.JobGetTx(ctx, raw.Tx, n)
		if err != nil {
			return err
		}
		if s := stateOf(j.State); s != Retrying && s != Failed && s != Cancelled {
			return errs.Conflict("只有失败、待重试或已取消的任务可以重新运行")
		}
		if err := clearCancel(ctx, tx, n); err != nil {
			return err
		}
		_, err = c.JobRetryTx(ctx, raw.Tx, n)
		return err
	})
}

func (r *Runner) change(_ context.Context, tx db.Tx, id string, f func(*client, bun.Tx, int64) error) error {
	n, err := jobID(id)
	if err != nil {
		return err
	}
	raw, ok := tx.IDB.(bun.Tx)
	if !ok {
		return errors.New("change job: not in a transaction")
	}
	c, err := r.inserter()
	if err != nil {
		return err
	}
	err = f(c, raw, n)
	if errors.Is(err, rivertype.ErrNotFound) {
		return errs.NotFound("任务")
	}
	var shown *errs.Error
	if err != nil && !errors.As(err, &shown) {
		return fmt.Errorf("change job %s: %w", id, err)
	}
	return err
}

// Timer is a timer as people see it.
type Timer struct {
	ID        string          `json:"id"`
	Kind      string          `json:"kind"`
	KindTitle string          `json:"kindTitle"`
	Key       string          `json:"key"`
	State     string          `json:"state"`
	DueAt     clock.Stamp     `json:"dueAt"`
	NextAt    clock.Stamp     `json:"nextAt"`
	Tries     int             `json:"tries"`
	LastError string          `json:"lastError"`
	CreatedAt clock.Stamp     `json:"createdAt"`
	EndedAt   *clock.Stamp    `json:"endedAt"`
	Payload   json.RawMessage `json:"payload"`
}

// Timers gives one page of timers of a state ("" for all) and their number,
// soonest first while they are pending, else newest first.
func (r *Runner) Timers(ctx context.Context, state, kind string, limit, offset int64) ([]Timer, int64, error) {
	rows, n, err := listTimers(ctx, r.db, state, kind, limit, offset)
	out := make([]Timer, 0, len(rows))
	for _, t := range rows {
		out = append(out, Timer{
			ID: t.ID, Kind: t.Kind, KindTitle: r.timers[t.Kind].title, Key: t.Key, State: t.State, DueAt: t.DueAt, NextAt: t.NextAt, Tries: t.Tries,
			LastError: t.LastError, CreatedAt: t.CreatedAt, EndedAt: t.EndedAt, Payload: json.RawMessage(t.Payload),
		})
	}
	return out, n, err
}

// RetryTimer sets a failed timer again for now.
func (r *Runner) RetryTimer(ctx context.Context, tx db.Tx, id string) error {
	if err := reviveTimer(ctx, tx, id); err != nil {
		return err
	}
	tx.AfterCommit(r.Wake)
	return nil
}

// Summary counts jobs by state, timers that failed or are late, and periodic
// jobs whose last run failed.
type Summary struct {
	Waiting      int64 `json:"waiting"`
	Running      int64 `json:"running"`
	Retrying     int64 `json:"retrying"`
	Failed       int64 `json:"failed"`
	TimersFailed int64 `json:"timersFailed"`
	TimersLate   int64 `json:"timersLate"`
}

// Summary gives the figures above the list.
func (r *Runner) Summary(ctx context.Context) (Summary, error) { return summary(ctx, r.db) }

// Purge forgets ended timers, and what is kept of jobs that river has
// forgotten.
func (r *Runner) Purge(ctx context.Context) error {
	now := r.db.Now()
	return purge(ctx, r.db, now.Add(-keepDone), now.Add(-keepFailed), now.Add(-keepDone))
}
