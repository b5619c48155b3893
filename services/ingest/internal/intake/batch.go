package intake

import (
	"fmt"
	"sync"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
	"github.com/cohortflow/cohortflow/services/ingest/internal/taxonomy"
)

// Origin says how a request came, for what of it goes to quarantine.
type Origin struct {
	Method      string
	Path        string // without the query
	ContentType string
	Headers     map[string]string // an allow list, no credentials
}

// Refused is an item of a request that is no event.
type Refused struct {
	Index int // in its batch; 0 for a request of one item
	*normalise.Fault
}

// Batch is what one request becomes. It belongs to one goroutine.
type Batch struct {
	w      *Writer
	scope  *normalise.Scope
	origin *Origin

	events, kept []kafkaio.OutRecord
	refused      []Refused // what the sender is told of
	arena        []byte    // keys and values of all records
	scratch      event.Event

	weaker []normalise.Link // of the event at hand
	linked event.Event      // scratch memory of their records
	fresh  []telling        // links that the event at hand adds
	told   map[uint64]uint64

	counts
	byReason []reasonCount
	broken   []taxonomy.Violation
}

type reasonCount struct {
	reason string
	n      int64
}

//nolint:gochecknoglobals // a pool of scratch memory, no state
var batches sync.Pool

// NewBatch begins a request. Release it when it is answered.
func (w *Writer) NewBatch(scope *normalise.Scope, origin *Origin) *Batch {
	b, _ := batches.Get().(*Batch)
	if b == nil {
		b = &Batch{}
	}
	b.w, b.scope, b.origin = w, scope, origin
	return b
}

// Release gives the batch's memory back.
func (b *Batch) Release() {
	b.Reset()
	normalise.Begin(&b.scratch)
	normalise.Begin(&b.linked)
	if cap(b.arena) > 1<<20 {
		b.arena = nil
	}
	b.w, b.scope, b.origin = nil, nil, nil
	batches.Put(b)
}

// Reset forgets everything that was taken.
func (b *Batch) Reset() {
	clear(b.events)
	clear(b.kept)
	clear(b.refused)
	clear(b.told)
	clear(b.weaker)
	b.events, b.kept, b.refused, b.byReason, b.broken = b.events[:0], b.kept[:0], b.refused[:0], b.byReason[:0], b.broken[:0]
	b.counts = counts{}
	b.arena = b.arena[:0]
}

// Refused lists the items whose sender is to be told, in order.
func (b *Batch) Refused() []Refused { return b.refused }

// Events is how many events are in the batch, the records of links not counted.
func (b *Batch) Events() int { return len(b.events) - int(b.links) }

// Kept is how many records go to quarantine.
func (b *Batch) Kept() int { return len(b.kept) }

// Item takes one message that becomes one event: parse fills e from raw. A message
// that becomes none goes to quarantine.
func (b *Batch) Item(index int, raw []byte, parse func(e *event.Event) *normalise.Fault) {
	b.Items(index, raw, func(e *event.Event, emit func() *normalise.Fault) *normalise.Fault {
		if fault := parse(e); fault != nil {
			return fault
		}
		return emit()
	})
}

// Items takes one message that becomes several events: parse fills e and calls emit
// for each. When parse fails in the middle, what was emitted stays: it has its ids,
// and the message comes again from quarantine.
func (b *Batch) Items(index int, raw []byte, parse func(e *event.Event, emit func() *normalise.Fault) *normalise.Fault) {
	fault := b.guarded(raw, parse)
	if fault == nil {
		return
	}
	b.Keep(raw, fault)
	if !fault.Benign {
		b.refused = append(b.refused, Refused{Index: index, Fault: fault})
	}
}

// guarded: a defect of ours that one odd message brings out must not cost the others,
// nor stop a webhook that repeats it for a week.
func (b *Batch) guarded(raw []byte, parse func(e *event.Event, emit func() *normalise.Fault) *normalise.Fault) (fault *normalise.Fault) {
	defer func() {
		if r := recover(); r != nil {
			fault = &normalise.Fault{Reason: normalise.ReasonInternal, Message: fmt.Sprintf("a defect in reading it: %T", r), Benign: true}
		}
	}()
	e, ordinal := &b.scratch, 0
	normalise.Begin(e)
	return parse(e, func() *normalise.Fault {
		if fault := b.scope.Finish(e, raw, ordinal); fault != nil {
			return fault
		}
		ordinal++
		return b.take(e, raw)
	})
}

// Only takes one message that becomes one event or nothing: what is wrong goes to
// nobody but the caller. It gives the id of the event.
func (b *Batch) Only(raw []byte, parse func(e *event.Event) *normalise.Fault) (id string, fault *normalise.Fault) {
	fault = b.guarded(raw, func(e *event.Event, emit func() *normalise.Fault) *normalise.Fault {
		if fault := parse(e); fault != nil {
			return fault
		}
		fault := emit()
		id = e.ID
		return fault
	})
	return id, fault
}

// add takes a finished event together with its links, or nothing of it.
func (b *Batch) add(e *event.Event) *normalise.Fault {
	size, n := len(b.arena), len(b.events)
	fault := b.append(e)
	if fault == nil {
		fault = b.link(e)
	}
	if fault != nil {
		clear(b.events[n:])
		b.arena, b.events = b.arena[:size], b.events[:n]
		return fault
	}
	b.tell()
	b.count(e, b.scope.Ahead)
	return nil
}

// append takes one record.
func (b *Batch) append(e *event.Event) *normalise.Fault {
	start := len(b.arena)
	b.arena = append(b.arena, e.Person...)
	middle := len(b.arena)
	b.arena = avrocodec.AppendEvent(b.arena, b.w.cfg.EventsID, e)
	end := len(b.arena)
	if end-middle > b.w.cfg.MaxRecord {
		return normalise.Unfit(normalise.ReasonTooLarge, "", fmt.Sprintf("the event takes %d bytes, at most %d are taken", end-middle, b.w.cfg.MaxRecord))
	}
	if end > b.w.cfg.MaxRequest {
		// One object with thousands of relations says its attributes once and would be
		// written with each of them.
		return normalise.Unfit(normalise.ReasonTooLarge, "", fmt.Sprintf("the events of the request take more than %d bytes: send fewer together", b.w.cfg.MaxRequest))
	}
	r := kafkaio.OutRecord{
		Partition: kafkaio.PartitionFor(e.Person, b.w.cfg.Partitions),
		Timestamp: e.AcceptedAt,
		// Growing the arena moves it; what was cut from the old one stays as it is.
		Key:   b.arena[start:middle:middle],
		Value: b.arena[middle:end:end],
	}
	if e.Replay {
		r.Headers = []kafkaio.Header{{Key: "x-replay", Value: []byte("1")}}
	}
	b.events = append(b.events, r)
	return nil
}
