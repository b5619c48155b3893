package owner

import (
	"context"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/partition"
	"github.com/cohortflow/cohortflow/pkg/telemetry"
)

// Meters are the instruments that all owners of a process share.
type Meters struct {
	transitions metric.Int64Counter
	ended       metric.Int64Counter
	contrary    metric.Int64Counter
	commits     metric.Float64Histogram
	pathway     metric.Float64Histogram
	lateness    metric.Float64Histogram
	evaluations metric.Int64Counter
	identities  metric.Int64Counter
	reviewed    metric.Int64Counter
	operations  metric.Float64Histogram
	decided     metric.MeasurementOption
}

// NewMeters makes the instruments.
func NewMeters(m metric.Meter) *Meters {
	return &Meters{
		transitions: telemetry.Counter(m, telemetry.MetricTransitions),
		ended:       telemetry.Counter(m, telemetry.MetricTenuresEnded),
		contrary:    telemetry.Counter(m, telemetry.MetricRepeatDifferences),
		commits:     telemetry.Histogram(m, telemetry.MetricCommitDuration),
		pathway:     telemetry.Histogram(m, telemetry.MetricPipelineLatency),
		lateness:    telemetry.Histogram(m, telemetry.MetricTimersLateness),
		evaluations: telemetry.Counter(m, telemetry.MetricEvaluations),
		identities:  telemetry.Counter(m, telemetry.MetricIdentityChanges),
		reviewed:    telemetry.Counter(m, telemetry.MetricReviewed),
		operations:  telemetry.Histogram(m, telemetry.MetricDBDuration),
		decided: metric.WithAttributeSet(attribute.NewSet(
			telemetry.PathwayType.String("edge"), telemetry.PathwayFrom.String("accepted"), telemetry.PathwayTo.String("transition"))),
	}
}

// Observe makes the gauges that are asked for at each collection; progress tells how far
// each owned partition is.
func Observe(m metric.Meter, progress func() map[int32]Progress) {
	each := func(value func(Progress) float64) metric.Float64Callback {
		return func(_ context.Context, o metric.Float64Observer) error {
			for p, at := range progress() {
				o.Observe(value(at), metric.WithAttributes(telemetry.Partition.String(partitionName(p))))
			}
			return nil
		}
	}
	telemetry.ObservableGauge(m, telemetry.MetricPartitionsOwned, func(_ context.Context, o metric.Float64Observer) error {
		o.Observe(float64(len(progress())))
		return nil
	})
	telemetry.ObservableGauge(m, telemetry.MetricUncommitted, each(func(at Progress) float64 { return float64(at.Position - at.Settled) }))
	telemetry.ObservableGauge(m, telemetry.MetricTimersPending, each(func(at Progress) float64 { return float64(at.Pending) }))
	telemetry.ObservableGauge(m, telemetry.MetricPipelineFreshness, each(func(at Progress) float64 {
		if at.Lag == 0 || at.LogTime == 0 {
			return 0
		}
		return max(0, float64(now()-at.LogTime)/1000)
	}))
}

// worked counts what a tenure did between two looks at it.
func (m *Meters) worked(ctx context.Context, was, is partition.Stats) {
	if n := is.Records - was.Records; n > 0 {
		m.evaluations.Add(ctx, n)
	}
	for _, c := range [...]struct {
		reason string
		n      int64
	}{
		{"merged", is.Merged - was.Merged},
		{"forwarded", is.Forwarded - was.Forwarded},
		{"revived", is.Revived - was.Revived},
		{"erased", is.Erased - was.Erased},
	} {
		if c.n > 0 {
			m.identities.Add(ctx, c.n, metric.WithAttributes(telemetry.Reason.String(c.reason)))
		}
	}
	if n := is.Reviewed - was.Reviewed; n > 0 {
		m.reviewed.Add(ctx, n)
	}
}

// stored records how long an operation on the store took; other effects are none.
func (m *Meters) stored(ctx context.Context, e partition.Effect, took time.Duration, class partition.Failure) {
	var name string
	switch e.(type) {
	case partition.LoadCheckpoint:
		name = "load_checkpoint"
	case partition.LoadPeople:
		name = "load_people"
	case partition.LoadDeadlines:
		name = "load_deadlines"
	case partition.LoadSlice:
		name = "load_slice"
	case partition.Commit:
		name = "commit"
	default:
		return
	}
	attributes := []attribute.KeyValue{telemetry.DBSystem.String("redis"), telemetry.DBOperationName.String(name)}
	if class != 0 {
		attributes = append(attributes, telemetry.ErrorType.String(class.String()))
	}
	m.operations.Record(ctx, took.Seconds(), metric.WithAttributes(attributes...))
}

func direction(op cohort.Op) string {
	switch op {
	case cohort.OpEnter:
		return "entered"
	case cohort.OpErased:
		return "erased"
	default:
		return "exited"
	}
}

func partitionName(p int32) string { return strconv.Itoa(int(p)) }

// published counts by cohort, direction and reason; a batch has few of each.
func (m *Meters) published(ctx context.Context, items []cohort.Transition) {
	type kind struct {
		cohort, reason string
		op             cohort.Op
	}
	counts := make(map[kind]int64, 8)
	for i := range items {
		counts[kind{items[i].Cohort, items[i].Reason, items[i].Op}]++
	}
	for k, n := range counts {
		m.transitions.Add(ctx, n, metric.WithAttributes(
			telemetry.Cohort.String(k.cohort), telemetry.Direction.String(direction(k.op)), telemetry.Reason.String(k.reason)))
	}
}

// latency returns what is to be called when the items are acknowledged: it records
// how long after their acceptance, or their deadline, that was.
func (m *Meters) latency(items []cohort.Transition) func() {
	var accepted, due []int64
	for i := range items {
		switch t := &items[i]; {
		case t.SourceID != "":
			accepted = append(accepted, t.AcceptedAt)
		case t.Reason == cohort.ReasonWindowEnded:
			due = append(due, t.EffectiveAt)
		}
	}
	return func() {
		at, ctx := now(), context.Background()
		for _, t := range accepted {
			m.pathway.Record(ctx, float64(at-t)/1000, m.decided)
		}
		for _, t := range due {
			m.lateness.Record(ctx, float64(at-t)/1000)
		}
	}
}

func (m *Meters) commit(ctx context.Context, ms int64, _ int, err error) {
	outcome := "ok"
	if err != nil {
		outcome = storeFailure(err).String()
	}
	m.commits.Record(ctx, float64(ms)/1000, metric.WithAttributes(telemetry.Outcome.String(outcome)))
}

// Ended counts the end of a tenure and what it found.
func (m *Meters) Ended(ctx context.Context, class string, contrary int64) {
	m.ended.Add(ctx, 1, metric.WithAttributes(telemetry.Reason.String(class)))
	m.contrary.Add(ctx, contrary)
}
