package security

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

type callRow struct {
	bun.BaseModel `bun:"table:security_calls,alias:c"`

	ID         string `bun:",pk"`
	At         clock.Stamp
	YMD        int `bun:"ymd"`
	Op         string
	Method     string
	Path       string
	App        string
	PersonID   string
	PersonName string
	OrgID      string
	RegionCode string
	IP         string `bun:"ip"`
	Status     int
	MS         int64 `bun:"ms"`
	Bytes      int
	RequestID  string
}

type hourRow struct {
	bun.BaseModel `bun:"table:security_usage_hours,alias:u"`

	HourAt     clock.Stamp `bun:",pk"`
	RegionCode string      `bun:",pk"`
	OrgID      string      `bun:",pk"`
	Op         string      `bun:",pk"`
	App        string      `bun:",pk"`
	YMD        int         `bun:"ymd"`
	Calls      int64
	OK         int64 `bun:"ok"`
	Failed     int64
	TotalMS    int64 `bun:"total_ms"`
	B0         int64 `bun:"b0"`
	B1         int64 `bun:"b1"`
	B2         int64 `bun:"b2"`
	B3         int64 `bun:"b3"`
	B4         int64 `bun:"b4"`
	B5         int64 `bun:"b5"`
	B6         int64 `bun:"b6"`
	B7         int64 `bun:"b7"`
	B8         int64 `bun:"b8"`
	B9         int64 `bun:"b9"`
}

type activeRow struct {
	bun.BaseModel `bun:"table:security_active_people,alias:v"`

	YMD        int    `bun:"ymd,pk"`
	PersonID   string `bun:",pk"`
	PersonName string
	OrgID      string
	RegionCode string
	Calls      int64
	FirstAt    clock.Stamp
	LastAt     clock.Stamp
}

type sumRow struct {
	Key     string `bun:"key"`
	Calls   int64
	OK      int64 `bun:"ok"`
	Failed  int64
	TotalMS int64 `bun:"total_ms"`
	B0      int64 `bun:"b0"`
	B1      int64 `bun:"b1"`
	B2      int64 `bun:"b2"`
	B3      int64 `bun:"b3"`
	B4      int64 `bun:"b4"`
	B5      int64 `bun:"b5"`
	B6      int64 `bun:"b6"`
	B7      int64 `bun:"b7"`
	B8      int64 `bun:"b8"`
	B9      int64 `bun:"b9"`
}

type reader = bun.IDB

func insert(ctx context.Context, tx db.Tx, what string, model any) error {
	if _, err := tx.NewInsert().Model(model).Exec(ctx); err != nil {
		return fmt.Errorf("insert %s: %w", what, err)
	}
	return nil
}

var addUp = []string{"calls", "ok", "failed", "total_ms", "b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "b9"}

func addHours(ctx context.Context, tx db.Tx, m map[hourKey]*hourRow) error {
	if len(m) == 0 {
		return nil
	}
	rows := make([]hourRow, 0, len(m))
	for _, h := range m {
		rows = append(rows, *h)
	}
	q := tx.NewInsert().Model(&rows).On("CONFLICT (hour_at, region_code, org_id, op, app) DO UPDATE")
	for _, c := range addUp {
		q = q.Set("? = u.? + EXCLUDED.?", bun.Ident(c), bun.Ident(c), bun.Ident(c))
	}
	if _, err := q.Exec(ctx); err != nil {
		return fmt.Errorf("add up calls: %w", err)
	}
	return nil
}

func addPeople(ctx context.Context, tx db.Tx, m map[personDay]*activeRow) error {
	if len(m) == 0 {
		return nil
	}
	rows := make([]activeRow, 0, len(m))
	for _, p := range m {
		rows = append(rows, *p)
	}
	_, err := tx.NewInsert().Model(&rows).On("CONFLICT (ymd, person_id) DO UPDATE").
		Set("calls = v.calls + EXCLUDED.calls").
		// Sign-ins and calls arrive in any order.
		Set("first_at = CASE WHEN EXCLUDED.first_at < v.first_at THEN EXCLUDED.first_at ELSE v.first_at END").
		Set("last_at = CASE WHEN EXCLUDED.last_at > v.last_at THEN EXCLUDED.last_at ELSE v.last_at END").Exec(ctx)
	if err != nil {
		return fmt.Errorf("note active people: %w", err)
	}
	return nil
}

// hours narrows a query of the figures.
func (f UsageFilter) hours(q *bun.SelectQuery) *bun.SelectQuery {
	q = f.scope.Filter(q, "u.region_code")
	if f.From != 0 {
		q = q.Where("u.ymd >= ?", f.From)
	}
	if f.To != 0 {
		q = q.Where("u.ymd <= ?", f.To)
	}
	if f.Region != "" {
		q = q.Where("u.region_code LIKE ? ESCAPE '!'", db.Starts(f.Region))
	}
	if f.Op != "" {
		q = q.Where("u.op = ?", f.Op)
	}
	if f.App != "" {
		q = q.Where("u.app = ?", f.App)
	}
	return q
}

func sums(q *bun.SelectQuery) *bun.SelectQuery {
	for _, c := range addUp {
		q = q.ColumnExpr("COALESCE(SUM(u.?), 0) AS ?", bun.Ident(c), bun.Ident(c))
	}
	return q
}

// keyOf is the SQL of a grouping; it comes from here and never from input.
func keyOf(by UsageBy, alias string) string {
	switch by {
	case ByMonth:
		return "CAST(" + alias + ".ymd / 100 AS TEXT)"
	case ByOp:
		return alias + ".op"
	case ByDistrict:
		return "substr(" + alias + ".region_code, 1, 6)"
	case ByApp:
		return alias + ".app"
	}
	return "CAST(" + alias + ".ymd AS TEXT)"
}

func sumBy(ctx context.Context, r reader, f UsageFilter, by UsageBy) ([]sumRow, error) {
	rows := []sumRow{}
	key := keyOf(by, "u")
	q := sums(r.NewSelect().TableExpr("security_usage_hours AS u").ColumnExpr(key + " AS key"))
	order := "key"
	if by == ByOp || by == ByDistrict || by == ByApp {
		order = "calls DESC, key"
	}
	if err := f.hours(q).GroupExpr(key).OrderExpr(order).Limit(400).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("sum usage: %w", err)
	}
	return rows, nil
}

func sumAll(ctx context.Context, r reader, f UsageFilter) (sumRow, error) {
	var row sumRow
	if err := f.hours(sums(r.NewSelect().TableExpr("security_usage_hours AS u"))).Scan(ctx, &row); err != nil {
		return row, fmt.Errorf("sum usage: %w", err)
	}
	return row, nil
}

// people narrows a query of active people; they are not known by function.
func (f UsageFilter) people(q *bun.SelectQuery) *bun.SelectQuery {
	q = f.scope.Filter(q, "v.region_code")
	if f.From != 0 {
		q = q.Where("v.ymd >= ?", f.From)
	}
	if f.To != 0 {
		q = q.Where("v.ymd <= ?", f.To)
	}
	if f.Region != "" {
		q = q.Where("v.region_code LIKE ? ESCAPE '!'", db.Starts(f.Region))
	}
	if f.Q != "" {
		q = q.Where("v.person_name LIKE ? ESCAPE '!'", db.Contains(f.Q))
	}
	return q
}

func peopleBy(ctx context.Context, r reader, f UsageFilter, by UsageBy) (map[string]int64, error) {
	var rows []struct {
		Key string `bun:"key"`
		N   int64
	}
	key := keyOf(by, "v")
	q := f.people(r.NewSelect().TableExpr("security_active_people AS v").ColumnExpr(key + " AS key").ColumnExpr("COUNT(DISTINCT v.person_id) AS n"))
	if err := q.GroupExpr(key).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("count active people: %w", err)
	}
	m := map[string]int64{}
	for _, x := range rows {
		m[x.Key] = x.N
	}
	return m, nil
}

func peopleAll(ctx context.Context, r reader, f UsageFilter) (int64, error) {
	var n int64
	if err := f.people(r.NewSelect().TableExpr("security_active_people AS v").ColumnExpr("COUNT(DISTINCT v.person_id)")).Scan(ctx, &n); err != nil {
		return 0, fmt.Errorf("count active people: %w", err)
	}
	return n, nil
}

func listPeople(ctx context.Context, r reader, f UsageFilter) ([]ActivePerson, int64, error) {
	rows := []ActivePerson{}
	n, err := peopleAll(ctx, r, f)
	if err != nil {
		return nil, 0, err
	}
	q := f.people(r.NewSelect().TableExpr("security_active_people AS v").ColumnExpr("v.person_id, MAX(v.person_name) AS person_name, MAX(v.region_code) AS region_code").
		ColumnExpr("SUM(v.calls) AS calls, COUNT(*) AS days, MAX(v.last_at) AS last_at"))
	if err := q.GroupExpr("v.person_id").OrderExpr(f.Order).Limit(max(f.Limit, 1)).Offset(f.Offset).Scan(ctx, &rows); err != nil {
		return nil, 0, fmt.Errorf("list active people: %w", err)
	}
	return rows, n, nil
}

func listCalls(ctx context.Context, r reader, f UsageFilter) ([]callRow, int64, error) {
	rows := []callRow{}
	q := f.scope.Filter(r.NewSelect().Model(&rows), "c.region_code")
	if f.From != 0 {
		q = q.Where("c.at >= ?", dayStart(f.From))
	}
	if f.To != 0 {
		q = q.Where("c.at < ?", dayEnd(f.To))
	}
	for _, x := range []struct{ col, v string }{{"c.op", f.Op}, {"c.app", f.App}, {"c.person_id", f.PersonID}} {
		if x.v != "" {
			q = q.Where("? = ?", bun.Safe(x.col), x.v)
		}
	}
	if f.Region != "" {
		q = q.Where("c.region_code LIKE ? ESCAPE '!'", db.Starts(f.Region))
	}
	switch f.Outcome {
	case "ok":
		q = q.Where("c.status < 400")
	case "refused":
		q = q.Where("c.status >= 400 AND c.status < 500")
	case "failed":
		q = q.Where("c.status >= 500")
	}
	if f.Q != "" {
		q = q.Where("(c.path LIKE ? ESCAPE '!' OR c.person_name LIKE ? ESCAPE '!' OR c.ip = ? OR c.request_id = ?)", db.Contains(f.Q), db.Contains(f.Q), f.Q, f.Q)
	}
	n, err := q.OrderExpr(f.Order).OrderExpr("c.id DESC").Limit(max(f.Limit, 1)).Offset(f.Offset).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list calls: %w", err)
	}
	return rows, int64(n), nil
}

func oldestCall(ctx context.Context, r reader) (*clock.Stamp, error) {
	var at *clock.Stamp
	if err := r.NewSelect().TableExpr("security_calls").ColumnExpr("MIN(at)").Scan(ctx, &at); err != nil {
		return nil, fmt.Errorf("find oldest call: %w", err)
	}
	return at, nil
}

// purge deletes in small steps, so that writers are never kept waiting.
func purge(ctx context.Context, d *db.DB, calls, hits clock.Stamp) error {
	for {
		var n int64
		err := d.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
			res, err := tx.NewDelete().TableExpr("security_calls").Where("id IN (SELECT id FROM security_calls WHERE at < ? LIMIT 5000)", calls).Exec(ctx)
			if err != nil {
				return fmt.Errorf("forget calls: %w", err)
			}
			n, err = res.RowsAffected()
			return err
		})
		if err != nil || n < 5000 {
			break
		}
	}
	return d.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if _, err := tx.NewDelete().TableExpr("security_hits").Where("at < ? AND alert_id = ''", hits).Exec(ctx); err != nil {
			return fmt.Errorf("forget hits: %w", err)
		}
		if _, err := tx.NewDelete().TableExpr("security_blocks").Where("until_at < ?", hits).Exec(ctx); err != nil {
			return fmt.Errorf("forget blocks: %w", err)
		}
		return nil
	})
}
