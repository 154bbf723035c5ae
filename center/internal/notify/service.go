package notify

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/platform/stream"
	"jiexun/center/internal/todo"
)

// Options are what the service needs. Tickets, Stream, Log and Gateways may
// be nil; without Tickets no notice has a link.
type Options struct {
	DB      *db.DB
	Todo    *todo.Service
	People  People
	Secrets Secrets
	Tickets Tickets
	// Send passes a message on to browsers.
	Stream func(stream.Message)
	Log    *slog.Logger
	// Gateways replace the adapters, in tests.
	Gateways map[string]Gateway
}

// Service sends notices. It is safe for concurrent use.
type Service struct {
	db       *db.DB
	todo     *todo.Service
	people   People
	secrets  Secrets
	tickets  Tickets
	stream   func(stream.Message)
	log      *slog.Logger
	gateways map[string]Gateway
	wakes    map[string]chan struct{}
	outside  Outside
	stop     context.CancelFunc
	done     sync.WaitGroup
}

// New makes the service and puts the channels, templates and rules in place
// that are missing.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Stream == nil {
		o.Stream = func(stream.Message) {}
	}
	s := &Service{db: o.DB, todo: o.Todo, people: o.People, secrets: o.Secrets, tickets: o.Tickets, stream: o.Stream, log: o.Log, gateways: o.Gateways, wakes: map[string]chan struct{}{}}
	if s.gateways == nil {
		h := newHTTP(s.now)
		s.gateways = map[string]Gateway{SMS: smsGateway{h}, SSB: ssbGateway{h}, Webhook: webhookGateway{h}, Owner: ownerGateway{h}, Mail: mailGateway{s.now}}
	}
	for code := range s.gateways {
		s.wakes[code] = make(chan struct{}, 1)
	}
	if s.todo != nil {
		s.todo.Name("notify", "消息通道")
		s.todo.Name("template", "模板审批")
	}
	return s, s.seed(ctx)
}

func (s *Service) now() time.Time { return s.db.Now() }

// TakeTodo handles todo.changed: it writes what has to be sent.
func (s *Service) TakeTodo(ctx context.Context, tx db.Tx, e events.Event) error {
	var ch todo.Changed
	if err := e.Decode(&ch); err != nil {
		return err
	}
	v, cc, err := s.todo.Lookup(ctx, tx, ch.ID)
	if err != nil {
		return err
	}
	conf, err := channels(ctx, tx)
	if err != nil {
		return err
	}
	if v.State != todo.Open {
		reason := "待办已办结，不再发送"
		if v.State == todo.Cancelled {
			reason = "待办已撤销，不再发送"
		}
		if err := withdraw(ctx, tx, v.ID, reason); err != nil {
			return err
		}
	}
	if err := s.mirror(ctx, tx, conf[SSB], v, e); err != nil {
		return err
	}
	rules, err := all[ruleRow](ctx, tx, "rules", "r.urgent DESC, r.id", "r.enabled = 1 AND r.change = ?", ch.Change)
	if err != nil {
		return err
	}
	for i := range rules {
		r := &rules[i]
		if r.Kind != "" && r.Kind != v.Kind || v.Priority < r.MinPriority || v.Source == "notify" && ch.Change != "created" {
			continue
		}
		if err := s.apply(ctx, tx, r, conf, v, cc, e); err != nil {
			return fmt.Errorf("rule %s: %w", r.Name, err)
		}
	}
	return nil
}

// apply writes what one rule sends of one change.
func (s *Service) apply(ctx context.Context, tx db.Tx, r *ruleRow, conf map[string]channelRow, v todo.View, cc []string, e events.Event) error {
	persons, err := s.audience(ctx, list(r.Audience), v, cc)
	if err != nil {
		return err
	}
	for _, person := range persons {
		c, ok, err := s.people.Contact(ctx, person)
		if err != nil {
			return fmt.Errorf("read contact: %w", err)
		}
		if !ok || !c.Active {
			continue
		}
		for _, code := range list(r.Channels) {
			if conf[code].on() {
				if err := s.queue(ctx, tx, r, conf[code], v, c, e); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// audience gives whom a rule means, each once.
func (s *Service) audience(ctx context.Context, of []string, v todo.View, cc []string) ([]string, error) {
	out := []string{}
	for _, a := range of {
		switch a {
		case ToAssignee:
			out = append(out, v.Assignee)
		case ToStarter:
			out = append(out, v.Starter)
		case ToCC:
			out = append(out, cc...)
		case ToLeader:
			if v.Assignee == "" {
				continue
			}
			m, err := s.todo.LeadersOf(ctx, v.Assignee)
			if err != nil {
				return nil, err
			}
			for _, p := range m {
				out = append(out, p.ID)
			}
		case ToGroup:
			if v.Group == nil || v.Assignee != "" {
				continue
			}
			m, err := s.todo.Members(ctx, *v.Group)
			if err != nil {
				return nil, fmt.Errorf("read group: %w", err)
			}
			for _, p := range m {
				out = append(out, p.ID)
			}
		}
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(p string) bool { return p == "" }), nil
}

// queue writes one notice. The event and the rule make its key, so that
// however often the event comes, the notice is one.
func (s *Service) queue(ctx context.Context, tx db.Tx, r *ruleRow, ch channelRow, v todo.View, c Contact, e events.Event) error {
	now := clock.At(tx.Now())
	t, err := approved(ctx, tx, r.Template, ch.Code)
	if err != nil {
		return err
	}
	p, err := s.prefsOf(ctx, tx, c.ID)
	if err != nil {
		return err
	}
	m := &sendRow{
		ID: ids.New(), RuleID: r.ID, RuleName: r.Name, Channel: ch.Code, Op: opPush, Person: c.ID, PersonName: c.Name, Address: shownAddress(ch.Code, c, p, ch.Address),
		ItemID: v.ID, Kind: v.Kind, Change: r.Change, Path: v.Path, PhonePath: v.PhonePath, Urgent: r.Urgent, State: Queued, NextAt: now, CreatedAt: now,
		DedupeKey: strings.Join([]string{e.ID, ch.Code, c.ID, r.Change}, "|"),
	}
	switch {
	case t == nil:
		m.State, m.Reason = Skipped, "没有审批通过的"+ChannelName(ch.Code)+"模板（"+r.Template+"）"
	case r.Urgent == 0 && slices.Contains(list(p.Off), ch.Code):
		m.State, m.Reason = Skipped, "本人关闭了"+ChannelName(ch.Code)
	case addressOf(ch.Code, c, p, ch.Address) == "":
		m.State, m.Reason = Skipped, "没有登记"+addressName(ch.Code)
	}
	if t != nil {
		vars := varsOf(v, c, r.Change, tx.Now())
		m.TemplateID, m.Title, m.Body = t.ID, Render(t.Title, vars), Render(t.Body, vars)
	}
	if m.State == Queued && r.DedupeMinutes > 0 {
		same, err := recent(ctx, tx, m, now-clock.Stamp(r.DedupeMinutes)*60_000)
		if err != nil {
			return err
		}
		if same {
			m.State, m.Reason = Skipped, fmt.Sprintf("%d 分钟内已发过相同消息", r.DedupeMinutes)
		}
	}
	return s.enter(ctx, tx, m, ch, p)
}

// enter stores a notice: what stays in the console is sent by that, and what
// waits for the end of quiet hours says so.
func (s *Service) enter(ctx context.Context, tx db.Tx, m *sendRow, ch channelRow, p prefRow) error {
	if m.State == Queued && ch.Code == InApp {
		at := clock.At(tx.Now())
		m.State, m.SentAt, m.Body = Sent, &at, strings.TrimSpace(strings.ReplaceAll(m.Body, linkVar, ""))
	}
	if m.State == Queued && m.Urgent == 0 {
		if end := quietOf(ch, p).End(tx.Now()); end.After(tx.Now()) {
			m.NextAt, m.Reason = clock.At(end), "免打扰时段，延后发送"
		}
	}
	n, err := add(ctx, tx, "notice", *m)
	if err != nil || n == 0 {
		return err
	}
	tx.AfterCommit(func() {
		if m.Channel == InApp && m.State == Sent {
			s.stream(stream.Message{Event: "message", Holders: []string{m.Person}, Data: map[string]string{"id": m.ID, "title": m.Title, "change": m.Change}})
		}
		s.wake(m.Channel)
	})
	return nil
}

func quietOf(ch channelRow, p prefRow) Quiet {
	if p.QuietFrom >= 0 {
		return Quiet{p.QuietFrom, p.QuietTo}
	}
	return ch.quiet()
}

// addressOf gives where a person gets a channel's notices, "" when nowhere.
func addressOf(channel string, c Contact, p prefRow, hook string) string {
	switch channel {
	case SMS:
		return c.Phone
	case Mail:
		return p.Mail
	case Owner:
		if c.Phone == "" {
			return c.Account
		}
		return c.Phone
	case SSB, Webhook, InApp:
		return c.Account
	}
	return hook
}

// shownAddress is what the log keeps of an address: numbers and mail
// addresses are masked, accounts are no secret.
func shownAddress(channel string, c Contact, p prefRow, hook string) string {
	switch channel {
	case InApp:
		return ""
	case SSB, Webhook:
		return c.Account
	}
	return MaskAddress(addressOf(channel, c, p, hook))
}

func addressName(channel string) string {
	if channel == SMS {
		return "手机号"
	}
	if channel == Owner {
		return "手机号或统一社会信用代码"
	}
	return "邮件地址"
}

func (s *Service) prefsOf(ctx context.Context, tx db.Tx, person string) (prefRow, error) {
	p, err := one[prefRow](ctx, tx, "preferences", "person = ?", person)
	if err != nil || p == nil {
		return prefRow{Person: person, QuietFrom: -1, QuietTo: -1}, err
	}
	return *p, nil
}

func varsOf(v todo.View, c Contact, change string, now time.Time) map[string]string {
	out := map[string]string{
		"姓名": c.Name, "类型": todo.KindLabel(v.Kind), "标题": v.Title, "摘要": v.Summary, "环节": v.StepName, "期限": "无期限", "剩余": v.DueNote, "变化": changeName(change),
	}
	if v.DueAt != nil {
		out["期限"] = v.DueAt.Time().In(clock.Shanghai()).Format("01-02 15:04")
		if st, left := v.Due(now); st == todo.Over {
			out["剩余"] = "超期 " + span(left)
		} else {
			out["剩余"] = "剩 " + span(left)
		}
	}
	return out
}

// mirror keeps the other system's list of to-dos equal to ours: it compares
// who has the item now with whose list it stands in.
func (s *Service) mirror(ctx context.Context, tx db.Tx, ch channelRow, v todo.View, e events.Event) error {
	rows, err := all[mirrorRow](ctx, tx, "mirrors", "m.person", "m.item_id = ?", v.ID)
	if err != nil {
		return err
	}
	want := ""
	if v.State == todo.Open && ch.on() {
		want = v.Assignee
	}
	for _, r := range rows {
		if r.Person == want {
			want = ""
			continue
		}
		op := opCancel
		if v.State == todo.Done {
			op = opDone
		}
		if err := dropMirror(ctx, tx, v.ID, r.Person); err != nil {
			return err
		}
		if ch.on() {
			if err := s.mirrorOne(ctx, tx, ch, v, r.Person, op, e); err != nil {
				return err
			}
		}
	}
	if want == "" {
		return nil
	}
	if _, err := add(ctx, tx, "mirror", mirrorRow{ItemID: v.ID, Person: want, MadeAt: clock.At(tx.Now())}); err != nil {
		return err
	}
	return s.mirrorOne(ctx, tx, ch, v, want, opCreate, e)
}

func (s *Service) mirrorOne(ctx context.Context, tx db.Tx, ch channelRow, v todo.View, person, op string, e events.Event) error {
	c, ok, err := s.people.Contact(ctx, person)
	if err != nil || !ok {
		return err
	}
	now := clock.At(tx.Now())
	m := &sendRow{
		ID: ids.New(), RuleName: "待办同步", Channel: SSB, Op: op, Person: c.ID, PersonName: c.Name,
		Address: c.Account, ItemID: v.ID, Kind: v.Kind, Change: map[string]string{opCreate: "created", opDone: "closed", opCancel: "cancelled"}[op],
		Title: v.Title, Body: v.Summary, Path: v.Path, PhonePath: v.PhonePath, Urgent: 1, State: Queued, NextAt: now, CreatedAt: now,
		DedupeKey: strings.Join([]string{e.ID, "mirror", op, c.ID}, "|"),
	}
	return s.enter(ctx, tx, m, ch, prefRow{QuietFrom: 0, QuietTo: 0})
}
