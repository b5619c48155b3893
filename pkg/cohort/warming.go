package cohort

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

// reach is how far back the rule of a cohort looks for a pattern.
type reach struct {
	pattern int
	depth   int
	reach   int64 // ms; Never = all of the past
}

// reaches collects what a condition asks about, and how far back.
func (g *Program) reaches(dst []reach, n condition) []reach {
	add := func(a ask, length int64) {
		if length == 0 {
			length = Never
		}
		dst = append(dst, reach{pattern: a.pattern, depth: a.nth, reach: length})
	}
	switch n := n.(type) {
	case *did:
		add(n.event, n.within)
		for _, b := range n.breakers {
			add(b, n.within)
		}
	case *pause:
		// However long ago the event was: whoever has not had it since is silent still.
		add(n.event, 0)
		for _, b := range n.breakers {
			add(b, 0)
		}
	case *sum:
		add(n.event, n.within)
	case *member:
		o := &g.cohorts[n.cohort]
		dst = g.reaches(g.reaches(dst, o.outside), o.inside)
	case negation:
		dst = g.reaches(dst, n.of)
	case allOf:
		for _, child := range n {
			dst = g.reaches(dst, child)
		}
	case anyOf:
		for _, child := range n {
			dst = g.reaches(dst, child)
		}
	}
	return dst
}
