package delivery

import (
	"container/list"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

// Seen remembers per person the newest transition that is done, for the persons
// heard of last. Ids of a partition are ordered as the log is, so everything up to
// that one is a repeat. (The version per person would do as well, but begins anew
// when a person comes back after an erasure.) Persons stand in it under their subjects,
// so that their keys are not kept longer than what is done for them. It is owned by one
// goroutine at a time.
type Seen struct {
	most   int
	order  *list.List // front = newest
	people map[string]*list.Element
}

type seenPerson struct {
	subject string
	last    cohort.ID
}

// NewSeen remembers up to most persons.
func NewSeen(most int) *Seen {
	return &Seen{most: most, order: list.New(), people: map[string]*list.Element{}}
}

// Has says whether id was done for the person, as far as is remembered.
func (s *Seen) Has(subject string, id cohort.ID) bool {
	e, ok := s.people[subject]
	return ok && !e.Value.(*seenPerson).last.Less(id)
}

// Put remembers that id is done for the person.
func (s *Seen) Put(subject string, id cohort.ID) {
	if e, ok := s.people[subject]; ok {
		if p := e.Value.(*seenPerson); p.last.Less(id) {
			p.last = id
		}
		s.order.MoveToFront(e)
		return
	}
	subject = strings.Clone(subject) // the caller's may hold a whole record in memory
	s.people[subject] = s.order.PushFront(&seenPerson{subject, id})
	if s.order.Len() > s.most {
		oldest := s.order.Back()
		delete(s.people, oldest.Value.(*seenPerson).subject)
		s.order.Remove(oldest)
	}
}

// Forget drops a person of whom nothing newer than upTo is done.
func (s *Seen) Forget(subject string, upTo cohort.ID) {
	e, ok := s.people[subject]
	if ok && !upTo.Less(e.Value.(*seenPerson).last) {
		delete(s.people, subject)
		s.order.Remove(e)
	}
}

// Len is how many persons are remembered.
func (s *Seen) Len() int { return s.order.Len() }
