package onemap

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/onemap/tile"
	"jiexun/center/internal/platform/clock"
)

// CountMost is where exact counting ends.
const CountMost = 10_000

// pageOf reads a page of a layer, newest first; orders by their deadline.
func pageOf(ctx context.Context, idb bun.IDB, src source, who access.Actor, f Filter, offset, limit int64) ([]objectRow, error) {
	out := []objectRow{}
	q := narrowTo(idb.NewSelect().Model(&out), src, who, f).Offset(offset).Limit(limit)
	switch src.layer {
	case LayerOrder:
		q = q.OrderExpr("CASE WHEN o.until_at = 0 THEN 1 ELSE 0 END, o.until_at, o.id")
	case LayerAlert:
		q = q.OrderExpr("o.begun_at DESC, o.id DESC")
	default:
		q = q.OrderExpr("o.region_code, o.begun_at, o.id")
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read a page of the map: %w", err)
	}
	return out, nil
}

// countOf counts what a filter leaves: from the cells where they can answer,
// else from the objects up to CountMost.
func countOf(ctx context.Context, idb bun.IDB, src source, who access.Actor, f Filter) (int64, error) {
	if src.cells && !f.timed() {
		var n int64
		q := idb.NewSelect().TableExpr("map_cells AS o").ColumnExpr("COALESCE(SUM(o.n), 0)").Where("o.z = ?", cellFirst)
		if err := narrowTo(q, src, who, f).Scan(ctx, &n); err != nil {
			return 0, fmt.Errorf("count a layer: %w", err)
		}
		return n, nil
	}
	in := narrowTo(idb.NewSelect().TableExpr("map_objects AS o").ColumnExpr("1"), src, who, f).Limit(CountMost)
	n, err := idb.NewSelect().TableExpr("(?) AS x", in).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count a layer: %w", err)
	}
	return int64(n), nil
}

type streetCount struct {
	RegionCode string
	N          int64
}

// streetsOf counts a layer by street.
func streetsOf(ctx context.Context, idb bun.IDB, src source, who access.Actor, f Filter) ([]streetCount, error) {
	out := []streetCount{}
	q := idb.NewSelect()
	if src.cells && !f.timed() {
		q = q.TableExpr("map_cells AS o").ColumnExpr("o.region_code, SUM(o.n) AS n").Where("o.z = ?", cellFirst)
	} else {
		q = q.TableExpr("map_objects AS o").ColumnExpr("o.region_code, COUNT(*) AS n")
	}
	q = narrowTo(q, src, who, f).GroupExpr("o.region_code").OrderExpr("n DESC, o.region_code")
	if err := q.Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("count a layer by street: %w", err)
	}
	return out, nil
}

// hoursOf counts what began in each hour.
func hoursOf(ctx context.Context, idb bun.IDB, src source, who access.Actor, f Filter) (map[int64]int64, error) {
	rows := []struct{ H, N int64 }{}
	q := idb.NewSelect().TableExpr("map_objects AS o").ColumnExpr("o.begun_at / 3600000 AS h, COUNT(*) AS n").GroupExpr("o.begun_at / 3600000")
	if err := narrowTo(q, src, who, f).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("count a layer by hour: %w", err)
	}
	out := map[int64]int64{}
	for _, r := range rows {
		out[r.H] = r.N
	}
	return out, nil
}

// inSpans reads the objects of ranges of codes, up to a limit.
func inSpans(ctx context.Context, idb bun.IDB, src source, who access.Actor, f Filter, spans []tile.Span, limit int) ([]objectRow, error) {
	out := []objectRow{}
	q := narrowTo(idb.NewSelect().Model(&out), src, who, f).WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		for _, s := range spans {
			q = q.WhereOr("(o.qk >= ? AND o.qk < ?)", s.From, s.To)
		}
		return q
	}).Limit(int64(limit))
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("search an area: %w", err)
	}
	return out, nil
}

// one reads an object that the actor may see.
func one(ctx context.Context, idb bun.IDB, src source, who access.Actor, id string) (objectRow, error) {
	var out objectRow
	err := narrowTo(idb.NewSelect().Model(&out).Where("o.id = ?", id), src, who, Filter{}).Scan(ctx)
	if err != nil {
		return out, fmt.Errorf("read an object of the map: %w", err)
	}
	return out, nil
}

// heatRow counts alerts of a day in a cell.
type heatRow struct {
	bun.BaseModel `bun:"table:map_heat,alias:o"`

	YMD        int    `bun:"ymd,pk"`
	Kind       string `bun:",pk"`
	RegionCode string `bun:",pk"`
	QK         int64  `bun:"qk,pk"`
	N          int64
}

type heatDay struct {
	bun.BaseModel `bun:"table:map_heat_days,alias:d"`

	YMD    int `bun:"ymd,pk"`
	MadeAt clock.Stamp
}
