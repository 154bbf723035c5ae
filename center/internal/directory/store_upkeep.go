package directory

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// judgeDue judges the cameras whose legal answer may have changed.
func judgeDue(ctx context.Context, tx db.Tx, now clock.Stamp) error {
	rows := []cameraRow{}
	if err := tx.NewSelect().Model(&rows).Where("c.legal_next_at <= ?", now).OrderExpr("c.id").Limit(2000).Scan(ctx); err != nil {
		return fmt.Errorf("look for cameras to judge: %w", err)
	}
	for i := range rows {
		r := &rows[i]
		r.judged(r.camera().Legal, now)
		_, err := tx.NewUpdate().Model((*cameraRow)(nil)).Set("legal_use = ?", r.LegalUse).Set("legal_reason = ?", r.LegalReason).Set("legal_next_at = ?", r.LegalNextAt).
			Where("id = ? AND rev = ?", r.ID, r.Rev).Exec(ctx)
		if err != nil {
			return fmt.Errorf("judge camera %s: %w", r.ID, err)
		}
	}
	return nil
}

// moveSquad gives a squad's cameras to another.
func moveSquad(ctx context.Context, tx db.Tx, from, into string) error {
	_, err := tx.NewUpdate().Model((*cameraRow)(nil)).Set("squad_org_id = ?", into).Set("rev = rev + 1").Where("squad_org_id = ?", from).Exec(ctx)
	if err != nil {
		return fmt.Errorf("move the cameras of squad %s: %w", from, err)
	}
	return nil
}

// slice gives the next cameras after an id.
func slice(ctx context.Context, idb bun.IDB, who access.Actor, f Filter, after string, most int64) ([]Listed, string, error) {
	rows := []cameraRow{}
	if err := f.apply(idb.NewSelect().Model(&rows), who, false).Where("c.id > ?", after).OrderExpr("c.id").Limit(most).Scan(ctx); err != nil {
		return nil, "", fmt.Errorf("read cameras: %w", err)
	}
	if len(rows) == 0 {
		return nil, "", nil
	}
	out, err := withState(ctx, idb, rows)
	return out, rows[len(rows)-1].ID, err
}
