// Package sink brings transitions to those who act on them. This file is its
// composition root:
//
//	                       ┌─ feed ─► saleswings.Deliverer ──HTTP──► SalesWings
//	cohort.transitions.v1 ─┤             └─► receipts, dead letters
//	                       └─ feed per platform ─► adsuppress.Suppressor ──fence──► ads.suppression.<platform>.v1
//	                                                 └─► receipts
//
// Nothing but the connection to Kafka is shared between the feeds: each has a group, a
// fetcher, a position and writers of its own, so that a destination that hangs holds
// up no other.
package sink

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/pkg/settings"
	"github.com/cohortflow/cohortflow/pkg/telemetry"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/sink/internal/adsuppress"
	"github.com/cohortflow/cohortflow/services/sink/internal/delivery"
	"github.com/cohortflow/cohortflow/services/sink/internal/feed"
	"github.com/cohortflow/cohortflow/services/sink/internal/instruments"
	"github.com/cohortflow/cohortflow/services/sink/internal/receipts"
	"github.com/cohortflow/cohortflow/services/sink/internal/saleswings"
)

// Deps are the connections and the rules that a sink works with. All are needed.
type Deps struct {
	Kafka *kafkaio.Client
	// Registry has to know Subjects(Catalogue).
	Registry  *avrocodec.Registry
	Keys      *seal.Keys
	Catalogue *catalogue.Catalogue
	Log       *slog.Logger
}

// App is one sink process.
type App struct {
	cfg      Config
	deps     Deps
	instance string
	decoder  *avrocodec.Resolver

	destinations []*destination

	mu    sync.Mutex
	state func() error // nil until Run has put the parts together
}

// destination is one consumer of the transitions.
type destination struct {
	name  string
	group string
	// build makes the worker once its journal exists.
	build    func(j *receipts.Journal) (feed.Work, error)
	receipts bool

	mu     sync.Mutex
	health func() error // what the destination itself says; nil = it says nothing
}

// New checks what it is given; Run does the first IO.
func New(cfg Config, deps Deps) (*App, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("sink settings: %w", err)
	}
	decoder, err := avrocodec.NewResolver(deps.Registry)
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	a := &App{cfg: cfg, deps: deps, instance: settings.Instance(cfg.Instance, "sink"), decoder: decoder}
	if cfg.SalesWings.Key != "" {
		a.destinations = append(a.destinations, a.salesWings())
	}
	if !cfg.Ads.Off {
		for _, platform := range adsuppress.Platforms(deps.Catalogue) {
			a.destinations = append(a.destinations, a.ads(platform))
		}
	}
	// Found out now, not after the start.
	for _, d := range a.destinations {
		if _, err := d.build(nil); err != nil {
			return nil, fmt.Errorf("sink: %s: %w", d.name, err)
		}
	}
	return a, nil
}

func (a *App) salesWings() *destination {
	s := &a.cfg.SalesWings
	wanted := make(map[string]bool, len(a.deps.Catalogue.Deliver.SalesWings))
	for _, key := range a.deps.Catalogue.Deliver.SalesWings {
		wanted[key] = true
	}
	metrics := instruments.New(otel.Meter(telemetry.Scope), saleswings.Destination, saleswings.Destination)
	d := &destination{name: saleswings.Destination, group: s.Group, receipts: true}
	d.build = func(j *receipts.Journal) (feed.Work, error) {
		w, err := saleswings.New(saleswings.Config{
			Client: saleswings.ClientConfig{URL: s.URL, APIKey: s.Key, Surface: s.Surface, AllowPrivate: s.AllowPrivate, Timeout: s.Timeout},
			Gate:   delivery.GateConfig{Rate: s.Rate},
			Batch:  s.Batch, MaxAge: s.MaxAge, FromEnd: s.From == "end", AcceptGaps: a.cfg.AcceptGaps,
		}, saleswings.Dependencies{
			Topic: schemas.TransitionsTopic, Journal: j, Decoder: a.decoder, Keys: a.deps.Keys,
			Wanted:  func(key string) bool { return wanted[key] },
			Metrics: metrics, Tracer: otel.Tracer(telemetry.Scope), Log: a.deps.Log,
		})
		if err != nil {
			return nil, err
		}
		d.setHealth(w.Ready)
		return w.Work, nil
	}
	return d
}

func (a *App) ads(platform string) *destination {
	name := adsuppress.Destination(platform)
	metrics := instruments.New(otel.Meter(telemetry.Scope), name, "suppressed")
	return &destination{
		name: name, group: a.cfg.Ads.Group + "." + platform, receipts: !a.cfg.Ads.NoReceipts,
		build: func(j *receipts.Journal) (feed.Work, error) {
			s, err := adsuppress.New(adsuppress.Config{
				Platform: platform, Tenant: a.cfg.Ads.Tenant, Region: a.cfg.Ads.Region, Owner: a.instance,
				Idle: a.cfg.Ads.Heartbeat, AcceptGaps: a.cfg.AcceptGaps,
			}, adsuppress.Dependencies{
				Cluster: adsuppress.Kafka(a.deps.Kafka), SchemaID: a.deps.Registry.ID(schemas.SuppressionSubject(platform)),
				Journal: j, Decoder: a.decoder, Keys: a.deps.Keys, Catalogue: a.deps.Catalogue,
				Metrics: metrics, Tracer: otel.Tracer(telemetry.Scope), Log: a.deps.Log,
			})
			if err != nil {
				return nil, err
			}
			return s.Work, nil
		},
	}
}

// Destinations lists the names of the destinations that are delivered to.
func (a *App) Destinations() []string {
	names := make([]string, len(a.destinations))
	for i, d := range a.destinations {
		names[i] = d.name
	}
	return names
}

// Subjects lists the schema subjects that the sink reads and writes: what a remote
// registry has to know.
func Subjects(rules *catalogue.Catalogue) []string {
	list := []string{schemas.TransitionsSubject, schemas.ReceiptsSubject, schemas.DeadLetterSubject}
	for _, p := range adsuppress.Platforms(rules) {
		list = append(list, schemas.SuppressionSubject(p))
	}
	return list
}

// Platforms lists the ad platforms that have a suppression topic under a catalogue.
func Platforms(rules *catalogue.Catalogue) []string { return adsuppress.Platforms(rules) }

// Run delivers until ctx ends. Then it takes nothing more, lets requests and records
// on their way arrive, commits the positions and returns; a few seconds at most.
func (a *App) Run(ctx context.Context) error {
	if len(a.destinations) == 0 {
		a.deps.Log.Warn("nothing to deliver to: saleswings-key is not set, and no audience of the catalogue excludes anybody")
	}
	a.checkHeartbeat(ctx)
	var parts []*part
	defer func() {
		for _, p := range parts {
			p.close()
		}
	}()
	for _, d := range a.destinations {
		p, err := a.assemble(ctx, d)
		if err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
		parts = append(parts, p)
	}
	a.watch(parts)
	failed := make(chan error, len(parts))
	var running sync.WaitGroup
	for _, p := range parts {
		running.Go(func() {
			if err := p.run(ctx); err != nil {
				failed <- fmt.Errorf("%s: %w", p.name, err)
			}
		})
	}
	running.Wait()
	select {
	case err := <-failed:
		return err
	default:
	}
	<-ctx.Done() // without destinations there is nothing to do but to be there
	return nil
}

// part is a destination at work.
type part struct {
	name      string
	feed      *feed.Feed
	fetcher   *kafkaio.Fetcher
	writers   []*receipts.Writer
	producers []*kafkaio.Producer
	members   *kafkaio.Membership
}

// rebalanceTimeout is how long the others wait for a member that does not join again,
// such as one whose connection broke. Joining waits for no worker, so it can be short.
const rebalanceTimeout = 3 * time.Second

func (a *App) assemble(ctx context.Context, d *destination) (*part, error) {
	p := &part{name: d.name}
	writer := func(topic string) *receipts.Writer {
		producer := a.deps.Kafka.NewProducer(kafkaio.ProducerConfig{Topic: topic})
		w := receipts.NewWriter(topic, producer, a.cfg.Receipts, a.deps.Log.With("destination", d.name))
		p.producers, p.writers = append(p.producers, producer), append(p.writers, w)
		return w
	}
	var kept *receipts.Writer
	if d.receipts {
		kept = writer(schemas.ReceiptsTopic)
	}
	journal := receipts.NewJournal(d.name, kept, a.deps.Registry.ID(schemas.ReceiptsSubject),
		writer(schemas.DeadLetterTopic), a.deps.Registry.ID(schemas.DeadLetterSubject))
	work, err := d.build(journal)
	if err == nil {
		if p.members, err = a.deps.Kafka.JoinGroup(ctx, kafkaio.GroupConfig{
			GroupID: d.group, Topic: schemas.TransitionsTopic, RebalanceTimeout: rebalanceTimeout,
		}); err == nil {
			p.fetcher = a.deps.Kafka.NewFetcher(kafkaio.FetcherConfig{Topic: schemas.TransitionsTopic})
			p.feed = feed.New(feed.Config{Topic: schemas.TransitionsTopic, Group: d.group}, group{p.members}, p.fetcher, a.deps.Kafka, work,
				a.deps.Log.With("destination", d.name))
		}
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// run runs the feed, and the writers longer than it: they have to keep what the
// workers hand over on leaving.
func (p *part) run(ctx context.Context) error {
	writing, stop := context.WithCancel(context.WithoutCancel(ctx))
	var writers sync.WaitGroup
	for _, w := range p.writers {
		writers.Go(func() { _ = w.Run(writing) }) // it has no error to tell
	}
	err := p.feed.Run(ctx)
	stop()
	writers.Wait()
	return err
}

func (p *part) close() {
	if p.members != nil {
		p.members.Close()
	}
	if p.fetcher != nil {
		p.fetcher.Close()
	}
	limit, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, producer := range p.producers {
		_ = producer.Close(limit) // the writers are done; what is left was told to be so
	}
}

// checkHeartbeat keeps the heartbeat inside a quarter of the time after which the
// broker forgets a silent producer, and with it the fence.
func (a *App) checkHeartbeat(ctx context.Context) {
	const setting = "producer.id.expiration.ms"
	text, err := a.deps.Kafka.BrokerConfig(ctx, setting)
	if err != nil {
		a.deps.Log.Warn("cannot compare the heartbeat with the broker's setting", "setting", setting, "err", err)
		return
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms <= 0 {
		a.deps.Log.Warn("cannot compare the heartbeat with the broker's setting", "setting", setting, "value", text)
		return
	}
	if most := time.Duration(ms) * time.Millisecond / 4; a.cfg.Ads.Heartbeat > most {
		a.deps.Log.Warn("the heartbeat is shortened: the broker forgets silent producers early", "setting", setting, "value", text, "heartbeat", most)
		a.cfg.Ads.Heartbeat = most
	}
}

// group gives a membership the shape of a feed.Group.
type group struct{ *kafkaio.Membership }

// Next implements feed.Group.
func (g group) Next(ctx context.Context) (feed.Generation, error) {
	gen, err := g.Membership.Next(ctx)
	if err != nil {
		return nil, err
	}
	return generation{gen}, nil
}

type generation struct{ g *kafkaio.Generation }

func (g generation) Partitions() []int32   { return g.g.Partitions }
func (g generation) Done() <-chan struct{} { return g.g.Done() }

func (g generation) Commit(ctx context.Context, offsets map[int32]int64) error {
	return g.g.Commit(ctx, offsets)
}
