package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/bench/latency"
	"github.com/cohortflow/cohortflow/test/replay/tail"
)

// Of the silent run: the cohort whose window ends, and how long that window is.
const (
	silentCohort = "recent_purchaser_7d"
	silentWindow = 7 * 24 * time.Hour
)

// silentResult is the run in which nobody does anything. Times are in milliseconds.
type silentResult struct {
	People   int       `json:"people"`
	Missing  int       `json:"without_an_exit"`
	Early    int       `json:"before_their_instant"`
	Exit     quantiles `json:"deadline_to_exit_readable_ms"`
	Release  quantiles `json:"deadline_to_release_readable_ms"`
	Released int       `json:"released"`
	CPU      cpuUse    `json:"cpu"`
}

// measureSilent sends purchases that are almost a week old, so that they stop being
// recent one after the other while nothing more is sent, and reads when the exits
// and the ad platform's releases come out.
func measureSilent(ctx context.Context, o options, client *kafkaio.Client) (silentResult, error) {
	run := "old" + strconv.FormatInt(time.Now().UnixMilli(), 36)
	r := silentResult{People: o.people}
	if err := identifyAll(ctx, o.target, run, o.people); err != nil {
		return r, err
	}
	exits, err := tail.Open(ctx, client, schemas.TransitionsTopic, o.target.Partitions, tail.Newest)
	if err != nil {
		return r, err
	}
	releases, err := tail.Open(ctx, client, schemas.SuppressionTopic("meta"), o.target.Partitions, tail.Newest)
	if err != nil {
		return r, err
	}
	left, released := newArrivals(o.people), newJoin(o.people)
	deadlines := make([]time.Time, o.people) // written before anything is sent
	first := time.Now().Add(o.warmup + 2*time.Second)
	for k := range deadlines {
		deadlines[k] = first.Add(o.duration * time.Duration(k) / time.Duration(o.people)).Truncate(time.Millisecond)
	}

	watching, stop := context.WithCancel(ctx)
	defer stop()
	g, watching := errgroup.WithContext(watching)
	g.Go(func() error {
		return exits.Run(watching, func(rec *kafkaio.Record) error {
			now := time.Now()
			var t cohort.Transition
			var w cohort.Watermark
			op, err := avrocodec.DecodeTransition(rec.Value, &t, &w)
			if err != nil {
				return fmt.Errorf("partition %d, offset %d: %w", rec.Partition, rec.Offset, err)
			}
			if k, ok := sequence(run, t.Person); ok && op == cohort.OpExit && t.Cohort == silentCohort {
				left.see(k, now)
				released.names(avrocodec.FormatID(t.ID), k) // a release names its transition only
			}
			return nil
		})
	})
	g.Go(func() error {
		return releases.Run(watching, func(rec *kafkaio.Record) error {
			now := time.Now()
			if rec.Value == nil {
				return nil
			}
			var s avrocodec.Suppression
			watermark, err := avrocodec.DecodeSuppression(rec.Value, &s, nil)
			if err != nil {
				return fmt.Errorf("partition %d, offset %d: %w", rec.Partition, rec.Offset, err)
			}
			if !watermark && s.Op == avrocodec.OpRelease {
				released.sees(s.TransitionID, now)
			}
			return nil
		})
	})

	meter := startCPU(o.target)
	err = buyLongAgo(watching, o.target, run, deadlines)
	if err == nil {
		limit := time.NewTimer(time.Until(deadlines[len(deadlines)-1]) + grace)
		defer limit.Stop()
		for _, all := range []chan struct{}{left.all, released.found.all} {
			select {
			case <-all:
			case <-limit.C:
				limit.Reset(0) // the other one gets no second grace
			case <-watching.Done():
			}
		}
	}
	r.CPU = meter.stop()
	stop()
	if err := errors.Join(err, g.Wait(), ctx.Err()); err != nil {
		return r, err
	}
	r.count(deadlines, left.seen(), released.found.seen())
	return r, nil
}

func (r *silentResult) count(deadlines, left, released []time.Time) {
	var exit, release latency.Recorder
	for k, deadline := range deadlines {
		if left[k].IsZero() {
			r.Missing++
		} else {
			late := left[k].Sub(deadline)
			if late < 0 {
				r.Early++
			}
			exit.Add(late)
		}
		if !released[k].IsZero() {
			r.Released++
			release.Add(released[k].Sub(deadline))
		}
	}
	r.Exit, r.Release = inMillis(exit.Summary()), inMillis(release.Summary())
}

// buyLongAgo sends one purchase for each deadline, a window's length before it.
func buyLongAgo(ctx context.Context, t target, run string, deadlines []time.Time) error {
	const size = 400
	p := newPoster(t, 1)
	for from := 0; from < len(deadlines); from += size {
		var messages []message
		for k := from; k < min(from+size, len(deadlines)); k++ {
			name := numbered(run, k)
			messages = append(messages, message{id: name, person: name, at: deadlines[k].Add(-silentWindow), event: "Order Completed"})
		}
		if err := p.post(ctx, "/v1/batch", batchBody(messages...)); err != nil {
			return fmt.Errorf("send old purchases: %w", err)
		}
	}
	return nil
}
