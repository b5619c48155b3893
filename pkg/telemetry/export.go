package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	promexporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const (
	// linkLimit is more than the records of any batch we fetch: the SDK's 128 would drop
	// the causality of the rest without a word.
	linkLimit = 1024
	// cardinalityLimit bounds the attribute sets of one instrument.
	cardinalityLimit = 2000
)

// exporting says whether the environment asks for a signal (TRACES, METRICS, LOGS) to
// be sent. The SDK's own default is to send to localhost; ours is to send nothing.
func exporting(signal string) bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	switch os.Getenv("OTEL_" + signal + "_EXPORTER") {
	case "none":
		return false
	case "":
		return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" ||
			os.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != ""
	}
	return true
}

func newTracerProvider(ctx context.Context, res *resource.Resource, extra []sdktrace.SpanProcessor) (*sdktrace.TracerProvider, error) {
	limits := sdktrace.NewSpanLimits()
	if os.Getenv("OTEL_SPAN_LINK_COUNT_LIMIT") == "" {
		limits.LinkCountLimit = linkLimit
	}
	options := []sdktrace.TracerProviderOption{sdktrace.WithResource(res), sdktrace.WithRawSpanLimits(limits)}
	for _, p := range extra {
		options = append(options, sdktrace.WithSpanProcessor(p))
	}
	if exporting("TRACES") {
		exporter, err := autoexport.NewSpanExporter(ctx)
		if err != nil {
			return nil, fmt.Errorf("telemetry: trace exporter (see OTEL_TRACES_EXPORTER): %w", err)
		}
		options = append(options, sdktrace.WithBatcher(exporter))
	} else if len(extra) == 0 {
		// Nobody looks: spans keep their ids for the log and record nothing.
		options = append(options, sdktrace.WithSampler(sdktrace.NeverSample()))
	}
	return sdktrace.NewTracerProvider(options...), nil
}

func newMeterProvider(ctx context.Context, res *resource.Resource) (*sdkmetric.MeterProvider, http.Handler, error) {
	registry := prometheus.NewRegistry()
	reader, err := promexporter.New(promexporter.WithRegisterer(registry), promexporter.WithoutScopeInfo(),
		promexporter.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes))
	if err != nil {
		return nil, nil, fmt.Errorf("telemetry: Prometheus exporter: %w", err)
	}
	options := []sdkmetric.Option{
		sdkmetric.WithResource(res),
		sdkmetric.WithReader(reader),
		sdkmetric.WithCardinalityLimit(cardinalityLimit),
		sdkmetric.WithView(sdkmetric.NewView(
			sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindHistogram, Unit: "s"},
			sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: LatencyBuckets()}},
		)),
	}
	// Prometheus is served anyway, by the admin port: no second server.
	if exporting("METRICS") && os.Getenv("OTEL_METRICS_EXPORTER") != "prometheus" {
		push, err := autoexport.NewMetricReader(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("telemetry: metric exporter (see OTEL_METRICS_EXPORTER): %w", err)
		}
		options = append(options, sdkmetric.WithReader(push))
	}
	handler := promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry, EnableOpenMetrics: true})
	return sdkmetric.NewMeterProvider(options...), handler, nil
}

func logExporter(ctx context.Context) (sdklog.Exporter, error) {
	if !exporting("LOGS") {
		return nil, nil
	}
	exporter, err := autoexport.NewLogExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("telemetry: log exporter (see OTEL_LOGS_EXPORTER): %w", err)
	}
	return exporter, nil
}
