// Package app puts the center together: the services, what they need of each
// other, and every route.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"jiexun/center/internal/access"
	"jiexun/center/internal/deadline"
	"jiexun/center/internal/fleet"
	"jiexun/center/internal/hub"
	"jiexun/center/internal/live"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/jobs"
	"jiexun/center/internal/platform/region"
	"jiexun/center/internal/platform/stream"
	"jiexun/center/internal/platform/trace"
	"jiexun/center/internal/transfer"
	"jiexun/center/migrations"
	"jiexun/center/seed/base"
)

// Options configure a center. Addresses are host:port; port 0 takes a free one.
type Options struct {
	// Data is the folder of everything that is not in the database; the
	// database too when DB is empty.
	Data string
	// DB is sqlite:PATH or postgres://…
	DB string
	// HTTP serves people, Edge and MQTT serve boxes.
	HTTP, Edge, MQTT string
	// Names are further names of this machine for its certificates, and
	// PublicHost the one that boxes are told.
	Names      []string
	PublicHost string
	// PublicURL is where people reach the center, for links in messages.
	PublicURL string
	// MediaAPI and MediaRTSP are how the center and the boxes reach the
	// media server, MediaWebRTC and MediaHLS how browsers do.
	MediaAPI, MediaRTSP, MediaWebRTC, MediaHLS string
	// Secure says that people come by HTTPS, Proxied that a reverse proxy
	// on this machine tells who they are.
	Secure, Proxied bool
	Access          access.Options
	// Trace is the address of an OpenTelemetry collector, empty for none;
	// TraceShare of the requests are traced.
	Trace      string
	TraceShare float64
	// Drain is how long a stopping center goes on answering while /readyz
	// says no, so that a load balancer sends nothing new.
	Drain time.Duration
	// AuditKeepDays is how long audit records stay in the database before
	// they move into signed files: 365 when 0, for ever when negative.
	AuditKeepDays int
	// Release is what the program is checked against.
	Release Release
	Clock   clock.Clock
	Log     *slog.Logger
}

// App is one center.
type App struct {
	o       Options
	log     *slog.Logger
	clock   clock.Clock
	reg     *prometheus.Registry
	db      *db.DB
	bus     *events.Bus
	jobs    *jobs.Runner
	stream  *stream.Hub
	blobs   *blob.Store
	regions *region.Tree
	ca      *hub.CA
	access  *access.Service
	fleet   *fleet.Service
	hub     *hub.Service
	live    *live.Service
	domains
	ops
	cryptoParts
	signinParts
	todoParts
	notifyParts
	workflowParts
	deadline *deadline.Service
	transfer *transfer.Service
	integrationParts
	securityParts
	noticeParts
	patrolParts
	fiber *fiber.App
	api   huma.API
	ln    net.Listener
	run   context.Context
}

// New opens the database, brings it up to date, and builds the services.
// Nothing listens yet.
func New(ctx context.Context, o Options) (_ *App, err error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	a := &App{o: o, log: o.Log, clock: o.Clock, reg: prometheus.NewRegistry(), stream: stream.NewHub(), run: ctx}
	a.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := a.open(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.db.Close())
		}
	}()
	a.bus = events.NewBus(a.db, a.log, a.reg)
	a.jobs = jobs.New(a.db, a.log, a.reg)
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"cryptography", a.wireCrypto},
		{"access", a.wireAccess}, {"signing in", a.wireSignin}, {"to-dos", a.wireTodo}, {"deadlines", a.wireDeadline}, {"workflow", a.wireWorkflow}, {"channels", a.wireNotify}, {"the line to boxes", a.wireEdge}, {"domains", a.wireDomains}, {"notices to shops", a.wireNotices}, {"exports", a.wireTransfer}, {"surveys and inspections", a.wirePatrol}, {"integration", a.wireIntegration}, {"security", a.wireSecurity},
		{"live views", a.wireLive}, {"notices", a.wireStream},
	} {
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("set up %s: %w", step.what, err)
		}
	}
	a.routes()
	if err := a.seedIntegration(ctx); err != nil {
		return nil, fmt.Errorf("register the center's functions: %w", err)
	}
	return a, nil
}

// open brings the stores up to date.
func (a *App) open(ctx context.Context) error {
	url, err := DatabaseURL(a.o.Data, a.o.DB)
	if err != nil {
		return err
	}
	if a.regions, err = base.Regions(); err != nil {
		return err
	}
	if a.blobs, err = blob.Open(filepath.Join(a.o.Data, "blobs")); err != nil {
		return err
	}
	if a.ca, err = hub.OpenCA(filepath.Join(a.o.Data, "ca"), a.clock.Now); err != nil {
		return err
	}
	if a.db, err = db.Open(ctx, url, a.clock); err != nil {
		return err
	}
	if a.tracer, err = trace.Start(ctx, trace.Options{Endpoint: a.o.Trace, Service: "jiexun-center", Share: a.o.TraceShare}); err != nil {
		return errors.Join(err, a.db.Close())
	}
	if a.o.Trace != "" {
		a.db.Hook(a.tracer.Queries(map[bool]string{true: "postgresql", false: "sqlite"}[a.db.Postgres()]))
	}
	applied, err := db.Migrate(ctx, a.db, migrations.FS)
	if err != nil {
		return errors.Join(err, a.db.Close())
	}
	if len(applied) > 0 {
		a.log.Info("database brought up to date", "migrations", len(applied))
	}
	if err := jobs.Migrate(ctx, a.db); err != nil {
		return errors.Join(err, a.db.Close())
	}
	return nil
}

// Start opens the listeners and begins the work in the background.
func (a *App) Start(ctx context.Context) error {
	ln, err := net.Listen("tcp", a.o.HTTP)
	if err != nil {
		return fmt.Errorf("listen for people on %s: %w", a.o.HTTP, err)
	}
	a.ln = ln
	if err := a.hub.Start(ctx); err != nil {
		return errors.Join(err, ln.Close())
	}
	if err := a.startDomains(ctx); err != nil {
		return errors.Join(err, a.hub.Close(), ln.Close())
	}
	bg := context.WithoutCancel(ctx)
	a.startCrypto(ctx)
	a.bus.Start(bg)
	if err := a.jobs.Start(bg); err != nil {
		return errors.Join(err, a.hub.Close(), ln.Close())
	}
	a.live.Start(bg)
	a.startBridge(bg)
	a.todo.Start(bg)
	a.notify.Start(bg)
	a.security.Start(bg)
	a.opens.Start(bg)
	a.patrol.Start(bg)
	go func() {
		if err := a.fiber.Listener(ln); err != nil {
			a.log.Error("HTTP stopped", "err", err)
		}
	}()
	a.log.Info("center is ready", "http", a.HTTPAddr(), "edge", a.hub.HTTPSAddr(), "mqtt", a.hub.MQTTAddr())
	return nil
}

// Close stops everything in the order in which work flows, so that what a box
// was told is committed stays so.
func (a *App) Close() error {
	a.draining.Store(true)
	time.Sleep(a.o.Drain)
	a.stopBridge()
	a.stream.Close()
	err := a.fiber.ShutdownWithTimeout(3 * time.Second)
	err = errors.Join(err, a.hub.Close())
	a.live.Close()
	a.todo.Stop()
	a.notify.Stop()
	a.patrol.Close()
	a.security.Close()
	err = errors.Join(err, a.opens.Close(context.Background()))
	err = errors.Join(err, a.jobs.Close())
	a.bus.Close()
	return errors.Join(err, a.db.Close(), a.tracer.Close())
}

// CloseUnstarted frees what New opened when Start was never called.
func (a *App) CloseUnstarted() error { return a.db.Close() }

// HTTPAddr is the address that people use.
func (a *App) HTTPAddr() string { return a.ln.Addr().String() }

// Hub gives the line to the boxes, for tests.
func (a *App) Hub() *hub.Service { return a.hub }

// Access gives accounts, for commands and tests.
func (a *App) Access() *access.Service { return a.access }

// Fleet gives the boxes, for commands and tests.
func (a *App) Fleet() *fleet.Service { return a.fleet }

// DB gives the database, for commands and tests.
func (a *App) DB() *db.DB { return a.db }

// Fiber gives the HTTP application, for tests without a listener.
func (a *App) Fiber() *fiber.App { return a.fiber }

// API gives the interface description.
func (a *App) API() huma.API { return a.api }

// DatabaseURL is the given address, or the SQLite file in the data folder.
func DatabaseURL(data, url string) (string, error) {
	if url != "" {
		return url, nil
	}
	if data == "" {
		return "", errors.New("give a data folder with --data or a database with --db")
	}
	return "sqlite:" + filepath.Join(data, "jiexun.db"), nil
}
