package intake

import (
	"encoding/binary"
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
)

// links remembers which links the log has been told of within the hour. A place holds
// the newest link of the weaker keys that fall on it, so memory is bounded; what is
// forgotten is told once more, which does no harm. It is safe for concurrent use.
type links struct {
	seed  maphash.Seed
	known []atomic.Uint64 // 0 = nothing
}

// newLinks makes a memory of n places; with none every link is told each time.
func newLinks(n int) *links {
	return &links{seed: maphash.MakeSeed(), known: make([]atomic.Uint64, n)}
}

const hour = int64(time.Hour / time.Millisecond)

// at gives the place of a link and what stands there once the log has it. now is the
// wall clock and eventAt the time of the message, in ms.
func (l *links) at(workspace string, link *normalise.Link, into string, now, eventAt int64) (place, mark uint64) {
	var h maphash.Hash
	h.SetSeed(l.seed)
	_, _ = h.WriteString(workspace)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(link.Key)
	key := h.Sum64()
	_ = h.WriteByte(0)
	_, _ = h.WriteString(into)
	var n [16]byte
	// Each key has an hour of its own, or all would be told again at the full one.
	binary.LittleEndian.PutUint64(n[:], uint64((now+int64(key%uint64(hour)))/hour))
	if link.Name == event.NameRelink {
		// The latest by event time holds: a link that history tells again must not hide one
		// that came between.
		binary.LittleEndian.PutUint64(n[8:], uint64(eventAt/hour))
	}
	_, _ = h.Write(n[:])
	return key % uint64(len(l.known)), h.Sum64() | 1
}

// link adds the records of the links that an event tells of and the log does not know.
func (b *Batch) link(e *event.Event) *normalise.Fault {
	b.weaker, b.fresh = b.scope.Links(e, b.weaker[:0]), b.fresh[:0]
	if len(b.weaker) == 0 || !b.w.cfg.Links {
		return nil
	}
	into, memory := normalise.Into(e), b.w.links
	for i := range b.weaker {
		l := &b.weaker[i]
		var place, mark uint64
		if len(memory.known) > 0 {
			place, mark = memory.at(b.scope.Workspace, l, into, b.scope.ReceivedAt, e.EventAt)
			told, here := b.told[place]
			if !here {
				told = memory.known[place].Load()
			}
			if told == mark {
				continue
			}
		}
		l.Record(e, &b.linked)
		if fault := b.append(&b.linked); fault != nil {
			return fault
		}
		b.fresh = append(b.fresh, telling{place, mark})
	}
	return nil
}

// telling is a link that the batch tells of.
type telling struct{ place, mark uint64 }

// tell keeps what link has added from being added again by later events of the batch.
func (b *Batch) tell() {
	b.links += int64(len(b.fresh))
	for _, f := range b.fresh {
		if f.mark == 0 {
			continue
		}
		if b.told == nil {
			b.told = make(map[uint64]uint64)
		}
		b.told[f.place] = f.mark
	}
}

// remember keeps which links the log has. It runs when the batch is acknowledged and
// not before: a link that is thought to be told and is not would be lost for an hour.
func (b *Batch) remember() {
	for place, mark := range b.told {
		b.w.links.known[place].Store(mark)
	}
}
