package launch_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/cohortflow/cohortflow/test/launch"
)

func TestKafkaCluster_AnotherLeads(t *testing.T) {
	begun := time.Now()
	brokers, c := launch.KafkaCluster(t, 3, launch.KafkaOptions{})
	t.Logf("three brokers answer after %s", time.Since(begun).Round(time.Millisecond))
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic("t"), kgo.ConsumeTopics("t"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	create := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "t", 1, 3
	create.Topics = append(create.Topics, topic)
	created, err := create.RequestWith(t.Context(), client)
	if err != nil || created.Topics[0].ErrorCode != 0 {
		t.Fatalf("create a topic: %v, %+v", err, created)
	}
	write := func(value string) {
		t.Helper()
		if err := client.ProduceSync(t.Context(), &kgo.Record{Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	write("before")
	ask := kmsg.NewPtrMetadataRequest()
	named := kmsg.NewMetadataRequestTopic()
	name := "t"
	named.Topic = &name
	ask.Topics = append(ask.Topics, named)
	told, err := ask.RequestWith(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	leader := c.Broker(told.Topics[0].Partitions[0].Leader)
	if err := leader.Kill9(); err != nil {
		t.Fatal(err)
	}
	begun = time.Now()
	write("after")
	t.Logf("another broker leads after %s", time.Since(begun).Round(time.Millisecond))
	begun = time.Now()
	if err := c.Restart(leader); err != nil {
		t.Fatal(err)
	}
	t.Logf("the one that was killed answers after %s", time.Since(begun).Round(time.Millisecond))
	var got []string
	for len(got) < 2 {
		fetches := client.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	if got[0] != "before" || got[1] != "after" {
		t.Errorf("got %q, want what was written before and after the leader's death", got)
	}
}
