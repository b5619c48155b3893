package state

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/cohortflow/cohortflow/pkg/telemetry"
)

// Measured gives a store whose operations are measured.
func Measured(s Store, took metric.Float64Histogram) Store {
	kind := func(operation string) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(telemetry.DBSystem.String("redis"), telemetry.DBOperationName.String(operation)))
	}
	return &measured{s, took, kind("load_people"), kind("load_slice"), kind("load_checkpoint")}
}

type measured struct {
	Store

	took                      metric.Float64Histogram
	people, slice, checkpoint metric.MeasurementOption
}

func (m *measured) since(ctx context.Context, begun time.Time, kind metric.MeasurementOption) {
	m.took.Record(ctx, time.Since(begun).Seconds(), kind)
}

// LoadPeople implements Store.
func (m *measured) LoadPeople(ctx context.Context, partition int32, keys []string) (checkpoint []byte, blobs [][]byte, err error) {
	defer m.since(ctx, time.Now(), m.people)
	return m.Store.LoadPeople(ctx, partition, keys)
}

// LoadSlice implements Store.
func (m *measured) LoadSlice(ctx context.Context, partition int32, slice int) (checkpoint []byte, keys []string, blobs [][]byte, err error) {
	defer m.since(ctx, time.Now(), m.slice)
	return m.Store.LoadSlice(ctx, partition, slice)
}

// Checkpoint implements Store.
func (m *measured) Checkpoint(ctx context.Context, partition int32) ([]byte, error) {
	defer m.since(ctx, time.Now(), m.checkpoint)
	return m.Store.Checkpoint(ctx, partition)
}
