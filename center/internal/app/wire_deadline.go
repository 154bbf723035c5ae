package app

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/deadline"
	"jiexun/center/internal/orders"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/todo"
)

// wireDeadline makes the clocks of records, and keeps the list of jobs short.
func (a *App) wireDeadline(context.Context) error {
	a.deadline = deadline.New(deadline.Options{DB: a.db, Jobs: a.jobs, Wake: a.bus.Wake, Log: a.log})
	a.deadline.RegisterRecord(deadline.Record{
		Kind: "order", Label: "工单", Perm: access.OrderView, Act: access.OrderReview,
		CanSee: func(ctx context.Context, id string) error {
			_, err := a.orders.Get(ctx, id)
			return err
		},
		Moved: func(ctx context.Context, tx db.Tx, c deadline.Clock) error {
			if c.DueAt == nil {
				return nil // it stands; the order keeps what it said
			}
			return a.orders.SetDue(ctx, tx, c.RecordID, *c.DueAt, c.DueAt.Time().Sub(c.NearAt.Time()))
		},
	})
	a.todo.Name("deadline", "期限提醒")
	a.bus.Subscribe(deadline.TopicFired, "todo", a.takeFired)
	a.bus.Subscribe(deadline.TopicEnded, "todo", func(ctx context.Context, tx db.Tx, e events.Event) error {
		var x deadline.EndedEvent
		if err := e.Decode(&x); err != nil {
			return err
		}
		return a.todo.Close(ctx, tx, "deadline", x.ClockID, "", "", x.Outcome)
	})
	a.jobs.Every("jobs.purge", "清理已结束的任务", 6*time.Hour, a.jobs.Purge)
	return nil
}

// takeFired puts what a level asks for before the people of its role, where
// the record lies; a later level takes the place of an earlier one. It is
// gone once the clock has ended.
func (a *App) takeFired(ctx context.Context, tx db.Tx, e events.Event) error {
	var x deadline.Fired
	if err := e.Decode(&x); err != nil || x.Kind != deadline.FiredLevel {
		return err
	}
	role := cmp.Or(x.To, "squad_leader")
	org, err := a.access.DistrictOf(ctx, x.RegionCode)
	if role == "squad_leader" || role == "officer" {
		org, err = a.access.SquadOf(ctx, x.RegionCode)
	}
	if ok, err := found(err); err != nil || !ok {
		return err // nobody there has the role
	}
	priority := map[deadline.Action]int{deadline.Raise: 1, deadline.Reassign: 1, deadline.Red: 2}[x.Action]
	return a.todo.Put(ctx, tx, todo.Item{
		Source: "deadline", SourceID: x.ClockID, Key: "level", Kind: "notice", Title: x.Title + "：" + x.Name, Summary: x.Label,
		Path: x.Path, RegionCode: x.RegionCode, Group: &todo.Group{Role: role, OrgID: org.ID}, Priority: priority, DueAt: &x.DueAt,
	})
}

// orderClocks runs the deadline of an order: from its making until the result
// is handed in, and on when a review sends it back.
type orderClocks struct{ deadline *deadline.Service }

// clockName is the one clock of an order.
const clockName = "到场反馈"

func (c orderClocks) OrderClock(ctx context.Context, tx db.Tx, o orders.Order, void bool) error {
	if void {
		return c.deadline.Stop(ctx, tx, "order", o.ID, clockName, "已撤销")
	}
	if !o.State.Open() {
		return c.deadline.Stop(ctx, tx, "order", o.ID, clockName, o.State.Label())
	}
	own := time.Duration(o.LimitMS) * time.Millisecond
	near := time.Duration(0)
	if own > 0 {
		near = time.Duration(o.NearMS) * time.Millisecond
	}
	plan, err := c.deadline.Plan(ctx, orderRules(o.Kind), o.CreatedAt.Time(), own)
	if err != nil {
		return err
	}
	_, err = c.deadline.Start(ctx, tx, deadline.StartClock{
		Record: "order", RecordID: o.ID, Name: clockName, Title: "工单 " + o.No + " " + o.ShopName, Path: "/orders/" + o.ID,
		Rule: plan.Rule.Code, RegionCode: o.RegionCode, At: o.CreatedAt.Time(), Limit: own, Near: near,
		Vars: map[string]any{"kind": o.Kind, "squad": o.SquadOrgID},
	})
	return err
}

// orderRules are the codes of the deadline rules for a kind of order: its
// own, else the common one.
func orderRules(kind string) []string { return []string{"order.handle." + kind, "order.handle"} }

// Plan implements orders.Clocks.
func (c orderClocks) Plan(ctx context.Context, kind string, at time.Time, limit time.Duration) (orders.Term, error) {
	p, err := c.deadline.Plan(ctx, orderRules(kind), at, limit)
	return orders.Term{DueAt: p.DueAt, Near: p.Near, Rule: termRule(p.Rule)}, err
}

// RuleOf implements orders.Clocks.
func (c orderClocks) RuleOf(ctx context.Context, order string) (orders.TermRule, bool, error) {
	r, ok, err := c.deadline.RuleOf(ctx, "order", order, clockName)
	return termRule(r), ok, err
}

func termRule(r deadline.Rule) orders.TermRule {
	return orders.TermRule{
		Name: r.Name, Code: r.Code, Version: r.Version, Limit: strconv.Itoa(r.Amount) + " " + r.Unit.Label(), Source: r.Source, Verified: r.Verified,
	}
}
