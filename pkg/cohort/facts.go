package cohort

import "github.com/cespare/xxhash/v2"

// Fact is one event that some condition asks about.
type Fact struct {
	At     int64  // event time
	ID     uint32 // 24-bit hash of the event id: tells a redelivery from a second event of the same instant
	Offset int64  // place in the log, for evidence; no part of its identity
	Value  int64  // what it adds to a sum, in ten-thousandths; 0 where the pattern is counted
}

// newer orders facts, newest first.
func (a Fact) newer(b Fact) bool {
	return a.At > b.At || a.At == b.At && a.ID > b.ID
}

func (a Fact) same(b Fact) bool { return a.At == b.At && a.ID == b.ID }

// eventHash is 24 bits wide: it only has to part events of one person, pattern and
// millisecond, of which one pair in 17 million would be taken for one event; a byte
// more would stand in the state of everybody.
func eventHash(id string) uint32 { return uint32(xxhash.Sum64String(id)) & hashMask }

const hashMask = 1<<24 - 1

// insert takes f into facts, newest first, at most keep of them. It answers f's
// place, and false where nothing changed: f was there already, or is older than
// all that are kept. A redelivery keeps the earlier offset.
func insert(facts []Fact, f Fact, keep int) (_ []Fact, place int, changed bool) {
	for place < len(facts) && facts[place].newer(f) {
		place++
	}
	if place >= keep {
		return facts, place, false
	}
	if place < len(facts) && facts[place].same(f) {
		facts[place].Offset = min(facts[place].Offset, f.Offset)
		return facts, place, false
	}
	if len(facts) < keep {
		facts = append(facts, Fact{})
	}
	copy(facts[place+1:], facts[place:])
	facts[place] = f
	return facts, place, true
}

// MergeFacts appends to dst the union of a and b, newest first, at most keep of
// them. Both must be newest first without repeats. The union is commutative,
// associative and idempotent.
func MergeFacts(dst, a, b []Fact, keep int) []Fact {
	for n := 0; n < keep && (len(a) > 0 || len(b) > 0); n++ {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].newer(b[0]):
			dst, a = append(dst, a[0]), a[1:]
		case len(a) == 0 || b[0].newer(a[0]):
			dst, b = append(dst, b[0]), b[1:]
		default:
			f := a[0]
			f.Offset = min(f.Offset, b[0].Offset)
			dst, a, b = append(dst, f), a[1:], b[1:]
		}
	}
	return dst
}

// knowledge says what the kept facts can tell about an instant. Facts later than
// it push older ones out, so about the past the answer can be lost.
type knowledge uint8

const (
	none   knowledge = iota // there is no such event
	known                   // there is, and its time is exact
	hidden                  // there may be; its time is at most the one given
)

// ask is one question to the facts: the nth newest event of a pattern.
type ask struct {
	pattern int
	nth     int
	keep    int // how many facts the pattern keeps; at least nth
	name    string
}

// at answers the ask from the facts that are not later than t. Hidden happens
// only for a t earlier than some fact.
func (q ask) at(p *Person, t int64) (int64, knowledge) {
	facts := p.facts[q.pattern]
	later := laterThan(facts, t)
	if i := later + q.nth - 1; i < len(facts) {
		return facts[i].At, known
	}
	switch {
	case later == 0 || len(facts) < q.keep:
		return 0, none
	case later < len(facts):
		return facts[len(facts)-1].At, hidden
	default:
		return t, hidden
	}
}

// evidence appends the newest facts that are not later than t, up to the nth.
func (q ask) evidence(dst []Evidence, p *Person, t int64) []Evidence {
	facts := p.facts[q.pattern]
	later := laterThan(facts, t)
	for i := later; i < len(facts) && i < later+q.nth; i++ {
		dst = append(dst, Evidence{At: facts[i].At, Offset: facts[i].Offset})
	}
	return dst
}

// laterThan counts the facts later than t.
func laterThan(facts []Fact, t int64) int {
	n := 0
	for n < len(facts) && facts[n].At > t {
		n++
	}
	return n
}
