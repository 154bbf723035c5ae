// Package jobs runs what no person waits for, in three ways. Handle and
// Enqueue give work to river's queues, on both databases: long work with
// progress, log lines, retry and cancel. HandleTx and At are for moments,
// such as deadlines: the effect and the end of such a timer are one
// transaction, so that a center killed at any point has fired it once or not
// yet. Every is for periodic work: a row with a lease says which center runs
// it, and another takes over when the lease has run out.
package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"

	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/ids"
)

// The queues of river. A long export does not keep other work waiting.
const (
	QueueDefault = "default"
	QueueExport  = "export"
)

// How long ended work stays on the page.
const (
	keepDone   = 14 * 24 * time.Hour
	keepFailed = 90 * 24 * time.Hour
)

// Options are the times of a runner; the zero value is for production.
type Options struct {
	// Beat is how often a center says that it lives; after four beats
	// without a word its running jobs are given to another.
	Beat time.Duration
	// Poll is how often timers and asked-for periodic jobs are looked for.
	Poll time.Duration
}

// Runner runs jobs between Start and Close.
type Runner struct {
	db    *db.DB
	log   *slog.Logger
	o     Options
	owner string
	stop  context.CancelFunc
	done  sync.WaitGroup
	runs  *prometheus.CounterVec
	lag   prometheus.Histogram

	list    []*periodic
	kinds   map[string]handler
	timers  map[string]timerKind
	insert  *river.Client[*sql.Tx]
	client  *river.Client[*sql.Tx]
	wake    chan struct{}
	ending  context.Context
	endNow  context.CancelFunc
	mu      sync.Mutex
	running map[int64]context.CancelCauseFunc
}

// New makes a runner with the times of production.
func New(d *db.DB, log *slog.Logger, reg prometheus.Registerer) *Runner {
	return NewWith(d, log, reg, Options{})
}

// NewWith makes a runner.
func NewWith(d *db.DB, log *slog.Logger, reg prometheus.Registerer, o Options) *Runner {
	if o.Beat <= 0 {
		o.Beat = 3 * time.Second
	}
	if o.Poll <= 0 {
		o.Poll = 250 * time.Millisecond
	}
	r := &Runner{
		db: d, log: log, o: o, owner: ids.New(), wake: make(chan struct{}, 1),
		kinds: map[string]handler{}, timers: map[string]timerKind{}, running: map[int64]context.CancelCauseFunc{},
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jiexun_job_runs_total", Help: "Runs of jobs."}, []string{"job", "result"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "jiexun_timer_lag_seconds", Help: "How late timers fired.",
			Buckets: []float64{.1, .25, .5, 1, 2, 5, 10, 30, 60, 300}}),
	}
	r.ending, r.endNow = context.WithCancel(context.Background())
	if reg != nil {
		reg.MustRegister(r.runs, r.lag)
	}
	return r
}

// Start begins all work. Migrate must have run.
func (r *Runner) Start(ctx context.Context) error {
	ctx, r.stop = context.WithCancel(ctx)
	if err := r.startRiver(ctx); err != nil {
		r.stop()
		return err
	}
	for _, j := range r.list {
		r.done.Go(func() { r.loop(ctx, j) })
	}
	r.done.Go(func() { r.askLoop(ctx) })
	for range r.lanes() {
		r.done.Go(func() { r.timerLoop(ctx) })
	}
	r.done.Go(func() { r.beatLoop(ctx) })
	return nil
}

// Close stops the work and waits for what is running: a job of river gets
// five seconds, and then its context ends and it goes on after the next
// start.
func (r *Runner) Close() error {
	if r.stop == nil {
		return nil
	}
	soft, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := r.client.Stop(soft)
	if errors.Is(err, context.DeadlineExceeded) {
		r.endNow()
		hard, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err = r.client.StopAndCancel(hard)
	}
	r.endNow()
	r.stop()
	r.done.Wait()
	if err != nil {
		return fmt.Errorf("stop jobs: %w", err)
	}
	return nil
}

// guarded runs f and turns a panic into an error.
func guarded(what string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s panicked: %v\n%s", what, p, debug.Stack())
		}
	}()
	return f()
}

// pause waits for d, or less when ctx ends or a timer was set; false at the
// end.
func (r *Runner) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-r.wake:
	case <-t.C:
	}
	return true
}
