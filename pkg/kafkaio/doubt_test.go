package kafkaio_test

import (
	"context"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/kafkaio/kafkaiotest"
)

// reads polls until a record or an error comes.
func reads(t *testing.T, ctx context.Context, f *kafkaio.Fetcher) kafkaio.Fetch { //nolint:revive // t first, as everywhere
	t.Helper()
	for {
		fetches, err := f.Poll(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range fetches {
			if got.Err != nil || len(got.Records) > 0 {
				return got
			}
		}
	}
}

// The log of another leader may end before what was read, and have grown past it since: offsets alone look right.
func TestFetcher_StopsWhenAnotherLeaderLacksWhatWasRead(t *testing.T) {
	for _, end := range []int64{1, 3} { // of the epoch in which three records were read
		e := kafkaiotest.StartEmbedded(t, kfake.SeedTopics(1, "x"))
		c := open(t, e.Brokers)
		p := producer(t, c, kafkaio.ProducerConfig{Topic: "x"})
		if err := p.Produce(within(t), texts("a", 0, 3)); err != nil {
			t.Fatal(err)
		}
		f := c.NewFetcher(kafkaio.FetcherConfig{Topic: "x"})
		t.Cleanup(f.Close)
		f.Assign(0, 0)
		ctx := within(t)
		if got := reads(t, ctx, f); got.Next != 3 {
			t.Fatalf("read up to %d, want 3", got.Next)
		}
		asked := make(chan int32, 16)
		e.Cluster.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(r kmsg.Request) (kmsg.Response, error, bool) {
			e.Cluster.KeepControl()
			request := r.(*kmsg.OffsetForLeaderEpochRequest)
			asked <- request.Topics[0].Partitions[0].LeaderEpoch
			answer := request.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
			topic := kmsg.NewOffsetForLeaderEpochResponseTopic()
			topic.Topic = "x"
			partition := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			partition.EndOffset = end
			topic.Partitions = append(topic.Partitions, partition)
			answer.Topics = append(answer.Topics, topic)
			return answer, nil, true
		})
		e.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: 1})
		if epoch := <-asked; epoch < 0 {
			t.Errorf("asked about epoch %d, want that of the records", epoch)
		}
		if err := p.Produce(within(t), texts("b", 0, 1)); err != nil {
			t.Fatal(err)
		}
		got := reads(t, ctx, f)
		var gone kafkaio.ErrOffsetOutOfRange
		switch {
		case end == 3 && (got.Err != nil || string(got.Records[0].Value) != "b0"):
			t.Errorf("the leader holds what was read, and reading on gave %+v", got)
		case end == 1 && (!errors.As(got.Err, &gone) || !gone.Replaced || gone.End != 1):
			t.Errorf("the leader lacks what was read, and reading on gave %+v", got)
		}
	}
}
