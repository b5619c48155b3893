package main

import (
	"context"
	"fmt"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/test/bench/latency"
)

// withdrawalResult is one open-loop run of people who take their consent back. Times
// are in milliseconds.
type withdrawalResult struct {
	PerSecond int       `json:"withdrawals_per_second"`
	Batch     int       `json:"events_per_request"`
	Sent      int       `json:"withdrawals"`
	Missing   int       `json:"without_an_exit"`
	ToExit    quantiles `json:"intended_to_exit_readable_ms"`
	Receipts  bool      `json:"saleswings"` // false = there was none to tell
	Untold    int       `json:"without_a_receipt"`
	ToReceipt quantiles `json:"intended_to_receipt_readable_ms"`
	ClockLate quantiles `json:"generator_behind_its_clock_ms"`
	CPU       cpuUse    `json:"cpu"`
}

// measureWithdrawal lets people unsubscribe who are in a target audience with a consent
// gate, and reads when they leave it; and, where there is a SalesWings, when the receipt
// of what it was told about them is there.
func measureWithdrawal(ctx context.Context, o options, client *kafkaio.Client, rate int) (withdrawalResult, error) {
	run := newRun("out")
	p := pace(o, rate, o.batch)
	n := p.things()
	r := withdrawalResult{PerSecond: rate, Batch: o.batch, Sent: p.counts(), Receipts: o.target.SalesWings}
	in, left, toldIn, told := newArrivals(n), newArrivals(n), newArrivals(n), newArrivals(n)
	streams := []stream{transitions(func(op cohort.Op, t *cohort.Transition, now time.Time) {
		k, ok := sequence(run, t.Person)
		switch {
		case !ok || t.Cohort != audienceConsent:
		case op == cohort.OpEnter:
			in.see(k, now)
		case op == cohort.OpExit:
			left.see(k, now)
		}
	})}
	if r.Receipts {
		streams = append(streams, receipts(func(v *avrocodec.Receipt, now time.Time) {
			k, ok := sequence(run, v.Person)
			switch {
			case !ok || v.Destination != "saleswings" || v.Cohort != cohortReachable || v.Outcome != avrocodec.OutcomeDelivered:
			case v.Op == "enter":
				toldIn.see(k, now)
			case v.Op == "exit":
				told.see(k, now)
			}
		}))
	}
	var late latency.Summary
	err := following(ctx, client, o.target.Partitions, func(ctx context.Context) error {
		now := time.Now()
		if err := introduce(ctx, o.target, n, func(k int) []message {
			name := numbered(run, k)
			return []message{
				{id: "i-" + name, person: name, at: now, traits: `"unsubscribed":false,"ads_consent":true`},
				{id: "v-" + name, person: name, at: now, event: "Product Viewed"},
			}
		}); err != nil {
			return err
		}
		if err := ready(ctx, "people entered the audience "+audienceConsent, in); err != nil {
			return err
		}
		if r.Receipts {
			if err := ready(ctx, "people were told to SalesWings", toldIn); err != nil {
				return err
			}
		}
		post := newPoster(o.target, 32)
		meter := startCPU(o.target)
		p.begin()
		var err error
		late, err = openLoop(ctx, p.start, p.every, p.requests, 32, func(ctx context.Context, i int) error {
			messages := make([]message, p.batch)
			now := time.Now()
			for j := range messages {
				name := numbered(run, i*p.batch+j)
				messages[j] = message{id: "u-" + name, person: name, at: now, traits: `"unsubscribed":true`}
			}
			return post.post(ctx, "/v1/batch", batchBody(messages...))
		})
		r.CPU = meter.stop()
		if err != nil {
			return err
		}
		if await(ctx, grace, left); r.Receipts {
			await(ctx, grace, told)
		}
		return nil
	}, streams...)
	if err != nil {
		return r, fmt.Errorf("at %d per second: %w", rate, err)
	}
	r.ToExit, r.Missing = p.since(left.seen())
	if r.Receipts {
		r.ToReceipt, r.Untold = p.since(told.seen())
	}
	r.ClockLate = inMillis(late)
	return r, nil
}
