package saleswings

import (
	"container/list"
	"crypto/sha256"
	"strings"
)

// identified remembers which email a person was last introduced with, for the
// persons heard of last. It keeps digests: an address has no business in memory for
// longer than its request. Whoever is forgotten is introduced again, which does no harm.
type identified struct {
	most   int
	order  *list.List
	people map[string]*list.Element
}

type introduction struct {
	person string
	email  [8]byte
}

func newIdentified(most int) *identified {
	return &identified{most: most, order: list.New(), people: map[string]*list.Element{}}
}

func shortDigest(email string) (d [8]byte) {
	sum := sha256.Sum256([]byte(email))
	copy(d[:], sum[:])
	return d
}

func (s *identified) has(person, email string) bool {
	e, ok := s.people[person]
	return ok && e.Value.(*introduction).email == shortDigest(email)
}

func (s *identified) put(person, email string) {
	if e, ok := s.people[person]; ok {
		e.Value.(*introduction).email = shortDigest(email)
		s.order.MoveToFront(e)
		return
	}
	person = strings.Clone(person) // the caller's may hold a whole record in memory
	s.people[person] = s.order.PushFront(&introduction{person, shortDigest(email)})
	if s.order.Len() > s.most {
		oldest := s.order.Back()
		delete(s.people, oldest.Value.(*introduction).person)
		s.order.Remove(oldest)
	}
}
