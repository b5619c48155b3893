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
	logTime = min(max(logTime, -maxTime), maxTime)
	changed := p.addContacts(o.Contacts)
	changed = g.retire(p, logTime, logTime, out) || changed
	if o.Patterns == 0 && !o.Tells {
		return changed
	}
	fact := Fact{At: min(max(o.At, -maxTime), logTime), ID: eventHash(o.ID), Offset: o.Offset}
	var due [cohortWords]uint64
	moved := false
	for set := uint64(o.Patterns); set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		if i >= len(g.patterns) {
			break
		}
		moved = g.count(p, i, fact, o, &due) || moved
	}
	if o.Tells {
		moved = g.tell(p, fact, o, &due) || moved
	}
	if !moved {
		return changed
	}
	p.judged, p.nextKnown = max(p.judged, logTime), false
	for word, set := range due[:g.words] {
		for ; set != 0; set &= set - 1 {
			g.settle(p, g.order[word*64+bits.TrailingZeros64(set)], fact.At, logTime, o, out)
		}
	}
	return true
}

// count takes the fact into a pattern and marks the cohorts that it concerns, by their
// place in the order of deciding.
func (g *Program) count(p *Person, pattern int, f Fact, o *Observation, due *[cohortWords]uint64) bool {
	k := &g.patterns[pattern]
	if k.property != "" {
		if f.Value = amount(o.Properties, k.property); f.Value == 0 {
			return false
		}
	}
	facts, place, ok := insert(p.facts[pattern], f, k.keep)
	if ok && k.property != "" {
		facts = enough(facts, k.most)
		ok = place < len(facts)
	}
	p.facts[pattern] = facts
	if !ok {
		return false
	}
	for _, u := range k.uses {
		if place < u.depth {
			due[u.rank/64] |= 1 << (u.rank % 64)
		}
	}
	return true
}

// tell takes the attributes in that an event tells.
func (g *Program) tell(p *Person, f Fact, o *Observation, due *[cohortWords]uint64) bool {
	moved := false
	for i := range g.attributes {
		v, ok := tells(o.Properties, g.attributes[i].name)
		if !ok || !p.attributes[i].set(f, v) {
			continue
		}
		moved = true
		for _, rank := range g.attributes[i].ranks {
			due[rank/64] |= 1 << (rank % 64)
		}
	}
	if moved {
		clear(p.traits)
	}
	return moved
}

// settle decides one cohort after a fact of instant `at` has come.
func (g *Program) settle(p *Person, index int, at, logTime int64, o *Observation, out *Decisions) {
	c := &g.cohorts[index]
	was := p.standing(index)
	s, t := was, at
	if s.in {
		if t = max(at, s.entered); s.leaving >= t {
			s.leaving = Never // looked at anew
		}
	}
	// Walk from there to log time, through every instant at which something can
	// change, as if the event had come in time.
	reason := ReasonEvent
	var effective int64
	var effectiveReason string
	for {
		n, next := g.move(p, index, s, t)
		if n.in != s.in {
			effective, effectiveReason = t, reason
		}
		s = n
		if t >= logTime {
			break
		}
		byFact := p.nextFact(c, t)
		if next = min(next, byFact); next > logTime {
			break
		}
		reason = ReasonWindowEnded
		if next == byFact {
			reason = ReasonEvent
		}
		t = next
	}
	if s.in == was.in {
		if was.in {
			p.stays[p.stayOf(index)].leaving = s.leaving
		}
		return
	}
	d := g.turn(p, index, s, effective, logTime, out)
	if d.Reason == "" {
		d.Reason = effectiveReason
	}
	d.SourceID, d.SourceAt, d.AcceptedAt = o.ID, at, o.AcceptedAt
}

// Fire judges the deadlines of exactly the instant at, which lies before log time,
// cohort by cohort in the order of deciding. If nothing is due it decides nothing. It
// answers whether the person's state changed.
func (g *Program) Fire(p *Person, at, logTime int64, out *Decisions) bool {
	if at < p.judged || p.judged == unjudged {
		return false
	}
	changed := g.retire(p, at, logTime, out) || p.judged != at
	p.judged, p.nextKnown = at, false
	for _, i := range g.order {
		was := p.standing(i)
		s, _ := g.move(p, i, was, at)
		if s == was {
			continue
		}
		changed = true
		if s.in == was.in {
			p.stays[p.stayOf(i)].leaving = s.leaving
			continue
		}
		d := g.turn(p, i, s, at, logTime, out)
		if d.Reason == "" {
			d.Reason = ReasonWindowEnded
		}
		d.AcceptedAt = logTime
		d.Elapsed = d.ValidUntil != 0 && d.ValidUntil < logTime
	}
	return changed
}

// turn moves the person in or out and appends the transition. Its reason is left
// open unless a stronger cohort is it.
func (g *Program) turn(p *Person, index int, s standing, effective, logTime int64, out *Decisions) *Transition {
	c := &g.cohorts[index]
	p.Version++
	behind, reason := c.decides(!s.in), ""
	if !s.in && c.outranks != nil {
		if v, _ := c.outranks.at(p, effective); v == yes {
			behind, reason = c.outranks, ReasonOutranked
		}
	}
	out.List = append(out.List, Transition{
		Op:          OpExit,
		Person:      p.Key,
		Cohort:      c.key,
		Catalogue:   g.revision,
		EffectiveAt: effective,
		DecidedAt:   logTime,
		Reason:      reason,
		Version:     p.Version,
		Evidence:    out.explain(behind, p, effective),
		Contacts:    p.Contacts,
	})
	d := &out.List[len(out.List)-1]
	if !s.in {
		p.exit(index)
		return d
	}
	p.enter(index, effective)
	p.stays[p.stayOf(index)].leaving = s.leaving
	d.Op = OpEnter
	s.entered = effective
	d.ValidUntil = validUntil(g.leavesAt(p, index, s, max(effective, p.latestFact(c))))
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
	for _, r := range p.retired {
		if _, ok := g.leaves(r); ok {
			next = p.judged // at once
		}
	}
	for i := range g.cohorts {
		is := outside()
		if s < len(p.stays) && p.stays[s].cohort == i {
			is = standing{in: true, entered: p.stays[s].entered, leaving: p.stays[s].leaving}
			s++
		}
		next = min(next, g.changesAt(p, i, is, p.judged))
	}
	p.next, p.nextKnown = next, true
	return next
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
			ValidUntil: validUntil(g.leavesAt(p, s.cohort, standing{in: true, entered: s.entered, leaving: s.leaving}, p.judged)),
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
