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
	duration    metric.Float64Histogram
	waited      metric.Float64Histogram
	latency     metric.Float64Histogram
	byDest      metric.MeasurementOption
	pathway     metric.MeasurementOption
	queued      atomic.Int64
	outcomes    sync.Map // outcome -> metric.MeasurementOption
}

// New makes the instruments of a destination; to names the end of the pipeline in
// cohort.pipeline.latency.
func New(meter metric.Meter, destination, to string) *Set {
	dest := telemetry.Destination.String(destination)
	s := &Set{
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

// Outcome counts n transitions.
func (s *Set) Outcome(ctx context.Context, outcome string, n int) {
	if n == 0 {
		return
	}
	opt, ok := s.outcomes.Load(outcome)
	if !ok {
		opt, _ = s.outcomes.LoadOrStore(outcome, metric.WithAttributeSet(attribute.NewSet(
			telemetry.Destination.String(s.destination), telemetry.Outcome.String(outcome))))
	}
	s.deliveries.Add(ctx, int64(n), opt.(metric.MeasurementOption))
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
