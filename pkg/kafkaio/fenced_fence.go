package kafkaio

import (
	"context"
	"fmt"
	"time"
)

// closingEpoch is the greatest epoch there is. A batch under it, forged with a
// producer id that is no longer ours to take an epoch of, shuts that id out for
// good.
const closingEpoch = 32767

// Fence writes the fence record as the first batch of this epoch (sequence 0)
// and gives its offset. On return it is acknowledged by all in-sync replicas and
// nothing of an older epoch can follow it: read the tail up to it after, not
// before.
//
// last is the producer id and epoch of the newest record in the partition's
// tail, nil if the partition is empty. When another producer id stands there
// (epochs used up, or the transactional id expired), a closing fence under that
// id goes first, with the same content. last must be of a record written by
// a fenced writer: the id of foreign software must never be closed.
//
// ErrFenced means that another owner is ahead; ErrAmbiguous that the outcome is
// unknown. After any error the writer is finished: take a new epoch.
func (w *FencedWriter) Fence(ctx context.Context, rec OutRecord, last *Epoch) (offset int64, err error) {
	w.mu.Lock()
	err = w.err
	if err == nil && w.fenced {
		err = errFencedTwice
	}
	w.mu.Unlock()
	if err != nil {
		return -1, err
	}
	if last != nil && last.ProducerID >= 0 && last.ProducerID != w.cfg.Epoch.ProducerID {
		old := Epoch{ProducerID: last.ProducerID, Epoch: closingEpoch}
		if _, err := w.writeFence(ctx, rec, old); err != nil {
			return -1, w.finish(fmt.Errorf("close producer %d on %s/%d: %w", last.ProducerID, w.cfg.Topic, w.cfg.Partition, err))
		}
	}
	sealed := time.Now()
	offset, err = w.writeFence(ctx, rec, w.cfg.Epoch)
	if err != nil {
		return -1, w.finish(fmt.Errorf("fence %s/%d: %w", w.cfg.Topic, w.cfg.Partition, err))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return -1, w.err
	}
	w.fenced, w.heard = true, sealed
	w.seq = 1
	return offset, nil
}

func (w *FencedWriter) finish(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.failLocked(err)
	}
	return err
}

// writeFence writes one batch of one record with sequence 0 and waits for it.
func (w *FencedWriter) writeFence(ctx context.Context, rec OutRecord, as Epoch) (int64, error) {
	var b batch
	b.add(&rec)
	bytes, err := b.seal(as.ProducerID, as.Epoch, 0, codecNone)
	if err != nil {
		return -1, err
	}
	s := &soloWrite{client: w.client, check: w.stillOpen, done: make(chan struct{})}
	s.job = job{
		topic: w.cfg.Topic, partition: w.cfg.Partition, bytes: bytes, owner: s,
		deadline: time.Now().Add(w.cfg.Timeout),
	}
	w.client.submit(&s.job)
	select {
	case <-s.done:
		return s.job.answer.baseOffset, s.err
	case <-ctx.Done():
		return -1, fmt.Errorf("%w: %w", ErrAmbiguous, context.Cause(ctx))
	}
}

// soloWrite owns one batch and retries it until its end.
type soloWrite struct {
	client *Client
	check  func() error
	job    job
	err    error
	done   chan struct{}
}

func (s *soloWrite) complete(j *job) *job {
	switch v := j.judge(time.Now()); {
	case v.ok:
		close(s.done)
	case v.retry:
		s.client.resubmit(j, v.renew, s.check)
	default:
		s.err = v.final
		close(s.done)
	}
	return nil
}

func (s *soloWrite) deliver() {}
