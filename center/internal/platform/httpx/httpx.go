// Package httpx is the center's HTTP floor: one place for errors, request
// ids, limits, headers, CSRF and the rule that an answer which no
// authorization decision stands behind never leaves the server. Domains add
// their routes with Register and Raw.
package httpx

import (
	"context"
	"log/slog"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/trace"
)

// Permissions that are not in any role.
const (
	// Public routes need no session.
	Public = "-"
	// SignedIn routes need a session and no permission.
	SignedIn = "*"
)

// MaxBody bounds every request of the console and the phone.
const MaxBody = 16 << 20

// Options are what the HTTP floor needs.
type Options struct {
	Log      *slog.Logger
	Clock    clock.Clock
	Registry prometheus.Registerer
	// Identify reads the session of a request, puts the actor into the
	// context and checks the CSRF token of writes. It gives the context
	// unchanged when there is no session. Nil means nobody is signed in.
	Identify func(ctx context.Context, r Request) (context.Context, error)
	// Authorize decides whether the context's actor holds perm.
	Authorize func(ctx context.Context, perm string) error
	// Gate refuses an operation that is switched off, after authorization
	// and before its input is read. Nil means all are on.
	Gate func(ctx context.Context, c Called) error
	// Answered is told of every answered request of /api, after the answer;
	// it must not block. Nil means nobody listens.
	Answered func(a Answer)
	// Tracer records requests; nil records nothing.
	Tracer *trace.Tracer
	// Proxied trusts X-Forwarded-For of a reverse proxy on this machine.
	Proxied bool
	// Secure adds Strict-Transport-Security and marks cookies Secure.
	Secure bool
}

// Request is what Identify may look at.
type Request struct {
	Method, Path, Query, Cookie, CSRF, IP string
	// Header reads one header; Body gives the bytes as they came.
	Header func(name string) string
	Body   func() []byte
}

// Called names the operation of a request.
type Called struct {
	// ID is the operation id, Method and Route how it is registered, with
	// {name} for each parameter, and Perm the permission that it needs.
	ID, Method, Route, Perm string
}

// Answer is one answered request.
type Answer struct {
	Called
	At     time.Time
	Took   time.Duration
	Status int
	// Path is the path as it was asked for.
	Path   string
	Bytes  int
	Caller caller.Caller
	// Context is the request's, with its actor.
	Context context.Context
}

// CookieName is the session cookie.
const CookieName = "jx_session"

// New makes the fiber app and the huma API on it.
func New(o Options) (*fiber.App, huma.API) {
	setUpHuma()
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	cfg := fiber.Config{
		AppName:               "jiexun",
		DisableStartupMessage: true,
		// Services keep request values in events, and fiber would reuse
		// the bytes behind them.
		Immutable:    true,
		BodyLimit:    MaxBody,
		ReadTimeout:  30 * time.Second,
		IdleTimeout:  90 * time.Second,
		ErrorHandler: fiberErrors(o.Log),
	}
	if o.Proxied {
		cfg.ProxyHeader = fiber.HeaderXForwardedFor
		cfg.EnableTrustedProxyCheck = true
		cfg.TrustedProxies = []string{"127.0.0.1", "::1"}
		cfg.EnableIPValidation = true
	}
	app := fiber.New(cfg)
	m := newMetrics(o.Registry)
	app.Use(requestID(o), m.observe(o), recoverPanics(o.Log), securityHeaders(o.Secure))
	app.Use("/api", requireAuthz, identify(o))

	hc := huma.DefaultConfig("街巡中心接口", "1")
	hc.CreateHooks = nil // no "$schema" links in answers
	hc.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	hc.OpenAPIPath, hc.DocsPath, hc.SchemasPath = "", "", ""
	api := humafiber.New(app, hc)
	fl := &floor{API: api, o: o}
	api.UseMiddleware(fl.authorize)
	return app, fl
}

// floor is the huma API with the options that Register needs.
type floor struct {
	huma.API
	o Options
}

// Register adds one operation. perm is a permission code, SignedIn or Public;
// it is stored in the operation's metadata, where the crawler test finds it.
// Errors that the handler returns become the one error body.
func Register[I, O any](api huma.API, perm string, op huma.Operation, h func(context.Context, *I) (*O, error)) {
	fl, ok := api.(*floor)
	if !ok {
		panic("httpx.Register needs the API that httpx.New made")
	}
	if perm == "" {
		panic("operation " + op.OperationID + " names no permission")
	}
	if op.Metadata == nil {
		op.Metadata = map[string]any{}
	}
	op.Metadata["perm"] = perm
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = 1 << 20
	}
	if op.Errors == nil {
		op.Errors = []int{401, 403, 404, 409, 422}
	}
	op.Extensions = map[string]any{"x-permission": perm}
	huma.Register(fl.API, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err != nil {
			return nil, problemOf(ctx, fl.o.Log, err)
		}
		return out, nil
	})
}

// authorize runs before an operation's input is read, so that a stranger
// learns nothing about it.
func (f *floor) authorize(hc huma.Context, next func(huma.Context)) {
	op := hc.Operation()
	perm, _ := op.Metadata["perm"].(string)
	if err := f.decide(hc.Context(), Called{ID: op.OperationID, Method: op.Method, Route: op.Path, Perm: perm}); err != nil {
		p := problemOf(hc.Context(), f.o.Log, err)
		_ = huma.WriteErr(f.API, hc, p.status, p.Message, p)
		return
	}
	next(hc)
}

func (f *floor) decide(ctx context.Context, c Called) error {
	Decide(ctx) // refused is a decision too
	noteCalled(ctx, c)
	if err := f.permitted(ctx, c.Perm); err != nil {
		return err
	}
	if f.o.Gate == nil {
		return nil
	}
	return f.o.Gate(ctx, c)
}

func (f *floor) permitted(ctx context.Context, perm string) error {
	if perm == Public {
		return nil
	}
	if f.o.Authorize == nil {
		return errForgotten
	}
	return f.o.Authorize(ctx, perm)
}

// Raw adds a route that huma cannot serve (streams, bytes) with the same
// authorization. It panics when api was not made by New.
func Raw(app *fiber.App, api huma.API, perm, method, path string, h fiber.Handler) {
	fl, ok := api.(*floor)
	if !ok {
		panic("httpx.Raw needs the API that httpx.New made")
	}
	called := fl.note(perm, method, path)
	app.Add(method, path, func(c *fiber.Ctx) error {
		if err := fl.decide(c.UserContext(), called); err != nil {
			return err
		}
		return h(c)
	})
}

// note puts a raw route into the OpenAPI document, with its permission.
func (f *floor) note(perm, method, path string) Called {
	p := ""
	params := []*huma.Param{}
	for _, seg := range splitPath(path) {
		if seg[0] == ':' {
			params = append(params, &huma.Param{Name: seg[1:], In: "path", Required: true, Schema: &huma.Schema{Type: "string"}})
			seg = "{" + seg[1:] + "}"
		}
		p += "/" + seg
	}
	f.OpenAPI().AddOperation(&huma.Operation{
		OperationID: operationID(method, p), Method: method, Path: p, Parameters: params,
		Extensions: map[string]any{"x-permission": perm},
		Metadata:   map[string]any{"perm": perm},
		Responses:  map[string]*huma.Response{"200": {Description: "OK"}},
	})
	return Called{ID: operationID(method, p), Method: method, Route: p, Perm: perm}
}

// IP gives the caller's address of a request.
func IP(ctx context.Context) string { return caller.From(ctx).IP }
