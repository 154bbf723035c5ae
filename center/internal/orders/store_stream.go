package orders

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

func countOf(ctx context.Context, idb bun.IDB, who viewer, f Filter, now time.Time) (int64, error) {
	n, err := f.apply(idb.NewSelect().Model((*itemRow)(nil)), who, now).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count orders: %w", err)
	}
	return int64(n), nil
}

// each walks through all orders of a filter, newest first, a page at a time.
func each(ctx context.Context, idb bun.IDB, who viewer, f Filter, now time.Time, do func(Order) error) error {
	const page = 1000
	var last *itemRow
	for {
		rows := make([]itemRow, 0, page)
		q := f.apply(idb.NewSelect().Model(&rows), who, now).Order("o.created_at DESC", "o.id DESC").Limit(page)
		if last != nil {
			q = q.Where("(o.created_at, o.id) < (?, ?)", last.CreatedAt, last.ID)
		}
		if err := q.Scan(ctx); err != nil {
			return fmt.Errorf("read orders: %w", err)
		}
		for i := range rows {
			if err := do(rows[i].order()); err != nil {
				return err
			}
		}
		if len(rows) < page {
			return nil
		}
		last = &rows[page-1]
	}
}
