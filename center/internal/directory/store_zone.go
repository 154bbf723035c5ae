package directory

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

type zoneRow struct {
	bun.BaseModel `bun:"table:dir_zones,alias:z"`

	ID               string `bun:",pk"`
	CameraID         string
	Seq              int
	Name             string
	Kind             string
	Polygon          string // JSON
	Hours            string
	DwellS           float64 `bun:"dwell_s"`
	EndDelayS        float64 `bun:"end_delay_s"`
	MinArea          float64
	OpenScore        float64
	CloseScore       float64
	ShopID           string
	SignName         string
	SignReferenceSM3 string  `bun:"sign_reference_sm3"`
	ScaleM2          float64 `bun:"scale_m2"`
}

func (r *zoneRow) zone() (edgev1.Zone, error) {
	z := edgev1.Zone{
		ID: r.ID, Name: r.Name, Kind: edgev1.ZoneKind(r.Kind), Hours: r.Hours, DwellS: r.DwellS, EndDelayS: r.EndDelayS,
		MinArea: r.MinArea, OpenScore: r.OpenScore, CloseScore: r.CloseScore, Shop: r.ShopID, SignName: r.SignName,
		SignReferenceSM3: r.SignReferenceSM3, ScaleM2: r.ScaleM2,
	}
	if err := json.Unmarshal([]byte(r.Polygon), &z.Polygon); err != nil {
		return z, fmt.Errorf("read polygon of zone %s: %w", r.ID, err)
	}
	return z, nil
}

// zonesOf loads the zones of cameras, by camera, in their order.
func zonesOf(ctx context.Context, idb bun.IDB, cameras []string) (map[string][]edgev1.Zone, error) {
	out := map[string][]edgev1.Zone{}
	if len(cameras) == 0 {
		return out, nil
	}
	rows := []zoneRow{}
	if err := idb.NewSelect().Model(&rows).Where("z.camera_id IN (?)", bun.List(cameras)).Order("z.camera_id", "z.seq").Scan(ctx); err != nil {
		return nil, fmt.Errorf("load zones: %w", err)
	}
	for i := range rows {
		z, err := rows[i].zone()
		if err != nil {
			return nil, err
		}
		out[rows[i].CameraID] = append(out[rows[i].CameraID], z)
	}
	return out, nil
}

// replaceZones stores the zones of a camera under the version of the whole
// set.
func replaceZones(ctx context.Context, tx db.Tx, c Camera, rev int64, zones []edgev1.Zone) error {
	res, err := tx.NewUpdate().Model((*cameraRow)(nil)).Set("zones_rev = zones_rev + 1").Where("id = ? AND zones_rev = ?", c.ID, rev).Exec(ctx)
	if err != nil {
		return fmt.Errorf("save zones: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		if err != nil {
			return fmt.Errorf("save zones: %w", err)
		}
		return errs.Conflict("点位“" + c.Name + "”的围栏已被他人修改，请刷新后再改")
	}
	if _, err := tx.NewDelete().Model((*zoneRow)(nil)).Where("camera_id = ?", c.ID).Exec(ctx); err != nil {
		return fmt.Errorf("save zones: %w", err)
	}
	rows := make([]zoneRow, len(zones))
	for i, z := range zones {
		p, err := json.Marshal(z.Polygon)
		if err != nil {
			return fmt.Errorf("save zones: %w", err)
		}
		rows[i] = zoneRow{
			ID: z.ID, CameraID: c.ID, Seq: i, Name: z.Name, Kind: string(z.Kind), Polygon: string(p), Hours: z.Hours, DwellS: z.DwellS,
			EndDelayS: z.EndDelayS, MinArea: z.MinArea, OpenScore: z.OpenScore, CloseScore: z.CloseScore, ShopID: z.Shop,
			SignName: z.SignName, SignReferenceSM3: z.SignReferenceSM3, ScaleM2: z.ScaleM2,
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
		return fmt.Errorf("save zones: %w", err)
	}
	return nil
}

// takenIDs tells which zone ids belong to other cameras.
func takenIDs(ctx context.Context, tx db.Tx, camera string, ids []string) (map[string]bool, error) {
	out := map[string]bool{}
	if len(ids) == 0 {
		return out, nil
	}
	list := []string{}
	err := tx.NewSelect().Model((*zoneRow)(nil)).Column("z.id").Where("z.id IN (?) AND z.camera_id <> ?", bun.List(ids), camera).Scan(ctx, &list)
	if err != nil {
		return nil, fmt.Errorf("look up zone ids: %w", err)
	}
	for _, id := range list {
		out[id] = true
	}
	return out, nil
}

// signsFor loads the shops that a set of zones may refer to, from the view of
// the shops domain.
func signsFor(ctx context.Context, idb bun.IDB, zones []edgev1.Zone) ([]sign, error) {
	shops, ids := []string{"-"}, []string{"-"}
	for _, z := range zones {
		ids = append(ids, z.ID)
		if z.Shop != "" {
			shops = append(shops, z.Shop)
		}
	}
	out := []sign{}
	err := idb.NewSelect().TableExpr("v_shops_signs AS v").
		ColumnExpr("v.id, v.name, v.sign_name, v.sign_reference_sm3 AS reference_sm3, v.zone_id").
		Where("v.id IN (?) OR v.zone_id IN (?)", bun.List(shops), bun.List(ids)).OrderExpr("v.id").Scan(ctx, &out)
	if err != nil {
		return nil, fmt.Errorf("load the shops of zones: %w", err)
	}
	return out, nil
}

// shopsInScope tells which of some shops the actor may bind.
func shopsInScope(ctx context.Context, idb bun.IDB, who access.Actor, ids []string) (map[string]bool, error) {
	out := map[string]bool{}
	if len(ids) == 0 {
		return out, nil
	}
	list := []string{}
	q := idb.NewSelect().TableExpr("v_shops_signs AS v").ColumnExpr("v.id").Where("v.id IN (?)", bun.List(ids))
	if err := who.Scope.Filter(q, "v.region_code").Scan(ctx, &list); err != nil {
		return nil, fmt.Errorf("look up shops: %w", err)
	}
	for _, id := range list {
		out[id] = true
	}
	return out, nil
}

// boxesOfShop lists the boxes whose configuration names a shop.
func boxesOfShop(ctx context.Context, idb bun.IDB, shop string) ([]string, error) {
	out := []string{}
	err := idb.NewSelect().Model((*cameraRow)(nil)).Distinct().Column("c.box_id").Join("JOIN dir_zones AS z ON z.camera_id = c.id").
		Where("c.deleted_at IS NULL AND (z.shop_id = ? OR z.id IN (SELECT v.zone_id FROM v_shops_signs AS v WHERE v.id = ?))", shop, shop).Scan(ctx, &out)
	if err != nil {
		return nil, fmt.Errorf("find the boxes of shop %s: %w", shop, err)
	}
	return out, nil
}

type boxRow struct {
	bun.BaseModel `bun:"table:dir_boxes,alias:b"`

	BoxID          string `bun:",pk"`
	Version        int64
	AppliedVersion int64
	AppliedAt      *clock.Stamp
}

type configRow struct {
	bun.BaseModel `bun:"table:dir_configs,alias:f"`

	BoxID   string `bun:",pk"`
	Version int64  `bun:",pk"`
	Digest  string
	Body    string
	MadeAt  clock.Stamp
}

// lockBox holds the row of a box's desired state until the transaction ends,
// and makes it when it is the first.
func lockBox(ctx context.Context, tx db.Tx, box string) (boxRow, error) {
	b := boxRow{BoxID: box}
	err := tx.NewRaw("INSERT INTO dir_boxes (box_id, version, applied_version, applied_at) VALUES (?, 0, 0, NULL) ON CONFLICT (box_id) DO UPDATE SET version = dir_boxes.version RETURNING box_id, version, applied_version, applied_at", box).Scan(ctx, &b)
	if err != nil {
		return b, fmt.Errorf("lock the configuration of box %s: %w", box, err)
	}
	return b, nil
}

// boxOf reads a box's versions; the zero value when it has none.
func boxOf(ctx context.Context, idb bun.IDB, box string) (boxRow, error) {
	var b boxRow
	err := idb.NewSelect().Model(&b).Where("b.box_id = ?", box).Scan(ctx)
	if err != nil && !db.NoRows(err) {
		return b, fmt.Errorf("load the versions of box %s: %w", box, err)
	}
	return b, nil
}

func allBoxes(ctx context.Context, idb bun.IDB) ([]string, error) {
	out := []string{}
	if err := idb.NewSelect().Model((*boxRow)(nil)).Column("b.box_id").Order("b.box_id").Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("list boxes with a configuration: %w", err)
	}
	return out, nil
}

// latestConfig reads the newest desired state; false when there is none.
func latestConfig(ctx context.Context, idb bun.IDB, box string) (configRow, bool, error) {
	var r configRow
	err := idb.NewSelect().Model(&r).Where("f.box_id = ?", box).Order("f.version DESC").Limit(1).Scan(ctx)
	if db.NoRows(err) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("load the configuration of box %s: %w", box, err)
	}
	return r, true, nil
}

func saveConfig(ctx context.Context, tx db.Tx, r configRow) error {
	if _, err := tx.NewInsert().Model(&r).Exec(ctx); err != nil {
		return fmt.Errorf("save the configuration of box %s: %w", r.BoxID, err)
	}
	_, err := tx.NewUpdate().Model((*boxRow)(nil)).Set("version = ?", r.Version).Where("box_id = ?", r.BoxID).Exec(ctx)
	if err != nil {
		return fmt.Errorf("save the configuration of box %s: %w", r.BoxID, err)
	}
	return nil
}

// noteApplied keeps which version a box runs.
func noteApplied(ctx context.Context, tx db.Tx, box string, version int64, at clock.Stamp) error {
	_, err := tx.NewUpdate().Model((*boxRow)(nil)).Set("applied_version = ?", version).Set("applied_at = ?", at).
		Where("box_id = ? AND applied_version <> ?", box, version).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note the version that box %s runs: %w", box, err)
	}
	return nil
}

// box is a row of the view that the fleet maintains.
type box struct {
	ID, Name, RegionCode, State string
}

// fleetBox reads one box; false when it is absent or shut out.
func fleetBox(ctx context.Context, idb bun.IDB, id string) (box, bool, error) {
	var b box
	err := idb.NewSelect().TableExpr("v_fleet_boxes AS v").ColumnExpr("v.id, v.name, v.region_code, v.state").Where("v.id = ?", id).Scan(ctx, &b)
	if db.NoRows(err) {
		return b, false, nil
	}
	if err != nil {
		return b, false, fmt.Errorf("look up box %s: %w", id, err)
	}
	return b, b.State != "revoked", nil
}

// fleetNames gives the names of all boxes.
func fleetNames(ctx context.Context, idb bun.IDB) (map[string]string, error) {
	rows := []box{}
	if err := idb.NewSelect().TableExpr("v_fleet_boxes AS v").ColumnExpr("v.id, v.name, v.region_code, v.state").Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("look up boxes: %w", err)
	}
	out := make(map[string]string, len(rows))
	for _, b := range rows {
		out[b.ID] = b.Name
	}
	return out, nil
}

// versions gives the desired versions of boxes.
func versions(ctx context.Context, idb bun.IDB, boxes []string) (map[string]int64, error) {
	rows := []boxRow{}
	out := map[string]int64{}
	if len(boxes) == 0 {
		return out, nil
	}
	if err := idb.NewSelect().Model(&rows).Where("b.box_id IN (?)", bun.List(boxes)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("load the versions of boxes: %w", err)
	}
	for _, b := range rows {
		out[b.BoxID] = b.Version
	}
	return out, nil
}
