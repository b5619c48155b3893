package planning

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cohortflow/cohortflow/pkg/partition"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
)

const (
	attempts  = 5                      // of reading a slice
	firstRest = 200 * time.Millisecond // between the first two; each further one rests twice as long
)

// part is one slice of one partition.
type part struct {
	stage *stage
	slice int
}

// walk looks at everybody, a few slices at a time, and no faster than the pace.
func walk(ctx context.Context, cfg *Config, stages []*stage, lists []list) (*tally, error) {
	var parts []part
	for _, s := range stages {
		for slice := range cfg.Slices {
			if s.old != nil {
				parts = append(parts, part{s, slice})
			}
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &walker{cfg: cfg, of: len(parts), began: time.Now()}
	if cfg.Rate > 0 {
		w.each = time.Second / time.Duration(cfg.Rate)
	}
	next := make(chan part)
	tallies := make([]*tally, max(1, min(cfg.AtOnce, len(parts))))
	var working sync.WaitGroup
	for i := range tallies {
		tallies[i] = newTally(lists, cfg.Examples)
		working.Go(func() {
			for p := range next {
				if err := w.slice(ctx, p, tallies[i]); err != nil {
					cancel(fmt.Errorf("partition %d: %w", p.stage.partition, err))
					return
				}
			}
		})
	}
	for _, p := range parts {
		select {
		case next <- p:
		case <-ctx.Done():
		}
	}
	close(next)
	working.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for _, t := range tallies[1:] {
		tallies[0].add(t)
	}
	return tallies[0], nil
}

// walker is a walk under way.
type walker struct {
	cfg   *Config
	of    int
	began time.Time
	each  time.Duration // by the pace, for one person

	mu     sync.Mutex
	free   time.Time // until which the pace is used up
	people int64
	done   int
}

// slice looks at everybody of one slice.
func (w *walker) slice(ctx context.Context, p part, t *tally) error {
	text, keys, blobs, err := w.load(ctx, p)
	if err != nil {
		return err
	}
	c, err := partition.DecodeCheckpoint(text)
	switch {
	case text == nil:
		return fmt.Errorf("its state was taken away: %w", ErrMoved)
	case err != nil:
		return err
	case c.Catalogue != p.stage.checkpoint.Catalogue:
		return ErrMoved
	}
	at, reviews := p.stage.instant(&c), p.stage.reviews(&c, p.slice)
	for i, key := range keys {
		if err := t.person(p.stage, key, blobs[i], c.LogTime, at, reviews); err != nil {
			return fmt.Errorf("%w: bring cohortctl to the processor's release", err)
		}
	}
	return w.rest(ctx, len(keys))
}

// load reads a slice; while Redis is away for a moment it waits.
func (w *walker) load(ctx context.Context, p part) (checkpoint []byte, keys []string, blobs [][]byte, err error) {
	pause := firstRest
	for attempt := 1; ; attempt++ {
		checkpoint, keys, blobs, err = w.cfg.Store.LoadSlice(ctx, p.stage.partition, p.slice)
		if err == nil || attempt == attempts || !errors.Is(err, redisstate.ErrUnavailable) {
			return checkpoint, keys, blobs, err
		}
		if err := wait(ctx, pause); err != nil {
			return nil, nil, nil, err
		}
		pause *= 2
	}
}

// rest tells how far the walk is, and waits until the pace allows as many people more.
func (w *walker) rest(ctx context.Context, people int) error {
	w.mu.Lock()
	now := time.Now()
	if w.free.Before(now) {
		w.free = now
	}
	w.free = w.free.Add(time.Duration(people) * w.each)
	until := w.free
	w.people += int64(people)
	w.done++
	if w.cfg.Progress != nil {
		at := Progress{People: w.people, Slices: w.done, Of: w.of, Elapsed: now.Sub(w.began)}
		at.Eta = time.Duration(float64(at.Elapsed) / float64(w.done) * float64(w.of-w.done))
		w.cfg.Progress(at)
	}
	last := w.done == w.of
	w.mu.Unlock()
	if last {
		return nil
	}
	return wait(ctx, until.Sub(now))
}

func wait(ctx context.Context, d time.Duration) error {
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
