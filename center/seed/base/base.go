// Package base embeds what every center begins with: the tree of regions, the
// district outlines and the organisations that follow from the tree.
package base

import (
	"bytes"
	_ "embed"

	"jiexun/center/internal/platform/region"
)

//go:embed regions.csv
var regionsCSV []byte

//go:embed districts.geojson
var districts []byte

// Regions reads the tree of regions: the city, 16 districts, 215 streets and
// towns.
func Regions() (*region.Tree, error) { return region.Parse(bytes.NewReader(regionsCSV)) }

// Districts gives the outlines of the districts as GeoJSON, for display only.
func Districts() []byte { return bytes.Clone(districts) }

// Org is an organisation of the base seed.
type Org struct {
	ID, Name, Kind, RegionCode, ParentID string
}

// OrgID is the id of a region's own organisation. The ids of the base seed are
// fixed, so that loading it again changes nothing.
func OrgID(regionCode string) string { return "org-" + regionCode }

// Orgs gives the bureau, a district bureau for each district and a squad for
// each street or town, parents first.
func Orgs(t *region.Tree) []Org {
	list := []Org{}
	for _, g := range t.All() {
		o := Org{ID: OrgID(g.Code), RegionCode: g.Code, ParentID: OrgID(g.Parent)}
		switch g.Level {
		case "city":
			o.Kind, o.Name, o.ParentID = "bureau", "上海市城管执法局", ""
		case "district":
			o.Kind, o.Name = "district", g.Name+"城管执法局"
		default:
			o.Kind, o.Name = "squad", g.Name+"中队"
		}
		list = append(list, o)
	}
	return list
}
