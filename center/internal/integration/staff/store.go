package staff

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

type sourceRow struct {
	bun.BaseModel `bun:"table:integration_staff_sources,alias:s"`

	ID           string `bun:",pk"`
	Name         string
	URL          string `bun:"url"`
	Sealed       string
	PageSize     int
	LimitPercent int
	EveryMinutes int
	Enabled      int
	Previewed    int
	Cursor       string
	NextAt       *clock.Stamp
	UpdatedAt    clock.Stamp
	Rev          int64

	// matched are the organisations that a preview would link.
	matched map[string]string
}

type runRow struct {
	bun.BaseModel `bun:"table:integration_staff_runs,alias:r"`

	ID        string `bun:",pk"`
	SourceID  string
	Preview   int
	State     string
	Seen      int
	Added     int
	Changed   int
	Moved     int
	Disabled  int
	Same      int
	Conflicts int
	Failed    int
	Note      string
	Detail    string
	ByName    string
	StartedAt clock.Stamp
	EndedAt   *clock.Stamp
}

func (r runRow) run() StaffRun {
	out := StaffRun{ID: r.ID, SourceID: r.SourceID, Preview: r.Preview == 1, State: r.State, Seen: r.Seen, Added: r.Added, Changed: r.Changed, Moved: r.Moved,
		Disabled: r.Disabled, Same: r.Same, Conflicts: r.Conflicts, Failed: r.Failed, Note: r.Note, Detail: []StaffAct{}, ByName: r.ByName, StartedAt: r.StartedAt, EndedAt: r.EndedAt}
	if json.Unmarshal([]byte(r.Detail), &out.Detail) != nil || out.Detail == nil {
		out.Detail = []StaffAct{}
	}
	return out
}

// linkRow is what was last applied for an outside record.
type linkRow struct {
	bun.BaseModel `bun:"table:integration_staff_links,alias:k"`

	SourceID   string `bun:",pk"`
	Kind       string `bun:",pk"`
	ExternalID string `bun:",pk"`
	LocalID    string
	Applied    string
	Version    int64
	UpdatedAt  clock.Stamp
}

type conflictRow struct {
	bun.BaseModel `bun:"table:integration_staff_conflicts,alias:x"`

	ID         string `bun:",pk"`
	SourceID   string
	Kind       string
	ExternalID string
	LocalID    string
	Theirs     string
	Ours       string
	State      string
	Decision   string
	Reason     string
	ByID       string
	ByName     string
	CreatedAt  clock.Stamp
	DecidedAt  *clock.Stamp
}

func (r conflictRow) conflict() StaffConflict {
	c := StaffConflict{ID: r.ID, SourceID: r.SourceID, Kind: r.Kind, KindName: kindName(r.Kind), State: r.State, Decision: r.Decision, Reason: r.Reason, ByName: r.ByName, CreatedAt: r.CreatedAt, DecidedAt: r.DecidedAt}
	_ = json.Unmarshal([]byte(r.Theirs), &c.Theirs) // we wrote it
	if r.Ours != "" {
		c.Ours = &StaffOurs{}
		_ = json.Unmarshal([]byte(r.Ours), c.Ours)
	}
	return c
}

func save(ctx context.Context, tx db.Tx, model any, what string) error {
	if _, err := tx.NewInsert().Model(model).Exec(ctx); err != nil {
		return fmt.Errorf("save %s: %w", what, err)
	}
	return nil
}

func sourceByID(ctx context.Context, q bun.IDB, id string) (sourceRow, error) {
	var r sourceRow
	err := q.NewSelect().Model(&r).Where("s.id = ?", id).Scan(ctx)
	if db.NoRows(err) {
		return r, errs.NotFound("同步来源")
	}
	if err != nil {
		return r, fmt.Errorf("load source: %w", err)
	}
	return r, nil
}

func sources(ctx context.Context, q bun.IDB) ([]sourceRow, error) {
	rows := []sourceRow{}
	if err := q.NewSelect().Model(&rows).Order("s.name").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list sources: %w", err)
	}
	return rows, nil
}

func updateSource(ctx context.Context, tx db.Tx, r *sourceRow) error {
	old := r.Rev
	r.Rev++
	r.UpdatedAt = clock.At(tx.Now())
	res, err := tx.NewUpdate().Model(r).Where("s.id = ? AND s.rev = ?", r.ID, old).Exec(ctx)
	if err != nil {
		return fmt.Errorf("save source: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errs.Conflict("这个来源刚被别人修改过，请刷新后重试")
	}
	return nil
}

// advance notes where the next run begins, without a new revision.
func advance(ctx context.Context, tx db.Tx, id, cursor string, previewed bool) error {
	q := tx.NewUpdate().Model((*sourceRow)(nil)).Where("s.id = ?", id)
	if previewed {
		q = q.Set("previewed = 1")
	} else {
		q = q.Set("cursor = ?", cursor)
	}
	if _, err := q.Exec(ctx); err != nil {
		return fmt.Errorf("save cursor: %w", err)
	}
	return nil
}

// due takes the sources whose time has come and sets the next time.
func due(ctx context.Context, tx db.Tx) ([]sourceRow, error) {
	rows := []sourceRow{}
	now := clock.At(tx.Now())
	if err := db.SkipLocked(tx, tx.NewSelect().Model(&rows).Where("s.enabled = 1 AND s.previewed = 1 AND s.next_at IS NOT NULL AND s.next_at <= ?", now)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("look for due sources: %w", err)
	}
	for _, r := range rows {
		next := now + clock.Stamp(r.EveryMinutes)*60_000
		if _, err := tx.NewUpdate().Model((*sourceRow)(nil)).Set("next_at = ?", next).Where("s.id = ?", r.ID).Exec(ctx); err != nil {
			return nil, fmt.Errorf("set next run: %w", err)
		}
	}
	return rows, nil
}

func running(ctx context.Context, q bun.IDB, source string, since clock.Stamp) (bool, error) {
	ok, err := q.NewSelect().Model((*runRow)(nil)).Where("r.source_id = ? AND r.state = 'running' AND r.started_at > ?", source, since).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for a run: %w", err)
	}
	return ok, nil
}

func updateRun(ctx context.Context, tx db.Tx, r *runRow) error {
	if _, err := tx.NewUpdate().Model(r).WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("save run: %w", err)
	}
	return nil
}

func runs(ctx context.Context, q bun.IDB, source string, p httpx.Paging) ([]StaffRun, int64, error) {
	rows := []runRow{}
	n, err := q.NewSelect().Model(&rows).Where("r.source_id = ?", source).Order("r.started_at DESC", "r.id DESC").Limit(p.Limit()).Offset(p.Offset()).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list runs: %w", err)
	}
	out := make([]StaffRun, len(rows))
	for i, r := range rows {
		out[i] = r.run()
	}
	return out, n, nil
}

func link(ctx context.Context, q bun.IDB, source, kind, external string) (linkRow, bool, error) {
	var r linkRow
	err := q.NewSelect().Model(&r).Where("k.source_id = ? AND k.kind = ? AND k.external_id = ?", source, kind, external).Scan(ctx)
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
	_, err := tx.NewInsert().Model(r).On("CONFLICT (source_id, kind, external_id) DO UPDATE").Set("local_id = EXCLUDED.local_id").
		Set("applied = EXCLUDED.applied").Set("version = EXCLUDED.version").Set("updated_at = EXCLUDED.updated_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("save link: %w", err)
	}
	return nil
}

func openConflict(ctx context.Context, q bun.IDB, source, external string) (conflictRow, bool, error) {
	var r conflictRow
	err := q.NewSelect().Model(&r).Where("x.source_id = ? AND x.external_id = ? AND x.state = 'open'", source, external).Limit(1).Scan(ctx)
	if db.NoRows(err) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("load conflict: %w", err)
	}
	return r, true, nil
}

func conflictByID(ctx context.Context, q bun.IDB, id string) (conflictRow, error) {
	var r conflictRow
	err := q.NewSelect().Model(&r).Where("x.id = ?", id).Scan(ctx)
	if db.NoRows(err) {
		return r, errs.NotFound("冲突")
	}
	if err != nil {
		return r, fmt.Errorf("load conflict: %w", err)
	}
	return r, nil
}

func updateConflict(ctx context.Context, tx db.Tx, r *conflictRow) error {
	res, err := tx.NewUpdate().Model(r).Where("x.id = ? AND x.state = 'open'", r.ID).Exec(ctx)
	if err != nil {
		return fmt.Errorf("save conflict: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errs.Conflict("这个冲突已经有人处理过，请刷新后查看")
	}
	return nil
}

func conflicts(ctx context.Context, q bun.IDB, source, state string, p httpx.Paging) ([]StaffConflict, int64, error) {
	rows := []conflictRow{}
	s := q.NewSelect().Model(&rows)
	if source != "" {
		s = s.Where("x.source_id = ?", source)
	}
	if state != "" {
		s = s.Where("x.state = ?", state)
	}
	n, err := s.Order("x.created_at DESC", "x.id DESC").Limit(p.Limit()).Offset(p.Offset()).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list conflicts: %w", err)
	}
	out := make([]StaffConflict, len(rows))
	for i, r := range rows {
		out[i] = r.conflict()
	}
	return out, n, nil
}

func openCount(ctx context.Context, q bun.IDB, source string) (int64, error) {
	n, err := q.NewSelect().Model((*conflictRow)(nil)).Where("x.source_id = ? AND x.state = 'open'", source).Count(ctx)
	return int64(n), err
}
