package security

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

type ruleRow struct {
	bun.BaseModel `bun:"table:security_rules,alias:r"`

	Code      string `bun:",pk"`
	Version   int    `bun:",pk"`
	Title     string
	Params    string
	Severity  string
	State     string
	Source    string
	Verified  int
	Reason    string
	ByName    string
	CreatedAt clock.Stamp
}

type hitRow struct {
	bun.BaseModel `bun:"table:security_hits,alias:h"`

	Rule     string `bun:",pk"`
	SourceID string `bun:",pk"`
	Subject  string
	At       clock.Stamp
	Weight   int
	What     string
	Link     string
	AlertID  string
}

type alertRow struct {
	bun.BaseModel `bun:"table:security_alerts,alias:a"`

	ID           string `bun:",pk"`
	Rule         string
	RuleVersion  int
	Severity     string
	Title        string
	Subject      string
	PersonID     string
	IP           string `bun:"ip"`
	RegionCode   string
	State        string
	Hits         int
	YMD          int `bun:"ymd"`
	FirstAt      clock.Stamp
	LastAt       clock.Stamp
	AssigneeID   string
	AssigneeName string
	Outcome      string
	Reason       string
	ClosedAt     *clock.Stamp
	Rev          int
}

type actRow struct {
	bun.BaseModel `bun:"table:security_acts,alias:x"`

	ID      string `bun:",pk"`
	AlertID string
	Act     string
	ByID    string `bun:"by_id"`
	ByName  string
	Note    string
	At      clock.Stamp
}

type blockRow struct {
	bun.BaseModel `bun:"table:security_blocks,alias:b"`

	IP        string `bun:"ip,pk"`
	Reason    string
	AlertID   string
	ByName    string
	CreatedAt clock.Stamp
	UntilAt   clock.Stamp
}

func dayStart(ymd int) clock.Stamp {
	return clock.At(time.Date(ymd/10000, time.Month(ymd/100%100), ymd%100, 0, 0, 0, 0, clock.Shanghai()))
}

func dayEnd(ymd int) clock.Stamp { return clock.At(dayStart(ymd).Time().AddDate(0, 0, 1)) }

func addRuleOnce(ctx context.Context, tx db.Tx, r *ruleRow) error {
	if _, err := tx.NewInsert().Model(r).On("CONFLICT (code, version) DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("seed rule %s: %w", r.Code, err)
	}
	return nil
}

// rules lists the rule versions that hold, or every version of one code.
func rules(ctx context.Context, q reader, code string) ([]ruleRow, error) {
	rows := []ruleRow{}
	s := q.NewSelect().Model(&rows)
	if code != "" {
		s = s.Where("r.code = ?", code).Order("r.version DESC")
	} else {
		s = s.Where("r.version = (SELECT MAX(x.version) FROM security_rules x WHERE x.code = r.code)").Order("r.code")
	}
	if err := s.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	return rows, nil
}

func ruleNow(ctx context.Context, q reader, code string) (ruleRow, error) {
	var r ruleRow
	err := q.NewSelect().Model(&r).Where("r.code = ?", code).Order("r.version DESC").Limit(1).Scan(ctx)
	return r, err
}

// addHit notes a hit; false when it was noted before.
func addHit(ctx context.Context, tx db.Tx, h *hitRow) (bool, error) {
	res, err := tx.NewInsert().Model(h).On("CONFLICT (rule, source_id) DO NOTHING").Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("note hit: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

func openAlert(ctx context.Context, tx db.Tx, rule, subject string) (alertRow, error) {
	var a alertRow
	err := db.ForUpdate(tx, tx.NewSelect().Model(&a).Where("a.rule = ? AND a.subject = ? AND a.state <> 'closed'", rule, subject)).Scan(ctx)
	return a, err
}

func countHits(ctx context.Context, q reader, rule, subject string, since clock.Stamp) (int, error) {
	var n int
	err := q.NewSelect().TableExpr("security_hits AS h").ColumnExpr("COALESCE(SUM(h.weight), 0)").
		Where("h.rule = ? AND h.subject = ? AND h.at >= ? AND h.alert_id = ''", rule, subject, since).Scan(ctx, &n)
	if err != nil {
		return 0, fmt.Errorf("count hits: %w", err)
	}
	return n, nil
}

func claimHits(ctx context.Context, tx db.Tx, rule, subject string, since clock.Stamp, alert string) error {
	_, err := tx.NewUpdate().Model((*hitRow)(nil)).Set("alert_id = ?", alert).
		Where("rule = ? AND subject = ? AND at >= ? AND alert_id = ''", rule, subject, since).Exec(ctx)
	if err != nil {
		return fmt.Errorf("join hits to the alert: %w", err)
	}
	return nil
}

func firstHit(ctx context.Context, q reader, alert string) (clock.Stamp, error) {
	var at clock.Stamp
	err := q.NewSelect().TableExpr("security_hits").ColumnExpr("MIN(at)").Where("alert_id = ?", alert).Scan(ctx, &at)
	if err != nil {
		return 0, fmt.Errorf("find first hit: %w", err)
	}
	return at, nil
}

func setFirst(ctx context.Context, tx db.Tx, alert string, at clock.Stamp) error {
	if _, err := tx.NewUpdate().Model((*alertRow)(nil)).Set("first_at = ?", at).Where("id = ?", alert).Exec(ctx); err != nil {
		return fmt.Errorf("set first hit: %w", err)
	}
	return nil
}

// growAlert adds a hit to an open alert; its revision stays, since nobody
// changed it.
func growAlert(ctx context.Context, tx db.Tx, alert string, h hitRow) error {
	if _, err := tx.NewUpdate().Model((*hitRow)(nil)).Set("alert_id = ?", alert).Where("rule = ? AND source_id = ?", h.Rule, h.SourceID).Exec(ctx); err != nil {
		return fmt.Errorf("join hit to the alert: %w", err)
	}
	_, err := tx.NewUpdate().Model((*alertRow)(nil)).Set("hits = hits + ?", h.Weight).
		Set("last_at = CASE WHEN last_at < ? THEN ? ELSE last_at END", h.At, h.At).Where("id = ?", alert).Exec(ctx)
	if err != nil {
		return fmt.Errorf("add to the alert: %w", err)
	}
	return nil
}

func alertByID(ctx context.Context, q reader, id string) (alertRow, error) {
	var a alertRow
	err := q.NewSelect().Model(&a).Where("a.id = ?", id).Scan(ctx)
	return a, err
}

// saveAlert writes what handling changes; hits may grow meanwhile.
func saveAlert(ctx context.Context, tx db.Tx, a *alertRow) (bool, error) {
	res, err := tx.NewUpdate().Model((*alertRow)(nil)).
		Set("state = ?", a.State).Set("assignee_id = ?", a.AssigneeID).Set("assignee_name = ?", a.AssigneeName).
		Set("outcome = ?", a.Outcome).Set("reason = ?", a.Reason).Set("closed_at = ?", a.ClosedAt).Set("rev = rev + 1").
		Where("id = ? AND rev = ?", a.ID, a.Rev).Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("save alert: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

func listAlerts(ctx context.Context, q reader, scope access.Scope, f AlertFilter) ([]alertRow, int64, error) {
	rows := []alertRow{}
	s := scope.Filter(q.NewSelect().Model(&rows), "a.region_code")
	switch f.State {
	case "":
	case "todo":
		s = s.Where("a.state <> 'closed'")
	default:
		s = s.Where("a.state = ?", f.State)
	}
	if f.Severity != "" {
		s = s.Where("a.severity = ?", f.Severity)
	}
	if f.Rule != "" {
		s = s.Where("a.rule = ?", f.Rule)
	}
	if f.From != nil {
		s = s.Where("a.ymd >= ?", clock.YMD(f.From.Time()))
	}
	if f.To != nil {
		s = s.Where("a.ymd <= ?", clock.YMD(f.To.Time().Add(-time.Millisecond)))
	}
	if f.Q != "" {
		s = s.Where("(a.title LIKE ? ESCAPE '!' OR a.ip = ?)", db.Contains(f.Q), f.Q)
	}
	n, err := s.OrderExpr(f.Order).OrderExpr("a.id DESC").Limit(max(f.Limit, 1)).Offset(f.Offset).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list alerts: %w", err)
	}
	return rows, int64(n), nil
}

type countRow struct {
	Key string `bun:"key"`
	N   int64
}

// countAlerts counts alerts by a column of ours.
func countAlerts(ctx context.Context, q reader, scope access.Scope, column string, from, to int, open bool) ([]countRow, error) {
	rows := []countRow{}
	s := scope.Filter(q.NewSelect().TableExpr("security_alerts AS a").ColumnExpr("CAST(a.? AS TEXT) AS key, COUNT(*) AS n", bun.Ident(column)), "a.region_code")
	if from != 0 {
		s = s.Where("a.ymd >= ?", from)
	}
	if to != 0 {
		s = s.Where("a.ymd <= ?", to)
	}
	if open {
		s = s.Where("a.state <> 'closed'")
	}
	if err := s.GroupExpr("a.?", bun.Ident(column)).OrderExpr("key").Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("count alerts: %w", err)
	}
	return rows, nil
}

func hitsOf(ctx context.Context, q reader, alert string) ([]hitRow, error) {
	rows := []hitRow{}
	if err := q.NewSelect().Model(&rows).Where("h.alert_id = ?", alert).Order("h.at DESC", "h.source_id DESC").Limit(200).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read evidence: %w", err)
	}
	return rows, nil
}

func actsOf(ctx context.Context, q reader, alert string) ([]actRow, error) {
	rows := []actRow{}
	if err := q.NewSelect().Model(&rows).Where("x.alert_id = ?", alert).Order("x.id DESC").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read acts: %w", err)
	}
	return rows, nil
}

func blocks(ctx context.Context, q reader, now clock.Stamp) ([]blockRow, error) {
	rows := []blockRow{}
	if err := q.NewSelect().Model(&rows).Where("b.until_at > ?", now).Order("b.until_at DESC").Limit(5000).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read blocked addresses: %w", err)
	}
	return rows, nil
}

func putBlock(ctx context.Context, tx db.Tx, b *blockRow) error {
	_, err := tx.NewInsert().Model(b).On("CONFLICT (ip) DO UPDATE").Set("reason = EXCLUDED.reason").Set("alert_id = EXCLUDED.alert_id").
		Set("by_name = EXCLUDED.by_name").Set("created_at = EXCLUDED.created_at").Set("until_at = EXCLUDED.until_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("block address: %w", err)
	}
	return nil
}

func dropBlock(ctx context.Context, tx db.Tx, ip string) error {
	if _, err := tx.NewDelete().Model((*blockRow)(nil)).Where("ip = ?", ip).Exec(ctx); err != nil {
		return fmt.Errorf("unblock address: %w", err)
	}
	return nil
}
