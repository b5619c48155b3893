package saleswings

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/crashpoint"
	"github.com/cohortflow/cohortflow/pkg/telemetry"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/sink/internal/delivery"
	"github.com/cohortflow/cohortflow/services/sink/internal/instruments"
	"github.com/cohortflow/cohortflow/services/sink/internal/receipts"
)

// attempt is one item in one round of sending.
type attempt struct {
	item     *delivery.Item
	activity Activity
	span     trace.Span // of the transition, when it is being traced
}

// deliver makes one attempt at each item and puts down what came of it. When it
// returns an error, the tenure ends with the items undelivered.
func (w *worker) deliver(ctx context.Context, batch []*delivery.Item) error {
	list := make([]attempt, len(batch))
	var newcomers, known []*attempt
	for i, it := range batch {
		a := &list[i]
		a.item = it
		var unreadable int
		a.activity, unreadable = newActivity(&it.Transition, w.keys)
		w.metrics.Remark(ctx, instruments.ContactUnreadable, unreadable)
		if it.Attempts == 0 {
			it.FirstTry = time.Now()
		}
		a.begin(ctx, w.tracer)
		if a.activity.Lead.Email != "" && introduces(&it.Transition) && !w.identified.has(it.Subject, a.activity.Lead.Email) {
			newcomers = append(newcomers, a)
		} else {
			known = append(known, a)
		}
	}
	defer func() {
		for i := range list {
			list[i].end()
		}
	}()
	// Introduce first: SalesWings shows nobody whose email it does not know.
	introduced, err := w.round(ctx, kindIdentify, newcomers)
	if err != nil {
		return err
	}
	_, err = w.round(ctx, kindTrack, append(known, introduced...))
	return err
}

// introduces says whether SalesWings may be given the email of a transition: not that of
// somebody who was erased, and not one that was given up.
func introduces(t *cohort.Transition) bool {
	return t.Op != cohort.OpExit || t.Reason != cohort.ReasonErased && !t.GoesOn()
}

// round sends one kind and returns those that may go on.
func (w *worker) round(ctx context.Context, k kind, list []*attempt) (passed []*attempt, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	results, err := w.request(ctx, k, list)
	if err != nil {
		return nil, err
	}
	if err := w.journalAmbiguous(ctx, list, results); err != nil {
		return nil, err
	}
	held := ""
	for i, a := range list {
		r := results[i]
		if r.verdict == verdictHold {
			held = fmt.Sprintf("status %d, %s", r.status, r.message)
		}
		if k == kindTrack || r.verdict != verdictDelivered && r.verdict != verdictRefused {
			w.conclude(ctx, a, r)
			continue
		}
		// Whoever cannot be introduced is not asked about again; the transition itself
		// may be taken all the same.
		w.identified.put(a.item.Subject, a.activity.Lead.Email)
		passed = append(passed, a)
	}
	w.setHeld(held)
	return passed, nil
}

// request sends a list, in halves when it is refused as a whole.
func (w *worker) request(ctx context.Context, k kind, list []*attempt) ([]result, error) {
	repeat := false
	activities := make([]Activity, len(list))
	for i, a := range list {
		repeat = repeat || a.item.Attempts > 0
		activities[i] = a.activity
	}
	if err := w.own(ctx); err != nil {
		return nil, err
	}
	asked := time.Now()
	done, err := w.gate.Enter(ctx, repeat)
	if err != nil {
		return nil, err
	}
	w.metrics.Waited(ctx, time.Since(asked))
	// A request on its way is not torn off at once when the partition is taken away:
	// that would make its outcome unknown.
	reqCtx, cancel := context.WithCancel(trace.ContextWithSpan(context.WithoutCancel(ctx), parentOf(list)))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(w.cfg.Grace, cancel) })
	defer stop()
	crashpoint.At("sink.saleswings.request.ready")
	if err := w.own(ctx); err != nil {
		done(false) // nobody knows
		return nil, err
	}
	crashpoint.Near("sink.saleswings.request.sent")
	began := time.Now()
	a := w.client.send(reqCtx, k, activities, w.owned.Add(ownedFor+sendingFor))
	crashpoint.At("sink.saleswings.request.answered")
	w.metrics.Duration(reqCtx, time.Since(began))
	done(a.healthy())
	if a.retryAfter > 0 {
		w.gate.Close(a.retryAfter)
	}
	if a.items[0].verdict != verdictSplit {
		return a.items, nil
	}
	half := len(list) / 2
	first, err := w.request(ctx, k, list[:half])
	if err != nil {
		return nil, err
	}
	second, err := w.request(ctx, k, list[half:])
	if err != nil {
		return nil, err
	}
	return append(first, second...), nil
}

// journalAmbiguous keeps on record, before anything is repeated, that an attempt may
// have arrived: it is the only trace of a double that nobody else can see. It waits
// for that also when ctx ends: the next owner will repeat the attempt.
func (w *worker) journalAmbiguous(ctx context.Context, list []*attempt, results []result) error {
	n := 0
	kept := make(chan error, len(list))
	for i, a := range list {
		if r := results[i]; r.verdict == verdictAmbiguous {
			n++
			w.metrics.Outcome(ctx, avrocodec.OutcomeAmbiguous, 1)
			w.journal.Receipt(w.partition, &a.item.Transition, receipts.Outcome{
				Outcome: avrocodec.OutcomeAmbiguous, Status: r.status, Message: r.message, Attempt: a.item.Attempts + 1,
			}, func(err error) { kept <- err })
		}
	}
	if n == 0 {
		return nil
	}
	crashpoint.Near("sink.saleswings.ambiguous.sent")
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for ; n > 0; n-- {
		select {
		case err := <-kept:
			if err != nil {
				return fmt.Errorf("journal an ambiguous attempt: %w", err)
			}
		case <-limit.C:
			return errors.New("journal an ambiguous attempt: not kept within a minute")
		}
	}
	crashpoint.At("sink.saleswings.ambiguous.kept")
	return nil
}

// conclude puts down what came of one attempt.
func (w *worker) conclude(ctx context.Context, a *attempt, r result) {
	it := a.item
	it.Attempts++
	o := receipts.Outcome{Status: r.status, Message: r.message, Attempt: it.Attempts}
	if a.span != nil {
		a.span.SetAttributes(telemetry.HTTPStatusCode.Int(r.status))
	}
	switch r.verdict {
	case verdictDelivered:
		o.Outcome = avrocodec.OutcomeDelivered
		w.queue.Finish(it)
		w.metrics.Latency(ctx, it.Transition.AcceptedAt, time.Now())
		w.outcome(ctx, &it.Transition, o, it.Ticket)
		return
	case verdictRefused:
		w.deadLetter(ctx, it, o)
		return
	case verdictRetry, verdictAmbiguous:
		if time.Since(it.FirstTry) > w.cfg.MaxAge {
			o.Message = "given up after " + w.cfg.MaxAge.String() + ": " + r.message
			w.deadLetter(ctx, it, o)
			return
		}
	case verdictHold, verdictSplit:
	}
	if r.verdict == verdictRetry {
		o.Outcome = avrocodec.OutcomeRetrying
		w.metrics.Outcome(ctx, o.Outcome, 1)
		w.journal.Receipt(w.partition, &it.Transition, o, nil)
	}
	if w.queue.Release(it, time.Now().Add(w.gate.Wait(it.Attempts))) {
		w.superseded(ctx, it)
	}
}

// deadLetter gives up on a transition: first the record, then its receipt, then the
// position.
func (w *worker) deadLetter(ctx context.Context, it *delivery.Item, o receipts.Outcome) {
	w.queue.Finish(it)
	o.Outcome = avrocodec.OutcomeDeadLetter
	reason := fmt.Sprintf("status %d: %s", o.Status, o.Message)
	w.log.Warn("a transition was refused for good", "partition", w.partition,
		"transition", avrocodec.FormatID(it.Transition.ID), "status", o.Status, "answer", o.Message)
	w.journal.DeadLetter(w.partition, []byte(it.Transition.Person), avrocodec.FormatID(it.Transition.ID), it.Value, reason, o.Attempt, func(err error) {
		if err != nil {
			w.closer(it.Ticket)(err)
			return
		}
		crashpoint.At("sink.saleswings.deadletter.kept")
		w.outcome(ctx, &it.Transition, o, it.Ticket)
	})
}

// begin opens the span of a transition that is being traced; the others cost nothing.
func (a *attempt) begin(ctx context.Context, tracer trace.Tracer) {
	if !a.item.Trace.IsSampled() {
		return
	}
	_, a.span = tracer.Start(trace.ContextWithRemoteSpanContext(ctx, a.item.Trace), "process "+schemas.TransitionsTopic,
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(trace.Link{SpanContext: a.item.Trace}),
		trace.WithAttributes(telemetry.Kafka("process", telemetry.OperationProcess(), schemas.TransitionsTopic)...),
		trace.WithAttributes(telemetry.Destination.String(Destination), telemetry.Attempt.Int(a.item.Attempts+1)))
}

func (a *attempt) end() {
	if a.span != nil {
		a.span.End()
	}
}

// parentOf is the span that the request belongs to: a request has one parent, so the
// first traced transition of a batch lends its own, and the others link to it.
func parentOf(list []*attempt) trace.Span {
	var parent trace.Span
	for _, a := range list {
		switch {
		case a.span == nil:
		case parent == nil:
			parent = a.span
		default:
			a.span.AddLink(trace.Link{SpanContext: parent.SpanContext()})
		}
	}
	if parent == nil {
		return trace.SpanFromContext(context.Background())
	}
	return parent
}
