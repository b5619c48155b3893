// Package console is the read API: who is in which cohort and why, and how large the
// cohorts are. This file is its composition root:
//
//	        ┌─ state ◄── people, checkpoint ── Redis
//	HTTP ─► api ◄─ rules, evidence ◄── catalogue in force, events ── customerio.events.v1
//	        ├─ receipts ◄── what destinations answered ── sink.receipts.v1
//	        └─ census ◄── everybody, counted ── Redis
//
// It decides nothing and writes nothing: people are taken apart by the catalogue that
// was in force at their checkpoint, and explained by the core that decided about them.
package console

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"golang.org/x/net/netutil"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/lifecycle"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/pkg/telemetry"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/console/internal/api"
	"github.com/cohortflow/cohortflow/services/console/internal/auth"
	"github.com/cohortflow/cohortflow/services/console/internal/census"
	"github.com/cohortflow/cohortflow/services/console/internal/evidence"
	"github.com/cohortflow/cohortflow/services/console/internal/receipts"
	"github.com/cohortflow/cohortflow/services/console/internal/rules"
	"github.com/cohortflow/cohortflow/services/console/internal/state"
)

// Deps are the connections that console works with. All are needed.
type Deps struct {
	Kafka      *kafkaio.Client
	Store      *redisstate.Store
	Registry   *avrocodec.Registry // has to know Subjects
	Keys       *seal.Keys
	Partitions int // of the topics
	Log        *slog.Logger
}

// App is one console process.
type App struct {
	cfg      Config
	deps     Deps
	census   *census.Census
	receipts *receipts.Follower
	handler  http.Handler
}

// Subjects lists the schema subjects that console reads: what a remote registry has to know.
func Subjects() []string { return []string{schemas.EventsSubject, schemas.ReceiptsSubject} }

// New checks what it is given; Serve does the first IO.
func New(cfg Config, deps Deps) (*App, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("console settings: %w", err)
	}
	if deps.Partitions < 1 {
		return nil, fmt.Errorf("console: partitions is %d: give the number that the topics have", deps.Partitions)
	}
	keys, err := auth.NewKeys("console-keys", cfg.Keys)
	if err != nil {
		return nil, fmt.Errorf("console settings: %w", err)
	}
	decoder, err := avrocodec.NewResolver(deps.Registry)
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	meter := otel.Meter(telemetry.Scope)
	people := &state.Reader{
		Store: state.Measured(deps.Store, telemetry.Histogram(meter, telemetry.MetricDBDuration)),
		Book:  rules.NewBook(deps.Kafka, decoder, deps.Partitions), Partitions: deps.Partitions, Alias: state.Alias,
	}
	a := &App{
		cfg: cfg, deps: deps,
		census: census.New(census.Config{Reader: people, Within: counting, Fresh: fresh}),
		receipts: &receipts.Follower{
			Kafka: deps.Kafka, Decoder: decoder, Index: receipts.NewIndex(cfg.ReceiptsPerPerson, cfg.Receipts),
			Partitions: deps.Partitions, Recent: cfg.ReceiptsRecent, Log: deps.Log,
		},
	}
	telemetry.ObservableGauge(meter, telemetry.MetricConsoleReceipts, func(_ context.Context, o metric.Float64Observer) error {
		held, _ := a.receipts.Index.Held()
		o.Observe(float64(held))
		return nil
	})
	a.handler = api.New(api.Config{
		Keys: keys, Seal: deps.Keys, People: people, Ends: state.NewEnds(deps.Kafka, deps.Partitions, time.Now),
		Events:   &evidence.Reader{Log: deps.Kafka, Decoder: decoder, Most: cfg.MaxEvidence, Beside: beside},
		Receipts: a.receipts, Census: a.census, Partitions: deps.Partitions,
		Timeout: cfg.Timeout, CountTimeout: cfg.CountTimeout, ReadTimeout: cfg.Timeout / 2, MaxRequests: cfg.MaxRequests,
		Log: deps.Log, TracerProvider: otel.GetTracerProvider(), MeterProvider: otel.GetMeterProvider(),
	})
	return a, nil
}

// Ready is nil while people can be read. Kafka is not asked: without it people are
// answered about all the same, and evidence says that it could not be read.
func (a *App) Ready(ctx context.Context) error {
	_, err := a.deps.Store.Checkpoint(ctx, 0)
	return err
}

// Serve answers on ln until ctx ends; then it takes no new connection, answers what is
// in, and returns.
func (a *App) Serve(ctx context.Context, ln net.Listener) error {
	if len(a.cfg.Keys) == 0 {
		a.deps.Log.Info("the read API is open to everybody on this machine: console-keys is not set", "address", ln.Addr().String())
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	background.Go(func() {
		if err := a.receipts.Run(following); err != nil {
			a.deps.Log.Error("receipts are no longer followed", "err", err)
		}
	})
	srv := &http.Server{
		Handler:           a.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10*time.Second + max(a.cfg.Timeout, a.cfg.CountTimeout),
		IdleTimeout:       75 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(a.deps.Log.Handler(), slog.LevelDebug),
	}
	err := lifecycle.HTTP("console", netutil.LimitListener(ln, maxConnections), srv, a.cfg.Timeout).Run(ctx)
	stop()
	background.Wait()
	a.census.Close()
	return err
}
