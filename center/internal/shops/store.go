package shops

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
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
	No               string
	Aliases          string
	Road             string
	HouseNo          int64
	Side             string
	DoorLine         string
	Operator         string
	CreditCode       string
	ContactBlind     string
	ContactMask      string
	Permits          string
	PledgeYMD        int64  `bun:"pledge_ymd"`
	PledgeSM3        string `bun:"pledge_sm3"`
	Smart            bool
	State            string
	Source           string
	SeenAt           *clock.Stamp
	MergedInto       string
	DeletedBy        string
	DeletedWhy       string
	Indexed          int64
}

// fromJSON reads a column that this package wrote; one that does not read
// gives nothing.
func fromJSON[T any](text string) T {
	var v T
	if text != "" && json.Unmarshal([]byte(text), &v) != nil {
		var none T
		return none
	}
	return v
}

func (r *shopRow) shop() Shop {
	s := Shop{
		ID: r.ID, No: r.No, Name: r.Name, SignName: r.SignName, Aliases: fromJSON[[]ShopAlias](r.Aliases), Address: r.Address, RegionCode: r.RegionCode, StreetName: r.StreetName,
		Road: r.Road, HouseNo: r.HouseNo, Side: r.Side, Lng: r.Lng, Lat: r.Lat, DoorLine: fromJSON[DoorLine](r.DoorLine), Business: r.Business, Operator: r.Operator,
		CreditCode: r.CreditCode, ContactMask: r.ContactMask, CameraID: r.CameraID, ZoneID: r.ZoneID, SignReferenceSM3: r.SignReferenceSM3,
		Permits: fromJSON[[]ShopPermit](r.Permits), PledgeYMD: r.PledgeYMD, PledgeSM3: r.PledgeSM3, Smart: r.Smart, State: r.State, Source: r.Source, SeenAt: r.SeenAt,
		MergedInto: r.MergedInto, DeletedAt: r.DeletedAt, DeletedBy: r.DeletedBy, DeletedWhy: r.DeletedWhy, Rev: r.Rev, UpdatedAt: r.UpdatedAt,
		contact: r.Contact, blind: r.ContactBlind,
	}
	if s.ContactMask == "" && s.contact != "" && !sealed(s.contact) {
		s.ContactMask = Mask(s.contact) // written before numbers were sealed
	}
	return s
}

func rowOf(s Shop, search string) *shopRow {
	return &shopRow{
		ID: s.ID, Name: s.Name, SignName: s.SignName, Address: s.Address, RegionCode: s.RegionCode, StreetName: s.StreetName,
		Lng: s.Lng, Lat: s.Lat, Business: s.Business, Contact: s.contact, CameraID: s.CameraID, ZoneID: s.ZoneID,
		SignReferenceSM3: s.SignReferenceSM3, Search: search, DeletedAt: s.DeletedAt, Rev: s.Rev,
		No: s.No, Aliases: listJSON(s.Aliases), Road: s.Road, HouseNo: s.HouseNo, Side: s.Side, DoorLine: lineJSON(s.DoorLine), Operator: s.Operator,
		CreditCode: s.CreditCode, ContactBlind: s.blind, ContactMask: s.ContactMask, Permits: listJSON(s.Permits), PledgeYMD: s.PledgeYMD, PledgeSM3: s.PledgeSM3,
		Smart: s.Smart, State: s.State, Source: s.Source, SeenAt: s.SeenAt, MergedInto: s.MergedInto, DeletedBy: s.DeletedBy, DeletedWhy: s.DeletedWhy, Indexed: indexVersion,
	}
}

func listJSON[T any](list []T) string {
	if len(list) == 0 {
		return "[]"
	}
	return asJSON(list)
}

func lineJSON(l DoorLine) string {
	if len(l) == 0 {
		return ""
	}
	return asJSON(l)
}

func get(ctx context.Context, idb bun.IDB, who access.Actor, id string) (Shop, error) {
	s, err := getAny(ctx, idb, who, id)
	if err == nil && s.DeletedAt != nil {
		return Shop{}, errs.NotFound("商铺")
	}
	return s, err
}

// getAny finds deleted shops too.
func getAny(ctx context.Context, idb bun.IDB, who access.Actor, id string) (Shop, error) {
	var r shopRow
	err := who.Scope.Filter(idb.NewSelect().Model(&r).Where("h.id = ?", id), "h.region_code").Scan(ctx)
	if db.NoRows(err) {
		return Shop{}, errs.NotFound("商铺")
	}
	if err != nil {
		return Shop{}, fmt.Errorf("load shop %s: %w", id, err)
	}
	return r.shop(), nil
}

func insert(ctx context.Context, tx db.Tx, s Shop, search string) error {
	r := rowOf(s, search)
	r.CreatedAt, r.UpdatedAt = clock.At(tx.Now()), clock.At(tx.Now())
	if _, err := tx.NewInsert().Model(r).Exec(ctx); err != nil {
		return fmt.Errorf("save shop %s: %w", s.Name, err)
	}
	return nil
}

func update(ctx context.Context, tx db.Tx, s Shop, search string) (Shop, error) {
	r := rowOf(s, search)
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

// numbers takes n running numbers of a street and gives the first.
func numbers(ctx context.Context, tx db.Tx, region string, n int) (int64, error) {
	var last int64
	err := tx.NewRaw(`INSERT INTO shop_numbers (region_code, n) VALUES (?, ?) ON CONFLICT (region_code) DO UPDATE SET n = shop_numbers.n + ? RETURNING n`, region, n, n).Scan(ctx, &last)
	if err != nil {
		return 0, fmt.Errorf("number shops of %s: %w", region, err)
	}
	return last - int64(n) + 1, nil
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
	return shopsOf(rows), nil
}

func shopsOf(rows []shopRow) []Shop {
	out := make([]Shop, len(rows))
	for i := range rows {
		out[i] = rows[i].shop()
	}
	return out
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

// boxLimit bounds the shops around one place.
const boxLimit = 2000

// box loads the shops inside a rectangle of degrees.
func box(ctx context.Context, idb bun.IDB, lng, lat, metres float64) ([]Shop, error) {
	dLat := metres / 111_000
	dLng := dLat / math.Max(0.1, math.Cos(lat*math.Pi/180))
	rows := []shopRow{}
	err := idb.NewSelect().Model(&rows).Where("h.deleted_at IS NULL AND h.lat >= ? AND h.lat <= ? AND h.lng >= ? AND h.lng <= ?", lat-dLat, lat+dLat, lng-dLng, lng+dLng).
		Limit(boxLimit).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("load shops nearby: %w", err)
	}
	return shopsOf(rows), nil
}

// seesBlob tells whether the picture belongs to a shop or a sighting in the
// scope.
func seesBlob(ctx context.Context, idb bun.IDB, who access.Actor, sm3 string) (bool, error) {
	for _, q := range []*bun.SelectQuery{
		who.Scope.Filter(idb.NewSelect().Model((*shopRow)(nil)).Where("h.sign_reference_sm3 = ?", sm3), "h.region_code"),
		who.Scope.Filter(idb.NewSelect().Model((*shopRow)(nil)).Where("h.pledge_sm3 = ? AND h.pledge_sm3 <> ''", sm3), "h.region_code"),
		who.Scope.Filter(idb.NewSelect().TableExpr("shop_pictures AS p").Join("JOIN shop_items AS h ON h.id = p.shop_id").Where("p.sm3 = ?", sm3), "h.region_code"),
		who.Scope.Filter(idb.NewSelect().TableExpr("shop_sightings AS s").Where("s.crop = ?", sm3), "s.region_code"),
		who.Scope.Filter(idb.NewSelect().TableExpr("shop_sightings AS s").Where("s.frame = ?", sm3), "s.region_code"),
	} {
		ok, err := q.Exists(ctx)
		if err != nil || ok {
			return ok, err
		}
	}
	return false, nil
}

// insertAll adds many new shops.
func insertAll(ctx context.Context, tx db.Tx, rows []shopRow) error {
	for i := range rows {
		rows[i].CreatedAt, rows[i].UpdatedAt = clock.At(tx.Now()), clock.At(tx.Now())
	}
	if err := db.InsertAll(ctx, tx, rows, ""); err != nil {
		return fmt.Errorf("save shops: %w", err)
	}
	return nil
}
