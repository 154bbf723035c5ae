package app

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

type uploadRow struct {
	bun.BaseModel `bun:"table:blob_uploads,alias:u"`

	SM3     string `bun:"sm3,pk"`
	ActorID string `bun:",pk"`
	At      clock.Stamp
}

func noteUpload(ctx context.Context, d *db.DB, sm3, actor string) error {
	return d.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		_, err := tx.NewInsert().Model(&uploadRow{SM3: sm3, ActorID: actor, At: clock.At(tx.Now())}).On("CONFLICT DO NOTHING").Exec(ctx)
		if err != nil {
			return fmt.Errorf("note upload: %w", err)
		}
		return nil
	})
}

func uploadedBy(ctx context.Context, d *db.DB, sm3, actor string) (bool, error) {
	ok, err := d.Read().NewSelect().Model((*uploadRow)(nil)).Where("u.sm3 = ? AND u.actor_id = ?", sm3, actor).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("read upload: %w", err)
	}
	return ok, nil
}
