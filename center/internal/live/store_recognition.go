package live

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
)

const (
	isRight = "(a.state IN ('confirmed', 'merged') AND a.kind = a.seen_kind)"
	isWrong = "(a.state = 'rejected' OR (a.state IN ('confirmed', 'merged') AND a.kind <> a.seen_kind))"
)

// quality groups decisions; of cameras and regions the 200 with most wrong
// ones.
func quality(ctx context.Context, idb bun.IDB, who access.Actor, f QualityFilter) ([]Quality, error) {
	key := map[string]string{"kind": "a.seen_kind", "camera": "a.camera_id", "region": "a.region_code", "day": "a.received_ymd"}[f.By]
	var rows []struct {
		K      string
		Name   string
		RightN int64 `bun:"right_n"`
		WrongN int64 `bun:"wrong_n"`
		OpenN  int64 `bun:"open_n"`
		GoneN  int64 `bun:"gone_n"`
	}
	from, _ := dayOf(f.From)
	to, _ := dayOf(f.To)
	q := idb.NewSelect().TableExpr("v_alert_outcomes AS a").
		ColumnExpr("CAST(? AS TEXT) AS k", bun.Safe(key)).
		ColumnExpr("MAX(a.camera_name) AS name").
		ColumnExpr("SUM(CASE WHEN ? THEN 1 ELSE 0 END) AS right_n", bun.Safe(isRight)).
		ColumnExpr("SUM(CASE WHEN ? THEN 1 ELSE 0 END) AS wrong_n", bun.Safe(isWrong)).
		ColumnExpr("SUM(CASE WHEN a.state IN ('pending', 'later') THEN 1 ELSE 0 END) AS open_n").
		ColumnExpr("SUM(CASE WHEN a.state = 'selfResolved' THEN 1 ELSE 0 END) AS gone_n").
		Where("a.received_at >= ? AND a.received_at < ?", clock.At(from), clock.At(to.AddDate(0, 0, 1)))
	q = who.Scope.Filter(q, "a.region_code")
	if f.Region != "" {
		q = access.Scope{Prefixes: []string{f.Region}}.Filter(q, "a.region_code")
	}
	if f.Kind != "" {
		q = q.Where("a.seen_kind = ?", f.Kind)
	}
	if f.Camera != "" {
		q = q.Where("a.camera_id = ?", f.Camera)
	}
	order := "wrong_n DESC, k"
	if f.By == "day" || f.By == "kind" {
		order = "k"
	}
	if err := q.GroupExpr("?", bun.Safe(key)).OrderExpr(order).Limit(200).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("count decisions: %w", err)
	}
	out := []Quality{}
	for _, r := range rows {
		x := Quality{Key: r.K, Right: r.RightN, Wrong: r.WrongN, Open: r.OpenN, Gone: r.GoneN}
		switch f.By {
		case "camera":
			x.Name = r.Name
		case "day":
			if n, err := strconv.Atoi(r.K); err == nil {
				x.Name = fmt.Sprintf("%04d-%02d-%02d", n/10000, n/100%100, n%100)
			}
		}
		out = append(out, x)
	}
	return out, nil
}

type pastEvent struct {
	ID, No, Kind, SeenKind, State, Thumb string
	Score                                float64
	SinceAt                              clock.Stamp
	Body                                 string
	event                                edgev1.Event
}

func (p pastEvent) verdict() string {
	switch {
	case p.State == "rejected" || (p.State == "confirmed" || p.State == "merged") && p.Kind != p.SeenKind:
		return "wrong"
	case p.State == "confirmed" || p.State == "merged":
		return "right"
	}
	return ""
}

// pastEvents gives the newest recognitions of a camera, of one zone when it
// is named.
func pastEvents(ctx context.Context, idb bun.IDB, who access.Actor, camera, zone string, since clock.Stamp) ([]pastEvent, error) {
	out := []pastEvent{}
	q := idb.NewSelect().TableExpr("v_alert_outcomes AS a").Join("JOIN v_alert_bodies AS b ON b.alert_id = a.id").
		ColumnExpr("a.id, a.no, a.kind, a.seen_kind, a.state, a.thumb, a.score, a.since_at, b.body").
		Where("a.camera_id = ? AND a.received_at >= ?", camera, since).Where("a.seen_kind <> 'picture'")
	if zone != "" {
		q = q.Where("a.zone_id = ?", zone)
	}
	if err := who.Scope.Filter(q, "a.region_code").OrderExpr("a.received_at DESC").Limit(300).Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("list past recognitions: %w", err)
	}
	for i := range out {
		if err := json.Unmarshal([]byte(out[i].Body), &out[i].event); err != nil {
			return nil, fmt.Errorf("read event of alert %s: %w", out[i].No, err)
		}
	}
	return out, nil
}
