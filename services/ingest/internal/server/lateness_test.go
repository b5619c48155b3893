package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/telemetry"
	"github.com/cohortflow/cohortflow/services/ingest/internal/taxonomy"
)

// counted reads the counters of some metrics as "name attribute attribute".
func counted(t *testing.T, reader sdkmetric.Reader, names ...string) map[string]int64 {
	t.Helper()
	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			sum, ok := m.Data.(metricdata.Sum[int64])
			for _, name := range names {
				if !ok || m.Name != name {
					continue
				}
				for _, p := range sum.DataPoints {
					text := m.Name
					for _, a := range p.Attributes.ToSlice() { // sorted by key
						text += " " + a.Value.AsString()
					}
					got[text] += p.Value
				}
			}
		}
	}
	return got
}

func TestMetrics_CountHowLateAndHowFarAheadBySource(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	h := newHouse(t, func(c *Config) { c.MeterProvider = provider })
	day := 24 * time.Hour
	for _, ago := range []time.Duration{0, time.Minute, time.Minute + time.Millisecond, time.Hour, 2 * time.Hour, day, 2 * day, 30 * day, 31 * day, -time.Second, -2 * time.Hour, -400 * day} {
		at := h.clock.Add(-ago).Format("2006-01-02T15:04:05.000Z")
		h.send(t, http.MethodPost, "/v1/track", fmt.Sprintf(`{"event":"E","userId":"u","anonymousId":"a","timestamp":%q}`, at), withKey).success(t)
	}
	h.send(t, http.MethodPost, customerPath+"/events", `{"name":"E"}`, withTrack, header(replayHeader, "1")).success(t)
	h.send(t, http.MethodPost, "/v1/erase", `{"customer_id":"u","mode":"delete"}`, withErase).want(t, http.StatusAccepted)
	late, clamped := telemetry.MetricIngestLateness+" ", telemetry.MetricEventsClamped+" "
	want := map[string]int64{
		late + event.SourcePipelines + " 1m": 5, late + event.SourcePipelines + " 1h": 2, late + event.SourcePipelines + " 1d": 2,
		late + event.SourcePipelines + " 30d": 2, late + event.SourcePipelines + " more": 1,
		late + event.SourceTrackV1 + " 1m": 1, late + "admin 1m": 1,
		clamped + event.SourcePipelines + " 1m": 1, clamped + event.SourcePipelines + " 1d": 1, clamped + event.SourcePipelines + " more": 1,
		telemetry.MetricIngestReplayed + " " + event.SourceTrackV1: 1,
		telemetry.MetricIngestLinks + " " + event.SourcePipelines:  1,
	}
	got := counted(t, reader, telemetry.MetricIngestLateness, telemetry.MetricEventsClamped, telemetry.MetricIngestReplayed, telemetry.MetricIngestLinks)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMetrics_CountViolationsByEventPropertyAndRule(t *testing.T) {
	for _, mode := range []string{taxonomy.Warn, taxonomy.Keep, taxonomy.Refuse} {
		reader := sdkmetric.NewManualReader()
		h := strictHouse(t, mode)
		h.cfg.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		h.reopen(h.cfg)
		h.send(t, http.MethodPost, "/v1/track", untyped, withKey).success(t)
		h.send(t, http.MethodPost, "/v1/batch", `{"batch":[`+untyped+`,{]}`, withKey).success(t) // none of it is taken
		h.send(t, http.MethodPost, "/v1/track", strings.Replace(untyped, "978", `"`+strings.Repeat("x", 40<<10)+`"`, 1), withKey).success(t)
		const name = telemetry.MetricIngestTaxonomy + " order "
		want := map[string]int64{name + "total required": 1, name + "currency type": 1}
		if mode == taxonomy.Refuse {
			want[name+"total required"] = 2 // refused for that before it is found to be too large
		}
		if diff := cmp.Diff(want, counted(t, reader, telemetry.MetricIngestTaxonomy)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", mode, diff)
		}
	}
}
