// Package telemetry sets up logs, traces and metrics, and carries trace context in
// record headers. It is the only importer of the OpenTelemetry SDK; the rest of the
// code sees the API. Where telemetry goes is said by the standard OTEL_* variables;
// without them nothing is sent, and /metrics is served all the same.
//
// Nothing personal may pass: attributes with telling names are dropped from logs, and
// text that looks like an email or a phone number is masked (redact.go).
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"

	"github.com/google/uuid"
	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/contrib/instrumentation/runtime"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Namespace is the service.namespace of everything we emit.
const Namespace = "cohortflow"

// Config says who speaks. The zero value of each field but Service works.
type Config struct {
	Service  string // service.name, such as cohortflow-ingest
	Version  string
	Instance string    // service.instance.id; drawn when empty
	LogLevel string    // debug, info (default), warn or error
	Output   io.Writer // of the JSON log; os.Stdout when nil
	// SpanProcessors see every span besides the exporter of the environment: for tests.
	SpanProcessors []sdktrace.SpanProcessor
}

// T is what a service is given.
type T struct {
	Log            *slog.Logger // JSON with trace_id and span_id, and OTLP when configured
	MetricsHandler http.Handler // Prometheus and OpenMetrics text
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider

	once     sync.Once
	shutdown []func(context.Context) error
	err      error
}

// Setup starts telemetry. It sets the global providers and the global propagator too,
// since instrumented libraries fall back on them. Call Shutdown at the end: it is what
// sends the last spans and log records.
func Setup(ctx context.Context, cfg Config) (*T, error) {
	if cfg.Service == "" {
		return nil, errors.New("telemetry: Config.Service is empty")
	}
	if cfg.Output == nil {
		cfg.Output = os.Stdout
	}
	level, err := parseLevel(cfg.LogLevel)
	if err != nil {
		return nil, err
	}
	res, err := newResource(ctx, cfg)
	if err != nil {
		return nil, err
	}

	t := &T{}
	ok := false
	defer func() {
		if !ok { // do not leave half of it running
			_ = t.Shutdown(context.WithoutCancel(ctx))
		}
	}()

	tracer, err := newTracerProvider(ctx, res, cfg.SpanProcessors)
	if err != nil {
		return nil, err
	}
	t.shutdown = append(t.shutdown, tracer.Shutdown)

	meter, handler, err := newMeterProvider(ctx, res)
	if err != nil {
		return nil, err
	}
	t.shutdown = append(t.shutdown, meter.Shutdown)
	if err := runtime.Start(runtime.WithMeterProvider(meter)); err != nil {
		return nil, fmt.Errorf("telemetry: runtime metrics: %w", err)
	}

	json := newJSONHandler(cfg.Output, level)
	handlers := []slog.Handler{json}
	logs, err := newLoggerProvider(ctx, res)
	if err != nil {
		return nil, err
	}
	if logs != nil {
		t.shutdown = append(t.shutdown, logs.Shutdown)
		handlers = append(handlers, otelslog.NewHandler(Scope, otelslog.WithLoggerProvider(logs)))
	}

	t.Log = slog.New(newRedactor(level, slog.NewMultiHandler(handlers...)))
	t.MetricsHandler, t.TracerProvider, t.MeterProvider = handler, tracer, meter
	otel.SetTracerProvider(tracer)
	otel.SetMeterProvider(meter)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	// To JSON only: a failing log exporter must not feed itself.
	own := slog.New(newRedactor(level, json))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { own.Warn("telemetry failed", "err", err) }))
	ok = true
	return t, nil
}

// Tracer gives the tracer of our one scope.
func (t *T) Tracer() trace.Tracer { return t.TracerProvider.Tracer(Scope) }

// Meter gives the meter of our one scope.
func (t *T) Meter() metric.Meter { return t.MeterProvider.Meter(Scope) }

// Shutdown sends what is pending and ends telemetry, once; a later call returns the
// first answer. An exporter that cannot be reached costs at most ctx.
func (t *T) Shutdown(ctx context.Context) error {
	t.once.Do(func() {
		var errs []error
		for _, stop := range slices.Backward(t.shutdown) {
			errs = append(errs, stop(ctx))
		}
		t.err = errors.Join(errs...)
	})
	return t.err
}

func newResource(ctx context.Context, cfg Config) (*resource.Resource, error) {
	if cfg.Instance == "" {
		id, err := uuid.NewRandom()
		if err != nil {
			return nil, fmt.Errorf("telemetry: draw an instance id: %w", err)
		}
		cfg.Instance = id.String()
	}
	res, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		resource.WithProcessRuntimeName(),
		resource.WithProcessRuntimeVersion(),
		resource.WithAttributes(
			ServiceName.String(cfg.Service),
			ServiceNamespace.String(Namespace),
			ServiceVersion.String(cfg.Version),
			ServiceInstance.String(cfg.Instance),
		),
		resource.WithFromEnv(), // last, so that OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME win
	)
	// A detector that finds nothing, or speaks another version of the conventions, is no fault.
	if err != nil && !errors.Is(err, resource.ErrPartialResource) && !errors.Is(err, resource.ErrSchemaURLConflict) {
		return nil, fmt.Errorf("telemetry: resource (see OTEL_RESOURCE_ATTRIBUTES): %w", err)
	}
	return res, nil
}

func newLoggerProvider(ctx context.Context, res *resource.Resource) (*sdklog.LoggerProvider, error) {
	exporter, err := logExporter(ctx)
	if err != nil || exporter == nil {
		return nil, err
	}
	return sdklog.NewLoggerProvider(sdklog.WithResource(res),
		sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter))), nil
}
