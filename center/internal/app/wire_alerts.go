package app

import (
	"context"
	"log/slog"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/alerts"
	"jiexun/center/internal/directory"
	"jiexun/center/internal/orders"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/shops"
	"jiexun/center/internal/transfer"
)

// places answers the alerts' questions about cameras and shops.
type places struct {
	directory *directory.Service
	shops     *shops.Service
}

func (p places) Spots(ctx context.Context, ids []string) (map[string]alerts.Spot, error) {
	list, err := p.directory.Cameras(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[string]alerts.Spot, len(list))
	for _, c := range list {
		out[c.ID] = alerts.Spot{
			CameraID: c.ID, Name: c.Name, Address: c.Address, BoxID: c.BoxID, RegionCode: c.RegionCode,
			StreetName: c.StreetName, Lng: c.Lng, Lat: c.Lat, Evidence: c.Legal.At,
		}
	}
	return out, nil
}

func shopOf(s shops.Shop) alerts.Shop {
	return alerts.Shop{ID: s.ID, Name: s.Name, RegionCode: s.RegionCode, Lng: s.Lng, Lat: s.Lat}
}

func (p places) ShopsOfZones(ctx context.Context, zones []string) (map[string]alerts.Shop, error) {
	list, err := p.shops.OfZones(ctx, zones)
	if err != nil {
		return nil, err
	}
	out := make(map[string]alerts.Shop, len(list))
	for zone, s := range list {
		out[zone] = shopOf(s)
	}
	return out, nil
}

func (p places) ShopsOfCamera(ctx context.Context, camera string) ([]alerts.Shop, error) {
	list, err := p.shops.OfCamera(ctx, camera)
	out := make([]alerts.Shop, len(list))
	for i, s := range list {
		out[i] = shopOf(s)
	}
	return out, err
}

func (p places) Near(ctx context.Context, lng, lat, metres float64, limit int) ([]alerts.NearShop, error) {
	list, err := p.shops.Near(ctx, lng, lat, metres, limit)
	out := make([]alerts.NearShop, len(list))
	for i, n := range list {
		out[i] = alerts.NearShop{Shop: shopOf(n.Shop), DistanceM: n.DistanceM}
	}
	return out, err
}

func (p places) Shop(ctx context.Context, id string) (alerts.Shop, bool, error) {
	s, ok, err := p.shops.ByID(ctx, id)
	return shopOf(s), ok, err
}

func (p places) PictureAt(ctx context.Context, camera string, at time.Time) (bool, string, error) {
	return p.directory.HealthAt(ctx, camera, at)
}

func (p places) BoxName(ctx context.Context, id string) (string, error) {
	names, err := p.directory.BoxNames(ctx)
	return names[id], err
}

// alertPictures gives the alerts their pictures small.
type alertPictures struct{ pictures }

func (p alertPictures) Small(ctx context.Context, sm3 string) ([]byte, bool, error) {
	if !blob.ValidDigest(sm3) || !p.store.Has(ctx, sm3) {
		return nil, false, nil
	}
	b, err := p.store.Thumb(ctx, sm3, 320)
	if errs.Is(err, errs.Invalid) || errs.Is(err, errs.NotFoundCode) {
		return nil, false, nil
	}
	return b, err == nil, err
}

// orderDesk makes work orders of confirmed alerts.
type orderDesk struct {
	orders    *orders.Service
	directory *directory.Service
}

// squadOf gives the squad that a camera is bound to, "" for none.
func (o orderDesk) squadOf(ctx context.Context, camera string) (string, error) {
	list, err := o.directory.Cameras(ctx, []string{camera})
	if err != nil || len(list) == 0 {
		return "", err
	}
	return list[0].SquadOrgID, nil
}

func (o orderDesk) Make(ctx context.Context, tx db.Tx, ask alerts.OrderAsk) (alerts.OrderMade, error) {
	a := ask.Alert
	squad, err := o.squadOf(ctx, a.CameraID)
	if err != nil {
		return alerts.OrderMade{}, err
	}
	m, err := o.orders.Make(ctx, tx, orders.MakeInput{
		AlertID: a.ID, AlertNo: a.No, Kind: a.Kind, ShopID: a.ShopID, ShopName: a.ShopName, CameraID: a.CameraID, ZoneID: a.ZoneID,
		CameraName: a.CameraName, Address: a.Address, Lng: a.Lng, Lat: a.Lat, RegionCode: a.RegionCode, StreetName: a.StreetName,
		EvidenceUse: a.EvidenceUse, Thumb: a.Thumb, Pictures: ask.Pictures, Facts: a.Text, Merge: ask.Merge,
		LimitHours: ask.LimitHours, BoundSquadID: squad, SquadID: ask.SquadID, Note: ask.Note,
	})
	return alerts.OrderMade{ID: m.OrderID, No: m.OrderNo, State: string(m.State), Merged: m.Merged}, err
}

func (o orderDesk) Withdraw(ctx context.Context, tx db.Tx, orderID string, a alerts.Alert) error {
	return o.orders.Withdraw(ctx, tx, orderID, a.ID, a.No, a.State == alerts.Merged)
}

// Recall takes an alert that was no violation out of its order while nobody
// works on it.
func (o orderDesk) Recall(ctx context.Context, tx db.Tx, orderID string, a alerts.Alert, reason string) (bool, error) {
	return o.orders.Recall(ctx, tx, orderID, a.ID, a.No, reason)
}

// Note adds a line to the course of an open order.
func (o orderDesk) Note(ctx context.Context, tx db.Tx, orderID, text string) error {
	return o.orders.Note(ctx, tx, orderID, text)
}

func (o orderDesk) Mergeable(ctx context.Context, shop, kind string) (*alerts.OpenOrder, error) {
	x, err := o.orders.Mergeable(ctx, shop, kind)
	if err != nil || x == nil {
		return nil, err
	}
	return &alerts.OpenOrder{ID: x.ID, No: x.No, State: string(x.State)}, nil
}

func (o orderDesk) Suggest(ctx context.Context, a alerts.Alert) (alerts.Suggestion, error) {
	squad, err := o.squadOf(ctx, a.CameraID)
	if err != nil {
		return alerts.Suggestion{}, err
	}
	s, err := o.orders.Suggest(ctx, a.Kind, orders.Place{
		BoundSquadID: squad, RegionCode: a.RegionCode, StreetName: a.StreetName, Address: a.Address, Lng: a.Lng, Lat: a.Lat,
	})
	return alerts.Suggestion{SquadOrgID: s.OrgID, SquadName: s.Name, Reason: s.Reason, LimitHours: s.Limit.Hours(), DueAt: s.DueAt}, err
}

// wireAlerts makes the alerts and lets them hear how their orders go.
func wireAlerts(d *db.DB, dir *directory.Service, sh *shops.Service, ord *orders.Service, store *blob.Store, bus *events.Bus, log *slog.Logger) *alerts.Service {
	s := alerts.New(alerts.Options{
		DB: d, Places: places{dir, sh}, Orders: orderDesk{ord, dir}, Pictures: alertPictures{pictures{store}}, Wake: bus.Wake,
	})
	bus.Subscribe(orders.TopicChanged, "alerts", func(ctx context.Context, tx db.Tx, e events.Event) error {
		var ch orders.Changed
		if err := e.Decode(&ch); err != nil {
			return err
		}
		return s.OrderMoved(ctx, tx, ch.ID, string(ch.State))
	})
	bus.Subscribe(orders.TopicClosed, "alerts", func(ctx context.Context, tx db.Tx, e events.Event) error {
		var ch orders.ClosedEvent
		if err := e.Decode(&ch); err != nil {
			return err
		}
		return s.OrderClosed(ctx, tx, ch.ID, string(ch.Result))
	})
	bus.Subscribe("shops.finding", "alerts", func(ctx context.Context, tx db.Tx, e events.Event) error {
		var f alerts.Finding
		if err := e.Decode(&f); err != nil {
			return err
		}
		err := s.TakeFinding(ctx, tx, f)
		if errs.Is(err, errs.Invalid) {
			log.Warn("a finding about a sign cannot be an alert", "finding", f.ID, "err", err)
			return nil
		}
		return err
	})
	return s
}

func (a *App) exportAlerts() transfer.Exporter {
	return transfer.Exporter{
		Kind: "alerts", Title: "预警与识别结果", Perm: access.AlertView, Columns: alerts.Columns(),
		Check: func(q map[string]string) error { _, err := alerts.FilterOf(q); return err },
		Count: func(ctx context.Context, q map[string]string) (int64, error) {
			f, err := alerts.FilterOf(q)
			if err != nil {
				return 0, err
			}
			return a.alerts.Count(ctx, f)
		},
		Rows: func(ctx context.Context, q map[string]string, emit func(...any) error) error {
			f, err := alerts.FilterOf(q)
			if err != nil {
				return err
			}
			return a.alerts.Each(ctx, f, emit)
		},
	}
}
