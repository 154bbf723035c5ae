package app

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/access/signin"
	"jiexun/center/internal/alerts"
	"jiexun/center/internal/integration/feed"
	"jiexun/center/internal/integration/open"
	entries "jiexun/center/internal/integration/registry"
	"jiexun/center/internal/integration/staff"
	"jiexun/center/internal/integration/webhook"
	"jiexun/center/internal/orders"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/stream"
	"jiexun/center/internal/todo"
)

// envAllow names the networks of the house that webhooks, synchronisation
// and data sources may call, joined by commas.
const envAllow = "JIEXUN_ALLOW_NETWORKS"

// integrationParts are registrations, open interfaces and what is fetched
// from outside.
type integrationParts struct {
	entries  *entries.Service
	opens    *open.Service
	webhooks *webhook.Service
	staff    *staff.Service
	feeds    *feed.Service
}

// wireIntegration comes after the domains, which the interfaces read.
func (a *App) wireIntegration(context.Context) (err error) {
	allow := strings.Split(os.Getenv(envAllow), ",")
	a.entries = entries.New(entries.Options{DB: a.db, Keys: a.keys, Orgs: orgNames{a.access}, Wake: a.bus.Wake})
	a.opens = open.New(open.Options{
		DB: a.db, Log: a.log, Keys: a.keys, People: a.access, Codes: openCodes{a.entries}, Business: openBusiness{a.alerts, a.orders},
		Todos: openTodos{a.todo}, Tokens: openTokens{a.signin}, Wake: a.bus.Wake,
	})
	if a.webhooks, err = webhook.New(webhook.Options{DB: a.db, Log: a.log, Keys: a.keys, Allow: allow, Wake: a.bus.Wake}); err != nil {
		return err
	}
	client, err := webhook.Client(allow)
	if err != nil {
		return err
	}
	client.Timeout = time.Minute
	a.wireFeeds(client)
	a.todo.Name(todoSource, "外部应用")
	a.todo.Name(hookSource, "事件订阅")
	hooks := hookTodos{a.todo, a.access, a.webhooks}
	a.bus.Subscribe(webhook.TopicDisabled, "todo", hooks.disabled)
	a.bus.Subscribe(webhook.TopicEnabled, "todo", hooks.enabled)
	a.keys.Guard(crypto.Column{Purpose: "app.key", Table: "integration_keys", ID: "id", Column: "sealed"})
	a.keys.Guard(crypto.Column{Purpose: "app.key", Table: "integration_hooks", ID: "id", Column: "sealed"})
	a.jobs.Every("integration.hooks", "投递事件订阅", 2*time.Second, func(ctx context.Context) error {
		_, err := a.webhooks.Send(ctx)
		return err
	})
	a.jobs.Every("integration.prune", "清理接口随机串与投递记录", 10*time.Minute, func(ctx context.Context) error {
		if err := a.opens.Prune(ctx); err != nil {
			return err
		}
		return a.webhooks.Prune(ctx)
	})
	a.hookEvents()
	a.bus.Subscribe(entries.TopicSwitched, "stream", func(_ context.Context, tx db.Tx, e events.Event) error {
		var s entries.Switched
		if err := e.Decode(&s); err != nil {
			return err
		}
		tx.AfterCommit(func() { a.stream.Send(stream.Message{Event: "functions", Data: s}) })
		return nil
	})
	return nil
}

func (a *App) routeIntegration() {
	a.entries.Register(a.api)
	a.opens.Register(a.api)
	a.opens.RegisterOpen(a.api)
	a.webhooks.Register(a.api)
	a.staff.Register(a.api)
	a.feeds.Register(a.api)
}

// seedIntegration registers the center's own functions, once every route is
// known.
func (a *App) seedIntegration(ctx context.Context) error {
	kinds := map[string]string{open.KindSelf: open.KindName(open.KindSelf)}
	for _, k := range open.Kinds() {
		kinds[k.Code] = k.Name
	}
	return a.entries.Seed(caller.System(ctx, "系统登记"), entries.Ops(a.api), kinds)
}

// gate refuses what is switched off: httpx.Options.Gate.
func (a *App) gate(ctx context.Context, c httpx.Called) error { return a.entries.Gate(ctx, c) }

// hookEvents turns events of the domains into those that are subscribed to.
func (a *App) hookEvents() {
	a.bus.Subscribe(orders.TopicClosed, "webhooks", func(ctx context.Context, tx db.Tx, e events.Event) error {
		var o orders.ClosedEvent
		if err := e.Decode(&o); err != nil {
			return err
		}
		return a.webhooks.Take(ctx, tx, e.ID, "order.closed", o.RegionCode, e.At, o)
	})
	a.bus.Subscribe(orders.TopicOverdue, "webhooks", func(ctx context.Context, tx db.Tx, e events.Event) error {
		var o orders.Overdue
		if err := e.Decode(&o); err != nil {
			return err
		}
		return a.webhooks.Take(ctx, tx, e.ID, "order.overdue", o.RegionCode, e.At, o)
	})
	a.bus.Subscribe(alerts.TopicChanged, "webhooks", func(ctx context.Context, tx db.Tx, e events.Event) error {
		var ch alerts.Changed
		if err := e.Decode(&ch); err != nil {
			return err
		}
		for _, x := range ch.Items {
			if x.State != alerts.Confirmed {
				continue
			}
			if err := a.webhooks.Take(ctx, tx, e.ID+"-"+x.ID, "alert.confirmed", x.RegionCode, e.At, x); err != nil {
				return err
			}
		}
		return nil
	})
	a.bus.Subscribe(todo.TopicChanged, "webhooks", func(ctx context.Context, tx db.Tx, e events.Event) error {
		var ch todo.Changed
		if err := e.Decode(&ch); err != nil {
			return err
		}
		topic := map[string]string{todo.Created: "todo.created", todo.Closed: "todo.closed"}[ch.Change]
		if topic == "" || len(ch.Persons) == 0 {
			return nil
		}
		p, err := a.access.Person(ctx, ch.Persons[0])
		if ok, err := found(err); !ok {
			return err
		}
		o, err := a.access.Org(ctx, p.OrgID)
		if ok, err := found(err); !ok {
			return err
		}
		fact := map[string]any{"id": ch.ID, "source": ch.Source, "sourceId": ch.SourceID, "kind": ch.Kind, "persons": ch.Persons}
		return a.webhooks.Take(ctx, tx, e.ID, topic, o.RegionCode, e.At, fact)
	})
}

// orgNames is access as the registry sees it.
type orgNames struct{ access *access.Service }

// OrgName implements registry.Orgs.
func (o orgNames) OrgName(ctx context.Context, id string) (string, bool, error) {
	x, err := o.access.Org(ctx, id)
	ok, err := found(err)
	return x.Name, ok, err
}

// openCodes is the registry as the open interfaces see it.
type openCodes struct{ entries *entries.Service }

// Holds implements open.Codes.
func (c openCodes) Holds(ctx context.Context, who access.Actor, code, regionCode string) (bool, string, []string, error) {
	a, err := c.entries.Holds(ctx, who, code, regionCode)
	return a.Allowed, a.Reason, a.Prefixes, err
}

// IsOff implements open.Codes.
func (c openCodes) IsOff(ctx context.Context, code string) (bool, error) {
	return c.entries.IsOff(ctx, code)
}

// Applications implements open.Codes.
func (c openCodes) Applications(ctx context.Context) ([]open.AppFact, error) {
	list, err := c.entries.InForce(ctx, entries.App, "")
	out := make([]open.AppFact, 0, len(list))
	for _, e := range list {
		out = append(out, open.AppFact{Code: e.Code, Name: e.Name, Internal: e.Internal, Version: e.Version, Route: e.Route, Enabled: e.Enabled})
	}
	return out, err
}

// Functions implements open.Codes.
func (c openCodes) Functions(ctx context.Context, app string) ([]open.FunctionFact, error) {
	list, err := c.entries.InForce(ctx, entries.Function, app)
	out := make([]open.FunctionFact, 0, len(list))
	for _, e := range list {
		out = append(out, open.FunctionFact{AppCode: e.AppName, Code: e.Code, Name: e.Name, Version: e.Version, Menu: e.Menu, Route: e.Route, Enabled: e.Enabled})
	}
	return out, err
}

// openBusiness is alerts and orders as the open interfaces see them.
type openBusiness struct {
	alerts *alerts.Service
	orders *orders.Service
}

// Alerts implements open.Business.
func (b openBusiness) Alerts(ctx context.Context, q open.Query) (httpx.List[open.AlertFact], error) {
	res, err := b.alerts.List(ctx, alerts.Filter{State: alerts.State(q.State), Kind: q.Kind, From: q.From, To: q.To}, q.Paging)
	out := httpx.List[open.AlertFact]{Items: []open.AlertFact{}, Total: res.Total, Page: res.Page, Size: res.Size, AsOf: res.AsOf}
	for _, a := range res.Items {
		out.Items = append(out.Items, open.AlertFact{
			ID: a.ID, No: a.No, Kind: a.Kind, State: string(a.State), CameraName: a.CameraName, Address: a.Address, RegionCode: a.RegionCode,
			Lng: a.Lng, Lat: a.Lat, ShopName: a.ShopName, EvidenceUse: a.EvidenceUse, OrderNo: a.OrderNo, ReceivedAt: a.ReceivedAt, DecidedAt: a.DecidedAt,
		})
	}
	return out, err
}

func orderFact(o orders.Order) open.OrderFact {
	return open.OrderFact{
		ID: o.ID, No: o.No, Kind: o.Kind, State: string(o.State), Address: o.Address, RegionCode: o.RegionCode, Lng: o.Lng, Lat: o.Lat,
		ShopName: o.ShopName, SquadName: o.SquadName, Result: string(o.Result), CreatedAt: o.CreatedAt, DueAt: o.DueAt, ClosedAt: o.ClosedAt,
	}
}

// Orders implements open.Business.
func (b openBusiness) Orders(ctx context.Context, q open.Query) (httpx.List[open.OrderFact], error) {
	res, err := b.orders.List(ctx, orders.Filter{Tab: orders.TabAll, State: orders.State(q.State), Kind: q.Kind, From: q.From, To: q.To}, q.Paging)
	out := httpx.List[open.OrderFact]{Items: []open.OrderFact{}, Total: res.Total, Page: res.Page, Size: res.Size, AsOf: res.AsOf}
	for _, o := range res.Items {
		out.Items = append(out.Items, orderFact(o))
	}
	return out, err
}

// Order implements open.Business.
func (b openBusiness) Order(ctx context.Context, id string) (open.OrderFact, error) {
	d, err := b.orders.Get(ctx, id)
	if err != nil {
		return open.OrderFact{}, err
	}
	return orderFact(d.Order), nil
}

// openTokens is signing in as the open interfaces see it.
type openTokens struct{ signin *signin.Service }

// Introspect implements open.Tokens.
func (t openTokens) Introspect(ctx context.Context, token string) (open.Introspection, bool, error) {
	person, perms, prefixes, until, ok, err := t.signin.Introspect(ctx, token)
	return open.Introspection{PersonID: person, Permissions: perms, Prefixes: prefixes, ExpiresAt: until}, ok, err
}

// todoSource is the source of to-dos that outside systems push.
const todoSource = "interface"

// openTodos is the to-do centre as the open interfaces see it.
type openTodos struct{ todo *todo.Service }

// Put implements open.Todos.
func (t openTodos) Put(ctx context.Context, tx db.Tx, app string, x open.OpenTodo) error {
	summary := x.Summary
	if x.URL != "" {
		summary = strings.TrimSpace(summary + " " + x.URL)
	}
	return t.todo.Put(ctx, tx, todo.Item{
		Source: todoSource, SourceID: x.ClientID, Key: x.ExternalID, Kind: "other", Title: x.Title, Summary: strings.TrimSpace(app + " " + summary),
		Path: "/integration/todo/" + x.ClientID + "/" + x.ExternalID, RegionCode: x.RegionCode, Assignee: x.AssigneeID, Priority: x.Priority, DueAt: x.DueAt,
	})
}

// Close implements open.Todos.
func (t openTodos) Close(ctx context.Context, tx db.Tx, x open.OpenTodo, cancelled bool, outcome string) error {
	if cancelled {
		return t.todo.Cancel(ctx, tx, todoSource, x.ClientID, x.ExternalID, outcome)
	}
	return t.todo.Close(ctx, tx, todoSource, x.ClientID, x.ExternalID, x.ClientID, outcome)
}

// hookSource is the source of to-dos about hooks that failed too often.
const hookSource = "webhook"

// cityRegion is where things lie that belong to no part of the city.
const cityRegion = "310000"

// hookTodos lets somebody look after hooks that were switched off.
type hookTodos struct {
	todo   *todo.Service
	access *access.Service
	hooks  *webhook.Service
}

// disabled makes a to-do, and by it a notice, for the person who made the
// hook when they may still switch it on; else for the system administrators.
func (h hookTodos) disabled(ctx context.Context, tx db.Tx, e events.Event) error {
	var x webhook.DisabledEvent
	if err := e.Decode(&x); err != nil {
		return err
	}
	if off, err := h.hooks.IsDisabled(ctx, tx, x.ID); err != nil || !off {
		return err // on again already
	}
	it := todo.Item{
		Source: hookSource, SourceID: x.ID, Key: "enable", Kind: "job", Title: "事件订阅“" + x.Name + "”已自动停用", Priority: 1, RegionCode: cityRegion,
		Summary: fmt.Sprintf("%s　连续失败 %d 次，请核对对方地址后重新启用", x.AppName, x.Failures), Path: "/integration/webhooks", StepName: "核对并启用",
	}
	p, err := h.access.Person(ctx, x.Owner)
	ok, err := found(err)
	switch {
	case err != nil:
		return err
	case ok && p.Active && p.Holds(access.InterfaceApply):
		it.Assignee = x.Owner
	default:
		it.Group = &todo.Group{Role: "sys_admin", OrgID: bureauOrg}
	}
	return h.todo.Put(ctx, tx, it)
}

// enabled closes the to-do of a hook that a person switched on again.
func (h hookTodos) enabled(ctx context.Context, tx db.Tx, e events.Event) error {
	var x webhook.EnabledEvent
	if err := e.Decode(&x); err != nil {
		return err
	}
	return h.todo.Close(ctx, tx, hookSource, x.ID, "enable", x.By, "已重新启用")
}
