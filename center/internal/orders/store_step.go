package orders

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// StepAct names a line of the timeline: an Act, or one of those below.
type StepAct string

// Steps that are no acts of Guard.
const (
	StepCreated  StepAct = "created"
	StepMerged   StepAct = "merged"
	StepUnmerged StepAct = "unmerged"
	StepReviewed StepAct = "reviewed"
	StepRejected StepAct = "reviewFailed"
	StepOverdue  StepAct = "overdue"
	StepMoved    StepAct = "moved"     // the squad went into another
	StepLooked   StepAct = "rechecked" // the camera looked again
	StepNotice   StepAct = "notice"    // how a notice to the owner goes
	StepRecalled StepAct = "recalled"  // an alert turned out to be none
	StepNoted    StepAct = "noted"     // another part has something to say
	StepFiling   StepAct = "filing"    // reviewed, a case has to be filed
	StepSettled  StepAct = "settled"
	StepPutBy    StepAct = "dismissed" // a proposal to close was put aside
)

func (a StepAct) label() string {
	switch a {
	case StepCreated:
		return "生成工单"
	case StepMerged:
		return "合并预警"
	case StepUnmerged:
		return "撤销合并"
	case StepReviewed:
		return "复核通过"
	case StepRejected:
		return "复核不通过"
	case StepOverdue:
		return "超时升级"
	case StepMoved:
		return "中队合并"
	case StepLooked:
		return "点位复拍"
	case StepNotice:
		return "告知进展"
	case StepRecalled:
		return "研判更正"
	case StepNoted:
		return "提示"
	case StepFiling:
		return "复核通过，待立案"
	case StepSettled:
		return "按复查结果办结"
	case StepPutBy:
		return "不采纳复查结果"
	}
	return Act(a).Label()
}

// wall gives the Shanghai wall time, for sentences.
func wall(s clock.Stamp) string { return s.Time().In(clock.Shanghai()).Format("15:04") }

type stepRow struct {
	bun.BaseModel `bun:"table:order_steps,alias:s"`

	ID        string `bun:",pk"`
	OrderID   string
	MadeAt    clock.Stamp
	Act       StepAct
	ActorID   string
	ActorName string
	ActorOrg  string
	Text      string
	Photos    string // JSON
	Lng       *float64
	Lat       *float64
	AccuracyM *float64 `bun:"accuracy_m"`
	DistanceM *float64 `bun:"distance_m"`
	IdemKey   *string
	OnBehalf  string
}

func (r *stepRow) step() Step {
	return Step{
		ID: r.ID, At: r.MadeAt, Act: r.Act, Label: r.Act.label(), ActorID: r.ActorID, Actor: r.ActorName, ActorOrg: r.ActorOrg,
		OnBehalf: r.OnBehalf, Text: r.Text, Photos: r.photos(), Lng: r.Lng, Lat: r.Lat, AccuracyM: r.AccuracyM, DistM: r.DistanceM,
	}
}

func (r *stepRow) photos() []string {
	out := []string{}
	// The column is written by this package only; an unreadable one shows
	// no picture rather than hiding the whole timeline.
	if json.Unmarshal([]byte(r.Photos), &out) != nil {
		return []string{}
	}
	return out
}

func addStep(ctx context.Context, tx db.Tx, s *stepRow, photos []string) error {
	b, err := json.Marshal(append([]string{}, photos...))
	if err != nil {
		return fmt.Errorf("add step to order: %w", err)
	}
	s.Photos = string(b)
	if _, err := tx.NewInsert().Model(s).Exec(ctx); err != nil {
		return fmt.Errorf("add step to order: %w", err)
	}
	return nil
}

func stepsOf(ctx context.Context, idb bun.IDB, id string) ([]stepRow, error) {
	rows := []stepRow{}
	if err := idb.NewSelect().Model(&rows).Where("s.order_id = ?", id).Order("s.made_at", "s.id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("load steps of order: %w", err)
	}
	return rows, nil
}

// done tells whether a step with this idempotency key is on record: then the
// act was committed and only its answer was lost.
func done(ctx context.Context, tx db.Tx, orderID, key string) (bool, error) {
	if key == "" {
		return false, nil
	}
	n, err := tx.NewSelect().Model((*stepRow)(nil)).Where("s.order_id = ? AND s.idem_key = ?", orderID, key).Count(ctx)
	if err != nil {
		return false, fmt.Errorf("look up idempotency key: %w", err)
	}
	return n > 0, nil
}
