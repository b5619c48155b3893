package latency_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/test/bench/latency"
)

func TestSummary_QuantilesAreMeasurements(t *testing.T) {
	var r latency.Recorder
	if got := r.Summary(); got != (latency.Summary{}) {
		t.Errorf("of nothing: got %+v, want zeros", got)
	}
	for i := 1000; i > 0; i-- {
		r.Add(time.Duration(i))
	}
	want := latency.Summary{Count: 1000, P50: 500, P90: 900, P99: 990, P999: 999, Max: 1000}
	if diff := cmp.Diff(want, r.Summary()); diff != "" {
		t.Errorf("of 1 to 1000 (-want +got):\n%s", diff)
	}
	r.Add(5000)
	if got := r.Summary().Max; got != 5000 {
		t.Errorf("max after one more: got %d, want 5000", got)
	}
	var one latency.Recorder
	one.Add(7)
	if diff := cmp.Diff(latency.Summary{Count: 1, P50: 7, P90: 7, P99: 7, P999: 7, Max: 7}, one.Summary()); diff != "" {
		t.Errorf("of one (-want +got):\n%s", diff)
	}
}

func TestMillis_IsAsPreciseAsItsSizeDeserves(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1234 * time.Microsecond: "1.23 ms", 56789 * time.Microsecond: "56.8 ms", 1234 * time.Millisecond: "1234 ms", -2 * time.Millisecond: "-2.00 ms",
	} {
		if got := latency.Millis(d); got != want {
			t.Errorf("%d ns: got %s, want %s", d, got, want)
		}
	}
}
