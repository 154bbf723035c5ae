package onemap

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/onemap/tile"
	"jiexun/center/internal/platform/clock"
)

// Filter is what the list and the map are narrowed by.
type Filter struct {
	Kind, State, Region string
	// From and To bound when a thing began; zero is open.
	From, To clock.Stamp
	// Late keeps only what is past its deadline at this moment.
	Late clock.Stamp
}

// narrowTo applies a filter to a query on the alias o. Who is for the layer's
// permission.
func narrowTo(q *bun.SelectQuery, src source, who access.Actor, f Filter) *bun.SelectQuery {
	q = q.Where("o.layer = ?", src.layer)
	if src.layer == LayerOrder && !who.Scope.All {
		// Orders are seen by the rule of their own list: those of the scope,
		// and those given to the actor or the actor's squad wherever they lie.
		q = q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
			q = who.Scope.Filter(q, "o.region_code").WhereOr("o.person_id = ?", who.ID)
			if who.OrgLevel == "squad" {
				q = q.WhereOr("o.org_id = ?", who.OrgID)
			}
			return q
		})
	} else {
		q = who.Scope.Filter(q, "o.region_code")
	}
	if f.Region != "" {
		q = access.Scope{Prefixes: []string{f.Region}}.Filter(q, "o.region_code")
	}
	if f.Kind != "" {
		q = q.Where("o.kind = ?", f.Kind)
	}
	if f.State == "bad" {
		q = q.Where("o." + src.bad)
	} else if f.State != "" {
		q = q.Where("o.state = ?", f.State)
	}
	if f.From > 0 {
		q = q.Where("o.begun_at >= ?", f.From)
	}
	if f.To > 0 {
		q = q.Where("o.begun_at < ?", f.To)
	}
	if f.Late > 0 {
		q = q.Where("o.until_at > 0 AND o.until_at < ?", f.Late)
	}
	return q
}

// timed tells that the counted cells cannot answer.
func (f Filter) timed() bool { return f.From > 0 || f.To > 0 || f.Late > 0 }

// cluster is some objects of a cell.
type cluster struct {
	QK       int64
	N        int64
	Lng, Lat float64
	Bad      int64
}

// cellsOf sums the counted cells of a tile.
func cellsOf(ctx context.Context, idb bun.IDB, src source, who access.Actor, f Filter, z int, span tile.Span) ([]cluster, error) {
	out := []cluster{}
	q := idb.NewSelect().TableExpr("map_cells AS o").ColumnExpr("o.qk, SUM(o.n) AS n, SUM(o.sum_lng) AS lng, SUM(o.sum_lat) AS lat").
		ColumnExpr("SUM(CASE WHEN o."+src.bad+" THEN o.n ELSE 0 END) AS bad").
		Where("o.z = ? AND o.qk >= ? AND o.qk < ?", z, span.From, span.To).GroupExpr("o.qk")
	if err := narrowTo(q, src, who, f).Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("read cells of the map: %w", err)
	}
	list := out[:0]
	for _, c := range out {
		if c.N > 0 {
			c.Lng, c.Lat = c.Lng/float64(c.N), c.Lat/float64(c.N)
			list = append(list, c)
		}
	}
	return list, nil
}

// objectsOf reads the objects of a tile, at most limit.
func objectsOf(ctx context.Context, idb bun.IDB, src source, who access.Actor, f Filter, span tile.Span, limit int) ([]objectRow, error) {
	out := []objectRow{}
	q := idb.NewSelect().TableExpr("map_objects AS o").ColumnExpr("o.id, o.kind, o.state, o.name, o.lng, o.lat, o.begun_at, o.until_at, o.qk").
		Where("o.qk >= ? AND o.qk < ?", span.From, span.To).Limit(int64(limit))
	if err := narrowTo(q, src, who, f).Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("read objects of a tile: %w", err)
	}
	return out, nil
}
