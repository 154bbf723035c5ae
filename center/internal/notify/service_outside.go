package notify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/ids"
)

// TopicOutside tells how a message to somebody outside goes on.
const TopicOutside = "notify.outside"

// OutsideProgress is the payload of notify.outside.
type OutsideProgress struct {
	SendID  string      `json:"sendId"`
	ItemID  string      `json:"itemId"`
	Channel string      `json:"channel"`
	State   string      `json:"state"`
	Reason  string      `json:"reason"`
	At      clock.Stamp `json:"at"`
}

// Outside knows people who are not of the organisation. Both are asked at the
// moment of sending, so that neither numbers nor links lie in the log.
type Outside interface {
	// Contact gives where somebody is reached now; Account is the credit code
	// of an enterprise. False when there is nobody.
	Contact(ctx context.Context, tx db.Tx, who string) (Contact, bool, error)
	// Link makes the address of the page about an item.
	Link(ctx context.Context, tx db.Tx, itemID string) (string, error)
}

// SetOutside names who knows the people outside. Call it before Start.
func (s *Service) SetOutside(o Outside) { s.outside = o }

// OutsideMessage is a message to somebody outside. {{链接}} in Body becomes the
// address of the item's page.
type OutsideMessage struct {
	Channel string // SMS or Owner
	To      string // whom Outside knows
	ToName  string
	// ItemID is what the message is about; Key tells it from others about the
	// same: a message of an ItemID, Channel and Key is sent once.
	ItemID, Key string
	Title, Body string
	// Rule is what the log says it was sent by.
	Rule string
	// Urgent passes quiet hours and the limit per hour.
	Urgent bool
}

// OutsideSent is how a message to somebody outside stands.
type OutsideSent struct {
	ID, State, Reason string
	// NextAt is when it is tried next while it waits.
	NextAt clock.Stamp
}

// SendOutside writes a message to be sent; again with the same key it gives
// the one that is there.
func (s *Service) SendOutside(ctx context.Context, tx db.Tx, in OutsideMessage) (OutsideSent, error) {
	if !slices.Contains([]string{SMS, Owner}, in.Channel) || in.To == "" || in.ItemID == "" {
		return OutsideSent{}, errs.New(errs.Internal, "message to nobody, or by channel %q", in.Channel)
	}
	key := "outside|" + in.ItemID + "|" + in.Channel + "|" + in.Key
	if old, err := one[sendRow](ctx, tx, "message", "s.dedupe_key = ?", key); err != nil || old != nil {
		return sentOf(old), err
	}
	all, err := channels(ctx, tx)
	if err != nil {
		return OutsideSent{}, err
	}
	ch, now := all[in.Channel], clock.At(tx.Now())
	c, ok, err := s.outside.Contact(ctx, tx, in.To)
	if err != nil {
		return OutsideSent{}, fmt.Errorf("read contact of %s: %w", in.To, err)
	}
	m := &sendRow{
		ID: ids.New(), RuleName: in.Rule, Channel: in.Channel, Op: opPush, Person: in.To, PersonName: in.ToName, ItemID: in.ItemID, Kind: "notice", Change: "outside",
		Address: shownAddress(in.Channel, c, prefRow{}, ""), Title: in.Title, Body: in.Body, Urgent: flag(in.Urgent), State: Queued, NextAt: now, CreatedAt: now, DedupeKey: key, Outside: 1,
	}
	switch {
	case !ch.on():
		m.State, m.Reason = Skipped, ChannelName(in.Channel)+"未接通"
	case !ok || addressOf(in.Channel, c, prefRow{}, "") == "":
		m.State, m.Reason = Skipped, "没有登记"+addressName(in.Channel)
	}
	if err := s.enter(ctx, tx, m, ch, prefRow{QuietFrom: -1, QuietTo: -1}); err != nil {
		return OutsideSent{}, err
	}
	return sentOf(m), nil
}

func sentOf(m *sendRow) OutsideSent {
	if m == nil {
		return OutsideSent{}
	}
	return OutsideSent{ID: m.ID, State: m.State, Reason: m.Reason, NextAt: m.NextAt}
}

// OutsideState reads how a message stands; the zero value when there is none.
func (s *Service) OutsideState(ctx context.Context, tx db.Tx, id string) (OutsideSent, error) {
	m, err := one[sendRow](ctx, tx, "message", "s.id = ?", id)
	return sentOf(m), err
}

// WithdrawOutside takes back what waits to be sent about an item.
func (s *Service) WithdrawOutside(ctx context.Context, tx db.Tx, itemID, reason string) error {
	return withdraw(ctx, tx, itemID, reason)
}

// ChannelState is whether a channel works, for screens that depend on it.
type ChannelState struct {
	Code string `json:"code"`
	Name string `json:"name"`
	// Mode is off, fake or real.
	Mode string `json:"mode" enum:"off,fake,real"`
	// Down says that the gateway has not answered several times in a row.
	Down bool `json:"down"`
}

// ChannelStates tells how channels are connected.
func (s *Service) ChannelStates(ctx context.Context, codes ...string) ([]ChannelState, error) {
	all, err := channels(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	out := []ChannelState{}
	for _, code := range codes {
		c, ok := all[code]
		if !ok {
			c.Mode = "off"
		}
		out = append(out, ChannelState{Code: code, Name: ChannelName(code), Mode: c.Mode, Down: c.on() && c.Fails >= openAfter})
	}
	return out, nil
}

// progress stores how a send goes on, and tells of one to somebody outside.
func (s *Service) progress(ctx context.Context, tx db.Tx, r *sendRow) error {
	if err := setSend(ctx, tx, r); err != nil || r.Outside == 0 || r.State == Queued || r.State == Sending {
		return err
	}
	return events.Publish(ctx, tx, TopicOutside, OutsideProgress{SendID: r.ID, ItemID: r.ItemID, Channel: r.Channel, State: r.State, Reason: r.Reason, At: clock.At(tx.Now())})
}

// contactOf gives where a send goes to now.
func (s *Service) contactOf(ctx context.Context, tx db.Tx, r *sendRow) (Contact, bool, error) {
	if r.Outside == 0 {
		return s.people.Contact(ctx, r.Person)
	}
	if s.outside == nil {
		return Contact{}, false, nil
	}
	return s.outside.Contact(ctx, tx, r.Person)
}

// Held tells whether a message waits for the end of quiet hours or of a limit.
func (o OutsideSent) Held(now time.Time) bool {
	return o.State == Queued && o.NextAt.Time().After(now) && strings.HasSuffix(o.Reason, "延后发送")
}
