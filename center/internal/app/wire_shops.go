package app

import (
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/region"
	"jiexun/center/internal/shops"
)

func wireShops(d *db.DB, regions *region.Tree, store *blob.Store, bus *events.Bus) *shops.Service {
	return shops.New(shops.Options{DB: d, Regions: regions, Pictures: pictures{store}, Wake: bus.Wake})
}
