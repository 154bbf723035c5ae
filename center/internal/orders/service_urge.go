package orders

import (
	"context"
	"fmt"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
)

// UrgeInput asks those who have the order to hurry.
type UrgeInput struct {
	ID   string
	Rev  int64
	Note string
	Key  string
}

// Urge notes that an order is urged: it rises in the to-dos of whoever it
// waits for. The same order is urged again only after the rule's minutes.
func (s *Service) Urge(ctx context.Context, in UrgeInput) (Order, error) {
	var f errs.Fields
	in.Note = note(&f, "note", in.Note, false, "催办说明")
	if err := f.Err(); err != nil {
		return Order{}, err
	}
	return s.do(ctx, command{in.ID, in.Rev, Urge, in.Key}, func(ctx context.Context, tx db.Tx, who viewer, o Order) (change, error) {
		rule, err := ruleByID(ctx, tx, o.RuleID)
		if err != nil {
			return change{}, err
		}
		if o.UrgedAt != nil {
			next := o.UrgedAt.Time().Add(time.Duration(rule.UrgeMinutes) * time.Minute)
			if tx.Now().Before(next) {
				return change{}, errs.Conflict(fmt.Sprintf("%s 刚催办过工单 %s，%s 后可以再催", wall(*o.UrgedAt), o.No, wall(clock.At(next))))
			}
		}
		o.Urged++
		o.UrgedAt = clock.Ptr(tx.Now())
		text := fmt.Sprintf("第 %d 次催办%s", o.Urged, waitsFor(o))
		if in.Note != "" {
			text += "：" + in.Note
		}
		err = events.Publish(ctx, tx, TopicUrged, UrgedEvent{
			ID: o.ID, No: o.No, RegionCode: o.RegionCode, SquadOrgID: o.SquadOrgID, OfficerID: o.OfficerID, By: who.Name,
			Note: in.Note, Times: o.Urged, At: *o.UrgedAt,
		})
		return change{
			order: o, step: stepRow{Act: StepAct(Urge), Text: text}, summary: fmt.Sprintf("工单 %s %s", o.No, text), reason: in.Note,
		}, err
	})
}

// waitsFor names whose turn it is.
func waitsFor(o Order) string {
	switch {
	case o.State == Handled:
		return "复核"
	case o.State == Returned || o.SquadOrgID == "":
		return "区局派发"
	case o.OfficerID == "":
		return o.SquadName + "派员"
	case o.State == Dispatched:
		return o.OfficerName + "签收"
	}
	return o.OfficerName + "处置"
}
