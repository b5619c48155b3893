package launch_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/cohortflow/cohortflow/test/launch"
)

func TestRedis_DataOutlivesKill9(t *testing.T) {
	addr, s := launch.Redis(t, "--appendfsync", "always")
	if _, err := s.Do("SET", "a", "1"); err != nil {
		t.Fatal(err)
	}
	pid := s.PID()
	if err := s.Kill9(); err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Fatal("somebody still listens after kill -9")
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if s.PID() == pid || s.Addr != addr {
		t.Errorf("got process %d at %s after %d at %s, want another one at the same address", s.PID(), s.Addr, pid, addr)
	}
	if got, err := s.Do("GET", "a"); err != nil || got != "1" {
		t.Errorf("got %q, error %v after the restart, want 1", got, err)
	}
	if err := s.FlushAll(); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Do("DBSIZE"); err != nil || got != "0" {
		t.Errorf("got %q keys, error %v after FlushAll, want 0", got, err)
	}
}

func TestRedis_EndsWithTheTest(t *testing.T) {
	var pid int
	t.Run("inner", func(t *testing.T) {
		_, s := launch.Redis(t)
		if err := s.Pause(); err != nil {
			t.Fatal(err)
		}
		pid = s.PID()
	})
	if pid != 0 && syscall.Kill(pid, 0) == nil {
		t.Errorf("process %d is alive after its test", pid)
	}
}

func TestRedis_SaysWhyItDoesNotStart(t *testing.T) {
	launch.Need(t, launch.PartRedis)
	_, err := launch.StartRedis(t.TempDir(), "--no-such-setting", "1")
	if err == nil || !strings.Contains(err.Error(), "no-such-setting") {
		t.Errorf("got error %v, want one that shows the log", err)
	}
}

func TestRedisCluster_ServesAllSlots(t *testing.T) {
	addrs, servers := launch.RedisCluster(t, 3)
	for i, s := range servers {
		info, err := s.Do("CLUSTER", "INFO")
		if err != nil || !strings.Contains(info, "cluster_slots_ok:16384") {
			t.Errorf("node %s: got %q, error %v, want all slots served", addrs[i], info, err)
		}
	}
}

func TestKafka_DataOutlivesKill9(t *testing.T) {
	brokers, b := launch.Kafka(t, launch.KafkaOptions{Properties: map[string]string{"log.retention.hours": "7"}})
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic("t"), kgo.ConsumeTopics("t"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	create := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "t", 1, 1
	create.Topics = append(create.Topics, topic)
	created, err := create.RequestWith(t.Context(), client)
	if err != nil || created.Topics[0].ErrorCode != 0 {
		t.Fatalf("create a topic: %v, %+v", err, created)
	}
	if err := client.ProduceSync(t.Context(), &kgo.Record{Value: []byte("before")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := b.Kill9(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := b.Restart(); err != nil {
		t.Fatal(err)
	}
	t.Logf("kafka answers %s after its restart", time.Since(began).Round(time.Millisecond))
	fetches := client.PollRecords(t.Context(), 1)
	if err := fetches.Err(); err != nil || fetches.NumRecords() != 1 || string(fetches.Records()[0].Value) != "before" {
		t.Errorf("got %d records, error %v after the restart, want the one of before", fetches.NumRecords(), err)
	}
	properties, err := os.ReadFile(filepath.Join(b.Dir, "server.properties"))
	if err != nil || !strings.Contains(string(properties), "log.retention.hours=7\n") {
		t.Errorf("the given property is not in the configuration (%v):\n%s", err, properties)
	}
}

func TestNeed_MissingPartFailsOnlyInCI(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for ci, want := range map[string]string{"true": "fail", "": "skip"} {
		t.Setenv("CI", ci)
		var inner recorder
		launch.Need(&inner, launch.PartRedis)
		if inner.outcome != want || !strings.Contains(inner.message, "tools/setup-real.sh redis") {
			t.Errorf("with CI=%q got %q with %q, want %q and the command that gets it", ci, inner.outcome, inner.message, want)
		}
	}
}
