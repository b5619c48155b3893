package main

import (
	"github.com/cohortflow/cohortflow/pkg/partition"
)

const (
	retryAfter = 100 // ms
	attempts   = 4   // of one batch, before its outcome is given up
)

// patient is how long a writer sends without an acknowledgement, ms.
var patient = partition.Config{}.HeldUp()

// writer appends to one output under one epoch, one batch in flight, as kafkaio's fenced
// writer does: the same bytes are sent again until somebody answers, and the first final
// error ends it.
type writer struct {
	tenure *tenure
	output partition.Output
	seq    int32
	queue  []record
	spans  []span
	flying []record
	heard  int64 // true time at which the newest acknowledged batch was sealed
	sealed int64 // the same of the one in flight
	dead   bool
}

// span is the end of one publish: so many records of the queue from the front.
type span struct {
	records int
	seq     int64
	effect  partition.Effect
}

// write hands records to an output, behind everything before.
func (t *tenure) write(out partition.Output, seq int64, e partition.Effect, batch []record) {
	w := t.writers[out]
	for i := range batch {
		batch[i].stamp = t.own.process.clock()
	}
	w.queue = append(w.queue, batch...)
	w.spans = append(w.spans, span{records: len(batch), seq: seq, effect: e})
	w.send()
}

func (w *writer) send() {
	if w.dead || w.flying != nil || len(w.queue) == 0 {
		return
	}
	if w.heldUp() {
		return
	}
	most := 1 + w.tenure.own.process.world.rng.IntN(6)
	n := min(len(w.queue), most)
	w.flying = w.queue[:n:n]
	w.queue = w.queue[n:]
	t := w.tenure
	w.sealed = t.own.process.world.now
	t.produce(t.producer, w.output, w.seq, w.flying, attempts, func(_ int64, v outcome) {
		if t.ended || w.dead {
			return
		}
		w.acked(v)
	})
}

// heldUp ends a writer whose fence may be forgotten: it may have been held up between two batches,
// or two attempts, where nobody asks the machine.
func (w *writer) heldUp() bool {
	t := w.tenure
	if w.dead || t.ended || t.own.process.world.now-w.heard <= patient {
		return w.dead
	}
	t.own.process.world.count[writerHeldUp]++
	w.dead = true
	failed := partition.Failed{Effect: w.spans[0].effect, Class: partition.Ambiguous}
	t.own.process.later(0, func() { t.answer(failed) })
	return true
}

func (w *writer) acked(v outcome) {
	t := w.tenure
	if v != written {
		w.dead = true
		t.answer(partition.Failed{Effect: w.spans[0].effect, Class: v.class()})
		return
	}
	n := len(w.flying)
	w.seq = advance(w.seq, n)
	w.flying, w.heard = nil, w.sealed
	w.send()
	for n > 0 && len(w.spans) > 0 {
		s := &w.spans[0]
		k := min(n, s.records)
		n -= k
		if s.records -= k; s.records > 0 {
			return
		}
		seq := s.seq
		w.spans = w.spans[1:]
		t.answer(partition.Acked{Output: w.output, Seq: seq})
	}
}

// outcome is what is known in the end about a batch.
type outcome uint8

const (
	written outcome = iota
	refused         // by a newer epoch
	unknown
	unsent
)

func (v outcome) class() partition.Failure {
	switch v {
	case refused:
		return partition.Fenced
	default:
		return partition.Ambiguous
	}
}

// produce sends one batch until there is an answer, or no attempt is left.
func (t *tenure) produce(by partition.Producer, out partition.Output, seq int32, batch []record, left int, tell func(int64, outcome)) {
	o := t.own
	p, w := o.process, o.process.world
	again := func() {
		held := t.writers[out] != nil && t.writers[out].heldUp()
		if held || left <= 1 || t.ended {
			tell(-1, unknown)
			return
		}
		t.produce(by, out, seq, batch, left-1, tell)
	}
	p.ask(&p.kafka, func(r *request) {
		topic := w.broker.outputs[o.number][out]
		if t.ended || p.life != r.life {
			w.count[lateProduce]++
		}
		offset, v := w.append(topic, by, seq, batch)
		switch v {
		case appended:
			w.whenAcked(topic, offset+int64(len(batch)), func() { r.reply(func() { tell(offset, written) }) }, r.vanish)
		case fenced:
			w.count[zombieFenced]++
			r.reply(func() { tell(-1, refused) })
		case leaderless:
			r.reply(func() { p.later(retryAfter, again) })
		default:
			r.reply(func() { tell(-1, unknown) })
		}
	}, again)
}

// fence writes the fence record; where another producer wrote last, that one is closed first.
func (t *tenure) fence(e partition.WriteFence) {
	w := t.own.process.world
	mark := e.Record
	batch := []record{{mark: &mark, stamp: t.own.process.clock()}}
	fail := func(v outcome) { t.answer(partition.Failed{Effect: e, Class: v.class()}) }
	own := func() {
		sealed := w.now
		t.produce(t.producer, e.Output, 0, batch, attempts, func(offset int64, v outcome) {
			if v != written {
				fail(v)
				return
			}
			if !t.ended {
				t.writers[e.Output] = &writer{tenure: t, output: e.Output, seq: 1, heard: sealed}
				t.answer(partition.FenceWritten{Output: e.Output, Offset: offset})
			}
		})
	}
	if e.Previous == nil || e.Previous.ID == t.producer.ID {
		own()
		return
	}
	w.count[producerChanged]++
	closing := partition.Producer{ID: e.Previous.ID, Epoch: closingEpoch}
	heir := t.producer
	naming := []record{{mark: &mark, stamp: t.own.process.clock(), heir: &heir}}
	t.produce(closing, e.Output, 0, naming, attempts, func(offset int64, v outcome) {
		if v != written {
			fail(v)
			return
		}
		t.closedFor(e.Output, offset, func(heir *partition.Producer, ok bool) {
			switch {
			case !ok:
				fail(unsent)
			case heir == nil || heir.ID != t.producer.ID:
				w.count[closedForAnother]++
				fail(refused)
			default:
				w.count[producerClosed]++
				own()
			}
		})
	})
}

// closedFor reads in whose favour the closing fence at an offset closes: a repeat may have been acknowledged for
// somebody else's.
func (t *tenure) closedFor(out partition.Output, offset int64, tell func(heir *partition.Producer, ok bool)) {
	o := t.own
	p := o.process
	lost := func() { tell(nil, false) }
	p.ask(&p.kafka, func(r *request) {
		topic := p.world.broker.outputs[o.number][out]
		if p.world.now < topic.absent || offset >= topic.high {
			r.vanish()
			return
		}
		heir := topic.records[offset].heir
		r.reply(func() { tell(heir, true) })
	}, lost)
}
