package app

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/jobs"
)

type jobsIn struct {
	httpx.Paging
	State string `query:"state" enum:"waiting,running,retrying,done,failed,cancelled"`
	Kind  string `query:"kind" maxLength:"60"`
}

type jobList struct {
	httpx.List[jobs.Item]
	Summary jobs.Summary `json:"summary"`
	Kinds   []jobs.Kind  `json:"kinds"`
}

type jobDetail struct {
	jobs.Item
	Lines []jobs.Line `json:"lines"`
}

type jobPath struct {
	ID string `path:"id" maxLength:"64"`
}

func jobOp(id, method, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"jobs"}}
}

// registerJobs adds what people see of the work in the background, and the
// routes of deadlines.
func (a *App) registerJobs() {
	a.deadline.Register(a.api)
	a.transfer.Register(a.fiber, a.api)
	httpx.Register(a.api, access.JobView, jobOp("list-jobs", http.MethodGet, "/api/jobs", "Jobs in the background"), a.listJobs)
	a.registerTimers() // before {id}, which would take their addresses
	httpx.Register(a.api, access.JobView, jobOp("get-job", http.MethodGet, "/api/jobs/{id}", "One job with its log"),
		func(ctx context.Context, in *jobPath) (*httpx.Body[jobDetail], error) {
			if _, err := access.Need(ctx, access.JobView); err != nil {
				return nil, err
			}
			it, err := a.jobs.Get(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			lines, err := a.jobs.Lines(ctx, in.ID)
			return httpx.Out(jobDetail{it, lines}, err)
		})
	type actIn struct {
		jobPath
		Body struct {
			Reason string `json:"reason" maxLength:"200"`
		}
	}
	act := func(name, summary string, do func(ctx context.Context, tx db.Tx, id string) error) func(ctx context.Context, in *actIn) (*httpx.Body[jobs.Item], error) {
		return func(ctx context.Context, in *actIn) (*httpx.Body[jobs.Item], error) {
			if err := a.changeJob(ctx, name, summary, in.ID, in.Body.Reason, do); err != nil {
				return nil, err
			}
			return httpx.Out(a.jobs.Get(ctx, in.ID))
		}
	}
	httpx.Register(a.api, access.JobManage, jobOp("cancel-job", http.MethodPost, "/api/jobs/{id}/cancel", "End a job"), act("job.cancel", "取消后台任务", a.jobs.CancelJob))
	httpx.Register(a.api, access.JobManage, jobOp("retry-job", http.MethodPost, "/api/jobs/{id}/retry", "Run a job again"), act("job.retry", "重新运行后台任务", a.jobs.RetryJob))
}

func (a *App) changeJob(ctx context.Context, act, summary, id, reason string, do func(ctx context.Context, tx db.Tx, id string) error) error {
	if _, err := access.Need(ctx, access.JobManage); err != nil {
		return err
	}
	return a.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := do(ctx, tx, id); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: act, Object: "job", ObjectID: id, Summary: summary + " " + id, Reason: reason})
	})
}

func (a *App) listJobs(ctx context.Context, in *jobsIn) (*httpx.Body[jobList], error) {
	if _, err := access.Need(ctx, access.JobView); err != nil {
		return nil, err
	}
	list, n, err := a.jobs.List(ctx, jobs.Filter{State: jobs.State(in.State), Kind: in.Kind, Q: in.Q}, in.Limit(), in.Offset())
	if err != nil {
		return nil, err
	}
	sum, err := a.jobs.Summary(ctx)
	return httpx.Out(jobList{List: httpx.NewList(list, n, in.Paging, a.db.Now()), Summary: sum, Kinds: a.jobs.Kinds()}, err)
}

// registerTimers adds the timers and the periodic jobs.
func (a *App) registerTimers() {
	httpx.Register(a.api, access.JobView, jobOp("list-timers", http.MethodGet, "/api/jobs/timers", "What is due at a moment"),
		func(ctx context.Context, in *struct {
			httpx.Paging
			State string `query:"state" enum:"pending,done,failed,cancelled"`
			Kind  string `query:"kind" maxLength:"60"`
		},
		) (*httpx.Body[httpx.List[jobs.Timer]], error) {
			if _, err := access.Need(ctx, access.JobView); err != nil {
				return nil, err
			}
			list, n, err := a.jobs.Timers(ctx, in.State, in.Kind, in.Limit(), in.Offset())
			return httpx.Out(httpx.NewList(list, n, in.Paging, a.db.Now()), err)
		})
	httpx.Register(a.api, access.JobManage, jobOp("retry-timer", http.MethodPost, "/api/jobs/timers/{id}/retry", "Set a failed timer again"),
		func(ctx context.Context, in *struct {
			jobPath
			Body struct {
				Reason string `json:"reason" maxLength:"200"`
			}
		},
		) (*struct{}, error) {
			return nil, a.changeJob(ctx, "job.timer.retry", "重新运行定时任务", in.ID, in.Body.Reason, a.jobs.RetryTimer)
		})
	httpx.Register(a.api, access.JobView, jobOp("list-periodic-jobs", http.MethodGet, "/api/jobs/periodic", "Periodic jobs with their last run"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]jobs.Periodic], error) {
			if _, err := access.Need(ctx, access.JobView); err != nil {
				return nil, err
			}
			return httpx.Out(a.jobs.Periodics(ctx))
		})
	httpx.Register(a.api, access.JobManage, jobOp("run-periodic-job", http.MethodPost, "/api/jobs/periodic/{id}/run", "Run a periodic job now"),
		func(ctx context.Context, in *struct {
			jobPath
			Body struct {
				Reason string `json:"reason" maxLength:"200"`
			}
		},
		) (*struct{}, error) {
			if _, err := access.Need(ctx, access.JobManage); err != nil {
				return nil, err
			}
			if err := a.jobs.Ask(ctx, in.ID); err != nil {
				return nil, err
			}
			return nil, a.changeJob(ctx, "job.periodic.run", "立即运行周期任务", in.ID, in.Body.Reason, func(context.Context, db.Tx, string) error { return nil })
		})
}
