package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/alerts"
	"jiexun/center/internal/directory"
	"jiexun/center/internal/hub"
	"jiexun/center/internal/onemap"
	"jiexun/center/internal/orders"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/jobs"
	"jiexun/center/internal/platform/region"
	"jiexun/center/internal/shops"
)

// domains are the services that people work with.
type domains struct {
	directory *directory.Service
	shops     *shops.Service
	alerts    *alerts.Service
	orders    *orders.Service
	onemap    *onemap.Service
}

// domainParts are what the domains stand on. Commands and Publisher are the
// hub's; they are called only once the hub runs.
type domainParts struct {
	DB        *db.DB
	Regions   *region.Tree
	Blobs     *blob.Store
	Access    *access.Service
	Bus       *events.Bus
	Commands  hub.Commands
	Publisher hub.ConfigPublisher
	Log       *slog.Logger
}

// wireDomains makes the domains and subscribes them to what they need.
func wireDomains(p domainParts) *domains {
	d := &domains{
		directory: wireDirectory(p.DB, p.Regions, p.Blobs, p.Commands, p.Publisher, p.Bus, p.Log),
		shops:     wireShops(p.DB, p.Regions, p.Blobs, p.Bus),
		orders:    wireOrders(p.DB, p.Access, p.Blobs, p.Bus),
		onemap:    onemap.New(p.DB),
	}
	d.alerts = wireAlerts(p.DB, d.directory, d.shops, d.orders, p.Blobs, p.Bus)
	return d
}

// register adds the routes of the domains.
func (d *domains) register(api huma.API) {
	d.directory.Register(api)
	d.shops.Register(api)
	d.alerts.Register(api)
	d.orders.Register(api)
	d.onemap.Register(api)
}

// schedule adds the jobs of the domains.
func (d *domains) schedule(r *jobs.Runner) {
	r.Every("directory.age", "点位状态核对", 10*time.Second, d.directory.Age)
	r.Every("orders.escalate", "工单超时升级", 20*time.Second, func(ctx context.Context) error {
		_, err := d.orders.Escalate(ctx)
		return err
	})
}

// seesBlob tells whether some record that the actor may see refers to a
// picture.
func (d *domains) seesBlob(ctx context.Context, sm3 string) (bool, error) {
	for _, sees := range []func(context.Context, string) (bool, error){d.alerts.SeesBlob, d.orders.SeesBlob, d.directory.SeesBlob, d.shops.SeesBlob} {
		if ok, err := sees(ctx, sm3); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}
