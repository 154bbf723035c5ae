package orders

import (
	"context"
	"fmt"
	"math"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// AcceptInput takes an order in.
type AcceptInput struct {
	ID  string
	Rev int64
	Key string
}

// Accept notes that the officer took the order.
func (s *Service) Accept(ctx context.Context, in AcceptInput) (Order, error) {
	return s.do(ctx, command{in.ID, in.Rev, Accept, in.Key}, accepting)
}

func accepting(_ context.Context, _ db.Tx, _ access.Actor, o Order) (change, error) {
	o.State = Accepted
	return change{
		order: o, step: stepRow{Act: StepAct(Accept), Text: "签收工单"},
		summary: fmt.Sprintf("签收工单 %s", o.No),
	}, nil
}

// AcceptIn is Accept in a running transaction, for the to-do centre's batch:
// the order is taken as it stands.
func (s *Service) AcceptIn(ctx context.Context, tx db.Tx, id string) error {
	who, err := access.Need(ctx, "order.view")
	if err != nil {
		return err
	}
	_, err = s.doIn(ctx, tx, who, command{id: id, rev: anyRev, act: Accept}, accepting)
	return err
}

// LeaveIn takes an order from an officer who left: it goes to the successor
// when that is an officer of the same squad, else back to the squad. It does
// nothing when the order is not with the officer any more.
func (s *Service) LeaveIn(ctx context.Context, tx db.Tx, id, from, to string) error {
	o, err := anyOrder(ctx, tx, id)
	if err != nil {
		return err
	}
	if o.OfficerID != from || o.State == Handled || o.State == Closed {
		return nil
	}
	state, left := o.State, o.OfficerName
	next := o.ToSquad(o.SquadOrgID, o.SquadName)
	text := left + "离任，交回" + o.SquadName
	if to != "" {
		p, ok, err := s.people.Officer(ctx, to)
		if err != nil {
			return fmt.Errorf("look up successor: %w", err)
		}
		if ok && p.OrgID == o.SquadOrgID && p.Handles {
			next = o.ToOfficer(p.ID, p.Name)
			next.State = state // the successor goes on where the other stood
			text = left + "离任，交给" + p.Name
		}
	}
	_, err = s.save(ctx, tx, access.Actor{ID: "system", Name: "系统"}, o, change{
		order: next, step: stepRow{Act: StepAct(Reassign), Text: text}, summary: fmt.Sprintf("工单 %s %s", o.No, text),
	}, "")
	return err
}

// ArriveInput is where the officer's phone says it is (WGS-84 degrees).
type ArriveInput struct {
	ID        string
	Rev       int64
	Lng, Lat  float64
	AccuracyM float64
	Key       string
}

// Arrive notes the arrival. A place far from the camera is marked and kept,
// never refused: positioning in narrow streets is not good enough for that.
func (s *Service) Arrive(ctx context.Context, in ArriveInput) (Order, error) {
	var f errs.Fields
	f.Check(in.Lng >= 70 && in.Lng <= 140, "lng", "经度应在 70 到 140 之间")
	f.Check(in.Lat >= 0 && in.Lat <= 56, "lat", "纬度应在 0 到 56 之间")
	f.Check(in.AccuracyM >= 0 && in.AccuracyM <= 1e6, "accuracyM", "定位精度应在 0 到 1000000 米之间")
	if err := f.Err(); err != nil {
		return Order{}, err
	}
	return s.do(ctx, command{in.ID, in.Rev, Arrive, in.Key}, func(ctx context.Context, tx db.Tx, _ access.Actor, o Order) (change, error) {
		rule, err := ruleByID(ctx, tx, o.RuleID)
		if err != nil {
			return change{}, err
		}
		o.State = OnSite
		d := math.Round(distanceM(in.Lng, in.Lat, o.Lng, o.Lat))
		text := fmt.Sprintf("到场，距点位 %.0f 米", d)
		if d > rule.WarnDistanceM {
			text = fmt.Sprintf("到场，距点位 %.0f 米，超过 %.0f 米，请核对位置", d, rule.WarnDistanceM)
		}
		return change{
			order:   o,
			step:    stepRow{Act: StepAct(Arrive), Text: text, Lng: &in.Lng, Lat: &in.Lat, AccuracyM: &in.AccuracyM, DistanceM: &d},
			summary: fmt.Sprintf("工单 %s %s", o.No, text),
		}, nil
	})
}

// HandleInput is the result on site. Photos are SM3 digests of uploaded
// pictures.
type HandleInput struct {
	ID     string
	Rev    int64
	Result Result
	Note   string
	Photos []string
	Key    string
}

// maxPhotos of one result.
const maxPhotos = 12

func (in *HandleInput) check() error {
	var f errs.Fields
	f.Check(in.Result.Valid(), "result", "请选择处置结果：已改正、警告教育、立案、误报或找不到现场")
	bare := in.Result == FalseAlarm || in.Result == NotSeen
	in.Note = note(&f, "note", in.Note, bare, "处置说明")
	f.Check(bare || len(in.Photos) > 0, "photos", "请至少上传一张处置后的照片")
	f.Check(len(in.Photos) <= maxPhotos, "photos", "照片不能超过 %d 张", maxPhotos)
	return f.Err()
}

// Handle hands in the result and asks for review.
func (s *Service) Handle(ctx context.Context, in HandleInput) (Order, error) {
	if err := in.check(); err != nil {
		return Order{}, err
	}
	for i, p := range in.Photos {
		ok, err := s.pictures.Has(ctx, p)
		if err != nil {
			return Order{}, fmt.Errorf("look for photo: %w", err)
		}
		if !ok {
			return Order{}, errs.Invalidf(fmt.Sprintf("photos[%d]", i), "第 %d 张照片还没有上传，请重新拍摄或选择", i+1)
		}
	}
	return s.do(ctx, command{in.ID, in.Rev, Handle, in.Key}, func(_ context.Context, tx db.Tx, _ access.Actor, o Order) (change, error) {
		text := "处置结果：" + in.Result.Label()
		if in.Note != "" {
			text += "。" + in.Note
		}
		return change{
			order: o.Finish(in.Result, in.Note, clock.At(tx.Now())),
			step:  stepRow{Act: StepAct(Handle), Text: text}, photos: in.Photos,
			summary: fmt.Sprintf("工单 %s %s，照片 %d 张", o.No, text, len(in.Photos)),
		}, nil
	})
}

// ReviewInput judges the result.
type ReviewInput struct {
	ID   string
	Rev  int64
	Pass bool
	Note string
	Key  string
}

// Review closes the order and feeds it back to the bureau, or sends it back
// on site with what is missing.
func (s *Service) Review(ctx context.Context, in ReviewInput) (Order, error) {
	var f errs.Fields
	in.Note = note(&f, "note", in.Note, !in.Pass, "复核意见（写明缺什么）")
	if err := f.Err(); err != nil {
		return Order{}, err
	}
	return s.do(ctx, command{in.ID, in.Rev, Review, in.Key}, func(_ context.Context, tx db.Tx, _ access.Actor, o Order) (change, error) {
		act, text := StepReviewed, "复核通过，已反馈市局"
		if !in.Pass {
			act, text = StepRejected, "复核不通过，退回现场"
		}
		if in.Note != "" {
			text += "：" + in.Note
		}
		return change{
			order: o.Reviewed(in.Pass, clock.At(tx.Now())), step: stepRow{Act: act, Text: text},
			summary: fmt.Sprintf("工单 %s %s", o.No, text), reason: in.Note,
		}, nil
	})
}
