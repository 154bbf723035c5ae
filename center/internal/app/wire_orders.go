package app

import (
	"context"
	"io"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/deadline"
	"jiexun/center/internal/notices"
	"jiexun/center/internal/orders"
	"jiexun/center/internal/patrol"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/region"
)

// people answers the orders' questions about the organisation tree.
type people struct {
	access  *access.Service
	regions *region.Tree
}

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

// Officers lists the people of a squad who can handle orders now.
func (p people) Officers(ctx context.Context, squad string) ([]orders.Officer, error) {
	list, _, err := p.access.Persons(ctx, access.PersonFilter{OrgID: squad, State: access.StateActive, Order: "name", Limit: 200})
	if err != nil {
		return nil, err
	}
	out := []orders.Officer{}
	for _, x := range list {
		if x.Holds(access.OrderHandle) {
			out = append(out, orders.Officer{ID: x.ID, Name: x.Name, OrgID: x.OrgID, Handles: true})
		}
	}
	return out, nil
}

// StreetIn finds the street of a district that an address names; the longest
// name counts, so that one that holds another is not mistaken for it.
func (p people) StreetIn(district, address string) (orders.Street, bool) {
	best := orders.Street{}
	for _, r := range p.regions.All() {
		if r.Level == "street" && r.Parent == district && len(r.Name) > len(best.Name) && strings.Contains(address, r.Name) {
			best = orders.Street{Code: r.Code, Name: r.Name}
		}
	}
	return best, best.Code != ""
}

// orderPictures is the file store as orders see it.
type orderPictures struct{ pictures }

func (p orderPictures) Open(ctx context.Context, sm3 string) (io.ReadCloser, error) {
	f, _, err := p.store.Open(ctx, sm3)
	return f, err
}

// orderCameras lets the inspection look again; it is made after the orders.
type orderCameras struct{ a *App }

func (c orderCameras) AskRecheck(ctx context.Context, tx db.Tx, o orders.Order, notBefore time.Time) error {
	return c.a.patrol.AskRecheck(ctx, tx, patrol.RecheckInput{CameraID: o.CameraID, ZoneID: o.ZoneID, OrderID: o.ID, NotBefore: notBefore})
}

// wireOrders makes the work orders and lets them hear of what their clocks
// fire.
func (a *App) wireOrders() {
	who := people{a.access, a.regions}
	a.orders = orders.New(orders.Options{
		DB: a.db, People: who, Pictures: orderPictures{pictures{a.blobs}}, Todos: orderTodos{a.todo, who}, Clocks: orderClocks{a.deadline},
		Cameras: orderCameras{a}, Wake: a.bus.Wake,
	})
	a.todoOrders()
	a.bus.Subscribe(access.TopicMerged, "orders", a.orders.TakeMerged)
	a.bus.Subscribe(deadline.TopicFired, "orders", a.orders.TakeFired)
	a.bus.Subscribe(patrol.TopicRechecked, "orders", a.orders.TakeRechecked)
	a.bus.Subscribe(notices.TopicChanged, "orders", a.orders.TakeNotice)
}
