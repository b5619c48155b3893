package owner

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/trace"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/partition"
)

// append hands encoded records to an output's writer, in order. The writer copies
// them; done tells when they are acknowledged, in order too. A crash before that
// leaves a prefix of them in the log, and the next owner finds it there. sends are the
// spans of those that are being traced.
func (o *Owner) append(out partition.Output, seq int64, e partition.Effect, sends []trace.Span, acked func()) {
	w := o.writers[out]
	w.Append(o.out.records, func(_ int64, err error) {
		ended(sends, err)
		if err != nil {
			if !errors.Is(err, kafkaio.ErrClosed) {
				// The first failure ends the tenure. It is left for the loop and not sent to it: this
				// may come when the loop has ended, and must not wait then.
				o.broken.CompareAndSwap(nil, &partition.Failed{Effect: e, Class: max(writeFailure(err), partition.Ambiguous), Err: err})
				o.poke()
			}
			return
		}
		answered(e)
		o.acked[out].Store(seq)
		if acked != nil {
			acked()
		}
		o.poke()
	})
	handed(e)
	clear(o.out.records)
	o.out.records, o.out.bytes = o.out.records[:0], o.out.bytes[:0]
}

func (o *Owner) publish(ctx context.Context, e partition.Publish) {
	asked(e)
	at := now()
	// Values are encoded into one buffer first and cut afterwards: it may move while it grows.
	ends := o.out.ends[:0]
	for i := range e.Items {
		if t := &e.Items[i]; t.Op == cohort.OpErased {
			// A proof that says nothing about whom it is of, to anybody who does not know them.
			t.Person = o.deps.Keys.Subject(t.Person)
		}
		o.out.bytes = avrocodec.AppendTransition(o.out.bytes, o.cfg.Topics.TransitionsID, &e.Items[i])
		ends = append(ends, len(o.out.bytes))
	}
	o.out.ends = ends
	from := 0
	var sends []trace.Span
	for i := range e.Items {
		t := &e.Items[i]
		headers, send := o.spans.process(ctx, o, t)
		if send != nil {
			sends = append(sends, send)
		}
		o.out.records = append(o.out.records, kafkaio.OutRecord{
			Partition: o.partition, Timestamp: at, Key: []byte(t.Person), Value: o.out.bytes[from:ends[i]], Headers: headers,
		})
		from = ends[i]
	}
	var acked func()
	if o.behind.Load() < liveLag {
		acked = o.deps.Meters.latency(e.Items)
	}
	o.deps.Meters.published(ctx, e.Items)
	o.append(partition.Transitions, e.Seq, partition.Publish{}, sends, acked)
}

func (o *Owner) publishProfiles(e partition.PublishProfiles) {
	at := now()
	ends := o.out.ends[:0]
	for i := range e.Items {
		o.out.bytes = avrocodec.AppendProfile(o.out.bytes, o.cfg.Topics.ProfilesID, &e.Items[i])
		ends = append(ends, len(o.out.bytes))
	}
	o.out.ends = ends
	from := 0
	for i := range e.Items {
		o.out.records = append(o.out.records, kafkaio.OutRecord{
			Partition: o.partition, Timestamp: at, Key: []byte(e.Items[i].Person), Value: o.out.bytes[from:ends[i]],
		})
		from = ends[i]
		if e.Items[i].Deleted {
			// Readers of the log see that somebody is gone; compaction forgets them.
			o.out.records = append(o.out.records, kafkaio.OutRecord{Partition: o.partition, Timestamp: at, Key: []byte(e.Items[i].Person)})
		}
	}
	o.append(partition.Profiles, e.Seq, partition.PublishProfiles{}, nil, nil)
}

func (o *Owner) publishWatermark(e partition.PublishWatermark) {
	o.out.records = append(o.out.records, o.watermark(e.Output, &e.Record))
	o.append(e.Output, e.Seq, partition.PublishWatermark{}, nil, nil)
}

func (o *Owner) watermark(out partition.Output, w *cohort.Watermark) kafkaio.OutRecord {
	r := kafkaio.OutRecord{Partition: o.partition, Timestamp: now(), Key: []byte(watermarkKey)}
	if out == partition.Profiles {
		r.Value = avrocodec.AppendProfileWatermark(nil, o.cfg.Topics.ProfilesID, w)
	} else {
		r.Value = avrocodec.AppendTransitionWatermark(nil, o.cfg.Topics.TransitionsID, w)
	}
	return r
}
