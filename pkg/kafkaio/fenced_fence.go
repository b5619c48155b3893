package kafkaio

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// closingEpoch is the greatest epoch there is. A batch under it, forged with a
// producer id that is no longer ours to take an epoch of, shuts that id out for
// good.
const closingEpoch = 32767

// headerSuccessor names, on a closing fence, the producer id in whose favour the
// record's own was closed, in decimal.
const headerSuccessor = "x-producer-id"

// ErrClosedFor says that another owner was first to close the producer that wrote
// last: it is ahead, or was held up and has come back.
var ErrClosedFor = fmt.Errorf("%w: the producer before was closed for another one", ErrFenced)

// Heir is who may write behind the record, if it is the newest of its partition: the
// producer that wrote it, or the one in whose favour a closing fence closed that.
func (r *Record) Heir() Epoch {
	if id, ok := r.successor(); ok {
		return Epoch{ProducerID: id}
	}
	return Epoch{ProducerID: r.ProducerID, Epoch: r.ProducerEpoch}
}

func (r *Record) successor() (id int64, ok bool) {
	if r.ProducerEpoch != closingEpoch {
		return -1, false
	}
	for _, h := range r.Headers {
		if h.Key == headerSuccessor {
			id, err := strconv.ParseInt(string(h.Value), 10, 64)
			return id, err == nil && id >= 0
		}
	}
	return -1, false
}

// Fence writes the fence record as the first batch of this epoch (sequence 0)
// and gives its offset. On return it is acknowledged by all in-sync replicas and
// nothing of an older epoch can follow it: read the tail up to it after, not
// before.
//
// last is the Heir of the newest record in the partition's tail, nil if the
// partition is empty. When that is another producer id (epochs used up, or the
// transactional id expired), a closing fence under it goes first, with the same
// content and the name of ours. Only one can close a producer: so those that may
// write follow each other in a line, and whoever is held up on the way is shut out
// by the next one. last must be of a record written by a fenced writer: the id of
// foreign software must never be closed. The epoch must have been taken after the
// tail was read, for an older one could close a newer.
//
// ErrFenced means that another owner is ahead, ErrClosedFor among them;
// ErrAmbiguous that the outcome is unknown. After any error the writer is
// finished: take a new epoch.
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
		if err := w.close(ctx, rec, last.ProducerID); err != nil {
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

// close shuts a producer id out in favour of ours. Whoever does that second is told the
// first one's record, as if it were a repeat of that: the broker compares no content. So
// what stands in the log decides.
func (w *FencedWriter) close(ctx context.Context, rec OutRecord, producer int64) error {
	own := w.cfg.Epoch.ProducerID
	rec.Headers = append(slices.Clip(rec.Headers), Header{Key: headerSuccessor, Value: strconv.AppendInt(nil, own, 10)})
	at, err := w.writeFence(ctx, rec, Epoch{ProducerID: producer, Epoch: closingEpoch})
	if err != nil {
		return err
	}
	stands, err := w.client.ReadRange(ctx, w.cfg.Topic, w.cfg.Partition, at, at+1)
	if err != nil {
		return fmt.Errorf("read the closing fence: %w", err)
	}
	for i := range stands {
		if id, _ := stands[i].successor(); stands[i].Offset == at && id == own {
			return nil
		}
	}
	return ErrClosedFor
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
