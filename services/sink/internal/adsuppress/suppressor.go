package adsuppress

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/crashpoint"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/sink/internal/feed"
	"github.com/cohortflow/cohortflow/services/sink/internal/instruments"
	"github.com/cohortflow/cohortflow/services/sink/internal/receipts"
)

// Config says how one platform's topic is written. Zero values take the defaults.
type Config struct {
	Platform string
	Tenant   string // stands in keys and records; default "default"
	Region   string // two-letter country for phone numbers without a country code; "" = refuse them
	Owner    string // name of this process in watermarks
	// Idle is the time between two watermarks when nothing happens: well inside the
	// broker's producer.id.expiration.ms. Default 15 min.
	Idle time.Duration
	// Busy is the time between two watermarks while the input moves; default 5 s. It
	// bounds what the next tenure reads again.
	Busy        time.Duration
	MaxBuffered int           // record bytes on their way; default 8 MiB
	Grace       time.Duration // to finish when the partition is taken away; default 2 s
	AcceptGaps  bool          // go on at the log's start when the position is gone from it
}

func (c Config) withDefaults() Config {
	if c.Tenant == "" {
		c.Tenant = "default"
	}
	if c.MaxBuffered <= 0 {
		c.MaxBuffered = 8 << 20
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&c.Idle, 15 * time.Minute}, {&c.Busy, 5 * time.Second}, {&c.Grace, 2 * time.Second}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	return c
}

// Writer writes one partition behind a fence; *kafkaio.FencedWriter is one.
type Writer interface {
	Fence(ctx context.Context, rec kafkaio.OutRecord, last *kafkaio.Epoch) (offset int64, err error)
	Append(recs []kafkaio.OutRecord, done func(lastOffset int64, err error))
	Buffered() int
	Close()
}

// Cluster is what a tenure needs of Kafka; see Kafka.
type Cluster interface {
	Reader
	TakeEpoch(ctx context.Context, transactionalID string) (kafkaio.Epoch, error)
	NewFencedWriter(cfg kafkaio.FencedConfig) Writer
}

// Kafka makes a Cluster of a client.
func Kafka(c *kafkaio.Client) Cluster { return kafka{c} }

type kafka struct{ *kafkaio.Client }

func (k kafka) NewFencedWriter(cfg kafkaio.FencedConfig) Writer { return k.Client.NewFencedWriter(cfg) }

// Journal keeps what became of a transition; *receipts.Journal is one. It is off the
// way of the records: when it is full, a receipt is left out and counted.
type Journal interface {
	Full() bool
	Receipt(partition int32, t *cohort.Transition, o receipts.Outcome, done func(error))
	DeadLetter(partition int32, key []byte, id string, value []byte, reason string, attempts int, done func(error))
}

// Dependencies are what a Suppressor works with.
type Dependencies struct {
	Cluster   Cluster
	SchemaID  uint32 // of the platform's subject
	Journal   Journal
	Decoder   *avrocodec.Resolver
	Keys      *seal.Keys
	Catalogue *catalogue.Catalogue
	Metrics   *instruments.Set
	Tracer    trace.Tracer
	Log       *slog.Logger
}

// Suppressor writes the topic of one platform. Its Work is the worker of a feed.
type Suppressor struct {
	cfg   Config
	topic string
	*converter
	Dependencies
}

// New checks the settings; it connects to nothing.
func New(cfg Config, d Dependencies) (*Suppressor, error) {
	cfg = cfg.withDefaults()
	v, err := newConverter(cfg.Platform, cfg.Tenant, cfg.Region, d.Catalogue, d.Keys)
	if err != nil {
		return nil, err
	}
	d.Log = d.Log.With("destination", Destination(cfg.Platform))
	return &Suppressor{cfg: cfg, topic: schemas.SuppressionTopic(cfg.Platform), converter: v, Dependencies: d}, nil
}

// Destination is the name of a platform in receipts, metrics and dead letters.
func Destination(platform string) string { return "ads." + platform }

// transactionalID names the fence of a partition; nobody else may use it.
func (s *Suppressor) transactionalID(partition int32) string {
	return fmt.Sprintf("cohortflow.ads.%s-p%d", s.cfg.Platform, partition)
}

// Work is one tenure of one partition. It returns when ctx ends or anything at all
// goes wrong.
func (s *Suppressor) Work(ctx context.Context, lease *feed.Lease) error {
	p := lease.Partition()
	// Whoever was fenced has most likely lost the partition and not heard of it yet.
	// Taking the epoch back without asking, two owners would fence each other for ever.
	if err := lease.Confirm(ctx); err != nil {
		return err
	}
	epoch, err := s.Cluster.TakeEpoch(ctx, s.transactionalID(p))
	if err != nil {
		return err
	}
	crashpoint.At("sink.ads.epoch.answered")
	tail := newTail(s.Cluster, s.Decoder, s.topic, p, s.Log)
	err = tail.load(ctx)
	if err != nil {
		return err
	}
	if tail.newest != nil && tail.newest.ProducerID != epoch.ProducerID {
		// It will be closed, for good, so it must be older than ours and not newer, since we may have been held
		// up since we took the epoch. What is given out from here on is newer than what was read.
		if epoch, err = s.Cluster.TakeEpoch(ctx, s.transactionalID(p)); err != nil {
			return err
		}
	}
	crashpoint.At("sink.ads.tail.read")
	n := &tenure{Suppressor: s, lease: lease, partition: p, epoch: epoch, moved: make(chan struct{}, 1)}
	if tail.mark != nil {
		n.position = tail.mark.Processed
	} else if n.position, _, err = lease.Bounds(ctx); err != nil {
		return fmt.Errorf("where to begin: %w", err)
	}
	n.feeds = s.succeed(tail.feeds, time.Now().UnixMilli())
	n.writer = s.Cluster.NewFencedWriter(kafkaio.FencedConfig{
		Topic: s.topic, Partition: p, Epoch: epoch, HeldUp: max(2*s.cfg.Idle, 10*time.Minute),
	})
	defer n.writer.Close()
	// The fence says no more than the watermark before it did: what came after that
	// has not been looked at with the door closed.
	crashpoint.Near("sink.ads.fence.sent")
	fence, err := n.writer.Fence(ctx, n.watermark(tail.last()), tail.newest)
	if err != nil {
		return err
	}
	crashpoint.At("sink.ads.fence.answered")
	if err := tail.forward(ctx, fence); err != nil {
		return err
	}
	crashpoint.At("sink.ads.tail.closed")
	if tail.mark != nil {
		n.position = max(n.position, tail.mark.Processed)
	}
	n.feeds = s.succeed(tail.feeds, time.Now().UnixMilli())
	n.resume(tail)
	s.Log.Info("partition fenced", "partition", p, "epoch", epoch.Epoch, "input", n.position, "fence", fence)
	lease.Start(n.position)
	lease.Working()
	return n.run(ctx)
}

// resume takes over what the tail says has been published. Of the last transition
// there may be a part only, when a batch ended in the middle of it: that shows when it
// is read again.
func (n *tenure) resume(t *tail) {
	last := t.last()
	n.high, n.complete = last, last
	if last.Less(t.high) {
		n.high, n.partial = t.high, t.of
	}
}
