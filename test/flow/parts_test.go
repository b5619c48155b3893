package flow

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/cohortflow/cohortflow/deploy/catalogues"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/pkg/topics"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/launch"
)

// parts is a broker and a Redis, embedded or real.
type parts struct {
	brokers []string
	redis   string
	broker  *launch.Broker // nil when embedded
	server  *launch.Server // nil when embedded
	mini    *miniredis.Miniredis
	ids     string // prefix of the transactional ids; empty = the usual one
}

// each runs a test over embedded parts and over Apache Kafka and Redis.
func each(t *testing.T, run func(t *testing.T, p *parts)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { run(t, embeddedParts(t)) })
	t.Run("real", func(t *testing.T) { run(t, realParts(t)) })
}

func embeddedParts(t *testing.T) *parts {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	mini := miniredis.RunT(t)
	return &parts{brokers: cluster.ListenAddrs(), redis: "redis://" + mini.Addr(), mini: mini}
}

func realParts(t *testing.T) *parts {
	t.Helper()
	brokers, broker := launch.Kafka(t, launch.KafkaOptions{})
	addr, server := launch.Redis(t)
	return &parts{brokers: brokers, redis: "redis://" + addr, broker: broker, server: server}
}

// flush removes all state.
func (p *parts) flush(t *testing.T) {
	t.Helper()
	if p.mini != nil {
		p.mini.FlushAll()
		return
	}
	if err := p.server.FlushAll(); err != nil {
		t.Fatal(err)
	}
}

const partitions = 6

func testLog(t *testing.T) *slog.Logger {
	t.Helper()
	level := slog.LevelError
	if os.Getenv("COHORTFLOW_TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level}))
}

func (p *parts) client(t *testing.T) *kafkaio.Client {
	t.Helper()
	c, err := kafkaio.Open(kafkaio.Config{Brokers: p.brokers}, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (p *parts) store(t *testing.T) *redisstate.Store {
	t.Helper()
	s, err := redisstate.Open(redisstate.Config{URL: p.redis, Embedded: p.mini != nil}, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// create makes the topics.
func (p *parts) create(t *testing.T, c *kafkaio.Client) {
	t.Helper()
	specs := topics.Specs(topics.Config{
		Partitions: partitions, LogRetention: -1, Retention: time.Hour, Platforms: []string{"meta", "google", "tiktok"},
	})
	if err := c.EnsureTopics(t.Context(), specs, true); err != nil {
		t.Fatal(err)
	}
}

type embeddedIDs struct{}

func (embeddedIDs) ID(subject string) uint32 {
	v, _ := schemas.Newest(subject)
	return v.ID
}

func testKeys(t *testing.T) *seal.Keys {
	t.Helper()
	k, err := seal.NewKeys([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func defaultCatalogue(t *testing.T) *catalogue.Catalogue {
	t.Helper()
	c, err := catalogue.Load(catalogues.DefaultName, catalogues.Default())
	if err != nil {
		t.Fatal(err)
	}
	return c
}
