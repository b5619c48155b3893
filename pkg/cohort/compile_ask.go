package cohort

import "slices"

// narrowed names what a pattern keeps: an event, narrowed by a test of its properties, counted or summed.
type narrowed struct {
	event    string
	where    Predicate
	property string
}

func (n narrowed) key() string {
	key := n.event
	if n.where != nil {
		key += "\x00where\x00" + n.where.Text()
	}
	if n.property != "" {
		key += "\x00sum\x00" + n.property
	}
	return key
}

func (n narrowed) String() string {
	if n.where == nil {
		return n.event
	}
	return n.event + " where " + n.where.Text()
}

// ask registers that the cohort under work asks for the nth newest event of a
// pattern. How many are kept is known only at the end: see identify.
func (c *compiler) ask(at string, n narrowed, nth int) ask {
	if _, ok := c.declared[n.event]; !ok {
		c.faults.unknown(at, "event", n.event, c.known)
		return ask{}
	}
	g := &c.program
	key := n.key()
	i, ok := c.patterns[key]
	if !ok {
		i = len(g.patterns)
		c.patterns[key] = i
		g.patterns = append(g.patterns, pattern{key: key, event: n.event, where: n.where, property: n.property, id: patternID(key), keep: nth})
	}
	p := &g.patterns[i]
	p.keep = max(p.keep, nth)
	p.use(c.current, nth)
	k := &g.cohorts[c.current]
	if !slices.Contains(k.patterns, i) {
		k.patterns = append(k.patterns, i)
	}
	return ask{pattern: i, nth: nth, name: n.String()}
}

func (p *pattern) use(cohort, depth int) {
	for i := range p.uses {
		if p.uses[i].cohort == cohort {
			p.uses[i].depth = max(p.uses[i].depth, depth)
			return
		}
	}
	p.uses = append(p.uses, use{cohort: cohort, depth: depth})
}
