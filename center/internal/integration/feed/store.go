package feed

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
)

type feedRow struct {
	bun.BaseModel `bun:"table:integration_feeds,alias:f"`

	ID           string `bun:",pk"`
	Name         string
	Kind         string
	Target       string
	Sealed       string
	Query        string
	Mapping      string
	Rules        string
	KeyField     string
	RowCap       int
	EveryMinutes int
	WorkdaysOnly int
	Enabled      int
	NextAt       *clock.Stamp
	UpdatedAt    clock.Stamp
	Rev          int64
}

type runRow struct {
	bun.BaseModel `bun:"table:integration_feed_runs,alias:r"`

	ID          string `bun:",pk"`
	FeedID      string
	State       string
	Kind        string
	Position    int64
	SourceCount int64
	Loaded      int64
	Rejected    int64
	Skipped     int64
	Warned      int64
	Balanced    int
	Note        string
	ByName      string
	LeaseAt     clock.Stamp
	StartedAt   clock.Stamp
	EndedAt     *clock.Stamp
}

func (r runRow) run() FeedRun {
	return FeedRun{ID: r.ID, FeedID: r.FeedID, State: r.State, Kind: r.Kind, Position: r.Position, SourceCount: r.SourceCount, Loaded: r.Loaded, Rejected: r.Rejected,
		Skipped: r.Skipped, Warned: r.Warned, Balanced: r.Balanced == 1, Note: r.Note, ByName: r.ByName, StartedAt: r.StartedAt, EndedAt: r.EndedAt}
}

type badRow struct {
	bun.BaseModel `bun:"table:integration_feed_rows,alias:b"`

	ID      string `bun:",pk"`
	FeedID  string
	RunID   string
	RowNo   int64
	RowKey  string
	Raw     string
	Reasons string
	Level   string
	State   string
	At      clock.Stamp
}

func (r badRow) view() FeedRow {
	out := FeedRow{ID: r.ID, RunID: r.RunID, RowNo: r.RowNo, RowKey: r.RowKey, Raw: r.Raw, Reasons: []Reason{}, Level: r.Level, State: r.State, At: r.At}
	_ = json.Unmarshal([]byte(r.Reasons), &out.Reasons) // we wrote it
	return out
}

type linkRow struct {
	bun.BaseModel `bun:"table:integration_feed_links,alias:k"`

	FeedID    string `bun:",pk"`
	RowKey    string `bun:",pk"`
	TargetID  string
	Digest    string
	RunID     string
	UpdatedAt clock.Stamp
}

type recordRow struct {
	bun.BaseModel `bun:"table:integration_records,alias:d"`

	ID         string `bun:",pk"`
	FeedID     string
	RowKey     string
	Data       string
	RegionCode string
	CreatedAt  clock.Stamp
	UpdatedAt  clock.Stamp
}

func insert(ctx context.Context, tx db.Tx, model any, what string) error {
	if _, err := tx.NewInsert().Model(model).Exec(ctx); err != nil {
		return fmt.Errorf("save %s: %w", what, err)
	}
	return nil
}

func get(ctx context.Context, q bun.IDB, id string) (feedRow, error) {
	var r feedRow
	err := q.NewSelect().Model(&r).Where("f.id = ?", id).Scan(ctx)
	if db.NoRows(err) {
		return r, errs.NotFound("数据源")
	}
	if err != nil {
		return r, fmt.Errorf("load feed: %w", err)
	}
	return r, nil
}

func list(ctx context.Context, q bun.IDB, p httpx.Paging) ([]feedRow, int64, error) {
	rows := []feedRow{}
	s := q.NewSelect().Model(&rows)
	if p.Q != "" {
		s = s.Where("f.name LIKE ? ESCAPE '!'", db.Contains(p.Q))
	}
	n, err := s.Order("f.name", "f.id").Limit(p.Limit()).Offset(p.Offset()).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list feeds: %w", err)
	}
	return rows, n, nil
}

func update(ctx context.Context, tx db.Tx, r *feedRow) error {
	old := r.Rev
	r.Rev++
	r.UpdatedAt = clock.At(tx.Now())
	res, err := tx.NewUpdate().Model(r).Where("f.id = ? AND f.rev = ?", r.ID, old).Exec(ctx)
	if err != nil {
		return fmt.Errorf("save feed: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errs.Conflict("这个数据源刚被别人修改过，请刷新后重试")
	}
	return nil
}

// due takes the feeds whose time has come.
func due(ctx context.Context, tx db.Tx) ([]feedRow, error) {
	rows := []feedRow{}
	err := db.SkipLocked(tx, tx.NewSelect().Model(&rows).Where("f.enabled = 1 AND f.next_at IS NOT NULL AND f.next_at <= ?", clock.At(tx.Now()))).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for due feeds: %w", err)
	}
	return rows, nil
}

func setNext(ctx context.Context, tx db.Tx, id string, at clock.Stamp) error {
	if _, err := tx.NewUpdate().Model((*feedRow)(nil)).Set("next_at = ?", at).Where("f.id = ?", id).Exec(ctx); err != nil {
		return fmt.Errorf("set next run: %w", err)
	}
	return nil
}

// running gives the run in progress of a feed.
func running(ctx context.Context, q bun.IDB, feed string) (runRow, bool, error) {
	var r runRow
	err := q.NewSelect().Model(&r).Where("r.feed_id = ? AND r.state = 'running'", feed).Limit(1).Scan(ctx)
	if db.NoRows(err) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("look for a run: %w", err)
	}
	return r, true, nil
}

// orphans takes runs whose process has died, and leases them.
func orphans(ctx context.Context, tx db.Tx, until clock.Stamp) ([]runRow, error) {
	rows := []runRow{}
	err := db.SkipLocked(tx, tx.NewSelect().Model(&rows).Where("r.state = 'running' AND r.lease_at < ?", clock.At(tx.Now()))).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for interrupted runs: %w", err)
	}
	for i := range rows {
		rows[i].LeaseAt = until
		if err := saveRun(ctx, tx, &rows[i]); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func saveRun(ctx context.Context, tx db.Tx, r *runRow) error {
	if _, err := tx.NewUpdate().Model(r).WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("save run: %w", err)
	}
	return nil
}

func runs(ctx context.Context, q bun.IDB, feed string, p httpx.Paging) ([]FeedRun, int64, error) {
	rows := []runRow{}
	n, err := q.NewSelect().Model(&rows).Where("r.feed_id = ?", feed).Order("r.started_at DESC", "r.id DESC").Limit(p.Limit()).Offset(p.Offset()).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list runs: %w", err)
	}
	out := make([]FeedRun, len(rows))
	for i, r := range rows {
		out[i] = r.run()
	}
	return out, n, nil
}

func badRows(ctx context.Context, q bun.IDB, feed, run, state string, p httpx.Paging) ([]badRow, int64, error) {
	rows := []badRow{}
	s := q.NewSelect().Model(&rows).Where("b.feed_id = ?", feed)
	if run != "" {
		s = s.Where("b.run_id = ?", run)
	}
	if state != "" {
		s = s.Where("b.state = ? AND b.level = 'reject'", state)
	}
	n, err := s.Order("b.row_no", "b.id").Limit(p.Limit()).Offset(p.Offset()).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list refused rows: %w", err)
	}
	return rows, n, nil
}

func openRows(ctx context.Context, q bun.IDB, feed string) (int64, error) {
	n, err := q.NewSelect().Model((*badRow)(nil)).Where("b.feed_id = ? AND b.state = 'open' AND b.level = 'reject'", feed).Count(ctx)
	return int64(n), err
}

// closeRows marks earlier refusals of a key as loaded.
func closeRows(ctx context.Context, tx db.Tx, feed, key string) error {
	if _, err := tx.NewUpdate().Model((*badRow)(nil)).Set("state = 'loaded'").Where("b.feed_id = ? AND b.row_key = ? AND b.state = 'open'", feed, key).Exec(ctx); err != nil {
		return fmt.Errorf("close refused rows: %w", err)
	}
	return nil
}

// supersede closes the refusals of earlier runs when a full run begins: it
// judges every row anew.
func supersede(ctx context.Context, tx db.Tx, feed string) error {
	if _, err := tx.NewUpdate().Model((*badRow)(nil)).Set("state = 'old'").Where("b.feed_id = ? AND b.state = 'open'", feed).Exec(ctx); err != nil {
		return fmt.Errorf("close refused rows: %w", err)
	}
	return nil
}

func link(ctx context.Context, q bun.IDB, feed, key string) (linkRow, bool, error) {
	var r linkRow
	err := q.NewSelect().Model(&r).Where("k.feed_id = ? AND k.row_key = ?", feed, key).Scan(ctx)
	if db.NoRows(err) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("load link: %w", err)
	}
	return r, true, nil
}

func putLink(ctx context.Context, tx db.Tx, r *linkRow) error {
	r.UpdatedAt = clock.At(tx.Now())
	_, err := tx.NewInsert().Model(r).On("CONFLICT (feed_id, row_key) DO UPDATE").Set("target_id = EXCLUDED.target_id").Set("digest = EXCLUDED.digest").
		Set("run_id = EXCLUDED.run_id").Set("updated_at = EXCLUDED.updated_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("save link: %w", err)
	}
	return nil
}

// putRecord loads a plain record.
func putRecord(ctx context.Context, tx db.Tx, feed, key string, row Row) (string, error) {
	now := clock.At(tx.Now())
	r := recordRow{ID: ids.New(), FeedID: feed, RowKey: key, Data: toJSON(row), RegionCode: row["regionCode"], CreatedAt: now, UpdatedAt: now}
	_, err := tx.NewInsert().Model(&r).On("CONFLICT (feed_id, row_key) DO UPDATE").Set("data = EXCLUDED.data").Set("region_code = EXCLUDED.region_code").
		Set("updated_at = EXCLUDED.updated_at").Returning("id").Exec(ctx)
	if err != nil {
		return "", fmt.Errorf("save record: %w", err)
	}
	return r.ID, nil
}

// FeedRecord is a plain record as people see it.
type FeedRecord struct {
	ID        string            `json:"id"`
	RowKey    string            `json:"rowKey"`
	Data      map[string]string `json:"data"`
	UpdatedAt clock.Stamp       `json:"updatedAt"`
}

func records(ctx context.Context, q bun.IDB, feed string, p httpx.Paging) ([]FeedRecord, int64, error) {
	rows := []recordRow{}
	s := q.NewSelect().Model(&rows).Where("d.feed_id = ?", feed)
	if p.Q != "" {
		s = s.Where("(d.row_key LIKE ? ESCAPE '!' OR d.data LIKE ? ESCAPE '!')", db.Contains(p.Q), db.Contains(p.Q))
	}
	n, err := s.Order("d.updated_at DESC", "d.id").Limit(p.Limit()).Offset(p.Offset()).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list records: %w", err)
	}
	out := make([]FeedRecord, len(rows))
	for i, r := range rows {
		out[i] = FeedRecord{ID: r.ID, RowKey: r.RowKey, Data: map[string]string{}, UpdatedAt: r.UpdatedAt}
		_ = json.Unmarshal([]byte(r.Data), &out[i].Data) // we wrote it
	}
	return out, n, nil
}

// againPage is how many refused rows are read at once.
const againPage = 200

func pageOf(n int) httpx.Paging { return httpx.Paging{Page: n, Size: againPage} }

// closeOld closes an earlier refusal of the same row: it was refused anew.
func closeOld(ctx context.Context, tx db.Tx, feed, key, raw string) error {
	if _, err := tx.NewUpdate().Model((*badRow)(nil)).Set("state = 'old'").Where("b.feed_id = ? AND b.row_key = ? AND b.raw = ? AND b.state = 'open'", feed, key, raw).Exec(ctx); err != nil {
		return fmt.Errorf("close refused row: %w", err)
	}
	return nil
}
