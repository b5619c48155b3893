package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// Spans and metrics tell routes and parts of the work; neither they nor the log tell whom.
func TestObserved_RoutesAreSeenAndPeopleAreNot(t *testing.T) {
	w := newWorld(t)
	w.track("secret-person", "order", noon)
	spans := tracetest.NewSpanRecorder()
	reader := sdkmetric.NewManualReader()
	var log bytes.Buffer
	w.config = func(c *Config) {
		c.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
		c.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	s := w.server()
	for _, path := range []string{
		"/v1/people/secret-person/explain?by=key", "/v1/people/secret@example.com", "/secret", "/v1/cohorts?secret=1",
	} {
		ask(t, s, path, "User-Agent", "secret-agent", "X-Forwarded-For", "secret-address")
	}
	w.states[kafkaio.PartitionFor("secret-person", partitions)]["secret-person"] = []byte{99}
	ask(t, s, "/v1/people/secret-person")
	if !strings.Contains(log.String(), "a request could not be answered") {
		t.Errorf("the log says nothing of a state that cannot be read: %s", log.String())
	}

	var names []string
	for _, span := range spans.Ended() {
		names = append(names, span.Name())
		if text := fmt.Sprint(span.Name(), span.Attributes(), span.Events(), span.Status()); strings.Contains(text, "secret") {
			t.Errorf("a span tells whom: %s", text)
		}
	}
	slices.Sort(names)
	want := []string{
		"/", "GET /v1/cohorts", "GET /v1/people/{id}", "GET /v1/people/{id}", "GET /v1/people/{id}/explain",
		"load person", "load person", "load person", "read evidence",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("spans (-want +got)\n%s", diff)
	}
	var metrics metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &metrics); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%+v", metrics.ScopeMetrics)
	if strings.Contains(text, "secret") {
		t.Errorf("a metric tells whom: %s", text)
	}
	for _, name := range []string{"console.refused", "http.server.request.duration"} {
		if !strings.Contains(text, name) {
			t.Errorf("there is no metric %s", name)
		}
	}
	if strings.Contains(log.String(), "secret") {
		t.Errorf("the log tells whom: %s", log.String())
	}
}

func TestFailure_WhoHangsUpIsNoDefect(t *testing.T) {
	for err, want := range map[error]int{
		fmt.Errorf("load: %w", context.Canceled): http.StatusServiceUnavailable, errors.New("a surprise"): http.StatusInternalServerError,
	} {
		if got := failure(err); got.Status != want {
			t.Errorf("%v: got %d, want %d", err, got.Status, want)
		}
	}
}
