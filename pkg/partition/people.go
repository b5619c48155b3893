package partition

import "github.com/cohortflow/cohortflow/pkg/cohort"

// resident is a person in memory. A person that was touched stays until the commit
// that holds the touch is answered; a clean one may be evicted and loaded again.
type resident struct {
	person   cohort.Person
	last     cohort.ID // last transition decided in this tenure
	slot     int       // place in people.ring
	slice    int       // of the store; set where catalogues are swept
	dirty    bool      // touched since the last freeze
	frozen   bool      // in the commit under way
	gone     bool      // has become somebody else or was erased: the state topic is to forget them
	profiled int64     // version that the state topic has (or will have with the commit under way)
	used     bool      // second chance for the eviction hand
}

// people holds residents within a bound of count; eviction is a clock sweep in
// insertion order, so it is the same in every run.
type people struct {
	byKey map[string]*resident
	ring  []*resident
	hand  int
	limit int
	spare []*resident
}

func newPeople(limit int) people {
	return people{byKey: make(map[string]*resident), limit: limit}
}

func (p *people) get(key string) *resident {
	r := p.byKey[key]
	if r != nil {
		r.used = true
	}
	return r
}

// add makes room for key, which must not be resident. The key must be the caller's to keep.
func (p *people) add(key string) *resident {
	var r *resident
	if n := len(p.spare); n > 0 {
		r = p.spare[n-1]
		p.spare = p.spare[:n-1]
		*r = resident{person: r.person}
	} else {
		r = new(resident)
	}
	r.slot, r.used = len(p.ring), true
	p.ring = append(p.ring, r)
	p.byKey[key] = r
	return r
}

// shrink evicts clean people until the bound holds or one full round found none
// to evict. It is called between records only.
func (p *people) shrink() {
	for looked := 0; len(p.ring) > p.limit && looked < 2*len(p.ring); looked++ {
		if p.hand >= len(p.ring) {
			p.hand = 0
		}
		r := p.ring[p.hand]
		switch {
		case r.dirty || r.frozen:
			p.hand++
		case r.used:
			r.used = false
			p.hand++
		default:
			last := len(p.ring) - 1
			p.ring[p.hand] = p.ring[last]
			p.ring[p.hand].slot = p.hand
			p.ring[last] = nil
			p.ring = p.ring[:last]
			delete(p.byKey, r.person.Key)
			if len(p.spare) < 1024 {
				p.spare = append(p.spare, r)
			}
		}
	}
}
