package owner

import (
	"context"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/cohortflow/cohortflow/pkg/cohort"
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
		decided: metric.WithAttributeSet(attribute.NewSet(
			telemetry.PathwayType.String("edge"), telemetry.PathwayFrom.String("accepted"), telemetry.PathwayTo.String("transition"))),
	}
}

func direction(op cohort.Op) string {
	if op == cohort.OpEnter {
		return "entered"
	}
	return "exited"
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
