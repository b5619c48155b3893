// Package latency keeps measured times and tells their quantiles.
package latency

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Recorder keeps every measurement. The zero value is ready; it may be used by many goroutines.
type Recorder struct {
	mu     sync.Mutex
	all    []time.Duration
	sorted bool
}

// Add keeps one measurement.
func (r *Recorder) Add(d time.Duration) {
	r.mu.Lock()
	r.all = append(r.all, d)
	r.sorted = false
	r.mu.Unlock()
}

// Summary tells the quantiles so far. A quantile is the smallest measurement that
// at least that share of all does not exceed; of none it is 0.
type Summary struct {
	Count               int
	P50, P90, P99, P999 time.Duration
	Max                 time.Duration
}

// Summary computes the quantiles of everything that was added.
func (r *Recorder) Summary() Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.sorted {
		slices.Sort(r.all)
		r.sorted = true
	}
	n := len(r.all)
	if n == 0 {
		return Summary{}
	}
	permille := func(q int) time.Duration { return r.all[(n*q+999)/1000-1] }
	return Summary{Count: n, P50: permille(500), P90: permille(900), P99: permille(990), P999: permille(999), Max: r.all[n-1]}
}

// Millis writes a duration in milliseconds, as precisely as its size deserves.
func Millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms >= 100 || ms <= -100:
		return fmt.Sprintf("%.0f ms", ms)
	case ms >= 10 || ms <= -10:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.2f ms", ms)
}
