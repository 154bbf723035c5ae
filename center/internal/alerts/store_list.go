package alerts

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
)

// Tab is the view of the queue that a person picks.
type Tab string

// The tabs.
const (
	TabPending Tab = "pending"
	TabLater   Tab = "later"
	TabMine    Tab = "mine" // decided by me
	TabAll     Tab = "all"
)

// Unbound as Filter.Shop finds the alerts that wait to be claimed.
const Unbound = "-"

// Filter narrows lists, counts and exports alike; a zero field does not.
type Filter struct {
	Tab      Tab
	State    State
	Kind     string
	Region   string
	Camera   string
	Shop     string
	Evidence string
	MinScore float64
	From, To *clock.Stamp // received, To is exclusive
	Q        string
}

// apply is the one place where a filter and an actor become SQL.
func (f Filter) apply(q *bun.SelectQuery, who access.Actor) *bun.SelectQuery {
	q = who.Scope.Filter(q, "a.region_code")
	switch f.Tab {
	case TabPending:
		q = q.Where("a.state = ?", Pending)
	case TabLater:
		q = q.Where("a.state = ?", Later)
	case TabMine:
		q = q.Where("a.decided_by = ? AND a.decided_by <> ''", who.ID)
	}
	if f.State != "" {
		q = q.Where("a.state = ?", f.State)
	}
	if f.Kind != "" {
		q = q.Where("a.kind = ?", f.Kind)
	}
	if f.Region != "" {
		q = access.Scope{Prefixes: []string{f.Region}}.Filter(q, "a.region_code")
	}
	if f.Camera != "" {
		q = q.Where("a.camera_id = ?", f.Camera)
	}
	switch f.Shop {
	case "":
	case Unbound:
		q = q.Where("a.shop_id = ''")
	default:
		q = q.Where("a.shop_id = ?", f.Shop)
	}
	if f.Evidence != "" {
		q = q.Where("a.evidence_use = ?", f.Evidence)
	}
	if f.MinScore > 0 {
		q = q.Where("a.score >= ?", f.MinScore)
	}
	if f.From != nil {
		q = q.Where("a.received_at >= ?", *f.From)
	}
	if f.To != nil {
		q = q.Where("a.received_at < ?", *f.To)
	}
	switch {
	case f.Q == "":
	case numberForm(f.Q, "YJ"):
		// The beginning of a number is a range of the number's index.
		q = q.Where("a.no >= ? AND a.no < ?", f.Q, f.Q+"~")
	case numberForm(f.Q, "GD"):
		q = q.Where("a.order_no >= ? AND a.order_no < ? AND a.order_no <> ''", f.Q, f.Q+"~")
	default:
		q = q.Where("a.text_key IN (SELECT t.id FROM alert_texts AS t WHERE t.text LIKE ? ESCAPE '!')", db.Contains(f.Q))
	}
	return q
}

// numberForm tells whether a text begins a number such as YJ20261124-00001.
func numberForm(s, prefix string) bool {
	rest, ok := strings.CutPrefix(s, prefix)
	return ok && strings.Trim(rest, "0123456789-") == ""
}

func sortable() map[string]string {
	return map[string]string{
		"receivedAt": "a.received_at", "since": "a.since_at", "score": "a.score", "no": "a.no", "kind": "a.kind", "state": "a.state",
	}
}

// list reads one page: the ids from an index first, then the rows.
func list(ctx context.Context, idb bun.IDB, who access.Actor, f Filter, p httpx.Paging) ([]Alert, int64, error) {
	order, err := p.Order(sortable(), "a.received_at DESC")
	if err != nil {
		return nil, 0, err
	}
	total, err := f.apply(idb.NewSelect().Model((*itemRow)(nil)), who).Count(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("count alerts: %w", err)
	}
	inner := f.apply(idb.NewSelect().Model((*itemRow)(nil)).Column("a.id"), who).
		OrderExpr("?, a.id DESC", bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset())
	rows := []itemRow{}
	if err := idb.NewSelect().Model(&rows).Where("a.id IN (?)", inner).OrderExpr("?, a.id DESC", bun.Safe(order)).Scan(ctx); err != nil {
		return nil, 0, fmt.Errorf("list alerts: %w", err)
	}
	out := make([]Alert, len(rows))
	for i := range rows {
		out[i] = rows[i].alert()
	}
	return out, total, nil
}

// AlertCounts are the numbers above the queue.
type AlertCounts struct {
	Pending int64 `json:"pending"`
	Later   int64 `json:"later"`
	Mine    int64 `json:"mine"`
	// Today counts alerts received since midnight in Shanghai.
	Today int64 `json:"today"`
	// ConfirmRate is confirmed and merged over all decisions of today, 0..1;
	// absent without a decision.
	ConfirmRate *float64 `json:"confirmRate,omitempty"`
	// MedianSeconds is from receipt to decision, of today's decisions.
	MedianSeconds *int64 `json:"medianSeconds,omitempty"`
}

func counts(ctx context.Context, idb bun.IDB, who access.Actor, now time.Time) (AlertCounts, error) {
	var c AlertCounts
	base := func(t Tab) *bun.SelectQuery { return Filter{Tab: t}.apply(idb.NewSelect().Model((*itemRow)(nil)), who) }
	day := clock.At(clock.DayStart(now))
	ours := bun.List([]State{Confirmed, Merged, Rejected})
	decidedToday := func() *bun.SelectQuery { return base(TabAll).Where("a.decided_at >= ? AND a.state IN (?)", day, ours) }
	var all, yes int64
	for _, x := range []struct {
		n *int64
		q *bun.SelectQuery
	}{
		{&c.Pending, base(TabPending)},
		{&c.Later, base(TabLater)},
		{&c.Mine, base(TabMine)},
		{&c.Today, base(TabAll).Where("a.received_ymd = ?", clock.YMD(now))},
		{&all, decidedToday()},
		{&yes, decidedToday().Where("a.state <> ?", Rejected)},
	} {
		n, err := x.q.Count(ctx)
		if err != nil {
			return c, fmt.Errorf("count alerts: %w", err)
		}
		*x.n = n
	}
	if all == 0 {
		return c, nil
	}
	rate := float64(yes) / float64(all)
	var ms int64
	err := decidedToday().ColumnExpr("a.decided_at - a.received_at AS took").OrderExpr("took").Limit(1).Offset((all-1)/2).Scan(ctx, &ms)
	if err != nil && !db.NoRows(err) {
		return c, fmt.Errorf("median time of decisions: %w", err)
	}
	sec := ms / 1000
	c.ConfirmRate, c.MedianSeconds = &rate, &sec
	return c, nil
}

// recent lists the last alerts of the same camera and kind in seven days.
func recent(ctx context.Context, idb bun.IDB, a Alert) ([]Alert, error) {
	rows := []itemRow{}
	err := idb.NewSelect().Model(&rows).
		Where("a.camera_id = ? AND a.kind = ? AND a.id <> ?", a.CameraID, a.Kind, a.ID).
		Where("a.state IN (?)", bun.List([]State{Confirmed, Merged, Rejected, SelfResolved})).
		Where("a.received_at > ? AND a.received_at <= ?", int64(a.ReceivedAt)-7*24*3600*1000, a.ReceivedAt).
		Order("a.received_at DESC").Limit(6).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list recent alerts: %w", err)
	}
	out := make([]Alert, len(rows))
	for i := range rows {
		out[i] = rows[i].alert()
	}
	return out, nil
}

// confirmed90 counts the confirmed alerts of shops in the last 90 days.
func confirmed90(ctx context.Context, idb bun.IDB, shops []string, now time.Time) (map[string]int64, error) {
	out := map[string]int64{}
	if len(shops) == 0 {
		return out, nil
	}
	var rows []struct {
		ShopID string
		N      int64
	}
	err := idb.NewSelect().Model((*itemRow)(nil)).Column("a.shop_id").ColumnExpr("COUNT(*) AS n").
		Where("a.shop_id IN (?) AND a.state IN (?)", bun.List(shops), bun.List([]State{Confirmed, Merged})).
		Where("a.received_at > ?", clock.At(now.Add(-90*24*time.Hour))).Group("a.shop_id").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("count the alerts of shops: %w", err)
	}
	for _, r := range rows {
		out[r.ShopID] = r.N
	}
	return out, nil
}

// SampleCount is how many wrong recognitions of a kind a camera gave.
type SampleCount struct {
	CameraID   string `bun:"camera_id" json:"cameraId"`
	CameraName string `json:"cameraName"`
	Kind       string `json:"kind"`
	// False is what was nothing, Corrected what was something else.
	False     int64 `bun:"false_n" json:"false"`
	Corrected int64 `bun:"corrected_n" json:"corrected"`
}

func sampleCounts(ctx context.Context, idb bun.IDB, who access.Actor, camera, kind string) ([]SampleCount, error) {
	out := []SampleCount{}
	q := idb.NewSelect().Model((*sampleRow)(nil)).ColumnExpr("s.camera_id, MAX(a.camera_name) AS camera_name, s.seen_kind AS kind").
		ColumnExpr("SUM(CASE WHEN s.label = 'none' THEN 1 ELSE 0 END) AS false_n, SUM(CASE WHEN s.label = 'none' THEN 0 ELSE 1 END) AS corrected_n").
		Join("JOIN alert_items AS a ON a.id = s.alert_id").Where("s.withdrawn_at IS NULL")
	if camera != "" {
		q = q.Where("s.camera_id = ?", camera)
	}
	if kind != "" {
		q = q.Where("s.seen_kind = ?", kind)
	}
	err := who.Scope.Filter(q, "s.region_code").GroupExpr("s.camera_id, s.seen_kind").OrderExpr("COUNT(*) DESC, s.camera_id, s.seen_kind").Limit(500).Scan(ctx, &out)
	if err != nil {
		return nil, fmt.Errorf("count samples: %w", err)
	}
	return out, nil
}
