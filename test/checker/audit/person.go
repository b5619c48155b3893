package audit

import (
	"maps"
	"math"
	"slices"
)

// Classes of a transition's reason that an audit tells apart; all others are of events and of time.
const (
	classMerged   = "merged"
	classErased   = "erased"
	classContacts = "contacts_changed"
)

func classOf(reason string) string {
	switch reason {
	case classMerged, classErased, classContacts:
		return reason
	}
	return ""
}

// step is one transition that has to be there.
type step struct {
	enter  bool
	at     int64 // effective_at
	class  string
	near   bool  // at cannot be told exactly from outside
	offset int64 // in the log, of the record at which it is decided
}

// never is later than everything.
const never = int64(math.MaxInt64)

// person is one person key.
type person struct {
	key       string
	partition int
	history   history
	stays     map[string]int64 // since when, by cohort
	near      map[string]bool  // of which since cannot be told exactly
	steps     map[string][]step
	changed   int64 // offset of the last record that changed a stay
	next      int64 // when a stay changes by itself; never

	contacts map[string]bool
	account  [2]statement // email, phone
	into     string
	intoAt   int64
	blocked  bool
	erasedAt int64
	gone     bool // nothing of them is left that has a profile
	returned bool // was gone and is somebody again
	circular bool // aliases in a circle, which this audit does not follow
}

type statement struct {
	contact string
	at      int64
}

func newPerson(key string, partition int) *person {
	return &person{
		key: key, partition: partition, stays: map[string]int64{}, near: map[string]bool{}, steps: map[string][]step{},
		contacts: map[string]bool{}, next: never, erasedAt: math.MinInt64, changed: -1,
	}
}

// forget drops everything but what was told already.
func (p *person) forget() {
	p.history = history{}
	p.stays, p.near, p.contacts = map[string]int64{}, map[string]bool{}, map[string]bool{}
	p.account = [2]statement{}
	p.into, p.intoAt, p.next = "", 0, never
}

// tell puts a transition down.
func (p *person) tell(cohort string, s step) {
	p.steps[cohort] = append(p.steps[cohort], s)
	if p.gone {
		p.returned = true
	}
	p.changed, p.gone = s.offset, false
	if !s.enter {
		delete(p.stays, cohort)
		delete(p.near, cohort)
		return
	}
	p.stays[cohort] = s.at
	if s.near {
		p.near[cohort] = true
	}
}

// leaveAll ends every stay at log time.
func (p *person) leaveAll(class string, offset, logTime int64) {
	for _, cohort := range slices.Sorted(maps.Keys(p.stays)) {
		p.tell(cohort, step{at: logTime, class: class, offset: offset})
	}
}

// stands says whether somebody is in at t who was in, or not, just before.
func stands(r *rule, h *history, in bool, t int64) bool {
	if in {
		return r.stay(h, t)
	}
	return r.enter(h, t) && r.stay(h, t)
}

// walk goes from t to until as if everything that is known had come in time. It says how the person
// stands then, and when that came about.
func walk(r *rule, h *history, in bool, t, until int64) (now bool, at int64) {
	now, at = in, until
	if n := stands(r, h, now, t); n != now {
		now, at = n, t
	}
	for _, x := range h.instants(r, t, until) {
		if n := stands(r, h, now, x); n != now {
			now, at = n, x
		}
	}
	return now, at
}

// turns is the first instant at or after t at which a stay begins or ends if nothing else happens. What has
// happened by t asks for no instants before it.
func turns(r *rule, h *history, in bool, t int64) int64 {
	if stands(r, h, in, t) != in {
		return t
	}
	for _, x := range h.instants(r, t, never-1) {
		if stands(r, h, in, x) != in {
			return x
		}
	}
	return never
}
