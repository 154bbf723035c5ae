package app

import (
	"context"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/deadline"
	"jiexun/center/internal/hub"
	"jiexun/center/internal/notices"
	"jiexun/center/internal/patrol"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/stream"
	"jiexun/center/internal/todo"
	"jiexun/center/internal/transfer"
)

// patrolParts are the surveys and inspections.
type patrolParts struct {
	patrol *patrol.Service
}

// wirePatrol makes the surveys and inspections, and lets them hear of boxes
// and deadlines.
func (a *App) wirePatrol(context.Context) error {
	a.patrol = patrol.New(patrol.Options{
		DB: a.db, Regions: a.regions, People: patrolPeople{a.access}, Calendar: a.deadline, Timers: a.jobs, Boxes: a.hub, Pictures: pictures{a.blobs},
		Todos: patrolTodos{a.todo, a.access}, Clocks: patrolClocks{a.deadline}, Wake: a.bus.Wake, Log: a.log,
	})
	a.jobs.Every("patrol.rearm", "核对排摸巡检计划", time.Minute, a.patrol.Rearm)
	a.todo.Name("patrol", "排摸巡检")
	a.notices.SetRechecks(patrolRechecks{a.patrol})
	a.transfer.Export(a.exportPatrolTasks())
	a.deadline.RegisterRecord(deadline.Record{
		Kind: patrolRecord, Label: "排摸巡检任务", Perm: access.PatrolView, Act: access.PatrolAssign,
		CanSee: func(ctx context.Context, id string) error { _, err := a.patrol.Task(ctx, id); return err },
		Moved: func(ctx context.Context, tx db.Tx, c deadline.Clock) error {
			if c.DueAt == nil {
				return nil
			}
			return a.patrol.SetDue(ctx, tx, c.RecordID, *c.DueAt)
		},
	})
	a.bus.Subscribe(deadline.TopicFired, "patrol", func(ctx context.Context, tx db.Tx, e events.Event) error {
		var x deadline.Fired
		if err := e.Decode(&x); err != nil || x.Record != patrolRecord || x.Kind != deadline.FiredDue {
			return err
		}
		return a.patrol.TaskOverdue(ctx, tx, x.RecordID)
	})
	a.bus.Subscribe(hub.TopicStatus, "patrol", func(ctx context.Context, tx db.Tx, e events.Event) error {
		var s hub.StatusEvent
		if err := e.Decode(&s); err != nil {
			return err
		}
		return a.patrol.TakeLoad(ctx, tx, s.Edge, s.Status.Load, len(s.Status.Cameras))
	})
	a.bus.Subscribe(patrol.TopicTask, "stream", func(_ context.Context, tx db.Tx, e events.Event) error {
		var ch patrol.TaskChanged
		if err := e.Decode(&ch); err != nil {
			return err
		}
		tx.AfterCommit(func() {
			a.stream.Send(stream.Message{Event: "patrol", RegionCode: ch.RegionCode, Perm: access.PatrolView, Data: ch})
		})
		return nil
	})
	return nil
}

// Patrol gives the surveys and inspections, for commands and tests.
func (a *App) Patrol() *patrol.Service { return a.patrol }

func (a *App) routePatrol() { a.patrol.Register(a.api) }

// TakeObservations implements hub.ObservationSink.
func (l lateSink) TakeObservations(ctx context.Context, tx db.Tx, edge string, list []edgev1.Observation) (map[int]error, error) {
	return l.a.patrol.TakeObservations(ctx, tx, edge, list)
}

// patrolRecord is the kind of record under which tasks have clocks.
const patrolRecord = "patrolTask"

// patrolPeople is the organisation tree as patrol sees it.
type patrolPeople struct{ access *access.Service }

func patrolOrg(o access.Org) patrol.Org {
	return patrol.Org{ID: o.ID, Name: o.Name, Kind: o.Kind, RegionCode: o.RegionCode}
}

// Org implements patrol.People.
func (p patrolPeople) Org(ctx context.Context, id string) (patrol.Org, bool, error) {
	for range 8 {
		o, err := p.access.Org(ctx, id)
		ok, err := found(err)
		if !ok || o.MergedInto == "" {
			return patrolOrg(o), ok && o.State == access.StateActive, err
		}
		id = o.MergedInto
	}
	return patrol.Org{}, false, nil
}

// SquadOf implements patrol.People.
func (p patrolPeople) SquadOf(ctx context.Context, regionCode string) (patrol.Org, bool, error) {
	o, err := p.access.SquadOf(ctx, regionCode)
	ok, err := found(err)
	return patrolOrg(o), ok && o.Kind == "squad", err
}

// patrolTodos puts a task before its unit, or before the district that has to
// find one.
type patrolTodos struct {
	todo   *todo.Service
	access *access.Service
}

// TaskChanged implements patrol.Todos.
func (t patrolTodos) TaskChanged(ctx context.Context, tx db.Tx, x patrol.Task) error {
	if x.Source == patrol.FromRecheck {
		return nil // its answer goes to the order
	}
	who := caller.From(ctx).ID
	if x.State == patrol.Cancelled {
		return t.todo.Cancel(ctx, tx, "patrol", x.ID, "", "任务已撤销")
	}
	if !x.State.Open() {
		return t.todo.Close(ctx, tx, "patrol", x.ID, "", who, x.State.Label())
	}
	group, ok, err := t.group(ctx, x)
	if err != nil || !ok {
		return err
	}
	from := x.FromAt.Time().In(clock.Shanghai()).Format("01-02 15:04")
	it := todo.Item{
		Source: "patrol", SourceID: x.ID, Key: "run", Kind: "patrol", Summary: x.No + "　" + x.OrgName + "　" + from, Path: "/patrol/tasks/" + x.ID, RegionCode: x.RegionCode,
		Group: &group, DueAt: x.DueAt, Steps: 3,
	}
	name := x.PlanName + " " + x.Kind.Label() + " — "
	switch x.State {
	case patrol.Pending:
		it.Title, it.Step, it.StepName, it.Priority = name+"分派责任单位", 1, "分派", 1
	case patrol.Running:
		it.Title, it.Step, it.StepName = name+"机器执行中", 2, "执行"
	case patrol.Supplement, patrol.Overdue:
		it.Title, it.Step, it.StepName, it.Priority = name+"补录没有看到的位置", 3, "补录", 1
		if x.State == patrol.Overdue {
			it.Priority = 2
		}
	case patrol.Done, patrol.Cancelled:
	}
	return t.todo.Put(ctx, tx, it)
}

// group is who has to do with a task: the leaders of its squad, or the
// dispatchers of a district or the operators of the bureau.
func (t patrolTodos) group(ctx context.Context, x patrol.Task) (todo.Group, bool, error) {
	o, err := t.access.Org(ctx, x.OrgID)
	if x.OrgID == "" {
		o, err = t.access.DistrictOf(ctx, x.RegionCode)
	}
	ok, err := found(err)
	role := map[string]string{"squad": "squad_leader", "district": "district_dispatcher", "bureau": "bureau_operator"}[o.Kind]
	if role == "" {
		role = "squad_leader"
	}
	return todo.Group{Role: role, OrgID: o.ID}, ok, err
}

// patrolClocks runs the deadline of a task: it counts from the end of the
// window, when what is left waits for people.
type patrolClocks struct{ deadline *deadline.Service }

const patrolClock = "补录完成"

// TaskClock implements patrol.Clocks.
func (c patrolClocks) TaskClock(ctx context.Context, tx db.Tx, t patrol.Task) (*clock.Stamp, error) {
	if t.Source == patrol.FromRecheck {
		return nil, nil
	}
	if !t.State.Open() {
		return t.DueAt, c.deadline.Stop(ctx, tx, patrolRecord, t.ID, patrolClock, t.State.Label())
	}
	k, err := c.deadline.Start(ctx, tx, deadline.StartClock{
		Record: patrolRecord, RecordID: t.ID, Name: patrolClock, Title: t.Kind.Label() + "任务 " + t.No + " " + t.PlanName, Path: "/patrol/tasks/" + t.ID,
		Rule: "patrol.task", RegionCode: t.RegionCode, At: t.UntilAt.Time(), Vars: map[string]any{"kind": string(t.Kind), "org": t.OrgID},
	})
	return k.DueAt, err
}

// patrolRechecks lets notices have a camera look again.
type patrolRechecks struct{ patrol *patrol.Service }

// AskRecheck implements notices.Rechecks.
func (p patrolRechecks) AskRecheck(ctx context.Context, tx db.Tx, r notices.Recheck) error {
	return p.patrol.AskRecheck(ctx, tx, patrol.RecheckInput{CameraID: r.CameraID, ZoneID: r.ZoneID, OrderID: r.OrderID, NotBefore: r.NotBefore})
}

func (a *App) exportPatrolTasks() transfer.Exporter {
	return transfer.Exporter{
		Kind: "patrolTasks", Title: "排摸巡检任务", Perm: access.PatrolView, Columns: patrol.TaskColumns(),
		Check: func(q map[string]string) error { _, err := patrol.TaskFilterOf(q); return err },
		Count: func(ctx context.Context, q map[string]string) (int64, error) {
			f, err := patrol.TaskFilterOf(q)
			if err != nil {
				return 0, err
			}
			return a.patrol.CountTasks(ctx, f)
		},
		Rows: func(ctx context.Context, q map[string]string, emit func(...any) error) error {
			f, err := patrol.TaskFilterOf(q)
			if err != nil {
				return err
			}
			return a.patrol.EachTask(ctx, f, emit)
		},
	}
}

// seesPatrolBlob tells whether the actor may see a picture of a task.
func (a *App) seesPatrolBlob(ctx context.Context, sm3 string) (bool, error) {
	ok, err := a.patrol.SeesBlob(ctx, sm3)
	if errs.Is(err, errs.ForbiddenCode) {
		return false, nil
	}
	return ok, err
}
