package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// eraseRate is how many people a second ask to be forgotten: a bad day of a large shop.
const eraseRate = 50

// erasureResult is one open-loop run of erasures. Times are in milliseconds.
type erasureResult struct {
	PerSecond  int       `json:"erasures_per_second"`
	Sent       int       `json:"erasures"`
	Unreleased int       `json:"without_a_release"`
	Unproved   int       `json:"without_a_proof"`
	ToAnswer   quantiles `json:"intended_to_answer_ms"`
	ToRelease  quantiles `json:"intended_to_release_readable_ms"`
	ToProof    quantiles `json:"intended_to_proof_readable_ms"`
	ClockLate  quantiles `json:"generator_behind_its_clock_ms"`
	CPU        cpuUse    `json:"cpu"`
}

// measureErasure deletes buyers by the operator's call, and reads when the ad platform
// is told to release them and when the proof of the erasure is there. Both name nobody,
// but the event whose id the call was answered with.
func measureErasure(ctx context.Context, o options, client *kafkaio.Client) (erasureResult, error) {
	run := newRun("gone")
	p := pace(o, eraseRate, 1)
	n := p.things()
	r := erasureResult{PerSecond: eraseRate, Sent: p.counts()}
	if o.target.EraseKey == "" {
		return r, errors.New("the key of POST /v1/erase is not known: give --erase-key")
	}
	bought, released, proved := newArrivals(n), newJoin(n), newJoin(n)
	answered := make([]time.Time, n)
	err := following(ctx, client, o.target.Partitions, func(ctx context.Context) error {
		now := time.Now()
		if err := introduce(ctx, o.target, n, func(k int) []message { return buyer(numbered(run, k), now) }); err != nil {
			return err
		}
		if err := ready(ctx, "buyers were told to the ad platform", bought); err != nil {
			return err
		}
		c := newCaller(32)
		c.header.Set("Authorization", "Bearer "+o.target.EraseKey)
		meter := startCPU(o.target)
		p.begin()
		late, err := openLoop(ctx, p.start, p.every, p.requests, 32, func(ctx context.Context, k int) error {
			status, answer, err := c.call(ctx, http.MethodPost, o.target.URL+"/v1/erase", fmt.Appendf(nil, `{"customer_id":%q,"mode":"delete"}`, numbered(run, k)))
			answered[k] = time.Now()
			var said struct {
				EventID string `json:"event_id"`
			}
			switch {
			case err != nil:
			case status != http.StatusAccepted:
				err = fmt.Errorf("answer %d: %s", status, bytes.TrimSpace(answer))
			default:
				err = json.Unmarshal(answer, &said)
			}
			if err != nil {
				return fmt.Errorf("post to /v1/erase: %w", err)
			}
			released.names(said.EventID, k)
			proved.names(said.EventID, k)
			return nil
		})
		r.CPU, r.ClockLate = meter.stop(), inMillis(late)
		if err == nil {
			await(ctx, grace, released.found, proved.found)
		}
		return err
	}, transitions(func(op cohort.Op, t *cohort.Transition, now time.Time) {
		if op == cohort.OpErased {
			proved.sees(t.SourceID, now)
		}
	}), suppressions(func(s *avrocodec.Suppression, now time.Time) {
		if k, ok := sequence(run, s.SourceID); ok && s.Op == avrocodec.OpSuppress {
			bought.see(k, now)
		} else if s.Op == avrocodec.OpRelease {
			released.sees(s.SourceID, now)
		}
	}))
	if err != nil {
		return r, err
	}
	r.ToRelease, r.Unreleased = p.since(released.found.seen())
	r.ToProof, r.Unproved = p.since(proved.found.seen())
	r.ToAnswer, _ = p.since(answered)
	return r, nil
}

// buyer is somebody who is known by email and has bought: in a cohort of both catalogues,
// and told to the ad platforms. The order has the person's name as its id.
func buyer(name string, at time.Time) []message {
	return []message{{id: "i-" + name, person: name, at: at}, {id: name, person: name, at: at, event: "Order Completed"}}
}
