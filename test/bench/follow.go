package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/replay/tail"
)

// stream is a topic and what becomes of its records; now is when one could be read.
type stream struct {
	topic string
	take  func(rec *kafkaio.Record, now time.Time) error
}

// transitions hands on what is no watermark.
func transitions(take func(op cohort.Op, t *cohort.Transition, now time.Time)) stream {
	return stream{schemas.TransitionsTopic, func(rec *kafkaio.Record, now time.Time) error {
		var t cohort.Transition
		var w cohort.Watermark
		op, err := avrocodec.DecodeTransition(rec.Value, &t, &w)
		if err == nil && op != cohort.OpWatermark {
			take(op, &t, now)
		}
		return err
	}}
}

// watermarks hands on what owners of partitions say of their progress.
func watermarks(take func(w *cohort.Watermark, now time.Time)) stream {
	return stream{schemas.TransitionsTopic, func(rec *kafkaio.Record, now time.Time) error {
		var t cohort.Transition
		var w cohort.Watermark
		op, err := avrocodec.DecodeTransition(rec.Value, &t, &w)
		if err == nil && op == cohort.OpWatermark {
			take(&w, now)
		}
		return err
	}}
}

// suppressions hands on what is told to Meta, without tombstones and watermarks.
func suppressions(take func(s *avrocodec.Suppression, now time.Time)) stream {
	return stream{schemas.SuppressionTopic("meta"), func(rec *kafkaio.Record, now time.Time) error {
		if rec.Value == nil {
			return nil
		}
		var s avrocodec.Suppression
		watermark, err := avrocodec.DecodeSuppression(rec.Value, &s, nil)
		if err == nil && !watermark {
			take(&s, now)
		}
		return err
	}}
}

// receipts hands on what destinations answered.
func receipts(take func(r *avrocodec.Receipt, now time.Time)) stream {
	return stream{schemas.ReceiptsTopic, func(rec *kafkaio.Record, now time.Time) error {
		var r avrocodec.Receipt
		err := avrocodec.DecodeReceipt(rec.Value, &r)
		if err == nil {
			take(&r, now)
		}
		return err
	}}
}

// catalogues hands on when the owner of a partition wrote another catalogue into its log.
func catalogues(take func(partition int32, written time.Time)) stream {
	return stream{schemas.EventsTopic, func(rec *kafkaio.Record, _ time.Time) error {
		var e event.Event
		err := avrocodec.DecodeEvent(rec.Value, &e)
		if err == nil && e.Kind == event.KindCatalog {
			take(rec.Partition, time.UnixMilli(e.AcceptedAt))
		}
		return err
	}}
}

// following runs work while the streams are read from their present ends on.
func following(ctx context.Context, client *kafkaio.Client, partitions int, work func(context.Context) error, streams ...stream) error {
	f, err := open(ctx, client, partitions, streams...)
	if err != nil {
		return err
	}
	return f.during(ctx, work)
}

// opened is streams whose beginnings are fixed.
type opened struct {
	streams []stream
	tails   []*tail.Tail
}

// open fixes where the streams begin: at their present ends.
func open(ctx context.Context, client *kafkaio.Client, partitions int, streams ...stream) (*opened, error) {
	o := &opened{streams: streams, tails: make([]*tail.Tail, len(streams))}
	for i, s := range streams {
		t, err := tail.Open(ctx, client, s.topic, partitions, tail.Newest)
		if err != nil {
			return nil, err
		}
		o.tails[i] = t
	}
	return o, nil
}

// during reads the streams while work runs. It is called once.
func (o *opened) during(ctx context.Context, work func(context.Context) error) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	g, watching := errgroup.WithContext(watching)
	for i, s := range o.streams {
		g.Go(func() error {
			return o.tails[i].Run(watching, func(rec *kafkaio.Record) error {
				if err := s.take(rec, time.Now()); err != nil {
					return fmt.Errorf("%s, partition %d, offset %d: %w", s.topic, rec.Partition, rec.Offset, err)
				}
				return nil
			})
		})
	}
	err := work(watching)
	stop()
	followed := g.Wait()
	if followed != nil && errors.Is(err, context.Canceled) {
		err = nil // the work ended because reading did
	}
	return errors.Join(err, followed, ctx.Err())
}

// await waits until all of what is waited for was seen, or for so long altogether.
func await(ctx context.Context, limit time.Duration, all ...*arrivals) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for _, a := range all {
		select {
		case <-a.all:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// ready waits until everything that a run begins with was seen; how long may be generous,
// for nothing is measured yet.
func ready(ctx context.Context, what string, all ...*arrivals) error {
	for _, a := range all {
		await(ctx, 2*time.Minute, a)
		if err := ctx.Err(); err != nil {
			return err
		}
		if left := a.missing(); left > 0 {
			return fmt.Errorf("%d of %d %s within two minutes: is this the catalogue of test/bench, and does the pipeline keep up?", len(a.at)-left, len(a.at), what)
		}
	}
	return nil
}
