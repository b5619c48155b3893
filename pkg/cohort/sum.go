package cohort

// sum: the newest events whose values come to least are younger than within. Values
// are positive, so that only the newest events that reach it ever matter: what is
// older than them can be forgotten.
type sum struct {
	event  ask
	least  int64
	most   int64 // largest sum that somebody asks the pattern for: facts behind it are forgotten
	within int64 // 0 = ever

	property string
}

func (c *sum) at(p *Person, t int64) (truth, int64) {
	x, k := c.reached(p, t)
	switch {
	case k == none || c.within > 0 && x <= t-c.within:
		return no, Never
	case k == hidden:
		return unknown, Never
	case c.within == 0:
		return yes, Never
	default:
		return yes, x + c.within
	}
}

// reached gives the time of the event with which the newest ones come to the sum.
func (c *sum) reached(p *Person, t int64) (int64, knowledge) {
	facts := p.facts[c.event.pattern]
	later := laterThan(facts, t)
	total := int64(0)
	for i := later; i < len(facts); i++ {
		if total += facts[i].Value; total >= c.least {
			return facts[i].At, known
		}
	}
	whole := total // of those that are not later than t; a sum over all of them follows
	for i := range later {
		whole += facts[i].Value
	}
	switch {
	case later == 0, len(facts) < c.event.keep && whole < c.most:
		return 0, none
	case later < len(facts):
		return facts[len(facts)-1].At, hidden
	default:
		return t, hidden
	}
}

func (c *sum) evidence(dst []Evidence, p *Person, t int64) []Evidence {
	facts := p.facts[c.event.pattern]
	total := int64(0)
	for i := laterThan(facts, t); i < len(facts) && total < c.least; i++ {
		total += facts[i].Value
		dst = append(dst, Evidence{At: facts[i].At, Offset: facts[i].Offset})
	}
	return dst
}

// enough cuts facts that can never matter to a sum of at most most.
func enough(facts []Fact, most int64) []Fact {
	total := int64(0)
	for i := range facts {
		if total += facts[i].Value; total >= most {
			return facts[:i+1]
		}
	}
	return facts
}
