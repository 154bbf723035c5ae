package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

// maxBatch bounds one decision on a group.
const maxBatch = 500

// BatchItem is one alert of a decision on several.
type BatchItem struct {
	ID  string `json:"id" maxLength:"40"`
	Rev int64  `json:"rev"`
}

// BatchInput decides on several alerts at once. Each is a transaction of its
// own: one that somebody else decided does not hold up the others.
type BatchInput struct {
	Act    Act
	Items  []BatchItem
	Key    string
	Reason Reason
	Merge  bool
	Note   string
}

// BatchResult is what became of one item.
type BatchResult struct {
	ID string
	OK bool
	// Alert is set when it worked, Message says why it did not.
	Alert   Alert
	Code    errs.Code
	Message string
}

// DecideAll confirms, dismisses, postpones or takes back a group of alerts and
// reports on each, in the order in which they were given.
func (s *Service) DecideAll(ctx context.Context, in BatchInput) ([]BatchResult, error) {
	if _, err := access.Need(ctx, access.AlertDecide); err != nil {
		return nil, err
	}
	var f errs.Fields
	f.Check(slices.Contains([]Act{Confirm, Reject, Postpone, Undo, Update}, in.Act), "act", "批量操作只能是确认、驳回、稍后、更新登记库或撤销")
	f.Check(len(in.Items) > 0 && len(in.Items) <= maxBatch, "items", "一次处理 1 到 %d 条", maxBatch)
	f.Check(in.Act != Reject || in.Reason.Label() != "", "reason", "请选择驳回原因")
	in.Note = noteText(&f, "note", in.Note, in.Act == Reject && in.Reason == "other")
	if err := f.Err(); err != nil {
		return nil, err
	}
	out := make([]BatchResult, len(in.Items))
	order := make([]int, len(in.Items))
	for i := range order {
		order[i] = i
	}
	if in.Act == Undo { // what joined an order goes before the one that made it
		slices.Reverse(order)
	}
	for _, i := range order {
		x := in.Items[i]
		out[i].ID = x.ID
		a, err := s.decideOne(ctx, in, x)
		if err == nil {
			out[i].OK, out[i].Alert = true, a
			continue
		}
		out[i].Code, out[i].Message = errs.CodeOf(err), "处理出错，请稍后再试"
		var e *errs.Error
		if errors.As(err, &e) && e.Code != errs.Internal {
			out[i].Message = e.Message
			if len(e.Fields) > 0 {
				out[i].Message = e.Fields[0].Message
			}
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("decide on %d alerts: %w", len(in.Items), ctx.Err())
		}
	}
	return out, nil
}

func (s *Service) decideOne(ctx context.Context, in BatchInput, x BatchItem) (Alert, error) {
	d := DecideInput{ID: x.ID, Rev: x.Rev}
	if in.Key != "" {
		d.Key = blob.Digest([]byte(in.Key + "|" + x.ID))[:32]
	}
	switch in.Act {
	case Confirm:
		r, err := s.Confirm(ctx, ConfirmInput{DecideInput: d, Merge: in.Merge, Note: in.Note})
		return r.Alert, err
	case Reject:
		return s.Reject(ctx, RejectInput{d, in.Reason, in.Note})
	case Postpone:
		return s.Later(ctx, d)
	case Update:
		return s.UpdateRegistry(ctx, d, in.Note)
	}
	return s.Undo(ctx, d)
}

// Groups lists what waits for a person by kind, shop and spot.
func (s *Service) Groups(ctx context.Context, f Filter, p httpx.Paging) (list []Group, total, alerts int64, err error) {
	who, err := access.Need(ctx, access.AlertView)
	if err != nil {
		return nil, 0, 0, err
	}
	f.Q = p.Q
	return groups(ctx, s.db.Read(), who, f, p)
}
