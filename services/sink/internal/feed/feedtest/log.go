// Package feedtest is a log of one topic in memory, with the group and the fetcher
// that a feed needs, so that workers can be tested without a broker and on fake time.
package feedtest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/services/sink/internal/feed"
)

// Log is one topic. It is safe for concurrent use.
type Log struct {
	mu         sync.Mutex
	changed    chan struct{} // closed and renewed at every change
	partitions map[int32]*partition
	committed  map[int32]int64
	generation *generation
	owned      []int32
}

type partition struct {
	start   int64
	records []kafkaio.Record // from start on
	at      int64            // next to read; -1 = not assigned
	paused  bool
	fresh   bool // nothing given since Assign
	halted  bool
}

// New makes a log with n partitions, all owned.
func New(n int32) *Log {
	l := &Log{changed: make(chan struct{}), partitions: map[int32]*partition{}, committed: map[int32]int64{}}
	for p := range n {
		l.partitions[p] = &partition{at: -1}
		l.owned = append(l.owned, p)
	}
	return l
}

func (l *Log) notify() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// Append adds a record and returns its offset.
func (l *Log) Append(p int32, key string, value []byte, headers ...kafkaio.Header) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	part := l.partitions[p]
	offset := part.start + int64(len(part.records))
	part.records = append(part.records, kafkaio.Record{Partition: p, Offset: offset, Key: []byte(key), Value: value, Headers: headers})
	l.notify()
	return offset
}

// Trim loses everything before an offset, as retention does.
func (l *Log) Trim(p int32, before int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	part := l.partitions[p]
	part.records = part.records[before-part.start:]
	part.start = before
	l.notify()
}

// Committed is the group's position, -1 when there is none.
func (l *Log) Committed(p int32) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.committed[p]; ok {
		return at
	}
	return -1
}

// Expel gives the partitions to somebody else, of which the member does not hear until
// Rebalance.
func (l *Log) Expel() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.generation != nil {
		l.generation.expelled = true
	}
}

// Rebalance ends the generation; the next one owns the partitions named.
func (l *Log) Rebalance(owned ...int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owned = owned
	if l.generation != nil {
		close(l.generation.done)
		l.generation = nil
	}
	l.notify()
}

type generation struct {
	log   *Log
	owned []int32
	done  chan struct{}

	expelled bool // under the lock of log
}

func (g *generation) Partitions() []int32   { return g.owned }
func (g *generation) Done() <-chan struct{} { return g.done }

func (g *generation) Commit(_ context.Context, offsets map[int32]int64) error {
	g.log.mu.Lock()
	defer g.log.mu.Unlock()
	if g.log.generation != g || g.expelled {
		return errors.New("the generation is over")
	}
	maps.Copy(g.log.committed, offsets)
	return nil
}

// Next implements feed.Group.
func (l *Log) Next(ctx context.Context) (feed.Generation, error) {
	for {
		l.mu.Lock()
		if l.generation == nil {
			l.generation = &generation{log: l, owned: slices.Clone(l.owned), done: make(chan struct{})}
			g := l.generation
			l.mu.Unlock()
			return g, nil
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Close implements feed.Group.
func (l *Log) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.generation != nil {
		close(l.generation.done)
		l.generation = nil
	}
}

// Assign implements feed.Fetcher.
func (l *Log) Assign(p int32, offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	part := l.partitions[p]
	part.at, part.paused, part.halted, part.fresh = offset, false, false, true
	l.notify()
}

// Revoke implements feed.Fetcher.
func (l *Log) Revoke(p int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partitions[p].at = -1
}

// Pause implements feed.Fetcher.
func (l *Log) Pause(p int32) { l.setPaused(p, true) }

// Resume implements feed.Fetcher.
func (l *Log) Resume(p int32) { l.setPaused(p, false) }

func (l *Log) setPaused(p int32, paused bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partitions[p].paused = paused
	l.notify()
}

// perFetch is small, so that a test of some records sees several answers.
const perFetch = 7

// Poll implements feed.Fetcher.
func (l *Log) Poll(ctx context.Context) ([]kafkaio.Fetch, error) {
	for {
		l.mu.Lock()
		out := l.collect()
		changed := l.changed
		l.mu.Unlock()
		if len(out) > 0 {
			return out, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (l *Log) collect() (out []kafkaio.Fetch) {
	for p, part := range l.partitions {
		end := part.start + int64(len(part.records))
		if part.at < 0 || part.paused || part.halted {
			continue
		}
		f := kafkaio.Fetch{Partition: p, Next: part.at, LogStart: part.start, HighWatermark: end}
		switch {
		case part.at < part.start || part.at > end:
			f.Err = kafkaio.ErrOffsetOutOfRange{Requested: part.at, LogStart: part.start, End: end}
			part.halted = true
		case part.at == end && !part.fresh:
			continue
		default:
			from := part.at - part.start
			f.Records = slices.Clone(part.records[from:min(from+perFetch, int64(len(part.records)))])
			f.Next = part.at + int64(len(f.Records))
			part.at = f.Next
		}
		part.fresh = false
		out = append(out, f)
	}
	return out
}

// Offsets implements feed.Positions.
func (l *Log) Offsets(_ context.Context, _ string, p int32) (start, end int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	part := l.partitions[p]
	return part.start, part.start + int64(len(part.records)), nil
}

// CommittedOffsets implements feed.Positions.
func (l *Log) CommittedOffsets(_ context.Context, _, _ string, partitions []int32) (map[int32]int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[int32]int64{}
	for _, p := range partitions {
		if at, ok := l.committed[p]; ok {
			out[p] = at
		}
	}
	return out, nil
}
