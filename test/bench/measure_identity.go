package main

import (
	"context"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// joinRate is how many guests a second turn out to have an account.
const joinRate = 200

// identityResult is one open-loop run of guests who identify. Times are in milliseconds.
type identityResult struct {
	PerSecond int       `json:"guests_per_second"`
	Sent      int       `json:"guests"`
	Missing   int       `json:"without_a_record_of_the_account"`
	ToEnter   quantiles `json:"intended_to_entry_readable_ms"`
	ToRecord  quantiles `json:"intended_to_record_readable_ms"`
	ClockLate quantiles `json:"generator_behind_its_clock_ms"`
	CPU       cpuUse    `json:"cpu"`
}

// measureIdentity lets guests buy by their email, and then identify with an account and
// the same email: the account takes the guest's stay over, mostly from another partition,
// and the ad platform is told to leave the account's person alone as well.
func measureIdentity(ctx context.Context, o options, client *kafkaio.Client) (identityResult, error) {
	run := newRun("one")
	p := pace(o, joinRate, 1)
	n := p.things()
	r := identityResult{PerSecond: joinRate, Sent: p.counts()}
	bought, entered, told := newArrivals(n), newArrivals(n), newJoin(n)
	err := following(ctx, client, o.target.Partitions, func(ctx context.Context) error {
		now := time.Now()
		if err := introduce(ctx, o.target, n, func(k int) []message {
			name := numbered(run, k)
			return []message{{id: name, person: "device-" + name, at: now, event: "Order Completed", email: emailOf(name)}}
		}); err != nil {
			return err
		}
		if err := ready(ctx, "guests were told to the ad platform", bought); err != nil {
			return err
		}
		post := newPoster(o.target, 32)
		meter := startCPU(o.target)
		p.begin()
		late, err := openLoop(ctx, p.start, p.every, p.requests, 32, func(ctx context.Context, k int) error {
			name := numbered(run, k)
			return post.post(ctx, "/v1/identify", message{id: "i-" + name, person: name, at: time.Now()}.append(nil))
		})
		r.CPU, r.ClockLate = meter.stop(), inMillis(late)
		if err == nil {
			await(ctx, grace, entered, told.found)
		}
		return err
	}, transitions(func(op cohort.Op, t *cohort.Transition, now time.Time) {
		// The guest's own entry stands under the key of the email.
		if k, ok := sequence(run, t.Person); ok && op == cohort.OpEnter && t.Cohort == cohortBuyers {
			entered.see(k, now)
			told.names(avrocodec.FormatID(t.ID), k)
		}
	}), suppressions(func(s *avrocodec.Suppression, now time.Time) {
		if s.Op != avrocodec.OpSuppress || len(s.Identifiers) == 0 {
			return
		}
		if k, ok := sequence(run, s.SourceID); ok {
			bought.see(k, now)
		}
		told.sees(s.TransitionID, now)
	}))
	if err != nil {
		return r, err
	}
	r.ToEnter, _ = p.since(entered.seen())
	r.ToRecord, r.Missing = p.since(told.found.seen())
	return r, nil
}
