package partition

import "github.com/cohortflow/cohortflow/pkg/event"

const (
	maxForward  = 512   // records in one request
	maxOutgoing = 4_096 // records that wait to be appended beyond which no record is taken
)

// outgoing holds what the owner appends to the logs of other partitions (or its own):
// what aliases pass on and what they were. It goes out in order, one request at a time. It is
// at least once: a repeat decides nothing at its receiver.
type outgoing struct {
	queue  []errand
	asked  int64 // number of the newest that was queued
	acked  int64 // all up to it are in their logs
	flying int   // records in the request under way
	below  int64 // what records below this offset caused is known to be in the logs
}

type errand struct {
	event  event.Event
	offset int64 // input offset of the record that caused it
}

// send queues a record for the log of its person's partition.
func (m *Machine) send(e event.Event) {
	offset := m.queue[0][m.head].Offset
	if offset < m.out.below {
		return // an earlier owner did, and its watermark says so
	}
	m.out.queue = append(m.out.queue, errand{event: e, offset: offset})
	m.out.asked++
}

// dispatch asks for the next request.
func (m *Machine) dispatch() {
	o := &m.out
	if o.flying > 0 || len(o.queue) == 0 {
		return
	}
	o.flying = min(len(o.queue), maxForward)
	f := Forward{Seq: o.acked + int64(o.flying), Events: make([]event.Event, o.flying)}
	for i := range f.Events {
		f.Events[i] = o.queue[i].event
	}
	m.do(f)
}

func (m *Machine) forwarded(seq int64) {
	o := &m.out
	if seq != o.acked+int64(o.flying) {
		return
	}
	o.acked = seq
	kept := copy(o.queue, o.queue[o.flying:])
	clear(o.queue[kept:])
	o.queue, o.flying = o.queue[:kept], 0
	m.sendCommit()
}

// settled is the input offset below which all is published and passed on: what a
// watermark may tell.
func (m *Machine) settled() int64 {
	if len(m.out.queue) > 0 {
		return min(m.offset, m.out.queue[0].offset)
	}
	return m.offset
}
