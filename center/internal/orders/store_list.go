package orders

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

// Tab is the view of the list that a person picks.
type Tab string

// The tabs.
const (
	TabMine   Tab = "mine"   // given to me, my squad, or all of my scope
	TabTodo   Tab = "todo"   // waiting for an act of mine
	TabAll    Tab = "all"    // all that I may see
	TabClosed Tab = "closed" // of those, the closed ones
)

// Filter narrows lists, counts and exports alike; a zero field does not.
type Filter struct {
	Tab     Tab
	State   State
	Kind    string
	Region  string // a prefix of region codes
	Squad   string
	Officer string
	Camera  string
	Shop    string
	Result  Result
	// Phase is open for what is worked on, done for what was handed in.
	Phase string
	// Urged keeps those that were urged and are not handed in.
	Urged bool
	// Due is overdue, near or ok.
	Due      string
	From, To *clock.Stamp // creation, To is exclusive
	Q        string
}

func unclosed() bun.ListValues {
	return bun.List([]State{Dispatched, Accepted, OnSite, Handled, Returned, Filing})
}

func openStates() bun.ListValues {
	return bun.List([]State{Dispatched, Accepted, OnSite, Returned})
}

// The three parts of the open orders, each the SQL form of Order.Due.
func overdue(q *bun.SelectQuery, now time.Time) *bun.SelectQuery {
	return q.Where("o.state IN (?) AND o.due_at < ?", openStates(), clock.At(now))
}

func near(q *bun.SelectQuery, now time.Time) *bun.SelectQuery {
	return q.Where("o.state IN (?) AND o.due_at >= ? AND o.due_at - o.near_ms <= ?", openStates(), clock.At(now), clock.At(now))
}

func inTime(q *bun.SelectQuery, now time.Time) *bun.SelectQuery {
	return q.Where("o.state IN (?) AND o.due_at - o.near_ms > ?", openStates(), clock.At(now))
}

// apply is the one place where a filter and an actor become SQL.
func (f Filter) apply(q *bun.SelectQuery, who viewer, now time.Time) *bun.SelectQuery {
	q = visible(q, who)
	switch f.Tab {
	case TabMine:
		q = mine(q, who)
	case TabTodo:
		q = todo(q, who)
	case TabClosed:
		q = q.Where("o.state = ?", Closed)
	}
	for column, v := range map[string]string{
		"o.state": string(f.State), "o.kind": f.Kind, "o.squad_org_id": f.Squad, "o.officer_id": f.Officer,
		"o.camera_id": f.Camera, "o.shop_id": f.Shop, "o.result": string(f.Result),
	} {
		if v != "" {
			q = q.Where("? = ?", bun.Safe(column), v)
		}
	}
	if f.Region != "" {
		q = access.Scope{Prefixes: []string{f.Region}}.Filter(q, "o.region_code")
	}
	switch f.Phase {
	case "open":
		q = q.Where("o.state IN (?)", openStates())
	case "done":
		q = q.Where("o.state IN (?)", bun.List([]State{Handled, Filing, Closed}))
	}
	if f.Urged {
		q = q.Where("o.state IN (?) AND o.urged > 0", openStates())
	}
	switch f.Due {
	case "overdue":
		q = overdue(q, now)
	case "near":
		q = near(q, now)
	case "ok":
		q = inTime(q, now)
	}
	if f.From != nil {
		q = q.Where("o.created_at >= ?", *f.From)
	}
	if f.To != nil {
		q = q.Where("o.created_at < ?", *f.To)
	}
	switch rest, number := strings.CutPrefix(f.Q, "GD"); {
	case f.Q == "":
	case number && strings.Trim(rest, "0123456789-") == "":
		// The beginning of a number is a range of the number's index.
		q = q.Where("o.no >= ? AND o.no < ?", f.Q, f.Q+"~")
	default:
		q = q.Where("o.text_key IN (SELECT t.id FROM order_texts AS t WHERE t.text LIKE ? ESCAPE '!')", db.Contains(f.Q))
	}
	return q
}

// mine cuts to what is the actor's own: an officer's orders, a leader's
// squad's, for everyone above the squad all of the scope; and those of the
// people whose place the actor takes.
func mine(q *bun.SelectQuery, who viewer) *bun.SelectQuery {
	leads, officers := who.leads(), who.officers()
	if who.Has(access.OrderDispatch) || len(leads)+len(officers) == 0 {
		return q
	}
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		if len(leads) > 0 {
			q = q.Where("o.squad_org_id IN (?)", bun.List(leads))
		}
		if len(officers) > 0 {
			q = q.WhereOr("o.officer_id IN (?)", bun.List(officers))
		}
		return q
	})
}

// todo cuts to orders whose next act is the actor's.
func todo(q *bun.SelectQuery, who viewer) *bun.SelectQuery {
	leads, officers := who.leads(), who.officers()
	// What is closed is nobody's task; saying so lets the index skip it.
	return q.Where("o.state IN (?)", bun.List([]State{Dispatched, Accepted, OnSite, Handled, Returned})).WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		q = q.Where("1 = 0")
		if len(officers) > 0 {
			q = q.WhereOr("(o.officer_id IN (?) AND o.state IN (?))", bun.List(officers), bun.List([]State{Dispatched, Accepted, OnSite}))
		}
		if len(leads) > 0 {
			q = q.WhereOr("(o.squad_org_id IN (?) AND o.state = ? AND o.officer_id = '')", bun.List(leads), Dispatched)
		}
		if who.Has(access.OrderDispatch) {
			q = q.WhereGroup(" OR ", func(q *bun.SelectQuery) *bun.SelectQuery {
				q = q.Where("(o.state = ? OR (o.state = ? AND o.squad_org_id = ''))", Returned, Dispatched)
				return who.ScopeFor(access.OrderDispatch).Filter(q, "o.region_code")
			})
		}
		if who.Has(access.OrderReview) {
			q = q.WhereOr("(o.state = ? AND o.officer_id <> ? AND o.handled_by <> ?)", Handled, who.ID, who.ID)
		}
		return q
	})
}

// sortable maps what the API calls a field to its column: those that an
// index gives in order.
func sortable() map[string]string {
	return map[string]string{"createdAt": "o.created_at", "dueAt": "o.due_at", "no": "o.no"}
}

// countMost is where counting ends: a list says "9,999+" and nobody waits for
// the exact number of half a million.
const countMost = 10_000

// countUpTo counts the orders of a filter, at most countMost.
func countUpTo(ctx context.Context, idb bun.IDB, who viewer, f Filter, now time.Time) (int64, error) {
	inner := f.apply(idb.NewSelect().Model((*itemRow)(nil)).ColumnExpr("1"), who, now).Limit(countMost)
	n, err := idb.NewSelect().TableExpr("(?) AS few", inner).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count orders: %w", err)
	}
	return int64(n), nil
}

// list reads one page: first the ids from the index, then the rows.
func list(ctx context.Context, idb bun.IDB, who viewer, f Filter, p httpx.Paging, now time.Time) ([]Order, int64, error) {
	order, err := p.Order(sortable(), "o.created_at DESC")
	if err != nil {
		return nil, 0, err
	}
	total, err := countUpTo(ctx, idb, who, f, now)
	if err != nil {
		return nil, 0, err
	}
	rows := []itemRow{}
	inner := f.apply(idb.NewSelect().Model((*itemRow)(nil)).Column("o.id"), who, now).
		OrderExpr("?, o.id DESC", bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset())
	err = idb.NewSelect().Model(&rows).Where("o.id IN (?)", inner).
		OrderExpr("?, o.id DESC", bun.Safe(order)).Scan(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list orders: %w", err)
	}
	out := make([]Order, len(rows))
	for i := range rows {
		out[i] = rows[i].order()
	}
	return out, total, nil
}

// OrderCounts are the numbers on the tabs. All closed orders are not counted:
// every open page asks for these numbers at each change.
type OrderCounts struct {
	Dispatched  int64 `json:"dispatched"`
	Accepted    int64 `json:"accepted"`
	OnSite      int64 `json:"onSite"`
	Handled     int64 `json:"handled"`
	Returned    int64 `json:"returned"`
	Filing      int64 `json:"filing"`
	ClosedToday int64 `json:"closedToday"`
	Todo        int64 `json:"todo"`
	Overdue     int64 `json:"overdue"`
	Near        int64 `json:"near"`
	Urged       int64 `json:"urged"`
}

func counts(ctx context.Context, idb bun.IDB, who viewer, f Filter, now time.Time) (OrderCounts, error) {
	var c OrderCounts
	var by []struct {
		State      State
		N          int64
		Late, Soon int64
	}
	at := clock.At(now)
	base := func() *bun.SelectQuery { return f.apply(idb.NewSelect().Model((*itemRow)(nil)), who, now) }
	// One walk through what is not closed gives most of the numbers.
	err := base().Where("o.state IN (?)", unclosed()).Column("o.state").ColumnExpr("COUNT(*) AS n").
		ColumnExpr("SUM(CASE WHEN o.due_at < ? THEN 1 ELSE 0 END) AS late", at).
		ColumnExpr("SUM(CASE WHEN o.due_at >= ? AND o.due_at - o.near_ms <= ? THEN 1 ELSE 0 END) AS soon", at, at).
		Group("o.state").Scan(ctx, &by)
	if err != nil {
		return c, fmt.Errorf("count orders: %w", err)
	}
	for _, b := range by {
		if b.State.Open() {
			c.Overdue += b.Late
			c.Near += b.Soon
		}
		switch b.State {
		case Dispatched:
			c.Dispatched = b.N
		case Accepted:
			c.Accepted = b.N
		case OnSite:
			c.OnSite = b.N
		case Handled:
			c.Handled = b.N
		case Returned:
			c.Returned = b.N
		case Filing:
			c.Filing = b.N
		}
	}
	for _, x := range []struct {
		n *int64
		q *bun.SelectQuery
	}{
		{&c.ClosedToday, base().Where("o.closed_ymd = ? AND o.closed_ymd > 0", clock.YMD(now))},
		{&c.Todo, todo(base(), who)},
		{&c.Urged, base().Where("o.state IN (?) AND o.urged > 0", openStates())},
	} {
		n, err := x.q.Count(ctx)
		if err != nil {
			return c, fmt.Errorf("count orders: %w", err)
		}
		*x.n = n
	}
	return c, nil
}

// some reads the orders of a list of ids that the actor may see, in the order
// of the list.
func some(ctx context.Context, idb bun.IDB, who viewer, ids []string) ([]Order, error) {
	rows := []itemRow{}
	if err := visible(idb.NewSelect().Model(&rows).Where("o.id IN (?)", bun.List(ids)), who).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	by := make(map[string]*itemRow, len(rows))
	for i := range rows {
		by[rows[i].ID] = &rows[i]
	}
	out := make([]Order, 0, len(rows))
	for _, id := range ids {
		if r := by[id]; r != nil {
			out = append(out, r.order())
			delete(by, id)
		}
	}
	return out, nil
}

// inHandOf reads the orders of a squad that officers work on.
func inHandOf(ctx context.Context, idb bun.IDB, squad string) ([]Order, error) {
	rows := []itemRow{}
	err := idb.NewSelect().Model(&rows).Where("o.squad_org_id = ? AND o.officer_id <> '' AND o.voided_at IS NULL AND o.state IN (?)", squad, bun.List([]State{Dispatched, Accepted, OnSite})).
		Limit(2000).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what officers have in hand: %w", err)
	}
	out := make([]Order, len(rows))
	for i := range rows {
		out[i] = rows[i].order()
	}
	return out, nil
}
