package sink_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/sink"
)

// BenchmarkApp_TransitionToSuppression measures one transition at a time, on the
// embedded broker with all three platforms at work: from the moment it is acknowledged,
// and so readable, until the suppression record has been read back from the topic,
// which is a little after its own acknowledgement.
func BenchmarkApp_TransitionToSuppression(b *testing.B) {
	f := newFlow(b)
	app, _ := f.start(func(c *sink.Config) { c.SalesWings.Key = "" })
	eventually(b, 20*time.Second, "ready", func() bool { return app.Ready(b.Context()) == nil })
	topic := schemas.SuppressionTopic("meta")
	fetcher := f.client.NewFetcher(kafkaio.FetcherConfig{Topic: topic})
	defer fetcher.Close()
	for p := range int32(partitions) {
		_, end, err := f.client.Offsets(b.Context(), topic, p)
		if err != nil {
			b.Fatal(err)
		}
		fetcher.Assign(p, end)
	}
	read := make(chan time.Time, 1)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go func() {
		for {
			fetches, err := fetcher.Poll(ctx)
			if err != nil {
				return
			}
			now := time.Now()
			for _, answer := range fetches {
				for _, r := range answer.Records {
					var s avrocodec.Suppression
					if mark, err := avrocodec.DecodeSuppression(r.Value, &s, nil); err == nil && !mark {
						read <- now
					}
				}
			}
		}
	}()
	took := make([]time.Duration, 0, b.N)
	for i := 0; b.Loop(); i++ {
		f.change(fmt.Sprint("person-", i%100), "recent_purchaser_7d", i%200 < 100)
		began := time.Now()
		took = append(took, (<-read).Sub(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
