package kafkaio_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/kafkaio/kafkaiotest"
)

// payload is a record of the size of a transition with a trace context.
func payload() kafkaio.OutRecord {
	return kafkaio.OutRecord{
		Timestamp: 1_700_000_000_000, Key: []byte("customer-12345678"), Value: make([]byte, 250),
		Headers: []kafkaio.Header{{Key: "traceparent", Value: make([]byte, 55)}},
	}
}

func perSecond(b *testing.B, records int) {
	b.Helper()
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "rec/s")
}

// BenchmarkFencedAppend appends one record per call to 12 partitions; the broker
// discards, so that what is measured is ours. One op is one record.
func BenchmarkFencedAppend(b *testing.B) {
	const partitions = 12
	e := kafkaiotest.StartEmbedded(b, kfake.SeedTopics(partitions, "x"), kfake.BlackholeProduce())
	c := open(b, e.Brokers)
	epoch, err := c.TakeEpoch(b.Context(), "bench")
	if err != nil {
		b.Fatal(err)
	}
	writers := make([]*kafkaio.FencedWriter, partitions)
	for i := range writers {
		w := c.NewFencedWriter(kafkaio.FencedConfig{Topic: "x", Partition: int32(i), Epoch: epoch})
		defer w.Close()
		if _, err := w.Fence(b.Context(), payload(), nil); err != nil {
			b.Fatal(err)
		}
		writers[i] = w
	}
	recs := []kafkaio.OutRecord{payload()}
	var wg sync.WaitGroup
	done := func(_ int64, err error) {
		if err != nil {
			b.Error(err)
		}
		wg.Done()
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w := writers[i%partitions]
		for w.Buffered() > 2<<20 {
			time.Sleep(50 * time.Microsecond) // the back-pressure of a caller
		}
		wg.Add(1)
		w.Append(recs, done)
	}
	wg.Wait()
	perSecond(b, b.N)
}

// BenchmarkFetch reads batches of about 3,000 records of 300 bytes from one
// partition. One op is one record.
func BenchmarkFetch(b *testing.B) {
	e := kafkaiotest.StartEmbedded(b, kfake.SeedTopics(1, "x"), kfake.SyntheticFetch(kfake.SyntheticBatch{RecordBytes: 300}))
	f := open(b, e.Brokers).NewFetcher(kafkaio.FetcherConfig{Topic: "x", PartitionMaxBytes: 4 << 20})
	defer f.Close()
	f.Assign(0, 0)
	b.ReportAllocs()
	left := 0
	for b.Loop() {
		for left == 0 {
			got, err := f.Poll(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			for _, g := range got {
				if g.Err != nil {
					b.Fatal(g.Err)
				}
				left += len(g.Records)
			}
		}
		left--
	}
	perSecond(b, b.N)
}

// BenchmarkProducer has 16 callers with 100 records each for 12 partitions; the
// broker discards. One op is one record.
func BenchmarkProducer(b *testing.B) {
	const partitions, callers, size = 12, 16, 100
	e := kafkaiotest.StartEmbedded(b, kfake.SeedTopics(partitions, "x"), kfake.BlackholeProduce())
	p := producer(b, open(b, e.Brokers), kafkaio.ProducerConfig{Topic: "x"})
	recs := make([]kafkaio.OutRecord, size)
	for i := range recs {
		recs[i] = payload()
		recs[i].Partition = int32(i % partitions)
	}
	if err := p.Produce(b.Context(), recs); err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	calls := make(chan struct{}, callers)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range calls {
				if err := p.Produce(ctx, recs); err != nil {
					b.Error(err)
				}
			}
		})
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if i++; i%size == 0 {
			calls <- struct{}{}
		}
	}
	close(calls)
	wg.Wait()
	perSecond(b, b.N)
}

// BenchmarkAppendLatency is one record at a time: append, await the broker's
// acknowledgement.
func BenchmarkAppendLatency(b *testing.B) {
	e := kafkaiotest.StartEmbedded(b, kfake.SeedTopics(1, "x"))
	w := fenced(b, open(b, e.Brokers), "x")
	recs := []kafkaio.OutRecord{payload()}
	done := make(chan error, 1)
	tell := func(_ int64, err error) { done <- err }
	b.ReportAllocs()
	for b.Loop() {
		w.Append(recs, tell)
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}
