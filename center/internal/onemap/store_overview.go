package onemap

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
)

// inside narrows a view with the alias v to the scope and the region.
func inside(q *bun.SelectQuery, who access.Actor, region string) *bun.SelectQuery {
	return narrow(who.Scope.Filter(q, "v.region_code"), region)
}

// narrow cuts to a region and to the size of a layer.
func narrow(q *bun.SelectQuery, region string) *bun.SelectQuery {
	if region != "" {
		q = access.Scope{Prefixes: []string{region}}.Filter(q, "v.region_code")
	}
	return q.Limit(Most)
}

func cameras(ctx context.Context, idb bun.IDB, who access.Actor, region string) ([]Camera, error) {
	out := []Camera{}
	q := idb.NewSelect().TableExpr("v_directory_map AS v").ColumnExpr("v.id, v.name, v.lng, v.lat, v.state, v.region_code")
	if err := inside(q, who, region).OrderExpr("v.id").Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("read cameras for the map: %w", err)
	}
	var open []struct {
		CameraID string
		N        int64
	}
	q = idb.NewSelect().TableExpr("v_alerts_open AS v").ColumnExpr("v.camera_id, COUNT(*) AS n").GroupExpr("v.camera_id")
	if err := who.ScopeFor("alert.view").Filter(q, "v.region_code").Scan(ctx, &open); err != nil {
		return nil, fmt.Errorf("count open alerts for the map: %w", err)
	}
	n := map[string]int64{}
	for _, o := range open {
		n[o.CameraID] = o.N
	}
	for i := range out {
		out[i].OpenAlerts = n[out[i].ID]
	}
	return out, nil
}

func alerts(ctx context.Context, idb bun.IDB, who access.Actor, region string) ([]Alert, error) {
	out := []Alert{}
	q := idb.NewSelect().TableExpr("v_alerts_map AS v").ColumnExpr("v.id, v.no, v.kind, v.lng, v.lat, v.since_at AS since, v.score, v.state, v.region_code")
	if err := inside(q, who, region).OrderExpr("v.since_at DESC, v.id").Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("read alerts for the map: %w", err)
	}
	return out, nil
}

func orders(ctx context.Context, idb bun.IDB, who access.Actor, region string, now time.Time) ([]Order, error) {
	out := []Order{}
	at, night := clock.At(now), clock.At(clock.DayStart(now).Add(24*time.Hour))
	q := idb.NewSelect().TableExpr("v_orders_map AS v").ColumnExpr("v.id, v.no, v.kind, v.lng, v.lat, v.due_at, v.state, v.region_code").
		ColumnExpr("CASE WHEN v.state = 'handled' THEN 'done' WHEN v.due_at < ? THEN 'over' WHEN v.due_at - v.near_ms <= ? OR (v.near_today = 1 AND v.due_at < ?) THEN 'near' ELSE 'normal' END AS due_state", at, at, night)
	// Orders are seen by the same rule as in their list: those of the scope,
	// and those given to the actor or the actor's squad wherever they are.
	if !who.Scope.All {
		q = q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
			q = who.Scope.Filter(q, "v.region_code").WhereOr("v.officer_id = ?", who.ID)
			if who.OrgLevel == "squad" {
				q = q.WhereOr("v.squad_org_id = ?", who.OrgID)
			}
			return q
		})
	}
	if err := narrow(q, region).OrderExpr("v.due_at, v.id").Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("read orders for the map: %w", err)
	}
	return out, nil
}
