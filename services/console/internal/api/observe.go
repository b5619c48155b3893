package api

import (
	"context"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/cohortflow/cohortflow/pkg/telemetry"
)

type meters struct{ refused metric.Int64Counter }

func newMeters(p metric.MeterProvider) *meters {
	return &meters{refused: telemetry.Counter(p.Meter(telemetry.Scope), telemetry.MetricConsoleRefused)}
}

func (m *meters) refuse(ctx context.Context, reason string) {
	m.refused.Add(ctx, 1, metric.WithAttributeSet(attribute.NewSet(telemetry.Reason.String(reason))))
}

func newTracer(p trace.TracerProvider) trace.Tracer { return p.Tracer(telemetry.Scope) }

// original carries the request past otelhttp.
type original struct{}

// observed puts a span and the standard metrics around a route. Paths and queries hold
// ids and emails, addresses and agents are personal too, so otelhttp is shown a request
// with none of them.
func (s *Server) observed(next http.Handler) http.Handler {
	inner := http.HandlerFunc(func(w http.ResponseWriter, shown *http.Request) {
		r, _ := shown.Context().Value(original{}).(*http.Request)
		next.ServeHTTP(w, r.WithContext(shown.Context()))
	})
	outer := otelhttp.NewHandler(inner, "",
		otelhttp.WithTracerProvider(s.cfg.TracerProvider),
		otelhttp.WithMeterProvider(s.cfg.MeterProvider),
		otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Pattern }),
	)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pattern := r.Pattern
		if pattern == "" {
			pattern = "/"
		}
		_, path, _ := strings.Cut(pattern, "/")
		shown := (&http.Request{
			Method: r.Method, Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor,
			URL: &url.URL{Path: "/" + path}, Pattern: pattern, TLS: r.TLS, Header: make(http.Header, 2), Body: http.NoBody,
		}).WithContext(context.WithValue(r.Context(), original{}, r))
		for _, name := range []string{"Traceparent", "Tracestate"} {
			if values := r.Header[name]; len(values) == 1 {
				shown.Header[name] = values
			}
		}
		outer.ServeHTTP(w, shown)
	})
}

// step is a part of a request that has a span of its own, which the caller ends.
func (s *Server) step(ctx context.Context, name string, partition int32) (context.Context, trace.Span) {
	return s.tracer.Start(ctx, name, trace.WithAttributes(telemetry.Partition.String(strconv.Itoa(int(partition))))) //nolint:spancheck // the caller ends it
}

// where tells which of our lines panicked, without what it panicked with.
func where() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		frame, more := frames.Next()
		if strings.Contains(frame.Function, "cohortflow") {
			return frame.Function + ":" + strconv.Itoa(frame.Line)
		}
		if !more {
			return "unknown"
		}
	}
}
