package cohort

import "maps"

// Forever is the instant until which a cohort warms that cannot come to be known by
// waiting: its rule asks about all of the past. Only a rebuild from the log knows it.
const Forever = int64(253_402_300_799_999) // the last millisecond of the year 9999

// WarmingAfter tells which cohorts cannot be known in full at an instant at which this
// program takes the place of another, and until when: something that they ask about has
// not been kept so far, or not as much of it.
func (g *Program) WarmingAfter(prior *Program, at int64) map[string]int64 {
	var until map[string]int64
	for i := range g.cohorts {
		c := &g.cohorts[i]
		longest := int64(0)
		for _, use := range c.asked {
			if !prior.keeps(&g.patterns[use.pattern], use.depth) {
				longest = max(longest, use.reach)
			}
		}
		if longest == 0 {
			continue
		}
		if until == nil {
			until = make(map[string]int64)
		}
		until[c.key] = min(at+longest, Forever)
		if longest == Never {
			until[c.key] = Forever
		}
	}
	return until
}

// keeps says whether the program keeps as much of a pattern as another one asks for.
func (g *Program) keeps(p *pattern, depth int) bool {
	for i := range g.patterns {
		if q := &g.patterns[i]; q.key == p.key {
			return q.keep >= depth && q.most >= p.most
		}
	}
	return false
}

// WithWarming gives the program together with what is not known in full yet, as
// WarmingAfter tells it: every entry says so until then.
func (g *Program) WithWarming(until map[string]int64) *Program {
	with := *g
	with.cohorts = append([]cohort(nil), g.cohorts...)
	for i := range with.cohorts {
		with.cohorts[i].warming = until[with.cohorts[i].key]
	}
	return &with
}

// Warming lists the cohorts that are not known in full at an instant, and until when.
func (g *Program) Warming(at int64) map[string]int64 {
	until := make(map[string]int64)
	for i := range g.cohorts {
		if t := g.cohorts[i].warms(at); t != 0 {
			until[g.cohorts[i].key] = t
		}
	}
	return until
}

// warms gives the instant until which the cohort is not known in full; 0 = it is.
func (c *cohort) warms(at int64) int64 {
	if c.warming > at {
		return c.warming
	}
	return 0
}

// warmsEntry is warms for one entry: what is missing for ever from a rule that looks back
// without end leaves people out, and puts nobody in, unless the rule asks that it did not happen.
func (c *cohort) warmsEntry(at int64) int64 {
	if c.warming == Forever && !c.doubtful() {
		return 0
	}
	return c.warms(at)
}

func (c *cohort) doubtful() bool {
	for _, r := range c.asked {
		if r.reach == Never && r.against {
			return true
		}
	}
	return false
}

// reach is how far back the rule of a cohort looks for a pattern.
type reach struct {
	pattern int
	depth   int
	reach   int64 // ms; Never = all of the past
	against bool  // the rule asks that it did not happen
}

// bound says that the nth newest event of a pattern is younger than length.
type bound struct {
	length int64
	nth    int
}

// reacher collects what a condition asks about, and how far back.
type reacher struct {
	program *Program
	found   []reach
}

// visit takes a condition in. Within holds, for patterns of which something younger than that is
// asked beside it: nothing before it matters. Against: the condition is asked to be false.
func (r *reacher) visit(n condition, within map[int]bound, against bool) {
	add := func(a ask, length int64, against bool) {
		r.found = append(r.found, reach{pattern: a.pattern, depth: a.nth, reach: length, against: against})
	}
	bounded := func(a ask) int64 {
		if limit, ok := within[a.pattern]; ok && a.nth <= limit.nth {
			return limit.length
		}
		return Never
	}
	switch n := n.(type) {
	case *did:
		length := n.within
		if length == 0 {
			length = bounded(n.event)
		}
		add(n.event, length, against)
		for _, b := range n.breakers {
			add(b, length, !against)
		}
	case *pause:
		// However long ago the event was: whoever has not had it since is silent still.
		length := bounded(n.event)
		add(n.event, length, against)
		for _, b := range n.breakers {
			add(b, length, !against)
		}
	case *sum:
		length := n.within
		if length == 0 {
			length = bounded(n.event)
		}
		add(n.event, length, against)
	case *member:
		o := &r.program.cohorts[n.cohort]
		r.visit(o.outside, nil, against)
		r.visit(o.inside, nil, against)
	case negation:
		r.visit(n.of, nil, !against)
	case allOf:
		if !against {
			within = narrowest(within, n)
		} else {
			within = nil
		}
		for _, child := range n {
			r.visit(child, within, against)
		}
	case anyOf:
		for _, child := range n {
			r.visit(child, nil, against)
		}
	}
}

// narrowest adds what the parts of a conjunction ask to be young: the newest of a pattern
// is no older than the nth newest, so what holds for the one bounds the other.
func narrowest(within map[int]bound, parts allOf) map[int]bound {
	bounds := make(map[int]bound, len(within)+len(parts))
	maps.Copy(bounds, within)
	for _, part := range parts {
		if d, ok := part.(*did); ok && d.within > 0 {
			if limit, known := bounds[d.event.pattern]; !known || d.within < limit.length {
				bounds[d.event.pattern] = bound{length: d.within, nth: d.event.nth}
			}
		}
	}
	return bounds
}
