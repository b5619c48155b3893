// Package ingest takes what Customer.io and its clients send over HTTP into Kafka.
// This file is its composition root:
//
//	reporting webhooks ─┐
//	Pipelines API      ─┤                        ┌─► customerio.events.v1
//	Webhook destination ┼─► server ─► intake ────┤
//	Track API v1, v2   ─┘   parsers              └─► customerio.quarantine.v1
//
// A request is answered with success when all that it said is acknowledged by all
// in-sync replicas, and not before; what cannot be understood is kept in quarantine
// under the same promise.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"go.opentelemetry.io/otel"
	"golang.org/x/net/netutil"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/lifecycle"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/pkg/telemetry"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/ingest/internal/auth"
	"github.com/cohortflow/cohortflow/services/ingest/internal/intake"
	"github.com/cohortflow/cohortflow/services/ingest/internal/limits"
	"github.com/cohortflow/cohortflow/services/ingest/internal/server"
	"github.com/cohortflow/cohortflow/services/ingest/internal/taxonomy"
)

// Registry gives the ids of the schemas that are written.
type Registry interface {
	ID(subject string) uint32
}

// Deps are what ingest works with. All are needed but the catalogue.
type Deps struct {
	Kafka      *kafkaio.Client
	Registry   Registry // has to know Subjects
	Keys       *seal.Keys
	Partitions int                  // of the topics
	EventClock bool                 // accepted_at is the event's own time, not the wall clock's
	Catalogue  *catalogue.Catalogue // to which events are held; nil = to none
	Log        *slog.Logger
}

// App is one ingest process.
type App struct {
	cfg    Config
	deps   Deps
	server *server.Server
	rules  *taxonomy.Checker
}

// Subjects lists the schema subjects that ingest writes: what a remote registry has to
// know.
func Subjects() []string { return []string{schemas.EventsSubject, schemas.QuarantineSubject} }

// New checks what it is given; Run and Serve do the first IO.
func New(cfg Config, deps Deps) (*App, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("ingest settings: %w", err)
	}
	if deps.Partitions < 1 {
		return nil, fmt.Errorf("ingest: partitions is %d: give the number that the topics have", deps.Partitions)
	}
	sc := server.Config{
		ReplayWindow: cfg.ReplayWindow, AnonymousPerSecond: cfg.AnonymousRate, DefaultWorkspace: cfg.Workspace,
		Keys: deps.Keys, EventClock: deps.EventClock,
		MaxBody: cfg.MaxBody, MaxWebhook: cfg.MaxWebhookBody, MaxItems: cfg.MaxItems,
		MaxRequests: cfg.MaxRequests, MaxHeld: cfg.MaxHeldBytes, AckTimeout: cfg.AckTimeout,
		Now: time.Now, Log: deps.Log, TracerProvider: otel.GetTracerProvider(), MeterProvider: otel.GetMeterProvider(),
	}
	var err error
	if sc.PublicHost, err = cfg.publicHost(); err != nil {
		return nil, err
	}
	if err := cfg.admit(&sc); err != nil {
		return nil, fmt.Errorf("ingest settings: %w", err)
	}
	return &App{cfg: cfg, deps: deps, server: server.New(sc), rules: taxonomy.New(deps.Catalogue, cfg.Taxonomy)}, nil
}

// admit says who may send.
func (c *Config) admit(sc *server.Config) error {
	with := func(texts []string) []string {
		if c.IngestKey == "" {
			return texts
		}
		return append(slices.Clone(texts), c.IngestKey)
	}
	var errs []error
	keys := func(to **auth.Keys, name string, texts []string) {
		k, err := auth.NewKeys(name, c.Workspace, texts)
		*to, errs = k, append(errs, err)
	}
	signers := func(to **auth.Signers, name string, texts []string) {
		s, err := auth.NewSigners(name, c.Workspace, texts)
		*to, errs = s, append(errs, err)
	}
	keys(&sc.WriteKeys, "pipelines-write-keys", with(c.WriteKeys))
	keys(&sc.TrackKeys, "track-keys", c.TrackKeys)
	keys(&sc.TrackPasswords, "ingest-key", with(nil))
	keys(&sc.EraseKeys, "erase-keys", c.EraseKeys)
	keys(&sc.DestinationTokens, "destination-tokens", with(c.DestinationTokens))
	signers(&sc.ReportingSecrets, "reporting-keys", with(c.ReportingKeys))
	signers(&sc.DestinationSecrets, "destination-secrets", with(c.DestinationSecrets))
	return errors.Join(errs...)
}

// Handler is the HTTP surface, for who brings a server. It answers 503 unless Run is
// running.
func (a *App) Handler() http.Handler { return a.server }

// Ready is nil while events can be taken. It does no IO.
func (a *App) Ready(context.Context) error { return a.server.Ready() }

// Run lets events in through Handler until ctx ends. The server in front has to be
// drained by then: what is still in when Run returns is answered 503.
func (a *App) Run(ctx context.Context) error {
	shut := a.open()
	<-ctx.Done()
	return shut()
}

// Serve is Run with a server of its own on ln. When ctx ends it takes no new
// connection, answers what is in, for at most drain-timeout, and returns.
func (a *App) Serve(ctx context.Context, ln net.Listener) error {
	if !a.cfg.secured() {
		a.deps.Log.Warn("nobody can send: no key is set for any surface (ingest-key, pipelines-write-keys, track-keys, reporting-keys)")
	}
	shut := a.open()
	srv := &http.Server{
		Handler:           a.server,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      15*time.Second + 2*a.cfg.AckTimeout,
		IdleTimeout:       75 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(a.deps.Log.Handler(), slog.LevelDebug),
	}
	open := netutil.LimitListener(limits.PerAddress(ln, a.cfg.MaxPerAddress), a.cfg.MaxConnections)
	serving := lifecycle.HTTP("ingest", open, srv, a.cfg.DrainTimeout)
	return errors.Join(serving.Run(ctx), shut())
}

// open connects the producers and lets events in.
func (a *App) open() (shut func() error) {
	producer := func(topic string, buffer int) *kafkaio.Producer {
		return a.deps.Kafka.NewProducer(kafkaio.ProducerConfig{
			Topic: topic, MaxBatchBytes: batchBytes, MaxBufferedBytes: buffer, Timeout: a.cfg.AckTimeout, Compression: a.cfg.Compression,
		})
	}
	events, quarantine := producer(schemas.EventsTopic, a.cfg.BufferBytes), producer(schemas.QuarantineTopic, quarantining)
	a.server.Open(intake.NewWriter(intake.Config{
		Events: events, Quarantine: quarantine,
		EventsID: a.deps.Registry.ID(schemas.EventsSubject), QuarantineID: a.deps.Registry.ID(schemas.QuarantineSubject),
		Partitions: a.deps.Partitions,
		MaxRecord:  maxRecord, MaxKept: maxKept, MaxRequest: maxPerCall * max(a.cfg.MaxBody, a.cfg.MaxWebhookBody),
		Links: a.cfg.Links, LinkCache: a.cfg.LinkCache, Taxonomy: a.rules, Log: a.deps.Log,
		Tracer: otel.Tracer(telemetry.Scope), Meter: otel.Meter(telemetry.Scope),
	}))
	return func() error {
		a.server.Shut()
		a.rules.Flush(a.deps.Log, time.Now().UnixMilli())
		limit, cancel := context.WithTimeout(context.Background(), 2*a.cfg.AckTimeout)
		defer cancel()
		return errors.Join(events.Close(limit), quarantine.Close(limit))
	}
}
