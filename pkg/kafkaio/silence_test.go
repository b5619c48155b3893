package kafkaio_test

import (
	"net"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/kafkaio/kafkaiotest"
)

// frozen is the address of a broker that takes connections and says nothing, as one that was stopped does.
func frozen(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes connections, nobody accepts them
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func TestClient_AsksAnotherBrokerWhenOneIsFrozen(t *testing.T) {
	e := kafkaiotest.StartEmbedded(t, kfake.SeedTopics(1, "x"))
	brokers := append([]string{frozen(t)}, e.Brokers...)
	for range 4 { // which one is asked first is left to chance
		c := open(t, brokers)
		if err := c.EnsureTopics(within(t), []kafkaio.TopicSpec{{Name: "x", Partitions: 1}}, false); err != nil {
			t.Error(err)
		}
	}
}

// The group is looked for at the first address, always.
func TestJoinGroup_AsksAnotherBrokerWhenOneIsFrozen(t *testing.T) {
	e := kafkaiotest.StartEmbedded(t, kfake.SeedTopics(1, "x"))
	c := open(t, append([]string{frozen(t)}, e.Brokers...))
	m, err := c.JoinGroup(within(t), kafkaio.GroupConfig{GroupID: "g", Topic: "x"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	g, err := m.Next(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Partitions) != 1 {
		t.Errorf("got partitions %v, want the only one", g.Partitions)
	}
}
