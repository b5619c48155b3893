package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ProducerConfig names the topic and the bounds of a producer.
type ProducerConfig struct {
	Topic            string
	MaxBatchBytes    int           // uncompressed bound of one batch; default 512 KiB, keep it under the topic's max.message.bytes
	MaxBufferedBytes int           // bound of all that is not acknowledged yet; default 32 MiB
	Timeout          time.Duration // longest wait for an acknowledgement; default 10 s
	Compression      string        // none, gzip, snappy, lz4 or zstd; default none
}

// Producer writes to all partitions of one topic, idempotently and
// acknowledged by all in-sync replicas. There is no linger: what arrives while a
// partition is idle leaves at once, what arrives meanwhile fills the next batch.
// Safe for concurrent use.
type Producer struct {
	client *Client
	cfg    ProducerConfig
	codec  codec

	started chan struct{} // closed when the first probe has ended

	mu       sync.Mutex
	id       Epoch
	hasID    bool
	renewID  bool // a new id is due once nothing is in flight
	down     error
	probing  bool
	closed   bool
	inflight int
	buffered int
	parts    []*producerPart // by partition
	idle     *sync.Cond      // signalled when a batch ends
}

// producerPart is one partition: at most one batch in flight, so that sequences
// are simple and order is kept.
type producerPart struct {
	partition int32
	seq       int32
	open      *producerBatch
	full      []*producerBatch
	inflight  *producerBatch
	spare     *producerBatch
	touched   bool // by the call being taken
}

type producerBatch struct {
	batch
	job   job
	cost  int       // of the budget
	born  time.Time // when its first record came
	spans []callSpan
	part  *producerPart
}

// callSpan says which records of a call are in a batch: n of those for its
// partition, from the given ordinal on.
type callSpan struct {
	call    *producerCall
	from, n int
}

// producerCall is one Produce that waits.
type producerCall struct {
	recs   []OutRecord // nil once the caller has left
	left   int
	failed []int
	err    error
	done   chan struct{}
}

// NewProducer makes a producer and begins to connect. It does not wait: see Ready.
func (c *Client) NewProducer(cfg ProducerConfig) *Producer {
	if cfg.MaxBatchBytes <= 0 {
		cfg.MaxBatchBytes = 512 << 10
	}
	if cfg.MaxBufferedBytes <= 0 {
		cfg.MaxBufferedBytes = 32 << 20
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	p := &Producer{client: c, cfg: cfg, started: make(chan struct{})}
	p.idle = sync.NewCond(&p.mu)
	var err error
	if p.codec, err = parseCodec(cfg.Compression); err != nil {
		p.down, p.closed = err, true
		close(p.started)
		return p
	}
	p.probing = true
	go p.probe()
	return p
}

// Produce writes recs and returns when every one is acknowledged by all in-sync
// replicas. The records of one call for one partition keep their order and, if
// they fit, share a batch.
//
// Errors: ErrBackpressure and ErrUnavailable at once, with nothing taken;
// *PartialError when only some were acknowledged; ErrAmbiguous when the outcome
// of all is unknown; ErrTooLarge for what can never be sent. If ctx ends first,
// its error is returned with ErrAmbiguous and the records may still be written.
func (p *Producer) Produce(ctx context.Context, recs []OutRecord) error {
	if len(recs) == 0 {
		return nil
	}
	select {
	case <-p.started:
	case <-ctx.Done():
		return fmt.Errorf("produce to %s: %w: %w", p.cfg.Topic, ErrUnavailable, context.Cause(ctx))
	}
	call := &producerCall{recs: recs, left: len(recs), done: make(chan struct{})}
	jobs, err := p.take(call)
	if err != nil {
		return fmt.Errorf("produce to %s: %w", p.cfg.Topic, err)
	}
	p.client.submit(jobs...)
	select {
	case <-call.done:
	case <-ctx.Done():
		p.mu.Lock()
		defer p.mu.Unlock()
		if call.left > 0 {
			call.recs = nil
			return fmt.Errorf("produce to %s: %w: %w", p.cfg.Topic, ErrAmbiguous, context.Cause(ctx))
		}
	}
	return call.result(p.cfg.Topic)
}

func (p *Producer) take(call *producerCall) ([]*job, error) {
	need := 0
	for i := range call.recs {
		r := &call.recs[i]
		n := encodedBound(r)
		if n > p.cfg.MaxBatchBytes-batchHeader {
			return nil, fmt.Errorf("%w: record %d takes %d bytes, the batch limit is %d", ErrTooLarge, i, n, p.cfg.MaxBatchBytes)
		}
		need += n
	}
	if need > p.cfg.MaxBufferedBytes {
		return nil, fmt.Errorf("%w: the call takes %d bytes, the buffer limit is %d: split it", ErrTooLarge, need, p.cfg.MaxBufferedBytes)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed && p.down != nil:
		return nil, p.down
	case p.closed:
		return nil, ErrClosed
	case p.down != nil:
		return nil, p.down
	case p.buffered+need > p.cfg.MaxBufferedBytes:
		return nil, fmt.Errorf("%w: %d of %d bytes are in use", ErrBackpressure, p.buffered, p.cfg.MaxBufferedBytes)
	}
	if err := p.checkPartitionsLocked(call.recs); err != nil {
		return nil, err
	}
	p.buffered += need
	var touched []*producerPart
	for i := range call.recs {
		part := p.parts[call.recs[i].Partition]
		if !part.touched {
			part.touched = true
			touched = append(touched, part)
		}
		part.add(call, &call.recs[i], p.cfg.MaxBatchBytes)
	}
	jobs := make([]*job, 0, len(touched))
	for _, part := range touched {
		part.touched = false
		if j := p.nextLocked(part); j != nil {
			jobs = append(jobs, j)
		}
	}
	return jobs, nil
}

func (p *Producer) checkPartitionsLocked(recs []OutRecord) error {
	most := int32(0)
	for i := range recs {
		if recs[i].Partition < 0 {
			return fmt.Errorf("record %d: partition %d is negative", i, recs[i].Partition)
		}
		most = max(most, recs[i].Partition)
	}
	if int(most) < len(p.parts) {
		return nil
	}
	known := p.client.meta.topic(p.cfg.Topic)
	if known == nil || int(most) >= len(known.leaders) {
		return p.client.leaderProblem(p.cfg.Topic, most)
	}
	for n := len(p.parts); n < len(known.leaders); n++ {
		p.parts = append(p.parts, &producerPart{partition: int32(n)})
	}
	return nil
}

func (part *producerPart) add(call *producerCall, r *OutRecord, limit int) {
	n := encodedBound(r)
	if part.open != nil && part.open.count > 0 && part.open.size()+n > limit {
		part.full = append(part.full, part.open)
		part.open = nil
	}
	if part.open == nil {
		part.open, part.spare = part.spare, nil
		if part.open == nil {
			part.open = &producerBatch{part: part}
		}
	}
	b := part.open
	if b.count == 0 {
		b.born = time.Now()
	}
	b.add(r)
	b.cost += n
	if k := len(b.spans); k > 0 && b.spans[k-1].call == call {
		b.spans[k-1].n++
		return
	}
	from := 0
	if k := len(part.full); k > 0 {
		// The call may have begun in the batch before.
		prev := part.full[k-1].spans
		if s := prev[len(prev)-1]; s.call == call {
			from = s.from + s.n
		}
	}
	b.spans = append(b.spans, callSpan{call: call, from: from, n: 1})
}

// nextLocked seals the batch that is due on a partition, if it may leave now.
func (p *Producer) nextLocked(part *producerPart) *job {
	if part.inflight != nil || p.renewID || !p.hasID || p.down != nil {
		return nil
	}
	var b *producerBatch
	switch {
	case len(part.full) > 0:
		b = part.full[0]
		part.full[0] = nil
		part.full = part.full[1:]
	case part.open != nil && part.open.count > 0:
		b, part.open = part.open, nil
	default:
		return nil
	}
	bytes, err := b.seal(p.id.ProducerID, p.id.Epoch, part.seq, p.codec)
	if err != nil {
		p.endLocked(b, fmt.Errorf("encode a batch: %w", err))
		return p.nextLocked(part)
	}
	part.inflight = b
	p.inflight++
	// The wait behind another batch counts, but one attempt is always made.
	deadline := b.born.Add(p.cfg.Timeout)
	if least := time.Now().Add(leastAttempt); deadline.Before(least) {
		deadline = least
	}
	b.job = job{topic: p.cfg.Topic, partition: part.partition, bytes: bytes, owner: producerOwner{p, b}, deadline: deadline}
	return &b.job
}

// endLocked tells the calls of a batch its end and frees their budget.
func (p *Producer) endLocked(b *producerBatch, err error) {
	p.buffered -= b.cost
	b.cost = 0
	for _, s := range b.spans {
		s.call.end(b.part.partition, s, err)
	}
	clear(b.spans)
	b.spans = b.spans[:0]
	p.idle.Broadcast()
}

// end notes that a span of the call has ended; with the last one the call ends.
func (c *producerCall) end(partition int32, s callSpan, err error) {
	if err != nil {
		if c.err == nil {
			c.err = err
		}
		ordinal := 0
		for i := range c.recs {
			if c.recs[i].Partition != partition {
				continue
			}
			if ordinal >= s.from && ordinal < s.from+s.n {
				c.failed = append(c.failed, i)
			}
			ordinal++
		}
	}
	if c.left -= s.n; c.left == 0 {
		close(c.done)
	}
}

func (c *producerCall) result(topic string) error {
	if c.err == nil {
		return nil
	}
	err := fmt.Errorf("produce to %s: %w", topic, c.err)
	if len(c.failed) == len(c.recs) {
		return err
	}
	return newPartialError(c.failed, len(c.recs), err)
}

// Ready is nil when a Produce would be tried, and says else why not.
func (p *Producer) Ready() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.down != nil:
		return p.down
	case p.closed:
		return ErrClosed
	case !p.hasID:
		return fmt.Errorf("%w: still connecting", ErrUnavailable)
	}
	return nil
}

// Close takes no more calls and returns when all that was taken has ended, at
// the latest when ctx does: what is left then is told ErrAmbiguous or
// ErrUnavailable.
func (p *Producer) Close(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	stop := context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.idle.Broadcast()
	})
	defer stop()
	for p.buffered > 0 && ctx.Err() == nil {
		p.idle.Wait()
	}
	if p.buffered == 0 {
		return nil
	}
	p.failUnsentLocked(fmt.Errorf("%w: %w", ErrUnavailable, ErrClosed))
	for _, part := range p.parts {
		if b := part.inflight; b != nil {
			part.inflight = nil
			p.inflight--
			p.endLocked(b, errors.Join(ErrAmbiguous, ErrClosed))
		}
	}
	return fmt.Errorf("close producer of %s: %w", p.cfg.Topic, context.Cause(ctx))
}
