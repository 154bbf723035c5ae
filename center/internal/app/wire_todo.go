package app

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/orders"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/stream"
	"jiexun/center/internal/todo"
)

// todoParts are what waits for people.
type todoParts struct {
	todo *todo.Service
}

func (a *App) wireTodo(context.Context) error {
	a.todo = todo.New(todo.Options{DB: a.db, People: todoPeople{a.access, a.db.Now}, Wake: a.bus.Wake, Log: a.log})
	for source, label := range map[string]string{"order": "非现工单", "task": "流程任务", "approval": "审批", "security": "安全预警"} {
		a.todo.Name(source, label)
	}
	a.bus.Subscribe(access.TopicLeft, "todo", a.todo.TakeLeft)
	a.bus.Subscribe(access.TopicTransferred, "todo", a.todo.TakeLeft)
	a.bus.Subscribe(access.TopicMerged, "todo", a.todo.TakeMerged)
	a.bus.Subscribe(todo.TopicChanged, "stream", func(_ context.Context, tx db.Tx, e events.Event) error {
		var ch todo.Changed
		if err := e.Decode(&ch); err != nil {
			return err
		}
		tx.AfterCommit(func() {
			a.stream.Send(stream.Message{Event: "todo", Holders: append([]string{}, ch.Holders...), Data: todoNotice{ch.ID, ch.Source, ch.SourceID, ch.Change}})
		})
		return nil
	})
	// Who holds other roles now is in other groups: the browser joins anew.
	a.bus.Subscribe(access.TopicGrant, "stream", func(_ context.Context, tx db.Tx, e events.Event) error {
		var ch access.GrantChanged
		if err := e.Decode(&ch); err != nil {
			return err
		}
		tx.AfterCommit(func() { a.stream.Kick(ch.PersonID) })
		return nil
	})
	return nil
}

// todoNotice is what a browser learns of a change; the page reads the rest.
type todoNotice struct {
	ID       string `json:"id"`
	Source   string `json:"source"`
	SourceID string `json:"sourceId"`
	Change   string `json:"change"`
}

func (a *App) routeTodo() { a.todo.Register(a.api) }

// todoHolders gives in whose name a browser gets notices; a group that cannot
// be read costs the notices of the group and not the connection.
func (a *App) todoHolders(ctx context.Context) []string {
	list, err := a.todo.Holders(ctx)
	if err != nil {
		a.log.Warn("groups of a browser are not known", "err", err)
		return []string{caller.From(ctx).ID}
	}
	return list
}

// todoOrders lets orders say what waits for whom. It is called once both
// services exist.
func (a *App) todoOrders() {
	a.todo.OnClaim("order", nil)
	a.todo.RegisterActs("order", map[string]todo.ActFunc{
		"accept": func(ctx context.Context, tx db.Tx, v todo.View, _ json.RawMessage) error {
			return a.orders.AcceptIn(ctx, tx, v.SourceID)
		},
	})
	a.todo.OnHandOver("order", func(ctx context.Context, tx db.Tx, v todo.View, from, to string) (bool, error) {
		if v.Key != "handle" {
			return false, nil
		}
		return true, a.orders.LeaveIn(ctx, tx, v.SourceID, from, to)
	})
}

// todoPeople answers the to-do centre's questions about the organisation.
type todoPeople struct {
	access *access.Service
	now    func() time.Time
}

func todoPerson(p access.Person) todo.Person {
	return todo.Person{ID: p.ID, Name: p.Name, OrgID: p.OrgID}
}

// Person implements todo.People.
func (p todoPeople) Person(ctx context.Context, id string) (todo.Person, bool, error) {
	x, err := p.access.Person(ctx, id)
	ok, err := found(err)
	return todoPerson(x), ok, err
}

// OrgName implements todo.People.
func (p todoPeople) OrgName(ctx context.Context, id string) (string, error) {
	o, err := p.access.Org(ctx, id)
	_, err = found(err)
	return o.Name, err
}

// GroupsOf implements todo.People.
func (p todoPeople) GroupsOf(ctx context.Context, id string) ([]todo.Group, error) {
	list, err := p.access.GroupsOf(ctx, id)
	out := make([]todo.Group, 0, len(list))
	for _, g := range list {
		out = append(out, todo.Group{Role: g.Role, OrgID: g.OrgID})
	}
	return out, err
}

// Members implements todo.People.
func (p todoPeople) Members(ctx context.Context, g todo.Group) ([]todo.Person, error) {
	list, err := p.access.PersonsInRole(ctx, g.Role, g.OrgID)
	out := make([]todo.Person, 0, len(list))
	for _, x := range list {
		out = append(out, todoPerson(x))
	}
	return out, err
}

// ActingFor implements todo.People.
func (p todoPeople) ActingFor(ctx context.Context, id string) ([]todo.Person, error) {
	list, err := p.access.ActingFor(ctx, id, p.now())
	out := make([]todo.Person, 0, len(list))
	for _, x := range list {
		out = append(out, todoPerson(x))
	}
	return out, err
}

// HeirOf implements todo.People: the leaders of a squad take the work of its
// people, the dispatchers of a district that of the bureau's.
func (p todoPeople) HeirOf(ctx context.Context, id string) (todo.Group, error) {
	x, err := p.access.Person(ctx, id)
	if err != nil {
		return todo.Group{}, err
	}
	o, err := p.access.Org(ctx, x.OrgID)
	if err != nil {
		return todo.Group{}, err
	}
	role := "sys_admin"
	switch o.Kind {
	case "squad":
		role = "squad_leader"
	case "district":
		role = "district_dispatcher"
	}
	return todo.Group{Role: role, OrgID: o.ID}, nil
}

// orderTodos turns the state of an order into what waits for whom.
type orderTodos struct {
	todo   *todo.Service
	people people
}

// orderStages are the steps of an order as the progress shows them.
var orderStages = map[string]int{"dispatch": 1, "assign": 2, "accept": 3, "handle": 4, "review": 5}

// OrderChanged implements orders.Todos.
func (t orderTodos) OrderChanged(ctx context.Context, tx db.Tx, o orders.Order, void bool) error {
	if void {
		return t.todo.Cancel(ctx, tx, "order", o.ID, "", "工单作废")
	}
	who := caller.From(ctx).ID
	item, ok, err := t.waits(ctx, o)
	if err != nil {
		return err
	}
	if !o.State.Open() && o.State != orders.Handled {
		if err := t.todo.Close(ctx, tx, "order", o.ID, "settle", who, o.State.Label()); err != nil {
			return err
		}
	}
	for _, key := range []string{"dispatch", "assign", "handle", "review"} {
		if !ok || key != item.Key {
			if err := t.todo.Close(ctx, tx, "order", o.ID, key, who, o.State.Label()); err != nil {
				return err
			}
		}
	}
	if !ok {
		return nil
	}
	if who != "system" && who != item.Assignee {
		item.Starter = who
	}
	return t.todo.Put(ctx, tx, item)
}

// waits gives what an order waits for; false when for nothing.
func (t orderTodos) waits(ctx context.Context, o orders.Order) (todo.Item, bool, error) {
	name := o.ShopName
	if name == "" {
		name = o.Address
	}
	it := todo.Item{
		Source: "order", SourceID: o.ID, Kind: "order", Summary: o.No + "　" + o.StreetName + "　" + o.Address, Path: "/orders/" + o.ID,
		PhonePath: "/order/" + o.ID, RegionCode: o.RegionCode, DueAt: &o.DueAt, Steps: len(orderStages),
	}
	near := o.NearAt()
	it.NearAt = &near
	it.Priority = int(min(o.Urged, 2))
	verb, stage := "", ""
	switch {
	case o.State == orders.Returned, o.State == orders.Dispatched && o.SquadOrgID == "":
		org, ok, err := t.people.DistrictOf(ctx, o.RegionCode)
		if err != nil || !ok {
			return it, false, err
		}
		it.Key, stage, verb, it.StepName = "dispatch", "dispatch", "派发到中队", "区局派发"
		it.Group = &todo.Group{Role: "district_dispatcher", OrgID: org.ID}
	case o.State == orders.Dispatched && o.OfficerID == "":
		it.Key, stage, verb, it.StepName = "assign", "assign", "派员", "中队派员"
		it.Group = &todo.Group{Role: "squad_leader", OrgID: o.SquadOrgID}
	case o.State == orders.Dispatched:
		it.Key, stage, verb, it.StepName, it.Assignee = "handle", "accept", "签收", "队员签收", o.OfficerID
	case o.State == orders.Accepted, o.State == orders.OnSite:
		it.Key, stage, verb, it.StepName, it.Assignee = "handle", "handle", "现场处置", "现场处置", o.OfficerID
	case o.State == orders.Handled:
		it.Key, stage, verb, it.StepName = "review", "review", "复核处置结果", "复核"
		it.Group = &todo.Group{Role: "squad_leader", OrgID: o.SquadOrgID}
		it.DueAt, it.NearAt, it.DueNote = nil, nil, "已按期反馈，等待复核"
		if o.HandledAt != nil && *o.HandledAt > o.DueAt {
			it.DueNote = "超期反馈，等待复核"
		}
	default:
		return it, false, nil
	}
	it.Step = orderStages[stage]
	it.Title = name + " " + kindName(o.Kind) + " — " + verb
	if o.Urged > 0 {
		it.Title += "（已催办）"
	}
	return it, true, nil
}

// OrderProposed implements orders.Todos: whoever may close the order sees the
// proposal.
func (t orderTodos) OrderProposed(ctx context.Context, tx db.Tx, o orders.Order, text string, open bool) error {
	if !open {
		return t.todo.Close(ctx, tx, "order", o.ID, "settle", caller.From(ctx).ID, "已处理")
	}
	it := t.notice(o, "settle", "复查结果待采纳", text)
	if o.SquadOrgID == "" || o.State == orders.Returned {
		org, ok, err := t.people.DistrictOf(ctx, o.RegionCode)
		if err != nil || !ok {
			return err
		}
		it.Group = &todo.Group{Role: "district_dispatcher", OrgID: org.ID}
	}
	return t.todo.Put(ctx, tx, it)
}

// OrderNoted implements orders.Todos: whoever has the order sees what was
// noted, until the order's own to-do is done.
func (t orderTodos) OrderNoted(ctx context.Context, tx db.Tx, o orders.Order, text string) error {
	it, ok, err := t.waits(ctx, o)
	if err != nil || !ok {
		return err
	}
	it.Summary = text + "　" + it.Summary
	it.Priority = max(it.Priority, 1)
	return t.todo.Put(ctx, tx, it)
}

// notice is a to-do beside the order's own, for the leaders of its squad.
func (t orderTodos) notice(o orders.Order, key, what, text string) todo.Item {
	name := o.ShopName
	if name == "" {
		name = o.Address
	}
	return todo.Item{
		Source: "order", SourceID: o.ID, Key: key, Kind: "order", Title: name + " " + kindName(o.Kind) + " — " + what, Summary: o.No + "　" + text,
		Path: "/orders/" + o.ID, PhonePath: "/order/" + o.ID, RegionCode: o.RegionCode, Group: &todo.Group{Role: "squad_leader", OrgID: o.SquadOrgID},
	}
}

// kindName is the word for a kind of event.
func kindName(kind string) string {
	names := []string{"stacking", "占道堆物", "frontage", "跨门经营", "sign", "店招变更", "picture", "画面异常"}
	if i := slices.Index(names, kind); i >= 0 {
		return names[i+1]
	}
	return kind
}
