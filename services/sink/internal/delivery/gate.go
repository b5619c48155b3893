package delivery

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"
)

// GateConfig bounds what one destination is asked. Zero values take the defaults.
type GateConfig struct {
	Name          string
	Rate          float64       // requests per second over all partitions; default 20
	RetryRate     float64       // of those, requests that repeat something; default 2
	FailuresInRow uint32        // after which the breaker opens; default 5
	OpenFor       time.Duration // until one request may try again; default 5 s
	Backoff       time.Duration // longest wait after the first failure; doubles; default 500 ms
	MaxBackoff    time.Duration // default 1 min
}

func (c GateConfig) withDefaults() GateConfig {
	def := func(v *float64, d float64) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&c.Rate, 20)
	def(&c.RetryRate, 2)
	if c.FailuresInRow == 0 {
		c.FailuresInRow = 5
	}
	if c.OpenFor <= 0 {
		c.OpenFor = 5 * time.Second
	}
	if c.Backoff <= 0 {
		c.Backoff = 500 * time.Millisecond
	}
	if c.MaxBackoff <= 0 {
		c.MaxBackoff = time.Minute
	}
	return c
}

// Gate is passed by every request of one destination: rate limit, a budget of its
// own for repeats, Retry-After and breaker. It is safe for concurrent use.
type Gate struct {
	cfg     GateConfig
	all     *rate.Limiter
	retries *rate.Limiter
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]

	mu     sync.Mutex
	closed time.Time // nothing passes before
}

var (
	errUnwell = errors.New("destination is not in working order")
	errLeft   = errors.New("no request was made")
)

// NewGate makes a gate.
func NewGate(cfg GateConfig) *Gate {
	cfg = cfg.withDefaults()
	return &Gate{
		cfg:     cfg,
		all:     rate.NewLimiter(rate.Limit(cfg.Rate), max(1, int(cfg.Rate))),
		retries: rate.NewLimiter(rate.Limit(cfg.RetryRate), max(1, int(2*cfg.RetryRate))),
		breaker: gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
			Name:        cfg.Name,
			MaxRequests: 1,
			Timeout:     cfg.OpenFor,
			IsExcluded:  func(err error) bool { return errors.Is(err, errLeft) },
			ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= cfg.FailuresInRow },
		}),
	}
}

// Enter waits until a request may go out, or ctx ends. The caller tells by done
// whether the destination was in working order.
func (g *Gate) Enter(ctx context.Context, repeat bool) (done func(healthy bool), err error) {
	if repeat {
		if err := g.retries.Wait(ctx); err != nil {
			return nil, fmt.Errorf("wait for the retry budget of %s: %w", g.cfg.Name, err)
		}
	}
	for {
		if err := sleep(ctx, g.untilOpen()); err != nil {
			return nil, err
		}
		tell, err := g.breaker.Allow()
		if err == nil {
			if err := g.all.Wait(ctx); err != nil {
				tell(errLeft) // the half-open place is free for another
				return nil, fmt.Errorf("wait for the rate limit of %s: %w", g.cfg.Name, err)
			}
			return func(healthy bool) {
				if healthy {
					tell(nil)
				} else {
					tell(errUnwell)
				}
			}, nil
		}
		// Open: come back spread out, so that partitions do not queue up for the one
		// place that is free when it half-opens.
		if err := sleep(ctx, g.cfg.OpenFor/8+rand.N(g.cfg.OpenFor/8)); err != nil {
			return nil, err
		}
	}
}

// Close lets nothing pass for d: the destination asked for it.
func (g *Gate) Close(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := time.Now().Add(d); until.After(g.closed) {
		g.closed = until
	}
}

func (g *Gate) untilOpen() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Until(g.closed)
}

// Open says whether the breaker lets requests through.
func (g *Gate) Open() bool { return g.breaker.State() != gobreaker.StateOpen }

// Wait is how long to wait after the given number of failed attempts: anything
// between nothing and a bound that doubles, so that repeats do not come in step.
func (g *Gate) Wait(attempts int) time.Duration {
	bound := g.cfg.MaxBackoff
	if shift := attempts - 1; shift < 30 {
		bound = min(bound, g.cfg.Backoff<<max(0, shift))
	}
	return rand.N(bound) + 1
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
