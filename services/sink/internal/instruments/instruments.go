// Package instruments holds what the sink measures. Every label has few values:
// destinations and outcomes, never persons.
package instruments

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/cohortflow/cohortflow/pkg/telemetry"
)

// Set is the instruments of one destination. It is safe for concurrent use.
type Set struct {
	destination string
	deliveries  metric.Int64Counter
	remarks     metric.Int64Counter
	duration    metric.Float64Histogram
	waited      metric.Float64Histogram
	latency     metric.Float64Histogram
	byDest      metric.MeasurementOption
	pathway     metric.MeasurementOption
	queued      atomic.Int64
	outcomes    sync.Map // outcome -> metric.MeasurementOption
}

// Remarks.
const (
	ContactRefused     = "contact_refused"     // by a platform's rules
	ContactUnreadable  = "contact_unreadable"  // sealed under a secret that is not at hand
	WithoutIdentifiers = "without_identifiers" // a suppression that no platform can match
	ReceiptLeftOut     = "receipt_left_out"    // the receipts topic could not keep up
	Repeat             = "repeat"              // a transition that was done before
	Warming            = "warming"             // an entry into a cohort that is not known in full yet
	Moved              = "moved"               // an exit whose person lives on under another key
	Erased             = "erased"              // the proof of an erasure
)

// New makes the instruments of a destination; to names the end of the pipeline in
// cohort.pipeline.latency.
func New(meter metric.Meter, destination, to string) *Set {
	dest := telemetry.Destination.String(destination)
	// Not of the catalogue of dashboards: a count of oddities. The SDK refuses an
	// instrument only for its name.
	remarks, err := meter.Int64Counter("sink.remarks", metric.WithUnit("{remark}"),
		metric.WithDescription("Oddities on the way to a destination, by kind."))
	if err != nil {
		panic("instruments: " + err.Error())
	}
	s := &Set{
		remarks:     remarks,
		destination: destination,
		deliveries:  telemetry.Counter(meter, telemetry.MetricSinkDeliveries),
		duration:    telemetry.Histogram(meter, telemetry.MetricSinkDuration),
		waited:      telemetry.Histogram(meter, telemetry.MetricSinkWait),
		latency:     telemetry.Histogram(meter, telemetry.MetricPipelineLatency),
		byDest:      metric.WithAttributeSet(attribute.NewSet(dest)),
		pathway: metric.WithAttributeSet(attribute.NewSet(dest, telemetry.PathwayType.String("full"),
			telemetry.PathwayFrom.String("accepted"), telemetry.PathwayTo.String(to))),
	}
	telemetry.ObservableGauge(meter, telemetry.MetricSinkQueue, func(_ context.Context, o metric.Float64Observer) error {
		o.Observe(float64(s.queued.Load()), s.byDest)
		return nil
	})
	return s
}

// Outcome counts n transitions by what became of them.
func (s *Set) Outcome(ctx context.Context, outcome string, n int) {
	if n > 0 {
		s.deliveries.Add(ctx, int64(n), s.labelled(outcome))
	}
}

// Remark counts what happens on the way and is no outcome of a transition.
func (s *Set) Remark(ctx context.Context, remark string, n int) {
	if n > 0 {
		s.remarks.Add(ctx, int64(n), s.labelled(remark))
	}
}

func (s *Set) labelled(outcome string) metric.MeasurementOption {
	opt, ok := s.outcomes.Load(outcome)
	if !ok {
		opt, _ = s.outcomes.LoadOrStore(outcome, metric.WithAttributeSet(attribute.NewSet(
			telemetry.Destination.String(s.destination), telemetry.Outcome.String(outcome))))
	}
	return opt.(metric.MeasurementOption)
}

// Duration records how long one request took.
func (s *Set) Duration(ctx context.Context, d time.Duration) {
	s.duration.Record(ctx, d.Seconds(), s.byDest)
}

// Waited records how long a request was held back by limits of our own.
func (s *Set) Waited(ctx context.Context, d time.Duration) {
	s.waited.Record(ctx, d.Seconds(), s.byDest)
}

// Latency records that what was accepted at acceptedAt (ms) reached the end at now.
// Without an accepted time nothing is recorded.
func (s *Set) Latency(ctx context.Context, acceptedAt int64, now time.Time) {
	if acceptedAt > 0 {
		s.latency.Record(ctx, max(0, float64(now.UnixMilli()-acceptedAt)/1000), s.pathway)
	}
}

// Queued moves the gauge of waiting transitions by n.
func (s *Set) Queued(n int) { s.queued.Add(int64(n)) }
