package owner

import (
	"context"

	"go.opentelemetry.io/otel"
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

// process makes the span of deciding t and returns the headers that carry it on. The
// parent is the span that wrote the record, so that the whole way is one trace; the
// link says the same to tools that expect links from consumers.
func (s *traces) process(ctx context.Context, o *Owner, t *cohort.Transition) []kafkaio.Header {
	headers, ok := s.byOffset[t.ID.Offset]
	if !ok || t.SourceID == "" {
		return nil
	}
	attributes := append(
		telemetry.Kafka("process", telemetry.OperationProcess(), o.cfg.Topics.Events),
		telemetry.MessagingPartition.String(partitionName(o.partition)),
		telemetry.MessagingOffset.Int64(t.ID.Offset),
		telemetry.Cohort.String(t.Cohort),
		telemetry.Direction.String(direction(t.Op)),
	)
	ctx, span := otel.Tracer(telemetry.Scope).Start(
		telemetry.Extract(ctx, headers), "process "+o.cfg.Topics.Events,
		trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithLinks(trace.Link{SpanContext: telemetry.SpanContext(headers)}),
		trace.WithAttributes(attributes...),
	)
	defer span.End()
	return telemetry.Inject[kafkaio.Header](ctx, nil)
}
