package audit

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

type row struct {
	bun.BaseModel `bun:"table:audit_records,alias:r"`

	Seq        int64 `bun:",pk"`
	ID         string
	At         clock.Stamp
	ActorID    string
	ActorName  string
	OrgID      string
	Act        string
	Object     string
	ObjectID   string
	RegionCode string
	Summary    string
	IP         string `bun:"ip"`
	RequestID  string
	Before     string `bun:"before_json"`
	After      string `bun:"after_json"`
	Reason     string
	Prev       string
	Digest     string
	Alg        string
}

type headRow struct {
	bun.BaseModel `bun:"table:audit_head,alias:h"`

	ID     int `bun:",pk"`
	Seq    int64
	Digest string
	// Mac is the code of both, once there are keys.
	Mac string
}

func lockHead(ctx context.Context, tx db.Tx) (int64, string, error) {
	var h headRow
	if err := db.ForUpdate(tx, tx.NewSelect().Model(&h).Where("h.id = 1")).Scan(ctx); err != nil {
		return 0, "", fmt.Errorf("lock the head of the audit chain: %w", err)
	}
	return h.Seq, h.Digest, nil
}

func appendRow(ctx context.Context, tx db.Tx, r *row) error {
	if _, err := tx.NewInsert().Model(r).Exec(ctx); err != nil {
		return fmt.Errorf("append audit record: %w", err)
	}
	h := headRow{ID: 1, Seq: r.Seq, Digest: r.Digest}
	if c := codes(tx.Attached(codesKey{})); c != nil {
		h.Mac = c.MAC(purpose, h.parts()...)
	}
	_, err := tx.NewUpdate().Model(&h).WherePK().Exec(ctx)
	if err != nil {
		return fmt.Errorf("move the head of the audit chain: %w", err)
	}
	return nil
}

func (h *headRow) parts() []string { return []string{"head", strconv.FormatInt(h.Seq, 10), h.Digest} }

func head(ctx context.Context, d *db.DB) (headRow, error) {
	var h headRow
	if err := d.Read().NewSelect().Model(&h).Where("h.id = 1").Scan(ctx); err != nil {
		return h, fmt.Errorf("read the head of the audit chain: %w", err)
	}
	return h, nil
}

// walk reads records after one in order, up to one, in pages, until f says no.
func walk(ctx context.Context, d *db.DB, after, to int64, f func(*row) bool) error {
	const page = 2000
	for last := after; ; {
		var rows []row
		err := d.Read().NewSelect().Model(&rows).Where("r.seq > ? AND r.seq <= ?", last, to).Order("r.seq").Limit(page).Scan(ctx)
		if err != nil {
			return fmt.Errorf("read audit records: %w", err)
		}
		for i := range rows {
			if !f(&rows[i]) {
				return nil
			}
			last = rows[i].Seq
		}
		if len(rows) < page {
			return nil
		}
	}
}

// pages reads records of a filter newest first.
func pages(ctx context.Context, d *db.DB, f Filter, do func(*row) error) error {
	const page = 1000
	for before := int64(math.MaxInt64); ; {
		var rows []row
		q := f.apply(d.Read().NewSelect().Model(&rows)).Where("r.seq < ?", before).Order("r.seq DESC").Limit(page)
		if err := q.Scan(ctx); err != nil {
			return fmt.Errorf("read audit records: %w", err)
		}
		for i := range rows {
			if err := do(&rows[i]); err != nil {
				return err
			}
			before = rows[i].Seq
		}
		if len(rows) < page {
			return nil
		}
	}
}

func timeline(ctx context.Context, d *db.DB, object, id string, limit int64) ([]row, error) {
	rows := []row{}
	err := d.Read().NewSelect().Model(&rows).Where("r.object = ? AND r.object_id = ?", object, id).Order("r.seq DESC").Limit(limit).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read timeline: %w", err)
	}
	slices.Reverse(rows)
	return rows, nil
}

// Filter narrows a list of records; empty fields do not.
type Filter struct {
	Actor, Act, Object, Q string
	// Region narrows to a prefix within what the reader may see.
	Region   string
	From, To clock.Stamp
	// Prefixes are the region prefixes that the reader may see. Records
	// without a region belong to the whole city, prefix 31.
	Prefixes []string
}

func (f Filter) apply(q *bun.SelectQuery) *bun.SelectQuery {
	if f.Actor != "" {
		q = q.Where("(r.actor_id = ? OR r.actor_name LIKE ? ESCAPE '!')", f.Actor, db.Contains(f.Actor))
	}
	if f.Act != "" {
		q = q.Where("r.act LIKE ? ESCAPE '!'", db.Contains(f.Act))
	}
	if f.Object != "" {
		q = q.Where("(r.object = ? OR r.object_id = ?)", f.Object, f.Object)
	}
	if f.Q != "" {
		q = q.Where("(r.summary LIKE ? ESCAPE '!' OR r.object_id = ? OR r.request_id = ?)", db.Contains(f.Q), f.Q, f.Q)
	}
	if f.From != 0 {
		q = q.Where("r.at >= ?", f.From)
	}
	if f.To != 0 {
		q = q.Where("r.at < ?", f.To)
	}
	if f.Region != "" {
		q = q.Where("r.region_code LIKE ? ESCAPE '!'", db.Starts(f.Region))
	}
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		q = q.Where("1 = 0")
		for _, p := range f.Prefixes {
			if p == "31" {
				return q.WhereOr("1 = 1")
			}
			q = q.WhereOr("r.region_code LIKE ? ESCAPE '!'", db.Starts(p))
		}
		return q
	})
}

func list(ctx context.Context, d *db.DB, f Filter, limit, offset int64) ([]row, int64, error) {
	rows := []row{}
	q := f.apply(d.Read().NewSelect().Model(&rows)).Order("r.seq DESC").Limit(limit).Offset(offset)
	n, err := q.ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list audit records: %w", err)
	}
	return rows, n, nil
}
