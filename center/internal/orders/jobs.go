package orders

import (
	"context"
	"fmt"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
)

// escalationPage bounds one transaction of the escalation job.
const escalationPage = 200

// levelName says who has to look at an order of a level.
func levelName(level int) string {
	if level == 1 {
		return "中队长和区局派单员"
	}
	return "区局负责人"
}

// Escalate notes every level that an overdue order has reached, each once,
// and tells how many it noted. It is safe to run it twice at the same time.
func (s *Service) Escalate(ctx context.Context) (int, error) {
	total, after := 0, ""
	for {
		n, last, noted := 0, after, 0
		err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
			n, last, noted = 0, after, 0
			list, err := overdueOpen(ctx, tx, after, escalationPage)
			if err != nil {
				return err
			}
			for _, o := range list {
				k, err := s.escalateOne(ctx, tx, o)
				if err != nil {
					return err
				}
				noted += k
				last = o.ID
			}
			n = len(list)
			if noted > 0 {
				tx.AfterCommit(s.wake)
			}
			return nil
		})
		if err != nil {
			return total, fmt.Errorf("escalate overdue orders: %w", err)
		}
		total += noted
		if n < escalationPage {
			return total, nil
		}
		after = last
	}
}

func (s *Service) escalateOne(ctx context.Context, tx db.Tx, o Order) (int, error) {
	rule, err := ruleByID(ctx, tx, o.RuleID)
	if err != nil {
		return 0, err
	}
	noted := 0
	for level := 1; level <= LevelsDue(o, rule.EscalateMinutes, tx.Now()); level++ {
		fresh, err := escalate(ctx, tx, o.ID, level)
		if err != nil {
			return noted, err
		}
		if !fresh {
			continue
		}
		noted++
		text := fmt.Sprintf("工单超时，升级提醒%s（第 %d 级）", levelName(level), level)
		st := stepRow{ID: s.newID(), OrderID: o.ID, MadeAt: clock.At(tx.Now()), Act: StepOverdue, ActorID: "system", ActorName: "系统", Text: text}
		if err := addStep(ctx, tx, &st, nil); err != nil {
			return noted, err
		}
		err = audit.Record(ctx, tx, audit.Entry{
			Act: "order.overdue", Object: "order", ObjectID: o.ID, RegionCode: o.RegionCode,
			Summary: fmt.Sprintf("工单 %s 超时，第 %d 级升级", o.No, level), After: trace(o),
		})
		if err != nil {
			return noted, err
		}
		err = events.Publish(ctx, tx, TopicOverdue, Overdue{
			ID: o.ID, No: o.No, Level: level, RegionCode: o.RegionCode, SquadOrgID: o.SquadOrgID, OfficerID: o.OfficerID, DueAt: o.DueAt,
		})
		if err != nil {
			return noted, err
		}
	}
	return noted, nil
}
