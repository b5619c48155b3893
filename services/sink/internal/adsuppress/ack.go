package adsuppress

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/crashpoint"
	"github.com/cohortflow/cohortflow/services/sink/internal/instruments"
	"github.com/cohortflow/cohortflow/services/sink/internal/receipts"
)

// ack is what has to be done when one Append has ended.
type ack struct {
	n           *tenure
	next        int64
	began       time.Time
	transitions []cohort.Transition
	skipped     []skipped
	spans       []trace.Span // inner before outer
}

// skipped is a transition of which nothing is written, and why.
type skipped struct {
	transition cohort.Transition
	message    string
}

// done is called from the writer, in order, and must not block.
func (a *ack) done(_ int64, err error) {
	n, now := a.n, time.Now()
	for _, s := range a.spans {
		if err != nil {
			s.RecordError(err)
		}
		s.End(trace.WithTimestamp(now))
	}
	n.mu.Lock()
	n.awaited--
	if err == nil {
		n.acked = a.next
	} else if n.failed == nil {
		n.failed = fmt.Errorf("append to %s/%d: %w", n.topic, n.partition, err)
	}
	n.mu.Unlock()
	select {
	case n.moved <- struct{}{}:
	default:
	}
	if err != nil {
		return
	}
	crashpoint.At("sink.ads.append.acked")
	ctx := context.Background()
	if len(a.transitions) > 0 {
		n.Metrics.Duration(ctx, now.Sub(a.began))
		n.Metrics.Outcome(ctx, avrocodec.OutcomeDelivered, len(a.transitions))
	}
	n.Metrics.Outcome(ctx, avrocodec.OutcomeSkipped, len(a.skipped))
	for i := range a.transitions {
		n.Metrics.Latency(ctx, a.transitions[i].AcceptedAt, now)
		o := receipts.Outcome{Outcome: avrocodec.OutcomeDelivered, Attempt: 1}
		if t := &a.transitions[i]; t.WarmingUntil > t.DecidedAt {
			o.Message = receipts.MessageWarming(t.WarmingUntil)
		}
		n.receipt(&a.transitions[i], o)
	}
	for i := range a.skipped {
		n.receipt(&a.skipped[i].transition, receipts.Outcome{Outcome: avrocodec.OutcomeSkipped, Message: a.skipped[i].message})
	}
}

func (n *tenure) receipt(t *cohort.Transition, o receipts.Outcome) {
	if n.Journal.Full() {
		n.Metrics.Remark(context.Background(), instruments.ReceiptLeftOut, 1)
		return
	}
	n.Journal.Receipt(n.partition, t, o, nil)
	crashpoint.At("sink.ads.receipt.queued")
}

// commitGap is the time between two positions for the group: they are for display.
const commitGap = 5 * time.Second

// report tells the group how far we are, for lag displays; nothing depends on it.
func (n *tenure) report(ctx context.Context) {
	for last := false; !last; {
		timer := time.NewTimer(commitGap)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			last = true
		}
		n.mu.Lock()
		at := n.acked
		changed := at != n.reported
		n.reported = at
		n.mu.Unlock()
		if !changed {
			continue
		}
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.cfg.Grace)
		if err := n.lease.Commit(bounded, at); err != nil {
			n.Log.Debug("position not shown", "partition", n.partition, "err", err)
		}
		cancel()
	}
}
