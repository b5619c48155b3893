package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/bench/latency"
	"github.com/cohortflow/cohortflow/test/replay/tail"
)

// grace is how long records are waited for after the last request was answered.
const grace = 15 * time.Second

// latencyResult is one open-loop run. Times are in milliseconds.
type latencyResult struct {
	PerSecond  int       `json:"purchases_per_second"`
	Batch      int       `json:"events_per_request"`
	Sent       int       `json:"purchases"`
	Missing    int       `json:"without_a_record"`
	Achieved   float64   `json:"answered_per_second"`
	ToRecord   quantiles `json:"intended_to_record_readable_ms"`
	ToAnswer   quantiles `json:"intended_to_answer_ms"`
	Stamped    quantiles `json:"accepted_to_emitted_ms_by_stamps"`
	ClockLate  quantiles `json:"generator_behind_its_clock_ms"`
	CPU        cpuUse    `json:"cpu"`
	Identified float64   `json:"identified_per_second_before"`
}

// measureLatency lets new customers buy at a steady rate and reads the records
// that tell Meta to leave them alone. Each purchase is a person's first, since only
// that one changes a cohort, and each person was identified with an email before,
// since without one there is nothing to tell.
func measureLatency(ctx context.Context, o options, client *kafkaio.Client, rate int) (latencyResult, error) {
	run := "buy" + strconv.FormatInt(time.Now().UnixMilli(), 36)
	every := time.Duration(o.batch) * time.Second / time.Duration(rate)
	requests := int((o.warmup + o.duration) / every)
	counted := int(o.warmup / every) // the first request that counts
	n := requests * o.batch
	r := latencyResult{PerSecond: rate, Batch: o.batch, Sent: (requests - counted) * o.batch}

	begun := time.Now()
	if err := identifyAll(ctx, o.target, run, n); err != nil {
		return r, err
	}
	r.Identified = float64(n) / time.Since(begun).Seconds()

	t, err := tail.Open(ctx, client, schemas.SuppressionTopic("meta"), o.target.Partitions, tail.Newest)
	if err != nil {
		return r, err
	}
	seen := newArrivals(n)
	var stamped latency.Recorder
	watching, stop := context.WithCancel(ctx)
	defer stop()
	g, watching := errgroup.WithContext(watching)
	g.Go(func() error {
		return t.Run(watching, func(rec *kafkaio.Record) error { return takeSuppression(rec, run, seen, &stamped) })
	})

	p := newPoster(o.target, 32)
	answered := make([]time.Time, requests)
	meter := startCPU(o.target)
	start := time.Now().Add(50 * time.Millisecond)
	intended := func(i int) time.Time { return start.Add(time.Duration(i) * every) }
	profiled := make(chan error, 1)
	if o.profile == "" {
		profiled <- nil
	} else {
		go func() {
			profiled <- o.target.profile(watching, o.profile, fmt.Sprintf("latency-%d-%d", o.target.PID, rate), o.warmup+o.duration-2*time.Second)
		}()
	}
	late, err := openLoop(watching, start, every, requests, 32, func(ctx context.Context, i int) error {
		messages := make([]message, o.batch)
		now := time.Now()
		for k := range messages {
			name := numbered(run, i*o.batch+k)
			messages[k] = message{id: name, person: name, at: now, event: "Order Completed"}
		}
		err := p.post(ctx, "/v1/batch", batchBody(messages...))
		answered[i] = time.Now()
		return err
	})
	r.CPU = meter.stop()
	if err == nil {
		err = <-profiled
	}
	if err == nil {
		select {
		case <-seen.all:
		case <-time.After(grace):
		case <-watching.Done():
		}
	}
	stop()
	if err := errors.Join(err, g.Wait(), ctx.Err()); err != nil {
		return r, fmt.Errorf("at %d per second: %w", rate, err)
	}

	var toRecord, toAnswer latency.Recorder
	for k, at := range seen.seen() {
		switch i := k / o.batch; {
		case i < counted:
		case at.IsZero():
			r.Missing++
		default:
			toRecord.Add(at.Sub(intended(i)))
		}
	}
	for i := counted; i < requests; i++ {
		toAnswer.Add(answered[i].Sub(intended(i)))
	}
	r.Achieved = float64(n) / slices.MaxFunc(answered, time.Time.Compare).Sub(start).Seconds()
	r.ToRecord, r.ToAnswer = inMillis(toRecord.Summary()), inMillis(toAnswer.Summary())
	r.Stamped, r.ClockLate = inMillis(stamped.Summary()), inMillis(late)
	return r, nil
}

// identifyAll makes n people known, as fast as the door takes it.
func identifyAll(ctx context.Context, t target, run string, n int) error {
	const size = 400
	p := newPoster(t, 4)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	now := time.Now()
	for from := 0; from < n; from += size {
		g.Go(func() error {
			var messages []message
			for k := from; k < min(from+size, n); k++ {
				name := numbered(run, k)
				messages = append(messages, message{id: "i-" + name, person: name, at: now})
			}
			return p.post(ctx, "/v1/batch", batchBody(messages...))
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("identify %d people: %w", n, err)
	}
	return nil
}

// takeSuppression notes the arrival of a record that a purchase of this run caused.
func takeSuppression(rec *kafkaio.Record, run string, seen *arrivals, stamped *latency.Recorder) error {
	now := time.Now()
	if rec.Value == nil {
		return nil
	}
	var s avrocodec.Suppression
	watermark, err := avrocodec.DecodeSuppression(rec.Value, &s, nil)
	if err != nil {
		return fmt.Errorf("partition %d, offset %d: %w", rec.Partition, rec.Offset, err)
	}
	if watermark || s.Op != avrocodec.OpSuppress {
		return nil
	}
	if k, ok := sequence(run, s.SourceID); ok {
		seen.see(k, now)
		stamped.Add(time.Duration(s.EmittedAt-s.AcceptedAt) * time.Millisecond)
	}
	return nil
}
