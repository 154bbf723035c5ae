package onemap

import "jiexun/center/internal/access"

// The layers of the map.
const (
	LayerCamera = "camera"
	LayerShop   = "shop"
	LayerAlert  = "alert"
	LayerOrder  = "order"
	LayerPermit = "permit"
)

// source says where a layer's objects come from: a view of their owner.
type source struct {
	layer, perm string
	view        string
	// columns are the view's columns in the form of objectRow.
	columns string
	// whole layers are small: they are read at once, the others by id.
	whole bool
	// cells tells that the layer is counted by cell and street. Orders are
	// not: who may see one depends on more than its street.
	cells bool
	// bad is the condition of a state that the clusters count apart.
	bad string
}

const plain = "v.region_code, v.lng, v.lat, 0 AS begun_at, 0 AS until_at, '' AS org_id, '' AS person_id, '' AS shape"

// sources lists the layers, in the order in which they are drawn.
func sources() []source {
	return []source{
		{layer: LayerPermit, perm: access.CameraView, view: "v_dir_permit_map", whole: true, bad: "state = ''",
			columns: "v.id, v.kind, v.state, v.name, '' AS note, '' AS ref, v.region_code, v.lng, v.lat, COALESCE(v.at, 0) AS begun_at, COALESCE(v.until, 0) AS until_at, '' AS org_id, '' AS person_id, v.polygon AS shape"},
		{layer: LayerShop, perm: access.ShopView, view: "v_shops_map", cells: true, bad: "state = 'high'",
			columns: "v.id, v.kind, v.state, v.name, v.address AS note, '' AS ref, " + plain},
		{layer: LayerCamera, perm: access.CameraView, view: "v_directory_cameras", cells: true, bad: "state <> 'online'",
			columns: "v.id, '' AS kind, v.state, v.name, v.address AS note, v.code AS ref, " + plain},
		{layer: LayerAlert, perm: access.AlertView, view: "v_alerts_map", whole: true, cells: true, bad: "state = ''",
			columns: "v.id, v.kind, v.state, v.name, v.address AS note, v.no AS ref, v.region_code, v.lng, v.lat, v.since_at AS begun_at, 0 AS until_at, '' AS org_id, '' AS person_id, '' AS shape"},
		{layer: LayerOrder, perm: access.OrderView, view: "v_orders_map", whole: true, bad: "state = ''",
			columns: "v.id, v.kind, v.state, v.name, v.address AS note, v.no AS ref, v.region_code, v.lng, v.lat, v.at AS begun_at, CASE WHEN v.state = 'handled' THEN 0 ELSE v.due_at END AS until_at, v.squad_org_id AS org_id, v.officer_id AS person_id, '' AS shape"},
	}
}

func sourceOf(layer string) (source, bool) {
	for _, s := range sources() {
		if s.layer == layer {
			return s, true
		}
	}
	return source{}, false
}
