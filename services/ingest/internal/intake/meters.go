package intake

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/telemetry"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
)

// kinds is one more than the highest event.Kind.
const kinds = int(event.KindCatalog) + 1

// meters hold the attribute sets ready: making them costs more than counting.
type meters struct {
	events, quarantined, clamped, records metric.Int64Counter
	links, late, replayed, taxonomy       metric.Int64Counter
	duration                              metric.Float64Histogram
	byKind                                map[string]*[kinds]metric.MeasurementOption
	bySource                              map[string]metric.MeasurementOption
	bySpan                                map[string]*[len(spans)]metric.MeasurementOption
	byTopic                               map[string]metric.MeasurementOption
}

func newMeters(m metric.Meter) *meters {
	out := &meters{
		events:      telemetry.Counter(m, telemetry.MetricIngestEvents),
		quarantined: telemetry.Counter(m, telemetry.MetricIngestQuarantine),
		clamped:     telemetry.Counter(m, telemetry.MetricEventsClamped),
		links:       telemetry.Counter(m, telemetry.MetricIngestLinks),
		late:        telemetry.Counter(m, telemetry.MetricIngestLateness),
		replayed:    telemetry.Counter(m, telemetry.MetricIngestReplayed),
		taxonomy:    telemetry.Counter(m, telemetry.MetricIngestTaxonomy),
		records:     telemetry.Counter(m, telemetry.MetricMessagingSent),
		duration:    telemetry.Histogram(m, telemetry.MetricMessagingDuration),
		byKind:      make(map[string]*[kinds]metric.MeasurementOption),
		bySource:    make(map[string]metric.MeasurementOption),
		bySpan:      make(map[string]*[len(spans)]metric.MeasurementOption),
		byTopic:     make(map[string]metric.MeasurementOption),
	}
	for _, source := range []string{
		event.SourceReporting, event.SourcePipelines, event.SourceDestination, event.SourceTrackV1, event.SourceTrackV2, normalise.SourceAdmin,
	} {
		said := telemetry.EventSource.String(source)
		out.bySource[source] = set(said)
		options := new([kinds]metric.MeasurementOption)
		for k := range options {
			options[k] = set(said, telemetry.EventKind.String(event.Kind(k).String()))
		}
		out.byKind[source] = options
		classes := new([len(spans)]metric.MeasurementOption)
		for i := range classes {
			classes[i] = set(said, telemetry.EventSpan.String(spans[i].name))
		}
		out.bySpan[source] = classes
	}
	for _, topic := range []string{schemas.EventsTopic, schemas.QuarantineTopic} {
		out.byTopic[topic] = set(telemetry.Kafka("send", telemetry.OperationSend(), topic)...)
	}
	return out
}

func set(attributes ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attributes...))
}

// written counts what is durable now.
func (m *meters) written(ctx context.Context, b *Batch) {
	source := b.scope.Source
	options, classes := m.byKind[source], m.bySpan[source]
	for kind, n := range b.byKind {
		if n > 0 {
			m.events.Add(ctx, n, options[kind])
		}
	}
	for i := range spans {
		if n := b.late[i]; n > 0 {
			m.late.Add(ctx, n, classes[i])
		}
		if n := b.clamped[i]; n > 0 {
			m.clamped.Add(ctx, n, classes[i])
		}
	}
	if b.links > 0 {
		m.links.Add(ctx, b.links, m.bySource[source])
	}
	if b.replayed > 0 {
		m.replayed.Add(ctx, b.replayed, m.bySource[source])
	}
	for _, r := range b.byReason {
		m.quarantined.Add(ctx, r.n, set(telemetry.EventSource.String(source), telemetry.Reason.String(r.reason)))
	}
	for _, v := range b.broken {
		m.taxonomy.Add(ctx, 1, set(telemetry.EventKey.String(v.Event), telemetry.EventProperty.String(v.Property), telemetry.EventRule.String(v.Rule)))
	}
}

func (m *meters) sent(ctx context.Context, topic string, n int, took time.Duration, failure string) {
	option := m.byTopic[topic]
	if failure != "" {
		option = set(append(telemetry.Kafka("send", telemetry.OperationSend(), topic), telemetry.ErrorType.String(failure))...)
	} else {
		m.records.Add(ctx, int64(n), option)
	}
	m.duration.Record(ctx, took.Seconds(), option)
}
