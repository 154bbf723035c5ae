package app

import (
	"context"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/shops"
	"jiexun/center/internal/transfer"
)

// wireShops makes the shops and lets them hear what surveys read and what
// people decide about findings.
func (a *App) wireShops() {
	a.keys.Guard(shops.Sealed()...)
	a.shops = shops.New(shops.Options{DB: a.db, Keys: a.keys, Regions: a.regions, Pictures: pictures{a.blobs}, Wake: a.bus.Wake})
	a.bus.Subscribe(shops.TopicSign, "shops", func(ctx context.Context, tx db.Tx, e events.Event) error {
		var x shops.SignSeen
		if err := e.Decode(&x); err != nil {
			return err
		}
		return a.shops.TakeSign(ctx, tx, x)
	})
	a.bus.Subscribe(shops.TopicRegistry, "shops", func(ctx context.Context, tx db.Tx, e events.Event) error {
		var x shops.Registry
		if err := e.Decode(&x); err != nil {
			return err
		}
		return a.shops.TakeRegistry(ctx, tx, x)
	})
	a.jobs.Every("shops.index", "整理商铺检索", time.Minute, a.shops.Reindex)
}

func (a *App) exportShops() transfer.Exporter {
	return transfer.Exporter{
		Kind: "shops", Title: "商铺", Perm: access.ShopView, Columns: shops.Columns(),
		Check: func(map[string]string) error { return nil },
		Count: func(ctx context.Context, q map[string]string) (int64, error) {
			return a.shops.Count(ctx, shops.FilterOf(q))
		},
		Rows: func(ctx context.Context, q map[string]string, emit func(...any) error) error {
			return a.shops.Each(ctx, shops.FilterOf(q), emit)
		},
	}
}

func (a *App) exportSightings() transfer.Exporter {
	return transfer.Exporter{
		Kind: "sightings", Title: "排摸台账", Perm: access.ShopView, Columns: shops.SightColumns(),
		Check: func(q map[string]string) error { _, err := shops.SightFilterOf(q); return err },
		Count: func(ctx context.Context, q map[string]string) (int64, error) {
			f, err := shops.SightFilterOf(q)
			if err != nil {
				return 0, err
			}
			return a.shops.CountSightings(ctx, f)
		},
		Rows: func(ctx context.Context, q map[string]string, emit func(...any) error) error {
			f, err := shops.SightFilterOf(q)
			if err != nil {
				return err
			}
			return a.shops.EachSighting(ctx, f, emit)
		},
	}
}
