// Package standalone is the whole flow in one process: the composition root of all
// services over an embedded broker with a data directory and an embedded Redis, or
// over real ones.
//
//	HTTP ─► ingest ─► broker ─► processor ─► broker ─► sink ─► SalesWings, ad-suppression topics
//	                              │  ▲
//	                              ▼  │
//	                             Redis ─► console ─► who is in which cohort, and why
package standalone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/lifecycle"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/pkg/telemetry"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/console"
	"github.com/cohortflow/cohortflow/services/ingest"
	"github.com/cohortflow/cohortflow/services/processor"
	"github.com/cohortflow/cohortflow/services/sink"
	"github.com/cohortflow/cohortflow/services/standalone/internal/clock"
	"github.com/cohortflow/cohortflow/services/standalone/internal/datadir"
	"github.com/cohortflow/cohortflow/services/standalone/internal/embedded"
)

// foundation is what the services stand on, in the order of making.
type foundation struct {
	dir      *datadir.Dir
	broker   *embedded.Kafka
	redis    *embedded.Redis
	kafka    *kafkaio.Client
	store    *redisstate.Store
	registry *avrocodec.Registry
	keys     *seal.Keys
	rules    *catalogue.Catalogue
}

// Run runs the flow until ctx is done, then stops it in good order: intake first,
// what it took is worked off, the broker last.
func Run(ctx context.Context, cfg Config, tel *telemetry.T) error {
	if cfg.MemoryLimit > 0 {
		debug.SetMemoryLimit(cfg.MemoryLimit << 20)
	}
	f, err := lay(ctx, &cfg, tel.Log)
	defer f.close()
	if err != nil {
		return err
	}
	decide, err := processor.New(cfg.Processor, processor.Deps{
		Kafka: f.kafka, Store: f.store, Registry: f.registry, Keys: f.keys, Catalogue: f.rules, Partitions: cfg.Partitions, EventClock: cfg.Events(), Log: tel.Log,
	})
	if err != nil {
		return err
	}
	deliver, err := sink.New(cfg.Sink, sink.Deps{Kafka: f.kafka, Registry: f.registry, Keys: f.keys, Catalogue: f.rules, Log: tel.Log})
	if err != nil {
		return err
	}
	take, err := ingest.New(cfg.Ingest, ingest.Deps{
		Kafka: f.kafka, Registry: f.registry, Keys: f.keys, Catalogue: f.rules, Partitions: cfg.Partitions, EventClock: cfg.Events(), Log: tel.Log,
	})
	if err != nil {
		return err
	}
	tell, err := console.New(cfg.Console, console.Deps{
		Kafka: f.kafka, Store: f.store, Registry: f.registry, Keys: f.keys, Partitions: cfg.Partitions, Log: tel.Log,
	})
	if err != nil {
		return err
	}
	health := lifecycle.NewHealth()
	if f.broker != nil {
		health.Add("broker", f.broker.Ready)
	}
	health.Add("kafka", f.kafka.Ping)
	health.Add("processor", func(ctx context.Context) error {
		if err := decide.Ready(ctx); err != nil {
			return err
		}
		if n := len(decide.Progress()); n < cfg.Partitions && cfg.embeddedBroker() {
			return fmt.Errorf("%d of %d partitions are owned yet", n, cfg.Partitions)
		}
		return nil
	})
	health.Add("sink", deliver.Ready)
	health.Add("ingest", take.Ready)
	driver := clock.New(clock.Config{
		Events: cfg.Events(), Partitions: cfg.Partitions, EventsID: f.registry.ID(schemas.EventsSubject), Processed: processed(decide),
	}, f.kafka)
	admin, err := cfg.Serve(ctx, tel, health, driver.Register)
	if err != nil {
		return err
	}
	intake, err := listen(ctx, "http", cfg.HTTP)
	if err != nil {
		return err
	}
	names, err := listen(ctx, "registry-listen", cfg.RegistryListen)
	if err != nil {
		return err
	}
	answers, err := listen(ctx, "console-listen", cfg.Console.Listen)
	if err != nil {
		return err
	}
	tel.Log.Info("flow is set up", "http", intake.Addr().String(), "kafka", cfg.Brokers, "registry", names.Addr().String(),
		"console", answers.Addr().String(), "admin", cfg.Admin.Listen, "clock", cfg.Clock.Clock, "partitions", cfg.Partitions, "cohorts", len(f.rules.Cohorts))
	err = lifecycle.Run(ctx, tel.Log, cfg.Admin.StopTimeout,
		admin,
		lifecycle.Component{Name: "broker", Run: f.watchBroker},
		lifecycle.HTTP("registry", names, &http.Server{Handler: f.registry.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}, time.Second),
		lifecycle.Component{Name: "console", Run: func(ctx context.Context) error { return tell.Serve(ctx, answers) }},
		lifecycle.Component{Name: "sink", Run: deliver.Run},
		lifecycle.Component{Name: "processor", Run: decide.Run},
		lifecycle.Component{Name: "ingest", Run: func(ctx context.Context) error {
			context.AfterFunc(ctx, health.Stopping)
			return take.Serve(ctx, intake)
		}},
	)
	if err != nil {
		return fmt.Errorf("standalone: %w", err)
	}
	return nil
}

// lay makes what the services stand on. What was made is closed by close, also after an error.
func lay(ctx context.Context, cfg *Config, log *slog.Logger) (*foundation, error) {
	f := &foundation{}
	var err error
	if f.rules, err = cfg.Catalogue.Load(); err != nil {
		return f, err
	}
	if f.dir, err = datadir.Open(cfg.DataDir, datadir.Settings{Clock: cfg.Clock.Clock, Partitions: cfg.Partitions}); err != nil {
		return f, err
	}
	if cfg.Secret == "" && cfg.SecretFile == "" {
		f.keys, err = seal.LoadOrCreate(f.dir.Sub("secret"))
	} else {
		f.keys, err = cfg.Keys()
	}
	if err != nil {
		return f, err
	}
	segment := 0
	if cfg.embeddedBroker() {
		begun := time.Now()
		if f.broker, err = embedded.StartKafka(embedded.KafkaConfig{Listen: cfg.KafkaListen, Dir: f.dir.Sub("kafka"), Sync: cfg.SyncWrites}, log); err != nil {
			return f, err
		}
		defer func(embeddedBroker string) { cfg.Brokers = []string{embeddedBroker} }(f.broker.Addr)
		log.Info("embedded broker is open", "address", f.broker.Addr, "took", time.Since(begun).String())
		segment = embedded.SegmentBytes
	}
	kafkaSettings := cfg.Kafka
	if f.broker != nil {
		kafkaSettings.Brokers = []string{f.broker.Addr}
	}
	if f.kafka, err = kafkaSettings.Open("cohortflow", log); err != nil {
		return f, err
	}
	if f.store, err = f.openStore(cfg, log); err != nil {
		return f, err
	}
	subjects := append([]string{
		schemas.EventsSubject, schemas.QuarantineSubject, schemas.TransitionsSubject, schemas.ProfilesSubject, schemas.ReceiptsSubject, schemas.DeadLetterSubject,
	}, sink.Subjects(f.rules)...)
	slices.Sort(subjects)
	if f.registry, err = cfg.Registry.Open(ctx, slices.Compact(subjects)...); err != nil {
		return f, err
	}
	if err := cfg.Ensure(ctx, f.kafka, sink.Platforms(f.rules), segment); err != nil {
		return f, err
	}
	return f, nil
}

// watchBroker ends with an error when the embedded broker has to be started anew.
func (f *foundation) watchBroker(ctx context.Context) error {
	if f.broker == nil {
		<-ctx.Done()
		return nil
	}
	return f.broker.Watch(ctx)
}

func (f *foundation) openStore(cfg *Config, log *slog.Logger) (*redisstate.Store, error) {
	if cfg.Redis.URL != "" {
		return cfg.Redis.Open(log)
	}
	var err error
	if f.redis, err = embedded.StartRedis(); err != nil {
		return nil, err
	}
	return redisstate.Open(redisstate.Config{URL: f.redis.URL, Embedded: true}, log)
}

func (f *foundation) close() {
	if f.store != nil {
		_ = f.store.Close()
	}
	if f.kafka != nil {
		_ = f.kafka.Close()
	}
	if f.redis != nil {
		f.redis.Close()
	}
	if f.broker != nil {
		f.broker.Close()
	}
	if f.dir != nil {
		_ = f.dir.Close()
	}
}

func listen(ctx context.Context, flag, addr string) (net.Listener, error) {
	var l net.ListenConfig
	ln, err := l.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("address of --%s: %w", flag, errors.Join(err, errors.New("stop what uses it or choose another port")))
	}
	return ln, nil
}

// processed tells up to which offset a partition's records are worked off.
func processed(p *processor.App) func(partition int32) (offset, settled int64) {
	return func(partition int32) (int64, int64) {
		at := p.Progress()[partition]
		return at.Position, at.Settled
	}
}
