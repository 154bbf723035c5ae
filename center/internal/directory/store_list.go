package directory

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

// Filter narrows lists, statistics and exports alike; a zero field does not.
type Filter struct {
	Region string // a prefix of region codes
	State  string
	Tag    string
	Box    string
	Legal  string // evidence or clue
	// BBox is west, south, east, north in degrees; points on the border are
	// inside.
	BBox *[4]float64
	// Deleted shows the deleted cameras instead of the living.
	Deleted bool
	Q       string
	// Now decides which legal reviews have run out.
	Now int64
}

// apply is the one place where a filter and an actor become SQL. The state
// table is joined as s.
func (f Filter) apply(q *bun.SelectQuery, who access.Actor) *bun.SelectQuery {
	q = who.Scope.Filter(q.Join("JOIN dir_states AS s ON s.camera_id = c.id"), "c.region_code")
	if f.Deleted {
		q = q.Where("c.deleted_at IS NOT NULL")
	} else {
		q = q.Where("c.deleted_at IS NULL")
	}
	if f.Region != "" {
		q = access.Scope{Prefixes: []string{f.Region}}.Filter(q, "c.region_code")
	}
	if f.State != "" {
		q = q.Where("s.state = ?", f.State)
	}
	if f.Tag != "" {
		q = q.Where("EXISTS (SELECT 1 FROM dir_tags AS t WHERE t.camera_id = c.id AND t.tag = ?)", f.Tag)
	}
	if f.Box != "" {
		q = q.Where("c.box_id = ?", f.Box)
	}
	// The same rule as Legal.At.
	const good = "(c.legal_status = 'approved' AND c.legal_published_at <= ? AND (c.legal_valid_to_at IS NULL OR c.legal_valid_to_at > ?))"
	switch f.Legal {
	case UseEvidence:
		q = q.Where(good, f.Now, f.Now)
	case UseClue:
		q = q.Where("NOT COALESCE("+good+", FALSE)", f.Now, f.Now)
	}
	if b := f.BBox; b != nil {
		q = q.Where("c.lng >= ? AND c.lng <= ? AND c.lat >= ? AND c.lat <= ?", b[0], b[2], b[1], b[3])
	}
	if f.Q != "" {
		q = q.Where("c.search LIKE ? ESCAPE '!'", db.Contains(f.Q))
	}
	return q
}

// problemsFirst ranks the states for sorting.
const problemsFirst = "CASE s.state WHEN 'offline' THEN 0 WHEN 'refused' THEN 1 WHEN 'noVerdict' THEN 2 WHEN 'reconnecting' THEN 3 WHEN 'connecting' THEN 4 WHEN 'unknown' THEN 5 WHEN 'online' THEN 6 ELSE 7 END"

func sortable() map[string]string {
	return map[string]string{"code": "c.code", "name": "c.name", "state": problemsFirst, "stateSince": "s.since_at", "region": "c.region_code", "box": "c.box_id"}
}

// Listed is a camera in a list with its state.
type Listed struct {
	Camera     Camera
	Health     Health
	OpenAlerts int64
}

func list(ctx context.Context, idb bun.IDB, who access.Actor, f Filter, p httpx.Paging) ([]Listed, int64, error) {
	order, err := p.Order(sortable(), "c.code ASC")
	if err != nil {
		return nil, 0, err
	}
	rows := []cameraRow{}
	q := f.apply(idb.NewSelect().Model(&rows), who).OrderExpr("?, c.id", bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset())
	total, err := q.ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list cameras: %w", err)
	}
	out, err := withState(ctx, idb, rows)
	return out, total, err
}

// withState adds states, tags and open alerts to cameras.
func withState(ctx context.Context, idb bun.IDB, rows []cameraRow) ([]Listed, error) {
	out := make([]Listed, len(rows))
	if len(rows) == 0 {
		return out, nil
	}
	ids := make([]string, len(rows))
	at := map[string]*Listed{}
	cams := make([]*Camera, len(rows))
	for i := range rows {
		out[i].Camera = rows[i].camera()
		ids[i], cams[i] = rows[i].ID, &out[i].Camera
		at[rows[i].ID] = &out[i]
	}
	if err := fillTags(ctx, idb, cams); err != nil {
		return nil, err
	}
	states := []stateRow{}
	if err := idb.NewSelect().Model(&states).Where("s.camera_id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("load states: %w", err)
	}
	for i := range states {
		at[states[i].CameraID].Health = states[i].health()
	}
	var open []struct {
		CameraID string
		N        int64
	}
	err := idb.NewSelect().TableExpr("v_alerts_open AS v").ColumnExpr("v.camera_id, COUNT(*) AS n").
		Where("v.camera_id IN (?)", bun.List(ids)).GroupExpr("v.camera_id").Scan(ctx, &open)
	if err != nil {
		return nil, fmt.Errorf("count open alerts: %w", err)
	}
	for _, o := range open {
		at[o.CameraID].OpenAlerts = o.N
	}
	return out, nil
}

// KeyCount is one bar of a statistic.
type KeyCount struct {
	Key   string
	Count int64
}

// stats counts cameras by state, district or tag. A camera with several tags
// counts for each of them.
func stats(ctx context.Context, idb bun.IDB, who access.Actor, f Filter, by string) ([]KeyCount, error) {
	out := []KeyCount{}
	q := f.apply(idb.NewSelect().Model((*cameraRow)(nil)), who)
	switch by {
	case "state":
		q = q.ColumnExpr("s.state AS key")
	case "district":
		q = q.ColumnExpr("SUBSTR(c.region_code, 1, 6) AS key")
	case "tag":
		q = q.Join("JOIN dir_tags AS g ON g.camera_id = c.id").ColumnExpr("g.tag AS key")
	default:
		return nil, errs.Invalidf("by", "应为 state、district 或 tag")
	}
	if err := q.ColumnExpr("COUNT(*) AS count").GroupExpr("1").OrderExpr("2 DESC, 1").Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("count cameras by %s: %w", by, err)
	}
	return out, nil
}
