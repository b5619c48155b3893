package receipts

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/kafkaio/kafkaiotest"
	"github.com/cohortflow/cohortflow/schemas"
)

const partitions = 2

func TestFollower_BeginsAtTheNewestAndFollowsTheEnd(t *testing.T) {
	broker := kafkaiotest.StartEmbedded(t, kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}))
	kafka, err := kafkaio.Open(kafkaio.Config{Brokers: broker.Brokers}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kafka.Close() })
	if err := kafka.EnsureTopics(t.Context(), []kafkaio.TopicSpec{{Name: schemas.ReceiptsTopic, Partitions: partitions}}, true); err != nil {
		t.Fatal(err)
	}
	producer := kafka.NewProducer(kafkaio.ProducerConfig{Topic: schemas.ReceiptsTopic})
	t.Cleanup(func() { _ = producer.Close(context.WithoutCancel(t.Context())) })
	v, _ := schemas.Newest(schemas.ReceiptsSubject)
	at := int64(0)
	write := func(p int32, person string, n int) {
		t.Helper()
		var records []kafkaio.OutRecord
		for range n {
			at++
			records = append(records, kafkaio.OutRecord{Partition: p, Value: avrocodec.AppendReceipt(nil, v.ID, receipt(person, at))})
		}
		records = append(records, kafkaio.OutRecord{Partition: p, Value: []byte("no receipt")})
		if err := producer.Produce(t.Context(), records); err != nil {
			t.Fatal(err)
		}
	}
	write(0, "ada", 9) // 10 records with the broken one; the newest 4 hold receipts 7 to 9

	decoder, err := avrocodec.NewResolver(avrocodec.NewEmbedded())
	if err != nil {
		t.Fatal(err)
	}
	f := &Follower{
		Kafka: kafka, Decoder: decoder, Index: NewIndex(100, 1000), Partitions: partitions, Recent: 4, Log: slog.New(slog.DiscardHandler),
	}
	if k := f.Known(0); k.CaughtUp || k.Whole {
		t.Errorf("before it runs it claims %+v", k)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	eventually := func(what string, holds func() bool) {
		t.Helper()
		deadline := time.After(20 * time.Second)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for !holds() {
			select {
			case <-deadline:
				t.Fatalf("%s: not in time", what)
			case <-tick.C:
			}
		}
	}
	of := func(person string) string {
		list, _ := f.Of(person)
		return fmt.Sprint(times(list))
	}
	eventually("the newest", func() bool { return of("ada") == "[7 8 9]" && f.Known(0).CaughtUp && f.Known(1).CaughtUp })
	if k := f.Known(0); k.Whole || k.Since != 7 {
		t.Errorf("of partition 0 it claims %+v, want all since 7", k)
	}
	write(1, "bob", 2)
	eventually("what comes", func() bool { return of("bob") == "[10 11]" })
	if k := f.Known(1); !k.Whole {
		t.Errorf("of partition 1 it claims %+v, want all that there ever were", k)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
