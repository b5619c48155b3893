package telemetry

import (
	"fmt"
	"slices"

	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel/metric"
)

// Names of metrics. A dashboard or an alert may use these and no others, which a test
// asserts; the catalogue below says what each is.
const (
	MetricPipelineLatency   = "cohort.pipeline.latency"
	MetricPipelineFreshness = "cohort.pipeline.freshness"
	MetricTransitions       = "cohort.transitions"
	MetricEvaluations       = "cohort.evaluations"
	MetricIdentityChanges   = "cohort.identity.changes"
	MetricReviewed          = "cohort.reviewed"
	MetricTimersPending     = "cohort.timers.pending"
	MetricTimersLateness    = "cohort.timers.lateness"
	MetricPartitionsOwned   = "cohort.partitions.owned"
	MetricTenuresEnded      = "cohort.tenures.ended"
	MetricRepeatDifferences = "cohort.repeat.differences"
	MetricUncommitted       = "cohort.uncommitted.records"
	MetricCommitDuration    = "cohort.commit.duration"
	MetricEventsClamped     = "cohort.events.clamped"

	MetricIngestEvents     = "ingest.events"
	MetricIngestQuarantine = "ingest.quarantined"
	MetricIngestRefused    = "ingest.refused"
	MetricIngestLinks      = "ingest.links"
	MetricIngestLateness   = "ingest.lateness"
	MetricIngestReplayed   = "ingest.replayed"
	MetricIngestTaxonomy   = "ingest.taxonomy.violations"

	MetricSinkDuration   = "sink.delivery.duration"
	MetricSinkDeliveries = "sink.deliveries"
	MetricSinkWait       = "sink.ratelimit.wait"
	MetricSinkQueue      = "sink.queue"

	MetricConsoleRefused  = "console.refused"
	MetricConsoleReceipts = "console.receipts"

	MetricMessagingDuration = "messaging.client.operation.duration"
	MetricMessagingSent     = "messaging.client.sent.messages"
	MetricDBDuration        = "db.client.operation.duration"

	MetricHTTPServerDuration = "http.server.request.duration"
	MetricHTTPClientDuration = "http.client.request.duration"
)

// Kind is the instrument of a metric.
type Kind uint8

// Kinds of instruments.
const (
	KindCounter   Kind = iota // only grows
	KindGauge                 // goes up and down
	KindHistogram             // seconds, in LatencyBuckets
)

// Metric describes one metric.
type Metric struct {
	Name string
	Kind Kind
	Unit string // UCUM: s, 1, {event}
	Help string
}

var catalogue = []Metric{
	{MetricPipelineLatency, KindHistogram, "s", "Time between two points of the pathway: pathway.type full, edge or internal, pathway.from, pathway.to."},
	{MetricPipelineFreshness, KindGauge, "s", "Age of the oldest record of a partition that is not worked off; 0 when caught up."},
	{MetricTransitions, KindCounter, "{transition}", "Transitions published, by cohort, direction and reason."},
	{MetricEvaluations, KindCounter, "{event}", "Records of the log applied to a person's state."},
	{MetricIdentityChanges, KindCounter, "{change}", "What became of person keys, by reason: merged into another, forwarded (a record passed on), revived, erased."},
	{MetricReviewed, KindCounter, "{person}", "People looked at anew after the catalogue has changed."},
	{MetricTimersPending, KindGauge, "{timer}", "Deadlines that are armed."},
	{MetricTimersLateness, KindHistogram, "s", "How long after its deadline a silent exit was published."},
	{MetricPartitionsOwned, KindGauge, "{partition}", "Partitions this process owns."},
	{MetricTenuresEnded, KindCounter, "{tenure}", "Tenures that ended, by reason: an ambiguity, a rebalance, a stop."},
	{MetricRepeatDifferences, KindCounter, "{transition}", "Repeated decisions that differ from what stands in the topic: must stay 0."},
	{MetricUncommitted, KindGauge, "{record}", "Records applied in memory and not yet in the checkpoint."},
	{MetricCommitDuration, KindHistogram, "s", "Duration of the atomic write of people, deadlines and checkpoint."},
	{MetricEventsClamped, KindCounter, "{event}", "Events whose own time was ahead of their acceptance, by source and by how far: up to 1m, 1h, 1d, 30d, or more."},
	{MetricIngestEvents, KindCounter, "{event}", "Events accepted and acknowledged by the log, by source and kind."},
	{MetricIngestQuarantine, KindCounter, "{message}", "Messages kept in quarantine, by source and reason."},
	{MetricIngestRefused, KindCounter, "{request}", "Requests answered with an error, by source and reason."},
	{MetricIngestLinks, KindCounter, "{record}", "Records written that tell of one person under two keys, by source."},
	{MetricIngestLateness, KindCounter, "{event}", "Events accepted, by source and by how long after they happened: up to 1m, 1h, 1d, 30d, or more."},
	{MetricIngestReplayed, KindCounter, "{event}", "Events accepted that are history told again, by source."},
	{MetricIngestTaxonomy, KindCounter, "{violation}", "Properties of accepted events that break what the catalogue declares, by event, property and rule."},
	{MetricSinkDuration, KindHistogram, "s", "Duration of one delivery to a destination."},
	{MetricSinkDeliveries, KindCounter, "{delivery}", "Deliveries by destination and outcome."},
	{MetricSinkWait, KindHistogram, "s", "Time a delivery waited for a destination's rate limit."},
	{MetricSinkQueue, KindGauge, "{transition}", "Transitions waiting for a destination."},
	{MetricConsoleRefused, KindCounter, "{request}", "Requests to the read API answered with an error, by reason."},
	{MetricConsoleReceipts, KindGauge, "{receipt}", "Receipts of destinations that explanations can show."},
	{MetricMessagingDuration, KindHistogram, "s", "Duration of an operation on the broker."},
	{MetricMessagingSent, KindCounter, "{message}", "Records sent to the broker."},
	{MetricDBDuration, KindHistogram, "s", "Duration of an operation on Redis."},
	{MetricHTTPServerDuration, KindHistogram, "s", "Duration of answering a request (made by otelhttp)."},
	{MetricHTTPClientDuration, KindHistogram, "s", "Duration of a request to a destination (made by otelhttp)."},
}

// Catalogue lists all our metrics.
func Catalogue() []Metric { return slices.Clone(catalogue) }

// LatencyBuckets are the bucket bounds of every histogram in seconds: fine where our
// goals lie (5 ms, 25 ms, 250 ms), so that a goal is a bound.
func LatencyBuckets() []float64 {
	return []float64{0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60}
}

// PrometheusName is how the metric is called on /metrics and in a dashboard; those of
// a histogram have the endings _bucket, _sum and _count besides.
func (m Metric) PrometheusName() string {
	kind := map[Kind]otlptranslator.MetricType{
		KindCounter:   otlptranslator.MetricTypeMonotonicCounter,
		KindGauge:     otlptranslator.MetricTypeGauge,
		KindHistogram: otlptranslator.MetricTypeHistogram,
	}[m.Kind]
	namer := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	name, err := namer.Build(otlptranslator.Metric{Name: m.Name, Unit: m.Unit, Type: kind})
	if err != nil {
		panic(fmt.Sprintf("telemetry: metric %q has no Prometheus name: %v", m.Name, err))
	}
	return name
}

// describe looks a metric up. An unknown name is a bug of the caller, found by its
// first test, and so is a wrong kind.
func describe(name string, kind Kind) Metric {
	i := slices.IndexFunc(catalogue, func(m Metric) bool { return m.Name == name && m.Kind == kind })
	if i < 0 {
		panic(fmt.Sprintf("telemetry: %q is not in the catalogue of metrics with this kind", name))
	}
	return catalogue[i]
}

// Counter makes the instrument of a catalogued counter.
func Counter(meter metric.Meter, name string) metric.Int64Counter {
	m := describe(name, KindCounter)
	c, err := meter.Int64Counter(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Help))
	return must(c, err)
}

// Histogram makes the instrument of a catalogued histogram; it records seconds.
func Histogram(meter metric.Meter, name string) metric.Float64Histogram {
	m := describe(name, KindHistogram)
	h, err := meter.Float64Histogram(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Help))
	return must(h, err)
}

// Gauge makes the instrument of a catalogued gauge, set by the caller.
func Gauge(meter metric.Meter, name string) metric.Float64Gauge {
	m := describe(name, KindGauge)
	g, err := meter.Float64Gauge(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Help))
	return must(g, err)
}

// ObservableGauge makes the instrument of a catalogued gauge that is asked for its
// values at each collection.
func ObservableGauge(meter metric.Meter, name string, callback metric.Float64Callback) metric.Float64ObservableGauge {
	m := describe(name, KindGauge)
	g, err := meter.Float64ObservableGauge(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Help),
		metric.WithFloat64Callback(callback))
	return must(g, err)
}

// must: the SDK refuses an instrument only for its name or unit, and those are constants.
func must[I any](instrument I, err error) I {
	if err != nil {
		panic(fmt.Sprintf("telemetry: instrument: %v", err))
	}
	return instrument
}
