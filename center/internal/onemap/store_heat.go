package onemap

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/onemap/tile"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// heatZoom is the zoom of the heat's cells: about half a kilometre.
const heatZoom = 16

// heatMade gives the days that were counted since a day.
func heatMade(ctx context.Context, idb bun.IDB, since int) ([]int, error) {
	out := []int{}
	if err := idb.NewSelect().Table("map_heat_days").Column("ymd").Where("ymd >= ?", since).Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("read counted days: %w", err)
	}
	return out, nil
}

// countHeat counts one day's alerts by cell from their owner's view.
func countHeat(ctx context.Context, idb bun.IDB, ymd int) ([]heatRow, error) {
	rows, err := idb.NewSelect().TableExpr("v_alerts_heat AS v").Column("kind", "region_code", "lng", "lat").Where("v.received_ymd = ?", ymd).Rows(ctx)
	if err != nil {
		return nil, fmt.Errorf("read a day's alerts: %w", err)
	}
	defer func() { _ = rows.Close() }()
	sums := map[heatRow]int64{}
	for rows.Next() {
		h := heatRow{YMD: ymd}
		var lng, lat float64
		if err := rows.Scan(&h.Kind, &h.RegionCode, &lng, &lat); err != nil {
			return nil, fmt.Errorf("read a day's alerts: %w", err)
		}
		h.QK = tile.Code(lng, lat, heatZoom)
		sums[h]++
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read a day's alerts: %w", err)
	}
	out := make([]heatRow, 0, len(sums))
	for h, n := range sums {
		h.N = n
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b heatRow) int { return int(a.QK - b.QK) })
	return out, nil
}

// saveHeat replaces one day.
func saveHeat(ctx context.Context, tx db.Tx, ymd int, rows []heatRow) error {
	day := heatDay{YMD: ymd, MadeAt: clock.At(tx.Now())}
	if _, err := tx.NewInsert().Model(&day).On("CONFLICT (ymd) DO UPDATE").Set("made_at = EXCLUDED.made_at").Exec(ctx); err != nil {
		return fmt.Errorf("note a counted day: %w", err)
	}
	if _, err := tx.NewDelete().Table("map_heat").Where("ymd = ?", ymd).Exec(ctx); err != nil {
		return fmt.Errorf("replace a counted day: %w", err)
	}
	return db.InsertAll(ctx, tx, rows, "")
}

type heatCell struct {
	QK int64
	N  int64
}

// heatOf sums days by cell.
func heatOf(ctx context.Context, idb bun.IDB, who access.Actor, region, kind string, from, to int) ([]heatCell, error) {
	out := []heatCell{}
	q := idb.NewSelect().TableExpr("map_heat AS o").ColumnExpr("o.qk, SUM(o.n) AS n").Where("o.ymd BETWEEN ? AND ?", from, to).GroupExpr("o.qk")
	q = who.Scope.Filter(q, "o.region_code")
	if region != "" {
		q = access.Scope{Prefixes: []string{region}}.Filter(q, "o.region_code")
	}
	if kind != "" {
		q = q.Where("o.kind = ?", kind)
	}
	if err := q.Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("read the heat: %w", err)
	}
	return out, nil
}
