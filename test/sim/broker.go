package main

import (
	"math"
	"slices"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/partition"
)

const (
	outputs      = 2     // partition.Transitions and partition.Profiles
	closingEpoch = 32767 // shuts a producer id out for good
	remembered   = 5     // batches per producer that a repeat is recognised among
	forgetsAfter = hour  // producer.id.expiration.ms
)

// broker is one Kafka: the log of events and both outputs of each partition, and the
// coordinator that gives out epochs. What it accepts follows the real broker: an epoch is
// looked at where a batch is appended, by what that partition has seen of the producer.
type broker struct {
	logs    [partitions]*topic
	outputs [partitions][outputs]*topic
	epochs  [partitions]partition.Producer // of each partition's transactional id
	lastID  int64                          // producer ids given out
}

// record is one record of a topic: one of the pointers says what.
type record struct {
	producer partition.Producer
	seq      int32
	at       int64 // append time, ms
	stamp    int64 // of an output: the time by its sender's clock, ms
	event    *event.Event
	value    []byte
	token    uint64 // of an append to the log of events
	tr       *cohort.Transition
	profile  *cohort.Profile
	mark     *cohort.Watermark
	heir     *partition.Producer // of a closing fence: in whose favour it closes
}

// topic is one partition of a topic.
type topic struct {
	name    string
	records []record
	start   int64 // first offset that retention has left
	high    int64 // high watermark: what all replicas have
	term    int   // leader epoch
	life    int   // times the topic was created
	absent  int64 // true time until which nobody leads
	writers map[int64]*writerState
	waiting []func() // fetches that wait for more
}

// writerState is what a partition remembers of a producer.
type writerState struct {
	epoch int16
	next  int32 // sequence
	last  [remembered]batchState
	at    int64 // newest stamp, by which it is forgotten
}

type batchState struct {
	seq    int32
	count  int32
	offset int64
}

// verdict answers a batch.
type verdict uint8

const (
	appended verdict = iota
	fenced           // 47
	disorder         // 45
	leaderless
)

func newBroker() *broker {
	b := &broker{lastID: 100}
	for p := range partitions {
		b.logs[p] = newTopic("events")
		b.outputs[p] = [outputs]*topic{newTopic("transitions"), newTopic("profiles")}
		b.epochs[p] = partition.Producer{ID: int64(p), Epoch: -1}
	}
	return b
}

func newTopic(name string) *topic {
	return &topic{name: name, writers: map[int64]*writerState{}}
}

func (t *topic) end() int64 { return int64(len(t.records)) }

// lacks says that an offset is out of range: retention has taken it, or nothing was ever there.
func (t *topic) lacks(offset int64) bool { return offset < t.start || offset > t.end() }

// append takes a batch of records of one producer, numbered from seq. The offset is that of
// its first record, also where it stands there already.
func (w *world) append(t *topic, by partition.Producer, seq int32, batch []record) (int64, verdict) {
	if w.now < t.absent {
		return -1, leaderless
	}
	s := w.knows(t, by.ID)
	switch {
	case s == nil: // forgotten or never seen: any epoch and any sequence are taken
		s = &writerState{epoch: by.Epoch, next: seq}
		t.writers[by.ID] = s
	case w.lacks(noFence):
	case by.Epoch < s.epoch:
		return -1, fenced
	case by.Epoch > s.epoch:
		if seq != 0 {
			return -1, disorder
		}
		*s = writerState{epoch: by.Epoch}
	case seq != s.next && !w.lacks(noSequences):
		for _, b := range s.last {
			if b.count == int32(len(batch)) && b.seq == seq {
				w.count[repeatRecognised]++
				return b.offset, appended
			}
		}
		return -1, disorder
	}
	offset := t.end()
	s.next, s.at = advance(seq, len(batch)), batch[0].stamp
	for i := range batch {
		r := batch[i]
		r.producer, r.seq, r.at = by, advance(seq, i), w.now
		s.at = max(s.at, r.stamp)
		t.records = append(t.records, r)
	}
	copy(s.last[1:], s.last[:])
	s.last[0] = batchState{seq: seq, count: int32(len(batch)), offset: offset}
	w.replicate(t)
	return offset, appended
}

// knows gives what a topic remembers of a producer. It is forgotten by the stamps of its records:
// what an owner says whose clock is behind is forgotten earlier.
func (w *world) knows(t *topic, id int64) *writerState {
	s := t.writers[id]
	if s != nil && w.now-s.at > forgetsAfter {
		delete(t.writers, id)
		w.count[producerForgotten]++
		return nil
	}
	return s
}

// advance gives the sequence after so many records: after the greatest comes 0.
func advance(seq int32, records int) int32 {
	return int32((int64(seq) + int64(records)) & math.MaxInt32)
}

// replicate brings what the leader has to all replicas, a little later.
func (w *world) replicate(t *topic) {
	end, term, delay := t.end(), t.term, int64(0)
	if w.rng.IntN(8) == 0 {
		delay = w.rng.Int64N(4)
	}
	if w.slowReplicas > 0 && w.rng.IntN(4) == 0 {
		delay += w.rng.Int64N(w.slowReplicas)
	}
	reach := func() {
		if t.term == term && end > t.high {
			w.raise(t, end)
		}
	}
	if delay == 0 {
		reach()
		return
	}
	w.after(delay, reach)
}

// raise moves the high watermark: what is below it is seen, judged and acknowledged.
func (w *world) raise(t *topic, to int64) {
	from := t.high
	t.high = to
	w.judge.seen(t, from)
	waiting := t.waiting
	t.waiting = nil
	for _, f := range waiting {
		f()
	}
}

// whenAcked is whenHigh for whoever has appended.
func (w *world) whenAcked(t *topic, end int64, f, lost func()) {
	if w.lacks(noReplicas) {
		f()
		return
	}
	w.whenHigh(t, end, f, lost)
}

// whenHigh runs f once everything below end is on all replicas, or lost when its leader goes.
func (w *world) whenHigh(t *topic, end int64, f, lost func()) {
	if t.high >= end {
		f()
		return
	}
	term := t.term
	t.waiting = append(t.waiting, func() {
		if t.term != term {
			lost()
			return
		}
		w.whenHigh(t, end, f, lost)
	})
}

// elect gives a partition another leader, one that has only what all replicas have.
func (w *world) elect(t *topic, absent int64) {
	t.term++
	t.absent = max(t.absent, w.now+absent)
	if lost := t.end() - t.high; lost > 0 {
		w.count[unackedTruncated]++
		clear(t.records[t.high:])
		t.records = t.records[:t.high]
		t.remember()
	}
	waiting := t.waiting
	t.waiting = nil
	w.after(absent+1, func() {
		for _, f := range waiting {
			f()
		}
	})
}

// remember makes the memory of producers anew from the records.
func (t *topic) remember() {
	old := t.writers
	t.writers = map[int64]*writerState{}
	for i := range t.records {
		r := &t.records[i]
		if old[r.producer.ID] == nil {
			continue // had expired
		}
		s := t.writers[r.producer.ID]
		if s == nil || s.epoch != r.producer.Epoch {
			s = &writerState{epoch: r.producer.Epoch}
			t.writers[r.producer.ID] = s
		}
		// Where batches began is not kept: each record counts as one, so a repeat of a longer
		// one is refused, as by a broker that has forgotten it.
		s.next, s.at = advance(r.seq, 1), r.stamp
		copy(s.last[1:], s.last[:])
		s.last[0] = batchState{seq: r.seq, count: 1, offset: int64(i)}
	}
}

// takeEpoch is InitProducerID.
func (w *world) takeEpoch(p int) partition.Producer {
	b := w.broker
	e := &b.epochs[p]
	if w.lacks(noEpochs) && e.Epoch >= 0 {
		return *e
	}
	if e.Epoch >= closingEpoch-1 {
		*e = partition.Producer{ID: b.newID(), Epoch: -1}
	}
	e.Epoch++
	return *e
}

// exhaust has the next owner get another producer id: all epochs used up, or the id expired.
func (b *broker) exhaust(p int) { b.epochs[p].Epoch = closingEpoch - 1 }

func (b *broker) newID() int64 {
	b.lastID++
	return b.lastID
}

// appendLog takes records into the log of events. Tokens stand for the idempotence of one
// attempt to write: the same one twice is one record.
func (w *world) appendLog(p int, e *event.Event, token uint64) (int64, verdict) {
	t := w.broker.logs[p]
	if w.now < t.absent {
		return -1, leaderless
	}
	for i := max(0, len(t.records)-64); i < len(t.records); i++ {
		if t.records[i].token == token {
			return int64(i), appended
		}
	}
	w.values++
	t.records = append(t.records, record{
		producer: partition.Producer{ID: -1}, at: w.now, event: e, value: valueOf(e, w.values), token: token,
	})
	w.replicate(t)
	return t.end() - 1, appended
}

// lastMark gives the newest heartbeat that readers see; nil = there is none.
func (t *topic) lastMark() *cohort.Watermark {
	for _, r := range slices.Backward(t.records[:t.high]) {
		if r.mark != nil {
			return r.mark
		}
	}
	return nil
}
