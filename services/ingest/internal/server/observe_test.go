package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/telemetry"
	"github.com/cohortflow/cohortflow/schemas"
)

func traced(t *testing.T, sampler sdktrace.Sampler) (*house, *tracetest.SpanRecorder) {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler), sdktrace.WithSpanProcessor(recorder))
	t.Cleanup(func() { _ = provider.Shutdown(t.Context()) })
	return newHouse(t, func(c *Config) { c.TracerProvider = provider }), recorder
}

func TestTrace_RequestIsANewRootWithALinkAndItsRecordsCarryTheSend(t *testing.T) {
	h, recorder := traced(t, sdktrace.AlwaysSample())
	const theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	h.send(t, http.MethodPost, "/v1/batch", mixedBatch, withKey, header("Traceparent", theirs)).success(t)
	spans := map[string]sdktrace.ReadOnlySpan{}
	for _, s := range recorder.Ended() {
		spans[s.Name()] = s
	}
	root, send := spans["POST /v1/batch"], spans["send "+schemas.EventsTopic]
	if root == nil || send == nil || spans["send "+schemas.QuarantineTopic] == nil {
		t.Fatalf("got spans %v", spans)
	}
	if root.Parent().IsValid() || root.SpanKind() != trace.SpanKindServer || root.SpanContext().TraceID().String() == "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("the request's span: got parent %v, kind %v: want a root of its own", root.Parent(), root.SpanKind())
	}
	if links := root.Links(); len(links) != 1 || links[0].SpanContext.TraceID().String() != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("got links %v, want one to the sender", links)
	}
	if send.SpanKind() != trace.SpanKindProducer || send.Parent().SpanID() != root.SpanContext().SpanID() {
		t.Errorf("got %v under %v", send.SpanKind(), send.Parent().SpanID())
	}
	records, _ := h.events.taken()
	for _, r := range records {
		if got := telemetry.SpanContext(r.Headers); got.SpanID() != send.SpanContext().SpanID() || got.TraceID() != root.SpanContext().TraceID() {
			t.Errorf("got record headers %v, want the send", r.Headers)
		}
	}
}

func TestTrace_WhatIsNotRecordedCostsNoHeaders(t *testing.T) {
	h, _ := traced(t, sdktrace.NeverSample())
	h.send(t, http.MethodPost, "/v1/track", `{"event":"E","userId":"u"}`, withKey).success(t)
	if records, _ := h.events.taken(); len(records) != 1 || len(records[0].Headers) != 0 {
		t.Errorf("got %+v", records)
	}
}

// Nothing personal leaves by a span or a log line, on any surface, whether all is well or not.
func TestTelemetry_HoldsNothingPersonal(t *testing.T) {
	h, recorder := traced(t, sdktrace.AlwaysSample())
	agent := header("User-Agent", "canary-agent")
	from := func(r *http.Request) {
		r.RemoteAddr = "198.51.100.77:4711"
		r.Header.Set("X-Forwarded-For", "198.51.100.78")
		r.Header.Set("Referer", "https://canary.example/")
	}
	send := func() {
		h.send(t, http.MethodPut, "/api/v1/customers/canary%40example.com?x=canary", `{"phone":"+15550100canary"}`, withTrack, agent, from)
		h.send(t, http.MethodPost, "/v1/track", `{"event":"canary","userId":"canary","properties":{"canary":"canary"}}`, withKey, agent, from)
		h.send(t, http.MethodPost, "/v1/track", `{"canary`, withKey, agent, from)
		h.send(t, http.MethodPost, "/canary/nowhere", `canary`, agent, from)
		h.send(t, http.MethodGet, "/v1/projects/canary/settings", "", agent, from)
		h.report(t, strings.ReplaceAll(opened, "u_1", "canary"), agent, from)
	}
	send()
	h.events.fail(fmt.Errorf("%w: canary", kafkaio.ErrUnavailable))
	send()
	if len(recorder.Ended()) < 15 {
		t.Fatalf("got %d spans", len(recorder.Ended()))
	}
	for _, s := range recorder.Ended() {
		text := s.Name() + s.Status().Description + fmt.Sprint(s.Attributes(), s.Events(), s.Links())
		if strings.Contains(text, "canary") || strings.Contains(text, "198.51.100") {
			t.Errorf("span %s: %s", s.Name(), text)
		}
	}
	if strings.Contains(h.logged.String(), "canary") {
		t.Errorf("log: %s", h.logged.String())
	}
}

func TestMetrics_CountEventsQuarantineAndRefusals(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	h := newHouse(t, func(c *Config) { c.MeterProvider = provider })
	h.send(t, http.MethodPost, "/v1/batch", mixedBatch, withKey).success(t)
	h.send(t, http.MethodPost, "/v1/batch", mixedBatch).want(t, http.StatusUnauthorized)
	h.events.fail(kafkaio.ErrUnavailable)
	h.send(t, http.MethodPost, "/v1/batch", mixedBatch, withKey).want(t, http.StatusServiceUnavailable)
	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			if sum, ok := m.Data.(metricdata.Sum[int64]); ok {
				for _, p := range sum.DataPoints {
					reason, _ := p.Attributes.Value(telemetry.Reason)
					kind, _ := p.Attributes.Value(telemetry.EventKind)
					got[m.Name+" "+reason.AsString()+kind.AsString()] += p.Value
				}
			}
			if h, ok := m.Data.(metricdata.Histogram[float64]); ok && m.Name == telemetry.MetricHTTPServerDuration {
				for _, p := range h.DataPoints {
					if route, _ := p.Attributes.Value(attribute.Key("http.route")); route.AsString() != "/v1/batch" {
						t.Errorf("got attributes %v", p.Attributes)
					}
					got[m.Name] += int64(p.Count)
				}
			}
		}
	}
	for name, want := range map[string]int64{
		telemetry.MetricIngestEvents + " track": 1, telemetry.MetricIngestEvents + " identify": 1,
		telemetry.MetricIngestQuarantine + " missing_field": 1, telemetry.MetricIngestQuarantine + " no_identity": 1,
		telemetry.MetricIngestRefused + " unauthorized": 1, telemetry.MetricIngestRefused + " unavailable": 1,
		telemetry.MetricHTTPServerDuration: 3,
	} {
		if got[name] != want {
			t.Errorf("%s: got %d, want %d (all: %v)", name, got[name], want, got)
		}
	}
}
