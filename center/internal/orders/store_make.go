package orders

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// nextNo takes the next number of the day. A number is never used again.
func nextNo(ctx context.Context, tx db.Tx) (string, error) {
	ymd := clock.YMD(tx.Now())
	var n int64
	err := tx.NewRaw("INSERT INTO order_numbers (ymd, last) VALUES (?, 1) ON CONFLICT (ymd) DO UPDATE SET last = order_numbers.last + 1 RETURNING last", ymd).Scan(ctx, &n)
	if err != nil {
		return "", fmt.Errorf("take an order number: %w", err)
	}
	return fmt.Sprintf("GD%d-%04d", ymd, n), nil
}

// lockMerge makes the transactions that make orders of one shop and kind wait
// for each other, so that two confirmations cannot both find nothing to merge
// into.
func lockMerge(ctx context.Context, tx db.Tx, shop, kind string) error {
	_, err := tx.NewRaw("INSERT INTO order_merges (shop_id, kind, touched_at) VALUES (?, ?, ?) ON CONFLICT (shop_id, kind) DO UPDATE SET touched_at = excluded.touched_at",
		shop, kind, clock.At(tx.Now())).Exec(ctx)
	if err != nil {
		return fmt.Errorf("lock orders of shop %s: %w", shop, err)
	}
	return nil
}

// mergeable finds the order that an alert of the shop and kind joins: the
// newest that is still worked on and was made at most hours ago.
func mergeable(ctx context.Context, idb bun.IDB, shop, kind string, hours int64, now time.Time) (*Order, error) {
	if shop == "" || hours <= 0 {
		return nil, nil
	}
	var r itemRow
	err := idb.NewSelect().Model(&r).
		Where("o.shop_id = ? AND o.kind = ? AND o.created_at > ?", shop, kind, clock.At(now.Add(-time.Duration(hours)*time.Hour))).
		Where("o.voided_at IS NULL AND o.state NOT IN (?)", bun.List([]State{Closed, Filing})).
		Order("o.created_at DESC").Limit(1).Scan(ctx)
	if db.NoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find an order to merge into: %w", err)
	}
	o := r.order()
	return &o, nil
}

// anyOrder loads an order whoever asks; only for ports that decide themselves.
func anyOrder(ctx context.Context, idb bun.IDB, id string) (Order, error) {
	return get(ctx, idb, viewer{Actor: access.Actor{Scope: access.SystemScope()}}, id)
}

// openOfSquad reads the orders of a squad that are not closed.
func openOfSquad(ctx context.Context, tx db.Tx, squad string) ([]Order, error) {
	rows := []itemRow{}
	err := db.ForUpdate(tx, tx.NewSelect().Model(&rows).Where("o.squad_org_id = ? AND o.state <> ? AND o.voided_at IS NULL", squad, Closed).Order("o.id")).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read orders of squad: %w", err)
	}
	out := make([]Order, len(rows))
	for i := range rows {
		out[i] = rows[i].order()
	}
	return out, nil
}

// suggestInstead suggests another squad where one was suggested. It is no
// change of the order: who looked at it may go on, and it may be withdrawn.
func suggestInstead(ctx context.Context, tx db.Tx, squad string, into Org) error {
	_, err := tx.NewUpdate().Model((*itemRow)(nil)).Set("suggested_squad_id = ?", into.ID).Set("suggested_squad = ?", into.Name).
		Where("suggested_squad_id = ? AND state <> ? AND voided_at IS NULL", squad, Closed).Exec(ctx)
	if err != nil {
		return fmt.Errorf("suggest another squad: %w", err)
	}
	return nil
}

// void takes an order out of all lists; its number stays used.
func void(ctx context.Context, tx db.Tx, o Order) (bool, error) {
	res, err := tx.NewUpdate().Model((*itemRow)(nil)).Set("voided_at = ?", clock.At(tx.Now())).Set("rev = rev + 1").
		Where("id = ? AND rev = ? AND voided_at IS NULL", o.ID, o.Rev).Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("void order %s: %w", o.No, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

type alertLink struct {
	bun.BaseModel `bun:"table:order_alerts,alias:l"`

	OrderID string `bun:",pk"`
	AlertID string `bun:",pk"`
	AddedAt clock.Stamp
}

func linkAlert(ctx context.Context, tx db.Tx, order, alert string) error {
	l := alertLink{OrderID: order, AlertID: alert, AddedAt: clock.At(tx.Now())}
	if _, err := tx.NewInsert().Model(&l).Exec(ctx); err != nil {
		return fmt.Errorf("link alert to order: %w", err)
	}
	return nil
}

func unlinkAlert(ctx context.Context, tx db.Tx, order, alert string) error {
	_, err := tx.NewDelete().Model((*alertLink)(nil)).Where("order_id = ? AND alert_id = ?", order, alert).Exec(ctx)
	if err != nil {
		return fmt.Errorf("unlink alert from order: %w", err)
	}
	return nil
}

func alertIDs(ctx context.Context, idb bun.IDB, order string) ([]string, error) {
	out := []string{}
	err := idb.NewSelect().Model((*alertLink)(nil)).Column("l.alert_id").Where("l.order_id = ?", order).Order("l.added_at", "l.alert_id").Scan(ctx, &out)
	if err != nil {
		return nil, fmt.Errorf("list alerts of order: %w", err)
	}
	return out, nil
}

// AlertOf is what an order shows of one of its alerts; it is read from the
// view that the alerts domain maintains.
type AlertOf struct {
	ID             string       `json:"id"`
	No             string       `json:"no"`
	Kind           string       `json:"kind"`
	State          string       `json:"state"`
	Phase          string       `json:"phase"`
	CameraID       string       `bun:"camera_id" json:"cameraId"`
	CameraName     string       `json:"cameraName"`
	Address        string       `json:"address"`
	RegionCode     string       `json:"regionCode"`
	StreetName     string       `json:"streetName"`
	ZoneName       string       `json:"zoneName"`
	ShopID         string       `json:"shopId,omitempty"`
	ShopName       string       `json:"shopName,omitempty"`
	Score          float64      `json:"score"`
	SinceAt        clock.Stamp  `json:"since" format:"date-time"`
	ConfirmedAt    clock.Stamp  `json:"confirmedAt" format:"date-time"`
	EndedAt        *clock.Stamp `json:"endedAt,omitempty" format:"date-time"`
	ReceivedAt     clock.Stamp  `json:"receivedAt" format:"date-time"`
	EvidenceUse    string       `json:"evidenceUse"`
	EvidenceReason string       `json:"evidenceReason"`
	Thumb          string       `json:"thumb,omitempty"`
	Text           string       `json:"text"`
	SignText       string       `json:"signText,omitempty"`
	DecidedBy      string       `json:"decidedBy,omitempty"`
	DecidedName    string       `json:"decidedName,omitempty"`
	DecidedAt      *clock.Stamp `json:"decidedAt,omitempty" format:"date-time"`
	OrderID        string       `json:"orderId,omitempty"`
	Rev            int64        `json:"rev"`
}

func alertsOf(ctx context.Context, idb bun.IDB, order string) ([]AlertOf, error) {
	out := []AlertOf{}
	err := idb.NewSelect().ColumnExpr("a.id, a.no, a.kind, a.state, a.phase, a.camera_id, a.camera_name, a.address, a.region_code, a.street_name, a.zone_name, a.shop_id, a.shop_name").
		ColumnExpr("a.score, a.since_at, a.confirmed_at, a.ended_at, a.received_at, a.evidence_use, a.evidence_reason, a.thumb, a.text, a.sign_text, a.decided_by, a.decided_name, a.decided_at, a.order_id, a.rev").
		TableExpr("v_alerts_item AS a").Join("JOIN order_alerts AS l ON l.alert_id = a.id").
		Where("l.order_id = ?", order).OrderExpr("l.added_at, a.id").Scan(ctx, &out)
	if err != nil {
		return nil, fmt.Errorf("read alerts of order: %w", err)
	}
	return out, nil
}
