package cohort

import "math/bits"

// Apply takes an event in and appends to out what changes by it at log time.
// An event that changes no fact (a redelivery, or older than what is kept) decides
// nothing. It answers whether the person's state changed.
//
// A late event (its time is before log time) changes the facts, and with them the
// membership at log time; only the net change is told, with the instant at which
// it came about by the events' own clock.
func (g *Program) Apply(p *Person, o *Observation, logTime int64, out *Decisions) bool {
	changed := p.addContacts(o.Contacts)
	if o.Patterns == 0 {
		return changed
	}
	logTime = min(max(logTime, -maxTime), maxTime)
	fact := Fact{At: min(max(o.At, -maxTime), logTime), ID: eventHash(o.ID), Offset: o.Offset}
	var due [cohortWords]uint64
	moved := false
	for set := uint64(o.Patterns); set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		if i >= len(g.patterns) {
			break
		}
		facts, place, ok := insert(p.facts[i], fact, g.patterns[i].keep)
		if !ok {
			continue
		}
		p.facts[i] = facts
		moved = true
		for _, u := range g.patterns[i].uses {
			if place < u.depth {
				due[u.cohort/64] |= 1 << (u.cohort % 64)
			}
		}
	}
	if !moved {
		return changed
	}
	p.judged, p.nextKnown = max(p.judged, logTime), false
	for word, set := range due[:g.words] {
		for ; set != 0; set &= set - 1 {
			g.settle(p, word*64+bits.TrailingZeros64(set), fact.At, logTime, o, out)
		}
	}
	return true
}

// settle decides one cohort after a fact of instant `at` has come.
func (g *Program) settle(p *Person, index int, at, logTime int64, o *Observation, out *Decisions) {
	c := &g.cohorts[index]
	was, t := false, at
	if i := p.stayOf(index); i >= 0 {
		was, t = true, max(at, p.stays[i].entered)
	}
	// Walk from there to log time, through every instant at which something can
	// change, as if the event had come in time.
	is, reason := was, ReasonEvent
	var effective int64
	var effectiveReason string
	for {
		value, next := c.decides(is).at(p, t)
		if value != unknown && (value == yes) != is {
			is, effective, effectiveReason = !is, t, reason
			if t < logTime {
				_, next = c.decides(is).at(p, t)
			}
		}
		if t >= logTime {
			break
		}
		byFact := p.nextFact(c.patterns, t)
		if next = min(next, byFact); next > logTime {
			break
		}
		reason = ReasonWindowEnded
		if next == byFact {
			reason = ReasonEvent
		}
		t = next
	}
	if is == was {
		return
	}
	d := g.turn(p, index, is, effective, logTime, out)
	d.Reason = effectiveReason
	d.SourceID, d.SourceAt, d.AcceptedAt = o.ID, at, o.AcceptedAt
}

// Fire judges the deadlines of exactly the instant at, which lies before log time,
// cohort by cohort in catalogue order. If nothing is due it decides nothing. It
// answers whether the person's state changed.
func (g *Program) Fire(p *Person, at, logTime int64, out *Decisions) bool {
	if at < p.judged || p.judged == unjudged {
		return false
	}
	changed := false
	for i := range g.cohorts {
		is := p.stayOf(i) >= 0
		value, _ := g.cohorts[i].decides(is).at(p, at)
		if value == unknown || (value == yes) == is {
			continue
		}
		d := g.turn(p, i, !is, at, logTime, out)
		d.Reason, d.AcceptedAt = ReasonWindowEnded, logTime
		d.Elapsed = d.ValidUntil != 0 && d.ValidUntil < logTime
		changed = true
	}
	if changed {
		p.judged, p.nextKnown = at, false
	}
	return changed
}

// turn moves the person in or out and appends the transition.
func (g *Program) turn(p *Person, index int, in bool, effective, logTime int64, out *Decisions) *Transition {
	c := &g.cohorts[index]
	p.Version++
	out.List = append(out.List, Transition{
		Op:          OpExit,
		Person:      p.Key,
		Cohort:      c.key,
		Catalogue:   g.revision,
		EffectiveAt: effective,
		DecidedAt:   logTime,
		Version:     p.Version,
		Evidence:    out.explain(c.decides(!in), p, effective),
		Contacts:    p.Contacts,
	})
	d := &out.List[len(out.List)-1]
	if !in {
		p.exit(index)
		return d
	}
	p.enter(index, effective)
	d.Op = OpEnter
	d.ValidUntil = validUntil(g.turnsAt(p, index, true, max(effective, p.latestFact(c.patterns))))
	return d
}

// NextDeadline gives the earliest instant at which something about the person
// changes if no further event comes; Never if nothing does. It is the instant
// judged last when a change exactly at it is still open. For somebody without facts it is Never.
func (g *Program) NextDeadline(p *Person) int64 {
	if p.judged == unjudged {
		return Never
	}
	if p.nextKnown {
		return p.next
	}
	next, s := Never, 0
	for i := range g.cohorts {
		is := s < len(p.stays) && p.stays[s].cohort == i
		if is {
			s++
		}
		next = min(next, g.turnsAt(p, i, is, p.judged))
	}
	p.next, p.nextKnown = next, true
	return next
}

// turnsAt gives the first instant at or after t at which the cohort's membership
// is no longer what it is, if no further event comes. Every leaf changes at most
// once by itself, so the walk is short.
func (g *Program) turnsAt(p *Person, index int, is bool, t int64) int64 {
	c := g.cohorts[index].decides(is)
	for t != Never {
		value, next := c.at(p, t)
		if value != unknown && (value == yes) != is {
			return t
		}
		t = next
	}
	return Never
}

// Profile lists the current stays in catalogue order.
func (g *Program) Profile(p *Person) []Membership {
	return g.AppendProfile(nil, p)
}

// AppendProfile is Profile into memory of the caller.
func (g *Program) AppendProfile(dst []Membership, p *Person) []Membership {
	for _, s := range p.stays {
		dst = append(dst, Membership{
			Cohort:     g.cohorts[s.cohort].key,
			EnteredAt:  s.entered,
			ValidUntil: validUntil(g.turnsAt(p, s.cohort, true, p.judged)),
		})
	}
	return dst
}

func validUntil(t int64) int64 {
	if t == Never {
		return 0
	}
	return t
}
