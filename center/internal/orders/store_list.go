package orders

import (
	"context"
	"encoding/json"
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
	// Due is overdue, near or ok.
	Due      string
	From, To *clock.Stamp // creation, To is exclusive
	Q        string
}

// endOfDay is the first moment of the next Shanghai day.
func endOfDay(now time.Time) clock.Stamp { return clock.At(clock.DayStart(now).Add(24 * time.Hour)) }

func unclosed() bun.ListValues {
	return bun.List([]State{Dispatched, Accepted, OnSite, Handled, Returned})
}

func openStates() bun.ListValues {
	return bun.List([]State{Dispatched, Accepted, OnSite, Returned})
}

// The three parts of the open orders, each the SQL form of Order.Due.
func overdue(q *bun.SelectQuery, now time.Time) *bun.SelectQuery {
	return q.Where("o.state IN (?) AND o.due_at < ?", openStates(), clock.At(now))
}

func near(q *bun.SelectQuery, now time.Time) *bun.SelectQuery {
	return q.Where("o.state IN (?) AND o.due_at >= ? AND (o.due_at - o.near_ms <= ? OR (o.near_today = 1 AND o.due_at < ?))",
		openStates(), clock.At(now), clock.At(now), endOfDay(now))
}

func inTime(q *bun.SelectQuery, now time.Time) *bun.SelectQuery {
	return q.Where("o.state IN (?) AND o.due_at - o.near_ms > ? AND NOT (o.near_today = 1 AND o.due_at < ?)",
		openStates(), clock.At(now), endOfDay(now))
}

// apply is the one place where a filter and an actor become SQL.
func (f Filter) apply(q *bun.SelectQuery, who access.Actor, now time.Time) *bun.SelectQuery {
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
		"o.camera_id": f.Camera, "o.shop_id": f.Shop,
	} {
		if v != "" {
			q = q.Where("? = ?", bun.Safe(column), v)
		}
	}
	if f.Region != "" {
		q = access.Scope{Prefixes: []string{f.Region}}.Filter(q, "o.region_code")
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
// squad's, and for everyone above the squad all of the scope.
func mine(q *bun.SelectQuery, who access.Actor) *bun.SelectQuery {
	switch {
	case who.Has("order.dispatch"):
		return q
	case who.Has("order.assign"):
		return q.Where("o.squad_org_id = ?", who.OrgID)
	case who.Has("order.handle"):
		return q.Where("o.officer_id = ?", who.ID)
	}
	return q
}

// todo cuts to orders whose next act is the actor's.
func todo(q *bun.SelectQuery, who access.Actor) *bun.SelectQuery {
	// What is closed is nobody's task; saying so lets the index skip it.
	return q.Where("o.state IN (?)", unclosed()).WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		q = q.Where("1 = 0")
		if who.Has("order.handle") {
			q = q.WhereOr("(o.officer_id = ? AND o.state IN (?))", who.ID, bun.List([]State{Dispatched, Accepted, OnSite}))
		}
		if who.Has("order.assign") {
			q = q.WhereOr("(o.squad_org_id = ? AND o.state = ? AND o.officer_id = '')", who.OrgID, Dispatched)
		}
		if who.Has("order.dispatch") {
			q = q.WhereGroup(" OR ", func(q *bun.SelectQuery) *bun.SelectQuery {
				q = q.Where("(o.state = ? OR (o.state = ? AND o.squad_org_id = ''))", Returned, Dispatched)
				return who.ScopeFor("order.dispatch").Filter(q, "o.region_code")
			})
		}
		if who.Has("order.review") {
			q = q.WhereOr("(o.state = ? AND o.officer_id <> ?)", Handled, who.ID)
		}
		return q
	})
}

// sortable maps what the API calls a field to its column.
func sortable() map[string]string {
	return map[string]string{
		"createdAt": "o.created_at", "dueAt": "o.due_at", "no": "o.no", "state": "o.state", "kind": "o.kind",
		"shopName": "o.shop_name", "squadName": "o.squad_name", "officerName": "o.officer_name",
	}
}

// list reads one page: first the ids from the index, then the rows.
func list(ctx context.Context, idb bun.IDB, who access.Actor, f Filter, p httpx.Paging, now time.Time) ([]Order, int64, error) {
	order, err := p.Order(sortable(), "o.created_at DESC")
	if err != nil {
		return nil, 0, err
	}
	total, err := f.apply(idb.NewSelect().Model((*itemRow)(nil)), who, now).Count(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("count orders: %w", err)
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
	ClosedToday int64 `json:"closedToday"`
	Todo        int64 `json:"todo"`
	Overdue     int64 `json:"overdue"`
	Near        int64 `json:"near"`
}

func counts(ctx context.Context, idb bun.IDB, who access.Actor, f Filter, now time.Time) (OrderCounts, error) {
	var c OrderCounts
	var by []struct {
		State State
		N     int64
	}
	base := func() *bun.SelectQuery { return f.apply(idb.NewSelect().Model((*itemRow)(nil)), who, now) }
	if err := base().Where("o.state IN (?)", unclosed()).Column("o.state").ColumnExpr("COUNT(*) AS n").Group("o.state").Scan(ctx, &by); err != nil {
		return c, fmt.Errorf("count orders: %w", err)
	}
	for _, b := range by {
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
		}
	}
	for _, x := range []struct {
		n *int64
		q *bun.SelectQuery
	}{
		{&c.ClosedToday, base().Where("o.closed_ymd = ? AND o.closed_ymd > 0", clock.YMD(now))},
		{&c.Todo, todo(base(), who)},
		{&c.Overdue, overdue(base(), now)},
		{&c.Near, near(base(), now)},
	} {
		n, err := x.q.Count(ctx)
		if err != nil {
			return c, fmt.Errorf("count orders: %w", err)
		}
		*x.n = n
	}
	return c, nil
}

// overdueOpen reads orders whose deadline has passed, for the escalation job.
func overdueOpen(ctx context.Context, tx db.Tx, after string, limit int64) ([]Order, error) {
	rows := []itemRow{}
	q := tx.NewSelect().Model(&rows).Where("o.voided_at IS NULL AND o.id > ?", after)
	if err := overdue(q, tx.Now()).Order("o.id").Limit(limit).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read overdue orders: %w", err)
	}
	out := make([]Order, len(rows))
	for i := range rows {
		out[i] = rows[i].order()
	}
	return out, nil
}

type ruleRow struct {
	bun.BaseModel `bun:"table:order_rules,alias:r"`

	ID              string `bun:",pk"`
	Kind            string
	Name            string
	Version         int
	LimitMinutes    int64
	MergeHours      int64
	NearPercent     int64
	NearToday       int
	WarnDistanceM   float64 `bun:"warn_distance_m"`
	EscalateMinutes string  // JSON
	EffectiveFromAt clock.Stamp
	EffectiveToAt   *clock.Stamp
	Source          string
	Verified        int
}

func (r *ruleRow) rule() (Rule, error) {
	out := Rule{
		ID: r.ID, Kind: r.Kind, Name: r.Name, Version: r.Version, LimitMinutes: r.LimitMinutes, MergeHours: r.MergeHours,
		NearPercent: r.NearPercent, NearToday: r.NearToday == 1, WarnDistanceM: r.WarnDistanceM,
		Source: r.Source, Verified: r.Verified == 1,
	}
	if err := json.Unmarshal([]byte(r.EscalateMinutes), &out.EscalateMinutes); err != nil {
		return Rule{}, fmt.Errorf("rule %s: escalate_minutes: %w", r.ID, err)
	}
	return out, nil
}

// ruleFor gives the newest rule in force for a kind; one of its own goes
// before the common one.
func ruleFor(ctx context.Context, idb bun.IDB, kind string, now time.Time) (Rule, error) {
	var r ruleRow
	at := clock.At(now)
	err := idb.NewSelect().Model(&r).Where("r.kind IN (?)", bun.List([]string{kind, "*"})).
		Where("r.effective_from_at <= ? AND (r.effective_to_at IS NULL OR r.effective_to_at > ?)", at, at).
		OrderExpr("CASE WHEN r.kind = '*' THEN 1 ELSE 0 END, r.version DESC").Limit(1).Scan(ctx)
	if err != nil {
		return Rule{}, fmt.Errorf("find the rule for %s orders: %w", kind, err)
	}
	return r.rule()
}

// ruleByID gives the version that an order started with.
func ruleByID(ctx context.Context, idb bun.IDB, id string) (Rule, error) {
	var r ruleRow
	if err := idb.NewSelect().Model(&r).Where("r.id = ?", id).Scan(ctx); err != nil {
		return Rule{}, fmt.Errorf("load rule %s: %w", id, err)
	}
	return r.rule()
}
