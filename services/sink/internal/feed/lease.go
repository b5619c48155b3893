package feed

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// maxQueued is how many answers wait for a worker before its partition is paused.
const maxQueued = 2

// Lease is a partition that this process owns for one generation. Its methods are
// for the one worker that holds it.
type Lease struct {
	partition int32
	feed      *Feed
	gen       Generation
	ready     chan struct{} // size 1: something can be taken

	mu     sync.Mutex
	starts uint64 // how often Start was called
	asked  uint64 // starts when the poller last began to wait
	next   int64  // of the last answer queued
	queue  []kafkaio.Fetch
	paused bool
}

// Partition is its number, the same in every topic of the flow.
func (l *Lease) Partition() int32 { return l.partition }

// Working says that the worker has come to work: what it failed of before is over.
func (l *Lease) Working() { l.feed.setFault(l.partition, nil) }

// Ended is closed when the partition may belong to another member.
func (l *Lease) Ended() <-chan struct{} { return l.gen.Done() }

// Start begins to read at an offset, or begins anew there.
func (l *Lease) Start(offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.starts++
	l.next = offset
	l.queue = nil
	l.paused = false
	l.feed.fetcher.Assign(l.partition, offset)
}

// Ready is signalled when Take has something to give.
func (l *Lease) Ready() <-chan struct{} { return l.ready }

// Take gives what was read since the last call, in order. An answer with Err set is
// the last one until Start.
func (l *Lease) Take() []kafkaio.Fetch {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.queue
	l.queue = nil
	if l.paused {
		l.paused = false
		l.feed.fetcher.Resume(l.partition)
	}
	return out
}

// Commit stores the next offset as the group's position.
func (l *Lease) Commit(ctx context.Context, next int64) error {
	if err := l.gen.Commit(ctx, map[int32]int64{l.partition: next}); err != nil {
		return fmt.Errorf("commit position %d of %s/%d: %w", next, l.feed.cfg.Topic, l.partition, err)
	}
	return nil
}

// Committed is the group's position, false when there is none yet.
func (l *Lease) Committed(ctx context.Context) (int64, bool, error) {
	at, err := l.feed.positions.CommittedOffsets(ctx, l.feed.cfg.Group, l.feed.cfg.Topic, []int32{l.partition})
	if err != nil {
		return 0, false, fmt.Errorf("position of group %s: %w", l.feed.cfg.Group, err)
	}
	offset, ok := at[l.partition]
	return offset, ok && offset >= 0, nil
}

// Confirm asks the group whether the partition is still this member's, by storing the
// position that is stored already: only the present generation may. It is for workers
// to whom that position is for display.
func (l *Lease) Confirm(ctx context.Context) error {
	at, known, err := l.Committed(ctx)
	if err == nil && !known {
		at, _, err = l.Bounds(ctx)
	}
	if err == nil {
		err = l.Commit(ctx, at)
	}
	if err != nil {
		return fmt.Errorf("ask the group for partition %d: %w", l.partition, err)
	}
	return nil
}

// Bounds are the first offset that the log holds and the next it will write.
func (l *Lease) Bounds(ctx context.Context) (start, end int64, err error) {
	return l.feed.positions.Offsets(ctx, l.feed.cfg.Topic, l.partition)
}

// Gap explains an answer that says that the log no longer holds the position; nil
// for other errors. What was lost there stays lost, so somebody has to decide.
func Gap(topic string, partition int32, err error) error {
	var gone kafkaio.ErrOffsetOutOfRange
	if !errors.As(err, &gone) {
		return nil
	}
	return fmt.Errorf("%s/%d: position %d is gone from the log, which holds [%d, %d): transitions in between were never delivered; "+
		"set sink-accept-gaps to go on behind them: %w", topic, partition, gone.Requested, gone.LogStart, gone.End, err)
}

// offer queues an answer. When Start was called while the poller waited, nobody can
// tell for which one the answer is: it is dropped, and since the fetcher may have
// moved on with it, reading begins anew where it should be.
func (l *Lease) offer(f kafkaio.Fetch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.starts == 0 {
		return
	}
	if l.starts != l.asked {
		l.feed.fetcher.Assign(l.partition, l.next)
		return
	}
	l.queue = append(l.queue, f)
	l.next = f.Next
	if len(l.queue) >= maxQueued && !l.paused {
		l.paused = true
		l.feed.fetcher.Pause(l.partition)
	}
	select {
	case l.ready <- struct{}{}:
	default:
	}
}

func (l *Lease) noteStart() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = l.starts
}
