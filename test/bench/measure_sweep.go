package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/bench/latency"
)

const (
	segments   = 3               // of people; the new cohort takes one of them
	sweepLimit = 5 * time.Minute // for everybody to be told
)

// sweepResult is one change of the catalogue under load. Latencies are in milliseconds,
// those of purchases by when they were due.
type sweepResult struct {
	People    int       `json:"people"`
	Enter     int       `json:"people_of_the_new_cohort"`
	Missing   int       `json:"without_an_entry"`
	Seconds   float64   `json:"catalogue_to_last_entry_readable_s"`
	Swept     float64   `json:"people_per_second"`
	PerSecond int       `json:"purchases_per_second"`
	Batch     int       `json:"events_per_request"`
	Unsold    int       `json:"purchases_without_a_record"`
	Before    quantiles `json:"before_intended_to_record_readable_ms"`
	During    quantiles `json:"during_intended_to_record_readable_ms"`
	After     quantiles `json:"after_intended_to_record_readable_ms"`
	CPU       cpuUse    `json:"cpu"` // while the sweep and the purchases after it went on
}

// measureSweep lets known people buy at a steady rate, starts the pipeline again with a
// catalogue that has one cohort more, which a third of the people belong to, and lets
// others buy while they are told. The load begins again when every partition has caught up,
// which it has when its log has the new catalogue, so that the restart itself is not in the latencies. The purchases
// before come after a restart too: like those during the sweep they meet a new process.
func measureSweep(ctx context.Context, o options, client *kafkaio.Client, rate int) (sweepResult, error) {
	s := newSweep(o, rate)
	r := sweepResult{People: o.sweepPeople, Enter: o.sweepPeople / segments, PerSecond: rate, Batch: o.batch}
	switch least := 3 * s.pace.things(); {
	case o.target.own == nil:
		return r, errors.New("the pipeline has to be started again with another catalogue: let the bench start one")
	case r.People < least:
		return r, fmt.Errorf("--sweep-people: %d are too few for the purchases before, during and after: give %d, or a shorter --duration", r.People, least)
	}
	if err := following(ctx, client, o.target.Partitions, s.introduce, transitions(s.decided)); err != nil {
		return r, err
	}
	if err := s.restarted(ctx, client, benchCatalogue, s.before, suppressions(s.told)); err != nil {
		return r, fmt.Errorf("before the change: %w", err)
	}
	if err := s.restarted(ctx, client, changedCatalogue(), s.after, suppressions(s.told), transitions(s.decided), catalogues(s.changed)); err != nil {
		return r, fmt.Errorf("after the change: %w", err)
	}
	s.count(&r)
	return r, nil
}

// sweep is one run. Everybody in it has looked at a product, and buys at most once, in
// the order of their numbers.
type sweep struct {
	name                   string
	o                      options
	pace                   pacing
	known, entered, bought *arrivals
	ends                   []int64   // of the log, by partition, at the last restart
	caughtUp               *arrivals // by partition, since then
	began                  *arrivals // by partition: when the new catalogue was written into its log
	due                    []time.Time
	buyers                 int       // who have bought so far
	resumed                time.Time // when purchases went on after the restart
	cpu                    cpuUse
}

func newSweep(o options, rate int) *sweep {
	n := o.sweepPeople
	o.warmup = 0 // a new process is what is asked about
	return &sweep{
		name: newRun("swept"), o: o, pace: pace(o, rate, o.batch), known: newArrivals(n), entered: newArrivals(n / segments), bought: newArrivals(n),
		began: newArrivals(o.target.Partitions), due: make([]time.Time, n),
	}
}

// restarted starts the pipeline again with a catalogue, and runs work while the streams are
// read from what stood there before on.
func (s *sweep) restarted(ctx context.Context, client *kafkaio.Client, catalogue string, work func(context.Context) error, streams ...stream) error {
	opened, err := open(ctx, client, s.o.target.Partitions, append(streams, watermarks(s.owned))...)
	if err != nil {
		return err
	}
	s.ends, s.caughtUp = make([]int64, s.o.target.Partitions), newArrivals(s.o.target.Partitions)
	for p := range s.ends {
		if _, s.ends[p], err = client.Offsets(ctx, schemas.EventsTopic, int32(p)); err != nil {
			return err
		}
	}
	if err := s.o.target.own.restart(ctx, catalogue); err != nil {
		return err
	}
	s.o.target.PID = s.o.target.own.pid()
	return opened.during(ctx, work)
}

func (s *sweep) decided(op cohort.Op, t *cohort.Transition, now time.Time) {
	k, ok := sequence(s.name, t.Person)
	switch {
	case !ok || op != cohort.OpEnter:
	case t.Cohort == cohortLookers:
		s.known.see(k, now)
	case t.Cohort == cohortAdded:
		s.entered.see(k/segments, now)
	}
}

func (s *sweep) told(v *avrocodec.Suppression, now time.Time) {
	if k, ok := sequence(s.name, v.SourceID); ok && v.Op == avrocodec.OpSuppress {
		s.bought.see(k, now)
	}
}

// owned leaves out what the process before said.
func (s *sweep) owned(w *cohort.Watermark, now time.Time) {
	if w.At >= s.o.target.own.started.UnixMilli() && w.Processed >= s.ends[w.Partition] {
		s.caughtUp.see(int(w.Partition), now)
	}
}

func (s *sweep) changed(partition int32, written time.Time) { s.began.see(int(partition), written) }

// introduce makes everybody known.
func (s *sweep) introduce(ctx context.Context) error {
	now, n := time.Now(), len(s.due)
	if err := introduce(ctx, s.o.target, n, func(k int) []message {
		name := numbered(s.name, k)
		// The last of each three belong to the new cohort; a rest of less than three does not.
		segment := "b"
		if k%segments == segments-1 {
			segment = "c"
		}
		return []message{
			{id: "i-" + name, person: name, at: now, traits: `"unsubscribed":false,"segment":"` + segment + `"`},
			{id: "v-" + name, person: name, at: now, event: "Product Viewed"},
		}
	}); err != nil {
		return err
	}
	return ready(ctx, "people are known", s.known)
}

// before lets some buy under the catalogue as it was.
func (s *sweep) before(ctx context.Context) error {
	if err := ready(ctx, "partitions have caught up", s.caughtUp); err != nil {
		return err
	}
	if err := s.buy(ctx, nil, s.pace.requests); err != nil {
		return err
	}
	return s.settled(ctx)
}

// after lets others buy until everybody has been told, and as long again as a run takes.
// An owner writes the new catalogue when it has caught up.
func (s *sweep) after(ctx context.Context) error {
	if err := ready(ctx, "partitions have the new catalogue", s.began); err != nil {
		return err
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		await(ctx, sweepLimit, s.entered)
		select {
		case <-time.After(s.o.duration):
		case <-ctx.Done():
		}
	}()
	profiled := make(chan error, 1)
	if s.o.profile == "" {
		profiled <- nil
	} else {
		go func() {
			profiled <- s.o.target.profile(ctx, s.o.profile, fmt.Sprintf("sweep-%d", s.o.target.PID), s.o.duration)
		}()
	}
	meter := startCPU(s.o.target)
	s.resumed = time.Now()
	err := s.buy(ctx, over, (len(s.due)-s.buyers)/s.pace.batch)
	s.cpu = meter.stop()
	err = errors.Join(err, <-profiled)
	if err == nil { // everybody may have bought before all were told
		select {
		case <-over:
		case <-ctx.Done():
		}
		err = s.settled(ctx)
	}
	return err
}

// buy sends purchases until done is closed, at most so many requests of them.
func (s *sweep) buy(ctx context.Context, done <-chan struct{}, requests int) error {
	post, from := newPoster(s.o.target, 32), s.buyers
	p := s.pace
	p.begin()
	late, err := openLoopUntil(ctx, done, p.start, p.every, requests, 32, func(ctx context.Context, i int) error {
		messages := make([]message, p.batch)
		now := time.Now()
		for j := range messages {
			k := from + i*p.batch + j
			s.due[k] = p.due(i)
			name := numbered(s.name, k)
			messages[j] = message{id: name, person: name, at: now, event: "Order Completed"}
		}
		return post.post(ctx, "/v1/batch", batchBody(messages...))
	})
	s.buyers += late.Count * p.batch
	return err
}

// settled waits for the records of all purchases so far.
func (s *sweep) settled(ctx context.Context) error {
	limit := time.NewTimer(grace)
	defer limit.Stop()
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for s.bought.missing() > len(s.due)-s.buyers {
		select {
		case <-every.C:
		case <-limit.C:
			return nil // they are counted as missing
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// count sums up.
func (s *sweep) count(r *sweepResult) {
	first := slices.MinFunc(s.began.seen(), time.Time.Compare)
	last := slices.MaxFunc(s.entered.seen(), time.Time.Compare)
	r.Missing = s.entered.missing()
	r.Seconds = last.Sub(first).Seconds()
	if r.Seconds > 0 {
		r.Swept = float64(r.People) / r.Seconds
	}
	var before, during, after latency.Recorder
	for k, at := range s.bought.seen()[:s.buyers] {
		due := s.due[k]
		switch {
		case at.IsZero():
			r.Unsold++
		case due.Before(s.resumed):
			before.Add(at.Sub(due))
		case due.Before(last):
			during.Add(at.Sub(due))
		default:
			after.Add(at.Sub(due))
		}
	}
	r.Before, r.During, r.After, r.CPU = inMillis(before.Summary()), inMillis(during.Summary()), inMillis(after.Summary()), s.cpu
}
