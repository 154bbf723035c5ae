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
	// TabResults is every recognition: the records below the threshold too.
	TabResults Tab = "results"
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
	MaxScore float64      // exclusive; 0 is no bound
	From, To *clock.Stamp // received, To is exclusive
	Q        string
	// Group is a key of Groups, Finding what was found about a sign (AnyFinding
	// for anything), Bind how the shop was found.
	Group, Finding, Bind string
	// SeenKind, Outcome and the months (inclusive, as 202611) are those of the
	// precision.
	SeenKind           string
	Outcome            Outcome
	MonthFrom, MonthTo int
}

// AnyFinding as Filter.Finding finds all changes of signs.
const AnyFinding = "*"

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
	case TabAll, "":
		if f.State == "" {
			q = q.Where("a.state <> ?", Recorded)
		}
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
	q = f.applyMore(q)
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

// applyMore is the part of apply that fewer pages use.
func (f Filter) applyMore(q *bun.SelectQuery) *bun.SelectQuery {
	if f.MaxScore > 0 {
		q = q.Where("a.score < ?", f.MaxScore)
	}
	if f.Group != "" {
		q = q.Where("a.group_key = ? AND a.group_key <> ''", f.Group)
	}
	switch f.Finding {
	case "":
	case AnyFinding:
		q = q.Where("a.finding <> ''")
	default:
		q = q.Where("a.finding = ? AND a.finding <> ''", f.Finding)
	}
	if f.Bind != "" {
		q = q.Where("a.bind_rule = ?", f.Bind)
	}
	if f.SeenKind != "" {
		q = q.Where("a.seen_kind = ?", f.SeenKind)
	}
	if f.MonthFrom > 0 {
		q = q.Where("a.received_ymd >= ?", f.MonthFrom*100)
	}
	if f.MonthTo > 0 {
		q = q.Where("a.received_ymd <= ?", f.MonthTo*100+31)
	}
	yes := bun.List([]State{Confirmed, Merged, Updated})
	switch f.Outcome {
	case OutcomeRight:
		q = q.Where("a.state IN (?) AND a.kind = a.seen_kind", yes)
	case OutcomeWrong:
		q = q.Where("(a.state IN (?) OR a.state IN (?) AND a.kind <> a.seen_kind)", bun.List([]State{Rejected, Withdrawn}), yes)
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
		"receivedAt": "a.received_at", "since": "a.since_at", "score": "a.score", "no": "a.no", "kind": "a.kind", "state": "a.state", "look": "a.look",
	}
}

// list reads one page: the ids from an index first, then the rows.
func list(ctx context.Context, idb bun.IDB, who access.Actor, f Filter, p httpx.Paging) ([]Alert, int64, error) {
	order, err := p.Order(sortable(), "a.received_at DESC")
	if err != nil {
		return nil, 0, err
	}
	total, err := countUpTo(ctx, idb, who, f, f.most())
	if err != nil {
		return nil, 0, err
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

// TotalCap bounds the total of a list: a longer one says "at least". What waits
// for a person is counted to the last one.
const TotalCap = 10_000

// most is how far a list of the filter is counted.
func (f Filter) most() int64 {
	if f.Tab == TabPending || f.Tab == TabLater || f.State == Pending || f.State == Later {
		return 1_000_000
	}
	return TotalCap
}

// countUpTo counts the alerts of a filter and stops at most.
func countUpTo(ctx context.Context, idb bun.IDB, who access.Actor, f Filter, most int64) (int64, error) {
	var n int64
	some := f.apply(idb.NewSelect().Model((*itemRow)(nil)).ColumnExpr("1 AS one"), who).Limit(most)
	if err := idb.NewSelect().TableExpr("(?) AS x", some).ColumnExpr("COUNT(*)").Scan(ctx, &n); err != nil {
		return 0, fmt.Errorf("count alerts: %w", err)
	}
	return n, nil
}

// AlertCounts are the numbers above the queue.
type AlertCounts struct {
	Pending int64 `json:"pending"`
	Later   int64 `json:"later"`
	Mine    int64 `json:"mine" doc:"10000 stands for as many or more"`
	// Unclaimed counts what waits without a shop, Changes what waits about
	// signs.
	Unclaimed int64 `json:"unclaimed"`
	Changes   int64 `json:"changes"`
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
	base := func(f Filter) *bun.SelectQuery { return f.apply(idb.NewSelect().Model((*itemRow)(nil)), who) }
	day := clock.At(clock.DayStart(now))
	ours := bun.List([]State{Confirmed, Merged, Rejected, Updated, Withdrawn})
	decidedToday := func() *bun.SelectQuery {
		return base(Filter{Tab: TabResults}).Where("a.decided_at >= ? AND a.state IN (?)", day, ours)
	}
	var all, yes int64
	for _, x := range []struct {
		n *int64
		q *bun.SelectQuery
	}{
		{&c.Pending, base(Filter{Tab: TabPending})},
		{&c.Later, base(Filter{Tab: TabLater})},
		{&c.Unclaimed, base(Filter{Tab: TabPending, Shop: Unbound})},
		{&c.Changes, base(Filter{Tab: TabPending, Finding: AnyFinding})},
		{&c.Today, base(Filter{}).Where("a.received_ymd = ?", clock.YMD(now))},
		{&all, decidedToday()},
		{&yes, decidedToday().Where("a.state NOT IN (?)", bun.List([]State{Rejected, Withdrawn}))},
	} {
		n, err := x.q.Count(ctx)
		if err != nil {
			return c, fmt.Errorf("count alerts: %w", err)
		}
		*x.n = n
	}
	var err error
	if c.Mine, err = countUpTo(ctx, idb, who, Filter{Tab: TabMine}, TotalCap); err != nil {
		return c, err
	}
	if all == 0 {
		return c, nil
	}
	rate := float64(yes) / float64(all)
	var ms int64
	err = decidedToday().ColumnExpr("a.decided_at - a.received_at AS took").OrderExpr("took").Limit(1).Offset((all-1)/2).Scan(ctx, &ms)
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
		Where("a.state IN (?)", bun.List([]State{Confirmed, Merged, Rejected, SelfResolved, Updated, Withdrawn})).
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
