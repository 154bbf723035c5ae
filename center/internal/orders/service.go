package orders

import (
	"context"
	"fmt"
	"math"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
)

// Options are what the service needs. NewID, Todos and Cameras may be nil.
type Options struct {
	DB       *db.DB
	People   People
	Pictures Pictures
	Todos    Todos
	Clocks   Clocks
	// Cameras looks again; without it nobody can ask for that.
	Cameras Cameras
	NewID   ids.Source
	// Wake is called after a commit that published events; it may be nil.
	Wake func()
}

// Service has the use cases of work orders. It is safe for concurrent use.
type Service struct {
	db       *db.DB
	people   People
	pictures Pictures
	todos    Todos
	clocks   Clocks
	cameras  Cameras
	newID    ids.Source
	wake     func()
}

// New makes the service.
func New(o Options) *Service {
	if o.NewID == nil {
		o.NewID = ids.New
	}
	if o.Wake == nil {
		o.Wake = func() {}
	}
	if o.Todos == nil {
		o.Todos = noTodos{}
	}
	return &Service{db: o.DB, people: o.People, pictures: o.Pictures, todos: o.Todos, clocks: o.Clocks, cameras: o.Cameras, newID: o.NewID, wake: o.Wake}
}

// List gives one page of the orders that the actor may see.
func (s *Service) List(ctx context.Context, f Filter, p httpx.Paging) (httpx.List[Order], error) {
	who, err := s.viewer(ctx)
	if err != nil {
		return httpx.List[Order]{}, err
	}
	now := s.db.Now()
	f.Q = strings.TrimSpace(p.Q)
	items, total, err := list(ctx, s.db.Read(), who, f, p, now)
	if err != nil {
		return httpx.List[Order]{}, err
	}
	return httpx.NewList(items, total, p, now), nil
}

// Counts gives the numbers of the tabs under a filter.
func (s *Service) Counts(ctx context.Context, f Filter) (OrderCounts, error) {
	who, err := s.viewer(ctx)
	if err != nil {
		return OrderCounts{}, err
	}
	return counts(ctx, s.db.Read(), who, f, s.db.Now())
}

// change is what one act does to an order: the new order and its step.
type change struct {
	order  Order
	step   stepRow
	photos []photoRow
	// summary and reason go into the audit record.
	summary, reason string
}

// command carries what every act has in common.
type command struct {
	id  string
	rev int64
	act Act
	// key makes a repeated request answer like the first.
	key string
}

// applier works out what an act does to the order as it is stored.
type applier func(ctx context.Context, tx db.Tx, who viewer, o Order) (change, error)

// do runs one act: the only way in which a person changes an order. The
// checks run in the transaction, so that the guard sees what is stored.
func (s *Service) do(ctx context.Context, c command, apply applier) (Order, error) {
	who, err := s.viewer(ctx)
	if err != nil {
		return Order{}, err
	}
	var out Order
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		out, err = s.doIn(ctx, tx, who, c, apply)
		return err
	})
	if err != nil {
		return Order{}, fmt.Errorf("%s order %s: %w", c.act, c.id, err)
	}
	return out, nil
}

// doIn is do in a running transaction.
func (s *Service) doIn(ctx context.Context, tx db.Tx, who viewer, c command, apply applier) (Order, error) {
	o, err := get(ctx, tx, who, c.id)
	if err != nil {
		return Order{}, err
	}
	if repeated, err := done(ctx, tx, o.ID, c.key); err != nil || repeated {
		return o, err
	}
	if o.Rev != c.rev && c.rev != anyRev {
		return Order{}, changedByOther(ctx, tx, o)
	}
	p := who.person(o)
	if err := Guard(o, c.act, p); err != nil {
		return Order{}, err
	}
	ch, err := apply(ctx, tx, who, o)
	if err != nil {
		return Order{}, err
	}
	if f, ok := Behalf(o, c.act, p); ok {
		ch.step.OnBehalf = f.Name
		ch.summary += "（代" + f.Name + "）"
	}
	return s.save(ctx, tx, who, o, ch, c.key)
}

// anyRev asks for an act whatever changed since somebody looked: the guard
// alone decides.
const anyRev = -1

// save writes a change: the row under its version, the step, the pictures,
// the audit record and the event.
func (s *Service) save(ctx context.Context, tx db.Tx, who viewer, before Order, ch change, key string) (Order, error) {
	after, err := update(ctx, tx, ch.order)
	if err != nil {
		return Order{}, err
	}
	st := ch.step
	st.ID, st.OrderID, st.MadeAt = s.newID(), after.ID, clock.At(tx.Now())
	st.ActorID, st.ActorName, st.ActorOrg = who.ID, who.Name, who.OrgName
	if key != "" {
		st.IdemKey = &key
	}
	shown := make([]string, 0, len(ch.photos))
	for i := range ch.photos {
		shown = append(shown, ch.photos[i].SM3)
	}
	if err := addStep(ctx, tx, &st, shown); err != nil {
		return Order{}, err
	}
	if err := addPhotos(ctx, tx, after.ID, ch.photos); err != nil {
		return Order{}, err
	}
	err = audit.Record(ctx, tx, audit.Entry{
		Act: "order." + string(st.Act), Object: "order", ObjectID: after.ID, RegionCode: after.RegionCode,
		Summary: ch.summary, Before: trace(before), After: trace(after), Reason: ch.reason,
	})
	if err != nil {
		return Order{}, err
	}
	return after, s.publish(ctx, tx, after, false)
}

// publish tells the others of the change, and of the closing if it is one.
func (s *Service) publish(ctx context.Context, tx db.Tx, o Order, void bool) error {
	if err := s.clocks.OrderClock(ctx, tx, o, void); err != nil {
		return err
	}
	if err := s.todos.OrderChanged(ctx, tx, o, void); err != nil {
		return err
	}
	if err := s.changed(ctx, tx, o, void); err != nil || o.State != Closed || void {
		return err
	}
	list, err := alertIDs(ctx, tx, o.ID)
	if err != nil {
		return err
	}
	return events.Publish(ctx, tx, TopicClosed, ClosedEvent{
		ID: o.ID, No: o.No, Kind: o.Kind, ShopID: o.ShopID, CameraID: o.CameraID, RegionCode: o.RegionCode, SquadOrgID: o.SquadOrgID,
		OfficerID: o.OfficerID, Result: o.Result, Note: o.ResultNote, AlertIDs: list, CreatedAt: o.CreatedAt, DueAt: o.DueAt,
		HandledAt: o.HandledAt, At: *o.ClosedAt,
	})
}

// changed tells those outside that an order is not as it was.
func (s *Service) changed(ctx context.Context, tx db.Tx, o Order, void bool) error {
	tx.AfterCommit(s.wake)
	return events.Publish(ctx, tx, TopicChanged, Changed{
		ID: o.ID, No: o.No, Kind: o.Kind, State: o.State, ShopID: o.ShopID, RegionCode: o.RegionCode, SquadOrgID: o.SquadOrgID,
		OfficerID: o.OfficerID, Void: void, At: clock.At(tx.Now()),
	})
}

// trace is the part of an order that the audit record keeps.
func trace(o Order) map[string]any {
	return map[string]any{
		"no": o.No, "state": o.State, "squad": o.SquadName, "officer": o.OfficerName, "result": o.Result,
		"alertCount": o.AlertCount, "dueAt": o.DueAt, "rev": o.Rev,
	}
}

// note checks a text that a person wrote: trimmed, at most 500 characters.
func note(f *errs.Fields, name, text string, needed bool, what string) string {
	text = strings.TrimSpace(text)
	f.Check(!needed || text != "", name, "请填写%s", what)
	f.Check(len([]rune(text)) <= 500, name, "%s不能超过 500 个字", what)
	return text
}

// system is who acts when no person does.
func system() viewer { return viewer{Actor: access.Actor{ID: "system", Name: "系统"}} }

// distanceM is the great-circle distance in metres.
func distanceM(lng1, lat1, lng2, lat2 float64) float64 {
	const earth = 6371008.8
	rad := math.Pi / 180
	dLat, dLng := (lat2-lat1)*rad, (lng2-lng1)*rad
	h := math.Pow(math.Sin(dLat/2), 2) + math.Cos(lat1*rad)*math.Cos(lat2*rad)*math.Pow(math.Sin(dLng/2), 2)
	return 2 * earth * math.Asin(math.Sqrt(math.Min(1, h)))
}
