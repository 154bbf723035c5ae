package notices

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/grams"
	"jiexun/center/internal/platform/httpx"
)

// Filter narrows the list; a zero field does not.
type Filter struct {
	State, Kind, Event, Region, Way, Answer string
	Shop, Order, Officer                    string
	// Due is "overdue"; Open is "yes" for those that wait for somebody.
	Due, Open, Recheck string
	From, To           *clock.Stamp
	Q                  string
}

func (f Filter) apply(q *bun.SelectQuery, who access.Actor, now time.Time) *bun.SelectQuery {
	q = who.Scope.Filter(q, "n.region_code")
	for col, v := range map[string]string{
		"n.state": f.State, "n.kind": f.Kind, "n.event_kind": f.Event, "n.way": f.Way, "n.answer_kind": f.Answer, "n.shop_id": f.Shop,
		"n.order_id": f.Order, "n.officer_id": f.Officer, "n.recheck": f.Recheck,
	} {
		if v != "" {
			q = q.Where("? = ?", bun.Safe(col), v)
		}
	}
	if f.Region != "" {
		q = access.Scope{Prefixes: []string{f.Region}}.Filter(q, "n.region_code")
	}
	switch f.Due {
	case "overdue":
		q = overdue(q, now)
	case "near":
		q = q.Where("n.ended_at IS NULL AND n.paused = 0 AND n.state <> ? AND n.due_at >= ? AND n.due_at < ?", Answered, clock.At(now), clock.At(now.Add(24*time.Hour)))
	}
	if f.Open == "yes" {
		q = q.Where("n.ended_at IS NULL")
	}
	if f.From != nil {
		q = q.Where("n.created_at >= ?", *f.From)
	}
	if f.To != nil {
		q = q.Where("n.created_at < ?", *f.To)
	}
	return f.find(q)
}

// overdue are notices whose shop has not answered in time.
func overdue(q *bun.SelectQuery, now time.Time) *bun.SelectQuery {
	return q.Where("n.ended_at IS NULL AND n.paused = 0 AND n.state <> ? AND n.due_at < ?", Answered, clock.At(now))
}

// find narrows to what a person typed: a number or a check code, else words
// of the shop's name and address.
func (f Filter) find(q *bun.SelectQuery) *bun.SelectQuery {
	text := strings.TrimSpace(f.Q)
	if text == "" {
		return q
	}
	up := strings.ToUpper(text)
	if code := ParseCode(text); code != "" && !strings.HasPrefix(up, "GZ") {
		return q.Where("n.code = ?", code)
	}
	if strings.HasPrefix(up, "GZ") {
		return q.Where("n.no >= ? AND n.no < ?", up, up+"~")
	}
	if strings.HasPrefix(up, "GD") {
		return q.Where("n.order_no = ?", up)
	}
	ask := grams.Ask(text)
	if ask.Empty() {
		return q.Where("1 = 0")
	}
	if len(ask.Pairs) > 0 {
		q = q.Where("n.shop_id IN (SELECT g.shop_id FROM notice_grams AS g WHERE g.gram IN (?) GROUP BY g.shop_id HAVING COUNT(*) = ?)", bun.List(ask.Pairs), len(ask.Pairs))
	}
	for _, s := range ask.Starts {
		q = q.Where("n.shop_id IN (SELECT g.shop_id FROM notice_grams AS g WHERE g.gram >= ? AND g.gram < ?)", s, grams.After(s))
	}
	return q
}

// mostCounted bounds the total: beyond it a person narrows the list.
const mostCounted = 100_000

func list(ctx context.Context, idb bun.IDB, who access.Actor, f Filter, p httpx.Paging, now time.Time) ([]Notice, int64, error) {
	order, err := p.Order(map[string]string{"createdAt": "n.created_at", "state": "n.state", "dueAt": "n.due_at", "no": "n.no", "shopName": "n.shop_name"}, "n.created_at DESC")
	if err != nil {
		return nil, 0, err
	}
	var total int64
	some := f.apply(idb.NewSelect().Model((*itemRow)(nil)).ColumnExpr("1"), who, now).Limit(mostCounted)
	if err := idb.NewSelect().ColumnExpr("COUNT(*)").TableExpr("(?) AS x", some).Scan(ctx, &total); err != nil {
		return nil, 0, fmt.Errorf("count notices: %w", err)
	}
	rows := []itemRow{}
	inner := f.apply(idb.NewSelect().Model((*itemRow)(nil)).Column("n.id"), who, now).OrderExpr("?, n.id DESC", bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset())
	if err := idb.NewSelect().Model(&rows).Where("n.id IN (?)", inner).OrderExpr("?, n.id DESC", bun.Safe(order)).Scan(ctx); err != nil {
		return nil, 0, fmt.Errorf("list notices: %w", err)
	}
	out, err := notices(rows)
	return out, total, err
}

// Counts are the figures above the list; each opens the list of as many.
type Counts struct {
	Open       int64 `json:"open"`
	Unreached  int64 `json:"unreached" doc:"Made or sent, and no receipt"`
	Visits     int64 `json:"visits" doc:"To be brought"`
	Answers    int64 `json:"answers" doc:"Corrections that wait for a person"`
	Objections int64 `json:"objections" doc:"Objections that wait for a person"`
	Overdue    int64 `json:"overdue"`
}

func counts(ctx context.Context, idb bun.IDB, who access.Actor, f Filter, now time.Time) (Counts, error) {
	var c Counts
	var by []struct {
		State      State
		Way        string
		AnswerKind string
		N          int64
	}
	f.Open = "yes"
	err := f.apply(idb.NewSelect().Model((*itemRow)(nil)), who, now).Column("n.state", "n.way", "n.answer_kind").ColumnExpr("COUNT(*) AS n").
		Group("n.state", "n.way", "n.answer_kind").Scan(ctx, &by)
	if err != nil {
		return c, fmt.Errorf("count notices: %w", err)
	}
	for _, b := range by {
		c.Open += b.N
		switch {
		case b.State == Answered && b.AnswerKind == Objection:
			c.Objections += b.N
		case b.State == Answered:
			c.Answers += b.N
		case b.State == Made || b.State == Sent:
			c.Unreached += b.N
			if b.Way == WayVisit {
				c.Visits += b.N
			}
		}
	}
	f.Due = "overdue"
	n, err := f.apply(idb.NewSelect().Model((*itemRow)(nil)), who, now).Count(ctx)
	if err != nil {
		return c, fmt.Errorf("count overdue notices: %w", err)
	}
	c.Overdue = n
	return c, nil
}

// lately counts the notices of a shop since a moment by state.
func lately(ctx context.Context, idb bun.IDB, shop string, since clock.Stamp) (all, confirmed int64, err error) {
	var by []struct {
		State State
		N     int64
	}
	err = idb.NewSelect().Model((*itemRow)(nil)).Column("n.state").ColumnExpr("COUNT(*) AS n").
		Where("n.shop_id = ? AND n.created_at >= ? AND n.state <> ?", shop, since, Withdrawn).Group("n.state").Scan(ctx, &by)
	if err != nil {
		return 0, 0, fmt.Errorf("count notices of shop: %w", err)
	}
	for _, b := range by {
		all += b.N
		if b.State == Confirmed {
			confirmed += b.N
		}
	}
	return all, confirmed, nil
}
