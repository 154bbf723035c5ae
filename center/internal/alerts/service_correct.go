package alerts

import (
	"context"
	"fmt"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
)

// CorrectInput puts a result right at any time: the kind, NoViolation among
// them, and the shop.
type CorrectInput struct {
	DecideInput
	Kind   string
	Shop   *string
	Reason string
}

// Correct changes the result of a recognition and keeps what it was. No
// violation withdraws the alert, and its order as long as nobody accepted it;
// an order in work stays and its people are told. A violation after all brings
// a dismissed alert back to be judged.
func (s *Service) Correct(ctx context.Context, in CorrectInput) (Alert, error) {
	var f errs.Fields
	f.Check(in.Kind == NoViolation || validKind(in.Kind), "kind", "类型应为占道堆物、跨门经营、店招变更或无违法")
	in.Reason = noteText(&f, "reason", in.Reason, true)
	if err := f.Err(); err != nil {
		return Alert{}, err
	}
	return s.decide(ctx, in.DecideInput, Correct, func(ctx context.Context, tx db.Tx, who access.Actor, a *Alert) (string, error) {
		if in.Kind == NoViolation {
			return s.withdraw(ctx, tx, who, a, in.Reason)
		}
		return s.restore(ctx, tx, who, a, in)
	})
}

func (s *Service) withdraw(ctx context.Context, tx db.Tx, who access.Actor, a *Alert, reason string) (string, error) {
	if a.State == Rejected || a.State == Withdrawn {
		return "", errs.Invalidf("kind", "这条结果已经是“无违法”")
	}
	text := fmt.Sprintf("改判：%s → 无违法，%s", KindLabel(a.Kind), reason)
	if a.OrderID != "" {
		gone, err := s.orders.Recall(ctx, tx, a.OrderID, *a, reason)
		if err != nil {
			return "", fmt.Errorf("recall order: %w", err)
		}
		if gone {
			text += "；工单 " + a.OrderNo + " 尚未签收，已撤回"
			a.OrderID, a.OrderNo, a.OrderState, a.OrderResult = "", "", "", ""
		} else {
			text += "；工单 " + a.OrderNo + " 已在办理，已通知承办人"
		}
	}
	settle(a, "", Withdrawn, who, tx)
	return text, s.sample(ctx, tx, who, *a, NoViolation, "corrected", reason)
}

func (s *Service) restore(ctx context.Context, tx db.Tx, who access.Actor, a *Alert, in CorrectInput) (string, error) {
	dismissed := a.State == Rejected || a.State == Withdrawn
	sameShop := in.Shop == nil || *in.Shop == a.ShopID
	if in.Kind == a.Kind && sameShop && !dismissed {
		return "", errs.Invalidf("kind", "类型和商铺都没有变化，现为“%s”", KindLabel(a.Kind))
	}
	from := KindLabel(a.Kind)
	if dismissed {
		from = KindLabel(NoViolation)
		if err := withdrawSamples(ctx, tx, a.ID, 0); err != nil {
			return "", err
		}
	}
	text := fmt.Sprintf("改判：%s → %s，%s", from, KindLabel(in.Kind), in.Reason)
	if in.Kind != a.Kind {
		if err := s.relabel(ctx, tx, who, a, in.Kind, in.Reason); err != nil {
			return "", err
		}
	}
	if err := s.rebind(ctx, who, a, in.Shop); err != nil {
		return "", err
	}
	if !sameShop {
		text += "，商铺：" + shopOrNone(a.ShopName)
	}
	if dismissed {
		a.State, a.Decision, a.PriorState, a.DecidedBy, a.DecidedName, a.DecidedAt = Pending, "", "", "", "", nil
		return text + "，恢复待研判", nil
	}
	if a.OrderID != "" {
		return text, s.orders.Note(ctx, tx, a.OrderID, "预警 "+a.No+" "+text)
	}
	return text, nil
}

// Raise makes an alert of a recognition that was only recorded.
func (s *Service) Raise(ctx context.Context, in DecideInput) (Alert, error) {
	return s.decide(ctx, in, Raise, func(_ context.Context, _ db.Tx, _ access.Actor, a *Alert) (string, error) {
		a.State = Pending
		if a.EndedAt != nil {
			return "转为预警，画面中已不再识别到", nil
		}
		return "转为预警", nil
	})
}

// ClaimInput says whose a recognition is.
type ClaimInput struct {
	DecideInput
	Shop string
	Note string
}

// Claim binds a result to a shop, whatever state it is in.
func (s *Service) Claim(ctx context.Context, in ClaimInput) (Alert, error) {
	var f errs.Fields
	in.Note = noteText(&f, "note", in.Note, false)
	f.Check(in.Shop != "", "shopId", "请选择要认领到的商铺")
	if err := f.Err(); err != nil {
		return Alert{}, err
	}
	return s.decide(ctx, in.DecideInput, Claim, func(ctx context.Context, tx db.Tx, who access.Actor, a *Alert) (string, error) {
		if a.ShopID == in.Shop {
			return "", errs.Invalidf("shopId", "已经绑定在“%s”", a.ShopName)
		}
		was := shopOrNone(a.ShopName)
		if err := s.rebind(ctx, who, a, &in.Shop); err != nil {
			return "", err
		}
		text := fmt.Sprintf("认领：%s → %s", was, a.ShopName)
		if in.Note != "" {
			text += "，" + in.Note
		}
		if a.OrderID != "" {
			return text, s.orders.Note(ctx, tx, a.OrderID, "预警 "+a.No+" "+text)
		}
		return text, nil
	})
}

// UpdateRegistry says that a changed sign is right and the registry of shops
// was not: the registry takes it over, and the alert is done.
func (s *Service) UpdateRegistry(ctx context.Context, in DecideInput, note string) (Alert, error) {
	var f errs.Fields
	note = noteText(&f, "note", note, false)
	if err := f.Err(); err != nil {
		return Alert{}, err
	}
	return s.decide(ctx, in, Update, func(_ context.Context, tx db.Tx, who access.Actor, a *Alert) (string, error) {
		settle(a, Update, Updated, who, tx)
		text := "属实，更新登记库"
		if a.SignText != "" {
			text += "为“" + a.SignText + "”"
		}
		if note != "" {
			text += "，" + note
		}
		return text, nil
	})
}

// TopicRegistry is published when a person decides about a changed sign.
const TopicRegistry = "alerts.registry"

// RegistryEvent is the payload of alerts.registry.
type RegistryEvent struct {
	AlertID string `json:"alertId"`
	AlertNo string `json:"alertNo"`
	// FindingID is the first finding of the alert, empty when a box saw it;
	// FindingIDs are all of them.
	FindingID  string      `json:"findingId"`
	FindingIDs []string    `json:"findingIds"`
	Act        string      `json:"act"` // confirm, false, update or reopen
	ShopID     string      `json:"shopId"`
	Name       string      `json:"name"`
	CameraID   string      `json:"cameraId"`
	ZoneID     string      `json:"zoneId"`
	RegionCode string      `json:"regionCode"`
	By         string      `json:"by"`
	ByName     string      `json:"byName"`
	At         clock.Stamp `json:"at"`
}

// registryAct is what a step from one state to another means for the registry.
func registryAct(before, after Alert) string {
	if before.State == after.State || before.Kind != "sign" && after.Kind != "sign" {
		return ""
	}
	switch after.State {
	case Updated:
		return "update"
	case Confirmed, Merged:
		return "confirm"
	case Rejected, Withdrawn:
		return "false"
	case Pending, SelfResolved, Later:
		if before.Outcome() != OutcomeOpen {
			return "reopen"
		}
	}
	return ""
}

func (s *Service) tellRegistry(ctx context.Context, tx db.Tx, who access.Actor, before, after Alert) error {
	act := registryAct(before, after)
	if act == "" {
		return nil
	}
	e := RegistryEvent{
		AlertID: after.ID, AlertNo: after.No, FindingIDs: []string{}, Act: act, ShopID: after.ShopID, Name: after.SignText,
		CameraID: after.CameraID, ZoneID: after.ZoneID, RegionCode: after.RegionCode, By: who.ID, ByName: who.Name, At: clock.At(tx.Now()),
	}
	if after.EdgeID == surveyEdge {
		joined, err := joinedTo(ctx, tx, after.ID)
		if err != nil {
			return err
		}
		e.FindingID, e.FindingIDs = after.EventID, append([]string{after.EventID}, joined...)
	}
	return events.Publish(ctx, tx, TopicRegistry, e)
}
