package trail

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

type row struct {
	bun.BaseModel `bun:"table:integration_changes,alias:c"`

	ID         string `bun:",pk"`
	Object     string
	ObjectID   string
	Act        string
	Summary    string
	BeforeJSON string `bun:"before_json"`
	AfterJSON  string `bun:"after_json"`
	Reason     string
	ByID       string
	ByName     string
	At         clock.Stamp
}

func insert(ctx context.Context, tx db.Tx, r *row) error {
	if _, err := tx.NewInsert().Model(r).Exec(ctx); err != nil {
		return fmt.Errorf("note change: %w", err)
	}
	return nil
}

func list(ctx context.Context, d *db.DB, object, id string) ([]row, error) {
	rows := []row{}
	err := d.Read().NewSelect().Model(&rows).Where("c.object = ? AND c.object_id = ?", object, id).Order("c.at DESC", "c.id DESC").Limit(100).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list changes: %w", err)
	}
	return rows, nil
}
