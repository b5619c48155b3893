package telemetry

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Header is one header of a record.
type Header struct {
	Key   string
	Value []byte
}

// AnyHeader is Header or any type of the same shape, such as a Kafka client's own.
type AnyHeader interface {
	~struct {
		Key   string
		Value []byte
	}
}

// Names of the W3C headers; lower case, as other languages' clients look for them.
const (
	traceparent = "traceparent"
	tracestate  = "tracestate"
)

// carrier lets the W3C propagator read and write headers.
type carrier []Header

func (c *carrier) Get(key string) string {
	// The last one counts: a client that appends instead of replacing means its newest.
	for _, h := range slices.Backward(*c) {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func (c *carrier) Set(key, value string) {
	*c = append(*c, Header{Key: key, Value: []byte(value)})
}

func (c *carrier) Keys() []string {
	keys := make([]string, len(*c))
	for i, h := range *c {
		keys[i] = h.Key
	}
	return keys
}

// Inject returns the headers with the trace context of ctx in place of any that was
// there. The given slice is left as it is. Without a span in ctx it is returned.
func Inject[H AnyHeader](ctx context.Context, headers []H) []H {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return headers
	}
	var c carrier
	propagation.TraceContext{}.Inject(ctx, &c)
	out := make([]H, 0, len(headers)+len(c))
	for _, h := range headers {
		if key := Header(h).Key; key != traceparent && key != tracestate {
			out = append(out, h)
		}
	}
	for _, h := range c {
		out = append(out, H(h))
	}
	return out
}

// Extract returns ctx with the trace context of the headers as remote parent, or ctx
// itself where there is none or it is damaged.
func Extract[H AnyHeader](ctx context.Context, headers []H) context.Context {
	span := SpanContext(headers)
	if !span.IsValid() {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, span)
}

// SpanContext is the trace context of the headers, for a link; invalid where there is none.
func SpanContext[H AnyHeader](headers []H) trace.SpanContext {
	var c carrier
	for _, h := range headers {
		if h := Header(h); h.Key == traceparent || h.Key == tracestate {
			c = append(c, h)
		}
	}
	if len(c) == 0 {
		return trace.SpanContext{}
	}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), &c))
}

// Sampled says whether the headers carry a trace that is being recorded. It looks at
// one byte and allocates nothing, so that the hot path asks it before anything else.
func Sampled[H AnyHeader](headers []H) bool {
	const length, flags = len("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"), 54
	for _, h := range slices.Backward(headers) {
		if h := Header(h); h.Key == traceparent {
			if len(h.Value) < length {
				return false
			}
			switch h.Value[flags] {
			case '1', '3', '5', '7', '9', 'b', 'd', 'f':
				return true
			}
			return false
		}
	}
	return false
}
