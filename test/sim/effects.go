package main

import (
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/partition"
)

// carryOut begins one effect.
func (t *tenure) carryOut(e partition.Effect) {
	o := t.own
	w := o.process.world
	switch e := e.(type) {
	case partition.End:
		t.ended = true
		o.ended(e)
	case partition.StartFetch:
		o.position, o.flying = e.Offset, false
		o.poll()
	case partition.Publish:
		batch := make([]record, len(e.Items))
		for i := range e.Items {
			tr := e.Items[i]
			tr.Evidence = nil
			batch[i].tr = &tr
		}
		t.write(partition.Transitions, e.Seq, partition.Publish{}, batch)
	case partition.PublishProfiles:
		var batch []record
		for i := range e.Items {
			p := e.Items[i]
			batch = append(batch, record{profile: &p})
		}
		t.write(partition.Profiles, e.Seq, partition.PublishProfiles{}, batch)
	case partition.PublishWatermark:
		mark := e.Record
		t.write(e.Output, e.Seq, partition.PublishWatermark{}, []record{{mark: &mark}})
	case partition.WriteFence:
		t.fence(e)
	case partition.TakeEpoch:
		t.askKafka(e, partition.Ambiguous, func() partition.Input {
			t.producer = w.takeEpoch(o.number)
			return partition.EpochTaken{ProducerID: t.producer.ID, Epoch: t.producer.Epoch}
		})
	case partition.PeekTail:
		t.askKafka(e, partition.NotSent, func() partition.Input { return peekTail(w.broker.outputs[o.number][e.Output], e) })
	case partition.ReadTail:
		t.askKafka(e, partition.NotSent, func() partition.Input { return readTail(w.broker.outputs[o.number][e.Output], e) })
	case partition.ReadAnchor:
		t.askKafka(e, partition.NotSent, func() partition.Input {
			w.judge.anchored(t, w.broker.logs[o.number].high)
			return readAnchor(w.broker.logs[o.number], e.Offset)
		})
	case partition.ReadCatalogue:
		t.askKafka(e, partition.NotSent, func() partition.Input {
			log := w.broker.logs[o.number]
			if e.Offset < log.start || e.Offset >= log.high || log.records[e.Offset].event.Kind != event.KindCatalog {
				return partition.Failed{Effect: e, Class: partition.Lost}
			}
			return catalogueAt(log, e.Offset)
		})
	case partition.FindCatalogue:
		t.askKafka(e, partition.NotSent, func() partition.Input {
			log := w.broker.logs[o.number]
			for i := max(e.Offset, log.start); i < log.high; i++ {
				if log.records[i].event.Kind == event.KindCatalog {
					return catalogueAt(log, i)
				}
			}
			return partition.CatalogueRead{Offset: -1}
		})
	case partition.AppendCatalogue, partition.AppendTick, partition.AppendSweep, partition.Forward:
		t.appendEvents(e)
	default:
		t.askStore(e)
	}
}

func catalogueAt(log *topic, offset int64) partition.Input {
	return partition.CatalogueRead{Offset: offset, Text: log.records[offset].event.Properties.Nested["catalogue"]}
}

// answer gives an input to the machine, unless its tenure is over.
func (t *tenure) answer(in partition.Input) {
	if !t.ended {
		t.step(in)
	}
}

// askKafka reads, or takes an epoch.
func (t *tenure) askKafka(e partition.Effect, lost partition.Failure, serve func() partition.Input) {
	p := t.own.process
	p.ask(&p.kafka, func(r *request) {
		in := serve()
		r.reply(func() { t.answer(in) })
	}, func() { t.answer(partition.Failed{Effect: e, Class: lost}) })
}

var noID = cohort.ID{Offset: -1}

// idOf is the newest transition that a record of an output tells of.
func idOf(r *record) cohort.ID {
	switch {
	case r.tr != nil:
		return r.tr.ID
	case r.profile != nil:
		return r.profile.ID
	default:
		return r.mark.Last
	}
}

func peekTail(t *topic, e partition.PeekTail) partition.Input {
	in := partition.TailPeeked{Output: e.Output, Empty: true, Last: noID}
	for i := t.high - 1; i >= 0; i-- {
		r := &t.records[i]
		if in.Empty {
			heir := r.producer
			if r.heir != nil {
				heir = *r.heir
			}
			in.Empty, in.ProducerID, in.Epoch = false, heir.ID, heir.Epoch
		}
		if id := idOf(r); in.Last.Less(id) {
			in.Last = id
		}
		if r.mark != nil {
			in.Tenure = r.mark.Tenure
			break
		}
	}
	return in
}

const tailChunk = 16

// readTail walks back in chunks, until all from the asked offset on has been seen.
func readTail(t *topic, e partition.ReadTail) partition.Input {
	in := partition.TailRead{Output: e.Output, Last: noID, Published: map[cohort.ID]uint64{}}
	more := true
	for hi := e.Below; hi > 0 && more; hi -= tailChunk {
		for i := max(0, hi-tailChunk); i < hi; i++ {
			r := &t.records[i]
			id := idOf(r)
			if in.Last.Less(id) {
				in.Last = id
			}
			switch {
			case r.mark != nil:
				in.Processed = max(in.Processed, r.mark.Processed)
			case id.Offset < e.From || e.Output == partition.Profiles:
				more = false
			default:
				in.Published[id] = partition.Digest(r.tr)
			}
		}
	}
	return in
}

func readAnchor(log *topic, offset int64) partition.Input {
	in := partition.AnchorRead{Start: log.start, End: log.high}
	if offset >= log.start && offset < log.high {
		r := &log.records[offset]
		in.Found = true
		in.ID, in.Sum = partition.Anchor(r.event.ID, []byte(r.event.Person), r.value)
	}
	return in
}
