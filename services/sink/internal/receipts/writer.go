package receipts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cohortflow/cohortflow/pkg/crashpoint"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// Producer writes records and returns when all of them are acknowledged.
// *kafkaio.Producer is one.
type Producer interface {
	Produce(ctx context.Context, recs []kafkaio.OutRecord) error
}

// errStopped tells those who wait that their record was not acknowledged.
var errStopped = errors.New("the writer was stopped before the record was acknowledged")

const (
	maxBatch     = 1000
	flushTimeout = 3 * time.Second // at the end

	// gather is how long the first record waits for others. Nobody waits for receipts but
	// the position, which is committed about once a second. Written at once, they made the
	// suppression records of 5,000 transitions a second, which share the connections and
	// the broker, twice as slow.
	gather     = 100 * time.Millisecond
	retryBound = 2 * time.Second
)

// Writer is a queue in front of a producer: it fills for a moment, and while a write is
// in flight.
type Writer struct {
	name     string
	producer Producer
	most     int
	log      *slog.Logger
	wake     chan struct{} // size 1: a signal, not a queue
	full     chan struct{} // size 1: a batch is complete

	mu      sync.Mutex
	queue   []entry
	pending int           // queued and in flight
	room    chan struct{} // closed when pending falls below most; nil when nobody waits
	ended   bool
	failing bool
}

type entry struct {
	rec  kafkaio.OutRecord
	done func(error)
}

// NewWriter makes a writer whose Room is used up at most records. Run must be running.
func NewWriter(name string, p Producer, most int, log *slog.Logger) *Writer {
	return &Writer{name: name, producer: p, most: most, log: log, wake: make(chan struct{}, 1), full: make(chan struct{}, 1)}
}

// Add queues a record. done, which may be nil, is called once: with nil when the
// record is acknowledged, with an error when the writer stopped before. It must not
// block.
func (w *Writer) Add(rec kafkaio.OutRecord, done func(error)) {
	w.mu.Lock()
	if w.ended {
		w.mu.Unlock()
		if done != nil {
			done(errStopped)
		}
		return
	}
	w.queue = append(w.queue, entry{rec, done})
	w.pending++
	complete := len(w.queue) >= maxBatch
	w.mu.Unlock()
	signal(w.wake)
	if complete {
		signal(w.full)
	}
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Room waits until there is room for more, or ctx ends.
func (w *Writer) Room(ctx context.Context) error {
	for {
		w.mu.Lock()
		if w.pending < w.most || w.ended {
			w.mu.Unlock()
			return nil
		}
		if w.room == nil {
			w.room = make(chan struct{})
		}
		room := w.room
		w.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return fmt.Errorf("wait for room in %s: %w", w.name, context.Cause(ctx))
		}
	}
}

// Full says whether Room would wait.
func (w *Writer) Full() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pending >= w.most && !w.ended
}

// Err says whether writing fails at present.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failing {
		return fmt.Errorf("%s cannot be written at present", w.name)
	}
	return nil
}

// Run writes until ctx ends, then for a moment longer what is queued.
func (w *Writer) Run(ctx context.Context) error {
	defer w.end()
	for {
		select {
		case <-w.wake:
			w.gather(ctx)
		case <-ctx.Done():
			flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
			defer cancel()
			for w.writeSome(flush) {
			}
			return nil
		}
		for w.writeSome(ctx) {
		}
	}
}

// gather returns when a batch is complete or the first of it has waited long enough.
func (w *Writer) gather(ctx context.Context) {
	wait := time.NewTimer(gather)
	defer wait.Stop()
	select {
	case <-w.full:
	case <-wait.C:
	case <-ctx.Done():
	}
}

// writeSome writes one batch and returns whether there was one and it succeeded.
func (w *Writer) writeSome(ctx context.Context) bool {
	w.mu.Lock()
	n := min(len(w.queue), maxBatch)
	batch := w.queue[:n:n]
	w.queue = w.queue[n:]
	if len(w.queue) == 0 {
		w.queue = nil
	}
	w.mu.Unlock()
	if n == 0 {
		return false
	}
	left := w.write(ctx, batch)
	if len(left) > 0 { // ctx ended: back in front, for the flush or the end
		w.mu.Lock()
		w.queue = append(left, w.queue...)
		w.mu.Unlock()
		return false
	}
	return true
}

// write repeats until all is acknowledged or ctx ends, and returns what is left.
func (w *Writer) write(ctx context.Context, batch []entry) (left []entry) {
	for attempt := 0; len(batch) > 0; attempt++ {
		recs := make([]kafkaio.OutRecord, len(batch))
		for i := range batch {
			recs[i] = batch[i].rec
		}
		crashpoint.Near("sink.journal.sent")
		err := w.producer.Produce(ctx, recs)
		var partial *kafkaio.PartialError
		switch {
		case err == nil:
			crashpoint.At("sink.journal.acked")
			w.settle(batch, nil)
			w.setFailing(nil)
			return nil
		case errors.As(err, &partial):
			failed := make([]entry, 0, len(partial.Failed))
			isFailed := make(map[int]bool, len(partial.Failed))
			for _, i := range partial.Failed {
				isFailed[i] = true
				failed = append(failed, batch[i])
			}
			ok := make([]entry, 0, len(batch)-len(failed))
			for i, e := range batch {
				if !isFailed[i] {
					ok = append(ok, e)
				}
			}
			w.settle(ok, nil)
			batch = failed
		}
		if ctx.Err() != nil {
			return batch
		}
		w.setFailing(err)
		pause := time.NewTimer(rand.N(min(retryBound, 20*time.Millisecond<<min(attempt, 10))) + time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return batch
		}
	}
	return nil
}

func (w *Writer) settle(batch []entry, err error) {
	w.mu.Lock()
	w.pending -= len(batch)
	if w.room != nil && w.pending < w.most {
		close(w.room)
		w.room = nil
	}
	w.mu.Unlock()
	for _, e := range batch {
		if e.done != nil {
			e.done(err)
		}
	}
}

// setFailing logs a change of state, not every attempt.
func (w *Writer) setFailing(err error) {
	w.mu.Lock()
	changed := w.failing != (err != nil)
	w.failing = err != nil
	w.mu.Unlock()
	switch {
	case changed && err != nil:
		w.log.Warn("cannot write, repeating", "topic", w.name, "err", err)
	case changed:
		w.log.Info("writing again", "topic", w.name)
	}
}

func (w *Writer) end() {
	w.mu.Lock()
	w.ended = true
	left := w.queue
	w.queue = nil
	w.mu.Unlock()
	if len(left) > 0 {
		w.log.Warn("stopped with records unwritten", "topic", w.name, "records", len(left))
	}
	w.settle(left, errStopped)
}
