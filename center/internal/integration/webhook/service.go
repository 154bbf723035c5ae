package webhook

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/integration/trail"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
)

// ViewPerm opens the lists.
const ViewPerm = access.InterfaceView

const keyPurpose = "app.key"

// Keys seals the secrets of hooks.
type Keys interface {
	Seal(purpose, plain, aad string) (string, error)
	Open(purpose, sealed, aad string) (string, error)
}

// Options are what the service needs.
type Options struct {
	DB   *db.DB
	Log  *slog.Logger
	Keys Keys
	// Allow are networks inside the house that may be called although they
	// are private, for example 10.1.0.0/16.
	Allow []string
	Wake  func()
}

// Service has the use cases of hooks. It is safe for concurrent use.
type Service struct {
	o      Options
	db     *db.DB
	client *http.Client
}

// New makes the service. It fails when Allow holds no network.
func New(o Options) (*Service, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Wake == nil {
		o.Wake = func() {}
	}
	c, err := Client(o.Allow)
	if err != nil {
		return nil, err
	}
	return &Service{o: o, db: o.DB, client: c}, nil
}

func (r joined) hook() Webhook {
	return Webhook{ID: r.ID, ClientID: r.ClientID, AppName: r.AppName, Name: r.Name, URL: r.URL, Topics: strings.Split(r.Topics, ","), State: r.State,
		Failures: r.Failures, Note: r.Note, Waiting: r.Waiting, Dead: r.Dead, CreatedAt: r.CreatedAt, Rev: r.Rev}
}

// List gives one page of hooks.
func (s *Service) List(ctx context.Context, state string, p httpx.Paging) (httpx.List[Webhook], error) {
	if _, err := access.Need(ctx, ViewPerm); err != nil {
		return httpx.List[Webhook]{}, err
	}
	rows, n, err := list(ctx, s.db.Read(), state, p)
	if err != nil {
		return httpx.List[Webhook]{}, err
	}
	out := make([]Webhook, len(rows))
	for i, r := range rows {
		out[i] = r.hook()
	}
	return httpx.NewList(out, n, p, s.db.Now()), nil
}

func aad(id string) string { return "integration_hooks.sealed:" + id }

// Create makes a hook; its secret is in the answer and never shown again.
func (s *Service) Create(ctx context.Context, in WebhookWrite) (Webhook, error) {
	who, err := access.Need(ctx, access.InterfaceApply)
	if err != nil {
		return Webhook{}, err
	}
	if err := in.check(); err != nil {
		return Webhook{}, err
	}
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails since Go 1.24
	secret := base64.RawURLEncoding.EncodeToString(b)
	r := hookRow{ID: ids.New(), ClientID: in.ClientID, Name: in.Name, URL: in.URL, Topics: strings.Join(in.Topics, ","), State: Off, CreatedBy: who.ID, Rev: 1}
	if in.On {
		r.State = On
	}
	if r.Sealed, err = s.o.Keys.Seal(keyPurpose, secret, aad(r.ID)); err != nil {
		return Webhook{}, fmt.Errorf("seal secret: %w", err)
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		ok, err := clientActive(ctx, tx, in.ClientID)
		if err != nil {
			return err
		}
		if !ok {
			return errs.Invalidf("clientId", "请选择使用中的接口应用")
		}
		r.CreatedAt, r.UpdatedAt = clock.At(tx.Now()), clock.At(tx.Now())
		if err := insertHook(ctx, tx, &r); err != nil {
			return err
		}
		return note(ctx, tx, "create", "新增事件订阅 "+r.Name, nil, &r)
	})
	if err != nil {
		return Webhook{}, err
	}
	out, err := get(ctx, s.db.Read(), r.ID)
	h := out.hook()
	h.Secret = secret
	return h, err
}

// Change edits a hook; switching on forgets its failures.
func (s *Service) Change(ctx context.Context, id string, in WebhookWrite) (Webhook, error) {
	who, err := access.Need(ctx, access.InterfaceApply)
	if err != nil {
		return Webhook{}, err
	}
	if err := in.check(); err != nil {
		return Webhook{}, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		old, err := get(ctx, tx, id)
		if err != nil {
			return err
		}
		if old.Rev != in.Rev {
			return errs.Conflict("这个订阅刚被别人修改过，请刷新后重试")
		}
		next := old.hookRow
		next.Name, next.URL, next.Topics = in.Name, in.URL, strings.Join(in.Topics, ",")
		if in.On && next.State != On {
			next.State, next.Failures, next.Note = On, 0, ""
		} else if !in.On && next.State == On {
			next.State = Off
		}
		if err := updateHook(ctx, tx, &next); err != nil {
			return err
		}
		if old.State == Disabled && next.State == On {
			if err := events.Publish(ctx, tx, TopicEnabled, EnabledEvent{ID: id, By: who.ID}); err != nil {
				return err
			}
			tx.AfterCommit(s.o.Wake)
		}
		return note(ctx, tx, "change", "修改事件订阅 "+next.Name, &old.hookRow, &next)
	})
	if err != nil {
		return Webhook{}, err
	}
	r, err := get(ctx, s.db.Read(), id)
	return r.hook(), err
}

// IsDisabled tells whether a hook is off because it failed too often, as the
// transaction sees it.
func (s *Service) IsDisabled(ctx context.Context, tx db.Tx, id string) (bool, error) {
	r, err := get(ctx, tx, id)
	return r.State == Disabled, err
}

func note(ctx context.Context, tx db.Tx, act, summary string, before, after *hookRow) error {
	facts := func(r *hookRow) any {
		if r == nil {
			return nil
		}
		return map[string]any{"name": r.Name, "url": r.URL, "topics": r.Topics, "state": r.State}
	}
	return trail.Record(ctx, tx, audit.Entry{Act: "webhook." + act, Object: "integration.hook", ObjectID: after.ID, Summary: summary, Before: facts(before), After: facts(after)})
}

// Deliveries gives one page of the delivery log.
func (s *Service) Deliveries(ctx context.Context, hook, state, topic string, p httpx.Paging) (httpx.List[WebhookDelivery], error) {
	if _, err := access.Need(ctx, ViewPerm); err != nil {
		return httpx.List[WebhookDelivery]{}, err
	}
	rows, n, err := deliveries(ctx, s.db.Read(), hook, state, topic, p)
	return httpx.NewList(rows, n, p, s.db.Now()), err
}

// Replay sends a delivery again, with the same event id.
func (s *Service) Replay(ctx context.Context, id string) error {
	if _, err := access.Need(ctx, access.InterfaceApply); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		r, err := delivery(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.State == Waiting {
			return errs.Conflict("这条还在等待投递")
		}
		r.State, r.Attempts, r.NextAt, r.DoneAt, r.Error = Waiting, 0, clock.At(tx.Now()), nil, ""
		if err := saveDelivery(ctx, tx, &r); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "webhook.replay", Object: "integration.hook", ObjectID: r.HookID, Summary: "重新投递事件 " + r.Topic + " " + r.EventID})
	})
}

// Take puts an event on its way to every hook that wants it, in the
// transaction that takes the event from the outbox. A region outside a
// client's scope reaches none of its hooks.
func (s *Service) Take(ctx context.Context, tx db.Tx, eventID, topic, regionCode string, at clock.Stamp, data any) error {
	hooks, err := subscribed(ctx, tx, topic, regionCode)
	if err != nil || len(hooks) == 0 {
		return err
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("write event %s: %w", topic, err)
	}
	body, err := json.Marshal(Message{ID: eventID, Topic: topic, At: at, Data: raw})
	if err != nil {
		return fmt.Errorf("write event %s: %w", topic, err)
	}
	now := clock.At(tx.Now())
	for _, h := range hooks {
		r := deliveryRow{ID: ids.New(), HookID: h.ID, EventID: eventID, Topic: topic, Payload: string(body), State: Waiting, NextAt: now, CreatedAt: now}
		if err := enqueue(ctx, tx, &r); err != nil {
			return err
		}
	}
	return nil
}

// Prune forgets deliveries that ended a long time ago; a job calls it.
func (s *Service) Prune(ctx context.Context) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		return prune(ctx, tx, clock.At(tx.Now().Add(-30*24*time.Hour)))
	})
}

// finish notes the result of one attempt. The hook is switched off after too
// many failures in a row, and its owner is told.
func (s *Service) finish(ctx context.Context, d deliveryRow, res result) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := lock(ctx, tx, d.HookID); err != nil {
			return err
		}
		h, err := get(ctx, tx, d.HookID)
		if err != nil {
			return err
		}
		now := tx.Now()
		d.Attempts++
		d.Status, d.Error, d.Ms = res.status, res.err, res.ms
		failures, state, text := h.Failures, h.State, h.Note
		switch {
		case res.err == "":
			d.State, d.DoneAt, failures = Done, clock.Ptr(now), 0
		case d.Attempts >= MaxAttempts:
			d.State, d.DoneAt = Dead, clock.Ptr(now)
			failures++
		default:
			d.NextAt = clock.At(now.Add(backOff(d.Attempts)))
			failures++
		}
		if err := saveDelivery(ctx, tx, &d); err != nil {
			return err
		}
		off := failures >= MaxFailures && state == On
		if off {
			state, text = Disabled, fmt.Sprintf("连续失败 %d 次，已自动停用：%s", failures, res.err)
		}
		if err := setFailures(ctx, tx, h.ID, failures, state, text); err != nil || !off {
			return err
		}
		if err := events.Publish(ctx, tx, TopicDisabled, DisabledEvent{ID: h.ID, Name: h.Name, AppName: h.AppName, Failures: failures, Owner: h.CreatedBy}); err != nil {
			return err
		}
		tx.AfterCommit(s.o.Wake)
		return trail.Record(ctx, tx, audit.Entry{Act: "webhook.disable", Object: "integration.hook", ObjectID: h.ID, Summary: "事件订阅 " + h.Name + " " + text})
	})
}
