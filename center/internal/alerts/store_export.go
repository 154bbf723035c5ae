package alerts

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
)

func countAll(ctx context.Context, idb bun.IDB, who access.Actor, f Filter) (int64, error) {
	n, err := f.apply(idb.NewSelect().Model((*itemRow)(nil)), who).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count alerts: %w", err)
	}
	return n, nil
}

// each walks through all alerts of a filter, newest first, a page at a time.
func each(ctx context.Context, idb bun.IDB, who access.Actor, f Filter, do func(Alert) error) error {
	const page = 1000
	var last *itemRow
	for {
		rows := make([]itemRow, 0, page)
		q := f.apply(idb.NewSelect().Model(&rows), who).Order("a.received_at DESC", "a.id DESC").Limit(page)
		if last != nil {
			q = q.Where("(a.received_at, a.id) < (?, ?)", last.ReceivedAt, last.ID)
		}
		if err := q.Scan(ctx); err != nil {
			return fmt.Errorf("read alerts: %w", err)
		}
		for i := range rows {
			if err := do(rows[i].alert()); err != nil {
				return err
			}
		}
		if len(rows) < page {
			return nil
		}
		last = &rows[page-1]
	}
}
