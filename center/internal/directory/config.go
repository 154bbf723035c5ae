package directory

import (
	"encoding/json"
	"fmt"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/blob"
)

// sign is what the configuration needs of a shop.
type sign struct {
	ID, Name, SignName, ReferenceSM3, ZoneID string
}

// buildCameras makes the cameras of a box's desired state. A sign zone takes
// the registered name and the picture of its shop unless it has its own; the
// shop is the one that the zone names, or the one that names the zone.
func buildCameras(cameras []Camera, zones map[string][]edgev1.Zone, signs []sign) []edgev1.Camera {
	byID, byZone := map[string]sign{}, map[string]sign{}
	for _, s := range signs {
		byID[s.ID] = s
		if s.ZoneID != "" {
			byZone[s.ZoneID] = s
		}
	}
	out := make([]edgev1.Camera, 0, len(cameras))
	for _, c := range cameras {
		m := edgev1.Camera{
			ID: c.ID, Name: c.Name, URL: c.URL, SubURL: c.SubURL, Username: c.Username, Password: c.Password,
			Transport: c.Transport, IntervalMS: c.IntervalMS, ReferenceSM3: c.ReferenceSM3, Zones: []edgev1.Zone{},
		}
		if c.RecordHours > 0 {
			m.Record = &edgev1.Record{KeepHours: int(c.RecordHours), QuotaMB: c.RecordQuotaMB}
		}
		for _, z := range zones[c.ID] {
			s, ok := byID[z.Shop]
			if !ok {
				s, ok = byZone[z.ID]
			}
			z.Shop = s.ID
			if z.Kind == edgev1.ZoneSign && ok {
				if z.SignName == "" {
					z.SignName = s.SignName
				}
				if z.SignReferenceSM3 == "" {
					z.SignReferenceSM3 = s.ReferenceSM3
				}
			}
			m.Zones = append(m.Zones, z)
		}
		out = append(out, m)
	}
	return out
}

// digestOf is the SM3 of the content of a desired state, without version and
// time: equal content is not sent again.
func digestOf(cameras []edgev1.Camera) (string, error) {
	b, err := json.Marshal(cameras)
	if err != nil {
		return "", fmt.Errorf("digest of the configuration: %w", err)
	}
	return blob.Digest(b), nil
}
