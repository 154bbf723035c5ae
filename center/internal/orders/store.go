package orders

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

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
	ZoneID           string
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
	NearToday        int   // always 0: nearness is the deadline rule's alone
	CreatedAt        clock.Stamp
	DueAt            clock.Stamp
	HandledAt        *clock.Stamp
	HandledBy        string
	ClosedAt         *clock.Stamp
	Urged            int64
	UrgedAt          *clock.Stamp
	VoidedAt         *clock.Stamp
	CreatedYMD       int `bun:"created_ymd"`
	ClosedYMD        int `bun:"closed_ymd"`
	TextKey          string
	Rev              int64
}

func (r *itemRow) order() Order {
	return Order{
		ID: r.ID, No: r.No, Kind: r.Kind, State: r.State, ShopID: r.ShopID, ShopName: r.ShopName,
		CameraID: r.CameraID, CameraName: r.CameraName, ZoneID: r.ZoneID, Address: r.Address, Lng: r.Lng, Lat: r.Lat,
		RegionCode: r.RegionCode, StreetName: r.StreetName, SuggestedSquadID: r.SuggestedSquadID,
		SuggestedSquad: r.SuggestedSquad, SuggestReason: r.SuggestReason, SquadOrgID: r.SquadOrgID,
		SquadName: r.SquadName, OfficerID: r.OfficerID, OfficerName: r.OfficerName, EvidenceUse: r.EvidenceUse,
		Thumb: r.Thumb, Result: r.Result, ResultNote: r.ResultNote, AlertCount: r.AlertCount, RuleID: r.RuleID,
		LimitMS: r.LimitMS, NearMS: r.NearMS, CreatedAt: r.CreatedAt, DueAt: r.DueAt,
		HandledAt: r.HandledAt, HandledBy: r.HandledBy, ClosedAt: r.ClosedAt, Urged: r.Urged, UrgedAt: r.UrgedAt, Rev: r.Rev,
	}
}

func rowOf(o Order) *itemRow {
	r := &itemRow{
		ID: o.ID, No: o.No, Kind: o.Kind, State: o.State, ShopID: o.ShopID, ShopName: o.ShopName,
		CameraID: o.CameraID, CameraName: o.CameraName, ZoneID: o.ZoneID, Address: o.Address, Lng: o.Lng, Lat: o.Lat,
		RegionCode: o.RegionCode, StreetName: o.StreetName, SuggestedSquadID: o.SuggestedSquadID,
		SuggestedSquad: o.SuggestedSquad, SuggestReason: o.SuggestReason, SquadOrgID: o.SquadOrgID,
		SquadName: o.SquadName, OfficerID: o.OfficerID, OfficerName: o.OfficerName, EvidenceUse: o.EvidenceUse,
		Thumb: o.Thumb, Result: o.Result, ResultNote: o.ResultNote, AlertCount: o.AlertCount, RuleID: o.RuleID,
		LimitMS: o.LimitMS, NearMS: o.NearMS, CreatedAt: o.CreatedAt, DueAt: o.DueAt, HandledAt: o.HandledAt,
		HandledBy: o.HandledBy, ClosedAt: o.ClosedAt, Urged: o.Urged, UrgedAt: o.UrgedAt, CreatedYMD: clock.YMD(o.CreatedAt.Time()), TextKey: textOf(o).ID, Rev: o.Rev,
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
// data scope, and those given to the actor or the actor's squad wherever they
// are, and to those whose place the actor takes.
func visible(q *bun.SelectQuery, who viewer) *bun.SelectQuery {
	q = q.Where("o.voided_at IS NULL")
	if who.Scope.All {
		return q
	}
	squads, persons := who.own()
	if len(squads)+len(persons) == 0 {
		return who.Scope.Filter(q, "o.region_code")
	}
	if who.narrow() {
		// A few thousand orders, each part from its own index: an OR over
		// three columns would read all there are.
		parts := []*bun.SelectQuery{}
		part := func() *bun.SelectQuery {
			return q.DB().NewSelect().TableExpr("order_items AS v").ColumnExpr("v.id")
		}
		parts = append(parts, who.Scope.Filter(part(), "v.region_code"))
		if len(squads) > 0 {
			parts = append(parts, part().Where("v.squad_org_id IN (?)", bun.List(squads)))
		}
		if len(persons) > 0 {
			parts = append(parts, part().Where("v.officer_id IN (?)", bun.List(persons)))
		}
		all := parts[0]
		for _, p := range parts[1:] {
			all = all.UnionAll(p)
		}
		return q.Where("o.id IN (?)", all)
	}
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		q = who.Scope.Filter(q, "o.region_code")
		if len(squads) > 0 {
			q = q.WhereOr("o.squad_org_id IN (?)", bun.List(squads))
		}
		if len(persons) > 0 {
			q = q.WhereOr("o.officer_id IN (?)", bun.List(persons))
		}
		return q
	})
}

// get loads one order that the actor may see.
func get(ctx context.Context, idb bun.IDB, who viewer, id string) (Order, error) {
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
