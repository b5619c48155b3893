package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Config names what is read and by whom.
type Config struct {
	Topic string
	Group string
	// Pause bounds the wait before a failed worker begins again; it doubles up to
	// MaxPause while workers fail at once. Defaults 200 ms and 10 s.
	Pause, MaxPause time.Duration
}

// Work handles one partition until ctx ends or it fails. It returns nil only after
// ctx has ended.
type Work func(ctx context.Context, lease *Lease) error

// Feed runs the workers of one destination.
type Feed struct {
	cfg       Config
	group     Group
	fetcher   Fetcher
	positions Positions
	work      Work
	log       *slog.Logger

	mu     sync.Mutex
	leases map[int32]*Lease
	faults map[int32]error // of partitions whose worker fails at present
	joined bool
}

// New makes a feed; Run makes it work.
func New(cfg Config, g Group, f Fetcher, p Positions, work Work, log *slog.Logger) *Feed {
	if cfg.Pause <= 0 {
		cfg.Pause = 200 * time.Millisecond
	}
	if cfg.MaxPause <= 0 {
		cfg.MaxPause = 10 * time.Second
	}
	return &Feed{
		cfg: cfg, group: g, fetcher: f, positions: p, work: work,
		log:    log.With("group", cfg.Group, "topic", cfg.Topic),
		leases: map[int32]*Lease{}, faults: map[int32]error{},
	}
}

// Run takes part in the group until ctx ends, and leaves it when all workers have
// returned.
func (f *Feed) Run(ctx context.Context) error {
	polling, stopPolling := context.WithCancel(ctx)
	var poller sync.WaitGroup
	poller.Go(func() { f.poll(polling) })
	defer f.group.Close()
	defer poller.Wait()
	defer stopPolling()
	for attempt := 0; ; attempt++ {
		gen, err := f.group.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			f.log.Warn("cannot join the group, trying again", "err", err)
			if !pause(ctx, f.wait(attempt)) {
				return nil
			}
			continue
		}
		attempt = -1
		f.log.Info("partitions assigned", "partitions", gen.Partitions())
		f.generation(ctx, gen)
		f.mu.Lock()
		f.joined = false
		f.mu.Unlock()
	}
}

// generation runs a worker per partition until the generation or ctx ends.
func (f *Feed) generation(ctx context.Context, gen Generation) {
	own, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-gen.Done():
			cancel()
		case <-own.Done():
		}
	}()
	f.mu.Lock()
	f.joined = true
	for _, p := range gen.Partitions() {
		f.leases[p] = &Lease{partition: p, feed: f, gen: gen, ready: make(chan struct{}, 1)}
	}
	leases := f.leases
	f.mu.Unlock()

	var workers sync.WaitGroup
	for _, l := range leases {
		workers.Go(func() { f.hold(own, l) })
	}
	<-own.Done()
	workers.Wait()

	f.mu.Lock()
	for p := range leases {
		f.fetcher.Revoke(p)
	}
	f.leases = map[int32]*Lease{}
	clear(f.faults)
	f.mu.Unlock()
}

// hold runs the worker of one partition, again and again.
func (f *Feed) hold(ctx context.Context, l *Lease) {
	for attempt := 0; ctx.Err() == nil; {
		began := time.Now()
		err := f.work(ctx, l)
		f.fetcher.Revoke(l.partition)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("the worker returned before its time")
		}
		if time.Since(began) > f.cfg.MaxPause {
			attempt = 0
		}
		f.setFault(l.partition, err)
		wait := f.wait(attempt)
		attempt++
		f.log.Warn("tenure ended, beginning again", "partition", l.partition, "after", time.Since(began), "pause", wait, "err", err)
		if !pause(ctx, wait) {
			return
		}
	}
}

func (f *Feed) setFault(partition int32, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		delete(f.faults, partition)
		return
	}
	f.faults[partition] = err
}

// Ready says whether the group is joined and every worker works.
func (f *Feed) Ready() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.joined {
		return fmt.Errorf("group %s: not joined", f.cfg.Group)
	}
	for p, err := range f.faults {
		return fmt.Errorf("group %s, partition %d: %w", f.cfg.Group, p, err)
	}
	return nil
}

func (f *Feed) wait(attempt int) time.Duration {
	bound := min(f.cfg.MaxPause, f.cfg.Pause<<min(attempt, 20))
	return bound/4 + rand.N(bound)*3/4
}

// poll hands answers to the leases. It never waits for a worker: one that is slow
// has its partition paused.
func (f *Feed) poll(ctx context.Context) {
	for {
		f.noteStarts()
		fetches, err := f.fetcher.Poll(ctx)
		if err != nil {
			if ctx.Err() == nil {
				f.log.Error("reading has ended", "err", err)
			}
			return
		}
		for _, answer := range fetches {
			f.mu.Lock()
			l := f.leases[answer.Partition]
			f.mu.Unlock()
			if l != nil {
				l.offer(answer)
			}
		}
	}
}

// noteStarts remembers which Start of each lease the next answers are for.
func (f *Feed) noteStarts() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range f.leases {
		l.noteStart()
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
