package alerts

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
)

// Group is what a person looks at together: alerts of one kind at one shop and
// spot that wait for a decision.
type Group struct {
	Key            string
	Kind           string
	N              int64
	Looks          int64 // how many different pictures
	Clues          int64 // of them not fit for evidence
	Oldest, Newest clock.Stamp
	MinScore       float64
	MaxScore       float64
	// First and Last are the oldest and the newest alert.
	First, Last Alert
}

type groupRow struct {
	GroupKey           string
	Kind               string
	N, Looks, Clues    int64
	Oldest, Newest     clock.Stamp
	MinScore, MaxScore float64
	FirstID, LastID    string
}

func groupOrder(sort string) (string, error) {
	p := httpx.Paging{Sort: sort}
	return p.Order(map[string]string{"n": "n", "newest": "newest", "oldest": "oldest", "score": "max_score"}, "n DESC")
}

// groups lists the groups of a filter, and how many alerts all of them hold.
func groups(ctx context.Context, idb bun.IDB, who access.Actor, f Filter, p httpx.Paging) (list []Group, total, alerts int64, err error) {
	order, err := groupOrder(p.Sort)
	if err != nil {
		return nil, 0, 0, err
	}
	base := func() *bun.SelectQuery {
		return f.apply(idb.NewSelect().Model((*itemRow)(nil)), who).Where("a.group_key <> ''").Group("a.group_key")
	}
	var sum struct{ Total, Alerts int64 }
	err = idb.NewSelect().TableExpr("(?) AS x", base().ColumnExpr("COUNT(*) AS n")).ColumnExpr("COUNT(*) AS total, COALESCE(SUM(x.n), 0) AS alerts").Scan(ctx, &sum)
	if err != nil {
		return nil, 0, 0, fmt.Errorf("count groups: %w", err)
	}
	rows := []groupRow{}
	err = base().ColumnExpr("a.group_key, MIN(a.kind) AS kind, COUNT(*) AS n, COUNT(DISTINCT a.look) AS looks").
		ColumnExpr("SUM(CASE WHEN a.evidence_use = 'clue' THEN 1 ELSE 0 END) AS clues").
		ColumnExpr("MIN(a.received_at) AS oldest, MAX(a.received_at) AS newest, MIN(a.score) AS min_score, MAX(a.score) AS max_score").
		ColumnExpr("MIN(a.id) AS first_id, MAX(a.id) AS last_id").
		OrderExpr("?, group_key", bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset()).Scan(ctx, &rows)
	if err != nil {
		return nil, 0, 0, fmt.Errorf("list groups: %w", err)
	}
	ids := []string{}
	for _, r := range rows {
		ids = append(ids, r.FirstID, r.LastID)
	}
	byID, err := alertsByID(ctx, idb, ids)
	if err != nil {
		return nil, 0, 0, err
	}
	for _, r := range rows {
		list = append(list, Group{
			Key: r.GroupKey, Kind: r.Kind, N: r.N, Looks: r.Looks, Clues: r.Clues, Oldest: r.Oldest, Newest: r.Newest,
			MinScore: r.MinScore, MaxScore: r.MaxScore, First: byID[r.FirstID], Last: byID[r.LastID],
		})
	}
	return list, sum.Total, sum.Alerts, nil
}

func alertsByID(ctx context.Context, idb bun.IDB, ids []string) (map[string]Alert, error) {
	out := map[string]Alert{}
	if len(ids) == 0 {
		return out, nil
	}
	rows := []itemRow{}
	if err := idb.NewSelect().Model(&rows).Where("a.id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("load alerts: %w", err)
	}
	for i := range rows {
		out[rows[i].ID] = rows[i].alert()
	}
	return out, nil
}

// lookRow is an open alert whose picture was not compared.
type lookRow struct {
	ID, GroupKey, Thumb string
}

func unlooked(ctx context.Context, idb bun.IDB, before clock.Stamp, limit int) ([]lookRow, error) {
	out := []lookRow{}
	err := idb.NewSelect().Model((*itemRow)(nil)).Column("a.id", "a.group_key", "a.thumb").
		Where("a.group_key <> '' AND a.look = 0 AND a.look_tried_at < ?", before).Order("a.look_tried_at", "a.id").Limit(int64(limit)).Scan(ctx, &out)
	if err != nil {
		return nil, fmt.Errorf("list pictures to compare: %w", err)
	}
	return out, nil
}

// looksOf gives the compared pictures of a group, the newest ones.
func looksOf(ctx context.Context, tx db.Tx, group string) ([]seenLook, error) {
	out := []seenLook{}
	err := tx.NewSelect().Model((*itemRow)(nil)).ColumnExpr("a.look, a.look_hash AS hash").
		Where("a.group_key = ? AND a.group_key <> '' AND a.look > 0", group).Order("a.received_at DESC").Limit(500).Scan(ctx, &out)
	if err != nil {
		return nil, fmt.Errorf("load the pictures of a group: %w", err)
	}
	return out, nil
}

func setLook(ctx context.Context, tx db.Tx, id string, look int, hash int64) error {
	_, err := tx.NewUpdate().Model((*itemRow)(nil)).Set("look = ?, look_hash = ?, look_tried_at = ?", look, hash, clock.At(tx.Now())).Where("id = ?", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("store how a picture looks: %w", err)
	}
	return nil
}

func triedLook(ctx context.Context, tx db.Tx, id string) error {
	_, err := tx.NewUpdate().Model((*itemRow)(nil)).Set("look_tried_at = ?", clock.At(tx.Now())).Where("id = ?", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note a picture that has not arrived: %w", err)
	}
	return nil
}
