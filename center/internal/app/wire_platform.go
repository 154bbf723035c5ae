package app

import (
	"context"
	"net"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/fleet"
	"jiexun/center/internal/hub"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
)

func (a *App) wireEdge(context.Context) error {
	a.fleet = fleet.New(fleet.Options{
		DB: a.db, Log: a.log, Regions: a.regions, Stream: a.stream, Fingerprint: a.ca.Fingerprint(), Address: a.edgeAddress,
		Desired: func(ctx context.Context, list []string) (map[string]int64, error) {
			return a.desiredVersions(ctx, list)
		},
		Disconnect:   func(box string) { a.hub.Disconnect(box) },
		TopicOffline: hub.TopicOffline,
	})
	a.hub = hub.New(hub.Options{
		DB: a.db, Clock: a.clock, Log: a.log, Metrics: a.reg, Blobs: a.blobs, CA: a.ca, Registry: registry{a.fleet}, Sink: lateSink{a}, Observations: lateSink{a},
		Wake: a.bus.Wake, MQTT: a.o.MQTT, HTTPS: a.o.Edge, Names: a.names(), PublicHost: a.o.PublicHost,
	})
	a.bus.Subscribe(hub.TopicStatus, "fleet", func(ctx context.Context, tx db.Tx, e events.Event) error {
		var h fleet.Heard
		if err := e.Decode(&h); err != nil {
			return err
		}
		return a.fleet.TakeStatus(ctx, tx, h)
	})
	a.bus.Subscribe(hub.TopicOffline, "fleet", func(ctx context.Context, tx db.Tx, e events.Event) error {
		var o hub.OfflineEvent
		if err := e.Decode(&o); err != nil {
			return err
		}
		return a.fleet.TakeOffline(ctx, tx, o.Edge, o.Since, o.Reason)
	})
	a.jobs.Every("fleet.age", "检查边缘盒状态", 5*time.Second, a.fleet.Age)
	a.jobs.Every("hub.reconcile", "核对边缘盒上报", time.Hour, a.hub.ReconcileYesterday)
	a.jobs.Every("blob.sweep", "清理未完成的上传", time.Hour, func(context.Context) error {
		_, err := a.blobs.Sweep(time.Now().Add(-48 * time.Hour)) // file times, so the machine's clock
		return err
	})
	return nil
}

// edgeAddress is where boxes enrol.
func (a *App) edgeAddress() string {
	host, port, err := net.SplitHostPort(a.o.Edge)
	if a.hub != nil && a.ln != nil { // a free port may have been taken
		_, port, err = net.SplitHostPort(a.hub.HTTPSAddr())
	}
	if err != nil {
		return "https://" + a.o.Edge
	}
	if a.o.PublicHost != "" {
		host = a.o.PublicHost
	} else if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "https://" + net.JoinHostPort(host, port)
}

// names are all names that boxes may use for this center.
func (a *App) names() []string {
	list := append([]string{}, a.o.Names...)
	if a.o.PublicHost != "" {
		list = append(list, a.o.PublicHost)
	}
	for _, addr := range []string{a.o.Edge, a.o.MQTT} {
		if h, _, err := net.SplitHostPort(addr); err == nil && h != "" && !net.ParseIP(h).IsUnspecified() {
			list = append(list, h)
		}
	}
	return list
}

// registry is fleet as the hub sees it.
type registry struct{ f *fleet.Service }

func (r registry) Enrol(ctx context.Context, req edgev1.EnrolRequest, sign func(string) (string, string, error)) (hub.Identity, error) {
	e, err := r.f.Enrol(ctx, req, sign)
	return hub.Identity(e), err
}

func (r registry) Admit(ctx context.Context, edge, serial, instance string) error {
	return r.f.Admit(ctx, edge, serial, instance)
}

// reconciler is the hub as fleet sees it.
type reconciler struct{ h *hub.Service }

func (r reconciler) Reconcile(ctx context.Context, edge string, ymd int) (fleet.Reconciliation, error) {
	x, err := r.h.Reconcile(ctx, edge, ymd)
	return fleet.Reconciliation{BoxMade: x.BoxMade, Stored: x.Stored, Missing: x.Missing, Gaps: x.Gaps}, err
}

// lateSink gives events to the domain that is built after the hub.
type lateSink struct{ a *App }

func (l lateSink) TakeEvents(ctx context.Context, tx db.Tx, edge string, list []edgev1.Received) (map[int]error, error) {
	return l.a.takeEvents(ctx, tx, edge, list)
}
