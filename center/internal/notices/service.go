package notices

import (
	"context"
	"fmt"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/notify"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
)

// Options are what the service needs. Rechecks, Wake and NewID may be nil;
// PublicURL is where shops reach the center.
type Options struct {
	DB        *db.DB
	Sources   Sources
	Shops     Shops
	Law       Law
	People    People
	Cameras   Cameras
	Sender    Sender
	Todos     Todos
	Clocks    Clocks
	Timers    Timers
	Files     Files
	Keys      Keys
	Rechecks  Rechecks
	PublicURL string
	NewID     ids.Source
	Wake      func()
}

// Service has the use cases of notices. It is safe for concurrent use.
type Service struct {
	db       *db.DB
	sources  Sources
	shops    Shops
	law      Law
	people   People
	cameras  Cameras
	sender   Sender
	todos    Todos
	clocks   Clocks
	timers   Timers
	files    Files
	keys     Keys
	rechecks Rechecks
	url      string
	newID    ids.Source
	wake     func()
	doors    *limiter
	writes   *limiter
}

// New makes the service and puts the first texts in place.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.NewID == nil {
		o.NewID = ids.New
	}
	if o.Wake == nil {
		o.Wake = func() {}
	}
	s := &Service{
		db: o.DB, sources: o.Sources, shops: o.Shops, law: o.Law, people: o.People, cameras: o.Cameras, sender: o.Sender, todos: o.Todos, clocks: o.Clocks,
		timers: o.Timers, files: o.Files, keys: o.Keys, rechecks: o.Rechecks, url: strings.TrimSuffix(o.PublicURL, "/"), newID: o.NewID, wake: o.Wake,
		doors: newLimiter(10 * time.Minute), writes: newLimiter(10 * time.Minute),
	}
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return seed(ctx, tx) })
	if err != nil {
		return nil, fmt.Errorf("seed texts of notices: %w", err)
	}
	return s, nil
}

// SetRechecks names who lets a camera look again. Call it before Start.
func (s *Service) SetRechecks(r Rechecks) { s.rechecks = r }

// List gives one page of the notices that the actor may see.
func (s *Service) List(ctx context.Context, f Filter, p httpx.Paging) (httpx.List[Notice], error) {
	who, err := access.Need(ctx, access.NoticeView)
	if err != nil {
		return httpx.List[Notice]{}, err
	}
	now := s.db.Now()
	f.Q = strings.TrimSpace(p.Q)
	items, total, err := list(ctx, s.db.Read(), who, f, p, now)
	if err != nil {
		return httpx.List[Notice]{}, err
	}
	return httpx.NewList(items, total, p, now), nil
}

// Counts gives the figures above the list under a filter.
func (s *Service) Counts(ctx context.Context, f Filter) (Counts, error) {
	who, err := access.Need(ctx, access.NoticeView)
	if err != nil {
		return Counts{}, err
	}
	return counts(ctx, s.db.Read(), who, f, s.db.Now())
}

// Detail is a notice with all that its page shows.
type Detail struct {
	Notice  Notice
	Rule    Rule
	Steps   []Step
	Sends   []Send
	Answers []Answer
	Allowed []Act
	// Paper are the digits printed on the paper.
	Paper string
	Now   time.Time
}

func personOf(a access.Actor, n Notice) Person {
	return Person{
		ID: a.ID, OrgID: a.OrgID, Issue: a.Allows(access.NoticeIssue, n.RegionCode), Confirm: a.Allows(access.NoticeConfirm, n.RegionCode),
		Objection: a.Allows(access.NoticeObjection, n.RegionCode),
	}
}

// Get gives one notice.
func (s *Service) Get(ctx context.Context, id string) (Detail, error) {
	who, err := access.Need(ctx, access.NoticeView)
	if err != nil {
		return Detail{}, err
	}
	r := s.db.Read()
	n, err := get(ctx, r, who, id)
	if err != nil {
		return Detail{}, err
	}
	d := Detail{Notice: n, Allowed: Allowed(n, personOf(who, n)), Now: s.db.Now(), Sends: []Send{}}
	if d.Rule, err = ruleByID(ctx, r, n.RuleID); err != nil {
		return Detail{}, err
	}
	if d.Steps, err = stepsOf(ctx, r, id); err != nil {
		return Detail{}, err
	}
	if d.Answers, err = answersOf(ctx, r, id); err != nil {
		return Detail{}, err
	}
	rows, err := sendsOf(ctx, r, id)
	if err != nil {
		return Detail{}, err
	}
	for _, m := range rows {
		d.Sends = append(d.Sends, Send{ID: m.SendID, Channel: m.Channel, Name: notify.ChannelName(m.Channel), What: m.What, State: m.State, Label: notify.StateName(m.State), Reason: m.Reason, MadeAt: m.MadeAt, MovedAt: m.MovedAt})
	}
	if who.Has(access.NoticeConfirm) || who.Has(access.NoticeIssue) {
		d.Paper, err = s.keys.OpenOrPlain(forPaper, n.paper, paperPlace(n.ID))
	}
	return d, err
}

func paperPlace(id string) string { return "notice_items.paper:" + id }

// OfOrder gives the notices of an order that the actor may see.
func (s *Service) OfOrder(ctx context.Context, order string) ([]Notice, error) {
	who, err := access.Need(ctx, access.NoticeView)
	if err != nil {
		return nil, err
	}
	list, err := ofOrder(ctx, s.db.Read(), order)
	out := []Notice{}
	for _, n := range list {
		if who.Scope.Covers(n.RegionCode) {
			out = append(out, n)
		}
	}
	return out, err
}

// SeesBlob tells whether the actor may see a picture because of a notice.
func (s *Service) SeesBlob(ctx context.Context, sm3 string) (bool, error) {
	who, err := access.From(ctx)
	if err != nil || !who.Has(access.NoticeView) {
		return false, err
	}
	return seesBlob(ctx, s.db.Read(), who.For(access.NoticeView), sm3)
}

// Channels tells how the ways of sending are connected.
func (s *Service) Channels(ctx context.Context) ([]notify.ChannelState, error) {
	if _, err := access.Need(ctx, access.NoticeView); err != nil {
		return nil, err
	}
	return s.sender.ChannelStates(ctx, notify.Owner, notify.SMS)
}

// doer is who does something to a notice: a person, the shop or the system.
type doer struct{ id, name string }

var (
	theSystem = doer{"system", "系统"}
	theShop   = doer{"owner", "商铺"}
)

func personDoer(a access.Actor) doer { return doer{a.ID, a.Name} }

// change is what one act does to a notice: the step that tells of it, and
// whether the shop sees that step.
type change struct {
	act, text     string
	photos        []string
	shown         bool
	reason, audit string
	silent        bool // no step
}

// save writes a change: the row under its version, the step, the audit record
// and the event.
func (s *Service) save(ctx context.Context, tx db.Tx, who doer, before, after Notice, ch change) (Notice, error) {
	n, err := update(ctx, tx, after)
	if err != nil {
		return n, err
	}
	if !ch.silent {
		if err := addStep(ctx, tx, stepRow{NoticeID: n.ID, Act: ch.act, ActorID: who.id, ActorName: who.name, Text: ch.text, Shown: flag(ch.shown)}, ch.photos); err != nil {
			return n, err
		}
	}
	summary := ch.audit
	if summary == "" {
		summary = "告知 " + n.No + " " + ch.text
	}
	err = audit.Record(ctx, tx, audit.Entry{
		Act: "notice." + ch.act, Object: "notice", ObjectID: n.ID, RegionCode: n.RegionCode, Summary: summary, Before: trace(before), After: trace(n), Reason: ch.reason,
	})
	if err != nil {
		return n, err
	}
	return n, s.publish(ctx, tx, n)
}

func (s *Service) publish(ctx context.Context, tx db.Tx, n Notice) error {
	tx.AfterCommit(s.wake)
	return events.Publish(ctx, tx, TopicChanged, Changed{
		ID: n.ID, No: n.No, Kind: n.Kind, OrderID: n.OrderID, AlertID: n.AlertID, ShopID: n.ShopID, RegionCode: n.RegionCode, State: n.State,
		AnswerKind: n.AnswerKind, Way: n.Way, Fallback: n.Way != WayPush, DueAt: n.DueAt, At: clock.At(tx.Now()),
	})
}

// trace is the part of a notice that the audit record keeps.
func trace(n Notice) any {
	if n.ID == "" {
		return nil
	}
	return map[string]any{
		"no": n.No, "kind": n.Kind, "state": n.State, "way": n.Way, "order": n.OrderNo, "shop": n.ShopName, "dueAt": n.DueAt, "paused": n.Paused,
		"answer": n.AnswerKind, "recheck": n.Recheck, "endReason": n.EndReason, "rev": n.Rev,
	}
}
