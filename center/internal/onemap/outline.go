package onemap

import (
	"encoding/json"
	"fmt"

	"jiexun/center/internal/onemap/tile"
)

// outline is a district's border.
type outline struct {
	code, name string
	rings      [][][2]float64
}

// outlines reads the districts' borders from GeoJSON polygons.
func outlines(body []byte) ([]outline, error) {
	if len(body) == 0 {
		return nil, nil
	}
	var in struct {
		Features []struct {
			Properties struct{ Code, Name string } `json:"properties"`
			Geometry   struct {
				Type        string          `json:"type"`
				Coordinates json.RawMessage `json:"coordinates"`
			} `json:"geometry"`
		} `json:"features"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("read district outlines: %w", err)
	}
	out := make([]outline, 0, len(in.Features))
	for _, f := range in.Features {
		o := outline{code: f.Properties.Code, name: f.Properties.Name}
		var many [][][][2]float64
		if f.Geometry.Type == "Polygon" {
			var one [][][2]float64
			if err := json.Unmarshal(f.Geometry.Coordinates, &one); err != nil {
				return nil, fmt.Errorf("read the outline of %s: %w", o.name, err)
			}
			many = [][][][2]float64{one}
		} else if err := json.Unmarshal(f.Geometry.Coordinates, &many); err != nil {
			return nil, fmt.Errorf("read the outline of %s: %w", o.name, err)
		}
		for _, poly := range many {
			if len(poly) > 0 {
				o.rings = append(o.rings, poly[0])
			}
		}
		out = append(out, o)
	}
	return out, nil
}

// districtAt gives the district's code of a place, "" when no outline holds it.
func (s *Service) districtAt(lng, lat float64) string {
	for _, o := range s.areas {
		for _, r := range o.rings {
			if tile.Inside(r, lng, lat) {
				return o.code
			}
		}
	}
	return ""
}
