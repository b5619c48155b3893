package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// producerOwner is the owner of one batch in flight.
type producerOwner struct {
	p *Producer
	b *producerBatch
}

func (o producerOwner) deliver() {}

// complete implements jobOwner.
func (o producerOwner) complete(j *job) *job {
	p, b := o.p, o.b
	p.mu.Lock()
	defer p.mu.Unlock()
	part := b.part
	if part.inflight != b || &b.job != j {
		return nil // given up by Close
	}
	v := j.judge(time.Now())
	if j.err != nil {
		p.startProbeLocked()
	}
	if v.retry {
		p.client.resubmit(j, v.renew, func() error { return p.mayRetry(j) })
		return nil
	}
	part.inflight = nil
	p.inflight--
	switch {
	case v.ok:
		part.seq = advanceSequence(part.seq, b.count)
	case j.maybe || errors.Is(v.final, ErrFenced) || errors.Is(v.final, ErrAmbiguous):
		// Whether the sequence is used up is unknown, or the broker has lost it.
		// A new id makes the rest independent of that, but only once no batch under
		// the old one is in flight: else order within a partition could be lost.
		p.renewID = true
		v.final = withoutFence(v.final)
	}
	p.endLocked(b, v.final)
	if part.spare == nil && cap(b.buf) <= 2*p.cfg.MaxBatchBytes {
		b.reset()
		part.spare = b
	}
	if p.renewID {
		p.startProbeLocked()
		return nil
	}
	return p.nextLocked(part)
}

// withoutFence: this producer has no epoch of its own that could be fenced; a
// lost sequence means that the outcome is unknown or nothing was written.
func withoutFence(err error) error {
	if !errors.Is(err, ErrFenced) {
		return err
	}
	if errors.Is(err, ErrAmbiguous) {
		return fmt.Errorf("%w: the broker lost the producer: %v", ErrAmbiguous, err) //nolint:errorlint // ErrFenced must not show
	}
	return fmt.Errorf("%w: the broker lost the producer: %v", ErrUnavailable, err) //nolint:errorlint // ErrFenced must not show
}

// mayRetry stops a batch that surely was not written once the cluster is known
// to be away: its callers have better to do than to wait.
func (p *Producer) mayRetry(j *job) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down != nil && !j.maybe {
		j.deadline = time.Now() // the verdict is final
		return p.down
	}
	return nil
}

// startProbeLocked finds out whether the cluster is away, if nothing does already.
func (p *Producer) startProbeLocked() {
	if !p.probing && p.client.ctx.Err() == nil {
		p.probing = true
		go p.probe()
	}
}

// probe asks the cluster until it answers. Each failure is the reason that calls
// are refused with; the first success takes a producer id, if one is due, and
// sets everything going again.
func (p *Producer) probe() {
	for attempt := 1; ; attempt++ {
		id, err := p.connect()
		if p.settle(id, err) {
			return
		}
		if backoff(p.client.ctx, attempt+3) != nil {
			p.settle(nil, ErrClosed)
			return
		}
	}
}

// connect renews the metadata and, when due, takes a producer id (nil if not).
func (p *Producer) connect() (*Epoch, error) {
	ctx, cancel := context.WithTimeout(p.client.ctx, p.client.cfg.RequestTimeout)
	defer cancel()
	if err := p.client.meta.renew(ctx, p.cfg.Topic); err != nil {
		return nil, p.client.explain(err)
	}
	if t := p.client.meta.topic(p.cfg.Topic); t == nil || t.err != nil {
		return nil, p.client.leaderProblem(p.cfg.Topic, 0)
	}
	p.mu.Lock()
	due := !p.hasID || (p.renewID && p.inflight == 0)
	p.mu.Unlock()
	if !due {
		return nil, nil //nolint:nilnil // no id is due
	}
	id, err := p.client.initProducer(ctx, "")
	if err != nil {
		return nil, err
	}
	return &id, nil
}

// settle notes the outcome of a probe and says whether probing is over.
func (p *Producer) settle(id *Epoch, err error) bool {
	p.mu.Lock()
	var jobs []*job
	var over bool
	if err != nil {
		if !errors.Is(err, ErrUnavailable) {
			err = fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if p.down == nil {
			p.client.log.Warn("kafka is away", "topic", p.cfg.Topic, "err", err)
		}
		p.down = err
		p.failUnsentLocked(err)
		over = errors.Is(err, ErrClosed)
	} else {
		if p.down != nil {
			p.client.log.Info("kafka is back", "topic", p.cfg.Topic)
		}
		p.down = nil
		if id != nil {
			p.id, p.hasID, p.renewID = *id, true, false
			for _, part := range p.parts {
				part.seq = 0
			}
		}
		// A renewal that waits for batches in flight is probed for by the last of
		// them; here it is over only if there is nothing to wait for.
		over = !p.renewID || p.inflight > 0
		if !p.renewID {
			for _, part := range p.parts {
				if j := p.nextLocked(part); j != nil {
					jobs = append(jobs, j)
				}
			}
		}
	}
	over = over || (p.closed && p.buffered == 0)
	if over {
		p.probing = false
	}
	select {
	case <-p.started:
	default:
		close(p.started)
	}
	p.mu.Unlock()
	p.client.submit(jobs...)
	return over
}

// failUnsentLocked ends every batch that was never sent.
func (p *Producer) failUnsentLocked(err error) {
	for _, part := range p.parts {
		for _, b := range part.full {
			p.endLocked(b, err)
		}
		part.full = nil
		if part.open != nil {
			p.endLocked(part.open, err)
			part.open = nil
		}
	}
}

func newPartialError(failed []int, total int, err error) *PartialError {
	slices.Sort(failed)
	return &PartialError{Failed: failed, Total: total, Err: err}
}
