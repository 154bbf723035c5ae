package deadline

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
)

// TopicFired is the outbox topic of what clocks fire.
const TopicFired = "deadline.fired"

// TopicEnded is the outbox topic of a clock whose record left the state that
// it counts: what was told of it stands no more.
const TopicEnded = "deadline.ended"

// EndedEvent is the payload of TopicEnded.
type EndedEvent struct {
	ClockID  string `json:"clockId"`
	Record   string `json:"record"`
	RecordID string `json:"recordId"`
	Outcome  string `json:"outcome"`
}

// timerKind is the kind of the clocks' timers; the key is the clock.
const timerKind = "deadline.fire"

// Fired is the payload of TopicFired.
type Fired struct {
	ClockID    string      `json:"clockId"`
	Record     string      `json:"record"`
	RecordID   string      `json:"recordId"`
	Name       string      `json:"name"`
	Title      string      `json:"title"`
	Path       string      `json:"path"`
	RegionCode string      `json:"regionCode"`
	Rule       string      `json:"rule"`
	Round      int         `json:"round"`
	Kind       string      `json:"kind"` // warn | due | level
	Level      string      `json:"level,omitempty"`
	Label      string      `json:"label,omitempty"`
	Action     Action      `json:"action,omitempty"`
	To         string      `json:"to,omitempty"`
	DueAt      clock.Stamp `json:"dueAt"`
	At         clock.Stamp `json:"at"`
}

type timerPayload struct {
	ClockID string `json:"clockId"`
}

// arm sets the clock's one timer to the next thing that it fires.
func (s *Service) arm(ctx context.Context, tx db.Tx, c Clock, rule Rule) error {
	if c.State != stateRunning || c.DueAt == nil {
		return s.timers.Cancel(ctx, tx, timerKind, c.ID)
	}
	cal, err := s.calendar(ctx, tx)
	if err != nil {
		return err
	}
	fired, err := firedOf(ctx, tx, c.ID, c.Round)
	if err != nil {
		return err
	}
	for _, m := range rule.moments(cal, c.DueAt.Time(), c.near) {
		if !fired[m.key] {
			return s.timers.At(ctx, tx, timerKind, c.ID, m.at, timerPayload{c.ID})
		}
	}
	return s.timers.Cancel(ctx, tx, timerKind, c.ID)
}

// fire is the effect of a clock's timer: everything that is due by now fires
// once a round, and the timer is set for what comes next.
func (s *Service) fire(ctx context.Context, tx db.Tx, payload json.RawMessage) error {
	var p timerPayload
	if err := json.Unmarshal(payload, &p); err != nil {
		return fmt.Errorf("read the timer of a clock: %w", err)
	}
	c, found, err := clockByID(ctx, tx, p.ClockID)
	if err != nil {
		return err
	}
	if !found || c.State != stateRunning || c.DueAt == nil {
		return nil // it ended or stands since
	}
	rule, err := ruleByID(ctx, tx, c.RuleID)
	if err != nil {
		return err
	}
	cal, err := s.calendar(ctx, tx)
	if err != nil {
		return err
	}
	fired, err := firedOf(ctx, tx, c.ID, c.Round)
	if err != nil {
		return err
	}
	changed := false
	for _, m := range rule.moments(cal, c.DueAt.Time(), c.near) {
		if fired[m.key] || m.at.After(tx.Now()) {
			continue
		}
		ok := s.holds(c, rule, m, tx.Now())
		if err := insertFired(ctx, tx, c, m, ok); err != nil {
			return err
		}
		if !ok {
			continue
		}
		if m.kind == FiredDue && c.OverAt == nil {
			c.OverAt, changed = clock.Ptr(c.DueAt.Time().Add(time.Millisecond)), true
		}
		if m.kind == FiredLevel {
			c.Level, changed = m.level.ID, true
		}
		if err := events.Publish(ctx, tx, TopicFired, Fired{
			ClockID: c.ID, Record: c.Record, RecordID: c.RecordID, Name: c.Name, Title: c.Title, Path: c.Path, RegionCode: c.RegionCode,
			Rule: c.RuleCode, Round: c.Round, Kind: m.kind, Level: m.level.ID, Label: m.level.Label, Action: m.level.Action, To: m.level.To,
			DueAt: *c.DueAt, At: clock.At(tx.Now()),
		}); err != nil {
			return err
		}
	}
	if changed {
		if err := updateClock(ctx, tx, &c); err != nil {
			return err
		}
	}
	if s.wake != nil {
		tx.AfterCommit(s.wake)
	}
	return s.arm(ctx, tx, c, rule)
}

// holds evaluates the condition of a level; one that cannot be evaluated does
// hold, because a notice too many is better than one too few.
func (s *Service) holds(c Clock, rule Rule, m moment, now time.Time) bool {
	f, err := compile(m.level.When)
	if err != nil {
		s.log.Error("condition of a deadline level", "rule", rule.ID, "level", m.level.ID, "err", err)
		return true
	}
	env := map[string]any{}
	for k, v := range c.vars {
		env[k] = v
	}
	env["record"], env["region"], env["name"], env["over"] = c.Record, c.RegionCode, c.Name, now.After(c.DueAt.Time())
	ok, err := f(env)
	if err != nil {
		s.log.Error("condition of a deadline level", "rule", rule.ID, "level", m.level.ID, "err", err)
		return true
	}
	return ok
}
