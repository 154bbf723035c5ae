package workflow

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/workflow/engine"
)

// Filter narrows the list of instances.
type Filter struct {
	// Tab is started, handled, cc, or all for those who look after
	// processes.
	Tab      string
	Process  string
	State    string
	Region   string
	Overdue  bool
	From, To *clock.Stamp
}

func (f Filter) apply(q *bun.SelectQuery, who access.Actor, text string, now clock.Stamp) *bun.SelectQuery {
	switch f.Tab {
	case "all":
		q = who.ScopeFor(access.WorkflowMonitor).Filter(q, "i.region_code")
	default:
		role := map[string]string{"handled": "handler", "cc": "cc"}[f.Tab]
		if role == "" {
			role = "starter"
		}
		q = q.Where("EXISTS (SELECT 1 FROM workflow_people AS wp WHERE wp.instance_id = i.id AND wp.person_id = ? AND wp.role = ?)", who.ID, role)
	}
	if f.Process != "" {
		q = q.Where("i.process = ?", f.Process)
	}
	if f.State != "" {
		q = q.Where("i.state = ?", f.State)
	}
	if f.Region != "" {
		q = q.Where("i.region_code LIKE ?", f.Region+"%")
	}
	if f.Overdue {
		q = q.Where("i.state = ?", engine.Running).Where("i.due_at <= ?", now)
	}
	if f.From != nil {
		q = q.Where("i.created_at >= ?", *f.From)
	}
	if f.To != nil {
		q = q.Where("i.created_at < ?", *f.To)
	}
	if text != "" {
		like := db.Contains(text)
		q = q.Where("(i.title LIKE ? ESCAPE '!' OR i.no LIKE ? ESCAPE '!' OR i.starter_name LIKE ? ESCAPE '!' OR i.at_nodes LIKE ? ESCAPE '!')", like, like, like, like)
	}
	return q
}

func listInstances(ctx context.Context, q bun.IDB, who access.Actor, f Filter, p httpx.Paging, now clock.Stamp) ([]*Instance, int64, error) {
	order, err := p.Order(map[string]string{"createdAt": "i.created_at", "no": "i.no", "dueAt": "i.due_at", "endedAt": "i.ended_at", "process": "i.process"}, "i.created_at DESC")
	if err != nil {
		return nil, 0, err
	}
	var rows []instanceRow
	n, err := f.apply(q.NewSelect().Model(&rows).ExcludeColumn("data", "vars", "tokens", "taken"), who, p.Q, now).OrderExpr(order).OrderExpr("i.id").Limit(p.Limit()).Offset(p.Offset()).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list instances: %w", err)
	}
	out := make([]*Instance, 0, len(rows))
	for i := range rows {
		in, err := rows[i].instance()
		if err != nil {
			return nil, 0, err
		}
		out = append(out, in)
	}
	return out, int64(n), nil
}

func instancesOfRecord(ctx context.Context, q bun.IDB, record, id string) ([]string, error) {
	var out []string
	if err := q.NewSelect().Table("workflow_instances").Column("id").Where("record = ?", record).Where("record_id = ?", id).Order("created_at DESC").Limit(50).Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("read instances of %s %s: %w", record, id, err)
	}
	return out, nil
}
