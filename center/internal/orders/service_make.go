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
	// ZoneID is the part of the picture, for looking again.
	ZoneID      string
	Address     string
	Lng, Lat    float64
	RegionCode  string
	StreetName  string
	EvidenceUse string
	Thumb       string
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
	actor, err := access.From(ctx)
	if err != nil {
		return Made{}, err
	}
	who := viewer{Actor: actor}
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

func (s *Service) join(ctx context.Context, tx db.Tx, who viewer, o Order, in MakeInput) (Made, error) {
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
	return addPhotos(ctx, tx, order, pictures(photoAlert, in.Pictures))
}

func (s *Service) create(ctx context.Context, tx db.Tx, who viewer, rule HandlingRule, in MakeInput) (Made, error) {
	no, err := nextNo(ctx, tx)
	if err != nil {
		return Made{}, err
	}
	now := tx.Now()
	limit := time.Duration(in.LimitHours * float64(time.Hour))
	term, err := s.clocks.Plan(ctx, in.Kind, now, limit)
	if err != nil {
		return Made{}, err
	}
	o := Order{
		ID: s.newID(), No: no, Kind: in.Kind, State: Dispatched, ShopID: in.ShopID, ShopName: in.ShopName,
		CameraID: in.CameraID, CameraName: in.CameraName, ZoneID: in.ZoneID, Address: in.Address, Lng: in.Lng, Lat: in.Lat,
		RegionCode: in.RegionCode, StreetName: in.StreetName, EvidenceUse: in.EvidenceUse, Thumb: in.Thumb,
		AlertCount: 1, RuleID: rule.ID, LimitMS: limit.Milliseconds(), NearMS: term.Near.Milliseconds(),
		CreatedAt: clock.At(now), DueAt: term.DueAt, Rev: 1,
	}
	if err := s.aim(ctx, who, &o, in); err != nil {
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
func (s *Service) aim(ctx context.Context, who viewer, o *Order, in MakeInput) error {
	place := placeOf(*o)
	place.BoundSquadID = in.BoundSquadID
	sug, err := s.suggest(ctx, place)
	if err != nil {
		return err
	}
	o.SuggestedSquadID, o.SuggestedSquad, o.SuggestReason = sug.OrgID, sug.Name, sug.Reason
	if in.SquadID == "" {
		return nil
	}
	org, ok, err := s.people.Org(ctx, in.SquadID)
	if err != nil {
		return fmt.Errorf("look up squad: %w", err)
	}
	if !ok || org.Kind != "squad" || !(who.Allows(access.OrderDispatch, org.RegionCode) || who.Allows(access.AlertDecide, org.RegionCode)) {
		return errs.Invalidf("squadOrgId", "没有这个中队，或不在您的数据范围内")
	}
	if who.Allows(access.OrderDispatch, o.RegionCode) {
		o.SquadOrgID, o.SquadName = org.ID, org.Name
		return nil
	}
	o.SuggestedSquadID, o.SuggestedSquad, o.SuggestReason = org.ID, org.Name, "由"+who.Name+"建议"
	return nil
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
