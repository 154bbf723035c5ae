package jobs

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// jobTries bounds how often a failing job is run.
const jobTries = 5

// RunFunc is one job. It may run again after a failure or a crash: what it
// writes must allow that. When its context ends it returns.
type RunFunc func(ctx context.Context, run *Run) error

type handler struct {
	title string
	fn    RunFunc
}

// task is the one kind of river's rows; the kind that callers know is in it.
type task struct {
	Run     string          `json:"run"`
	Payload json.RawMessage `json:"payload"`
}

// Kind implements river.JobArgs.
func (task) Kind() string { return "task" }

// Migrate brings river's own tables up to date.
func Migrate(ctx context.Context, d *db.DB) (err error) {
	m, err := rivermigrate.New(driver(d), nil)
	if err != nil {
		return fmt.Errorf("migrate job tables: %w", err)
	}
	if d.Postgres() { // one center at a time
		conn, err := d.SQL().Conn(ctx)
		if err != nil {
			return fmt.Errorf("migrate job tables: %w", err)
		}
		defer func() { err = errors.Join(err, conn.Close()) }()
		const key = 7_431_990_121
		if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", key); err != nil {
			return fmt.Errorf("migrate job tables: %w", err)
		}
		defer func() {
			_, e := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", key)
			err = errors.Join(err, e)
		}()
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate job tables: %w", err)
	}
	return nil
}

func driver(d *db.DB) riverdriver.Driver[*sql.Tx] {
	if d.Postgres() {
		return riverdatabasesql.New(d.SQL())
	}
	return riversqlite.New(d.SQL())
}

// Handle says what jobs of a kind do; title is the Chinese name of the kind.
// Call it before Start.
func (r *Runner) Handle(kind, title string, fn RunFunc) {
	r.kinds[kind] = handler{title: title, fn: fn}
}

// Opt changes how a job is queued.
type Opt func(*enqueue)

type enqueue struct {
	title string
	opts  river.InsertOpts
}

// Queue takes another queue than QueueDefault.
func Queue(name string) Opt { return func(e *enqueue) { e.opts.Queue = name } }

// Titled gives this job a Chinese name of its own.
func Titled(title string) Opt { return func(e *enqueue) { e.title = title } }

// Tries bounds how often the job is run when it fails.
func Tries(n int) Opt { return func(e *enqueue) { e.opts.MaxAttempts = n } }

// Later queues the job for a moment.
func Later(at time.Time) Opt { return func(e *enqueue) { e.opts.ScheduledAt = at } }

// Enqueue queues a job in the transaction: when that does not commit there is
// no job. The caller of the context is shown as who asked for it. It gives
// the job's id.
func (r *Runner) Enqueue(ctx context.Context, tx db.Tx, kind string, payload any, o ...Opt) (string, error) {
	h, ok := r.kinds[kind]
	if !ok {
		return "", fmt.Errorf("queue job: no kind is called %q", kind)
	}
	b, err := json.Marshal(payload)
	if err != nil {
		return "", fmt.Errorf("queue job %s: %w", kind, err)
	}
	raw, ok := tx.IDB.(bun.Tx)
	if !ok {
		return "", fmt.Errorf("queue job %s: not in a transaction", kind)
	}
	client, err := r.inserter()
	if err != nil {
		return "", err
	}
	e := enqueue{title: h.title, opts: river.InsertOpts{MaxAttempts: jobTries, Queue: QueueDefault}}
	for _, f := range o {
		f(&e)
	}
	res, err := client.InsertTx(ctx, raw.Tx, task{Run: kind, Payload: b}, &e.opts)
	if err != nil {
		return "", fmt.Errorf("queue job %s: %w", kind, err)
	}
	who := caller.From(ctx)
	now := clock.At(tx.Now())
	row := runRow{JobID: res.Job.ID, Kind: kind, Title: e.title, ByID: who.ID, ByName: who.Name, CreatedAt: now, UpdatedAt: now}
	if err := addRun(ctx, tx, &row); err != nil {
		return "", err
	}
	return strconv.FormatInt(res.Job.ID, 10), nil
}

// inserter gives the client that only inserts; it needs no Start.
func (r *Runner) inserter() (*river.Client[*sql.Tx], error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.insert == nil {
		c, err := river.NewClient(driver(r.db), &river.Config{Logger: r.log})
		if err != nil {
			return nil, fmt.Errorf("set up job client: %w", err)
		}
		r.insert = c
	}
	return r.insert, nil
}

func (r *Runner) startRiver(ctx context.Context) error {
	if err := r.beat(ctx); err != nil {
		return err
	}
	if err := releaseDead(ctx, r.db, r.owner, r.deadBefore()); err != nil {
		return err
	}
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &worker{r: r}); err != nil {
		return fmt.Errorf("set up job client: %w", err)
	}
	c, err := river.NewClient(driver(r.db), &river.Config{
		ID: r.owner, Logger: r.log, Workers: workers,
		Queues:            map[string]river.QueueConfig{QueueDefault: {MaxWorkers: 4}, QueueExport: {MaxWorkers: 2}},
		FetchPollInterval: max(2*r.o.Poll, 100*time.Millisecond),
		PollOnly:          r.db.Postgres(), // database/sql cannot listen
		// A job has no time limit: a dead center's jobs are released by beat.
		JobTimeout:                  -1,
		RetryPolicy:                 retries{},
		CompletedJobRetentionPeriod: keepDone, CancelledJobRetentionPeriod: keepDone, DiscardedJobRetentionPeriod: keepFailed,
	})
	if err != nil {
		return fmt.Errorf("set up job client: %w", err)
	}
	r.client = c
	// Its life ends by Close and not by ctx, so that jobs can finish.
	if err := c.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start job client: %w", err)
	}
	return nil
}

// retries lets a failed job run again after 10 s, 1, 6 and 30 minutes.
type retries struct{}

// NextRetry implements river.ClientRetryPolicy. River's time is the machine's.
func (retries) NextRetry(j *rivertype.JobRow) time.Time {
	wait := 10 * time.Second
	for range max(j.Attempt, 1) - 1 {
		wait = min(wait*6, 30*time.Minute)
	}
	return clock.System{}.Now().Add(wait)
}

type worker struct {
	river.WorkerDefaults[task]
	r *Runner
}

// Timeout implements river.Worker: none.
func (*worker) Timeout(*river.Job[task]) time.Duration { return -1 }

var errCancelled = errors.New("cancelled by a person")

// Work implements river.Worker.
func (w *worker) Work(ctx context.Context, job *river.Job[task]) error {
	r := w.r
	h, ok := r.kinds[job.Args.Run]
	if !ok {
		return fmt.Errorf("no kind is called %q", job.Args.Run)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(r.ending, func() { cancel(context.Canceled) })
	defer stop()
	r.mu.Lock()
	r.running[job.ID] = cancel
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.running, job.ID)
		r.mu.Unlock()
	}()
	run := &Run{ID: strconv.FormatInt(job.ID, 10), Kind: job.Args.Run, Attempt: job.Attempt, Payload: job.Args.Payload, id: job.ID, ctx: ctx, r: r}
	err := guarded("job "+job.Args.Run, func() error { return h.fn(caller.System(ctx, h.title), run) })
	run.flush()
	switch {
	case err == nil:
		r.runs.WithLabelValues(run.Kind, "ok").Inc()
		return nil
	case errors.Is(context.Cause(ctx), errCancelled):
		run.Log("已取消")
		return river.JobCancel(errCancelled)
	case r.ending.Err() != nil:
		return river.JobSnooze(0) // goes on after the start, not counted as a failure
	}
	r.runs.WithLabelValues(run.Kind, "failed").Inc()
	r.log.Error("job failed", "job", run.Kind, "id", job.ID, "attempt", job.Attempt, "err", err)
	run.Log("第 %d 次运行失败：%s", job.Attempt, plain(err))
	var final *finalError
	if errors.As(err, &final) {
		return river.JobCancel(err)
	}
	return err
}

// finalError is a failure that another run would not cure.
type finalError struct{ err error }

func (e *finalError) Error() string { return e.err.Error() }
func (e *finalError) Unwrap() error { return e.err }

// Final marks a failure that another run would not cure: the job is not run
// again.
func Final(err error) error {
	if err == nil {
		return nil
	}
	return &finalError{err}
}

func (r *Runner) deadBefore() time.Time { return r.db.Now().Add(-4 * r.o.Beat) }

func (r *Runner) beat(ctx context.Context) error { return beat(ctx, r.db, r.owner) }

// beatLoop says that this center lives, gives what dead centers were doing to
// the living, and ends the jobs that a person cancelled.
func (r *Runner) beatLoop(ctx context.Context) {
	fast := time.NewTicker(2 * r.o.Poll)
	defer fast.Stop()
	next := r.db.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-fast.C:
		}
		if err := r.endCancelled(ctx); err != nil && ctx.Err() == nil {
			r.log.Error("look for cancelled jobs", "err", err)
		}
		if now := r.db.Now(); now.Before(next) {
			continue
		}
		next = r.db.Now().Add(r.o.Beat)
		err := r.beat(ctx)
		if err == nil && r.db.Postgres() {
			err = releaseDead(ctx, r.db, r.owner, r.deadBefore())
		}
		if err != nil && ctx.Err() == nil {
			r.log.Error("keep jobs of dead centers alive", "err", err)
		}
	}
}

func (r *Runner) endCancelled(ctx context.Context) error {
	r.mu.Lock()
	list := make([]int64, 0, len(r.running))
	for id := range r.running {
		list = append(list, id)
	}
	r.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	gone, err := cancelAsked(ctx, r.db, list)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range gone {
		if c := r.running[id]; c != nil {
			c(errCancelled)
		}
	}
	return nil
}
