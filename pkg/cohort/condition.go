package cohort

import "math"

// Never is the instant that does not come.
const Never = int64(math.MaxInt64)

// maxTime bounds instants, so that none leaves int64 by adding a window: a million years.
const maxTime = int64(1) << 55

// truth is what the facts say about an instant. Unknown happens only about the
// past (see knowledge), never at log time.
type truth uint8

const (
	no truth = iota
	unknown
	yes
)

// condition is a compiled condition. Every kind of condition is one type of its own.
type condition interface {
	// at gives the value at t by the facts that are not later than t, and an instant
	// after t before which the value does not change unless an event comes; Never if
	// it does not change at all.
	at(p *Person, t int64) (truth, int64)
	// evidence appends the events behind the value at t.
	evidence(dst []Evidence, p *Person, t int64) []Evidence
	// explain tells the same to people.
	explain(p *Person, t int64) Explanation
}

type allOf []condition

func (c allOf) at(p *Person, t int64) (truth, int64) {
	value, soonest, latest := yes, Never, t
	for _, child := range c {
		v, next := child.at(p, t)
		if v == no {
			// It turns true no sooner than the last of its false parts does.
			if next == Never {
				return no, Never
			}
			latest = max(latest, next)
		}
		value, soonest = min(value, v), min(soonest, next)
	}
	if value == no {
		return no, latest
	}
	return value, soonest
}

func (c allOf) evidence(dst []Evidence, p *Person, t int64) []Evidence {
	value, _ := c.at(p, t)
	for _, child := range c {
		if value == no {
			if v, _ := child.at(p, t); v != no {
				continue
			}
		}
		dst = child.evidence(dst, p, t)
	}
	return dst
}

type anyOf []condition

func (c anyOf) at(p *Person, t int64) (truth, int64) {
	value, soonest, latest := no, Never, t
	for _, child := range c {
		v, next := child.at(p, t)
		if v == yes {
			// It turns false no sooner than the last of its true parts does.
			if next == Never {
				return yes, Never
			}
			latest = max(latest, next)
		}
		value, soonest = max(value, v), min(soonest, next)
	}
	if value == yes {
		return yes, latest
	}
	return value, soonest
}

func (c anyOf) evidence(dst []Evidence, p *Person, t int64) []Evidence {
	value, _ := c.at(p, t)
	for _, child := range c {
		if value == yes {
			if v, _ := child.at(p, t); v != yes {
				continue
			}
		}
		dst = child.evidence(dst, p, t)
	}
	return dst
}

type negation struct{ of condition }

func (c negation) at(p *Person, t int64) (truth, int64) {
	v, next := c.of.at(p, t)
	return yes - v, next
}

func (c negation) evidence(dst []Evidence, p *Person, t int64) []Evidence {
	return c.of.evidence(dst, p, t)
}
