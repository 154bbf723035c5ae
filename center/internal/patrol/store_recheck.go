package patrol

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// The states of rechecks.
const (
	recheckWaiting  = "waiting"
	recheckAnswered = "answered"
	recheckDropped  = "dropped"
)

type recheckRow struct {
	bun.BaseModel `bun:"table:patrol_rechecks,alias:r"`

	OrderID     string `bun:",pk"`
	CameraID    string
	ZoneID      string
	NotBeforeAt clock.Stamp
	TaskID      string
	State       string
	Clean       int
	Seen        int
	AskedAt     clock.Stamp
	AnsweredAt  *clock.Stamp
}

// recheckOf loads the recheck of an order and holds it.
func recheckOf(ctx context.Context, tx db.Tx, order string) (recheckRow, bool, error) {
	var r recheckRow
	err := db.ForUpdate(tx, tx.NewSelect().Model(&r).Where("r.order_id = ?", order)).Scan(ctx)
	if db.NoRows(err) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("load the recheck of order %s: %w", order, err)
	}
	return r, true, nil
}

// rechecksAt finds the orders that wait for a place.
func rechecksAt(ctx context.Context, tx db.Tx, camera, zone string) ([]recheckRow, error) {
	rows := []recheckRow{}
	err := db.ForUpdate(tx, tx.NewSelect().Model(&rows).Where("r.camera_id = ? AND r.zone_id = ? AND r.state = ?", camera, zone, recheckWaiting).Order("r.order_id")).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("find rechecks: %w", err)
	}
	return rows, nil
}

func putRecheck(ctx context.Context, tx db.Tx, r recheckRow) error {
	_, err := tx.NewInsert().Model(&r).On("CONFLICT (order_id) DO UPDATE").
		Set("camera_id = EXCLUDED.camera_id").Set("zone_id = EXCLUDED.zone_id").Set("not_before_at = EXCLUDED.not_before_at").Set("task_id = EXCLUDED.task_id").
		Set("state = EXCLUDED.state").Set("clean = EXCLUDED.clean").Set("seen = EXCLUDED.seen").Set("asked_at = EXCLUDED.asked_at").Set("answered_at = EXCLUDED.answered_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("store the recheck of order %s: %w", r.OrderID, err)
	}
	return nil
}
