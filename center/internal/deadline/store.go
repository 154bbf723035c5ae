package deadline

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// reader is a transaction or the reading pool.
type reader = bun.IDB

type ruleRow struct {
	bun.BaseModel `bun:"table:deadline_rules,alias:r"`

	ID              string `bun:",pk"`
	Code            string
	Version         int
	Name            string
	Unit            Unit
	Amount          int
	SameDay         int
	Office          int
	Roll            int
	Near            int
	PauseEvents     string
	ExtCount        int
	ExtAmount       int
	Levels          string
	EffectiveFromAt clock.Stamp
	EffectiveToAt   *clock.Stamp
	Source          string
	Verified        int
	Enabled         int
	MadeBy          string
	MadeAt          clock.Stamp
}

func num(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (r *ruleRow) rule() (Rule, error) {
	out := Rule{
		ID: r.ID, Code: r.Code, Version: r.Version, Name: r.Name,
		Terms: Terms{Unit: r.Unit, Amount: r.Amount, SameDay: r.SameDay == 1, Office: r.Office == 1, Roll: r.Roll == 1},
		Near:  r.Near, ExtCount: r.ExtCount, ExtAmount: r.ExtAmount, EffectiveFrom: r.EffectiveFromAt, EffectiveTo: r.EffectiveToAt,
		Source: r.Source, Verified: r.Verified == 1, Enabled: r.Enabled == 1, MadeBy: r.MadeBy, MadeAt: r.MadeAt,
	}
	if err := json.Unmarshal([]byte(r.PauseEvents), &out.PauseEvents); err != nil {
		return out, fmt.Errorf("read rule %s: %w", r.ID, err)
	}
	if err := json.Unmarshal([]byte(r.Levels), &out.Levels); err != nil {
		return out, fmt.Errorf("read rule %s: %w", r.ID, err)
	}
	return out, nil
}

func oneRule(ctx context.Context, q *bun.SelectQuery, r *ruleRow) (Rule, bool, error) {
	err := q.Scan(ctx)
	if db.NoRows(err) {
		return Rule{}, false, nil
	}
	if err != nil {
		return Rule{}, false, fmt.Errorf("read deadline rule: %w", err)
	}
	out, err := r.rule()
	return out, true, err
}

// ruleAt gives the version of a rule that is in force at a moment.
func ruleAt(ctx context.Context, idb reader, code string, at clock.Stamp) (Rule, error) {
	var r ruleRow
	out, found, err := oneRule(ctx, idb.NewSelect().Model(&r).Where("code = ? AND effective_from_at <= ?", code, at).Order("version DESC").Limit(1), &r)
	if err == nil && !found {
		err = errs.New(errs.NotFoundCode, "没有当时有效的期限规则 %s", code)
	}
	return out, err
}

func ruleByID(ctx context.Context, idb reader, id string) (Rule, error) {
	var r ruleRow
	out, found, err := oneRule(ctx, idb.NewSelect().Model(&r).Where("id = ?", id), &r)
	if err == nil && !found {
		err = errs.NotFound("期限规则")
	}
	return out, err
}

func lastRule(ctx context.Context, idb reader, code string) (Rule, bool, error) {
	var r ruleRow
	return oneRule(ctx, idb.NewSelect().Model(&r).Where("code = ?", code).Order("version DESC").Limit(1), &r)
}

// enabled tells whether a rule is on; the newest version says it.
func enabled(ctx context.Context, idb reader, code string) (bool, error) {
	r, _, err := lastRule(ctx, idb, code)
	return r.Enabled, err
}

func listRules(ctx context.Context, idb reader) ([]Rule, error) {
	var rows []ruleRow
	if err := idb.NewSelect().Model(&rows).Order("code", "version DESC").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list deadline rules: %w", err)
	}
	out := make([]Rule, 0, len(rows))
	for i := range rows {
		r, err := rows[i].rule()
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func insertRule(ctx context.Context, tx db.Tx, r Rule) error {
	row := ruleRow{
		ID: r.ID, Code: r.Code, Version: r.Version, Name: r.Name, Unit: r.Unit, Amount: r.Amount, SameDay: num(r.SameDay), Office: num(r.Office), Roll: num(r.Roll),
		Near: r.Near, PauseEvents: encode(r.PauseEvents), ExtCount: r.ExtCount, ExtAmount: r.ExtAmount, Levels: encode(r.Levels),
		EffectiveFromAt: r.EffectiveFrom, Source: r.Source, Verified: num(r.Verified), Enabled: num(r.Enabled), MadeBy: r.MadeBy, MadeAt: r.MadeAt,
	}
	_, err := tx.NewInsert().Model(&row).Exec(ctx)
	if db.Duplicate(err) {
		return errs.Conflict("这条规则刚刚被别人改过，请刷新后重试")
	}
	if err != nil {
		return fmt.Errorf("store deadline rule %s: %w", r.Code, err)
	}
	return nil
}

func closeRule(ctx context.Context, tx db.Tx, id string, at clock.Stamp) error {
	_, err := tx.NewUpdate().Model((*ruleRow)(nil)).Set("effective_to_at = ?", at).Where("id = ?", id).Exec(ctx)
	return err
}

func switchRule(ctx context.Context, tx db.Tx, code string, on bool) error {
	_, err := tx.NewUpdate().Model((*ruleRow)(nil)).Set("enabled = ?", num(on)).Where("code = ?", code).Exec(ctx)
	return err
}

type clockRow struct {
	bun.BaseModel `bun:"table:deadline_clocks,alias:c"`

	ID           string `bun:",pk"`
	Record       string
	RecordID     string `bun:"record_id"`
	Name         string
	Title        string
	Path         string
	RegionCode   string
	RuleCode     string
	RuleID       string `bun:"rule_id"`
	Vars         string
	StartedAt    clock.Stamp
	Extra        int
	State        string
	Round        int
	DueAt        *clock.Stamp
	NearAt       *clock.Stamp
	OverAt       *clock.Stamp
	Level        string
	Note         string
	EndedAt      *clock.Stamp
	Outcome      string
	Rev          int64
	LimitMinutes int64
	NearMinutes  int64
}

func (r *clockRow) clock() (Clock, error) {
	c := Clock{
		ID: r.ID, Record: r.Record, RecordID: r.RecordID, Name: r.Name, Title: r.Title, Path: r.Path, RegionCode: r.RegionCode, RuleCode: r.RuleCode,
		RuleID: r.RuleID, StartedAt: r.StartedAt, Extra: r.Extra, State: r.State, Round: r.Round, DueAt: r.DueAt, NearAt: r.NearAt, OverAt: r.OverAt,
		Level: r.Level, Note: r.Note, EndedAt: r.EndedAt, Outcome: r.Outcome, Rev: r.Rev, limit: r.LimitMinutes, near: r.NearMinutes,
	}
	if err := json.Unmarshal([]byte(r.Vars), &c.vars); err != nil {
		return c, fmt.Errorf("read clock %s: %w", r.ID, err)
	}
	return c, nil
}

func clockRowOf(c Clock) clockRow {
	return clockRow{
		ID: c.ID, Record: c.Record, RecordID: c.RecordID, Name: c.Name, Title: c.Title, Path: c.Path, RegionCode: c.RegionCode, RuleCode: c.RuleCode,
		RuleID: c.RuleID, Vars: encode(c.vars), StartedAt: c.StartedAt, Extra: c.Extra, State: c.State, Round: c.Round, DueAt: c.DueAt, NearAt: c.NearAt,
		OverAt: c.OverAt, Level: c.Level, Note: c.Note, EndedAt: c.EndedAt, Outcome: c.Outcome, Rev: c.Rev, LimitMinutes: c.limit, NearMinutes: c.near,
	}
}

func clocks(rows []clockRow) ([]Clock, error) {
	out := make([]Clock, 0, len(rows))
	for i := range rows {
		c, err := rows[i].clock()
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func insertClock(ctx context.Context, tx db.Tx, c Clock) error {
	row := clockRowOf(c)
	if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
		return fmt.Errorf("store clock of %s %s: %w", c.Record, c.RecordID, err)
	}
	return nil
}

// updateClock saves a clock when nobody else changed it since it was read.
func updateClock(ctx context.Context, tx db.Tx, c *Clock) error {
	row := clockRowOf(*c)
	row.Rev++
	res, err := tx.NewUpdate().Model(&row).ExcludeColumn("id", "record", "record_id", "name", "started_at").Where("id = ? AND rev = ?", c.ID, c.Rev).Exec(ctx)
	if err != nil {
		return fmt.Errorf("save clock %s: %w", c.ID, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		if err != nil {
			return fmt.Errorf("save clock %s: %w", c.ID, err)
		}
		return errs.Conflict("这个期限刚刚被别人改过，请刷新后重试")
	}
	c.Rev = row.Rev
	return nil
}

func clockByID(ctx context.Context, tx db.Tx, id string) (Clock, bool, error) {
	var r clockRow
	return oneClock(ctx, db.ForUpdate(tx, tx.NewSelect().Model(&r).Where("id = ?", id)), &r)
}

func clockOf(ctx context.Context, tx db.Tx, record, id, name string) (Clock, bool, error) {
	var r clockRow
	return oneClock(ctx, db.ForUpdate(tx, tx.NewSelect().Model(&r).Where("record = ? AND record_id = ? AND name = ?", record, id, name)), &r)
}

func oneClock(ctx context.Context, q *bun.SelectQuery, r *clockRow) (Clock, bool, error) {
	err := q.Scan(ctx)
	if db.NoRows(err) {
		return Clock{}, false, nil
	}
	if err != nil {
		return Clock{}, false, fmt.Errorf("read clock: %w", err)
	}
	c, err := r.clock()
	return c, true, err
}

func clocksOf(ctx context.Context, idb reader, record, id string) ([]Clock, error) {
	var rows []clockRow
	if err := idb.NewSelect().Model(&rows).Where("record = ? AND record_id = ?", record, id).Order("started_at", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read clocks of %s %s: %w", record, id, err)
	}
	return clocks(rows)
}

func openQuery(q *bun.SelectQuery, rule string) *bun.SelectQuery {
	q = q.Where("state IN ('running', 'paused', 'off')")
	if rule != "" {
		q = q.Where("rule_code = ?", rule)
	}
	return q
}

func countOpen(ctx context.Context, idb reader, rule string) (int64, error) {
	n, err := openQuery(idb.NewSelect().Model((*clockRow)(nil)), rule).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count open clocks: %w", err)
	}
	return int64(n), nil
}

// openClocks gives open clocks after an id, in the order of their ids.
func openClocks(ctx context.Context, idb reader, rule, after string, limit int64) ([]Clock, error) {
	var rows []clockRow
	q := openQuery(idb.NewSelect().Model(&rows), rule).Where("id > ?", after).Order("id").Limit(limit)
	if tx, ok := idb.(db.Tx); ok {
		q = db.ForUpdate(tx, q)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read open clocks: %w", err)
	}
	return clocks(rows)
}

type firedRow struct {
	bun.BaseModel `bun:"table:deadline_fired,alias:f"`

	ClockID   string `bun:"clock_id,pk"`
	Round     int    `bun:",pk"`
	Key       string `bun:",pk"`
	DueAt     clock.Stamp
	FiredAt   clock.Stamp
	Skipped   int
	ClearedAt *clock.Stamp
}

func firedOf(ctx context.Context, tx db.Tx, id string, round int) (map[string]bool, error) {
	var keys []string
	if err := tx.NewSelect().Model((*firedRow)(nil)).Column("key").Where("clock_id = ? AND round = ?", id, round).Scan(ctx, &keys); err != nil {
		return nil, fmt.Errorf("read what clock %s fired: %w", id, err)
	}
	out := map[string]bool{}
	for _, k := range keys {
		out[k] = true
	}
	return out, nil
}

func insertFired(ctx context.Context, tx db.Tx, c Clock, m moment, held bool) error {
	r := firedRow{ClockID: c.ID, Round: c.Round, Key: m.key, DueAt: clock.At(m.at), FiredAt: clock.At(tx.Now()), Skipped: num(!held)}
	if _, err := tx.NewInsert().Model(&r).Exec(ctx); err != nil {
		return fmt.Errorf("note that clock %s fired: %w", c.ID, err)
	}
	return nil
}

func clearFired(ctx context.Context, tx db.Tx, id string) error {
	_, err := tx.NewUpdate().Model((*firedRow)(nil)).Set("cleared_at = ?", clock.At(tx.Now())).Where("clock_id = ? AND cleared_at IS NULL", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("clear what clock %s fired: %w", id, err)
	}
	return nil
}
