package cohort

// attribute is the newest that is known of one attribute. It is a register: the later
// event wins, the higher hash where two are of one instant, so that order of arrival,
// repeats and merges do not matter.
type attribute struct {
	at     int64
	id     uint32
	offset int64
	value  Value
	told   bool
}

// set takes in what an event tells. It answers whether anything changed.
func (a *attribute) set(f Fact, v Value) bool {
	if a.told && !f.newer(Fact{At: a.at, ID: a.id}) {
		if f.At == a.at && f.ID == a.id {
			a.offset = min(a.offset, f.Offset)
		}
		return false
	}
	*a = attribute{at: f.At, id: f.ID, offset: f.Offset, value: v, told: true}
	return true
}

// attributes shows a person's attributes as Values.
type attributes struct {
	program *Program
	person  *Person
}

// Value implements Values.
func (a attributes) Value(name string) (Value, bool) {
	i, ok := a.program.attributeOf[name]
	if !ok {
		return Value{}, false
	}
	v := a.person.attributes[i].value
	return v, v.Kind != ValueNone
}

// trait: a predicate on the attributes.
type trait struct {
	program    *Program
	predicate  Predicate
	attributes []int
	memo       int // place of its value in Person.traits
}

func (c *trait) at(p *Person, t int64) (truth, int64) {
	for _, i := range c.attributes {
		// What it was before is not kept.
		if a := &p.attributes[i]; a.told && a.at > t {
			return unknown, Never
		}
	}
	if p.traits[c.memo] == traitUnset {
		p.traits[c.memo] = traitFalse
		if c.predicate.Holds(attributes{c.program, p}) {
			p.traits[c.memo] = traitTrue
		}
	}
	if p.traits[c.memo] == traitTrue {
		return yes, Never
	}
	return no, Never
}

func (c *trait) evidence(dst []Evidence, p *Person, _ int64) []Evidence {
	for _, i := range c.attributes {
		if a := &p.attributes[i]; a.told {
			dst = append(dst, Evidence{At: a.at, Offset: a.offset})
		}
	}
	return dst
}

// Values of predicates are kept until an attribute changes: they cost more than all
// the rest of a decision.
const (
	traitUnset uint8 = iota
	traitFalse
	traitTrue
)
