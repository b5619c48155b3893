// Package intake takes what a request holds into Kafka: events to the log, the rest to
// quarantine, each with one produce for the whole request. When Write has returned
// without an error, everything of the request is with all in-sync replicas.
package intake

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/cohortflow/cohortflow/pkg/crashpoint"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/telemetry"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/ingest/internal/taxonomy"
)

// Producer writes records. Produce returns nil only when every record is acknowledged
// by all in-sync replicas; it has copied what it keeps when it returns. It fails at
// once while the broker is away or its own buffer is full, and recovers by itself.
// Ready is nil when a Produce would be tried.
type Producer interface {
	Produce(ctx context.Context, recs []kafkaio.OutRecord) error
	Ready() error
}

// Config is what a Writer is made of.
type Config struct {
	Events, Quarantine     Producer
	EventsID, QuarantineID uint32            // schema ids
	Partitions             int               // of both topics
	MaxRecord              int               // bytes of one encoded event
	MaxRequest             int               // bytes of all encoded events of a request
	MaxKept                int               // bytes of a body kept in quarantine
	Links                  bool              // keys that an event names beside the one it is filed under are linked
	LinkCache              int               // links that are remembered as told; 0 = each is told each time
	Taxonomy               *taxonomy.Checker // nil = no event is held to anything
	Log                    *slog.Logger      // of what breaks the taxonomy; may be nil where there is none
	Tracer                 trace.Tracer
	Meter                  metric.Meter
}

// Writer is the way into Kafka. It is safe for concurrent use.
type Writer struct {
	cfg    Config
	meters *meters
	links  *links
}

// NewWriter makes a Writer.
func NewWriter(cfg Config) *Writer {
	return &Writer{cfg: cfg, meters: newMeters(cfg.Meter), links: newLinks(cfg.LinkCache)}
}

// Ready says whether both topics can be written.
func (w *Writer) Ready() error {
	return errors.Join(w.cfg.Events.Ready(), w.cfg.Quarantine.Ready())
}

// Write sends the batch: quarantine first, for it is small and rare, and when it fails
// nothing of the request is in the log. A crash or an error between the two leaves
// the quarantine records alone; the sender repeats the request and everything gets the
// same ids. A nil error is the promise that all of it is durable.
func (w *Writer) Write(ctx context.Context, b *Batch) error {
	if len(b.kept) > 0 {
		crashpoint.At("ingest.quarantine.before")
		crashpoint.Near("ingest.quarantine.sent")
		if err := w.send(ctx, w.cfg.Quarantine, schemas.QuarantineTopic, b.kept); err != nil {
			return err
		}
		crashpoint.At("ingest.quarantine.acked")
	}
	if len(b.events) > 0 {
		crashpoint.At("ingest.events.before")
		crashpoint.Near("ingest.events.sent")
		if err := w.send(ctx, w.cfg.Events, schemas.EventsTopic, b.events); err != nil {
			return err
		}
		crashpoint.At("ingest.events.acked")
	}
	b.remember()
	w.meters.written(ctx, b)
	w.cfg.Taxonomy.Tell(w.cfg.Log, b.scope.ReceivedAt, b.broken)
	return nil
}

func (w *Writer) send(ctx context.Context, to Producer, topic string, records []kafkaio.OutRecord) error {
	ctx, span := w.cfg.Tracer.Start(ctx, "send "+topic, trace.WithSpanKind(trace.SpanKindProducer))
	defer span.End()
	if span.IsRecording() {
		span.SetAttributes(telemetry.Kafka("send", telemetry.OperationSend(), topic)...)
		span.SetAttributes(telemetry.MessagingBatchCount.Int(len(records)))
	}
	if span.IsRecording() {
		headers := telemetry.Inject(ctx, []kafkaio.Header(nil))
		for i := range records {
			if records[i].Headers == nil {
				records[i].Headers = headers // shared: nobody writes to them
				continue
			}
			records[i].Headers = append(records[i].Headers, headers...)
		}
	}
	begun := time.Now()
	err := to.Produce(ctx, records)
	w.meters.sent(ctx, topic, len(records), time.Since(begun), Class(err))
	if err != nil {
		span.SetStatus(codes.Error, Class(err))
		span.SetAttributes(telemetry.ErrorType.String(Class(err)))
	}
	return err
}

// Class says in a word why a Produce failed; "" when it did not.
func Class(err error) string {
	var partial *kafkaio.PartialError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &partial):
		return "partial"
	case errors.Is(err, kafkaio.ErrBackpressure):
		return "backpressure"
	case errors.Is(err, kafkaio.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, kafkaio.ErrTooLarge):
		return "too_large"
	case errors.Is(err, kafkaio.ErrAmbiguous), errors.Is(err, context.DeadlineExceeded):
		return "not_acknowledged"
	}
	return "failed"
}
