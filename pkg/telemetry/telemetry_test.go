package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/cohortflow/cohortflow/pkg/telemetry"
)

// clean removes what the machine's environment says of exporters.
func clean(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER",
		"OTEL_LOGS_EXPORTER", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME", "OTEL_TRACES_SAMPLER", "OTEL_SDK_DISABLED",
	} {
		t.Setenv(name, "")
	}
}

func setup(t *testing.T, cfg telemetry.Config) *telemetry.T {
	t.Helper()
	cfg.Service = "cohortflow-test"
	tel, err := telemetry.Setup(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	return tel
}

func scrape(t *testing.T, tel *telemetry.T, accept string) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	tel.MetricsHandler.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("metrics: got %d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestLog_IsJSONWithTheIdsOfTheSpan(t *testing.T) {
	clean(t)
	var out bytes.Buffer
	tel := setup(t, telemetry.Config{Output: &out})
	ctx, span := tel.Tracer().Start(t.Context(), "process")
	want := span.SpanContext()

	for name, write := range map[string]func(){
		"plain":    func() { tel.Log.InfoContext(ctx, "done", "partition", 3) },
		"in group": func() { tel.Log.With("a", 1).WithGroup("g").With("b", 2).InfoContext(ctx, "done", "partition", 3) },
	} {
		out.Reset()
		write()
		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v in %s", name, err, out.Bytes())
		}
		if line["trace_id"] != want.TraceID().String() || line["span_id"] != want.SpanID().String() {
			t.Errorf("%s: got %s, want the ids %s %s at the top", name, out.Bytes(), want.TraceID(), want.SpanID())
		}
	}
	out.Reset()
	tel.Log.Info("no span")
	if strings.Contains(out.String(), "trace_id") {
		t.Errorf("ids without a span: %s", out.String())
	}
	tel.Log.Debug("quiet")
	if strings.Contains(out.String(), "quiet") {
		t.Error("debug is shown at level info")
	}
}

func TestSetup_WrongLevelNamesTheChoices(t *testing.T) {
	_, err := telemetry.Setup(t.Context(), telemetry.Config{Service: "x", LogLevel: "loud"})
	if err == nil || !strings.Contains(err.Error(), "debug, info, warn or error") {
		t.Errorf("got %v", err)
	}
}

func TestSetup_WithoutEnvironmentSpansHaveIdsAndRecordNothing(t *testing.T) {
	clean(t)
	tel := setup(t, telemetry.Config{Output: io.Discard})
	_, span := tel.Tracer().Start(t.Context(), "x")
	if !span.SpanContext().IsValid() || span.IsRecording() {
		t.Errorf("got valid %t recording %t, want an id and no recording", span.SpanContext().IsValid(), span.IsRecording())
	}
}

func TestSetup_ManyLinksAreKept(t *testing.T) {
	clean(t)
	spans := tracetest.NewSpanRecorder()
	tel := setup(t, telemetry.Config{Output: io.Discard, SpanProcessors: []sdktrace.SpanProcessor{spans}})
	var links []trace.Link
	for range 500 {
		_, s := tel.Tracer().Start(t.Context(), "create")
		links = append(links, trace.Link{SpanContext: s.SpanContext()})
	}
	_, span := tel.Tracer().Start(t.Context(), "batch", trace.WithLinks(links...))
	span.End()
	if got := len(spans.Ended()[0].Links()); got != 500 {
		t.Errorf("links kept: got %d, want 500", got)
	}
}

// One collector stands for all three signals: what OTEL_EXPORTER_OTLP_ENDPOINT alone
// turns on, and that Shutdown sends the rest.
func TestSetup_EndpointOfTheEnvironmentGetsAllSignals(t *testing.T) {
	clean(t)
	var mu sync.Mutex
	got := map[string]string{}
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got[r.URL.Path] += string(body)
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=rehearsal")

	tel := setup(t, telemetry.Config{Output: io.Discard, Version: "v9"})
	ctx, span := tel.Tracer().Start(t.Context(), "send topic")
	tel.Log.InfoContext(ctx, "hello collector", "email", "canary@example.com", "err", "to canary@example.com")
	telemetry.Counter(tel.Meter(), telemetry.MetricTransitions).Add(ctx, 1)
	span.End()
	limit, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := tel.Shutdown(limit); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/v1/traces": "send topic", "/v1/logs": "hello collector", "/v1/metrics": "cohort.transitions"} {
		if !strings.Contains(got[path], want) || !strings.Contains(got[path], "rehearsal") || !strings.Contains(got[path], "cohortflow-test") {
			t.Errorf("%s: got %d bytes without %q, the service or the environment's attribute", path, len(got[path]), want)
		}
		if strings.Contains(got[path], "canary") {
			t.Errorf("%s: an email left the process", path)
		}
	}
}

func TestSetup_UnreachableCollectorDoesNotHoldShutdown(t *testing.T) {
	clean(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	tel := setup(t, telemetry.Config{Output: io.Discard})
	_, span := tel.Tracer().Start(t.Context(), "x")
	span.End()
	limit, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if err := tel.Shutdown(limit); err == nil {
		t.Error("lost spans were not reported")
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("shutdown took %s", took)
	}
}

func TestMetrics_EveryCataloguedNameIsServedUnderItsPrometheusName(t *testing.T) {
	clean(t)
	tel := setup(t, telemetry.Config{Output: io.Discard})
	seen := map[string]bool{}
	for _, m := range telemetry.Catalogue() {
		if seen[m.Name] {
			t.Errorf("%s is in the catalogue twice", m.Name)
		}
		seen[m.Name] = true
		switch m.Kind {
		case telemetry.KindCounter:
			telemetry.Counter(tel.Meter(), m.Name).Add(t.Context(), 1)
		case telemetry.KindGauge:
			telemetry.Gauge(tel.Meter(), m.Name).Record(t.Context(), 1)
		case telemetry.KindHistogram:
			telemetry.Histogram(tel.Meter(), m.Name).Record(t.Context(), 0.004)
		}
	}
	text := scrape(t, tel, "text/plain")
	for _, m := range telemetry.Catalogue() {
		name := m.PrometheusName()
		if m.Kind == telemetry.KindHistogram {
			name += "_bucket"
		}
		if !regexp.MustCompile(`(?m)^` + name + `[{ ]`).MatchString(text) {
			t.Errorf("%s is not served as %s", m.Name, name)
		}
	}
	if got := (telemetry.Metric{Name: "cohort.pipeline.latency", Kind: telemetry.KindHistogram, Unit: "s"}).PrometheusName(); got != "cohort_pipeline_latency_seconds" {
		t.Errorf("Prometheus name: got %s", got)
	}
	for _, want := range []string{`cohort_pipeline_latency_seconds_bucket{le="0.002"} 0`, `cohort_pipeline_latency_seconds_bucket{le="0.005"} 1`, `le="60"`, "go_goroutine_count"} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

func TestMetrics_ObservableGaugeIsAsked(t *testing.T) {
	clean(t)
	tel := setup(t, telemetry.Config{Output: io.Discard})
	telemetry.ObservableGauge(tel.Meter(), telemetry.MetricPipelineFreshness, func(_ context.Context, o metric.Float64Observer) error {
		o.Observe(7, metric.WithAttributes(telemetry.Partition.Int(3)))
		return nil
	})
	if text := scrape(t, tel, "text/plain"); !strings.Contains(text, `cohort_pipeline_freshness_seconds{cohort_partition="3"} 7`) {
		t.Error("the observed value is not served")
	}
}

func TestMetrics_CardinalityIsBounded(t *testing.T) {
	clean(t)
	tel := setup(t, telemetry.Config{Output: io.Discard})
	c := telemetry.Counter(tel.Meter(), telemetry.MetricIngestRefused)
	for i := range 3000 {
		c.Add(t.Context(), 1, metric.WithAttributes(attribute.Int("cohort.reason", i)))
	}
	text := scrape(t, tel, "text/plain")
	if n := strings.Count(text, "\ningest_refused_total{"); n > 2001 || n < 100 {
		t.Errorf("series of one instrument: got %d, want at most 2001", n)
	}
	if !strings.Contains(text, `otel_metric_overflow="true"`) {
		t.Error("the overflow is not shown")
	}
}

func TestMetrics_ExemplarLeadsToTheTrace(t *testing.T) {
	clean(t)
	tel := setup(t, telemetry.Config{Output: io.Discard, SpanProcessors: []sdktrace.SpanProcessor{tracetest.NewSpanRecorder()}})
	ctx, span := tel.Tracer().Start(t.Context(), "x")
	telemetry.Histogram(tel.Meter(), telemetry.MetricPipelineLatency).Record(ctx, 0.3)
	if text := scrape(t, tel, "application/openmetrics-text"); !strings.Contains(text, span.SpanContext().TraceID().String()) {
		t.Error("no exemplar with the trace id")
	}
}

func TestCounter_UnknownNameIsABug(t *testing.T) {
	clean(t)
	tel := setup(t, telemetry.Config{Output: io.Discard})
	defer func() {
		if recover() == nil {
			t.Error("an uncatalogued metric was made")
		}
	}()
	telemetry.Counter(tel.Meter(), "cohort.oops")
}
