package orders

import (
	"context"
	"fmt"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// MakeInput is a confirmed alert that asks for an order. It is the port
// through which the alerts domain makes orders, inside its own transaction;
// that domain has decided that the actor may confirm.
type MakeInput struct {
	AlertID, AlertNo     string
	Kind                 string
	ShopID, ShopName     string
	CameraID, CameraName string
	Address              string
	Lng, Lat             float64
	RegionCode           string
	StreetName           string
	EvidenceUse          string
	Thumb                string
	// Pictures of the alert that whoever sees the order may see.
	Pictures []string
	// Facts is the sentence of the alert.
	Facts string
	// Merge lets the alert join an open order of the same shop and kind.
	Merge bool
	// LimitHours overrides the rule's limit when above zero.
	LimitHours float64
	// BoundSquadID is the squad that the camera is bound to, if any.
	BoundSquadID string
	// SquadID sends the order to a squad at once when the actor may
	// dispatch; from anyone else it is only a suggestion.
	SquadID string
	Note    string
}

// Made tells which order the alert is in now.
type Made struct {
	OrderID, OrderNo string
	State            State
	Merged           bool
}

// Make makes an order of a confirmed alert or joins the alert to an open one.
func (s *Service) Make(ctx context.Context, tx db.Tx, in MakeInput) (Made, error) {
	who, err := access.From(ctx)
	if err != nil {
		return Made{}, err
	}
	rule, err := ruleFor(ctx, tx, in.Kind, tx.Now())
	if err != nil {
		return Made{}, err
	}
	if in.Merge && in.ShopID != "" {
		if err := lockMerge(ctx, tx, in.ShopID, in.Kind); err != nil {
			return Made{}, err
		}
		o, err := mergeable(ctx, tx, in.ShopID, in.Kind, rule.MergeHours, tx.Now())
		if err != nil {
			return Made{}, err
		}
		if o != nil {
			return s.join(ctx, tx, who, *o, in)
		}
	}
	return s.create(ctx, tx, who, rule, in)
}

func (s *Service) join(ctx context.Context, tx db.Tx, who access.Actor, o Order, in MakeInput) (Made, error) {
	next := o
	next.AlertCount++
	if in.EvidenceUse == "clue" {
		next.EvidenceUse = "clue"
	}
	if err := s.attach(ctx, tx, o.ID, in); err != nil {
		return Made{}, err
	}
	o2, err := s.save(ctx, tx, who, o, change{
		order: next, step: stepRow{Act: StepMerged, Text: fmt.Sprintf("合并预警 %s：%s", in.AlertNo, in.Facts)},
		summary: fmt.Sprintf("预警 %s 合并到工单 %s", in.AlertNo, o.No),
	}, "")
	if err != nil {
		return Made{}, err
	}
	return Made{OrderID: o2.ID, OrderNo: o2.No, State: o2.State, Merged: true}, nil
}

func (s *Service) attach(ctx context.Context, tx db.Tx, order string, in MakeInput) error {
	if err := linkAlert(ctx, tx, order, in.AlertID); err != nil {
		return err
	}
	return addPhotos(ctx, tx, order, photoAlert, in.Pictures)
}

func (s *Service) create(ctx context.Context, tx db.Tx, who access.Actor, rule Rule, in MakeInput) (Made, error) {
	no, err := nextNo(ctx, tx)
	if err != nil {
		return Made{}, err
	}
	limit := rule.Limit()
	if in.LimitHours > 0 {
		limit = time.Duration(in.LimitHours * float64(time.Hour))
	}
	now := tx.Now()
	o := Order{
		ID: s.newID(), No: no, Kind: in.Kind, State: Dispatched, ShopID: in.ShopID, ShopName: in.ShopName,
		CameraID: in.CameraID, CameraName: in.CameraName, Address: in.Address, Lng: in.Lng, Lat: in.Lat,
		RegionCode: in.RegionCode, StreetName: in.StreetName, EvidenceUse: in.EvidenceUse, Thumb: in.Thumb,
		AlertCount: 1, RuleID: rule.ID, LimitMS: limit.Milliseconds(), NearMS: rule.NearSpan(limit).Milliseconds(),
		NearToday: rule.NearToday, CreatedAt: clock.At(now), DueAt: clock.At(now.Add(limit)), Rev: 1,
	}
	if err := s.aim(ctx, who, &o, in.BoundSquadID, in.SquadID); err != nil {
		return Made{}, err
	}
	if err := insert(ctx, tx, o); err != nil {
		return Made{}, err
	}
	if err := s.attach(ctx, tx, o.ID, in); err != nil {
		return Made{}, err
	}
	text := fmt.Sprintf("确认预警 %s，生成工单：%s", in.AlertNo, in.Facts)
	if in.Note != "" {
		text += " 附言：" + in.Note
	}
	st := stepRow{ID: s.newID(), OrderID: o.ID, MadeAt: clock.At(now), Act: StepCreated, ActorID: who.ID, ActorName: who.Name, ActorOrg: who.OrgName, Text: text}
	if err := addStep(ctx, tx, &st, nil); err != nil {
		return Made{}, err
	}
	if o.SquadOrgID != "" {
		st := stepRow{ID: s.newID(), OrderID: o.ID, MadeAt: clock.At(now), Act: StepAct(Assign), ActorID: who.ID, ActorName: who.Name, ActorOrg: who.OrgName, Text: "派给" + o.SquadName}
		if err := addStep(ctx, tx, &st, nil); err != nil {
			return Made{}, err
		}
	}
	err = audit.Record(ctx, tx, audit.Entry{
		Act: "order.create", Object: "order", ObjectID: o.ID, RegionCode: o.RegionCode,
		Summary: fmt.Sprintf("由预警 %s 生成工单 %s", in.AlertNo, o.No), After: trace(o), Reason: in.Note,
	})
	if err != nil {
		return Made{}, err
	}
	return Made{OrderID: o.ID, OrderNo: o.No, State: o.State}, s.publish(ctx, tx, o, false)
}

// aim works out the squad: the suggestion always, the assignment when a
// dispatcher named it.
func (s *Service) aim(ctx context.Context, who access.Actor, o *Order, boundID, squadID string) error {
	sug, err := s.suggest(ctx, boundID, o.RegionCode, o.StreetName)
	if err != nil {
		return err
	}
	o.SuggestedSquadID, o.SuggestedSquad, o.SuggestReason = sug.OrgID, sug.Name, sug.Reason
	if squadID == "" {
		return nil
	}
	org, ok, err := s.people.Org(ctx, squadID)
	if err != nil {
		return fmt.Errorf("look up squad: %w", err)
	}
	if !ok || org.Kind != "squad" || !(who.Allows("order.dispatch", org.RegionCode) || who.Allows("alert.decide", org.RegionCode)) {
		return errs.Invalidf("squadOrgId", "没有这个中队，或不在您的数据范围内")
	}
	if personOf(who, *o).dispatches(*o) {
		o.SquadOrgID, o.SquadName = org.ID, org.Name
		return nil
	}
	o.SuggestedSquadID, o.SuggestedSquad, o.SuggestReason = org.ID, org.Name, "由"+who.Name+"建议"
	return nil
}

// Suggested is where an order of a place should go, and by when.
type Suggested struct {
	OrgID, Name, Reason string
	Limit               time.Duration
	DueAt               clock.Stamp
}

// Suggest tells before the confirmation what the order would be.
func (s *Service) Suggest(ctx context.Context, kind, boundSquadID, regionCode, streetName string) (Suggested, error) {
	now := s.db.Now()
	rule, err := ruleFor(ctx, s.db.Read(), kind, now)
	if err != nil {
		return Suggested{}, err
	}
	out, err := s.suggest(ctx, boundSquadID, regionCode, streetName)
	if err != nil {
		return Suggested{}, err
	}
	out.Limit = rule.Limit()
	out.DueAt = clock.At(now.Add(out.Limit))
	return out, nil
}

// suggest finds the squad that the camera is bound to, else that of the
// street, else the district bureau.
func (s *Service) suggest(ctx context.Context, bound, regionCode, street string) (Suggested, error) {
	if bound != "" {
		org, ok, err := s.people.Org(ctx, bound)
		if err != nil {
			return Suggested{}, fmt.Errorf("look up the camera's squad: %w", err)
		}
		if ok && org.Kind == "squad" {
			return Suggested{OrgID: org.ID, Name: org.Name, Reason: "点位指定由该中队负责"}, nil
		}
	}
	org, ok, err := s.people.SquadOf(ctx, regionCode)
	if err != nil {
		return Suggested{}, fmt.Errorf("find the squad of %s: %w", regionCode, err)
	}
	if ok {
		return Suggested{OrgID: org.ID, Name: org.Name, Reason: "点位在" + street + "，按点位地址推荐"}, nil
	}
	org, ok, err = s.people.DistrictOf(ctx, regionCode)
	if err != nil {
		return Suggested{}, fmt.Errorf("find the district of %s: %w", regionCode, err)
	}
	if ok {
		return Suggested{Name: org.Name, Reason: street + "没有对应的中队，由区局派发"}, nil
	}
	return Suggested{Reason: "点位没有登记街镇，请人工选择中队"}, nil
}

// Mergeable gives the order that an alert of the shop and kind would join,
// nil when there is none.
func (s *Service) Mergeable(ctx context.Context, shop, kind string) (*Order, error) {
	now := s.db.Now()
	rule, err := ruleFor(ctx, s.db.Read(), kind, now)
	if err != nil {
		return nil, err
	}
	return mergeable(ctx, s.db.Read(), shop, kind, rule.MergeHours, now)
}

// Withdraw undoes Make for an alert whose confirmation is taken back. An
// order made for it is voided as long as nobody did anything to it; from a
// merged order only the alert is taken out.
func (s *Service) Withdraw(ctx context.Context, tx db.Tx, orderID, alertID, alertNo string, merged bool) error {
	who, err := access.From(ctx)
	if err != nil {
		return err
	}
	o, err := anyOrder(ctx, tx, orderID)
	if err != nil {
		return err
	}
	if o.State == Closed {
		return errs.Conflict(fmt.Sprintf("工单 %s 已办结，不能撤销", o.No))
	}
	if merged {
		next := o
		next.AlertCount--
		if err := unlinkAlert(ctx, tx, o.ID, alertID); err != nil {
			return err
		}
		_, err := s.save(ctx, tx, who, o, change{
			order: next, step: stepRow{Act: StepUnmerged, Text: "撤销合并预警 " + alertNo},
			summary: fmt.Sprintf("预警 %s 从工单 %s 撤出", alertNo, o.No),
		}, "")
		return err
	}
	if o.Rev != 1 || o.AlertCount != 1 {
		return errs.Conflict(fmt.Sprintf("工单 %s 已有人处理，不能撤销", o.No))
	}
	ok, err := void(ctx, tx, o)
	if err != nil {
		return err
	}
	if !ok {
		return errs.Conflict(fmt.Sprintf("工单 %s 已有人处理，不能撤销", o.No))
	}
	err = audit.Record(ctx, tx, audit.Entry{
		Act: "order.void", Object: "order", ObjectID: o.ID, RegionCode: o.RegionCode,
		Summary: fmt.Sprintf("撤销确认预警 %s，工单 %s 作废，编号不再使用", alertNo, o.No), Before: trace(o),
	})
	if err != nil {
		return err
	}
	return s.publish(ctx, tx, o, true)
}
