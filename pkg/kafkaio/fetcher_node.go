package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// fetchNode reads from one broker, one long poll after the other.
type fetchNode struct {
	f    *Fetcher
	node int32
	wake chan struct{} // size 1: the set of partitions to ask for may have changed

	// Guarded by the fetcher's lock.
	poll   *exchange // in flight
	cancel context.CancelFunc
	turn   int

	inUse atomic.Int32 // polls that the broker still answers, abandoned ones too
	frame []byte
}

const (
	// maxAbandoned bounds the long polls given up because the assignment has
	// changed; each holds its connection until the broker answers it.
	maxAbandoned = 4
	// answerSlack is what an answer may exceed the asked size by: one batch.
	answerSlack = 64 << 20
)

func (f *Fetcher) nodeLocked(node int32) *fetchNode {
	n := f.nodes[node]
	if n == nil {
		n = &fetchNode{f: f, node: node, wake: make(chan struct{}, 1)}
		f.nodes[node] = n
		f.wg.Add(1)
		go n.loop()
	}
	return n
}

// interruptLocked makes a change take effect at once: a poll that nothing has
// been received of is given up, since it may wait for long. One that is being
// received ends by itself, and the next one sees the change.
func (n *fetchNode) interruptLocked() {
	if n.poll != nil && !n.poll.receiving.Load() && n.inUse.Load() < maxAbandoned {
		n.cancel()
	}
	wake(n.wake)
}

func (n *fetchNode) loop() {
	defer n.f.wg.Done()
	for {
		asks, ctx, x := n.begin()
		if len(asks) == 0 {
			select {
			case <-n.wake:
				continue
			case <-n.f.ctx.Done():
				return
			}
		}
		_, err := n.f.client.do(ctx, x)
		n.end(asks, x, ctx.Err(), err)
		if n.f.ctx.Err() != nil {
			return
		}
	}
}

// begin prepares the next poll. It asks for nothing while an answer is
// undelivered.
func (n *fetchNode) begin() ([]fetchAsk, context.Context, *exchange) {
	f := n.f
	f.mu.Lock()
	defer f.mu.Unlock()
	var asks []fetchAsk
	for _, p := range f.parts {
		if p.node != n.node || p.halted {
			continue
		}
		if p.pending != nil {
			if !p.paused {
				for i := range asks {
					f.parts[asks[i].partition].asked = false
				}
				return nil, nil, nil
			}
			continue
		}
		if p.paused {
			continue
		}
		p.asked = true
		asks = append(asks, fetchAsk{partition: p.partition, gen: p.gen, offset: p.next})
	}
	if len(asks) == 0 {
		return nil, nil, nil
	}
	// Another partition goes first each time: the broker fills an answer in the
	// order of the request, and the first one always gets a whole batch.
	slices.SortFunc(asks, func(a, b fetchAsk) int { return int(a.partition - b.partition) })
	n.turn++
	turn := n.turn % len(asks)
	asks = append(asks[turn:len(asks):len(asks)], asks[:turn]...)

	n.frame = appendFetch(nil, f.client.cfg.ClientID, &f.params, asks)
	ctx, cancel := context.WithTimeout(f.ctx, f.wait+f.client.cfg.RequestTimeout)
	n.poll = &exchange{
		node: n.node, key: protocol.Fetch, version: fetchVersion, frame: n.frame,
		limit: int(f.params.maxBytes) + answerSlack, inUse: &n.inUse,
	}
	n.cancel = cancel
	return asks, ctx, n.poll
}

// end files the outcome of a poll under the assignments it was made for.
func (n *fetchNode) end(asks []fetchAsk, x *exchange, stopped, err error) {
	f := n.f
	var got []fetchGot
	if err == nil {
		got, err = parseFetch(x.answer, f.params.topic)
	}
	results := make([]fetchResult, 0, len(asks))
	if err == nil {
		results = n.decode(asks, got)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n.poll = nil
	n.cancel()
	for i := range asks {
		if p := f.parts[asks[i].partition]; p != nil && p.gen == asks[i].gen {
			p.asked = false
		}
	}
	if err != nil {
		if errors.Is(stopped, context.Canceled) {
			return // interrupted: the next poll asks for the new set
		}
		for i := range asks {
			if p := f.parts[asks[i].partition]; p != nil && p.gen == asks[i].gen {
				f.failLocked(p, err)
			}
		}
		return
	}
	for i := range results {
		f.fileLocked(&results[i])
	}
}

// fetchResult is one partition of an answer, decoded.
type fetchResult struct {
	ask   fetchAsk
	fetch Fetch
	retry error // to be waited out
	epoch int32 // of the leader that wrote the last batch, -1 = there was none
}

// decode works without the fetcher's lock: the caller of Poll goes on meanwhile.
func (n *fetchNode) decode(asks []fetchAsk, got []fetchGot) []fetchResult {
	f := n.f
	results := make([]fetchResult, 0, len(got))
	for i := range got {
		g := &got[i]
		k := slices.IndexFunc(asks, func(a fetchAsk) bool { return a.partition == g.partition })
		if k < 0 {
			continue
		}
		r := fetchResult{ask: asks[k], epoch: -1, fetch: Fetch{
			Partition: g.partition, From: asks[k].offset, Next: asks[k].offset, LogStart: g.logStart, HighWatermark: g.high,
		}}
		if g.code != 0 {
			r.fetch.Err, r.retry = f.classify(&r.fetch, g.code)
		} else if len(g.records) > 0 {
			d := decoder{partition: g.partition, aborted: g.aborted, limit: maxUnpacked, epoch: -1}
			r.fetch.Records, r.fetch.Next, r.fetch.Err = d.decode(nil, g.records, asks[k].offset)
			r.epoch = d.epoch
			if r.fetch.Err != nil {
				r.fetch.Err = fmt.Errorf("read %s/%d: %w", f.params.topic, g.partition, r.fetch.Err)
			}
		}
		results = append(results, r)
	}
	return results
}

// classify tells errors for the caller from those to be waited out.
func (f *Fetcher) classify(fetch *Fetch, code int16) (final, retry error) {
	err := fmt.Errorf("read %s/%d: %w", f.params.topic, fetch.Partition, codeErr(code))
	switch {
	case kafka.Error(code) == kafka.OffsetOutOfRange:
		// The answer does not say what the log holds. Ask: a broker that has just
		// become the leader may also know less for a moment than it will.
		ctx, cancel := context.WithTimeout(f.ctx, f.client.cfg.RequestTimeout)
		defer cancel()
		start, end, listErr := f.client.listOnce(ctx, f.params.topic, fetch.Partition)
		if listErr != nil {
			return nil, listErr
		}
		if fetch.Next >= start && fetch.Next <= end {
			return nil, err
		}
		fetch.LogStart, fetch.HighWatermark = start, end
		return ErrOffsetOutOfRange{Requested: fetch.Next, LogStart: start, End: end}, nil
	case kafka.Error(code) == kafka.InvalidMessage:
		return fmt.Errorf("%w: %w", ErrCorrupt, err), nil
	case leaderless(code) || kafka.Error(code) == kafka.Unknown || kafka.Error(code).Temporary():
		return nil, err
	}
	return err, nil
}

func (f *Fetcher) fileLocked(r *fetchResult) {
	p := f.parts[r.ask.partition]
	if p == nil || p.gen != r.ask.gen {
		return
	}
	if r.retry != nil {
		f.failLocked(p, r.retry)
		return
	}
	p.fails = 0
	p.halted = r.fetch.Err != nil
	if !p.fresh && !p.halted && len(r.fetch.Records) == 0 && r.fetch.Next == p.next {
		return
	}
	p.fresh = false
	p.next = r.fetch.Next
	if r.epoch >= 0 {
		p.epoch = r.epoch
	}
	fetch := r.fetch
	p.pending = &fetch
	if !p.paused {
		wake(f.ready)
	}
}

// failLocked sends p back to the router. The first failure in a row is tried
// again at once: usually a leader has moved or a connection had been closed.
func (f *Fetcher) failLocked(p *fetchPart, err error) {
	p.fails++
	p.node, p.stale, p.doubt = anyNode, true, p.epoch >= 0
	if p.fails > 1 {
		p.retryAt = time.Now().Add(delayFor(p.fails))
	}
	f.noteFailure(p, err)
	wake(f.route)
}
