package tail_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/test/replay/tail"
)

const topic = "t.v1"

// broker starts an embedded broker with a topic of three partitions.
func broker(t *testing.T) *kafkaio.Client {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kafkaio.Open(kafkaio.Config{Brokers: cluster.ListenAddrs()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func write(t *testing.T, c *kafkaio.Client, values ...string) {
	t.Helper()
	p := c.NewProducer(kafkaio.ProducerConfig{Topic: topic})
	var recs []kafkaio.OutRecord
	for i, v := range values {
		recs = append(recs, kafkaio.OutRecord{Partition: int32(i % 3), Timestamp: 1, Key: []byte("k"), Value: []byte(v)})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := p.Produce(ctx, recs); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

var errEnough = errors.New("enough")

// follow reads until n records came and returns the values by partition.
func follow(t *testing.T, f *tail.Tail, n int) map[int32][]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got := map[int32][]string{}
	err := f.Run(ctx, func(r *kafkaio.Record) error {
		got[r.Partition] = append(got[r.Partition], string(r.Value))
		if n--; n == 0 {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatalf("got %v before all records came", err)
	}
	return got
}

func TestTail_ReadsFromWhereItWasOpened(t *testing.T) {
	c := broker(t)
	write(t, c, "a", "b", "c", "d")
	oldest, err := tail.Open(t.Context(), c, topic, 3, tail.Oldest)
	if err != nil {
		t.Fatal(err)
	}
	newest, err := tail.Open(t.Context(), c, topic, 3, tail.Newest)
	if err != nil {
		t.Fatal(err)
	}
	write(t, c, "e", "f")
	if diff := cmp.Diff(map[int32][]string{0: {"a", "d", "e"}, 1: {"b", "f"}, 2: {"c"}}, follow(t, oldest, 6)); diff != "" {
		t.Errorf("from the oldest (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[int32][]string{0: {"e"}, 1: {"f"}}, follow(t, newest, 2)); diff != "" {
		t.Errorf("from the newest (-want +got):\n%s", diff)
	}
	records, err := tail.Read(t.Context(), c, topic, 3)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range records {
		got = append(got, fmt.Sprintf("%d/%d %s", r.Partition, r.Offset, r.Value))
	}
	if diff := cmp.Diff([]string{"0/0 a", "0/1 d", "0/2 e", "1/0 b", "1/1 f", "2/0 c"}, got); diff != "" {
		t.Errorf("read to the end (-want +got):\n%s", diff)
	}
}

func TestTail_EndsWithItsContext(t *testing.T) {
	f, err := tail.Open(t.Context(), broker(t), topic, 3, tail.Oldest)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Run(ctx, func(*kafkaio.Record) error { return errEnough }); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}
