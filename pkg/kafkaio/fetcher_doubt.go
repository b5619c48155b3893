package kafkaio

import (
	"context"
	"sync"
	"time"
)

// doubtTimeout bounds the question about one partition: the partitions of other brokers wait meanwhile.
const doubtTimeout = 2 * time.Second

// doubted is a partition whose leader may be another one, or the same one with another log.
type doubted struct {
	partition, node, epoch int32
	gen                    uint64
}

// verify asks the leaders of partitions that could not be read for a while whether they hold what was read. A leader
// that was elected without it may have grown past the position since, and would be read on as if nothing had been.
func (f *Fetcher) verify() {
	now := time.Now()
	f.mu.Lock()
	var list []doubted
	for _, p := range f.parts {
		if p.node != anyNode || p.halted || !p.doubt || p.retryAt.After(now) {
			continue
		}
		if leader, ok := f.client.meta.leader(f.params.topic, p.partition); ok {
			list = append(list, doubted{p.partition, leader, p.epoch, p.gen})
		}
	}
	f.mu.Unlock()
	var all sync.WaitGroup
	for _, d := range list {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(f.ctx, doubtTimeout)
			defer cancel()
			end, err := f.client.epochEnd(ctx, d.node, f.params.topic, d.partition, d.epoch)
			f.resolve(&d, end, err)
		})
	}
	all.Wait()
}

func (f *Fetcher) resolve(d *doubted, end int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.parts[d.partition]
	if p == nil || p.gen != d.gen || f.ctx.Err() != nil {
		return
	}
	if err != nil {
		p.fails++
		p.stale, p.retryAt = true, time.Now().Add(delayFor(p.fails))
		f.noteFailure(p, err)
		return
	}
	p.doubt = false
	if end < 0 || end >= p.next {
		return
	}
	p.halted = true
	p.pending = &Fetch{
		Partition: p.partition, From: p.next, Next: p.next, LogStart: -1, HighWatermark: -1,
		Err: ErrOffsetOutOfRange{Requested: p.next, LogStart: -1, End: end, Replaced: true},
	}
	wake(f.ready)
}
