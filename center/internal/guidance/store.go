package guidance

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/grams"
	"jiexun/center/internal/platform/httpx"
)

type guideRow struct {
	bun.BaseModel `bun:"table:guide_items,alias:g"`

	ID          string `bun:",pk"`
	Kind        string
	Title       string
	Summary     string
	Body        string
	Trades      string
	Causes      string
	Source      string
	ItemID      string
	Version     int
	State       string
	FromAt      clock.Stamp
	ToAt        *clock.Stamp
	WrittenBy   string
	WrittenName string
	WrittenAt   clock.Stamp
	DecidedBy   string
	DecidedAt   *clock.Stamp
	Note        string
	Reads       int64 `bun:",scanonly"`
	Useful      int64 `bun:",scanonly"`
	Useless     int64 `bun:",scanonly"`
}

func inList(l []string) string {
	if len(l) == 0 {
		return ""
	}
	return "," + strings.Join(l, ",") + ","
}

func outList(s string) []string {
	if s = strings.Trim(s, ","); s == "" {
		return []string{}
	}
	return strings.Split(s, ",")
}

func (r *guideRow) guide() Guide {
	return Guide{
		ID: r.ID, ItemID: r.ItemID, Version: r.Version, Kind: r.Kind, Title: r.Title, Summary: r.Summary, Body: r.Body, Trades: outList(r.Trades), Causes: outList(r.Causes),
		Source: r.Source, State: r.State, From: r.FromAt, To: r.ToAt, WrittenName: r.WrittenName, WrittenAt: r.WrittenAt, Note: r.Note,
		Reads: r.Reads, Useful: r.Useful, Useless: r.Useless, writtenBy: r.WrittenBy,
	}
}

// withFigures adds how often an item was read and what readers said.
func withFigures(q *bun.SelectQuery) *bun.SelectQuery {
	return q.ColumnExpr("g.*").
		ColumnExpr("(SELECT COUNT(*) FROM guide_reads AS d WHERE d.item_id = g.item_id) AS reads").
		ColumnExpr("(SELECT COUNT(*) FROM guide_votes AS v WHERE v.item_id = g.item_id AND v.useful = 1) AS useful").
		ColumnExpr("(SELECT COUNT(*) FROM guide_votes AS v WHERE v.item_id = g.item_id AND v.useful = 0) AS useless")
}

func insert(ctx context.Context, tx db.Tx, g Guide) error {
	r := guideRow{
		ID: g.ID, Kind: g.Kind, Title: g.Title, Summary: g.Summary, Body: g.Body, Trades: inList(g.Trades), Causes: inList(g.Causes), Source: g.Source, ItemID: g.ItemID,
		Version: g.Version, State: g.State, FromAt: g.From, ToAt: g.To, WrittenBy: g.writtenBy, WrittenName: g.WrittenName, WrittenAt: g.WrittenAt, Note: g.Note,
	}
	if _, err := tx.NewInsert().Model(&r).Exec(ctx); err != nil {
		return fmt.Errorf("insert guide: %w", err)
	}
	for _, w := range grams.Of(g.Title, g.Summary, g.Body) {
		if _, err := tx.NewRaw("INSERT INTO guide_grams (gram, guide_id) VALUES (?, ?) ON CONFLICT DO NOTHING", w, g.ID).Exec(ctx); err != nil {
			return fmt.Errorf("insert words of guide: %w", err)
		}
	}
	return nil
}

func scan(ctx context.Context, q *bun.SelectQuery, rows *[]guideRow) ([]Guide, error) {
	if err := withFigures(q).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read guides: %w", err)
	}
	out := make([]Guide, len(*rows))
	for i := range *rows {
		out[i] = (*rows)[i].guide()
	}
	return out, nil
}

func load(ctx context.Context, tx db.Tx, id string) (Guide, bool, error) {
	rows := []guideRow{}
	l, err := scan(ctx, tx.NewSelect().Model(&rows).Where("g.id = ?", id), &rows)
	if err != nil || len(l) == 0 {
		return Guide{}, false, err
	}
	return l[0], true, nil
}

func versions(ctx context.Context, idb bun.IDB, item string) ([]Guide, error) {
	rows := []guideRow{}
	return scan(ctx, idb.NewSelect().Model(&rows).Where("g.item_id = ?", item).Order("g.version DESC"), &rows)
}

func inForce(ctx context.Context, idb bun.IDB, item string, at clock.Stamp) (Guide, bool, error) {
	rows := []guideRow{}
	l, err := scan(ctx, idb.NewSelect().Model(&rows).Where("g.item_id = ? AND g.state = 'published' AND g.from_at <= ? AND (g.to_at IS NULL OR g.to_at > ?)", item, at, at).Order("g.version DESC").Limit(1), &rows)
	if err != nil || len(l) == 0 {
		return Guide{}, false, err
	}
	return l[0], true, nil
}

func retire(ctx context.Context, tx db.Tx, g Guide) error {
	_, err := tx.NewUpdate().Model((*guideRow)(nil)).Set("state = 'retired'").Where("item_id = ? AND state = 'published' AND id <> ?", g.ItemID, g.ID).Exec(ctx)
	if err != nil {
		return fmt.Errorf("retire guides: %w", err)
	}
	return nil
}

func decide(ctx context.Context, tx db.Tx, id, state, by, note string) error {
	_, err := tx.NewUpdate().Model((*guideRow)(nil)).Set("state = ?", state).Set("decided_by = ?", by).Set("decided_at = ?", clock.At(tx.Now())).Set("note = ?", note).Where("id = ?", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("decide guide: %w", err)
	}
	return nil
}

// Filter narrows the guidance; a zero field does not.
type Filter struct {
	Kind, State, Trade, Cause string
	// At keeps those that hold at a moment.
	At *clock.Stamp
	Q  string
}

func (f Filter) apply(q *bun.SelectQuery) *bun.SelectQuery {
	if f.State == "" {
		q = q.Where("g.version = (SELECT MAX(h.version) FROM guide_items AS h WHERE h.item_id = g.item_id)")
	} else {
		q = q.Where("g.state = ?", f.State)
	}
	if f.Kind != "" {
		q = q.Where("g.kind = ?", f.Kind)
	}
	if f.Trade != "" {
		q = q.Where("(g.trades = '' OR g.trades LIKE ? ESCAPE '!')", db.Contains(","+f.Trade+","))
	}
	if f.Cause != "" {
		q = q.Where("g.causes LIKE ? ESCAPE '!'", db.Contains(","+f.Cause+","))
	}
	if f.At != nil {
		q = q.Where("g.from_at <= ? AND (g.to_at IS NULL OR g.to_at > ?)", *f.At, *f.At)
	}
	if f.Q == "" {
		return q
	}
	ask := grams.Ask(f.Q)
	if ask.Empty() {
		return q.Where("1 = 0")
	}
	if len(ask.Pairs) > 0 {
		q = q.Where("g.id IN (SELECT w.guide_id FROM guide_grams AS w WHERE w.gram IN (?) GROUP BY w.guide_id HAVING COUNT(*) = ?)", bun.List(ask.Pairs), len(ask.Pairs))
	}
	for _, s := range ask.Starts {
		q = q.Where("g.id IN (SELECT w.guide_id FROM guide_grams AS w WHERE w.gram >= ? AND w.gram < ?)", s, grams.After(s))
	}
	return q
}

func list(ctx context.Context, idb bun.IDB, f Filter, p httpx.Paging) ([]Guide, int64, error) {
	order, err := p.Order(map[string]string{"writtenAt": "g.written_at", "title": "g.title", "reads": "reads", "useful": "useful"}, "g.written_at DESC")
	if err != nil {
		return nil, 0, err
	}
	n, err := f.apply(idb.NewSelect().Model((*guideRow)(nil))).Count(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("count guides: %w", err)
	}
	rows := []guideRow{}
	out, err := scan(ctx, f.apply(idb.NewSelect().Model(&rows)).OrderExpr("?, g.id DESC", bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset()), &rows)
	return out, n, err
}

// Day counts the readers of a day.
type Day struct {
	Ymd int   `json:"ymd"`
	N   int64 `json:"n"`
}

func days(ctx context.Context, idb bun.IDB, item string) ([]Day, error) {
	out := []Day{}
	if err := idb.NewRaw("SELECT ymd, COUNT(*) AS n FROM guide_reads WHERE item_id = ? GROUP BY ymd ORDER BY ymd DESC", item).Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("read readers of guide: %w", err)
	}
	return out, nil
}

func addRead(ctx context.Context, tx db.Tx, item, reader string) error {
	_, err := tx.NewRaw("INSERT INTO guide_reads (item_id, ymd, reader, read_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", item, clock.YMD(tx.Now()), reader, clock.At(tx.Now())).Exec(ctx)
	if err != nil {
		return fmt.Errorf("count a reader: %w", err)
	}
	return nil
}

func putVote(ctx context.Context, tx db.Tx, item, reader string, useful bool) error {
	n := 0
	if useful {
		n = 1
	}
	_, err := tx.NewRaw("INSERT INTO guide_votes (item_id, reader, useful, voted_at) VALUES (?, ?, ?, ?) ON CONFLICT (item_id, reader) DO UPDATE SET useful = EXCLUDED.useful, voted_at = EXCLUDED.voted_at",
		item, reader, n, clock.At(tx.Now())).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note a vote: %w", err)
	}
	return nil
}

// seed stores the first guidance, in our own words.
func seed(ctx context.Context, tx db.Tx) error {
	have, err := tx.NewSelect().Model((*guideRow)(nil)).Where("g.id = ?", "guide-seed-1").Exists(ctx)
	if err != nil || have {
		return err
	}
	now := clock.At(tx.Now())
	for i, g := range firstGuides() {
		g.ID = fmt.Sprintf("guide-seed-%d", i+1)
		g.ItemID, g.Version, g.State, g.WrittenName, g.WrittenAt, g.writtenBy, g.Note = g.ID, 1, "published", "系统内置", now, "system", "自拟说明，待法制部门确认"
		if err := insert(ctx, tx, g); err != nil {
			return err
		}
	}
	return nil
}
