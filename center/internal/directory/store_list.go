package directory

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/textkey"
)

// Untagged as Filter.Tag finds the cameras without any type.
const Untagged = "-"

// Filter narrows lists, statistics and exports alike; a zero field does not.
type Filter struct {
	Region string // a prefix of region codes
	// Road is a road of a street; empty is the cameras without one.
	Road  *string
	State string
	Tag   string
	Box   string
	Squad string
	Owner string
	Legal string // evidence or clue
	// BBox is west, south, east, north in degrees; points on the border are
	// inside.
	BBox    *[4]float64
	Polygon Area
	Near    *Near
	// Deleted shows the deleted cameras instead of the living.
	Deleted bool
	Q       string
	// IDs narrows to some cameras.
	IDs []string
	// Now decides which legal reviews have run out.
	Now int64

	find *finding
}

// finding is how a free text is looked for.
type finding struct {
	like []string
	// keys narrow to few cameras when narrow is set; code is a beginning of
	// codes that is looked for beside.
	narrow bool
	keys   []int64
	code   string
}

// few is how many cameras a key may have to narrow a search. Above it,
// walking the list in its order finds a page sooner.
const few = 4000

// look prepares the search for a filter's free text.
func look(ctx context.Context, idb bun.IDB, q string) (*finding, error) {
	f := &finding{narrow: true}
	if code := strings.ReplaceAll(q, " ", ""); len(code) >= 3 && strings.Trim(code, "0123456789") == "" {
		f.code = code
	}
	for _, w := range textkey.Query(q) {
		key, n, err := rarest(ctx, idb, w.Keys)
		if err != nil {
			return nil, err
		}
		if n == 0 && f.code == "" {
			continue // no camera has all the keys
		}
		f.like = append(f.like, w.Contains)
		switch {
		case n > few:
			f.narrow = false
		case n > 0:
			f.keys = append(f.keys, key)
		}
	}
	if f.code != "" && f.narrow && len(f.keys) == 0 {
		// The beginning of a code, or else any part of one.
		var ok bool
		ok, err := idb.NewSelect().Model((*cameraRow)(nil)).Where("(c.code >= ? AND c.code < ? OR c.gb_code >= ? AND c.gb_code < ?)", f.code, f.code+"zz", f.code, f.code+"zz").Exists(ctx)
		if err != nil {
			return nil, fmt.Errorf("look for the code %s: %w", f.code, err)
		}
		f.narrow = ok
	}
	return f, nil
}

// rarest finds which of some keys the fewest cameras have; more than few are
// not counted. Without keys everything has to be looked at.
func rarest(ctx context.Context, idb bun.IDB, keys []int64) (key, n int64, err error) {
	n = few + 1
	for _, k := range keys[:min(len(keys), 8)] {
		var have int64
		err := idb.NewRaw("SELECT COUNT(*) FROM (SELECT 1 FROM dir_keys WHERE key = ? LIMIT ?) x", k, n).Scan(ctx, &have)
		if err != nil {
			return 0, 0, fmt.Errorf("look for a key: %w", err)
		}
		if have < n {
			key, n = k, have
		}
		if n == 0 {
			break
		}
	}
	return key, n, nil
}

// prepare resolves what apply cannot do alone.
func (f *Filter) prepare(ctx context.Context, idb bun.IDB) (err error) {
	if f.Q != "" && f.find == nil {
		f.find, err = look(ctx, idb, f.Q)
	}
	return err
}

// apply is the one place where a filter and an actor become SQL over
// dir_cameras c. The state table is joined as s when it is needed.
func (f Filter) apply(q *bun.SelectQuery, who access.Actor, states bool) *bun.SelectQuery {
	if states || f.State != "" {
		q = q.Join("JOIN dir_states AS s ON s.camera_id = c.id")
	}
	q = who.Scope.Filter(q, "c.region_code")
	if f.Deleted {
		q = q.Where("c.deleted_at IS NOT NULL")
	} else {
		q = q.Where("c.deleted_at IS NULL")
	}
	if f.Region != "" {
		q = access.Scope{Prefixes: []string{f.Region}}.Filter(q, "c.region_code")
	}
	for _, x := range []struct{ col, v string }{{"s.state", f.State}, {"c.box_id", f.Box}, {"c.squad_org_id", f.Squad}, {"c.owner_platform", f.Owner}} {
		if x.v != "" {
			q = q.Where(x.col+" = ?", x.v)
		}
	}
	if f.Road != nil {
		q = q.Where("c.road = ?", *f.Road)
	}
	switch f.Tag {
	case "":
	case Untagged:
		q = q.Where("NOT EXISTS (SELECT 1 FROM dir_tags AS t WHERE t.camera_id = c.id)")
	default:
		q = q.Where("EXISTS (SELECT 1 FROM dir_tags AS t WHERE t.camera_id = c.id AND t.tag = ?)", f.Tag)
	}
	now := make([]any, legalMoments)
	for i := range now {
		now[i] = f.Now
	}
	switch f.Legal {
	case UseEvidence:
		q = q.Where(goodLegal, now...)
	case UseClue:
		q = q.Where("NOT COALESCE("+goodLegal+", FALSE)", now...)
	}
	if f.IDs != nil {
		q = q.Where("c.id IN (?)", bun.List(append([]string{"-"}, f.IDs...)))
	}
	return f.applyText(f.applyPlace(q))
}

func (f Filter) applyPlace(q *bun.SelectQuery) *bun.SelectQuery {
	within := func(b [4]float64) {
		q = q.Where("c.lng >= ? AND c.lng <= ? AND c.lat >= ? AND c.lat <= ?", b[0], b[2], b[1], b[3])
	}
	if f.BBox != nil {
		within(*f.BBox)
	}
	if f.Polygon != nil {
		b := f.Polygon.bounds()
		within([4]float64{b[0] - edge, b[1] - edge, b[2] + edge, b[3] + edge})
		q = q.Where("?", bun.Safe(f.Polygon.sql()))
	}
	if f.Near != nil {
		within(f.Near.bounds())
		q = q.Where("? <= ?", bun.Safe(f.Near.square()), f.Near.Metres*f.Near.Metres)
	}
	return q
}

func (f Filter) applyText(q *bun.SelectQuery) *bun.SelectQuery {
	if f.find == nil {
		return q
	}
	if len(f.find.like) == 0 {
		return q.Where("1 = 0")
	}
	if f.find.narrow {
		keys := append([]int64{-1}, f.find.keys...)
		if f.find.code == "" {
			q = q.Where("c.id IN (SELECT k.camera_id FROM dir_keys AS k WHERE k.key IN (?))", bun.List(keys))
		} else {
			from, to := f.find.code, f.find.code+"zz"
			q = q.Where("c.id IN (SELECT k.camera_id FROM dir_keys AS k WHERE k.key IN (?) UNION SELECT d.id FROM dir_cameras AS d WHERE d.code >= ? AND d.code < ? UNION SELECT d.id FROM dir_cameras AS d WHERE d.gb_code >= ? AND d.gb_code < ?)",
				bun.List(keys), from, to, from, to)
		}
	}
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		for _, s := range f.find.like {
			q = q.WhereOr("c.search LIKE ? ESCAPE '!'", db.Contains(s))
		}
		return q
	})
}

// problemsFirst ranks the states for sorting.
const problemsFirst = "CASE s.state WHEN 'offline' THEN 0 WHEN 'refused' THEN 1 WHEN 'noVerdict' THEN 2 WHEN 'reconnecting' THEN 3 WHEN 'connecting' THEN 4 WHEN 'unknown' THEN 5 WHEN 'online' THEN 6 ELSE 7 END"

func sortable() map[string]string {
	return map[string]string{
		"code": "c.code", "name": "c.name", "state": problemsFirst, "stateSince": "s.since_at", "region": "c.region_code", "box": "c.box_id", "road": "c.road",
		"distance": "distance",
	}
}

// Listed is a camera in a list with its state.
type Listed struct {
	Camera     Camera
	Health     Health
	OpenAlerts int64
	// Metres is how far it is from Filter.Near.
	Metres *float64
}

// deepest bounds how far a list is paged: nobody reads on, and the database
// would count all rows before.
const deepest = 20_000

// page lists cameras; the filter is prepared.
func page(ctx context.Context, idb bun.IDB, who access.Actor, f Filter, p httpx.Paging) ([]Listed, error) {
	fallback := "c.code ASC"
	if f.Near != nil {
		fallback = "distance ASC"
	}
	order, err := p.Order(sortable(), fallback)
	if err != nil {
		return nil, err
	}
	if p.Offset() > deepest {
		return nil, errs.Invalidf("page", "只能翻到前 %d 条，请加筛选条件", deepest)
	}
	if strings.HasPrefix(order, "distance") {
		if f.Near == nil {
			return nil, errs.Invalidf("sort", "按距离排序要先给出位置")
		}
		order = strings.Replace(order, "distance", f.Near.square(), 1)
	}
	rows := []cameraRow{}
	q := f.apply(idb.NewSelect().Model(&rows), who, strings.Contains(order, "s.")).OrderExpr("?, c.id", bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset())
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list cameras: %w", err)
	}
	out, err := withState(ctx, idb, rows)
	if err != nil || f.Near == nil {
		return out, err
	}
	for i := range out {
		m := math.Round(f.Near.Distance(out[i].Camera.Lng, out[i].Camera.Lat)*10) / 10
		out[i].Metres = &m
	}
	return out, nil
}

// count is the number of cameras that a prepared filter finds.
func count(ctx context.Context, idb bun.IDB, who access.Actor, f Filter) (int64, error) {
	if f.kept() {
		return keptTotal(ctx, idb, who, f)
	}
	n, err := f.apply(idb.NewSelect().Model((*cameraRow)(nil)), who, false).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count cameras: %w", err)
	}
	return int64(n), nil
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

// stats counts cameras of a prepared filter by state, district, street, tag,
// use or owner. A camera with several tags counts for each of them, and one
// without under Untagged.
func stats(ctx context.Context, idb bun.IDB, who access.Actor, f Filter, by string) ([]KeyCount, error) {
	keptBy := map[string]string{"state": "n.state", "district": "SUBSTR(n.region_code, 1, 6)", "street": "n.region_code"}[by]
	if keptBy != "" && f.kept() {
		return keptCounts(ctx, idb, who, f, keptBy)
	}
	if by == "tag" && f.kept() && f.Road == nil {
		return tagStats(ctx, idb, who, f)
	}
	out := []KeyCount{}
	q := f.apply(idb.NewSelect().Model((*cameraRow)(nil)), who, by == "state")
	switch by {
	case "state":
		q = q.ColumnExpr("s.state AS key")
	case "district":
		q = q.ColumnExpr("SUBSTR(c.region_code, 1, 6) AS key")
	case "street":
		q = q.ColumnExpr("c.region_code AS key")
	case "owner":
		q = q.ColumnExpr("c.owner_platform AS key")
	case "use":
		now := make([]any, legalMoments)
		for i := range now {
			now[i] = f.Now
		}
		q = q.ColumnExpr("CASE WHEN "+goodLegal+" THEN '"+UseEvidence+"' ELSE '"+UseClue+"' END AS key", now...)
	case "tag":
		q = q.Join("LEFT JOIN dir_tags AS g ON g.camera_id = c.id").ColumnExpr("COALESCE(g.tag, '" + Untagged + "') AS key")
	default:
		return nil, errs.Invalidf("by", "应为 state、district、street、tag、use 或 owner")
	}
	if err := q.ColumnExpr("COUNT(*) AS count").GroupExpr("1").OrderExpr("2 DESC, 1").Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("count cameras by %s: %w", by, err)
	}
	return out, nil
}

// tagStats reads the kept numbers of types, with the cameras that have none.
func tagStats(ctx context.Context, idb bun.IDB, who access.Actor, f Filter) ([]KeyCount, error) {
	out, err := keptCounts(ctx, idb, who, f, "n.tag")
	if err != nil || f.Tag != "" {
		return out, err
	}
	f.Tag = Untagged
	n, err := count(ctx, idb, who, f)
	if err == nil && n > 0 {
		out = append(out, KeyCount{Untagged, n})
	}
	return out, err
}
