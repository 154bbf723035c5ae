package onemap

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/onemap/tile"
	"jiexun/center/internal/platform/db"
)

// addressRow is an address of the index.
type addressRow struct {
	bun.BaseModel `bun:"table:map_addresses,alias:d"`

	ID         string `bun:",pk"` // source:ref
	Source     string
	Ref        string
	Text       string
	Standard   string
	RegionCode string
	Road       string
	Lane       string
	Num        int
	Suffix     string
	Building   string
	Room       string
	Lng, Lat   float64
	QK         int64 `bun:"qk"`
}

const addressUpsert = `ON CONFLICT (id) DO UPDATE SET text = EXCLUDED.text, standard = EXCLUDED.standard, region_code = EXCLUDED.region_code, road = EXCLUDED.road,
	lane = EXCLUDED.lane, num = EXCLUDED.num, suffix = EXCLUDED.suffix, building = EXCLUDED.building, room = EXCLUDED.room, lng = EXCLUDED.lng, lat = EXCLUDED.lat, qk = EXCLUDED.qk`

func putAddresses(ctx context.Context, tx db.Tx, rows []addressRow) error {
	return db.InsertAll(ctx, tx, rows, addressUpsert)
}

func dropAddresses(ctx context.Context, tx db.Tx, list []string) error {
	if len(list) == 0 {
		return nil
	}
	if _, err := tx.NewDelete().Table("map_addresses").Where("id IN (?)", bun.List(list)).Exec(ctx); err != nil {
		return fmt.Errorf("drop addresses: %w", err)
	}
	return nil
}

// addressesOf reads a part of a road: numbers between, in a lane or outside.
func addressesOf(ctx context.Context, idb bun.IDB, road, lane string, from, to int) ([]addressRow, error) {
	out := []addressRow{}
	q := idb.NewSelect().Model(&out).Where("d.road = ? AND d.lane = ?", road, lane).Where("d.num BETWEEN ? AND ?", from, to).OrderExpr("d.num").Limit(400)
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read addresses of %s: %w", road, err)
	}
	return out, nil
}

// addressesNear reads the addresses of ranges of codes.
func addressesNear(ctx context.Context, idb bun.IDB, spans []tile.Span, limit int) ([]addressRow, error) {
	out := []addressRow{}
	q := idb.NewSelect().Model(&out).WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		for _, s := range spans {
			q = q.WhereOr("(d.qk >= ? AND d.qk < ?)", s.From, s.To)
		}
		return q
	}).Limit(int64(limit))
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read addresses near a place: %w", err)
	}
	return out, nil
}

// roadCount is a road of the index, with a place in the middle of its
// addresses.
type roadCount struct {
	Road     string
	N        int64
	Lng, Lat float64
	Region   string
}

func roadCounts(ctx context.Context, idb bun.IDB) ([]roadCount, error) {
	out := []roadCount{}
	err := idb.NewSelect().TableExpr("map_addresses AS d").ColumnExpr("d.road, COUNT(*) AS n, AVG(d.lng) AS lng, AVG(d.lat) AS lat, MIN(d.region_code) AS region").
		Where("d.road <> ''").GroupExpr("d.road").Scan(ctx, &out)
	if err != nil {
		return nil, fmt.Errorf("read the roads: %w", err)
	}
	return out, nil
}

func countAddresses(ctx context.Context, idb bun.IDB) (map[string]int64, error) {
	rows := []struct {
		Source string
		N      int64
	}{}
	if err := idb.NewSelect().TableExpr("map_addresses AS d").ColumnExpr("d.source, COUNT(*) AS n").GroupExpr("d.source").Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("count the addresses: %w", err)
	}
	out := map[string]int64{}
	for _, r := range rows {
		out[r.Source] = r.N
	}
	return out, nil
}
