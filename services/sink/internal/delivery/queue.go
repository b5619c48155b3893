package delivery

import (
	"container/list"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

// Item is one transition on its way to a destination. Its owner is the queue until
// Take, the taker until Release or Finish.
type Item struct {
	Transition cohort.Transition
	Subject    string // opaque name of the person: what is remembered of them stands under it
	Keep       bool   // no newer one takes its place, for it speaks of contacts that no later one names
	Ticket     Ticket
	Value      []byte            // of the record as read: what goes to the dead-letter topic
	Trace      trace.SpanContext // of the record, when it is being traced
	Attempts   int               // made so far
	FirstTry   time.Time
	NotBefore  time.Time

	lane  *lane
	place *list.Element // in Queue.waiting; nil while taken
}

// supersedes says whether an older item of the same person need not be sent any more.
func (it *Item) supersedes(older *Item) bool {
	return it.Transition.Cohort == older.Transition.Cohort && !it.Keep && !older.Keep
}

// lane is the items of one person, oldest first.
type lane struct {
	items []*Item
	busy  bool // its head is taken
}

// Queue keeps the items of one partition; a Subject is a person. A person's items leave it one at a time,
// in order. It is owned by one goroutine.
type Queue struct {
	waiting *list.List // of *Item, in order of arrival
	lanes   map[string]*lane
	seen    *Seen
	taken   int
}

// NewQueue makes an empty queue. seen may be shared by tenures of one partition, one
// after the other, so that what was done is not done again after a rebalance.
func NewQueue(seen *Seen) *Queue {
	return &Queue{waiting: list.New(), lanes: map[string]*lane{}, seen: seen}
}

// Len is how many items are in the queue, taken ones included.
func (q *Queue) Len() int { return q.waiting.Len() + q.taken }

// Add puts an item at the end. It returns false when the transition was seen before,
// and the item whose place it takes: one of the same person and cohort that waits,
// which is thereby finished.
func (q *Queue) Add(it *Item) (added bool, superseded *Item) {
	t := &it.Transition
	l := q.lanes[it.Subject]
	if l != nil && len(l.items) > 0 {
		if last := l.items[len(l.items)-1]; !last.Transition.ID.Less(t.ID) {
			return false, nil
		}
	} else if q.seen.Has(it.Subject, t.ID) {
		return false, nil
	}
	if l == nil {
		l = &lane{}
		q.lanes[it.Subject] = l
	}
	for i, old := range l.items {
		if old.place != nil && it.supersedes(old) {
			q.waiting.Remove(old.place)
			old.place, old.lane = nil, nil
			l.items = append(l.items[:i], l.items[i+1:]...)
			superseded = old
			break // at most one waits: the one before it was superseded by this one
		}
	}
	it.lane = l
	l.items = append(l.items, it)
	it.place = q.waiting.PushBack(it)
	return true, superseded
}

// Take gives up to most items that may be sent at now, each of another person, in
// order of arrival.
func (q *Queue) Take(now time.Time, most int) []*Item {
	var out []*Item
	var next *list.Element
	for e := q.waiting.Front(); e != nil && len(out) < most; e = next {
		next = e.Next()
		it := e.Value.(*Item)
		if it.lane.busy || it.lane.items[0] != it || it.NotBefore.After(now) {
			continue
		}
		it.lane.busy = true
		q.taken++
		q.waiting.Remove(e)
		it.place = nil
		out = append(out, it)
	}
	return out
}

// Next is the earliest instant after now at which Take will give something that it
// does not give at now; false when only an Add or a Release can change that.
func (q *Queue) Next(now time.Time) (at time.Time, ok bool) {
	for e := q.waiting.Front(); e != nil; e = e.Next() {
		it := e.Value.(*Item)
		if it.lane.busy || it.lane.items[0] != it || !it.NotBefore.After(now) {
			continue
		}
		if !ok || it.NotBefore.Before(at) {
			at, ok = it.NotBefore, true
		}
	}
	return at, ok
}

// Release puts a taken item back, to be sent no earlier than notBefore. When a newer
// item of the same cohort came meanwhile, the released one is finished and true is
// returned: it is superseded.
func (q *Queue) Release(it *Item, notBefore time.Time) (superseded bool) {
	l := it.lane
	l.busy = false
	q.taken--
	for _, newer := range l.items[1:] {
		if newer.supersedes(it) {
			l.items = l.items[1:]
			it.lane = nil
			return true
		}
	}
	it.NotBefore = notBefore
	it.place = q.waiting.PushFront(it)
	return false
}

// Finish ends a taken item: the person's next one may go.
func (q *Queue) Finish(it *Item) {
	l := it.lane
	l.busy = false
	q.taken--
	l.items = l.items[1:]
	it.lane = nil
	if len(l.items) == 0 {
		delete(q.lanes, it.Subject)
	}
	q.seen.Put(it.Subject, it.Transition.ID)
}
