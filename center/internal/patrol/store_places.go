package patrol

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// cameraView is what patrol reads of a camera.
type cameraView struct {
	ID, Name, Address string
	RegionCode        string
	Lng, Lat          float64
	BoxID             string
	SquadOrgID        string
	State             string
}

type zoneView struct {
	ID, CameraID, Name, Kind, ShopID string
}

type shopView struct {
	ID, Name, ZoneID, CameraID string
}

// wholeView tells which zones a task of the kind asks about.
func zoneKinds(c Content) []string {
	if c.Kind == Survey {
		return []string{string(edgev1.ZoneSign)}
	}
	out := []string{}
	for _, k := range c.Kinds {
		switch k {
		case string(edgev1.Stacking):
			out = append(out, string(edgev1.ZonePavement))
		case string(edgev1.Frontage):
			out = append(out, string(edgev1.ZoneFrontage))
		}
	}
	return out
}

// place is a spot before it belongs to a task, with what decides about it.
type place struct {
	Spot
	squad string
	state string
}

// resolve finds the places of a plan as they are now, within the part of the
// city that the plan stays in, ordered by camera. shops are those of risk
// levels, added to the plan's own.
func resolve(ctx context.Context, idb reader, c Content, within access.Scope, shops []string) ([]place, error) {
	cams := map[string]cameraView{}
	only := map[string]map[string]bool{} // camera to zones, when only these are asked for
	if c.Scope.broad() {
		rows := []cameraView{}
		if err := broadCameras(idb, c.Scope, within).Scan(ctx, &rows); err != nil {
			return nil, fmt.Errorf("find the cameras of a plan: %w", err)
		}
		for _, r := range rows {
			cams[r.ID] = r
		}
	}
	extra, err := camerasByID(ctx, idb, within, c.Scope.Cameras)
	if err != nil {
		return nil, err
	}
	for _, r := range extra {
		cams[r.ID] = r
	}
	zones, err := zonesOfShops(ctx, idb, append(slices.Clone(c.Scope.Shops), shops...))
	if err != nil {
		return nil, err
	}
	ofShops := []string{}
	for cam, list := range zones {
		if _, whole := cams[cam]; whole {
			continue
		}
		only[cam] = list
		ofShops = append(ofShops, cam)
	}
	slices.Sort(ofShops)
	extra, err = camerasByID(ctx, idb, within, ofShops)
	if err != nil {
		return nil, err
	}
	for _, r := range extra {
		cams[r.ID] = r
	}
	return placesOf(ctx, idb, c, cams, only)
}

// broadCameras selects the cameras of regions, roads and tags.
func broadCameras(idb reader, s Scope, within access.Scope) *bun.SelectQuery {
	q := idb.NewSelect().TableExpr("v_directory_cameras AS c").ColumnExpr("c.id, c.name, c.address, c.region_code, c.lng, c.lat, c.box_id, c.squad_org_id, c.state")
	q = within.Filter(q, "c.region_code")
	if len(s.Regions) > 0 {
		q = access.Scope{Prefixes: prefixes(s.Regions)}.Filter(q, "c.region_code")
	}
	if len(s.Roads) > 0 {
		q = q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
			for _, r := range s.Roads {
				q = q.WhereOr("c.address LIKE ? ESCAPE '!'", db.Contains(r)).WhereOr("c.name LIKE ? ESCAPE '!'", db.Contains(r))
			}
			return q
		})
	}
	if len(s.Tags) > 0 {
		q = q.Where("c.id IN (SELECT t.camera_id FROM dir_tags AS t WHERE t.tag IN (?))", bun.List(s.Tags))
	}
	return q
}

func camerasByID(ctx context.Context, idb reader, within access.Scope, ids []string) ([]cameraView, error) {
	out := []cameraView{}
	for part := range slices.Chunk(ids, 500) {
		rows := []cameraView{}
		q := idb.NewSelect().TableExpr("v_directory_cameras AS c").ColumnExpr("c.id, c.name, c.address, c.region_code, c.lng, c.lat, c.box_id, c.squad_org_id, c.state").
			Where("c.id IN (?)", bun.List(part))
		if err := within.Filter(q, "c.region_code").Scan(ctx, &rows); err != nil {
			return nil, fmt.Errorf("read cameras: %w", err)
		}
		out = append(out, rows...)
	}
	return out, nil
}

// zonesOfShops gives, by camera, the zones that belong to shops.
func zonesOfShops(ctx context.Context, idb reader, shops []string) (map[string]map[string]bool, error) {
	out := map[string]map[string]bool{}
	add := func(camera, zone string) {
		if camera == "" || zone == "" {
			return
		}
		if out[camera] == nil {
			out[camera] = map[string]bool{}
		}
		out[camera][zone] = true
	}
	for part := range slices.Chunk(clean(shops), 500) {
		zs := []zoneView{}
		if err := idb.NewSelect().TableExpr("v_directory_zones AS z").ColumnExpr("z.id, z.camera_id").Where("z.shop_id IN (?)", bun.List(part)).Scan(ctx, &zs); err != nil {
			return nil, fmt.Errorf("find the zones of shops: %w", err)
		}
		for _, z := range zs {
			add(z.CameraID, z.ID)
		}
		ss := []shopView{}
		if err := idb.NewSelect().TableExpr("v_shops_signs AS s").ColumnExpr("s.zone_id, s.camera_id").Where("s.id IN (?)", bun.List(part)).Scan(ctx, &ss); err != nil {
			return nil, fmt.Errorf("find the zones of shops: %w", err)
		}
		for _, s := range ss {
			add(s.CameraID, s.ZoneID)
		}
	}
	return out, nil
}

// placesOf lists the places before cameras. A survey reads the whole view
// too; an inspection of a camera without a fitting zone has its whole view as
// a place, so that it is told that nothing can be judged there.
func placesOf(ctx context.Context, idb reader, c Content, cams map[string]cameraView, only map[string]map[string]bool) ([]place, error) {
	ids := make([]string, 0, len(cams))
	for id := range cams {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	zones := map[string][]zoneView{}
	for part := range slices.Chunk(ids, 500) {
		rows := []zoneView{}
		err := idb.NewSelect().TableExpr("v_directory_zones AS z").ColumnExpr("z.id, z.camera_id, z.name, z.kind, z.shop_id").
			Where("z.camera_id IN (?) AND z.kind IN (?)", bun.List(part), bun.List(zoneKinds(c))).OrderExpr("z.camera_id, z.id").Scan(ctx, &rows)
		if err != nil {
			return nil, fmt.Errorf("read zones: %w", err)
		}
		for _, z := range rows {
			zones[z.CameraID] = append(zones[z.CameraID], z)
		}
	}
	names, byZone, err := shopsFor(ctx, idb, ids)
	if err != nil {
		return nil, err
	}
	out := []place{}
	for _, id := range ids {
		cam := cams[id]
		base := place{
			Spot: Spot{CameraID: id, CameraName: cam.Name, Address: cam.Address, RegionCode: cam.RegionCode, BoxID: cam.BoxID, Lng: cam.Lng, Lat: cam.Lat,
				State: SpotWaiting, Pictures: []string{}},
			squad: cam.SquadOrgID, state: cam.State,
		}
		n := 0
		for _, z := range zones[id] {
			shop := z.ShopID
			if shop == "" {
				shop = byZone[z.ID]
			}
			if limit := only[id]; limit != nil && !limit[z.ID] {
				continue
			}
			p := base
			p.ZoneID, p.ZoneName, p.ShopID, p.ShopName = z.ID, z.Name, shop, names[shop]
			out = append(out, p)
			n++
		}
		if only[id] == nil && (c.Kind == Survey || n == 0) {
			out = append(out, base)
		}
	}
	return out, nil
}

// shopsFor gives the names of the shops before cameras, and which shop is
// bound to which zone.
func shopsFor(ctx context.Context, idb reader, cameras []string) (names, byZone map[string]string, err error) {
	names, byZone = map[string]string{}, map[string]string{}
	for part := range slices.Chunk(cameras, 500) {
		rows := []shopView{}
		err := idb.NewSelect().TableExpr("v_shops_signs AS s").ColumnExpr("s.id, s.name, s.zone_id").Where("s.camera_id IN (?)", bun.List(part)).Scan(ctx, &rows)
		if err != nil {
			return nil, nil, fmt.Errorf("read shops: %w", err)
		}
		more := []shopView{}
		err = idb.NewSelect().TableExpr("v_directory_zones AS z").Join("JOIN v_shops_signs AS s ON s.id = z.shop_id").ColumnExpr("s.id, s.name, z.id AS zone_id").
			Where("z.camera_id IN (?) AND z.shop_id <> ''", bun.List(part)).Scan(ctx, &more)
		if err != nil {
			return nil, nil, fmt.Errorf("read shops: %w", err)
		}
		for _, s := range append(rows, more...) {
			names[s.ID] = s.Name
			if s.ZoneID != "" {
				byZone[s.ZoneID] = s.ID
			}
		}
	}
	return names, byZone, nil
}

// prefixes turns region codes into scope prefixes.
func prefixes(codes []string) []string {
	out := make([]string, len(codes))
	for i, c := range codes {
		out[i] = regionPrefix(c)
	}
	return out
}

type boxRow struct {
	bun.BaseModel `bun:"table:patrol_boxes,alias:b"`

	BoxID   string `bun:",pk"`
	Load    float64
	Cameras int
	At      clock.Stamp
}

// Box is what is known of a box's business.
type Box struct {
	ID, Name string
	State    string
	Load     float64
	Known    bool
}

// boxesByID reads names, states and loads of boxes.
func boxesByID(ctx context.Context, idb reader, ids []string) (map[string]Box, error) {
	out := map[string]Box{}
	for part := range slices.Chunk(ids, 500) {
		rows := []struct{ ID, Name, State string }{}
		if err := idb.NewSelect().TableExpr("v_fleet_boxes AS b").ColumnExpr("b.id, b.name, b.state").Where("b.id IN (?)", bun.List(part)).Scan(ctx, &rows); err != nil {
			return nil, fmt.Errorf("read boxes: %w", err)
		}
		for _, r := range rows {
			out[r.ID] = Box{ID: r.ID, Name: r.Name, State: r.State}
		}
		loads := []boxRow{}
		if err := idb.NewSelect().Model(&loads).Where("b.box_id IN (?)", bun.List(part)).Scan(ctx); err != nil {
			return nil, fmt.Errorf("read loads of boxes: %w", err)
		}
		for _, l := range loads {
			b := out[l.BoxID]
			b.ID, b.Load, b.Known = l.BoxID, l.Load, true
			out[l.BoxID] = b
		}
	}
	return out, nil
}

// noteLoad keeps a box's load when it has moved enough to matter.
func noteLoad(ctx context.Context, tx db.Tx, box string, load float64, cameras int) error {
	r := boxRow{BoxID: box, Load: load, Cameras: cameras, At: clock.At(tx.Now())}
	_, err := tx.NewInsert().Model(&r).On("CONFLICT (box_id) DO UPDATE").
		Set("load = b.load * 0.7 + EXCLUDED.load * 0.3").Set("cameras = EXCLUDED.cameras").Set("at = EXCLUDED.at").
		Where("EXCLUDED.at - b.at > 60000").Exec(ctx)
	if err != nil {
		return fmt.Errorf("note the load of box %s: %w", box, err)
	}
	return nil
}

// clueOnly counts the cameras of a list whose pictures are only a clue, not
// evidence.
func clueOnly(ctx context.Context, idb reader, cameras []string) (int, error) {
	n := 0
	for part := range slices.Chunk(cameras, 500) {
		k, err := idb.NewSelect().TableExpr("v_dir_legal AS g").Where("g.camera_id IN (?) AND NOT g.evidence", bun.List(part)).Count(ctx)
		if err != nil {
			return 0, fmt.Errorf("count cameras that give a clue only: %w", err)
		}
		n += int(k)
	}
	return n, nil
}
