package open

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

type ticketRow struct {
	bun.BaseModel `bun:"table:integration_tickets,alias:t"`

	Hash     string `bun:",pk"`
	AppID    string
	PersonID string
	EndsAt   clock.Stamp
	UsedAt   *clock.Stamp
}

type replayRow struct {
	bun.BaseModel `bun:"table:integration_replays,alias:p"`

	ClientID   string `bun:",pk"`
	IdemKey    string `bun:",pk"`
	RequestSM3 string `bun:"request_sm3"`
	Status     int
	Body       string
	At         clock.Stamp
}

type todoRow struct {
	bun.BaseModel `bun:"table:integration_todos,alias:d"`

	ClientID   string `bun:",pk"`
	ExternalID string `bun:",pk"`
	Title      string
	Summary    string
	URL        string `bun:"url"`
	AssigneeID string
	RegionCode string
	Priority   int
	DueAt      *clock.Stamp
	State      string
	Outcome    string
	CreatedAt  clock.Stamp
	UpdatedAt  clock.Stamp
}

func (r todoRow) state() OpenTodoState {
	return OpenTodoState{
		OpenTodo: OpenTodo{ClientID: r.ClientID, ExternalID: r.ExternalID, Title: r.Title, Summary: r.Summary, URL: r.URL, AssigneeID: r.AssigneeID, RegionCode: r.RegionCode, Priority: r.Priority, DueAt: r.DueAt},
		State:    r.State, Outcome: r.Outcome, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

// personsSince reads persons in the order in which they changed.
func personsSince(ctx context.Context, q bun.IDB, scope access.Scope, at clock.Stamp, id string, limit int) ([]PersonFact, error) {
	var rows []struct {
		ID, Account, Name, CertNo, OrgID, OrgName, RegionCode, State string
		UpdatedAt                                                    clock.Stamp
	}
	s := q.NewSelect().TableExpr("access_persons AS p").Join("JOIN access_orgs AS g ON g.id = p.org_id").
		ColumnExpr("p.id, p.account, p.name, p.cert_no, p.org_id, g.name AS org_name, g.region_code, p.state, p.updated_at").
		Where("(p.updated_at > ? OR (p.updated_at = ? AND p.id > ?))", at, at, id).OrderExpr("p.updated_at, p.id").Limit(int64(limit))
	if err := scope.Filter(s, "g.region_code").Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("read persons: %w", err)
	}
	out := make([]PersonFact, len(rows))
	for i, r := range rows {
		out[i] = PersonFact{ID: r.ID, Account: r.Account, Name: r.Name, CertNo: r.CertNo, OrgID: r.OrgID, OrgName: r.OrgName, RegionCode: r.RegionCode, Active: r.State == "active", UpdatedAt: r.UpdatedAt}
	}
	return out, nil
}

func orgs(ctx context.Context, q bun.IDB, scope access.Scope) ([]OrgFact, error) {
	out := []OrgFact{}
	s := q.NewSelect().TableExpr("access_orgs AS g").ColumnExpr("g.id, g.name, g.kind, g.region_code, g.parent_id").OrderExpr("g.region_code, g.id")
	if err := scope.Filter(s, "g.region_code").Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("read organisations: %w", err)
	}
	return out, nil
}

// openable gives the address of an application that people may be sent to.
func openable(ctx context.Context, q bun.IDB, id string) (route, name string, err error) {
	var r struct{ Route, Name string }
	err = q.NewSelect().TableExpr("integration_entries AS e").ColumnExpr("e.route, e.name").
		Where("e.id = ? AND e.kind = 'app' AND e.internal = 0 AND e.state = 'active' AND e.enabled = 1 AND e.route LIKE 'http%'", id).Scan(ctx, &r)
	if db.NoRows(err) {
		return "", "", errs.NotFound("可以打开的应用")
	}
	if err != nil {
		return "", "", fmt.Errorf("look up application: %w", err)
	}
	return r.Route, r.Name, nil
}

func insertTicket(ctx context.Context, tx db.Tx, r *ticketRow) error {
	if _, err := tx.NewInsert().Model(r).Exec(ctx); err != nil {
		return fmt.Errorf("save ticket: %w", err)
	}
	return nil
}

// useTicket spends a ticket: of several that try at once one wins.
func useTicket(ctx context.Context, tx db.Tx, hash, app string) (string, bool, error) {
	now := clock.At(tx.Now())
	res, err := tx.NewUpdate().Model((*ticketRow)(nil)).Set("used_at = ?", now).Where("t.hash = ? AND t.app_id = ? AND t.used_at IS NULL AND t.ends_at > ?", hash, app, now).Exec(ctx)
	if err != nil {
		return "", false, fmt.Errorf("use ticket: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return "", false, err
	}
	var r ticketRow
	if err := tx.NewSelect().Model(&r).Where("t.hash = ?", hash).Scan(ctx); err != nil {
		return "", false, fmt.Errorf("read ticket: %w", err)
	}
	return r.PersonID, true, nil
}

func todoOf(ctx context.Context, q bun.IDB, client, id string) (OpenTodoState, bool, error) {
	var r todoRow
	err := q.NewSelect().Model(&r).Where("d.client_id = ? AND d.external_id = ?", client, id).Scan(ctx)
	if db.NoRows(err) {
		return OpenTodoState{}, false, nil
	}
	if err != nil {
		return OpenTodoState{}, false, fmt.Errorf("load pushed to-do: %w", err)
	}
	return r.state(), true, nil
}

func saveTodo(ctx context.Context, tx db.Tx, t OpenTodo, state, outcome string) (OpenTodoState, error) {
	now := clock.At(tx.Now())
	r := todoRow{ClientID: t.ClientID, ExternalID: t.ExternalID, Title: t.Title, Summary: t.Summary, URL: t.URL, AssigneeID: t.AssigneeID,
		RegionCode: t.RegionCode, Priority: t.Priority, DueAt: t.DueAt, State: state, Outcome: outcome, CreatedAt: now, UpdatedAt: now}
	q := tx.NewInsert().Model(&r).On("CONFLICT (client_id, external_id) DO UPDATE")
	for _, c := range []string{"title", "summary", "url", "assignee_id", "region_code", "priority", "due_at", "state", "outcome", "updated_at"} {
		q = q.Set("? = EXCLUDED.?", bun.Ident(c), bun.Ident(c))
	}
	if _, err := q.Exec(ctx); err != nil {
		return OpenTodoState{}, fmt.Errorf("save pushed to-do: %w", err)
	}
	out, _, err := todoOf(ctx, tx, t.ClientID, t.ExternalID)
	return out, err
}

func todos(ctx context.Context, q bun.IDB, client, state string, p httpx.Paging) ([]OpenTodoState, int64, error) {
	rows := []todoRow{}
	s := q.NewSelect().Model(&rows).Where("d.client_id = ?", client)
	if state != "" {
		s = s.Where("d.state = ?", state)
	}
	n, err := s.Order("d.updated_at DESC", "d.external_id").Limit(p.Limit()).Offset(p.Offset()).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list pushed to-dos: %w", err)
	}
	out := make([]OpenTodoState, len(rows))
	for i, r := range rows {
		out[i] = r.state()
	}
	return out, n, nil
}

// reserve inserts an idempotency key; fresh is false when it was there.
func reserve(ctx context.Context, tx db.Tx, r replayRow) (replayRow, bool, error) {
	res, err := tx.NewInsert().Model(&r).On("CONFLICT DO NOTHING").Exec(ctx)
	if err != nil {
		return r, false, fmt.Errorf("reserve idempotency key: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return r, true, err
	}
	if err := tx.NewSelect().Model(&r).WherePK().Scan(ctx); err != nil {
		return r, false, fmt.Errorf("read idempotency key: %w", err)
	}
	return r, false, nil
}

func takeOver(ctx context.Context, tx db.Tx, client, key string, now clock.Stamp) error {
	_, err := tx.NewUpdate().Model((*replayRow)(nil)).Set("at = ?", now).Where("p.client_id = ? AND p.idem_key = ?", client, key).Exec(ctx)
	if err != nil {
		return fmt.Errorf("take over idempotency key: %w", err)
	}
	return nil
}

func release(ctx context.Context, tx db.Tx, client, key string) error {
	if _, err := tx.NewDelete().Model((*replayRow)(nil)).Where("p.client_id = ? AND p.idem_key = ?", client, key).Exec(ctx); err != nil {
		return fmt.Errorf("release idempotency key: %w", err)
	}
	return nil
}

func keep(ctx context.Context, tx db.Tx, client, key string, a stored) error {
	_, err := tx.NewUpdate().Model((*replayRow)(nil)).Set("status = ?", a.Status).Set("body = ?", string(a.Body)).Where("p.client_id = ? AND p.idem_key = ?", client, key).Exec(ctx)
	if err != nil {
		return fmt.Errorf("store answer: %w", err)
	}
	return nil
}
