package shops

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

type versionRow struct {
	bun.BaseModel `bun:"table:shop_versions,alias:v"`

	ID      string `bun:",pk"`
	ShopID  string
	Rev     int64
	At      clock.Stamp
	ByID    string
	ByName  string
	Act     string
	Reason  string
	OpID    string
	Body    string
	Contact string
}

// keepVersions writes states; one that is there already stays.
func keepVersions(ctx context.Context, tx db.Tx, rows []versionRow) error {
	if err := db.InsertAll(ctx, tx, rows, "ON CONFLICT (shop_id, rev) DO NOTHING"); err != nil {
		return fmt.Errorf("keep the history of shops: %w", err)
	}
	return nil
}

func versions(ctx context.Context, idb bun.IDB, shop string, limit int64) ([]versionRow, error) {
	rows := []versionRow{}
	if err := idb.NewSelect().Model(&rows).Where("v.shop_id = ?", shop).OrderExpr("v.rev DESC").Limit(limit).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read the history of shop %s: %w", shop, err)
	}
	return rows, nil
}

func versionAt(ctx context.Context, idb bun.IDB, shop string, rev int64) (versionRow, error) {
	var r versionRow
	err := idb.NewSelect().Model(&r).Where("v.shop_id = ? AND v.rev = ?", shop, rev).Scan(ctx)
	if db.NoRows(err) {
		return r, errs.NotFound("商铺的历史版本")
	}
	if err != nil {
		return r, fmt.Errorf("read version %d of shop %s: %w", rev, shop, err)
	}
	return r, nil
}

type opRow struct {
	bun.BaseModel `bun:"table:shop_ops,alias:o"`

	ID         string `bun:",pk"`
	Kind       string
	At         clock.Stamp
	ByID       string
	ByName     string
	RegionCode string
	Summary    string
	Body       string
	UndoneAt   *clock.Stamp
	UndoneBy   string
}

type opShopRow struct {
	bun.BaseModel `bun:"table:shop_op_shops,alias:p"`

	OpID   string
	ShopID string `bun:",pk"`
}

func insertOp(ctx context.Context, tx db.Tx, r opRow, shops []string) error {
	if _, err := tx.NewInsert().Model(&r).Exec(ctx); err != nil {
		return fmt.Errorf("note the act on shops: %w", err)
	}
	rows := make([]opShopRow, len(shops))
	for i, id := range shops {
		rows[i] = opShopRow{OpID: r.ID, ShopID: id}
	}
	if err := db.InsertAll(ctx, tx, rows, "ON CONFLICT DO NOTHING"); err != nil {
		return fmt.Errorf("note the act on shops: %w", err)
	}
	return nil
}

func opByID(ctx context.Context, tx db.Tx, who access.Actor, id string) (opRow, error) {
	var r opRow
	err := who.Scope.Filter(db.ForUpdate(tx, tx.NewSelect().Model(&r)).Where("o.id = ?", id), "o.region_code").Scan(ctx)
	if db.NoRows(err) {
		return r, errs.NotFound("操作")
	}
	if err != nil {
		return r, fmt.Errorf("load the act %s: %w", id, err)
	}
	return r, nil
}

func setUndone(ctx context.Context, tx db.Tx, id, by string) error {
	_, err := tx.NewUpdate().Model((*opRow)(nil)).Set("undone_at = ?, undone_by = ?", clock.At(tx.Now()), by).Where("o.id = ?", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note that the act %s is undone: %w", id, err)
	}
	return nil
}

// opsOf lists the acts on a shop, newest first.
func opsOf(ctx context.Context, idb bun.IDB, shop string) ([]opRow, error) {
	rows := []opRow{}
	err := idb.NewSelect().Model(&rows).Where("o.id IN (SELECT p.op_id FROM shop_op_shops AS p WHERE p.shop_id = ?)", shop).OrderExpr("o.at DESC, o.id DESC").Limit(50).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the acts on shop %s: %w", shop, err)
	}
	return rows, nil
}

type gramRow struct {
	bun.BaseModel `bun:"table:shop_grams"`

	Gram int64
	ID   string
}

// setGrams replaces the search keys of shops.
func setGrams(ctx context.Context, tx db.Tx, keys map[string][]int64) error {
	if len(keys) == 0 {
		return nil
	}
	ids, rows := make([]string, 0, len(keys)), []gramRow{}
	for id, list := range keys {
		ids = append(ids, id)
		for _, k := range list {
			rows = append(rows, gramRow{Gram: k, ID: id})
		}
	}
	for len(ids) > 0 {
		n := min(len(ids), 500)
		if _, err := tx.NewDelete().Model((*gramRow)(nil)).Where("id IN (?)", bun.List(ids[:n])).Exec(ctx); err != nil {
			return fmt.Errorf("index shops: %w", err)
		}
		ids = ids[n:]
	}
	if err := db.InsertAll(ctx, tx, rows, "ON CONFLICT DO NOTHING"); err != nil {
		return fmt.Errorf("index shops: %w", err)
	}
	return nil
}

// stale loads rows that an older version indexed.
func stale(ctx context.Context, tx db.Tx, limit int64) ([]shopRow, error) {
	rows := []shopRow{}
	err := db.SkipLocked(tx, tx.NewSelect().Model(&rows).Where("h.indexed < ?", indexVersion).OrderExpr("h.indexed, h.id").Limit(limit)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("load shops to index: %w", err)
	}
	return rows, nil
}

// setIndexed writes what indexing finds out; the shop itself stays as it is.
func setIndexed(ctx context.Context, tx db.Tx, r *shopRow) error {
	_, err := tx.NewUpdate().Model(r).Column("search", "road", "house_no", "side", "no", "contact", "contact_blind", "contact_mask", "indexed").Where("h.id = ? AND h.rev = ?", r.ID, r.Rev).Exec(ctx)
	if err != nil {
		return fmt.Errorf("index shop %s: %w", r.ID, err)
	}
	return nil
}

type pictureRow struct {
	bun.BaseModel `bun:"table:shop_pictures,alias:p"`

	ShopID    string `bun:",pk"`
	SM3       string `bun:"sm3,pk"`
	Kind      string
	Note      string
	CreatedAt clock.Stamp
	ByName    string
}

func pictures(ctx context.Context, idb bun.IDB, shop string) ([]pictureRow, error) {
	rows := []pictureRow{}
	if err := idb.NewSelect().Model(&rows).Where("p.shop_id = ?", shop).OrderExpr("p.created_at DESC, p.sm3").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list the pictures of shop %s: %w", shop, err)
	}
	return rows, nil
}

func addPicture(ctx context.Context, tx db.Tx, r pictureRow) error {
	_, err := tx.NewInsert().Model(&r).On("CONFLICT (shop_id, sm3) DO UPDATE").Set("kind = EXCLUDED.kind, note = EXCLUDED.note").Exec(ctx)
	if err != nil {
		return fmt.Errorf("add a picture to shop %s: %w", r.ShopID, err)
	}
	return nil
}

func dropPicture(ctx context.Context, tx db.Tx, shop, sm3 string) (bool, error) {
	res, err := tx.NewDelete().Model((*pictureRow)(nil)).Where("shop_id = ? AND sm3 = ?", shop, sm3).Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("drop a picture of shop %s: %w", shop, err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// movePictures gives the pictures of one shop to another.
func copyPictures(ctx context.Context, tx db.Tx, from, to string) error {
	_, err := tx.NewRaw(`INSERT INTO shop_pictures (shop_id, sm3, kind, note, created_at, by_name) SELECT ?, sm3, kind, note, created_at, by_name FROM shop_pictures WHERE shop_id = ? ON CONFLICT DO NOTHING`, to, from).Exec(ctx)
	if err != nil {
		return fmt.Errorf("copy the pictures of shop %s: %w", from, err)
	}
	return nil
}

// markSeen notes that a shop was seen as itself.
func markSeen(ctx context.Context, tx db.Tx, shop string, at clock.Stamp) error {
	_, err := tx.NewUpdate().Model((*shopRow)(nil)).Set("seen_at = ?", at).Where("h.id = ? AND (h.seen_at IS NULL OR h.seen_at < ?)", shop, at).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note that shop %s was seen: %w", shop, err)
	}
	return nil
}
