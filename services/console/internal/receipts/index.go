// Package receipts knows what destinations answered: the newest receipts of each
// person, in memory, within a bound. It fills itself from sink.receipts.v1.
package receipts

import (
	"container/list"
	"strings"
	"sync"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
)

// Receipt is what became of one transition at one destination.
type Receipt struct {
	Destination, TransitionID, Cohort, Op, Outcome, Message string

	Version int64
	Status  int32
	Attempt int32
	At      int64
}

// Index holds the newest receipts of each person. When it is full, those of the people go
// who have had none for the longest time. It is safe for concurrent use.
type Index struct {
	perPerson, most int

	mu       sync.RWMutex
	people   map[string]*list.Element // of *held
	order    *list.List               // of *held, the longest without a receipt in front
	count    int
	dropped  int64             // newest receipt that had to go to make room, ms; 0 = none
	interned map[string]string // the few words that all receipts are made of
}

type held struct {
	person string
	list   []Receipt // oldest first
	more   bool      // older ones went
}

// maxWords bounds the interned texts; further ones are kept with each receipt.
const maxWords = 4096

// NewIndex makes an index of at most so many receipts of a person and in all.
func NewIndex(perPerson, most int) *Index {
	return &Index{
		perPerson: perPerson, most: most,
		people: make(map[string]*list.Element), order: list.New(), interned: make(map[string]string),
	}
}

// Add takes a receipt in. Everything of r is copied.
func (x *Index) Add(r *avrocodec.Receipt) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.people[r.Person]
	if e == nil {
		h := &held{person: strings.Clone(r.Person)}
		e = x.order.PushBack(h)
		x.people[h.person] = e
	} else {
		x.order.MoveToBack(e)
	}
	h := e.Value.(*held)
	if len(h.list) >= x.perPerson {
		h.list, h.more = append(h.list[:0], h.list[1:]...), true
		x.count--
	}
	h.list = append(h.list, Receipt{
		Destination: x.word(r.Destination), TransitionID: strings.Clone(r.TransitionID), Cohort: x.word(r.Cohort), Op: x.word(r.Op),
		Outcome: x.word(r.Outcome), Message: x.word(r.Message), Version: r.Version, Status: r.Status, Attempt: r.Attempt, At: r.At,
	})
	x.count++
	for x.count > x.most {
		x.drop(x.order.Front())
	}
}

func (x *Index) drop(e *list.Element) {
	h := e.Value.(*held)
	x.order.Remove(e)
	delete(x.people, h.person)
	x.count -= len(h.list)
	for _, r := range h.list {
		x.dropped = max(x.dropped, r.At)
	}
}

// word gives the one copy of a text that comes again and again.
func (x *Index) word(s string) string {
	if known, ok := x.interned[s]; ok {
		return known
	}
	own := strings.Clone(s)
	if len(x.interned) < maxWords {
		x.interned[own] = own
	}
	return own
}

// Of gives the receipts of a person, oldest first, and whether older ones had to go. The
// list is the caller's.
func (x *Index) Of(person string) (list []Receipt, more bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	e := x.people[person]
	if e == nil {
		return nil, false
	}
	h := e.Value.(*held)
	return append([]Receipt(nil), h.list...), h.more
}

// Held is how many receipts there are, and the time of the newest that had to go to make
// room for those of others, in ms; 0 = none had to.
func (x *Index) Held() (count int, dropped int64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.count, x.dropped
}
