package app

import (
	"context"

	"jiexun/center/internal/access"
	"jiexun/center/internal/deadline"
	"jiexun/center/internal/orders"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/todo"
)

// people answers the orders' questions about the organisation tree.
type people struct{ access *access.Service }

// found turns "not found" into false.
func found(err error) (bool, error) {
	if errs.Is(err, errs.NotFoundCode) {
		return false, nil
	}
	return err == nil, err
}

func orgOf(o access.Org) orders.Org {
	return orders.Org{ID: o.ID, Name: o.Name, Kind: o.Kind, RegionCode: o.RegionCode}
}

func (p people) SquadOf(ctx context.Context, regionCode string) (orders.Org, bool, error) {
	o, err := p.access.SquadOf(ctx, regionCode)
	ok, err := found(err)
	return orgOf(o), ok && o.Kind == "squad", err
}

func (p people) DistrictOf(ctx context.Context, regionCode string) (orders.Org, bool, error) {
	o, err := p.access.DistrictOf(ctx, regionCode)
	ok, err := found(err)
	return orgOf(o), ok, err
}

// Org gives an organisation that works; one that was merged stands for where
// it went, so that a camera bound to it sends its orders there.
func (p people) Org(ctx context.Context, id string) (orders.Org, bool, error) {
	for range 8 {
		o, err := p.access.Org(ctx, id)
		ok, err := found(err)
		if !ok || o.MergedInto == "" {
			return orgOf(o), ok && o.State == access.StateActive, err
		}
		id = o.MergedInto
	}
	return orders.Org{}, false, nil
}

func (p people) Officer(ctx context.Context, id string) (orders.Officer, bool, error) {
	x, err := p.access.Person(ctx, id)
	ok, err := found(err)
	return orders.Officer{ID: x.ID, Name: x.Name, OrgID: x.OrgID, Handles: x.Holds(access.OrderHandle)}, ok && x.Active, err
}

func wireOrders(d *db.DB, a *access.Service, store *blob.Store, bus *events.Bus, t *todo.Service, dl *deadline.Service) *orders.Service {
	return orders.New(orders.Options{DB: d, People: people{a}, Pictures: pictures{store}, Todos: orderTodos{t, people{a}}, Clocks: orderClocks{dl}, Wake: bus.Wake})
}
