package owner

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/partition"
)

const (
	tailChunk    = 4_096   // records read at once while walking an output backwards
	maxStanding  = 200_000 // published transitions kept for comparison; older ones are only not sent again
	watermarkKey = "__watermark__"
)

func (o *Owner) topic(out partition.Output) string {
	if out == partition.Profiles {
		return o.cfg.Topics.Profiles
	}
	return o.cfg.Topics.Transitions
}

// entry is what one record of an output says.
type entry struct {
	id        cohort.ID
	digest    uint64
	watermark bool
	tenure    int64
	processed int64
}

func (o *Owner) entry(out partition.Output, r *kafkaio.Record) (entry, error) {
	e := entry{id: noID}
	if len(r.Value) == 0 {
		return e, nil // tombstone
	}
	var mark cohort.Watermark
	if out == partition.Profiles {
		var p cohort.Profile
		isMark, err := avrocodec.DecodeProfile(r.Value, &p, &mark)
		if err != nil {
			return e, fmt.Errorf("record %d of %s/%d: %w", r.Offset, o.topic(out), o.partition, err)
		}
		if !isMark {
			e.id = p.ID
			return e, nil
		}
	} else {
		var t cohort.Transition
		op, err := avrocodec.DecodeTransition(r.Value, &t, &mark)
		if err != nil {
			return e, fmt.Errorf("record %d of %s/%d: %w", r.Offset, o.topic(out), o.partition, err)
		}
		if op != cohort.OpWatermark {
			t.Op = op
			e.id, e.digest = t.ID, partition.Digest(&t)
			return e, nil
		}
	}
	e.id, e.watermark, e.tenure, e.processed = mark.Last, true, mark.Tenure, mark.Processed
	return e, nil
}

// walk reads an output backwards from below, in chunks, until more says no or the
// start is reached. Within a chunk records come in offset order.
func (o *Owner) walk(ctx context.Context, out partition.Output, below int64, visit func([]kafkaio.Record) (more bool, err error)) error {
	start, _, err := o.deps.Kafka.Offsets(ctx, o.topic(out), o.partition)
	if err != nil {
		return fmt.Errorf("bounds of %s/%d: %w", o.topic(out), o.partition, err)
	}
	for hi := below; hi > start; {
		lo := max(start, hi-tailChunk)
		records, err := o.deps.Kafka.ReadRange(ctx, o.topic(out), o.partition, lo, hi)
		if err != nil {
			return fmt.Errorf("read %s/%d from %d to %d: %w", o.topic(out), o.partition, lo, hi, err)
		}
		more, err := visit(records)
		if err != nil || !more {
			return err
		}
		hi = lo
	}
	return nil
}

// peekTail says who wrote the output last and up to which transition.
func (o *Owner) peekTail(ctx context.Context, out partition.Output) (partition.Input, error) {
	_, end, err := o.deps.Kafka.Offsets(ctx, o.topic(out), o.partition)
	if err != nil {
		return nil, fmt.Errorf("bounds of %s/%d: %w", o.topic(out), o.partition, err)
	}
	in := partition.TailPeeked{Output: out, Empty: true, Last: noID}
	err = o.walk(ctx, out, end, func(records []kafkaio.Record) (bool, error) {
		for i := len(records) - 1; i >= 0; i-- {
			if in.Empty {
				heir := records[i].Heir()
				in.Empty, in.ProducerID, in.Epoch = false, heir.ProducerID, heir.Epoch
			}
			e, err := o.entry(out, &records[i])
			if err != nil {
				return false, err
			}
			if in.Last.Less(e.id) {
				in.Last = e.id
			}
			if e.watermark {
				// Every earlier owner began with a watermark, so this one tells the newest tenure.
				in.Tenure = e.tenure
				return false, nil
			}
		}
		return true, nil
	})
	return in, err
}

func (o *Owner) writeFence(ctx context.Context, e partition.WriteFence) (partition.Input, error) {
	w := o.deps.Kafka.NewFencedWriter(kafkaio.FencedConfig{
		Topic: o.topic(e.Output), Partition: o.partition, Epoch: o.epoch, Timeout: o.cfg.Timeout,
		HeldUp: time.Duration(o.cfg.Machine.HeldUp()) * time.Millisecond,
	})
	var last *kafkaio.Epoch
	if e.Previous != nil {
		last = &kafkaio.Epoch{ProducerID: e.Previous.ID, Epoch: e.Previous.Epoch}
	}
	offset, err := w.Fence(ctx, o.watermark(e.Output, &e.Record), last)
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("fence %s/%d: %w", o.topic(e.Output), o.partition, err)
	}
	// Only this goroutine writes this element; the loop reads it after the answer.
	o.writers[e.Output] = w
	return partition.FenceWritten{Output: e.Output, Offset: offset}, nil
}

func (o *Owner) readTail(ctx context.Context, e partition.ReadTail) (partition.Input, error) {
	in := partition.TailRead{Output: e.Output, Last: noID, Published: make(map[cohort.ID]uint64)}
	err := o.walk(ctx, e.Output, e.Below, func(records []kafkaio.Record) (bool, error) {
		more := len(in.Published) < maxStanding
		for i := range records {
			x, err := o.entry(e.Output, &records[i])
			if err != nil {
				return false, err
			}
			if in.Last.Less(x.id) {
				in.Last = x.id
			}
			in.Processed = max(in.Processed, x.processed)
			switch {
			case x.watermark || x.id == noID:
			case x.id.Offset < e.From || e.Output == partition.Profiles:
				more = false // records stand in the order of ids: nothing older is of use
			default:
				in.Published[x.id] = x.digest
			}
		}
		return more, nil
	})
	return in, err
}

func (o *Owner) readAnchor(ctx context.Context, offset int64) (partition.Input, error) {
	topic := o.cfg.Topics.Events
	start, end, err := o.deps.Kafka.Offsets(ctx, topic, o.partition)
	if err != nil {
		return nil, fmt.Errorf("bounds of %s/%d: %w", topic, o.partition, err)
	}
	in := partition.AnchorRead{Start: start, End: end}
	if offset < start || offset >= end {
		return in, nil
	}
	records, err := o.deps.Kafka.ReadRange(ctx, topic, o.partition, offset, offset+1)
	if err != nil {
		return nil, fmt.Errorf("read the anchor at offset %d of %s/%d: %w", offset, topic, o.partition, err)
	}
	for i := range records {
		if records[i].Offset != offset {
			continue
		}
		var e event.Event
		in.Found = true
		_ = avrocodec.DecodeEventHead(records[i].Value, &e) // a bad record has no id, then as now
		in.ID, in.Sum = partition.Anchor(e.ID, records[i].Key, records[i].Value)
	}
	return in, nil
}

func catalogueOf(r *kafkaio.Record) (partition.CatalogueRead, bool) {
	var e event.Event
	if err := avrocodec.DecodeEventHead(r.Value, &e); err != nil || e.Kind != event.KindCatalog {
		return partition.CatalogueRead{}, false
	}
	if err := avrocodec.DecodeEvent(r.Value, &e); err != nil {
		return partition.CatalogueRead{}, false
	}
	text, ok := e.Properties.Nested["catalogue"]
	return partition.CatalogueRead{Offset: r.Offset, Text: text, Former: strings.Fields(e.Properties.Strings["former"])}, ok
}

// findCatalogue looks for the first catalogue of the log.
func (o *Owner) findCatalogue(ctx context.Context, from int64) (partition.Input, error) {
	topic := o.cfg.Topics.Events
	_, end, err := o.deps.Kafka.Offsets(ctx, topic, o.partition)
	if err != nil {
		return nil, fmt.Errorf("bounds of %s/%d: %w", topic, o.partition, err)
	}
	for lo := from; lo < end; lo += tailChunk {
		records, err := o.deps.Kafka.ReadRange(ctx, topic, o.partition, lo, min(lo+tailChunk, end))
		if err != nil {
			return nil, fmt.Errorf("look for the catalogue in %s/%d: %w", topic, o.partition, err)
		}
		for i := range records {
			if in, ok := catalogueOf(&records[i]); ok {
				return in, nil
			}
		}
	}
	return partition.CatalogueRead{Offset: -1}, nil
}
