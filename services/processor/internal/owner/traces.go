package owner

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/telemetry"
)

// traces keeps the trace context of records that are being recorded, from their
// arrival until the machine has passed them. Records that are not cost nothing.
type traces struct {
	byOffset map[int64][]kafkaio.Header
}

func (s *traces) remember(r *kafkaio.Record) {
	if !telemetry.Sampled(r.Headers) {
		return
	}
	if s.byOffset == nil {
		s.byOffset = make(map[int64][]kafkaio.Header)
	}
	s.byOffset[r.Offset] = r.Headers
}

func (s *traces) forget(position int64) {
	for offset := range s.byOffset {
		if offset < position {
			delete(s.byOffset, offset)
		}
	}
}

// process makes the spans of deciding t and of sending it, and returns the headers that
// carry them on, with the second span, which the caller ends once the record is
// acknowledged or lost; nil when t is not being recorded. The parent of the first is the
// span that wrote the record, so that the whole way is one trace; the link says the same
// to tools that expect links from consumers.
func (s *traces) process(ctx context.Context, o *Owner, t *cohort.Transition) ([]kafkaio.Header, trace.Span) {
	headers, ok := s.byOffset[t.ID.Offset]
	if !ok || t.SourceID == "" {
		return nil, nil
	}
	tracer := otel.Tracer(telemetry.Scope)
	ctx, process := tracer.Start(
		telemetry.Extract(ctx, headers), "process "+o.cfg.Topics.Events,
		trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithLinks(trace.Link{SpanContext: telemetry.SpanContext(headers)}),
		trace.WithAttributes(append(
			telemetry.Kafka("process", telemetry.OperationProcess(), o.cfg.Topics.Events),
			telemetry.MessagingPartition.String(partitionName(o.partition)),
			telemetry.MessagingOffset.Int64(t.ID.Offset),
			telemetry.Cohort.String(t.Cohort),
			telemetry.Direction.String(direction(t.Op)),
		)...),
	)
	defer process.End()
	ctx, send := tracer.Start( //nolint:spancheck // the caller ends it
		ctx, "send "+o.cfg.Topics.Transitions,
		trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(append(
			telemetry.Kafka("send", telemetry.OperationSend(), o.cfg.Topics.Transitions),
			telemetry.MessagingPartition.String(partitionName(o.partition)),
		)...),
	)
	return telemetry.Inject[kafkaio.Header](ctx, nil), send //nolint:spancheck // the caller ends it
}

// ended closes the spans of records that are acknowledged, or failed with err.
func ended(sends []trace.Span, err error) {
	for _, span := range sends {
		if err != nil {
			span.SetStatus(codes.Error, "not acknowledged")
		}
		span.End()
	}
}
