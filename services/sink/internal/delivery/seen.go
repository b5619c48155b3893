package delivery

import (
	"container/list"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

// Seen remembers per person the newest transition that is done, for the persons
// heard of last. Ids of a partition are ordered as the log is, so everything up to
// that one is a repeat. (The version per person would do as well, but begins anew
// when a person comes back after an erasure.) It is owned by one goroutine at a time.
type Seen struct {
	most   int
	order  *list.List // front = newest
	people map[string]*list.Element
}

type seenPerson struct {
	person string
	last   cohort.ID
}

// NewSeen remembers up to most persons.
func NewSeen(most int) *Seen {
	return &Seen{most: most, order: list.New(), people: map[string]*list.Element{}}
}

// Has says whether id was done for the person, as far as is remembered.
func (s *Seen) Has(person string, id cohort.ID) bool {
	e, ok := s.people[person]
	return ok && !e.Value.(*seenPerson).last.Less(id)
}

// Put remembers that id is done for the person.
func (s *Seen) Put(person string, id cohort.ID) {
	if e, ok := s.people[person]; ok {
		if p := e.Value.(*seenPerson); p.last.Less(id) {
			p.last = id
		}
		s.order.MoveToFront(e)
		return
	}
	person = strings.Clone(person) // the caller's may hold a whole record in memory
	s.people[person] = s.order.PushFront(&seenPerson{person, id})
	if s.order.Len() > s.most {
		oldest := s.order.Back()
		delete(s.people, oldest.Value.(*seenPerson).person)
		s.order.Remove(oldest)
	}
}

// Len is how many persons are remembered.
func (s *Seen) Len() int { return s.order.Len() }
