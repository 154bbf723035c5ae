package app

import (
	"context"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/alerts"
	"jiexun/center/internal/directory"
	"jiexun/center/internal/onemap"
	"jiexun/center/internal/orders"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/shops"
	"jiexun/center/internal/transfer"
	"jiexun/center/seed/base"
)

// wireOneMap makes the map, lets it follow its owners' events, and compares
// it with them now and then.
func (a *App) wireOneMap(ctx context.Context) (err error) {
	a.onemap, err = onemap.New(onemap.Options{DB: a.db, Regions: a.regions, Districts: base.Districts(), Keys: a.keys, Log: a.log})
	if err != nil {
		return err
	}
	if err := a.onemap.Start(ctx); err != nil {
		return err
	}
	a.followMap(onemap.LayerAlert, alerts.TopicChanged)
	a.followMap(onemap.LayerOrder, orders.TopicChanged)
	a.followMap(onemap.LayerCamera, directory.TopicState)
	a.followMap(onemap.LayerCamera, directory.TopicChanged)
	a.followMap(onemap.LayerShop, shops.TopicChanged)
	a.jobs.Every("onemap.compare", "核对一张图对象", 5*time.Minute, a.onemap.Reconcile)
	a.jobs.Every("onemap.heat", "统计预警热力", time.Minute, a.onemap.CountHeat)
	a.jobs.Every("onemap.sweep", "清理地名查询缓存", time.Hour, a.onemap.Sweep)
	return nil
}

// followMap brings the objects that an event names up to date on the map. The
// events of the owners name one thing, or a list of them.
func (a *App) followMap(layer, topic string) {
	a.bus.Subscribe(topic, "onemap", func(ctx context.Context, tx db.Tx, e events.Event) error {
		var ch struct {
			ID    string
			Items []struct{ ID string }
		}
		if err := e.Decode(&ch); err != nil {
			return err
		}
		ids := []string{}
		if ch.ID != "" {
			ids = append(ids, ch.ID)
		}
		for _, x := range ch.Items {
			ids = append(ids, x.ID)
		}
		return a.onemap.Take(ctx, tx, layer, ids...)
	})
}

func (a *App) importAddresses() transfer.Importer {
	hints := map[string]string{"地址": "例如 徐家汇路579号", "X": "经度，或平面坐标的第一个数", "Y": "纬度，或第二个数", "坐标系": "留空为 sh2000；可用 wgs84、cgcs2000、gcj02、bd09", "街镇区划代码": "留空按坐标落区"}
	cols := []transfer.ImportColumn{}
	for i, t := range onemap.ImportTitles() {
		cols = append(cols, transfer.ImportColumn{Title: t, Needed: i < 3, Hint: hints[t]})
	}
	return transfer.Importer{
		Kind: "addresses", Title: "地名地址", Perm: access.MapManage, Columns: cols,
		Check: func(ctx context.Context, rows [][]string) ([]transfer.Problem, error) {
			list, err := a.onemap.CheckImport(ctx, rows)
			out := make([]transfer.Problem, len(list))
			for i, p := range list {
				out[i] = transfer.Problem{Row: p.Row, Column: p.Column, Message: p.Message}
			}
			return out, err
		},
		Load: func(ctx context.Context, tx db.Tx, rows [][]string) error { return a.onemap.LoadImport(ctx, tx, rows) },
	}
}
