package fleet

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

type boxRow struct {
	bun.BaseModel `bun:"table:fleet_boxes,alias:b"`

	ID            string `bun:",pk"`
	Name          string
	RegionCode    string
	State         string
	StateAt       clock.Stamp
	SeenAt        *clock.Stamp
	Instance      string
	Serial        string
	Hostname      string
	Version       string
	EnrolledAt    *clock.Stamp
	DuplicateAt   *clock.Stamp
	RevokedAt     *clock.Stamp
	RevokeReason  string
	Status        string
	CamerasTotal  int
	CamerasOnline int
	OutboxDepth   int64
	OutboxAgeMS   int64   `bun:"outbox_age_ms"`
	DiskFreeMB    int64   `bun:"disk_free_mb"`
	MemoryMB      int64   `bun:"memory_mb"`
	CPUPercent    float64 `bun:"cpu_percent"`
	ClockOffsetMS int64   `bun:"clock_offset_ms"`
	Missing       int64
	ConfigVersion int64
	CreatedAt     clock.Stamp
	Rev           int
}

type tokenRow struct {
	bun.BaseModel `bun:"table:fleet_tokens,alias:t"`

	Hash      string `bun:",pk"`
	BoxID     string
	CreatedAt clock.Stamp
	ExpiresAt clock.Stamp
	UsedAt    *clock.Stamp
}

type historyRow struct {
	bun.BaseModel `bun:"table:fleet_history,alias:h"`

	ID     string `bun:",pk"`
	BoxID  string
	State  string
	At     clock.Stamp
	Reason string
}

func boxByID(ctx context.Context, q bun.IDB, id string) (boxRow, error) {
	var b boxRow
	err := q.NewSelect().Model(&b).Where("b.id = ?", id).Scan(ctx)
	if db.NoRows(err) {
		return b, errs.NotFound("边缘盒")
	}
	if err != nil {
		return b, fmt.Errorf("read box: %w", err)
	}
	return b, nil
}

// lockBox reads a box and holds it until the transaction ends.
func lockBox(ctx context.Context, tx db.Tx, id string) (boxRow, error) {
	var b boxRow
	err := db.ForUpdate(tx, tx.NewSelect().Model(&b).Where("b.id = ?", id)).Scan(ctx)
	if db.NoRows(err) {
		return b, errs.NotFound("边缘盒")
	}
	if err != nil {
		return b, fmt.Errorf("read box: %w", err)
	}
	return b, nil
}

func boxByName(ctx context.Context, q bun.IDB, name string) (boxRow, error) {
	var b boxRow
	err := q.NewSelect().Model(&b).Where("b.name = ?", name).Scan(ctx)
	return b, err
}

func insertBox(ctx context.Context, tx db.Tx, b *boxRow) error {
	_, err := tx.NewInsert().Model(b).Exec(ctx)
	if db.Duplicate(err) {
		return errs.Invalidf("name", "已有同名的边缘盒")
	}
	if err != nil {
		return fmt.Errorf("insert box: %w", err)
	}
	return nil
}

func saveBox(ctx context.Context, tx db.Tx, b *boxRow) error {
	b.Rev++
	if _, err := tx.NewUpdate().Model(b).WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("save box: %w", err)
	}
	return nil
}

func addHistory(ctx context.Context, tx db.Tx, h *historyRow) error {
	if _, err := tx.NewInsert().Model(h).Exec(ctx); err != nil {
		return fmt.Errorf("note box state: %w", err)
	}
	return nil
}

func historyOf(ctx context.Context, q bun.IDB, box string, n int) ([]historyRow, error) {
	rows := []historyRow{}
	err := q.NewSelect().Model(&rows).Where("h.box_id = ?", box).Order("h.at DESC", "h.id DESC").Limit(int64(n)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read box history: %w", err)
	}
	return rows, nil
}

// replaceToken makes an enrolment token the only one of its box.
func replaceToken(ctx context.Context, tx db.Tx, t *tokenRow) error {
	if _, err := tx.NewDelete().Model((*tokenRow)(nil)).Where("box_id = ?", t.BoxID).Exec(ctx); err != nil {
		return fmt.Errorf("replace token: %w", err)
	}
	if _, err := tx.NewInsert().Model(t).Exec(ctx); err != nil {
		return fmt.Errorf("replace token: %w", err)
	}
	return nil
}

// spendToken marks a token used; false when it is unknown, used or expired.
func spendToken(ctx context.Context, tx db.Tx, hash string) (tokenRow, bool, error) {
	now := clock.At(tx.Now())
	res, err := tx.NewUpdate().Model((*tokenRow)(nil)).Set("used_at = ?", now).
		Where("hash = ? AND used_at IS NULL AND expires_at > ?", hash, now).Exec(ctx)
	if err != nil {
		return tokenRow{}, false, fmt.Errorf("spend token: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return tokenRow{}, false, err
	}
	var t tokenRow
	if err := tx.NewSelect().Model(&t).Where("t.hash = ?", hash).Scan(ctx); err != nil {
		return t, false, fmt.Errorf("spend token: %w", err)
	}
	return t, true, nil
}

type listFilter struct {
	scope     access.Scope
	region, q string
	state     State
	now       clock.Stamp
	order     string
}

// stateSQL is stateOf as a query.
func (f listFilter) apply(q *bun.SelectQuery) *bun.SelectQuery {
	q = f.scope.Filter(q, "b.region_code")
	if f.region != "" {
		q = access.Scope{Prefixes: []string{f.region}}.Filter(q, "b.region_code")
	}
	if f.q != "" {
		q = q.Where("(b.name LIKE ? ESCAPE '!' OR b.id = ? OR b.hostname LIKE ? ESCAPE '!')", db.Contains(f.q), f.q, db.Contains(f.q))
	}
	if f.state == "" {
		return q
	}
	dup := f.now - clock.Stamp(duplicateShown.Milliseconds())
	seen := f.now - clock.Stamp(silence.Milliseconds())
	state := "CASE WHEN b.revoked_at IS NOT NULL THEN 'revoked' WHEN b.duplicate_at > ? THEN 'duplicate' WHEN b.seen_at IS NULL THEN 'never' " +
		"WHEN b.state = 'online' AND b.seen_at < ? THEN 'offline' ELSE b.state END = ?"
	return q.Where(state, dup, seen, string(f.state))
}

func listBoxes(ctx context.Context, q bun.IDB, f listFilter, limit, offset int64) ([]boxRow, int64, error) {
	rows := []boxRow{}
	sel := f.apply(q.NewSelect().Model(&rows).ExcludeColumn("status"))
	if f.order != "" {
		sel = sel.OrderExpr(f.order)
	}
	n, err := sel.OrderExpr("b.id").Limit(limit).Offset(offset).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list boxes: %w", err)
	}
	return rows, n, nil
}

// silentBoxes are those that count as online and were not heard since.
func silentBoxes(ctx context.Context, tx db.Tx, since clock.Stamp) ([]boxRow, error) {
	var rows []boxRow
	err := db.ForUpdate(tx, tx.NewSelect().Model(&rows).Where("b.state = ? AND b.seen_at < ?", string(Online), since).Order("b.id")).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("find silent boxes: %w", err)
	}
	return rows, nil
}

func boxNames(ctx context.Context, q bun.IDB) (map[string]string, error) {
	var rows []boxRow
	if err := q.NewSelect().Model(&rows).Column("id", "name").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read names of boxes: %w", err)
	}
	out := make(map[string]string, len(rows))
	for _, b := range rows {
		out[b.ID] = b.Name
	}
	return out, nil
}
