package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sys/unix"

	"jiexun/center/internal/platform/stream"
	"jiexun/center/internal/platform/trace"
)

// ops is what those who run the center look at.
type ops struct {
	tracer   *trace.Tracer
	draining atomic.Bool
	bridge   *stream.Bridge
	bridged  sync.WaitGroup
	unbridge context.CancelFunc
}

// startBridge joins the notices of this center with those of the others.
func (a *App) startBridge(ctx context.Context) {
	ctx, a.unbridge = context.WithCancel(ctx)
	a.bridged.Go(func() { a.bridge.Run(ctx) })
}

func (a *App) stopBridge() {
	if a.unbridge != nil {
		a.unbridge()
		a.bridged.Wait()
	}
}

// leastFree is the room on the data disk below which a center takes no more
// requests: evidence could not be stored any more.
const leastFree = 256 << 20

// check is one thing that must be well for the center to take requests.
type check struct {
	name string
	run  func(ctx context.Context) error
}

func (a *App) checks() []check {
	return []check{
		{"stopping", func(context.Context) error {
			if a.draining.Load() {
				return fmt.Errorf("the center is stopping")
			}
			return nil
		}},
		{"database", func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			return a.db.Ping(ctx)
		}},
		{"disk", func(context.Context) error {
			var st unix.Statfs_t
			if err := unix.Statfs(a.o.Data, &st); err != nil {
				return fmt.Errorf("look at the data folder: %w", err)
			}
			if free := st.Bavail * uint64(st.Bsize); free < leastFree {
				return fmt.Errorf("%d MiB free in the data folder, at least %d are needed", free>>20, leastFree>>20)
			}
			return nil
		}},
	}
}

// registerOps serves health (the process works), readiness (it should get
// requests) and figures.
func (a *App) registerOps() {
	a.fiber.Get("/healthz", func(c *fiber.Ctx) error {
		if err := a.db.Ping(c.UserContext()); err != nil {
			a.log.Error("database does not answer", "err", err)
			return c.Status(http.StatusServiceUnavailable).SendString("database does not answer\n")
		}
		return c.SendString("ok\n")
	})
	a.fiber.Get("/readyz", func(c *fiber.Ctx) error {
		var b strings.Builder
		code := http.StatusOK
		for _, k := range a.checks() {
			if err := k.run(c.UserContext()); err != nil {
				code = http.StatusServiceUnavailable
				fmt.Fprintf(&b, "%s: %v\n", k.name, err)
				continue
			}
			fmt.Fprintf(&b, "%s: ok\n", k.name)
		}
		return c.Status(code).SendString(b.String())
	})
	metrics := adaptor.HTTPHandler(promhttp.HandlerFor(a.reg, promhttp.HandlerOpts{}))
	a.fiber.Get("/metrics", func(c *fiber.Ctx) error {
		if ip := net.ParseIP(c.Context().RemoteIP().String()); ip == nil || !ip.IsLoopback() {
			return c.SendStatus(http.StatusForbidden) // figures are for this machine's collector
		}
		return metrics(c)
	})
}
