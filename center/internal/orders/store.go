package orders

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// itemRow is an order as stored; Order has the same fields, so that the two
// convert by a plain copy.
type itemRow struct {
	bun.BaseModel `bun:"table:order_items,alias:o"`

	ID               string `bun:",pk"`
	No               string
	Kind             string
	State            State
	ShopID           string
	ShopName         string
	CameraID         string
	CameraName       string
	Address          string
	Lng, Lat         float64
	RegionCode       string
	StreetName       string
	SuggestedSquadID string
	SuggestedSquad   string
	SuggestReason    string
	SquadOrgID       string
	SquadName        string
	OfficerID        string
	OfficerName      string
	EvidenceUse      string
	Thumb            string
	Result           Result
	ResultNote       string
	AlertCount       int
	RuleID           string
	LimitMS          int64 `bun:"limit_ms"`
	NearMS           int64 `bun:"near_ms"`
	NearToday        int
	CreatedAt        clock.Stamp
	DueAt            clock.Stamp
	HandledAt        *clock.Stamp
	ClosedAt         *clock.Stamp
	VoidedAt         *clock.Stamp
	CreatedYMD       int `bun:"created_ymd"`
	ClosedYMD        int `bun:"closed_ymd"`
	TextKey          string
	Rev              int64
}

func (r *itemRow) order() Order {
	return Order{
		ID: r.ID, No: r.No, Kind: r.Kind, State: r.State, ShopID: r.ShopID, ShopName: r.ShopName,
		CameraID: r.CameraID, CameraName: r.CameraName, Address: r.Address, Lng: r.Lng, Lat: r.Lat,
		RegionCode: r.RegionCode, StreetName: r.StreetName, SuggestedSquadID: r.SuggestedSquadID,
		SuggestedSquad: r.SuggestedSquad, SuggestReason: r.SuggestReason, SquadOrgID: r.SquadOrgID,
		SquadName: r.SquadName, OfficerID: r.OfficerID, OfficerName: r.OfficerName, EvidenceUse: r.EvidenceUse,
		Thumb: r.Thumb, Result: r.Result, ResultNote: r.ResultNote, AlertCount: r.AlertCount, RuleID: r.RuleID,
		LimitMS: r.LimitMS, NearMS: r.NearMS, NearToday: r.NearToday == 1, CreatedAt: r.CreatedAt, DueAt: r.DueAt,
		HandledAt: r.HandledAt, ClosedAt: r.ClosedAt, Rev: r.Rev,
	}
}

func rowOf(o Order) *itemRow {
	r := &itemRow{
		ID: o.ID, No: o.No, Kind: o.Kind, State: o.State, ShopID: o.ShopID, ShopName: o.ShopName,
		CameraID: o.CameraID, CameraName: o.CameraName, Address: o.Address, Lng: o.Lng, Lat: o.Lat,
		RegionCode: o.RegionCode, StreetName: o.StreetName, SuggestedSquadID: o.SuggestedSquadID,
		SuggestedSquad: o.SuggestedSquad, SuggestReason: o.SuggestReason, SquadOrgID: o.SquadOrgID,
		SquadName: o.SquadName, OfficerID: o.OfficerID, OfficerName: o.OfficerName, EvidenceUse: o.EvidenceUse,
		Thumb: o.Thumb, Result: o.Result, ResultNote: o.ResultNote, AlertCount: o.AlertCount, RuleID: o.RuleID,
		LimitMS: o.LimitMS, NearMS: o.NearMS, CreatedAt: o.CreatedAt, DueAt: o.DueAt, HandledAt: o.HandledAt,
		ClosedAt: o.ClosedAt, CreatedYMD: clock.YMD(o.CreatedAt.Time()), TextKey: textOf(o).ID, Rev: o.Rev,
	}
	if o.NearToday {
		r.NearToday = 1
	}
	if o.ClosedAt != nil {
		r.ClosedYMD = clock.YMD(o.ClosedAt.Time())
	}
	return r
}

// textRow is a text that orders are searched by.
type textRow struct {
	bun.BaseModel `bun:"table:order_texts,alias:t"`

	ID   string `bun:",pk"`
	Text string
}

func textOf(o Order) textRow {
	text := strings.Join([]string{o.ShopName, o.Address, o.CameraName, o.StreetName, o.SquadName, o.OfficerName}, " ")
	return textRow{ID: blob.Digest([]byte(text))[:24], Text: text}
}

// addText stores the search text of an order unless it is there.
func addText(ctx context.Context, tx db.Tx, o Order) error {
	t := textOf(o)
	if _, err := tx.NewInsert().Model(&t).On("CONFLICT (id) DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("store search text: %w", err)
	}
	return nil
}

// visible narrows a query to the orders that the actor may see: those of the
// data scope, and those given to the actor or the actor's squad wherever
// they are.
func visible(q *bun.SelectQuery, who access.Actor) *bun.SelectQuery {
	q = q.Where("o.voided_at IS NULL")
	if who.Scope.All {
		return q
	}
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		q = who.Scope.Filter(q, "o.region_code")
		if who.OrgLevel == "squad" && who.OrgID != "" {
			q = q.WhereOr("o.squad_org_id = ?", who.OrgID)
		}
		if who.ID != "" {
			q = q.WhereOr("o.officer_id = ?", who.ID)
		}
		return q
	})
}

// get loads one order that the actor may see.
func get(ctx context.Context, idb bun.IDB, who access.Actor, id string) (Order, error) {
	var r itemRow
	err := visible(idb.NewSelect().Model(&r).Where("o.id = ?", id), who).Scan(ctx)
	if db.NoRows(err) {
		return Order{}, errs.NotFound("工单")
	}
	if err != nil {
		return Order{}, fmt.Errorf("load order %s: %w", id, err)
	}
	return r.order(), nil
}

// insert stores a new order.
func insert(ctx context.Context, tx db.Tx, o Order) error {
	if err := addText(ctx, tx, o); err != nil {
		return err
	}
	if _, err := tx.NewInsert().Model(rowOf(o)).Exec(ctx); err != nil {
		return fmt.Errorf("insert order %s: %w", o.No, err)
	}
	return nil
}

// update stores an order that was loaded with o.Rev and gives it the next
// one. When someone else was faster it tells who did what.
func update(ctx context.Context, tx db.Tx, o Order) (Order, error) {
	if err := addText(ctx, tx, o); err != nil {
		return o, err
	}
	r := rowOf(o)
	r.Rev++
	res, err := tx.NewUpdate().Model(r).ExcludeColumn("created_at", "created_ymd", "no", "voided_at").
		Where("o.id = ? AND o.rev = ? AND o.voided_at IS NULL", o.ID, o.Rev).Exec(ctx)
	if err != nil {
		return o, fmt.Errorf("update order %s: %w", o.No, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		if err != nil {
			return o, fmt.Errorf("update order %s: %w", o.No, err)
		}
		return o, changedByOther(ctx, tx, o)
	}
	o.Rev++
	return o, nil
}

// changedByOther makes the conflict that names the last step.
func changedByOther(ctx context.Context, tx db.Tx, o Order) error {
	steps, err := stepsOf(ctx, tx, o.ID)
	if err != nil {
		return err
	}
	if len(steps) == 0 {
		return errs.Conflict(fmt.Sprintf("工单 %s 已被他人更新，请刷新后再操作", o.No))
	}
	s := steps[len(steps)-1]
	return errs.Conflict(fmt.Sprintf("%s %s 已对工单 %s 做了“%s”，请刷新后再操作", s.ActorName, wall(s.MadeAt), o.No, s.Act.label()))
}

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
	StepMoved    StepAct = "moved" // the squad went into another
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
