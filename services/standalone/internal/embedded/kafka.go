// Package embedded starts the parts that a standalone flow brings along: a Kafka
// broker with a data directory (kfake) and a Redis in memory (miniredis). It is their
// only importer besides tests.
package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"strconv"

	"github.com/twmb/franz-go/pkg/kfake"
)

// SegmentBytes bounds a segment of the broker's log: opening a data directory reads
// whole segments into memory, all partitions at once.
const SegmentBytes = 16 << 20

// KafkaConfig says where the broker listens and keeps its log.
type KafkaConfig struct {
	Listen string // host:port, port 0 = any free one
	Dir    string
	Sync   bool // fsync each batch: safe against power loss, not only against the death of the process
}

// Kafka is a running broker.
type Kafka struct {
	Addr    string
	cluster *kfake.Cluster
}

// StartKafka starts a broker on the log in cfg.Dir. What it has acknowledged before a
// kill -9 is there again.
func StartKafka(cfg KafkaConfig, log *slog.Logger) (*Kafka, error) {
	host, portText, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("kafka-listen %q is not host:port: %w", cfg.Listen, err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("kafka-listen %q: the port is no number: %w", cfg.Listen, err)
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(1), kfake.ClusterID("cohortflow"), kfake.DataDir(cfg.Dir), kfake.WithLogger(logger{log}),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			var l net.ListenConfig
			return l.Listen(context.Background(), network, net.JoinHostPort(host, portText))
		}),
		kfake.BrokerConfigs(map[string]string{
			// Retention and compaction are looked at as often as this; an hour is its default.
			"log.cleaner.backoff.ms": "60000",
			"message.max.bytes":      "8388608",
		}),
	}
	if port != 0 {
		opts = append(opts, kfake.Ports(port))
	}
	if cfg.Sync {
		opts = append(opts, kfake.SyncWrites())
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, fmt.Errorf("start the embedded broker on %s (--kafka-listen) with the log in %s: %w", cfg.Listen, cfg.Dir, err)
	}
	debug.FreeOSMemory() // opening read whole segments; give the memory back
	return &Kafka{Addr: cluster.ListenAddrs()[0], cluster: cluster}, nil
}

// Close ends the broker and writes what it holds.
func (k *Kafka) Close() { k.cluster.Close() }

// logger carries the broker's words to ours.
type logger struct{ log *slog.Logger }

func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	if level <= kfake.LogLevelWarn {
		l.log.Warn("embedded broker", "detail", fmt.Sprintf(format, args...))
	}
}
