// Package trace sends spans of requests, jobs and statements to an
// OpenTelemetry collector by OTLP over HTTP. Without a collector's address
// nothing is recorded and nothing is sent.
package trace

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Options say where spans go.
type Options struct {
	// Endpoint is the collector's address, for example
	// http://127.0.0.1:4318; empty means no tracing.
	Endpoint string
	// Service and Version name this process.
	Service, Version string
	// Share of the requests that are traced, 0 to 1; a caller that asks for
	// its trace gets it.
	Share float64
}

// Tracer makes spans. The zero value and nil record nothing.
type Tracer struct {
	t        trace.Tracer
	provider *sdk.TracerProvider
	context  propagation.TraceContext
}

// Start connects lazily: a collector that is down loses spans and delays
// nothing.
func Start(ctx context.Context, o Options) (*Tracer, error) {
	if o.Endpoint == "" {
		return &Tracer{t: noop.NewTracerProvider().Tracer("")}, nil
	}
	exp, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(strings.TrimRight(o.Endpoint, "/")+"/v1/traces"), otlptracehttp.WithTimeout(5*time.Second))
	if err != nil {
		return nil, fmt.Errorf("set up tracing: %w", err)
	}
	return newTracer(o, exp), nil
}

func newTracer(o Options, exp sdk.SpanExporter) *Tracer {
	p := sdk.NewTracerProvider(
		sdk.WithBatcher(exp, sdk.WithBatchTimeout(2*time.Second)),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(o.Share))),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", o.Service), attribute.String("service.version", o.Version))),
	)
	return &Tracer{t: p.Tracer("jiexun"), provider: p}
}

// Close sends what is left, for at most two seconds.
func (t *Tracer) Close() error {
	if t == nil || t.provider == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last spans: %w", err)
	}
	return nil
}

// Span is one piece of work.
type Span struct{ s trace.Span }

// Begin starts a span of the context's trace.
func (t *Tracer) Begin(ctx context.Context, name string, attrs ...attribute.KeyValue) (context.Context, Span) {
	if t == nil || t.t == nil {
		return ctx, Span{}
	}
	ctx, s := t.t.Start(ctx, name, trace.WithAttributes(attrs...))
	return ctx, Span{s}
}

// Request starts the span of an incoming request and goes on with the trace
// that its headers name.
func (t *Tracer) Request(ctx context.Context, name string, header func(string) string) (context.Context, Span) {
	if t == nil || t.provider == nil {
		return ctx, Span{}
	}
	ctx = t.context.Extract(ctx, carrier(header))
	ctx, s := t.t.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer))
	return ctx, Span{s}
}

// Set adds what became known, Name gives a better name.
func (s Span) Set(attrs ...attribute.KeyValue) {
	if s.s != nil {
		s.s.SetAttributes(attrs...)
	}
}

// Name gives the span another name, once the route is known.
func (s Span) Name(name string) {
	if s.s != nil {
		s.s.SetName(name)
	}
}

// ID is the trace's id for logs, empty when it is not recorded.
func (s Span) ID() string {
	if s.s == nil || !s.s.SpanContext().IsSampled() {
		return ""
	}
	return s.s.SpanContext().TraceID().String()
}

// End finishes the span; a non-nil error marks it as failed.
func (s Span) End(err error) {
	if s.s == nil {
		return
	}
	if err != nil {
		s.s.SetStatus(codes.Error, err.Error())
	}
	s.s.End()
}

type carrier func(string) string

func (c carrier) Get(key string) string { return c(key) }
func (c carrier) Set(string, string)    {}
func (c carrier) Keys() []string        { return []string{"traceparent", "tracestate"} }

// Queries is a hook for bun: each statement inside a trace becomes a span
// with the statement's shape; values are not sent.
func (t *Tracer) Queries(system string) bun.QueryHook { return queries{t, system} }

type queries struct {
	t      *Tracer
	system string
}

type queryKey struct{}

// BeforeQuery implements bun.QueryHook.
func (q queries) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context {
	if q.t.provider == nil || !trace.SpanContextFromContext(ctx).IsSampled() {
		return ctx
	}
	ctx, s := q.t.Begin(ctx, "sql", attribute.String("db.system", q.system))
	return context.WithValue(ctx, queryKey{}, s)
}

// AfterQuery implements bun.QueryHook.
func (q queries) AfterQuery(ctx context.Context, e *bun.QueryEvent) {
	s, ok := ctx.Value(queryKey{}).(Span)
	if !ok {
		return
	}
	shape := e.QueryTemplate
	if shape == "" {
		shape = e.Operation()
	}
	s.Name("sql " + e.Operation())
	s.Set(attribute.String("db.statement", shape))
	err := e.Err
	if err != nil && strings.Contains(err.Error(), "no rows") {
		err = nil // an answer, not a failure
	}
	s.End(err)
}
