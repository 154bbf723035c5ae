package webhook

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

type hookRow struct {
	bun.BaseModel `bun:"table:integration_hooks,alias:h"`

	ID        string `bun:",pk"`
	ClientID  string
	Name      string
	URL       string `bun:"url"`
	Topics    string
	Sealed    string
	State     string
	Failures  int
	Note      string
	CreatedBy string
	CreatedAt clock.Stamp
	UpdatedAt clock.Stamp
	Rev       int64
}

type joined struct {
	hookRow `bun:",extend"`

	AppName     string `bun:"app_name"`
	Prefixes    string `bun:"prefixes"`
	ClientState string `bun:"client_state"`
	Waiting     int64  `bun:"waiting"`
	Dead        int64  `bun:"dead"`
}

type deliveryRow struct {
	bun.BaseModel `bun:"table:integration_deliveries,alias:y"`

	ID        string `bun:",pk"`
	HookID    string
	EventID   string
	Topic     string
	Payload   string
	State     string
	Attempts  int
	Status    int
	Error     string
	Ms        int
	NextAt    clock.Stamp
	CreatedAt clock.Stamp
	DoneAt    *clock.Stamp
}

func withApp(q *bun.SelectQuery) *bun.SelectQuery {
	return q.ColumnExpr("h.*, e.name AS app_name, c.prefixes AS prefixes, c.state AS client_state").
		ColumnExpr("(SELECT COUNT(*) FROM integration_deliveries AS y WHERE y.hook_id = h.id AND y.state = 'waiting') AS waiting").
		ColumnExpr("(SELECT COUNT(*) FROM integration_deliveries AS y WHERE y.hook_id = h.id AND y.state = 'dead') AS dead").
		Join("JOIN integration_clients AS c ON c.id = h.client_id").Join("JOIN integration_entries AS e ON e.id = c.app_id")
}

func get(ctx context.Context, q bun.IDB, id string) (joined, error) {
	var r joined
	err := withApp(q.NewSelect().Model(&r)).Where("h.id = ?", id).Scan(ctx)
	if db.NoRows(err) {
		return r, errs.NotFound("订阅")
	}
	if err != nil {
		return r, fmt.Errorf("load hook: %w", err)
	}
	return r, nil
}

func list(ctx context.Context, q bun.IDB, state string, p httpx.Paging) ([]joined, int64, error) {
	order, err := p.Order(map[string]string{"name": "h.name", "createdAt": "h.created_at"}, "h.created_at DESC")
	if err != nil {
		return nil, 0, err
	}
	rows := []joined{}
	s := withApp(q.NewSelect().Model(&rows))
	if state != "" {
		s = s.Where("h.state = ?", state)
	}
	if p.Q != "" {
		s = s.Where("(h.name LIKE ? ESCAPE '!' OR h.url LIKE ? ESCAPE '!' OR e.name LIKE ? ESCAPE '!')", db.Contains(p.Q), db.Contains(p.Q), db.Contains(p.Q))
	}
	n, err := s.OrderExpr("?, h.id", bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset()).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list hooks: %w", err)
	}
	return rows, n, nil
}

// clientActive tells whether a client may have hooks.
func clientActive(ctx context.Context, q bun.IDB, id string) (bool, error) {
	ok, err := q.NewSelect().TableExpr("integration_clients AS c").Where("c.id = ? AND c.state = 'active'", id).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look up client: %w", err)
	}
	return ok, nil
}

func insertHook(ctx context.Context, tx db.Tx, r *hookRow) error {
	if _, err := tx.NewInsert().Model(r).Exec(ctx); err != nil {
		return fmt.Errorf("save hook: %w", err)
	}
	return nil
}

func updateHook(ctx context.Context, tx db.Tx, r *hookRow) error {
	old := r.Rev
	r.Rev++
	r.UpdatedAt = clock.At(tx.Now())
	res, err := tx.NewUpdate().Model(r).Where("h.id = ? AND h.rev = ?", r.ID, old).Exec(ctx)
	if err != nil {
		return fmt.Errorf("save hook: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errs.Conflict("这个订阅刚被别人修改过，请刷新后重试")
	}
	return nil
}

// subscribed lists the hooks that want a topic and whose client is in use
// and may see the region.
func subscribed(ctx context.Context, tx db.Tx, topic, regionCode string) ([]joined, error) {
	rows := []joined{}
	err := withApp(tx.NewSelect().Model(&rows)).
		Where("h.state = 'on' AND c.state = 'active' AND c.to_at > ? AND (',' || h.topics || ',') LIKE ? ESCAPE '!'", clock.At(tx.Now()), db.Contains(","+topic+",")).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for hooks: %w", err)
	}
	out := rows[:0]
	for _, r := range rows {
		if (access.Scope{Prefixes: strings.Split(r.Prefixes, ",")}).Covers(regionCode) {
			out = append(out, r)
		}
	}
	return out, nil
}

// enqueue adds a delivery; one that is there already stays.
func enqueue(ctx context.Context, tx db.Tx, r *deliveryRow) error {
	if _, err := tx.NewInsert().Model(r).On("CONFLICT (hook_id, event_id) DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("enqueue delivery: %w", err)
	}
	return nil
}

// claim takes deliveries that are due; they are not due again before until,
// so that a process that dies loses none.
func claim(ctx context.Context, tx db.Tx, limit int, until clock.Stamp) ([]deliveryRow, error) {
	rows := []deliveryRow{}
	q := tx.NewSelect().Model(&rows).Where("y.state = 'waiting' AND y.next_at <= ?", clock.At(tx.Now())).
		Where("EXISTS (SELECT 1 FROM integration_hooks AS h JOIN integration_clients AS c ON c.id = h.client_id WHERE h.id = y.hook_id AND h.state = 'on' AND c.state = 'active')").
		Order("y.next_at", "y.id").Limit(int64(limit))
	if err := db.SkipLocked(tx, q).Scan(ctx); err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	if len(rows) == 0 {
		return rows, nil
	}
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	if _, err := tx.NewUpdate().Model((*deliveryRow)(nil)).Set("next_at = ?", until).Where("y.id IN (?)", bun.List(ids)).Exec(ctx); err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	return rows, nil
}

func saveDelivery(ctx context.Context, tx db.Tx, r *deliveryRow) error {
	if _, err := tx.NewUpdate().Model(r).WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("save delivery: %w", err)
	}
	return nil
}

// setFailures notes how many deliveries failed in a row, and the state.
func setFailures(ctx context.Context, tx db.Tx, id string, failures int, state, note string) error {
	_, err := tx.NewUpdate().Model((*hookRow)(nil)).Set("failures = ?", failures).Set("state = ?", state).Set("note = ?", note).
		Set("rev = rev + CASE WHEN state = ? THEN 0 ELSE 1 END", state).Where("h.id = ?", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note failures of hook: %w", err)
	}
	return nil
}

type listedDelivery struct {
	deliveryRow `bun:",extend"`

	HookName string `bun:"hook_name"`
}

func deliveries(ctx context.Context, q bun.IDB, hook, state, topic string, p httpx.Paging) ([]WebhookDelivery, int64, error) {
	rows := []listedDelivery{}
	s := q.NewSelect().Model(&rows).ColumnExpr("y.*, h.name AS hook_name").Join("JOIN integration_hooks AS h ON h.id = y.hook_id")
	for col, v := range map[string]string{"y.hook_id": hook, "y.state": state, "y.topic": topic} {
		if v != "" {
			s = s.Where("? = ?", bun.Safe(col), v)
		}
	}
	n, err := s.Order("y.created_at DESC", "y.id DESC").Limit(p.Limit()).Offset(p.Offset()).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list deliveries: %w", err)
	}
	out := make([]WebhookDelivery, len(rows))
	for i, r := range rows {
		out[i] = WebhookDelivery{ID: r.ID, HookID: r.HookID, HookName: r.HookName, EventID: r.EventID, Topic: r.Topic, Payload: r.Payload, State: r.State,
			Attempts: r.Attempts, Status: r.Status, Error: r.Error, Ms: r.Ms, CreatedAt: r.CreatedAt, DoneAt: r.DoneAt}
		if r.State == Waiting {
			at := r.NextAt
			out[i].NextAt = &at
		}
	}
	return out, n, nil
}

func delivery(ctx context.Context, q bun.IDB, id string) (deliveryRow, error) {
	var r deliveryRow
	err := q.NewSelect().Model(&r).Where("y.id = ?", id).Scan(ctx)
	if db.NoRows(err) {
		return r, errs.NotFound("投递记录")
	}
	if err != nil {
		return r, fmt.Errorf("load delivery: %w", err)
	}
	return r, nil
}

// prune forgets deliveries that ended before a moment.
func prune(ctx context.Context, tx db.Tx, before clock.Stamp) error {
	if _, err := tx.NewDelete().Model((*deliveryRow)(nil)).Where("y.state <> 'waiting' AND y.created_at < ?", before).Exec(ctx); err != nil {
		return fmt.Errorf("prune deliveries: %w", err)
	}
	return nil
}

// lock holds a hook until the transaction ends: attempts that end at the same
// time count one after the other.
func lock(ctx context.Context, tx db.Tx, id string) error {
	var r hookRow
	if err := db.ForUpdate(tx, tx.NewSelect().Model(&r).Column("id").Where("h.id = ?", id)).Scan(ctx); err != nil {
		return fmt.Errorf("lock hook: %w", err)
	}
	return nil
}
