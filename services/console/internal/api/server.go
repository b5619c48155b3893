// Package api is the read API over HTTP: who may ask, what is asked for, and the
// answers in JSON. It holds no rule and keeps nothing of what it answers.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/partition"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/services/console/internal/auth"
	"github.com/cohortflow/cohortflow/services/console/internal/census"
	"github.com/cohortflow/cohortflow/services/console/internal/evidence"
	"github.com/cohortflow/cohortflow/services/console/internal/receipts"
	"github.com/cohortflow/cohortflow/services/console/internal/rules"
	"github.com/cohortflow/cohortflow/services/console/internal/state"
)

// Config is what a Server is made of. Every field is needed.
type Config struct {
	Keys           *auth.Keys // none = everybody who reaches a loopback address
	Seal           *seal.Keys // for the keys of people known by email
	People         People
	Ends           Ends
	Events         Events
	Receipts       Receipts
	Census         Census
	Partitions     int
	Timeout        time.Duration // for an answer
	CountTimeout   time.Duration // for an answer that counts everybody
	ReadTimeout    time.Duration // of it, for the events behind an explanation
	MaxRequests    int           // at once
	Log            *slog.Logger
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
}

// People finds people and catalogues; see state.Reader.
type People interface {
	Find(ctx context.Context, key string) (*state.Person, error)
	PartitionOf(key string) int32
	InForce(ctx context.Context, p int32) (partition.Checkpoint, *rules.Rules, error)
}

// Ends tells where a partition's log ends; see state.Ends.
type Ends interface {
	Of(ctx context.Context, partition int32) (int64, bool)
}

// Events reads events by their places; see evidence.Reader.
type Events interface {
	Read(ctx context.Context, partition int32, keys []string, places map[int64]cohort.Evidence) map[int64]evidence.Event
}

// Receipts knows what destinations answered; see receipts.Index and receipts.Follower.
type Receipts interface {
	Of(person string) (list []receipts.Receipt, more bool)
	Known(partition int32) receipts.Known
}

// Census knows sizes; see census.Census.
type Census interface {
	Sizes(ctx context.Context) ([]census.Size, error)
	Count(ctx context.Context) (*census.Count, error)
}

// Server answers requests. It is safe for concurrent use.
type Server struct {
	cfg     Config
	gate    chan struct{}
	meters  *meters
	tracer  trace.Tracer
	handler http.Handler
}

// New makes a Server.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, gate: make(chan struct{}, cfg.MaxRequests), meters: newMeters(cfg.MeterProvider), tracer: newTracer(cfg.TracerProvider)}
	s.handler = s.routes()
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }
