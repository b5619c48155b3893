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
	"time"

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
	disk    *disk
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
	d := &disk{dir: cfg.Dir}
	opts := []kfake.Opt{
		kfake.NumBrokers(1), kfake.ClusterID("cohortflow"), kfake.DataDir(cfg.Dir), kfake.WithLogger(logger{log, d}),
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
	d.refuse(cluster)
	debug.FreeOSMemory() // opening read whole segments; give the memory back
	return &Kafka{Addr: cluster.ListenAddrs()[0], cluster: cluster, disk: d}, nil
}

// Ready is nil while everything that was taken has been written.
func (k *Kafka) Ready(context.Context) error { return k.disk.err() }

// Watch returns when ctx ends. After a write that failed, as on a full disk, the broker takes nothing until it is
// started anew: Watch returns an error as soon as there is room for that.
func (k *Kafka) Watch(ctx context.Context) error { return k.disk.watch(ctx, time.Second) }

// Close ends the broker and writes what it holds.
func (k *Kafka) Close() { k.cluster.Close() }

// logger carries the broker's words to ours.
type logger struct {
	log  *slog.Logger
	disk *disk
}

func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	if level <= kfake.LogLevelWarn {
		text := fmt.Sprintf(format, args...)
		if l.disk.heard(text) {
			l.log.Error("embedded broker takes nothing more", "detail", text)
			return
		}
		l.log.Warn("embedded broker", "detail", text)
	}
}
