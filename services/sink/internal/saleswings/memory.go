package saleswings

import (
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/services/sink/internal/delivery"
)

// memory is what is remembered of a partition from one tenure to the next, so that a
// rebalance repeats nothing. It is owned by one tenure at a time.
type memory struct {
	seen       *delivery.Seen
	identified *identified
	read       int64     // next offset that a tenure would have read
	erased     []erasure // of whom to forget everything, by rising offset
}

// erasure is the proof of an erasure as it was read.
type erasure struct {
	offset  int64
	id      cohort.ID
	subject string
}

func newMemory(people int) *memory {
	return &memory{seen: delivery.NewSeen(people), identified: newIdentified(people)}
}

// begin returns the memory for a tenure that reads from an offset: this one, or an empty
// one when somebody else has gone on meanwhile. Nothing that this one knows will be read
// again then, and who was erased there would never be forgotten here.
func (m *memory) begin(at int64, people int) *memory {
	if at > m.read {
		m = newMemory(people)
	}
	m.forget(at)
	m.erased = nil // the others are read again
	return m
}

// forget drops the erased once the position has passed the proof of it, and with that
// everything that was read of them: nothing of it can be read again and told twice.
func (m *memory) forget(below int64) {
	n := 0
	for ; n < len(m.erased) && m.erased[n].offset < below; n++ {
		e := &m.erased[n]
		m.seen.Forget(e.subject, e.id)
		m.identified.forget(e.subject)
	}
	m.erased = m.erased[n:]
}
