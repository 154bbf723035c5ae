package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
)

// DecideInput is what every decision carries. Key makes a repeated request
// answer like the first.
type DecideInput struct {
	ID  string
	Rev int64
	Key string
}

// ConfirmInput confirms an alert. A nil Shop keeps the bound one, an empty
// one unbinds it.
type ConfirmInput struct {
	DecideInput
	Shop       *string
	Kind       string
	Merge      bool
	LimitHours float64
	SquadID    string
	Note       string
}

// Decided is an alert after a decision, and the order it is in.
type Decided struct {
	Alert  Alert
	Merged bool
}

// decide runs one decision in one transaction: load inside the scope, guard,
// apply, save, history, audit, event.
func (s *Service) decide(ctx context.Context, in DecideInput, act Act, apply func(ctx context.Context, tx db.Tx, who access.Actor, a *Alert) (text string, err error)) (Alert, error) {
	who, err := access.Need(ctx, "alert.decide")
	if err != nil {
		return Alert{}, err
	}
	var out Alert
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		a, err := get(ctx, tx, who, in.ID)
		if err != nil {
			return err
		}
		if repeated, err := done(ctx, tx, a.ID, in.Key); err != nil || repeated {
			out = a
			return err
		}
		if err := Guard(a, act, who.ID, tx.Now()); err != nil {
			return err
		}
		if a.Rev != in.Rev {
			return decided(a)
		}
		before := a
		text, err := apply(ctx, tx, who, &a)
		if err != nil {
			return err
		}
		if out, err = saveDecision(ctx, tx, a); err != nil {
			return err
		}
		return s.note(ctx, tx, who, act, in.Key, before, out, text)
	})
	if err != nil {
		return Alert{}, fmt.Errorf("%s alert %s: %w", act, in.ID, err)
	}
	return out, nil
}

func (s *Service) note(ctx context.Context, tx db.Tx, who access.Actor, act Act, key string, before, after Alert, text string) error {
	h := historyRow{ID: s.newID(), AlertID: after.ID, MadeAt: clock.At(tx.Now()), ActorID: who.ID, ActorName: who.Name, Act: act, Text: text}
	if act == Correct || act == Claim || act == Reclassify || act == Raise {
		h.Was, h.Became = resultOf(before), resultOf(after)
	}
	if key != "" {
		h.IdemKey = &key
	}
	if err := addHistory(ctx, tx, h); err != nil {
		return err
	}
	if err := tally(ctx, tx, before, after); err != nil {
		return err
	}
	err := audit.Record(ctx, tx, audit.Entry{
		Act: "alert." + string(act), Object: "alert", ObjectID: after.ID, RegionCode: after.RegionCode,
		Summary: fmt.Sprintf("预警 %s %s", after.No, text), Before: trace(before), After: trace(after),
	})
	if err != nil {
		return err
	}
	if err := s.tellRegistry(ctx, tx, who, before, after); err != nil {
		return err
	}
	tx.AfterCommit(s.wake)
	return events.Publish(ctx, tx, TopicChanged, Changed{Items: []ChangedItem{changedItem(after, act == Raise)}})
}

// resultOf is a result in words, for before and after.
func resultOf(a Alert) string {
	kind := KindLabel(a.Kind)
	if a.State == Rejected || a.State == Withdrawn {
		kind = KindLabel(NoViolation)
	}
	return kind + "，" + a.State.Label() + "，" + shopOrNone(a.ShopName)
}

func trace(a Alert) map[string]any {
	return map[string]any{"no": a.No, "state": a.State, "kind": a.Kind, "shop": a.ShopName, "order": a.OrderNo, "rev": a.Rev}
}

// settle notes the decision on the alert.
func settle(a *Alert, act Act, to State, who access.Actor, tx db.Tx) {
	a.PriorState, a.State, a.Decision = a.State, to, act
	a.DecidedBy, a.DecidedName = who.ID, who.Name
	a.DecidedAt = clock.Ptr(tx.Now())
}

// noteText checks what a person wrote: trimmed, at most 500 characters.
func noteText(f *errs.Fields, name, text string, needed bool) string {
	text = strings.TrimSpace(text)
	f.Check(!needed || text != "", name, "请填写说明")
	f.Check(len([]rune(text)) <= 500, name, "说明不能超过 500 个字")
	return text
}

func validKind(k string) bool { return k == "stacking" || k == "frontage" || k == "sign" }

// Confirm makes a work order of the alert, or joins it to an open one of the
// same shop and kind. Exactly one of several people wins.
func (s *Service) Confirm(ctx context.Context, in ConfirmInput) (Decided, error) {
	var f errs.Fields
	in.Note = noteText(&f, "note", in.Note, false)
	f.Check(in.Kind == "" || validKind(in.Kind), "kind", "类型应为占道堆物、跨门经营或店招变更")
	f.Check(in.LimitHours >= 0 && in.LimitHours <= 24*90, "limitHours", "限时应在 0 到 2160 小时之间")
	if err := f.Err(); err != nil {
		return Decided{}, err
	}
	var out Decided
	a, err := s.decide(ctx, in.DecideInput, Confirm, func(ctx context.Context, tx db.Tx, who access.Actor, a *Alert) (string, error) {
		if in.Kind != "" && in.Kind != a.Kind {
			if err := s.relabel(ctx, tx, who, a, in.Kind, in.Note); err != nil {
				return "", err
			}
		}
		if a.Kind == "picture" {
			return "", errs.Conflict("画面异常不是违法行为，不能生成工单；请在点位页处理，恢复后会自动解除，或驳回")
		}
		if err := s.rebind(ctx, who, a, in.Shop); err != nil {
			return "", err
		}
		pictures, err := picturesOf(ctx, tx, a.ID)
		if err != nil {
			return "", err
		}
		made, err := s.orders.Make(ctx, tx, OrderAsk{Alert: *a, Pictures: pictures, Merge: in.Merge, LimitHours: in.LimitHours, SquadID: in.SquadID, Note: in.Note})
		if err != nil {
			return "", fmt.Errorf("make order: %w", err)
		}
		to, text := Confirmed, "确认，生成工单 "+made.No
		if made.Merged {
			to, text = Merged, "确认，合并到工单 "+made.No
		}
		settle(a, Confirm, to, who, tx)
		a.OrderID, a.OrderNo, a.OrderState = made.ID, made.No, made.State
		return text, nil
	})
	out.Alert, out.Merged = a, a.State == Merged
	return out, err
}

// rebind takes the shop that the person chose.
func (s *Service) rebind(ctx context.Context, who access.Actor, a *Alert, shop *string) error {
	if shop == nil || *shop == a.ShopID {
		return nil
	}
	if *shop == "" {
		a.ShopID, a.ShopName, a.BindRule, a.BindReason = "", "", "", ""
		return nil
	}
	x, ok, err := s.places.Shop(ctx, *shop)
	if err != nil {
		return fmt.Errorf("look up shop: %w", err)
	}
	if !ok || !who.Scope.Covers(x.RegionCode) {
		return errs.Invalidf("shopId", "没有这个商铺，或不在您的数据范围内")
	}
	a.ShopID, a.ShopName, a.BindRule, a.BindReason = x.ID, x.Name, bindPerson, "由"+who.Name+"指定"
	return nil
}

// RejectInput says that an alert is none.
type RejectInput struct {
	DecideInput
	Reason Reason
	Note   string
}

// Reject dismisses an alert; it becomes a sample of what is nothing.
func (s *Service) Reject(ctx context.Context, in RejectInput) (Alert, error) {
	var f errs.Fields
	f.Check(in.Reason.Label() != "", "reason", "请选择驳回原因")
	in.Note = noteText(&f, "note", in.Note, in.Reason == "other")
	if err := f.Err(); err != nil {
		return Alert{}, err
	}
	return s.decide(ctx, in.DecideInput, Reject, func(ctx context.Context, tx db.Tx, who access.Actor, a *Alert) (string, error) {
		settle(a, Reject, Rejected, who, tx)
		text := "驳回：" + in.Reason.Label()
		if in.Note != "" {
			text += "，" + in.Note
		}
		return text, s.sample(ctx, tx, who, *a, "none", string(in.Reason), in.Note)
	})
}

// ReclassifyInput corrects the kind, and the shop if need be.
type ReclassifyInput struct {
	DecideInput
	Kind string
	Shop *string
	Note string
}

// Reclassify corrects what the alert is; it stays in the queue.
func (s *Service) Reclassify(ctx context.Context, in ReclassifyInput) (Alert, error) {
	var f errs.Fields
	f.Check(validKind(in.Kind), "kind", "类型应为占道堆物、跨门经营或店招变更")
	in.Note = noteText(&f, "note", in.Note, false)
	if err := f.Err(); err != nil {
		return Alert{}, err
	}
	return s.decide(ctx, in.DecideInput, Reclassify, func(ctx context.Context, tx db.Tx, who access.Actor, a *Alert) (string, error) {
		if in.Kind == a.Kind && (in.Shop == nil || *in.Shop == a.ShopID) {
			return "", errs.Invalidf("kind", "类型和商铺都没有变化，现为“%s”", KindLabel(a.Kind))
		}
		text := fmt.Sprintf("改判：%s → %s", KindLabel(a.Kind), KindLabel(in.Kind))
		if in.Kind != a.Kind {
			if err := s.relabel(ctx, tx, who, a, in.Kind, in.Note); err != nil {
				return "", err
			}
		}
		if err := s.rebind(ctx, who, a, in.Shop); err != nil {
			return "", err
		}
		if in.Shop != nil {
			text += "，商铺：" + shopOrNone(a.ShopName)
		}
		if in.Note != "" {
			text += "，" + in.Note
		}
		return text, nil
	})
}

func shopOrNone(name string) string {
	if name == "" {
		return "待认领"
	}
	return name
}

// relabel changes the kind and keeps the correction as a sample.
func (s *Service) relabel(ctx context.Context, tx db.Tx, who access.Actor, a *Alert, kind, note string) error {
	e, err := eventOf(ctx, tx, a.ID)
	if err != nil {
		return err
	}
	a.Kind, a.Text = kind, Facts(kind, e)
	return s.sample(ctx, tx, who, *a, kind, "reclassified", note)
}

func (s *Service) sample(ctx context.Context, tx db.Tx, who access.Actor, a Alert, label, reason, note string) error {
	e, err := eventOf(ctx, tx, a.ID)
	if err != nil {
		return err
	}
	box, err := json.Marshal(e.Box)
	if err != nil {
		return fmt.Errorf("store sample: %w", err)
	}
	return addSample(ctx, tx, sampleRow{
		ID: s.newID(), AlertID: a.ID, CameraID: a.CameraID, RegionCode: a.RegionCode, SeenKind: a.SeenKind, Label: label,
		Reason: reason, Note: note, SM3: a.Thumb, Box: string(box), MadeBy: who.ID, MadeAt: clock.At(tx.Now()), MadeYMD: clock.YMD(tx.Now()),
	})
}

// Later puts an alert aside for a second look.
func (s *Service) Later(ctx context.Context, in DecideInput) (Alert, error) {
	return s.decide(ctx, in, Postpone, func(_ context.Context, tx db.Tx, who access.Actor, a *Alert) (string, error) {
		settle(a, Postpone, Later, who, tx)
		return "稍后处理", nil
	})
}

// Undo takes back the actor's own last decision within UndoWindow; an order
// that came of it must be untouched.
func (s *Service) Undo(ctx context.Context, in DecideInput) (Alert, error) {
	return s.decide(ctx, in, Undo, func(ctx context.Context, tx db.Tx, _ access.Actor, a *Alert) (string, error) {
		text := "撤销" + a.Decision.Label()
		if a.State == Confirmed || a.State == Merged {
			if err := s.orders.Withdraw(ctx, tx, a.OrderID, *a); err != nil {
				return "", fmt.Errorf("withdraw order: %w", err)
			}
			text += "，工单 " + a.OrderNo + " 已撤回"
			a.OrderID, a.OrderNo, a.OrderState = "", "", ""
		}
		if err := withdrawSamples(ctx, tx, a.ID, *a.DecidedAt); err != nil {
			return "", err
		}
		a.State = a.PriorState
		if a.EndedAt != nil && a.State != SelfResolved {
			a.State = SelfResolved // it ended while the decision stood
		}
		a.Decision, a.DecidedBy, a.DecidedName, a.DecidedAt, a.PriorState = "", "", "", nil, ""
		return text, nil
	})
}
