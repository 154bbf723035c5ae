package patrol

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
)

// Rate is how the tasks of a plan, unit, region or day went. Seen and Manual
// of Spots are the completion, of tasks whose window is over; Late ones were
// overdue once.
type Rate struct {
	Key, Name string
	Tasks     int64
	Done      int64
	Late      int64
	Overdue   int64
	Spots     int64
	Seen      int64
	Manual    int64
	Waived    int64
}

// rates groups tasks by an expression of the index of days.
func rates(ctx context.Context, idb reader, who access.Actor, key, name string, f StatsFilter, limit int64) ([]Rate, error) {
	out := []Rate{}
	// What still runs has no completion yet.
	ended := bun.Safe("t.state NOT IN ('running', 'pending')")
	q := seesTasks(idb.NewSelect().TableExpr("patrol_tasks AS t"), who).
		ColumnExpr("? AS key, ? AS name, COUNT(*) AS tasks", bun.Safe(key), bun.Safe(name)).
		ColumnExpr("SUM(CASE WHEN t.state = 'done' THEN 1 ELSE 0 END) AS done, SUM(t.late) AS late, SUM(CASE WHEN t.state = 'overdue' THEN 1 ELSE 0 END) AS overdue").
		ColumnExpr("SUM(CASE WHEN ? THEN t.spots ELSE 0 END) AS spots, SUM(CASE WHEN ? THEN t.seen ELSE 0 END) AS seen", ended, ended).
		ColumnExpr("SUM(CASE WHEN ? THEN t.manual ELSE 0 END) AS manual, SUM(CASE WHEN ? THEN t.waived ELSE 0 END) AS waived", ended, ended).
		Where("t.ymd >= ? AND t.ymd <= ? AND t.state <> ?", f.From, f.To, Cancelled)
	if len(f.Sources) > 0 {
		q = q.Where("t.source IN (?)", bun.List(f.Sources))
	}
	if f.Kind != "" {
		q = q.Where("t.kind = ?", f.Kind)
	}
	if f.Region != "" {
		q = access.Scope{Prefixes: []string{f.Region}}.Filter(q, "t.region_code")
	}
	if len(f.Plans) > 0 {
		q = q.Where("t.plan_id IN (?)", bun.List(f.Plans))
	}
	if f.Org != "" {
		q = q.Where("t.org_id = ?", f.Org)
	}
	err := q.GroupExpr("?", bun.Safe(key)).OrderExpr("tasks DESC").Limit(limit).Scan(ctx, &out)
	if err != nil {
		return nil, fmt.Errorf("count how tasks went: %w", err)
	}
	return out, nil
}

// StatsFilter narrows statistics; From and To are days such as 20261125.
type StatsFilter struct {
	From, To int
	Kind     Kind
	Region   string
	Org      string
	Plans    []string
	Sources  []Source
}

// CoverFilter narrows the list of places by when they were last seen.
type CoverFilter struct {
	Kind   Kind
	Region string
	// Seen is never, stale (not since Since) or seen.
	Seen   string
	Since  clock.Stamp
	Reason string
	Q      string
}

func (f CoverFilter) apply(q *bun.SelectQuery, who access.Actor) *bun.SelectQuery {
	q = who.Scope.Filter(q, "c.region_code")
	if f.Kind != "" {
		q = q.Where("c.kind = ?", f.Kind)
	}
	if f.Region != "" {
		q = access.Scope{Prefixes: []string{f.Region}}.Filter(q, "c.region_code")
	}
	switch f.Seen {
	case "never":
		q = q.Where("c.seen_at = 0")
	case "stale":
		q = q.Where("c.seen_at > 0 AND c.seen_at < ?", f.Since)
	case "seen":
		q = q.Where("c.seen_at >= ?", f.Since)
	}
	if f.Reason != "" {
		q = q.Where("c.reason = ?", f.Reason)
	}
	if f.Q != "" {
		like := db.Contains(f.Q)
		q = q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
			return q.Where("c.camera_name LIKE ? ESCAPE '!'", like).WhereOr("c.shop_name LIKE ? ESCAPE '!'", like).WhereOr("c.zone_name LIKE ? ESCAPE '!'", like)
		})
	}
	return q
}

func listCover(ctx context.Context, idb reader, who access.Actor, f CoverFilter, p httpx.Paging) ([]coverRow, int64, error) {
	order, err := p.Order(map[string]string{"seenAt": "c.seen_at", "camera": "c.camera_name", "reason": "c.reason"}, "c.seen_at ASC")
	if err != nil {
		return nil, 0, err
	}
	total, err := capped(ctx, idb, f.apply(idb.NewSelect().TableExpr("patrol_cover AS c"), who))
	if err != nil {
		return nil, 0, fmt.Errorf("count places: %w", err)
	}
	rows := []coverRow{}
	err = f.apply(idb.NewSelect().Model(&rows), who).OrderExpr("?, c.camera_id, c.zone_id", bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset()).Scan(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list places: %w", err)
	}
	return rows, total, nil
}

// CoverCounts are the numbers of the coverage page, each up to the cap.
type CoverCounts struct {
	Never int64 `json:"never"`
	Stale int64 `json:"stale"`
	Seen  int64 `json:"seen"`
}

func countCover(ctx context.Context, idb reader, who access.Actor, f CoverFilter) (CoverCounts, error) {
	var out CoverCounts
	for _, x := range []struct {
		seen string
		n    *int64
	}{{"never", &out.Never}, {"stale", &out.Stale}, {"seen", &out.Seen}} {
		f.Seen = x.seen
		n, err := capped(ctx, idb, f.apply(idb.NewSelect().TableExpr("patrol_cover AS c"), who))
		if err != nil {
			return out, fmt.Errorf("count places: %w", err)
		}
		*x.n = n
	}
	return out, nil
}

// ObservationFilter narrows the list of observations.
type ObservationFilter struct {
	Task, Camera, Zone, Kind string
	Region                   string
	From, To                 *clock.Stamp
}

func listObservations(ctx context.Context, idb reader, who access.Actor, f ObservationFilter, p httpx.Paging) ([]observationRow, int64, error) {
	apply := func(q *bun.SelectQuery) *bun.SelectQuery {
		q = who.Scope.Filter(q, "o.region_code")
		for col, v := range map[string]string{"o.task_id": f.Task, "o.camera_id": f.Camera, "o.zone_id": f.Zone, "o.kind": f.Kind} {
			if v != "" {
				q = q.Where("? = ?", bun.Safe(col), v)
			}
		}
		if f.Region != "" {
			q = access.Scope{Prefixes: []string{f.Region}}.Filter(q, "o.region_code")
		}
		if f.From != nil {
			q = q.Where("o.at >= ?", *f.From)
		}
		if f.To != nil {
			q = q.Where("o.at < ?", *f.To)
		}
		return q
	}
	order, err := p.Order(map[string]string{"at": "o.at", "look": "o.look"}, "o.at DESC")
	if err != nil {
		return nil, 0, err
	}
	total, err := capped(ctx, idb, apply(idb.NewSelect().TableExpr("patrol_observations AS o")))
	if err != nil {
		return nil, 0, fmt.Errorf("count observations: %w", err)
	}
	rows := []observationRow{}
	if err := apply(idb.NewSelect().Model(&rows)).OrderExpr("?, o.id DESC", bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset()).Scan(ctx); err != nil {
		return nil, 0, fmt.Errorf("list observations: %w", err)
	}
	return rows, total, nil
}

// seesPicture tells whether a picture belongs to an observation or a
// supplement that the actor may see.
func seesPicture(ctx context.Context, idb reader, who access.Actor, sm3 string) (bool, error) {
	for _, q := range []*bun.SelectQuery{
		who.Scope.Filter(idb.NewSelect().TableExpr("patrol_observations AS o").Where("o.crop = ?", sm3), "o.region_code"),
		who.Scope.Filter(idb.NewSelect().TableExpr("patrol_observations AS o").Where("o.frame = ?", sm3), "o.region_code"),
	} {
		ok, err := q.Limit(1).Exists(ctx)
		if err != nil || ok {
			return ok, err
		}
	}
	return false, nil
}
