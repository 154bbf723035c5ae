package trace

import (
	"errors"
	"testing"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// A request goes on with its caller's trace, and a failure marks its span.
func TestRequestJoinsItsCallersTrace(t *testing.T) {
	exp := tracetest.NewInMemoryExporter()
	tr := newTracer(Options{Service: "center", Share: 0}, exp)
	header := map[string]string{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	ctx, s := tr.Request(t.Context(), "GET", func(k string) string { return header[k] })
	_, inner := tr.Begin(ctx, "work")
	inner.End(errors.New("no"))
	s.Name("GET /api/x")
	s.End(nil)
	_, lone := tr.Request(t.Context(), "GET", func(string) string { return "" })
	if lone.ID() != "" {
		t.Error("a request outside the share was recorded")
	}
	lone.End(nil)
	if err := tr.provider.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := exp.GetSpans()
	if len(got) != 2 || s.ID() != "0af7651916cd43dd8448eb211c80319c" {
		t.Fatalf("%d spans, trace %s", len(got), s.ID())
	}
	if got[0].Name != "work" || got[0].Status.Code != codes.Error || got[1].Name != "GET /api/x" || got[0].Parent.SpanID() != got[1].SpanContext.SpanID() {
		t.Fatalf("%+v", got)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
}

// Without a collector every call is harmless.
func TestWithoutACollector(t *testing.T) {
	tr, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []*Tracer{tr, nil, {}} {
		ctx, s := x.Begin(t.Context(), "a")
		_, r := x.Request(ctx, "b", func(string) string { return "" })
		r.Set()
		r.End(nil)
		s.End(errors.New("x"))
		if s.ID() != "" || x.Close() != nil {
			t.Error("it recorded something")
		}
	}
}
