package telemetry_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"

	"github.com/cohortflow/cohortflow/pkg/telemetry"
)

// foreign stands for the header type of a Kafka client.
type foreign struct {
	Key   string
	Value []byte
}

func spanContext(t *testing.T, flags trace.TraceFlags, state string) trace.SpanContext {
	t.Helper()
	ts, err := trace.ParseTraceState(state)
	if err != nil {
		t.Fatal(err)
	}
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1, 2}, SpanID: trace.SpanID{3}, TraceFlags: flags, TraceState: ts, Remote: true})
}

func TestInject_ReplacesAndKeepsTheRest(t *testing.T) {
	old := []foreign{{"x-event-id", []byte("1")}, {"traceparent", []byte("old")}, {"tracestate", []byte("old=1")}, {"traceparent", []byte("older")}}
	given := append([]foreign(nil), old...)
	ctx := trace.ContextWithSpanContext(t.Context(), spanContext(t, trace.FlagsSampled, ""))
	got := telemetry.Inject(ctx, given)
	want := []foreign{{"x-event-id", []byte("1")}, {"traceparent", []byte("00-01020000000000000000000000000000-0300000000000000-01")}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(old, given); diff != "" {
		t.Errorf("the caller's headers were changed: %s", diff)
	}
	if diff := cmp.Diff(old, telemetry.Inject(t.Context(), old)); diff != "" {
		t.Errorf("without a span: %s", diff)
	}
}

func TestExtract_IsTheInverseOfInject(t *testing.T) {
	for _, flags := range []trace.TraceFlags{0, trace.FlagsSampled} {
		want := spanContext(t, flags, "vendor=x")
		headers := telemetry.Inject(trace.ContextWithSpanContext(t.Context(), want), []telemetry.Header{{Key: "a", Value: []byte("b")}})
		got := trace.SpanContextFromContext(telemetry.Extract(t.Context(), headers))
		if !got.Equal(want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if sampled := telemetry.Sampled(headers); sampled != want.IsSampled() {
			t.Errorf("Sampled: got %t, want %t", sampled, want.IsSampled())
		}
	}
}

func TestExtract_DamagedOrNoContextGivesTheCallersOwn(t *testing.T) {
	for _, value := range []string{"", "00-zz-00-01", "00-00000000000000000000000000000000-0000000000000000-01", "garbage that is longer than fifty five bytes, by some of them"} {
		headers := []telemetry.Header{{Key: "traceparent", Value: []byte(value)}}
		if got := telemetry.Extract(t.Context(), headers); got != t.Context() {
			t.Errorf("%q: a context was made of it", value)
		}
		if telemetry.SpanContext(headers).IsValid() {
			t.Errorf("%q: a valid span context was made of it", value)
		}
	}
	if telemetry.Sampled([]telemetry.Header{{Key: "traceparent", Value: []byte("00-1")}}) || telemetry.Sampled[telemetry.Header](nil) {
		t.Error("sampled without a context")
	}
}

func TestSampled_AllocatesNothing(t *testing.T) {
	headers := telemetry.Inject(trace.ContextWithSpanContext(t.Context(), spanContext(t, trace.FlagsSampled, "")), []foreign{{"x-event-id", []byte("1")}})
	sampled := false
	if n := testing.AllocsPerRun(100, func() { sampled = telemetry.Sampled(headers) }); n != 0 || !sampled {
		t.Errorf("got %v allocations, sampled %t", n, sampled)
	}
}

func FuzzExtract(f *testing.F) {
	f.Add("00-01020000000000000000000000000000-0300000000000000-01", "a=b")
	f.Add("00-", "")
	f.Fuzz(func(t *testing.T, parent, state string) {
		headers := []telemetry.Header{{Key: "traceparent", Value: []byte(parent)}, {Key: "tracestate", Value: []byte(state)}}
		got := telemetry.SpanContext(headers)
		if got.IsValid() && got.IsSampled() != telemetry.Sampled(headers) {
			t.Errorf("%q: sampled %t by the propagator, %t by the fast check", parent, got.IsSampled(), telemetry.Sampled(headers))
		}
	})
}
