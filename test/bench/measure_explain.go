package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

const (
	explainRate  = 200 // questions a second
	explainViews = 4   // of each person, beside the order: so much evidence is read from the log
)

// explainResult is one open-loop run of questions. Times are in milliseconds.
type explainResult struct {
	PerSecond int       `json:"questions_per_second"`
	People    int       `json:"people"`
	Sent      int       `json:"questions"`
	Errors    int       `json:"not_answered_200"`
	Error     string    `json:"first_error,omitempty"`
	Bytes     int       `json:"bytes_per_answer"`
	ToAnswer  quantiles `json:"intended_to_answer_ms"`
	ClockLate quantiles `json:"generator_behind_its_clock_ms"`
	CPU       cpuUse    `json:"cpu"`
}

// measureExplain asks the read API why people are in their cohorts, one of the known
// ones at random each time. Nothing else is sent meanwhile. Answers of the warm-up do not
// count: who has just been told to a platform is known to the read API a checkpoint later.
func measureExplain(ctx context.Context, o options, client *kafkaio.Client) (explainResult, error) {
	run := newRun("why")
	p := pace(o, explainRate, 1)
	r := explainResult{PerSecond: explainRate, People: o.explainPeople, Sent: p.counts()}
	if o.target.Console == "" {
		return r, errors.New("the address of the read API is not known: give --console")
	}
	bought := newArrivals(r.People)
	answered := make([]time.Time, p.things()) // zero = not as it should be
	var size, right atomic.Int64
	var first sync.Once
	err := following(ctx, client, o.target.Partitions, func(ctx context.Context) error {
		now := time.Now()
		if err := introduce(ctx, o.target, r.People, func(k int) []message {
			name := numbered(run, k)
			messages := buyer(name, now)
			for v := range explainViews {
				at := now.Add(time.Duration(v-explainViews) * time.Hour)
				messages = append(messages, message{id: numbered("v-"+name, v), person: name, at: at, event: "Product Viewed"})
			}
			return messages
		}); err != nil {
			return err
		}
		if err := ready(ctx, "buyers were told to the ad platform", bought); err != nil {
			return err
		}
		c := newCaller(32)
		// A server that ends waits for connections that were opened and never used.
		defer c.client.CloseIdleConnections()
		whom := rand.New(rand.NewPCG(1, 1))
		order := make([]int, p.requests)
		for i := range order {
			order[i] = whom.IntN(r.People)
		}
		meter := startCPU(o.target)
		p.begin()
		late, err := openLoop(ctx, p.start, p.every, p.requests, 32, func(ctx context.Context, i int) error {
			status, answer, err := c.call(ctx, http.MethodGet, o.target.Console+"/v1/people/"+numbered(run, order[i])+"/explain", nil)
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("answer %d: %s", status, bytes.TrimSpace(answer))
			}
			if err != nil {
				if i >= p.counted {
					first.Do(func() { r.Error = err.Error() })
				}
				return ctx.Err()
			}
			answered[i] = time.Now()
			right.Add(1)
			size.Add(int64(len(answer)))
			return nil
		})
		r.CPU, r.ClockLate = meter.stop(), inMillis(late)
		return err
	}, suppressions(func(s *avrocodec.Suppression, now time.Time) {
		if k, ok := sequence(run, s.SourceID); ok && s.Op == avrocodec.OpSuppress {
			bought.see(k, now)
		}
	}))
	if err != nil {
		return r, err
	}
	r.ToAnswer, r.Errors = p.since(answered)
	r.Bytes = int(size.Load() / max(1, right.Load()))
	return r, nil
}
