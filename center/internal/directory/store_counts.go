package directory

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/db"
)

// tally gathers what a transaction changes about the numbers of cameras.
// Save it once and last: everybody takes the rows in the same order.
type tally map[tallyKey]int64

type tallyKey struct {
	table, region, name, state string
}

// The tables of numbers; the column of name is beside it.
const (
	countsTable     = "dir_counts"
	roadCountsTable = "dir_road_counts"
	tagCountsTable  = "dir_tag_counts"
)

// add counts a camera in a state n times; a deleted one counts nowhere.
func (t tally) add(c Camera, state string, n int64) {
	if c.DeletedAt != nil || c.ID == "" {
		return
	}
	t[tallyKey{countsTable, c.RegionCode, "", state}] += n
	t[tallyKey{roadCountsTable, c.RegionCode, c.Road, state}] += n
	for _, tag := range c.Tags {
		t[tallyKey{tagCountsTable, c.RegionCode, tag, state}] += n
	}
}

func (t tally) save(ctx context.Context, tx db.Tx) error {
	keys := []tallyKey{}
	for k, n := range t {
		if n != 0 {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b tallyKey) int {
		return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.region, b.region), cmp.Compare(a.name, b.name), cmp.Compare(a.state, b.state))
	})
	for _, k := range keys {
		var err error
		switch k.table {
		case countsTable:
			_, err = tx.NewRaw("INSERT INTO dir_counts (region_code, state, n) VALUES (?, ?, ?) ON CONFLICT (region_code, state) DO UPDATE SET n = dir_counts.n + EXCLUDED.n",
				k.region, k.state, t[k]).Exec(ctx)
		case roadCountsTable:
			_, err = tx.NewRaw("INSERT INTO dir_road_counts (region_code, road, state, n) VALUES (?, ?, ?, ?) ON CONFLICT (region_code, road, state) DO UPDATE SET n = dir_road_counts.n + EXCLUDED.n",
				k.region, k.name, k.state, t[k]).Exec(ctx)
		case tagCountsTable:
			_, err = tx.NewRaw("INSERT INTO dir_tag_counts (region_code, tag, state, n) VALUES (?, ?, ?, ?) ON CONFLICT (region_code, tag, state) DO UPDATE SET n = dir_tag_counts.n + EXCLUDED.n",
				k.region, k.name, k.state, t[k]).Exec(ctx)
		}
		if err != nil {
			return fmt.Errorf("keep the numbers of cameras: %w", err)
		}
	}
	return nil
}

// lockState reads the state of a camera and holds it until the transaction
// ends: take it before the camera's own row.
func lockState(ctx context.Context, tx db.Tx, id string) (string, error) {
	var state string
	err := db.ForUpdate(tx, tx.NewSelect().Model((*stateRow)(nil)).Column("s.state").Where("s.camera_id = ?", id)).Scan(ctx, &state)
	if db.NoRows(err) {
		return Unknown, nil
	}
	if err != nil {
		return "", fmt.Errorf("hold the state of camera %s: %w", id, err)
	}
	return state, nil
}

// recount makes the numbers anew out of the cameras. It holds writers off by
// changing every row of the numbers first.
func recount(ctx context.Context, tx db.Tx) error {
	for _, text := range []string{
		"DELETE FROM dir_counts",
		"DELETE FROM dir_road_counts",
		"DELETE FROM dir_tag_counts",
		`INSERT INTO dir_counts (region_code, state, n) SELECT c.region_code, s.state, COUNT(*) FROM dir_cameras c JOIN dir_states s ON s.camera_id = c.id
			WHERE c.deleted_at IS NULL GROUP BY c.region_code, s.state`,
		`INSERT INTO dir_road_counts (region_code, road, state, n) SELECT c.region_code, c.road, s.state, COUNT(*) FROM dir_cameras c JOIN dir_states s ON s.camera_id = c.id
			WHERE c.deleted_at IS NULL GROUP BY c.region_code, c.road, s.state`,
		`INSERT INTO dir_tag_counts (region_code, tag, state, n) SELECT c.region_code, t.tag, s.state, COUNT(*) FROM dir_cameras c JOIN dir_states s ON s.camera_id = c.id
			JOIN dir_tags t ON t.camera_id = c.id WHERE c.deleted_at IS NULL GROUP BY c.region_code, t.tag, s.state`,
	} {
		if _, err := tx.NewRaw(text).Exec(ctx); err != nil {
			return fmt.Errorf("count the cameras anew: %w", err)
		}
	}
	return nil
}

// drift tells by how much the kept numbers differ from the cameras.
func drift(ctx context.Context, idb bun.IDB) (int64, error) {
	var n int64
	err := idb.NewRaw(`SELECT COALESCE(SUM(ABS(x.n)), 0) FROM (
		SELECT u.region_code, u.state, SUM(u.n) AS n FROM (
			SELECT region_code, state, n FROM dir_counts
			UNION ALL SELECT c.region_code, s.state, -COUNT(*) FROM dir_cameras c JOIN dir_states s ON s.camera_id = c.id WHERE c.deleted_at IS NULL GROUP BY c.region_code, s.state
		) u GROUP BY u.region_code, u.state) x`).Scan(ctx, &n)
	if err != nil {
		return 0, fmt.Errorf("compare the numbers of cameras: %w", err)
	}
	return n, nil
}

// kept tells whether a filter's numbers are kept, so that nothing has to be
// counted.
func (f Filter) kept() bool {
	return !f.Deleted && f.Box == "" && f.Legal == "" && f.BBox == nil && f.Polygon == nil && f.Near == nil && f.Q == "" && f.Squad == "" &&
		f.Owner == "" && (f.Road == nil || f.Tag == "") && f.Tag != Untagged && f.IDs == nil
}

// keptCounts sums kept numbers by an expression over region_code, state, tag
// or road.
func keptCounts(ctx context.Context, idb bun.IDB, who access.Actor, f Filter, by string) ([]KeyCount, error) {
	out := []KeyCount{}
	table := countsTable
	switch {
	case by == "n.road" || f.Road != nil:
		table = roadCountsTable
	case by == "n.tag" || f.Tag != "":
		table = tagCountsTable
	}
	q := who.Scope.Filter(idb.NewSelect().TableExpr(table+" AS n"), "n.region_code")
	if f.Region != "" {
		q = access.Scope{Prefixes: []string{f.Region}}.Filter(q, "n.region_code")
	}
	if f.State != "" {
		q = q.Where("n.state = ?", f.State)
	}
	if f.Road != nil {
		q = q.Where("n.road = ?", *f.Road)
	}
	if f.Tag != "" {
		q = q.Where("n.tag = ?", f.Tag)
	}
	err := q.ColumnExpr(by+" AS key").ColumnExpr("SUM(n.n) AS count").GroupExpr("1").Having("SUM(n.n) <> 0").OrderExpr("2 DESC, 1").Scan(ctx, &out)
	if err != nil {
		return nil, fmt.Errorf("sum the numbers of cameras by %s: %w", by, err)
	}
	return out, nil
}

// keptTotal is the number of cameras of a kept filter.
func keptTotal(ctx context.Context, idb bun.IDB, who access.Actor, f Filter) (int64, error) {
	list, err := keptCounts(ctx, idb, who, f, "'all'")
	if err != nil || len(list) == 0 {
		return 0, err
	}
	return list[0].Count, nil
}

// NodeState is the number of cameras of a node of the tree in one state.
type NodeState struct {
	Key, State string
	N          int64
}

// nodeStates sums the children of a node of the tree.
func nodeStates(ctx context.Context, idb bun.IDB, who access.Actor, region string) ([]NodeState, error) {
	out := []NodeState{}
	table, by := countsTable, "SUBSTR(n.region_code, 1, 6)"
	switch len(region) {
	case 6:
		by = "n.region_code"
	case 9:
		table, by = roadCountsTable, "n.road"
	}
	q := who.Scope.Filter(idb.NewSelect().TableExpr(table+" AS n"), "n.region_code")
	q = access.Scope{Prefixes: []string{region}}.Filter(q, "n.region_code")
	if err := q.ColumnExpr(by+" AS key").ColumnExpr("n.state").ColumnExpr("SUM(n.n) AS n").GroupExpr("1, 2").Having("SUM(n.n) <> 0").OrderExpr("1").Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("read the tree below %s: %w", region, err)
	}
	return out, nil
}
