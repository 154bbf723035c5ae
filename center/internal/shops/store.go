package shops

import (
	"context"
	"fmt"
	"math"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

type shopRow struct {
	bun.BaseModel `bun:"table:shop_items,alias:h"`

	ID               string `bun:",pk"`
	Name             string
	SignName         string
	Address          string
	RegionCode       string
	StreetName       string
	Lng, Lat         float64
	Business         string
	Contact          string
	CameraID         string
	ZoneID           string
	SignReferenceSM3 string `bun:"sign_reference_sm3"`
	Search           string
	CreatedAt        clock.Stamp
	UpdatedAt        clock.Stamp
	DeletedAt        *clock.Stamp
	Rev              int64
}

func (r *shopRow) shop() Shop {
	return Shop{
		ID: r.ID, Name: r.Name, SignName: r.SignName, Address: r.Address, RegionCode: r.RegionCode, StreetName: r.StreetName,
		Lng: r.Lng, Lat: r.Lat, Business: r.Business, Contact: r.Contact, CameraID: r.CameraID, ZoneID: r.ZoneID,
		SignReferenceSM3: r.SignReferenceSM3, DeletedAt: r.DeletedAt, Rev: r.Rev,
	}
}

func rowOf(s Shop) *shopRow {
	return &shopRow{
		ID: s.ID, Name: s.Name, SignName: s.SignName, Address: s.Address, RegionCode: s.RegionCode, StreetName: s.StreetName,
		Lng: s.Lng, Lat: s.Lat, Business: s.Business, Contact: s.Contact, CameraID: s.CameraID, ZoneID: s.ZoneID,
		SignReferenceSM3: s.SignReferenceSM3, Search: s.Name + " " + s.SignName + " " + s.Address + " " + s.StreetName + " " + s.Business,
		DeletedAt: s.DeletedAt, Rev: s.Rev,
	}
}

func get(ctx context.Context, idb bun.IDB, who access.Actor, id string) (Shop, error) {
	var r shopRow
	err := who.Scope.Filter(idb.NewSelect().Model(&r).Where("h.id = ? AND h.deleted_at IS NULL", id), "h.region_code").Scan(ctx)
	if db.NoRows(err) {
		return Shop{}, errs.NotFound("商铺")
	}
	if err != nil {
		return Shop{}, fmt.Errorf("load shop %s: %w", id, err)
	}
	return r.shop(), nil
}

func insert(ctx context.Context, tx db.Tx, s Shop) error {
	r := rowOf(s)
	r.CreatedAt, r.UpdatedAt = clock.At(tx.Now()), clock.At(tx.Now())
	if _, err := tx.NewInsert().Model(r).Exec(ctx); err != nil {
		return fmt.Errorf("save shop %s: %w", s.Name, err)
	}
	return nil
}

func update(ctx context.Context, tx db.Tx, s Shop) (Shop, error) {
	r := rowOf(s)
	r.Rev++
	r.UpdatedAt = clock.At(tx.Now())
	res, err := tx.NewUpdate().Model(r).ExcludeColumn("created_at").Where("h.id = ? AND h.rev = ?", s.ID, s.Rev).Exec(ctx)
	if err != nil {
		return s, fmt.Errorf("save shop %s: %w", s.Name, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return s, fmt.Errorf("save shop %s: %w", s.Name, err)
	}
	if n == 0 {
		return s, changed(s)
	}
	s.Rev++
	return s, nil
}

func changed(s Shop) error {
	return errs.Conflict("商铺“" + s.Name + "”已被他人修改，请刷新后再改")
}

// Filter narrows lists; a zero field does not.
type Filter struct {
	Region, Camera, Q string
}

func (f Filter) apply(q *bun.SelectQuery, who access.Actor) *bun.SelectQuery {
	q = who.Scope.Filter(q.Where("h.deleted_at IS NULL"), "h.region_code")
	if f.Region != "" {
		q = access.Scope{Prefixes: []string{f.Region}}.Filter(q, "h.region_code")
	}
	if f.Camera != "" {
		q = q.Where("(h.camera_id = ? OR h.id IN (SELECT z.shop_id FROM v_directory_zones AS z WHERE z.camera_id = ?))", f.Camera, f.Camera)
	}
	if f.Q != "" {
		q = q.Where("h.search LIKE ? ESCAPE '!'", db.Contains(f.Q))
	}
	return q
}

// Listed is a shop with the number of its open alerts and orders.
type Listed struct {
	Shop                   Shop
	OpenAlerts, OpenOrders int64
}

func list(ctx context.Context, idb bun.IDB, who access.Actor, f Filter, p httpx.Paging) ([]Listed, int64, error) {
	order, err := p.Order(map[string]string{"name": "h.name", "region": "h.region_code", "updatedAt": "h.updated_at", "address": "h.address"}, "h.name ASC")
	if err != nil {
		return nil, 0, err
	}
	rows := []shopRow{}
	q := f.apply(idb.NewSelect().Model(&rows), who).OrderExpr("?, h.id", bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset())
	total, err := q.ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list shops: %w", err)
	}
	out, err := withOpen(ctx, idb, rows)
	return out, total, err
}

// withOpen adds the open alerts and orders, and the zone that names the shop
// when the shop names none.
func withOpen(ctx context.Context, idb bun.IDB, rows []shopRow) ([]Listed, error) {
	out := make([]Listed, len(rows))
	if len(rows) == 0 {
		return out, nil
	}
	at, ids := map[string]*Listed{}, make([]string, len(rows))
	for i := range rows {
		out[i].Shop, ids[i] = rows[i].shop(), rows[i].ID
		at[rows[i].ID] = &out[i]
	}
	var zones []struct{ ID, CameraID, ShopID string }
	if err := idb.NewSelect().TableExpr("v_directory_zones AS z").ColumnExpr("z.id, z.camera_id, z.shop_id").
		Where("z.shop_id IN (?)", bun.List(ids)).OrderExpr("z.id").Scan(ctx, &zones); err != nil {
		return nil, fmt.Errorf("load the zones of shops: %w", err)
	}
	for _, z := range zones {
		if s := &at[z.ShopID].Shop; s.ZoneID == "" {
			s.ZoneID, s.CameraID = z.ID, z.CameraID
		}
	}
	for _, x := range []struct {
		view string
		add  func(l *Listed, n int64)
	}{
		{"v_alerts_open", func(l *Listed, n int64) { l.OpenAlerts = n }},
		{"v_orders_open_shop", func(l *Listed, n int64) { l.OpenOrders = n }},
	} {
		var counts []struct {
			ShopID string
			N      int64
		}
		if err := idb.NewSelect().TableExpr("? AS v", bun.Safe(x.view)).ColumnExpr("v.shop_id, COUNT(*) AS n").
			Where("v.shop_id IN (?)", bun.List(ids)).GroupExpr("v.shop_id").Scan(ctx, &counts); err != nil {
			return nil, fmt.Errorf("count what is open for shops: %w", err)
		}
		for _, c := range counts {
			x.add(at[c.ShopID], c.N)
		}
	}
	return out, nil
}

// byIDs loads shops whoever asks.
func byIDs(ctx context.Context, idb bun.IDB, column string, ids []string) ([]Shop, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows := []shopRow{}
	if err := idb.NewSelect().Model(&rows).Where("? IN (?) AND h.deleted_at IS NULL", bun.Safe(column), bun.List(ids)).Order("h.id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("load shops: %w", err)
	}
	out := make([]Shop, len(rows))
	for i := range rows {
		out[i] = rows[i].shop()
	}
	return out, nil
}

// zoneShops gives the shop of each zone: the one that the zone names first,
// then the one that names the zone.
func zoneShops(ctx context.Context, idb bun.IDB, zones []string) (map[string]Shop, error) {
	out := map[string]Shop{}
	named, err := byIDs(ctx, idb, "h.zone_id", zones)
	if err != nil {
		return nil, err
	}
	for _, s := range named {
		out[s.ZoneID] = s
	}
	if len(zones) == 0 {
		return out, nil
	}
	var links []struct{ ID, ShopID string }
	err = idb.NewSelect().TableExpr("v_directory_zones AS z").ColumnExpr("z.id, z.shop_id").Where("z.id IN (?) AND z.shop_id <> ''", bun.List(zones)).Scan(ctx, &links)
	if err != nil {
		return nil, fmt.Errorf("load zones: %w", err)
	}
	ids := []string{}
	for _, l := range links {
		ids = append(ids, l.ShopID)
	}
	list, err := byIDs(ctx, idb, "h.id", ids)
	if err != nil {
		return nil, err
	}
	byID := map[string]Shop{}
	for _, s := range list {
		byID[s.ID] = s
	}
	for _, l := range links {
		if s, ok := byID[l.ShopID]; ok {
			out[l.ID] = s
		}
	}
	return out, nil
}

// zoneExists tells whether a zone belongs to a camera in the scope.
func zoneExists(ctx context.Context, idb bun.IDB, who access.Actor, camera, zone string) (bool, error) {
	q := idb.NewSelect().TableExpr("v_directory_cameras AS c").ColumnExpr("c.id").Where("c.id = ?", camera)
	if zone != "" {
		q = q.Where("EXISTS (SELECT 1 FROM v_directory_zones AS z WHERE z.camera_id = c.id AND z.id = ?)", zone)
	}
	ids := []string{}
	if err := who.Scope.Filter(q, "c.region_code").Scan(ctx, &ids); err != nil {
		return false, fmt.Errorf("look up camera: %w", err)
	}
	return len(ids) > 0, nil
}

// box loads the shops inside a rectangle of degrees.
func box(ctx context.Context, idb bun.IDB, lng, lat, metres float64) ([]Shop, error) {
	dLat := metres / 111_000
	dLng := dLat / math.Max(0.1, math.Cos(lat*math.Pi/180))
	rows := []shopRow{}
	err := idb.NewSelect().Model(&rows).Where("h.deleted_at IS NULL AND h.lat >= ? AND h.lat <= ? AND h.lng >= ? AND h.lng <= ?", lat-dLat, lat+dLat, lng-dLng, lng+dLng).
		Limit(500).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("load shops nearby: %w", err)
	}
	out := make([]Shop, len(rows))
	for i := range rows {
		out[i] = rows[i].shop()
	}
	return out, nil
}

// seesBlob tells whether the picture is the sign of a shop in the scope.
func seesBlob(ctx context.Context, idb bun.IDB, who access.Actor, sm3 string) (bool, error) {
	ok, err := who.Scope.Filter(idb.NewSelect().Model((*shopRow)(nil)).Where("h.sign_reference_sm3 = ?", sm3), "h.region_code").Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for the picture's shops: %w", err)
	}
	return ok, nil
}
