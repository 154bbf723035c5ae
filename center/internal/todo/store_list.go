package todo

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
)

// listed is a row of a list: the item and whose row it is.
type listed struct {
	itemRow `bun:",extend"`

	Holder string       `bun:"holder,scanonly"`
	ReadAt *clock.Stamp `bun:"read_at,scanonly"`
}

// span narrows to a part of the deadlines: from inclusive, to exclusive.
type span struct{ from, to clock.Stamp }

// spanOf gives the part of the order that a due filter means.
func spanOf(due string, now clock.Stamp) (span, bool) {
	tomorrow := clock.At(clock.DayStart(now.Time())) + day
	switch due {
	case DueOver:
		return span{0, now + 1}, true
	case DueToday:
		return span{now + 1, tomorrow}, true
	case DueSoon:
		return span{tomorrow, tomorrow + 3*day}, true
	case DueLater:
		return span{tomorrow + 3*day, farPaused}, true
	case DuePaused:
		return span{farPaused, farPaused + 1}, true
	case DueHours:
		return span{now + 1, now + 2*hour}, true
	}
	return span{}, false
}

const (
	hour clock.Stamp = 3600 * 1000
	day              = 24 * hour
)

// apply is the one place where a filter becomes SQL, for lists and counts.
func (f Filter) apply(q *bun.SelectQuery, holders []string, now clock.Stamp) *bun.SelectQuery {
	if len(holders) == 1 { // one range of the index, already in order
		q = q.Where("p.holder = ?", holders[0])
	} else {
		q = q.Where("p.holder IN (?)", bun.List(append([]string{""}, holders...)))
	}
	q = q.Where("p.is_open = ?", f.open()).Where("p.tab = ?", f.Tab)
	if sp, ok := spanOf(f.Due, now); ok {
		q = q.Where("p.sort_at >= ? AND p.sort_at < ?", sp.from, sp.to)
	}
	if f.Kind != "" {
		q = q.Where("p.kind = ?", f.Kind)
	}
	if f.Source != "" {
		q = q.Where("p.source = ?", f.Source)
	}
	if f.Priority > 0 {
		q = q.Where("p.priority >= ?", f.Priority)
	}
	if f.Region != "" {
		q = access.Scope{Prefixes: []string{f.Region}}.Filter(q, "p.region_code")
	}
	if f.Unread {
		q = q.Where("p.read_at IS NULL")
	}
	if f.Q != "" {
		q = q.Where("EXISTS (SELECT 1 FROM todo_items AS x WHERE x.id = p.item_id AND (x.title LIKE ? ESCAPE '!' OR x.summary LIKE ? ESCAPE '!'))", db.Contains(f.Q), db.Contains(f.Q))
	}
	return q
}

func (f Filter) open() int {
	if f.Tab == TabDone || f.Closed {
		return 0
	}
	return 1
}

// order is the order of a list: soonest due first, or last closed first.
func (f Filter) order() string {
	if f.open() == 1 {
		return "p.sort_at, p.item_id"
	}
	return "p.sort_at DESC, p.item_id DESC"
}

// listItems reads one page: the keys from the index, then the rows.
func listItems(ctx context.Context, idb bun.IDB, f Filter, holders []string, p httpx.Paging, now clock.Stamp) ([]listed, int64, error) {
	total, err := f.apply(idb.NewSelect().Model((*personRow)(nil)), holders, now).Count(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("count to-dos: %w", err)
	}
	rows := []listed{}
	if total == 0 {
		return rows, 0, nil
	}
	keys := f.apply(idb.NewSelect().Model((*personRow)(nil)).Column("p.item_id", "p.holder", "p.sort_at", "p.read_at"), holders, now).
		OrderExpr(f.order()).Limit(p.Limit()).Offset(p.Offset())
	err = idb.NewSelect().Model(&rows).ColumnExpr("i.*").ColumnExpr("p.holder, p.read_at").
		Join("JOIN (?) AS p ON p.item_id = i.id", keys).OrderExpr(f.order()).Scan(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list to-dos: %w", err)
	}
	return rows, total, nil
}

// firstAfter reads the first item of a list after a place in it.
func firstAfter(ctx context.Context, idb bun.IDB, f Filter, holders []string, sort clock.Stamp, id string, now clock.Stamp) (*listed, error) {
	var r listed
	q := f.apply(idb.NewSelect().Model((*personRow)(nil)).Column("p.item_id", "p.holder", "p.sort_at", "p.read_at"), holders, now).Where("p.item_id <> ?", id)
	if sort > 0 {
		q = q.Where("(p.sort_at > ? OR p.sort_at = ? AND p.item_id > ?)", sort, sort, id)
	}
	err := idb.NewSelect().Model(&r).ColumnExpr("i.*").ColumnExpr("p.holder, p.read_at").
		Join("JOIN (?) AS p ON p.item_id = i.id", q.OrderExpr(f.order()).Limit(1)).Scan(ctx)
	if db.NoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the next to-do: %w", err)
	}
	return &r, nil
}

// tabCount is one line of the counts.
type tabCount struct {
	Tab    Tab
	Total  int64
	Over   int64
	Unread int64
}

// tabCounts counts the open rows of holders by tab, from one index.
func tabCounts(ctx context.Context, idb bun.IDB, holders []string, now clock.Stamp) ([]tabCount, error) {
	var out []tabCount
	err := idb.NewSelect().Model((*personRow)(nil)).Column("p.tab").ColumnExpr("COUNT(*) AS total").
		ColumnExpr("SUM(CASE WHEN p.sort_at <= ? THEN 1 ELSE 0 END) AS over", now).
		ColumnExpr("SUM(CASE WHEN p.read_at IS NULL THEN 1 ELSE 0 END) AS unread").
		Where("p.holder IN (?) AND p.is_open = 1", bun.List(holders)).Group("p.tab").Scan(ctx, &out)
	if err != nil {
		return nil, fmt.Errorf("count to-dos: %w", err)
	}
	return out, nil
}

// SourceCount counts the open items of one source.
type SourceCount struct {
	Source string `json:"source"`
	Name   string `json:"name"`
	Total  int64  `json:"total"`
	Over   int64  `json:"overdue"`
}

// partCounts counts the rows of one tab by source and by part of the
// deadlines in one pass.
func partCounts(ctx context.Context, idb bun.IDB, tab Tab, holders []string, now clock.Stamp) (Parts, []SourceCount, error) {
	var rows []struct {
		Source                                     string
		Total, Over, Today, Soon, Later, Paused, H int64
	}
	q := idb.NewSelect().Model((*personRow)(nil)).Column("p.source").ColumnExpr("COUNT(*) AS total")
	for _, x := range []struct{ due, name string }{{DueOver, "over"}, {DueToday, "today"}, {DueSoon, "soon"}, {DueLater, "later"}, {DuePaused, "paused"}, {DueHours, "h"}} {
		sp, _ := spanOf(x.due, now)
		q = q.ColumnExpr("SUM(CASE WHEN p.sort_at >= ? AND p.sort_at < ? THEN 1 ELSE 0 END) AS ?", sp.from, sp.to, bun.Ident(x.name))
	}
	q = Filter{Tab: tab}.apply(q, holders, now)
	if err := q.Group("p.source").Order("p.source").Scan(ctx, &rows); err != nil {
		return Parts{}, nil, fmt.Errorf("count to-dos: %w", err)
	}
	var parts Parts
	by := []SourceCount{}
	for _, r := range rows {
		parts.Over += r.Over
		parts.Today += r.Today
		parts.Soon += r.Soon
		parts.Later += r.Later
		parts.Paused += r.Paused
		parts.Hours += r.H
		by = append(by, SourceCount{Source: r.Source, Total: r.Total, Over: r.Over})
	}
	return parts, by, nil
}

// doneSince counts what a person did since a moment, and how much of it late.
func doneSince(ctx context.Context, idb bun.IDB, person string, from clock.Stamp) (total, late int64, err error) {
	err = idb.NewSelect().Model((*personRow)(nil)).ColumnExpr("COUNT(*)").ColumnExpr("COALESCE(SUM(p.late), 0)").
		Where("p.holder = ? AND p.is_open = 0 AND p.tab = ? AND p.sort_at >= ?", person, TabDone, from).Scan(ctx, &total, &late)
	if err != nil {
		return 0, 0, fmt.Errorf("count what was done: %w", err)
	}
	return total, late, nil
}

// itemByID reads an item with its people, outside a transaction.
func itemByID(ctx context.Context, idb bun.IDB, id string) (*itemRow, []personRow, error) {
	var r itemRow
	err := idb.NewSelect().Model(&r).Where("i.id = ?", id).Scan(ctx)
	if db.NoRows(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read to-do %s: %w", id, err)
	}
	rows, err := peopleOf(ctx, idb, id)
	return &r, rows, err
}

type filterRow struct {
	bun.BaseModel `bun:"table:todo_filters,alias:f"`

	ID        string `bun:",pk"`
	Owner     string
	OwnerName string
	OrgID     string
	Name      string
	Query     string
	Shared    int
	IsDefault int
	CreatedAt clock.Stamp
	Rev       int64
}

func filtersFor(ctx context.Context, idb bun.IDB, owner, org string) ([]filterRow, error) {
	rows := []filterRow{}
	err := idb.NewSelect().Model(&rows).Where("f.owner = ? OR (f.shared = 1 AND f.org_id = ?)", owner, org).Order("f.created_at", "f.id").Limit(200).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read saved filters: %w", err)
	}
	return rows, nil
}

func saveFilter(ctx context.Context, tx db.Tx, r *filterRow) error {
	if r.IsDefault == 1 {
		if _, err := tx.NewUpdate().Model((*filterRow)(nil)).Set("is_default = 0").Where("owner = ? AND id <> ?", r.Owner, r.ID).Exec(ctx); err != nil {
			return fmt.Errorf("save filter: %w", err)
		}
	}
	_, err := tx.NewInsert().Model(r).On("CONFLICT (id) DO UPDATE").Set("name = EXCLUDED.name").Set("query = EXCLUDED.query").
		Set("shared = EXCLUDED.shared").Set("is_default = EXCLUDED.is_default").Set("org_id = EXCLUDED.org_id").Set("rev = f.rev + 1").
		Where("f.owner = EXCLUDED.owner").Exec(ctx)
	if err != nil {
		return fmt.Errorf("save filter: %w", err)
	}
	return nil
}

func dropFilter(ctx context.Context, tx db.Tx, owner, id string) (bool, error) {
	res, err := tx.NewDelete().Model((*filterRow)(nil)).Where("id = ? AND owner = ?", id, owner).Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("drop filter: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}
