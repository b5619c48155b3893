package partition

import (
	"bytes"
	"math"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

// start walks the phases before the first record: fence, load, read back, anchor.
func (m *Machine) start(in Input) {
	switch in := in.(type) {
	case EpochTaken:
		if m.phase != takingEpoch {
			return
		}
		m.producer = Producer{ID: in.ProducerID, Epoch: in.Epoch}
		m.phase = fencing
		if m.confirmed {
			m.fence()
			return
		}
		m.waitFor = int(outputs)
		for o := range outputs {
			m.do(PeekTail{Output: o})
		}
	case TailPeeked:
		m.peeked[in.Output] = in
		if m.waitFor--; m.waitFor == 0 {
			m.tailsPeeked()
		}
	case FenceWritten:
		m.fences[in.Output] = in.Offset
		if m.waitFor--; m.waitFor == 0 {
			// Both fences stand: nothing of an earlier epoch can follow them, so what is
			// loaded and read from here on is final as far as earlier owners go.
			m.phase = loading
			m.do(LoadCheckpoint{})
		}
	case CheckpointLoaded:
		m.checkpointLoaded(in)
	case TailRead:
		m.highWater[in.Output] = in.Last
		if in.Output == Transitions {
			m.standing = in.Published
			m.out.below = in.Processed
		}
		if m.waitFor--; m.waitFor == 0 {
			m.phase = anchoring
			at := int64(-1)
			if m.expect != nil && m.checkpoint.Offset > 0 {
				at = m.checkpoint.Offset - 1
			}
			m.do(ReadAnchor{Offset: at})
		}
	case AnchorRead:
		m.anchorRead(in)
	case CatalogueRead:
		m.catalogueRead(in)
	}
}

// tailsPeeked looks who wrote last. A producer that is not ours has to be closed, for good: so it is
// made sure first that it is older than ours and not newer, since this owner may have been held
// up since it took its epoch. What the coordinator gives out from here on is newer than what was read.
func (m *Machine) tailsPeeked() {
	for o := range outputs {
		if in := m.peeked[o]; !in.Empty && in.ProducerID >= 0 && in.ProducerID != m.producer.ID {
			m.phase, m.confirmed = takingEpoch, true
			m.do(TakeEpoch{})
			return
		}
	}
	m.fence()
}

func (m *Machine) fence() {
	m.waitFor = int(outputs)
	for o := range outputs {
		m.tenure = max(m.tenure, m.peeked[o].Tenure)
	}
	for o := range outputs {
		in := m.peeked[o]
		w := WriteFence{Output: o, Record: cohort.Watermark{
			Partition: m.cfg.Partition, Last: in.Last, Epoch: m.producer.Epoch,
			Tenure: m.tenure + 1, Owner: m.cfg.Owner, At: m.now,
		}}
		if !in.Empty && in.ProducerID >= 0 {
			w.Previous = &Producer{ID: in.ProducerID, Epoch: in.Epoch}
		}
		m.do(w)
	}
}

func (m *Machine) checkpointLoaded(in CheckpointLoaded) {
	m.expect = bytes.Clone(in.Bytes)
	m.checkpoint = Checkpoint{CatalogueAt: -1}
	if in.Bytes != nil { // else whatever the store has is of no known offset: see nobodyStored
		c, err := DecodeCheckpoint(in.Bytes)
		if err != nil {
			m.finalEnd(Damaged, "checkpoint of partition %d: %v", m.cfg.Partition, err)
			return
		}
		m.checkpoint = c
	}
	m.tenure = max(m.tenure, m.checkpoint.Tenure) + 1
	m.phase, m.waitFor = readingBack, int(outputs)
	for o := range outputs {
		m.do(ReadTail{Output: o, Below: m.fences[o], From: m.checkpoint.Offset})
	}
}

func (m *Machine) anchorRead(in AnchorRead) {
	c := m.checkpoint
	switch {
	case m.expect == nil && in.Start > 0:
		m.finalEnd(Lost, "partition %d has to be rebuilt, but its log begins at offset %d, not 0: "+
			"restore the state store, or start the flow afresh on new topics", m.cfg.Partition, in.Start)
		return
	case m.highWater[Transitions].Offset >= in.End:
		m.finalEnd(Lost, "transitions of offset %d of partition %d are published but the log ends at %d: "+
			"the log was truncated or created again", m.highWater[Transitions].Offset, m.cfg.Partition, in.End)
		return
	case c.Offset > in.End:
		m.finalEnd(Lost, "checkpoint of partition %d is at offset %d but the log ends at %d: "+
			"the log was truncated or created again", m.cfg.Partition, c.Offset, in.End)
		return
	case m.expect != nil && c.Offset > 0 && !in.Found:
		m.finalEnd(Lost, "record %d of partition %d, the last one consumed, is no longer in the log (it begins at %d): "+
			"retention has passed the checkpoint; raise retention, then reset the partition's state", c.Offset-1, m.cfg.Partition, in.Start)
		return
	case m.expect != nil && c.Offset > 0 && (in.ID != c.AnchorID || in.Sum != c.AnchorSum):
		m.finalEnd(Lost, "record %d of partition %d is another one than the record that was consumed: "+
			"the log was truncated and has grown again, or the topic was created again", c.Offset-1, m.cfg.Partition)
		return
	}
	m.offset, m.ordinal, m.logTime, m.furthest = c.Offset, c.Ordinal, c.LogTime, c.Furthest
	m.next, m.end, m.lastOffset = c.Offset, in.End, c.Offset-1
	m.sweep = int(c.Sweep) - 1
	m.sizes = c.Sizes
	if m.expect == nil {
		m.sweep, m.sizes = sweepIdle, make(map[string]int64)
	}
	m.phase = cataloguing
	// A log that loses its front is told its catalogue anew long before it loses the record.
	m.aging = c.CatalogueAt >= 0 && in.Start > 0 && c.CatalogueAt-in.Start < (in.End-in.Start)/2
	switch {
	case c.CatalogueAt >= in.Start:
		m.do(ReadCatalogue{Offset: c.CatalogueAt})
		return
	case c.CatalogueAt >= 0:
		m.catalogueGone()
		return
	}
	m.do(FindCatalogue{Offset: in.Start})
}

// catalogueGone goes on though the record of the catalogue in force is no longer in the log, from the
// start or since the anchor was read: an owner that wants the same revision knows what stood in it.
func (m *Machine) catalogueGone() {
	c := m.checkpoint
	if c.Catalogue != m.cfg.Revision {
		m.finalEnd(Lost, "the catalogue in force in partition %d, revision %s, stood at offset %d, which is no longer in the log: "+
			"start once with that catalogue, then with another", m.cfg.Partition, c.Catalogue, c.CatalogueAt)
		return
	}
	m.aging = true
	m.catalogueRead(CatalogueRead{Offset: c.CatalogueAt, Text: m.cfg.CatalogueText})
}

// catalogueRead puts the log's catalogue in force. A log that has none yet gets
// ours; the first one in the log also holds for the records before it, which is
// still a function of the log alone.
func (m *Machine) catalogueRead(in CatalogueRead) {
	if in.Offset < 0 {
		m.appending = true
		m.do(AppendCatalogue{Stamp: m.stamp()})
		return
	}
	program, err := m.cfg.Compile(in.Text)
	if err != nil {
		m.finalEnd(Damaged, "catalogue at offset %d of partition %d: %v", in.Offset, m.cfg.Partition, err)
		return
	}
	m.changed = m.checkpoint.Change
	if len(m.changed.Former) == 0 {
		m.changed.Former = in.Former
	}
	m.program, m.catalogueAt = m.changed.Apply(program), in.Offset
	m.loadedUntil = math.MinInt64
	if m.expect != nil {
		m.loadedUntil = bucketOf(m.logTime) * bucketWidth
	}
	m.phase, m.frozenAt = running, m.now
	for o := range outputs {
		// The fence had to be written before the position was known: readers of the output
		// are told it soon, also when nothing follows in the log.
		m.marked[o], m.markedAt[o] = m.now, 0
	}
	m.do(StartFetch{Offset: m.offset})
}

func (m *Machine) catalogueAppended() {
	if m.phase == cataloguing {
		m.appending = false
		m.do(FindCatalogue{Offset: m.end}) // there was none up to the end as it was
	}
}

// stamp is the stamp of a record that the owner appends itself: the wall clock
// where ticks are on, else none, so that time stays data.
func (m *Machine) stamp() int64 {
	if m.cfg.Ticks {
		return m.now
	}
	return 0
}

// switchProgram puts another catalogue in force at a record of the log. People in
// memory are carried over by their stored form, just as those in the store are.
func (m *Machine) switchProgram(r *Record, logTime int64) {
	text := r.Event.Properties.Nested["catalogue"]
	m.appending = false // ours, if one was on its way, has come or comes behind this one
	if r.Event.Name == m.program.Revision() {
		m.catalogueAt, m.aging = r.Offset, false
		return
	}
	m.catalogueAt = r.Offset
	program, err := m.cfg.Compile(text)
	if err != nil {
		m.finalEnd(Damaged, "catalogue at offset %d of partition %d: %v", r.Offset, m.cfg.Partition, err)
		return
	}
	m.changed = Between(m.program, program, logTime)
	program = m.changed.Apply(program)
	m.sweep, m.swept, m.loaded = sweepIdle, sweepIdle-1, nil
	if m.cfg.Slices > 0 && len(m.changed.Review)+len(m.changed.Warmed)+len(m.changed.Former) > 0 {
		m.sweep = 0
	}
	var blob []byte
	for _, p := range m.people.ring {
		blob = m.program.Append(blob[:0], &p.person)
		if err := program.Decode(p.person.Key, bytes.Clone(blob), &p.person); err != nil {
			m.finalEnd(Damaged, "person under a new catalogue in partition %d: %v", m.cfg.Partition, err)
			return
		}
	}
	m.program = program
}
