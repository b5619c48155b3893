package saleswings

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/crashpoint"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/telemetry"
	"github.com/cohortflow/cohortflow/services/sink/internal/delivery"
	"github.com/cohortflow/cohortflow/services/sink/internal/feed"
	"github.com/cohortflow/cohortflow/services/sink/internal/instruments"
	"github.com/cohortflow/cohortflow/services/sink/internal/receipts"
)

// worker is one tenure of one partition. One goroutine; only done callbacks of the
// journal come from elsewhere, and they touch nothing but closed.
type worker struct {
	*Deliverer
	*memory
	lease     *feed.Lease
	partition int32
	queue     *delivery.Queue
	position  delivery.Position
	committed int64
	commitAt  time.Time
	owned     time.Time // when the group was last asked and said that the partition is ours
	gauged    int
	settled   chan struct{} // size 1: closed has grown

	mu     sync.Mutex
	closed []delivery.Ticket // journalled since the loop last looked
	failed error             // of the journal
}

// run takes in, sends and commits until ctx ends. Nothing of what it holds is lost
// by leaving: the position stays before it.
func (w *worker) run(ctx context.Context) error {
	w.committed = -1
	defer w.commit(context.WithoutCancel(ctx), true)
	defer w.gauge(true)
	for {
		if err := w.takeIn(ctx); err != nil {
			return err
		}
		if err := w.settle(); err != nil {
			return err
		}
		w.commit(ctx, false)
		w.gauge(false)
		if ctx.Err() != nil {
			return nil
		}
		batch := w.queue.Take(time.Now(), w.cfg.Batch)
		if len(batch) == 0 {
			w.wait(ctx)
			continue
		}
		crashpoint.At("sink.saleswings.taken")
		if err := w.journal.Room(ctx); err != nil {
			return err
		}
		if err := w.deliver(ctx, batch); err != nil {
			return err
		}
	}
}

// gauge tells the metrics how much waits here; at the end nothing does any more.
func (w *worker) gauge(last bool) {
	n := w.queue.Len()
	if last {
		n = 0
	}
	w.metrics.Queued(n - w.gauged)
	w.gauged = n
}

// wait sleeps until there may be something to do.
func (w *worker) wait(ctx context.Context) {
	now := time.Now()
	wake := now.Add(w.cfg.CommitGap)
	if at, ok := w.queue.Next(now); ok && at.Before(wake) {
		wake = at
	}
	timer := time.NewTimer(time.Until(wake))
	defer timer.Stop()
	ready := w.lease.Ready()
	if w.full() {
		ready = nil
	}
	select {
	case <-ready:
	case <-w.settled:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (w *worker) full() bool {
	return w.queue.Len() >= w.cfg.Queue || w.position.Len() >= 4*w.cfg.Queue
}

// takeIn moves what was read into the queue, unless that is full.
func (w *worker) takeIn(ctx context.Context) error {
	if w.full() {
		return nil
	}
	for _, f := range w.lease.Take() {
		for i := range f.Records {
			if err := w.handle(ctx, &f.Records[i]); err != nil {
				return err
			}
		}
		w.position.Pass(f.Next)
		w.read = max(w.read, f.Next)
		if f.Err == nil {
			continue
		}
		gap := feed.Gap(w.topic, w.partition, f.Err)
		if gap == nil || !w.cfg.AcceptGaps {
			return errors.Join(gap, f.Err)
		}
		start, _, err := w.lease.Bounds(ctx)
		if err != nil {
			return fmt.Errorf("go on behind a gap: %w", err)
		}
		w.log.Error("transitions were lost by retention, going on behind the gap", "partition", w.partition, "next", start, "err", f.Err)
		w.position.Pass(start)
		w.lease.Start(start)
		return nil
	}
	return nil
}

// handle decides what is to be done about one record. It fails only when a schema that
// the record needs cannot be had at present.
func (w *worker) handle(ctx context.Context, r *kafkaio.Record) error {
	var t cohort.Transition
	value := bytes.Clone(r.Value) // outlives the answer it came in, which is much larger
	op, err := w.decoder.DecodeTransition(ctx, value, &t, nil)
	switch {
	case errors.Is(err, avrocodec.ErrRegistry):
		return fmt.Errorf("read %s/%d at %d: %w", w.topic, w.partition, r.Offset, err)
	case err != nil:
		w.log.Error("a transition cannot be read", "partition", w.partition, "offset", r.Offset, "err", err)
		w.metrics.Outcome(ctx, avrocodec.OutcomeDeadLetter, 1)
		w.journal.DeadLetter(w.partition, bytes.Clone(r.Key), "", value, "the record cannot be read", 0, w.closer(w.position.Open(r.Offset)))
		return nil
	case op == cohort.OpErased:
		w.erased = append(w.erased, erasure{offset: r.Offset, id: t.ID, subject: t.Person})
	case op != cohort.OpEnter && op != cohort.OpExit, !w.wanted(t.Cohort):
		return nil
	}
	if message := w.skip(ctx, &t); message != "" {
		w.outcome(ctx, &t, receipts.Outcome{Outcome: avrocodec.OutcomeSkipped, Message: message}, w.position.Open(r.Offset))
		return nil
	}
	it := &delivery.Item{Transition: t, Value: value, Subject: w.keys.Subject(t.Person), Keep: givesUp(&t)}
	if telemetry.Sampled(r.Headers) {
		it.Trace = telemetry.SpanContext(r.Headers)
	}
	added, superseded := w.queue.Add(it)
	if !added {
		w.metrics.Remark(ctx, instruments.Repeat, 1)
		return nil
	}
	it.Ticket = w.position.Open(r.Offset)
	if superseded != nil {
		w.superseded(ctx, superseded)
	}
	return nil
}

// skip says why a transition is not told; "" = it is.
func (w *worker) skip(ctx context.Context, t *cohort.Transition) (message string) {
	switch {
	case t.Op == cohort.OpErased:
		w.metrics.Remark(ctx, instruments.Erased, 1)
		return receipts.MessageErased
	case t.Elapsed:
		return receipts.MessageElapsed
	case t.Op == cohort.OpExit && t.Reason == cohort.ReasonMerged:
		// SalesWings joins the leads by itself: leaving as the one would take back what
		// was told of the other.
		w.metrics.Remark(ctx, instruments.Moved, 1)
		return receipts.MessageMerged
	case t.Op == cohort.OpEnter && t.WarmingUntil > t.DecidedAt:
		w.metrics.Remark(ctx, instruments.Warming, 1)
		return receipts.MessageWarming(t.WarmingUntil)
	case givesUp(t):
		if a, unreadable := newActivity(t, w.keys); a.Lead == (Lead{}) {
			w.metrics.Remark(ctx, instruments.ContactUnreadable, unreadable)
			return receipts.MessageContacts
		}
	}
	return ""
}

func (w *worker) superseded(ctx context.Context, it *delivery.Item) {
	w.outcome(ctx, &it.Transition, receipts.Outcome{
		Outcome: avrocodec.OutcomeSuperseded, Message: "a newer transition of the cohort took its place", Attempt: it.Attempts,
	}, it.Ticket)
}

// outcome writes the last receipt of a transition; its offset is done when that is kept.
func (w *worker) outcome(ctx context.Context, t *cohort.Transition, o receipts.Outcome, ticket delivery.Ticket) {
	w.metrics.Outcome(ctx, o.Outcome, 1)
	w.journal.Receipt(w.partition, t, o, w.closer(ticket))
}

// closer makes the callback that closes a ticket from the journal's goroutine.
func (w *worker) closer(ticket delivery.Ticket) func(error) {
	return func(err error) {
		if err == nil {
			crashpoint.At("sink.saleswings.outcome.kept")
		}
		w.mu.Lock()
		if err != nil {
			w.failed = err
		} else {
			w.closed = append(w.closed, ticket)
		}
		w.mu.Unlock()
		select {
		case w.settled <- struct{}{}:
		default:
		}
	}
}

// settle closes the tickets that were journalled meanwhile.
func (w *worker) settle() error {
	w.mu.Lock()
	closed, err := w.closed, w.failed
	w.closed = nil
	w.mu.Unlock()
	for _, t := range closed {
		w.position.Done(t)
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// commit stores the position now and then. Failing does no harm but repeats.
func (w *worker) commit(ctx context.Context, last bool) {
	now := time.Now()
	if last {
		crashpoint.At("sink.saleswings.closing.begun")
		_ = w.settle() // what failed stays before the position anyway
	} else if now.Before(w.commitAt) {
		return
	}
	next, ok := w.position.Committable()
	if !ok || next == w.committed {
		return
	}
	if err := w.store(ctx, next); err != nil {
		w.log.Info("position not stored", "partition", w.partition, "err", err)
	}
}

// store stores the position, which only the present owner of the partition can.
func (w *worker) store(ctx context.Context, next int64) error {
	now := time.Now()
	w.commitAt = now.Add(w.cfg.CommitGap)
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Grace)
	defer cancel()
	crashpoint.Near("sink.saleswings.position.sent")
	if err := w.lease.Commit(ctx, next); err != nil {
		return err
	}
	crashpoint.At("sink.saleswings.position.committed")
	w.committed, w.owned = next, now
	w.forget(next)
	return nil
}

// ownedFor is how long what the group said holds: shorter than it waits at a rebalance for a member that is silent.
const ownedFor = 2 * time.Second

// sendingFor is how long a request may take from then on until it is on its way.
const sendingFor = 500 * time.Millisecond

// own makes sure, before anything is sent, that the partition is still ours. SalesWings knows no fence: an owner that
// was frozen with news in its hands would tell them behind those of the next owner, and what is told last holds. The
// time is the wall clock's, which goes on while a machine sleeps.
func (w *worker) own(ctx context.Context) error {
	if age := time.Now().Round(0).Sub(w.owned.Round(0)); age >= 0 && age < ownedFor {
		return nil
	}
	next, ok := w.position.Committable()
	if !ok {
		return nil // nothing was read, so there is nothing to send
	}
	if err := w.store(ctx, next); err != nil {
		return fmt.Errorf("ask the group whether partition %d is still ours: %w", w.partition, err)
	}
	return nil
}
