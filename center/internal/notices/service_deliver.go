package notices

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"jiexun/center/internal/notify"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/todo"
)

// TimerKind is the job that looks whether a message has arrived.
const TimerKind = "notice.fallback"

// wait is the payload of the timer.
type wait struct {
	NoticeID string `json:"noticeId"`
	SendID   string `json:"sendId"`
}

// goOut takes a way, or the next one that can be taken, and stores the notice
// as far as it changed. why says what the way before failed of.
func (s *Service) goOut(ctx context.Context, tx db.Tx, n Notice, r Rule, way, why string) (Notice, error) {
	before := n
	for _, w := range []struct {
		way, channel string
		minutes      int64
	}{{WayPush, notify.Owner, r.PushMinutes}, {WaySMS, notify.SMS, r.SMSMinutes}} {
		if w.way != way {
			continue
		}
		if w.way == WaySMS {
			if err := s.sender.WithdrawOutside(ctx, tx, n.ID, "改由短信送达"); err != nil {
				return n, err
			}
		}
		sent, err := s.message(ctx, tx, n, r, w.channel, "notice", n.Message, fmt.Sprint(n.Rev))
		if err != nil {
			return n, err
		}
		n.Way = w.way
		if sent.State == notify.Skipped {
			way, why = map[string]string{WayPush: WaySMS, WaySMS: WayVisit}[w.way], sent.Reason
			continue
		}
		err = s.timers.At(ctx, tx, TimerKind, n.ID, tx.Now().Add(time.Duration(w.minutes)*time.Minute), wait{n.ID, sent.ID})
		if err != nil {
			return n, fmt.Errorf("wait for the receipt: %w", err)
		}
		text := "由" + WayName(n.Way) + "发出"
		if why != "" {
			text = why + "，改" + text
		}
		return s.save(ctx, tx, theSystem, before, n, change{act: "send", text: text})
	}
	return s.toVisit(ctx, tx, before, n, why)
}

// toVisit leaves the notice to a person who brings it.
func (s *Service) toVisit(ctx context.Context, tx db.Tx, before, n Notice, why string) (Notice, error) {
	n.Way = WayVisit
	it := s.item(n, "visit", "上门送达", why)
	if err := s.todos.Put(ctx, tx, it); err != nil {
		return n, fmt.Errorf("ask for a visit: %w", err)
	}
	text := "转上门送达"
	if why != "" {
		text = why + "，" + text
	}
	return s.save(ctx, tx, theSystem, before, n, change{act: "send", text: text})
}

// item is what waits for the officer of a notice, else for the squad.
func (s *Service) item(n Notice, key, verb, summary string) todo.Item {
	it := todo.Item{
		Source: "notice", SourceID: n.ID, Key: key, Kind: "notice", Title: n.ShopName + " " + KindName(n.Kind) + " — " + verb, Summary: strings.TrimSpace(n.No + "　" + n.Address + "　" + summary),
		Path: "/notices/" + n.ID, PhonePath: "/notice/" + n.ID, RegionCode: n.RegionCode, Assignee: n.OfficerID, StepName: verb, DueAt: n.DueAt, Step: 2, Steps: 3,
	}
	if n.OfficerID == "" {
		it.Group = &todo.Group{Role: "squad_leader", OrgID: n.SquadOrgID}
	}
	return it
}

// message writes one message of a notice and notes it.
func (s *Service) message(ctx context.Context, tx db.Tx, n Notice, r Rule, channel, what, body, key string) (notify.OutsideSent, error) {
	sent, err := s.sender.SendOutside(ctx, tx, notify.OutsideMessage{
		Channel: channel, To: n.ShopID, ToName: n.ShopName, ItemID: n.ID, Key: what + "|" + key, Title: n.Title, Body: body, Rule: KindName(n.Kind), Urgent: r.Urgent,
	})
	if err != nil {
		return sent, fmt.Errorf("send notice %s: %w", n.No, err)
	}
	now := clock.At(tx.Now())
	return sent, putSend(ctx, tx, msgRow{SendID: sent.ID, NoticeID: n.ID, Channel: channel, What: what, State: sent.State, Reason: sent.Reason, MadeAt: now, MovedAt: now})
}

// TakeProgress handles notify.outside: how a message goes on. The same news
// again changes nothing.
func (s *Service) TakeProgress(ctx context.Context, tx db.Tx, e events.Event) error {
	var p notify.OutsideProgress
	if err := e.Decode(&p); err != nil {
		return err
	}
	m, ok, err := sendByID(ctx, tx, p.SendID)
	if err != nil || !ok {
		return err
	}
	m.State, m.Reason, m.MovedAt = p.State, p.Reason, p.At
	if err := putSend(ctx, tx, m); err != nil || m.What != "notice" {
		return err
	}
	ctx = caller.System(ctx, "告知送达")
	n, ok, err := lock(ctx, tx, "n.id = ?", m.NoticeID)
	if err != nil || !ok {
		return err
	}
	switch p.State {
	case notify.Sent, notify.Delivered, notify.Read:
		_, err = s.arrived(ctx, tx, n, State(p.State), notify.ChannelName(p.Channel), p.At)
		return err
	case notify.Failed, notify.Expired, notify.Skipped:
		return s.next(ctx, tx, n, m, notify.ChannelName(p.Channel)+"未送达（"+p.Reason+"）")
	}
	return nil
}

// arrived notes that a notice came further; once it has reached the shop
// nobody has to bring it.
func (s *Service) arrived(ctx context.Context, tx db.Tx, n Notice, to State, by string, at clock.Stamp) (Notice, error) {
	before := n
	if !n.Advance(to, at) {
		return n, nil
	}
	if n.Reached() && !before.Reached() {
		if err := s.timers.Cancel(ctx, tx, TimerKind, n.ID); err != nil {
			return n, err
		}
		if err := s.todos.Close(ctx, tx, "notice", n.ID, "visit", theSystem.id, "已由"+by+"送达"); err != nil {
			return n, err
		}
	}
	return s.save(ctx, tx, theSystem, before, n, change{act: "delivery", text: by + to.Label(), shown: to != Sent})
}

// next takes the way after the one that failed, when it is still the way that
// is tried.
func (s *Service) next(ctx context.Context, tx db.Tx, n Notice, m msgRow, why string) error {
	after := map[string]string{notify.Owner: WaySMS, notify.SMS: WayVisit}[m.Channel]
	if n.EndedAt != nil || n.Reached() || n.State.rank() == 0 || n.Way != map[string]string{notify.Owner: WayPush, notify.SMS: WaySMS}[m.Channel] {
		return nil
	}
	if err := s.timers.Cancel(ctx, tx, TimerKind, n.ID); err != nil {
		return err
	}
	r, err := ruleByID(ctx, tx, n.RuleID)
	if err != nil {
		return err
	}
	n, err = s.goOut(ctx, tx, n, r, after, why)
	_ = n
	return err
}

// FireTimer handles the timer: a message without a receipt gives way to the
// next way; one that is held until the morning is waited for.
func (s *Service) FireTimer(ctx context.Context, tx db.Tx, payload json.RawMessage) error {
	var w wait
	if err := json.Unmarshal(payload, &w); err != nil {
		return fmt.Errorf("read timer of a notice: %w", err)
	}
	ctx = caller.System(ctx, "告知送达")
	n, ok, err := lock(ctx, tx, "n.id = ?", w.NoticeID)
	if err != nil || !ok {
		return err
	}
	m, ok, err := sendByID(ctx, tx, w.SendID)
	if err != nil || !ok {
		return err
	}
	sent, err := s.sender.OutsideState(ctx, tx, w.SendID)
	if err != nil {
		return err
	}
	r, err := ruleByID(ctx, tx, n.RuleID)
	if err != nil {
		return err
	}
	minutes := map[string]int64{notify.Owner: r.PushMinutes, notify.SMS: r.SMSMinutes}[m.Channel]
	if sent.Held(tx.Now()) {
		return s.timers.At(ctx, tx, TimerKind, n.ID, sent.NextAt.Time().Add(time.Duration(minutes)*time.Minute), w)
	}
	return s.next(ctx, tx, n, m, fmt.Sprintf("%s %d 分钟内没有送达回执", notify.ChannelName(m.Channel), minutes))
}

// Outside answers the sender's questions about shops.
type Outside struct{ S *Service }

// Contact implements notify.Outside.
func (o Outside) Contact(ctx context.Context, tx db.Tx, who string) (notify.Contact, bool, error) {
	c, ok, err := o.S.shops.Contact(ctx, tx, who)
	return notify.Contact{ID: who, Name: c.Name, Account: c.CreditCode, Phone: c.Phone, Active: ok}, ok, err
}

// Link implements notify.Outside: the address of a notice's page.
func (o Outside) Link(ctx context.Context, tx db.Tx, itemID string) (string, error) {
	n, ok, err := lock(ctx, tx, "n.id = ?", itemID)
	if err != nil || !ok {
		return "", err
	}
	r, err := ruleByID(ctx, tx, n.RuleID)
	if err != nil {
		return "", err
	}
	return o.S.url + "/o/n/" + o.S.seal(forLink, n.Code, tx.Now().AddDate(0, 0, int(r.LinkDays))), nil
}
