package open

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

type clientRow struct {
	bun.BaseModel `bun:"table:integration_clients,alias:c"`

	ID          string `bun:",pk"`
	AppID       string
	AppKey      string
	Purpose     string
	Kinds       string
	QuotaDay    int64
	RateSecond  int
	IPs         string `bun:"ips"`
	Prefixes    string
	FromAt      clock.Stamp
	ToAt        clock.Stamp
	State       string
	Note        string
	AppliedBy   string
	AppliedName string
	AppliedAt   clock.Stamp
	DecidedBy   string
	DecidedName string
	DecidedAt   *clock.Stamp
	LastCallAt  *clock.Stamp
	UpdatedAt   clock.Stamp
	Rev         int64
}

// joined is a client with its application.
type joined struct {
	clientRow `bun:",extend"`

	AppName string `bun:"app_name"`
	AppCode string `bun:"app_code"`
}

type keyRow struct {
	bun.BaseModel `bun:"table:integration_keys,alias:k"`

	ID        string `bun:",pk"`
	ClientID  string
	Sealed    string
	Hint      string
	CreatedAt clock.Stamp
	EndsAt    *clock.Stamp
	UsedAt    *clock.Stamp
}

func split(s string) []string {
	if s == "" {
		return []string{}
	}
	return strings.Split(s, ",")
}

func withApp(q *bun.SelectQuery) *bun.SelectQuery {
	return q.ColumnExpr("c.*, e.name AS app_name, e.code AS app_code").Join("JOIN integration_entries AS e ON e.id = c.app_id")
}

func get(ctx context.Context, q bun.IDB, id string) (joined, error) {
	var r joined
	err := withApp(q.NewSelect().Model(&r)).Where("c.id = ?", id).Scan(ctx)
	if db.NoRows(err) {
		return r, errs.NotFound("接口申请")
	}
	if err != nil {
		return r, fmt.Errorf("load client: %w", err)
	}
	return r, nil
}

func byAppKey(ctx context.Context, q bun.IDB, key string) (joined, bool, error) {
	var r joined
	err := withApp(q.NewSelect().Model(&r)).Where("c.app_key = ?", key).Scan(ctx)
	if db.NoRows(err) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("load client: %w", err)
	}
	return r, true, nil
}

// appState tells whether an application is there, approved and external.
func appState(ctx context.Context, q bun.IDB, id string) (name, state string, internal bool, err error) {
	var r struct {
		Name, State string
		Internal    int
	}
	err = q.NewSelect().TableExpr("integration_entries AS e").ColumnExpr("e.name, e.state, e.internal").Where("e.id = ? AND e.kind = 'app'", id).Scan(ctx, &r)
	if db.NoRows(err) {
		return "", "", false, errs.Invalidf("appId", "没有这个应用")
	}
	if err != nil {
		return "", "", false, fmt.Errorf("look up application: %w", err)
	}
	return r.Name, r.State, r.Internal == 1, nil
}

func insertClient(ctx context.Context, tx db.Tx, r *clientRow) error {
	if _, err := tx.NewInsert().Model(r).Exec(ctx); err != nil {
		return fmt.Errorf("save client: %w", err)
	}
	return nil
}

func updateClient(ctx context.Context, tx db.Tx, r *clientRow) error {
	old := r.Rev
	r.Rev++
	r.UpdatedAt = clock.At(tx.Now())
	res, err := tx.NewUpdate().Model(r).ExcludeColumn("last_call_at").Where("c.id = ? AND c.rev = ?", r.ID, old).Exec(ctx)
	if err != nil {
		return fmt.Errorf("save client: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errs.Conflict("这份申请刚被别人处理过，请刷新后重试")
	}
	return nil
}

// Filter narrows the list of clients.
type Filter struct{ State, Kind, AppID, Q string }

func list(ctx context.Context, q bun.IDB, f Filter, p httpx.Paging) ([]joined, int64, error) {
	order, err := p.Order(map[string]string{"appliedAt": "c.applied_at", "toAt": "c.to_at", "lastCallAt": "c.last_call_at", "appName": "e.name"}, "c.applied_at DESC")
	if err != nil {
		return nil, 0, err
	}
	rows := []joined{}
	s := withApp(q.NewSelect().Model(&rows))
	if f.State != "" {
		s = s.Where("c.state = ?", f.State)
	}
	if f.AppID != "" {
		s = s.Where("c.app_id = ?", f.AppID)
	}
	if f.Kind != "" {
		s = s.Where("(',' || c.kinds || ',') LIKE ? ESCAPE '!'", db.Contains(","+f.Kind+","))
	}
	if f.Q != "" {
		s = s.Where("(e.name LIKE ? ESCAPE '!' OR c.purpose LIKE ? ESCAPE '!' OR c.app_key = ?)", db.Contains(f.Q), db.Contains(f.Q), f.Q)
	}
	n, err := s.OrderExpr("?, c.id", bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset()).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list clients: %w", err)
	}
	return rows, n, nil
}

func keysOf(ctx context.Context, q bun.IDB, client string) ([]keyRow, error) {
	rows := []keyRow{}
	if err := q.NewSelect().Model(&rows).Where("k.client_id = ?", client).Order("k.created_at DESC", "k.id DESC").Scan(ctx); err != nil {
		return nil, fmt.Errorf("load keys: %w", err)
	}
	return rows, nil
}

func insertKey(ctx context.Context, tx db.Tx, r *keyRow) error {
	if _, err := tx.NewInsert().Model(r).Exec(ctx); err != nil {
		return fmt.Errorf("save key: %w", err)
	}
	return nil
}

// endKeys lets the older keys of a client end: the newest of them at the
// given time, all others now, so that never more than two are valid.
func endKeys(ctx context.Context, tx db.Tx, client string, until clock.Stamp) error {
	rows, err := keysOf(ctx, tx, client)
	if err != nil {
		return err
	}
	now := clock.At(tx.Now())
	for i, k := range rows {
		end := now
		if i == 0 {
			end = until
		}
		if k.EndsAt != nil && *k.EndsAt <= end {
			continue
		}
		if _, err := tx.NewUpdate().Model((*keyRow)(nil)).Set("ends_at = ?", end).Where("k.id = ?", k.ID).Exec(ctx); err != nil {
			return fmt.Errorf("end key: %w", err)
		}
	}
	return nil
}

type nonceRow struct {
	bun.BaseModel `bun:"table:integration_nonces,alias:n"`

	ClientID string `bun:",pk"`
	Nonce    string `bun:",pk"`
	At       clock.Stamp
}

type meterRow struct {
	bun.BaseModel `bun:"table:integration_meters,alias:m"`

	ClientID string `bun:",pk"`
	Ymd      int
	Calls    int64
	Sec      int64
	Burst    int
}

// spendNonce notes a nonce; false says that it was used before.
func spendNonce(ctx context.Context, tx db.Tx, client, nonce string) (bool, error) {
	res, err := tx.NewInsert().Model(&nonceRow{ClientID: client, Nonce: nonce, At: clock.At(tx.Now())}).On("CONFLICT DO NOTHING").Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("note nonce: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// count adds a call and gives the calls of the day and of this second.
func count(ctx context.Context, tx db.Tx, client string) (calls int64, burst int, err error) {
	now := tx.Now()
	r := meterRow{ClientID: client, Ymd: clock.YMD(now), Calls: 1, Sec: now.Unix(), Burst: 1}
	_, err = tx.NewInsert().Model(&r).On("CONFLICT (client_id) DO UPDATE").
		Set("calls = CASE WHEN m.ymd = EXCLUDED.ymd THEN m.calls + 1 ELSE 1 END").Set("ymd = EXCLUDED.ymd").
		Set("burst = CASE WHEN m.sec = EXCLUDED.sec THEN m.burst + 1 ELSE 1 END").Set("sec = EXCLUDED.sec").
		Returning("calls, burst").Exec(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("count call: %w", err)
	}
	return r.Calls, r.Burst, nil
}

func meters(ctx context.Context, q bun.IDB, ymd int) (map[string]int64, error) {
	rows := []meterRow{}
	if err := q.NewSelect().Model(&rows).Where("m.ymd = ?", ymd).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read meters: %w", err)
	}
	out := make(map[string]int64, len(rows))
	for _, r := range rows {
		out[r.ClientID] = r.Calls
	}
	return out, nil
}

// touch notes when a client and its key were used.
func touch(ctx context.Context, tx db.Tx, client, key string) error {
	now := clock.At(tx.Now())
	if _, err := tx.NewUpdate().Model((*clientRow)(nil)).Set("last_call_at = ?", now).Where("c.id = ? AND (c.last_call_at IS NULL OR c.last_call_at < ?)", client, now-10_000).Exec(ctx); err != nil {
		return fmt.Errorf("note call: %w", err)
	}
	if _, err := tx.NewUpdate().Model((*keyRow)(nil)).Set("used_at = ?", now).Where("k.id = ? AND (k.used_at IS NULL OR k.used_at < ?)", key, now-10_000).Exec(ctx); err != nil {
		return fmt.Errorf("note use of key: %w", err)
	}
	return nil
}

// prune forgets nonces that no request inside the window can repeat, answers
// that are not replayed any more, and used tickets.
func prune(ctx context.Context, tx db.Tx, nonces, replays clock.Stamp) error {
	if _, err := tx.NewDelete().Model((*nonceRow)(nil)).Where("n.at < ?", nonces).Exec(ctx); err != nil {
		return fmt.Errorf("prune nonces: %w", err)
	}
	if _, err := tx.NewDelete().Model((*replayRow)(nil)).Where("p.at < ?", replays).Exec(ctx); err != nil {
		return fmt.Errorf("prune stored answers: %w", err)
	}
	if _, err := tx.NewDelete().Model((*ticketRow)(nil)).Where("t.ends_at < ?", replays).Exec(ctx); err != nil {
		return fmt.Errorf("prune tickets: %w", err)
	}
	return nil
}
