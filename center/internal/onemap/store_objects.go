package onemap

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"jiexun/center/internal/onemap/tile"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// objectRow is one thing on the map.
type objectRow struct {
	bun.BaseModel `bun:"table:map_objects,alias:o"`

	Layer      string `bun:",pk"`
	ID         string `bun:",pk"`
	Kind       string
	State      string
	Name       string
	Note       string
	Ref        string
	RegionCode string
	Lng, Lat   float64
	BegunAt    clock.Stamp
	UntilAt    clock.Stamp
	OrgID      string
	PersonID   string
	Shape      string
	QK         int64 `bun:"qk"`
}

// cellRow counts the objects of one cell, street, kind and state.
type cellRow struct {
	bun.BaseModel `bun:"table:map_cells,alias:c"`

	Layer      string `bun:",pk"`
	Z          int    `bun:",pk"`
	QK         int64  `bun:"qk,pk"`
	RegionCode string `bun:",pk"`
	Kind       string `bun:",pk"`
	State      string `bun:",pk"`
	N          int64
	SumLng     float64
	SumLat     float64
}

type layerRow struct {
	bun.BaseModel `bun:"table:map_layers,alias:l"`

	Layer    string `bun:",pk"`
	Version  int64
	SyncedAt *clock.Stamp
}

// The zooms of the counted cells: eight of them along each edge of a tile.
const (
	cellFirst = 11
	cellLast  = 16
	cellStep  = 3
)

const objectUpsert = `ON CONFLICT (layer, id) DO UPDATE SET kind = EXCLUDED.kind, state = EXCLUDED.state, name = EXCLUDED.name, note = EXCLUDED.note,
	ref = EXCLUDED.ref, region_code = EXCLUDED.region_code, lng = EXCLUDED.lng, lat = EXCLUDED.lat, begun_at = EXCLUDED.begun_at, until_at = EXCLUDED.until_at,
	org_id = EXCLUDED.org_id, person_id = EXCLUDED.person_id, shape = EXCLUDED.shape, qk = EXCLUDED.qk`

const cellUpsert = `ON CONFLICT (layer, z, qk, region_code, kind, state) DO UPDATE SET n = map_cells.n + EXCLUDED.n,
	sum_lng = map_cells.sum_lng + EXCLUDED.sum_lng, sum_lat = map_cells.sum_lat + EXCLUDED.sum_lat`

// readSource reads what the owner shows: of some ids, or of all after an id.
func readSource(ctx context.Context, idb bun.IDB, s source, ids []string, after string, limit int) ([]objectRow, error) {
	out := []objectRow{}
	q := idb.NewSelect().TableExpr(s.view + " AS v").ColumnExpr(s.columns)
	switch {
	case ids != nil:
		q = q.Where("v.id IN (?)", bun.List(ids))
	case !s.whole:
		q = q.Where("v.id > ?", after).OrderExpr("v.id").Limit(int64(limit))
	}
	if err := q.Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("read %s for the map: %w", s.view, err)
	}
	if s.whole {
		slices.SortFunc(out, func(a, b objectRow) int { return cmp.Compare(a.ID, b.ID) })
	}
	for i := range out {
		out[i].Layer = s.layer
		out[i].QK = tile.Code(out[i].Lng, out[i].Lat, tile.Zoom17)
	}
	return out, nil
}

// readObjects reads what the map shows: of some ids, or of a span of ids.
func readObjects(ctx context.Context, idb bun.IDB, layer string, ids []string, after, last string) ([]objectRow, error) {
	out := []objectRow{}
	q := idb.NewSelect().Model(&out).Where("o.layer = ?", layer)
	if ids != nil {
		q = q.Where("o.id IN (?)", bun.List(ids))
	} else {
		q = q.Where("o.id > ?", after).OrderExpr("o.id")
		if last != "" {
			q = q.Where("o.id <= ?", last)
		}
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read objects of the map: %w", err)
	}
	return out, nil
}

// same tells whether two rows look alike on the map.
func same(a, b objectRow) bool {
	a.BaseModel, b.BaseModel = bun.BaseModel{}, bun.BaseModel{}
	return a == b
}

// lockLayer makes changes of one layer follow one another.
func lockLayer(ctx context.Context, tx db.Tx, layer string) error {
	row := layerRow{Layer: layer}
	if _, err := tx.NewInsert().Model(&row).On("CONFLICT (layer) DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("lock layer %s: %w", layer, err)
	}
	if err := db.ForUpdate(tx, tx.NewSelect().Model(&row).WherePK()).Scan(ctx); err != nil {
		return fmt.Errorf("lock layer %s: %w", layer, err)
	}
	return nil
}

func bumpLayer(ctx context.Context, tx db.Tx, layer string) error {
	if _, err := tx.NewUpdate().Table("map_layers").Set("version = version + 1").Where("layer = ?", layer).Exec(ctx); err != nil {
		return fmt.Errorf("note a change of layer %s: %w", layer, err)
	}
	return nil
}

func stampLayer(ctx context.Context, tx db.Tx, layer string) error {
	if _, err := tx.NewUpdate().Table("map_layers").Set("synced_at = ?", clock.At(tx.Now())).Where("layer = ?", layer).Exec(ctx); err != nil {
		return fmt.Errorf("note the comparison of layer %s: %w", layer, err)
	}
	return nil
}

func layerRows(ctx context.Context, idb bun.IDB) (map[string]layerRow, error) {
	rows := []layerRow{}
	if err := idb.NewSelect().Model(&rows).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read layers: %w", err)
	}
	out := map[string]layerRow{}
	for _, r := range rows {
		out[r.Layer] = r
	}
	return out, nil
}

// write stores rows and takes others away.
func write(ctx context.Context, tx db.Tx, layer string, put []objectRow, gone []string) error {
	if err := db.InsertAll(ctx, tx, put, objectUpsert); err != nil {
		return err
	}
	if len(gone) == 0 {
		return nil
	}
	if _, err := tx.NewDelete().Table("map_objects").Where("layer = ? AND id IN (?)", layer, bun.List(gone)).Exec(ctx); err != nil {
		return fmt.Errorf("take objects off the map: %w", err)
	}
	return nil
}

// tally collects changes of the counted cells.
type tally map[cellRow]*cellRow

func (t tally) add(o objectRow, n int64) {
	for z := cellFirst; z <= cellLast; z++ {
		k := cellRow{Layer: o.Layer, Z: z, QK: o.QK >> (2 * (tile.Zoom17 - z)), RegionCode: o.RegionCode, Kind: o.Kind, State: o.State}
		c, ok := t[k]
		if !ok {
			x := k
			c = &x
			t[k] = c
		}
		c.N += n
		c.SumLng += float64(n) * o.Lng
		c.SumLat += float64(n) * o.Lat
	}
}

// rows gives the changes in the order of the key, so that two writers never
// wait for each other in a circle.
func (t tally) rows() []cellRow {
	out := make([]cellRow, 0, len(t))
	for _, c := range t {
		if c.N != 0 || c.SumLng != 0 || c.SumLat != 0 {
			out = append(out, *c)
		}
	}
	slices.SortFunc(out, func(a, b cellRow) int {
		return cmp.Or(cmp.Compare(a.Layer, b.Layer), cmp.Compare(a.Z, b.Z), cmp.Compare(a.QK, b.QK), cmp.Compare(a.RegionCode, b.RegionCode), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.State, b.State))
	})
	return out
}

// save adds the changes to the counts and drops what became empty.
func (t tally) save(ctx context.Context, tx db.Tx) error {
	rows := t.rows()
	if err := db.InsertAll(ctx, tx, rows, cellUpsert); err != nil {
		return err
	}
	empty := map[int][]int64{}
	layer := ""
	for _, r := range rows {
		layer = r.Layer
		if r.N < 0 {
			empty[r.Z] = append(empty[r.Z], r.QK)
		}
	}
	for z, list := range empty {
		for part := range slices.Chunk(list, 500) {
			if _, err := tx.NewDelete().Table("map_cells").Where("layer = ? AND z = ? AND qk IN (?) AND n <= 0", layer, z, bun.List(part)).Exec(ctx); err != nil {
				return fmt.Errorf("drop empty cells: %w", err)
			}
		}
	}
	return nil
}

// recount makes the cells of a layer anew from its objects.
func recount(ctx context.Context, tx db.Tx, layer string) error {
	t := tally{}
	rows, err := tx.NewSelect().Table("map_objects").Column("kind", "state", "region_code", "lng", "lat", "qk").Where("layer = ?", layer).Rows(ctx)
	if err != nil {
		return fmt.Errorf("count the cells of %s: %w", layer, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		o := objectRow{Layer: layer}
		if err := rows.Scan(&o.Kind, &o.State, &o.RegionCode, &o.Lng, &o.Lat, &o.QK); err != nil {
			return fmt.Errorf("count the cells of %s: %w", layer, err)
		}
		t.add(o, 1)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("count the cells of %s: %w", layer, err)
	}
	if _, err := tx.NewDelete().Table("map_cells").Where("layer = ?", layer).Exec(ctx); err != nil {
		return fmt.Errorf("drop the cells of %s: %w", layer, err)
	}
	return db.InsertAll(ctx, tx, t.rows(), "")
}

func countObjects(ctx context.Context, idb bun.IDB, layer string) (int64, error) {
	n, err := idb.NewSelect().Table("map_objects").Where("layer = ?", layer).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count objects: %w", err)
	}
	return int64(n), nil
}

func countSource(ctx context.Context, idb bun.IDB, s source) (int64, error) {
	n, err := idb.NewSelect().TableExpr(s.view + " AS v").Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", s.view, err)
	}
	return int64(n), nil
}
