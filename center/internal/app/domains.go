package app

import (
	"context"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/alerts"
	"jiexun/center/internal/directory"
	"jiexun/center/internal/onemap"
	"jiexun/center/internal/orders"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/stream"
	"jiexun/center/internal/shops"
	"jiexun/center/seed/demo"
)

// domains are the services of the business.
type domains struct {
	directory *directory.Service
	shops     *shops.Service
	alerts    *alerts.Service
	orders    *orders.Service
	onemap    *onemap.Service
}

// wireDomains makes the domains, what they ask of each other, and their jobs.
func (a *App) wireDomains(ctx context.Context) error {
	a.directory = wireDirectory(a.db, a.keys, a.regions, a.blobs, a.hub, a.hub, a.bus, a.log)
	a.wireShops()
	a.wireOrders()
	a.alerts = wireAlerts(a.db, a.directory, a.shops, a.orders, a.blobs, a.bus, a.log)
	if err := a.wireOneMap(ctx); err != nil {
		return err
	}
	a.jobs.Every("alerts.looks", "归并相似预警图片", 5*time.Second, func(ctx context.Context) error {
		_, err := a.alerts.CompareLooks(ctx)
		return err
	})
	a.keepDirectory()
	a.jobs.Every("directory.age", "核对点位状态", 10*time.Second, a.directory.Age)
	return nil
}

// routeDomains adds the routes of the domains.
func (a *App) routeDomains() {
	a.directory.Register(a.api)
	a.shops.Register(a.api)
	a.alerts.Register(a.api)
	a.orders.Register(a.api)
	a.onemap.Register(a.fiber, a.api)
}

// startDomains sends every box its desired state: the broker starts empty.
func (a *App) startDomains(ctx context.Context) error { return a.directory.PublishAll(ctx) }

func (a *App) takeEvents(ctx context.Context, tx db.Tx, edge string, list []edgev1.Received) (map[int]error, error) {
	return a.alerts.TakeEvents(ctx, tx, edge, list)
}

func (a *App) desiredVersions(ctx context.Context, boxes []string) (map[string]int64, error) {
	return a.directory.DesiredVersions(ctx, boxes)
}

// seesBlob asks every domain whether the actor may see a file.
func (a *App) seesBlob(ctx context.Context, sm3 string) (bool, error) {
	for _, sees := range []func(context.Context, string) (bool, error){a.alerts.SeesBlob, a.seesPatrolBlob, a.orders.SeesBlob, a.directory.SeesBlob, a.shops.SeesBlob, a.notices.SeesBlob, a.workflow.SeesBlob, a.live.SeesBlob} {
		if ok, err := sees(ctx, sm3); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// counts are the figures of the stream for the context's actor; what the
// actor may not view stays zero.
func (a *App) counts(ctx context.Context) (Counts, error) {
	var out Counts
	who, err := access.From(ctx)
	if err != nil {
		return out, err
	}
	if who.Has(access.AlertView) {
		c, err := a.alerts.Counts(ctx)
		if err != nil {
			return out, err
		}
		out.AlertsPending = c.Pending
	}
	if who.Has(access.OrderView) {
		c, err := a.orders.Counts(ctx, orders.Filter{Tab: orders.TabMine})
		if err != nil {
			return out, err
		}
		out.OrdersTodo, out.Overdue = c.Todo, c.Overdue
	}
	w, err := a.todo.Summary(ctx)
	out.Todo, out.TodoOverdue, out.TodoGroup, out.TodoCC = w.Todo, w.Overdue+w.GroupOver, w.Group, w.CCUnread
	return out, err
}

// streamDomains turns outbox events of the domains into notices, once the
// transaction that took them is committed.
func (a *App) streamDomains() error {
	a.bus.Subscribe(alerts.TopicChanged, "stream", func(_ context.Context, tx db.Tx, e events.Event) error {
		var ch alerts.Changed
		if err := e.Decode(&ch); err != nil {
			return err
		}
		tx.AfterCommit(func() {
			for _, x := range ch.Items {
				a.stream.Send(stream.Message{Event: "alert", RegionCode: x.RegionCode, Perm: access.AlertView, Data: x})
			}
		})
		return nil
	})
	a.bus.Subscribe(orders.TopicChanged, "stream", func(_ context.Context, tx db.Tx, e events.Event) error {
		var ch orders.Changed
		if err := e.Decode(&ch); err != nil {
			return err
		}
		tx.AfterCommit(func() {
			a.stream.Send(stream.Message{Event: "order", RegionCode: ch.RegionCode, Perm: access.OrderView, Data: ch})
		})
		return nil
	})
	a.bus.Subscribe(directory.TopicState, "stream", func(_ context.Context, tx db.Tx, e events.Event) error {
		var ch directory.StateChanged
		if err := e.Decode(&ch); err != nil {
			return err
		}
		tx.AfterCommit(func() {
			for _, x := range ch.Items {
				a.stream.Send(stream.Message{Event: "camera", RegionCode: x.RegionCode, Perm: access.CameraView, Data: x})
			}
		})
		return nil
	})
	return nil
}

// Demo gives the services that the demonstration seed speaks to.
func (a *App) Demo() demo.Deps {
	return demo.Deps{Access: a.access, Fleet: a.fleet, Directory: a.directory, Shops: a.shops, Patrol: a.patrol, Clock: a.clock}
}
