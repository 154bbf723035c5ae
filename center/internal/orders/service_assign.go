package orders

import (
	"context"
	"fmt"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// AssignInput hands an order on: a dispatcher names a squad, a squad leader
// one of the squad's officers.
type AssignInput struct {
	ID        string
	Rev       int64
	SquadID   string
	OfficerID string
	Note      string
	Key       string
}

// Assign gives an order to a squad or an officer for the first time, or again
// after a return.
func (s *Service) Assign(ctx context.Context, in AssignInput) (Order, error) {
	var f errs.Fields
	in.Note = note(&f, "note", in.Note, false, "附言")
	in.checkTarget(&f)
	if err := f.Err(); err != nil {
		return Order{}, err
	}
	return s.do(ctx, command{in.ID, in.Rev, Assign, in.Key}, func(ctx context.Context, tx db.Tx, who viewer, o Order) (change, error) {
		return s.hand(ctx, tx, who, o, in, Assign)
	})
}

// Reassign takes an order from its squad or officer and gives it to another.
func (s *Service) Reassign(ctx context.Context, in AssignInput) (Order, error) {
	var f errs.Fields
	in.Note = note(&f, "reason", in.Note, true, "改派原因")
	in.checkTarget(&f)
	if err := f.Err(); err != nil {
		return Order{}, err
	}
	return s.do(ctx, command{in.ID, in.Rev, Reassign, in.Key}, func(ctx context.Context, tx db.Tx, who viewer, o Order) (change, error) {
		return s.hand(ctx, tx, who, o, in, Reassign)
	})
}

func (in AssignInput) checkTarget(f *errs.Fields) {
	f.Check((in.SquadID == "") != (in.OfficerID == ""), "squadOrgId", "请选择一个中队或一名队员")
}

// hand works out the target. Who may name which: a dispatcher any squad of
// the scope, the leader an officer of the own squad.
func (s *Service) hand(ctx context.Context, tx db.Tx, who viewer, o Order, in AssignInput, act Act) (change, error) {
	p := who.person(o)
	var to string
	var next Order
	if in.SquadID != "" {
		if !p.any(func(p Person) bool { return p.dispatches(o) }) {
			return change{}, errs.Forbidden("只有区局派单员可以派到中队")
		}
		org, ok, err := s.people.Org(ctx, in.SquadID)
		if err != nil {
			return change{}, fmt.Errorf("look up squad: %w", err)
		}
		if !ok || org.Kind != "squad" || !who.Allows(access.OrderDispatch, org.RegionCode) {
			return change{}, errs.Invalidf("squadOrgId", "没有这个中队，或不在您的数据范围内")
		}
		if act == Reassign && org.ID == o.SquadOrgID && o.OfficerID == "" {
			return change{}, errs.Invalidf("squadOrgId", "工单已在%s，请选择另一个中队", org.Name)
		}
		next, to = o.ToSquad(org.ID, org.Name), org.Name
	} else {
		if !p.any(func(p Person) bool { return p.leads(o) }) {
			return change{}, errs.Forbidden("由承办中队的中队长派给队员")
		}
		x, ok, err := s.people.Officer(ctx, in.OfficerID)
		if err != nil {
			return change{}, fmt.Errorf("look up officer: %w", err)
		}
		if !ok || x.OrgID != o.SquadOrgID || !x.Handles {
			return change{}, errs.Invalidf("officerId", "请选择%s里能处置工单的队员", o.SquadName)
		}
		if act == Reassign && x.ID == o.OfficerID {
			return change{}, errs.Invalidf("officerId", "工单已在%s名下，请选择另一名队员", x.Name)
		}
		next, to = o.ToOfficer(x.ID, x.Name), x.Name
	}
	text := "派给" + to
	if act == Reassign {
		text = "改派给" + to
	}
	if in.Note != "" {
		text += "：" + in.Note
	}
	return change{
		order: next, step: stepRow{Act: StepAct(act), Text: text},
		summary: fmt.Sprintf("工单 %s %s", o.No, text), reason: reasonOf(act, in.Note),
	}, nil
}

func reasonOf(act Act, note string) string {
	if act == Reassign {
		return note
	}
	return ""
}

// ReturnInput sends an order back to the dispatcher.
type ReturnInput struct {
	ID     string
	Rev    int64
	Reason string
	Key    string
}

// Return sends an order back to the dispatcher with a reason.
func (s *Service) Return(ctx context.Context, in ReturnInput) (Order, error) {
	var f errs.Fields
	in.Reason = note(&f, "reason", in.Reason, true, "退回原因")
	if err := f.Err(); err != nil {
		return Order{}, err
	}
	return s.do(ctx, command{in.ID, in.Rev, Return, in.Key}, func(_ context.Context, _ db.Tx, _ viewer, o Order) (change, error) {
		from := strings.TrimSpace(o.SquadName + " " + o.OfficerName)
		return change{
			order: o.GiveBack(), step: stepRow{Act: StepAct(Return), Text: "退回区局：" + in.Reason},
			summary: fmt.Sprintf("工单 %s 由%s退回", o.No, from), reason: in.Reason,
		}, nil
	})
}
