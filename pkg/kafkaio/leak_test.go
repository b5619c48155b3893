package kafkaio_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/kafkaio/kafkaiotest"
)

func TestClose_LeavesNothingRunning(t *testing.T) {
	e := kafkaiotest.StartEmbedded(t, kfake.SeedTopics(3, "x"))
	before := goleak.IgnoreCurrent()
	c := open(t, e.Brokers)
	p := producer(t, c, kafkaio.ProducerConfig{Topic: "x"})
	if err := p.Produce(within(t), texts("a", 0, 3)); err != nil {
		t.Fatalf("produce: %v", err)
	}
	w := fenced(t, c, "x")
	f := c.NewFetcher(kafkaio.FetcherConfig{Topic: "x", MaxWait: 50 * time.Millisecond})
	for n := range int32(3) {
		f.Assign(n, 0)
	}
	if _, err := f.Poll(within(t)); err != nil {
		t.Fatalf("poll: %v", err)
	}
	m, err := c.JoinGroup(within(t), kafkaio.GroupConfig{GroupID: "g", Topic: "x"})
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	if _, err := m.Next(within(t)); err != nil {
		t.Fatalf("next: %v", err)
	}
	m.Close()
	f.Close()
	w.Close()
	if err := p.Close(within(t)); err != nil {
		t.Errorf("close producer: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("close client: %v", err)
	}
	// The broker's side of the closed connections is the embedded broker's matter.
	goleak.VerifyNone(t, before,
		goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*clientConn).read"),
		goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*clientConn).write"))
}
