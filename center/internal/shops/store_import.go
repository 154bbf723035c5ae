package shops

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// keys gives region, name and address of every shop that the actor may see.
func keys(ctx context.Context, idb bun.IDB, who access.Actor) (map[string]bool, error) {
	var rows []shopRow
	err := who.Scope.Filter(idb.NewSelect().Model(&rows).Column("region_code", "name", "address").Where("h.deleted_at IS NULL"), "h.region_code").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the names of shops: %w", err)
	}
	out := make(map[string]bool, len(rows))
	for i := range rows {
		out[rows[i].RegionCode+"\x00"+rows[i].Name+"\x00"+rows[i].Address] = true
	}
	return out, nil
}

func insertAll(ctx context.Context, tx db.Tx, list []Shop) error {
	rows := make([]shopRow, 0, len(list))
	for _, s := range list {
		r := rowOf(s)
		r.CreatedAt, r.UpdatedAt = clock.At(tx.Now()), clock.At(tx.Now())
		rows = append(rows, *r)
	}
	if err := db.InsertAll(ctx, tx, rows, ""); err != nil {
		return fmt.Errorf("save shops: %w", err)
	}
	return nil
}
