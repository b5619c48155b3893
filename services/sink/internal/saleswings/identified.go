package saleswings

import (
	"container/list"
	"crypto/sha256"
	"strings"
)

// identified remembers which email a person was last introduced with, for the
// persons heard of last. It keeps subjects and digests: neither a key nor an address has
// any business in memory for longer than its request. Whoever is forgotten is introduced again, which does no harm.
type identified struct {
	most   int
	order  *list.List
	people map[string]*list.Element
}

type introduction struct {
	subject string
	email   [8]byte
}

func newIdentified(most int) *identified {
	return &identified{most: most, order: list.New(), people: map[string]*list.Element{}}
}

func shortDigest(email string) (d [8]byte) {
	sum := sha256.Sum256([]byte(email))
	copy(d[:], sum[:])
	return d
}

func (s *identified) has(subject, email string) bool {
	e, ok := s.people[subject]
	return ok && e.Value.(*introduction).email == shortDigest(email)
}

func (s *identified) put(subject, email string) {
	if e, ok := s.people[subject]; ok {
		e.Value.(*introduction).email = shortDigest(email)
		s.order.MoveToFront(e)
		return
	}
	subject = strings.Clone(subject) // the caller's may hold a whole record in memory
	s.people[subject] = s.order.PushFront(&introduction{subject, shortDigest(email)})
	if s.order.Len() > s.most {
		oldest := s.order.Back()
		delete(s.people, oldest.Value.(*introduction).subject)
		s.order.Remove(oldest)
	}
}

func (s *identified) forget(subject string) {
	if e, ok := s.people[subject]; ok {
		delete(s.people, subject)
		s.order.Remove(e)
	}
}
