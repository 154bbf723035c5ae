package deadline

import (
	"context"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Planned is how long a record would have.
type Planned struct {
	Rule  Rule
	DueAt clock.Stamp
	// Near is how long before its end the record's clock is near.
	Near time.Duration
}

// Plan tells by which rule a record that begins at a moment would run and
// when it would be due: the first of the codes that has a rule in force then
// which is switched on. A limit above zero stands in place of an hour rule's,
// and what counts as near shrinks or grows with it. A clock that Start begins
// with the same rule, limit and nearness ends at the same moment.
func (s *Service) Plan(ctx context.Context, codes []string, at time.Time, limit time.Duration) (Planned, error) {
	rule, err := s.inForce(ctx, codes, at)
	if err != nil {
		return Planned{}, err
	}
	cal, err := s.calendar(ctx, s.db.Read())
	if err != nil {
		return Planned{}, err
	}
	t := Timing{Start: clock.At(at).Time(), Terms: rule.Terms}
	near := int64(0)
	if limit > 0 && !rule.Unit.Days() {
		t.Minutes = int64(limit.Minutes())
		near = max(1, t.Minutes*int64(rule.Near)/int64(max(1, rule.Amount)))
	}
	due, ok := t.End(cal)
	if !ok {
		return Planned{}, errs.New(errs.Internal, "期限规则 %s 算不出到期时间", rule.ID)
	}
	return Planned{Rule: rule, DueAt: clock.At(due), Near: due.Sub(rule.nearAt(cal, due, near))}, nil
}

// inForce finds the first rule of the codes; a code without one is passed
// over unless it is the last.
func (s *Service) inForce(ctx context.Context, codes []string, at time.Time) (Rule, error) {
	var last error
	for i, code := range codes {
		rule, err := ruleAt(ctx, s.db.Read(), code, clock.At(at))
		if err != nil {
			if !errs.Is(err, errs.NotFoundCode) {
				return Rule{}, err
			}
			last = err
			continue
		}
		on, err := enabled(ctx, s.db.Read(), code)
		if err != nil || on || i == len(codes)-1 {
			return rule, err
		}
	}
	return Rule{}, last
}

// RuleOf gives the version of the rule by which a record's clock runs; false
// when the record has no clock of the name.
func (s *Service) RuleOf(ctx context.Context, record, recordID, name string) (Rule, bool, error) {
	list, err := clocksOf(ctx, s.db.Read(), record, recordID)
	if err != nil {
		return Rule{}, false, err
	}
	for _, c := range list {
		if c.Name == name {
			rule, err := ruleByID(ctx, s.db.Read(), c.RuleID)
			return rule, err == nil, err
		}
	}
	return Rule{}, false, nil
}
