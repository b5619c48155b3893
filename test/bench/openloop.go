package main

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cohortflow/cohortflow/test/bench/latency"
)

// openLoop calls send for request 0, 1, 2, ... at their intended times, whether or
// not earlier ones were answered: a pipeline that stalls meets the same load, and
// its stall is in every latency that is counted from the intended time. It returns
// when all requests were answered, or with the first error.
func openLoop(ctx context.Context, start time.Time, every time.Duration, n, connections int, send func(ctx context.Context, i int) error) (late latency.Summary, err error) {
	return openLoopUntil(ctx, nil, start, every, n, connections, send)
}

// openLoopUntil is an openLoop of at most n requests, which ends when done is closed and
// what was due by then is answered. The summary counts them.
func openLoopUntil(ctx context.Context, done <-chan struct{}, start time.Time, every time.Duration, n, connections int, send func(ctx context.Context, i int) error) (late latency.Summary, err error) {
	g, ctx := errgroup.WithContext(ctx)
	due := make(chan int, n) // holds all requests, so that the clock never waits for a connection
	for range connections {
		g.Go(func() error {
			for i := range due {
				if err := send(ctx, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	var lateness latency.Recorder
	g.Go(func() error {
		defer close(due)
		timer := time.NewTimer(0)
		defer timer.Stop()
		for i := range n {
			at := start.Add(time.Duration(i) * every)
			if pause := time.Until(at); pause > 0 {
				timer.Reset(pause)
				select {
				case <-timer.C:
				case <-done:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			lateness.Add(time.Since(at))
			due <- i
		}
		return nil
	})
	err = g.Wait()
	return lateness.Summary(), err
}

// arrivals keeps when the thing with a number was first seen.
type arrivals struct {
	mu   sync.Mutex
	at   []time.Time
	left int
	all  chan struct{} // closed when every one was seen
}

func newArrivals(n int) *arrivals {
	return &arrivals{at: make([]time.Time, n), left: n, all: make(chan struct{})}
}

func (a *arrivals) see(n int, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n < 0 || n >= len(a.at) || !a.at[n].IsZero() {
		return
	}
	a.at[n] = now
	if a.left--; a.left == 0 {
		close(a.all)
	}
}

// seen gives the arrivals; a zero time stands for one that did not come.
func (a *arrivals) seen() []time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]time.Time(nil), a.at...)
}

// missing is how many did not come yet.
func (a *arrivals) missing() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.left
}
