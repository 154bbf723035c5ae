package jobs

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Func is one periodic run. Its context names the job as the caller.
type Func func(ctx context.Context) error

type periodic struct {
	name     string
	title    string
	interval time.Duration
	run      Func
	busy     sync.Mutex
}

// Periodic is a periodic job as people see it.
type Periodic struct {
	Name      string       `json:"name"`
	Title     string       `json:"title"`
	Interval  int64        `json:"intervalMs"`
	LastRunAt *clock.Stamp `json:"lastRunAt"`
	NextRunAt *clock.Stamp `json:"nextRunAt"`
	LastMS    int64        `json:"lastMs"`
	LastError string       `json:"lastError"`
	Runs      int64        `json:"runs"`
	Failures  int64        `json:"failures"`
	Asked     bool         `json:"asked"`
}

// Every adds a periodic job before Start: name is its key, title its Chinese
// name as it appears in audit records. Of all centers one runs it.
func (r *Runner) Every(name, title string, interval time.Duration, run Func) {
	r.list = append(r.list, &periodic{name: name, title: title, interval: interval, run: run})
}

// RunOnce runs a periodic job now when its lease is free, whatever the
// interval. Tests and commands call it.
func (r *Runner) RunOnce(ctx context.Context, name string) error {
	for _, j := range r.list {
		if j.name == name {
			_, err := r.once(ctx, j)
			return err
		}
	}
	return fmt.Errorf("no job is called %q", name)
}

// Ask has the center that holds the lease of a periodic job run it within a
// second.
func (r *Runner) Ask(ctx context.Context, name string) error {
	if !slices.ContainsFunc(r.list, func(j *periodic) bool { return j.name == name }) {
		return errs.NotFound("周期任务")
	}
	return ask(ctx, r.db, name)
}

// Periodics lists the periodic jobs of this center with their last run.
func (r *Runner) Periodics(ctx context.Context) ([]Periodic, error) {
	rows, err := leases(ctx, r.db)
	if err != nil {
		return nil, err
	}
	out := make([]Periodic, 0, len(r.list))
	for _, j := range r.list {
		p := Periodic{Name: j.name, Title: j.title, Interval: j.interval.Milliseconds()}
		if l, ok := rows[j.name]; ok && l.LastRunAt > 0 {
			p.LastRunAt = &l.LastRunAt
			p.NextRunAt = clock.Ptr(l.LastRunAt.Time().Add(j.interval))
			p.LastMS, p.LastError, p.Runs, p.Failures, p.Asked = l.LastMS, l.LastError, l.Runs, l.Failures, l.AskAt > 0
		}
		out = append(out, p)
	}
	return out, nil
}

func (r *Runner) loop(ctx context.Context, j *periodic) {
	t := time.NewTicker(j.interval)
	defer t.Stop()
	for {
		r.note(ctx, j)
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// note runs a job and counts how it went.
func (r *Runner) note(ctx context.Context, j *periodic) {
	ran, err := r.once(ctx, j)
	switch {
	case err != nil && ctx.Err() == nil:
		r.runs.WithLabelValues(j.name, "failed").Inc()
		r.log.Error("job failed", "job", j.name, "err", err)
	case ran:
		r.runs.WithLabelValues(j.name, "ok").Inc()
	}
}

// askLoop looks for periodic jobs that a person asked for.
func (r *Runner) askLoop(ctx context.Context) {
	t := time.NewTicker(4 * r.o.Poll)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		rows, err := leases(ctx, r.db)
		if err != nil {
			if ctx.Err() == nil {
				r.log.Error("look for asked jobs", "err", err)
			}
			continue
		}
		for _, j := range r.list {
			if rows[j.name].AskAt > 0 {
				r.note(ctx, j)
			}
		}
	}
}

func (r *Runner) once(ctx context.Context, j *periodic) (ran bool, err error) {
	if !j.busy.TryLock() {
		return false, nil // this center is at it
	}
	defer j.busy.Unlock()
	ok, err := lease(ctx, r.db, j.name, r.owner, 3*j.interval)
	if err != nil || !ok {
		return false, err
	}
	began := r.db.Now()
	err = guarded("job "+j.name, func() error { return j.run(caller.System(ctx, j.title)) })
	if e := leaseResult(context.WithoutCancel(ctx), r.db, j.name, r.db.Now().Sub(began), err); e != nil {
		r.log.Error("note the result of a job", "job", j.name, "err", e)
	}
	return true, err
}
