package httpx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"

	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
)

var errForgotten = errs.New(errs.ForbiddenCode, "这个接口没有声明权限，已拒绝")

type decisionKey struct{}

// decision is what the floor learns about a request while it is handled.
type decision struct {
	taken  atomic.Bool
	called atomic.Pointer[Called]
}

func decisionOf(ctx context.Context) *decision {
	d, _ := ctx.Value(decisionKey{}).(*decision)
	return d
}

// Decide notes that an authorization decision was taken for the request. The
// floor does it for routes of Register and Raw.
func Decide(ctx context.Context) {
	if d := decisionOf(ctx); d != nil {
		d.taken.Store(true)
	}
}

func noteCalled(ctx context.Context, c Called) {
	if d := decisionOf(ctx); d != nil {
		d.called.Store(&c)
	}
}

// requireAuthz replaces an answer that nothing decided about by 403: a
// forgotten check fails closed.
func requireAuthz(c *fiber.Ctx) error {
	d := &decision{}
	c.SetUserContext(context.WithValue(c.UserContext(), decisionKey{}, d))
	err := c.Next()
	if d.taken.Load() || err != nil {
		return err
	}
	c.Response().ResetBody()
	return errForgotten
}

func requestID(o Options) fiber.Handler {
	return func(c *fiber.Ctx) error {
		id := ids.New()
		c.Set("X-Request-Id", id)
		c.SetUserContext(caller.With(c.UserContext(), caller.Caller{IP: c.IP(), RequestID: id}))
		return c.Next()
	}
}

func identify(o Options) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if o.Identify == nil {
			return c.Next()
		}
		ctx, err := o.Identify(c.UserContext(), Request{
			Method: c.Method(), Path: c.Path(), Query: string(c.Request().URI().QueryString()),
			Cookie: c.Cookies(CookieName), CSRF: c.Get("X-CSRF-Token"), IP: c.IP(),
			Header: func(name string) string { return c.Get(name) }, Body: c.BodyRaw,
		})
		if err != nil {
			Decide(c.UserContext())
			return err
		}
		c.SetUserContext(ctx)
		return c.Next()
	}
}

func securityHeaders(secure bool) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Set("X-Content-Type-Options", "nosniff")
		c.Set("X-Frame-Options", "DENY")
		c.Set("Referrer-Policy", "same-origin")
		c.Set("Permissions-Policy", "camera=(self), geolocation=(self), microphone=()")
		// Workers from blobs: the map library. Media from other ports of
		// this host: live views.
		c.Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "+
			"script-src 'self'; worker-src 'self' blob:; connect-src 'self' http: https:; media-src 'self' blob: http: https:; "+
			"frame-ancestors 'none'; base-uri 'self'; form-action 'self'")
		if secure {
			c.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if strings.HasPrefix(c.Path(), "/api") {
			c.Set("Cache-Control", "no-store")
		}
		return c.Next()
	}
}

// recoverPanics turns a panic into an answer: no request ends the process.
func recoverPanics(log *slog.Logger) fiber.Handler {
	return func(c *fiber.Ctx) (err error) {
		defer func() {
			if r := recover(); r != nil {
				log.Error("handler panicked", "path", c.Path(), "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
				err = errs.New(errs.Internal, internalMessage)
			}
		}()
		return c.Next()
	}
}

type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jiexun_http_requests_total", Help: "Answered requests."}, []string{"method", "route", "status"}),
		seconds:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "jiexun_http_seconds", Help: "Time to answer.", Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}}, []string{"method", "route"}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.seconds)
	}
	return m
}

// observe logs and counts each request after it was answered.
func (m *metrics) observe(o Options) fiber.Handler {
	log, c := o.Log, o.Clock
	return func(fc *fiber.Ctx) error {
		start := c.Now()
		ctx, span := o.Tracer.Request(fc.UserContext(), fc.Method(), func(k string) string { return fc.Get(k) })
		fc.SetUserContext(ctx)
		err := fc.Next()
		if err != nil { // let the one error handler write the answer first
			if e := fc.App().ErrorHandler(fc, err); e != nil {
				return e
			}
		}
		code := fc.Response().StatusCode()
		took := c.Now().Sub(start)
		route := fc.Route().Path
		span.Name(fc.Method() + " " + route)
		span.Set(attribute.Int("http.response.status_code", code))
		var failed error
		if code >= 500 {
			failed = errors.New(strconv.Itoa(code))
		}
		span.End(failed)
		m.requests.WithLabelValues(fc.Method(), route, strconv.Itoa(code)).Inc()
		m.seconds.WithLabelValues(fc.Method(), route).Observe(took.Seconds())
		level := slog.LevelDebug
		if code >= 500 || took > 2*time.Second {
			level = slog.LevelWarn
		} else if fc.Method() != fiber.MethodGet && fc.Method() != fiber.MethodHead {
			level = slog.LevelInfo
		}
		who := caller.From(fc.UserContext())
		log.Log(fc.UserContext(), level, "http", "method", fc.Method(), "path", fc.Path(), "status", code,
			"ms", took.Milliseconds(), "ip", who.IP, "actor", who.ID, "id", who.RequestID, "trace", span.ID())
		if d := decisionOf(fc.UserContext()); d != nil && o.Answered != nil {
			a := Answer{At: start, Took: took, Status: code, Path: fc.Path(), Bytes: max(fc.Response().Header.ContentLength(), 0), Caller: who, Context: fc.UserContext()}
			if called := d.called.Load(); called != nil {
				a.Called = *called
			}
			o.Answered(a)
		}
		return nil
	}
}

func splitPath(path string) []string {
	out := []string{}
	for _, s := range strings.Split(path, "/") {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

func operationID(method, path string) string {
	r := strings.NewReplacer("/", "-", "{", "", "}", "", ".", "-")
	return strings.ToLower(method) + r.Replace(path)
}
