package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// itemRow is an alert as stored.
type itemRow struct {
	bun.BaseModel `bun:"table:alert_items,alias:a"`

	ID             string `bun:",pk"`
	No             string
	EdgeID         string
	EventID        string
	EventRev       int
	Kind           string
	SeenKind       string
	Phase          string
	State          State
	CameraID       string
	CameraName     string
	Address        string
	RegionCode     string
	StreetName     string
	Lng, Lat       float64
	ZoneID         string
	ZoneName       string
	ShopID         string
	ShopName       string
	BindRule       string
	BindReason     string
	RuleID         string
	Finding        string
	Registered     string
	SeenCount      int
	GroupKey       string
	Look           int
	LookHash       int64
	LookTriedAt    int64
	Score          float64
	SinceAt        clock.Stamp
	ConfirmedAt    clock.Stamp
	EndedAt        *clock.Stamp
	ReceivedAt     clock.Stamp
	EvidenceUse    string
	EvidenceReason string
	Thumb          string
	Text           string
	SignText       string
	DecidedBy      string
	DecidedName    string
	DecidedAt      *clock.Stamp
	Decision       Act
	PriorState     State
	OrderID        string
	OrderNo        string
	OrderState     string
	OrderResult    string
	TextKey        string
	ReceivedYMD    int `bun:"received_ymd"`
	Rev            int64
}

func (r *itemRow) alert() Alert {
	return Alert{
		ID: r.ID, No: r.No, EdgeID: r.EdgeID, EventID: r.EventID, EventRev: r.EventRev, Kind: r.Kind, SeenKind: r.SeenKind,
		Phase: r.Phase, State: r.State, CameraID: r.CameraID, CameraName: r.CameraName, Address: r.Address,
		RegionCode: r.RegionCode, StreetName: r.StreetName, Lng: r.Lng, Lat: r.Lat, ZoneID: r.ZoneID, ZoneName: r.ZoneName,
		ShopID: r.ShopID, ShopName: r.ShopName, BindRule: r.BindRule, BindReason: r.BindReason,
		RuleID: r.RuleID, Finding: r.Finding, Registered: r.Registered, SeenCount: r.SeenCount, Look: r.Look, Score: r.Score, SinceAt: r.SinceAt,
		ConfirmedAt: r.ConfirmedAt, EndedAt: r.EndedAt, ReceivedAt: r.ReceivedAt, EvidenceUse: r.EvidenceUse,
		EvidenceReason: r.EvidenceReason, Thumb: r.Thumb, Text: r.Text, SignText: r.SignText, DecidedBy: r.DecidedBy,
		DecidedName: r.DecidedName, DecidedAt: r.DecidedAt, Decision: r.Decision, PriorState: r.PriorState,
		OrderID: r.OrderID, OrderNo: r.OrderNo, OrderState: r.OrderState, OrderResult: r.OrderResult, Rev: r.Rev,
	}
}

func rowOf(a Alert) itemRow {
	return itemRow{
		ID: a.ID, No: a.No, EdgeID: a.EdgeID, EventID: a.EventID, EventRev: a.EventRev, Kind: a.Kind, SeenKind: a.SeenKind,
		Phase: a.Phase, State: a.State, CameraID: a.CameraID, CameraName: a.CameraName, Address: a.Address,
		RegionCode: a.RegionCode, StreetName: a.StreetName, Lng: a.Lng, Lat: a.Lat, ZoneID: a.ZoneID, ZoneName: a.ZoneName,
		ShopID: a.ShopID, ShopName: a.ShopName, BindRule: a.BindRule, BindReason: a.BindReason,
		RuleID: a.RuleID, Finding: a.Finding, Registered: a.Registered, SeenCount: a.SeenCount, GroupKey: a.group(), Look: a.Look, Score: a.Score, SinceAt: a.SinceAt,
		ConfirmedAt: a.ConfirmedAt, EndedAt: a.EndedAt, ReceivedAt: a.ReceivedAt, EvidenceUse: a.EvidenceUse,
		EvidenceReason: a.EvidenceReason, Thumb: a.Thumb, Text: a.Text, SignText: a.SignText, DecidedBy: a.DecidedBy,
		DecidedName: a.DecidedName, DecidedAt: a.DecidedAt, Decision: a.Decision, PriorState: a.PriorState,
		OrderID: a.OrderID, OrderNo: a.OrderNo, OrderState: a.OrderState, OrderResult: a.OrderResult,
		TextKey: textOf(a).ID, ReceivedYMD: clock.YMD(a.ReceivedAt.Time()), Rev: a.Rev,
	}
}

// textRow is a text that alerts are searched by.
type textRow struct {
	bun.BaseModel `bun:"table:alert_texts,alias:t"`

	ID   string `bun:",pk"`
	Text string
}

func textOf(a Alert) textRow {
	text := strings.Join([]string{a.ShopName, a.CameraName, a.Address, a.StreetName, a.ZoneName}, " ")
	return textRow{ID: blob.Digest([]byte(text))[:24], Text: text}
}

// addTexts stores the search texts of alerts that are not stored yet.
func addTexts(ctx context.Context, tx db.Tx, list ...Alert) error {
	rows := []textRow{}
	seen := map[string]bool{}
	for _, a := range list {
		if t := textOf(a); !seen[t.ID] {
			seen[t.ID] = true
			rows = append(rows, t)
		}
	}
	if _, err := tx.NewInsert().Model(&rows).On("CONFLICT (id) DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("store search texts: %w", err)
	}
	return nil
}

// get loads one alert inside the actor's scope.
func get(ctx context.Context, idb bun.IDB, who access.Actor, id string) (Alert, error) {
	var r itemRow
	err := who.Scope.Filter(idb.NewSelect().Model(&r).Where("a.id = ?", id), "a.region_code").Scan(ctx)
	if db.NoRows(err) {
		return Alert{}, errs.NotFound("预警")
	}
	if err != nil {
		return Alert{}, fmt.Errorf("load alert %s: %w", id, err)
	}
	return r.alert(), nil
}

// saveDecision writes what a person may change, under the version. The
// columns of the box are left alone, so that a message that came in between
// is not undone.
func saveDecision(ctx context.Context, tx db.Tx, a Alert) (Alert, error) {
	if err := addTexts(ctx, tx, a); err != nil {
		return a, err
	}
	r := rowOf(a)
	r.Rev++
	res, err := tx.NewUpdate().Model(&r).
		Column("state", "kind", "text", "shop_id", "shop_name", "bind_rule", "bind_reason", "group_key", "decided_by", "decided_name", "decided_at",
			"decision", "prior_state", "order_id", "order_no", "order_state", "order_result", "text_key", "rev").
		Where("a.id = ? AND a.rev = ?", a.ID, a.Rev).Exec(ctx)
	if err != nil {
		return a, fmt.Errorf("save alert %s: %w", a.No, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return a, fmt.Errorf("save alert %s: %w", a.No, err)
	}
	if n == 0 {
		return a, changedByOther(ctx, tx, a.ID)
	}
	a.Rev++
	return a, nil
}

// changedByOther makes the conflict that names who decided and when.
func changedByOther(ctx context.Context, idb bun.IDB, id string) error {
	now, err := get(ctx, idb, access.Actor{Scope: access.SystemScope()}, id)
	if err != nil {
		return err
	}
	return decided(now)
}

type historyRow struct {
	bun.BaseModel `bun:"table:alert_history,alias:h"`

	ID        string `bun:",pk"`
	AlertID   string
	MadeAt    clock.Stamp
	ActorID   string
	ActorName string
	Act       Act
	Text      string
	IdemKey   *string
	// Was and Became are the result before and after a correction.
	Was, Became string
}

func addHistory(ctx context.Context, tx db.Tx, h historyRow) error {
	if _, err := tx.NewInsert().Model(&h).Exec(ctx); err != nil {
		return fmt.Errorf("add to the history of an alert: %w", err)
	}
	return nil
}

func historyOf(ctx context.Context, idb bun.IDB, id string) ([]historyRow, error) {
	rows := []historyRow{}
	if err := idb.NewSelect().Model(&rows).Where("h.alert_id = ?", id).Order("h.made_at", "h.id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("load the history of an alert: %w", err)
	}
	return rows, nil
}

// done tells whether a decision with this idempotency key is on record.
func done(ctx context.Context, tx db.Tx, alertID, key string) (bool, error) {
	if key == "" {
		return false, nil
	}
	n, err := tx.NewSelect().Model((*historyRow)(nil)).Where("h.alert_id = ? AND h.idem_key = ?", alertID, key).Count(ctx)
	if err != nil {
		return false, fmt.Errorf("look up idempotency key: %w", err)
	}
	return n > 0, nil
}

type eventRow struct {
	bun.BaseModel `bun:"table:alert_events,alias:e"`

	AlertID string `bun:",pk"`
	Rev     int
	Body    string
}

func eventOf(ctx context.Context, idb bun.IDB, id string) (edgev1.Event, error) {
	var r eventRow
	var e edgev1.Event
	if err := idb.NewSelect().Model(&r).Where("e.alert_id = ?", id).Scan(ctx); err != nil {
		return e, fmt.Errorf("load the event of alert %s: %w", id, err)
	}
	if err := json.Unmarshal([]byte(r.Body), &e); err != nil {
		return e, fmt.Errorf("read the event of alert %s: %w", id, err)
	}
	return e, nil
}

type blobRow struct {
	bun.BaseModel `bun:"table:alert_blobs,alias:b"`

	AlertID string `bun:",pk"`
	SM3     string `bun:"sm3,pk"`
	Role    string
}

// picturesOf lists the evidence of an alert.
func picturesOf(ctx context.Context, idb bun.IDB, id string) ([]string, error) {
	out := []string{}
	if err := idb.NewSelect().Model((*blobRow)(nil)).Column("b.sm3").Where("b.alert_id = ?", id).Order("b.sm3").Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("list the pictures of an alert: %w", err)
	}
	return out, nil
}

// seesBlob tells whether the picture is evidence of an alert in the scope.
func seesBlob(ctx context.Context, idb bun.IDB, who access.Actor, sm3 string) (bool, error) {
	q := idb.NewSelect().Model((*itemRow)(nil)).Join("JOIN alert_blobs AS b ON b.alert_id = a.id").Where("b.sm3 = ?", sm3)
	ok, err := who.Scope.Filter(q, "a.region_code").Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for the picture's alerts: %w", err)
	}
	return ok, nil
}

// orderClosed notes on an order's alerts that it was closed.
func orderClosed(ctx context.Context, tx db.Tx, order, result string) error {
	_, err := tx.NewUpdate().Model((*itemRow)(nil)).Set("order_state = ?", "closed").Set("order_result = ?", result).
		Where("order_id = ? AND order_id <> ''", order).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note the closed order on its alerts: %w", err)
	}
	return nil
}

// orderMoved notes on an order's alerts where the order stands.
func orderMoved(ctx context.Context, tx db.Tx, order, state string) error {
	_, err := tx.NewUpdate().Model((*itemRow)(nil)).Set("order_state = ?", state).
		Where("order_id = ? AND order_id <> '' AND order_state <> ?", order, "closed").Exec(ctx)
	if err != nil {
		return fmt.Errorf("note the order's state on its alerts: %w", err)
	}
	return nil
}
