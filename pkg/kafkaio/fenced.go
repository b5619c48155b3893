package kafkaio

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// FencedConfig names the partition that a writer owns and under which epoch.
type FencedConfig struct {
	Topic         string
	Partition     int32
	Epoch         Epoch
	MaxBatchBytes int           // a batch is closed at this size; default 512 KiB. One record may exceed it
	Timeout       time.Duration // how long one batch may be retried; default 10 s
	// HeldUp is how long the writer may be without an acknowledgement before it ends, as by a process
	// that slept. Its owner writes at least twice as often; well inside the broker's
	// producer.id.expiration.ms. Default 30 min.
	HeldUp time.Duration
}

// FencedWriter appends to one partition under one epoch. There is one per
// partition and tenure: Fence first, then Append as often as wanted. It sends at
// once when idle and fills the next batch while one is in flight. The first
// final error ends it: nothing later is ever sent, so the log holds a prefix of
// what was appended.
type FencedWriter struct {
	client *Client
	cfg    FencedConfig
	held   atomic.Int64 // bytes appended and not ended

	mu         sync.Mutex
	fenced     bool
	err        error     // final
	heard      time.Time // when the newest acknowledged batch was sealed
	seq        int32     // of the next batch
	open       *fencedBatch
	full       []*fencedBatch
	inflight   *fencedBatch
	spare      []*fencedBatch
	ready      []notice // callbacks due, in order
	running    []notice // the buffer of those being run
	delivering bool
}

// fencedBatch is a batch and who is to be told of its end.
type fencedBatch struct {
	batch
	job    job
	sealed time.Time
	spans  []span
}

// span is the end of one Append within a batch.
type span struct {
	last int // index of its last record in the batch, -1 = none
	done func(lastOffset int64, err error)
}

type notice struct {
	done   func(lastOffset int64, err error)
	offset int64
	err    error
}

var (
	errNotFenced   = errors.New("append before the fence record was written: call Fence first")
	errFencedTwice = errors.New("the writer has its fence already: use a new writer for a new tenure")
)

// NewFencedWriter makes a writer; nothing is sent before Fence.
func (c *Client) NewFencedWriter(cfg FencedConfig) *FencedWriter {
	if cfg.MaxBatchBytes <= 0 {
		cfg.MaxBatchBytes = 512 << 10
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.HeldUp <= 0 {
		cfg.HeldUp = 30 * time.Minute
	}
	return &FencedWriter{client: c, cfg: cfg}
}

// Append copies recs and writes them behind everything appended before. done,
// which may be nil, is called once, in the order of the calls and never
// concurrently: with the offset of the last record when all of them are
// acknowledged by all in-sync replicas, else with the error that ended the
// writer. It must not block for long; it may call Append. An Append of nothing
// is told -1 when all before it has ended. The partition in recs is ignored.
//
// Append itself never blocks: bound what is outstanding by Buffered.
func (w *FencedWriter) Append(recs []OutRecord, done func(lastOffset int64, err error)) {
	w.mu.Lock()
	if w.err == nil && !w.fenced {
		w.err = errNotFenced
	}
	if w.err != nil {
		w.noticeLocked(done, -1, w.err)
		w.mu.Unlock()
		w.deliverAsync()
		return
	}
	for i := range recs {
		r := &recs[i]
		if w.open != nil && w.open.count > 0 && w.open.size()+encodedBound(r) > w.cfg.MaxBatchBytes {
			w.full = append(w.full, w.open)
			w.open = nil
		}
		w.openLocked()
		before := w.open.size()
		w.open.add(r)
		w.held.Add(int64(w.open.size() - before))
	}
	if done != nil {
		w.spanLocked(len(recs), done)
	}
	next := w.nextLocked()
	due := len(recs) == 0 || w.err != nil
	w.mu.Unlock()
	if next != nil {
		w.client.submit(next)
	} else if due {
		w.deliverAsync()
	}
}

// spanLocked attaches done to the record that ends its call.
func (w *FencedWriter) spanLocked(records int, done func(int64, error)) {
	switch {
	case records > 0:
		w.open.spans = append(w.open.spans, span{last: w.open.count - 1, done: done})
	case w.open != nil:
		w.open.spans = append(w.open.spans, span{last: -1, done: done})
	case len(w.full) > 0:
		b := w.full[len(w.full)-1]
		b.spans = append(b.spans, span{last: -1, done: done})
	case w.inflight != nil:
		w.inflight.spans = append(w.inflight.spans, span{last: -1, done: done})
	default:
		w.noticeLocked(done, -1, nil)
	}
}

// Buffered is the number of record bytes appended and not yet ended.
func (w *FencedWriter) Buffered() int { return int(w.held.Load()) }

// Close ends the writer: what is not acknowledged yet is told ErrClosed, with
// ErrAmbiguous when it may have been written. Await the callbacks first to stop
// in good order.
func (w *FencedWriter) Close() {
	w.mu.Lock()
	if w.err == nil {
		w.failLocked(ErrClosed)
	}
	w.mu.Unlock()
	w.deliverAsync()
}

func (w *FencedWriter) openLocked() {
	if w.open != nil {
		return
	}
	if n := len(w.spare); n > 0 {
		w.open, w.spare = w.spare[n-1], w.spare[:n-1]
		return
	}
	w.open = &fencedBatch{}
}

// nextLocked seals the batch that is due, if none is in flight.
func (w *FencedWriter) nextLocked() *job {
	now := time.Now()
	if w.inflight != nil || w.err != nil || w.heldUpLocked(now) {
		return nil
	}
	var b *fencedBatch
	switch {
	case len(w.full) > 0:
		b = w.full[0]
		w.full[0] = nil
		w.full = w.full[1:]
		if len(w.full) == 0 {
			w.full = nil
		}
	case w.open != nil && w.open.count > 0:
		b, w.open = w.open, nil
	default:
		return nil
	}
	bytes, err := b.seal(w.cfg.Epoch.ProducerID, w.cfg.Epoch.Epoch, w.seq, codecNone)
	if err != nil {
		panic("sealing without compression cannot fail: " + err.Error())
	}
	w.inflight, b.sealed = b, now
	b.job = job{
		topic: w.cfg.Topic, partition: w.cfg.Partition, bytes: bytes, owner: w,
		deadline: now.Add(w.cfg.Timeout),
	}
	return &b.job
}

// complete implements jobOwner.
func (w *FencedWriter) complete(j *job) *job {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.inflight
	if b == nil || &b.job != j {
		return nil // given up by Close; its outcome no longer matters
	}
	v := j.judge(time.Now())
	switch {
	case v.ok:
		w.inflight, w.heard = nil, b.sealed
		w.seq = advanceSequence(w.seq, b.count)
		w.held.Add(int64(-b.size()))
		for _, s := range b.spans {
			offset := int64(-1)
			if s.last >= 0 {
				offset = j.answer.baseOffset + int64(s.last)
			}
			w.noticeLocked(s.done, offset, nil)
		}
		w.recycleLocked(b)
		return w.nextLocked()
	case v.retry:
		w.client.resubmit(j, v.renew, w.stillOpen)
		return nil
	}
	w.failLocked(v.final)
	return nil
}

func (w *FencedWriter) stillOpen() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heldUpLocked(time.Now())
	return w.err
}

func (w *FencedWriter) recycleLocked(b *fencedBatch) {
	const keep = 4 << 20 // a buffer that one great record blew up is not kept
	if len(w.spare) < 4 && cap(b.buf) <= keep {
		clear(b.spans)
		b.spans = b.spans[:0]
		b.reset()
		w.spare = append(w.spare, b)
	}
}

// failLocked ends the writer and tells everybody, in order.
func (w *FencedWriter) failLocked(err error) {
	w.err = err
	if b := w.inflight; b != nil {
		own := err
		if errors.Is(err, ErrClosed) && !errors.Is(err, ErrAmbiguous) {
			own = errors.Join(ErrAmbiguous, err)
		}
		w.failBatchLocked(b, own)
		w.inflight = nil
	}
	for _, b := range w.full {
		w.failBatchLocked(b, err)
	}
	w.full = nil
	if w.open != nil {
		w.failBatchLocked(w.open, err)
		w.open = nil
	}
	w.spare = nil
}

func (w *FencedWriter) failBatchLocked(b *fencedBatch, err error) {
	w.held.Add(int64(-b.size()))
	for _, s := range b.spans {
		w.noticeLocked(s.done, -1, err)
	}
}

func (w *FencedWriter) noticeLocked(done func(int64, error), offset int64, err error) {
	if done != nil {
		w.ready = append(w.ready, notice{done: done, offset: offset, err: err})
	}
}

func (w *FencedWriter) deliverAsync() {
	w.mu.Lock()
	idle := !w.delivering && len(w.ready) > 0
	w.mu.Unlock()
	if idle {
		go w.deliver()
	}
}

// deliver runs the callbacks that are due, one goroutine at a time: whoever
// comes while another runs them leaves its own to that one.
func (w *FencedWriter) deliver() {
	w.mu.Lock()
	if w.delivering {
		w.mu.Unlock()
		return
	}
	w.delivering = true
	for len(w.ready) > 0 {
		batch := w.ready
		w.ready = w.running[:0]
		w.running = nil
		w.mu.Unlock()
		for i := range batch {
			batch[i].done(batch[i].offset, batch[i].err)
		}
		clear(batch)
		w.mu.Lock()
		w.running = batch[:0]
	}
	w.delivering = false
	w.mu.Unlock()
}
