package main

import (
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/partition"
)

// appendEvents appends what the owner itself adds to logs of events. It is not fenced.
func (t *tenure) appendEvents(e partition.Effect) {
	o := t.own
	w := o.process.world
	var in partition.Input
	var events []*event.Event
	home := func(*event.Event) int { return o.number }
	switch e := e.(type) {
	case partition.AppendCatalogue:
		in = partition.CatalogueAppended{}
		events = append(events, &event.Event{
			Kind: event.KindCatalog, Source: event.SourceOwner, ID: "catalogue-" + o.process.wanted, Name: catalogues[o.process.wanted].Revision(),
			EventAt: e.Stamp, AcceptedAt: e.Stamp,
			Properties: event.Properties{Nested: map[string]string{"catalogue": o.process.wanted}},
		})
	case partition.AppendTick:
		w.count[ticked]++
		in = partition.TickAppended{}
		events = append(events, &event.Event{Kind: event.KindTick, Source: event.SourceOwner, EventAt: e.Stamp, AcceptedAt: e.Stamp})
	case partition.AppendSweep:
		w.count[swept]++
		in = partition.SweepAppended{}
		events = append(events, &event.Event{
			Kind: event.KindSweep, Source: event.SourceOwner, ID: "sweep-" + e.Name, Name: e.Name, EventAt: e.Stamp, AcceptedAt: e.Stamp,
		})
	case partition.Forward:
		w.count[forwarded]++
		in = partition.Forwarded{Seq: e.Seq}
		home = func(e *event.Event) int { return homeOf(e.Person) }
		for i := range e.Events {
			events = append(events, &e.Events[i])
		}
	}
	// One batch for each partition, side by side; all of it or nobody knows.
	var batches [partitions][]*event.Event
	for _, one := range events {
		batches[home(one)] = append(batches[home(one)], one)
	}
	waits, failed := 0, false
	for _, b := range batches {
		if len(b) > 0 {
			waits++
		}
	}
	for n, b := range batches {
		if len(b) == 0 {
			continue
		}
		o.process.appendBatch(n, b, w.token(len(b)), attempts, func(v outcome) {
			failed = failed || v != written
			if waits--; waits > 0 {
				return
			}
			if failed {
				t.answer(partition.Failed{Effect: e, Class: partition.Ambiguous})
				return
			}
			t.answer(in)
		})
	}
}

// appendBatch appends records to one log, in order. The same token is the same record.
func (p *process) appendBatch(n int, batch []*event.Event, token uint64, left int, tell func(outcome)) {
	w := p.world
	again := func() {
		if left <= 1 {
			tell(unknown)
			return
		}
		p.appendBatch(n, batch, token, left-1, tell)
	}
	p.ask(&p.kafka, func(r *request) {
		t := w.broker.logs[n]
		end := int64(0)
		for i, e := range batch {
			offset, v := w.appendLog(n, e, token+uint64(i))
			if v != appended {
				r.reply(func() { p.later(retryAfter, again) })
				return
			}
			end = offset + 1
		}
		w.whenAcked(t, end, func() { r.reply(func() { tell(written) }) }, r.vanish)
	}, again)
}

// token gives numbers to so many records.
func (w *world) token(records int) uint64 {
	from := w.tokens + 1
	w.tokens += uint64(records)
	return from
}
