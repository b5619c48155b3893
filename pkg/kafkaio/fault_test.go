package kafkaio_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/kafkaio/kafkaiotest"
)

const patience = 20 * time.Second

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func open(t testing.TB, brokers []string, change ...func(*kafkaio.Config)) *kafkaio.Client {
	t.Helper()
	cfg := kafkaio.Config{Brokers: brokers}
	for _, f := range change {
		f(&cfg)
	}
	c, err := kafkaio.Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func producer(t testing.TB, c *kafkaio.Client, cfg kafkaio.ProducerConfig) *kafkaio.Producer {
	t.Helper()
	p := c.NewProducer(cfg)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = p.Close(ctx)
	})
	return p
}

func texts(prefix string, partition int32, n int) []kafkaio.OutRecord {
	out := make([]kafkaio.OutRecord, n)
	for i := range out {
		out[i] = kafkaio.OutRecord{Partition: partition, Timestamp: 1, Value: []byte(prefix + strconv.Itoa(i))}
	}
	return out
}

// content reads the whole partition.
func content(t *testing.T, c *kafkaio.Client, topic string, partition int32) []string {
	t.Helper()
	start, end, err := c.Offsets(within(t), topic, partition)
	if err != nil {
		t.Fatalf("offsets: %v", err)
	}
	recs, err := c.ReadRange(within(t), topic, partition, start, end)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	out := make([]string, len(recs))
	for i := range recs {
		out[i] = string(recs[i].Value)
	}
	return out
}

// fenced gives a writer that has its fence on partition 0.
func fenced(t testing.TB, c *kafkaio.Client, topic string) *kafkaio.FencedWriter {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	e, err := c.TakeEpoch(ctx, "kafkaio-test-"+topic)
	if err != nil {
		t.Fatalf("take epoch: %v", err)
	}
	w := c.NewFencedWriter(kafkaio.FencedConfig{Topic: topic, Epoch: e})
	t.Cleanup(w.Close)
	if _, err := w.Fence(ctx, kafkaio.OutRecord{Timestamp: 1, Value: []byte("fence")}, nil); err != nil {
		t.Fatalf("fence: %v", err)
	}
	return w
}

func appended(t *testing.T, w *kafkaio.FencedWriter, recs []kafkaio.OutRecord) error {
	t.Helper()
	done := make(chan error, 1)
	w.Append(recs, func(_ int64, err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		return errors.New("never told its end")
	}
}

func produceFault(err *kerr.Error, count int) kfake.Fault {
	return kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: err, Count: count}
}

func TestProduce_ErrorsAfterAppendLeaveOneCopy(t *testing.T) {
	for _, fault := range []*kerr.Error{kerr.RequestTimedOut, kerr.NotEnoughReplicasAfterAppend, kerr.NotEnoughReplicas, kerr.NotLeaderForPartition, kerr.KafkaStorageError} {
		t.Run(fault.Message, func(t *testing.T) {
			e := kafkaiotest.StartEmbedded(t, kfake.SeedTopics(1, "plain", "fenced"))
			c := open(t, e.Brokers)
			p, w := producer(t, c, kafkaio.ProducerConfig{Topic: "plain"}), fenced(t, c, "fenced")
			if err := p.Produce(within(t), texts("a", 0, 2)); err != nil {
				t.Fatalf("produce: %v", err)
			}
			h := e.Cluster.Fault(produceFault(fault, 3))
			if err := p.Produce(within(t), texts("b", 0, 2)); err != nil {
				t.Fatalf("produce through the fault: %v", err)
			}
			if h.Hits() != 3 {
				t.Fatalf("the fault struck %d times, want 3", h.Hits())
			}
			e.Cluster.Fault(produceFault(fault, 3))
			if err := appended(t, w, texts("b", 0, 2)); err != nil {
				t.Fatalf("append through the fault: %v", err)
			}
			if err := errors.Join(p.Produce(within(t), texts("c", 0, 1)), appended(t, w, texts("c", 0, 1))); err != nil {
				t.Fatalf("after the fault: %v", err)
			}
			if diff := cmp.Diff([]string{"a0", "a1", "b0", "b1", "c0"}, content(t, c, "plain", 0)); diff != "" {
				t.Errorf("the producer's log differs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"fence", "b0", "b1", "c0"}, content(t, c, "fenced", 0)); diff != "" {
				t.Errorf("the writer's log differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFencedWriter_EveryFencingCodeEndsIt(t *testing.T) {
	for _, code := range []*kerr.Error{
		kerr.OutOfOrderSequenceNumber, kerr.InvalidProducerEpoch, kerr.ProducerFenced, kerr.InvalidProducerIDMapping, kerr.UnknownProducerID,
	} {
		e := kafkaiotest.StartEmbedded(t, kfake.SeedTopics(1, "x"))
		c := open(t, e.Brokers)
		w := fenced(t, c, "x")
		e.Cluster.Fault(produceFault(code, 1))
		if err := appended(t, w, texts("a", 0, 1)); !errors.Is(err, kafkaio.ErrFenced) || errors.Is(err, kafkaio.ErrAmbiguous) {
			t.Errorf("%s gives %v, want ErrFenced alone", code.Message, err)
		}
		if err := appended(t, w, texts("b", 0, 1)); !errors.Is(err, kafkaio.ErrFenced) {
			t.Errorf("after %s an append gives %v, want ErrFenced", code.Message, err)
		}
		if diff := cmp.Diff([]string{"fence"}, content(t, c, "x", 0)); diff != "" {
			t.Errorf("after %s the log differs (-want +got):\n%s", code.Message, diff)
		}
	}
}

func TestProducer_TakesANewIDWhenTheBrokerHasLostIt(t *testing.T) {
	e := kafkaiotest.StartEmbedded(t, kfake.SeedTopics(2, "x"))
	c := open(t, e.Brokers)
	p := producer(t, c, kafkaio.ProducerConfig{Topic: "x"})
	if err := p.Produce(within(t), texts("a", 0, 1)); err != nil {
		t.Fatalf("produce: %v", err)
	}
	e.Cluster.Fault(produceFault(kerr.UnknownProducerID, 1))
	err := p.Produce(within(t), texts("lost", 0, 1))
	if !errors.Is(err, kafkaio.ErrUnavailable) || errors.Is(err, kafkaio.ErrFenced) {
		t.Fatalf("a lost producer id gives %v, want ErrUnavailable: nothing was written", err)
	}
	if err := p.Produce(within(t), append(texts("b", 0, 1), texts("c", 1, 1)...)); err != nil {
		t.Fatalf("after the loss: %v", err)
	}
	recs, err := c.ReadRange(within(t), "x", 0, 0, 2)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	if recs[0].ProducerID == recs[1].ProducerID {
		t.Errorf("both records carry producer %d, want a new one after the loss", recs[0].ProducerID)
	}
}

func TestProducer_SaysWhichRecordsFailed(t *testing.T) {
	e := kafkaiotest.StartEmbedded(t, kfake.SeedTopics(3, "x"))
	p := producer(t, open(t, e.Brokers), kafkaio.ProducerConfig{Topic: "x"})
	e.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{1}, Err: kerr.MessageTooLarge, Count: 1})
	recs := []kafkaio.OutRecord{{Partition: 0}, {Partition: 1}, {Partition: 2}, {Partition: 1}, {Partition: 0}}
	err := p.Produce(within(t), recs)
	var partial *kafkaio.PartialError
	if !errors.As(err, &partial) || !errors.Is(err, kafkaio.ErrTooLarge) {
		t.Fatalf("got %v, want a PartialError of ErrTooLarge", err)
	}
	if diff := cmp.Diff([]int{1, 3}, partial.Failed); diff != "" {
		t.Errorf("failed records differ (-want +got):\n%s", diff)
	}
}

func TestProducer_OneCallIsOneRequest(t *testing.T) {
	e := kafkaiotest.StartEmbedded(t, kfake.SeedTopics(12, "x"))
	p := producer(t, open(t, e.Brokers), kafkaio.ProducerConfig{Topic: "x"})
	if err := p.Produce(within(t), texts("warm", 0, 1)); err != nil {
		t.Fatalf("produce: %v", err)
	}
	var requests []int // batches of each
	e.Cluster.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if req, ok := r.(*kmsg.ProduceRequest); ok {
			n := 0
			for _, topic := range req.Topics {
				n += len(topic.Partitions)
			}
			requests = append(requests, n)
		}
		return nil, nil, false
	})
	var recs []kafkaio.OutRecord
	for i := range 500 {
		recs = append(recs, kafkaio.OutRecord{Partition: int32(i % 12), Value: []byte("v")})
	}
	if err := p.Produce(within(t), recs); err != nil {
		t.Fatalf("produce: %v", err)
	}
	if diff := cmp.Diff([]int{12}, requests); diff != "" {
		t.Errorf("batches per request differ (-want +got):\n%s", diff)
	}
}

func TestLeaderMove_IsFollowedAtOnce(t *testing.T) {
	e := kafkaiotest.StartEmbedded(t, kfake.NumBrokers(3), kfake.SeedTopics(1, "x", "y"))
	c := open(t, e.Brokers)
	p, w := producer(t, c, kafkaio.ProducerConfig{Topic: "x"}), fenced(t, c, "y")
	f := c.NewFetcher(kafkaio.FetcherConfig{Topic: "x"})
	defer f.Close()
	f.Assign(0, 0)
	var want, got []string
	for round := range 12 {
		for _, topic := range []string{"x", "y"} {
			if err := e.Cluster.MoveTopicPartition(topic, 0, int32(round%3)); err != nil {
				t.Fatalf("move: %v", err)
			}
		}
		begin := time.Now()
		if err := p.Produce(within(t), texts(fmt.Sprintf("r%d-", round), 0, 1)); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if err := appended(t, w, texts("v", 0, 1)); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		want = append(want, fmt.Sprintf("r%d-0", round))
		for len(got) < len(want) {
			fetches, err := f.Poll(within(t))
			if err != nil {
				t.Fatalf("poll: %v", err)
			}
			for _, g := range fetches {
				if g.Err != nil {
					t.Fatalf("read: %v", g.Err)
				}
				for _, r := range g.Records {
					got = append(got, string(r.Value))
				}
			}
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("round %d took %v after the leader had moved", round, took)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read values differ (-want +got):\n%s", diff)
	}
}

func TestLeaderlessPartition_IsWaitedOut(t *testing.T) {
	e := kafkaiotest.StartEmbedded(t, kfake.NumBrokers(2), kfake.SeedTopics(1, "x"))
	c := open(t, e.Brokers)
	p := producer(t, c, kafkaio.ProducerConfig{Topic: "x"})
	if err := p.Produce(within(t), texts("a", 0, 1)); err != nil {
		t.Fatalf("produce: %v", err)
	}
	h := e.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: "x", Err: kerr.LeaderNotAvailable, Count: 4})
	e.Cluster.Fault(produceFault(kerr.NotLeaderForPartition, 1))
	begin := time.Now()
	err := p.Produce(within(t), texts("b", 0, 1))
	for errors.Is(err, kafkaio.ErrUnavailable) && time.Since(begin) < patience {
		err = p.Produce(within(t), texts("b", 0, 1))
	}
	if err != nil {
		t.Fatalf("produce without a leader for a while: %v", err)
	}
	if h.Hits() == 0 {
		t.Fatal("the leader was never missing: the test did not test")
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
	if diff := cmp.Diff([]string{"a0", "b0"}, content(t, c, "x", 0)); diff != "" {
		t.Errorf("the log differs (-want +got):\n%s", diff)
	}
}

func TestBrokerRestart_OnTheSamePort(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := net.SplitHostPort(l.Addr().String())
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	start := func() *kfake.Cluster {
		t.Helper()
		k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port), kfake.DataDir(dir), kfake.SeedTopics(1, "x"))
		if err != nil {
			t.Fatalf("start: %v", err)
		}
		return k
	}
	k := start()
	c := open(t, k.ListenAddrs())
	p := producer(t, c, kafkaio.ProducerConfig{Topic: "x", Timeout: 5 * time.Second})
	f := c.NewFetcher(kafkaio.FetcherConfig{Topic: "x"})
	defer f.Close()
	f.Assign(0, 0)
	read := func(n int) {
		t.Helper()
		for n > 0 {
			got, err := f.Poll(within(t))
			if err != nil {
				t.Fatalf("poll: %v", err)
			}
			for _, g := range got {
				if g.Err != nil {
					t.Fatalf("read: %v", g.Err)
				}
				n -= len(g.Records)
			}
		}
	}
	if err := p.Produce(within(t), texts("a", 0, 3)); err != nil {
		t.Fatalf("produce: %v", err)
	}
	read(3)
	k.Close()
	deadline := time.Now().Add(patience)
	for err = nil; !errors.Is(err, kafkaio.ErrUnavailable); {
		if time.Now().After(deadline) {
			t.Fatalf("the broker is gone, but produce gives %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		err = p.Produce(ctx, texts("lost", 0, 1))
		cancel()
	}
	k = start()
	defer k.Close()
	for err != nil {
		if time.Now().After(deadline.Add(patience)) {
			t.Fatalf("the broker is back, but produce gives %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		err = p.Produce(ctx, texts("b", 0, 2))
		cancel()
	}
	read(2)
}

func TestFetcher_CorruptBatchIsAnErrorAndKeepsThePosition(t *testing.T) {
	batch := []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x3a\xff\xff\xff\xff\x02\x00\x00\x00\x00" + // a false checksum
		"\x00\x00\x00\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x03\xe8\x00\x00\x00\x00\x00\x00\x03\xe8" +
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x01" + "\x10\x00\x00\x00\x01\x04hi\x00")
	batch[11] = byte(len(batch) - 12)
	e := kafkaiotest.StartEmbedded(t, kfake.SeedTopics(1, "x"), kfake.SyntheticFetch(kfake.SyntheticBatch{Batch: batch}))
	f := open(t, e.Brokers).NewFetcher(kafkaio.FetcherConfig{Topic: "x"})
	defer f.Close()
	f.Assign(0, 0)
	got, err := f.Poll(within(t))
	if err != nil {
		t.Fatalf("poll: %v", err)
	}
	if len(got) != 1 || !errors.Is(got[0].Err, kafkaio.ErrCorrupt) || got[0].Next != 0 || len(got[0].Records) != 0 {
		t.Fatalf("got %+v, want ErrCorrupt at offset 0", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if got, err := f.Poll(ctx); err == nil {
		t.Errorf("the partition goes on by itself: %+v", got)
	}
}

func TestFetcher_HoldsOneAnswerForASlowCaller(t *testing.T) {
	e := kafkaiotest.StartEmbedded(t, kfake.SeedTopics(1, "x"), kfake.SyntheticFetch(kfake.SyntheticBatch{}))
	c := open(t, e.Brokers)
	h := e.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Count: -1, Observe: true})
	f := c.NewFetcher(kafkaio.FetcherConfig{Topic: "x"})
	defer f.Close()
	f.Assign(0, 0)
	if _, err := f.Poll(within(t)); err != nil {
		t.Fatalf("poll: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := h.Wait(ctx, 2); err != nil {
		t.Fatalf("nothing is fetched ahead: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := h.Wait(ctx, 3); err == nil {
		t.Errorf("%d answers were fetched while the caller has taken one", h.Hits())
	}
}
