package saleswings

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/services/sink/internal/delivery"
	"github.com/cohortflow/cohortflow/services/sink/internal/feed"
	"github.com/cohortflow/cohortflow/services/sink/internal/instruments"
	"github.com/cohortflow/cohortflow/services/sink/internal/receipts"
)

// Config says how transitions are delivered. Zero values take the defaults.
type Config struct {
	Client     ClientConfig
	Gate       delivery.GateConfig
	Batch      int           // activities per request; default 100
	Queue      int           // transitions held per partition; default 10,000
	Remembered int           // persons per partition whose repeats are recognised; default 100,000
	MaxAge     time.Duration // after which a transition that is refused time and again goes to the dead letters; default 72 h
	Grace      time.Duration // for a request in flight when the partition is taken away; default 2 s
	CommitGap  time.Duration // between two commits of the position; default 1 s
	// FromEnd begins at the end of the log, not at its start, when the group has no
	// position yet.
	FromEnd    bool
	AcceptGaps bool // go on at the log's start when the position is gone from it
}

func (c Config) withDefaults() Config {
	c.Gate.Name = Destination
	if c.Batch <= 0 {
		c.Batch = 100
	}
	if c.Queue <= 0 {
		c.Queue = 10_000
	}
	if c.Remembered <= 0 {
		c.Remembered = 100_000
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&c.MaxAge, 72 * time.Hour}, {&c.Grace, 2 * time.Second}, {&c.CommitGap, time.Second}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	return c
}

// Journal keeps what became of a transition; *receipts.Journal is one.
type Journal interface {
	Room(ctx context.Context) error
	Receipt(partition int32, t *cohort.Transition, o receipts.Outcome, done func(error))
	DeadLetter(partition int32, key []byte, id string, value []byte, reason string, attempts int, done func(error))
}

// Deliverer delivers to SalesWings. Its Work is the worker of a feed.
type Deliverer struct {
	cfg     Config
	topic   string
	client  *client
	gate    *delivery.Gate
	journal Journal
	decoder *avrocodec.Resolver
	keys    *seal.Keys
	wanted  func(cohortKey string) bool
	metrics *instruments.Set
	tracer  trace.Tracer
	log     *slog.Logger

	mu     sync.Mutex
	memory map[int32]*memory // outlives the tenures of a partition
	held   string            // why nothing is taken at present; "" = it is
}

// Dependencies are what a Deliverer works with.
type Dependencies struct {
	Topic   string // of the transitions, for error texts
	Journal Journal
	Decoder *avrocodec.Resolver
	Keys    *seal.Keys
	Wanted  func(cohortKey string) bool // nil = every cohort
	Metrics *instruments.Set
	Tracer  trace.Tracer
	Log     *slog.Logger
}

// New checks the settings; it connects to nothing.
func New(cfg Config, d Dependencies) (*Deliverer, error) {
	cfg = cfg.withDefaults()
	c, err := newClient(cfg.Client)
	if err != nil {
		return nil, err
	}
	if d.Wanted == nil {
		d.Wanted = func(string) bool { return true }
	}
	return &Deliverer{
		cfg: cfg, topic: d.Topic, client: c, gate: delivery.NewGate(cfg.Gate), journal: d.Journal,
		decoder: d.Decoder, keys: d.Keys,
		wanted: d.Wanted, metrics: d.Metrics, tracer: d.Tracer, log: d.Log.With("destination", Destination),
		memory: map[int32]*memory{},
	}, nil
}

// Ready says whether SalesWings takes anything at present.
func (d *Deliverer) Ready() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.held != "":
		return fmt.Errorf("%s takes nothing: %s; see the api key, the url and the surface", Destination, d.held)
	case !d.gate.Open():
		return errors.New(Destination + " fails, the breaker is open")
	}
	return nil
}

// setHeld logs a change of state, not every answer.
func (d *Deliverer) setHeld(why string) {
	d.mu.Lock()
	before := d.held
	d.held = why
	d.mu.Unlock()
	switch {
	case why == before:
	case why != "":
		d.log.Error("the destination takes nothing until its set-up is changed; nothing is dropped meanwhile", "answer", why)
	default:
		d.log.Info("the destination takes transitions again")
	}
}

// remember returns what is remembered of a partition that is read from an offset.
func (d *Deliverer) remember(partition int32, at int64) *memory {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.memory[partition]
	if m == nil {
		m = newMemory(d.cfg.Remembered)
	}
	m = m.begin(at, d.cfg.Remembered)
	d.memory[partition] = m
	return m
}

// Work delivers one partition until ctx ends.
func (d *Deliverer) Work(ctx context.Context, lease *feed.Lease) error {
	at, known, err := lease.Committed(ctx)
	if err != nil {
		return err
	}
	if !known {
		start, end, err := lease.Bounds(ctx)
		if err != nil {
			return fmt.Errorf("where to begin: %w", err)
		}
		at = start
		if d.cfg.FromEnd {
			at = end
		}
	}
	m := d.remember(lease.Partition(), at)
	w := &worker{
		Deliverer: d, lease: lease, partition: lease.Partition(), memory: m,
		queue: delivery.NewQueue(m.seen), settled: make(chan struct{}, 1),
	}
	w.position.Start(at)
	lease.Start(at)
	lease.Working()
	return w.run(ctx)
}
