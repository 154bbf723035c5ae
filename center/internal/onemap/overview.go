package onemap

import (
	"context"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
)

// Camera is a camera on the map.
type Camera struct {
	ID, Name   string
	Lng, Lat   float64
	State      string
	RegionCode string
	OpenAlerts int64
}

// Alert is an open alert on the map.
type Alert struct {
	ID, No, Kind string
	Lng, Lat     float64
	Since        clock.Stamp
	Score        float64
	State        string
	RegionCode   string
}

// Order is an open work order on the map.
type Order struct {
	ID, No, Kind string
	Lng, Lat     float64
	DueAt        clock.Stamp
	DueState     string
	State        string
	RegionCode   string
}

// Map is what lies in a region.
type Map struct {
	Cameras []Camera
	Alerts  []Alert
	Orders  []Order
	AsOf    clock.Stamp
	// Cut is set when a layer held more than Most points and only the newest
	// are shown.
	Cut bool
}

// Most is the number of points of one layer.
const Most = 5000

// Get gives what the actor may see in a region (a prefix of codes; empty is
// the whole scope). A layer without the right to view it is empty.
func (s *Service) Get(ctx context.Context, region string) (Map, error) {
	who, err := access.Need(ctx, "map.view")
	if err != nil {
		return Map{}, err
	}
	now := s.db.Now()
	m := Map{Cameras: []Camera{}, Alerts: []Alert{}, Orders: []Order{}, AsOf: clock.At(now)}
	r := s.db.Read()
	if who.Has("camera.view") {
		if m.Cameras, err = cameras(ctx, r, who.For("camera.view"), region); err != nil {
			return Map{}, err
		}
	}
	if who.Has("alert.view") {
		if m.Alerts, err = alerts(ctx, r, who.For("alert.view"), region); err != nil {
			return Map{}, err
		}
	}
	if who.Has("order.view") {
		if m.Orders, err = orders(ctx, r, who.For("order.view"), region, now); err != nil {
			return Map{}, err
		}
	}
	m.Cut = len(m.Cameras) == Most || len(m.Alerts) == Most || len(m.Orders) == Most
	return m, nil
}
