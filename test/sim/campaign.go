package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Campaign runs seeds side by side and adds up what they have seen.
type Campaign struct {
	From, Seeds uint64
	Workers     int           // 0 = one for each core
	Keep        int           // failures after which it stops; 0 = 1
	Every       time.Duration // between two lines of progress; 0 = none
	Tell        func(line string)
	Weak        Weak // rule that the worlds leave out
}

// Result is what a campaign has found.
type Result struct {
	Seeds  uint64 // that were run
	Next   uint64 // first one that was not
	Steps  int64
	Took   time.Duration
	Count  counts
	Failed []Failure
}

// Failure is a seed that was not clean.
type Failure struct {
	Seed uint64
	Err  error
}

// Run plays the seeds until all are done, ctx ends, or enough have failed.
func (c Campaign) Run(ctx context.Context) Result {
	if c.Workers <= 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	c.Keep = max(c.Keep, 1)
	// Worlds are many and small: collecting them seldom costs little memory and saves a third.
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	var (
		mu    sync.Mutex
		out   = Result{Next: c.From}
		next  atomic.Uint64
		done  atomic.Uint64
		stop  atomic.Bool
		work  sync.WaitGroup
		begun = time.Now()
	)
	next.Store(c.From)
	for range c.Workers {
		work.Go(func() {
			var sum counts
			var steps int64
			for !stop.Load() && ctx.Err() == nil {
				seed := next.Add(1) - 1
				if seed >= c.From+c.Seeds {
					break
				}
				p := Draw(seed)
				p.Weak = c.Weak
				r := play(p, nil)
				sum.add(&r.Count)
				steps += int64(r.Steps)
				done.Add(1)
				if r.Err != nil {
					mu.Lock()
					out.Failed = append(out.Failed, Failure{seed, r.Err})
					stop.Store(len(out.Failed) >= c.Keep)
					mu.Unlock()
				}
			}
			mu.Lock()
			defer mu.Unlock()
			out.Count.add(&sum)
			out.Steps += steps
		})
	}
	ended := make(chan struct{})
	go func() {
		work.Wait()
		close(ended)
	}()
	c.report(ended, &done, begun)
	out.Seeds, out.Took = done.Load(), time.Since(begun)
	out.Next = min(next.Load(), c.From+c.Seeds)
	return out
}

func (c Campaign) report(ended <-chan struct{}, done *atomic.Uint64, begun time.Time) {
	if c.Every <= 0 {
		<-ended
		return
	}
	tick := time.NewTicker(c.Every)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
			n := done.Load()
			rate := float64(n) / time.Since(begun).Seconds()
			c.Tell(fmt.Sprintf("%d of %d seeds (%.1f%%), %.0f a second, goes on at %d", n, c.Seeds, 100*float64(n)/float64(c.Seeds), rate, c.From+n))
		}
	}
}

// Err says what is wrong with a result: failed seeds, or faults that a campaign of this size
// must have seen and has not.
func (r *Result) Err() error {
	var errs []error
	for _, f := range r.Failed {
		errs = append(errs, fmt.Errorf("seed %d: %w", f.Seed, f.Err))
	}
	if never := r.Count.never(); len(never) > 0 && r.Seeds >= enough {
		errs = append(errs, fmt.Errorf("never seen in %d seeds: %s", r.Seeds, strings.Join(never, ", ")))
	}
	return errors.Join(errs...)
}

// enough seeds see every fault and every path.
const enough = 2_000

// String is the result in lines.
func (r *Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d seeds in %s, %.0f a second, %d steps, %d failed\n", r.Seeds, r.Took.Round(time.Millisecond), float64(r.Seeds)/r.Took.Seconds(), r.Steps, len(r.Failed))
	for i, n := range r.Count {
		fmt.Fprintf(&b, "  %-40s %12d\n", counterNames[i], n)
	}
	return b.String()
}
