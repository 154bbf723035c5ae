// Package jobs runs periodic work on one of several centers: a row with a
// lease says who runs it, and another takes over when the lease has run out.
package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/ids"
)

// Func is one run. Its context names the job as the caller.
type Func func(ctx context.Context) error

type job struct {
	name     string
	title    string
	interval time.Duration
	run      Func
}

// Runner runs jobs until Close.
type Runner struct {
	db    *db.DB
	log   *slog.Logger
	owner string
	list  []job
	stop  context.CancelFunc
	done  sync.WaitGroup
	runs  *prometheus.CounterVec
}

// New makes a runner.
func New(d *db.DB, log *slog.Logger, reg prometheus.Registerer) *Runner {
	r := &Runner{db: d, log: log, owner: ids.New(), runs: prometheus.NewCounterVec(
		prometheus.CounterOpts{Name: "jiexun_job_runs_total", Help: "Runs of periodic jobs."}, []string{"job", "result"})}
	if reg != nil {
		reg.MustRegister(r.runs)
	}
	return r
}

// Every adds a job before Start: name is its key, title its Chinese name as
// it appears in audit records.
func (r *Runner) Every(name, title string, interval time.Duration, run Func) {
	r.list = append(r.list, job{name: name, title: title, interval: interval, run: run})
}

// Start begins all jobs.
func (r *Runner) Start(ctx context.Context) {
	ctx, r.stop = context.WithCancel(ctx)
	for _, j := range r.list {
		r.done.Go(func() { r.loop(ctx, j) })
	}
}

// Close stops the jobs and waits for runs in progress.
func (r *Runner) Close() {
	if r.stop != nil {
		r.stop()
		r.done.Wait()
	}
}

// RunOnce runs a job now when its lease is free, whatever the interval. Tests
// and commands call it.
func (r *Runner) RunOnce(ctx context.Context, name string) error {
	for _, j := range r.list {
		if j.name == name {
			_, err := r.once(ctx, j)
			return err
		}
	}
	return fmt.Errorf("no job is called %q", name)
}

func (r *Runner) loop(ctx context.Context, j job) {
	t := time.NewTicker(j.interval)
	defer t.Stop()
	for {
		ran, err := r.once(ctx, j)
		switch {
		case err != nil && ctx.Err() == nil:
			r.runs.WithLabelValues(j.name, "failed").Inc()
			r.log.Error("job failed", "job", j.name, "err", err)
		case ran:
			r.runs.WithLabelValues(j.name, "ok").Inc()
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

func (r *Runner) once(ctx context.Context, j job) (ran bool, err error) {
	ok, err := lease(ctx, r.db, j.name, r.owner, 3*j.interval)
	if err != nil || !ok {
		return false, err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("job %s panicked: %v\n%s", j.name, p, debug.Stack())
		}
	}()
	return true, j.run(caller.System(ctx, j.title))
}
