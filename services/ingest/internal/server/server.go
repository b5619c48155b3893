// Package server is the HTTP side of ingest: it finds out which surface a request came
// to and who sent it, hands the body to the surface's parser and answers once
// everything of the request is acknowledged by Kafka, in the way that the clients of
// that surface understand. It holds no request back to wait for better times: what
// cannot be written now is answered 503 now.
package server

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/services/ingest/internal/auth"
	"github.com/cohortflow/cohortflow/services/ingest/internal/intake"
	"github.com/cohortflow/cohortflow/services/ingest/internal/limits"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
)

// Config is what a Server is made of. Every field but the bounds of what it may cost is
// needed.
type Config struct {
	// Who may send, by surface. Empty keys refuse everybody.
	WriteKeys           *auth.Keys    // Pipelines
	TrackKeys           *auth.Keys    // site id, ":" and API key
	TrackPasswords      *auth.Keys    // API keys that go with any site id
	ReportingSecrets    *auth.Signers // HMAC-SHA256
	DestinationSecrets  *auth.Signers // HMAC-SHA1
	DestinationTokens   *auth.Keys    // in Authorization
	EraseKeys           *auth.Keys    // of the operator; without one there is no POST /v1/erase
	ReplayWindow        time.Duration // of reporting webhooks; 0 = any time is taken
	AnonymousPerSecond  float64       // requests to endpoints that have no authentication
	DefaultWorkspace    string        // of those endpoints
	Keys                *seal.Keys    // for person keys
	EventClock          bool          // accepted_at is the event's own time
	PublicHost          string        // what settings tell clients; "" = the host they asked
	MaxBody, MaxWebhook int           // bytes of a body, inflated
	MaxItems            int           // messages of one request
	MaxRequests         int           // at once
	MaxHeld             int64         // bytes of all bodies at once
	AckTimeout          time.Duration // for everything of a request to be durable
	Now                 func() time.Time
	Log                 *slog.Logger
	TracerProvider      trace.TracerProvider
	MeterProvider       metric.MeterProvider
}

// Server answers requests. It is safe for concurrent use.
type Server struct {
	cfg       Config
	gate      *limits.Gate
	anonymous *rate.Limiter
	meters    *meters
	recall    normalise.Recall
	writer    atomic.Pointer[intake.Writer] // nil while there is nothing to write to
	handler   http.Handler
	patterns  []string // of every route, so that a test can ask each of them without a key
}

// New makes a Server that answers 503 until Open.
func New(cfg Config) *Server {
	s := &Server{
		cfg:       cfg,
		gate:      limits.NewGate(cfg.MaxRequests, cfg.MaxHeld),
		anonymous: rate.NewLimiter(rate.Limit(cfg.AnonymousPerSecond), max(1, int(cfg.AnonymousPerSecond))),
		meters:    newMeters(cfg.MeterProvider),
	}
	s.handler = s.routes()
	return s
}

// Open lets events in. w belongs to the caller and has to work until Shut has been
// called and the requests that were in are answered.
func (s *Server) Open(w *intake.Writer) { s.writer.Store(w) }

// Shut lets nothing in any more.
func (s *Server) Shut() { s.writer.Store(nil) }

// Ready is nil when events can be taken.
func (s *Server) Ready() error {
	w := s.writer.Load()
	if w == nil {
		return errNotOpen
	}
	return w.Ready()
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }
