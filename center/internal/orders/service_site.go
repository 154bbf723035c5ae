package orders

import (
	"context"
	"fmt"
	"math"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
)

// ArriveInput is where the officer's phone says it is (WGS-84 degrees).
type ArriveInput struct {
	ID        string
	Rev       int64
	Lng, Lat  float64
	AccuracyM float64
	// Reason says why the officer is farther from the camera than the rule
	// allows.
	Reason string
	Key    string
}

// Arrive notes the arrival. A place far from the camera needs a reason and is
// marked: positioning in narrow streets is too bad to refuse it.
func (s *Service) Arrive(ctx context.Context, in ArriveInput) (Order, error) {
	var f errs.Fields
	checkPlace(&f, "", in.Lng, in.Lat, in.AccuracyM)
	in.Reason = note(&f, "reason", in.Reason, false, "原因")
	if err := f.Err(); err != nil {
		return Order{}, err
	}
	return s.do(ctx, command{in.ID, in.Rev, Arrive, in.Key}, func(ctx context.Context, tx db.Tx, _ viewer, o Order) (change, error) {
		rule, err := ruleByID(ctx, tx, o.RuleID)
		if err != nil {
			return change{}, err
		}
		o.State = OnSite
		d := math.Round(distanceM(in.Lng, in.Lat, o.Lng, o.Lat))
		text := fmt.Sprintf("到场，距点位 %.0f 米", d)
		if d > rule.WarnDistanceM {
			if in.Reason == "" {
				return change{}, errs.Invalidf("reason", "定位距点位 %.0f 米，超过 %.0f 米，请写明原因", d, rule.WarnDistanceM)
			}
			text = fmt.Sprintf("到场，距点位 %.0f 米，超过 %.0f 米，原因：%s", d, rule.WarnDistanceM, in.Reason)
		}
		return change{
			order:   o,
			step:    stepRow{Act: StepAct(Arrive), Text: text, Lng: &in.Lng, Lat: &in.Lat, AccuracyM: &in.AccuracyM, DistanceM: &d},
			summary: fmt.Sprintf("工单 %s %s", o.No, text), reason: in.Reason,
		}, nil
	})
}

// checkPlace checks a place that a phone sent; prefix is put before the names
// of the fields.
func checkPlace(f *errs.Fields, prefix string, lng, lat, accuracy float64) {
	f.Check(lng >= 70 && lng <= 140, prefix+"lng", "经度应在 70 到 140 之间")
	f.Check(lat >= 0 && lat <= 56, prefix+"lat", "纬度应在 0 到 56 之间")
	f.Check(accuracy >= 0 && accuracy <= 1e6, prefix+"accuracyM", "定位精度应在 0 到 1000000 米之间")
}

// HandleInput is the result on site. Photos are SM3 digests of uploaded
// pictures; Shots say more about them.
type HandleInput struct {
	ID     string
	Rev    int64
	Result Result
	Note   string
	Photos []string
	Shots  []SiteShot
	Key    string
}

// maxPhotos of one result.
const maxPhotos = 12

func (in *HandleInput) check(now clock.Stamp) error {
	var f errs.Fields
	f.Check(in.Result.Valid(), "result", "请选择处置结果：已改正、警告教育、立案、误报或找不到现场")
	bare := in.Result == FalseAlarm || in.Result == NotSeen
	in.Note = note(&f, "note", in.Note, bare, "处置说明")
	f.Check(bare || len(in.Photos) > 0, "photos", "请至少上传一张处置后的照片")
	f.Check(len(in.Photos) <= maxPhotos, "photos", "照片不能超过 %d 张", maxPhotos)
	f.Check(len(in.Shots) <= maxPhotos, "shots", "照片说明不能超过 %d 条", maxPhotos)
	seen := map[string]bool{}
	for i, p := range in.Photos {
		f.Check(!seen[p], fmt.Sprintf("photos[%d]", i), "第 %d 张照片与前面的重复，请删掉一张", i+1)
		seen[p] = true
	}
	for i := range in.Shots {
		in.Shots[i].check(&f, fmt.Sprintf("shots[%d].", i), seen, now)
	}
	return f.Err()
}

// Handle hands in the result and asks for review.
func (s *Service) Handle(ctx context.Context, in HandleInput) (Order, error) {
	if err := in.check(clock.At(s.db.Now())); err != nil {
		return Order{}, err
	}
	photos, err := s.shots(ctx, in)
	if err != nil {
		return Order{}, err
	}
	return s.do(ctx, command{in.ID, in.Rev, Handle, in.Key}, func(ctx context.Context, tx db.Tx, who viewer, o Order) (change, error) {
		text := "处置结果：" + in.Result.Label()
		if in.Note != "" {
			text += "。" + in.Note
		}
		next := o.Finish(in.Result, in.Note, who.ID, clock.At(tx.Now()))
		if in.Result == Corrected || in.Result == Warned {
			if err := s.lookAgain(ctx, tx, next); err != nil {
				return change{}, err
			}
		}
		return change{
			order: next, step: stepRow{Act: StepAct(Handle), Text: text}, photos: photos,
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

// Review closes the order and feeds it back to the bureau, hands its facts to
// the filing of a case, or sends it back on site with what is missing.
func (s *Service) Review(ctx context.Context, in ReviewInput) (Order, error) {
	var f errs.Fields
	in.Note = note(&f, "note", in.Note, !in.Pass, "复核意见（写明缺什么）")
	if err := f.Err(); err != nil {
		return Order{}, err
	}
	return s.do(ctx, command{in.ID, in.Rev, Review, in.Key}, func(ctx context.Context, tx db.Tx, who viewer, o Order) (change, error) {
		if o.State == Filing && in.Pass {
			return change{}, errs.Conflict(fmt.Sprintf("工单 %s 已复核通过，等待立案", o.No))
		}
		next := o.Reviewed(in.Pass, clock.At(tx.Now()))
		act, text := StepReviewed, "复核通过，已反馈市局"
		switch {
		case !in.Pass:
			act, text = StepRejected, "复核不通过，退回现场"
		case next.State == Filing:
			act, text = StepFiling, "复核通过，案件要素已移交，等待立案"
			if err := s.file(ctx, tx, who, next); err != nil {
				return change{}, err
			}
		}
		if in.Note != "" {
			text += "：" + in.Note
		}
		if next.State != OnSite {
			if err := endProposals(ctx, tx, o.ID, every(), proposalVoid, who); err != nil {
				return change{}, err
			}
		}
		return change{
			order: next, step: stepRow{Act: act, Text: text},
			summary: fmt.Sprintf("工单 %s %s", o.No, text), reason: in.Note,
		}, nil
	})
}

// file hands over what a case begins from.
func (s *Service) file(ctx context.Context, tx db.Tx, who viewer, o Order) error {
	alerts, err := alertIDs(ctx, tx, o.ID)
	if err != nil {
		return err
	}
	before, err := picturesOf(ctx, tx, o.ID, photoAlert)
	if err != nil {
		return err
	}
	steps, err := stepsOf(ctx, tx, o.ID)
	if err != nil {
		return err
	}
	last := []string{}
	for i := range steps {
		if steps[i].Act == StepAct(Handle) {
			last = steps[i].photos()
		}
	}
	after, err := photosOf(ctx, tx, o, last)
	if err != nil {
		return err
	}
	facts := make([]PhotoFact, 0, len(after))
	for _, p := range after {
		facts = append(facts, PhotoFact{SM3: p.SM3, Original: p.Original, TakenAt: p.TakenAt, Lng: p.Lng, Lat: p.Lat})
	}
	return events.Publish(ctx, tx, TopicFiling, FilingEvent{
		OrderID: o.ID, No: o.No, Kind: o.Kind, ShopID: o.ShopID, ShopName: o.ShopName, Address: o.Address, Lng: o.Lng, Lat: o.Lat,
		RegionCode: o.RegionCode, StreetName: o.StreetName, CameraID: o.CameraID, EvidenceUse: o.EvidenceUse, AlertIDs: alerts,
		FoundAt: o.CreatedAt, HandledAt: o.HandledAt, Note: o.ResultNote, Pictures: before, Photos: facts,
		SquadOrgID: o.SquadOrgID, SquadName: o.SquadName, OfficerID: o.OfficerID, OfficerName: o.OfficerName,
		ReviewedID: who.ID, ReviewedName: who.Name, At: clock.At(tx.Now()),
	})
}
