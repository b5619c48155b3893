package kafkaiotest

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

func (s *suite) join(t *testing.T, c *kafkaio.Client, group, topic string) *kafkaio.Membership {
	t.Helper()
	m, err := c.JoinGroup(within(t), kafkaio.GroupConfig{
		GroupID: group, Topic: topic, HeartbeatInterval: 100 * time.Millisecond, RebalanceTimeout: 3 * time.Second,
	})
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	t.Cleanup(m.Close)
	return m
}

// assigned waits for the generation in which the member has exactly want.
func assigned(t *testing.T, m *kafkaio.Membership, want ...int32) *kafkaio.Generation {
	t.Helper()
	for {
		g, err := m.Next(within(t))
		if err != nil {
			t.Fatalf("wait for partitions %v: %v", want, err)
		}
		if slices.Equal(g.Partitions, want) {
			return g
		}
	}
}

// shared waits until the members have all n partitions between them, half each.
func shared(t *testing.T, a, b *kafkaio.Membership) (ga, gb *kafkaio.Generation) {
	t.Helper()
	advance := func(g **kafkaio.Generation, m *kafkaio.Membership) {
		t.Helper()
		next, err := m.Next(within(t))
		if err != nil {
			t.Fatalf("wait for a share: %v", err)
		}
		*g = next
	}
	advance(&ga, a)
	advance(&gb, b)
	for {
		both := slices.Concat(ga.Partitions, gb.Partitions)
		slices.Sort(both)
		switch {
		case ga.ID < gb.ID:
			advance(&ga, a)
		case gb.ID < ga.ID:
			advance(&gb, b)
		case len(ga.Partitions) == 3 && slices.Equal(both, []int32{0, 1, 2, 3, 4, 5}):
			return ga, gb
		default:
			t.Fatalf("generation %d gives %v and %v", ga.ID, ga.Partitions, gb.Partitions)
		}
	}
}

func ended(t *testing.T, g *kafkaio.Generation) {
	t.Helper()
	select {
	case <-g.Done():
	case <-time.After(patience):
		t.Fatalf("generation %d does not end", g.ID)
	}
}

func testMembership(t *testing.T, s *suite) {
	c := s.open(t)
	topic, group := topicOf(t, c, 6), unique("group")
	a := s.join(t, c, group, topic)
	alone := assigned(t, a, 0, 1, 2, 3, 4, 5)
	if err := alone.Commit(within(t), map[int32]int64{0: 11, 5: 12}); err != nil {
		t.Fatalf("commit: %v", err)
	}
	begin := time.Now()
	b := s.join(t, s.open(t), group, topic)
	ga, gb := shared(t, a, b)
	ended(t, alone)
	// Contiguous runs in order of the member ids.
	if lower := slices.Min([]string{ga.MemberID, gb.MemberID}); (lower == ga.MemberID) != (ga.Partitions[0] == 0) {
		t.Errorf("members %s %v and %s %v are not in order", ga.MemberID, ga.Partitions, gb.MemberID, gb.Partitions)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the second member had its share after %v", took)
	}
	begin = time.Now()
	b.Close()
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("leaving took %v", took)
	}
	ended(t, gb)
	again := assigned(t, a, 0, 1, 2, 3, 4, 5)
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the first member took over after %v", took)
	}
	if err := again.Commit(within(t), map[int32]int64{3: 13}); err != nil {
		t.Fatalf("commit: %v", err)
	}
	got, err := c.CommittedOffsets(within(t), group, topic, []int32{0, 1, 3, 5})
	if err != nil {
		t.Fatalf("committed offsets: %v", err)
	}
	if diff := cmp.Diff(map[int32]int64{0: 11, 3: 13, 5: 12}, got); diff != "" {
		t.Errorf("committed offsets differ (-want +got):\n%s", diff)
	}
	if _, err := b.Next(within(t)); !errors.Is(err, kafkaio.ErrClosed) {
		t.Errorf("next after close gives %v, want ErrClosed", err)
	}
}

func testVanishedMember(t *testing.T, s *suite) {
	c := s.open(t)
	topic, group := topicOf(t, c, 6), unique("group")
	a := s.join(t, c, group, topic)
	line := NewLine()
	b := s.join(t, s.open(t, over(line)), group, topic)
	_, gb := shared(t, a, b)
	line.Cut()
	ended(t, gb)
	begin := time.Now()
	assigned(t, a, 0, 1, 2, 3, 4, 5)
	if took := time.Since(begin); took > 12*time.Second {
		t.Errorf("a vanished member was replaced after %v, with a session of 6 s", took)
	}
	begin = time.Now()
	b.Close()
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("close without a cluster took %v", took)
	}
}

func testStaleCommit(t *testing.T, s *suite) {
	c := s.open(t)
	topic, group := topicOf(t, c, 6), unique("group")
	a := s.join(t, c, group, topic)
	old := assigned(t, a, 0, 1, 2, 3, 4, 5)
	if err := old.Commit(within(t), map[int32]int64{1: 50}); err != nil {
		t.Fatalf("commit: %v", err)
	}
	b := s.join(t, s.open(t), group, topic)
	ga, _ := shared(t, a, b)
	if err := old.Commit(within(t), map[int32]int64{1: 1}); !errors.Is(err, kafkaio.ErrStaleGeneration) {
		t.Errorf("a commit of the old generation gives %v, want ErrStaleGeneration", err)
	}
	foreign := (ga.Partitions[0] + 3) % 6
	if err := ga.Commit(within(t), map[int32]int64{foreign: 1}); !errors.Is(err, kafkaio.ErrStaleGeneration) {
		t.Errorf("a commit of somebody else's partition gives %v, want ErrStaleGeneration", err)
	}
	got, err := c.CommittedOffsets(within(t), group, topic, []int32{1})
	if err != nil || got[1] != 50 {
		t.Errorf("the group holds %v, error %v, want 50", got, err)
	}
}

func testEnsureTopics(t *testing.T, s *suite) {
	c := s.open(t)
	spec := kafkaio.TopicSpec{Name: unique("ensure"), Partitions: 3, Replication: 1, MinISR: 1, Config: map[string]string{
		"cleanup.policy": "compact", "retention.ms": "3600000", "message.timestamp.type": "CreateTime",
	}}
	err := c.EnsureTopics(within(t), []kafkaio.TopicSpec{spec}, false)
	if err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Fatalf("a missing topic gives %v", err)
	}
	for range 2 { // made, then found
		if err := c.EnsureTopics(within(t), []kafkaio.TopicSpec{spec}, true); err != nil {
			t.Fatalf("ensure: %v", err)
		}
	}
	wrong := spec
	wrong.Partitions = 5
	wrong.Config = map[string]string{"cleanup.policy": "delete", "retention.ms": "1000", "message.timestamp.type": "LogAppendTime"}
	err = c.EnsureTopics(within(t), []kafkaio.TopicSpec{wrong}, true)
	if err == nil {
		t.Fatal("a topic that differs in four ways was accepted")
	}
	for _, part := range []string{
		"has 3 partitions, want 5", "cleanup.policy=compact, want delete", "retention.ms=3600000, want 1000",
		"message.timestamp.type=CreateTime, want LogAppendTime", "kafka-configs --alter",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q:\n%v", part, err)
		}
	}
}

func testBrokerConfig(t *testing.T, s *suite) {
	if got, err := s.open(t).BrokerConfig(within(t), "log.retention.ms"); err != nil && !strings.Contains(err.Error(), "does not know it") {
		t.Errorf("got %q, error %v", got, err)
	}
	if _, err := s.open(t).BrokerConfig(within(t), "no.such.setting"); err == nil {
		t.Error("an unknown setting has a value")
	}
}

// keptByKafka4 is, by API, the range of versions that every Apache Kafka from
// 4.0 to 4.4 speaks, as far as this client can go.
var keptByKafka4 = map[string][2]int16{ //nolint:gochecknoglobals // a constant table
	"ApiVersions": {0, 4}, "Produce": {3, 11}, "Fetch": {4, 12}, "ListOffsets": {1, 10}, "Metadata": {0, 13},
	"OffsetCommit": {2, 9}, "OffsetFetch": {1, 9}, "FindCoordinator": {0, 6}, "JoinGroup": {2, 9},
	"SyncGroup": {0, 5}, "Heartbeat": {0, 4}, "LeaveGroup": {0, 5}, "CreateTopics": {2, 7},
	"DescribeConfigs": {1, 4}, "InitProducerId": {0, 5}, "SaslHandshake": {0, 1}, "SaslAuthenticate": {0, 2},
}

func testVersions(t *testing.T, s *suite) {
	c := s.open(t)
	topic := topicOf(t, c, 1)
	p := producerOf(t, c, kafkaio.ProducerConfig{Topic: topic})
	if err := p.Produce(within(t), numbered("v", 0, 1)); err != nil {
		t.Fatalf("produce: %v", err)
	}
	readUntil(t, c, topic, 0, 0, 1)
	s.epoch(t, c, unique("txid"))
	if _, _, err := c.Offsets(within(t), topic, 0); err != nil {
		t.Fatalf("offsets: %v", err)
	}
	if err := c.EnsureTopics(within(t), []kafkaio.TopicSpec{{Name: topic, Partitions: 1, MinISR: 1}}, false); err != nil {
		t.Fatalf("ensure: %v", err)
	}
	group := unique("group")
	m := s.join(t, c, group, topic)
	g := assigned(t, m, 0)
	if err := g.Commit(within(t), map[int32]int64{0: 1}); err != nil {
		t.Fatalf("commit: %v", err)
	}
	if _, err := c.CommittedOffsets(within(t), group, topic, []int32{0}); err != nil {
		t.Fatalf("committed offsets: %v", err)
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); pause(t) {
		if _, beat := c.Versions()["Heartbeat"]; beat {
			break
		}
	}
	m.Close()
	used := c.Versions()
	t.Logf("versions on the wire: %v", used)
	for api, version := range used {
		kept, known := keptByKafka4[api]
		if !known {
			t.Errorf("%s v%d is used and not in the table", api, version)
		} else if version < kept[0] || version > kept[1] {
			t.Errorf("%s v%d is used, Kafka 4.0 to 4.4 keep v%d to v%d", api, version, kept[0], kept[1])
		}
	}
	for _, api := range []string{
		"ApiVersions", "Produce", "Fetch", "ListOffsets", "Metadata", "OffsetCommit", "OffsetFetch", "FindCoordinator",
		"JoinGroup", "SyncGroup", "Heartbeat", "LeaveGroup", "CreateTopics", "DescribeConfigs", "InitProducerId",
	} {
		if _, ok := used[api]; !ok {
			t.Errorf("%s was not seen on the wire: the recording is broken", api)
		}
	}
}
