package adsuppress

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/crashpoint"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/telemetry"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/sink/internal/feed"
	"github.com/cohortflow/cohortflow/services/sink/internal/instruments"
	"github.com/cohortflow/cohortflow/services/sink/internal/receipts"
)

// watermarkKey is the key of fence and heartbeat: compaction keeps the last one.
const watermarkKey = "__watermark__"

// tenure is the ownership of one partition from fence to end. One goroutine; the
// writer's callbacks touch what is under the lock, and atomic things.
type tenure struct {
	*Suppressor
	lease     *feed.Lease
	partition int32
	epoch     kafkaio.Epoch
	writer    Writer
	feeds     feeds

	position int64               // next input offset
	high     cohort.ID           // highest transition that stands in the output or was appended
	partial  map[string]progress // what the audiences have of high, until it was read again; else nil
	complete cohort.ID           // highest transition that all its audiences have
	marked   int64               // position in the last watermark
	markedAt time.Time

	moved chan struct{} // size 1: something was acknowledged, or failed

	mu       sync.Mutex
	acked    int64 // input position up to which everything is acknowledged
	failed   error
	awaited  int // appends not ended
	reported int64
}

// run appends until ctx ends or the writer fails.
func (n *tenure) run(ctx context.Context) error {
	n.markedAt, n.marked = time.Now(), n.position
	n.acked, n.reported = n.position, n.position
	var committing sync.WaitGroup
	defer committing.Wait()
	own, cancel := context.WithCancel(ctx)
	defer cancel()
	committing.Go(func() { n.report(own) })
	for {
		if err := n.failure(); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return n.leave()
		}
		for _, f := range n.lease.Take() {
			if err := n.convert(ctx, &f); err != nil {
				return err
			}
			if f.Err != nil {
				if err := n.gap(ctx, f.Err); err != nil {
					return err
				}
				break
			}
		}
		n.markIfDue(time.Now())
		n.wait(ctx)
	}
}

// wait sleeps until there may be something to do; with much on its way, only until
// some of it has arrived.
func (n *tenure) wait(ctx context.Context) {
	ready := n.lease.Ready()
	if n.writer.Buffered() > n.cfg.MaxBuffered {
		ready = nil
	}
	timer := time.NewTimer(time.Until(n.nextMark()))
	defer timer.Stop()
	select {
	case <-ready:
	case <-n.moved:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// convert appends what one answer asks for, at once and in one call.
func (n *tenure) convert(ctx context.Context, f *kafkaio.Fetch) (err error) {
	var out []kafkaio.OutRecord
	a := &ack{n: n, next: f.Next, began: time.Now()}
	now := a.began.UnixMilli()
	for i := range f.Records {
		if out, err = n.record(ctx, &f.Records[i], out, a, now); err != nil {
			return err
		}
	}
	n.position = f.Next
	n.append(out, a)
	return nil
}

// record adds what one transition asks for. It fails only when a schema that it needs
// cannot be had at present.
func (n *tenure) record(ctx context.Context, r *kafkaio.Record, out []kafkaio.OutRecord, a *ack, now int64) ([]kafkaio.OutRecord, error) {
	var t cohort.Transition
	op, err := n.Decoder.DecodeTransition(ctx, r.Value, &t, nil)
	if errors.Is(err, avrocodec.ErrRegistry) {
		return nil, fmt.Errorf("read %s/%d at %d: %w", schemas.TransitionsTopic, n.partition, r.Offset, err)
	}
	if err != nil {
		n.Log.Error("a transition cannot be read", "partition", n.partition, "offset", r.Offset, "err", err)
		n.Metrics.Outcome(ctx, avrocodec.OutcomeDeadLetter, 1)
		n.Journal.DeadLetter(n.partition, bytes.Clone(r.Key), "", bytes.Clone(r.Value), "the record cannot be read", 0, nil)
		return out, nil
	}
	audiences := slices.Concat(n.of(&t), n.feeds.of(&t))
	if op != cohort.OpErased && (op != cohort.OpEnter && op != cohort.OpExit || len(audiences) == 0) || t.ID.Less(n.high) {
		return out, nil
	}
	var have map[string]progress
	if t.ID == n.high {
		if n.partial == nil {
			return out, nil
		}
		have = n.partial
	}
	n.high, n.complete, n.partial = t.ID, t.ID, nil
	switch {
	case op == cohort.OpErased:
		n.Metrics.Remark(ctx, instruments.Erased, 1)
		a.skipped = append(a.skipped, skipped{brief(&t), receipts.MessageErased})
		return out, nil
	case t.Elapsed:
		a.skipped = append(a.skipped, skipped{brief(&t), receipts.MessageElapsed})
		return out, nil
	case have != nil && !slices.ContainsFunc(audiences, func(a catalogue.Audience) bool { return have[a.Key] < whole }):
		return out, nil
	}
	id := n.identify(&t)
	n.Metrics.Remark(ctx, instruments.ContactRefused, id.refused)
	switch {
	case merged(&t):
		n.Metrics.Remark(ctx, instruments.Moved, 1)
	case releases(&t) && len(id.current) == 0 && len(id.previous) == 0:
		// A RELEASE of nothing would say to readers that go by keys that the person has left.
		a.skipped = append(a.skipped, skipped{brief(&t), receipts.MessageContacts})
		return out, nil
	case len(id.current) == 0:
		n.Metrics.Remark(ctx, instruments.WithoutIdentifiers, 1)
	}
	if t.WarmingUntil > t.DecidedAt {
		n.Metrics.Remark(ctx, instruments.Warming, 1)
	}
	headers, spans := n.trace(ctx, r, &t)
	a.spans = append(a.spans, spans...)
	before := len(out)
	out = n.state(out, &t, audiences, have, &id, headers, now)
	if len(out) > before {
		a.transitions = append(a.transitions, brief(&t))
	}
	return out, nil
}

// state adds what the audiences do not have yet of a transition.
func (n *tenure) state(out []kafkaio.OutRecord, t *cohort.Transition, audiences []catalogue.Audience, have map[string]progress, id *identity, headers []kafkaio.Header, now int64) []kafkaio.OutRecord {
	transitionID := avrocodec.FormatID(t.ID)
	for i := range audiences {
		has := have[audiences[i].Key]
		_, retired := n.feeds.retired[audiences[i].Key]
		if retired && merged(t) { // the other one does not get on this list
			full := n.digest(t)
			id = &full
		}
		key := n.key(&audiences[i], id)
		if has < released {
			s := n.Suppressor.record(t, &audiences[i], id, transitionID, now)
			out = append(out, kafkaio.OutRecord{
				Partition: n.partition, Timestamp: now, Key: key,
				Value: avrocodec.AppendSuppression(nil, n.SchemaID, &s), Headers: headers,
			})
		}
		if has < whole && (ends(t) || retired) {
			// The release first, for readers that are behind; min.compaction.lag.ms of the
			// topic keeps it for them. Once that has passed the tombstone may be all that is
			// left to tell the next tenure what was published, so it names its transition.
			out = append(out, kafkaio.OutRecord{
				Partition: n.partition, Timestamp: now, Key: key,
				Headers: append(slices.Clip(headers), kafkaio.Header{Key: headerTransitionID, Value: []byte(transitionID)}),
			})
		}
	}
	return out
}

// brief is what receipts and metrics need of a transition; contacts are let go.
func brief(t *cohort.Transition) cohort.Transition {
	b := *t
	b.Contacts, b.Evidence = nil, nil
	return b
}

// trace continues a sampled trace; others cost nothing and go on as they came.
func (n *tenure) trace(ctx context.Context, r *kafkaio.Record, t *cohort.Transition) ([]kafkaio.Header, []trace.Span) {
	if !telemetry.Sampled(r.Headers) {
		return r.Headers, nil
	}
	ctx, process := n.Tracer.Start(telemetry.Extract(ctx, r.Headers), "process "+schemas.TransitionsTopic,
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(trace.Link{SpanContext: telemetry.SpanContext(r.Headers)}),
		trace.WithAttributes(telemetry.Kafka("process", telemetry.OperationProcess(), schemas.TransitionsTopic)...),
		trace.WithAttributes(telemetry.Destination.String(Destination(n.cfg.Platform)), telemetry.TransitionID.String(avrocodec.FormatID(t.ID))))
	ctx, send := n.Tracer.Start(ctx, "send "+n.topic, trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(telemetry.Kafka("send", telemetry.OperationSend(), n.topic)...))
	return telemetry.Inject(ctx, r.Headers), []trace.Span{send, process}
}

// append hands records over and takes note that their end is awaited.
func (n *tenure) append(out []kafkaio.OutRecord, a *ack) {
	if len(out) == 0 && len(a.skipped) == 0 && n.idle() {
		n.mu.Lock()
		n.acked = a.next
		n.mu.Unlock()
		return
	}
	n.mu.Lock()
	n.awaited++
	n.mu.Unlock()
	n.writer.Append(out, a.done)
	crashpoint.Near("sink.ads.append.sent")
}

func (n *tenure) idle() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.awaited == 0
}

// watermark says how far the input is worked off. It is true wherever it ends up,
// for everything that it speaks of was appended before it.
func (n *tenure) watermark(last cohort.ID) kafkaio.OutRecord {
	now := time.Now().UnixMilli()
	w := cohort.Watermark{
		Partition: n.partition, Processed: n.position, Last: last, Epoch: n.epoch.Epoch,
		Tenure: int64(n.epoch.Epoch), Owner: n.cfg.Owner, At: now,
	}
	return kafkaio.OutRecord{
		Partition: n.partition, Timestamp: now, Key: []byte(watermarkKey),
		Value: avrocodec.AppendSuppressionWatermark(nil, n.SchemaID, &w), Headers: []kafkaio.Header{n.feeds.header()},
	}
}

// nextMark is when a watermark is due.
func (n *tenure) nextMark() time.Time {
	if n.position != n.marked {
		return n.markedAt.Add(n.cfg.Busy)
	}
	return n.markedAt.Add(n.cfg.Idle)
}

func (n *tenure) markIfDue(now time.Time) {
	if !now.Before(n.nextMark()) {
		n.mark(now)
	}
}

// mark appends a watermark.
func (n *tenure) mark(now time.Time) {
	n.marked, n.markedAt = n.position, now
	crashpoint.Near("sink.ads.watermark.sent")
	n.append([]kafkaio.OutRecord{n.watermark(n.complete)}, &ack{n: n, next: n.position, began: now})
}

// gap decides about a position that is gone from the log.
func (n *tenure) gap(ctx context.Context, err error) error {
	gap := feed.Gap(schemas.TransitionsTopic, n.partition, err)
	if gap == nil || !n.cfg.AcceptGaps {
		return errors.Join(gap, err)
	}
	start, _, boundsErr := n.lease.Bounds(ctx)
	if boundsErr != nil {
		return fmt.Errorf("go on behind a gap: %w", boundsErr)
	}
	n.Log.Error("transitions were lost by retention, going on behind the gap", "partition", n.partition, "next", start, "err", err)
	n.position = start
	n.lease.Start(start)
	return nil
}

// leave ends in good order: a last watermark, and everything acknowledged, so that
// the next tenure repeats nothing.
func (n *tenure) leave() error {
	crashpoint.At("sink.ads.closing.begun")
	if n.position != n.marked {
		n.mark(time.Now())
	}
	limit := time.NewTimer(n.cfg.Grace)
	defer limit.Stop()
	for !n.idle() && n.failure() == nil {
		select {
		case <-n.moved:
		case <-limit.C:
			return errors.New("left with records on their way: they are read back from the output")
		}
	}
	return nil
}

func (n *tenure) failure() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.failed
}
