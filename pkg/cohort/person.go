package cohort

import (
	"math"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// MaxContacts is how many sealed contacts of a person are kept.
const MaxContacts = 8

// unjudged is the Person.judged of somebody for whom nothing has been decided yet.
const unjudged = int64(math.MinInt64)

// Person is the state of one person. Make one with Program.Decode, from no bytes
// for somebody new; it may be decoded into again and again.
type Person struct {
	Key      string
	Version  int64    // of the last transition; 0 = none yet
	Armed    int64    // instant at which a deadline is armed for the person: the caller's, kept with the state; 0 = none
	Contacts [][]byte // sealed, oldest first; neither the list nor its entries are ever changed in place

	judged     int64       // every change up to this instant has been decided, those exactly at it perhaps not
	facts      [][]Fact    // per pattern, newest first
	attributes []attribute // those that predicates read
	traits     []uint8     // values of the predicates on attributes, traitUnset where not known
	stays      []stay      // by cohort
	retired    []retired   // of cohorts that the catalogue no longer has
	unasked    unasked     // what the catalogue no longer asks about

	account  [accounts]account // what the person's own account states; each is one of Contacts
	into     string            // person key that they have become; empty = they are themselves
	intoAt   int64             // event time of the record that said so
	aliases  []string          // person keys that have become them, oldest first
	erasedAt int64             // what happened up to this instant is not taken in; unjudged = all is
	blocked  bool              // nothing is taken in

	next      int64 // result of NextDeadline, until something is decided or a fact moves
	nextKnown bool
}

// stay is one current membership.
type stay struct {
	cohort  int
	entered int64
	leaving int64 // since when the rule says no, while the stay dwells; Never = it does not
}

type retired struct {
	id      uint16
	entered int64
}

// unasked is what is kept of a person that the catalogue in force does not ask about.
// It stays until they are looked at anew: when somebody is read and written must not matter.
type unasked struct {
	facts      []unaskedFacts
	attributes []unaskedAttribute
}

type unaskedFacts struct {
	id     uint16
	summed bool
	facts  []Fact
}

type unaskedAttribute struct {
	id uint16
	attribute
}

func (u *unasked) any() bool { return len(u.facts)+len(u.attributes) > 0 }

// Observation is one event of a person, as far as the core needs it.
type Observation struct {
	Patterns   Patterns // from Program.Match; may be empty, where only contacts are told
	At         int64    // event time; one later than log time is taken as log time
	Offset     int64    // in the log
	ID         string   // event id
	AcceptedAt int64
	Contacts   [][]byte          // sealed contacts that the event tells, deterministic
	Account    [accounts][]byte  // those of them that are the email and the phone of the person's own account; nil = not told
	Properties *event.Properties // for sums and attributes; may be nil
	Tells      bool              // Properties are attributes of the person
}

// Retired tells how many stays stand that belong to no cohort of the catalogue.
func (p *Person) Retired() int { return len(p.retired) }

// stayOf finds the stay in a cohort. -1 = out.
func (p *Person) stayOf(cohort int) int {
	for i := range p.stays {
		if p.stays[i].cohort == cohort {
			return i
		}
	}
	return -1
}

func (p *Person) enter(cohort int, at int64) {
	i := 0
	for i < len(p.stays) && p.stays[i].cohort < cohort {
		i++
	}
	p.stays = append(p.stays, stay{})
	copy(p.stays[i+1:], p.stays[i:])
	p.stays[i] = stay{cohort: cohort, entered: at, leaving: Never}
}

func (p *Person) exit(cohort int) {
	if i := p.stayOf(cohort); i >= 0 {
		p.stays = append(p.stays[:i], p.stays[i+1:]...)
	}
}

// nextFact gives the time of the earliest thing later than t that is known of what a
// cohort asks about.
func (p *Person) nextFact(c *cohort, t int64) int64 {
	next := Never
	for _, i := range c.attributes {
		if a := &p.attributes[i]; a.told && a.at > t {
			next = min(next, a.at)
		}
	}
	for _, i := range c.patterns {
		if n := laterThan(p.facts[i], t); n > 0 {
			next = min(next, p.facts[i][n-1].At)
		}
	}
	return next
}

// latestFact gives the time of the newest thing that is known of what a cohort asks about.
func (p *Person) latestFact(c *cohort) int64 {
	latest := int64(math.MinInt64)
	for _, i := range c.attributes {
		if a := &p.attributes[i]; a.told {
			latest = max(latest, a.at)
		}
	}
	for _, i := range c.patterns {
		if len(p.facts[i]) > 0 {
			latest = max(latest, p.facts[i][0].At)
		}
	}
	return latest
}
