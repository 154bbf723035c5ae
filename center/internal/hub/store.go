package hub

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

type streamRow struct {
	bun.BaseModel `bun:"table:hub_streams,alias:s"`

	Edge        string `bun:",pk"`
	Epoch       string `bun:",pk"`
	Seqs        string
	Gaps        string
	ReportedSeq int64
	FirstAt     clock.Stamp
	LastAt      clock.Stamp
}

type messageRow struct {
	bun.BaseModel `bun:"table:hub_messages,alias:m"`

	Edge       string `bun:",pk"`
	Epoch      string `bun:",pk"`
	Seq        int64  `bun:",pk"`
	ID         string
	EventID    string
	EventRev   int
	MadeAt     clock.Stamp
	MadeYMD    int `bun:"made_ymd"`
	ReceivedAt clock.Stamp
	Body       string
}

type rejectionRow struct {
	bun.BaseModel `bun:"table:hub_rejections,alias:r"`

	Edge    string `bun:",pk"`
	Epoch   string `bun:",pk"`
	Seq     int64  `bun:",pk"`
	Field   string
	Message string
	At      clock.Stamp
}

type reconcileRow struct {
	bun.BaseModel `bun:"table:hub_reconciles,alias:c"`

	Edge    string `bun:",pk"`
	Ymd     int    `bun:",pk"`
	BoxMade int64
	Stored  int64
	Missing string
	Gaps    string
	At      clock.Stamp
}

// numbering is a box's stream, unpacked.
type numbering struct {
	row   streamRow
	seqs  Ranges
	gaps  Ranges
	fresh bool
}

// lockStream reads a stream and holds it until the transaction ends.
func lockStream(ctx context.Context, tx db.Tx, edge, epoch string) (*numbering, error) {
	var r streamRow
	err := db.ForUpdate(tx, tx.NewSelect().Model(&r).Where("s.edge = ? AND s.epoch = ?", edge, epoch)).Scan(ctx)
	if db.NoRows(err) {
		now := clock.At(tx.Now())
		return &numbering{row: streamRow{Edge: edge, Epoch: epoch, Seqs: "[]", Gaps: "[]", FirstAt: now, LastAt: now}, fresh: true}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read stream of box %s: %w", edge, err)
	}
	return unpack(r)
}

func unpack(r streamRow) (*numbering, error) {
	seqs, err := parseRanges(r.Seqs)
	if err != nil {
		return nil, err
	}
	gaps, err := parseRanges(r.Gaps)
	if err != nil {
		return nil, err
	}
	return &numbering{row: r, seqs: seqs, gaps: gaps}, nil
}

func saveStream(ctx context.Context, tx db.Tx, n *numbering) error {
	n.row.Seqs, n.row.Gaps, n.row.LastAt = n.seqs.text(), n.gaps.text(), clock.At(tx.Now())
	q := tx.NewInsert().Model(&n.row)
	if !n.fresh {
		_, err := tx.NewUpdate().Model(&n.row).WherePK().Exec(ctx)
		if err != nil {
			return fmt.Errorf("save stream of box %s: %w", n.row.Edge, err)
		}
		return nil
	}
	if _, err := q.Exec(ctx); err != nil {
		return fmt.Errorf("save stream of box %s: %w", n.row.Edge, err)
	}
	n.fresh = false
	return nil
}

func insertMessages(ctx context.Context, tx db.Tx, rows []messageRow) error {
	if err := db.InsertAll(ctx, tx, rows, ""); err != nil {
		return fmt.Errorf("store messages: %w", err)
	}
	return nil
}

func insertRejections(ctx context.Context, tx db.Tx, rows []rejectionRow) error {
	if len(rows) == 0 {
		return nil
	}
	if _, err := tx.NewInsert().Model(&rows).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("store rejections: %w", err)
	}
	return nil
}

func rejectionsOf(ctx context.Context, tx db.Tx, edge, epoch string, seqs []int64) ([]rejectionRow, error) {
	var rows []rejectionRow
	err := tx.NewSelect().Model(&rows).Where("r.edge = ? AND r.epoch = ? AND r.seq IN (?)", edge, epoch, bun.List(seqs)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read rejections: %w", err)
	}
	return rows, nil
}

// streamsOf reads all numberings of a box, oldest first.
func streamsOf(ctx context.Context, q bun.IDB, edge string) ([]streamRow, error) {
	var rows []streamRow
	if err := q.NewSelect().Model(&rows).Where("s.edge = ?", edge).Order("s.first_at").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read streams of box %s: %w", edge, err)
	}
	return rows, nil
}

type dayCount struct {
	Epoch string
	First int64
	Last  int64
	N     int64
}

// dayCounts counts the messages that a box made on a day.
func dayCounts(ctx context.Context, q bun.IDB, edge string, ymd int) ([]dayCount, error) {
	var rows []dayCount
	err := q.NewSelect().TableExpr("hub_messages AS m").
		ColumnExpr("m.epoch AS epoch, MIN(m.seq) AS first, MAX(m.seq) AS last, COUNT(*) AS n").
		Where("m.edge = ? AND m.made_ymd = ?", edge, ymd).GroupExpr("m.epoch").OrderExpr("m.epoch").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("count messages of box %s: %w", edge, err)
	}
	return rows, nil
}

// lastBefore is the greatest number that a box made before a day.
func lastBefore(ctx context.Context, q bun.IDB, edge, epoch string, ymd int) (int64, error) {
	var n int64
	err := q.NewSelect().TableExpr("hub_messages AS m").ColumnExpr("COALESCE(MAX(m.seq), 0)").
		Where("m.edge = ? AND m.epoch = ? AND m.made_ymd < ?", edge, epoch, ymd).Scan(ctx, &n)
	if err != nil {
		return 0, fmt.Errorf("find the day's first number of box %s: %w", edge, err)
	}
	return n, nil
}

func saveReconcile(ctx context.Context, tx db.Tx, r *reconcileRow) error {
	_, err := tx.NewInsert().Model(r).On("CONFLICT (edge, ymd) DO UPDATE").
		Set("box_made = EXCLUDED.box_made").Set("stored = EXCLUDED.stored").Set("missing = EXCLUDED.missing").
		Set("gaps = EXCLUDED.gaps").Set("at = EXCLUDED.at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("store reconciliation: %w", err)
	}
	return nil
}

func edgesSince(ctx context.Context, q bun.IDB, since clock.Stamp) ([]string, error) {
	var list []string
	err := q.NewSelect().TableExpr("hub_streams AS s").ColumnExpr("DISTINCT s.edge").Where("s.last_at >= ?", since).OrderExpr("s.edge").Scan(ctx, &list)
	if err != nil {
		return nil, fmt.Errorf("list active boxes: %w", err)
	}
	return list, nil
}
