package owner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/partition"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
)

// carryOut begins one effect. Publishing is done here and now, in order; everything
// that waits for an answer runs beside the loop.
func (o *Owner) carryOut(ctx context.Context, e partition.Effect) {
	switch e := e.(type) {
	case partition.Publish:
		o.publish(ctx, e)
	case partition.PublishProfiles:
		o.publishProfiles(e)
	case partition.PublishWatermark:
		o.publishWatermark(e)
	case partition.StartFetch:
		o.deps.Fetcher.Assign(o.partition, e.Offset)
	case partition.End:
		o.end = &e
	default:
		o.tasks.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, o.cfg.Timeout)
			defer cancel()
			begun := time.Now()
			asked(e)
			in, class, err := o.perform(ctx, e)
			o.deps.Meters.stored(ctx, e, time.Since(begun), class)
			if err != nil {
				in = partition.Failed{Effect: e, Class: class, Err: err}
			} else {
				answered(e)
			}
			o.answer(in)
		})
	}
}

func (o *Owner) perform(ctx context.Context, e partition.Effect) (partition.Input, partition.Failure, error) {
	topics := o.cfg.Topics
	switch e := e.(type) {
	case partition.TakeEpoch:
		epoch, err := o.deps.Kafka.TakeEpoch(ctx, fmt.Sprintf("%s-p%d", o.cfg.TransactionID, o.partition))
		if err != nil {
			return nil, writeFailure(err), fmt.Errorf("take the epoch: %w", err)
		}
		o.epoch = epoch
		return partition.EpochTaken{ProducerID: epoch.ProducerID, Epoch: epoch.Epoch}, 0, nil
	case partition.PeekTail:
		in, err := o.peekTail(ctx, e.Output)
		return in, readFailure(err), err
	case partition.WriteFence:
		in, err := o.writeFence(ctx, e)
		return in, writeFailure(err), err
	case partition.ReadTail:
		in, err := o.readTail(ctx, e)
		return in, readFailure(err), err
	case partition.ReadAnchor:
		in, err := o.readAnchor(ctx, e.Offset)
		return in, readFailure(err), err
	case partition.ReadCatalogue:
		records, err := o.deps.Kafka.ReadRange(ctx, topics.Events, o.partition, e.Offset, e.Offset+1)
		if err != nil {
			return nil, readFailure(err), fmt.Errorf("read the catalogue at offset %d: %w", e.Offset, err)
		}
		for i := range records {
			if in, ok := catalogueOf(&records[i]); ok {
				return in, 0, nil
			}
		}
		return nil, partition.Lost, fmt.Errorf("the record at offset %d of %s/%d is no catalogue: the topic was created again", e.Offset, topics.Events, o.partition)
	case partition.FindCatalogue:
		in, err := o.findCatalogue(ctx, e.Offset)
		return in, readFailure(err), err
	case partition.AppendCatalogue:
		record := &event.Event{
			Kind: event.KindCatalog, Source: event.SourceOwner, ID: "catalogue-" + o.cfg.Machine.Revision, Name: o.cfg.Machine.Revision,
			EventAt: e.Stamp, AcceptedAt: e.Stamp,
			Properties: event.Properties{Nested: map[string]string{"catalogue": o.cfg.Machine.CatalogueText}},
		}
		err := o.appendEvent(ctx, record, "__catalogue__")
		return partition.CatalogueAppended{}, writeFailure(err), err
	case partition.AppendTick:
		err := o.appendEvent(ctx, &event.Event{
			Kind: event.KindTick, Source: event.SourceOwner, EventAt: e.Stamp, AcceptedAt: e.Stamp,
		}, "__tick__")
		return partition.TickAppended{}, writeFailure(err), err
	case partition.AppendSweep:
		err := o.appendEvent(ctx, &event.Event{
			Kind: event.KindSweep, Source: event.SourceOwner, ID: "sweep-" + e.Name, Name: e.Name, EventAt: e.Stamp, AcceptedAt: e.Stamp,
		}, "__sweep__")
		return partition.SweepAppended{}, writeFailure(err), err
	case partition.Forward:
		err := o.forward(ctx, e.Events)
		return partition.Forwarded{Seq: e.Seq}, writeFailure(err), err
	case partition.LoadSlice:
		checkpoint, keys, blobs, err := o.deps.Store.LoadSlice(ctx, o.partition, e.Slice)
		return partition.SliceLoaded{Checkpoint: checkpoint, Keys: keys, Blobs: blobs}, storeFailure(err), err
	case partition.LoadCheckpoint:
		b, err := o.deps.Store.Checkpoint(ctx, o.partition)
		return partition.CheckpointLoaded{Bytes: b}, storeFailure(err), err
	case partition.LoadPeople:
		checkpoint, blobs, err := o.deps.Store.LoadPeople(ctx, o.partition, e.Keys)
		return partition.PeopleLoaded{Checkpoint: checkpoint, Keys: e.Keys, Blobs: blobs}, storeFailure(err), err
	case partition.LoadDeadlines:
		buckets := make([]int64, e.Count)
		for i := range buckets {
			buckets[i] = e.First + int64(i)
		}
		checkpoint, entries, err := o.deps.Store.LoadDeadlines(ctx, o.partition, buckets)
		return partition.DeadlinesLoaded{Checkpoint: checkpoint, First: e.First, Buckets: entries}, storeFailure(err), err
	case partition.Commit:
		err := o.commit(ctx, e)
		return partition.Committed{}, storeFailure(err), err
	default:
		return nil, partition.Refused, fmt.Errorf("effect %T is not known", e)
	}
}

func (o *Owner) commit(ctx context.Context, e partition.Commit) error {
	c := redisstate.Commit{
		Expect: e.Expect, Next: e.Next, DropBuckets: e.Drop,
		People:    make([]redisstate.Person, len(e.People)),
		Deadlines: make([]redisstate.Bucket, len(e.Deadlines)),
	}
	for i, p := range e.People {
		c.People[i] = redisstate.Person(p)
	}
	for i, b := range e.Deadlines {
		c.Deadlines[i] = redisstate.Bucket(b)
	}
	begun := now()
	err := o.deps.Store.Commit(ctx, o.partition, c)
	o.deps.Meters.commit(ctx, now()-begun, len(e.People), err)
	return err
}

// appendEvent appends a record of the owner's own to the log. It is not fenced: a
// tick or a catalogue of an owner that is no longer one is harmless.
func (o *Owner) appendEvent(ctx context.Context, e *event.Event, key string) error {
	stamp := e.AcceptedAt
	if err := o.deps.Append.Produce(ctx, []kafkaio.OutRecord{{
		Partition: o.partition, Timestamp: stamp, Key: []byte(key),
		Value: avrocodec.AppendEvent(nil, o.cfg.Topics.EventsID, e),
	}}); err != nil {
		return fmt.Errorf("append a %s record: %w", e.Kind, err)
	}
	return nil
}

// forward appends records to the logs of their people's partitions. It is not fenced and
// may be repeated: a crash after it leaves records that decide nothing the second time.
func (o *Owner) forward(ctx context.Context, events []event.Event) error {
	records := make([]kafkaio.OutRecord, len(events))
	for i := range events {
		e := &events[i]
		records[i] = kafkaio.OutRecord{
			Partition: kafkaio.PartitionFor(e.Person, o.cfg.Partitions), Timestamp: e.AcceptedAt, Key: []byte(e.Person),
			Value: avrocodec.AppendEvent(nil, o.cfg.Topics.EventsID, e),
		}
		if e.Replay {
			records[i].Headers = []kafkaio.Header{{Key: "x-replay", Value: []byte("1")}}
		}
	}
	if err := o.deps.Append.Produce(ctx, records); err != nil {
		return fmt.Errorf("pass %d records on to other partitions: %w", len(records), err)
	}
	return nil
}

// writeFailure says what is known about the outcome of a write to Kafka.
func writeFailure(err error) partition.Failure {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, kafkaio.ErrFenced):
		return partition.Fenced
	case errors.Is(err, kafkaio.ErrUnavailable), errors.Is(err, kafkaio.ErrBackpressure):
		return partition.NotSent
	default:
		return partition.Ambiguous
	}
}

// readFailure says what a failed read of Kafka means. A read has no effect, so the
// question is only whether the log still has what it must have.
func readFailure(err error) partition.Failure {
	var outOfRange kafkaio.ErrOffsetOutOfRange
	switch {
	case err == nil:
		return 0
	case errors.As(err, &outOfRange):
		return partition.Lost
	case errors.Is(err, kafkaio.ErrCorrupt):
		return partition.Damaged
	default:
		return partition.NotSent
	}
}

// storeFailure says what is known about the outcome of a call to the store.
func storeFailure(err error) partition.Failure {
	var refused *redisstate.RefusedError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, redisstate.ErrConflict):
		return partition.Conflict
	case errors.Is(err, redisstate.ErrUnavailable):
		return partition.NotSent
	case errors.As(err, &refused):
		return partition.Refused
	default:
		return partition.Ambiguous
	}
}
