package kafkaiotest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

func testPing(t *testing.T, s *suite) {
	if err := s.open(t).Ping(within(t)); err != nil {
		t.Fatalf("ping: %v", err)
	}
}

// samples have all that a record can have: null and empty keys and values,
// headers with null values, times out of order.
func samples() []kafkaio.OutRecord {
	return []kafkaio.OutRecord{
		{Timestamp: 1_700_000_000_500, Key: []byte("person-1"), Value: []byte("first"), Headers: []kafkaio.Header{
			{Key: "traceparent", Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")},
			{Key: "null", Value: nil},
			{Key: "", Value: []byte{}},
		}},
		{Timestamp: 1_700_000_000_100, Key: []byte("person-1"), Value: nil},
		{Timestamp: 1_700_000_000_900, Key: nil, Value: []byte{}},
		{Timestamp: 1_700_000_000_900, Key: []byte{}, Value: make([]byte, 3000)},
	}
}

func compareRecords(t *testing.T, want []kafkaio.OutRecord, got []kafkaio.Record) {
	t.Helper()
	read := make([]kafkaio.OutRecord, len(got))
	for i, r := range got {
		read[i] = kafkaio.OutRecord{Partition: r.Partition, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value, Headers: r.Headers}
		if r.Offset != got[0].Offset+int64(i) {
			t.Errorf("record %d has offset %d, want %d", i, r.Offset, got[0].Offset+int64(i))
		}
	}
	if diff := cmp.Diff(want, read, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("records differ (-want +got):\n%s", diff)
	}
	for i := range want {
		if i < len(read) && ((want[i].Value == nil) != (read[i].Value == nil) || (want[i].Key == nil) != (read[i].Key == nil)) {
			t.Errorf("record %d: null key or value was not kept", i)
		}
	}
}

func testCodecs(t *testing.T, s *suite) {
	c := s.open(t)
	for _, name := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(name, func(t *testing.T) {
			topic := topicOf(t, c, 1)
			p := producerOf(t, c, kafkaio.ProducerConfig{Topic: topic, Compression: name})
			want := samples()
			if err := p.Produce(within(t), want); err != nil {
				t.Fatalf("produce: %v", err)
			}
			compareRecords(t, want, readUntil(t, c, topic, 0, 0, int64(len(want))))
			// A position inside a batch gives the rest of it.
			compareRecords(t, want[2:], readUntil(t, c, topic, 0, 2, int64(len(want))))
		})
	}
}

func (s *suite) foreign(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(s.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
	}, opts...)...)
	if err != nil {
		t.Fatalf("foreign client: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

func testForeignCodecs(t *testing.T, s *suite) {
	c := s.open(t)
	for name, codec := range map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		t.Run(name, func(t *testing.T) {
			topic := topicOf(t, c, 1)
			f := s.foreign(t, kgo.ProducerBatchCompression(codec))
			want := samples()
			recs := make([]*kgo.Record, len(want))
			for i, r := range want {
				recs[i] = &kgo.Record{Topic: topic, Key: r.Key, Value: r.Value, Timestamp: time.UnixMilli(r.Timestamp)}
				for _, h := range r.Headers {
					recs[i].Headers = append(recs[i].Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
				}
			}
			if err := f.ProduceSync(within(t), recs...).FirstErr(); err != nil {
				t.Fatalf("foreign produce: %v", err)
			}
			compareRecords(t, want, readUntil(t, c, topic, 0, 0, int64(len(want))))
		})
	}
}

func testTransactions(t *testing.T, s *suite) {
	c := s.open(t)
	topic := topicOf(t, c, 1)
	f := s.foreign(t, kgo.TransactionalID(unique("txn")))
	write := func(end kgo.TransactionEndTry, values ...string) {
		t.Helper()
		if err := f.BeginTransaction(); err != nil {
			t.Fatalf("begin: %v", err)
		}
		for _, v := range values {
			if err := f.ProduceSync(within(t), &kgo.Record{Topic: topic, Value: []byte(v)}).FirstErr(); err != nil {
				t.Fatalf("foreign produce: %v", err)
			}
		}
		if err := f.EndTransaction(within(t), end); err != nil {
			t.Fatalf("end: %v", err)
		}
	}
	write(kgo.TryCommit, "a", "b")
	write(kgo.TryAbort, "VOID-1", "VOID-2")
	write(kgo.TryCommit, "c")
	write(kgo.TryAbort, "VOID-3")
	_, end, err := c.Offsets(within(t), topic, 0)
	if err != nil {
		t.Fatalf("offsets: %v", err)
	}
	// The log ends with an aborted batch and a marker: the position must step over
	// both, and it must not stop inside.
	if diff := cmp.Diff([]string{"a", "b", "c"}, values(readUntil(t, c, topic, 0, 0, end))); diff != "" {
		t.Errorf("committed values differ (-want +got):\n%s", diff)
	}
	got, err := c.ReadRange(within(t), topic, 0, 0, end)
	if err != nil {
		t.Fatalf("read range: %v", err)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, values(got)); diff != "" {
		t.Errorf("values of the range differ (-want +got):\n%s", diff)
	}
}

func testManyPartitions(t *testing.T, s *suite) {
	const partitions, each = 12, 500
	c := s.open(t)
	topic := topicOf(t, c, partitions)
	p := producerOf(t, c, kafkaio.ProducerConfig{Topic: topic, MaxBatchBytes: 4 << 10})
	f := c.NewFetcher(kafkaio.FetcherConfig{Topic: topic, MaxBytes: 16 << 10, PartitionMaxBytes: 8 << 10})
	defer f.Close()
	for n := range int32(partitions) {
		if err := p.Produce(within(t), numbered(fmt.Sprintf("p%d-", n), n, each)); err != nil {
			t.Fatalf("produce: %v", err)
		}
		f.Assign(n, 0)
	}
	seen := make([]int, partitions)
	for total := 0; total < partitions*each; {
		got, err := f.Poll(within(t))
		if err != nil {
			t.Fatalf("poll after %d records: %v", total, err)
		}
		for _, g := range got {
			if g.Err != nil {
				t.Fatalf("partition %d: %v", g.Partition, g.Err)
			}
			for _, r := range g.Records {
				if want := fmt.Sprintf("p%d-%d", g.Partition, seen[g.Partition]); string(r.Value) != want || r.Offset != int64(seen[g.Partition]) {
					t.Fatalf("partition %d: got %q at %d, want %q at %d", g.Partition, r.Value, r.Offset, want, seen[g.Partition])
				}
				seen[g.Partition]++
				total++
			}
		}
	}
}

func testAssignAtOnce(t *testing.T, s *suite) {
	c := s.open(t)
	topic := topicOf(t, c, 2)
	p := producerOf(t, c, kafkaio.ProducerConfig{Topic: topic})
	if err := p.Produce(within(t), numbered("v", 1, 1)); err != nil {
		t.Fatalf("produce: %v", err)
	}
	f := c.NewFetcher(kafkaio.FetcherConfig{Topic: topic, MaxWait: 8 * time.Second})
	defer f.Close()
	f.Assign(0, 0)
	// The first poll of the empty partition waits for 8 s. Another one, answered
	// at once, shows that the fetcher is up before the clock starts.
	f.Assign(1, 0)
	next(t, f, 1)
	f.Revoke(1)
	begin := time.Now()
	f.Assign(1, 0)
	got := next(t, f, 1)
	if len(got.Records) != 1 || got.Records[0].Offset != 0 {
		t.Fatalf("got %d records, want the one at offset 0", len(got.Records))
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("the assignment took effect after %v, during a long poll of 8 s", took)
	}
	// New data ends the long poll.
	begin = time.Now()
	if err := p.Produce(within(t), numbered("w", 0, 1)); err != nil {
		t.Fatalf("produce: %v", err)
	}
	for len(next(t, f, 0).Records) == 0 {
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("data was seen after %v, during a long poll of 8 s", took)
	}
}

// next polls until a fetch of the partition comes.
func next(t *testing.T, f *kafkaio.Fetcher, partition int32) kafkaio.Fetch {
	t.Helper()
	for {
		got, err := f.Poll(within(t))
		if err != nil {
			t.Fatalf("poll for partition %d: %v", partition, err)
		}
		for _, g := range got {
			if g.Partition == partition {
				return g
			}
		}
	}
}

func testRevoke(t *testing.T, s *suite) {
	c := s.open(t)
	topic := topicOf(t, c, 2)
	p := producerOf(t, c, kafkaio.ProducerConfig{Topic: topic})
	f := c.NewFetcher(kafkaio.FetcherConfig{Topic: topic})
	defer f.Close()
	f.Assign(0, 0)
	f.Assign(1, 0)
	next(t, f, 0)
	f.Revoke(0)
	if err := p.Produce(within(t), append(numbered("a", 0, 3), numbered("b", 1, 3)...)); err != nil {
		t.Fatalf("produce: %v", err)
	}
	for read := 0; read < 3; {
		got, err := f.Poll(within(t))
		if err != nil {
			t.Fatalf("poll: %v", err)
		}
		for _, g := range got {
			if g.Partition == 0 {
				t.Fatal("a revoked partition was delivered")
			}
			read += len(g.Records)
		}
	}
}

func testPause(t *testing.T, s *suite) {
	c := s.open(t)
	topic := topicOf(t, c, 2)
	p := producerOf(t, c, kafkaio.ProducerConfig{Topic: topic})
	f := c.NewFetcher(kafkaio.FetcherConfig{Topic: topic, MaxWait: 5 * time.Second})
	defer f.Close()
	f.Assign(0, 0)
	f.Assign(1, 0)
	f.Pause(0)
	if err := p.Produce(within(t), append(numbered("a", 0, 3), numbered("b", 1, 3)...)); err != nil {
		t.Fatalf("produce: %v", err)
	}
	for read := 0; read < 3; {
		g := next(t, f, 1)
		read += len(g.Records)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if got, err := f.Poll(ctx); err == nil {
		t.Fatalf("a paused partition was delivered: %d fetches", len(got))
	}
	begin := time.Now()
	f.Resume(0)
	read := 0
	for read < 3 {
		read += len(next(t, f, 0).Records)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("resumed after %v, during a long poll of 5 s", took)
	}
}

func testOutOfRange(t *testing.T, s *suite) {
	c := s.open(t)
	topic := topicOf(t, c, 1)
	p := producerOf(t, c, kafkaio.ProducerConfig{Topic: topic, MaxBatchBytes: 256})
	if err := p.Produce(within(t), numbered("v", 0, 20)); err != nil {
		t.Fatalf("produce: %v", err)
	}
	del := kmsg.NewPtrDeleteRecordsRequest()
	del.TimeoutMillis = 5000
	part := kmsg.NewDeleteRecordsRequestTopicPartition()
	part.Offset = 12
	dt := kmsg.NewDeleteRecordsRequestTopic()
	dt.Topic, dt.Partitions = topic, append(dt.Partitions, part)
	del.Topics = append(del.Topics, dt)
	if _, err := s.foreign(t).Request(within(t), del); err != nil {
		t.Fatalf("delete records: %v", err)
	}
	for _, at := range []int64{3, 500} {
		f := c.NewFetcher(kafkaio.FetcherConfig{Topic: topic})
		f.Assign(0, at)
		g := next(t, f, 0)
		var gone kafkaio.ErrOffsetOutOfRange
		if !errors.As(g.Err, &gone) {
			t.Fatalf("at %d: got %d records and error %v, want ErrOffsetOutOfRange", at, len(g.Records), g.Err)
		}
		if want := (kafkaio.ErrOffsetOutOfRange{Requested: at, LogStart: 12, End: 20}); gone != want {
			t.Errorf("got %+v, want %+v", gone, want)
		}
		if g.Next != at {
			t.Errorf("the position moved from %d to %d", at, g.Next)
		}
		// It stays silent until it is assigned anew.
		f.Assign(0, 12)
		if g = next(t, f, 0); g.Err != nil || len(g.Records) == 0 || g.Records[0].Offset != 12 {
			t.Errorf("after a new assignment: %d records, error %v", len(g.Records), g.Err)
		}
		f.Close()
	}
}

func testReadRange(t *testing.T, s *suite) {
	c := s.open(t)
	topic := topicOf(t, c, 1)
	p := producerOf(t, c, kafkaio.ProducerConfig{Topic: topic, MaxBatchBytes: 1 << 10})
	want := numbered("v", 0, 300)
	if err := p.Produce(within(t), want); err != nil {
		t.Fatalf("produce: %v", err)
	}
	got, err := c.ReadRange(within(t), topic, 0, 37, 211)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	compareRecords(t, want[37:211], got)
	if got, err := c.ReadRange(within(t), topic, 0, 50, 50); err != nil || len(got) != 0 {
		t.Errorf("an empty range gives %d records, error %v", len(got), err)
	}
	var gone kafkaio.ErrOffsetOutOfRange
	if _, err := c.ReadRange(within(t), topic, 0, 200, 301); !errors.As(err, &gone) {
		t.Errorf("a range beyond the end gives %v, want ErrOffsetOutOfRange", err)
	}
}
