package app

import (
	"context"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/notify"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/todo"
)

// notifyParts send notices.
type notifyParts struct {
	notify *notify.Service
}

func (a *App) wireNotify(ctx context.Context) error {
	s, err := notify.New(ctx, notify.Options{
		DB: a.db, Todo: a.todo, People: notifyPeople{a.access}, Secrets: a.keys, Tickets: a.signin.Ticket, Stream: a.stream.Send, Log: a.log,
	})
	if err != nil {
		return err
	}
	a.notify = s
	a.keys.Guard(crypto.Column{Purpose: "channel.secret", Table: "notify_channels", ID: "code", Column: "secret"})
	a.bus.Subscribe(todo.TopicChanged, "notify", s.TakeTodo)
	a.jobs.Every("notify.prune", "清理消息回执", 6*time.Hour, s.Prune)
	return nil
}

func (a *App) routeNotify() { a.notify.Register(a.fiber, a.api) }

// notifyPeople answers the questions of notices about the organisation.
type notifyPeople struct{ access *access.Service }

// Contact implements notify.People.
func (p notifyPeople) Contact(ctx context.Context, id string) (notify.Contact, bool, error) {
	c, err := p.access.ContactOf(ctx, id)
	ok, err := found(err)
	return notify.Contact{ID: c.ID, Name: c.Name, Account: c.Account, Phone: c.Phone, Active: c.Active}, ok, err
}

// Managers implements notify.People: the system administrators of the bureau.
func (p notifyPeople) Managers(ctx context.Context) (todo.Group, error) {
	list, err := p.access.PersonsInRole(ctx, "sys_admin", "")
	if err != nil {
		return todo.Group{}, err
	}
	if len(list) > 0 {
		return todo.Group{Role: "sys_admin", OrgID: list[0].OrgID}, nil
	}
	orgs, err := p.access.Orgs(ctx)
	if err != nil {
		return todo.Group{}, err
	}
	for _, o := range orgs {
		if o.Kind == "bureau" {
			return todo.Group{Role: "sys_admin", OrgID: o.ID}, nil
		}
	}
	return todo.Group{Role: "sys_admin", OrgID: "bureau"}, nil
}
