package notify

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/stream"
	"jiexun/center/internal/todo"
)

// Numbers of the delivery.
const (
	batch     = 20
	parallel  = 4
	leaseMS   = clock.Stamp(2 * 60_000) // longer than a batch can take
	openAfter = 3                       // failures of a gateway in a row
	openMS    = clock.Stamp(60_000)
	maxOpenMS = clock.Stamp(10 * 60_000)
	pollEvery = time.Second
)

// Start begins to deliver. Several centers may do so: a notice is held by the
// one that sends it.
func (s *Service) Start(ctx context.Context) {
	ctx, s.stop = context.WithCancel(ctx)
	for code := range s.gateways {
		s.done.Go(func() { s.loop(ctx, code) })
	}
}

// Stop ends the delivery and waits for what is being sent.
func (s *Service) Stop() {
	if s.stop != nil {
		s.stop()
		s.done.Wait()
	}
}

func (s *Service) wake(code string) {
	select {
	case s.wakes[code] <- struct{}{}:
	default:
	}
}

func (s *Service) loop(ctx context.Context, code string) {
	t := time.NewTicker(pollEvery)
	defer t.Stop()
	for {
		for {
			n, err := s.Deliver(ctx, code)
			if err != nil && ctx.Err() == nil {
				s.log.Error("deliver notices", "channel", code, "err", err)
			}
			if n == 0 || err != nil || ctx.Err() != nil {
				break
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-s.wakes[code]:
		}
	}
}

// parcel is a notice on its way.
type parcel struct {
	row   sendRow
	msg   Message
	msgID string
	err   error
}

// Deliver sends one batch of a channel and tells how many notices it took on.
func (s *Service) Deliver(ctx context.Context, code string) (int, error) {
	ctx = caller.System(ctx, "消息发送")
	ok, err := anySend(ctx, s.db.Read(), code, clock.At(s.db.Now()))
	if err != nil || !ok {
		return 0, err
	}
	var list []parcel
	var conf Config
	moved := 0
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		list, moved = nil, 0
		ch, err := lockChannel(ctx, tx, code)
		if err != nil {
			return err
		}
		now := clock.At(tx.Now())
		if !ch.on() || ch.OpenUntilAt > now {
			return nil
		}
		n := int64(batch)
		if ch.Fails >= openAfter {
			n = 1 // one tries whether the gateway is back
		}
		if conf, err = s.configOf(ch); err != nil {
			return err
		}
		rows, err := dueSends(ctx, tx, code, n)
		if err != nil {
			return err
		}
		for i := range rows {
			p, err := s.take(ctx, tx, ch, &rows[i])
			if err != nil {
				return err
			}
			if p != nil {
				list = append(list, *p)
			}
		}
		moved = len(rows)
		return nil
	})
	if err != nil || moved == 0 {
		return 0, err
	}
	s.sendAll(ctx, code, conf, list)
	for i := range list {
		if err := s.settle(context.WithoutCancel(ctx), code, &list[i]); err != nil {
			return moved, err
		}
	}
	return moved, nil
}

func (s *Service) configOf(ch channelRow) (Config, error) {
	secret, err := s.secrets.OpenOrPlain(secretPurpose, ch.Secret, secretPlace(ch.Code))
	if err != nil {
		return Config{}, fmt.Errorf("open secret of channel %s: %w", ch.Code, err)
	}
	return Config{Address: ch.Address, AppID: ch.AppID, Secret: secret, Sender: ch.Sender}, nil
}

// take decides about one notice whose time has come: sends it now, or notes
// why not.
func (s *Service) take(ctx context.Context, tx db.Tx, ch channelRow, r *sendRow) (*parcel, error) {
	now := clock.At(tx.Now())
	p, err := s.prefsOf(ctx, tx, r.Person)
	if err != nil {
		return nil, err
	}
	c, ok, err := s.contactOf(ctx, tx, r)
	if err != nil {
		return nil, fmt.Errorf("read contact: %w", err)
	}
	to := addressOf(ch.Code, c, p, ch.Address)
	wait, why := s.hold(ctx, tx, ch, p, r)
	switch {
	case r.CreatedAt+clock.Stamp(ch.ExpireHours)*3600_000 < now:
		r.State, r.Reason = Expired, fmt.Sprintf("%d 小时内没有发出", ch.ExpireHours)
	case !ok || to == "":
		r.State, r.Reason = Skipped, "收件人没有可用的"+ChannelName(ch.Code)+"地址"
	case r.State == Queued && wait > now:
		r.NextAt, r.Reason = wait, why
	default:
		r.State, r.Attempts, r.NextAt = Sending, r.Attempts+1, now+leaseMS
	}
	if err := s.progress(ctx, tx, r); err != nil || r.State != Sending {
		return nil, err
	}
	m := Message{
		ID: r.ID, Op: r.Op, To: to, Title: r.Title, Body: r.Body, ItemID: r.ItemID, Kind: r.Kind, Change: r.Change,
		ExpireAt: r.CreatedAt.Time().Add(time.Duration(ch.ExpireHours) * time.Hour),
	}
	if r.Outside == 1 {
		m.Org = c.Account
	}
	if m.URL, err = s.link(ctx, tx, ch.Code, r); err != nil {
		return nil, err
	}
	return &parcel{row: *r, msg: m}, nil
}

// hold gives until when a notice has to wait, for quiet hours or because its
// person got enough.
func (s *Service) hold(ctx context.Context, tx db.Tx, ch channelRow, p prefRow, r *sendRow) (clock.Stamp, string) {
	if r.Urgent == 1 || r.Op != opPush {
		return 0, ""
	}
	now := tx.Now()
	if end := quietOf(ch, p).End(now); end.After(now) {
		return clock.At(end), "免打扰时段，延后发送"
	}
	if ch.PerHour <= 0 {
		return 0, ""
	}
	const hour = clock.Stamp(3600_000)
	sent, err := sentSince(ctx, tx, r.Person, r.Channel, clock.At(now)-hour)
	if err != nil {
		s.log.Warn("limit of notices not checked", "err", err)
		return 0, ""
	}
	if len(sent) >= ch.PerHour {
		return sent[len(sent)-ch.PerHour] + hour + 1, fmt.Sprintf("每人每小时最多 %d 条，延后发送", ch.PerHour)
	}
	return 0, ""
}

// link makes the address in a notice: a text message opens its to-do once
// without signing in.
func (s *Service) link(ctx context.Context, tx db.Tx, channel string, r *sendRow) (string, error) {
	if r.Outside == 1 {
		if !strings.Contains(r.Body, linkVar) && channel != Owner {
			return "", nil
		}
		url, err := s.outside.Link(ctx, tx, r.ItemID)
		if err != nil {
			return "", fmt.Errorf("make link for message %s: %w", r.ID, err)
		}
		return url, nil
	}
	path := r.Path
	if r.PhonePath != "" {
		path = "/m" + r.PhonePath
	}
	asked := strings.Contains(r.Body, linkVar) || channel == SSB
	if s.tickets == nil || path == "" || !asked || channel == Webhook {
		return path, nil
	}
	url, err := s.tickets(ctx, tx, r.Person, path, 0)
	if err != nil {
		return "", fmt.Errorf("make link for notice %s: %w", r.ID, err)
	}
	return url, nil
}

func (s *Service) sendAll(ctx context.Context, code string, conf Config, list []parcel) {
	slots := make(chan struct{}, parallel)
	var wg sync.WaitGroup
	for i := range list {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			p := &list[i]
			p.msgID, p.err = s.gateways[code].Send(ctx, conf, p.msg)
		})
	}
	wg.Wait()
}

// settle notes what became of a notice.
func (s *Service) settle(ctx context.Context, code string, p *parcel) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		r, err := forUpdate(ctx, tx, "s.id = ?", p.row.ID)
		if err != nil || r == nil {
			return err
		}
		ch, err := lockChannel(ctx, tx, code)
		if err != nil {
			return err
		}
		now := clock.At(tx.Now())
		arrived := r.State == Delivered || r.State == Read
		if reason, final, no := refused(p.err); arrived && p.err != nil {
			ch.Fails = 0 // the answer was lost, the report was not
		} else if no {
			ch.Fails, ch.OpenUntilAt = 0, 0 // it answers
			r.Refusals++
			r.State, r.Reason, r.NextAt = Queued, reason, now+ch.retry()
			if r.Refusals >= ch.Tries {
				r.State, r.Reason = Failed, fmt.Sprintf("试了 %d 次：%s", r.Refusals, reason)
			}
			if final {
				r.State, r.Reason = Failed, reason
			}
		} else if p.err != nil {
			ch.Fails++
			ch.LastError, ch.LastErrorAt = shortError(p.err), &now
			r.State, r.Reason, r.NextAt = Queued, "网关不通，等待重试："+shortError(p.err), now+ch.retry()
			if ch.Fails >= openAfter {
				ch.OpenUntilAt = now + min(openMS<<min(ch.Fails-openAfter, 4), maxOpenMS)
			}
		} else {
			ch.Fails, ch.OpenUntilAt, ch.LastOkAt = 0, 0, &now
			if r.State == Sending { // a receipt may have come first
				r.State, r.Reason = Sent, ""
			}
			r.SentAt, r.MsgID = &now, p.msgID
		}
		if err := s.progress(ctx, tx, r); err != nil {
			return err
		}
		if err := noteGateway(ctx, tx, &ch); err != nil {
			return err
		}
		return s.alarm(ctx, tx, ch, r)
	})
}

func shortError(err error) string {
	r := []rune(err.Error())
	return string(r[:min(len(r), 120)])
}

// alarm tells the managers of a channel whose gateway is down, and of a
// notice that failed; it takes the alarm back when the gateway answers.
func (s *Service) alarm(ctx context.Context, tx db.Tx, ch channelRow, r *sendRow) error {
	failed := r.State == Failed && r.Outside == 0 // who sent it to somebody outside finds another way
	if ch.Fails == 0 && !failed {
		return s.todo.Close(ctx, tx, "notify", ch.Code, "down", "system", "通道已恢复")
	}
	if ch.Fails != openAfter && !failed {
		return nil
	}
	g, err := s.people.Managers(ctx)
	if err != nil {
		return fmt.Errorf("find who looks after the channels: %w", err)
	}
	it := todo.Item{
		Source: "notify", SourceID: ch.Code, Key: "down", Kind: "job", Path: "/notify/channels", Group: &g, Priority: 1,
		Title: ChannelName(ch.Code) + "通道不通", Summary: ch.LastError, Step: 1, Steps: 1, StepName: "恢复通道",
	}
	if failed {
		it.SourceID, it.Key, it.Path = r.ID, "failed", "/notify/sends?state=failed"
		it.Title, it.Summary = ChannelName(ch.Code)+"发送失败："+r.Title, r.PersonName+" "+r.Address+" "+r.Reason
		it.StepName = "处理失败消息"
	} else if n, err := waiting(ctx, tx, ch.Code); err != nil {
		return err
	} else {
		it.Summary = fmt.Sprintf("%d 条待发。%s", n, ch.LastError)
	}
	return s.todo.Put(ctx, tx, it)
}

// Resend sends a notice again that failed, expired or was not sent: as a new
// one, because the gateway knows the old id.
func (s *Service) resend(ctx context.Context, tx db.Tx, old *sendRow, id string) error {
	m := *old
	m.ID, m.State, m.Reason, m.Attempts, m.Refusals, m.MsgID = id, Queued, "人工重发 "+old.ID, 0, 0, ""
	m.SentAt, m.ReceiptAt, m.ReadAt = nil, nil, nil
	m.CreatedAt, m.NextAt, m.DedupeKey, m.Urgent = clock.At(tx.Now()), clock.At(tx.Now()), "resend|"+id, 1
	if m.Channel == InApp {
		at := clock.At(tx.Now())
		m.State, m.SentAt = Sent, &at
	}
	if _, err := add(ctx, tx, "notice", m); err != nil {
		return err
	}
	tx.AfterCommit(func() {
		if m.Channel == InApp {
			s.stream(stream.Message{Event: "message", Holders: []string{m.Person}, Data: map[string]string{"id": m.ID, "title": m.Title}})
		}
		s.wake(m.Channel)
	})
	return s.todo.Close(ctx, tx, "notify", old.ID, "failed", caller.From(ctx).ID, "已重发")
}
