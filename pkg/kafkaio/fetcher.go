package kafkaio

import (
	"context"
	"slices"
	"sync"
	"time"
)

// FetcherConfig names the topic and the limits of a fetcher. The zero value of
// every field but Topic works.
type FetcherConfig struct {
	Topic             string
	MaxWait           time.Duration // longest wait of the broker for data; default 250 ms
	MinBytes          int32         // data that ends the wait; default 1: the first record
	MaxBytes          int32         // of one answer; default 8 MiB
	PartitionMaxBytes int32         // of one partition in it; default 1 MiB. A single batch may exceed both
}

// Fetch is what one answer brought for one partition.
type Fetch struct {
	Partition int32
	// Records in offset order; empty when only the position moved (control or
	// empty batches), in the first answer after Assign to an empty rest, or on Err.
	Records       []Record
	From          int64 // offset that reading went on from: the Next of the fetch before, or what was assigned
	Next          int64 // next offset to read
	LogStart      int64 // first offset of the log, -1 = not known
	HighWatermark int64 // end of what is committed, -1 = not known
	// Err is an error that waiting does not cure: ErrOffsetOutOfRange, ErrCorrupt or a
	// refusal by the broker. Next is where reading stopped; the partition stays
	// assigned and is not read on until it is assigned anew. Records before a
	// corrupt batch come along.
	Err error
}

// Fetcher reads the partitions that it was given, all of one broker in one
// request. Moved leaders, lost connections and brokers that are away are waited
// out inside, at the kept position. At most one answer per broker is held
// undelivered, so a slow caller slows the reading down. Safe for concurrent use.
type Fetcher struct {
	client *Client
	params fetchParams
	wait   time.Duration
	ctx    context.Context //nolint:containedctx // the life of the fetcher's goroutines
	cancel context.CancelFunc
	wg     sync.WaitGroup
	ready  chan struct{} // size 1: a delivery may be due
	route  chan struct{} // size 1: a partition may need a broker

	mu    sync.Mutex
	gen   uint64
	parts map[int32]*fetchPart
	nodes map[int32]*fetchNode
}

// fetchPart is one assigned partition.
type fetchPart struct {
	partition int32
	gen       uint64 // of the assignment; answers to another one are dropped
	next      int64
	node      int32 // that reads it, anyNode = to be found
	paused    bool
	halted    bool   // an error was delivered
	asked     bool   // in the request in flight
	fresh     bool   // nothing delivered since Assign
	pending   *Fetch // undelivered
	fails     int    // in a row
	retryAt   time.Time
	stale     bool  // the known leader was wrong
	epoch     int32 // of the leader that wrote the last batch read, -1 = nothing read
	doubt     bool  // the leader may not hold what was read
}

// NewFetcher makes a fetcher without partitions.
func (c *Client) NewFetcher(cfg FetcherConfig) *Fetcher {
	f := &Fetcher{
		client: c,
		params: fetchParams{
			topic: cfg.Topic, minBytes: max(cfg.MinBytes, 1),
			maxBytes: orDefault(cfg.MaxBytes, 8<<20), maxPartition: orDefault(cfg.PartitionMaxBytes, 1<<20),
		},
		wait:  orDefault(cfg.MaxWait, 250*time.Millisecond),
		ready: make(chan struct{}, 1), route: make(chan struct{}, 1),
		parts: map[int32]*fetchPart{}, nodes: map[int32]*fetchNode{},
	}
	f.params.waitMs = int32(f.wait.Milliseconds())
	f.ctx, f.cancel = context.WithCancel(c.ctx)
	f.wg.Add(1)
	go f.router()
	return f
}

func orDefault[T ~int32 | ~int64](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// Assign starts reading a partition at offset, or starts anew there: whatever
// was on its way for an earlier assignment is dropped. It takes effect at once,
// also while a long poll is in flight. The first answer is delivered even when it
// is empty, so that the caller learns where the log ends.
func (f *Fetcher) Assign(partition int32, offset int64) {
	f.mu.Lock()
	f.gen++
	node := anyNode
	if old := f.parts[partition]; old != nil {
		node = old.node
	} else if leader, ok := f.client.meta.leader(f.params.topic, partition); ok {
		node = leader
	}
	p := &fetchPart{partition: partition, gen: f.gen, next: offset, node: node, fresh: true, epoch: -1}
	f.parts[partition] = p
	f.wakeLocked(p)
	f.mu.Unlock()
}

// Revoke stops reading a partition; nothing of it is delivered any more.
func (f *Fetcher) Revoke(partition int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.parts[partition]; p != nil {
		delete(f.parts, partition)
		if n := f.nodes[p.node]; n != nil && p.pending != nil {
			wake(n.wake) // its answer no longer waits for delivery
		}
	}
}

// Pause holds a partition back: nothing of it is delivered until Resume, and
// nothing more is fetched for it. The others go on.
func (f *Fetcher) Pause(partition int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.parts[partition]; p != nil && !p.paused {
		p.paused = true
		if n := f.nodes[p.node]; n != nil && p.pending != nil {
			wake(n.wake)
		}
	}
}

// Resume ends Pause, at once.
func (f *Fetcher) Resume(partition int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.parts[partition]; p != nil && p.paused {
		p.paused = false
		if p.pending != nil {
			wake(f.ready)
			return
		}
		f.wakeLocked(p)
	}
}

// wakeLocked gets p read now: by its broker's loop, or after finding the broker.
func (f *Fetcher) wakeLocked(p *fetchPart) {
	if p.node == anyNode {
		wake(f.route)
		return
	}
	f.nodeLocked(p.node).interruptLocked()
}

// Poll waits for data and gives at most one Fetch per partition, ordered by
// partition. Its only errors are the end of ctx and ErrClosed.
func (f *Fetcher) Poll(ctx context.Context) ([]Fetch, error) {
	for {
		if out := f.collect(); len(out) > 0 {
			return out, nil
		}
		select {
		case <-f.ready:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-f.ctx.Done():
			return nil, ErrClosed
		}
	}
}

func (f *Fetcher) collect() []Fetch {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []Fetch
	for _, p := range f.parts {
		if p.pending == nil || p.paused {
			continue
		}
		out = append(out, *p.pending)
		p.pending = nil
		if n := f.nodes[p.node]; n != nil {
			wake(n.wake)
		}
	}
	slices.SortFunc(out, func(a, b Fetch) int { return int(a.Partition - b.Partition) })
	return out
}

// Close stops reading and waits for the fetcher's goroutines.
func (f *Fetcher) Close() {
	f.cancel()
	f.wg.Wait()
}

func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// router finds the brokers of partitions that have none.
func (f *Fetcher) router() {
	defer f.wg.Done()
	for {
		due, renew, pause := f.unrouted()
		if !due {
			if !f.sleep(pause) {
				return
			}
			continue
		}
		if renew {
			ctx, cancel := context.WithTimeout(f.ctx, f.client.cfg.RequestTimeout)
			err := f.client.meta.renew(ctx, f.params.topic)
			cancel()
			if f.ctx.Err() != nil {
				return
			}
			if err != nil {
				f.client.log.Debug("kafka leaders not renewed", "topic", f.params.topic, "err", err)
			}
		}
		f.verify()
		f.assignNodes(renew)
	}
}

// sleep waits for a change, or d if it is positive. It is false at the end.
func (f *Fetcher) sleep(d time.Duration) bool {
	var timer <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-f.route:
	case <-timer:
	case <-f.ctx.Done():
		return false
	}
	return true
}

// unrouted says whether partitions are due for a broker, whether the metadata
// must be renewed for them, and else when to look again (0 = on a change).
func (f *Fetcher) unrouted() (due, renew bool, pause time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	for _, p := range f.parts {
		if p.node != anyNode || p.halted {
			continue
		}
		if wait := p.retryAt.Sub(now); wait > 0 {
			if pause == 0 || wait < pause {
				pause = wait
			}
			continue
		}
		due = true
		if _, known := f.client.meta.leader(f.params.topic, p.partition); p.stale || !known {
			renew = true
		}
	}
	return due, renew, pause
}

func (f *Fetcher) assignNodes(renewed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	for _, p := range f.parts {
		if p.node != anyNode || p.halted || p.retryAt.After(now) || (p.stale && !renewed) {
			continue
		}
		leader, ok := f.client.meta.leader(f.params.topic, p.partition)
		if !ok {
			p.fails++
			p.retryAt = now.Add(delayFor(p.fails))
			f.noteFailure(p, f.client.leaderProblem(f.params.topic, p.partition))
			continue
		}
		if p.doubt {
			continue // it has got a leader since the others were asked
		}
		p.node, p.stale = leader, false
		f.nodeLocked(leader).interruptLocked()
	}
}

// noteFailure logs what is waited out: the first time, then ever more rarely.
func (f *Fetcher) noteFailure(p *fetchPart, err error) {
	if p.fails&(p.fails-1) == 0 && p.fails > 1 {
		f.client.log.Warn("kafka partition cannot be read, trying on",
			"topic", f.params.topic, "partition", p.partition, "offset", p.next, "attempts", p.fails, "err", err)
	}
}
