package deadline

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/calendar"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

type pauseRow struct {
	bun.BaseModel `bun:"table:deadline_pauses,alias:p"`

	ID      string `bun:",pk"`
	ClockID string `bun:"clock_id"`
	FromAt  clock.Stamp
	ToAt    *clock.Stamp
	Reason  string
	Note    string
	ByID    string `bun:"by_id"`
	ByName  string
}

func (p pauseRow) pause() Pause {
	x := Pause{From: p.FromAt.Time()}
	if p.ToAt != nil {
		x.To = p.ToAt.Time()
	}
	return x
}

// PauseView is a pause as people see it.
type PauseView struct {
	From   clock.Stamp  `json:"from"`
	To     *clock.Stamp `json:"to"`
	Reason string       `json:"reason"`
	Note   string       `json:"note"`
	ByName string       `json:"byName"`
}

func (p pauseRow) view() PauseView {
	return PauseView{From: p.FromAt, To: p.ToAt, Reason: p.Reason, Note: p.Note, ByName: p.ByName}
}

func insertPause(ctx context.Context, tx db.Tx, p *pauseRow) error {
	if _, err := tx.NewInsert().Model(p).Exec(ctx); err != nil {
		return fmt.Errorf("store a pause: %w", err)
	}
	return nil
}

func endPause(ctx context.Context, tx db.Tx, clockID string) error {
	_, err := tx.NewUpdate().Model((*pauseRow)(nil)).Set("to_at = ?", clock.At(tx.Now())).Where("clock_id = ? AND to_at IS NULL", clockID).Exec(ctx)
	if err != nil {
		return fmt.Errorf("end a pause: %w", err)
	}
	return nil
}

func pausesOf(ctx context.Context, idb reader, clockID string) ([]pauseRow, error) {
	var rows []pauseRow
	if err := idb.NewSelect().Model(&rows).Where("clock_id = ?", clockID).Order("from_at", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read pauses: %w", err)
	}
	return rows, nil
}

func pausesOfMany(ctx context.Context, idb reader, list []Clock) (map[string][]Pause, error) {
	out := map[string][]Pause{}
	for len(list) > 0 {
		n := min(len(list), 500)
		ids := make([]string, n)
		for i, c := range list[:n] {
			ids[i] = c.ID
		}
		var rows []pauseRow
		if err := idb.NewSelect().Model(&rows).Where("clock_id IN (?)", bun.List(ids)).Order("from_at").Scan(ctx); err != nil {
			return nil, fmt.Errorf("read pauses: %w", err)
		}
		for _, p := range rows {
			out[p.ClockID] = append(out[p.ClockID], p.pause())
		}
		list = list[n:]
	}
	return out, nil
}

// Extension is more time, asked for and decided.
type Extension struct {
	bun.BaseModel `bun:"table:deadline_extensions,alias:e" json:"-"`

	ID          string       `bun:",pk" json:"id"`
	ClockID     string       `bun:"clock_id" json:"clockId"`
	Amount      int          `json:"amount"`
	Reason      string       `json:"reason"`
	State       string       `json:"state" doc:"asked, approved or refused"`
	ByID        string       `bun:"by_id" json:"byId"`
	ByName      string       `json:"byName"`
	AskedAt     clock.Stamp  `json:"askedAt"`
	DecidedID   string       `bun:"decided_id" json:"decidedId"`
	DecidedName string       `json:"decidedName"`
	DecidedAt   *clock.Stamp `json:"decidedAt"`
	Opinion     string       `json:"opinion"`
}

func insertExtension(ctx context.Context, tx db.Tx, e Extension) error {
	if _, err := tx.NewInsert().Model(&e).Exec(ctx); err != nil {
		return fmt.Errorf("store an extension: %w", err)
	}
	return nil
}

func decideExtension(ctx context.Context, tx db.Tx, e Extension) error {
	res, err := tx.NewUpdate().Model(&e).Column("state", "decided_id", "decided_name", "decided_at", "opinion").Where("id = ? AND state = 'asked'", e.ID).Exec(ctx)
	if err != nil {
		return fmt.Errorf("decide an extension: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return errs.Conflict("这项延期申请已经有了结论")
}

func extensionsOf(ctx context.Context, idb reader, clockID string) ([]Extension, error) {
	rows := []Extension{}
	if err := idb.NewSelect().Model(&rows).Where("clock_id = ?", clockID).Order("asked_at", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read extensions: %w", err)
	}
	return rows, nil
}

type dayRow struct {
	bun.BaseModel `bun:"table:deadline_days,alias:d"`

	YMD       int `bun:"ymd,pk"`
	Kind      string
	Name      string
	UpdatedBy string
}

type yearRow struct {
	bun.BaseModel `bun:"table:deadline_years,alias:y"`

	Year      int `bun:",pk"`
	Source    string
	Verified  int
	UpdatedAt clock.Stamp
}

func calendarRev(ctx context.Context, idb reader) (int64, error) {
	var rev int64
	if err := idb.NewSelect().TableExpr("deadline_calendar").Column("rev").Where("id = 1").Scan(ctx, &rev); err != nil {
		return 0, fmt.Errorf("read the calendar: %w", err)
	}
	return rev, nil
}

func readCalendar(ctx context.Context, idb reader) (calendar.Calendar, error) {
	c := calendar.Calendar{Off: map[int]bool{}, On: map[int]bool{}, Years: map[int]bool{}}
	var days []dayRow
	var years []yearRow
	var hours string
	if err := idb.NewSelect().Model(&days).Scan(ctx); err != nil {
		return c, fmt.Errorf("read the calendar: %w", err)
	}
	if err := idb.NewSelect().Model(&years).Scan(ctx); err != nil {
		return c, fmt.Errorf("read the calendar: %w", err)
	}
	if err := idb.NewSelect().TableExpr("deadline_calendar").Column("hours").Where("id = 1").Scan(ctx, &hours); err != nil {
		return c, fmt.Errorf("read the calendar: %w", err)
	}
	if err := json.Unmarshal([]byte(hours), &c.Hours); err != nil {
		return c, fmt.Errorf("read the working hours: %w", err)
	}
	for _, d := range days {
		if d.Kind == "off" {
			c.Off[d.YMD] = true
		} else {
			c.On[d.YMD] = true
		}
	}
	for _, y := range years {
		c.Years[y.Year] = true
	}
	return c, nil
}

func bumpCalendar(ctx context.Context, tx db.Tx) error {
	_, err := tx.NewUpdate().TableExpr("deadline_calendar").Set("rev = rev + 1").Where("id = 1").Exec(ctx)
	return err
}

func putHours(ctx context.Context, tx db.Tx, hours string) error {
	_, err := tx.NewUpdate().TableExpr("deadline_calendar").Set("hours = ?", hours).Where("id = 1").Exec(ctx)
	return err
}

func putDay(ctx context.Context, tx db.Tx, h Holiday, by string) error {
	if h.Kind == "" {
		_, err := tx.NewDelete().Model((*dayRow)(nil)).Where("ymd = ?", h.YMD).Exec(ctx)
		return err
	}
	row := dayRow{YMD: h.YMD, Kind: h.Kind, Name: h.Name, UpdatedBy: by}
	_, err := tx.NewInsert().Model(&row).On("CONFLICT (ymd) DO UPDATE").Set("kind = EXCLUDED.kind").Set("name = EXCLUDED.name").Set("updated_by = EXCLUDED.updated_by").Exec(ctx)
	return err
}

func replaceYear(ctx context.Context, tx db.Tx, year int, source string, verified bool, days []Holiday, by string) error {
	if _, err := tx.NewDelete().Model((*dayRow)(nil)).Where("ymd >= ? AND ymd <= ?", year*10000, year*10000+9999).Exec(ctx); err != nil {
		return fmt.Errorf("replace the calendar of %d: %w", year, err)
	}
	for _, h := range days {
		if err := putDay(ctx, tx, h, by); err != nil {
			return fmt.Errorf("replace the calendar of %d: %w", year, err)
		}
	}
	row := yearRow{Year: year, Source: source, Verified: num(verified), UpdatedAt: clock.At(tx.Now())}
	_, err := tx.NewInsert().Model(&row).On("CONFLICT (year) DO UPDATE").Set("source = EXCLUDED.source").Set("verified = EXCLUDED.verified").Set("updated_at = EXCLUDED.updated_at").Exec(ctx)
	return err
}

func daysOf(ctx context.Context, idb reader, year int) ([]Holiday, error) {
	var rows []dayRow
	if err := idb.NewSelect().Model(&rows).Where("ymd >= ? AND ymd <= ?", year*10000, year*10000+9999).Order("ymd").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read the calendar of %d: %w", year, err)
	}
	out := make([]Holiday, 0, len(rows))
	for _, r := range rows {
		out = append(out, Holiday{YMD: r.YMD, Kind: r.Kind, Name: r.Name})
	}
	return out, nil
}

func yearOf(ctx context.Context, idb reader, year int) (yearRow, bool, error) {
	var r yearRow
	err := idb.NewSelect().Model(&r).Where("year = ?", year).Scan(ctx)
	if db.NoRows(err) {
		return r, false, nil
	}
	return r, err == nil, err
}

// Filter narrows the monitor.
type Filter struct {
	State  State
	Record string
	Rule   string
	Region string
	Q      string
}

// monitored is the query of the monitor: clocks of the kinds of record that
// the actor may see, where the actor may see them.
func (s *Service) monitored(q *bun.SelectQuery, who access.Actor, f Filter, now clock.Stamp) *bun.SelectQuery {
	q = q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		any := false
		for _, r := range s.records {
			if !who.Has(r.Perm) {
				continue
			}
			any = true
			q = q.WhereGroup(" OR ", func(q *bun.SelectQuery) *bun.SelectQuery {
				return who.ScopeFor(r.Perm).Filter(q.Where("c.record = ?", r.Kind), "c.region_code")
			})
		}
		if !any {
			q = q.Where("1 = 0")
		}
		return q
	})
	switch f.State {
	case Over:
		q = q.Where("c.state = 'running' AND c.due_at < ?", now)
	case Near:
		q = q.Where("c.state = 'running' AND c.due_at >= ? AND c.near_at <= ?", now, now)
	case Normal:
		q = q.Where("c.state = 'running' AND c.near_at > ?", now)
	case Paused:
		q = q.Where("c.state = 'paused'")
	case Ended:
		q = q.Where("c.state = 'done'")
	case Off:
		q = q.Where("c.state = 'off'")
	default:
		q = q.Where("c.state IN ('running', 'paused', 'off')")
	}
	if f.Record != "" {
		q = q.Where("c.record = ?", f.Record)
	}
	if f.Rule != "" {
		q = q.Where("c.rule_code = ?", f.Rule)
	}
	if f.Region != "" {
		q = q.Where("c.region_code LIKE ? ESCAPE '!'", db.Starts(f.Region))
	}
	if f.Q != "" {
		q = q.Where("(c.title LIKE ? ESCAPE '!' OR c.name LIKE ? ESCAPE '!')", db.Contains(f.Q), db.Contains(f.Q))
	}
	return q
}

func (s *Service) listClocks(ctx context.Context, who access.Actor, f Filter, order string, limit, offset int64) ([]Clock, int64, error) {
	var rows []clockRow
	q := s.monitored(s.db.Read().NewSelect().Model(&rows), who, f, clock.At(s.db.Now())).OrderExpr(order).Limit(limit).Offset(offset)
	n, err := q.ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list clocks: %w", err)
	}
	out, err := clocks(rows)
	return out, int64(n), err
}

func (s *Service) countClocks(ctx context.Context, who access.Actor, f Filter) (int64, error) {
	n, err := s.monitored(s.db.Read().NewSelect().Model((*clockRow)(nil)), who, f, clock.At(s.db.Now())).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count clocks: %w", err)
	}
	return int64(n), nil
}
