// Package census tells how many people are in each cohort: by what the checkpoints
// carry, and by counting everybody.
package census

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/services/console/internal/state"
)

// Config is what a Census works with.
type Config struct {
	Reader *state.Reader
	Within time.Duration // for a whole count
	Fresh  time.Duration // how long the result of one answers the next question
}

// Census counts people. One count runs at a time, and all who ask meanwhile get its
// result. It is safe for concurrent use.
type Census struct {
	Config
	life context.Context //nolint:containedctx // the life of the count under way, which outlives who asked for it
	end  context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex
	running *run
	last    *Count
	ended   time.Time
}

// New makes a Census. Close it when done.
func New(cfg Config) *Census {
	c := &Census{Config: cfg}
	c.life, c.end = context.WithCancel(context.Background())
	return c
}

// Close ends the count under way and waits for it.
func (c *Census) Close() {
	c.end()
	c.work.Wait()
}

// run is a count under way.
type run struct {
	done  chan struct{}
	count *Count
	err   error
}

// Count is everybody, counted.
type Count struct {
	Parts []Part
}

// Part is one partition, counted slice by slice while its owner worked on.
type Part struct {
	Partition int32
	From, To  Mark             // checkpoints of the first and of the last slice
	Steady    bool             // they are one: the count is exact as of it
	People    int64            // everybody of whom something is kept
	Counted   map[string]int64 // by cohort
	Kept      map[string]int64 // what the last checkpoint says; nil = nothing
}

// Of adds up what all partitions have of a cohort.
func (c *Count) Of(key string) (total int64) {
	for i := range c.Parts {
		total += c.Parts[i].Counted[key]
	}
	return total
}

// Count counts, or waits for the count under way, or gives the last result while it is
// fresh. A caller that gives up does not end the count: the next one finds its result.
//
// Errors: the end of ctx; state.ErrNoState, state.ErrUnreadable; those of the store and
// of the catalogues.
func (c *Census) Count(ctx context.Context) (*Count, error) {
	c.mu.Lock()
	if c.last != nil && time.Since(c.ended) < c.Fresh {
		defer c.mu.Unlock()
		return c.last, nil
	}
	r := c.running
	if r == nil {
		r = &run{done: make(chan struct{})}
		c.running = r
		c.work.Go(func() { c.run(r) })
	}
	c.mu.Unlock()
	select {
	case <-r.done:
		return r.count, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (c *Census) run(r *run) {
	ctx, cancel := context.WithTimeout(c.life, c.Within)
	defer cancel()
	count := &Count{}
	for p := range int32(c.Reader.Partitions) {
		part, err := c.partition(ctx, p)
		if err != nil {
			count, r.err = nil, err
			break
		}
		count.Parts = append(count.Parts, part)
	}
	r.count = count
	c.mu.Lock()
	c.running = nil
	if r.err == nil {
		c.last, c.ended = count, time.Now()
	}
	c.mu.Unlock()
	close(r.done)
}

// shortRest is the least that is rested at once: timers are no finer, and small
// partitions would take mostly rest.
const shortRest = 5 * time.Millisecond

// partition walks over all slices. It rests as long as they took, so that the owner,
// whose latency counts, finds Redis and the processor free at least half of the time.
func (c *Census) partition(ctx context.Context, p int32) (Part, error) {
	part := Part{Partition: p, Steady: true, Counted: make(map[string]int64)}
	var first []byte
	var person cohort.Person
	var stays []cohort.Membership
	owed := time.Duration(0)
	for slice := range redisstate.Slices() {
		begun := time.Now()
		text, keys, blobs, err := c.Reader.Store.LoadSlice(ctx, p, slice)
		if err != nil {
			return part, err
		}
		at, in, err := c.Reader.Opened(ctx, p, text)
		if err != nil {
			return part, err
		}
		if slice == 0 {
			first, part.From = text, mark(&at)
		}
		part.Steady = part.Steady && bytes.Equal(first, text)
		part.To, part.Kept = mark(&at), Kept(&at)
		for i := range keys {
			if err := in.Program.Decode(keys[i], blobs[i], &person); err != nil {
				return part, fmt.Errorf("partition %d: %w: %w", p, state.ErrUnreadable, err)
			}
			stays = in.Program.AppendProfile(stays[:0], &person)
			for _, s := range stays {
				part.Counted[s.Cohort]++
			}
		}
		part.People += int64(len(keys))
		if owed += time.Since(begun); owed < shortRest {
			continue
		}
		if err := rest(ctx, owed); err != nil {
			return part, fmt.Errorf("count partition %d: %w", p, err)
		}
		owed = 0
	}
	return part, rest(ctx, owed)
}

func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
