package orders

import (
	"context"
	"fmt"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
)

// States of a proposal.
const (
	proposalOpen      = "open"
	proposalTaken     = "taken"
	proposalDismissed = "dismissed"
	// proposalVoid: the order went on without it.
	proposalVoid = "void"
)

// OrderProposal is what a camera found when it looked again: the order could be
// closed by it, or had better not be.
type OrderProposal struct {
	ID          string       `json:"id"`
	Source      string       `json:"source" enum:"recheck,notice"`
	Clean       bool         `json:"clean"`
	FoundAt     clock.Stamp  `json:"foundAt"`
	Text        string       `json:"text"`
	Pictures    []string     `json:"pictures"`
	State       string       `json:"state" enum:"open,taken,dismissed,void"`
	DecidedName string       `json:"decidedName,omitempty"`
	DecidedAt   *clock.Stamp `json:"decidedAt,omitempty"`
}

// settles tells that the order may be closed by it.
func (p OrderProposal) settles() bool { return p.Clean && p.State == proposalOpen }

// lookAgain asks the camera to look again on its next run.
func (s *Service) lookAgain(ctx context.Context, tx db.Tx, o Order) error {
	if s.cameras == nil || o.CameraID == "" {
		return nil
	}
	if err := s.cameras.AskRecheck(ctx, tx, o, tx.Now()); err != nil {
		return fmt.Errorf("ask the camera to look again: %w", err)
	}
	return nil
}

// RecheckInput asks the camera to look again now.
type RecheckInput struct {
	ID  string
	Rev int64
	Key string
}

// Recheck asks the camera of an order to look again; what it finds comes back
// as a proposal.
func (s *Service) Recheck(ctx context.Context, in RecheckInput) (Order, error) {
	if s.cameras == nil {
		return Order{}, errs.New(errs.Unavailable, "点位复拍没有启用")
	}
	return s.do(ctx, command{in.ID, in.Rev, Recheck, in.Key}, func(ctx context.Context, tx db.Tx, _ viewer, o Order) (change, error) {
		if err := s.lookAgain(ctx, tx, o); err != nil {
			return change{}, err
		}
		return change{
			order: o, step: stepRow{Act: StepAct(Recheck), Text: "请点位 " + o.CameraName + " 复拍"},
			summary: fmt.Sprintf("工单 %s 请点位复拍", o.No),
		}, nil
	})
}

// TakeRechecked handles patrol.rechecked: a clean spot is proposed for
// closing, one that is not is shown. It does not change the order, so that
// nobody's act meets a newer version. Told twice it notes once.
func (s *Service) TakeRechecked(ctx context.Context, tx db.Tx, e events.Event) error {
	var x Rechecked
	if err := e.Decode(&x); err != nil {
		return err
	}
	if x.OrderID == "" {
		return nil // asked for by somebody else
	}
	o, err := anyOrder(ctx, tx, x.OrderID)
	if errs.Is(err, errs.NotFoundCode) {
		return nil // voided since
	}
	if err != nil || o.State == Closed || o.State == Filing {
		return err
	}
	if x.ID == "" {
		x.ID = fmt.Sprintf("%s:%d", x.OrderID, int64(x.At))
	}
	p := OrderProposal{ID: s.newID(), Source: "recheck", Clean: x.Clean, FoundAt: x.At, Pictures: x.Evidence, State: proposalOpen}
	switch {
	case x.Clean:
		p.Text = "点位复拍，未再识别到" + kindLabel(o.Kind)
	case x.Seen:
		p.Text = "点位复拍，仍识别到" + kindLabel(o.Kind)
	default:
		p.Text = "点位复拍没有结论：" + x.Reason
	}
	fresh, err := addProposal(ctx, tx, o.ID, x.ID, p)
	if err != nil || !fresh {
		return err
	}
	// An older look counts no more.
	if err := endProposals(ctx, tx, o.ID, others(p.ID), proposalVoid, system()); err != nil {
		return err
	}
	if err := s.todos.OrderProposed(ctx, tx, o, p.Text, p.Clean); err != nil {
		return err
	}
	if err := addPhotos(ctx, tx, o.ID, pictures(photoRecheck, x.Evidence)); err != nil {
		return err
	}
	return s.remark(ctx, tx, o, StepLooked, p.Text, x.Evidence)
}

// remark adds a line to an order's timeline that changes nothing of the order.
func (s *Service) remark(ctx context.Context, tx db.Tx, o Order, act StepAct, text string, pictures []string) error {
	st := stepRow{ID: s.newID(), OrderID: o.ID, MadeAt: clock.At(tx.Now()), Act: act, ActorID: "system", ActorName: "系统", Text: text}
	if err := addStep(ctx, tx, &st, pictures); err != nil {
		return err
	}
	err := audit.Record(ctx, tx, audit.Entry{
		Act: "order." + string(act), Object: "order", ObjectID: o.ID, RegionCode: o.RegionCode, Summary: fmt.Sprintf("工单 %s %s", o.No, text), After: trace(o),
	})
	if err != nil {
		return err
	}
	return s.changed(ctx, tx, o, false)
}

// TakeNotice handles notice.changed: how the notice to the owner goes is a
// line of the order's timeline.
func (s *Service) TakeNotice(ctx context.Context, tx db.Tx, e events.Event) error {
	var x NoticeChanged
	if err := e.Decode(&x); err != nil || x.OrderID == "" {
		return err
	}
	text := map[string]string{
		"made": "已生成告知", "sent": "告知已发出", "delivered": "告知已送达商铺", "read": "商铺已查看告知", "answered": "商铺已反馈",
		"confirmed": "商铺整改已确认", "rejected": "商铺整改未通过", "withdrawn": "告知已撤回",
	}[x.State]
	if text == "" {
		return nil
	}
	if x.State == "answered" && x.AnswerKind == "objection" {
		text = "商铺提出异议"
	}
	if way := map[string]string{"ssbc": "随申办", "sms": "短信", "visit": "上门送达", "print": "打印送达"}[x.Way]; way != "" {
		text += "（" + way + "）"
	}
	o, err := anyOrder(ctx, tx, x.OrderID)
	if errs.Is(err, errs.NotFoundCode) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.remark(ctx, tx, o, StepNotice, text, nil)
}

// SettleInput answers a proposal: Take closes the order by it.
type SettleInput struct {
	ID       string
	Rev      int64
	Proposal string
	Take     bool
	Note     string
	Key      string
}

// Settle closes an order by a proposal, or puts the proposal aside.
func (s *Service) Settle(ctx context.Context, in SettleInput) (Order, error) {
	var f errs.Fields
	in.Note = note(&f, "note", in.Note, !in.Take, "不采纳的原因")
	if err := f.Err(); err != nil {
		return Order{}, err
	}
	return s.do(ctx, command{in.ID, in.Rev, Settle, in.Key}, func(ctx context.Context, tx db.Tx, who viewer, o Order) (change, error) {
		list, err := proposalsOf(ctx, tx, o.ID)
		if err != nil {
			return change{}, err
		}
		var p *OrderProposal
		for i := range list {
			if list[i].ID == in.Proposal && list[i].settles() {
				p = &list[i]
			}
		}
		if p == nil {
			return change{}, errs.Conflict(fmt.Sprintf("工单 %s 的这条复查结果已处理过或已过时", o.No))
		}
		state, act, text, next := proposalTaken, StepSettled, "采纳："+p.Text+"，已办结并反馈市局", o.Settled(p.Text, p.FoundAt, clock.At(tx.Now()))
		if !in.Take {
			state, act, text, next = proposalDismissed, StepPutBy, "不采纳："+p.Text, o
		}
		if in.Note != "" {
			text += "。" + in.Note
		}
		if err := endProposals(ctx, tx, o.ID, only(p.ID), state, who); err != nil {
			return change{}, err
		}
		if err := s.todos.OrderProposed(ctx, tx, o, p.Text, false); err != nil {
			return change{}, err
		}
		return change{order: next, step: stepRow{Act: act, Text: text}, summary: fmt.Sprintf("工单 %s %s", o.No, text), reason: in.Note}, nil
	})
}
