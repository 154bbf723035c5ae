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
	// ScopeCode is the named scope of a unit that works across districts.
	ScopeCode string
}

// OrgID is the id of a region's own organisation. The ids of the base seed are
// fixed, so that loading it again changes nothing.
func OrgID(regionCode string) string { return "org-" + regionCode }

// Scope is a named part of the city that follows no single district.
type Scope struct {
	Code, Name string
	Prefixes   []string
	Note       string
}

// Scopes gives the named scopes of the directly subordinate units. They are a
// first proposal that the installation edits; see each Note.
func Scopes() []Scope {
	const check = "初始建议，请按三定方案核对"
	return []Scope{
		{"city", "全市", []string{"31"}, "执法总队：全市跨区域案件"},
		{"airport", "机场区域", []string{"310105010", "310105102", "310112008", "310115139"}, "虹桥、浦东两机场所在街镇；" + check},
		{"ftz", "自贸试验区", []string{"310115005", "310115104", "310115120", "310115125"}, "自贸试验区所涉街镇；" + check},
		{"lingang", "临港新片区", []string{"310115140", "310115142", "310115143", "310115145", "310120109"}, "临港新片区所涉街镇；" + check},
	}
}

// units are the directly subordinate units; their codes are our own, because
// they are no region.
func units() []Org {
	u := func(code, name, scope string) Org {
		return Org{ID: OrgID(code), Name: name, Kind: "unit", RegionCode: code, ParentID: OrgID("310000"), ScopeCode: scope}
	}
	return []Org{
		u("310000Z01", "执法总队", "city"), u("310000Z02", "机场支队", "airport"),
		u("310000Z03", "自贸区大队", "ftz"), u("310000Z04", "临港大队", "lingang"),
	}
}

// Orgs gives the bureau, a district bureau for each district, a squad for
// each street or town, and the directly subordinate units; parents first.
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
	return append(list, units()...)
}
